//! Cursors from another life of this store: it was put back to an older copy, people went on, and then it was put back
//! once more, to a newer copy of the life that was given up. Such a cursor says nothing about what lies here.
//!
//! Whatever a device may lack then goes behind it, under new positions: devices drop by name what they know. Lane latest
//! goes whole, for a device may hold what was true only in the other life.
//!
//! **Invariant:** below a cursor from another life lies nothing that a device may lack. Positions rise with the clock
//! each time that the store is opened, so those of two lives never mix: a cursor of another life lies behind the log's
//! end or in a gap that an opening left.

use rusqlite::{Result, params};
use tracing::warn;
use wire::{AccountId, Cursors, DeviceId, Lane};

use super::{cache::Device, tx::Tx};

/// Gaps of one log that are remembered; the oldest become one, which can only bring something twice.
const GAPS_MAX: usize = 16;
/// How far behind a cursor of another life positions go on where the clock is behind it as well: another device's may be
/// beyond it. Far more would run ahead of the clock, and into the life that begins with the next opening.
const LEAP: u64 = 1 << 10;

/// An entry, as far as it moves.
struct Moving {
    lane: Lane,
    position: u64,
    author: AccountId,
    bytes: u64,
}

impl Tx<'_> {
    /// Notes that a log goes on at `high + 1` behind `low`.
    pub(super) fn note_gap(&mut self, account: AccountId, low: u64, high: u64) -> Result<()> {
        let gaps = &mut self.cache.mailbox_mut(self.db, account)?.gaps;
        gaps.push((low, high));
        let mut first = (low, high);
        if GAPS_MAX < gaps.len() {
            let (_, high) = gaps.remove(1);
            gaps[0].1 = high;
            first = gaps[0];
            self.db
                .prepare_cached("DELETE FROM gap WHERE account = ? AND low <= ?")?
                .execute([account, high])?;
        }
        for (low, high) in [first, (low, high)] {
            self.db
                .prepare_cached("INSERT OR REPLACE INTO gap (account, low, high) VALUES (?, ?, ?)")?
                .execute([account, low, high])?;
        }
        self.rows += 1;
        Ok(())
    }

    /// A device shows cursors, where this store knew it at `from`: where one of them is from another life, what the
    /// account's devices may lack moves behind it.
    pub(super) fn meet_cursors(
        &mut self,
        account: AccountId,
        from: Cursors,
        shown: Cursors,
    ) -> Result<()> {
        let plausible = self.cache.plausible_max();
        let mailbox = self.cache.mailbox(self.db, account)?;
        let end = mailbox.position;
        let is_foreign = |at: u64| {
            let is_left_out = |(low, high): &(u64, u64)| *low < at && at <= *high;
            at <= plausible && (end < at || mailbox.gaps.iter().any(is_left_out))
        };
        let new = Lane::ALL.map(|lane| shown.of(lane)).into_iter().zip(Lane::ALL);
        let foreign =
            new.filter(|(at, lane)| from.of(*lane) < *at && is_foreign(*at)).map(|(at, _)| at);
        let Some(shown) = foreign.max() else { return Ok(()) };
        warn!(
            account,
            end,
            shown,
            "a device holds positions that this store never gave: it was put back, going on behind them"
        );
        self.move_behind(account, from, shown)
    }

    /// Gives new positions behind `shown` to whatever some device may lack.
    fn move_behind(&mut self, account: AccountId, from: Cursors, shown: u64) -> Result<()> {
        let floor = self.cache.position_floor();
        let devices = self.devices(account)?;
        let mailbox = self.cache.mailbox_mut(self.db, account)?;
        let behind = if shown < floor { floor.saturating_sub(1) } else { shown + LEAP };
        mailbox.position = mailbox.position.max(behind);
        mailbox.gaps.clear();
        self.db.prepare_cached("DELETE FROM gap WHERE account = ?")?.execute([account])?;
        let moving = self.may_lack(account, from, &devices)?;
        for entry in &moving {
            self.move_entry(account, entry, &devices)?;
        }
        for position in self.latest_positions(account)? {
            let to = self.allot_position(account, None)?;
            self.db
                .prepare_cached(
                    "UPDATE latest SET position = ? WHERE account = ? AND position = ?",
                )?
                .execute([to, account, position])?;
            self.rows += 1;
        }
        self.cache.touch(account, None);
        Ok(())
    }

    fn may_lack(
        &self,
        account: AccountId,
        from: Cursors,
        devices: &[(DeviceId, Device)],
    ) -> Result<Vec<Moving>> {
        let mut least = from;
        for (_, device) in devices.iter().filter(|(_, device)| !device.revoked) {
            for lane in Lane::ALL {
                *least.of_mut(lane) = least.of(lane).min(device.cursors.of(lane));
            }
        }
        self.db
            .prepare_cached(
                "SELECT lane, position, author, bytes FROM entry WHERE account = ?1
                     AND ((lane = 1 AND ?2 < position) OR (lane = 2 AND ?3 < position))
                 ORDER BY position",
            )?
            .query_map(params![account, least.urgent, least.ordinary], |row| {
                Ok(Moving {
                    lane: Lane::from_number(row.get(0)?).unwrap_or(Lane::Ordinary),
                    position: row.get(1)?,
                    author: row.get(2)?,
                    bytes: row.get(3)?,
                })
            })?
            .collect()
    }

    fn move_entry(
        &mut self,
        account: AccountId,
        entry: &Moving,
        devices: &[(DeviceId, Device)],
    ) -> Result<()> {
        let to = self.allot_position(account, None)?;
        self.db
            .prepare_cached(
                "UPDATE entry SET position = ? WHERE account = ? AND lane = ? AND position = ?",
            )?
            .execute(params![to, account, entry.lane.number(), entry.position])?;
        self.rows += 1;
        // Behind all cursors it waits for the account's devices again.
        let has = |(_, device): &(DeviceId, Device)| device.has(entry.lane, entry.position);
        if entry.author != account && devices.iter().any(has) {
            let mailbox = self.cache.mailbox_mut(self.db, account)?;
            mailbox.waiting_count += 1;
            mailbox.waiting_bytes += entry.bytes;
        }
        Ok(())
    }

    fn latest_positions(&self, account: AccountId) -> Result<Vec<u64>> {
        self.db
            .prepare_cached("SELECT position FROM latest WHERE account = ? ORDER BY position")?
            .query_map([account], |row| row.get(0))?
            .collect()
    }
}
