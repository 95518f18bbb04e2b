//! The relay's clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in Unix seconds; 0 while the clock stands before 1970.
#[must_use]
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
