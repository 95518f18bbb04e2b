//! What is done with a packet of a request: it is taken, or only tested, or passed over.
//!
//! A packet is one [`Turn`] of the store (one for each of its `Submits`), taken while the device's
//! turn is held and only while the exchange is the newest.

use std::sync::Arc;

use tracing::{debug, error, info, warn};
use wire::{ForkWhy, Frame, Hello, Mark, Run, Stop, StopReason, Submits, limits::FRAME_ROWS_MAX};

use super::{
    Core, ExchangeError, only,
    seat::{Seat, TurnLock},
    unit::join,
};
use crate::{
    ops::metrics::LimitKind,
    serve::limits::Verdict,
    store::{DeviceState, Keep, Login, NUMBER_MAX, StoreError, Taken, Turn},
};

/// Seconds after which a device may try again when the disk is full or fails.
const DISK_RETRY_S: u32 = 600;
/// And when more waits for the disk than may wait.
const BUSY_RETRY_S: u32 = 15;
/// And when the relay is closing down.
const SHUTDOWN_RETRY_S: u32 = 30;
/// Outcomes that are kept for one device beyond what it says it was told. More than any request brings, and an honest
/// device says so with its next one; without a bound one that never does would fill the store.
const UNTOLD_MAX: u64 = 32_768;

const _: () = assert!(FRAME_ROWS_MAX as u64 <= UNTOLD_MAX);

/// A request whose Hello was read.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) hello: Hello,
    pub(super) seat: Arc<Seat>,
    pub(super) state: DeviceState,
    pub(super) mode: Mode,
    /// Outcomes of this exchange: of `outcomes_first` and the numbers after it.
    pub(super) outcomes_first: u64,
    pub(super) outcomes: Vec<Run>,
    /// Whether something was sealed that has no durable word of this exchange yet.
    needs_x: bool,
    /// Item numbers below this were brought by this request: each comes once, in order.
    unbrought: u64,
    ended: bool,
}

/// What is done with what the device brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It is taken.
    Take,
    /// The request came before: nothing is taken, what is there is answered, unless it says
    /// something else than the first did.
    Repeat,
    /// Nothing more is taken.
    Stop(Stop),
    /// Nothing is taken.
    Forked(ForkWhy),
}

impl Open {
    pub(super) fn new(hello: Hello, seat: Arc<Seat>, state: DeviceState, mode: Mode) -> Self {
        let needs_x = hello.pending;
        let (outcomes_first, outcomes) = (state.k + 1, Vec::new());
        let (unbrought, ended) = (0, false);
        Self { hello, seat, state, mode, outcomes_first, outcomes, needs_x, unbrought, ended }
    }

    /// Whether its End came.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Whether a Welcome may go out: what it lets the device unseal cannot arrive any more.
    pub(super) fn may_welcome(&self) -> bool {
        !self.needs_x || self.hello.x <= self.state.x
    }

    /// Answers count from here.
    pub(super) fn told(&self) -> u64 {
        self.hello.told
    }
}

/// What one packet brings beside the Hello.
#[derive(Debug, Default)]
pub(super) struct Brought {
    marks: Vec<Mark>,
    submits: Vec<Submits>,
    end: bool,
}

impl Brought {
    /// What the frames say, up to End. Kinds of a later version are passed over.
    pub(super) fn of(frames: impl Iterator<Item = Frame>) -> Result<Self, ExchangeError> {
        let mut brought = Self::default();
        for frame in frames {
            match frame {
                Frame::Marks(marks) => brought.mark(marks),
                Frame::Submits(submits) if !submits.items.is_empty() => {
                    let last = submits.first.checked_add(submits.items.len() as u64);
                    if submits.first == 0 || last.is_none_or(|last| NUMBER_MAX < last) {
                        return Err(ExchangeError::Impossible { what: "item number" });
                    }
                    brought.submits.push(submits);
                }
                Frame::End => {
                    brought.end = true;
                    break;
                }
                _ => {}
            }
        }
        Ok(brought)
    }

    /// Adds marks. They only grow, so one for each lane of a conversation says it all: a packet may
    /// hold thousands for the same one, and each costs the store a look.
    fn mark(&mut self, marks: Vec<Mark>) {
        self.marks.extend(marks);
        self.marks.sort_unstable_by_key(|mark| (mark.conversation, mark.lane, mark.share, mark.c));
        self.marks.reverse();
        self.marks.dedup_by_key(|mark| (mark.conversation, mark.lane, mark.share));
    }
}

impl Open {
    /// Takes a packet; while the device's turn is held.
    pub(super) async fn take(
        &mut self,
        core: &Core,
        login: Login,
        turn: &TurnLock,
        brought: Brought,
    ) -> Result<(), ExchangeError> {
        let Brought { mut marks, submits, end } = brought;
        self.bring(&submits)?;
        self.ended = end;
        self.needs_x |= !submits.is_empty();
        let items: usize = submits.iter().map(|submits| submits.items.len()).sum();
        core.metrics.messages_submitted.inc_by(items as u64);
        if self.mode == Mode::Take && self.seat.is_over(self.hello.x) {
            self.mode = Mode::Stop(stop(StopReason::Superseded, "A newer request came.", 0));
        }
        let mut rounds = submits.into_iter();
        let mut next = Some(rounds.next().unwrap_or_default());
        while let Some(submits) = next.take() {
            let submits = match self.mode {
                Mode::Take => self.pace(core, login, submits),
                Mode::Repeat => submits,
                Mode::Stop(_) | Mode::Forked(_) => break,
            };
            if !marks.is_empty() || !submits.items.is_empty() || self.says_more() {
                let marks = std::mem::take(&mut marks);
                self.take_turn(core, login, turn, marks, submits).await?;
            }
            next = rounds.next();
        }
        Ok(())
    }

