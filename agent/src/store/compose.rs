//! Writing: durable here before it is shown, whatever the link does.

use rusqlite::params;
use wire::{Item, Lane, kind, limits::ENVELOPE_DEFAULT};

use super::{
    Change, ConversationId, MessageId, MessageState, OutboxId, Sent, Store, StoreError,
    conversations::{self, Chat},
    queue::{NewItem, why_target_waits},
    write::{Query, Tx},
};

/// How a message is to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compose {
    /// Before all that is not urgent.
    pub urgent: bool,
    /// Seconds after which it need not be delivered any more; 0 is the relay's default.
    pub lifetime_s: u32,
}

/// What the store needs of a message to answer, edit or delete it.
pub(crate) struct Written {
    conversation: ConversationId,
    is_mine: bool,
    lane: u8,
    is_deleted: bool,
    has_name: bool,
    state: Option<MessageState>,
}

impl Store {
    /// Composes a text. It is held with a reason while nobody has joined the conversation.
    ///
    /// # Errors
    /// [`StoreError::Empty`], [`StoreError::TooLong`], [`StoreError::NoSuchId`], [`StoreError::Unfit`] in a
    /// conversation that is over, [`StoreError::NotLoggedIn`], or what SQLite and the disk say.
    pub fn send(&self, to: ConversationId, text: &str, how: Compose) -> Result<Sent, StoreError> {
        self.write(|tx| tx.compose(to, text, None, how))
    }

    /// Composes an answer to a message, in its conversation.
    ///
    /// # Errors
    /// As [`Store::send`].
    pub fn reply(&self, to: MessageId, text: &str, how: Compose) -> Result<Sent, StoreError> {
        self.write(|tx| {
            let target = tx.written(to)?;
            tx.compose(target.conversation, text, Some(to), how)
        })
    }

    /// Puts new text in place of one of our own messages: at once where it has not left, else by an item that follows
    /// it.
    ///
    /// # Errors
    /// As [`Store::send`]; [`StoreError::NotYours`], and [`StoreError::Unfit`] for what was deleted or refused.
    pub fn edit(&self, id: MessageId, text: &str) -> Result<Sent, StoreError> {
        self.write(|tx| {
            let target = tx.own(id)?;
            match tx.item_of(id)? {
                Some(item) if item.is_ours_alone() => tx.rewrite(id, text),
                _ => tx.amend(id, &target, kind::EDIT, text),
            }
        })
    }

    /// Takes one of our own messages back: it is simply gone where it has not left, else an item follows it.
    ///
    /// # Errors
    /// As [`Store::edit`].
    pub fn delete(&self, id: MessageId) -> Result<Option<Sent>, StoreError> {
        self.write(|tx| {
            let target = tx.own(id)?;
            match tx.item_of(id)? {
                Some(item) if item.is_ours_alone() => {
                    tx.drop_message(id)?;
                    Ok(None)
                }
                _ => tx.amend(id, &target, kind::DELETE, "").map(Some),
            }
        })
    }
}

