//! How often something may happen: a token bucket for each key, in bounded memory.
//!
//! A bucket is one instant, the moment at which it will be full again (GCRA): a full bucket is not kept at all.
//! When the table is full the buckets nearest to full are forgotten first, so a flood of new keys costs those that
//! are being held back the least.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// A steady rate with a burst above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many may happen in [`Rate::per`], in the long run; at least 1.
    pub count: u32,
    /// The time that `count` is meant for.
    pub per: Duration,
    /// How many may happen at once after a rest; at least 1.
    pub burst: u32,
}

impl Rate {
    /// `count` in `per`, all of them at once if need be.
    #[must_use]
    pub const fn new(count: u32, per: Duration) -> Self {
        Self { count, per, burst: count }
    }

    /// The time that one refills in.
    fn interval(self) -> Duration {
        self.per / self.count.max(1)
    }
}

/// What a [`RateLimiter`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Go on; it has been counted.
    Ok,
    /// Not now; not counted. After this time the same would be let through.
    RetryAfter(Duration),
}

impl Verdict {
    /// Whole seconds to wait, rounded up, for a `Retry-After`; none when it may go on.
    #[must_use]
    pub fn retry_after_s(self) -> Option<u64> {
        match self {
            Self::Ok => None,
            Self::RetryAfter(wait) => Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
        }
    }
}

/// Holds each key to one [`Rate`].
#[derive(Debug)]
pub struct RateLimiter<K> {
    interval: Duration,
    /// How far ahead of now a bucket's full moment may lie.
    depth: Duration,
    burst: u32,
    keys_max: usize,
    full_at: Mutex<HashMap<K, Instant>>,
}

impl<K: Eq + Hash> RateLimiter<K> {
    /// Every key may do `rate`; at most `keys_max` (at least 2) keys are remembered.
    #[must_use]
    pub fn new(rate: Rate, keys_max: usize) -> Self {
        let burst = rate.burst.max(1);
        Self {
            interval: rate.interval(),
            depth: rate.interval() * burst,
            burst,
            keys_max: keys_max.max(2),
            full_at: Mutex::default(),
        }
    }

    /// One more from `key`.
    pub fn check(&self, key: K, now: Instant) -> Verdict {
        self.check_many(key, 1, now)
    }

    /// `count` more from `key`, all or none. More than a burst counts as a burst: it goes when the bucket is full.
    pub fn check_many(&self, key: K, count: u32, now: Instant) -> Verdict {
        let mut full_at = self.lock();
        let after = full_at.get(&key).copied().unwrap_or(now).max(now)
            + self.interval * count.min(self.burst);
        let latest = now + self.depth;
        if after > latest {
            return Verdict::RetryAfter(after - latest);
        }
        if full_at.len() >= self.keys_max && !full_at.contains_key(&key) {
            forget_some(&mut full_at, now);
        }
        full_at.insert(key, after);
        Verdict::Ok
    }

    /// How many keys are remembered now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether no key is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Instant>> {
        // Every state of the map is a sound one, so a panic elsewhere does not matter.
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the full buckets, and if that frees less than half the table, the fuller half of the rest: each sweep is
/// paid for by the insertions that it makes room for.
fn forget_some<K: Eq + Hash>(full_at: &mut HashMap<K, Instant>, now: Instant) {
    let before = full_at.len();
    full_at.retain(|_, at| *at > now);
    if full_at.len() > before / 2 {
        let mut moments: Vec<Instant> = full_at.values().copied().collect();
        let middle = moments.len() / 2;
        let median = *moments.select_nth_unstable(middle).1;
        full_at.retain(|_, at| *at > median);
    }
}

/// Whom an address belongs to, as far as limits go: one IPv4 address, or one IPv6 network of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin(IpAddr);

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => {
                Self(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into())
            }
            v4 @ IpAddr::V4(_) => Self(v4),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let limiter = RateLimiter::new(Rate { count: 2, per: SECOND, burst: 3 }, 10);
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(limiter.check("a", start), Verdict::Ok);
        }
        assert_eq!(limiter.check("a", start), Verdict::RetryAfter(SECOND / 2));
        assert_eq!(limiter.check("b", start), Verdict::Ok);
        assert_eq!(limiter.check("a", start + SECOND / 2), Verdict::Ok);
        assert_eq!(limiter.check("a", start + SECOND / 2), Verdict::RetryAfter(SECOND / 2));
    }

    #[test]
    fn many_at_once_go_together_or_not_at_all() {
        let limiter = RateLimiter::new(Rate::new(10, SECOND), 10);
        let start = Instant::now();
        assert_eq!(limiter.check_many((), 8, start), Verdict::Ok);
        assert_eq!(limiter.check_many((), 4, start), Verdict::RetryAfter(SECOND / 5));
        assert_eq!(limiter.check_many((), 2, start), Verdict::Ok);
        assert_eq!(limiter.check_many((), 1_000, start + SECOND), Verdict::Ok);
    }

    #[test]
    fn a_flood_of_keys_neither_grows_the_table_nor_frees_the_one_held_back() {
        let limiter = RateLimiter::new(Rate::new(3, SECOND), 100);
        let start = Instant::now();
        assert_eq!(limiter.check_many(u32::MAX, 3, start), Verdict::Ok);
        for key in 0..10_000 {
            assert_eq!(limiter.check(key, start), Verdict::Ok);
            assert!(limiter.len() <= 100);
        }
        assert!(matches!(limiter.check(u32::MAX, start), Verdict::RetryAfter(_)));
    }

    #[test]
    fn waits_are_told_in_whole_seconds_rounded_up() {
        assert_eq!(Verdict::Ok.retry_after_s(), None);
        assert_eq!(Verdict::RetryAfter(SECOND).retry_after_s(), Some(1));
        assert_eq!(Verdict::RetryAfter(SECOND / 4).retry_after_s(), Some(1));
    }

    #[test]
    fn an_ipv6_network_is_one_origin_and_a_mapped_address_is_its_ipv4() {
        let origin = |text: &str| Origin::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(origin("2001:db8:1:2::1"), origin("2001:db8:1:2:ffff::9"));
        assert_ne!(origin("2001:db8:1:2::1"), origin("2001:db8:1:3::1"));
        assert_eq!(origin("::ffff:192.0.2.7"), origin("192.0.2.7"));
        assert_ne!(origin("192.0.2.7"), origin("192.0.2.8"));
    }

    proptest! {
        #[test]
        fn no_history_passes_more_than_the_burst_and_the_rate(
            steps in prop::collection::vec((0_u64..400, 1_u32..4), 1..200),
        ) {
            let limiter = RateLimiter::new(Rate { count: 5, per: SECOND, burst: 7 }, 4);
            let start = Instant::now();
            let (mut elapsed, mut passed) = (Duration::ZERO, 0_u32);
            for (wait_ms, count) in steps {
                elapsed += Duration::from_millis(wait_ms);
                match limiter.check_many((), count, start + elapsed) {
                    Verdict::Ok => passed += count,
                    Verdict::RetryAfter(wait) => {
                        elapsed += wait;
                        prop_assert_eq!(limiter.check_many((), count, start + elapsed), Verdict::Ok);
                        passed += count;
                    }
                }
                prop_assert!(f64::from(passed) <= 7.0 + elapsed.as_secs_f64() * 5.0 + 1e-6);
            }
        }
    }
}
