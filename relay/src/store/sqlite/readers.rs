//! A pool of threads, each with a connection that only reads.

use std::{
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{super::StoreError, schema, writer::ReadObserver};

/// Reads that may wait in front of the pool; then whoever has more waits.
const QUEUE_MAX: usize = 1_024;

type Read = Box<dyn FnOnce(&Connection) + Send>;

pub(super) struct Readers {
    queue: Option<mpsc::Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
    count: AtomicU64,
    on_read: ReadObserver,
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").field("threads", &self.threads).finish_non_exhaustive()
    }
}

impl Readers {
    pub(super) fn open(
        path: &Path,
        count: usize,
        on_read: ReadObserver,
    ) -> Result<Self, StoreError> {
        let (queue, reads) = mpsc::channel(QUEUE_MAX);
        let reads = Arc::new(Mutex::new(reads));
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let db = schema::open_reader(path)?;
            let reads = Arc::clone(&reads);
            let thread = thread::Builder::new().name(format!("store-read-{number}"));
            threads.push(thread.spawn(move || serve(&db, &reads)).map_err(StoreError::File)?);
        }
        Ok(Self { queue: Some(queue), threads, count: AtomicU64::new(0), on_read })
    }

    /// Runs `work` in a read transaction: all it sees is one snapshot.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.count.fetch_add(1, Ordering::Relaxed);
        (self.on_read)();
        let (reply, answer) = oneshot::channel();
        let read: Read = Box::new(move |db| {
            let _ = reply.send(snapshot(db, work));
        });
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.send(read).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

impl Readers {
    /// Reads made so far.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

fn serve(db: &Connection, reads: &Mutex<mpsc::Receiver<Read>>) {
    loop {
        let read = reads.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        match read {
            Some(read) => read(db),
            None => return,
        }
    }
}

fn snapshot<T>(
    db: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    db.prepare_cached("BEGIN")?.execute([])?;
    let result = work(db);
    // Nothing was written: either end of the transaction is the same.
    db.prepare_cached("ROLLBACK")?.execute([])?;
    result
}
