//! Housekeeping: what the store has to do now and then without being asked by a device.
//!
//! The scheduler only says *when*: its jobs put a name into a short queue. One task here does the work, a chore at a
//! time and in slices, so chores never overlap, missed ticks do not pile up, and only this task holds the store. The
//! scheduler goes by the wall clock and stands still when that is set back; a queue that stays empty for too long
//! therefore counts as "everything is due".

use std::{error::Error, fmt, sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};
use wire::DeviceId;

use crate::{
    clock::now_s,
    ops::{Metrics, metrics::ChoreKind},
    store::{AccountAnswer, AccountQuery, Chore, Store},
};

/// Each kind of chore waits in the queue once, at most twice.
const QUEUE_MAX: usize = 2 * ChoreKind::ALL.len();
/// Slices of one chore in a row; what is left then waits for its next time.
const SLICES_MAX: usize = 64;
/// Nothing was due for so long: the wall clock went back, and the scheduler waits for it.
const STALLED: Duration = Duration::from_secs(120);

/// Devices and when they were last here: taken, so that each is told once.
pub type Seen = Box<dyn Fn() -> Vec<(DeviceId, u64)> + Send + Sync>;

/// Why there is no housekeeping.
#[derive(Debug, thiserror::Error)]
#[error("the scheduler could not be started")]
pub struct ChoresError(#[from] JobSchedulerError);

/// Running housekeeping.
pub struct ChoresHandle {
    scheduler: JobScheduler,
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl fmt::Debug for ChoresHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChoresHandle").field("task", &self.task).finish_non_exhaustive()
    }
}

impl ChoresHandle {
    /// Starts housekeeping; everything is done once at the start. `seen` is asked every few minutes and at the end.
    ///
    /// # Errors
    /// When the scheduler refuses.
    pub async fn start(
        store: Arc<dyn Store>,
        seen: Seen,
        metrics: Metrics,
    ) -> Result<Self, ChoresError> {
        let (due, queue) = mpsc::channel(QUEUE_MAX);
        let scheduler = scheduler(&due).await?;
        let stop = CancellationToken::new();
        let task = ChoresTask { store, seen, metrics, queue, stop: stop.clone() };
        let task = tokio::spawn(task.run(due));
        Ok(Self { scheduler, task, stop })
    }

    /// Ends after the slice that runs; what devices were seen is written first.
    pub async fn shutdown(mut self) {
        if let Err(err) = self.scheduler.shutdown().await {
            warn!(error = &err as &dyn Error, "the scheduler did not end well");
        }
        self.stop.cancel();
        if let Err(err) = self.task.await {
            error!(error = &err as &dyn Error, "housekeeping failed");
        }
    }
}

/// How often each kind is due.
fn every(kind: ChoreKind) -> Duration {
    Duration::from_secs(match kind {
        ChoreKind::Mailboxes => 5,
        ChoreKind::Checkpoint => 30,
        ChoreKind::Requests | ChoreKind::Sweep | ChoreKind::Vacuum => 60,
        ChoreKind::Seen => 600,
    })
}

async fn scheduler(due: &mpsc::Sender<ChoreKind>) -> Result<JobScheduler, JobSchedulerError> {
    let mut scheduler = JobScheduler::new().await?;
    scheduler.init().await?;
    for &kind in ChoreKind::ALL {
        // Weak: what the scheduler's own tasks keep for ever must not keep the queue open.
        let due = due.downgrade();
        let say = move || {
            // A full queue holds this kind already.
            let _ = due.upgrade().map(|due| due.try_send(kind));
        };
        scheduler.add(Job::new_repeated(every(kind), move |_, _| say())?).await?;
    }
    scheduler.start().await?;
    Ok(scheduler)
}

/// Does what is due. Cancel safe between slices only, so it is asked to end and awaited.
struct ChoresTask {
    store: Arc<dyn Store>,
    seen: Seen,
    metrics: Metrics,
    queue: mpsc::Receiver<ChoreKind>,
    stop: CancellationToken,
}

impl ChoresTask {
    async fn run(mut self, _open: mpsc::Sender<ChoreKind>) {
        self.everything().await;
        while !self.stop.is_cancelled() {
            let due = tokio::time::timeout(STALLED, self.queue.recv());
            match self.stop.clone().run_until_cancelled(due).await {
                None | Some(Ok(None)) => break,
                Some(Ok(Some(kind))) => self.carry_out(kind).await,
                Some(Err(_)) => {
                    warn!("the clock was set back; housekeeping goes by its own time meanwhile");
                    self.everything().await;
                }
            }
        }
        self.slice(ChoreKind::Seen).await;
        self.slice(ChoreKind::Checkpoint).await;
    }

    async fn everything(&self) {
        for &kind in ChoreKind::ALL {
            self.carry_out(kind).await;
        }
    }

    async fn carry_out(&self, kind: ChoreKind) {
        for _ in 0..SLICES_MAX {
            if self.stop.is_cancelled() || !self.slice(kind).await {
                break;
            }
        }
        if kind == ChoreKind::Sweep && !self.stop.is_cancelled() {
            self.weigh().await;
        }
    }

