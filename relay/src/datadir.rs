//! The directory of the store: made for the relay's user alone, and served by one relay at a time.
//!
//! Commands that work beside a running relay open the store without the lock.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::store::sqlite;

const LOCK_FILE: &str = "relay.lock";

/// Why a directory is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// It cannot be made.
    #[error("cannot make the directory {}", dir.display())]
    Make {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file in it cannot be made or opened.
    #[error("cannot open {}", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another relay serves it.
    #[error("another relay serves the store in {}; stop it first, or name another --data", dir.display())]
    Served {
        /// The directory.
        dir: PathBuf,
    },
}

/// The store's file.
#[must_use]
pub fn store_file(dir: &Path) -> PathBuf {
    dir.join(sqlite::FILE_NAME)
}

/// Makes the directory (0700) and an empty file for the store (0600), where there are none.
///
/// # Errors
/// When the system refuses.
pub fn prepare(dir: &Path) -> Result<(), DataDirError> {
    let made = config::private::make_dir(dir);
    made.map_err(|source| DataDirError::Make { dir: dir.to_owned(), source })?;
    open(store_file(dir)).map(drop)
}

/// The right to serve the store of a directory, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "closing it gives the lock back")] File);

impl Lock {
    /// Takes the right, if nobody has it.
    ///
    /// # Errors
    /// When another relay has it, or the system refuses.
    pub fn take(dir: &Path) -> Result<Self, DataDirError> {
        let file = dir.join(LOCK_FILE);
        let lock = open(file.clone())?;
        match lock.try_lock() {
            Ok(()) => Ok(Self(lock)),
            Err(TryLockError::WouldBlock) => Err(DataDirError::Served { dir: dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(DataDirError::Open { file, source }),
        }
    }
}

fn open(file: PathBuf) -> Result<File, DataDirError> {
    let mut options = config::private::options();
    options.write(true).create(true).truncate(false);
    options.open(&file).map_err(|source| DataDirError::Open { file, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn directory_and_store_are_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a").join("b");
        prepare(&dir).unwrap();
        prepare(&dir).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&store_file(&dir))), (0o700, 0o600));
    }

    #[test]
    fn one_relay_serves_a_directory_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path()).unwrap();
        let err = Lock::take(dir.path()).unwrap_err();
        assert!(matches!(err, DataDirError::Served { .. }), "{err}");
        drop(first);
        Lock::take(dir.path()).unwrap();
    }
}
