//! One packet of an exchange in a transaction: the tests for forks, then what the device holds,
//! its marks, its items one by one.
//!
//! Tests come before anything is taken. `k` moves by one with each item, in the transaction that
//! stores what the item did; a turn with many rows goes on in the next transaction.

use rusqlite::{OptionalExtension, Result, params};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::warn;
use wire::{ConversationId, ConversationRef, DeviceId, ForkWhy, Item, Lane, Refusal, Run, Submit};

use super::{
    super::{NUMBER_MAX, StoreError, Taken, Turn, turn::push_run},
    cache::{Allot, Device},
    content::Authored,
    tx::{ROWS_MAX, Refused, Tx, Verdict, refuse},
    writer::{Job, Step},
};

/// A turn on its way through the writer.
pub(super) struct TurnJob {
    turn: Turn,
    done: Progress,
    /// Where the last commit left it.
    saved: Progress,
    /// Its share of what may wait for the disk.
    room: OwnedSemaphorePermit,
    reply: oneshot::Sender<std::result::Result<Taken, StoreError>>,
}

#[derive(Clone, Debug, Default)]
struct Progress {
    /// Whether the tests are passed and everything but the items is taken.
    begun: bool,
    k_before: u64,
    runs: Vec<Run>,
    outcome: Option<Taken>,
}

impl TurnJob {
    pub(super) fn new(
        turn: Turn,
        room: OwnedSemaphorePermit,
        reply: oneshot::Sender<std::result::Result<Taken, StoreError>>,
    ) -> Self {
        let (done, saved) = (Progress::default(), Progress::default());
        Self { turn, done, saved, room, reply }
    }
}

impl Job for TurnJob {
    fn account(&self) -> u64 {
        self.turn.account
    }

    fn step(&mut self, tx: &mut Tx<'_>) -> Result<Step> {
        self.saved = self.done.clone();
        tx.now_s = self.turn.now_s;
        self.done.advance(tx, &self.turn)?;
        Ok(if self.done.outcome.is_some() { Step::Finished } else { Step::More })
    }

    fn rewind(&mut self) {
        self.done = self.saved.clone();
    }

    fn finish(self: Box<Self>, result: std::result::Result<(), StoreError>) {
        let Self { turn, done, reply, room, .. } = *self;
        // Whoever is told may come again at once, and finds the room free.
        drop(room);
        // The exchange that waits must be told only when its turn is really over.
        drop(turn);
        let taken = result.and_then(|()| done.outcome.ok_or(StoreError::Closed));
        // Whoever asked may be gone.
        let _ = reply.send(taken);
    }
}

impl Progress {
    fn advance(&mut self, tx: &mut Tx<'_>, turn: &Turn) -> Result<()> {
        let id = turn.device;
        let Some(mut device) = tx.cache.device(tx.db, id)? else {
            self.outcome = Some(Taken::Revoked);
            return Ok(());
        };
        if !self.begun {
            if let Some(outcome) = tx.reject(turn, &device)? {
                self.outcome = Some(outcome);
                return Ok(());
            }
            if turn.only_tests {
                let (state, k_before) = (device.state(true), device.k);
                self.outcome = Some(Taken::Done { state, k_before, runs: vec![], gap: false });
                return Ok(());
            }
            self.begun = true;
            self.k_before = device.k;
            tx.take_hello(id, &mut device, turn)?;
        }
        let gap = !turn.submits.is_empty() && device.k + 1 < turn.first;
        for (n, submit) in (turn.first..).zip(&turn.submits) {
            if gap {
                break;
            }
            if n <= device.k {
                continue;
            }
            if ROWS_MAX <= tx.rows {
                tx.cache.put_device(id, device);
                return Ok(());
            }
            let run = tx.take_item(id, &mut device, n, submit)?;
            push_run(&mut self.runs, run);
            device.k = n;
        }
        tx.cache.put_device(id, device);
        let (k_before, runs) = (self.k_before, std::mem::take(&mut self.runs));
        self.outcome = Some(Taken::Done { state: device.state(true), k_before, runs, gap });
        Ok(())
    }
}

