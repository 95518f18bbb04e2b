//! The relay's store with a witness: every turn goes to the reference in the order of the commits, and the process can
//! be made to die before or after any of them.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use relay::store::{
    AccountAnswer, AccountOrder, AccountOutcome, AccountQuery, AnswerAsk, Answers, Changes, Chore,
    ChoreReport, DeviceState, HeldAsk, LaneAsk, LanePage, Login, Pending, SecretHash, Store,
    StoreError, Taken, Turn, sqlite::SqliteStore,
};
use wire::{AccountId, DeviceId, HeldRow};

use super::reference::Reference;

/// The relay's process dies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    /// So many turns more come well.
    pub(crate) after: u64,
    /// The last one is durable, only nobody hears of it.
    pub(crate) is_durable: bool,
}

/// What the witness knows; it outlives the process.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    pub(crate) reference: Reference,
    pub(crate) crash: Option<Crash>,
    pub(crate) is_dead: bool,
}

#[derive(Debug)]
pub(crate) struct Recorder {
    inner: SqliteStore,
    /// Not by chance: everything follows from the seed.
    incarnation: u64,
    witness: Arc<Mutex<Witness>>,
}

pub(crate) fn lock(witness: &Mutex<Witness>) -> MutexGuard<'_, Witness> {
    witness.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    pub(crate) fn new(inner: SqliteStore, incarnation: u64, witness: Arc<Mutex<Witness>>) -> Self {
        Self { inner, incarnation, witness }
    }

    /// Whether this turn is still carried out, and whether its answer is heard.
    fn lives(&self) -> (bool, bool) {
        let mut witness = lock(&self.witness);
        if witness.is_dead {
            return (false, false);
        }
        match &mut witness.crash {
            Some(crash) if crash.after == 0 => {
                let is_durable = crash.is_durable;
                witness.is_dead = true;
                (is_durable, false)
            }
            Some(crash) => {
                crash.after -= 1;
                (true, true)
            }
            None => (true, true),
        }
    }

    async fn take_one(&self, turn: Turn) -> Result<Taken, StoreError> {
        let (is_carried_out, is_heard) = self.lives();
        if !is_carried_out {
            return Err(StoreError::Closed);
        }
        let taken =
            self.inner.take(vec![turn.clone()]).await.pop().expect("one answer for one turn")?;
        lock(&self.witness).reference.take(&turn, &taken);
        if is_heard { Ok(taken) } else { Err(StoreError::Closed) }
    }

    fn is_dead(&self) -> bool {
        lock(&self.witness).is_dead
    }

    /// Answers nothing once the process is dead.
    async fn alive<T>(
        &self,
        count: usize,
        answers: impl Future<Output = Vec<Result<T, StoreError>>>,
    ) -> Vec<Result<T, StoreError>> {
        if self.is_dead() {
            (0..count).map(|_| Err(StoreError::Closed)).collect()
        } else {
            answers.await
        }
    }
}

impl Store for Recorder {
    fn take(&self, turns: Vec<Turn>) -> Pending<'_, Vec<Result<Taken, StoreError>>> {
        Box::pin(async {
            let mut all = Vec::with_capacity(turns.len());
            for turn in turns {
                all.push(self.take_one(turn).await);
            }
            all
        })
    }

    fn devices(
        &self,
        devices: Vec<DeviceId>,
    ) -> Pending<'_, Vec<Result<Option<DeviceState>, StoreError>>> {
        Box::pin(self.alive(devices.len(), self.inner.devices(devices)))
    }

    fn answers(&self, asks: Vec<AnswerAsk>) -> Pending<'_, Vec<Result<Answers, StoreError>>> {
        Box::pin(self.alive(asks.len(), self.inner.answers(asks)))
    }

    fn read(&self, asks: Vec<LaneAsk>) -> Pending<'_, Vec<Result<LanePage, StoreError>>> {
        Box::pin(self.alive(asks.len(), self.inner.read(asks)))
    }

    fn held(&self, asks: Vec<HeldAsk>) -> Pending<'_, Vec<Result<Vec<HeldRow>, StoreError>>> {
        Box::pin(self.alive(asks.len(), self.inner.held(asks)))
    }

    fn contacts(
        &self,
        accounts: Vec<AccountId>,
    ) -> Pending<'_, Vec<Result<Vec<AccountId>, StoreError>>> {
        Box::pin(self.alive(accounts.len(), self.inner.contacts(accounts)))
    }

    fn authenticate(
        &self,
        tokens: Vec<SecretHash>,
    ) -> Pending<'_, Vec<Result<Option<Login>, StoreError>>> {
        Box::pin(self.alive(tokens.len(), self.inner.authenticate(tokens)))
    }

    fn look_up(&self, query: AccountQuery) -> Pending<'_, Result<AccountAnswer, StoreError>> {
        self.inner.look_up(query)
    }

    fn administer(&self, order: AccountOrder) -> Pending<'_, Result<AccountOutcome, StoreError>> {
        Box::pin(async {
            let (is_carried_out, is_heard) = self.lives();
            if !is_carried_out {
                return Err(StoreError::Closed);
            }
            let outcome = self.inner.administer(order).await?;
            if let AccountOutcome::Device(grant) = &outcome {
                lock(&self.witness).reference.add_device(
                    grant.device,
                    grant.account,
                    grant.cursors,
                );
            }
            if is_heard { Ok(outcome) } else { Err(StoreError::Closed) }
        })
    }

    fn housekeep(&self, chore: Chore, now_s: u64) -> Pending<'_, Result<ChoreReport, StoreError>> {
        self.inner.housekeep(chore, now_s)
    }

    fn backup(&self, to: PathBuf) -> Pending<'_, Result<(), StoreError>> {
        self.inner.backup(to)
    }

    fn changes(&self) -> &Arc<Changes> {
        self.inner.changes()
    }

    fn reads(&self) -> u64 {
        self.inner.reads()
    }

    fn incarnation(&self) -> u64 {
        self.incarnation
    }

    fn commits(&self) -> u64 {
        self.inner.commits()
    }
}
