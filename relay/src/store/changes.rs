//! Announces commits to those who hold a request, and remembers where logs end.
//!
//! A watcher must be made *before* its log is read: a commit after that always wakes it. What is
//! remembered here saves reads and is never needed: without it a log is read.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;
use wire::{AccountId, DeviceId};

/// Logs that are remembered at once; then all are forgotten and begin anew.
const LOGS_MAX: usize = 200_000;

/// What a commit did to one account's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose log.
    pub account: AccountId,
    /// Where it ends now.
    pub end: u64,
    /// The device that wrote everything that is new, if one did; `None` also wakes watchers.
    pub by: Option<DeviceId>,
}

/// What a commit did to everything.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Logs that changed.
    pub changes: Vec<Change>,
    /// Accounts of which a device may not use the relay any more: their logs have to be read
    /// again, which tells.
    pub ended: Vec<AccountId>,
    /// Whether somebody became or ceased to be somebody's contact.
    pub contacts: bool,
}

/// The end of a log, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Last position.
    pub end: u64,
    /// The last entries were all written by this device: those behind this position.
    pub own: Option<(DeviceId, u64)>,
}

impl Tail {
    /// Whether nothing behind `position` could concern `device`.
    pub fn is_quiet_for(&self, device: DeviceId, position: u64) -> bool {
        self.end <= position || self.own.is_some_and(|(by, from)| by == device && from <= position)
    }
}

/// Names a period without outside changes: what was learned in another one is worthless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(u64);

/// Wakes when the account's log, its devices or its contacts' presence changed.
pub type Watch = watch::Receiver<u64>;

/// Where commits are announced. One for each store.
#[derive(Debug, Default)]
pub struct Changes {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    generation: u64,
    contacts: u64,
    /// When it was last known that nobody else wrote the store unnoticed.
    looked_at: Option<Instant>,
    ends: HashMap<AccountId, Tail>,
    watches: HashMap<AccountId, watch::Sender<u64>>,
}

impl Changes {
    /// Wakes when something about `account` changes from now on.
    pub fn watch(&self, account: AccountId) -> Watch {
        let mut known = self.lock();
        if known.watches.len() >= LOGS_MAX {
            known.watches.retain(|_, sender| sender.receiver_count() > 0);
        }
        match known.watches.entry(account) {
            Entry::Occupied(sender) => sender.get().subscribe(),
            Entry::Vacant(slot) => slot.insert(watch::channel(0).0).subscribe(),
        }
    }

    /// Wakes the watchers of accounts whose contacts changed.
    pub fn wake(&self, accounts: impl IntoIterator<Item = AccountId>) {
        let mut known = self.lock();
        for account in accounts {
            known.wake(account);
        }
    }

    /// The end of the account's log, if it is known.
    pub fn tail(&self, account: AccountId) -> Option<Tail> {
        self.lock().ends.get(&account).copied()
    }

    /// The period that is now; ask before reading a log.
    pub fn generation(&self) -> Generation {
        Generation(self.lock().generation)
    }

    /// The period that is now, if the store was looked at for outside changes within `age_max`.
    pub fn recent_generation(&self, age_max: Duration) -> Option<Generation> {
        let known = self.lock();
        let recent = known.looked_at.is_some_and(|at| at.elapsed() <= age_max);
        recent.then_some(Generation(known.generation))
    }

    /// Notes that outside changes up to now are announced. Called by stores.
    pub fn looked_outside(&self) {
        self.lock().looked_at = Some(Instant::now());
    }

    /// Remembers that the account's log was read up to `end`, in a read begun in `generation`.
    pub fn learned(&self, account: AccountId, end: u64, generation: Generation) {
        let mut known = self.lock();
        if known.generation == generation.0 {
            known.ends.entry(account).or_insert(Tail { end, own: None });
        }
    }

    /// Counts the times that anybody's contacts may have changed.
    pub fn contacts(&self) -> u64 {
        self.lock().contacts
    }

    /// Announces a commit. Called by stores, after it.
    pub fn publish(&self, news: &News) {
        let News { changes, ended, contacts } = news;
        let mut known = self.lock();
        known.contacts += u64::from(*contacts);
        if known.ends.len() + changes.len() > LOGS_MAX {
            known.forget();
        }
        for change in changes {
            known.note(change);
            known.wake(change.account);
        }
        for account in ended {
            // A read that began before must not bring the end back.
            known.generation += 1;
            known.ends.remove(account);
            known.wake(*account);
        }
    }

    /// Announces that somebody else wrote the store: everything may have changed.
    pub fn publish_all(&self) {
        let mut known = self.lock();
        known.forget();
        known.contacts += 1;
        known.watches.retain(|_, sender| sender.receiver_count() > 0);
        for sender in known.watches.values() {
            sender.send_modify(|version| *version += 1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn forget(&mut self) {
        self.generation += 1;
        self.ends.clear();
    }

    fn note(&mut self, change: &Change) {
        let Change { account, end, by } = *change;
        match self.ends.entry(account) {
            Entry::Vacant(slot) => {
                slot.insert(Tail { end, own: None });
            }
            Entry::Occupied(mut slot) => {
                let tail = slot.get_mut();
                tail.own = match (by, tail.own) {
                    (Some(device), Some((same, from))) if device == same => Some((same, from)),
                    (Some(device), _) => Some((device, tail.end)),
                    (None, own) if end <= tail.end => own,
                    (None, _) => None,
                };
                tail.end = tail.end.max(end);
            }
        }
    }

    fn wake(&mut self, account: AccountId) {
        if let Entry::Occupied(slot) = self.watches.entry(account) {
            if slot.get().receiver_count() == 0 {
                slot.remove();
            } else {
                slot.get().send_modify(|version| *version += 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(end: u64, by: Option<DeviceId>) -> News {
        News { changes: vec![Change { account: 1, end, by }], ..News::default() }
    }

    #[test]
    fn own_entries_alone_leave_a_log_quiet_for_their_device() {
        let changes = Changes::default();
        changes.learned(1, 10, changes.generation());
        changes.publish(&news(11, Some(7)));
        changes.publish(&news(12, Some(7)));
        let tail = changes.tail(1).unwrap();
        assert!(tail.is_quiet_for(7, 10));
        assert!(!tail.is_quiet_for(7, 9));
        assert!(!tail.is_quiet_for(8, 10));
        changes.publish(&news(13, None));
        assert!(!changes.tail(1).unwrap().is_quiet_for(7, 10));
    }

    #[test]
    fn what_was_learned_before_an_outside_change_is_not_believed() {
        let changes = Changes::default();
        let before = changes.generation();
        changes.publish_all();
        changes.learned(1, 10, before);
        assert_eq!(changes.tail(1), None);
    }

    #[test]
    fn a_log_whose_device_ended_is_read_again() {
        let changes = Changes::default();
        let (before, watch) = (changes.generation(), changes.watch(1));
        changes.publish(&News { ended: vec![1], ..News::default() });
        changes.learned(1, 10, before);
        assert_eq!(changes.tail(1), None);
        assert!(watch.has_changed().unwrap());
    }

    #[test]
    fn a_watch_made_before_a_commit_sees_it() {
        let changes = Changes::default();
        let watch = changes.watch(1);
        assert!(!watch.has_changed().unwrap());
        changes.publish(&news(1, None));
        assert!(watch.has_changed().unwrap());
    }
}
