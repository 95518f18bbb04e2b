//! Further names of messages. A message that may have arrived before the relay was put back, and that this relay refuses,
//! goes again under a new number and says under which name it went first: who has it has it once, under both names.
//!
//! What refers to such a message names it as it went first: everybody who has it finds it so, however it came to them.

use rusqlite::params;
use wire::{Delivery, Item, Name, kind};

use super::{
    Change, MessageId, MessageState, StoreError,
    apply::is_storable,
    write::{Query, Tx},
};

impl Tx<'_> {
    /// The message that has `name` beside that of its row: the account's, or of the device whose name it is.
    pub(crate) fn by_alias(
        &self,
        name: Name,
        account: u64,
    ) -> Result<Option<MessageId>, StoreError> {
        let sql = "SELECT m.id FROM alias a JOIN message m ON m.id = a.message
            WHERE a.device = ?1 AND a.n = ?2 AND (m.account = ?3 OR m.device = a.device)";
        self.first(sql, params![name.device, name.n, account], |row| row.get(0))
    }

    /// A further name of a message; `is_first` where it went under this one before that of its row.
    pub(crate) fn add_alias(
        &self,
        name: Name,
        id: MessageId,
        is_first: bool,
    ) -> Result<(), StoreError> {
        let sql = "INSERT OR IGNORE INTO alias (device, n, message, is_first)
            SELECT ?1, ?2, id, ?4 FROM message WHERE id = ?3 AND (device IS NOT ?1 OR n IS NOT ?2)";
        self.run(sql, params![name.device, name.n, id, is_first])?;
        Ok(())
    }

    /// The name under which a message went first, which is the one to refer to; `None` while it has none.
    pub(crate) fn first_name(&self, id: MessageId) -> Result<Option<Name>, StoreError> {
        let sql = "SELECT coalesce(a.device, m.device), coalesce(a.n, m.n) FROM message m
            LEFT JOIN alias a ON a.message = m.id AND a.is_first = 1
            WHERE m.id = ?1 AND coalesce(a.device, m.device) IS NOT NULL";
        self.first(sql, [id], |row| Ok(Name { device: row.get(0)?, n: row.get(1)? }))
    }

    /// Whether what is delivered is here under another name; then its place and its name are noted. The text decides too:
    /// two stores that spoke as one device may have given one name to different messages.
    pub(crate) fn is_here_otherwise(
        &self,
        delivery: &Delivery,
        item: Option<&Item>,
    ) -> Result<bool, StoreError> {
        let (former, said) = match item {
            Some(Item::Again { former, format: 0, content, .. }) => {
                (Some(*former).filter(|name| is_name(*name)), &content[..])
            }
            Some(Item::Message { format: 0, content, .. }) => (None, &content[..]),
            Some(Item::Text(text)) => (None, text.as_bytes()),
            Some(Item::Void) => (None, &[][..]),
            _ => return Ok(false),
        };
        let Ok(said) = std::str::from_utf8(said) else { return Ok(false) };
        let sql = "SELECT m.id FROM message m
            WHERE (m.device = ?1 AND m.n = ?2
                OR m.id IN (SELECT a.message FROM alias a WHERE a.device = ?1 AND a.n = ?2))
                AND m.is_here = 1 AND m.account = ?3 AND (m.base = ?4 OR m.is_deleted = 1 OR ?5)";
        for name in [Some(delivery.name()), former].into_iter().flatten() {
            let is_void = delivery.kind == kind::VOID;
            let wanted = params![name.device, name.n, delivery.account, said, is_void];
            if let Some(id) = self.first(sql, wanted, |row| row.get(0))? {
                self.came_again(delivery, id, said)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn came_again(&self, delivery: &Delivery, id: MessageId, said: &str) -> Result<(), StoreError> {
        self.add_alias(delivery.name(), id, false)?;
        self.absorb(delivery.name(), delivery, id)?;
        let sql = "UPDATE message SET c = ?2 WHERE id = ?1 AND coalesce(c, 0) < ?2";
        if self.run(sql, params![id, delivery.c])? != 0 {
            self.changed(Change::Message(id));
        }
        if delivery.account == self.me.account {
            let sql = "SELECT conversation, sent_at FROM message WHERE id = ?1 AND conversation IS NOT NULL";
            if let Some((conversation, sent_at)) =
                self.first(sql, [id], |row| Ok((row.get(0)?, row.get(1)?)))?
            {
                self.note_sent_elsewhere(conversation, said, sent_at)?;
            }
        }
        Ok(())
    }

    /// A row that kept the place of `name` was for this message: what was said of it is. Whose name it is, is known of the
    /// author's device alone; of another one it is what that row says.
    pub(crate) fn absorb(
        &self,
        name: Name,
        delivery: &Delivery,
        id: MessageId,
    ) -> Result<(), StoreError> {
        let sql = "SELECT id FROM message
            WHERE device = ?1 AND n = ?2 AND is_here = 0 AND (account = ?3 OR ?1 = ?4)";
        let whose = params![name.device, name.n, delivery.account, delivery.author];
        let place = self.first(sql, whose, |row| row.get(0))?;
        let Some(place) = place.filter(|place: &MessageId| *place != id) else { return Ok(()) };
        let of_both = params![place, id];
        self.run("UPDATE amendment SET message = ?2 WHERE message = ?1", of_both)?;
        self.run("UPDATE item SET target = ?2 WHERE target = ?1", of_both)?;
        self.run("UPDATE message SET reply_to = ?2 WHERE reply_to = ?1", of_both)?;
        self.run(
            "UPDATE message SET state = ?3, reason = (SELECT reason FROM message WHERE id = ?1)
            WHERE id = ?2 AND is_mine = 1 AND state < ?3
                AND (SELECT state FROM message WHERE id = ?1) = ?3",
            params![place, id, MessageState::Expired.number()],
        )?;
        self.run("DELETE FROM message WHERE id = ?1", [place])?;
        self.changed(Change::Message(place));
        self.changed(Change::Message(id));
        self.show_amended(id)
    }
}

pub(crate) fn is_name(name: Name) -> bool {
    is_storable(name.device) && is_storable(name.n)
}
