//! Asking to chat, answering, and all else that changes a conversation. Each is an item of its own, offline like any.

use rusqlite::params;
use wire::{kind, limits::TITLE_CHARS_MAX};

use super::{
    Change, Compose, ConversationId, MessageState, OutboxId, Sent, Store, StoreError,
    conversations::{self, Chat},
    item::state,
    names::{account_name, check_chars},
    queue::NewItem,
    write::{Query, Tx},
};

impl Store {
    /// Asks accounts to chat. One name without a title is a pair, which has one conversation for ever: who has asked us
    /// is accepted, who is in it or asked already is not asked again, and what `greeting` says is a message to them then.
    ///
    /// # Errors
    /// [`StoreError::BadName`], [`StoreError::OtherRelay`], [`StoreError::TooLong`], [`StoreError::Empty`] without
    /// names, [`StoreError::Unfit`] for oneself, [`StoreError::NotLoggedIn`], or what SQLite and the disk say.
    pub fn request(
        &self,
        names: &[String],
        title: &str,
        greeting: &str,
    ) -> Result<Sent, StoreError> {
        self.request_or_send(names, title, greeting, Compose::default())
    }

    /// As [`Store::request`]; `how` is for a greeting that becomes a message.
    ///
    /// # Errors
    /// As [`Store::request`].
    pub fn request_or_send(
        &self,
        names: &[String],
        title: &str,
        greeting: &str,
        how: Compose,
    ) -> Result<Sent, StoreError> {
        self.write(|tx| {
            let names = tx.check_asked(names, greeting)?;
            check_chars("the title", title, TITLE_CHARS_MAX)?;
            match &names[..] {
                [name] if title.is_empty() => tx.ask_one(name, greeting, how),
                _ => tx.ask_many(&names, title, greeting),
            }
        })
    }

    /// Joins a conversation that we were asked into. `store.reader().find_request(…)` finds it by the request's id.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] where nobody asks, [`StoreError::NoSuchId`], or what SQLite and the disk say.
    pub fn accept(&self, id: ConversationId) -> Result<Sent, StoreError> {
        self.write(|tx| tx.answer_request(id, kind::ACCEPT))
    }

    /// Does not join a conversation that we were asked into.
    ///
    /// # Errors
    /// As [`Store::accept`].
    pub fn decline(&self, id: ConversationId) -> Result<Sent, StoreError> {
        self.write(|tx| tx.answer_request(id, kind::DECLINE))
    }

    /// Takes back our own request: it is simply gone where it has not left.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] where we have not asked, else as [`Store::accept`].
    pub fn withdraw(&self, id: ConversationId) -> Result<Option<Sent>, StoreError> {
        self.write(|tx| {
            let chat = tx.chat_of_ours(id)?;
            if let Some(request) = tx.waiting_item(chat.id, kind::REQUEST)? {
                if request.is_sealed() {
                    return tx.about(&chat, kind::WITHDRAW, "").map(Some);
                }
                tx.drop_request(&request)?;
                return Ok(None);
            }
            let others = conversations::others(tx, chat.id)?;
            if !chat.is_member()
                || others.iter().all(|(.., state)| *state != wire::MemberState::Invited)
            {
                return Err(StoreError::Unfit(format!("nobody is asked in {id} any more")));
            }
            tx.about(&chat, kind::WITHDRAW, "").map(Some)
        })
    }

    /// Leaves a conversation, behind what was said in it before.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] where we are no member, else as [`Store::accept`].
    pub fn leave(&self, id: ConversationId) -> Result<Sent, StoreError> {
        self.write(|tx| {
            let chat = tx.chat_of_ours(id)?;
            tx.about_once(&chat, kind::LEAVE)
        })
    }

    /// Asks more accounts into a group.
    ///
    /// # Errors
    /// As [`Store::request`]; [`StoreError::Unfit`] for a pair.
    pub fn add(
        &self,
        id: ConversationId,
        names: &[String],
        greeting: &str,
    ) -> Result<Sent, StoreError> {
        self.write(|tx| {
            let names = tx.check_asked(names, greeting)?;
            let chat = tx.group_of_ours(id)?;
            let item = NewItem {
                conversation: Some(chat.id),
                kind: kind::ADD,
                text: greeting,
                names: &names,
                version: chat.version,
                ..NewItem::default()
            };
            tx.enqueue(&item)
        })
    }

    /// Gives a group another title; it shows when the relay says so.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] for a pair, [`StoreError::TooLong`], else as [`Store::accept`].
    pub fn rename(&self, id: ConversationId, title: &str) -> Result<Sent, StoreError> {
        self.write(|tx| {
            check_chars("the title", title, TITLE_CHARS_MAX)?;
            let chat = tx.group_of_ours(id)?;
            tx.about(&chat, kind::RENAME, title)
        })
    }

