//! The process that has the store: it serves the control socket, makes visits when the schedule or
//! somebody asks, and holds the line where a rule says so.
//!
//! `mailboat agent` runs it until it is told to end; `mailboat sync` without an agent runs it for one
//! visit, so that other commands go on working meanwhile. Between events it sleeps: one timer, to the
//! next call (at most 15 minutes, because a computer that slept or whose clock was set is noticed only
//! by looking).

mod events;

use std::{sync::Arc, time::Duration};

use config::{AgentPaths, AgentSettings, Size};
use serde_json::{Value, json};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    task::JoinHandle,
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{info, warn};

use crate::{
    cli::ask,
    control::{self, Event, Failure, Handed, Order},
    orders::carry_out,
    schedule::{Schedule, is_due},
    store::{Options, Store, StoreError, Waiting, rfc3339},
    sync::{Outcome, OutcomeKind},
    visit::Visitor,
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
    let store = open(paths, &account).await?;
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
    let rules = if mode == Mode::Stay { &settings.connect[..] } else { &[] };
    let resident = Resident {
        schedule: Schedule::new(rules, store.now()),
        visitor: Arc::new(Visitor::new(
            paths.clone(),
            settings.clone(),
            account,
            client,
            store.clone(),
        )),
        settings: Arc::new(settings),
        store,
        events,
        orders,
        mode,
        stop,
        visit: None,
        waiters: Vec::new(),
        line: Line::Unknown,
        redial_at: None,
    };
    ready();
    let outcome = resident.run(stop_serving, serving).await;
    drop(telling);
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

/// What is known of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Unknown,
    Up,
    Down,
    Live,
}

/// A visit, or a line that is held.
struct Running {
    task: AbortOnDropHandle<Outcome>,
    budget: Option<Size>,
    is_live: bool,
    end: CancellationToken,
    /// Somebody asked after it began: what was queued since has to go too.
    asked_again: bool,
}

struct Resident {
    schedule: Schedule,
    visitor: Arc<Visitor>,
    settings: Arc<AgentSettings>,
    store: Store,
    events: broadcast::Sender<Event>,
    orders: mpsc::Receiver<Handed>,
    mode: Mode,
    stop: CancellationToken,
    visit: Option<Running>,
    waiters: Vec<oneshot::Sender<Result<Value, Failure>>>,
    line: Line,
    /// When a held line that was lost is dialled again, in seconds since 1970.
    redial_at: Option<i64>,
}

