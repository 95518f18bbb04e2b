//! The rows that most transactions touch, as the writer last saw them, and how they are written
//! back. Only the writer thread has one; it is thrown away when a transaction fails or another
//! program wrote the database.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use wire::{AccountId, ConversationId, Cursors, DeviceId, Lane, MemberState, Name};

use super::super::{Change, DeviceState, NUMBER_MAX, News};

/// Rows of one kind after which the cache starts anew.
const CACHED_MAX: usize = 50_000;
/// Moment from which the relay's numbers are counted: 2026-01-01, in Unix seconds.
const EPOCH_S: u64 = 1_767_225_600;

/// A device, without what only lists show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Device {
    pub(super) account: AccountId,
    pub(super) seen_at_s: u64,
    pub(super) revoked: bool,
    pub(super) x: u64,
    pub(super) k: u64,
    pub(super) told: u64,
    pub(super) noted: u64,
    pub(super) cursors: Cursors,
    pub(super) first: Cursors,
}

impl Device {
    /// Whether this position of a lane came to the device.
    pub(super) fn has(&self, lane: Lane, position: u64) -> bool {
        self.first.of(lane) < position && position <= self.cursors.of(lane)
    }

    pub(super) fn state(&self, active: bool) -> DeviceState {
        let Self { account, seen_at_s, x, k, told, cursors, .. } = *self;
        DeviceState { account, x, k, told, cursors, seen_at_s, active }
    }
}

/// The end and the weight of one account's log, and what deciding about it needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Mailbox {
    pub(super) position: u64,
    pub(super) kept_count: u64,
    pub(super) kept_bytes: u64,
    pub(super) waiting_count: u64,
    pub(super) waiting_bytes: u64,
    pub(super) own_count: u64,
    pub(super) own_bytes: u64,
    pub(super) look_at_s: u64,
    pub(super) asked_day: u64,
    pub(super) asked_count: u64,
    /// All devices, revoked ones too: they had what they had.
    pub(super) devices: Vec<DeviceId>,
    /// Whom the account blocks.
    pub(super) blocks: Vec<AccountId>,
    /// Whether the account is neither disabled nor removed.
    pub(super) active: bool,
}

/// One member of a conversation.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) account: AccountId,
    pub(super) state: MemberState,
    pub(super) joined: u32,
    pub(super) changed: u32,
    pub(super) inviter: AccountId,
    pub(super) greeting: String,
    pub(super) asked_until_s: u64,
}

/// A conversation and its members, by account.
#[derive(Clone, Debug)]
pub(super) struct Conversation {
    pub(super) founded: Name,
    pub(super) pair: Option<(AccountId, AccountId)>,
    pub(super) title: String,
    pub(super) version: u32,
    pub(super) c: u64,
    pub(super) members: Arc<Vec<Member>>,
}

impl Conversation {
    pub(super) fn member(&self, account: AccountId) -> Option<&Member> {
        let at = self.members.binary_search_by_key(&account, |member| member.account).ok()?;
        Some(&self.members[at])
    }

    pub(super) fn state_of(&self, account: AccountId) -> Option<MemberState> {
        self.member(account).map(|member| member.state)
    }
}

/// Cached rows of one table, and which of them have to be written back.
#[derive(Debug)]
struct Rows<T> {
    rows: HashMap<u64, (T, bool)>,
    dirty: Vec<u64>,
}

impl<T> Rows<T> {
    fn new() -> Self {
        Self { rows: HashMap::new(), dirty: Vec::new() }
    }

    fn row(&self, id: u64) -> Option<&T> {
        self.rows.get(&id).map(|(row, _)| row)
    }

    /// The row, to be written back.
    fn change(&mut self, id: u64) -> Option<&mut T> {
        let (row, dirty) = self.rows.get_mut(&id)?;
        if !std::mem::replace(dirty, true) {
            self.dirty.push(id);
        }
        Some(row)
    }

    /// A row as it was read.
    fn learn(&mut self, id: u64, row: T) {
        self.rows.insert(id, (row, false));
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.dirty.clear();
    }

