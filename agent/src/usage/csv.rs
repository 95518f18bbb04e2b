//! The ledger for spreadsheets: comma-separated values by RFC 4180, with a header line. Times are RFC 3339 in UTC.

use super::{By, KINDS, Sum};
use crate::store::{VisitRow, rfc3339};

/// Each visit.
#[must_use]
pub fn visits_csv(visits: &[VisitRow]) -> String {
    let mut heads: Vec<String> = [
        "start",
        "end",
        "link",
        "class",
        "rule",
        "live",
        "outcome",
        "bytes_up",
        "bytes_down",
        "ip_bytes_up",
        "ip_bytes_down",
        "ip_measured",
    ]
    .map(str::to_owned)
    .to_vec();
    let kinds = || KINDS.iter().flat_map(|kind| ["up", "down"].map(|way| format!("{kind}_{way}")));
    heads.extend(kinds());
    heads.extend(
        ["requests", "round_trips", "sent", "received", "cost", "currency", "words"]
            .map(str::to_owned),
    );
    let mut text = line(&heads);
    for visit in visits {
        let time = |at: i64| rfc3339(at).to_string();
        let mut cells = vec![
            time(visit.start),
            visit.end.map(time).unwrap_or_default(),
            visit.link.clone(),
            visit.class.clone(),
            visit.rule.clone(),
            visit.live.to_string(),
            visit.outcome.clone(),
            visit.bytes_up.to_string(),
            visit.bytes_down.to_string(),
            visit.ip_bytes_up.to_string(),
            visit.ip_bytes_down.to_string(),
            visit.ip_measured.to_string(),
        ];
        cells.extend(
            kinds().map(|kind| visit.by_kind.get(&kind).copied().unwrap_or_default().to_string()),
        );
        cells.extend([
            visit.requests.to_string(),
            visit.round_trips.to_string(),
            visit.sent.to_string(),
            visit.received.to_string(),
            visit.cost.map(|cost| cost.to_string()).unwrap_or_default(),
            visit.currency.clone(),
            visit.words.clone(),
        ]);
        text.push_str(&line(&cells));
    }
    text
}

/// Sums. Money of several currencies stands in one cell.
#[must_use]
pub fn sums_csv(sums: &[Sum], by: By) -> String {
    if by == By::Kind {
        // Of a kind nothing else is known.
        let mut text = line(&[by.name(), "bytes_up", "bytes_down"].map(str::to_owned));
        for sum in sums {
            let [up, down] = [sum.bytes_up, sum.bytes_down].map(|bytes| bytes.to_string());
            text.push_str(&line(&[sum.key.clone(), up, down]));
        }
        return text;
    }
    let heads = [
        by.name(),
        "visits",
        "not_done",
        "seconds",
        "bytes_up",
        "bytes_down",
        "ip_bytes_up",
        "ip_bytes_down",
        "sent",
        "received",
        "cost",
    ];
    let mut text = line(&heads.map(str::to_owned));
    for sum in sums {
        let figures = [
            sum.visits,
            sum.not_done,
            sum.seconds,
            sum.bytes_up,
            sum.bytes_down,
            sum.ip_bytes_up,
            sum.ip_bytes_down,
            sum.sent,
            sum.received,
        ];
        let mut cells = vec![sum.key.clone()];
        cells.extend(figures.map(|figure| figure.to_string()));
        cells.push(sum.money());
        text.push_str(&line(&cells));
    }
    text
}

fn line(cells: &[String]) -> String {
    let quoted: Vec<_> = cells.iter().map(|cell| quoted(cell)).collect();
    format!("{}\r\n", quoted.join(","))
}

fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\r', '\n']) || cell.trim() != cell {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_is_quoted_and_quotes_are_doubled() {
        let cells = ["plain", "a,b", "say \"hi\"", "two\r\nlines", " spaced", ""];
        let expected = "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\",\" spaced\",\r\n";
        assert_eq!(line(&cells.map(str::to_owned)), expected);
    }

    #[test]
    fn every_figure_stands_under_its_head() {
        let kinds = [
            ("messages_up", 5),
            ("messages_down", 6),
            ("control_up", 7),
            ("control_down", 8),
            ("overhead_up", 9),
            ("overhead_down", 10),
        ];
        let visit = VisitRow {
            start: 0,
            end: Some(60),
            link: "stick".to_owned(),
            class: "metered".to_owned(),
            rule: "day".to_owned(),
            live: true,
            outcome: "partial".to_owned(),
            bytes_up: 1,
            bytes_down: 2,
            ip_bytes_up: 3,
            ip_bytes_down: 4,
            ip_measured: true,
            by_kind: kinds.map(|(kind, bytes)| (kind.to_owned(), bytes)).into(),
            requests: 11,
            round_trips: 12,
            sent: 13,
            received: 14,
            cost: Some("0.15".parse().unwrap()),
            currency: "EUR".to_owned(),
            words: "cut, then".to_owned(),
            ..VisitRow::default()
        };
        let text = visits_csv(&[visit]);
        let row = "1970-01-01T00:00:00Z,1970-01-01T00:01:00Z,stick,metered,day,true,partial,1,2,3,4,true,\
            5,6,7,8,9,10,11,12,13,14,0.15,EUR,\"cut, then\"";
        assert_eq!(text.lines().nth(1), Some(row));
        let sum = Sum {
            key: "2026-11".to_owned(),
            visits: 1,
            not_done: 2,
            seconds: 3,
            bytes_up: 4,
            bytes_down: 5,
            ip_bytes_up: 6,
            ip_bytes_down: 7,
            sent: 8,
            received: 9,
            cost: [
                ("EUR".to_owned(), "0.5".parse().unwrap()),
                ("USD".to_owned(), "2".parse().unwrap()),
            ]
            .into(),
        };
        let text = sums_csv(&[sum], By::Month);
        assert_eq!(text.lines().nth(1), Some("2026-11,1,2,3,4,5,6,7,8,9,\"0.5 EUR, 2 USD\""));
    }

    #[test]
    fn every_line_has_as_many_cells_as_the_header() {
        let visit = VisitRow { link: "stick".to_owned(), ..VisitRow::default() };
        let text = visits_csv(&[visit.clone(), visit]);
        let cells: Vec<_> = text.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(cells, [25, 25, 25]);
        assert!(text.starts_with("start,end,link,class,"), "{text}");
        let text = sums_csv(&[Sum::default()], By::Day);
        assert!(text.lines().all(|line| line.split(',').count() == 11), "{text}");
    }
}
