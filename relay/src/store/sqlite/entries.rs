//! Taking entries out of mailboxes: expired ones, delivered ones, and what makes room for others.

use rusqlite::{OptionalExtension, Result, Row, params};
use wire::{AccountId, ConversationId, DeviceId, Lane, Name};

use super::{cache::Device, tx::Tx};

/// An entry, as housekeeping sees it.
pub(super) struct Old {
    pub(super) lane: Lane,
    pub(super) position: u64,
    pub(super) message: i64,
    pub(super) conversation: ConversationId,
    pub(super) device: DeviceId,
    pub(super) author: AccountId,
    pub(super) bytes: u64,
    pub(super) placed_at_s: u64,
    pub(super) expires_at_s: u64,
}

impl Tx<'_> {
    /// Removes what nobody fetched in time; author and account hear of it.
    pub(super) fn expire_entry(&mut self, account: AccountId, entry: &Old) -> Result<()> {
        let mailbox = self.cache.mailbox_mut(self.db, account)?;
        mailbox.kept_count = mailbox.kept_count.saturating_sub(1);
        mailbox.kept_bytes = mailbox.kept_bytes.saturating_sub(entry.bytes);
        mailbox.waiting_count = mailbox.waiting_count.saturating_sub(1);
        mailbox.waiting_bytes = mailbox.waiting_bytes.saturating_sub(entry.bytes);
        let about = self
            .db
            .prepare_cached("SELECT device, n, recipients FROM message WHERE id = ?")?
            .query_row([entry.message], |row| {
                Ok((Name { device: row.get(0)?, n: row.get(1)? }, row.get(2)?))
            })
            .optional()?;
        self.delete_entry(account, entry)?;
        self.note_lapsed(account, entry.conversation, 1)?;
        if let Some((name, recipients)) = about {
            self.note_expired(entry.author, name, 1, recipients)?;
        }
        Ok(())
    }

    /// Removes what some device of the account has; those that miss it are told how many.
    pub(super) fn drop_entry(
        &mut self,
        account: AccountId,
        entry: &Old,
        devices: &[(DeviceId, Device)],
    ) -> Result<()> {
        let mailbox = self.cache.mailbox_mut(self.db, account)?;
        if entry.author == account {
            mailbox.own_count = mailbox.own_count.saturating_sub(1);
            mailbox.own_bytes = mailbox.own_bytes.saturating_sub(entry.bytes);
        } else {
            mailbox.kept_count = mailbox.kept_count.saturating_sub(1);
            mailbox.kept_bytes = mailbox.kept_bytes.saturating_sub(entry.bytes);
        }
        self.delete_entry(account, entry)?;
        for (id, device) in devices {
            if !device.revoked && misses(*id, device, entry) {
                self.note_lapsed_device(account, *id, 1)?;
            }
        }
        Ok(())
    }

    pub(super) fn delete_entry(&mut self, account: AccountId, entry: &Old) -> Result<()> {
        self.db
            .prepare_cached("DELETE FROM entry WHERE account = ? AND lane = ? AND position = ?")?
            .execute(params![account, entry.lane.number(), entry.position])?;
        self.rows += 1;
        let left = self
            .db
            .prepare_cached(
                "UPDATE message SET copies = copies - 1 WHERE id = ? RETURNING copies, device, n",
            )?
            .query_row([entry.message], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, u64>(1)?, row.get::<_, u64>(2)?))
            })
            .optional()?;
        if let Some((0, device, n)) = left
            && self.cache.device(self.db, device)?.is_none_or(|device| n <= device.told)
        {
            self.db.prepare_cached("DELETE FROM message WHERE id = ?")?.execute([entry.message])?;
            self.rows += 1;
        }
        Ok(())
    }

    /// Whether `bytes` more fit into a mailbox. What some device of the account has goes first.
    pub(super) fn makes_room(&mut self, account: AccountId, bytes: u64) -> Result<bool> {
        if self.has_room(account, bytes)? {
            return Ok(true);
        }
        let waiting = self.cache.mailbox(self.db, account)?;
        if waiting.kept_count <= waiting.waiting_count {
            return Ok(false);
        }
        let devices = self.devices(account)?;
        for lane in [Lane::Ordinary, Lane::Urgent] {
            for (_, device) in &devices {
                let (from, to) = (device.first.of(lane), device.cursors.of(lane));
                for entry in self.arrived_entries(account, lane, from, to)? {
                    self.drop_entry(account, &entry, &devices)?;
                }
                if self.has_room(account, bytes)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    pub(super) fn has_room(&mut self, account: AccountId, bytes: u64) -> Result<bool> {
        let (count_max, bytes_max) = (self.policy.mailbox_count_max, self.policy.mailbox_bytes_max);
        let mailbox = self.cache.mailbox(self.db, account)?;
        Ok(mailbox.kept_count < count_max && mailbox.kept_bytes + bytes <= bytes_max)
    }

    /// The oldest entries of others that a device with this range has.
    pub(super) fn arrived_entries(
        &self,
        account: AccountId,
        lane: Lane,
        from: u64,
        to: u64,
    ) -> Result<Vec<Old>> {
        self.db
            .prepare_cached(
                "SELECT lane, position, message, conversation, device, author, bytes,
                        placed_at_s, expires_at_s
                 FROM entry
                 WHERE account = ? AND lane = ? AND ? < position AND position <= ?
                       AND author <> account
                 ORDER BY position LIMIT 256",
            )?
            .query_map(params![account, lane.number(), from, to], read_old)?
            .collect()
    }
}

/// Whether the device would still fetch this entry.
pub(super) fn misses(id: DeviceId, device: &Device, entry: &Old) -> bool {
    entry.device != id && device.cursors.of(entry.lane) < entry.position
}

pub(super) fn read_old(row: &Row<'_>) -> Result<Old> {
    Ok(Old {
        lane: Lane::from_number(row.get(0)?).unwrap_or(Lane::Ordinary),
        position: row.get(1)?,
        message: row.get(2)?,
        conversation: row.get(3)?,
        device: row.get(4)?,
        author: row.get(5)?,
        bytes: row.get(6)?,
        placed_at_s: row.get(7)?,
        expires_at_s: row.get(8)?,
    })
}
