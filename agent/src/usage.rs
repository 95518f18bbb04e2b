//! The ledger added up: by day, month, link or kind. Plain values in and out; days and months are local.

mod csv;

use std::collections::BTreeMap;

use config::Price;
use jiff::tz::TimeZone;
use serde::Serialize;

pub use self::csv::{sums_csv, visits_csv};
use crate::store::{VisitRow, rfc3339};

/// What is one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// Each visit.
    Visit,
    /// A day, of the local clock.
    Day,
    /// A month, of the local clock.
    Month,
    /// A link: a profile's name, or an interface.
    Link,
    /// What the bytes were: messages, control, overhead.
    Kind,
}

impl By {
    /// The name of its column.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Visit => "visit",
            Self::Day => "day",
            Self::Month => "month",
            Self::Link => "link",
            Self::Kind => "kind",
        }
    }
}

/// Kinds of bytes, in the order in which they are shown.
pub const KINDS: [&str; 3] = ["messages", "control", "overhead"];

/// Several visits together. Of a kind only the bytes at the socket are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// The day (`2026-11-22`), the month (`2026-11`), the link or the kind; `all` for the sum of sums.
    #[serde(skip)]
    pub key: String,
    /// How many began.
    pub visits: u64,
    /// How many of them did not end well.
    pub not_done: u64,
    /// How long they lasted together, in seconds.
    pub seconds: u64,
    /// Bytes written to sockets.
    pub bytes_up: u64,
    /// Bytes read from sockets.
    pub bytes_down: u64,
    /// Bytes of IP packets sent.
    pub ip_bytes_up: u64,
    /// Bytes of IP packets received.
    pub ip_bytes_down: u64,
    /// Own items that the relay took.
    pub sent: u64,
    /// Messages that came.
    pub received: u64,
    /// Money, by currency.
    pub cost: BTreeMap<String, Price>,
}

impl Sum {
    fn add(&mut self, visit: &VisitRow) {
        self.visits += 1;
        // What is under way, or was when the agent was killed, is not done either.
        self.not_done += u64::from(visit.outcome != "done");
        self.seconds += visit.seconds();
        self.bytes_up += visit.bytes_up;
        self.bytes_down += visit.bytes_down;
        self.ip_bytes_up += visit.ip_bytes_up;
        self.ip_bytes_down += visit.ip_bytes_down;
        self.sent += visit.sent;
        self.received += visit.received;
        if let Some(cost) = visit.cost {
            let sum = self.cost.entry(visit.currency.clone()).or_default();
            *sum = sum.plus(cost);
        }
    }

    /// The money in words: `0.12 EUR, 1 USD`; empty where nothing is known to have cost any.
    #[must_use]
    pub fn money(&self) -> String {
        let each: Vec<_> = self.cost.iter().map(|(of, sum)| format!("{sum} {of}")).collect();
        each.join(", ")
    }
}

/// The sums of `visits`, which are in the order of time: one for each day, month, link (by name) or kind; for
/// [`By::Visit`] one for each.
#[must_use]
pub fn sums(visits: &[VisitRow], by: By, zone: &TimeZone) -> Vec<Sum> {
    if by == By::Kind {
        return KINDS.iter().map(|kind| of_kind(visits, kind)).collect();
    }
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for visit in visits {
        let key = key(visit, by, zone);
        sums.entry(key.clone()).or_insert_with(|| Sum { key, ..Sum::default() }).add(visit);
    }
    sums.into_values().collect()
}

/// All of them together.
#[must_use]
pub fn total(visits: &[VisitRow]) -> Sum {
    let mut total = Sum { key: "all".to_owned(), ..Sum::default() };
    visits.iter().for_each(|visit| total.add(visit));
    total
}

fn key(visit: &VisitRow, by: By, zone: &TimeZone) -> String {
    let local =
        |format: &str| rfc3339(visit.start).to_zoned(zone.clone()).strftime(format).to_string();
    match by {
        By::Visit => local("%Y-%m-%d %H:%M:%S"),
        By::Day => local("%Y-%m-%d"),
        By::Month => local("%Y-%m"),
        By::Link | By::Kind => visit.link.clone(),
    }
}

