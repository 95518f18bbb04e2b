//! Lane latest: its keys, and what they say now. A row holds the position alone; the entry is
//! rendered when it is read, so it is always the newest.

use rusqlite::{Connection, OptionalExtension, Result, params};
use wire::{AccountId, ConversationId, DeviceId, Entry, Lane, MemberState, Name};

/// Members of a conversation up to which each one's receipts are told; beyond, only counts.
pub(super) const RECEIPTS_MEMBERS_MAX: usize = 16;

/// A key of lane latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Contact(AccountId),
    Conversation(ConversationId),
    Member(ConversationId, AccountId),
    Receipt(ConversationId, Lane, AccountId),
    Counts(ConversationId, Lane),
    Expired(Name),
    Lapsed(ConversationId),
    LapsedDevice(DeviceId),
}

/// Number of [`Key::Expired`] in the table.
pub(super) const EXPIRED: u64 = 6;

impl Key {
    /// The key as the columns `kind`, `a`, `b`, `c`.
    pub(super) fn parts(self) -> (u64, u64, u64, u64) {
        match self {
            Self::Contact(account) => (1, account, 0, 0),
            Self::Conversation(id) => (2, id, 0, 0),
            Self::Member(id, account) => (3, id, account, 0),
            Self::Receipt(id, lane, account) => (4, id, lane.number().into(), account),
            Self::Counts(id, lane) => (5, id, lane.number().into(), 0),
            Self::Expired(name) => (EXPIRED, name.device, name.n, 0),
            Self::Lapsed(id) => (7, id, 0, 0),
            Self::LapsedDevice(device) => (8, device, 0, 0),
        }
    }

    fn from_parts(kind: u64, a: u64, b: u64, c: u64) -> Option<Self> {
        let lane = || Lane::from_number(u8::try_from(b).ok()?);
        Some(match kind {
            1 => Self::Contact(a),
            2 => Self::Conversation(a),
            3 => Self::Member(a, b),
            4 => Self::Receipt(a, lane()?, c),
            5 => Self::Counts(a, lane()?),
            EXPIRED => Self::Expired(Name { device: a, n: b }),
            7 => Self::Lapsed(a),
            8 => Self::LapsedDevice(a),
            _ => return None,
        })
    }
}

