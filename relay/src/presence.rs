//! Who can be reached now, was last here when, and will call when: state in memory, not a log.
//!
//! An account is reachable while one of its devices holds a request, and never longer than
//! [`REACHABLE_MAX`] after the last bytes that came from it. Each change of what others see has a
//! version; a device says which one it holds and is told what is newer. Versions begin above all
//! that an earlier run of the relay gave. Time here is measured by what never jumps.

mod row;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use wire::{AccountId, DeviceId, PresenceRow, PresenceState};

use self::row::Row;
use crate::store::Changes;

/// Nobody is called reachable longer than this after the last bytes from his device.
pub(crate) const REACHABLE_MAX: Duration = Duration::from_secs(300);
/// Nor longer than this after his hold ended: time enough to begin another one.
pub(crate) const LINGER: Duration = Duration::from_secs(30);
/// Moment from which versions are counted: 2026-01-01, in Unix seconds.
const EPOCH_S: u64 = 1_767_225_600;
/// Versions for each second since then: more changes than that in the long run would let two runs
/// of the relay give the same ones.
const VERSIONS_PER_S: u64 = 4;
/// Bytes of a Presence frame beside its rows, at most: header, version, count.
const FRAME_BYTES: usize = 4 + 9 + 3;

/// The presence of all accounts that called since the relay was started.
#[derive(Debug)]
pub(crate) struct Presence {
    changes: Arc<Changes>,
    table: Mutex<Table>,
}

/// A device's word about itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    pub(crate) x: u64,
    pub(crate) state: PresenceState,
    pub(crate) next_call_s: u32,
    /// Whether it stays.
    pub(crate) holds: bool,
}

#[derive(Debug)]
struct Table {
    /// Version before anybody called.
    first: u64,
    version: u64,
    rows: HashMap<AccountId, Row>,
    /// When somebody ceases to be reachable.
    ends: BTreeSet<(Instant, AccountId)>,
}

impl Presence {
    /// Nobody has called; `now_s` are Unix seconds.
    pub(crate) fn new(now_s: u64, changes: Arc<Changes>) -> Self {
        let first = (now_s.saturating_sub(EPOCH_S) * VERSIONS_PER_S).max(1);
        let (rows, ends) = (HashMap::new(), BTreeSet::new());
        Self { changes, table: Mutex::new(Table { first, version: first, rows, ends }) }
    }

    /// Notes that a device called; whether others see its account in another state now.
    pub(crate) fn arrive(&self, arrival: &Arrival) -> bool {
        let now = Instant::now();
        let mut table = self.settled(now);
        table.change(arrival.account, now, |row| row.arrive(arrival, now))
    }

    /// A hold of the device; when it is dropped, the hold is over.
    pub(crate) fn lease(self: &Arc<Self>, account: AccountId, device: DeviceId, x: u64) -> Lease {
        Lease { presence: self.clone(), account, device, x }
    }

    /// Wakes those who may see the account, now and whenever its state changes by itself.
    pub(crate) fn show(&self, account: AccountId, viewers: &[AccountId]) {
        if let Some(row) = self.table().rows.get_mut(&account) {
            row.viewers = viewers.to_vec();
        }
        self.changes.wake(viewers.iter().copied());
    }

    /// Whether anything changed since `version`, for anybody.
    pub(crate) fn is_newer(&self, version: u64) -> bool {
        let table = self.settled(Instant::now());
        version != table.version && !(version == 0 && table.rows.is_empty())
    }

    /// What changed for these accounts since `version`, in its order, as far as a frame of
    /// `bytes_max` carries it.
    pub(crate) fn rows(
        &self,
        contacts: &[AccountId],
        version: u64,
        bytes_max: usize,
    ) -> Vec<(u64, PresenceRow)> {
        let now = Instant::now();
        let table = self.settled(now);
        let mut rows = table.newer(contacts, version, now);
        rows.sort_unstable_by_key(|(version, row)| (*version, row.account));
        let mut bytes = FRAME_BYTES;
        rows.retain(|(_, row)| {
            bytes += row::size(row);
            bytes <= bytes_max
        });
        rows
    }

    /// When one of these accounts ceases to be reachable, should nothing happen before.
    pub(crate) fn next_change(&self, contacts: &[AccountId]) -> Option<Instant> {
        let table = self.settled(Instant::now());
        contacts.iter().filter_map(|account| table.rows.get(account)?.ends_at()).min()
    }

    fn leave(&self, account: AccountId, device: DeviceId, x: u64) {
        let now = Instant::now();
        let mut table = self.settled(now);
        table.change(account, now, |row| row.leave(device, x, now));
        // They have to look at the clock anew.
        let viewers = table.viewers(account);
        drop(table);
        self.changes.wake(viewers);
    }

    /// The table as it is now: who ceased to be reachable is no more.
    fn settled(&self, now: Instant) -> MutexGuard<'_, Table> {
        let mut table = self.table();
        let mut woken = Vec::new();
        while let Some(&(at, account)) = table.ends.first() {
            if now < at {
                break;
            }
            table.ends.pop_first();
            if table.change(account, now, |_| {}) {
                woken.extend(table.viewers(account));
            }
        }
        if !woken.is_empty() {
            self.changes.wake(woken);
        }
        table
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Every state of it is a sound one, so a panic elsewhere does not matter.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Changes a row; whether others see another state.
    fn change(&mut self, account: AccountId, now: Instant, change: impl FnOnce(&mut Row)) -> bool {
        let row = self.rows.entry(account).or_default();
        if let Some(end) = row.ends_at() {
            self.ends.remove(&(end, account));
        }
        change(row);
        let seen = row.look(now);
        if seen.is_news() {
            self.version += 1;
            row.version = self.version;
        }
        if let Some(end) = row.ends_at() {
            self.ends.insert((end, account));
        }
        seen == row::Seen::OtherState
    }

    /// Rows of these accounts behind `version`. Of those who have not called in this run of the
    /// relay, a device that holds something older is told that they are not there, in the order
    /// of their numbers, with the versions just before this run's first.
    fn newer(&self, contacts: &[AccountId], version: u64, now: Instant) -> Vec<(u64, PresenceRow)> {
        let known = contacts.iter().filter_map(|account| {
            let row = self.rows.get(account)?;
            (0 < row.version).then(|| (row.version, row.shown(*account, now)))
        });
        let mut absent: Vec<AccountId> = contacts.to_vec();
        absent.retain(|account| self.rows.get(account).is_none_or(|row| row.version == 0));
        absent.sort_unstable();
        let before = self.first.saturating_sub(absent.len() as u64);
        let absent = (before..).zip(absent).map(|(version, account)| (version, Row::none(account)));
        match version {
            0 => known.collect(),
            // From a relay whose clock was ahead of ours: of no use.
            ahead if self.version < ahead => known.chain(absent).collect(),
            held => known.chain(absent).filter(|(version, _)| held < *version).collect(),
        }
    }

    fn viewers(&self, account: AccountId) -> Vec<AccountId> {
        self.rows.get(&account).map(|row| row.viewers.clone()).unwrap_or_default()
    }
}

/// An open hold: while it lives its device is there.
#[derive(Debug)]
pub(crate) struct Lease {
    presence: Arc<Presence>,
    account: AccountId,
    device: DeviceId,
    x: u64,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.presence.leave(self.account, self.device, self.x);
    }
}
