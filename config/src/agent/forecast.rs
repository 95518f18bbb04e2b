//! What the rules come to, ahead of time.

use jiff::tz::TimeZone;

use super::{Rule, Trigger};

/// A call that is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    /// When, in seconds since 1970; jitter may put it off.
    pub at: i64,
    /// For which rule, counted from 0.
    pub rule: usize,
}

/// The next `count` calls after `now` (seconds since 1970), in order, if every visit ends well. `began` is when the last
/// visit began: `every` counts from there, and is due at once without one.
#[must_use]
pub fn forecast(
    rules: &[Rule],
    zone: &TimeZone,
    now: i64,
    began: Option<i64>,
    count: usize,
) -> Vec<Planned> {
    let mut planned = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let mut at = None;
        for _ in 0..count {
            let next = match rule.trigger() {
                Some(Trigger::Cron(cron)) => cron.next_after(at.unwrap_or(now), zone),
                Some(Trigger::Every(every)) => {
                    let every = i64::try_from(every.seconds()).unwrap_or(i64::MAX);
                    let first = began.map_or(now, |began| began.saturating_add(every).max(now));
                    Some(at.map_or(first, |at: i64| at.saturating_add(every)))
                }
                _ => None,
            };
            let Some(next) = next else { break };
            planned.push(Planned { at: next, rule: index });
            at = Some(next);
        }
    }
    planned.sort_unstable();
    planned.truncate(count);
    planned
}
