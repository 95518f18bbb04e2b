//! Time as the timetable sees it: what the wall clock shows, and seconds that nobody can set.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

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
    together: Arc<Mutex<Option<Together>>>,
}

/// How far the clocks were apart, and where the one that nobody sets stood.
#[derive(Clone, Copy, Debug)]
struct Together {
    apart: i64,
    up: i64,
}

impl Clocks {
    /// The computer's.
    #[must_use]
    pub fn system() -> Self {
        let zone = Arc::new(TimeZone::system);
        let (wall, up) = (Clock::system(), Clock::reading(up_s));
        Self { wall, up, zone, together: Arc::default() }
    }

    /// These clocks, in one zone.
    #[must_use]
    pub fn of(wall: Clock, up: Clock, zone: TimeZone) -> Self {
        Self { wall, up, zone: Arc::new(move || zone.clone()), together: Arc::default() }
    }

    /// Now. The seconds of the two clocks do not begin together: in a part of each second they are one further apart than
    /// in the rest. So that what is reckoned from one to the other comes out the same each time, they stay as far apart as
    /// they were, until that is wrong by more than this one.
    #[must_use]
    pub fn now(&self) -> Moment {
        let (wall, up) = (self.wall.now(), self.up.now());
        let mut together = self.together.lock().unwrap_or_else(PoisonError::into_inner);
        let is_so = |was: &Together| wall.saturating_sub(up).abs_diff(was.apart) <= 1;
        let up = match together.filter(is_so) {
            Some(was) => wall.saturating_sub(was.apart).max(was.up),
            None => up,
        };
        let apart = together.filter(is_so).map_or(wall.saturating_sub(up), |was| was.apart);
        *together = Some(Together { apart, up });
        Moment { wall, up }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::SeqCst;

    use super::*;

    #[test]
    fn what_one_clock_says_of_the_other_is_the_same_throughout_a_second() {
        let ((wall, wall_hand), (up, up_hand)) = (Clock::by_hand(1_000), Clock::by_hand(50));
        let clocks = Clocks::of(wall, up, TimeZone::UTC);
        let mut last = clocks.now();
        let mut go = |wall_at: i64, up_at: i64| {
            wall_hand.store(wall_at, SeqCst);
            up_hand.store(up_at, SeqCst);
            let now = clocks.now();
            let went = now.up - last.up;
            last = now;
            (now.wall_at(100), went)
        };
        // One begins its seconds a little after the other does.
        for second in 1..=10 {
            let at = (1_000 + second, 50 + second);
            assert_eq!((go(at.0, at.1 - 1), go(at.0, at.1)), ((1_050, 1), (1_050, 0)));
        }
        // A clock that is corrected by a second is not worth a word, and the other does not go back for it.
        assert_eq!(go(1_009, 60), (1_049, 0));
        assert_eq!(go(1_011, 62), (1_050, 1));
        // Set by an hour, and slept through.
        assert_eq!(go(1_011 + 3_600, 62), (1_049 + 3_600, 1));
        assert_eq!(go(1_011 + 7_200, 62 + 3_600), (1_049 + 3_600, 3_600));
        // A clock that nobody sets, set: nothing hides that.
        assert_eq!(go(1_011 + 7_200, 62), (8_249, -3_600));
    }
}
