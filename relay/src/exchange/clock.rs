//! The wall clock, as a trait: a test sets it, an operator's machine may step it.

use std::fmt;

/// Tells the time of day. Whatever must not jump is measured by Tokio's instants instead.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Unix seconds; 0 while the clock stands before 1970.
    fn now_s(&self) -> u64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_s(&self) -> u64 {
        crate::clock::now_s()
    }
}
