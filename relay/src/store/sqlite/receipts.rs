//! What a device's cursors and marks tell: to its account that messages no longer wait, to their
//! authors that they were delivered and read.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Result, params};
use wire::{AccountId, ConversationId, Cursors, DeviceId, Lane, Mark};

use super::{
    super::NUMBER_MAX,
    cache::Device,
    latest::{Key, RECEIPTS_MEMBERS_MAX},
    tx::Tx,
};

/// What one entry tells when a device gets it.
struct Arrived {
    position: u64,
    conversation: ConversationId,
    c: u64,
    author: AccountId,
    bytes: u64,
}

impl Tx<'_> {
    /// Moves a device's cursors forward to what it says it holds.
    pub(super) fn move_cursors(
        &mut self,
        id: DeviceId,
        device: &mut Device,
        to: Cursors,
    ) -> Result<()> {
        self.meet_cursors(device.account, device.cursors, to)?;
        for lane in [Lane::Urgent, Lane::Ordinary] {
            let (from, to) = (device.cursors.of(lane), to.of(lane));
            if from < to {
                self.deliver_range(id, device.account, lane, from, to)?;
            }
        }
        device.cursors = to;
        Ok(())
    }

    fn deliver_range(
        &mut self,
        id: DeviceId,
        account: AccountId,
        lane: Lane,
        from: u64,
        to: u64,
    ) -> Result<()> {
        let mut devices = self.devices(account)?;
        if let Some((_, device)) = devices.iter_mut().find(|(other, _)| *other == id) {
            *device.cursors.of_mut(lane) = to;
        }
        let others: Vec<_> = devices.iter().filter(|(other, _)| *other != id).collect();
        let (mut count, mut bytes) = (0, 0);
        let mut newest: BTreeMap<(ConversationId, AccountId), u64> = BTreeMap::new();
        for entry in self.arrived(account, lane, from, to)? {
            if !others.iter().any(|(_, device)| device.has(lane, entry.position)) {
                count += 1;
                bytes += entry.bytes;
            }
            let c = newest.entry((entry.conversation, entry.author)).or_default();
            *c = entry.c.max(*c);
        }
        if 0 < count {
            let mailbox = self.cache.mailbox_mut(self.db, account)?;
            mailbox.waiting_count = mailbox.waiting_count.saturating_sub(count);
            mailbox.waiting_bytes = mailbox.waiting_bytes.saturating_sub(bytes);
        }
        let missing = if newest.is_empty() {
            BTreeMap::new()
        } else {
            self.missing(account, lane, to, &devices)?
        };
        for ((conversation, author), c) in newest {
            // A receipt says "up to here": it stops in front of what no device has yet.
            let bound =
                missing.get(&(conversation, author)).map_or(c, |missing| c.min(missing - 1));
            self.note_delivered(conversation, lane, account, author, bound)?;
        }
        Ok(())
    }

    /// First places of what lies below `to` and came to no device: one that logs in later begins behind what the others
    /// have not fetched yet.
    fn missing(
        &self,
        account: AccountId,
        lane: Lane,
        to: u64,
        devices: &[(DeviceId, Device)],
    ) -> Result<BTreeMap<(ConversationId, AccountId), u64>> {
        let range =
            |(_, device): &(DeviceId, Device)| (device.first.of(lane), device.cursors.of(lane));
        let mut covered: Vec<(u64, u64)> = devices.iter().map(range).collect();
        covered.sort_unstable();
        let mut missing = BTreeMap::new();
        let mut at = 0;
        for (first, end) in covered.into_iter().filter(|(first, _)| *first <= to) {
            if at < first {
                for entry in self.arrived(account, lane, at, first)? {
                    let c = missing.entry((entry.conversation, entry.author)).or_insert(entry.c);
                    *c = entry.c.min(*c);
                }
            }
            at = at.max(end);
        }
        Ok(missing)
    }

    /// Entries that others wrote, behind `from` and up to `to`.
    fn arrived(&self, account: AccountId, lane: Lane, from: u64, to: u64) -> Result<Vec<Arrived>> {
        self.db
            .prepare_cached(
                "SELECT position, conversation, c, author, bytes FROM entry
                 WHERE account = ? AND lane = ? AND ? < position AND position <= ?
                       AND author <> account",
            )?
            .query_map(params![account, lane.number(), from, to], |row| {
                Ok(Arrived {
                    position: row.get(0)?,
                    conversation: row.get(1)?,
                    c: row.get(2)?,
                    author: row.get(3)?,
                    bytes: row.get(4)?,
                })
            })?
            .collect()
    }

    fn note_delivered(
        &mut self,
        conversation: ConversationId,
        lane: Lane,
        reader: AccountId,
        author: AccountId,
        c: u64,
    ) -> Result<()> {
        let grown = self
            .db
            .prepare_cached(
                "INSERT INTO receipt (conversation, lane, reader, author, delivered, read)
                 VALUES (?, ?, ?, ?, ?, 0)
                 ON CONFLICT (conversation, lane, reader, author)
                 DO UPDATE SET delivered = excluded.delivered WHERE delivered < excluded.delivered",
            )?
            .execute(params![conversation, lane.number(), reader, author, c])?;
        if grown == 0 {
            return Ok(());
        }
        self.rows += 1;
        self.tell_receipt(conversation, lane, reader, author)
    }

    /// Tells an author about a reader, or about how many, where there are many.
    fn tell_receipt(
        &mut self,
        conversation: ConversationId,
        lane: Lane,
        reader: AccountId,
        author: AccountId,
    ) -> Result<()> {
        let Some(row) = self.cache.conversation(self.db, conversation)? else { return Ok(()) };
        let key = if row.members.len() <= RECEIPTS_MEMBERS_MAX {
            Key::Receipt(conversation, lane, reader)
        } else {
            Key::Counts(conversation, lane)
        };
        self.bump(author, key)
    }

    /// Takes read marks; whether one of them says anything new. Marks only grow, and never pass
    /// what the account has.
    pub(super) fn take_marks(&mut self, account: AccountId, marks: &[Mark]) -> Result<()> {
        for mark in marks.iter().filter(|mark| mark.lane != Lane::Latest) {
            if NUMBER_MAX < mark.conversation || NUMBER_MAX < mark.c {
                continue;
            }
            let row = self.cache.conversation(self.db, mark.conversation)?;
            if row.is_some_and(|row| row.member(account).is_some()) {
                self.take_mark(account, mark)?;
            }
        }
        Ok(())
    }

    fn take_mark(&mut self, account: AccountId, mark: &Mark) -> Result<()> {
        let received = self.received(account, mark)?;
        let most = received.iter().map(|(_, delivered, _)| *delivered).max().unwrap_or(0);
        let c = mark.c.min(most);
        let before: u64 = self
            .db
            .prepare_cached(
                "SELECT c FROM mark WHERE account = ? AND conversation = ? AND lane = ?",
            )?
            .query_row(params![account, mark.conversation, mark.lane.number()], |row| row.get(0))
            .optional()?
            .unwrap_or(0);
        if before < c {
            self.store_mark(account, mark, c)?;
        }
        if mark.share {
            for (author, delivered, read) in received {
                self.share_mark(account, mark, author, read, c.min(delivered))?;
            }
        }
        Ok(())
    }

    /// Whose messages of a lane the account has: author, how far, how far read.
    fn received(&self, account: AccountId, mark: &Mark) -> Result<Vec<(AccountId, u64, u64)>> {
        self.db
            .prepare_cached(
                "SELECT author, delivered, read FROM receipt
                 WHERE conversation = ? AND lane = ? AND reader = ?",
            )?
            .query_map(params![mark.conversation, mark.lane.number(), account], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect()
    }

    fn store_mark(&mut self, account: AccountId, mark: &Mark, c: u64) -> Result<()> {
        self.db
            .prepare_cached(
                "INSERT INTO mark (account, conversation, lane, c) VALUES (?, ?, ?, ?)
                 ON CONFLICT (account, conversation, lane) DO UPDATE SET c = excluded.c",
            )?
            .execute(params![account, mark.conversation, mark.lane.number(), c])?;
        self.rows += 1;
        let devices = self.devices(account)?;
        if 1 < devices.iter().filter(|(_, device)| !device.revoked).count() {
            self.bump(account, Key::Receipt(mark.conversation, mark.lane, account))?;
        }
        Ok(())
    }

    fn share_mark(
        &mut self,
        reader: AccountId,
        mark: &Mark,
        author: AccountId,
        before: u64,
        read: u64,
    ) -> Result<()> {
        if read <= before {
            return Ok(());
        }
        self.db
            .prepare_cached(
                "UPDATE receipt SET read = ?
                 WHERE conversation = ? AND lane = ? AND reader = ? AND author = ?",
            )?
            .execute(params![read, mark.conversation, mark.lane.number(), reader, author])?;
        self.rows += 1;
        self.tell_receipt(mark.conversation, mark.lane, reader, author)
    }
}
