//! Where the files of the programs lie: under one folder, or in the directories of the XDG standard.
//!
//! The environment comes in as a value, so nothing here depends on the process it runs in. The control
//! socket lies beside the store, so whoever finds the store finds its agent, also from a cron job.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::relay;

/// The longest path of a control socket, in bytes: macOS takes 103, Linux 107.
pub const SOCKET_PATH_LEN_MAX: usize = 100;

/// The variables of the environment, as a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// The environment of this process, without what is not UTF-8.
    pub fn of_process() -> Self {
        let pairs = std::env::vars_os();
        Self(
            pairs
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
        )
    }

    /// The value of a variable; an empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All variables by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Of these, what says which proxy to use: enough for a long-lived copy.
    #[must_use]
    pub fn proxies(&self) -> Self {
        let is_one =
            |name: &str| name == "REQUEST_METHOD" || name.to_lowercase().ends_with("_proxy");
        Self(self.iter().filter(|(name, _)| is_one(name)).map(owned).collect())
    }

    /// An absolute path in a variable; the XDG standard says to ignore others.
    fn dir(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    fn user_dir(&self, xdg: &str, windows: &str, below_home: &str) -> Option<PathBuf> {
        if cfg!(windows) {
            return self.dir(windows);
        }
        self.dir(xdg).or_else(|| Some(self.dir("HOME")?.join(below_home)))
    }

    fn config_dir(&self) -> Result<PathBuf, PathsError> {
        self.user_dir("XDG_CONFIG_HOME", "APPDATA", ".config").ok_or(PathsError::NoHome)
    }

    fn data_dir(&self) -> Result<PathBuf, PathsError> {
        self.user_dir("XDG_DATA_HOME", "LOCALAPPDATA", ".local/share").ok_or(PathsError::NoHome)
    }

    /// For short-lived files with short names: the user's runtime directory, or the temporary one.
    fn runtime_dir(&self) -> PathBuf {
        let named = ["XDG_RUNTIME_DIR", "TMPDIR", "TEMP"].iter().find_map(|name| self.dir(name));
        named.unwrap_or_else(|| PathBuf::from("/tmp"))
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Why there is no place for the files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PathsError {
    /// Neither a folder was named nor does the environment say where the user's home is.
    #[error("no home directory is known; set HOME, or name a folder with --home DIR")]
    NoHome,
    /// A relative folder, and the current directory is gone.
    #[error("the folder {} could not be made absolute", dir.display())]
    Relative {
        /// The folder, as it was named.
        dir: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Where the files of one agent lie. All paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentPaths {
    /// Settings; may be absent.
    pub config: PathBuf,
    /// Who the user is at which relay ([`crate::Account`]).
    pub account: PathBuf,
    /// The local store.
    pub store: PathBuf,
    /// The control socket; at most [`SOCKET_PATH_LEN_MAX`] bytes where the runtime directory allows it.
    pub socket: PathBuf,
    /// The socket of the window, for a second start of it; as long as the other at most.
    pub window: PathBuf,
}

impl AgentPaths {
    /// `home` is `--home`; `MAILBOAT_HOME` stands in for it, and the user's XDG directories for both.
    ///
    /// # Errors
    /// When none of them is known.
    pub fn new(home: Option<&Path>, env: &Env) -> Result<Self, PathsError> {
        let home = home.or_else(|| env.get("MAILBOAT_HOME").map(Path::new));
        let (config, data) = match home {
            Some(dir) => {
                let absolute = |source| PathsError::Relative { dir: dir.to_owned(), source };
                let dir = std::path::absolute(dir).map_err(absolute)?;
                (dir.clone(), dir)
            }
            None => (env.config_dir()?.join("mailboat"), env.data_dir()?.join("mailboat")),
        };
        Ok(Self {
            config: config.join("agent.toml"),
            account: data.join("account.toml"),
            store: data.join("store.db"),
            socket: short_enough(data.join("agent.sock"), env),
            window: short_enough(data.join("window.sock"), env),
        })
    }

    /// The one folder where everything lies; `None` where it lies in the directories of the XDG standard.
    pub fn home(&self) -> Option<&Path> {
        let home = self.store.parent()?;
        (self.config.parent() == Some(home)).then_some(home)
    }

    /// The directories that have to exist before anything is written, each once.
    pub fn directories(&self) -> Vec<&Path> {
        let mut dirs: Vec<&Path> =
            [&self.config, &self.store].into_iter().filter_map(|file| file.parent()).collect();
        dirs.dedup();
        dirs
    }
}

/// A socket's path has little room; a longer one is replaced by a name in the runtime directory that
/// follows from the long one, so that agent and clients find the same.
fn short_enough(socket: PathBuf, env: &Env) -> PathBuf {
    let bytes = socket.as_os_str().as_encoded_bytes();
    if bytes.len() <= SOCKET_PATH_LEN_MAX {
        return socket;
    }
    env.runtime_dir().join(format!("mailboat-{:016x}.sock", fnv1a(bytes)))
}

/// FNV-1a, 64 bits: stable across builds and machines, which `std`'s hashers do not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Where the files of one relay lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayPaths;

impl RelayPaths {
    /// The usual settings file: the system's if it is there, else the user's.
    pub fn config(env: &Env) -> PathBuf {
        let system = PathBuf::from("/etc/mailboat/relay.toml");
        match env.config_dir() {
            Ok(user) if !system.exists() => user.join("mailboat").join("relay.toml"),
            _ => system,
        }
    }

    /// The directory of the store: as set, else systemd's `STATE_DIRECTORY`, else
    /// `/var/lib/mailboat` where it exists, else the user's data directory.
    ///
    /// # Errors
    /// When none of them is known.
    pub fn data(settings: &relay::Settings, env: &Env) -> Result<PathBuf, PathsError> {
        if !settings.data.as_os_str().is_empty() {
            return Ok(settings.data.clone());
        }
        if let Some(state) = env.dir("STATE_DIRECTORY") {
            return Ok(state);
        }
        let system = Path::new("/var/lib/mailboat");
        if system.is_dir() {
            return Ok(system.to_owned());
        }
        Ok(env.data_dir()?.join("mailboat-relay"))
    }
}

#[cfg(test)]
mod tests;
