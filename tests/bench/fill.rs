//! A relay's store as a city would have it, written at once: accounts with contacts, and messages that wait for each.
//!
//! Through the relay it would take hours. So this knows the tables; what it writes is what the relay would have written
//! in six days, in the order of their keys, with indexes made at the end.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use relay::store::{Policy, SecretHash, sqlite::SqliteStore};
use rusqlite::{Connection, Transaction, params};
use wire::Cursors;

use super::accounts;

/// First number of accounts and devices, of conversations, of positions and places in this store: below those that a
/// relay gives that opens it, as numbers of the months before are.
const ACCOUNT: u64 = 1_000_001;
const CONVERSATION: u64 = 16_000_001;
const POSITION: u64 = 20_000_001;
const PLACE: u64 = 1_000_001;
/// Each account has asked so many others, and was asked by as many.
pub(crate) const ASKED: u64 = 5;
const DAY_S: u64 = 24 * 3600;
const AGE_S: u64 = 6 * DAY_S;
const LIFETIME_S: u64 = 30 * DAY_S;
const ORDINARY: u8 = 2;

/// How large it is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Accounts for which all their messages wait.
    pub(crate) accounts: u64,
    /// Messages to each account.
    pub(crate) each: u64,
    /// Accounts beside them that have fetched all of theirs: these come and find nothing new.
    pub(crate) visitors: u64,
}

impl Size {
    fn all(self) -> u64 {
        self.accounts + self.visitors
    }

    /// Numbers of the accounts that have nothing new.
    pub(crate) fn visitors(self) -> std::ops::Range<u64> {
        self.accounts..self.all()
    }

    /// Where logs end.
    pub(crate) fn end(self) -> u64 {
        if self.each == 0 { POSITION - 1 } else { POSITION + 2 * self.each - 1 }
    }

    /// What a visitor holds.
    pub(crate) fn read(self) -> Cursors {
        let last = self.end();
        Cursors { latest: last, urgent: last, ordinary: last }
    }

    /// What an account holds that lacks the last `count` messages, and its own stand between them.
    pub(crate) fn lacking(self, count: u64) -> Cursors {
        Cursors { ordinary: self.end().saturating_sub(2 * count), ..self.read() }
    }

    /// What a device for which all messages wait has said that it holds.
    pub(crate) fn unread(self) -> Cursors {
        Cursors { latest: self.end(), urgent: POSITION - 1, ordinary: POSITION - 1 }
    }
}

/// Account and device of a number: in this store they are the same.
pub(crate) fn id(number: u64) -> u64 {
    ACCOUNT + number
}

/// Writes the store.
pub(crate) fn fill(path: &Path, size: Size, lines: &[String]) -> anyhow::Result<()> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    drop(SqliteStore::open(path, Policy::default(), now_s).context("making the store")?);
    let mut db = Connection::open(path)?;
    db.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA cache_size = -524288; DROP INDEX message_name; DROP INDEX message_loose;",
    )?;
    let tx = db.transaction()?;
    let filling = Filling { tx: &tx, size, lines, now_s };
    filling.people()?;
    filling.conversations()?;
    filling.contacts()?;
    filling.messages()?;
    filling.entries()?;
    tx.commit()?;
    db.execute_batch(
        "CREATE UNIQUE INDEX message_name ON message (device, n);
         CREATE INDEX message_loose ON message (device, n) WHERE copies = 0;
         PRAGMA journal_mode = WAL;",
    )?;
    Ok(())
}

struct Filling<'f> {
    tx: &'f Transaction<'f>,
    size: Size,
    lines: &'f [String],
    now_s: u64,
}

