//! When the agent calls by itself: plain values over a clock that is handed in.
//!
//! Rules count from the beginning of the last visit, whatever started it. After a failure the next
//! attempt backs off, with jitter, but never past the time that a rule names. The clock may be set or
//! the computer may sleep: [`Schedule::look`] notices both.

use config::{Size, agent::Rule};

/// First wait after a failure, in seconds.
const BACKOFF_FIRST_S: i64 = 10;
/// Longest wait after a failure, in seconds.
const BACKOFF_MAX_S: i64 = 15 * 60;
/// Longest wait that is kept because a relay asks for it, in seconds: what asks for more is mistaken, or a portal.
const ASKED_MAX_S: i64 = 60 * 60;

/// The next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// When, in seconds since 1970.
    pub at: i64,
    /// Bytes that it may cost, where its rule says.
    pub budget: Option<Size>,
}

/// The rules of one agent and when each is due.
#[derive(Clone, Debug)]
pub struct Schedule {
    rules: Vec<Every>,
    live: bool,
    failures: u32,
    retry: Option<Call>,
    seen: i64,
}

#[derive(Clone, Copy, Debug)]
struct Every {
    seconds: i64,
    budget: Option<Size>,
    due: i64,
}

impl Schedule {
    /// The schedule of these rules, begun now: each `every` is due at once.
    #[must_use]
    pub fn new(rules: &[Rule], now: i64) -> Self {
        let every = |rule: &Rule| {
            let seconds = i64::try_from(rule.every?.seconds()).unwrap_or(i64::MAX);
            Some(Every { seconds, budget: rule.budget, due: now })
        };
        Self {
            rules: rules.iter().filter_map(every).collect(),
            live: rules.iter().any(|rule| rule.live),
            failures: 0,
            retry: None,
            seen: now,
        }
    }

    /// Whether a rule asks to hold the line.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// The next call; `None` when only asking starts one.
    #[must_use]
    pub fn next(&self) -> Option<Call> {
        let due = self.rules.iter().map(|rule| Call { at: rule.due, budget: rule.budget });
        due.chain(self.retry).min_by_key(|call| call.at)
    }

    /// Notes the time. A clock that was set back would put the next call years off: no rule waits
    /// longer than it says.
    pub fn look(&mut self, now: i64) {
        if now < self.seen {
            for rule in &mut self.rules {
                rule.due = rule.due.min(now.saturating_add(rule.seconds));
            }
            if let Some(retry) = &mut self.retry {
                retry.at = retry.at.min(now.saturating_add(BACKOFF_MAX_S));
            }
        }
        self.seen = now;
    }

    /// A visit begins: every rule counts anew from here.
    pub fn began(&mut self, now: i64) {
        self.look(now);
        self.retry = None;
        for rule in &mut self.rules {
            rule.due = now.saturating_add(rule.seconds);
        }
    }

    /// The visit that began last ended well, or there was nothing wrong with the link.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.retry = None;
    }

    /// It failed. `budget` is what it had, `random` any number: who fails together shall not call
    /// together. `wait_s` is what the relay asked for. Without a rule nothing is tried again.
    pub fn failed(&mut self, now: i64, budget: Option<Size>, wait_s: Option<u32>, random: u64) {
        self.look(now);
        self.failures = self.failures.saturating_add(1);
        let wait_s = backoff_s(self.failures, random).max(asked_s(wait_s));
        let at = now.saturating_add(wait_s);
        let retry = Call { at, budget };
        self.retry =
            self.rules.iter().map(|rule| rule.due).min().filter(|due| at < *due).map(|_| retry);
    }

    /// How long a held line that was lost waits before the next attempt, in seconds; `wait_s` is what the relay asked for.
    pub fn live_failed(&mut self, wait_s: Option<u32>, random: u64) -> i64 {
        self.failures = self.failures.saturating_add(1);
        backoff_s(self.failures, random).max(asked_s(wait_s))
    }
}