impl Tx<'_> {
    pub(crate) fn compose(
        &self,
        to: ConversationId,
        text: &str,
        reply_to: Option<MessageId>,
        how: Compose,
    ) -> Result<Sent, StoreError> {
        self.logged_in()?;
        self.check_text(text)?;
        let chat = conversations::load(self, to)?;
        self.check_open(&chat)?;
        let waits = self.why_wait(&chat)?;
        let message = self.insert_own(&chat, text, reply_to, how, waits.as_deref())?;
        let item = NewItem {
            conversation: Some(chat.id),
            message: Some(message),
            kind: if reply_to.is_some() { kind::MESSAGE } else { kind::TEXT },
            is_urgent: how.urgent,
            target: reply_to,
            version: chat.version,
            lifetime_s: how.lifetime_s,
            waits,
            ..NewItem::default()
        };
        let sent = self.enqueue_behind(&item)?;
        self.changed(Change::Arrived(message));
        Ok(sent)
    }

    /// Puts an item in the queue; it waits for what it refers to.
    fn enqueue_behind(&self, item: &NewItem<'_>) -> Result<Sent, StoreError> {
        let mut sent = self.enqueue(item)?;
        if let (MessageState::Queued, Some(reason)) =
            (sent.state, why_target_waits(self, item.target)?)
        {
            (sent.state, sent.reason) = (MessageState::Held, reason);
        }
        Ok(sent)
    }

    fn insert_own(
        &self,
        chat: &Chat,
        text: &str,
        reply_to: Option<MessageId>,
        how: Compose,
        waits: Option<&str>,
    ) -> Result<MessageId, StoreError> {
        let lane = if how.urgent { Lane::Urgent } else { Lane::Ordinary };
        let shown = if waits.is_some() { MessageState::Held } else { MessageState::Queued };
        let id = self.insert(
            "INSERT INTO message (conversation, shown_as, kind, is_mine, account, author, lane, version, is_here, base,
                text, reply_to, sent_at, received_at, is_read, state, reason)
            VALUES (?1, 1, ?2, 1, ?3, ?4, ?5, ?6, 1, ?7, ?7, ?8, ?9, ?9, 1, ?10, ?11)",
            params![
                chat.id,
                if reply_to.is_some() { kind::MESSAGE } else { kind::TEXT },
                self.me.account,
                self.me.name,
                lane.number(),
                chat.version,
                text,
                reply_to,
                self.now,
                shown.number(),
                waits.unwrap_or_default()
            ],
        )?;
        Ok(MessageId(id))
    }

    /// New text for a message that has not left.
    pub(crate) fn rewrite(&self, id: MessageId, text: &str) -> Result<Sent, StoreError> {
        self.check_text(text)?;
        self.run("UPDATE message SET base = ?2, text = ?2 WHERE id = ?1", params![id, text])?;
        self.changed(Change::Message(id));
        self.changed(Change::Outbox);
        let written = self.written(id)?;
        let reason =
            self.first("SELECT reason FROM message WHERE id = ?1", [id], |row| row.get(0))?;
        Ok(Sent {
            id: Some(OutboxId::Message(id)),
            conversation: Some(written.conversation),
            state: written.state.unwrap_or(MessageState::Queued),
            reason: reason.unwrap_or_default(),
        })
    }

    /// An edit or deletion that follows its message; it shows at once.
    pub(crate) fn amend(
        &self,
        id: MessageId,
        target: &Written,
        kind: u8,
        text: &str,
    ) -> Result<Sent, StoreError> {
        if kind == kind::EDIT {
            self.check_text(text)?;
        }
        let is_lost = !target.has_name || target.state == Some(MessageState::Refused);
        if is_lost {
            return Err(StoreError::Unfit(format!(
                "{id} was not sent: send its text again instead"
            )));
        }
        let amendment = self.insert(
            "INSERT INTO amendment (message, account, kind, text) VALUES (?1, ?2, ?3, ?4)",
            params![id, self.me.account, kind, text],
        )?;
        self.show_amended(id)?;
        let chat = conversations::load(self, target.conversation)?;
        self.enqueue_behind(&NewItem {
            conversation: Some(chat.id),
            amendment: Some(amendment),
            kind,
            // In the lane of its target: an edit never overtakes what it edits.
            is_urgent: target.lane == Lane::Urgent.number(),
            target: Some(id),
            version: chat.version,
            waits: self.why_wait(&chat)?,
            ..NewItem::default()
        })
    }

    pub(crate) fn check_text(&self, text: &str) -> Result<(), StoreError> {
        /// What the header of an edit, or of a reply that goes again, takes at most.
        const HEADER_MAX: usize = 40;
        if text.trim().is_empty() {
            return Err(StoreError::Empty { what: "the message" });
        }
        let known = self.position()?.limits.envelope_max as usize;
        let max = if known == 0 { ENVELOPE_DEFAULT } else { known }.saturating_sub(HEADER_MAX);
        match Item::Text(text.to_owned()).body().len() {
            len if max < len => {
                Err(StoreError::TooLong { what: "the message", len, max, unit: "bytes" })
            }
            _ => Ok(()),
        }
    }

    fn check_open(&self, chat: &Chat) -> Result<(), StoreError> {
        let leaves =
            self.has_waiting(chat.id, kind::LEAVE)? || self.has_waiting(chat.id, kind::DECLINE)?;
        let is_over = chat.is_over() && !self.has_waiting(chat.id, kind::REQUEST)?;
        if leaves || is_over {
            let words = "you are not in this conversation any more: ask to chat again first";
            return Err(StoreError::Unfit(words.to_owned()));
        }
        Ok(())
    }

    fn written(&self, id: MessageId) -> Result<Written, StoreError> {
        let sql =
            "SELECT conversation, is_mine, lane, is_deleted, device IS NOT NULL, state FROM message
            WHERE id = ?1 AND shown_as = 1 AND conversation IS NOT NULL";
        let written = self.first(sql, [id], |row| {
            Ok(Written {
                conversation: row.get(0)?,
                is_mine: row.get(1)?,
                lane: row.get(2)?,
                is_deleted: row.get(3)?,
                has_name: row.get(4)?,
                state: MessageState::from_number(row.get(5)?),
            })
        })?;
        written.ok_or_else(|| StoreError::NoSuchId(id.to_string()))
    }

    pub(crate) fn own(&self, id: MessageId) -> Result<Written, StoreError> {
        self.logged_in()?;
        match self.written(id)? {
            written if !written.is_mine => Err(StoreError::NotYours(id.to_string())),
            written if written.is_deleted => Err(StoreError::Unfit(format!("{id} was deleted"))),
            written => Ok(written),
        }
    }

    /// Forgets a message of ours that never left, or that the relay refused.
    pub(crate) fn drop_message(&self, id: MessageId) -> Result<(), StoreError> {
        self.run("UPDATE item SET target = NULL WHERE target = ?1 AND message IS NOT NULL", [id])?;
        // What was put into a request keeps its number, whatever it changes.
        self.run(
            "UPDATE item SET target = NULL, amendment = NULL WHERE target = ?1 AND state = 2",
            [id],
        )?;
        self.run("DELETE FROM item WHERE message = ?1 OR target = ?1", [id])?;
        self.run("DELETE FROM amendment WHERE message = ?1", [id])?;
        self.run("UPDATE message SET reply_to = NULL WHERE reply_to = ?1", [id])?;
        self.run("DELETE FROM alias WHERE message = ?1", [id])?;
        self.run("DELETE FROM message WHERE id = ?1", [id])?;
        self.changed(Change::Message(id));
        self.changed(Change::Outbox);
        Ok(())
    }
}
