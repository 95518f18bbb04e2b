//! Items as they leave: which go, in what order, under which numbers, and what each says.
//!
//! Nothing is written here. Numbers given in a draft hold only for the part of it that is then sealed, always a prefix.

use std::collections::{HashMap, HashSet};

use rusqlite::params;
use wire::{ConversationRef, Item, Name, Submit, kind};

use super::{
    ConversationId, ItemId, MessageId, StoreError,
    attempt::Submits,
    clock::age_s,
    conversations,
    item::{ITEM, ItemRow, item_row, state},
    write::{Query, Tx},
};

/// What an item's header takes beside its body, about, in bytes.
const HEADER_LEN: usize = 8;

/// One item of a draft.
#[derive(Clone, Debug)]
pub(crate) struct Drafted {
    pub(crate) item: ItemRow,
    pub(crate) n: u64,
    pub(crate) submit: Submit,
}

/// Items in sending order, numbered without gaps.
pub(crate) struct Drafter<'t> {
    tx: &'t Tx<'t>,
    next: u64,
    /// Bytes of bodies that may still be drafted; the first item always may.
    left: usize,
    pub(crate) drafted: Vec<Drafted>,
    seen: HashSet<ItemId>,
    messages: HashMap<MessageId, Name>,
    founded: HashMap<ConversationId, Name>,
}

impl<'t> Drafter<'t> {
    /// A draft from number `first` on, of about `bytes_max`.
    pub(crate) fn new(tx: &'t Tx<'t>, first: u64, bytes_max: usize) -> Self {
        Self {
            tx,
            next: first,
            left: bytes_max,
            drafted: Vec::new(),
            seen: HashSet::new(),
            messages: HashMap::new(),
            founded: HashMap::new(),
        }
    }

    /// What was sealed in an earlier attempt and is not known to have arrived: the same numbers, the same bytes. `false`
    /// where not all of it fits: then its numbers are not for others.
    pub(crate) fn sealed(&mut self) -> Result<bool, StoreError> {
        let sql = format!(
            "SELECT {ITEM} FROM item WHERE device = ?1 AND state = 2 AND ?2 <= n ORDER BY n"
        );
        for item in self.tx.all(&sql, params![self.tx.me.device, self.next], item_row)? {
            let body = item.body.clone().unwrap_or_default();
            let conversation = match item.named {
                Some(named) => named,
                None => self.conversation(&item)?.unwrap_or_default(),
            };
            if item.n != Some(self.next) || !self.push(item, conversation, body) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What waits and may go, in sending order, as far as the bytes go.
    pub(crate) fn queued(&mut self, which: Submits<'_>) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT {ITEM} FROM item WHERE state = 1 AND (class < ?1
                OR 'm' || message IN (SELECT value FROM json_each(?2)) OR 'i' || id IN (SELECT value FROM json_each(?2)))
            ORDER BY class, id LIMIT 4096"
        );
        let (classes, picked) = match which {
            Submits::None => return Ok(()),
            Submits::Picked(picked) => (1, picked),
            Submits::Urgent => (2, &[][..]),
            Submits::All => (i64::MAX, &[][..]),
        };
        let picked = serde_json::to_string(picked).expect("ids are text");
        for item in self.tx.all(&sql, params![classes, picked], item_row)? {
            if !self.put(item)? {
                break;
            }
        }
        Ok(())
    }

