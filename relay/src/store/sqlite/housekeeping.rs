//! What goes away by itself: expired messages and requests, what everyone has, what would not fit.
//!
//! An undelivered entry goes when it expires, and both sides hear of it. A delivered one goes when
//! every device that is not dormant has it and `keep_delivered` is over, or when its mailbox is
//! full; a device that misses it is told how many.

use rusqlite::Result;
use wire::{AccountId, ConversationId, DeviceId, MemberState, Name};

use super::{
    super::{Chore, ChoreReport},
    cache::Device,
    entries::{Old, misses, read_old},
    latest::EXPIRED,
    tx::Tx,
};

/// Mailboxes that one slice looks at.
const MAILBOXES_MAX: u64 = 32;
/// Entries of one mailbox that one slice removes.
const DOOMED_MAX: usize = 1_024;
/// A mailbox with entries that a device still holds back is looked at again after this.
const LOOK_AGAIN_S: u64 = 24 * 60 * 60;
/// Rows that one slice of sweeping takes.
const SWEEP_MAX: u64 = 1_024;
/// Free pages that a database may keep for what comes next.
const FREE_PAGES_KEPT: u64 = 256;
/// Pages given back in one slice.
const VACUUM_PAGES: u64 = 64;

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Expires,
    Goes,
    /// Stays at least until then.
    Stays(u64),
}