impl Filling<'_> {
    fn line(&self, round: u64) -> &str {
        &self.lines[round as usize % self.lines.len()]
    }

    /// When the messages of a round were written.
    fn written_s(&self, round: u64) -> u64 {
        self.now_s - AGE_S + round * AGE_S / self.size.each.max(1)
    }

    /// Number of the account that one has asked.
    fn asked(&self, number: u64, place: u64) -> u64 {
        (number + 1 + place) % self.size.all()
    }

    /// And of the one that asked.
    fn asker(&self, number: u64, place: u64) -> u64 {
        (number + self.size.all() - 1 - place) % self.size.all()
    }

    fn conversation(asker: u64, place: u64) -> u64 {
        CONVERSATION + asker * ASKED + place
    }

    /// The message that the asked one wrote to the asker in a round.
    fn message(&self, round: u64, asker: u64) -> u64 {
        round * self.size.all() + asker + 1
    }

    fn people(&self) -> rusqlite::Result<()> {
        let Self { tx, size, now_s, .. } = self;
        let bytes: usize = (0..size.each).map(|round| self.line(round).len()).sum();
        let look_at_s = if size.each == 0 { 0 } else { now_s - AGE_S + 7 * DAY_S + 3600 };
        let mut account = tx.prepare("INSERT INTO account VALUES (?, ?, '!', 0, ?)")?;
        let mut device = tx.prepare(
            "INSERT INTO device VALUES (?1, ?1, ?2, 'bench', ?3, ?3, 0, 1, ?4, ?4, ?4, ?5, ?6, ?7, 0, 0)",
        )?;
        let mut mailbox =
            tx.prepare("INSERT INTO mailbox VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?3, ?4, ?7, 0, 0)")?;
        for number in 0..size.all() {
            let (id, plain) = (id(number), usize::try_from(number).unwrap_or(usize::MAX));
            let visits = size.visitors().contains(&number);
            let (cursors, waiting) =
                if visits { (size.read(), 0) } else { (size.unread(), size.each) };
            let waiting_bytes = if visits { 0 } else { bytes };
            account.execute(params![id, accounts::name(plain), now_s])?;
            let token = SecretHash::of(&accounts::token(plain));
            let k = size.each + ASKED;
            let Cursors { latest, urgent, ordinary } = cursors;
            device.execute(params![id, &token.0[..], now_s, k, latest, urgent, ordinary])?;
            let (end, each) = (size.end(), size.each);
            mailbox.execute(params![id, end, each, bytes, waiting, waiting_bytes, look_at_s])?;
        }
        let last = [
            ("account", id(size.all())),
            ("device", id(size.all())),
            ("conversation", Self::conversation(size.all(), 0)),
        ];
        for (name, last) in last {
            tx.execute("INSERT OR REPLACE INTO allocator VALUES (?, ?)", params![name, last])?;
        }
        Ok(())
    }

    fn conversations(&self) -> rusqlite::Result<()> {
        let tx = self.tx;
        let mut conversation =
            tx.prepare("INSERT INTO conversation VALUES (?, ?, ?, ?, ?, '', 1, ?)")?;
        let mut founding = tx.prepare("INSERT INTO founding VALUES (?, ?, ?)")?;
        let mut member = tx.prepare("INSERT INTO member VALUES (?, ?, 2, 0, 1, ?, '', 0)")?;
        for asker in 0..self.size.all() {
            for place in 0..ASKED {
                let number = Self::conversation(asker, place);
                let (one, other) = (id(asker), id(self.asked(asker, place)));
                let (low, high) = (one.min(other), one.max(other));
                let c = PLACE + self.size.each;
                conversation.execute(params![number, one, place + 1, low, high, c])?;
                founding.execute(params![one, place + 1, number])?;
                member.execute(params![number, low, one])?;
                member.execute(params![number, high, one])?;
            }
        }
        Ok(())
    }

    /// Lane latest: a contact and a conversation for each pair.
    fn contacts(&self) -> rusqlite::Result<()> {
        let mut latest = self.tx.prepare("INSERT INTO latest VALUES (?, ?, ?, 0, 0, ?)")?;
        for number in 0..self.size.all() {
            let asked = (0..ASKED).map(|place| (self.asked(number, place), number, place));
            let askers = (0..ASKED).map(|place| {
                let asker = self.asker(number, place);
                (asker, asker, place)
            });
            let mut position = POSITION - 4 * ASKED - 1;
            for (other, asker, place) in asked.chain(askers) {
                for (kind, key) in [(1, id(other)), (2, Self::conversation(asker, place))] {
                    latest.execute(params![id(number), kind, key, position])?;
                    position += 1;
                }
            }
        }
        Ok(())
    }

    fn messages(&self) -> rusqlite::Result<()> {
        let mut message = self
            .tx
            .prepare("INSERT INTO message VALUES (?, ?, ?, ?, ?, 1, 2, ?, ?, ?, 1, 2, ?)")?;
        for round in 0..self.size.each {
            let place = round % ASKED;
            for asker in 0..self.size.all() {
                let author = id(self.asked(asker, place));
                message.execute(params![
                    self.message(round, asker),
                    author,
                    ASKED + round + 1,
                    author,
                    Self::conversation(asker, place),
                    PLACE + round,
                    round * 0x9E37 + asker,
                    self.written_s(round),
                    self.line(round).as_bytes()
                ])?;
            }
        }
        Ok(())
    }

    /// Each account's log: in each round a message that it got, then one that it wrote.
    fn entries(&self) -> rusqlite::Result<()> {
        let mut entry =
            self.tx.prepare("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
        for number in 0..self.size.all() {
            for round in 0..self.size.each {
                let (place, written_s) = (round % ASKED, self.written_s(round));
                let (asked, asker) = (self.asked(number, place), self.asker(number, place));
                let position = POSITION + 2 * round;
                let rows = [
                    (position, number, asked, written_s + LIFETIME_S),
                    (position + 1, asker, number, 0),
                ];
                for (position, asker, author, expires_at_s) in rows {
                    entry.execute(params![
                        id(number),
                        ORDINARY,
                        position,
                        self.message(round, asker),
                        Self::conversation(asker, place),
                        PLACE + round,
                        id(author),
                        id(author),
                        self.line(round).len(),
                        written_s,
                        expires_at_s
                    ])?;
                }
            }
        }
        Ok(())
    }
}
