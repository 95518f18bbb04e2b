//! One process writes a store: it holds `store.lock` as long as it lives. The kernel lets go when the process dies.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::StoreError;

/// How often to look whether the other process is done.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) struct StoreLock(#[expect(dead_code, reason = "held, not used")] File);

impl StoreLock {
    /// Takes the lock beside the store at `path`; waits at most `patience` for another process.
    pub(crate) fn take(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        let lock = path.with_extension("lock");
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&lock);
        let file = opened.map_err(|source| StoreError::Open { path: lock.clone(), source })?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) if began.elapsed() < patience => {
                    thread::sleep(LOOK_AGAIN);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::InUse { path: path.to_owned() });
                }
                Err(TryLockError::Error(source)) => {
                    return Err(StoreError::Open { path: lock, source });
                }
            }
        }
    }
}