/// Positions and keys of an account behind `after`, up to `end`.
pub(super) fn keys(
    db: &Connection,
    account: AccountId,
    after: u64,
    end: u64,
    limit: usize,
) -> Result<Vec<(u64, Key)>> {
    let mut statement = db.prepare_cached(
        "SELECT position, kind, a, b, c FROM latest
         WHERE account = ? AND ? < position AND position <= ? ORDER BY position LIMIT ?",
    )?;
    let rows = statement.query_map(params![account, after, end, limit], |row| {
        let key = Key::from_parts(row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        Ok((row.get(0)?, key))
    })?;
    rows.filter_map(|row| row.map(|(at, key)| key.map(|key| (at, key))).transpose()).collect()
}

/// What `key` says to `account` now; `None` if there is nothing to say any more.
pub(super) fn render(db: &Connection, account: AccountId, key: Key) -> Result<Option<Entry>> {
    match key {
        Key::Contact(other) => contact(db, account, other),
        Key::Conversation(number) => conversation(db, account, number),
        Key::Member(conversation, other) => member(db, conversation, other),
        Key::Receipt(conversation, lane, reader) => {
            receipt(db, account, conversation, lane, reader)
        }
        Key::Counts(conversation, lane) => counts(db, account, conversation, lane),
        Key::Expired(name) => expired(db, name),
        Key::Lapsed(conversation) => lapsed(db, account, conversation),
        Key::LapsedDevice(device) => lapsed_device(db, device),
    }
}

fn contact(db: &Connection, account: AccountId, other: AccountId) -> Result<Option<Entry>> {
    db.prepare_cached(
        "SELECT name, EXISTS (SELECT 1 FROM block WHERE account = ? AND blocked = ?)
         FROM account WHERE id = ?",
    )?
    .query_row([account, other, other], |row| {
        Ok(Entry::Contact { account: other, name: row.get(0)?, blocked: row.get(1)? })
    })
    .optional()
}

fn conversation(
    db: &Connection,
    account: AccountId,
    number: ConversationId,
) -> Result<Option<Entry>> {
    db.prepare_cached(
        "SELECT v.device, v.n, v.low IS NOT NULL, v.title, v.version, m.state, m.inviter,
                coalesce(i.name, ''), m.greeting
         FROM conversation v
         JOIN member m ON m.conversation = v.id AND m.account = ?
         LEFT JOIN account i ON i.id = m.inviter
         WHERE v.id = ?",
    )?
    .query_row([account, number], |row| {
        let mine = MemberState::from(row.get::<_, u8>(5)?);
        let greeting: String = row.get(8)?;
        Ok(Entry::Conversation {
            number,
            founded: Name { device: row.get(0)?, n: row.get(1)? },
            pair: row.get(2)?,
            title: row.get(3)?,
            version: row.get(4)?,
            mine,
            inviter: row.get(6)?,
            inviter_name: row.get(7)?,
            greeting: if mine == MemberState::Invited { greeting } else { String::new() },
        })
    })
    .optional()
}

fn member(
    db: &Connection,
    conversation: ConversationId,
    account: AccountId,
) -> Result<Option<Entry>> {
    db.prepare_cached(
        "SELECT a.name, m.state, m.changed FROM member m JOIN account a ON a.id = m.account
         WHERE m.conversation = ? AND m.account = ?",
    )?
    .query_row([conversation, account], |row| {
        Ok(Entry::Member {
            conversation,
            account,
            name: row.get(0)?,
            state: MemberState::from(row.get::<_, u8>(1)?),
            version: row.get(2)?,
        })
    })
    .optional()
}

/// To an author: how far `reader` has his messages. To the reader himself: his own mark.
fn receipt(
    db: &Connection,
    account: AccountId,
    conversation: ConversationId,
    lane: Lane,
    reader: AccountId,
) -> Result<Option<Entry>> {
    let own = account == reader;
    let sql = if own {
        "SELECT 0, c FROM mark WHERE conversation = ? AND lane = ? AND account = ? AND ? = account"
    } else {
        "SELECT delivered, read FROM receipt
         WHERE conversation = ? AND lane = ? AND reader = ? AND author = ?"
    };
    let key = params![conversation, lane.number(), reader, account];
    let read =
        db.prepare_cached(sql)?.query_row(key, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(read.map(|(delivered, read)| Entry::Receipt {
        conversation,
        lane,
        account: reader,
        delivered,
        read,
    }))
}

fn counts(
    db: &Connection,
    account: AccountId,
    conversation: ConversationId,
    lane: Lane,
) -> Result<Option<Entry>> {
    db.prepare_cached(
        "SELECT n.c, n.recipients, count(r.reader) FILTER (WHERE n.c <= r.delivered),
                count(r.reader) FILTER (WHERE n.c <= r.read)
         FROM newest n
         JOIN member m ON m.conversation = n.conversation
         LEFT JOIN receipt r ON r.conversation = n.conversation AND r.lane = n.lane
              AND r.reader = m.account AND r.author = n.author
         WHERE n.conversation = ? AND n.lane = ? AND n.author = ?
         GROUP BY n.c, n.recipients",
    )?
    .query_row(params![conversation, lane.number(), account], |row| {
        Ok(Entry::Counts {
            conversation,
            lane,
            c: row.get(0)?,
            of: row.get(1)?,
            delivered: row.get(2)?,
            read: row.get(3)?,
        })
    })
    .optional()
}

fn expired(db: &Connection, name: Name) -> Result<Option<Entry>> {
    db.prepare_cached("SELECT missing, recipients FROM expired WHERE device = ? AND n = ?")?
        .query_row([name.device, name.n], |row| {
            Ok(Entry::Expired { name, missing: row.get(0)?, of: row.get(1)? })
        })
        .optional()
}

fn lapsed(
    db: &Connection,
    account: AccountId,
    conversation: ConversationId,
) -> Result<Option<Entry>> {
    db.prepare_cached("SELECT count FROM lapsed WHERE account = ? AND conversation = ?")?
        .query_row([account, conversation], |row| {
            Ok(Entry::Lapsed { conversation, count: row.get(0)? })
        })
        .optional()
}

fn lapsed_device(db: &Connection, device: DeviceId) -> Result<Option<Entry>> {
    db.prepare_cached("SELECT count FROM lapsed_device WHERE device = ?")?
        .query_row([device], |row| Ok(Entry::LapsedDevice { device, count: row.get(0)? }))
        .optional()
}
