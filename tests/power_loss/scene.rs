//! Two people and a relay, each with a disk; a talk between them in which the power of one may go, and what must have
//! become of it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use agent::store::{Clock, Compose, Identity, Inbox, Kind, Options, Position, Store};
use agent::sync::{self, Ended, Progress, Terms};
use config::RelaySettings;
use relay::{
    exchange::{self, Exchange},
    ops::Metrics,
    store::{
        AccountOrder, AccountOutcome, Chore, Login, NewDevice, Policy, SecretHash, Store as _,
        sqlite::{FILE_NAME, SqliteStore},
    },
};
use tempfile::TempDir;
use wire::{Cursors, Lane};

use super::{
    disk::{self, Loss},
    line::{Claim, Line},
    sqlite_disk,
};

/// 2026-11-01, where every clock stands.
const NOW_S: u64 = 1_793_491_200;
/// Who wrote a home that another test starts from may hold its lock for a moment.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whose power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    Relay,
    Ann,
}

/// What is expected of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// What it synced is there.
    Kept,
    /// It lies, and that must show.
    Broken,
}

/// The relay's clock.
#[derive(Debug)]
struct Standing;

impl exchange::Clock for Standing {
    fn now_s(&self) -> u64 {
        NOW_S
    }
}

/// A directory whose writes cost nothing, where there is one.
fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    dir.expect("a directory")
}

#[derive(Debug)]
struct RelaySide {
    dir: PathBuf,
    running: Option<(Exchange, Arc<SqliteStore>)>,
}

impl RelaySide {
    /// The running relay, started if its process had ended; none when the power goes meanwhile.
    fn running(&mut self) -> Option<(Exchange, Arc<SqliteStore>)> {
        if self.running.is_none() {
            let path = self.dir.join(FILE_NAME);
            let store = match SqliteStore::open(&path, Policy::default(), NOW_S) {
                Ok(store) => Arc::new(store),
                Err(_) if disk::is_off(&self.dir) => return None,
                Err(err) => panic!("a store opens again: {err:?}"),
            };
            let settings = RelaySettings::default();
            let clock = Arc::new(Standing);
            let exchange = Exchange::with_clock(store.clone(), &settings, Metrics::new(), clock);
            self.running = Some((exchange, store));
        }
        self.running.clone()
    }
}

#[derive(Debug)]
struct Home {
    dir: PathBuf,
    name: &'static str,
    peer: &'static str,
    login: Login,
    clock: Clock,
    _hand: Arc<AtomicI64>,
    store: Option<Store>,
    claim: Claim,
    /// Texts whose writing came back well.
    composed: Vec<String>,
    /// Texts whose writing did not.
    doubtful: Vec<String>,
    /// Texts of the other that were shown.
    shown: Vec<String>,
    /// As it was last seen.
    position: Option<Position>,
}

/// One thing that is done.
#[derive(Clone, Copy, Debug)]
enum Act {
    Write(usize),
    Visit(usize),
    Reopen(usize),
    RestartRelay,
    Checkpoint,
}

/// A talk in which everything happens that writes: 0 is ann.
const TALK: &[Act] = &[
    Act::Write(0),
    Act::Write(0),
    Act::Visit(0),
    Act::Write(1),
    Act::Visit(1),
    Act::Write(0),
    Act::Reopen(0),
    Act::Visit(0),
    Act::Checkpoint,
    Act::Write(1),
    Act::Visit(1),
    Act::RestartRelay,
    Act::Visit(0),
    Act::Write(0),
    Act::Visit(0),
    Act::Visit(1),
    Act::Reopen(0),
    Act::Write(1),
    Act::Visit(1),
    Act::Checkpoint,
    Act::Write(0),
    Act::Visit(0),
    Act::Visit(1),
    Act::Visit(0),
    Act::Visit(1),
];

/// Two people who know each other, at rest.
#[derive(Debug)]
pub(crate) struct Base {
    dir: TempDir,
    logins: [Login; 2],
}

impl Base {
    pub(crate) async fn new() -> Self {
        sqlite_disk::install();
        let dir = directory();
        let mut logins = Vec::new();
        {
            let relay = dir.path().join("relay");
            fs::create_dir(&relay).unwrap();
            let mut relay = RelaySide { dir: relay, running: None };
            let mut stores = Vec::new();
            for name in ["ann", "bob"] {
                let (login, cursors) = log_in(&relay.running().unwrap().1, name).await;
                let home = dir.path().join(name);
                fs::create_dir(&home).unwrap();
                let (store, _) = open(&home);
                let store = store.expect("a fresh store");
                let (domain, name) = ("localhost".to_owned(), name.to_owned());
                let Login { account, device } = login;
                let identity = Identity { account, device, name, domain };
                store.log_in(&identity, Some(cursors)).unwrap();
                stores.push(store);
                logins.push(login);
            }
            stores[0].request(&["bob".to_owned()], "", "Shall we?").unwrap();
            for who in [0, 1] {
                assert!(call(&mut relay, &stores[who], logins[who], &mut Claim::default()).await);
            }
            let chats = stores[1].reader().conversations().unwrap();
            let asked = chats.iter().find(|chat| chat.state == "invited").expect("ann asked");
            stores[1].accept(asked.id).unwrap();
            for who in [1, 0, 1] {
                assert!(call(&mut relay, &stores[who], logins[who], &mut Claim::default()).await);
            }
        }
        Self { dir, logins: logins.try_into().unwrap() }
    }