    /// Blocks or unblocks an account.
    ///
    /// # Errors
    /// [`StoreError::BadName`], [`StoreError::OtherRelay`], [`StoreError::NotLoggedIn`], or what SQLite and the disk
    /// say.
    pub fn block(&self, name: &str, on: bool) -> Result<Sent, StoreError> {
        self.write(|tx| {
            let name = account_name(name, &tx.logged_in()?.domain)?;
            let text = if on { "block" } else { "unblock" };
            tx.enqueue(&NewItem { kind: kind::BLOCK, text, names: &[name], ..NewItem::default() })
        })
    }
}

impl Tx<'_> {
    pub(crate) fn answer_request(&self, id: ConversationId, kind: u8) -> Result<Sent, StoreError> {
        self.logged_in()?;
        let chat = conversations::load(self, id)?;
        let other = if kind == kind::ACCEPT { kind::DECLINE } else { kind::ACCEPT };
        if let Some(item) = self.waiting_item(chat.id, other)? {
            if item.is_sealed() {
                return Err(StoreError::OnItsWay("your other answer".to_owned()));
            }
            self.run("DELETE FROM item WHERE id = ?1", [item.id])?;
        }
        let sent = if chat.is_member() && kind == kind::ACCEPT {
            settled(&chat, None, MessageState::Relayed)
        } else if chat.is_invited() {
            self.about_once(&chat, kind)?
        } else {
            return Err(StoreError::Unfit(format!("nobody asks you in {id} (any more)")));
        };
        self.run(
            "UPDATE message SET is_read = 1 WHERE conversation = ?1 AND shown_as = 2",
            [chat.id],
        )?;
        self.changed(Change::Conversation(chat.id));
        self.look_again(chat.id, false)?;
        Ok(sent)
    }

    fn chat_of_ours(&self, id: ConversationId) -> Result<Chat, StoreError> {
        self.logged_in()?;
        let chat = conversations::load(self, id)?;
        let is_asking = self.has_waiting(chat.id, kind::REQUEST)?;
        let is_joining = chat.is_invited() && self.has_waiting(chat.id, kind::ACCEPT)?;
        if chat.is_member() || is_asking || is_joining {
            return Ok(chat);
        }
        Err(StoreError::Unfit(format!(
            "you are not in {id}: {}",
            conversations::state_words(chat.mine)
        )))
    }

    fn group_of_ours(&self, id: ConversationId) -> Result<Chat, StoreError> {
        match self.chat_of_ours(id)? {
            chat if chat.is_pair => Err(StoreError::Unfit(format!(
                "{id} is between two: start a group with mailboat chat"
            ))),
            chat => Ok(chat),
        }
    }

    /// An item about a conversation that carries at most one text.
    fn about(&self, chat: &Chat, kind: u8, text: &str) -> Result<Sent, StoreError> {
        self.enqueue(&NewItem {
            conversation: Some(chat.id),
            kind,
            text,
            version: chat.version,
            ..NewItem::default()
        })
    }

    /// The same answer again is nothing new.
    fn about_once(&self, chat: &Chat, kind: u8) -> Result<Sent, StoreError> {
        match self.waiting_item(chat.id, kind)? {
            Some(item) => Ok(settled(chat, Some(item.outbox_id()), MessageState::Queued)),
            None => self.about(chat, kind, ""),
        }
    }

    pub(crate) fn waiting_item(
        &self,
        id: ConversationId,
        kind: u8,
    ) -> Result<Option<super::item::ItemRow>, StoreError> {
        let sql = format!(
            "SELECT {} FROM item WHERE conversation = ?1 AND kind = ?2 AND state < 3 ORDER BY id",
            super::item::ITEM
        );
        self.first(&sql, params![id, kind], super::item::item_row)
    }

    /// Forgets a request that never left, and what was written into its conversation.
    pub(crate) fn drop_request(&self, request: &super::item::ItemRow) -> Result<(), StoreError> {
        debug_assert!(matches!(request.state, state::HELD | state::QUEUED));
        self.run("DELETE FROM item WHERE id = ?1", [request.id])?;
        self.changed(Change::Outbox);
        let Some(id) = request.conversation else { return Ok(()) };
        self.changed(Change::Conversation(id));
        if conversations::load(self, id)?.mine != conversations::ASKING {
            // It was asked in before: only the new request is gone.
            return self.look_again(id, false);
        }
        self.run(
            "DELETE FROM item WHERE conversation = ?1 AND message IS NULL AND state < 2",
            [id],
        )?;
        self.run("UPDATE conversation SET mine = 5 WHERE id = ?1", [id])?;
        self.look_again(id, false)
    }
}

pub(crate) fn settled(chat: &Chat, id: Option<OutboxId>, state: MessageState) -> Sent {
    Sent { id, conversation: Some(chat.id), state, reason: String::new() }
}
