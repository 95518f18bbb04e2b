//! The yardstick of the relay's submissions: SQLite alone, one writer thread that commits what
//! waits in one transaction (WAL, `synchronous=FULL`). No HTTP, no protocol, nothing is checked.
//!
//! It stores the rows that a message between two people has at the relay: the message, and an
//! entry in the mailbox of each.

use std::{cell::Cell, path::Path, thread};

use anyhow::Context;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

use super::rate::Agent;

/// Submissions that one transaction takes.
const BATCH_MAX: usize = 1024;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE message (
        id INTEGER PRIMARY KEY, device INTEGER NOT NULL, n INTEGER NOT NULL,
        account INTEGER NOT NULL, conversation INTEGER NOT NULL, kind INTEGER NOT NULL,
        lane INTEGER NOT NULL, c INTEGER NOT NULL, hash INTEGER NOT NULL,
        composed_at_s INTEGER NOT NULL, body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE entry (
        account INTEGER NOT NULL, lane INTEGER NOT NULL, position INTEGER NOT NULL,
        message INTEGER NOT NULL, conversation INTEGER NOT NULL, c INTEGER NOT NULL,
        device INTEGER NOT NULL, author INTEGER NOT NULL, bytes INTEGER NOT NULL,
        placed_at_s INTEGER NOT NULL, expires_at_s INTEGER NOT NULL,
        PRIMARY KEY (account, lane, position)
    ) STRICT, WITHOUT ROWID;";
const MESSAGE: &str = "INSERT INTO message VALUES (NULL, ?1, ?2, ?3, ?4, 1, 2, ?2, 77, ?5, ?6)";
const ENTRY: &str = "INSERT INTO entry VALUES (?1, 2, ?2, ?3, ?4, ?2, ?5, ?6, ?7, ?8, ?9)";
const NOW_S: i64 = 1_795_000_000;

struct Job {
    account: i64,
    first: i64,
    bodies: Vec<Vec<u8>>,
    durable: oneshot::Sender<()>,
}

/// The writer. It ends when it and all its agents are gone.
#[derive(Debug)]
pub(crate) struct Bare {
    queue: mpsc::Sender<Job>,
    accounts: Cell<i64>,
}

impl Bare {
    /// Opens a new database in `dir`.
    pub(crate) fn open(dir: &Path) -> anyhow::Result<Self> {
        let db = Connection::open(dir.join("bare.db")).context("opening the bare store")?;
        db.execute_batch(SCHEMA).context("preparing the bare store")?;
        let (queue, jobs) = mpsc::channel(BATCH_MAX);
        thread::spawn(move || write(db, jobs));
        Ok(Self { queue, accounts: Cell::new(1) })
    }

    /// A new agent that submits these lines, `at_once` of them each time.
    pub(crate) fn agent(&self, lines: &[String], at_once: usize) -> BareAgent {
        let account = self.accounts.replace(self.accounts.get() + 2);
        let bodies = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        BareAgent { queue: self.queue.clone(), account, n: 0, bodies, at_once }
    }
}

/// One writer of messages.
#[derive(Debug)]
pub(crate) struct BareAgent {
    queue: mpsc::Sender<Job>,
    account: i64,
    n: i64,
    bodies: Vec<Vec<u8>>,
    at_once: usize,
}

impl Agent for BareAgent {
    async fn work(&mut self) -> anyhow::Result<u64> {
        let (durable, answer) = oneshot::channel();
        let skip = usize::try_from(self.n)? % self.bodies.len();
        let bodies = self.bodies.iter().cycle().skip(skip).take(self.at_once).cloned().collect();
        let job = Job { account: self.account, first: self.n + 1, bodies, durable };
        self.queue.send(job).await.ok().context("the bare writer is gone")?;
        answer.await.context("the bare writer failed")?;
        self.n += i64::try_from(self.at_once)?;
        Ok(self.at_once as u64)
    }
}

fn write(mut db: Connection, mut jobs: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while jobs.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        if let Err(err) = commit(&mut db, &batch) {
            eprintln!("the bare store failed: {err}");
            return;
        }
        for job in batch.drain(..) {
            let _ = job.durable.send(());
        }
    }
}

fn commit(db: &mut Connection, batch: &[Job]) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in batch {
        for (body, n) in job.bodies.iter().zip(job.first..) {
            insert(&tx, job.account, n, body)?;
        }
    }
    tx.commit()
}

/// Device, account and conversation of an agent are one number here, its peer's the next.
fn insert(tx: &Transaction<'_>, account: i64, n: i64, body: &[u8]) -> rusqlite::Result<()> {
    tx.prepare_cached(MESSAGE)?.execute(params![account, n, account, account, NOW_S, body])?;
    let message = tx.last_insert_rowid();
    let mut entry = tx.prepare_cached(ENTRY)?;
    for (owner, expires_at_s) in [(account, 0), (account + 1, NOW_S + 7_776_000)] {
        let len = i64::try_from(body.len()).unwrap_or(i64::MAX);
        entry.execute(params![
            owner,
            n,
            message,
            account,
            account,
            account,
            len,
            NOW_S,
            expires_at_s
        ])?;
    }
    Ok(())
}
