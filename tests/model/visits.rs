//! Visits, what is looked at after each of them, and how everything comes to rest.

use agent::{
    store::StoreError,
    sync::{self, Ended, Progress, SyncError, Terms},
};
use harness::rng::Rng;

use super::{
    line::{Line, Weather},
    probe,
    recorder::{Crash, lock},
    steps::Theme,
    world::World,
};

impl World {
    /// One visit. Gives how it ended, in words; anything that should not be is a fault.
    pub(crate) async fn visit(
        &mut self,
        at: usize,
        terms: &Terms,
        weather: Weather,
        budget: Option<u64>,
        rng: Rng,
    ) -> String {
        let relay = self.relay();
        let home = &mut self.homes[at];
        let (store, token) = (home.store(), home.token.clone());
        let mut progress = Progress::default();
        let mut line = Line { relay, token, weather, rng, budget, wake: &mut home.wake };
        let end = sync::run(&store, &mut line, terms, &mut progress).await;
        drop(line);
        // A process that dies has nothing open any more.
        drop(store);
        let faults = std::mem::take(&mut home.wake.faults);
        self.faults.extend(faults.into_iter().map(|words| format!("home {at}: {words}")));
        let mut words = match &end {
            Ok(Ended::Done) => "done".to_owned(),
            Ok(ended) => format!("{ended:?}"),
            Err(err) => format!("{err:?}"),
        };
        words.truncate(160);
        if let Err(err) = &end {
            self.after_error(at, err).await;
        }
        if lock(&self.witness).is_dead {
            self.kill_relay();
            words.push_str(", the relay died");
        }
        self.look(at);
        format!("{words} (sent {}, received {})", progress.sent, progress.received)
    }

    async fn after_error(&mut self, at: usize, err: &SyncError) {
        let is_relay_dead = lock(&self.witness).is_dead;
        match err {
            SyncError::Link(_) | SyncError::Unfinished => {}
            SyncError::Store(StoreError::Stopped) => self.homes[at].kill(),
            SyncError::Status { status: 503, .. } if is_relay_dead => {}
            SyncError::Status { status: 401, .. } if self.is_put_back => {
                self.log_in_again(at).await;
            }
            SyncError::Status { status: 401, .. } if self.theme == Theme::Members => {
                self.homes[at].is_over = true;
            }
            err => self.fault(format!("home {at}: {err:?}")),
        }
    }

    /// What only grows has grown, and what lies here is noted.
    pub(crate) fn look(&mut self, at: usize) {
        let home = &mut self.homes[at];
        let store = home.store();
        let (position, identity) = (
            store.reader().position().expect("readable"),
            store.reader().identity().expect("readable"),
        );
        if let Some((device, last)) = &home.last
            && *device == identity.device
        {
            let has_shrunk = position.x < last.x
                || position.told < last.told
                || position.k < last.k
                || wire::Lane::ALL
                    .iter()
                    .any(|lane| position.cursors.of(*lane) < last.cursors.of(*lane));
            if has_shrunk && !self.is_put_back {
                self.faults.push(format!("home {at}: {last:?} became {position:?}"));
            }
        }
        home.last = Some((identity.device, position));
        let (account, path) = (home.account, home.path());
        self.had[account].extend(probe::names(&path));
        if !self.is_put_back {
            self.audit_receipts(at);
        }
    }

    /// A receipt never names a message that the account lacks.
    fn audit_receipts(&mut self, at: usize) {
        let home = &self.homes[at];
        let mut faults = Vec::new();
        let witness = lock(&self.witness);
        for (name, state) in probe::receipts(&home.path()) {
            // A device that was silent for very long hears of what expired only if it wrote it.
            let is_author = home.last.as_ref().is_some_and(|(device, _)| *device == name.device);
            if state < 5 || (self.theme == Theme::Ages && !is_author) {
                continue;
            }
            let Some(message) =
                witness.reference.messages.iter().find(|message| message.name == name)
            else {
                faults.push(format!(
                    "home {at}: {name:?} was delivered (state {state}), and the relay never took it"
                ));
                continue;
            };
            for recipient in &message.recipients {
                let conversation = &witness.reference.conversations[&message.conversation];
                let is_in = conversation
                    .members
                    .get(recipient)
                    .is_some_and(|member| member.state == wire::MemberState::Member);
                let account =
                    self.ids.iter().position(|id| id == recipient).expect("an account of ours");
                if is_in && !self.had[account].contains(&name) {
                    faults.push(format!(
                        "home {at}: {name:?} has state {state} and {} lacks it",
                        self.names[account]
                    ));
                }
            }
        }
        drop(witness);
        self.faults.extend(faults);
    }

    pub(crate) fn crash_relay(&self, after: u64, is_durable: bool) {
        lock(&self.witness).crash = Some(Crash { after, is_durable });
    }

    /// Visits by good lines until nothing moves any more.
    pub(crate) async fn settle(&mut self) {
        const ROUNDS_MAX: u32 = 24;
        lock(&self.witness).crash = None;
        let mut before = String::new();
        for round in 0..ROUNDS_MAX {
            let mut ends = Vec::new();
            for at in 0..self.homes.len() {
                if self.homes[at].is_over {
                    continue;
                }
                let terms = Terms { share_read: true, ..Terms::default() };
                let end = self
                    .visit(at, &terms, Weather::default(), None, Rng::new(u64::from(round)))
                    .await;
                ends.push(format!("home {at}: {end}"));
            }
            let now = self.fingerprint();
            if now == before {
                for end in ends.iter().filter(|end| !end.contains(": done (sent 0, received 0)")) {
                    self.faults.push(format!("nothing moves any more, and {end}"));
                }
                return;
            }
            before = now;
        }
        self.fault(format!("after {ROUNDS_MAX} rounds something still moves: {before}"));
    }

    fn fingerprint(&mut self) -> String {
        let mut all = format!("{}", lock(&self.witness).reference.messages.len());
        for home in &mut self.homes {
            let position = home.store().reader().position().expect("readable");
            all.push_str(&format!(" {:?}/{}/{}", position.cursors, position.k, position.told));
        }
        all
    }
}

impl World {
    /// Nothing goes wrong any more: everything arrives, and is compared.
    pub(crate) async fn finish(&mut self) {
        self.homes.iter_mut().for_each(|home| home.wake.lingering.clear());
        self.settle().await;
        let faults = std::mem::take(&mut lock(&self.witness).reference.faults);
        self.faults.extend(faults);
        self.check();
    }
}
