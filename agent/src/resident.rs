//! The process that has the store: it serves the control socket, makes visits when the schedule or
//! somebody asks, and holds the line where a rule says so.
//!
//! `mailboat agent` runs it until it is told to end; `mailboat sync` without an agent runs it for one
//! visit, so that other commands go on working meanwhile. Between events it sleeps: one timer, to the
//! next call (at most 15 minutes, because a computer that slept or whose clock was set is noticed only
//! by looking). What the link monitor tells wakes it as well.

mod departures;
mod end;
mod events;
mod follow;
mod hooks;
mod log;
mod orders;
mod prices;
mod reload;
mod service;
mod signals;
mod start;
mod status;
mod trouble;
mod urgent;
mod visits;
mod way_out;

use std::{sync::Arc, time::Duration};

use config::{AgentPaths, AgentSettings, Env};
use serde_json::Value;
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::{Interval, MissedTickBehavior, interval, sleep},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::warn;

use self::{
    events::Arrived,
    follow::Follow,
    hooks::Hooks,
    service::Service,
    trouble::Trouble,
    urgent::Urgent,
    visits::Running,
    way_out::{LinkWatch, Portal},
};
pub use self::{
    log::Log,
    signals::{Signal, listen as listen_to_signals},
    start::run,
};
pub use crate::visit::{Carry, Wish};
use crate::{
    control::{Event, Failure, Handed},
    link::{monitor::Sources, state::LinkState},
    notify::Notifier,
    schedule::{Clocks, Line, Moment, Schedule},
    store::{Store, Told},
    sync::Outcome,
    visit::{Call, Report, Visitor},
};

/// Longest sleep while a call is due later: afterwards the clock is looked at again.
const NAP_MAX: Duration = Duration::from_secs(15 * 60);
/// Who waits for the end of one visit.
const WAITERS_MAX: usize = 64;

/// How long it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Until it is told to end.
    Stay,
    /// For one visit.
    Once(Wish),
}

/// What an agent runs with.
#[derive(Debug)]
pub struct Setup {
    /// Where its files are.
    pub paths: AgentPaths,
    /// How it is set up.
    pub settings: AgentSettings,
    /// Where the settings are read again from.
    pub sources: config::Sources,
    /// Who may know a proxy.
    pub env: Env,
    /// How long it runs.
    pub mode: Mode,
    /// Who is asked for the link.
    pub link: Sources,
    /// What the system asks for; see [`listen_to_signals`]. Nothing comes any more where its sender is gone.
    pub signals: mpsc::Receiver<Signal>,
    /// What is told when other settings want another log.
    pub log: Log,
    /// What time it is.
    pub clocks: Clocks,
}

/// Whether the relay was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    Unknown,
    Up,
    Down,
    Live,
}

struct Resident {
    schedule: Schedule,
    clocks: Clocks,
    visitor: Arc<Visitor>,
    settings: Arc<AgentSettings>,
    /// Where the settings come from.
    sources: config::Sources,
    env: Env,
    store: Store,
    events: broadcast::Sender<Event>,
    follow: Follow,
    /// How many messages came.
    arrived: Arrived,
    orders: mpsc::Receiver<Handed>,
    signals: mpsc::Receiver<Signal>,
    log: Log,
    mode: Mode,
    stop: CancellationToken,
    visit: Option<Running>,
    waiters: Vec<oneshot::Sender<Result<Value, Failure>>>,
    /// Who wants a price as soon as the relay has said what it keeps.
    quotes: Vec<(Carry, oneshot::Sender<Result<Value, Failure>>)>,
    reached: Reached,
    link: LinkWatch,
    /// The link when it was looked at last.
    link_was: LinkState,
    /// The link came up, and nobody has called over it yet.
    comes_up: bool,
    portal: Option<Portal>,
    /// Why the user's own program would have no call.
    veto: Option<Told>,
    urgent: Urgent,
    trouble: Trouble,
    service: Service,
    notifier: Option<Notifier>,
    /// Until the agent ends.
    hooks: Option<Hooks>,
}

