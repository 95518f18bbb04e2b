//! A stretch of one conversation, wherever in it: what a window shows of it at a time.
//!
//! Rows stand in the relay's order, and what has no place in it yet stands behind. A stretch is sought by [`Place`], never
//! by counting rows, so it costs the same everywhere; a place stays good when its row is gone.

mod reached;
mod seek;

use rusqlite::Connection;
use serde::Serialize;

pub use self::reached::Reached;
use self::seek::{Raw, Way, back, first_unread, forth, place_of, unread};
#[cfg(test)]
pub(crate) use self::seek::{Way as Direction, span_sql, sql, unread_sql};
use super::{
    ConversationId, InboxRow, MessageId, Prospect, Reader, StoreError, conversations, inbox::SHOWN,
    prospect::Forecast, write::Query,
};
use crate::estimate::Departures;

/// Rows of a page at most.
pub const PAGE_MAX: u32 = 1_000;
/// Characters that are given of what a reply answers.
const ANSWERED_CHARS_MAX: usize = 200;

/// Where a row stands in its conversation; later is greater. What has no place there yet is behind all that has one, so
/// a row's place changes when the relay has given it one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    c: i64,
    id: i64,
}

impl Place {
    /// Before everything.
    pub const START: Self = Self { c: i64::MIN, id: i64::MIN };
    /// Behind everything.
    pub const END: Self = Self { c: i64::MAX, id: i64::MAX };

    /// Just before what the relay gave this place ([`Self::c`]).
    #[must_use]
    pub fn near(c: u64) -> Self {
        Self { c: i64::try_from(c).unwrap_or(i64::MAX), id: i64::MIN }
    }

    fn next(self) -> Self {
        Self { id: self.id.saturating_add(1), ..self }
    }

    fn previous(self) -> Self {
        Self { id: self.id.saturating_sub(1), ..self }
    }

    /// The place that the relay gave; `None` while there is none. It counts what was said, edits included.
    #[must_use]
    pub fn c(self) -> Option<u64> {
        (0..i64::MAX).contains(&self.c).then_some(self.c.unsigned_abs())
    }
}

/// Which rows of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The last ones.
    Newest,
    /// Those just before a place.
    Before(Place),
    /// Those just behind a place.
    After(Place),
    /// Half of them before a message, then itself and those behind it.
    Around(MessageId),
    /// Half of them before a place of the relay's count ([`Place::c`]), then those from there on.
    Near(u64),
    /// A third of them before the first that was not read, then itself and those behind it; the last ones where all were.
    Unread,
}

/// A stretch of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Of which; another than was asked for where that was merged into it.
    pub conversation: ConversationId,
    /// The rows, oldest first.
    pub rows: Vec<PageRow>,
    /// Whether there are rows before these.
    pub earlier: bool,
    /// Whether there are rows behind these.
    pub later: bool,
    /// The first row of the conversation that was not read.
    pub first_unread: Option<(MessageId, Place)>,
    /// How many were not read.
    pub unread: u64,
    /// The first and the last place that the relay gave in the whole conversation ([`Place::c`]): what a scroll bar
    /// is drawn by. `None` while it gave none.
    pub span: Option<(u64, u64)>,
}

/// A row of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRow {
    /// What `inbox` says of it.
    pub row: InboxRow,
    /// Where it stands.
    pub place: Place,
    /// What it answers.
    pub answers: Option<Answered>,
    /// What becomes of it, of one's own that is held, queued or at the relay.
    pub prospect: Option<Prospect>,
    /// How many have it, of one's own that is at the relay or further.
    pub reached: Option<Reached>,
}

/// The message that a reply answers, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It is not here.
    Missing,
    /// It is here.
    Here {
        /// Its row.
        id: MessageId,
        /// Name of its author's account.
        from: String,
        /// Whether that is ours.
        mine: bool,
        /// Its first 200 characters; empty once deleted.
        text: String,
        /// Whether its author took it back.
        deleted: bool,
    },
}

