//! What changed in the lists of a window since they were read: rows whose stamp is not below the stamp of then.
//!
//! A stamp belongs to one transaction, and a reader sees whole transactions: what it did not see has the stamp that it
//! saw as the one of now, or a later one. What is given again does no harm.

use std::{
    cmp::Ordering::Equal,
    collections::HashSet,
    sync::atomic::{AtomicU64, Ordering},
};

use rusqlite::{Connection, params};

use super::{RollRow, one, put_in_order, whole};
use crate::store::{
    ConversationId, MemberRow, Reader, StoreError,
    conversations::PAIR_WITH,
    people::{self, MEMBER},
    write::{Query, Tx},
};

/// With more than this many changed conversations all of them are read, which then takes less.
const ROWS_MAX: usize = 400;

/// How far a list was read. It means something to the reader that gave it alone; any other reads the whole list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    reader: u64,
    stamp: i64,
    /// When that was, in seconds since 1970.
    at: i64,
}

/// The list of conversations, or what changed in it.
#[derive(Clone, Debug)]
pub struct RollSince {
    /// What the next read takes up from.
    pub seen: Seen,
    /// Whether these are all.
    pub is_whole: bool,
    /// Conversations as they are now.
    pub rows: Vec<RollRow>,
    /// Those that are in the list no more.
    pub gone: Vec<ConversationId>,
}

/// The roster, or what changed in it.
#[derive(Clone, Debug)]
pub struct MembersSince {
    /// What the next read takes up from.
    pub seen: Seen,
    /// Whether these are all.
    pub is_whole: bool,
    /// People as they are now.
    pub rows: Vec<MemberRow>,
}

impl RollSince {
    /// Whether everything is as it was.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        !self.is_whole && self.rows.is_empty() && self.gone.is_empty()
    }

    /// Brings the list up to date that was read when this says.
    pub fn onto(self, roll: &mut Vec<RollRow>) {
        if self.is_whole {
            *roll = self.rows;
            return;
        }
        let over: HashSet<ConversationId> =
            self.rows.iter().map(|row| row.id).chain(self.gone).collect();
        roll.retain(|row| !over.contains(&row.id));
        roll.extend(self.rows);
        put_in_order(roll);
    }
}

impl MembersSince {
    /// Brings the roster up to date that was read when this says; gives whether anything in it is not as it was.
    pub fn onto(self, members: &mut Vec<MemberRow>) -> bool {
        if self.is_whole {
            let is_other = *members != self.rows;
            *members = self.rows;
            return is_other;
        }
        let mut is_other = false;
        for row in self.rows {
            // By name, as the store sorts them: by bytes. Nobody came or went, or this would be the whole roster.
            let at = members.partition_point(|member| member.name < row.name);
            if let Some(member) = members.get_mut(at)
                && member.name.cmp(&row.name) == Equal
                && *member != row
            {
                *member = row;
                is_other = true;
            }
        }
        is_other
    }
}

/// The stamps of now.
struct Stamps {
    now: i64,
    people: i64,
}

impl Reader {
    /// What changed in [`Reader::roll`] since it was read, or all of it where that is less work, or nobody can say.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn roll_since(&self, seen: Option<Seen>) -> Result<RollSince, StoreError> {
        let at = self.clock.now();
        self.read(|db| {
            let stamps = stamps(db)?;
            let seen_now = Seen { reader: self.number, stamp: stamps.now, at };
            if let Some(seen) = seen.filter(|seen| self.knows(seen, &stamps))
                && let Some(changed) = changed(db, seen.stamp)?
            {
                let mut since = RollSince {
                    seen: seen_now,
                    is_whole: false,
                    rows: Vec::new(),
                    gone: Vec::new(),
                };
                for id in changed {
                    match one(db, id)? {
                        Some(row) => since.rows.push(row),
                        None => since.gone.push(id),
                    }
                }
                return Ok(since);
            }
            Ok(RollSince { seen: seen_now, is_whole: true, rows: whole(db)?, gone: Vec::new() })
        })
    }

    /// What changed in [`Reader::members`] since they were read, or all of them where somebody came or went.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn members_since(&self, seen: Option<Seen>) -> Result<MembersSince, StoreError> {
        let at = self.clock.now();
        self.read(|db| {
            let stamps = stamps(db)?;
            let seen_now = Seen { reader: self.number, stamp: stamps.now, at };
            // With a clock that was set back nobody can say what time changed.
            let part = seen.filter(|seen| {
                self.knows(seen, &stamps) && stamps.people < seen.stamp && seen.at <= at
            });
            let part = part.map_or(Ok(None), |seen| told_since(db, seen, at))?;
            let is_whole = part.is_none();
            let rows = part.map_or_else(|| people::whole(db, at), Ok)?;
            Ok(MembersSince { seen: seen_now, is_whole, rows })
        })
    }

    fn knows(&self, seen: &Seen, stamps: &Stamps) -> bool {
        seen.reader == self.number && seen.stamp <= stamps.now
    }
}

/// A number for a reader, that none before had.
pub(crate) fn reader_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn stamps(db: &Connection) -> Result<Stamps, StoreError> {
    let stamps = db.first("SELECT now, people FROM stamp", [], |row| {
        Ok(Stamps { now: row.get(0)?, people: row.get(1)? })
    })?;
    Ok(stamps.unwrap_or(Stamps { now: 0, people: 0 }))
}

pub(crate) const CHANGED: &str = "SELECT conversation FROM roll WHERE stamp >= ?1 LIMIT ?2";

/// The conversations that changed since; none where they are too many.
fn changed(db: &Connection, since: i64) -> Result<Option<Vec<ConversationId>>, StoreError> {
    let changed = db.all(CHANGED, params![since, ROWS_MAX + 1], |row| row.get(0))?;
    Ok((changed.len() <= ROWS_MAX).then_some(changed))
}

/// Who was told of since; whoever is there, because later answers make that last; and whose call has become overdue.
fn members_sql() -> String {
    format!(
        "{MEMBER} AND (person.stamp >= ?1 OR presence <> 0 OR (next_call_at >= ?2 AND next_call_at < ?3))"
    )
}

/// Who was told of since; none where the list cannot be brought up to date by names, because two have the same.
fn told_since(db: &Connection, seen: Seen, at: i64) -> Result<Option<Vec<MemberRow>>, StoreError> {
    let mut rows = db
        .all(&members_sql(), params![seen.stamp, seen.at, at], |row| people::member_row(row, at))?;
    for row in &mut rows {
        let sql = "SELECT count(*) FROM person WHERE name = ?1 AND is_contact = 1";
        if db.first(sql, [&row.name], |row| row.get(0))? != Some(1_u32) {
            return Ok(None);
        }
        row.conversation = db.first(PAIR_WITH, [&row.name], |row| row.get(0))?;
    }
    Ok(Some(rows))
}

impl Tx<'_> {
    /// What is committed now has been told once it was read: what changes from now on has another stamp.
    pub(crate) fn next_stamp(&self) -> Result<(), StoreError> {
        self.run(NEXT_STAMP, [])?;
        Ok(())
    }
}

pub(crate) const NEXT_STAMP: &str = "UPDATE stamp SET now = now + 1
    WHERE people = now OR person = now OR EXISTS (SELECT 1 FROM roll WHERE roll.stamp = stamp.now)";
