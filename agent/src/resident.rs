//! The process that has the store: it serves the control socket, makes visits when the schedule or
//! somebody asks, and holds the line where a rule says so.
//!
//! `mailboat agent` runs it until it is told to end; `mailboat sync` without an agent runs it for one
//! visit, so that other commands go on working meanwhile. Between events it sleeps: one timer, to the
//! next call (at most 15 minutes, because a computer that slept or whose clock was set is noticed only
//! by looking). What the link monitor tells wakes it as well.

mod departures;
mod events;
mod follow;
mod hooks;
mod log;
mod prices;
mod reload;
mod service;
mod signals;
mod status;
mod trouble;
mod urgent;
mod visits;
mod way_out;

use std::{sync::Arc, time::Duration};

use config::{AgentPaths, AgentSettings, Env, Size};
use serde_json::{Value, json};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::{Interval, MissedTickBehavior, interval, sleep},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{info, warn};

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
};
pub use crate::visit::{Carry, Wish};
use crate::{
    cli::ask,
    control::{self, Event, Failure, Handed, Order},
    link::{monitor::Sources, state::LinkState},
    notify::Notifier,
    orders::carry_out,
    schedule::{Clocks, Line, Moment, Schedule, last_began},
    store::{Options, Store, StoreError},
    sync::Outcome,
    visit::{Call, Report, Visitor},
};

/// Longest sleep while a call is due later: afterwards the clock is looked at again.
const NAP_MAX: Duration = Duration::from_secs(15 * 60);
/// How long to wait for a command that has the store for a moment.
const PATIENCE: Duration = Duration::from_secs(3);
/// Events that a watcher may lag behind before it is told to read the store again.
const EVENTS_MAX: usize = 256;
/// How long programs of `[hooks]` that are due may take when the agent ends …
const HOOKS_END: Duration = Duration::from_secs(5);
/// … and after a single visit.
const HOOKS_RUN: Duration = Duration::from_secs(60);
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

/// Runs until `stop` (or, with [`Mode::Once`], until the visit is over, whose outcome it gives).
/// `ready` is called once the socket is bound.
///
/// # Errors
/// When nobody is logged in, another agent has the store, or the socket cannot be made.
pub async fn run(
    setup: Setup,
    stop: CancellationToken,
    ready: impl FnOnce(),
) -> Result<Option<Outcome>, Failure> {
    let Setup { paths, settings, sources, env, mode, link, signals, log, clocks } = setup;
    let account = crate::cli::account::load(&paths)?;
    let client = crate::cli::account::client(&account, &settings, &env)?;
    let (store, link) = match mode {
        Mode::Stay => tokio::join!(open(&paths, &account, &clocks), LinkWatch::start(link)),
        Mode::Once(_) => tokio::join!(open(&paths, &account, &clocks), LinkWatch::look(link)),
    };
    let store = store?;
    let listener = control::bind(&paths.socket).map_err(|err| {
        Failure::new(
            "socket",
            format!("{} could not be listened on: {err}", paths.socket.display()),
        )
    })?;
    let (orders_in, orders) = mpsc::channel(control::ORDERS_MAX);
    let (events, _) = broadcast::channel(EVENTS_MAX);
    let stop_serving = CancellationToken::new();
    let states = watch::Sender::new(control::State::default());
    let told = control::Told { events: events.clone(), states: states.clone() };
    let serving = control::serve(listener, orders_in, told, stop_serving.clone());
    let serving = AbortOnDropHandle::new(tokio::spawn(serving));
    let arrived = Arrived::default();
    let telling = events::tell(store.clone(), events.clone(), arrived.clone());
    let telling = AbortOnDropHandle::new(tokio::spawn(telling));
    let settings = Arc::new(settings);
    let stays = mode == Mode::Stay;
    let hooks = Hooks::start(&store, settings.clone());
    let notifier = stays.then(|| Notifier::start(&store, settings.clone(), paths.home()));
    let rules = if stays { &settings.connect[..] } else { &[] };
    let seed = getrandom::u64().unwrap_or(0);
    let now = clocks.now();
    let mut schedule = Schedule::new(rules, settings.sync.budget, now, &clocks.zone(), seed);
    if let Some(began) = last_began(store.reader(), now.wall) {
        schedule.began_before(began, now);
    }
    let visitor = Visitor::new(
        paths.clone(),
        settings.clone(),
        account,
        client,
        store.clone(),
        link.state.clone(),
    );
    let trouble = Trouble::of(&store, rules);
    let service = Service::new(stays);
    service.ready();
    let resident = Resident {
        urgent: Urgent::of(&store, schedule.wants_urgent()),
        schedule,
        clocks,
        visitor: Arc::new(visitor),
        settings,
        sources,
        env,
        store,
        events,
        follow: Follow::new(states),
        arrived,
        orders,
        signals,
        log,
        mode,
        stop,
        visit: None,
        waiters: Vec::new(),
        quotes: Vec::new(),
        reached: Reached::Unknown,
        link_was: LinkState::default(),
        link,
        comes_up: false,
        portal: None,
        veto: None,
        trouble,
        service,
        notifier,
        hooks: Some(hooks),
    };
    ready();
    let outcome = resident.run(stop_serving, serving).await;
    drop(telling);
    Ok(outcome)
}