    /// Drafts an item behind what it refers to. `false` where no more fits.
    fn put(&mut self, item: ItemRow) -> Result<bool, StoreError> {
        let Some(chain) = self.chain(item)? else { return Ok(true) };
        for item in chain.into_iter().rev() {
            if !self.seen.insert(item.id) {
                continue;
            }
            let Some(conversation) = self.conversation(&item)? else { continue };
            let body = self.body(&item)?;
            if !self.push(item, conversation, body) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// An item and those of our own that it refers to and that have no number yet, the farthest last; `None` if one of
    /// them stays here, and so all do.
    fn chain(&self, item: ItemRow) -> Result<Option<Vec<ItemRow>>, StoreError> {
        let mut chain = vec![item];
        while let Some(target) = chain.last().and_then(|item| item.target) {
            if self.messages.contains_key(&target) {
                break;
            }
            match self.tx.item_of(target)? {
                Some(item) if item.state == state::HELD => return Ok(None),
                Some(item) if item.state == state::QUEUED => chain.push(item),
                _ => break,
            }
        }
        Ok(Some(chain))
    }

    fn push(&mut self, item: ItemRow, conversation: ConversationRef, body: Vec<u8>) -> bool {
        let cost = body.len() + HEADER_LEN;
        if self.left < cost && !self.drafted.is_empty() {
            return false;
        }
        self.left = self.left.saturating_sub(cost);
        let n = self.next;
        let name = Name { device: self.tx.me.device, n };
        self.next += 1;
        // What goes again is referred to as it went first.
        if let Some(message) = item.message.filter(|_| item.kind != kind::AGAIN) {
            self.messages.insert(message, name);
        }
        if let (kind::REQUEST, Some(conversation)) = (item.kind, item.conversation) {
            self.founded.insert(conversation, name);
        }
        let submit = Submit {
            conversation,
            kind: item.kind,
            urgent: item.is_urgent,
            version: item.version,
            age_s: age_s(item.composed_at, self.tx.now),
            lifetime_s: item.lifetime_s,
            body,
        };
        self.drafted.push(Drafted { item, n, submit });
        true
    }

    /// How the relay is told of an item's conversation; `None` where it cannot be told of it yet.
    fn conversation(&self, item: &ItemRow) -> Result<Option<ConversationRef>, StoreError> {
        let Some(id) =
            item.conversation.filter(|_| !matches!(item.kind, kind::REQUEST | kind::VOID))
        else {
            return Ok(Some(ConversationRef::None));
        };
        let chat = conversations::load(self.tx, id)?;
        let number = chat.number.map(ConversationRef::Number);
        let founded = match self.founded.get(&chat.id) {
            Some(name) => Some(*name),
            None => self.tx.founding(chat.id)?,
        };
        let founded = founded.map(ConversationRef::Founded);
        // After the relay was put back its number may mean nothing any more; what was founded still does.
        Ok(if item.is_fixed { founded.or(number) } else { number.or(founded) })
    }

    fn body(&self, item: &ItemRow) -> Result<Vec<u8>, StoreError> {
        Ok(match self.item(item)? {
            Some(item) => item.body(),
            None => Vec::new(),
        })
    }

    /// The item as it is now; `None` where nothing is left of it.
    fn item(&self, item: &ItemRow) -> Result<Option<Item>, StoreError> {
        let ItemRow { names, title, text, .. } = item;
        Ok(match item.kind {
            kind::TEXT => self.text_of(item)?.map(Item::Text),
            kind::MESSAGE => {
                let reply_to = self.target(item)?;
                let text = self.text_of(item)?;
                text.map(|text| Item::Message { reply_to, format: 0, content: text.into_bytes() })
            }
            kind::AGAIN => {
                let former = item.message.map(|id| self.tx.first_name(id)).transpose()?.flatten();
                let reply_to = self.target(item)?;
                former.zip(self.text_of(item)?).map(|(former, text)| {
                    let content = text.into_bytes();
                    Item::Again { former, reply_to, format: 0, content }
                })
            }
            kind::EDIT => self
                .target(item)?
                .zip(self.edit_of(item)?)
                .map(|(target, text)| Item::Edit { target, text }),
            kind::DELETE => self.target(item)?.map(|target| Item::Delete { target }),
            kind::REQUEST => {
                let (to, title, greeting) = (names.clone(), title.clone(), text.clone());
                Some(Item::Request { to, title, greeting })
            }
            kind::ADD => Some(Item::Add { to: names.clone(), greeting: text.clone() }),
            kind::RENAME => Some(Item::Rename { title: text.clone() }),
            kind::BLOCK => {
                let account = names.first().cloned();
                account.map(|account| Item::Block { account, on: text == "block" })
            }
            kind::ACCEPT => Some(Item::Accept),
            kind::DECLINE => Some(Item::Decline),
            kind::WITHDRAW => Some(Item::Withdraw),
            kind::LEAVE => Some(Item::Leave),
            _ => None,
        })
    }

    fn text_of(&self, item: &ItemRow) -> Result<Option<String>, StoreError> {
        self.tx.first("SELECT base FROM message WHERE id = ?1", [item.message], |row| row.get(0))
    }

    fn edit_of(&self, item: &ItemRow) -> Result<Option<String>, StoreError> {
        self.tx
            .first("SELECT text FROM amendment WHERE id = ?1", [item.amendment], |row| row.get(0))
    }

    /// The name of what an item refers to: given in this draft, or before.
    fn target(&self, item: &ItemRow) -> Result<Option<Name>, StoreError> {
        let Some(target) = item.target else { return Ok(None) };
        if let Some(name) = self.messages.get(&target) {
            return Ok(Some(*name));
        }
        self.tx.first_name(target)
    }
}

impl Tx<'_> {
    /// A name under which a conversation was founded.
    fn founding(&self, id: ConversationId) -> Result<Option<Name>, StoreError> {
        let sql = "SELECT device, n FROM founding WHERE conversation = ?1 ORDER BY device, n";
        self.first(sql, [id], |row| Ok(Name { device: row.get(0)?, n: row.get(1)? }))
    }
}
