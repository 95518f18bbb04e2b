//! Sync against a relay in memory that speaks the wire, over a line that is cut where a test says.

mod bounds;
mod cuts;
mod faults;
mod held;
mod late;
mod line;
mod oddities;
mod pricing;
mod relay;
mod time;

use std::sync::{Arc, Mutex, atomic::AtomicU64};

use tempfile::TempDir;
use wire::{Cursors, LaneMask};

use self::{line::Line, relay::Relay};
use super::{Bound, Ended, Outcome, OutcomeKind, Progress, SyncError, Terms, run};
use crate::store::{
    Clock, Compose, ConversationId, Identity, Inbox, MessageState, Options, Store, StoreError,
};

const ME: u64 = 100;
const MY_DEVICE: u64 = 1000;
const BOB: u64 = 200;
const BOBS_DEVICE: u64 = 2000;
const NOW: i64 = 1_800_000_000;

/// One agent and its relay.
struct World {
    dir: TempDir,
    store: Store,
    relay: Arc<Mutex<Relay>>,
    terms: Terms,
    /// What `account.toml` says.
    device: Arc<AtomicU64>,
}

impl World {
    fn new() -> Self {
        Self::with(Options { free_min: 0, ..Options::default() })
    }

    /// Ann's store and a relay that knows her, bob, and their conversation.
    fn with(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir, options);
        let identity = Identity {
            account: ME,
            device: MY_DEVICE,
            name: "ann".into(),
            domain: "relay.example".into(),
        };
        store.log_in(&identity, Some(Cursors::default())).unwrap();
        let relay = Arc::new(Mutex::new(Relay::with_bob()));
        let device = Arc::new(AtomicU64::new(MY_DEVICE));
        Self {
            dir,
            store,
            relay,
            terms: Terms { lanes: LaneMask::ALL, ..Terms::default() },
            device,
        }
    }

    fn reopen(self) -> Self {
        self.reopen_with(Options { free_min: 0, ..Options::default() })
    }

    fn reopen_with(self, options: Options) -> Self {
        let Self { dir, store, relay, terms, device } = self;
        drop(store);
        Self { store: open(&dir, options), dir, relay, terms, device }
    }

    fn line(&self) -> Line {
        Line::new(self.relay.clone(), self.device.clone())
    }

    async fn visit(&self) -> Result<Ended, SyncError> {
        self.visit_over(&mut self.line()).await.1
    }

    async fn visit_over(&self, line: &mut Line) -> (Progress, Result<Ended, SyncError>) {
        let mut progress = Progress::default();
        let ended = run(&self.store, line, &self.terms, &mut progress).await;
        (progress, ended)
    }

    /// A visit that has to end well.
    async fn sync(&self) -> Progress {
        let (progress, ended) = self.visit_over(&mut self.line()).await;
        assert_eq!(ended.unwrap(), Ended::Done);
        progress
    }

    fn bob(&self) -> ConversationId {
        self.store.reader().find("bob").unwrap()
    }

    fn send(&self, text: &str) {
        self.store.send(self.bob(), text, Compose::default()).unwrap();
    }

    fn bob_says(&self, text: &str) {
        self.relay.lock().unwrap().bob_says(text);
    }

    /// What ann reads from bob, in the order of the conversation.
    fn read(&self) -> Vec<String> {
        let which = Inbox { conversation: Some(self.bob()), ..Inbox::default() };
        self.store.reader().inbox(&which).unwrap().into_iter().map(|row| row.text).collect()
    }

    /// What the relay took from ann, in the order of its places.
    fn taken(&self) -> Vec<String> {
        self.relay.lock().unwrap().texts()
    }

    fn states(&self) -> Vec<MessageState> {
        let which = Inbox { conversation: Some(self.bob()), all: true, ..Inbox::default() };
        self.store.reader().inbox(&which).unwrap().into_iter().filter_map(|row| row.state).collect()
    }

    fn notices(&self) -> Vec<String> {
        let rows = self.store.reader().inbox(&Inbox::default()).unwrap();
        rows.into_iter()
            .filter(|row| row.kind == crate::store::Kind::Notice)
            .map(|row| row.text)
            .collect()
    }
}

fn open(dir: &TempDir, mut options: Options) -> Store {
    options.clock = Clock::by_hand(NOW).0;
    Store::open(&dir.path().join("store.db"), options).unwrap()
}
