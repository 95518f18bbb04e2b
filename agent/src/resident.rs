//! The process that has the store: it serves the control socket, makes visits when the schedule or
//! somebody asks, and holds the line where a rule says so.
//!
//! `mailboat agent` runs it until it is told to end; `mailboat sync` without an agent runs it for one
//! visit, so that other commands go on working meanwhile. Between events it sleeps: one timer, to the
//! next call (at most 15 minutes, because a computer that slept or whose clock was set is noticed only
//! by looking). What the link monitor tells wakes it as well.

mod events;
mod trouble;
mod urgent;

use std::{sync::Arc, time::Duration};

use config::{AgentPaths, AgentSettings, Size};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    task::JoinHandle,
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{info, warn};

use self::{trouble::Trouble, urgent::Urgent};
use crate::{
    cli::ask,
    control::{self, Event, Failure, Handed, Order},
    link::{
        monitor::{Monitor, Sources},
        state::{LinkState, Reach},
    },
    notify::Notifier,
    orders::carry_out,
    schedule::{Due, Ending, Line, Moment, Schedule, Scope},
    store::{Clock, Options, Store, StoreError, rfc3339},
    sync::{Outcome, OutcomeKind},
    visit::{Call, Report, Visitor},
};

/// Longest sleep while a call is due later: afterwards the clock is looked at again.
const NAP_MAX: Duration = Duration::from_secs(15 * 60);
/// How long to wait for a command that has the store for a moment.
const PATIENCE: Duration = Duration::from_secs(3);
/// Events that a watcher may lag behind before it is told to read the store again.
const EVENTS_MAX: usize = 256;
/// Who waits for the end of one visit.
const WAITERS_MAX: usize = 64;

/// How long it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Until it is told to end.
    Stay,
    /// For one visit.
    Once {
        /// Bytes that the visit may cost; none for the settings' budget.
        budget: Option<Size>,
    },
}

