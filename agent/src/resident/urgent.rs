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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::store::{Compose, ConversationId, tests::Bench};

    fn send(bench: &Bench, to: ConversationId, urgent: bool) {
        bench.store.send(to, "words", Compose { urgent, ..Compose::default() }).unwrap();
    }

    async fn hears(urgent: &mut Urgent, bench: &Bench) -> bool {
        timeout(Duration::ZERO, urgent.queued(&bench.store)).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn each_urgent_message_is_heard_of_once_however_long_it_stays() {
        let (bench, bob) = Bench::with_bob();
        send(&bench, bob, true);
        let mut urgent = Urgent::of(&bench.store, true);
        assert!(hears(&mut urgent, &bench).await, "it waited already when the agent started");
        assert!(!hears(&mut urgent, &bench).await);
        send(&bench, bob, false);
        assert!(!hears(&mut urgent, &bench).await, "the urgent one still waits, and was heard of");
        send(&bench, bob, true);
        assert!(hears(&mut urgent, &bench).await);
        bench.attempt();
        assert!(!hears(&mut urgent, &bench).await, "a visit that is cut leaves them behind");
        let mut deaf = Urgent::of(&bench.store, false);
        assert!(!hears(&mut deaf, &bench).await);
    }
}
