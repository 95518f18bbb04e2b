//! Everything there is in one history: the relay, its clock and copies, the accounts and their homes.

use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use agent::store::{Identity, Store};
use config::RelaySettings;
use harness::rng::Rng;
use relay::{
    exchange::{Clock, Exchange},
    ops::Metrics,
    store::{
        AccountOrder, AccountOutcome, NewDevice, Policy, SecretHash, Store as _,
        sqlite::SqliteStore,
    },
};
use tempfile::TempDir;
use wire::{AccountId, Name};

use super::{
    home::Home,
    line::Relay,
    recorder::{Recorder, Witness, lock},
    reference::Reference,
    steps::Theme,
};

/// 2026-11-01, where every clock begins.
const BEGIN_S: u64 = 1_793_491_200;

/// What happened, in words; it outlives a panic.
pub(crate) type Story = Rc<RefCell<Vec<String>>>;

/// The relay's clock.
#[derive(Debug)]
struct Hand(Arc<AtomicU64>);

impl Clock for Hand {
    fn now_s(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A text that somebody wrote, known by the word that it begins with.
#[derive(Clone, Debug)]
pub(crate) struct Composed {
    pub(crate) word: String,
    pub(crate) home: usize,
    /// Its writer took it back before it left.
    pub(crate) is_dropped: bool,
    /// Its writer took it back after that: nobody need have kept what it said.
    pub(crate) is_deleted: bool,
    /// The home that had it was put back to before.
    pub(crate) is_lost: bool,
    /// How often its writer let it go again after it might have gone.
    pub(crate) again: usize,
}

impl Composed {
    pub(crate) fn new(word: String, home: usize) -> Self {
        let (is_dropped, is_deleted, is_lost, again) = (false, false, false, 0);
        Self { word, home, is_dropped, is_deleted, is_lost, again }
    }
}

/// A copy of the relay's store, and what was true then.
#[derive(Debug)]
struct Copy {
    path: PathBuf,
    reference: Reference,
}

pub(crate) struct World {
    dir: TempDir,
    pub(crate) theme: Theme,
    pub(crate) names: Vec<String>,
    pub(crate) ids: Vec<AccountId>,
    pub(crate) homes: Vec<Home>,
    pub(crate) composed: Vec<Composed>,
    pub(crate) witness: Arc<Mutex<Witness>>,
    pub(crate) now_s: Arc<AtomicU64>,
    relay: Option<Relay>,
    /// Times that the relay was started.
    openings: u64,
    copies: Vec<Copy>,
    pub(crate) is_put_back: bool,
    /// Names that each account has ever had on some device.
    pub(crate) had: Vec<std::collections::HashSet<Name>>,
    pub(crate) story: Story,
    pub(crate) faults: Vec<String>,
    serial: u64,
    pub(crate) serial_edit: u64,
}

/// A directory whose writes cost nothing, where there is one: nothing here survives the test, so nothing need be durable.
fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir()
        && let Ok(dir) = tempfile::tempdir_in(memory)
    {
        return dir;
    }
    tempfile::tempdir().expect("a directory")
}

impl World {
    pub(crate) async fn new(theme: Theme, rng: &mut Rng, story: Story) -> Self {
        let mut world = Self {
            dir: directory(),
            theme,
            names: Vec::new(),
            ids: Vec::new(),
            homes: Vec::new(),
            composed: Vec::new(),
            witness: Arc::default(),
            now_s: Arc::new(AtomicU64::new(BEGIN_S)),
            relay: None,
            openings: 0,
            copies: Vec::new(),
            is_put_back: false,
            had: Vec::new(),
            story,
            faults: Vec::new(),
            serial: 0,
            serial_edit: 0,
        };
        let accounts = 2 + rng.below(3) as usize;
        for name in ["ann", "bob", "cat", "dan"].into_iter().take(accounts) {
            let order = AccountOrder::Add {
                name: name.to_owned(),
                password: String::new(),
                now_s: world.now(),
            };
            let added = world.relay().store.administer(order).await.expect("a good store");
            let AccountOutcome::Added(id) = added else { panic!("{added:?}") };
            world.names.push(name.to_owned());
            world.ids.push(id);
            world.had.push(std::collections::HashSet::new());
            lock(&world.witness).reference.add_account(name, id);
        }
        for account in 0..accounts {
            for _ in 0..1 + rng.below(3) {
                world.log_in(account).await;
            }
        }
        if !matches!(theme, Theme::Members | Theme::Forgets) {
            world.acquaint().await;
        }
        world
    }

    pub(crate) fn now(&self) -> u64 {
        self.now_s.load(Relaxed)
    }

    pub(crate) fn say(&self, words: impl Into<String>) {
        self.story.borrow_mut().push(words.into());
    }

    pub(crate) fn fault(&mut self, words: impl Into<String>) {
        self.faults.push(words.into());
    }

    pub(crate) fn relay_path(&self) -> PathBuf {
        self.dir.path().join("relay.db")
    }

    pub(crate) fn subdir(&mut self) -> PathBuf {
        self.serial += 1;
        self.dir.path().join(format!("d{}", self.serial))
    }

