//! Carries out the steps of a history.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use agent::sync::Terms;
use harness::rng::Rng;
use relay::store::{AccountOrder, Chore, Store as _};
use wire::{Codec, Lane, LaneMask, LinkClass, LinkKind};

use super::{
    line::Weather,
    probe,
    recorder::lock,
    steps::{Op, Step, Theme},
    world::World,
};

const YEAR_S: i64 = 365 * 24 * 3600;

impl World {
    /// Carries out one step.
    pub(crate) async fn step(&mut self, number: usize, step: Step) {
        let Step { op, who, a, b } = step;
        let open: Vec<usize> =
            (0..self.homes.len()).filter(|at| !self.homes[*at].is_over).collect();
        let at = open[who as usize % open.len()];
        let mut rng = Rng::new(a ^ b.rotate_left(32));
        let done = match op {
            Op::Visit => {
                let terms = Terms { share_read: a % 2 == 0, ..Terms::default() };
                self.visit(at, &terms, Weather::default(), None, rng).await
            }
            Op::Storm => self.storm(at, &mut rng).await,
            Op::Replay => self.replay(at, &mut rng).await,
            Op::Late => self.late(at, a).await,
            Op::Clock => {
                let by = jump(&mut rng);
                self.homes[at].hand.fetch_add(by, SeqCst);
                format!("{by} s")
            }
            Op::RelayClock => self.relay_clock(&mut rng),
            Op::Kill => {
                self.homes[at].kill();
                String::new()
            }
            Op::RelayKill => {
                self.kill_relay();
                String::new()
            }
            Op::Login | Op::Revoke | Op::Shoot | Op::PutBack | Op::Clone => {
                self.homes_step(op, at, a).await
            }
            Op::Backup => {
                self.back_up().await;
                String::new()
            }
            Op::Restore => format!("{}", self.restore(a)),
            Op::Housekeep => self.housekeep().await,
            op => self.user(op, at, &mut rng),
        };
        self.say(format!(
            "{number:4} {op:?} home {at} ({}): {done}",
            self.names[self.homes[at].account]
        ));
        if lock(&self.witness).is_dead {
            self.kill_relay();
        }
        let faults = std::mem::take(&mut lock(&self.witness).reference.faults);
        self.faults.extend(faults);
    }

    async fn storm(&mut self, at: usize, rng: &mut Rng) -> String {
        let terms = Terms {
            lanes: if rng.chance(70) { LaneMask::ALL } else { mask(rng) },
            link: LinkKind {
                class: *rng.pick(&[LinkClass::Unknown, LinkClass::Metered]),
                rate: *rng.pick(&[0, 0, 1, 4]),
            },
            share_read: rng.chance(50),
            codec: if rng.chance(50) { Codec::None } else { Codec::Zstd },
            packet_max: match self.theme {
                // What is in doubt is mostly asked for first.
                Theme::Twins | Theme::Restores | Theme::Lives | Theme::Forgets => {
                    *rng.pick(&[1, 48])
                }
                _ => *rng.pick(&[48, 200, 600, 2048]),
            },
            requests_max: 1 + rng.below(6) as u32,
            ..Terms::default()
        };
        let weather = Weather {
            cut_up: *rng.pick(&[0, 30, 60]),
            cut_down: *rng.pick(&[0, 30, 60]),
            twice: *rng.pick(&[0, 20]),
            late: 30,
        };
        let budget = rng.chance(35).then(|| 700 + rng.below(3000));
        if rng.chance(25) {
            self.homes[at].store().crash_after(rng.below(6) as u32);
        }
        if rng.chance(15) {
            self.relay();
            self.crash_relay(rng.below(4), rng.chance(50));
        }
        let visit = rng.fork();
        let words = self.visit(at, &terms, weather, budget, visit).await;
        self.homes[at].kill();
        lock(&self.witness).crash = None;
        words
    }