impl Tx<'_> {
    /// One slice of a chore.
    pub(super) fn housekeep(&mut self, chore: &Chore, now_s: u64) -> Result<ChoreReport> {
        self.now_s = now_s;
        match chore {
            Chore::Mailboxes => self.tidy_some(),
            Chore::Requests => self.expire_requests(),
            Chore::Sweep => self.sweep(),
            Chore::Vacuum => self.vacuum(),
            // Not in a transaction: the store does it beside the writer.
            Chore::Checkpoint => Ok(ChoreReport::default()),
            Chore::Seen(seen) => self.note_seen(seen),
        }
    }

    fn tidy_some(&mut self) -> Result<ChoreReport> {
        let due: Result<Vec<AccountId>> = self
            .db
            .prepare_cached(
                "SELECT account FROM mailbox WHERE 0 < look_at_s AND look_at_s <= ?
                 ORDER BY look_at_s LIMIT ?",
            )?
            .query_map([self.now_s, MAILBOXES_MAX], |row| row.get(0))?
            .collect();
        let due = due?;
        let mut report = ChoreReport { handled: 0, more: MAILBOXES_MAX <= due.len() as u64 };
        for account in due {
            let (handled, complete) = self.tidy(account)?;
            report.handled += handled;
            report.more |= !complete;
        }
        Ok(report)
    }

    /// Looks through one mailbox. How many entries went, and whether that was all.
    fn tidy(&mut self, account: AccountId) -> Result<(u64, bool)> {
        let devices = self.devices(account)?;
        let mut next = u64::MAX;
        let mut doomed = Vec::new();
        let mut complete = true;
        {
            let mut statement = self.db.prepare_cached(
                "SELECT lane, position, message, conversation, device, author, bytes,
                        placed_at_s, expires_at_s
                 FROM entry WHERE account = ? ORDER BY lane, position",
            )?;
            let mut rows = statement.query([account])?;
            while let Some(row) = rows.next()? {
                let entry = read_old(row)?;
                match self.fate(account, &entry, &devices) {
                    Fate::Stays(until_s) => next = next.min(until_s),
                    fate => doomed.push((entry, fate)),
                }
                if DOOMED_MAX <= doomed.len() {
                    (complete, next) = (false, self.now_s);
                    break;
                }
            }
        }
        for (entry, fate) in &doomed {
            match fate {
                Fate::Expires => self.expire_entry(account, entry)?,
                _ => self.drop_entry(account, entry, &devices)?,
            }
        }
        self.forget_expired(account, &devices)?;
        let look_at_s = if next == u64::MAX { 0 } else { next.max(1) };
        self.cache.mailbox_mut(self.db, account)?.look_at_s = look_at_s;
        Ok((doomed.len() as u64, complete))
    }

    fn fate(&self, account: AccountId, entry: &Old, devices: &[(DeviceId, Device)]) -> Fate {
        let arrived = entry.author == account
            || devices.iter().any(|(_, device)| device.has(entry.lane, entry.position));
        if !arrived {
            let over = entry.expires_at_s <= self.now_s;
            return if over { Fate::Expires } else { Fate::Stays(entry.expires_at_s) };
        }
        let kept_until_s = entry.placed_at_s + self.policy.keep_delivered_s;
        if self.now_s < kept_until_s {
            return Fate::Stays(kept_until_s);
        }
        let waited_for =
            devices.iter().any(|(id, device)| self.is_awake(device) && misses(*id, device, entry));
        if waited_for { Fate::Stays(self.now_s + LOOK_AGAIN_S) } else { Fate::Goes }
    }

    /// Forgets the notices about expired messages that every device has read, and the one that wrote the message
    /// above all, however long it is silent: nobody else can tell its user.
    fn forget_expired(&mut self, account: AccountId, devices: &[(DeviceId, Device)]) -> Result<()> {
        let awake = devices.iter().filter(|(_, device)| self.is_awake(device));
        let Some(read) = awake.map(|(_, device)| device.cursors.latest).min() else {
            return Ok(());
        };
        let read: Result<Vec<(Name, u64)>> = self
            .db
            .prepare_cached(
                "SELECT a, b, position FROM latest WHERE account = ? AND kind = ? AND position <= ?",
            )?
            .query_map([account, EXPIRED, read], |row| {
                Ok((Name { device: row.get(0)?, n: row.get(1)? }, row.get(2)?))
            })?
            .collect();
        let waits = |device: DeviceId, position: u64| {
            let author = devices.iter().find(|(id, _)| *id == device);
            author.is_some_and(|(_, device)| !device.revoked && device.cursors.latest < position)
        };
        for (name, _) in read?.into_iter().filter(|(name, position)| !waits(name.device, *position))
        {
            for sql in [
                "DELETE FROM latest WHERE account = ? AND kind = ? AND a = ? AND b = ?",
                "DELETE FROM expired WHERE ? <> 0 AND ? <> 0 AND device = ? AND n = ?",
            ] {
                self.db.prepare_cached(sql)?.execute([account, EXPIRED, name.device, name.n])?;
            }
            self.rows += 2;
        }
        Ok(())
    }

    fn expire_requests(&mut self) -> Result<ChoreReport> {
        let over: Result<Vec<(ConversationId, AccountId)>> = self
            .db
            .prepare_cached(
                "SELECT conversation, account FROM member
                 WHERE 0 < asked_until_s AND asked_until_s <= ? LIMIT ?",
            )?
            .query_map([self.now_s, SWEEP_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect();
        let over = over?;
        for &(id, account) in &over {
            self.become_state(id, account, MemberState::Expired)?;
            self.tell_changed(id, account)?;
        }
        Ok(report(over.len() as u64))
    }

    fn sweep(&mut self) -> Result<ChoreReport> {
        let messages = self
            .db
            .prepare_cached(
                "DELETE FROM message WHERE id IN (
                    SELECT m.id FROM message m JOIN device d ON d.id = m.device
                    WHERE m.copies = 0 AND (m.n <= d.told OR d.revoked_at_s <> 0) LIMIT ?)",
            )?
            .execute([SWEEP_MAX])?;
        let invites = self
            .db
            .prepare_cached("DELETE FROM invite WHERE expires_at_s <= ? OR uses_left = 0")?
            .execute([self.now_s])?;
        self.rows += messages + invites;
        Ok(ChoreReport { handled: (messages + invites) as u64, more: SWEEP_MAX <= messages as u64 })
    }

    fn vacuum(&mut self) -> Result<ChoreReport> {
        let before = self.free_pages()?;
        let pages = before.saturating_sub(FREE_PAGES_KEPT).min(VACUUM_PAGES);
        if pages == 0 {
            return Ok(ChoreReport::default());
        }
        // Every step gives one page back.
        let mut statement = self.db.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        self.rows += 1;
        let handled = before.saturating_sub(self.free_pages()?);
        Ok(ChoreReport { handled, more: handled == VACUUM_PAGES })
    }

    fn free_pages(&self) -> Result<u64> {
        self.db.query_row("PRAGMA freelist_count", [], |row| row.get(0))
    }

    fn note_seen(&mut self, seen: &[(DeviceId, u64)]) -> Result<ChoreReport> {
        for &(id, seen_at_s) in seen {
            if let Some(device) = self.cache.device(self.db, id)?
                && device.seen_at_s < seen_at_s
            {
                self.cache.put_device(id, Device { seen_at_s, ..device });
            }
        }
        Ok(ChoreReport { handled: seen.len() as u64, more: false })
    }
}

fn report(handled: u64) -> ChoreReport {
    ChoreReport { handled, more: SWEEP_MAX <= handled }
}
