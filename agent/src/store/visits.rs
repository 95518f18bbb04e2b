//! The ledger of visits: what each cost.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

use super::{Change, Reader, Store, StoreError, VisitRow, write::Query};

/// A visit in the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VisitId(i64);

/// What a visit came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VisitEnd {
    /// Bytes written to the socket.
    pub bytes_up: u64,
    /// Bytes read from the socket.
    pub bytes_down: u64,
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
    /// What failed, in words.
    pub words: String,
    /// Bytes by kind.
    pub by_kind: BTreeMap<String, u64>,
}

const ROW: &str = "id, start_at, end_at, link, bytes_up, bytes_down, requests, round_trips, sent, received, outcome,
    words, by_kind";

impl Store {
    /// Writes down that a visit begins over `link`.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn begin_visit(&self, link: &str) -> Result<VisitId, StoreError> {
        self.write(|tx| {
            let sql = "INSERT INTO visit (start_at, link) VALUES (?1, ?2)";
            let id = tx.insert(sql, params![tx.now, link])?;
            tx.changed(Change::Visit);
            Ok(VisitId(id))
        })
    }

    /// Writes down what a visit has cost so far, so that little is lost from the ledger when the agent is killed.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn note_visit(
        &self,
        id: VisitId,
        bytes_up: u64,
        bytes_down: u64,
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            let sql = "UPDATE visit SET bytes_up = ?2, bytes_down = ?3 WHERE id = ?1";
            tx.run(sql, params![id.0, bytes_up, bytes_down])?;
            Ok(())
        })
    }

    /// Writes down what a visit came to.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn end_visit(&self, id: VisitId, end: &VisitEnd) -> Result<(), StoreError> {
        self.write(|tx| {
            let by_kind = serde_json::to_string(&end.by_kind).expect("names and numbers are JSON");
            tx.run(
                "UPDATE visit SET end_at = ?2, bytes_up = ?3, bytes_down = ?4, requests = ?5, round_trips = ?6,
                    sent = ?7, received = ?8, outcome = ?9, words = ?10, by_kind = ?11 WHERE id = ?1",
                params![
                    id.0,
                    tx.now,
                    end.bytes_up,
                    end.bytes_down,
                    end.requests,
                    end.round_trips,
                    end.sent,
                    end.received,
                    end.outcome,
                    end.words,
                    by_kind
                ],
            )?;
            tx.trouble_of_visit(end.outcome, &end.words)?;
            tx.tidy()?;
            tx.changed(Change::Visit);
            Ok(())
        })
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
}

pub(crate) fn newest(db: &Connection) -> Result<Option<VisitRow>, StoreError> {
    let sql = format!("SELECT {ROW} FROM visit WHERE end_at IS NOT NULL ORDER BY id DESC LIMIT 1");
    db.first(&sql, [], visit_row)
}

fn visit_row(row: &Row<'_>) -> rusqlite::Result<VisitRow> {
    let by_kind: String = row.get(12)?;
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
        by_kind: serde_json::from_str(&by_kind).unwrap_or_default(),
    })
}
