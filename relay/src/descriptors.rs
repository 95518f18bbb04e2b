//! Open files: each connection is one. Systems start programs with a limit that fits programs without connections,
//! and let them raise it.

use tracing::{info, warn};

/// What the store, the log and the listeners have open at most.
const OWN: u64 = 64;

/// Raises the limit of open files to the most that the system allows, and says in the log how many connections fit.
/// `connections_max` are to.
pub(crate) fn raise(connections_max: usize) {
    let Some(files) = raised() else { return };
    if files < connections_max as u64 + OWN {
        let connections = files.saturating_sub(OWN);
        warn!(
            files,
            connections,
            "the system lets this process open fewer files than there may be connections; raise LimitNOFILE, or the \
             hard limit of ulimit -n"
        );
    } else {
        info!(files, "so many files, and connections among them, may be open");
    }
}

/// The limit as it is then; none where there is no limit, or none that is known.
#[cfg(unix)]
fn raised() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let before = getrlimit(Resource::Nofile);
    // Some systems name no hard limit and refuse to set none: what there is stays then.
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => before.maximum,
        Err(err) => {
            warn!(error = %err, "the limit of open files cannot be raised");
            before.current
        }
    }
}

#[cfg(not(unix))]
fn raised() -> Option<u64> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::process::{Resource, getrlimit};

    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let hard = getrlimit(Resource::Nofile).maximum;
        assert_eq!(raised(), hard);
        assert_eq!(getrlimit(Resource::Nofile).current, hard);
    }
}
