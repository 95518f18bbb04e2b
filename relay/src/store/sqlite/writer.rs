//! The one thread that writes: many requests in one transaction, one `fdatasync` for all of them.
//!
//! Accounts take turns, and a commit takes at most [`ROWS_MAX`] rows, so one that sends much
//! makes nobody wait long. A request that fails takes nobody with it: the transaction is rolled
//! back and its requests are tried one by one.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::{
    super::{Changes, Policy, StoreError},
    cache::Cache,
    tx::{ROWS_MAX, Tx},
};

/// Requests that may wait in front of the writer; then whoever has more waits.
pub(super) const QUEUE_MAX: usize = 4_096;
/// Requests taken up at once.
const BACKLOG_MAX: usize = 4 * QUEUE_MAX;
/// How often another program's writing is looked for while nothing else happens.
const TICK: Duration = Duration::from_millis(500);

const _: () = assert!(QUEUE_MAX <= BACKLOG_MAX);

/// Whether a job has more to do than one transaction takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Finished,
    More,
}

/// Something to be written.
pub(super) trait Job: Send {
    /// Whose it is; 0 is the relay itself.
    fn account(&self) -> u64;
    /// Does it, or a part of it.
    fn step(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<Step>;
    /// The step's transaction was rolled back: forgets what it did.
    fn rewind(&mut self);
    /// All is durable, or nothing of the last step is.
    fn finish(self: Box<Self>, result: Result<(), StoreError>);
}

/// A function to be run in a transaction.
pub(super) struct Once<F, T> {
    work: F,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Once<F, T>
where
    F: FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
    T: Send + 'static,
{
    pub(super) fn boxed(work: F, reply: oneshot::Sender<Result<T, StoreError>>) -> Box<dyn Job> {
        Box::new(Self { work, value: None, reply })
    }
}

impl<F, T> Job for Once<F, T>
where
    F: FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn account(&self) -> u64 {
        0
    }

    fn step(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<Step> {
        self.value = Some((self.work)(tx)?);
        Ok(Step::Finished)
    }

    fn rewind(&mut self) {
        self.value = None;
    }

    fn finish(self: Box<Self>, result: Result<(), StoreError>) {
        let Self { value, reply, .. } = *self;
        let _ = reply.send(result.and_then(|()| value.ok_or(StoreError::Closed)));
    }
}

/// Jobs by account, so that accounts take turns.
#[derive(Default)]
struct Backlog {
    order: VecDeque<u64>,
    queues: HashMap<u64, VecDeque<Box<dyn Job>>>,
    len: usize,
}

impl Backlog {
    fn push(&mut self, job: Box<dyn Job>) {
        let account = job.account();
        let queue = self.queues.entry(account).or_default();
        if queue.is_empty() {
            self.order.push_back(account);
        }
        queue.push_back(job);
        self.len += 1;
    }

    /// Puts a job with more to do in front of its account's others, the account behind the rest.
    fn push_again(&mut self, job: Box<dyn Job>) {
        let account = job.account();
        let queue = self.queues.entry(account).or_default();
        if queue.is_empty() {
            self.order.push_back(account);
        }
        queue.push_front(job);
        self.len += 1;
    }

    fn pop(&mut self) -> Option<Box<dyn Job>> {
        let account = self.order.pop_front()?;
        let queue = self.queues.get_mut(&account)?;
        let job = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&account);
        } else {
            self.order.push_back(account);
        }
        self.len -= 1;
        job
    }
}

/// Hears of every durable transaction: its requests, and how long it took from its begin.
pub type CommitObserver = Box<dyn Fn(usize, Duration) + Send>;
/// Hears of every read before it is made.
pub type ReadObserver = Box<dyn Fn() + Send + Sync>;

pub(super) struct Writer {
    pub(super) db: Connection,
    pub(super) cache: Cache,
    pub(super) policy: Policy,
    pub(super) changes: Arc<Changes>,
    pub(super) commits: Arc<AtomicU64>,
    /// SQLite's count of what others wrote.
    pub(super) data_version: u64,
    pub(super) observer: CommitObserver,
}