    fn flush(&mut self, mut store: impl FnMut(u64, &T) -> Result<()>) -> Result<()> {
        // In key order: neighbours share pages.
        self.dirty.sort_unstable();
        for id in self.dirty.drain(..) {
            if let Some((row, dirty)) = self.rows.get_mut(&id) {
                *dirty = false;
                store(id, row)?;
            }
        }
        Ok(())
    }
}

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
    devices: Rows<Device>,
    mailboxes: Rows<Mailbox>,
    conversations: Rows<Conversation>,
    foundings: HashMap<Name, ConversationId>,
    /// Last numbers given, and whether they have to be written back.
    allocators: HashMap<Allot, (u64, bool)>,
    /// Accounts whose logs this transaction touched, and by which device alone.
    touched: HashMap<AccountId, Option<DeviceId>>,
    /// Accounts of which a device may not use the relay any more.
    ended: Vec<AccountId>,
    /// Whether this transaction changed who is whose contact.
    contacts: bool,
}

impl Cache {
    pub(super) fn new(opened_at_s: u64) -> Self {
        Self {
            floor: opened_at_s.saturating_sub(EPOCH_S),
            devices: Rows::new(),
            mailboxes: Rows::new(),
            conversations: Rows::new(),
            foundings: HashMap::new(),
            allocators: HashMap::new(),
            touched: HashMap::new(),
            ended: Vec::new(),
            contacts: false,
        }
    }

    /// Forgets everything that is not written.
    pub(super) fn clear(&mut self) {
        self.devices.clear();
        self.mailboxes.clear();
        self.conversations.clear();
        self.foundings.clear();
        self.allocators.clear();
        self.touched.clear();
        self.ended.clear();
        self.contacts = false;
    }

    /// Keeps the memory bounded. Only between transactions.
    pub(super) fn trim(&mut self) {
        let sizes = [
            self.devices.rows.len(),
            self.mailboxes.rows.len(),
            self.conversations.rows.len(),
            self.foundings.len(),
        ];
        if sizes.into_iter().any(|size| CACHED_MAX < size) {
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
            self.conversations.learn(id, row);
        }
        Ok(())
    }