/// Runs until `stop` (or, with [`Mode::Once`], until the visit is over, whose outcome it gives).
/// `ready` is called once the socket is bound.
///
/// # Errors
/// When nobody is logged in, another agent has the store, or the socket cannot be made.
pub async fn run(
    paths: &AgentPaths,
    settings: AgentSettings,
    mode: Mode,
    stop: CancellationToken,
    ready: impl FnOnce(),
) -> Result<Option<Outcome>, Failure> {
    let account = crate::cli::account::load(paths)?;
    let client = crate::cli::account::client(&account, &settings, &config::Env::of_process())?;
    let (store, link) = match mode {
        Mode::Stay => tokio::join!(open(paths, &account), LinkWatch::start()),
        // One visit is over before it would be of use, but for what it costs and may cost by the link's profile.
        Mode::Once { .. } if settings.link.is_empty() => {
            (open(paths, &account).await, LinkWatch::none())
        }
        Mode::Once { .. } => tokio::join!(open(paths, &account), LinkWatch::start()),
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
    let serving = control::serve(listener, orders_in, events.clone(), stop_serving.clone());
    let serving = AbortOnDropHandle::new(tokio::spawn(serving));
    let telling = AbortOnDropHandle::new(tokio::spawn(events::tell(store.clone(), events.clone())));
    let notifier =
        (mode == Mode::Stay).then(|| Notifier::start(&store, Arc::new(settings.clone())));
    let rules = if mode == Mode::Stay { &settings.connect[..] } else { &[] };
    let clock = Clock::system();
    let seed = getrandom::u64().unwrap_or(0);
    let schedule =
        Schedule::new(rules, settings.sync.budget, Moment::of(&clock), &TimeZone::system(), seed);
    let visitor = Visitor::new(
        paths.clone(),
        settings.clone(),
        account,
        client,
        store.clone(),
        link.state.clone(),
    );
    let resident = Resident {
        urgent: Urgent::of(&store, schedule.wants_urgent()),
        schedule,
        clock,
        visitor: Arc::new(visitor),
        settings: Arc::new(settings),
        store,
        events,
        orders,
        mode,
        stop,
        visit: None,
        waiters: Vec::new(),
        reached: Reached::Unknown,
        link_was: LinkState::default(),
        link,
        trouble: Trouble::default(),
    };
    ready();
    let outcome = resident.run(stop_serving, serving).await;
    drop((telling, notifier));
    Ok(outcome)
}

async fn open(paths: &AgentPaths, account: &config::Account) -> Result<Store, Failure> {
    let (at, options) = (paths.store.clone(), Options { patience: PATIENCE, ..Options::default() });
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

/// What the system tells of the link.
struct LinkWatch {
    state: watch::Receiver<LinkState>,
    wakes: watch::Receiver<u64>,
    /// Who tells. Where nobody does, these keep the channels open.
    _source: LinkSource,
}

#[allow(dead_code, reason = "held for their drop")]
enum LinkSource {
    Monitor(Monitor),
    Nobody(watch::Sender<LinkState>, watch::Sender<u64>),
}

impl LinkWatch {
    async fn start() -> Self {
        let monitor = Monitor::start(Sources::default()).await;
        let (state, wakes) = (monitor.state(), monitor.wakes());
        Self { state, wakes, _source: LinkSource::Monitor(monitor) }
    }

    fn none() -> Self {
        let (told, state) = watch::channel(LinkState::default());
        let (woke, wakes) = watch::channel(0);
        Self { state, wakes, _source: LinkSource::Nobody(told, woke) }
    }

    /// Waits for news; for ever where nobody tells any more.
    async fn changed(&mut self) -> News {
        tokio::select! {
            Ok(()) = self.state.changed() => News::State,
            Ok(()) = self.wakes.changed() => News::Woke,
            else => std::future::pending().await,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    State,
    Woke,
}

/// A visit, or a line that is held.
struct Running {
    task: AbortOnDropHandle<Report>,
    call: Call,
    is_live: bool,
    end: CancellationToken,
    /// Somebody asked after it began: what was queued since has to go too.
    asked_again: bool,
    /// What whoever asked allows.
    asked_budget: Option<Size>,
    /// A line that is taken up again at once, because the link is another.
    gives_way: bool,
}

struct Resident {
    schedule: Schedule,
    clock: Clock,
    visitor: Arc<Visitor>,
    settings: Arc<AgentSettings>,
    store: Store,
    events: broadcast::Sender<Event>,
    orders: mpsc::Receiver<Handed>,
    mode: Mode,
    stop: CancellationToken,
    visit: Option<Running>,
    waiters: Vec<oneshot::Sender<Result<Value, Failure>>>,
    reached: Reached,
    link: LinkWatch,
    /// The link when it was looked at last.
    link_was: LinkState,
    urgent: Urgent,
    trouble: Trouble,
}

impl Resident {
    async fn run(
        mut self,
        stop_serving: CancellationToken,
        mut serving: AbortOnDropHandle<()>,
    ) -> Option<Outcome> {
        let mut last = None;
        match self.mode {
            Mode::Once { budget } => {
                self.link_was = self.link.state.borrow_and_update().clone();
                self.begin(Call::asked(budget), None);
            }
            Mode::Stay => self.begin_day(),
        }
        let stop = self.stop.clone();
        loop {
            self.keep_schedule();
            let nap = self.nap();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                report = ended(&mut self.visit) => {
                    last = Some(self.ended(report));
                    if self.mode != Mode::Stay && self.visit.is_none() {
                        break;
                    }
                }
                Some(handed) = self.orders.recv() => self.take(handed).await,
                news = self.link.changed() => self.link_changed(news),
                () = self.urgent.queued(&self.store) => self.schedule.urgent_queued(self.now()),
                () = sleep(nap.unwrap_or(NAP_MAX)), if nap.is_some() => {}
            }
        }
        self.shut_down(&stop_serving, &mut serving).await;
        last
    }

    fn now(&self) -> Moment {
        Moment::of(&self.clock)
    }

    fn line(&self) -> Line {
        Line::of(&self.link_was, &self.settings.link)
    }

    /// A link that is there from the beginning came up, for whoever waits for that; so it did where nobody can tell.
    fn begin_day(&mut self) {
        self.link_was = self.link.state.borrow_and_update().clone();
        if matches!(self.link_was.up, Reach::Up | Reach::Unknown) {
            self.schedule.link_up(self.now(), &self.line());
        }
    }

    fn link_changed(&mut self, news: News) {
        let is = self.link.state.borrow_and_update().clone();
        let was = std::mem::replace(&mut self.link_was, is);
        let (now, line) = (self.now(), self.line());
        let woke = news == News::Woke && matches!(self.link_was.up, Reach::Up | Reach::Unknown);
        if woke || self.link_was.came_up_since(&was) {
            info!(profile = line.profile, "link up");
            self.schedule.look(now, &TimeZone::system());
            self.schedule.link_up(now, &line);
            self.let_go_of_line();
        } else if self.link_was.up == Reach::Down {
            self.schedule.link_down();
        }
        if self.schedule.live_rule(&line).is_none() {
            self.let_go_of_line();
        }
    }

    /// A line over a link that is gone, or that no rule allows any more, is not worth waiting for its end.
    fn let_go_of_line(&mut self) {
        if let Some(running) = self.visit.as_mut().filter(|running| running.is_live) {
            running.gives_way = true;
            running.end.cancel();
        }
    }

    /// Starts what is due. A held line stands in for all visits.
    fn keep_schedule(&mut self) {
        let (now, line) = (self.now(), self.line());
        self.schedule.look(now, &TimeZone::system());
        if self.visit.is_some() {
            return;
        }
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
        let next = self.schedule.next(self.now(), &self.line())?;
        Some(Duration::from_secs(next.wait_s.unsigned_abs()).min(NAP_MAX))
    }

    fn begin_due(&mut self, due: &Due) {
        let Some(rule) = self.settings.connect.get(due.rule) else { return };
        let call = Call::of(rule, rule.label(due.rule), due);
        self.begin(call, Some(due.rule));
    }

    /// Begins a visit.
    fn begin(&mut self, call: Call, rule: Option<usize>) {
        let (now, line) = (self.now(), self.line());
        self.schedule.began(now, rule, call.scope);
        let next_call_at = self.schedule.next(now, &line).map(|next| next.at);
        let call = Call { next_call_at, ..call.over(line.profile, line.metered) };
        info!(rule = call.rule, link = call.link, "visit began");
        let (visitor, end) = (self.visitor.clone(), self.stop.child_token());
        let task = tokio::spawn(visitor.visit(call.clone(), end.clone()));
        self.started(task, call, end, false);
    }

    /// Holds the line, until it is lost or `stop`.
    fn hold_line(&mut self, rule: usize) {
        let Some(settings) = self.settings.connect.get(rule) else { return };
        let line = self.line();
        let call = Call::for_rule(settings, settings.label(rule)).over(line.profile, line.metered);
        self.schedule.began(self.now(), None, Scope::default());
        let (visitor, end) = (self.visitor.clone(), self.stop.child_token());
        let task = tokio::spawn(visitor.live(call.clone(), end.clone()));
        self.reached = Reached::Live;
        self.started(task, call, end, true);
    }

    fn started(
        &mut self,
        task: JoinHandle<Report>,
        call: Call,
        end: CancellationToken,
        is_live: bool,
    ) {
        let task = AbortOnDropHandle::new(task);
        self.visit = Some(Running {
            task,
            call,
            is_live,
            end,
            asked_again: false,
            asked_budget: None,
            gives_way: false,
        });
        self.tell(Event::Visit { began: true, outcome: None });
    }

    /// Notes the end of a visit, and tells who waited for it.
    fn ended(&mut self, report: Report) -> Outcome {
        let Some(running) = self.visit.take() else { return report.outcome };
        let outcome = report.outcome.clone();
        let Outcome { bytes_up, bytes_down, .. } = outcome;
        info!(
            rule = running.call.rule,
            outcome = outcome.outcome.name(),
            bytes_up,
            bytes_down,
            "visit ended"
        );
        self.reached =
            if outcome.outcome == OutcomeKind::NoLink { Reached::Down } else { Reached::Up };
        let ending = outcome.outcome.name().to_owned();
        self.tell(Event::Visit { began: false, outcome: Some(ending) });
        if running.is_live {
            self.line_ended(&running, &report);
        } else {
            self.visit_ended(&running, &report);
        }
        self.note_trouble(&running.call, &report);
        outcome
    }

    /// A line that was good for something is dialled again soon, others later and later.
    fn line_ended(&mut self, running: &Running, report: &Report) {
        let now = self.now();
        if !self.waiters.is_empty() {
            // Somebody asked for a visit, and the line gave way to it.
            self.schedule.line_gave_way(now);
            self.begin(Call::asked(running.asked_budget), None);
        } else if running.gives_way {
            self.schedule.line_gave_way(now);
        } else {
            let was_good = 1 < report.outcome.requests;
            self.schedule.line_lost(now, was_good, report.outcome.retry_after_s);
        }
    }

    fn visit_ended(&mut self, running: &Running, report: &Report) {
        let (now, line) = (self.now(), self.line());
        self.schedule.ended(now, &line, report.ending, report.cost);
        // Who asked meanwhile asked for everything, and for what was queued until then.
        let is_less = running.call.scope != Scope::default() || self.has_more();
        if report.ending == Ending::Done && running.asked_again && is_less {
            let call = Call::asked(running.asked_budget.or(running.call.budget));
            return self.begin(call, None);
        }
        self.answer_waiters(&report.outcome);
    }

    fn note_trouble(&mut self, call: &Call, report: &Report) {
        let Some(why) = self.trouble.note(call, report) else { return };
        let next = self.schedule.next(self.now(), &self.line());
        let words = trouble::words(&call.rule, &why, next.map(|next| next.at), &TimeZone::system());
        warn!("{words}");
        if let Err(err) = self.store.notice(&words) {
            warn!(error = %err, "the user could not be told");
        }
    }

    fn answer_waiters(&mut self, outcome: &Outcome) {
        let told = serde_json::to_value(outcome).map_err(|err| Failure::chain("internal", &err));
        for waiter in self.waiters.drain(..) {
            // Who asked may have gone away meanwhile.
            let _ = waiter.send(told.clone());
        }
    }

    fn has_more(&self) -> bool {
        self.store.reader().counters().is_ok_and(|counters| 0 < counters.waiting_here)
    }

    async fn take(&mut self, Handed { order, reply }: Handed) {
        match order {
            Order::Sync { budget } => self.ask_visit(budget.map(Size::from_bytes), reply),
            Order::Status => {
                let _ = reply.send(Ok(self.status()));
            }
            order => {
                let (store, settings) = (self.store.clone(), self.settings.clone());
                let work = tokio::task::spawn_blocking(move || carry_out(&store, &settings, order));
                let result = work.await.unwrap_or_else(|err| Err(Failure::chain("internal", &err)));
                let _ = reply.send(result);
            }
        }
    }

    fn ask_visit(&mut self, budget: Option<Size>, reply: oneshot::Sender<Result<Value, Failure>>) {
        if let Err(invalid) = config::agent::check_budget("--budget", budget) {
            let _ = reply.send(Err(Failure::usage(invalid)));
            return;
        }
        if WAITERS_MAX <= self.waiters.len() {
            let _ = reply.send(Err(Failure::later("busy", "too many wait for this visit already")));
            return;
        }
        self.waiters.push(reply);
        match &mut self.visit {
            None => self.begin(Call::asked(budget), None),
            // The held line gives way to the visit, which carries everything, and is taken up again after it.
            Some(running) if running.is_live => {
                running.asked_budget = budget;
                running.end.cancel();
            }
            Some(running) => {
                running.asked_again = true;
                running.asked_budget = budget;
            }
        }
    }

    fn status(&self) -> Value {
        let is_live = self.visit.as_ref().is_some_and(|running| running.is_live);
        let link = match (&self.visit, self.reached) {
            _ if is_live => "live",
            (Some(_), _) => "calling",
            (None, Reached::Up | Reached::Live) => "up",
            (None, Reached::Down) => "down",
            (None, Reached::Unknown) => "unknown",
        };
        // A line that is held is a call that goes on.
        let next = self.schedule.next(self.now(), &self.line()).filter(|_| !is_live);
        let rule = next.and_then(|next| {
            self.settings.connect.get(next.rule).map(|rule| rule.label(next.rule))
        });
        json!({
            "pid": std::process::id(),
            "link": link,
            "next_call": next.map(|next| rfc3339(next.at).to_string()),
            "next_rule": rule,
            "profile": self.line().profile,
            "trouble": self.trouble.all(),
        })
    }

    fn tell(&self, event: Event) {
        // Nobody may be watching.
        let _ = self.events.send(event);
    }

    /// Ends the visit where it stands (what was received is committed), answers what was taken, says goodbye.
    async fn shut_down(
        &mut self,
        stop_serving: &CancellationToken,
        serving: &mut AbortOnDropHandle<()>,
    ) {
        if let Some(running) = self.visit.take() {
            running.end.cancel();
            if let Err(err) = running.task.await {
                warn!(error = %err, "the visit failed");
            }
        }
        for waiter in self.waiters.drain(..) {
            let _ = waiter.send(Err(Failure::later(
                "agent_stopped",
                "the agent was stopped before the visit was over",
            )));
        }
        stop_serving.cancel();
        loop {
            tokio::select! {
                biased;
                Some(handed) = self.orders.recv() => match handed.order {
                    Order::Sync { .. } => {
                        let failure = Failure::later("agent_stopped", "the agent is stopping");
                        let _ = handed.reply.send(Err(failure));
                    }
                    _ => self.take(handed).await,
                },
                _ = &mut *serving => break,
            }
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