impl Resident {
    async fn run(
        mut self,
        stop_serving: CancellationToken,
        mut serving: AbortOnDropHandle<()>,
    ) -> Option<Outcome> {
        let mut last = None;
        match self.mode.clone() {
            Mode::Once(wish) => {
                self.look_at_link();
                self.begin(Call::asked(wish), None);
            }
            Mode::Stay => self.begin_day(),
        }
        let stop = self.stop.clone();
        let mut watchdog = self.service.alive_every().map(steady);
        loop {
            self.keep_schedule();
            self.show_status();
            self.show_followers();
            let (nap, tick) = (self.nap(), self.tick());
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                report = ended(&mut self.visit) => {
                    last = Some(self.ended(report));
                    if self.is_done() {
                        break;
                    }
                }
                Some(handed) = self.orders.recv() => self.take(handed).await,
                Some(signal) = self.signals.recv() => self.signalled(signal),
                news = self.link.changed() => self.link_changed(news),
                () = self.urgent.queued(&self.store) => self.schedule.urgent_queued(self.now()),
                () = beat(&mut watchdog) => self.service.alive(),
                () = self.follow.stirs(tick) => {}
                () = sleep(nap.unwrap_or(NAP_MAX)), if nap.is_some() => {}
            }
        }
        self.service.stopping();
        self.end_visit().await;
        if let Some(notifier) = self.notifier.take() {
            notifier.end().await;
        }
        self.end_hooks().await;
        self.shut_down(&stop_serving, &mut serving).await;
        last
    }

    fn now(&self) -> Moment {
        self.clocks.now()
    }

    fn line(&self) -> Line {
        let line = Line::of(&self.link_was, &self.settings.link);
        Line { is_portal: line.is_portal || self.portal.is_some(), ..line }
    }

    /// Starts what is due. A held line stands in for all visits.
    fn keep_schedule(&mut self) {
        let now = self.now();
        if self.portal.is_some_and(|portal| portal.until <= now.up) {
            self.portal = None;
        }
        let line = self.line();
        self.schedule.look(now, &self.clocks.zone());
        if self.visit.is_some() {
            return;
        }
        self.lapse();
        if let Some(rule) = self.schedule.live_due(now, &line) {
            return self.hold_line(rule);
        }
        if let Some(due) = self.schedule.due(now, &line) {
            self.begin_due(&due);
        }
    }

    /// How long to sleep at most; `None` when only an event, an order or a signal ends it.
    fn nap(&self) -> Option<Duration> {
        if self.visit.is_some() {
            return None;
        }
        let now = self.now();
        let next = self.schedule.next(now, &self.line()).map(|next| next.wait_s);
        let portal = self.portal.map(|portal| portal.until.saturating_sub(now.up).max(0));
        shortest(next, portal, self.lapses_in_s())
    }

    /// Ends what has lain here for too long.
    fn lapse(&self) {
        if self.lapses_in_s() == Some(0)
            && let Err(err) = self.store.lapse()
        {
            warn!(error = %err, "what has lapsed could not be noted");
        }
    }

    /// When something here lapses, in seconds; 0 where its time is over.
    fn lapses_in_s(&self) -> Option<i64> {
        let at = self.store.reader().next_lapse().ok().flatten()?;
        Some(at.saturating_sub(self.clocks.wall.now()).max(0))
    }

    fn tell(&self, event: Event) {
        // Nobody may be watching.
        let _ = self.events.send(event);
    }
}

/// How long to sleep until the first of these, in seconds from now: a call, the end of waiting behind a login page, and when
/// something that lies here is over.
fn shortest(call: Option<i64>, portal: Option<i64>, lapse: Option<i64>) -> Option<Duration> {
    // What is over and still here (a clock that was set) is looked at again with the next event, not again and again.
    let lapse = lapse.filter(|wait_s| 0 < *wait_s);
    let wait_s = [call, portal, lapse].into_iter().flatten().min()?;
    Some(Duration::from_secs(wait_s.unsigned_abs()).min(NAP_MAX))
}

/// Waits for the visit's end; for ever when there is none.
async fn ended(visit: &mut Option<Running>) -> Report {
    match visit {
        Some(running) => match (&mut running.task).await {
            Ok(report) => report,
            Err(err) => {
                warn!(error = %err, "the visit failed");
                Report::broken()
            }
        },
        None => std::future::pending().await,
    }
}

/// Ticks that come no closer together when one was late.
fn steady(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// The next tick; never where there is no clock.
async fn beat(clock: &mut Option<Interval>) {
    match clock {
        Some(clock) => _ = clock.tick().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_and_cannot_be_ended_keeps_nobody_awake() {
        let seconds = |s| Some(Duration::from_secs(s));
        assert_eq!(shortest(None, None, Some(0)), None);
        assert_eq!(shortest(Some(60), None, Some(0)), seconds(60));
        assert_eq!(shortest(Some(60), Some(50), Some(40)), seconds(40));
        assert_eq!(shortest(Some(60), Some(50), Some(70)), seconds(50));
        assert_eq!(shortest(Some(0), None, Some(5)), seconds(0), "a call that is due is made");
        assert_eq!(shortest(None, None, Some(86_400)), Some(NAP_MAX));
        assert_eq!(shortest(None, None, None), None);
    }
}
