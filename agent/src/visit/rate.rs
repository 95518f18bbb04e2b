//! How fast the link is, as far as the ledger tells.

use crate::store::VisitRow;

/// A visit tells a link's rate when it moved at least this many bytes …
const RATE_BYTES_MIN: u64 = 2 * 1024;
/// … in at least this many seconds: on a faster link waiting outweighs moving, and nothing depends
/// on the rate there.
const RATE_SECONDS_MIN: u64 = 3;

/// Bits a second of the best among the newest visits that tell; an outage makes a visit look slower
/// than its link. Only visits over `link` count. `None` where none was slow enough to matter.
pub(crate) fn slow_rate(visits: &[VisitRow], link: &str) -> Option<u64> {
    const NEWEST: usize = 5;
    let rate = |visit: &VisitRow| {
        let seconds = u64::try_from(visit.end?.checked_sub(visit.start)?).ok()?;
        let bytes = visit.bytes_up + visit.bytes_down;
        let tells = visit.link == link && !visit.live && RATE_BYTES_MIN <= bytes;
        tells.then_some((bytes, seconds))
    };
    let newest = visits.iter().rev().filter_map(rate).take(NEWEST);
    // One visit that was quick says that the link is.
    let rates = newest.map(|(bytes, seconds)| {
        // What was counted is not all that moved (headers, acknowledgements, what went twice), and some
        // seconds went by waiting: half as much again comes near to what the link can do.
        let bits = (bytes + bytes / 2) * 8;
        (RATE_SECONDS_MIN <= seconds).then(|| bits / seconds)
    });
    rates.collect::<Option<Vec<u64>>>()?.into_iter().max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(bytes: u64, seconds: i64) -> VisitRow {
        VisitRow {
            start: 1_000,
            end: Some(1_000 + seconds),
            link: "call".into(),
            bytes_up: bytes / 4,
            bytes_down: bytes - bytes / 4,
            outcome: "done".into(),
            requests: 1,
            round_trips: 3,
            ..VisitRow::default()
        }
    }

    fn rate(visits: &[VisitRow]) -> Option<u64> {
        slow_rate(visits, "call")
    }

    #[test]
    fn the_ledger_tells_the_rate_of_a_slow_link_only() {
        assert_eq!(rate(&[]), None);
        assert_eq!(rate(&[visit(1_000, 9)]), None, "an idle visit is mostly waiting");
        // A hundred messages over a link of 2,400 bit/s, as measured.
        assert_eq!(rate(&[visit(4_480, 19)]), Some(2_829));
        assert_eq!(rate(&[visit(4_480, 19), visit(900, 9)]), Some(2_829));
        assert_eq!(rate(&[visit(4_480, 19), visit(4_480, 300)]), Some(2_829), "an outage");
        assert_eq!(rate(&[visit(4_480, 19), visit(4_480, 1)]), None, "the link is fast");
    }

    #[test]
    fn another_link_tells_nothing() {
        assert_eq!(slow_rate(&[visit(7_200, 24)], "home"), None);
    }
}
