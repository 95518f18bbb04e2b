//! The ledger of visits: what each cost.

use std::collections::BTreeMap;

use config::Price;
use rusqlite::{Connection, Row, params};

use super::{Change, Reader, Store, StoreError, Told, VisitRow, cause, write::Query};

/// A visit in the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VisitId(i64);

/// A visit when it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VisitBegin {
    /// The name of the link's profile, else its interface, else `call`.
    pub link: String,
    /// Whether its bytes cost something; `None` where nobody knows.
    pub metered: Option<bool>,
    /// The label of the rule that asks for it; empty where somebody did.
    pub rule: String,
    /// A line that is held.
    pub live: bool,
}

impl From<&str> for VisitBegin {
    fn from(link: &str) -> Self {
        Self { link: link.to_owned(), ..Self::default() }
    }
}

/// What a visit came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VisitEnd {
    /// Bytes written to the socket.
    pub bytes_up: u64,
    /// Bytes read from the socket.
    pub bytes_down: u64,
    /// Bytes of IP packets sent.
    pub ip_up: u64,
    /// Bytes of IP packets received.
    pub ip_down: u64,
    /// Whether the kernel told of those, so that they are no estimate.
    pub ip_measured: bool,
    /// In money, by the tariff of now; `None` without one.
    pub cost: Option<Price>,
    /// Of which currency.
    pub currency: String,
    /// Requests made.
    pub requests: u64,
    /// Round trips, as far as the agent can count them.
    pub round_trips: u64,
    /// Own items that the relay took.
    pub sent: u64,
    /// Messages that came.
    pub received: u64,
    /// `done`, `partial`, `no_link` or `refused`.
    pub outcome: &'static str,
    /// What failed.
    pub told: Told,
    /// Bytes at the socket by kind: `messages_up`, `control_up`, `overhead_up`, and the same `_down`. Together they are
    /// all of them.
    pub by_kind: BTreeMap<String, u64>,
}

/// So many visits over one link are looked at for what visits cost.
const NEWEST: u32 = 20;

const ROW: &str = "id, start_at, end_at, link, bytes_up, bytes_down, requests, round_trips, sent, received, outcome,
    words, by_kind, class, rule, is_live, ip_up, ip_down, ip_measured, cost, currency, noted_at, cause";

impl Store {
    /// Writes down that a visit begins.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn begin_visit(&self, begin: impl Into<VisitBegin>) -> Result<VisitId, StoreError> {
        let begin = begin.into();
        self.write(|tx| {
            let sql = "INSERT INTO visit (start_at, link, class, rule, is_live) VALUES (?1, ?2, ?3, ?4, ?5)";
            let class = class_name(begin.metered);
            let id = tx.insert(sql, params![tx.now, begin.link, class, begin.rule, begin.live])?;
            tx.changed(Change::Visit);
            Ok(VisitId(id))
        })
    }

    /// Writes down over which link a visit goes: known only once it was dialled.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn move_visit(
        &self,
        id: VisitId,
        link: &str,
        metered: Option<bool>,
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            let sql = "UPDATE visit SET link = ?2, class = ?3 WHERE id = ?1 AND (link, class) <> (?2, ?3)";
            tx.run(sql, params![id.0, link, class_name(metered)])?;
            Ok(())
        })
    }

    /// Writes down what a visit has cost so far, so that little is lost from the ledger when the agent is killed.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn note_visit(&self, id: VisitId, so_far: &VisitEnd) -> Result<(), StoreError> {
        self.write(|tx| tx.note_cost(id, so_far))
    }

    /// Writes down what a visit came to.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn end_visit(&self, id: VisitId, end: &VisitEnd) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.note_cost(id, end)?;
            tx.run(
                "UPDATE visit SET end_at = ?2, requests = ?3, round_trips = ?4, sent = ?5, received = ?6, outcome = ?7,
                    words = ?8, cause = ?9 WHERE id = ?1",
                params![
                    id.0,
                    tx.now,
                    end.requests,
                    end.round_trips,
                    end.sent,
                    end.received,
                    end.outcome,
                    end.told.words,
                    end.told.written(),
                ],
            )?;
            tx.trouble_of_visit(end.outcome, &end.told)?;
            tx.tidy()?;
            tx.changed(Change::Visit);
            Ok(())
        })
    }
}

