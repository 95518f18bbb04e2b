//! Notices that an urgent message was queued, for rules that wait for it.

use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::store::{Change, Store};

/// Watches the outbox; where no rule waits it watches nothing.
#[derive(Debug)]
pub(super) struct Urgent {
    changes: Option<Receiver<Change>>,
    /// How many waited, and the newest of them, when it was looked last.
    seen: (u64, i64),
}

impl Urgent {
    pub(super) fn of(store: &Store, is_wanted: bool) -> Self {
        // What waits already when the agent starts was not seen before.
        Self { changes: is_wanted.then(|| store.changes()), seen: (0, 0) }
    }

    /// Waits until another urgent item waits. Only a new one counts: what a visit leaves behind calls for no other visit.
    /// Cancel safe.
    pub(super) async fn queued(&mut self, store: &Store) {
        let Some(changes) = &mut self.changes else { return std::future::pending().await };
        loop {
            let waits = store.urgent_waiting().unwrap_or(self.seen);
            let (count, newest) = std::mem::replace(&mut self.seen, waits);
            if count < waits.0 || (0 < waits.0 && newest < waits.1) {
                return;
            }
            loop {
                match changes.recv().await {
                    Ok(Change::Outbox) | Err(RecvError::Lagged(_)) => break,
                    Ok(_) => {}
                    Err(RecvError::Closed) => return std::future::pending().await,
                }
            }
        }
    }
}
