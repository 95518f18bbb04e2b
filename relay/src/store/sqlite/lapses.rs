//! Notices about messages: the newest one where only counts are told, and those that never arrive.

use rusqlite::{Result, params};
use wire::{AccountId, ConversationId, DeviceId, Lane, Name};

use super::{latest::Key, tx::Tx};

impl Tx<'_> {
    pub(super) fn note_newest(
        &mut self,
        author: AccountId,
        id: ConversationId,
        lane: Lane,
        c: u64,
        recipients: usize,
    ) -> Result<()> {
        self.db
            .prepare_cached(
                "INSERT OR REPLACE INTO newest (conversation, lane, author, c, recipients)
                 VALUES (?, ?, ?, ?, ?)",
            )?
            .execute(params![id, lane.number(), author, c, recipients])?;
        self.rows += 1;
        Ok(())
    }

    /// Tells an author that recipients will never get a message.
    pub(super) fn note_expired(
        &mut self,
        author: AccountId,
        name: Name,
        missing: u64,
        recipients: u64,
    ) -> Result<()> {
        self.db
            .prepare_cached(
                "INSERT INTO expired (device, n, missing, recipients) VALUES (?, ?, ?, ?)
                 ON CONFLICT (device, n) DO UPDATE SET missing = missing + excluded.missing",
            )?
            .execute([name.device, name.n, missing, recipients])?;
        self.rows += 1;
        self.bump(author, Key::Expired(name))
    }

    /// Tells an account that messages to it will never come.
    pub(super) fn note_lapsed(
        &mut self,
        account: AccountId,
        id: ConversationId,
        count: u64,
    ) -> Result<()> {
        self.db
            .prepare_cached(
                "INSERT INTO lapsed (account, conversation, count) VALUES (?, ?, ?)
                 ON CONFLICT (account, conversation) DO UPDATE SET count = count + excluded.count",
            )?
            .execute([account, id, count])?;
        self.rows += 1;
        self.bump(account, Key::Lapsed(id))
    }

    /// Tells an account that one of its devices missed messages.
    pub(super) fn note_lapsed_device(
        &mut self,
        account: AccountId,
        device: DeviceId,
        count: u64,
    ) -> Result<()> {
        self.db
            .prepare_cached(
                "INSERT INTO lapsed_device (device, count) VALUES (?, ?)
                 ON CONFLICT (device) DO UPDATE SET count = count + excluded.count",
            )?
            .execute([device, count])?;
        self.rows += 1;
        self.bump(account, Key::LapsedDevice(device))
    }
}