    async fn replay(&mut self, at: usize, rng: &mut Rng) -> String {
        let sent = &self.homes[at].wake.sent;
        if sent.is_empty() {
            return "nothing was sent".to_owned();
        }
        // The newest ones say most.
        let back =
            if rng.chance(60) { rng.below(3) } else { rng.below(sent.len() as u64) } as usize;
        let sent = sent[sent.len() - 1 - back.min(sent.len() - 1)].clone();
        self.relay().replay(&sent, rng).await;
        format!("{back} back")
    }

    async fn late(&mut self, at: usize, a: u64) -> String {
        let relay = self.relay();
        let lingering = &mut self.homes[at].wake.lingering;
        if lingering.is_empty() {
            return "nothing lingers".to_owned();
        }
        let which = a as usize % lingering.len();
        let lingering = lingering.remove(which);
        relay.end(lingering).await;
        "the rest came".to_owned()
    }

    fn relay_clock(&self, rng: &mut Rng) -> String {
        let by = match self.theme {
            // Time only passes: what is due comes when it is due, and a copy is put back later than it was made.
            Theme::Ages => rng.below(20 * 24 * 3600) as i64,
            Theme::Restores | Theme::Lives | Theme::Forgets => rng.below(3600) as i64,
            _ => jump(rng),
        };
        let now = self.now().saturating_add_signed(by).max(1_000_000);
        self.now_s.store(now, Relaxed);
        format!("{by} s")
    }

    async fn homes_step(&mut self, op: Op, at: usize, a: u64) -> String {
        match op {
            Op::Login if self.homes.len() < 9 => {
                format!("as home {}", self.log_in(self.homes[at].account).await)
            }
            Op::Revoke => {
                let (account, mine) =
                    (self.homes[at].account, |home: &super::home::Home| !home.is_over);
                let others =
                    self.homes.iter().filter(|home| home.account == account && mine(home)).count();
                if others < 2 {
                    return "it is the only one".to_owned();
                }
                let device = self.homes[at].store().reader().identity().expect("readable").device;
                let order =
                    AccountOrder::Revoke { account: self.ids[account], device, now_s: self.now() };
                let _ = self.relay().store.administer(order).await;
                self.homes[at].is_over = true;
                format!("device {device}")
            }
            Op::Shoot => {
                let (dir, composed) = (self.subdir(), self.composed.len());
                self.homes[at].shoot(dir, composed);
                String::new()
            }
            Op::PutBack if !self.homes[at].shots.is_empty() => {
                let which = a as usize % self.homes[at].shots.len();
                let composed = self.homes[at].put_back(which);
                for one in self.composed.iter_mut().skip(composed).filter(|one| one.home == at) {
                    one.is_lost = true;
                }
                format!("to copy {which}")
            }
            Op::Clone if self.homes.len() < 9 => {
                let dir = self.subdir();
                let twin = self.homes[at].clone_to(dir);
                self.homes.push(twin);
                format!("as home {}", self.homes.len() - 1)
            }
            _ => "not now".to_owned(),
        }
    }

    async fn housekeep(&mut self) -> String {
        let (relay, now) = (self.relay(), self.now());
        let mut words = String::new();
        for chore in [
            Chore::Seen(relay.exchange.seen()),
            Chore::Mailboxes,
            Chore::Requests,
            Chore::Sweep,
            Chore::Vacuum,
        ] {
            let report = relay.store.housekeep(chore, now).await.expect("a good store");
            words.push_str(&format!("{} ", report.handled));
        }
        for (conversation, account) in probe::expired_requests(&self.relay_path()) {
            lock(&self.witness).reference.expire_request(conversation, account);
        }
        words
    }
}

fn mask(rng: &mut Rng) -> LaneMask {
    LaneMask::of(&Lane::ALL.into_iter().filter(|_| rng.chance(60)).collect::<Vec<_>>())
}

/// Some seconds, or years.
fn jump(rng: &mut Rng) -> i64 {
    let back = if rng.chance(40) { -1 } else { 1 };
    back * if rng.chance(50) {
        rng.below(10_000) as i64
    } else {
        rng.below(10 * YEAR_S as u64) as i64
    }
}
