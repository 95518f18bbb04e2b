//! Who this store speaks as, and how far its talk with the relay has come.

use rusqlite::{Connection, params};
use wire::{Cursors, Lane, Limits};

use super::{
    Reader, Store, StoreError,
    write::{Query, Tx},
};

/// The account and device of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The relay's number for the account; 0 while not logged in.
    pub account: u64,
    /// The relay's number for this device.
    pub device: u64,
    /// The account's name, without the domain.
    pub name: String,
    /// The relay's domain.
    pub domain: String,
}

/// How far the talk with the relay has come. All of it only grows, unless the relay was put back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Number of the newest attempt.
    pub x: u64,
    /// Highest own number that the relay has answered for.
    pub k: u64,
    /// Highest own number whose answer lies here.
    pub told: u64,
    /// What lies here of the mailbox.
    pub cursors: Cursors,
    /// Version of the presence list.
    pub presence_version: u64,
    /// The relay's limits; the tag is 0 until they are known.
    pub limits: Limits,
    /// The relay's clock less ours, in seconds, at its last answer.
    pub relay_ahead_s: Option<i64>,
}

impl Reader {
    /// Who this store speaks as; `account` 0 for nobody yet.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn identity(&self) -> Result<Identity, StoreError> {
        self.read(load)
    }

    /// How far the talk with the relay has come.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn position(&self) -> Result<Position, StoreError> {
        self.read(position)
    }
}

impl Store {
    /// After joining or logging in, and at every start with what `account.toml` says: makes this store that device's.
    /// `cursors` are those of the relay's answer, where it begins to deliver to a new device.
    ///
    /// Doing it again changes nothing. Another device of the same account takes the store over: its numbers start anew,
    /// and what was sealed and not answered is held until the user says so, because it may have gone. What was never put
    /// into a request goes on waiting as before, unless the store was forked.
    ///
    /// # Errors
    /// [`StoreError::OtherAccount`] where the store is somebody else's; what SQLite says.
    pub fn log_in(&self, identity: &Identity, cursors: Option<Cursors>) -> Result<(), StoreError> {
        self.write(|tx| {
            let me = &tx.me;
            if me.device == 0 {
                tx.become_device(identity)?;
                return cursors.map_or(Ok(()), |cursors| tx.set_cursors(cursors));
            }
            let same_domain =
                me.domain.is_empty() || identity.domain.is_empty() || me.domain == identity.domain;
            if me.account != identity.account || !same_domain {
                return Err(StoreError::OtherAccount {
                    owner: format!("{}@{}", me.name, me.domain),
                });
            }
            if me.device == identity.device { Ok(()) } else { tx.adopt(identity.device) }
        })
    }
}

impl Tx<'_> {
    pub(crate) fn become_device(&self, identity: &Identity) -> Result<(), StoreError> {
        let Identity { account, device, name, domain } = identity;
        self.run(
            "UPDATE device SET account = ?1, device = ?2, name = ?3, domain = ?4",
            params![account, device, name, domain],
        )?;
        Ok(())
    }

    pub(crate) fn position(&self) -> Result<Position, StoreError> {
        position(self)
    }

    pub(crate) fn set_cursors(&self, cursors: Cursors) -> Result<(), StoreError> {
        let Cursors { latest, urgent, ordinary } = cursors;
        self.run(
            "UPDATE device SET cursor_latest = ?1, cursor_urgent = ?2, cursor_ordinary = ?3",
            params![latest, urgent, ordinary],
        )?;
        Ok(())
    }

    /// Moves a cursor forward; never back. Gives whether it moved.
    pub(crate) fn move_cursor(&self, lane: Lane, position: u64) -> Result<bool, StoreError> {
        let sql = match lane {
            Lane::Latest => "UPDATE device SET cursor_latest = ?1 WHERE cursor_latest < ?1",
            Lane::Urgent => "UPDATE device SET cursor_urgent = ?1 WHERE cursor_urgent < ?1",
            Lane::Ordinary => "UPDATE device SET cursor_ordinary = ?1 WHERE cursor_ordinary < ?1",
        };
        Ok(self.run(sql, [position])? != 0)
    }

    pub(crate) fn set_limits(&self, limits: &Limits) -> Result<(), StoreError> {
        self.run(
            "UPDATE device SET limits_tag = ?1, codecs = ?2, envelope_max = ?3, request_max = ?4,
                lifetime_default_s = ?5, lifetime_max_s = ?6, members_max = ?7, hold_max_s = ?8",
            params![
                limits.tag,
                limits.codecs,
                limits.envelope_max,
                limits.request_max,
                limits.lifetime_default_s,
                limits.lifetime_max_s,
                limits.members_max,
                limits.hold_max_s
            ],
        )?;
        Ok(())
    }
}

pub(crate) fn load(db: &Connection) -> Result<Identity, StoreError> {
    let row = db.first("SELECT account, device, name, domain FROM device", [], |row| {
        Ok(Identity {
            account: row.get(0)?,
            device: row.get(1)?,
            name: row.get(2)?,
            domain: row.get(3)?,
        })
    })?;
    Ok(row.unwrap_or_default())
}

pub(crate) fn position(db: &Connection) -> Result<Position, StoreError> {
    let sql = "SELECT x, k, told, cursor_latest, cursor_urgent, cursor_ordinary, presence_version, limits_tag, codecs,
            envelope_max, request_max, lifetime_default_s, lifetime_max_s, members_max, hold_max_s, relay_ahead_s
        FROM device";
    let row = db.first(sql, [], |row| {
        Ok(Position {
            x: row.get(0)?,
            k: row.get(1)?,
            told: row.get(2)?,
            cursors: Cursors { latest: row.get(3)?, urgent: row.get(4)?, ordinary: row.get(5)? },
            presence_version: row.get(6)?,
            limits: Limits {
                tag: row.get(7)?,
                codecs: row.get(8)?,
                envelope_max: row.get(9)?,
                request_max: row.get(10)?,
                lifetime_default_s: row.get(11)?,
                lifetime_max_s: row.get(12)?,
                members_max: row.get(13)?,
                hold_max_s: row.get(14)?,
            },
            relay_ahead_s: row.get(15)?,
        })
    })?;
    Ok(row.unwrap_or_default())
}
