//! Our own items while they wait: what goes, what is held, and why.

use rusqlite::{Connection, params};
use wire::{Item, MemberState, kind};

use super::{
    Change, ConversationId, ItemId, MessageId, MessageState, OutboxId, Reason, Sent, StoreError,
    conversations::{self, ASKING, Chat},
    item::{ITEM, ItemRow, hold, item_row, state},
    write::{Query, Tx},
};

/// An item to be put in the queue.
#[derive(Debug, Default)]
pub(crate) struct NewItem<'a> {
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) message: Option<MessageId>,
    pub(crate) amendment: Option<i64>,
    pub(crate) kind: u8,
    pub(crate) is_urgent: bool,
    pub(crate) text: &'a str,
    pub(crate) title: &'a str,
    pub(crate) names: &'a [String],
    pub(crate) target: Option<MessageId>,
    pub(crate) version: u32,
    pub(crate) lifetime_s: u32,
    /// Why it cannot go yet.
    pub(crate) waits: Option<String>,
}

/// Sending order: what changes conversations, then what is urgent, then the rest. Leaving waits its turn behind what was
/// said before it.
fn class(kind: u8, is_urgent: bool) -> u8 {
    match kind {
        kind::REQUEST
        | kind::ACCEPT
        | kind::DECLINE
        | kind::WITHDRAW
        | kind::ADD
        | kind::RENAME
        | kind::BLOCK => 0,
        _ if is_urgent => 1,
        _ => 2,
    }
}