impl Reader {
    /// Up to `limit` rows of a conversation (at most [`PAGE_MAX`]). `departures` are the calls that the agent plans
    /// ([`control::departures`](crate::control::departures)), for what waits here.
    ///
    /// # Errors
    /// [`StoreError::NoSuchId`] where there is no such conversation, or no such message in it; or what SQLite says.
    pub fn page(
        &self,
        conversation: ConversationId,
        at: At,
        limit: u32,
        departures: &Departures,
    ) -> Result<Page, StoreError> {
        let limit = limit.min(PAGE_MAX);
        self.read(|db| {
            let unknown = || StoreError::NoSuchId(conversation.to_string());
            let id = conversations::canonical(db, conversation)?.ok_or_else(unknown)?;
            let first_unread = first_unread(db, id)?;
            let (rows, edge) = stretch(db, id, at, limit, first_unread)?;
            let (first, last) = match (rows.first(), rows.last()) {
                (Some(first), Some(last)) => (first.place, last.place),
                _ => (edge, edge),
            };
            // Of an empty stretch what stands at its edge lies on the side from which it was sought.
            let (first, last) = match at {
                _ if !rows.is_empty() => (first, last),
                At::After(_) => (edge.next(), edge),
                _ => (edge, edge.previous()),
            };
            let mut page = Page {
                conversation: id,
                earlier: seek::is_any(db, id, Way::Back, first)?,
                later: seek::is_any(db, id, Way::Forth, last)?,
                rows: Vec::with_capacity(rows.len()),
                first_unread,
                unread: unread(db, id)?,
                span: seek::span(db, id)?,
            };
            let mut forecast = Forecast::new(db, &self.zone, self.clock.now(), departures);
            let mut reach = reached::Reach::new(db, id);
            for raw in rows {
                page.rows.push(PageRow {
                    answers: answered(db, &raw)?,
                    prospect: forecast.of_row(&raw.row)?,
                    reached: reach.of(&raw)?,
                    place: raw.place,
                    row: raw.row,
                });
            }
            Ok(page)
        })
    }

    /// One row as a page has it.
    ///
    /// # Errors
    /// [`StoreError::NoSuchId`] where it is not in a conversation, or what SQLite says.
    pub fn page_row(&self, id: MessageId, departures: &Departures) -> Result<PageRow, StoreError> {
        let unknown = || StoreError::NoSuchId(id.to_string());
        let conversation = self.message(id)?.conversation.ok_or_else(unknown)?;
        let page = self.page(conversation, At::Around(id), 1, departures)?;
        page.rows.into_iter().find(|found| found.row.id == id).ok_or_else(unknown)
    }
}

/// The rows, and the place at which they were sought.
fn stretch(
    db: &Connection,
    id: ConversationId,
    at: At,
    limit: u32,
    first_unread: Option<(MessageId, Place)>,
) -> Result<(Vec<Raw>, Place), StoreError> {
    let (place, before) = match (at, first_unread) {
        (At::Newest, _) | (At::Unread, None) => {
            return Ok((back(db, id, Place::END, limit)?, Place::END));
        }
        (At::Before(place), _) => return Ok((back(db, id, place, limit)?, place)),
        (At::After(place), _) => return Ok((forth(db, id, place, limit)?, place)),
        (At::Around(message), _) => (place_of(db, id, message)?, limit / 2),
        (At::Near(c), _) => (Place::near(c), limit / 2),
        (At::Unread, Some((_, place))) => (place, limit / 3),
    };
    let rows = |count: u32, of: &[Raw]| count - u32::try_from(of.len()).unwrap_or(count).min(count);
    let mut earlier = back(db, id, place, before)?;
    let later = forth(db, id, place.previous(), rows(limit, &earlier))?;
    if rows(limit - before, &later) != 0 {
        earlier = back(db, id, place, rows(limit, &later))?;
    }
    earlier.extend(later);
    Ok((earlier, place))
}

fn answered(db: &Connection, raw: &Raw) -> Result<Option<Answered>, StoreError> {
    let Some(id) = raw.row.reply_to else {
        return Ok(raw.answers.then_some(Answered::Missing));
    };
    let sql = format!(
        "SELECT author, is_mine, substr(text, 1, {ANSWERED_CHARS_MAX}), is_deleted FROM message m
        WHERE m.id = ?1 AND {SHOWN}"
    );
    let here = db.first(&sql, [id], |row| {
        let (from, mine) = (row.get(0)?, row.get(1)?);
        Ok(Answered::Here { id, from, mine, text: row.get(2)?, deleted: row.get(3)? })
    })?;
    Ok(Some(here.unwrap_or(Answered::Missing)))
}
