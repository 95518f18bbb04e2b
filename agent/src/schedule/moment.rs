//! Time as the timetable sees it: what the wall clock shows, and seconds that nobody can set.

use crate::store::Clock;

/// One instant, as two clocks show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970, as the wall clock shows. It may be set, either way, by years.
    pub wall: i64,
    /// Seconds since some moment in the past. They go on while the computer sleeps, and nobody sets them.
    pub up: i64,
}

impl Moment {
    /// Now.
    pub(crate) fn of(wall: &Clock) -> Self {
        Self { wall: wall.now(), up: up_s() }
    }

    /// When the wall clock will show the time at which the other one stands at `up`, if nobody sets it.
    pub(crate) fn wall_at(self, up: i64) -> i64 {
        self.wall.saturating_add(up.saturating_sub(self.up))
    }

    /// The reverse of [`Moment::wall_at`].
    pub(crate) fn up_at(self, wall: i64) -> i64 {
        self.up.saturating_add(wall.saturating_sub(self.wall))
    }
}

#[cfg(target_os = "linux")]
fn up_s() -> i64 {
    rustix::time::clock_gettime(rustix::time::ClockId::Boottime).tv_sec
}

/// Elsewhere in Unix the monotonic clock is the best there is; on macOS it goes on in sleep.
#[cfg(all(unix, not(target_os = "linux")))]
fn up_s() -> i64 {
    rustix::time::clock_gettime(rustix::time::ClockId::Monotonic).tv_sec
}

#[cfg(not(unix))]
fn up_s() -> i64 {
    use std::{sync::OnceLock, time::Instant};
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    i64::try_from(BEGIN.get_or_init(Instant::now).elapsed().as_secs()).unwrap_or(i64::MAX)
}