    /// Plays the talk, with the victim's power cut at this step; gives the steps that its disk made.
    pub(crate) async fn play(
        &self,
        victim: Victim,
        step: Option<u64>,
        loss: Loss,
        promise: Promise,
    ) -> u64 {
        let dir = directory();
        let names = ["ann", "bob"];
        for part in ["relay", "ann", "bob"] {
            copy(&self.dir.path().join(part), &dir.path().join(part));
        }
        let homes = [0, 1].map(|who| {
            let (clock, hand) = Clock::by_hand(NOW_S as i64);
            Home {
                dir: dir.path().join(names[who]),
                name: names[who],
                peer: names[1 - who],
                login: self.logins[who],
                clock,
                _hand: hand,
                store: None,
                claim: Claim::default(),
                composed: Vec::new(),
                doubtful: Vec::new(),
                shown: Vec::new(),
                position: None,
            }
        });
        let relay = RelaySide { dir: dir.path().join("relay"), running: None };
        let root = match victim {
            Victim::Relay => relay.dir.clone(),
            Victim::Ann => homes[0].dir.clone(),
        };
        disk::insert(&root);
        if let Some(step) = step {
            disk::cut_at(&root, step);
        }
        if promise == Promise::Broken {
            disk::lie(&root);
        }
        let mut scene = Scene { root, victim, loss, relay, homes, faults: Vec::new() };
        scene.talk().await;
        let steps = disk::steps(&scene.root);
        disk::remove(&scene.root);
        let case = format!("{victim:?}, step {step:?} of {steps}, {loss:?}");
        match promise {
            Promise::Kept => assert!(scene.faults.is_empty(), "{case}: {:#?}", scene.faults),
            Promise::Broken => assert!(!scene.faults.is_empty(), "{case}: nobody noticed"),
        }
        steps
    }
}

#[derive(Debug)]
struct Scene {
    /// The victim's disk.
    root: PathBuf,
    victim: Victim,
    loss: Loss,
    relay: RelaySide,
    homes: [Home; 2],
    faults: Vec<String>,
}

impl Scene {
    async fn talk(&mut self) {
        let rest = [0, 1, 0, 1].map(Act::Visit);
        for act in TALK.iter().chain(&rest) {
            let mut done = self.act(*act).await;
            if disk::is_off(&self.root) {
                done = false;
                self.recover().await;
            }
            if !done && self.faults.is_empty() {
                // With power again it works.
                if !self.act(*act).await {
                    self.faults.push(format!("{act:?} fails with good power"));
                }
            }
            if !self.faults.is_empty() {
                return;
            }
            self.look();
        }
        self.check();
    }

    /// Whether it came back well.
    async fn act(&mut self, act: Act) -> bool {
        match act {
            Act::Write(who) => self.homes[who].write(),
            Act::Visit(who) => {
                let home = &mut self.homes[who];
                let Some(store) = home.store() else { return false };
                call(&mut self.relay, &store, home.login, &mut home.claim).await
            }
            Act::Reopen(who) => {
                self.homes[who].store = None;
                self.homes[who].store().is_some()
            }
            Act::RestartRelay => {
                self.relay.running = None;
                true
            }
            Act::Checkpoint => {
                let Some((_, store)) = self.relay.running() else { return false };
                store.housekeep(Chore::Checkpoint, NOW_S).await.is_ok()
            }
        }
    }

    /// The victim's computer starts again, on what its disk holds.
    async fn recover(&mut self) {
        match self.victim {
            Victim::Relay => self.relay.running = None,
            Victim::Ann => self.homes[0].store = None,
        }
        disk::lose_power(&self.root, self.loss);
        match self.victim {
            Victim::Ann => self.homes[0].after_loss(&mut self.faults),
            Victim::Relay => self.relay_after_loss().await,
        }
    }

    /// What an agent was told of its own numbers is still so.
    async fn relay_after_loss(&mut self) {
        let path = self.relay.dir.join(FILE_NAME);
        if let Err(err) = SqliteStore::open(&path, Policy::default(), NOW_S) {
            return self.faults.push(format!("the relay's store does not open: {err:?}"));
        }
        let (_, store) = self.relay.running().expect("the power is on");
        for home in &mut self.homes {
            let states = store.devices(vec![home.login.device]).await;
            let position = home.store().and_then(|store| store.reader().position().ok());
            let (Some(Ok(Some(state))), Some(position)) = (states.into_iter().next(), position)
            else {
                return self.faults.push(format!("{}'s device is gone", home.name));
            };
            if state.k < position.k || state.k < position.told {
                self.faults.push(format!("the relay forgot: {position:?} became {state:?}"));
            }
        }
    }

