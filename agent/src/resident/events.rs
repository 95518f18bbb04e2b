//! Tells watchers what the store committed.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use serde_json::Value;
use tokio::sync::broadcast::{Sender, error::RecvError};

use crate::{
    control::Event,
    store::{Change, MessageId, Store},
};

/// Counts messages and requests that came since the agent began.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrived(Arc<AtomicU64>);

impl Arrived {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Tells until the store is gone.
pub(super) async fn tell(store: Store, events: Sender<Event>, arrived: Arrived) {
    let mut changes = store.changes();
    loop {
        let change = match changes.recv().await {
            Ok(change) => change,
            Err(RecvError::Lagged(_)) => {
                let _ = events.send(Event::Missed);
                continue;
            }
            Err(RecvError::Closed) => return,
        };
        if matches!(change, Change::Arrived(_)) {
            arrived.0.fetch_add(1, Relaxed);
        }
        if events.receiver_count() == 0 {
            continue;
        }
        if let Some(event) = event(&store, change) {
            // Who watched may be gone since.
            let _ = events.send(event);
        }
    }
}

fn event(store: &Store, change: Change) -> Option<Event> {
    match change {
        Change::Arrived(id) => row(store, id),
        Change::Message(id) => Some(match store.reader().message(id).ok()?.state {
            Some(state) => Event::State {
                id: id.to_string(),
                state: serde_json::to_value(state).ok()?.as_str()?.to_owned(),
            },
            None => Event::Changed,
        }),
        Change::Presence => Some(Event::Presence),
        Change::Outbox | Change::Conversation(_) => Some(Event::Changed),
        // Visits are told by who makes them.
        _ => None,
    }
}

fn row(store: &Store, id: MessageId) -> Option<Event> {
    match serde_json::to_value(store.reader().message(id).ok()?).ok()? {
        Value::Object(row) => Some(Event::Message { row }),
        _ => None,
    }
}
