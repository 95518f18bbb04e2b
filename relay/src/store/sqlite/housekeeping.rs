//! What goes away by itself: expired messages and requests, what everyone has, what would not fit.
//!
//! An undelivered entry goes when it expires, and both sides hear of it. A delivered one goes when
//! every device that is not dormant has it and `keep_delivered` is over, or when its mailbox is
//! full; a device that misses it is told how many.

use std::time::{Duration, Instant};

use rusqlite::{Result, params};
use wire::{AccountId, ConversationId, Cursors, DeviceId, Lane, MemberState, Name};

use super::{
    super::{Chore, ChoreReport},
    cache::Device,
    entries::{Old, misses, read_old},
    latest::EXPIRED,
    tx::Tx,
};

/// How long a slice keeps the writer from others. The last step of one may be under way then: an entry, a page, a
/// request, which take no longer because the store is large.
const SLICE_TIME: Duration = Duration::from_millis(4);
/// Mailboxes that one slice looks at.
const MAILBOXES_MAX: u64 = 32;
/// Rows that are read at once, of which a slice may leave some for the next one.
const CHUNK: u64 = 128;
/// A mailbox with entries that a device still holds back is looked at again after this.
const LOOK_AGAIN_S: u64 = 24 * 60 * 60;
/// Free pages that a database may keep for what comes next.
const FREE_PAGES_KEPT: u64 = 256;
/// And one of so many of its pages: what goes today makes room for what comes tomorrow, and a page that is given back
/// is written twice.
const FREE_SHARE_KEPT: u64 = 64;
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

/// The time that a slice has.
struct Slice {
    ends: Instant,
}

impl Slice {
    fn begin() -> Self {
        Self { ends: Instant::now() + SLICE_TIME }
    }

    fn is_over(&self) -> bool {
        self.ends <= Instant::now()
    }
}

/// Where the look through a mailbox stands that one slice was not enough for. Only in memory: forgotten, it begins
/// anew, and finds less to do.
#[derive(Debug)]
pub(super) struct Walk {
    account: AccountId,
    after: Cursors,
    notices_after: Name,
    /// When something that stays may have to go.
    next_s: u64,
}

impl Walk {
    fn new(account: AccountId) -> Self {
        let (after, notices_after) = (Cursors::default(), Name { device: 0, n: 0 });
        Self { account, after, notices_after, next_s: u64::MAX }
    }
}

