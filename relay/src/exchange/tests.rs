//! Exchanges against a real store, named by the invariants of the design where they hold one.

mod crowd;
mod cuts;
mod forks;
mod holds;
mod lanes;
mod limits;
mod numbers;
mod people;
mod phone;
mod refusals;
mod sharing;
mod slow;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use config::RelaySettings;
use tempfile::TempDir;

use self::phone::{Phone, request, text};
use super::{Clock, Exchange};
use crate::{
    ops::Metrics,
    store::{
        AccountOrder, AccountOutcome, DeviceGrant, Login, NewDevice, Policy, SecretHash, Store,
        sqlite::SqliteStore,
    },
};

/// A day in 2026 on which all tests begin.
const START_S: u64 = 1_790_000_000;
const DAY_S: u64 = 86_400;

/// A clock that a test sets.
#[derive(Debug)]
struct TestClock(AtomicU64);

impl TestClock {
    fn set(&self, now_s: u64) {
        self.0.store(now_s, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now_s(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A relay without its listener.
struct World {
    dir: Arc<TempDir>,
    settings: RelaySettings,
    clock: Arc<TestClock>,
    metrics: Metrics,
    store: Arc<dyn Store>,
    exchange: Exchange,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(set: impl FnOnce(&mut RelaySettings)) -> Self {
        let mut settings = RelaySettings::default();
        set(&mut settings);
        let dir = Arc::new(tempfile::tempdir().unwrap());
        Self::open(dir, "relay.db", settings, START_S)
    }

    fn open(dir: Arc<TempDir>, file: &str, settings: RelaySettings, now_s: u64) -> Self {
        Self::open_with(dir, file, &Policy::from(&settings), settings, now_s)
    }

    /// As [`World::with`], in a store of so many pages.
    fn of_pages(pages: u32) -> Self {
        let settings = RelaySettings::default();
        let policy = Policy { pages_max: Some(pages), ..Policy::from(&settings) };
        let dir = Arc::new(tempfile::tempdir().unwrap());
        Self::open_with(dir, "relay.db", &policy, settings, START_S)
    }

    fn open_with(
        dir: Arc<TempDir>,
        file: &str,
        policy: &Policy,
        settings: RelaySettings,
        now_s: u64,
    ) -> Self {
        let path = dir.path().join(file);
        let store = SqliteStore::open(&path, policy.clone(), now_s).unwrap();
        let (store, metrics): (Arc<dyn Store>, _) = (Arc::new(store), Metrics::new());
        let clock = Arc::new(TestClock(AtomicU64::new(now_s)));
        let exchange =
            Exchange::with_clock(store.clone(), &settings, metrics.clone(), clock.clone());
        Self { dir, settings, clock, metrics, store, exchange }
    }

    /// The same relay, started again so many seconds later.
    fn restarted(self, later_s: u64) -> Self {
        let Self { dir, settings, clock, store, exchange, .. } = self;
        drop((store, exchange));
        Self::open(dir, "relay.db", settings, clock.now_s() + later_s)
    }

    /// Copies the store to a file beside it.
    async fn backup(&self, file: &str) -> PathBuf {
        let path = self.dir.path().join(file);
        self.store.backup(path.clone()).await.unwrap();
        path
    }

    /// Another relay on a backup, so many seconds later.
    fn put_back(self, file: &str, later_s: u64) -> Self {
        let Self { dir, settings, clock, store, exchange, .. } = self;
        drop((store, exchange));
        Self::open(dir, file, settings, clock.now_s() + later_s)
    }

    /// A new account's first device.
    async fn person(&self, name: &str) -> Phone {
        let now_s = self.clock.now_s();
        let (name, password) = (name.to_owned(), "unused".to_owned());
        let order = AccountOrder::Add { name: name.clone(), password, now_s };
        let AccountOutcome::Added(account) = self.store.administer(order).await.unwrap() else {
            panic!("{name} was not added");
        };
        self.device(account, &format!("{name}-1"), 0).await
    }

    /// A device of an account, by its token.
    async fn device(&self, account: u64, token: &str, since_s: u64) -> Phone {
        let device = NewDevice {
            token: SecretHash::of(token),
            label: token.to_owned(),
            now_s: self.clock.now_s(),
        };
        let order = AccountOrder::Login { account, device, since_s, cursors: None };
        let AccountOutcome::Device(grant) = self.store.administer(order).await.unwrap() else {
            panic!("{token} did not log in");
        };
        let DeviceGrant { account, device, cursors, .. } = grant;
        Phone::new(Login { account, device }, cursors)
    }

    /// Two people who have accepted each other and know it.
    async fn pair(&self) -> (Phone, Phone) {
        let (mut ann, mut bob) = (self.person("ann").await, self.person("bob").await);
        self.acquaint(&mut ann, &mut bob, "bob").await;
        (ann, bob)
    }

    /// Lets `a` ask `b`, who accepts; the conversation's number.
    async fn acquaint(&self, a: &mut Phone, b: &mut Phone, name: &str) -> u64 {
        let conversation = a.sync(self, vec![request(&[name])]).await.founded();
        b.sync(self, vec![]).await;
        b.sync(self, vec![phone::accept(conversation)]).await.done();
        a.sync(self, vec![]).await;
        (a.conversation, b.conversation) = (conversation, conversation);
        conversation
    }

    /// Whether nothing is committed while `what` happens.
    async fn quietly<T>(&self, what: impl Future<Output = T>) -> T {
        let before = self.store.commits();
        let result = what.await;
        assert_eq!(self.store.commits(), before, "something was committed");
        result
    }
}

/// Numbers that look random and are the same in every run.
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