/// Whether a held line that was to be dialled again at `at` is due. Further off than any wait is it only where the clock
/// was set back meanwhile.
pub(crate) fn is_due(at: i64, now: i64) -> bool {
    at <= now || now.saturating_add(ASKED_MAX_S) < at
}

fn asked_s(wait_s: Option<u32>) -> i64 {
    wait_s.map_or(0, i64::from).min(ASKED_MAX_S)
}

/// Doubles from [`BACKOFF_FIRST_S`] to [`BACKOFF_MAX_S`], less up to half of it.
fn backoff_s(failures: u32, random: u64) -> i64 {
    let doubled = BACKOFF_FIRST_S << failures.saturating_sub(1).min(10);
    let most = doubled.min(BACKOFF_MAX_S);
    let spread = most / 2 + 1;
    most - i64::try_from(random % spread.unsigned_abs()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use config::Span;

    use super::*;

    fn every(seconds: u64) -> Rule {
        Rule::every(Span::from_seconds(seconds))
    }

    #[test]
    fn without_a_rule_there_is_no_call() {
        let mut schedule = Schedule::new(&[Rule::live()], 100);
        assert!(schedule.is_live() && schedule.next().is_none());
        schedule.failed(100, None, None, 7);
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn a_rule_is_due_at_once_and_then_every_so_often() {
        let mut schedule = Schedule::new(&[every(900), every(60)], 100);
        assert_eq!(schedule.next().unwrap().at, 100);
        schedule.began(105);
        schedule.succeeded();
        assert_eq!(schedule.next().unwrap().at, 165);
    }

    #[test]
    fn failures_back_off_but_never_past_the_time_of_a_rule() {
        let mut schedule = Schedule::new(&[every(900)], 0);
        let mut now = 0;
        let mut waits = Vec::new();
        for random in 0..20 {
            schedule.began(now);
            schedule.failed(now, None, None, random * 977);
            let next = schedule.next().unwrap().at;
            assert!(now < next && next <= now + 900);
            waits.push(next - now);
            now = next;
        }
        assert!((5..=10).contains(&waits[0]) && (10..=20).contains(&waits[1]), "{waits:?}");
        assert!(waits.iter().skip(8).all(|wait| 450 <= *wait), "{waits:?}");
    }

    #[test]
    fn a_rule_more_frequent_than_the_backoff_is_kept() {
        let mut schedule = Schedule::new(&[every(2)], 0);
        schedule.began(0);
        schedule.failed(1, None, None, 0);
        assert_eq!(schedule.next().unwrap().at, 2);
    }

    #[test]
    fn a_clock_set_back_by_years_delays_no_call() {
        let mut schedule = Schedule::new(&[every(900)], 1_000_000_000);
        schedule.began(1_000_000_000);
        schedule.look(5_000);
        assert_eq!(schedule.next().unwrap().at, 5_900);
        assert!(is_due(1_000_000_000, 5_000), "a line that was lost before that");
        assert!(!is_due(8_600, 5_000) && is_due(5_000, 5_000));
    }

    #[test]
    fn who_asks_for_a_century_is_asked_again_within_the_hour() {
        let mut schedule = Schedule::new(&[Rule::live(), every(1_000_000)], 0);
        schedule.began(0);
        schedule.failed(0, None, Some(u32::MAX), 0);
        assert_eq!(schedule.next().unwrap().at, 3_600);
        assert_eq!(schedule.live_failed(Some(u32::MAX), 0), 3_600);
        assert_eq!(schedule.live_failed(Some(300), 0), 300);
    }

    #[test]
    fn the_backoff_never_leaves_its_bounds() {
        for failures in [1, 2, 40, u32::MAX] {
            for random in [0, 1, u64::MAX] {
                assert!(
                    (BACKOFF_FIRST_S / 2..=BACKOFF_MAX_S).contains(&backoff_s(failures, random))
                );
            }
        }
    }
}