    /// Notes what came. To bring a number twice would only make the store compare it again.
    fn bring(&mut self, submits: &[Submits]) -> Result<(), ExchangeError> {
        for Submits { first, items } in submits {
            if *first < self.unbrought {
                return Err(ExchangeError::Impossible { what: "item number" });
            }
            self.unbrought = first + items.len() as u64;
        }
        Ok(())
    }

    /// Whether the Hello says anything that is not durable here.
    fn says_more(&self) -> bool {
        self.hello.told.min(self.state.k) != self.state.told
            || self.hello.cursors != self.state.cursors
            || (self.needs_x && self.state.x < self.hello.x)
    }

    /// The submits, or none where the account sends too many, or the device leaves too many answers unheard.
    fn pace(&mut self, core: &Core, login: Login, submits: Submits) -> Submits {
        let last = submits.first + submits.items.len() as u64;
        let fresh = last.saturating_sub(submits.first.max(self.state.k + 1));
        let Ok(count @ 1..) = u32::try_from(fresh) else { return submits };
        let told = self.hello.told.min(self.state.k);
        // Numbers beyond the next are out of sequence, which is another fault, told where they are stored.
        if submits.first <= self.state.k + 1 && told + UNTOLD_MAX < last - 1 {
            core.metrics.limited(LimitKind::Submits);
            let unheard = self.state.k - told;
            let words =
                format!("You have not said that you heard {unheard} answers; do that first.");
            self.mode = Mode::Stop(stop(StopReason::Rate, words, 0));
            return Submits::default();
        }
        let now = tokio::time::Instant::now().into_std();
        let verdict = core.submits.check_many(login.account, count, now);
        let Verdict::RetryAfter(_) = verdict else { return submits };
        core.metrics.limited(LimitKind::Submits);
        let retry_s = u32::try_from(verdict.retry_after_s().unwrap_or(1)).unwrap_or(u32::MAX);
        self.mode = Mode::Stop(stop(StopReason::Rate, "You send too much at once.", retry_s));
        Submits::default()
    }

    async fn take_turn(
        &mut self,
        core: &Core,
        login: Login,
        lock: &TurnLock,
        marks: Vec<Mark>,
        submits: Submits,
    ) -> Result<(), ExchangeError> {
        let Submits { first, items } = submits;
        let (k, count) = (self.state.k, items.len() as u64);
        let turn = Turn {
            account: login.account,
            device: login.device,
            x: self.hello.x,
            told: self.hello.told,
            cursors: self.hello.cursors,
            marks,
            first,
            submits: items,
            // A twin in step with this device is told apart by what it says.
            only_tests: self.mode == Mode::Repeat,
            now_s: core.clock.now_s(),
            keep: Keep::new(lock.clone()),
        };
        let generation = core.store.changes().generation();
        // Forgotten first: should this be abandoned, nobody knows how it went.
        self.seat.forget();
        match only(core.store.take(vec![turn]).await) {
            Ok(Taken::Done { state, k_before, runs, gap }) => {
                self.seat.learn(generation, state);
                self.note_outcomes(core, state, k_before, runs);
                let known = (first + count).min(k + 1).saturating_sub(first);
                core.metrics.dedupe_hits.inc_by(known.min(count));
                if gap {
                    let words = format!("The next number is {}.", state.k + 1);
                    self.mode = Mode::Stop(stop(StopReason::BadSequence, words, 0));
                }
            }
            Ok(Taken::Forked(why)) => {
                let device = login.device;
                info!(device, ?why, "a device's store went back or has a twin");
                self.mode = Mode::Forked(why);
            }
            Ok(Taken::Revoked) => return Err(ExchangeError::Revoked),
            Err(err) => self.mode = Mode::Stop(stop_of(&err)),
        }
        Ok(())
    }

    fn note_outcomes(&mut self, core: &Core, state: DeviceState, k_before: u64, runs: Vec<Run>) {
        core.metrics.messages_answered.inc_by(state.k.saturating_sub(k_before));
        let refused = runs.iter().filter(|run| matches!(run, Run::Refused { .. })).count();
        core.metrics.messages_refused.inc_by(refused as u64);
        if self.outcomes.is_empty() {
            self.outcomes_first = k_before + 1;
        }
        for run in runs {
            join(&mut self.outcomes, run);
        }
        self.state = state;
    }
}

/// The least of what is said when the store did not take something.
fn stop_of(err: &StoreError) -> Stop {
    match err {
        StoreError::Full => {
            warn!("a device was stopped because the store is full");
            stop(StopReason::Disk, "The relay's disk is full.", DISK_RETRY_S)
        }
        StoreError::Busy => {
            debug!("a device was stopped because too much waits for the disk");
            stop(StopReason::Disk, "The relay's disk is slow just now.", BUSY_RETRY_S)
        }
        StoreError::Closed => {
            stop(StopReason::Shutdown, "The relay is closing down.", SHUTDOWN_RETRY_S)
        }
        err => {
            error!(error = err as &dyn std::error::Error, "a device was stopped");
            stop(StopReason::Disk, "The relay's store failed.", DISK_RETRY_S)
        }
    }
}

pub(super) fn stop(reason: StopReason, words: impl Into<String>, retry_after_s: u32) -> Stop {
    Stop { reason, words: words.into(), retry_after_s }
}