impl super::write::Tx<'_> {
    fn note_cost(&self, id: VisitId, so_far: &VisitEnd) -> Result<(), StoreError> {
        let by_kind = serde_json::to_string(&so_far.by_kind).expect("names and numbers are JSON");
        let cost = so_far.cost.map(|cost| i64::try_from(cost.millionths()).unwrap_or(i64::MAX));
        self.run(
            "UPDATE visit SET noted_at = ?2, bytes_up = ?3, bytes_down = ?4, ip_up = ?5, ip_down = ?6, ip_measured = ?7,
                cost = ?8, currency = ?9, by_kind = ?10 WHERE id = ?1",
            params![
                id.0,
                self.now,
                so_far.bytes_up,
                so_far.bytes_down,
                so_far.ip_up,
                so_far.ip_down,
                so_far.ip_measured,
                cost,
                so_far.currency,
                by_kind,
            ],
        )?;
        Ok(())
    }
}

fn class_name(metered: Option<bool>) -> &'static str {
    match metered {
        Some(true) => "metered",
        Some(false) => "unmetered",
        None => "unknown",
    }
}

impl Reader {
    /// Visits that began at `since` (seconds since 1970) or later, oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn visits(&self, since: i64) -> Result<Vec<VisitRow>, StoreError> {
        let sql = format!("SELECT {ROW} FROM visit WHERE ?1 <= start_at ORDER BY id");
        self.read(|db| db.all(&sql, [since], visit_row))
    }

    /// Visits over `link` (over any for none) of which something falls between two times, oldest first.
    pub(crate) fn visits_within(
        &self,
        link: Option<&str>,
        begins: i64,
        ends: i64,
    ) -> Result<Vec<VisitRow>, StoreError> {
        let sql = format!(
            "SELECT {ROW} FROM visit WHERE start_at < ?3 AND (?2 <= start_at OR ?2 < coalesce(end_at, noted_at))
                AND (?1 IS NULL OR link = ?1) ORDER BY start_at, id"
        );
        self.read(|db| db.all(&sql, params![link, begins, ends], visit_row))
    }

    /// The newest visits over `link` that ended well, oldest first: what a visit costs there.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn visits_over(&self, link: &str) -> Result<Vec<VisitRow>, StoreError> {
        let sql = format!(
            "SELECT {ROW} FROM visit WHERE link = ?1 AND outcome = 'done' AND is_live = 0 AND 0 < requests
            ORDER BY start_at DESC LIMIT {NEWEST}"
        );
        let mut rows = self.read(|db| db.all(&sql, [link], visit_row))?;
        rows.reverse();
        Ok(rows)
    }
}

pub(crate) fn newest(db: &Connection) -> Result<Option<VisitRow>, StoreError> {
    let sql = format!("SELECT {ROW} FROM visit WHERE end_at IS NOT NULL ORDER BY id DESC LIMIT 1");
    db.first(&sql, [], visit_row)
}

fn visit_row(row: &Row<'_>) -> rusqlite::Result<VisitRow> {
    let by_kind: String = row.get(12)?;
    let cost: Option<u64> = row.get(19)?;
    let cause: String = row.get(22)?;
    Ok(VisitRow {
        id: VisitId(row.get(0)?),
        start: row.get(1)?,
        end: row.get(2)?,
        link: row.get(3)?,
        bytes_up: row.get(4)?,
        bytes_down: row.get(5)?,
        requests: row.get(6)?,
        round_trips: row.get(7)?,
        sent: row.get(8)?,
        received: row.get(9)?,
        outcome: row.get(10)?,
        words: row.get(11)?,
        cause: cause::read(&cause),
        by_kind: serde_json::from_str(&by_kind).unwrap_or_default(),
        class: row.get(13)?,
        rule: row.get(14)?,
        live: row.get(15)?,
        ip_bytes_up: row.get(16)?,
        ip_bytes_down: row.get(17)?,
        ip_measured: row.get(18)?,
        cost: cost.map(Price::from_millionths),
        currency: row.get(20)?,
        noted: row.get(21)?,
    })
}