fn of_kind(visits: &[VisitRow], kind: &str) -> Sum {
    let sum = |direction: &str| {
        let name = format!("{kind}_{direction}");
        visits.iter().filter_map(|visit| visit.by_kind.get(&name)).sum()
    };
    Sum { key: kind.to_owned(), bytes_up: sum("up"), bytes_down: sum("down"), ..Sum::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> i64 {
        time.parse::<jiff::Timestamp>().unwrap().as_second()
    }

    fn visit(time: &str, link: &str, bytes: u64, cost: Option<(&str, &str)>) -> VisitRow {
        VisitRow {
            start: at(time),
            end: Some(at(time) + 60),
            link: link.to_owned(),
            bytes_up: bytes,
            bytes_down: 2 * bytes,
            ip_bytes_up: bytes + 300,
            outcome: "done".to_owned(),
            cost: cost.map(|(cost, _)| cost.parse().unwrap()),
            currency: cost.map(|(_, currency)| currency.to_owned()).unwrap_or_default(),
            by_kind: [("messages_up".to_owned(), bytes / 2), ("overhead_up".to_owned(), bytes / 2)]
                .into(),
            ..VisitRow::default()
        }
    }

    fn visits() -> Vec<VisitRow> {
        vec![
            visit("2026-10-31T22:59:59Z", "home", 10, None),
            visit("2026-10-31T23:00:00Z", "stick", 100, Some(("0.5", "EUR"))),
            visit("2026-11-02T09:00:00Z", "stick", 1_000, Some(("0.25", "EUR"))),
            visit("2026-11-02T10:00:00Z", "sat", 10_000, Some(("3", "USD"))),
        ]
    }

    #[test]
    fn days_and_months_are_those_of_the_local_clock() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let days = sums(&visits(), By::Day, &zone);
        let shown: Vec<_> =
            days.iter().map(|day| (&day.key[..], day.visits, day.bytes_up)).collect();
        assert_eq!(
            shown,
            [("2026-10-31", 1, 10), ("2026-11-01", 1, 100), ("2026-11-02", 2, 11_000)]
        );
        let months = sums(&visits(), By::Month, &zone);
        let shown: Vec<_> = months.iter().map(|month| (&month.key[..], month.money())).collect();
        assert_eq!(shown, [("2026-10", String::new()), ("2026-11", "0.75 EUR, 3 USD".to_owned())]);
    }

    #[test]
    fn every_figure_of_a_visit_is_in_the_sum() {
        let begin = at("2026-11-02T09:00:00Z");
        let kinds = [("control_up", 1), ("control_down", 2)];
        let cut = VisitRow {
            start: begin,
            end: Some(begin + 7),
            outcome: "partial".to_owned(),
            bytes_up: 11,
            bytes_down: 13,
            ip_bytes_up: 17,
            ip_bytes_down: 19,
            sent: 23,
            received: 29,
            by_kind: kinds.map(|(kind, bytes)| (kind.to_owned(), bytes)).into(),
            ..VisitRow::default()
        };
        let sum = total(&[cut.clone(), VisitRow { outcome: "done".to_owned(), ..cut.clone() }]);
        assert_eq!((sum.visits, sum.not_done, sum.seconds), (2, 1, 14));
        assert_eq!((sum.bytes_up, sum.bytes_down), (22, 26));
        assert_eq!((sum.ip_bytes_up, sum.ip_bytes_down), (34, 38));
        assert_eq!((sum.sent, sum.received, sum.money()), (46, 58, String::new()));
        let control = &sums(&[cut], By::Kind, &TimeZone::UTC)[1];
        assert_eq!((control.bytes_up, control.bytes_down), (1, 2));
    }

    #[test]
    fn links_and_kinds_add_up_to_all() {
        let visits = visits();
        let all = total(&visits);
        let links = sums(&visits, By::Link, &TimeZone::UTC);
        assert_eq!(links.iter().map(|link| link.bytes_up + link.bytes_down).sum::<u64>(), 33_330);
        assert_eq!((all.bytes_up + all.bytes_down, all.seconds, all.not_done), (33_330, 240, 0));
        let kinds = sums(&visits, By::Kind, &TimeZone::UTC);
        assert_eq!(kinds.iter().map(|kind| kind.bytes_up).sum::<u64>(), all.bytes_up);
        assert_eq!(kinds.iter().map(|kind| &kind.key[..]).collect::<Vec<_>>(), KINDS);
    }
}
