//! How long to wait after a failure, and how many bytes failures may cost.
//!
//! Time: doubling with jitter. Bytes: within a *window*, which is the time from one scheduled call of a rule to its next
//! (a day for rules without times), at most 5 % of its budget may go to attempts that come to nothing. The first attempt
//! that costs anything is not counted: without it there would be no call. Where a rule has no budget, a thirtieth of the
//! link's monthly quota stands in for it; where there is no quota either, bytes are no matter and only time bounds.

use super::Cost;

/// First wait after a failure, in seconds.
pub(crate) const FIRST_S: i64 = 10;
/// The same right after a link came up: addresses and names take a moment.
pub(crate) const FIRST_AFTER_LINK_UP_S: i64 = 2;
/// Longest wait after a failure, in seconds.
pub(crate) const MAX_S: i64 = 15 * 60;
/// Longest wait that is kept because a relay asks for it, in seconds: what asks for more is mistaken, or a portal.
pub(crate) const ASKED_MAX_S: i64 = 60 * 60;
/// Of the budget, attempts that come to nothing may cost one part in so many.
const WASTE_SHARE: u64 = 20;
/// With less allowed no attempt is made: a handshake does not fit.
pub(crate) const TRY_LEAST: u64 = 2 * 1024;
/// A window lasts no longer than this, in seconds.
pub(crate) const WINDOW_MAX_S: i64 = 24 * 60 * 60;

/// What a relay's wish comes to.
pub(crate) fn asked_s(wait_s: Option<u32>) -> i64 {
    wait_s.map_or(0, i64::from).min(ASKED_MAX_S)
}

/// Doubles from `first_s` to [`MAX_S`], less up to half of it.
pub(crate) fn wait_s(first_s: i64, failures: u32, random: u64) -> i64 {
    let doubled = first_s << failures.saturating_sub(1).min(10);
    let most = doubled.min(MAX_S);
    let spread = most / 2 + 1;
    most - i64::try_from(random % spread.unsigned_abs()).unwrap_or(0)
}

/// What the calls of one rule have cost since its last scheduled one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// When it began, on the clock that nobody sets.
    pub(crate) began: i64,
    /// Bytes of all visits in it.
    pub(crate) spent: u64,
    /// Of these, what came to nothing, the first attempt that did aside.
    pub(crate) wasted: u64,
    /// There was such an attempt, and it cost something.
    pub(crate) has_failed: bool,
}

impl Default for Window {
    /// One that is over.
    fn default() -> Self {
        Self { began: i64::MIN, spent: 0, wasted: 0, has_failed: false }
    }
}

impl Window {
    /// After a line that was held, all or nothing of whose cost was wasted. As with visits, the first that cost anything
    /// does not count.
    pub(crate) fn after(self, cost: Cost) -> Self {
        let wasted = if self.has_failed { cost.wasted } else { 0 };
        Self {
            spent: self.spent.saturating_add(cost.spent),
            wasted: self.wasted.saturating_add(wasted),
            has_failed: self.has_failed || cost.has_failed,
            ..self
        }
    }

    /// What one more visit may cost.
    pub(crate) fn budget_left(&self, budget: Option<u64>) -> Option<u64> {
        budget.map(|budget| budget.saturating_sub(self.spent))
    }

    /// What its fruitless attempts may cost from here on; `None` where bytes are no matter.
    pub(crate) fn waste_left(&self, base: Option<u64>) -> Option<u64> {
        base.map(|base| (base / WASTE_SHARE).saturating_sub(self.wasted))
    }

    /// Whether there may be another attempt. What visits cost that went well leaves less of the budget, and no less for
    /// failures.
    pub(crate) fn allows(&self, budget: Option<u64>, base: Option<u64>) -> bool {
        if self.spent == 0 {
            return true;
        }
        let least = config::agent::BUDGET_LEAST.bytes();
        self.budget_left(budget).is_none_or(|left| least <= left)
            && (!self.has_failed || self.waste_left(base).is_none_or(|left| TRY_LEAST <= left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_never_leaves_its_bounds() {
        for first in [FIRST_S, FIRST_AFTER_LINK_UP_S] {
            for failures in [1, 2, 40, u32::MAX] {
                for random in [0, 1, u64::MAX] {
                    assert!((first / 2..=MAX_S).contains(&wait_s(first, failures, random)));
                }
            }
        }
        assert!((450..=MAX_S).contains(&wait_s(FIRST_S, 9, 12_345)));
    }

    #[test]
    fn of_lines_that_come_to_nothing_the_first_that_costs_anything_does_not_count() {
        let cost = Cost { spent: 3_000, wasted: 3_000, has_failed: true };
        let first = Window { began: 0, ..Window::default() }.after(cost);
        assert_eq!((first.spent, first.wasted), (3_000, 0));
        let second = first.after(cost);
        assert_eq!((second.spent, second.wasted), (6_000, 3_000));
    }

    #[test]
    fn failures_that_cost_nothing_are_no_matter_of_bytes() {
        let window = Window::default();
        assert!(window.allows(Some(12 << 10), Some(12 << 10)));
        let spent = Window { spent: 100, wasted: 100, began: 0, has_failed: true };
        assert!(!spent.allows(Some(12 << 10), Some(12 << 10)), "5 % is less than a handshake");
        assert!(spent.allows(Some(1 << 20), Some(1 << 20)) && spent.allows(None, None));
        assert_eq!(spent.waste_left(Some(1 << 20)), Some((1 << 20) / 20 - 100));
    }
}