    /// Notes what people see.
    fn look(&mut self) {
        for home in &mut self.homes {
            if let Some(store) = home.store() {
                home.shown = texts(&store, false);
                home.position = store.reader().position().ok();
            }
        }
    }

    /// Every message once, in order; those that are in doubt once or never.
    fn check(&mut self) {
        let written = [0, 1].map(|who| {
            let home = &self.homes[who];
            (home.composed.clone(), home.doubtful.clone())
        });
        for (who, (composed, doubtful)) in written.iter().enumerate() {
            for reader in [1 - who, who] {
                let store = self.homes[reader].store().expect("the power is on");
                let has = texts(&store, reader == who);
                let sure: Vec<_> = has.iter().filter(|text| !doubtful.contains(text)).collect();
                if !sure.iter().copied().eq(composed) {
                    self.faults.push(format!("{composed:?} of {who} are {has:?} at {reader}"));
                }
                for text in doubtful {
                    if 1 < has.iter().filter(|has| *has == text).count() {
                        self.faults.push(format!("{text} came twice"));
                    }
                }
            }
        }
    }
}

impl Home {
    /// The store, opened if its process had ended; none with the power off.
    fn store(&mut self) -> Option<Store> {
        if self.store.is_none() {
            self.store = open_with(&self.dir, self.clock.clone());
        }
        self.store.clone()
    }

    fn write(&mut self) -> bool {
        let Some(store) = self.store() else { return false };
        let text = format!("{} {}", self.name, self.composed.len() + self.doubtful.len());
        let Ok(chat) = store.reader().find(self.peer) else { return false };
        let sent = store.send(chat, &text, Compose::default());
        let list = if sent.is_ok() { &mut self.composed } else { &mut self.doubtful };
        list.push(text);
        sent.is_ok()
    }

    /// What was shown, composed, claimed or used is still so.
    fn after_loss(&mut self, faults: &mut Vec<String>) {
        let Some(store) = self.store() else {
            return faults.push(format!("{}'s store does not open", self.name));
        };
        let (mine, theirs) = (texts(&store, true), texts(&store, false));
        for text in self.composed.iter().filter(|text| !mine.contains(text)) {
            faults.push(format!("{text} was written and is gone"));
        }
        for text in self.shown.iter().filter(|text| !theirs.contains(text)) {
            faults.push(format!("{text} was shown and is gone"));
        }
        let now = store.reader().position().expect("readable");
        let claim = self.claim;
        let went_back =
            |before: Cursors| Lane::ALL.iter().any(|lane| now.cursors.of(*lane) < before.of(*lane));
        if now.x < claim.x || now.told < claim.told || went_back(claim.cursors) {
            faults.push(format!("the relay was told {claim:?}, and here is {now:?}"));
        }
        if let Some(before) = &self.position
            && (now.x < before.x
                || now.told < before.told
                || now.k < before.k
                || went_back(before.cursors))
        {
            faults.push(format!("{before:?} became {now:?}"));
        }
    }
}

async fn log_in(store: &SqliteStore, name: &str) -> (Login, Cursors) {
    let (name, password) = (name.to_owned(), String::new());
    let order = AccountOrder::Add { name: name.clone(), password, now_s: NOW_S };
    let added = store.administer(order).await.unwrap();
    let AccountOutcome::Added(account) = added else { panic!("{added:?}") };
    let device = NewDevice { token: SecretHash::of(&name), label: String::new(), now_s: NOW_S };
    let order = AccountOrder::Login { account, device, since_s: 0, cursors: None };
    let outcome = store.administer(order).await.unwrap();
    let AccountOutcome::Device(grant) = outcome else { panic!("{outcome:?}") };
    (Login { account: grant.account, device: grant.device }, grant.cursors)
}

/// Whether the visit came to its end.
async fn call(relay: &mut RelaySide, store: &Store, login: Login, claim: &mut Claim) -> bool {
    let Some((exchange, _)) = relay.running() else { return false };
    let mut line = Line { exchange, login, relay: relay.dir.clone(), claim };
    let ended = sync::run(store, &mut line, &Terms::default(), &mut Progress::default()).await;
    matches!(ended, Ok(Ended::Done))
}

fn open(dir: &Path) -> (Option<Store>, Arc<AtomicI64>) {
    let (clock, hand) = Clock::by_hand(NOW_S as i64);
    (open_with(dir, clock), hand)
}

fn open_with(dir: &Path, clock: Clock) -> Option<Store> {
    let options = Options { clock, free_min: 0, patience: PATIENCE, ..Options::default() };
    Store::open(&dir.join("store.db"), options).ok()
}

/// Texts of messages here: one's own, or the other's.
fn texts(store: &Store, mine: bool) -> Vec<String> {
    let rows = store.reader().inbox(&Inbox { all: mine, ..Inbox::default() }).expect("readable");
    let rows = rows.into_iter().filter(|row| row.kind == Kind::Message && row.mine == mine);
    rows.map(|row| row.text).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("room for a copy");
    for file in fs::read_dir(from).expect("it is ours").flatten() {
        fs::copy(file.path(), to.join(file.file_name())).expect("room for a copy");
    }
}
