//! What was learned of a proxy (or of the straight way), kept while the agent lives: it saves round trips, and nothing
//! depends on it.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use super::digest::Session;

/// A line that was quiet for less when it was cut was not cut for being quiet.
const QUIET_LEAST: Duration = Duration::from_secs(4);
/// The shortest hold that is asked for, in seconds.
const HOLD_LEAST_S: u16 = 3;
/// Two cuts after about the same silence are a rule of somebody on the way: within a fifth, or this.
const SAME_WITHIN: Duration = Duration::from_secs(2);
/// After so many holds that came to their end a longer one is tried again: the rule may be gone, or the link another.
const HOLDS_BEFORE_TRYING: u32 = 60;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    session: Mutex<Option<Session>>,
    tunnel_refused: AtomicBool,
    forward_refused: AtomicBool,
    quiet: Mutex<Quiet>,
}

/// How long somebody on the way leaves a quiet line alone.
#[derive(Clone, Copy, Debug, Default)]
struct Quiet {
    /// After what silence it was cut the last time.
    cut_after: Option<Duration>,
    /// What holds are kept to.
    hold_s: Option<u16>,
    /// Holds that came to their end since.
    held: u32,
}

impl Memory {
    pub(super) fn session(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether requests without TLS go out in absolute form.
    pub(super) fn forwards(&self, held: bool) -> bool {
        let (tunnel, forward) =
            (self.tunnel_refused.load(Relaxed), self.forward_refused.load(Relaxed));
        tunnel || (!held && !forward)
    }

    /// The proxy tunnels not to this relay; whether it may take requests in absolute form.
    pub(super) fn no_tunnels(&self) -> bool {
        self.tunnel_refused.store(true, Relaxed);
        !self.forward_refused.load(Relaxed)
    }

    /// The proxy takes no requests in absolute form; whether it may tunnel. Where it does neither, the next visit begins anew.
    pub(super) fn no_forwarding(&self) -> bool {
        let may_tunnel = !self.tunnel_refused.swap(false, Relaxed);
        self.forward_refused.store(may_tunnel, Relaxed);
        may_tunnel
    }

    /// Seconds that a hold lasts at most for the line not to be cut; `None` where nobody cuts it.
    pub(crate) fn hold_max_s(&self) -> Option<u16> {
        self.quiet().hold_s
    }

    /// A line was cut while the relay held it, `quiet` after its last byte.
    pub(crate) fn hold_was_cut(&self, quiet: Duration) {
        let mut known = self.quiet();
        if quiet < QUIET_LEAST {
            return;
        }
        let before = known.cut_after.replace(quiet);
        let is_same = |before: Duration| before.abs_diff(quiet) <= SAME_WITHIN.max(quiet / 5);
        if before.is_some_and(is_same) || known.hold_s.is_some() {
            let most = u16::try_from(quiet.as_secs() * 4 / 5).unwrap_or(u16::MAX);
            (known.hold_s, known.held) = (Some(most.max(HOLD_LEAST_S)), 0);
        }
    }

    /// A hold came to its end.
    pub(crate) fn hold_ended_well(&self) {
        let mut known = self.quiet();
        known.held += 1;
        if known.hold_s.is_some() && HOLDS_BEFORE_TRYING <= known.held {
            // What was learned last is kept: one further cut is enough to be sure again.
            (known.hold_s, known.held) = (None, 0);
        }
    }

    fn quiet(&self) -> MutexGuard<'_, Quiet> {
        self.quiet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(memory: &Memory, after_ms: u64) -> Option<u16> {
        memory.hold_was_cut(Duration::from_millis(after_ms));
        memory.hold_max_s()
    }

    #[test]
    fn two_cuts_after_the_same_silence_shorten_holds_and_others_do_not() {
        let memory = Memory::default();
        assert_eq!(cut(&memory, 10_050), None, "one cut is an accident");
        assert_eq!(cut(&memory, 120_000), None);
        assert_eq!(cut(&memory, 1_000), None, "it was not quiet");
        assert_eq!(cut(&memory, 10_050), None);
        assert_eq!(cut(&memory, 10_010), Some(8));
        assert_eq!(cut(&memory, 6_000), Some(4), "stricter than thought");
    }

    #[test]
    fn a_longer_hold_is_tried_again_after_many_and_one_cut_ends_that() {
        let memory = Memory::default();
        cut(&memory, 10_000);
        assert_eq!(cut(&memory, 10_000), Some(8));
        for _ in 1..HOLDS_BEFORE_TRYING {
            memory.hold_ended_well();
        }
        assert_eq!(memory.hold_max_s(), Some(8));
        memory.hold_ended_well();
        assert_eq!(memory.hold_max_s(), None);
        assert_eq!(cut(&memory, 10_000), Some(8));
    }

    #[test]
    fn a_proxy_that_refuses_one_form_gets_the_other_and_one_that_refuses_both_is_asked_anew() {
        let memory = Memory::default();
        assert!(memory.forwards(false) && !memory.forwards(true));
        assert!(memory.no_forwarding() && !memory.forwards(false));
        assert!(!memory.no_tunnels(), "nothing is left to try");
        assert!(!memory.no_forwarding());
        assert!(memory.forwards(false) && !memory.forwards(true));
        assert!(memory.no_tunnels() && memory.forwards(true));
    }
}