impl Tx<'_> {
    /// One slice of a chore.
    pub(super) fn housekeep(&mut self, chore: &Chore, now_s: u64) -> Result<ChoreReport> {
        self.now_s = now_s;
        let slice = Slice::begin();
        match chore {
            Chore::Mailboxes => self.tidy_some(&slice),
            Chore::Requests => self.expire_requests(&slice),
            Chore::Sweep => self.sweep(&slice),
            Chore::Vacuum => self.vacuum(&slice),
            // Not in a transaction: the store does it beside the writer.
            Chore::Checkpoint => Ok(ChoreReport::default()),
            Chore::Seen(seen) => self.note_seen(seen),
        }
    }

    fn tidy_some(&mut self, slice: &Slice) -> Result<ChoreReport> {
        let due: Result<Vec<AccountId>> = self
            .db
            .prepare_cached(DUE_MAILBOXES)?
            .query_map([self.now_s, MAILBOXES_MAX], |row| row.get(0))?
            .collect();
        let mut due = due?;
        let mut report = ChoreReport { handled: 0, more: MAILBOXES_MAX <= due.len() as u64 };
        let begun = self.cache.walk.take();
        if let Some(walk) = &begun {
            due.retain(|account| *account != walk.account);
        }
        for mut walk in begun.into_iter().chain(due.into_iter().map(Walk::new)) {
            if slice.is_over() {
                report.more = true;
                break;
            }
            let (handled, complete) = self.tidy(&mut walk, slice)?;
            report.handled += handled;
            if !complete {
                self.cache.walk = Some(walk);
                report.more = true;
                break;
            }
            let look_at_s = if walk.next_s == u64::MAX { 0 } else { walk.next_s.max(1) };
            self.cache.mailbox_mut(self.db, walk.account)?.look_at_s = look_at_s;
        }
        Ok(report)
    }

    /// Looks through one mailbox. How many entries went, and whether that was all. It stays due until then; what comes
    /// meanwhile lies behind what was looked at, so that the last slice sees it.
    fn tidy(&mut self, walk: &mut Walk, slice: &Slice) -> Result<(u64, bool)> {
        let account = walk.account;
        let devices = self.devices(account)?;
        let mut handled = 0;
        for lane in [Lane::Urgent, Lane::Ordinary] {
            loop {
                let entries = self.entries_after(account, lane, walk.after.of(lane))?;
                let is_last = (entries.len() as u64) < CHUNK;
                for entry in entries {
                    if slice.is_over() {
                        return Ok((handled, false));
                    }
                    *walk.after.of_mut(lane) = entry.position;
                    match self.fate(account, &entry, &devices) {
                        Fate::Stays(until_s) => {
                            walk.next_s = walk.next_s.min(until_s);
                            continue;
                        }
                        Fate::Expires => self.expire_entry(account, &entry)?,
                        Fate::Goes => self.drop_entry(account, &entry, &devices)?,
                    }
                    handled += 1;
                }
                if is_last {
                    break;
                }
            }
        }
        let complete = self.forget_expired(walk, &devices, slice)?;
        Ok((handled, complete))
    }

    fn entries_after(&self, account: AccountId, lane: Lane, after: u64) -> Result<Vec<Old>> {
        self.db
            .prepare_cached(ENTRIES_AFTER)?
            .query_map(params![account, lane.number(), after, CHUNK], read_old)?
            .collect()
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
    /// above all, however long it is silent: nobody else can tell its user. Whether these were all.
    fn forget_expired(
        &mut self,
        walk: &mut Walk,
        devices: &[(DeviceId, Device)],
        slice: &Slice,
    ) -> Result<bool> {
        let awake = devices.iter().filter(|(_, device)| self.is_awake(device));
        let Some(read) = awake.map(|(_, device)| device.cursors.latest).min() else {
            return Ok(true);
        };
        let waits = |device: DeviceId, position: u64| {
            let author = devices.iter().find(|(id, _)| *id == device);
            author.is_some_and(|(_, device)| !device.revoked && device.cursors.latest < position)
        };
        loop {
            let Name { device, n } = walk.notices_after;
            let notices: Result<Vec<(Name, u64)>> = self
                .db
                .prepare_cached(NOTICES_AFTER)?
                .query_map([walk.account, EXPIRED, device, n, read, CHUNK], |row| {
                    Ok((Name { device: row.get(0)?, n: row.get(1)? }, row.get(2)?))
                })?
                .collect();
            let notices = notices?;
            let is_last = (notices.len() as u64) < CHUNK;
            for (name, position) in notices {
                if slice.is_over() {
                    return Ok(false);
                }
                walk.notices_after = name;
                if !waits(name.device, position) {
                    self.forget_notice(walk.account, name)?;
                }
            }
            if is_last {
                return Ok(true);
            }
        }
    }

    fn forget_notice(&mut self, account: AccountId, name: Name) -> Result<()> {
        for sql in [
            "DELETE FROM latest WHERE account = ? AND kind = ? AND a = ? AND b = ?",
            "DELETE FROM expired WHERE ? <> 0 AND ? <> 0 AND device = ? AND n = ?",
        ] {
            self.db.prepare_cached(sql)?.execute([account, EXPIRED, name.device, name.n])?;
        }
        self.rows += 2;
        Ok(())
    }

    fn expire_requests(&mut self, slice: &Slice) -> Result<ChoreReport> {
        let over: Result<Vec<(ConversationId, AccountId)>> = self
            .db
            .prepare_cached(REQUESTS_OVER)?
            .query_map([self.now_s, CHUNK], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect();
        let over = over?;
        let mut report = ChoreReport { handled: 0, more: CHUNK <= over.len() as u64 };
        for (id, account) in over {
            if slice.is_over() {
                report.more = true;
                break;
            }
            self.become_state(id, account, MemberState::Expired)?;
            self.tell_changed(id, account)?;
            report.handled += 1;
        }
        Ok(report)
    }

    /// Drops messages without entries whose authors were told of them, and invites. What an author was not told of yet
    /// is passed over, and not looked at again before all others were.
    fn sweep(&mut self, slice: &Slice) -> Result<ChoreReport> {
        let Name { device, n } = self.cache.swept;
        let loose: Result<Vec<(i64, Name, bool)>> = self
            .db
            .prepare_cached(LOOSE_MESSAGES)?
            .query_map([device, n, CHUNK], |row| {
                Ok((row.get(0)?, Name { device: row.get(1)?, n: row.get(2)? }, row.get(3)?))
            })?
            .collect();
        let loose = loose?;
        let mut report = ChoreReport { handled: 0, more: CHUNK <= loose.len() as u64 };
        for (id, name, goes) in loose {
            if slice.is_over() {
                report.more = true;
                break;
            }
            self.cache.swept = name;
            if goes {
                self.db.prepare_cached("DELETE FROM message WHERE id = ?")?.execute([id])?;
                report.handled += 1;
            }
        }
        if !report.more {
            self.cache.swept = Name { device: 0, n: 0 };
            let invites = self
                .db
                .prepare_cached("DELETE FROM invite WHERE expires_at_s <= ? OR uses_left = 0")?
                .execute([self.now_s])?;
            report.handled += invites as u64;
        }
        self.rows += usize::try_from(report.handled).unwrap_or(usize::MAX);
        Ok(report)
    }

    fn vacuum(&mut self, slice: &Slice) -> Result<ChoreReport> {
        let before = self.free_pages()?;
        let all: u64 = self.db.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        let kept = FREE_PAGES_KEPT.max(all / FREE_SHARE_KEPT);
        let pages = before.saturating_sub(kept).min(VACUUM_PAGES);
        if pages == 0 {
            return Ok(ChoreReport::default());
        }
        // Every step gives one page back.
        let mut statement = self.db.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() && !slice.is_over() {}
        drop(rows);
        self.rows += 1;
        let after = self.free_pages()?;
        Ok(ChoreReport { handled: before.saturating_sub(after), more: kept < after })
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

// Each of these goes by an index to what it wants, whatever else there is: see `plans.rs`.
pub(super) const DUE_MAILBOXES: &str = "SELECT account FROM mailbox
    WHERE 0 < look_at_s AND look_at_s <= ? ORDER BY look_at_s LIMIT ?";
pub(super) const ENTRIES_AFTER: &str = "SELECT lane, position, message, conversation, device,
        author, bytes, placed_at_s, expires_at_s
    FROM entry WHERE account = ? AND lane = ? AND ? < position ORDER BY position LIMIT ?";
pub(super) const NOTICES_AFTER: &str = "SELECT a, b, position FROM latest
    WHERE account = ?1 AND kind = ?2 AND (a, b) > (?3, ?4) AND position <= ?5
    ORDER BY a, b LIMIT ?6";
pub(super) const REQUESTS_OVER: &str = "SELECT conversation, account FROM member
    WHERE 0 < asked_until_s AND asked_until_s <= ? LIMIT ?";
pub(super) const LOOSE_MESSAGES: &str = "SELECT m.id, m.device, m.n,
        m.n <= d.told OR d.revoked_at_s <> 0
    FROM message m INDEXED BY message_loose CROSS JOIN device d ON d.id = m.device
    WHERE m.copies = 0 AND (m.device, m.n) > (?, ?) ORDER BY m.device, m.n LIMIT ?";
