//! The log, as far as settings that are read again can change it.

use std::{fmt, sync::Arc};

type Set = dyn Fn(&str) + Send + Sync;

/// Tells the log what it is to say from now on.
#[derive(Clone, Default)]
pub struct Log(Option<Arc<Set>>);

impl Log {
    /// A log that `set` changes; it is given what stands in the settings under `log`.
    #[must_use]
    pub fn new(set: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(set)))
    }

    /// Says this much from now on; nothing happens where the log is somebody else's.
    pub(super) fn set(&self, filter: &str) {
        if let Some(set) = &self.0 {
            set(filter);
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Log" } else { "Log(somebody else's)" })
    }
}