impl Resident {
    async fn run(
        mut self,
        stop_serving: CancellationToken,
        mut serving: AbortOnDropHandle<()>,
    ) -> Option<Outcome> {
        let mut last = None;
        if let Mode::Once { budget } = self.mode {
            self.begin(budget);
        }
        let stop = self.stop.clone();
        loop {
            self.keep_schedule();
            let nap = self.nap();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                ended = ended(&mut self.visit) => {
                    last = Some(self.ended(ended));
                    if self.mode != Mode::Stay && self.visit.is_none() {
                        break;
                    }
                }
                Some(handed) = self.orders.recv() => self.take(handed).await,
                () = sleep(nap.unwrap_or(NAP_MAX)), if nap.is_some() => {}
            }
        }
        self.shut_down(&stop_serving, &mut serving).await;
        last
    }

    /// Starts what is due. A held line stands in for all visits.
    fn keep_schedule(&mut self) {
        let now = self.store.now();
        self.schedule.look(now);
        if self.visit.is_some() {
            return;
        }
        if self.schedule.is_live() && self.redial_at.is_none_or(|at| is_due(at, now)) {
            self.redial_at = None;
            return self.hold_line();
        }
        if let Some(call) = self.schedule.next().filter(|call| call.at <= now) {
            self.begin(call.budget);
        }
    }

    /// How long to sleep at most; `None` when only an order or a signal ends it.
    fn nap(&self) -> Option<Duration> {
        if self.visit.is_some() {
            return None;
        }
        let next = self.next_at()?;
        let wait = u64::try_from(next.saturating_sub(self.store.now())).unwrap_or(0);
        Some(Duration::from_secs(wait).min(NAP_MAX))
    }

    fn next_at(&self) -> Option<i64> {
        let redial = self.redial_at.filter(|_| self.schedule.is_live());
        self.schedule.next().map(|call| call.at).into_iter().chain(redial).min()
    }

    /// Begins a visit.
    fn begin(&mut self, budget: Option<Size>) {
        self.schedule.began(self.store.now());
        let next_call = self.schedule.next().map(|call| call.at);
        let (visitor, end) = (self.visitor.clone(), self.stop.child_token());
        let cancel = end.clone();
        let task = tokio::spawn(async move { visitor.visit(budget, next_call, &cancel).await });
        self.started(task, budget, end, false);
    }

    /// Holds the line, until it is lost or `stop`.
    fn hold_line(&mut self) {
        self.schedule.began(self.store.now());
        let (visitor, end) = (self.visitor.clone(), self.stop.child_token());
        let cancel = end.clone();
        let task = tokio::spawn(async move { visitor.live(&cancel).await });
        self.line = Line::Live;
        self.started(task, None, end, true);
    }

    fn started(
        &mut self,
        task: JoinHandle<Outcome>,
        budget: Option<Size>,
        end: CancellationToken,
        is_live: bool,
    ) {
        let task = AbortOnDropHandle::new(task);
        self.visit = Some(Running { task, budget, is_live, end, asked_again: false });
        self.tell(Event::Visit { began: true, outcome: None });
    }

    /// Notes the end of a visit, and tells who waited for it.
    fn ended(&mut self, outcome: Outcome) -> Outcome {
        let Some(running) = self.visit.take() else { return outcome };
        let Outcome { bytes_up, bytes_down, .. } = outcome;
        info!(outcome = outcome.outcome.name(), bytes_up, bytes_down, "visit ended");
        self.line = if outcome.outcome == OutcomeKind::NoLink { Line::Down } else { Line::Up };
        let ending = outcome.outcome.name().to_owned();
        self.tell(Event::Visit { began: false, outcome: Some(ending) });
        if running.is_live {
            self.lost_line(&outcome);
            if !self.waiters.is_empty() {
                // Somebody asked for a visit, and the line gave way to it.
                self.redial_at = None;
                self.begin(running.budget);
            }
            return outcome;
        }
        if outcome.outcome == OutcomeKind::Done {
            self.schedule.succeeded();
            if running.asked_again && self.has_more() {
                self.begin(running.budget);
                return outcome;
            }
        } else {
            self.schedule.failed(self.store.now(), running.budget, outcome.retry_after_s, random());
        }
        self.answer_waiters(&outcome);
        outcome
    }

    /// A line that was good for something is dialled again soon, others later and later.
    fn lost_line(&mut self, outcome: &Outcome) {
        if 1 < outcome.requests {
            self.schedule.succeeded();
        }
        let wait = self.schedule.live_failed(outcome.retry_after_s, random());
        self.redial_at = Some(self.store.now().saturating_add(wait));
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
            None => self.begin(budget),
            // The held line gives way to the visit, which carries everything, and is taken up again after it.
            Some(running) if running.is_live => {
                running.budget = budget;
                running.end.cancel();
            }
            Some(running) => running.asked_again = true,
        }
    }

    fn status(&self) -> Value {
        let link = match (&self.visit, self.line) {
            (Some(running), _) if running.is_live => "live",
            (Some(_), _) => "calling",
            (None, Line::Up | Line::Live) => "up",
            (None, Line::Down) => "down",
            (None, Line::Unknown) => "unknown",
        };
        json!({
            "pid": std::process::id(),
            "link": link,
            "next_call": self.next_at().map(|at| rfc3339(at).to_string()),
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
async fn ended(visit: &mut Option<Running>) -> Outcome {
    match visit {
        Some(running) => match (&mut running.task).await {
            Ok(outcome) => outcome,
            Err(err) => {
                warn!(error = %err, "the visit failed");
                failed_visit()
            }
        },
        None => std::future::pending().await,
    }
}

/// A visit that panicked: a fault of ours, but not the end of the agent.
fn failed_visit() -> Outcome {
    Outcome {
        outcome: OutcomeKind::Refused,
        sent: 0,
        received: 0,
        bytes_up: 0,
        bytes_down: 0,
        requests: 0,
        held: Waiting::default(),
        words: "the visit failed for a reason of our own; the agent's log says more".to_owned(),
        retry_after_s: None,
    }
}

fn random() -> u64 {
    // Only spreads calls out: without random numbers they are not spread.
    getrandom::u64().unwrap_or(0)
}