    /// One slice; whether another would find more at once.
    async fn slice(&self, kind: ChoreKind) -> bool {
        let chore = match kind {
            ChoreKind::Mailboxes => Chore::Mailboxes,
            ChoreKind::Requests => Chore::Requests,
            ChoreKind::Sweep => Chore::Sweep,
            ChoreKind::Vacuum => Chore::Vacuum,
            ChoreKind::Checkpoint => Chore::Checkpoint,
            ChoreKind::Seen => match (self.seen)() {
                none if none.is_empty() => return false,
                devices => Chore::Seen(devices),
            },
        };
        match self.store.housekeep(chore, now_s()).await {
            Ok(report) => {
                self.metrics.chore_done(kind, report.handled);
                debug!(?kind, handled = report.handled, "housekeeping");
                // A reader in the way of a checkpoint is not out of it a moment later.
                report.more && kind != ChoreKind::Checkpoint
            }
            Err(err) => {
                self.metrics.chore_failed(kind);
                error!(?kind, error = &err as &dyn Error, "housekeeping failed");
                false
            }
        }
    }
}

impl ChoresTask {
    /// Tells the figures what waits in the mailboxes.
    async fn weigh(&self) {
        match self.store.look_up(AccountQuery::Waiting).await {
            Ok(AccountAnswer::Waiting(bytes)) => {
                self.metrics.mailbox_waiting_bytes.set(bytes);
            }
            Ok(_) => {}
            Err(err) => warn!(error = &err as &dyn Error, "the mailboxes could not be weighed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tempfile::TempDir;

    use super::*;
    use crate::store::{
        AccountOrder, AccountOutcome, DeviceGrant, NewDevice, Policy, SecretHash,
        sqlite::SqliteStore,
    };

    fn store() -> (TempDir, Arc<dyn Store>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay.db");
        let store = SqliteStore::open(&path, Policy::default(), now_s()).unwrap();
        (dir, Arc::new(store))
    }

    async fn device(store: &Arc<dyn Store>) -> DeviceGrant {
        let token = SecretHash::of("token");
        let device = NewDevice { token, label: String::new(), now_s: now_s() };
        let (name, password) = ("anna".to_owned(), String::new());
        let order = AccountOrder::Join { invite: None, name, password, device };
        match store.administer(order).await.unwrap() {
            AccountOutcome::Device(grant) => grant,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_was_seen_is_written_before_the_end_and_the_store_is_let_go() {
        let (_dir, store) = store();
        let grant = device(&store).await;
        let seen_at_s = now_s() + 1_000;
        let seen: Arc<Mutex<Vec<(DeviceId, u64)>>> = Arc::default();
        let taken = seen.clone();
        let taken: Seen = Box::new(move || std::mem::take(&mut *taken.lock().unwrap()));
        let chores = ChoresHandle::start(store.clone(), taken, Metrics::new()).await.unwrap();
        seen.lock().unwrap().push((grant.device, seen_at_s));
        chores.shutdown().await;
        let rows = store.look_up(AccountQuery::Devices(grant.account)).await.unwrap();
        let AccountAnswer::Devices(rows) = rows else { panic!("{rows:?}") };
        assert_eq!(rows[0].seen_at_s, seen_at_s);
        assert_eq!(Arc::strong_count(&store), 1, "something still holds the store");
    }

    /// A task of its own, with its queue, and word of each time that it asked for what was seen.
    fn task(store: Arc<dyn Store>) -> (ChoresTask, mpsc::Sender<ChoreKind>, mpsc::Receiver<()>) {
        let (due, queue) = mpsc::channel(QUEUE_MAX);
        let (asked, asking) = mpsc::channel(100);
        let seen: Seen = Box::new(move || {
            asked.try_send(()).unwrap();
            Vec::new()
        });
        let (metrics, stop) = (Metrics::new(), CancellationToken::new());
        (ChoresTask { store, seen, metrics, queue, stop }, due, asking)
    }

    #[tokio::test]
    async fn everything_is_done_at_the_start_and_again_when_it_is_due() {
        let (_dir, store) = store();
        let (task, due, mut asking) = task(store);
        let stop = task.stop.clone();
        let running = tokio::spawn(task.run(due.clone()));
        asking.recv().await.unwrap();
        due.send(ChoreKind::Seen).await.unwrap();
        asking.recv().await.unwrap();
        stop.cancel();
        running.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_set_back_does_not_end_housekeeping() {
        let (_dir, store) = store();
        let (task, due, mut asking) = task(store);
        let stop = task.stop.clone();
        let began = tokio::time::Instant::now();
        let running = tokio::spawn(task.run(due));
        asking.recv().await.unwrap();
        asking.recv().await.unwrap();
        assert!(began.elapsed() >= STALLED);
        stop.cancel();
        running.await.unwrap();
    }

    #[tokio::test]
    async fn the_scheduler_says_when_each_kind_is_due() {
        let (due, mut queue) = mpsc::channel(QUEUE_MAX);
        let mut scheduler = scheduler(&due).await.unwrap();
        // The first thing to be due is the most frequent.
        assert_eq!(queue.recv().await, Some(ChoreKind::Mailboxes));
        scheduler.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn a_failure_is_counted_and_the_next_chore_goes_on() {
        let (dir, store) = store();
        let (task, _due, mut asking) = task(store);
        let page = |task: &ChoresTask| task.metrics.encode();
        let file = dir.path().join("relay.db");
        let db = rusqlite::Connection::open(file).unwrap();
        db.execute_batch("ALTER TABLE invite RENAME TO elsewhere").unwrap();
        assert!(!task.slice(ChoreKind::Sweep).await);
        let failed = "mailboat_housekeeping_failures_total{chore=\"sweep\"} 1";
        assert!(page(&task).contains(failed), "{}", page(&task));
        task.slice(ChoreKind::Seen).await;
        asking.recv().await.unwrap();
    }
}