    pub(super) fn put_conversation(&mut self, id: ConversationId, row: Conversation) {
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
        if let Some((row, _)) = self.devices.rows.get_mut(&device) {
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
        if let Some((mailbox, _)) = self.mailboxes.rows.get_mut(&account) {
            mailbox.devices.push(device);
        }
    }

    /// Writes back what changed.
    pub(super) fn flush(&mut self, db: &Connection) -> Result<()> {
        self.devices.flush(|id, device| store_device(db, id, device))?;
        self.mailboxes.flush(|id, mailbox| store_mailbox(db, id, mailbox))?;
        self.conversations.flush(|id, row| store_conversation(db, id, row))?;
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

pub(super) fn load_device(db: &Connection, id: DeviceId) -> Result<Option<Device>> {
    if NUMBER_MAX < id {
        return Ok(None);
    }
    db.prepare_cached(
        "SELECT account, seen_at_s, revoked_at_s, x, k, told, noted,
                latest, urgent, ordinary, first_urgent, first_ordinary
         FROM device WHERE id = ?",
    )?
    .query_row([id], read_device)
    .optional()
}

fn read_device(row: &Row<'_>) -> Result<Device> {
    Ok(Device {
        account: row.get(0)?,
        seen_at_s: row.get(1)?,
        revoked: row.get::<_, u64>(2)? != 0,
        x: row.get(3)?,
        k: row.get(4)?,
        told: row.get(5)?,
        noted: row.get(6)?,
        cursors: Cursors { latest: row.get(7)?, urgent: row.get(8)?, ordinary: row.get(9)? },
        first: Cursors { latest: 0, urgent: row.get(10)?, ordinary: row.get(11)? },
    })
}

fn store_device(db: &Connection, id: DeviceId, device: &Device) -> Result<()> {
    let Device { seen_at_s, x, k, told, noted, cursors, .. } = *device;
    db.prepare_cached(
        "UPDATE device SET seen_at_s = ?, x = ?, k = ?, told = ?, noted = ?,
                latest = ?, urgent = ?, ordinary = ? WHERE id = ?",
    )?
    .execute([
        seen_at_s,
        x,
        k,
        told,
        noted,
        cursors.latest,
        cursors.urgent,
        cursors.ordinary,
        id,
    ])?;
    Ok(())
}

fn load_mailbox(db: &Connection, account: AccountId) -> Result<Mailbox> {
    let found = db
        .prepare_cached(
            "SELECT position, kept_count, kept_bytes, waiting_count, waiting_bytes, own_count,
                    own_bytes, look_at_s, asked_day, asked_count
             FROM mailbox WHERE account = ?",
        )?
        .query_row([account], |row| {
            Ok(Mailbox {
                position: row.get(0)?,
                kept_count: row.get(1)?,
                kept_bytes: row.get(2)?,
                waiting_count: row.get(3)?,
                waiting_bytes: row.get(4)?,
                own_count: row.get(5)?,
                own_bytes: row.get(6)?,
                look_at_s: row.get(7)?,
                asked_day: row.get(8)?,
                asked_count: row.get(9)?,
                ..Mailbox::default()
            })
        })
        .optional()?;
    let mut mailbox = found.unwrap_or_default();
    mailbox.devices = numbers(db, "SELECT id FROM device WHERE account = ? ORDER BY id", account)?;
    mailbox.blocks = numbers(db, "SELECT blocked FROM block WHERE account = ?", account)?;
    mailbox.active = db
        .prepare_cached("SELECT state FROM account WHERE id = ?")?
        .query_row([account], |row| row.get::<_, u8>(0))
        .optional()?
        == Some(0);
    Ok(mailbox)
}

fn numbers(db: &Connection, sql: &str, account: AccountId) -> Result<Vec<u64>> {
    db.prepare_cached(sql)?.query_map([account], |row| row.get(0))?.collect()
}

fn store_mailbox(db: &Connection, account: AccountId, mailbox: &Mailbox) -> Result<()> {
    db.prepare_cached(
        "UPDATE mailbox SET position = ?, kept_count = ?, kept_bytes = ?, waiting_count = ?,
                waiting_bytes = ?, own_count = ?, own_bytes = ?, look_at_s = ?, asked_day = ?,
                asked_count = ?
         WHERE account = ?",
    )?
    .execute([
        mailbox.position,
        mailbox.kept_count,
        mailbox.kept_bytes,
        mailbox.waiting_count,
        mailbox.waiting_bytes,
        mailbox.own_count,
        mailbox.own_bytes,
        mailbox.look_at_s,
        mailbox.asked_day,
        mailbox.asked_count,
        account,
    ])?;
    Ok(())
}

fn load_conversation(db: &Connection, id: ConversationId) -> Result<Option<Conversation>> {
    if NUMBER_MAX < id {
        return Ok(None);
    }
    let found = db
        .prepare_cached(
            "SELECT device, n, low, high, title, version, c FROM conversation WHERE id = ?",
        )?
        .query_row([id], |row| {
            Ok(Conversation {
                founded: Name { device: row.get(0)?, n: row.get(1)? },
                pair: row.get::<_, Option<u64>>(2)?.zip(row.get(3)?),
                title: row.get(4)?,
                version: row.get(5)?,
                c: row.get(6)?,
                members: Arc::default(),
            })
        })
        .optional()?;
    let Some(mut conversation) = found else { return Ok(None) };
    let members: Result<Vec<_>> = db
        .prepare_cached(
            "SELECT account, state, joined, changed, inviter, greeting, asked_until_s
             FROM member WHERE conversation = ? ORDER BY account",
        )?
        .query_map([id], read_member)?
        .collect();
    conversation.members = Arc::new(members?);
    Ok(Some(conversation))
}

fn read_member(row: &Row<'_>) -> Result<Member> {
    Ok(Member {
        account: row.get(0)?,
        state: MemberState::from(row.get::<_, u8>(1)?),
        joined: row.get(2)?,
        changed: row.get(3)?,
        inviter: row.get(4)?,
        greeting: row.get(5)?,
        asked_until_s: row.get(6)?,
    })
}

fn store_conversation(db: &Connection, id: ConversationId, row: &Conversation) -> Result<()> {
    db.prepare_cached("UPDATE conversation SET title = ?, version = ?, c = ? WHERE id = ?")?
        .execute(params![row.title, row.version, row.c, id])?;
    Ok(())
}
