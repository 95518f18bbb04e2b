//! The store in one SQLite database: one writer thread that commits many requests at once, a pool
//! of readers with snapshots of their own.

mod accounts;
mod cache;
mod content;
mod devices;
mod entries;
mod founding;
mod housekeeping;
pub mod kept;
mod lanes;
mod lapses;
mod latest;
mod lives;
mod members;
mod queries;
mod readers;
mod receipts;
mod requests;
mod rows;
mod schema;
mod table;
mod turns;
mod tx;
mod writer;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::{Semaphore, mpsc, oneshot};
use wire::{AccountId, DeviceId, HeldRow};

use self::{
    cache::Cache,
    readers::Readers,
    turns::TurnJob,
    tx::Tx,
    writer::{Job, Once, QUEUE_MAX, Writer},
};
use super::{
    AccountAnswer, AccountOrder, AccountOutcome, AccountQuery, AnswerAsk, Answers, Changes, Chore,
    ChoreReport, DeviceState, HeldAsk, LaneAsk, LanePage, Login, Pending, Policy, SecretHash,
    Store, StoreError, Taken, Turn,
};

pub use self::writer::{CommitObserver, ReadObserver};

/// Connections that read.
const READERS: usize = 4;
/// Name of the database in the relay's directory.
pub const FILE_NAME: &str = "relay.db";

/// The relay's store in a SQLite database. Several programs may have it open at once.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    writer: Option<JoinHandle<()>>,
    readers: Readers,
    /// Bytes that may still come to wait for the writer.
    room: Arc<Semaphore>,
    changes: Arc<Changes>,
    commits: Arc<AtomicU64>,
    incarnation: u64,
}

impl SqliteStore {
    /// Opens the database at `path`, and makes it if there is none. Numbers that it gives begin
    /// at `now_s` at least (the relay's clock, in Unix seconds): see "put back" in the protocol.
    ///
    /// # Errors
    /// When the file is no database of ours, is of a newer relay, or cannot be written.
    pub fn open(path: &Path, policy: Policy, now_s: u64) -> Result<Self, StoreError> {
        Self::observed(path, policy, now_s, Box::new(|_, _| {}), Box::new(|| {}))
    }

    /// As [`SqliteStore::open`], with somebody who hears of every durable transaction and of every read.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn observed(
        path: &Path,
        policy: Policy,
        now_s: u64,
        observer: CommitObserver,
        on_read: ReadObserver,
    ) -> Result<Self, StoreError> {
        let db = schema::open_writer(path, policy.pages_max)?;
        let data_version = db.query_row("PRAGMA data_version", [], |row| row.get(0))?;
        let readers = Readers::open(path, READERS, on_read)?;
        let random = getrandom::u64();
        let incarnation =
            random.map_err(|err| StoreError::File(io::Error::other(err.to_string())))?;
        let room = Arc::new(Semaphore::new(policy.waiting_bytes_max as usize));
        let (changes, commits) = (Arc::new(Changes::default()), Arc::new(AtomicU64::new(0)));
        let writer = Writer {
            db,
            cache: Cache::new(now_s),
            policy,
            changes: Arc::clone(&changes),
            commits: Arc::clone(&commits),
            data_version,
            observer,
        };
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let thread = thread::Builder::new()
            .name("store-write".to_owned())
            .spawn(move || writer.run(jobs))
            .map_err(StoreError::File)?;
        Ok(Self {
            path: path.to_owned(),
            queue: Some(queue),
            writer: Some(thread),
            readers,
            room,
            changes,
            commits,
            incarnation,
        })
    }

    /// As [`Store::backup`]; `keys`, the relay's own, lie in the copy, see [`kept`].
    ///
    /// # Errors
    /// As there.
    pub async fn backup_with(&self, to: PathBuf, keys: Option<String>) -> Result<(), StoreError> {
        let from = self.path.clone();
        blocking(move || back_up(&from, &to, keys.as_deref())).await
    }

    /// Runs a function in a write transaction.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Once::boxed(work, reply)).await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    async fn send(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.send(job).await.map_err(|_| StoreError::Closed)
    }

    async fn take_all(&self, turns: Vec<Turn>) -> Vec<Result<Taken, StoreError>> {
        let mut answers = Vec::with_capacity(turns.len());
        for turn in turns {
            // What does not find room is not kept at all: a disk that takes seconds must not fill the memory.
            let Ok(room) = self.room.clone().try_acquire_many_owned(turn.weight()) else {
                answers.push(Err(StoreError::Busy));
                continue;
            };
            let (reply, answer) = oneshot::channel();
            let sent = self.send(Box::new(TurnJob::new(turn, room, reply))).await;
            answers.push(sent.map(|()| answer));
        }
        let mut taken = Vec::with_capacity(answers.len());
        for answer in answers {
            taken.push(match answer {
                Ok(answer) => answer.await.unwrap_or(Err(StoreError::Closed)),
                Err(err) => Err(err),
            });
        }
        taken
    }

    /// Answers each of a batch from one snapshot.
    async fn read_each<A: Send + 'static, T: Send + 'static>(
        &self,
        asks: Vec<A>,
        read: impl Fn(&Connection, &A) -> rusqlite::Result<T> + Send + 'static,
    ) -> Vec<Result<T, StoreError>> {
        let count = asks.len();
        let answers = self
            .readers
            .read(move |db| {
                Ok(asks.iter().map(|ask| read(db, ask).map_err(StoreError::from)).collect())
            })
            .await;
        match answers {
            Ok(answers) => answers,
            Err(err) => {
                let mut failed = vec![Err(err)];
                failed.resize_with(count.max(1), || Err(StoreError::Closed));
                failed.truncate(count);
                failed
            }
        }
    }

    async fn checkpoint(&self) -> Result<ChoreReport, StoreError> {
        let path = self.path.clone();
        blocking(move || {
            let db = Connection::open(path)?;
            let (busy, handled): (i64, i64) =
                db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                    Ok((row.get(0)?, row.get(2)?))
                })?;
            Ok(ChoreReport { handled: u64::try_from(handled).unwrap_or(0), more: busy != 0 })
        })
        .await
    }
}

