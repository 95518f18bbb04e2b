//! Half hours of a day, on the clock on the wall.

use jiff::{Timestamp, tz::TimeZone};

/// Length of a slot, in seconds.
pub(super) const SLOT_S: i64 = 1_800;
/// Slots of a day.
pub(super) const DAY_SLOTS: usize = 48;
/// Kinds of slots: those of a workday, then those of a Saturday or Sunday.
pub(super) const KINDS: usize = 2 * DAY_SLOTS;

/// Times outside of the years 1970 to 9999 are no times; within them nothing overflows.
pub(super) const TIME_LEAST: i64 = 0;
pub(super) const TIME_MOST: i64 = 253_000_000_000;

const DAY_S: i64 = 86_400;

/// A part of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// When it begins, in seconds since 1970.
    pub(super) from: i64,
    /// When it ends: with its slot, or sooner.
    pub(super) to: i64,
    /// Its slot's kind.
    pub(super) kind: usize,
    /// Its slot, counted since 1970.
    pub(super) slot: i64,
}

impl Part {
    /// How much of its slot it is.
    pub(super) fn share(self) -> f64 {
        as_f64(self.to - self.from) / as_f64(SLOT_S)
    }
}

/// The part of a slot from `from` on, up to `to` at most.
pub(super) fn part(from: i64, to: i64, zone: &TimeZone) -> Part {
    let local = from.saturating_add(offset_s(from, zone));
    let left = SLOT_S - local.rem_euclid(SLOT_S);
    Part {
        from,
        to: from.saturating_add(left).min(to),
        kind: kind(local),
        slot: local.div_euclid(SLOT_S),
    }
}

/// The parts of slots between two times, in order.
pub(super) fn parts(from: i64, to: i64, zone: &TimeZone) -> impl Iterator<Item = Part> {
    let first = (from < to).then(|| part(from, to, zone));
    std::iter::successors(first, move |last| (last.to < to).then(|| part(last.to, to, zone)))
}

fn kind(local: i64) -> usize {
    // 1970 began on a Thursday.
    let weekday = (local.div_euclid(DAY_S) + 4).rem_euclid(7);
    let begin = if matches!(weekday, 0 | 6) { DAY_SLOTS } else { 0 };
    begin + usize::try_from(local.rem_euclid(DAY_S) / SLOT_S).unwrap_or_default()
}

fn offset_s(at: i64, zone: &TimeZone) -> i64 {
    let at = Timestamp::from_second(at).unwrap_or_default();
    zone.to_offset(at).seconds().into()
}

/// Seconds and counts of them are far below what a float holds exactly.
#[expect(clippy::cast_precision_loss, reason = "spans of days, in seconds")]
pub(super) fn as_f64(seconds: i64) -> f64 {
    seconds as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_the_clock_on_the_wall_and_tell_weekends_apart() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        // A Friday, 18:10 in winter.
        let friday = part(at("2026-11-20T17:10:00Z"), i64::MAX, &zone);
        assert_eq!((friday.kind, friday.to), (36, at("2026-11-20T17:30:00Z")));
        assert!((friday.share() - 2.0 / 3.0).abs() < 1e-9);
        // The same clock in summer, on a Sunday.
        let sunday = part(at("2026-07-19T16:10:00Z"), i64::MAX, &zone);
        assert_eq!(sunday.kind, DAY_SLOTS + 36);
    }

    #[test]
    fn parts_cover_a_span_without_gaps() {
        let parts: Vec<Part> = parts(100, 2 * SLOT_S + 7, &TimeZone::UTC).collect();
        let edges: Vec<(i64, i64)> = parts.iter().map(|part| (part.from, part.to)).collect();
        assert_eq!(edges, [(100, 1_800), (1_800, 3_600), (3_600, 3_607)]);
        assert_eq!(super::parts(5, 5, &TimeZone::UTC).count(), 0);
    }
}
