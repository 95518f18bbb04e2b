//! One of our own numbered items, as a row.

use rusqlite::Row;

use wire::{ConversationRef, Name, Submit, kind};

use super::{ConversationId, ItemId, MessageId, OutboxId, conversations};

/// States of an item.
pub(crate) mod state {
    pub(crate) const HELD: u8 = 0;
    pub(crate) const QUEUED: u8 = 1;
    pub(crate) const SEALED: u8 = 2;
    pub(crate) const ANSWERED: u8 = 3;
    pub(crate) const REFUSED: u8 = 4;
}

/// Why an item is held.
pub(crate) mod hold {
    pub(crate) const NONE: u8 = 0;
    /// The user said so.
    pub(crate) const USER: u8 = 1;
    /// Nobody has joined the conversation, or we have not.
    pub(crate) const ACCEPTANCE: u8 = 2;
    /// This store became a new device: perhaps it went already.
    pub(crate) const FORKED: u8 = 3;
    /// The relay does not know the conversation at present.
    pub(crate) const FORGOTTEN: u8 = 4;
}

/// An item as it waits.
#[derive(Clone, Debug)]
pub(crate) struct ItemRow {
    pub(crate) id: ItemId,
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) message: Option<MessageId>,
    pub(crate) amendment: Option<i64>,
    pub(crate) kind: u8,
    pub(crate) is_urgent: bool,
    pub(crate) text: String,
    pub(crate) title: String,
    pub(crate) names: Vec<String>,
    pub(crate) target: Option<MessageId>,
    pub(crate) version: u32,
    pub(crate) composed_at: i64,
    pub(crate) lifetime_s: u32,
    pub(crate) state: u8,
    pub(crate) hold: u8,
    pub(crate) reason: String,
    pub(crate) n: Option<u64>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) is_fixed: bool,
    /// How the relay was told of the conversation, once sealed.
    pub(crate) named: Option<ConversationRef>,
}

/// Columns of [`ItemRow`], in its order.
pub(crate) const ITEM: &str = "item.id, item.conversation, item.message, item.amendment, item.kind, item.is_urgent,
    item.text, item.title, item.names, item.target, item.version, item.composed_at, item.lifetime_s, item.state,
    item.hold, item.reason, item.n, item.body, item.is_fixed, item.named_device, item.named_n";

pub(crate) fn item_row(row: &Row<'_>) -> rusqlite::Result<ItemRow> {
    Ok(ItemRow {
        id: ItemId(row.get(0)?),
        conversation: row.get(1)?,
        message: row.get(2)?,
        amendment: row.get(3)?,
        kind: row.get(4)?,
        is_urgent: row.get(5)?,
        text: row.get(6)?,
        title: row.get(7)?,
        names: conversations::names(&row.get::<_, String>(8)?),
        target: row.get(9)?,
        version: row.get(10)?,
        composed_at: row.get(11)?,
        lifetime_s: row.get(12)?,
        state: row.get(13)?,
        hold: row.get(14)?,
        reason: row.get(15)?,
        n: row.get(16)?,
        body: row.get(17)?,
        is_fixed: row.get(18)?,
        named: named(row.get(19)?, row.get(20)?),
    })
}

fn named(device: Option<u64>, n: Option<u64>) -> Option<ConversationRef> {
    match (device, n) {
        (Some(device), Some(n)) => Some(ConversationRef::Founded(Name { device, n })),
        (None, Some(number)) => Some(ConversationRef::Number(number)),
        _ => None,
    }
}

/// The columns `named_device` and `named_n`.
pub(crate) fn named_columns(named: ConversationRef) -> (Option<u64>, Option<u64>) {
    match named {
        ConversationRef::None => (None, None),
        ConversationRef::Number(number) => (None, Some(number)),
        ConversationRef::Founded(Name { device, n }) => (Some(device), Some(n)),
    }
}

impl ItemRow {
    /// What the relay was told, for its hash: age, lifetime and version are not in it. `None` where it is not known how
    /// the conversation was named.
    pub(crate) fn said(&self) -> Option<Submit> {
        let is_of_none =
            self.conversation.is_none() || matches!(self.kind, kind::REQUEST | kind::VOID);
        let conversation = if is_of_none { ConversationRef::None } else { self.named? };
        Some(Submit {
            conversation,
            kind: self.kind,
            urgent: self.is_urgent,
            version: 0,
            age_s: 0,
            lifetime_s: 0,
            body: self.body.clone().unwrap_or_default(),
        })
    }

    /// Whether nobody but us can have it, so that it may be changed in its place: it has not left, nor gone before.
    pub(crate) fn is_ours_alone(&self) -> bool {
        matches!(self.state, state::HELD | state::QUEUED) && self.kind != kind::AGAIN
    }

    /// Whether it was put into a request and has no answer.
    pub(crate) fn is_sealed(&self) -> bool {
        self.state == state::SEALED
    }

    pub(crate) fn outbox_id(&self) -> OutboxId {
        match self.message {
            Some(id) => OutboxId::Message(id),
            None => OutboxId::Item(self.id),
        }
    }
}