    /// The running relay; started if its process had died.
    pub(crate) fn relay(&mut self) -> Relay {
        if let Some(relay) = &self.relay {
            return relay.clone();
        }
        {
            let mut witness = lock(&self.witness);
            (witness.is_dead, witness.crash) = (false, None);
        }
        self.openings += 1;
        let policy = Policy { chat_requests_per_day: u32::MAX, ..Policy::default() };
        let inner =
            SqliteStore::open(&self.relay_path(), policy, self.now()).expect("a store opens again");
        let store = Arc::new(Recorder::new(inner, self.openings, self.witness.clone()));
        let mut settings = RelaySettings::default();
        settings.limits.submits_per_minute = u32::MAX;
        let clock = Arc::new(Hand(self.now_s.clone()));
        let exchange = Exchange::with_clock(store.clone(), &settings, Metrics::new(), clock);
        let relay =
            Relay { exchange, store, witness: self.witness.clone(), now_s: self.now_s.clone() };
        self.relay = Some(relay.clone());
        relay
    }

    /// The relay's process is gone, and every request with it.
    pub(crate) fn kill_relay(&mut self) {
        self.homes.iter_mut().for_each(|home| home.wake.lingering.clear());
        self.relay = None;
    }

    pub(crate) async fn back_up(&mut self) {
        let path = self.subdir();
        self.relay().store.backup(path.clone()).await.expect("room for a copy");
        let reference = lock(&self.witness).reference.clone();
        self.copies.push(Copy { path, reference });
    }

    /// Puts a copy of the relay's store in its place, an hour later.
    pub(crate) fn restore(&mut self, which: u64) -> bool {
        if self.copies.is_empty() {
            return false;
        }
        self.kill_relay();
        let which = which as usize % self.copies.len();
        if self.theme != Theme::Lives {
            // Copies of the time that is lost now are not put back later.
            self.copies.truncate(which + 1);
        }
        let copy = &self.copies[which];
        let path = self.relay_path();
        for ending in ["-wal", "-shm"] {
            let mut side = path.clone().into_os_string();
            side.push(ending);
            let _ = fs::remove_file(side);
        }
        fs::copy(&copy.path, &path).expect("room for a copy");
        let mut witness = lock(&self.witness);
        let faults = std::mem::take(&mut witness.reference.faults);
        witness.reference = copy.reference.clone();
        witness.reference.faults = faults;
        for home in &mut self.homes {
            let id = self.ids[home.account];
            home.from = home.from.min(witness.reference.log_len(id));
            home.last = None;
        }
        drop(witness);
        self.now_s.fetch_add(3600, Relaxed);
        self.is_put_back = true;
        true
    }

    /// A new device of an account.
    pub(crate) async fn log_in(&mut self, account: usize) -> usize {
        let dir = self.subdir();
        let token = format!("token-{}", self.serial);
        let (identity, cursors) = self.grant(account, &token).await;
        let from = lock(&self.witness).reference.log_len(self.ids[account]);
        let mut home = Home::new(dir, account, token, from, self.now() as i64);
        home.store().log_in(&identity, Some(cursors)).expect("a fresh store");
        self.homes.push(home);
        self.homes.len() - 1
    }

    async fn grant(&mut self, account: usize, token: &str) -> (Identity, wire::Cursors) {
        let device =
            NewDevice { token: SecretHash::of(token), label: String::new(), now_s: self.now() };
        let account = self.ids[account];
        let order = AccountOrder::Login { account, device, since_s: 0, cursors: None };
        let outcome = self.relay().store.administer(order).await.expect("a good store");
        let AccountOutcome::Device(grant) = outcome else { panic!("{outcome:?}") };
        let (name, domain) = (grant.name, "localhost".to_owned());
        (Identity { account: grant.account, device: grant.device, name, domain }, grant.cursors)
    }

    /// A home whose device the relay has forgotten logs in anew.
    pub(super) async fn log_in_again(&mut self, at: usize) {
        self.serial += 1;
        let token = format!("token-{}", self.serial);
        let account = self.homes[at].account;
        let (identity, _) = self.grant(account, &token).await;
        let from = lock(&self.witness).reference.log_len(self.ids[account]);
        let home = &mut self.homes[at];
        home.store().log_in(&identity, None).expect("it becomes another device");
        token.clone_into(&mut home.token.lock().expect("nobody panics with it"));
        (home.from, home.is_copied, home.last) = (from, true, None);
    }

    /// Everybody knows everybody, two by two, and the first ones share a group.
    async fn acquaint(&mut self) {
        for at in 0..self.names.len() {
            for other in at + 1..self.names.len() {
                let names = [self.names[other].clone()];
                self.first(at).request(&names, "", "Hello.").expect("a good request");
            }
        }
        if 2 < self.names.len() {
            self.settle().await;
            self.accept_all();
            self.settle().await;
            let names = self.names[1..].to_vec();
            self.first(0).request(&names, "All of us", "").expect("a good request");
        }
        self.settle().await;
        self.accept_all();
        self.settle().await;
    }

    fn first(&mut self, account: usize) -> Store {
        let home = self.homes.iter_mut().find(|home| home.account == account);
        home.expect("every account has a device").store()
    }

    fn accept_all(&mut self) {
        for account in 0..self.names.len() {
            let store = self.first(account);
            for chat in store.reader().conversations().expect("readable") {
                if chat.state == "invited" {
                    store.accept(chat.id).expect("an open request");
                }
            }
        }
    }
}
