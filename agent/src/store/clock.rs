//! The time, as the store sees it: a value, so that tests set it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// When the protocol was made: no right clock shows less.
pub(crate) const NOT_BEFORE: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z

/// Seconds since 1970. Nothing rests on its being right.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// The computer's.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(|| match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |s| -s),
        }))
    }

    /// One that shows what `read` says.
    pub(crate) fn reading(read: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// One that shows what it is told; the second value sets it.
    #[must_use]
    pub fn by_hand(now: i64) -> (Self, Arc<AtomicI64>) {
        let hand = Arc::new(AtomicI64::new(now));
        let shown = hand.clone();
        (Self(Arc::new(move || shown.load(SeqCst))), hand)
    }

    /// Now, in seconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// Seconds from `then` to `now`, where a clock that was set in between shows: then it is 0 rather than years.
pub(crate) fn age_s(then: i64, now: i64) -> u32 {
    if now < then || (then < NOT_BEFORE && NOT_BEFORE <= now) {
        return 0;
    }
    u32::try_from(now - then).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_never_made_of_a_clock_that_was_set() {
        assert_eq!(age_s(NOT_BEFORE + 10, NOT_BEFORE + 15), 5);
        assert_eq!(age_s(NOT_BEFORE + 10, NOT_BEFORE + 5), 0, "set back");
        assert_eq!(age_s(100, NOT_BEFORE + 5), 0, "a computer that starts in 1970");
        assert_eq!(age_s(100, 160), 60, "still in 1970");
    }
}