impl Writer {
    /// Runs until nobody can send any more and everything sent is done.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime,
            Err(err) => return error!(error = &err as &dyn std::error::Error, "no writer"),
        };
        let mut backlog = Backlog::default();
        let mut taken = Vec::with_capacity(QUEUE_MAX);
        loop {
            if backlog.len == 0 {
                let wait = async {
                    tokio::time::timeout(TICK, queue.recv_many(&mut taken, QUEUE_MAX)).await
                };
                match runtime.block_on(wait) {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(_) => self.look_outside(),
                }
            } else if backlog.len < BACKLOG_MAX {
                while taken.len() < QUEUE_MAX
                    && let Ok(job) = queue.try_recv()
                {
                    taken.push(job);
                }
            }
            taken.drain(..).for_each(|job| backlog.push(job));
            if backlog.len != 0 {
                self.commit_some(&mut backlog);
            }
        }
    }

    /// One transaction with as many jobs as it may have.
    fn commit_some(&mut self, backlog: &mut Backlog) {
        let mut batch: Vec<(Box<dyn Job>, Step)> = Vec::new();
        let (began, before) = (Instant::now(), self.commits.load(Ordering::Relaxed));
        let result = self.transact(|tx| {
            while tx.rows < ROWS_MAX
                && let Some(mut job) = backlog.pop()
            {
                let step = job.step(tx);
                batch.push((job, *step.as_ref().unwrap_or(&Step::Finished)));
                step?;
            }
            Ok(())
        });
        match result {
            Ok(()) => {
                if before < self.commits.load(Ordering::Relaxed) {
                    (self.observer)(batch.len(), began.elapsed());
                }
                settle(batch, backlog);
            }
            Err(err) => {
                if !matches!(err, StoreError::Full) {
                    error!(
                        error = &err as &dyn std::error::Error,
                        jobs = batch.len(),
                        "rolled back, trying one by one"
                    );
                }
                for (mut job, _) in batch {
                    job.rewind();
                    self.commit_one(job, backlog);
                }
            }
        }
    }

    fn commit_one(&mut self, mut job: Box<dyn Job>, backlog: &mut Backlog) {
        let mut step = Step::Finished;
        match self.transact(|tx| {
            step = job.step(tx)?;
            Ok(())
        }) {
            Ok(()) => settle(vec![(job, step)], backlog),
            Err(err) => {
                job.rewind();
                job.finish(Err(err));
            }
        }
    }

    fn transact(
        &mut self,
        work: impl FnOnce(&mut Tx<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let result = self.try_transact(work);
        if result.is_err() {
            // What the cache holds was perhaps never written.
            self.cache.clear();
            if !self.db.is_autocommit()
                && let Err(err) = self.db.execute_batch("ROLLBACK")
            {
                error!(error = &err as &dyn std::error::Error, "rolling back failed");
            }
        }
        result
    }

    fn try_transact(
        &mut self,
        work: impl FnOnce(&mut Tx<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        self.db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        // Under the write lock: from here on nobody else changes what the cache holds.
        self.look_outside();
        let (db, cache, policy) = (&self.db, &mut self.cache, &self.policy);
        let before = db.total_changes();
        let mut tx = Tx { db, cache, policy, now_s: 0, rows: 0 };
        work(&mut tx)?;
        tx.cache.flush(db)?;
        if tx.rows == 0 && db.total_changes() == before {
            // Nothing was written: nothing to be made durable.
            self.db.prepare_cached("ROLLBACK")?.execute([])?;
            drop(self.cache.take_changes());
            return Ok(());
        }
        self.db.prepare_cached("COMMIT")?.execute([])?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.changes.publish(&self.cache.take_changes());
        self.cache.trim();
        // Whoever is told now asks again at once: by then it is known that nothing else changed.
        self.look_outside();
        Ok(())
    }

    /// Forgets what is cached if another program wrote the database.
    fn look_outside(&mut self) {
        let version = self
            .db
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)));
        let Ok(version) = version else { return };
        if version != self.data_version {
            self.data_version = version;
            self.cache.clear();
            self.changes.publish_all();
        }
        self.changes.looked_outside();
    }
}

/// Tells those who are done; the others go on in the next transaction.
fn settle(batch: Vec<(Box<dyn Job>, Step)>, backlog: &mut Backlog) {
    for (job, step) in batch {
        match step {
            Step::Finished => job.finish(Ok(())),
            Step::More => backlog.push_again(job),
        }
    }
}