impl Store for SqliteStore {
    fn take(&self, turns: Vec<Turn>) -> Pending<'_, Vec<Result<Taken, StoreError>>> {
        Box::pin(self.take_all(turns))
    }

    fn devices(
        &self,
        devices: Vec<DeviceId>,
    ) -> Pending<'_, Vec<Result<Option<DeviceState>, StoreError>>> {
        Box::pin(self.read_each(devices, |db, id| lanes::device(db, *id)))
    }

    fn answers(&self, asks: Vec<AnswerAsk>) -> Pending<'_, Vec<Result<Answers, StoreError>>> {
        Box::pin(self.read_each(asks, lanes::answers))
    }

    fn read(&self, asks: Vec<LaneAsk>) -> Pending<'_, Vec<Result<LanePage, StoreError>>> {
        Box::pin(self.read_each(asks, lanes::page))
    }

    fn held(&self, asks: Vec<HeldAsk>) -> Pending<'_, Vec<Result<Vec<HeldRow>, StoreError>>> {
        Box::pin(self.read_each(asks, lanes::held))
    }

    fn contacts(
        &self,
        accounts: Vec<AccountId>,
    ) -> Pending<'_, Vec<Result<Vec<AccountId>, StoreError>>> {
        Box::pin(self.read_each(accounts, |db, account| lanes::contacts(db, *account)))
    }

    fn authenticate(
        &self,
        tokens: Vec<SecretHash>,
    ) -> Pending<'_, Vec<Result<Option<Login>, StoreError>>> {
        Box::pin(self.read_each(tokens, |db, token| queries::authenticate(db, *token)))
    }

    fn look_up(&self, query: AccountQuery) -> Pending<'_, Result<AccountAnswer, StoreError>> {
        Box::pin(self.readers.read(move |db| Ok(queries::look_up(db, &query)?)))
    }

    fn administer(&self, order: AccountOrder) -> Pending<'_, Result<AccountOutcome, StoreError>> {
        Box::pin(self.write(move |tx| tx.administer(&order)))
    }

    fn housekeep(&self, chore: Chore, now_s: u64) -> Pending<'_, Result<ChoreReport, StoreError>> {
        if chore == Chore::Checkpoint {
            return Box::pin(self.checkpoint());
        }
        Box::pin(self.write(move |tx| tx.housekeep(&chore, now_s)))
    }

    fn backup(&self, to: PathBuf) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(self.backup_with(to, None))
    }

    fn changes(&self) -> &Arc<Changes> {
        &self.changes
    }

    fn incarnation(&self) -> u64 {
        self.incarnation
    }

    fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    fn reads(&self) -> u64 {
        self.readers.count()
    }
}

impl Drop for SqliteStore {
    /// Waits until everything sent is written: whoever opens the store next finds it at rest.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Closed))
}

/// A whole copy under another name first, then under its own: what has the name is complete.
fn back_up(from: &Path, to: &Path, keys: Option<&str>) -> Result<(), StoreError> {
    if to.exists() {
        return Err(StoreError::File(io::ErrorKind::AlreadyExists.into()));
    }
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    match std::fs::remove_file(&part) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(StoreError::File(err)),
        _ => {}
    }
    // Its owner's alone from the first byte on: SQLite writes into an empty file that is there.
    create_private(&part).map_err(StoreError::File)?;
    let db = Connection::open(from)?;
    db.execute("VACUUM INTO ?", [part.to_string_lossy()])?;
    if let Some(keys) = keys {
        kept::keep(&part, keys)?;
    }
    let durable = || {
        File::open(&part)?.sync_all()?;
        std::fs::rename(&part, to)?;
        let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    };
    durable().map_err(StoreError::File)
}

fn create_private(path: &Path) -> io::Result<File> {
    config::private::options().write(true).create_new(true).open(path)
}

#[cfg(test)]
mod plans;
#[cfg(test)]
mod tests;
