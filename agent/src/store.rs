//! The local store: everything that this device knows, in one SQLite file. All SQL of the agent is here.
//!
//! One process writes ([`Store`], which holds `store.lock`), any number read ([`Reader`]). A write is one transaction
//! and is durable when its call comes back (WAL, `synchronous=FULL`). What is shown to a person has been committed;
//! listeners hear of a [`Change`] after its commit, never before. Calls block for a disk's write and no longer: no
//! transaction is open across a network read.

mod alias;
mod amend;
mod answer;
mod apply;
mod asking;
mod attempt;
mod cause;
mod chat;
mod clock;
mod compose;
mod conversations;
mod deliver;
mod fork;
mod habits;
mod id;
mod identity;
mod inbox;
mod item;
mod lapse;
mod latest;
mod ledger;
mod lock;
mod merge;
mod names;
mod notice;
mod outbox;
mod page;
mod people;
mod prospect;
mod proxy;
mod queue;
mod quota;
mod reason;
mod receipts;
mod roll;
mod rows;
mod schema;
mod search;
mod shown;
mod space;
mod status;
mod submit;
mod told;
mod visits;
mod write;

#[cfg(test)]
pub(crate) mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicI64, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use jiff::tz::TimeZone;
use rusqlite::Connection;
use tokio::sync::broadcast;

pub(crate) use self::{
    apply::{Applied, Incoming},
    attempt::{Ask, Attempt, Draft, Packed, Submits},
};
pub use self::{
    cause::{Cause, HowEnded, Told},
    clock::Clock,
    compose::Compose,
    fork::NewDevice,
    habits::Reliability,
    id::{ConversationId, IdError, ItemId, MessageId, OutboxId},
    identity::{Identity, Position},
    inbox::Inbox,
    ledger::{DayUse, Ledger},
    notice::Notice,
    page::{Answered, At, PAGE_MAX, Page, PageRow, Place, Reached},
    prospect::Prospect,
    quota::Lift,
    reason::{REFUSALS, Reason},
    roll::{LastLine, MembersSince, RollRow, RollSince, Seen},
    rows::{
        Conversation, InboxRow, Member, MemberRow, OutboxRow, OutboxState, PresenceNow, Receipts,
        RefusedRequest, Sent, VisitRow, Waiting, WaitingByKind,
    },
    shown::{Kind, MessageState},
    status::Counters,
    told::{News, NewsId, NewsKind, Says, Trouble},
    visits::{VisitBegin, VisitEnd, VisitId},
};
pub(crate) use self::{rows::rfc3339, space::disk as free_space};
pub use crate::estimate::{Arrival, Departure, Departures};

/// Changes that a listener may lag behind before it has to look at everything again.
pub(crate) const CHANGES_MAX: usize = 1024;

/// Something that was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Change {
    /// A message, request or notice is new: [`Reader::message`] has it.
    Arrived(MessageId),
    /// A message is not as it was: its text, its state, whether it was read.
    Message(MessageId),
    /// Something in the outbox is new, gone or changed.
    Outbox,
    /// A conversation's title, members or our part in it.
    Conversation(ConversationId),
    /// Who is reachable.
    Presence,
    /// A visit began or ended, or what waits at the relay is another.
    Visit,
    /// Something of the agent's own does not work, or works again: [`Reader::troubles`].
    Trouble,
}

/// How a store is opened; [`Options::default`] is right outside tests.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the time comes from.
    pub clock: Clock,
    /// Where days begin, as far as people's habits go.
    pub zone: TimeZone,
    /// How long to wait for another process that holds the store for a moment.
    pub patience: Duration,
    /// Stands for a small disk: the most pages (of 4 KiB) that the file may have.
    pub pages_max: Option<u32>,
    /// Below so many free bytes no deliveries are asked for.
    pub free_min: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            zone: TimeZone::system(),
            patience: Duration::ZERO,
            pages_max: None,
            free_min: space::FREE_MIN,
        }
    }
}

/// The one writer of a local store. Clones are the same store.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    // In the order of closing: the writer is the last to leave, so that it takes the side files with it; then the lock
    // is given back.
    reader: Reader,
    writer: Mutex<Connection>,
    changes: broadcast::Sender<Change>,
    options: Options,
    /// Commits until the failpoint; negative is never.
    commits_left: AtomicI64,
    commits: AtomicU64,
    _lock: lock::StoreLock,
}

impl Store {
    /// Opens the store at `path`, makes it if there is none, brings an older one up to date.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another process writes it (after [`Options::patience`]), [`StoreError::TooNew`], or
    /// what SQLite and the disk say.
    pub fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        let lock = lock::StoreLock::take(path, options.patience)?;
        let writer = schema::open_writer(path, &options)?;
        let reader = Reader::over(schema::open_reader(path)?, path, &options);
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        Ok(Self(Arc::new(Inner {
            reader,
            writer: Mutex::new(writer),
            changes,
            options,
            commits_left: AtomicI64::new(-1),
            commits: AtomicU64::new(0),
            _lock: lock,
        })))
    }

    /// The read side, with a connection of its own: it sees what was committed.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.0.reader
    }

    /// Changes from now on. A listener that lags more than 1,024 behind is told so and should look at everything again.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    /// Seconds since 1970 by the store's clock.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.0.options.clock.now()
    }

    /// For tests of crashes: `commits` more commits succeed, then every write fails as if the process had been killed.
    #[doc(hidden)]
    pub fn crash_after(&self, commits: u32) {
        self.0.commits_left.store(i64::from(commits), SeqCst);
    }

    /// Commits made since the store was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.0.commits.load(Relaxed)
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        // A panic in a transaction rolled it back: the connection is as good as before.
        self.0.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The read side of a local store: any process may have one beside the writer.
