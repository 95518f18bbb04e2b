//! The rows that the cache keeps, how they are read and written back.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Result, Row, params};
use wire::{AccountId, ConversationId, Cursors, DeviceId, Lane, MemberState};

use super::super::{DeviceState, NUMBER_MAX};

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
    /// Positions that were left out, oldest first: behind the first number, up to the second.
    pub(super) gaps: Vec<(u64, u64)>,
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

pub(super) const STORE_DEVICE: &str =
    "UPDATE device SET seen_at_s = ?, x = ?, k = ?, told = ?, noted = ?,
    latest = ?, urgent = ?, ordinary = ? WHERE id = ?";

pub(super) fn store_device(
    statement: &mut CachedStatement<'_>,
    id: DeviceId,
    device: &Device,
) -> Result<usize> {
    let Device { seen_at_s, x, k, told, noted, cursors, .. } = *device;
    let Cursors { latest, urgent, ordinary } = cursors;
    statement.execute([seen_at_s, x, k, told, noted, latest, urgent, ordinary, id])
}

pub(super) fn load_mailbox(db: &Connection, account: AccountId) -> Result<Mailbox> {
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
    mailbox.gaps = db
        .prepare_cached("SELECT low, high FROM gap WHERE account = ? ORDER BY low")?
        .query_map([account], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
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

pub(super) const STORE_MAILBOX: &str =
    "UPDATE mailbox SET position = ?, kept_count = ?, kept_bytes = ?,
    waiting_count = ?, waiting_bytes = ?, own_count = ?, own_bytes = ?, look_at_s = ?,
    asked_day = ?, asked_count = ? WHERE account = ?";

pub(super) fn store_mailbox(
    statement: &mut CachedStatement<'_>,
    account: AccountId,
    mailbox: &Mailbox,
) -> Result<usize> {
    statement.execute([
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
    ])
}

pub(super) fn load_conversation(
    db: &Connection,
    id: ConversationId,
) -> Result<Option<Conversation>> {
    if NUMBER_MAX < id {
        return Ok(None);
    }
    let found = db
        .prepare_cached("SELECT low, high, title, version, c FROM conversation WHERE id = ?")?
        .query_row([id], |row| {
            Ok(Conversation {
                pair: row.get::<_, Option<u64>>(0)?.zip(row.get(1)?),
                title: row.get(2)?,
                version: row.get(3)?,
                c: row.get(4)?,
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

pub(super) const STORE_CONVERSATION: &str =
    "UPDATE conversation SET title = ?, version = ?, c = ? WHERE id = ?";

pub(super) fn store_conversation(
    statement: &mut CachedStatement<'_>,
    id: ConversationId,
    row: &Conversation,
) -> Result<usize> {
    statement.execute(params![row.title, row.version, row.c, id])
}
