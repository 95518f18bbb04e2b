//! One device: its store in a directory of its own, its clock, its token, and copies of all that from before.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::Duration,
};

use agent::store::{Clock, Options, Position, Store};

use super::line::{Token, Wake};

/// Where tests share a process, a program that another one starts at this moment holds a copy of a
/// lock that was just given back, until it runs.
const PATIENCE: Duration = Duration::from_secs(10);

/// A copy of a home, as a backup makes it.
#[derive(Debug)]
pub(crate) struct Shot {
    dir: PathBuf,
    token: String,
    pub(crate) from: usize,
    /// Texts that had been composed anywhere.
    pub(crate) composed: usize,
}

#[derive(Debug)]
pub(crate) struct Home {
    /// Index of its account.
    pub(crate) account: usize,
    pub(crate) dir: PathBuf,
    store: Option<Store>,
    clock: Clock,
    pub(crate) hand: Arc<AtomicI64>,
    pub(crate) token: Token,
    /// From this place of the account's log on it has to have everything.
    pub(crate) from: usize,
    pub(crate) wake: Wake,
    pub(crate) shots: Vec<Shot>,
    /// The relay lets it in no more.
    pub(crate) is_over: bool,
    /// It was put back, or is a clone: what it composed may be gone, or be held.
    pub(crate) is_copied: bool,
    pub(crate) last: Option<(u64, Position)>,
}

impl Home {
    pub(crate) fn new(dir: PathBuf, account: usize, token: String, from: usize, now: i64) -> Self {
        fs::create_dir_all(&dir).expect("a directory");
        let (clock, hand) = Clock::by_hand(now);
        let token = Arc::new(Mutex::new(token));
        Self {
            account,
            dir,
            store: None,
            clock,
            hand,
            token,
            from,
            wake: Wake::default(),
            shots: Vec::new(),
            is_over: false,
            is_copied: false,
            last: None,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.join("store.db")
    }

    /// The store, opened if the process had died.
    pub(crate) fn store(&mut self) -> Store {
        let (path, clock) = (self.path(), self.clock.clone());
        let open = || {
            let options = Options { clock, free_min: 0, patience: PATIENCE, ..Options::default() };
            Store::open(&path, options).expect("a store opens again whatever happened")
        };
        self.store.get_or_insert_with(open).clone()
    }

    /// The process is gone.
    pub(crate) fn kill(&mut self) {
        self.store = None;
    }

    pub(crate) fn token_now(&self) -> String {
        self.token.lock().expect("nobody panics with it").clone()
    }

    /// Copies the home as it is.
    pub(crate) fn shoot(&mut self, to: PathBuf, composed: usize) {
        self.kill();
        copy(&self.dir, &to);
        let (token, from) = (self.token_now(), self.from);
        self.shots.push(Shot { dir: to, token, from, composed });
    }

    /// Puts a copy in its place; gives how many texts were composed when it was made.
    pub(crate) fn put_back(&mut self, which: usize) -> usize {
        self.kill();
        let shot = &self.shots[which];
        fs::remove_dir_all(&self.dir).expect("it is ours");
        copy(&shot.dir, &self.dir);
        shot.token.clone_into(&mut self.token.lock().expect("nobody panics with it"));
        self.from = shot.from;
        self.is_copied = true;
        self.last = None;
        shot.composed
    }

    /// Another computer with the same home.
    pub(crate) fn clone_to(&mut self, dir: PathBuf) -> Self {
        self.kill();
        copy(&self.dir, &dir);
        let now = self.hand.load(SeqCst);
        self.is_copied = true;
        Self { is_copied: true, ..Self::new(dir, self.account, self.token_now(), self.from, now) }
    }
}

/// The files of a closed store.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for file in fs::read_dir(from).expect("it is ours") {
        let file = file.expect("it is ours");
        fs::copy(file.path(), to.join(file.file_name())).expect("room for a copy");
    }
}
