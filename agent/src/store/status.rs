//! The figures that `status` shows.

use rusqlite::{Connection, params};
use serde::Serialize;
use wire::{HeldKind, HeldRow};

use super::{
    Change, Reader, StoreError, VisitRow, Waiting, WaitingByKind, visits,
    write::{Query, Tx},
};

/// Counts of what waits, here and there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Own items that go with the next visit (or are on their way).
    pub waiting_here: u64,
    /// Own items that are held here.
    pub held_here: u64,
    /// Own items that were refused and not put away.
    pub refused: u64,
    /// What the relay keeps for us, as it said last.
    pub waiting_there: Waiting,
    /// People who ask to chat and have no answer.
    pub requests: u64,
    /// Rows of the inbox that were not read.
    pub unread: u64,
    /// The newest visit that ended.
    pub last_visit: Option<VisitRow>,
}

impl Reader {
    /// What waits, here and there.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn counters(&self) -> Result<Counters, StoreError> {
        self.read(|db| {
            let count = |sql: &str| db.first(sql, [], |row| row.get::<_, u64>(0)).map(Option::unwrap_or_default);
            Ok(Counters {
                waiting_here: count("SELECT count(*) FROM item WHERE state IN (1, 2)")?,
                held_here: count("SELECT count(*) FROM item WHERE state = 0")?,
                refused: count("SELECT count(*) FROM item WHERE state = 4")?,
                waiting_there: waiting(db)?,
                requests: count(
                    "SELECT count(*) FROM conversation WHERE mine = 1 AND merged_into IS NULL AND NOT EXISTS
                        (SELECT 1 FROM item WHERE item.conversation = conversation.id
                            AND item.kind IN (5, 6, 7) AND item.state IN (1, 2))",
                )?,
                unread: count(
                    "SELECT count(*) FROM message WHERE is_read = 0 AND is_deleted = 0 AND (is_here = 1 OR text <> '')",
                )?,
                last_visit: visits::newest(db)?,
            })
        })
    }
}

pub(crate) fn waiting(db: &Connection) -> Result<Waiting, StoreError> {
    let rows =
        db.all("SELECT kind, count, bytes, first FROM waiting ORDER BY lane", [], |row| {
            let by_kind =
                WaitingByKind { count: row.get(1)?, bytes: row.get(2)?, first: row.get(3)? };
            Ok((HeldKind::from(row.get::<_, u8>(0)?), by_kind))
        })?;
    let mut waiting = Waiting::default();
    for (kind, row) in rows {
        let name = match kind {
            HeldKind::State => "state",
            HeldKind::Message => "message",
            HeldKind::Item => "item",
            _ => "other",
        };
        let sum = waiting.by_kind.entry(name).or_default();
        waiting.count += row.count;
        waiting.bytes += row.bytes;
        *sum = WaitingByKind {
            count: sum.count + row.count,
            bytes: sum.bytes + row.bytes,
            // Lanes come in reading order: the first of the first lane comes next.
            first: if sum.count == 0 { row.first } else { sum.first },
        };
    }
    Ok(waiting)
}

impl Tx<'_> {
    /// What the relay says that it keeps; whatever it said before is over.
    pub(crate) fn set_waiting_there(&self, rows: &[HeldRow]) -> Result<(), StoreError> {
        self.run("DELETE FROM waiting", [])?;
        for HeldRow { lane, kind, count, bytes, first } in rows {
            self.run(
                "INSERT OR REPLACE INTO waiting (lane, kind, count, bytes, first) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![lane.number(), u8::from(*kind), count, i64::try_from(*bytes).unwrap_or(i64::MAX), first],
            )?;
        }
        self.changed(Change::Visit);
        Ok(())
    }
}