impl Tx<'_> {
    /// Why nothing of this turn may be taken.
    fn reject(&mut self, turn: &Turn, device: &Device) -> Result<Option<Taken>> {
        if device.revoked || !self.cache.mailbox(self.db, device.account)?.active {
            return Ok(Some(Taken::Revoked));
        }
        let went_back =
            Lane::ALL.into_iter().any(|lane| turn.cursors.of(lane) < device.cursors.of(lane));
        let why = if turn.x < device.x {
            Some(ForkWhy::StaleAttempt)
        } else if turn.told < device.told {
            Some(ForkWhy::ToldWentBack)
        } else if went_back {
            Some(ForkWhy::CursorWentBack)
        } else if self.has_other_bytes(turn, device)? {
            Some(ForkWhy::OtherBytes)
        } else {
            None
        };
        Ok(why.map(Taken::Forked))
    }

    /// Whether a known number comes with other bytes than it had.
    fn has_other_bytes(&mut self, turn: &Turn, device: &Device) -> Result<bool> {
        for (n, submit) in (turn.first..).zip(&turn.submits) {
            if device.k < n {
                break;
            }
            if n <= device.told {
                continue;
            }
            let Some(known) = self.known_hash(turn.device, n)? else { continue };
            if known != submit.hash() && self.hash_by_number(submit)? != Some(known) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The hash that an item which names its conversation by what founded it has by its number. After a copy of this store
    /// was put back a device names it so, and then a newer copy may know the item as it went first.
    fn hash_by_number(&mut self, submit: &Submit) -> Result<Option<u32>> {
        let ConversationRef::Founded(_) = submit.conversation else { return Ok(None) };
        let number = self.resolve(submit.conversation)?.map(ConversationRef::Number);
        Ok(number.map(|conversation| Submit { conversation, ..submit.clone() }.hash()))
    }

    fn known_hash(&self, device: DeviceId, n: u64) -> Result<Option<u32>> {
        for sql in [
            "SELECT hash FROM message WHERE device = ? AND n = ?",
            "SELECT hash FROM outcome WHERE device = ? AND n = ?",
        ] {
            let found =
                self.db.prepare_cached(sql)?.query_row([device, n], |row| row.get(0)).optional()?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Everything that the turn says beside its items.
    fn take_hello(&mut self, id: DeviceId, device: &mut Device, turn: &Turn) -> Result<()> {
        device.x = turn.x;
        if device.seen_at_s < self.now_s {
            device.seen_at_s = self.now_s;
        }
        if device.k < turn.told {
            warn!(
                device = id,
                told = turn.told,
                k = device.k,
                "a device was told more than this store knows: it was put back"
            );
        }
        // Beyond k nothing was said that this store knows of.
        let told = turn.told.min(device.k);
        if device.told < told {
            if device.told < device.noted {
                self.db
                    .prepare_cached("DELETE FROM outcome WHERE device = ? AND n <= ?")?
                    .execute([id, told])?;
                self.rows += 1;
            }
            device.told = told;
        }
        if device.cursors != turn.cursors {
            self.move_cursors(id, device, turn.cursors)?;
        }
        self.take_marks(device.account, &turn.marks)
    }

    /// Answers for one item.
    fn take_item(
        &mut self,
        id: DeviceId,
        device: &mut Device,
        n: u64,
        submit: &Submit,
    ) -> Result<Run> {
        let conversation = self.resolve(submit.conversation)?;
        let hash = submit.hash();
        let item = Authored { account: device.account, device: id, n, hash, submit };
        let verdict = if !Item::is_content(submit.kind) {
            self.change(&item, conversation)?
        } else if let Some(conversation) = conversation {
            self.place(&item, conversation)?
        } else {
            refuse(Refusal::NoSuchConversation, "The relay does not know it.")?
        };
        // A message tells its own outcome.
        if !matches!(verdict, Ok(Run::Placed { .. })) {
            self.note_outcome(&item, &verdict)?;
            device.noted = n;
        }
        Ok(verdict.unwrap_or_else(|Refused { reason, words }| Run::Refused { reason, words }))
    }

    fn note_outcome(&mut self, item: &Authored<'_>, verdict: &Verdict) -> Result<()> {
        let (run, conversation, reason, words) = match verdict {
            Ok(Run::Founded { conversation }) => (1, *conversation, 0, ""),
            Ok(_) => (2, 0, 0, ""),
            Err(Refused { reason, words }) => (3, 0, u8::from(*reason), &words[..]),
        };
        self.db
            .prepare_cached(
                "INSERT INTO outcome (device, n, hash, run, conversation, reason, words)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![item.device, item.n, item.hash, run, conversation, reason, words])?;
        self.rows += 1;
        Ok(())
    }

    /// The conversation that an item names, if this store knows it.
    fn resolve(&mut self, named: ConversationRef) -> Result<Option<ConversationId>> {
        match named {
            ConversationRef::None => Ok(None),
            ConversationRef::Founded(name) => self.cache.founded(self.db, name),
            ConversationRef::Number(id) => {
                if NUMBER_MAX < id {
                    return Ok(None);
                }
                if self.cache.conversation(self.db, id)?.is_some() {
                    return Ok(Some(id));
                }
                if self.cache.skip_past(self.db, Allot::Conversation, id)? {
                    warn!(
                        conversation = id,
                        "a device names a conversation that this store never founded: it was put back, going on behind it"
                    );
                }
                Ok(None)
            }
        }
    }
}
