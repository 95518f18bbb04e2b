//! What lies in a home: its rows, read beside the agent. The names under which things are stored are in no public view,
//! and they are what this is about. All SQL of the model test is here.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, OpenFlags, Row};
use wire::{Lane, MemberState, Name};

/// A message's row.
#[derive(Clone, Debug)]
pub(crate) struct Row1 {
    pub(crate) conversation: i64,
    /// None while it has none.
    pub(crate) name: Option<Name>,
    /// Further names.
    pub(crate) aliases: Vec<Name>,
    pub(crate) is_mine: bool,
    pub(crate) author: String,
    pub(crate) lane: u8,
    pub(crate) c: u64,
    pub(crate) is_here: bool,
    pub(crate) base: String,
    pub(crate) text: String,
    pub(crate) is_edited: bool,
    pub(crate) is_deleted: bool,
    pub(crate) state: u8,
    pub(crate) reason: String,
    pub(crate) reply: Option<Name>,
}

/// A conversation's row.
#[derive(Clone, Debug)]
pub(crate) struct Chat {
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) version: u32,
    pub(crate) mine: MemberState,
    pub(crate) members: BTreeMap<u64, MemberState>,
}

/// Everything that the checks look at.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) device: u64,
    pub(crate) messages: Vec<Row1>,
    /// By the relay's number.
    pub(crate) chats: BTreeMap<u64, Chat>,
    /// Own items by state.
    pub(crate) items: Vec<(u8, u8, u8, Option<Name>)>,
    pub(crate) notices: Vec<String>,
    pub(crate) names: Vec<Name>,
}

fn open(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the store is there")
}

fn all<T>(db: &Connection, sql: &str, row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
    let mut statement = db.prepare(sql).expect("our own SQL");
    let rows = statement.query_map([], row).expect("our own SQL");
    rows.collect::<Result<_, _>>().expect("readable rows")
}

fn name(device: Option<u64>, n: Option<u64>) -> Option<Name> {
    Some(Name { device: device?, n: n? })
}

/// Names of the messages and amendments that lie here.
pub(crate) fn names(path: &Path) -> Vec<Name> {
    names_of(&open(path))
}

fn names_of(db: &Connection) -> Vec<Name> {
    let sql = "SELECT device, n FROM message WHERE device IS NOT NULL AND is_here = 1
        UNION ALL SELECT device, n FROM amendment WHERE device IS NOT NULL UNION ALL SELECT device, n FROM gone
        UNION SELECT device, n FROM alias";
    all(db, sql, |row| Ok(Name { device: row.get(0)?, n: row.get(1)? }))
}

/// Further names of messages, by their ids.
fn aliases(db: &Connection) -> BTreeMap<i64, Vec<Name>> {
    let mut aliases: BTreeMap<i64, Vec<Name>> = BTreeMap::new();
    for (id, name) in all(db, "SELECT message, device, n FROM alias", |row| {
        Ok((row.get(0)?, Name { device: row.get(1)?, n: row.get(2)? }))
    }) {
        aliases.entry(id).or_default().push(name);
    }
    aliases
}

/// Own messages that were said to be delivered or more: name, state.
pub(crate) fn receipts(path: &Path) -> Vec<(Name, u8)> {
    let sql = "SELECT device, n, state FROM message WHERE is_mine = 1 AND device IS NOT NULL AND state BETWEEN 3 AND 6";
    all(&open(path), sql, |row| Ok((Name { device: row.get(0)?, n: row.get(1)? }, row.get(2)?)))
}

/// Chat requests of a relay's store that nobody answered in time: conversation, account.
pub(crate) fn expired_requests(path: &Path) -> Vec<(u64, u64)> {
    let sql = "SELECT conversation, account FROM member WHERE state = 6";
    all(&open(path), sql, |row| Ok((row.get(0)?, row.get(1)?)))
}

impl Probe {
    pub(crate) fn of(path: &Path) -> Self {
        let db = open(path);
        let device = all(&db, "SELECT device FROM device", |row| row.get(0))[0];
        let sql = "SELECT coalesce(conversation, 0), device, n, is_mine, author, lane, coalesce(c, 0), is_here, base, text, is_edited,
            is_deleted, CASE WHEN waits IS NULL THEN state ELSE 1 END, coalesce(waits, reason), coalesce(reply_device, (SELECT coalesce(a.device, r.device)
                FROM message r LEFT JOIN alias a ON a.message = r.id AND a.is_first = 1 WHERE r.id = m.reply_to)),
            coalesce(reply_n, (SELECT coalesce(a.n, r.n)
                FROM message r LEFT JOIN alias a ON a.message = r.id AND a.is_first = 1 WHERE r.id = m.reply_to)),
            id FROM (SELECT *, (SELECT 'waits: ' || reason FROM item WHERE message = message.id AND item.state < 3
                AND message.state IN (5, 6)) AS waits FROM message) m WHERE shown_as = 1 ORDER BY id";
        let aliases = aliases(&db);
        let messages = all(&db, sql, |row| {
            let id: i64 = row.get(16)?;
            Ok(Row1 {
                conversation: row.get(0)?,
                name: name(row.get(1)?, row.get(2)?),
                aliases: aliases.get(&id).cloned().unwrap_or_default(),
                is_mine: row.get(3)?,
                author: row.get(4)?,
                lane: row.get(5)?,
                c: row.get(6)?,
                is_here: row.get(7)?,
                base: row.get(8)?,
                text: row.get(9)?,
                is_edited: row.get(10)?,
                is_deleted: row.get(11)?,
                state: row.get(12)?,
                reason: row.get(13)?,
                reply: name(row.get(14)?, row.get(15)?),
            })
        });
        let sql = "SELECT id, number, title, version, mine FROM conversation
            WHERE merged_into IS NULL AND number IS NOT NULL";
        let mut chats: BTreeMap<u64, Chat> = all(&db, sql, |row| {
            let mine = MemberState::from(row.get::<_, u8>(4)?);
            let chat = Chat {
                id: row.get(0)?,
                title: row.get(2)?,
                version: row.get(3)?,
                mine,
                members: BTreeMap::new(),
            };
            Ok((row.get(1)?, chat))
        })
        .into_iter()
        .collect();
        let sql = "SELECT conversation, account, state FROM member";
        for (id, account, state) in
            all(&db, sql, |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get::<_, u8>(2)?)))
        {
            if let Some(chat) = chats.values_mut().find(|chat| chat.id == id) {
                chat.members.insert(account, MemberState::from(state));
            }
        }
        let sql = "SELECT state, hold, kind, device, n FROM item";
        let items = all(&db, sql, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, name(row.get(3)?, row.get(4)?)))
        });
        let notices = all(&db, "SELECT text FROM message WHERE shown_as = 3", |row| row.get(0));
        let names = names_of(&db);
        Self { device, messages, chats, items, notices, names }
    }
}

/// Lane of a row.
pub(crate) fn lane(number: u8) -> Option<Lane> {
    Lane::from_number(number)
}