impl Tx<'_> {
    /// Puts an item in the queue, or holds it.
    pub(crate) fn enqueue(&self, item: &NewItem<'_>) -> Result<Sent, StoreError> {
        let (state, hold) = match item.waits {
            None => (state::QUEUED, hold::NONE),
            Some(_) => (state::HELD, hold::ACCEPTANCE),
        };
        let reason = item.waits.clone().unwrap_or_default();
        let id = self.insert(
            "INSERT INTO item (conversation, message, amendment, kind, class, is_urgent, text, title, names, target,
                version, composed_at, lifetime_s, state, hold, reason)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            params![
                item.conversation,
                item.message,
                item.amendment,
                item.kind,
                class(item.kind, item.is_urgent),
                item.is_urgent,
                item.text,
                item.title,
                conversations::names_json(item.names),
                item.target,
                item.version,
                self.now,
                item.lifetime_s,
                state,
                hold,
                reason
            ],
        )?;
        self.changed(Change::Outbox);
        Ok(Sent {
            id: Some(item.message.map_or(OutboxId::Item(ItemId(id)), OutboxId::Message)),
            conversation: item.conversation,
            state: if item.waits.is_some() { MessageState::Held } else { MessageState::Queued },
            reason,
        })
    }

    /// What stands against sending a message in a conversation now; `None` if it can go.
    pub(crate) fn why_wait(&self, chat: &Chat) -> Result<Option<String>, StoreError> {
        let is_asking =
            chat.mine == ASKING || (chat.is_over() && self.has_waiting(chat.id, kind::REQUEST)?);
        if is_asking {
            let whom = conversations::addressee(self, chat)?;
            return Ok(Some(Reason::UntilAccepts(whom).to_string()));
        }
        if chat.is_invited() {
            // The acceptance goes first, in the same request if need be; asking back accepts too.
            let accepts = self.has_waiting(chat.id, kind::ACCEPT)?
                || self.has_waiting(chat.id, kind::REQUEST)?;
            return Ok((!accepts).then(|| Reason::UntilYouAccept.to_string()));
        }
        if !chat.is_member() {
            return Ok(Some(Reason::NotIn(conversations::state_words(chat.mine)).to_string()));
        }
        let others = conversations::others(self, chat.id)?;
        if others.iter().any(|(.., state)| *state == MemberState::Member) {
            return Ok(None);
        }
        Ok(Some(match &others[..] {
            [(_, name, state)] => alone(name, *state),
            _ => Reason::UntilSomebodyJoins.to_string(),
        }))
    }

    /// Whether an item of this kind waits in the conversation.
    pub(crate) fn has_waiting(
        &self,
        conversation: ConversationId,
        kind: u8,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM item WHERE conversation = ?1 AND kind = ?2 AND state IN (1, 2)";
        Ok(self.first(sql, params![conversation, kind], |_| Ok(()))?.is_some())
    }

    /// After a conversation changed: lets go what waited for it, or says anew what it waits for. What the relay had
    /// forgotten goes only where the relay has just shown that it knows it (`is_known`).
    pub(crate) fn look_again(
        &self,
        conversation: ConversationId,
        is_known: bool,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT {ITEM} FROM item WHERE conversation = ?1 AND state = 0 AND hold IN (2, 4)"
        );
        let held = self.all(&sql, [conversation], item_row)?;
        if held.is_empty() {
            return Ok(());
        }
        let chat = conversations::load(self, conversation)?;
        let waits = self.why_wait(&chat)?;
        for item in held {
            if !is_known && item.hold == hold::FORGOTTEN {
                continue;
            }
            // Only what is said needs somebody to hear it.
            match waits.as_ref().filter(|_| Item::is_content(item.kind)) {
                None => self.let_go(&item, chat.version)?,
                Some(reason) => self.set_waiting(&item, state::HELD, item.hold, reason)?,
            }
        }
        Ok(())
    }

    /// Queues a held item; who gets it is decided by the membership as it is now.
    pub(crate) fn let_go(&self, item: &ItemRow, version: u32) -> Result<(), StoreError> {
        self.run("UPDATE item SET version = ?2 WHERE id = ?1", params![item.id, version])?;
        if let Some(message) = item.message {
            self.run("UPDATE message SET version = ?2 WHERE id = ?1", params![message, version])?;
        }
        self.set_waiting(item, state::QUEUED, hold::NONE, "")
    }

    /// Sets the state of an item that waits, and of the message that it shows as. What somebody has, and waits for the
    /// devices that have it not, goes on being shown as received.
    pub(crate) fn set_waiting(
        &self,
        item: &ItemRow,
        state: u8,
        hold: u8,
        reason: &str,
    ) -> Result<(), StoreError> {
        self.run(
            "UPDATE item SET state = ?2, hold = ?3, reason = ?4 WHERE id = ?1",
            params![item.id, state, hold, reason],
        )?;
        if let Some(message) = item.message {
            let shown =
                if state == state::HELD { MessageState::Held } else { MessageState::Queued };
            self.run(
                "UPDATE message SET state = ?2, reason = ?3 WHERE id = ?1 AND state NOT IN (5, 6)",
                params![message, shown.number(), reason],
            )?;
            self.changed(Change::Message(message));
        }
        self.changed(Change::Outbox);
        Ok(())
    }

    /// The item of one of our own messages, the newest if it was sent again.
    pub(crate) fn item_of(&self, message: MessageId) -> Result<Option<ItemRow>, StoreError> {
        item_of(self, message)
    }

    pub(crate) fn item(&self, id: ItemId) -> Result<Option<ItemRow>, StoreError> {
        self.first(&format!("SELECT {ITEM} FROM item WHERE id = ?1"), [id], item_row)
    }
}

pub(crate) fn item_of(db: &Connection, message: MessageId) -> Result<Option<ItemRow>, StoreError> {
    let sql = format!("SELECT {ITEM} FROM item WHERE message = ?1 ORDER BY id DESC");
    db.first(&sql, [message], item_row)
}

/// Why what refers to `target` stays here although nothing is against it itself: what it refers to, or what that refers
/// to, has not left and is held.
pub(crate) fn why_target_waits(
    db: &Connection,
    target: Option<MessageId>,
) -> Result<Option<String>, StoreError> {
    let mut next = target;
    while let Some(message) = next {
        next = match item_of(db, message)? {
            Some(item) if item.state == state::HELD => {
                let id = OutboxId::Message(message).to_string();
                return Ok(Some(Reason::WaitsFor { id, why: item.reason }.to_string()));
            }
            // A reply answers what was there before it, so this ends.
            Some(item) if item.state == state::QUEUED => item.target,
            _ => None,
        };
    }
    Ok(None)
}

fn alone(name: &str, state: MemberState) -> String {
    let reason = match state {
        MemberState::Invited => Reason::UntilAccepts,
        MemberState::Declined => Reason::Declined,
        MemberState::Left => Reason::Left,
        MemberState::Expired => Reason::NoAnswer,
        MemberState::Withdrawn => Reason::TakenBack,
        _ => Reason::UntilJoins,
    };
    reason(name.to_owned()).to_string()
}
