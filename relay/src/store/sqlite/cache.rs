//! The rows that most transactions touch, as the writer last saw them, and how they are written
//! back. Only the writer thread has one; it is thrown away when a transaction fails or another
//! program wrote the database.

use std::collections::{HashMap, hash_map::Entry};

use rusqlite::{Connection, OptionalExtension, Result, params};
use wire::{AccountId, ConversationId, DeviceId, Name};

pub(super) use super::rows::{Conversation, Device, Mailbox, Member};
use super::{
    super::{Change, NUMBER_MAX, News},
    housekeeping::Walk,
    rows::{
        STORE_CONVERSATION, STORE_DEVICE, STORE_MAILBOX, load_conversation, load_device,
        load_mailbox, store_conversation, store_device, store_mailbox,
    },
    table::Table,
};

/// Rows of one kind after which the cache starts anew.
const CACHED_MAX: usize = 50_000;
/// And members of conversations: groups of 256 are larger rows than others.
const MEMBERS_CACHED_MAX: usize = 500_000;
/// Moment from which the relay's numbers are counted: 2026-01-01, in Unix seconds.
const EPOCH_S: u64 = 1_767_225_600;

/// What an allocator gives numbers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Allot {
    Account,
    Device,
    Conversation,
}

impl Allot {
    fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Device => "device",
            Self::Conversation => "conversation",
        }
    }
}

#[derive(Debug)]
pub(super) struct Cache {
    /// Seconds since the epoch at which the store was opened: no number below is ever given.
    floor: u64,
    devices: Table<Device>,
    mailboxes: Table<Mailbox>,
    conversations: Table<Conversation>,
    /// Members of the conversations that were learned since all began anew.
    members: usize,
    foundings: HashMap<Name, ConversationId>,
    /// Last numbers given, and whether they have to be written back.
    allocators: HashMap<Allot, (u64, bool)>,
    /// Accounts whose logs this transaction touched, and by which device alone.
    touched: HashMap<AccountId, Option<DeviceId>>,
    /// Accounts of which a device may not use the relay any more.
    ended: Vec<AccountId>,
    /// Whether this transaction changed who is whose contact.
    contacts: bool,
    /// A look through a mailbox that the next slice goes on with.
    pub(super) walk: Option<Walk>,
    /// Up to which message's name loose ones were swept.
    pub(super) swept: Name,
}

impl Cache {
    pub(super) fn new(opened_at_s: u64) -> Self {
        Self {
            floor: opened_at_s.saturating_sub(EPOCH_S),
            devices: Table::new(),
            mailboxes: Table::new(),
            conversations: Table::new(),
            members: 0,
            foundings: HashMap::new(),
            allocators: HashMap::new(),
            touched: HashMap::new(),
            ended: Vec::new(),
            contacts: false,
            walk: None,
            swept: Name { device: 0, n: 0 },
        }
    }

    /// Forgets everything that is not written.
    pub(super) fn clear(&mut self) {
        self.devices.clear();
        self.mailboxes.clear();
        self.conversations.clear();
        self.members = 0;
        self.foundings.clear();
        self.allocators.clear();
        self.touched.clear();
        self.ended.clear();
        self.contacts = false;
        self.walk = None;
        self.swept = Name { device: 0, n: 0 };
    }

    /// Keeps the memory bounded. Only between transactions.
    pub(super) fn trim(&mut self) {
        let sizes = [
            self.devices.len(),
            self.mailboxes.len(),
            self.conversations.len(),
            self.foundings.len(),
        ];
        if sizes.into_iter().any(|size| CACHED_MAX < size) || MEMBERS_CACHED_MAX < self.members {
            self.clear();
        }
    }

    pub(super) fn device(&mut self, db: &Connection, id: DeviceId) -> Result<Option<Device>> {
        if let Some(&row) = self.devices.row(id) {
            return Ok(Some(row));
        }
        let found = load_device(db, id)?;
        if let Some(row) = found {
            self.devices.learn(id, row);
        }
        Ok(found)
    }

    /// Changes a device that was read before.
    pub(super) fn put_device(&mut self, id: DeviceId, row: Device) {
        if let Some(slot) = self.devices.change(id) {
            *slot = row;
        }
    }

    pub(super) fn mailbox(&mut self, db: &Connection, account: AccountId) -> Result<&Mailbox> {
        self.learn_mailbox(db, account)?;
        Ok(self.mailboxes.row(account).expect("learned above"))
    }

    pub(super) fn mailbox_mut(
        &mut self,
        db: &Connection,
        account: AccountId,
    ) -> Result<&mut Mailbox> {
        self.learn_mailbox(db, account)?;
        Ok(self.mailboxes.change(account).expect("learned above"))
    }

    fn learn_mailbox(&mut self, db: &Connection, account: AccountId) -> Result<()> {
        if self.mailboxes.row(account).is_none() {
            self.mailboxes.learn(account, load_mailbox(db, account)?);
        }
        Ok(())
    }

    pub(super) fn conversation(
        &mut self,
        db: &Connection,
        id: ConversationId,
    ) -> Result<Option<&Conversation>> {
        self.learn_conversation(db, id)?;
        Ok(self.conversations.row(id))
    }

    /// The conversation, to be changed; its members are written by whoever changes them.
    pub(super) fn conversation_mut(
        &mut self,
        db: &Connection,
        id: ConversationId,
    ) -> Result<Option<&mut Conversation>> {
        self.learn_conversation(db, id)?;
        Ok(self.conversations.change(id))
    }

