//! Time as the timetable sees it: what the wall clock shows, and seconds that nobody can set.

use std::{fmt, sync::Arc};

use jiff::tz::TimeZone;

use crate::store::Clock;

/// Both clocks and the local zone: values, so that tests set them.
#[derive(Clone)]
pub struct Clocks {
    /// What the wall shows.
    pub wall: Clock,
    /// Seconds that go on in sleep, and that nobody sets.
    pub up: Clock,
    zone: Arc<dyn Fn() -> TimeZone + Send + Sync>,
}

impl Clocks {
    /// The computer's.
    #[must_use]
    pub fn system() -> Self {
        Self { wall: Clock::system(), up: Clock::reading(up_s), zone: Arc::new(TimeZone::system) }
    }

    /// These clocks, in one zone.
    #[must_use]
    pub fn of(wall: Clock, up: Clock, zone: TimeZone) -> Self {
        Self { wall, up, zone: Arc::new(move || zone.clone()) }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment { wall: self.wall.now(), up: self.up.now() }
    }

    /// The zone that holds now: somebody may have travelled.
    #[must_use]
    pub fn zone(&self) -> TimeZone {
        (self.zone)()
    }
}

impl fmt::Debug for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clocks({:?})", self.now())
    }
}

/// One instant, as two clocks show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970, as the wall clock shows. It may be set, either way, by years.
    pub wall: i64,
    /// Seconds since some moment in the past. They go on while the computer sleeps, and nobody sets them.
    pub up: i64,
}

impl Moment {
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
