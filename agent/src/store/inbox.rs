//! Messages, requests and notices, as a person reads them.

use rusqlite::{Connection, Row, ToSql, params};
use wire::{Lane, Refusal};

use super::{
    Change, ConversationId, InboxRow, Kind, MessageId, MessageState, Reader, Store, StoreError,
    cause, conversations, reason,
    write::{Query, Tx},
};

/// Which rows to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inbox {
    /// Only what was not read.
    pub unread: bool,
    /// Only one conversation, in its order; else in the order of arrival.
    pub conversation: Option<ConversationId>,
    /// Only the newest so many.
    pub limit: Option<u32>,
    /// One's own messages too.
    pub all: bool,
}

pub(crate) const ROW: &str =
    "m.id, m.conversation, m.author, m.text, m.sent_at, m.received_at, m.shown_as, m.is_mine,
    m.is_read, m.is_edited, m.is_deleted, m.lane, m.state, m.reason, coalesce(m.reply_to,
        (SELECT r.id FROM message r WHERE r.device = m.reply_device AND r.n = m.reply_n),
        (SELECT r.id FROM alias a JOIN message r ON r.id = a.message
            WHERE a.device = m.reply_device AND a.n = m.reply_n AND r.conversation = m.conversation LIMIT 1)), m.refusal, m.notice";
/// Columns of it.
pub(crate) const ROW_LEN: usize = 17;
/// What only keeps the place of a message that has not come is not shown, unless its edit says something.
pub(crate) const SHOWN: &str = "(m.is_here = 1 OR (m.is_deleted = 0 AND m.text <> ''))";

impl Reader {
    /// Rows of the inbox, oldest first.
    ///
    /// # Errors
    /// [`StoreError::NoSuchId`] for a conversation that there is not, or what SQLite says.
    pub fn inbox(&self, which: &Inbox) -> Result<Vec<InboxRow>, StoreError> {
        self.read(|db| select(db, which))
    }

    /// One row, whoever wrote it.
    ///
    /// # Errors
    /// [`StoreError::NoSuchId`], or what SQLite says.
    pub fn message(&self, id: MessageId) -> Result<InboxRow, StoreError> {
        self.read(|db| {
            let row =
                db.first(&format!("SELECT {ROW} FROM message m WHERE m.id = ?1"), [id], inbox_row)?;
            row.ok_or_else(|| StoreError::NoSuchId(id.to_string()))
        })
    }
}

fn select(db: &Connection, which: &Inbox) -> Result<Vec<InboxRow>, StoreError> {
    let conversation = match which.conversation {
        None => None,
        Some(id) => Some(
            conversations::canonical(db, id)?
                .ok_or_else(|| StoreError::NoSuchId(id.to_string()))?,
        ),
    };
    // In a conversation everybody sees the relay's order, and what has no place in it yet behind.
    let order = match conversation {
        Some(_) => "m.c IS NULL DESC, m.c DESC, m.id DESC",
        None => "m.id DESC",
    };
    let sql = format!(
        "SELECT {ROW} FROM message m WHERE {SHOWN}
            AND (?1 IS NULL OR m.conversation = ?1) AND (?2 OR m.is_mine = 0)
            AND (NOT ?3 OR (m.is_read = 0 AND m.is_deleted = 0))
        ORDER BY {order} LIMIT ?4"
    );
    let limit = which.limit.map_or(-1, i64::from);
    let parameters: [&dyn ToSql; 4] = [&conversation, &which.all, &which.unread, &limit];
    let mut rows = db.all(&sql, parameters, inbox_row)?;
    rows.reverse();
    Ok(rows)
}

pub(crate) fn inbox_row(row: &Row<'_>) -> rusqlite::Result<InboxRow> {
    let mine: bool = row.get(7)?;
    let state = MessageState::from_number(row.get(12)?).filter(|_| mine);
    let refusal = Refusal::from(row.get::<_, u8>(15)?);
    let notice: String = row.get(16)?;
    Ok(InboxRow {
        id: row.get(0)?,
        conversation: row.get(1)?,
        from: row.get(2)?,
        text: row.get(3)?,
        sent_at: row.get(4)?,
        received_at: row.get(5)?,
        kind: Kind::from_number(row.get(6)?),
        mine,
        read: row.get(8)?,
        attachments: Vec::new(),
        edited: row.get(9)?,
        deleted: row.get(10)?,
        urgent: row.get::<_, u8>(11)? == Lane::Urgent.number(),
        reply_to: row.get(14)?,
        state,
        reason: row.get(13)?,
        refusal: reason::refusal_code(refusal).filter(|_| state == Some(MessageState::Refused)),
        notice: cause::read(&notice),
    })
}

impl Store {
    /// Notes that these were read; gives how many were not before. Others learn of it with the next visit, if they may.
    ///
    /// # Errors
    /// What SQLite and the disk say. Ids that there are not are passed over.
    pub fn mark_read(&self, ids: &[MessageId]) -> Result<usize, StoreError> {
        self.write(|tx| {
            let mut marked = 0;
            let mut touched = Vec::new();
            for id in ids {
                let sql = "UPDATE message SET is_read = 1 WHERE id = ?1 AND is_read = 0 RETURNING conversation";
                let Some(conversation) = tx.first(sql, [id], |row| row.get::<_, Option<ConversationId>>(0))? else {
                    continue;
                };
                marked += 1;
                tx.changed(Change::Message(*id));
                if let Some(conversation) = conversation.filter(|c| !touched.contains(c)) {
                    touched.push(conversation);
                }
            }
            touched.into_iter().try_for_each(|conversation| tx.move_marks(conversation))?;
            Ok(marked)
        })
    }
}

impl Tx<'_> {
    /// Moves the read marks of a conversation up to the first message that was not read. A mark says "up to here", so it
    /// never passes one.
    pub(crate) fn move_marks(&self, conversation: ConversationId) -> Result<(), StoreError> {
        for lane in [Lane::Urgent.number(), Lane::Ordinary.number()] {
            let first =
                self.first(FIRST_UNREAD, params![conversation, lane], |row| row.get::<_, i64>(0))?;
            let before = first.unwrap_or(i64::MAX);
            let last = self.first(LAST_READ, params![conversation, lane, before], |row| {
                row.get::<_, i64>(0)
            })?;
            if let Some(last) = last {
                self.run(
                    "INSERT INTO mark (conversation, lane, c) VALUES (?1, ?2, ?3)
                    ON CONFLICT (conversation, lane) DO UPDATE SET c = excluded.c WHERE c < excluded.c",
                    params![conversation, lane, last],
                )?;
            }
        }
        Ok(())
    }
}

/// The place of the first message of others in a lane that was not read. By the index of what was not read, which is
/// little, and not by that of lanes, which is all.
pub(crate) const FIRST_UNREAD: &str = "SELECT c FROM message INDEXED BY message_unread_in
    WHERE conversation = ?1 AND lane = ?2 AND is_read = 0 AND is_deleted = 0 AND is_mine = 0 AND shown_as = 1
        AND is_here = 1 AND place < 9223372036854775807 ORDER BY place, id LIMIT 1";
/// The place of the last message of others in a lane before a place.
pub(crate) const LAST_READ: &str = "SELECT c FROM message
    WHERE conversation = ?1 AND lane = ?2 AND c < ?3 AND is_mine = 0 AND shown_as = 1 AND is_here = 1
    ORDER BY c DESC LIMIT 1";