    fn learn_conversation(&mut self, db: &Connection, id: ConversationId) -> Result<()> {
        if self.conversations.row(id).is_none()
            && let Some(row) = load_conversation(db, id)?
        {
            self.put_conversation(id, row);
        }
        Ok(())
    }

    pub(super) fn put_conversation(&mut self, id: ConversationId, row: Conversation) {
        let before = self.conversations.row(id).map_or(0, |known| known.members.len());
        self.members = self.members + row.members.len() - before;
        self.conversations.learn(id, row);
    }

    /// The conversation that a request's name denotes.
    pub(super) fn founded(
        &mut self,
        db: &Connection,
        name: Name,
    ) -> Result<Option<ConversationId>> {
        if NUMBER_MAX < name.device || NUMBER_MAX < name.n {
            return Ok(None);
        }
        if let Some(&id) = self.foundings.get(&name) {
            return Ok(Some(id));
        }
        let found = db
            .prepare_cached("SELECT conversation FROM founding WHERE device = ? AND n = ?")?
            .query_row([name.device, name.n], |row| row.get(0))
            .optional()?;
        if let Some(id) = found {
            self.foundings.insert(name, id);
        }
        Ok(found)
    }

    pub(super) fn put_founding(&mut self, name: Name, id: ConversationId) {
        self.foundings.insert(name, id);
    }

    /// The next number of a kind; never one that was given before, even by a store that this one
    /// was restored from.
    pub(super) fn allot(&mut self, db: &Connection, kind: Allot) -> Result<u64> {
        let floor = match kind {
            Allot::Conversation => self.position_floor(),
            Allot::Account | Allot::Device => self.floor,
        };
        let (last, dirty) = self.allocator(db, kind)?;
        *last = (*last + 1).max(floor);
        *dirty = true;
        Ok(*last)
    }

    /// A peer showed this number: goes on behind it, unless it cannot be one of ours.
    /// Whether anything changed.
    pub(super) fn skip_past(&mut self, db: &Connection, kind: Allot, number: u64) -> Result<bool> {
        let plausible = self.plausible_max();
        let (last, dirty) = self.allocator(db, kind)?;
        let skips = *last < number && number <= plausible;
        if skips {
            (*last, *dirty) = (number, true);
        }
        Ok(skips)
    }

    fn allocator(&mut self, db: &Connection, kind: Allot) -> Result<&mut (u64, bool)> {
        match self.allocators.entry(kind) {
            Entry::Occupied(slot) => Ok(slot.into_mut()),
            Entry::Vacant(slot) => {
                let last = db
                    .prepare_cached("SELECT last FROM allocator WHERE name = ?")?
                    .query_row([kind.name()], |row| row.get(0))
                    .optional()?;
                Ok(slot.insert((last.unwrap_or(0), false)))
            }
        }
    }

    /// Lowest log position or conversation number that may be given.
    pub(super) fn position_floor(&self) -> u64 {
        (self.floor * 16).max(1)
    }

    /// Lowest place in a conversation that may be given.
    pub(super) fn place_floor(&self) -> u64 {
        self.floor.max(1)
    }

    /// No number shown by a device is taken for one of ours beyond this: sixteen a second for
    /// ten years more.
    pub(super) fn plausible_max(&self) -> u64 {
        (self.floor + 315_360_000) * 16
    }

    /// Notes that `account` has news; `by` where they all come from one of its devices.
    pub(super) fn touch(&mut self, account: AccountId, by: Option<DeviceId>) {
        self.touched
            .entry(account)
            .and_modify(|alone| {
                if *alone != by {
                    *alone = None;
                }
            })
            .or_insert(by);
    }

    /// A device's right was taken away.
    pub(super) fn note_revoked(&mut self, device: DeviceId) {
        if let Some(row) = self.devices.correct(device) {
            row.revoked = true;
        }
    }

    /// Some device of the account may not use the relay any more: its exchanges have to look.
    pub(super) fn note_ended(&mut self, account: AccountId) {
        self.ended.push(account);
    }

    /// Who is whose contact may have changed.
    pub(super) fn note_contacts(&mut self) {
        self.contacts = true;
    }

    /// The account has a new device.
    pub(super) fn note_device(&mut self, account: AccountId, device: DeviceId) {
        if let Some(mailbox) = self.mailboxes.correct(account) {
            mailbox.devices.push(device);
        }
    }

    /// Writes back what changed.
    pub(super) fn flush(&mut self, db: &Connection) -> Result<()> {
        self.devices.flush(db, STORE_DEVICE, store_device)?;
        self.mailboxes.flush(db, STORE_MAILBOX, store_mailbox)?;
        self.conversations.flush(db, STORE_CONVERSATION, store_conversation)?;
        for (kind, (last, dirty)) in &mut self.allocators {
            if std::mem::take(dirty) {
                db.prepare_cached("INSERT OR REPLACE INTO allocator (name, last) VALUES (?, ?)")?
                    .execute(params![kind.name(), *last])?;
            }
        }
        Ok(())
    }

    /// What the committed transaction changed, for [`super::super::Changes`].
    pub(super) fn take_changes(&mut self) -> News {
        let mailboxes = &self.mailboxes;
        let changes = self
            .touched
            .drain()
            .map(|(account, by)| {
                let end = mailboxes.row(account).map_or(0, |mailbox| mailbox.position);
                Change { account, end, by }
            })
            .collect();
        let contacts = std::mem::take(&mut self.contacts);
        News { changes, ended: std::mem::take(&mut self.ended), contacts }
    }
}
