//! Messages whose time is over before they were delivered.

use rusqlite::params;

use super::{
    Change, MessageId, MessageState, Notice, Reader, Reason, Store, StoreError,
    clock::age_s,
    item::{ITEM, ItemRow, item_row},
    write::{Query, Tx},
};

/// Characters of a message that a notice about it quotes.
const QUOTED: usize = 40;

impl Store {
    /// Ends what has lain here for longer than its lifetime, and tells its author; gives how many messages. Nothing is
    /// left to do for the relay, which ends what it has itself.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn lapse(&self) -> Result<usize, StoreError> {
        self.write(|tx| tx.lapse())
    }
}

impl Reader {
    /// When the time of something that lies here is over next, in seconds since 1970.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn next_lapse(&self) -> Result<Option<i64>, StoreError> {
        let sql =
            "SELECT min(composed_at + lifetime_s) FROM item WHERE lifetime_s <> 0 AND state < 2";
        self.read(|db| Ok(db.first(sql, [], |row| row.get(0))?.flatten()))
    }
}

impl Tx<'_> {
    pub(crate) fn lapse(&self) -> Result<usize, StoreError> {
        let sql = format!(
            "SELECT {ITEM} FROM item WHERE lifetime_s <> 0 AND state < 2 AND composed_at + lifetime_s <= ?1 ORDER BY id"
        );
        let over = self.all(&sql, [self.now], item_row)?;
        // A clock that was set is no reason.
        let over = over.iter().filter(|item| self.is_over(item));
        let mut count = 0;
        for item in over {
            count += usize::from(self.lapse_one(item)?);
        }
        Ok(count)
    }

    /// Whether an item has a lifetime of its own, and that is over.
    pub(crate) fn is_over(&self, item: &ItemRow) -> bool {
        item.lifetime_s != 0 && item.lifetime_s <= age_s(item.composed_at, self.now)
    }

    fn lapse_one(&self, item: &ItemRow) -> Result<bool, StoreError> {
        let Some(message) = item.message else { return Ok(false) };
        let words = &Reason::TimeOver.to_string()[..];
        let sql =
            "UPDATE item SET state = 4, hold = 0, reason = ?2, answered_at = ?3 WHERE id = ?1";
        self.run(sql, params![item.id, words, self.now])?;
        let sql = "UPDATE message SET state = ?2, reason = ?3 WHERE id = ?1";
        self.run(sql, params![message, MessageState::Expired.number(), words])?;
        self.changed(Change::Message(message));
        self.changed(Change::Outbox);
        self.tell_lapsed(message, words)?;
        Ok(true)
    }

    /// Tells the author of a message with a lifetime of its own that it came to nothing; once.
    pub(crate) fn tell_lapsed(&self, message: MessageId, words: &str) -> Result<(), StoreError> {
        let sql = "SELECT m.conversation, m.text FROM message m JOIN item ON item.message = m.id
            WHERE m.id = ?1 AND item.lifetime_s <> 0";
        let Some((conversation, text)) =
            self.first(sql, [message], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?
        else {
            return Ok(());
        };
        let quoted: String = text.chars().take(QUOTED).collect();
        let more = if quoted.len() < text.len() { "…" } else { "" };
        let said = format!("Not delivered: \u{201c}{quoted}{more}\u{201d} ({message}): {words}.");
        let text = format!("{quoted}{more}");
        let (message_id, why) = (message.to_string(), words.to_owned());
        let notice = Notice::NotDelivered { message: message_id, text, why };
        self.notice(conversation, &said, &notice)?;
        // The notice says it.
        self.run("UPDATE message SET is_told = 1 WHERE id = ?1", [message])?;
        Ok(())
    }
}