#[derive(Debug)]
pub struct Reader {
    db: Mutex<Connection>,
    path: PathBuf,
    clock: Clock,
    zone: TimeZone,
    /// Tells it from every other: what it gave may have been of another file.
    number: u64,
}

impl Reader {
    /// Opens an existing store for reading.
    ///
    /// # Errors
    /// [`StoreError::Absent`] where there is none, [`StoreError::TooNew`] or [`StoreError::TooOld`] (opening it once
    /// with [`Store::open`] brings it up to date), or what SQLite says.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Absent { path: path.to_owned() });
        }
        Ok(Self::over(schema::open_reader(path)?, path, &Options::default()))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn over(db: Connection, path: &Path, options: &Options) -> Self {
        let (clock, zone) = (options.clock.clone(), options.zone.clone());
        Self {
            db: Mutex::new(db),
            path: path.to_owned(),
            clock,
            zone,
            number: roll::reader_number(),
        }
    }

    /// Runs queries that belong together on one snapshot.
    fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = db.unchecked_transaction()?;
        query(&snapshot)
    }
}

/// Why the store did not do what it was asked. `Display` is meant for the person at the keyboard.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite failed.
    #[error("the local store failed")]
    Sqlite(#[source] rusqlite::Error),
    /// The disk has no room for another write. Nothing was lost.
    #[error("the disk is full: free some space, then try again (nothing was lost)")]
    Full(#[source] rusqlite::Error),
    /// The file or its lock could not be opened.
    #[error("{} could not be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process writes this store.
    #[error("{} is in use by another mailboat: stop that one, or leave the work to it", path.display())]
    InUse {
        /// The store.
        path: PathBuf,
    },
    /// The relay says what cannot be; nothing of the packet in which it stood was used.
    #[error("the relay's answer cannot be true: {0} (nothing was lost here)")]
    Implausible(&'static str),
    /// There is no store yet.
    #[error("there is nothing at {}: join a relay first (mailboat join, mailboat login)", path.display())]
    Absent {
        /// Where it would be.
        path: PathBuf,
    },
    /// A later version wrote it.
    #[error(
        "the local store has version {found}, this mailboat knows up to {known}: use the newer mailboat"
    )]
    TooNew {
        /// Version of the file.
        found: u32,
        /// Newest version that this build knows.
        known: u32,
    },
    /// An earlier version wrote it, and a reader cannot bring it up to date.
    #[error(
        "the local store has the older version {found} (this mailboat has {known}): restart the agent"
    )]
    TooOld {
        /// Version of the file.
        found: u32,
        /// Version that this build reads.
        known: u32,
    },
    /// Nobody is logged in.
    #[error("not logged in: use mailboat join or mailboat login first")]
    NotLoggedIn,
    /// The store is somebody else's.
    #[error("this store belongs to {owner}: use another --home for another account")]
    OtherAccount {
        /// Whose it is.
        owner: String,
    },
    /// There is no such message, request or item.
    #[error("there is no {0} here")]
    NoSuchId(String),
    /// There is neither a conversation with this id nor one with somebody of this name.
    #[error(
        "no conversation has the id {0}, and none is with somebody called {0}: see mailboat conversations, or ask with mailboat chat {0}"
    )]
    NoSuchConversation(String),
    /// Nobody can have this name.
    #[error("{name:?} is no account's name: 1 to 32 of a-z, 0-9, dot, dash and underscore")]
    BadName {
        /// As it was written.
        name: String,
    },
    /// The name is at another relay.
    #[error("{name} is not at {domain}: accounts of other relays cannot be reached yet")]
    OtherRelay {
        /// As it was written.
        name: String,
        /// Our relay's.
        domain: String,
    },
    /// There is nothing in it.
    #[error("{what} is empty")]
    Empty {
        /// What is.
        what: &'static str,
    },
    /// Longer than the relay takes.
    #[error("{what} is {len} {unit} long, at most {max} are accepted")]
    TooLong {
        /// What is.
        what: &'static str,
        /// Its length.
        len: usize,
        /// The limit.
        max: usize,
        /// Of both.
        unit: &'static str,
    },
    /// It was put into a request, so it may have arrived.
    #[error(
        "{0} is on its way already and can no longer be changed here: edit or delete the message instead"
    )]
    OnItsWay(String),
    /// It is somebody else's message.
    #[error("{0} is not yours")]
    NotYours(String),
    /// It makes no sense as things stand.
    #[error("{0}")]
    Unfit(String),
    /// A test stopped the store here.
    #[error("the store was stopped by a test")]
    Stopped,
}

impl StoreError {
    /// Whether the disk is full, so that freeing space is the remedy.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(err: rusqlite::Error) -> Self {
        // A full disk has no room for the index of the write-ahead log either, which even a reader needs.
        let has_no_room = match &err {
            rusqlite::Error::SqliteFailure(failure, _) => {
                failure.code == rusqlite::ErrorCode::DiskFull
                    || failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
            }
            _ => false,
        };
        if has_no_room { Self::Full(err) } else { Self::Sqlite(err) }
    }
}
