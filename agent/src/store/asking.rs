//! Asking to chat: which conversation it is about, and whether there is anything to send at all.

use rusqlite::params;
use wire::{
    kind,
    limits::{GREETING_CHARS_MAX, MEMBERS_MAX},
};

use super::{
    Change, Compose, ConversationId, MessageState, Sent, Store, StoreError,
    chat::settled,
    conversations::{self, names_json, pair_with},
    item::{ITEM, item_row, state},
    names::{account_name, check_chars},
    queue::NewItem,
    write::{Query, Tx},
};

impl Store {
    /// Asks once more in a conversation that one is not in, or that the other one is not in: what the relay refused is sent
    /// again as it was; between two the other one is asked anew.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] for a group that somebody else has to ask us into, [`StoreError::NoSuchId`], or what SQLite
    /// and the disk say.
    pub fn ask_again(&self, id: ConversationId) -> Result<Sent, StoreError> {
        self.write(|tx| tx.ask_again(id))
    }
}

impl Tx<'_> {
    fn ask_again(&self, id: ConversationId) -> Result<Sent, StoreError> {
        self.logged_in()?;
        let chat = conversations::load(self, id)?;
        let sql = format!(
            "SELECT {ITEM} FROM item WHERE conversation = ?1 AND kind = ?2 AND state = ?3 ORDER BY id DESC LIMIT 1"
        );
        let refused =
            self.first(&sql, params![chat.id, kind::REQUEST, state::REFUSED], item_row)?;
        if let Some(request) = refused {
            let request = self.again(&request)?;
            self.changed(Change::Conversation(chat.id));
            return self.release(&request);
        }
        if !chat.is_pair {
            let words = format!("{id} is a group: somebody in it can ask you");
            return Err(StoreError::Unfit(words));
        }
        let others = conversations::others(self, chat.id)?;
        self.ask_one(&conversations::title(&chat, &others), "", Compose::default())
    }

    /// The names of those who are asked, each once, if all that is asked with is in its bounds.
    pub(crate) fn check_asked(
        &self,
        names: &[String],
        greeting: &str,
    ) -> Result<Vec<String>, StoreError> {
        let me = self.logged_in()?;
        check_chars("the greeting", greeting, GREETING_CHARS_MAX)?;
        let mut asked: Vec<String> = Vec::with_capacity(names.len());
        for name in names {
            let name = account_name(name, &me.domain)?;
            if name == me.name {
                return Err(StoreError::Unfit("that is your own name".to_owned()));
            }
            if !asked.contains(&name) {
                asked.push(name);
            }
        }
        match asked.len() {
            0 => Err(StoreError::Empty { what: "the list of names" }),
            len if MEMBERS_MAX <= len => Err(StoreError::TooLong {
                what: "the list of names",
                len,
                max: MEMBERS_MAX - 1,
                unit: "names",
            }),
            _ => Ok(asked),
        }
    }

    /// Asks for the one conversation with somebody. Where that takes no request, or none with these words in it, they are
    /// a message there: nothing that was written is dropped.
    pub(crate) fn ask_one(
        &self,
        name: &str,
        greeting: &str,
        how: Compose,
    ) -> Result<Sent, StoreError> {
        let Some(id) = pair_with(self, name)? else {
            let chat = self.found(true, name, &[name.to_owned()], "", greeting)?;
            return self.ask(chat, &[name.to_owned()], "", greeting);
        };
        let chat = conversations::load(self, id)?;
        let others = conversations::others(self, id)?;
        let is = |wanted| chat.is_member() && others.iter().any(|(.., state)| *state == wanted);
        // The same words, while nobody has answered them, are the same request.
        let is_said = greeting.is_empty() || chat.greeting == greeting;
        let settled = if chat.is_invited() {
            let answer = self.answer_request(id, kind::ACCEPT)?;
            greeting.is_empty().then_some(answer)
        } else if let Some(request) = self.waiting_item(id, kind::REQUEST)? {
            is_said.then(|| settled(&chat, Some(request.outbox_id()), MessageState::Queued))
        } else if is(wire::MemberState::Member) {
            // A conversation of this name is what was asked for; there is nothing to send.
            greeting.is_empty().then(|| settled(&chat, None, MessageState::Relayed))
        } else if is(wire::MemberState::Invited) {
            is_said.then(|| settled(&chat, None, MessageState::Relayed))
        } else {
            return self.ask_anew(id, name, greeting);
        };
        settled.map_or_else(|| self.compose(id, greeting, None, how), Ok)
    }

    fn ask_anew(&self, id: ConversationId, name: &str, greeting: &str) -> Result<Sent, StoreError> {
        self.run("UPDATE conversation SET greeting = ?2 WHERE id = ?1", params![id, greeting])?;
        let sent = self.ask(id, &[name.to_owned()], "", greeting)?;
        self.look_again(id, false)?;
        Ok(sent)
    }

    /// Asks for a group.
    pub(crate) fn ask_many(
        &self,
        names: &[String],
        title: &str,
        greeting: &str,
    ) -> Result<Sent, StoreError> {
        let chat = self.found(false, "", names, title, greeting)?;
        self.ask(chat, names, title, greeting)
    }

    fn found(
        &self,
        is_pair: bool,
        peer: &str,
        asked: &[String],
        title: &str,
        greeting: &str,
    ) -> Result<ConversationId, StoreError> {
        let id = self.insert(
            "INSERT INTO conversation (is_pair, peer, asked, title, greeting, created_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![is_pair, peer, names_json(asked), title, greeting, self.now],
        )?;
        self.changed(Change::Conversation(ConversationId(id)));
        Ok(ConversationId(id))
    }

    fn ask(
        &self,
        id: ConversationId,
        names: &[String],
        title: &str,
        greeting: &str,
    ) -> Result<Sent, StoreError> {
        self.enqueue(&NewItem {
            conversation: Some(id),
            kind: kind::REQUEST,
            text: greeting,
            title,
            names,
            ..NewItem::default()
        })
    }
}
