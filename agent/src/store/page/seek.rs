//! How rows of a conversation are sought: by place through the index, in either direction.

use rusqlite::{Connection, Row, params};

use super::{
    super::{
        ConversationId, InboxRow, MessageId, StoreError,
        inbox::{ROW, ROW_LEN, SHOWN, inbox_row},
        write::Query,
    },
    Place,
};

/// A row before what is looked up for it.
pub(super) struct Raw {
    pub(super) row: InboxRow,
    pub(super) place: Place,
    /// Membership version that its author saw; 0: not known.
    pub(super) version: u32,
    /// Whether it answers something, here or not.
    pub(super) answers: bool,
}

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    let inbox = inbox_row(row)?;
    let place = Place { c: row.get(ROW_LEN)?, id: inbox.id.0 };
    Ok(Raw { row: inbox, place, version: row.get(ROW_LEN + 1)?, answers: row.get(ROW_LEN + 2)? })
}

/// Which way from a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Towards the first row, without the one at the place.
    Back,
    /// Towards the last, without the one at the place.
    Forth,
}

/// Rows of conversation `?1` from the place `?2`, `?3` on, at most `?4`.
pub(crate) fn sql(way: Way) -> String {
    let (is, order) = match way {
        Way::Back => ("<", "m.place DESC, m.id DESC"),
        Way::Forth => (">", "m.place, m.id"),
    };
    format!(
        "SELECT {ROW}, m.place, m.version, m.reply_to IS NOT NULL OR m.reply_device IS NOT NULL FROM message m
        WHERE m.conversation = ?1 AND (m.place, m.id) {is} (?2, ?3) AND {SHOWN} ORDER BY {order} LIMIT ?4"
    )
}

/// The first row of conversation `?1` that was not read.
pub(crate) fn unread_sql() -> String {
    format!(
        "SELECT m.id, m.place FROM message m
        WHERE m.conversation = ?1 AND m.is_read = 0 AND m.is_deleted = 0 AND {SHOWN}
        ORDER BY m.place, m.id LIMIT 1"
    )
}

/// The last `limit` rows before a place, oldest first.
pub(super) fn back(
    db: &Connection,
    id: ConversationId,
    place: Place,
    limit: u32,
) -> Result<Vec<Raw>, StoreError> {
    let mut rows = db.all(&sql(Way::Back), params![id, place.c, place.id, limit], raw)?;
    rows.reverse();
    Ok(rows)
}

/// The first `limit` rows behind a place.
pub(super) fn forth(
    db: &Connection,
    id: ConversationId,
    place: Place,
    limit: u32,
) -> Result<Vec<Raw>, StoreError> {
    db.all(&sql(Way::Forth), params![id, place.c, place.id, limit], raw)
}

/// Whether there is anything beyond a place.
pub(super) fn is_any(
    db: &Connection,
    id: ConversationId,
    way: Way,
    place: Place,
) -> Result<bool, StoreError> {
    Ok(db.first(&sql(way), params![id, place.c, place.id, 1], |_| Ok(()))?.is_some())
}

/// The first and the last place that the relay gave in a conversation.
pub(super) fn span(db: &Connection, id: ConversationId) -> Result<Option<(u64, u64)>, StoreError> {
    let end = |way: Way, from: Place| -> Result<Option<i64>, StoreError> {
        db.first(&span_sql(way), params![id, from.c, from.id], |row| row.get(0))
    };
    let first = end(Way::Forth, Place::START)?;
    let last = end(Way::Back, Place { c: i64::MAX, id: i64::MIN })?;
    let given = |c: Option<i64>| Place { c: c?, id: 0 }.c();
    Ok(given(first).zip(given(last)))
}

/// The place next to a place, whatever row stands there.
pub(crate) fn span_sql(way: Way) -> String {
    let (is, order) = match way {
        Way::Back => ("<", "m.place DESC, m.id DESC"),
        Way::Forth => (">", "m.place, m.id"),
    };
    format!(
        "SELECT m.place FROM message m WHERE m.conversation = ?1 AND (m.place, m.id) {is} (?2, ?3) AND {SHOWN}
        ORDER BY {order} LIMIT 1"
    )
}

pub(super) fn place_of(
    db: &Connection,
    id: ConversationId,
    message: MessageId,
) -> Result<Place, StoreError> {
    let sql = "SELECT place FROM message WHERE id = ?1 AND conversation = ?2";
    let c = db.first(sql, params![message, id], |row| row.get(0))?;
    let c = c.ok_or_else(|| StoreError::NoSuchId(message.to_string()))?;
    Ok(Place { c, id: message.0 })
}

pub(super) fn first_unread(
    db: &Connection,
    id: ConversationId,
) -> Result<Option<(MessageId, Place)>, StoreError> {
    db.first(&unread_sql(), [id], |row| {
        let message: MessageId = row.get(0)?;
        Ok((message, Place { c: row.get(1)?, id: message.0 }))
    })
}

pub(super) fn unread(db: &Connection, id: ConversationId) -> Result<u64, StoreError> {
    let sql =
        "SELECT count(*) FROM message WHERE conversation = ?1 AND is_read = 0 AND is_deleted = 0";
    Ok(db.first(sql, [id], |row| row.get(0))?.unwrap_or_default())
}