async fn open(
    paths: &AgentPaths,
    account: &config::Account,
    clocks: &Clocks,
) -> Result<Store, Failure> {
    let clock = clocks.wall.clone();
    let (at, options) =
        (paths.store.clone(), Options { patience: PATIENCE, clock, ..Options::default() });
    let opened = tokio::task::spawn_blocking(move || Store::open(&at, options)).await;
    let store = match opened.map_err(|err| Failure::chain("internal", &err))? {
        Err(err @ StoreError::InUse { .. }) => {
            let words = match control::Client::connect(&paths.socket).await {
                Ok(Some(client)) => format!("another agent (pid {}) has this store", client.pid()),
                _ => err.to_string(),
            };
            return Err(Failure { words, ..Failure::from(err) });
        }
        opened => opened?,
    };
    store.log_in(&ask::identity(account), None)?;
    Ok(store)
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
    veto: Option<String>,
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
            let (nap, is_visiting) = (self.nap(), self.visit.is_some());
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
                () = self.follow.stirs(is_visiting) => {}
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
        // What is over and still here (a clock that was set) is looked at again with the next event.
        let lapse = self.lapses_in_s().filter(|wait_s| 0 < *wait_s);
        let wait_s = next.into_iter().chain(portal).chain(lapse).min()?;
        Some(Duration::from_secs(wait_s.unsigned_abs()).min(NAP_MAX))
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

    fn signalled(&mut self, signal: Signal) {
        match signal {
            Signal::Sync => {
                info!("a visit was asked for by a signal");
                self.want_visit(Wish::default());
            }
            // What is wrong is in the log and the status.
            Signal::Reload => _ = self.reload(),
        }
    }

    async fn take(&mut self, Handed { order, reply }: Handed) {
        match order {
            Order::Sync { budget, only, pick } => {
                match Carry::of(self.store.reader(), only, &pick) {
                    Ok(carry) => {
                        let budget = budget.map(Size::from_bytes);
                        self.ask_visit(Wish { budget, carry }, reply);
                    }
                    Err(failure) => drop(reply.send(Err(failure))),
                }
            }
            Order::Price { ask, only, pick } => match Carry::of(self.store.reader(), only, &pick) {
                Ok(carry) => self.ask_price(carry, ask, reply),
                Err(failure) => drop(reply.send(Err(failure))),
            },
            Order::Status => {
                let mut status = self.status();
                status["departures"] = json!(self.departures());
                let _ = reply.send(Ok(status));
            }
            Order::Follow => {
                self.show_newcomer();
                let _ = reply.send(Ok(json!({})));
            }
            Order::Reload => {
                let _ = reply.send(self.reload());
            }
            Order::Stop => {
                let _ = reply.send(Ok(json!({ "stopped": self.stop_visit() })));
            }
            order => {
                let (store, settings) = (self.store.clone(), self.settings.clone());
                let work = tokio::task::spawn_blocking(move || carry_out(&store, &settings, order));
                let result = work.await.unwrap_or_else(|err| Err(Failure::chain("internal", &err)));
                let _ = reply.send(result);
            }
        }
    }

    fn tell(&self, event: Event) {
        // Nobody may be watching.
        let _ = self.events.send(event);
    }

    /// Ends the visit at the edge of its packet.
    async fn end_visit(&mut self) {
        if let Some(running) = self.visit.take() {
            running.end.cancel();
            match running.task.await {
                Ok(report) => {
                    self.tell_hooks(&running.call, &report);
                    self.note_hangup(&running.call, &report);
                }
                Err(err) => warn!(error = %err, "the visit failed"),
            }
        }
        let quotes = self.quotes.drain(..).map(|(_, reply)| reply);
        for waiter in self.waiters.drain(..).chain(quotes) {
            let _ = waiter.send(Err(Failure::later(
                "agent_stopped",
                "the agent was stopped before the visit was over",
            )));
        }
    }

    /// Lets programs of `[hooks]` run that are due. Others may use the store meanwhile.
    async fn end_hooks(&mut self) {
        let Some(hooks) = self.hooks.take() else { return };
        let patience = if self.mode == Mode::Stay { HOOKS_END } else { HOOKS_RUN };
        let mut ending = std::pin::pin!(hooks.end(patience));
        loop {
            tokio::select! {
                biased;
                () = &mut ending => return,
                Some(handed) = self.orders.recv() => self.take_last(handed).await,
            }
        }
    }

    /// Answers what was taken, says goodbye.
    async fn shut_down(
        &mut self,
        stop_serving: &CancellationToken,
        serving: &mut AbortOnDropHandle<()>,
    ) {
        stop_serving.cancel();
        loop {
            tokio::select! {
                biased;
                Some(handed) = self.orders.recv() => self.take_last(handed).await,
                _ = &mut *serving => break,
            }
        }
    }

    /// As [`Resident::take`], but nothing begins any more.
    async fn take_last(&mut self, handed: Handed) {
        match handed.order {
            Order::Sync { .. } | Order::Price { ask: true, .. } => {
                let failure = Failure::later("agent_stopped", "the agent is stopping");
                let _ = handed.reply.send(Err(failure));
            }
            _ => self.take(handed).await,
        }
    }
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
