//! One write transaction: the connection, the cached rows, the policy, the clock.
//!
//! What belongs to a subject (turns, content, requests, receipts …) is in a file of its own, as
//! methods of [`Tx`].

use rusqlite::{Connection, Result};
use wire::{AccountId, DeviceId, Refusal, Run};

use super::{
    super::Policy,
    cache::{Cache, Device},
    latest::Key,
};

/// Rows that one commit takes, as far as single items do not have more.
pub(super) const ROWS_MAX: usize = 4_096;

/// Why an item was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) reason: Refusal,
    pub(super) words: String,
}

impl Refused {
    pub(super) fn new(reason: Refusal, words: impl Into<String>) -> Self {
        Self { reason, words: words.into() }
    }
}

/// What became of an item.
pub(super) type Verdict = std::result::Result<Run, Refused>;

/// Shorthand for a verdict that refuses.
pub(super) fn refuse(reason: Refusal, words: impl Into<String>) -> Result<Verdict> {
    Ok(Err(Refused::new(reason, words)))
}

pub(super) struct Tx<'a> {
    pub(super) db: &'a Connection,
    pub(super) cache: &'a mut Cache,
    pub(super) policy: &'a Policy,
    /// The relay's clock, in Unix seconds.
    pub(super) now_s: u64,
    /// Rows inserted or deleted so far: what a commit costs.
    pub(super) rows: usize,
}

impl Tx<'_> {
    /// The next position of an account's log; `by` is the device that wrote what goes there.
    pub(super) fn allot_position(
        &mut self,
        account: AccountId,
        by: Option<DeviceId>,
    ) -> Result<u64> {
        let floor = self.cache.position_floor();
        let mailbox = self.cache.mailbox_mut(self.db, account)?;
        let last = mailbox.position;
        let position = (last + 1).max(floor);
        mailbox.position = position;
        // Of a log that was empty nobody can lack anything.
        if last != 0 && last + 1 < position {
            self.note_gap(account, last, position - 1)?;
        }
        self.cache.touch(account, by);
        Ok(position)
    }

    /// Puts a key of an account's lane latest at the log's end.
    pub(super) fn bump(&mut self, account: AccountId, key: Key) -> Result<()> {
        let position = self.allot_position(account, None)?;
        let (kind, a, b, c) = key.parts();
        self.db
            .prepare_cached(
                "INSERT INTO latest (account, kind, a, b, c, position) VALUES (?, ?, ?, ?, ?, ?)
                 ON CONFLICT (account, kind, a, b, c) DO UPDATE SET position = excluded.position",
            )?
            .execute([account, kind, a, b, c, position])?;
        self.rows += 1;
        Ok(())
    }

    /// All devices of an account, revoked ones too.
    pub(super) fn devices(&mut self, account: AccountId) -> Result<Vec<(DeviceId, Device)>> {
        let ids = self.cache.mailbox(self.db, account)?.devices.clone();
        let mut devices = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(device) = self.cache.device(self.db, id)? {
                devices.push((id, device));
            }
        }
        Ok(devices)
    }

    /// Whether the device holds something back and is owed a word about what it misses.
    pub(super) fn is_awake(&self, device: &Device) -> bool {
        !device.revoked && self.now_s < device.seen_at_s + self.policy.dormant_after_s
    }

    /// Whether `account` blocks `other`.
    pub(super) fn blocks(&mut self, account: AccountId, other: AccountId) -> Result<bool> {
        Ok(self.cache.mailbox(self.db, account)?.blocks.contains(&other))
    }
}
