//! Edits and deletions: kept each by itself, and what a message shows worked out from them. So it does not matter in
//! which order they come, nor whether the message comes before them, after them or never.

use rusqlite::params;
use wire::{Name, kind};

use super::{
    Change, ConversationId, Kind, MessageId, StoreError, people,
    write::{Query, Tx},
};

/// An edit or deletion that has come.
pub(crate) struct Amendment<'a> {
    pub(crate) name: Name,
    pub(crate) account: u64,
    pub(crate) conversation: ConversationId,
    pub(crate) lane: u8,
    pub(crate) target: Name,
    pub(crate) kind: u8,
    pub(crate) c: u64,
    pub(crate) text: &'a str,
    pub(crate) sent_at: i64,
}

impl Tx<'_> {
    /// Stores an amendment, and shows what follows from it.
    pub(crate) fn amended(&self, amendment: &Amendment<'_>) -> Result<(), StoreError> {
        let Some(message) = self.message_or_place(amendment)? else {
            // Deleted here with all that belongs to it.
            return self.note_gone(amendment.name);
        };
        let Amendment { name, account, kind, c, text, .. } = amendment;
        self.run(
            "INSERT INTO amendment (device, n, message, account, kind, c, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![name.device, name.n, message, account, kind, c, text],
        )?;
        self.show_amended(message)
    }

    /// Works out anew what a message shows: a deletion if its author's account made one, else the last edit by place in
    /// the conversation. Our own that has no place yet is newer than all that has.
    pub(crate) fn show_amended(&self, id: MessageId) -> Result<(), StoreError> {
        // While the message itself is missing, whoever speaks of it is taken for its author.
        let sql = "SELECT a.kind, a.text, a.account, a.c IS NOT NULL FROM amendment a JOIN message m ON m.id = a.message
            WHERE a.message = ?1 AND (m.is_here = 0 OR a.account = m.account)
            ORDER BY a.kind = 4 DESC, a.c IS NOT NULL, a.c DESC, a.id DESC LIMIT 1";
        let last = self.first(sql, [id], |row| {
            Ok((
                row.get::<_, u8>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, u64>(2)?,
                row.get::<_, bool>(3)?,
            ))
        })?;
        let shown = match &last {
            None => self.run(
                // Of kind Void is what its author took back before it came here.
                "UPDATE message SET text = base, is_edited = 0, is_deleted = (kind = 12)
                WHERE id = ?1 AND (text <> base OR is_edited OR is_deleted <> (kind = 12))",
                [id],
            )?,
            Some((kind, text, account, _)) => {
                let is_deleted = *kind == kind::DELETE;
                let author = people::name_of(self, *account)?;
                self.run(
                    "UPDATE message SET text = ?2, is_edited = ?3, is_deleted = ?4,
                        account = CASE is_here WHEN 0 THEN ?5 ELSE account END,
                        author = CASE is_here WHEN 0 THEN ?6 ELSE author END
                    WHERE id = ?1",
                    params![id, text, !is_deleted, is_deleted, account, author],
                )?
            }
        };
        if let Some((kind::DELETE, .., true)) = last {
            self.forget_texts(id)?;
        }
        if shown != 0 {
            self.changed(Change::Message(id));
        }
        Ok(())
    }

    /// What was taken back, and everyone knows it, is kept nowhere here.
    fn forget_texts(&self, id: MessageId) -> Result<(), StoreError> {
        self.run("UPDATE message SET base = '' WHERE id = ?1 AND is_here = 1", [id])?;
        self.run(
            "UPDATE amendment SET text = '' WHERE message = ?1 AND c IS NOT NULL AND text <> ''
                AND account = (SELECT account FROM message WHERE id = ?1 AND is_here = 1)",
            [id],
        )?;
        Ok(())
    }

    /// The amended message, or a row that keeps its place until it comes; `None` where it was here and is gone.
    fn message_or_place(&self, amendment: &Amendment<'_>) -> Result<Option<MessageId>, StoreError> {
        let Amendment { account, conversation, lane, target, sent_at, .. } = amendment;
        let sql = "SELECT id FROM message WHERE device = ?1 AND n = ?2";
        if let Some(id) = self.first(sql, params![target.device, target.n], |row| row.get(0))? {
            return Ok(Some(id));
        }
        if let Some(id) = self.by_alias(*target, *account)? {
            return Ok(Some(id));
        }
        // Of our own nothing is still to come.
        if target.device == self.me.device || self.is_gone(*target)? {
            return Ok(None);
        }
        let is_mine = *account == self.me.account;
        let author = people::name_of(self, *account)?;
        let id = self.insert(
            "INSERT INTO message (conversation, device, n, shown_as, is_mine, account, author, lane, is_here, base,
                text, sent_at, received_at, is_read) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, '', '', ?9, ?10, 1)",
            params![
                conversation,
                target.device,
                target.n,
                Kind::Message.number(),
                is_mine,
                account,
                author,
                lane,
                sent_at,
                self.now
            ],
        )?;
        Ok(Some(MessageId(id)))
    }

    pub(crate) fn is_gone(&self, name: Name) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM gone WHERE device = ?1 AND n = ?2";
        Ok(self.first(sql, params![name.device, name.n], |_| Ok(()))?.is_some())
    }

    /// Keeps a name of which nothing else is kept.
    pub(crate) fn note_gone(&self, name: Name) -> Result<(), StoreError> {
        self.run(
            "INSERT OR IGNORE INTO gone (device, n) VALUES (?1, ?2)",
            params![name.device, name.n],
        )?;
        Ok(())
    }
}
