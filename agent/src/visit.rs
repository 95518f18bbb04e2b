//! One visit: connect, exchange, retry within its bounds, write down what it cost; or a line that is
//! held, which is a visit without an end.
//!
//! A cut within a visit is tried again at once while attempts make progress, and a few times without
//! (`visit_retries`). Where nobody answers at all there is no second attempt: the schedule has its own
//! patience.

mod before;
mod call;
mod dialled;
mod ending;
mod exchange;
mod glance;
mod hold;
mod ledger;
pub(crate) mod over;
mod rate;
mod report;
mod terms;
#[cfg(test)]
mod tests;
mod way;

use std::sync::{Arc, Mutex, PoisonError};

use config::{Account, AgentPaths, AgentSettings};
use tokio::{sync::watch, time::Instant};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::warn;

pub use self::call::{Carry, Wish};
use self::{before::Asked, dialled::Dialled, ledger::Page, over::Over, way::Way};
pub(crate) use self::{
    call::Call,
    glance::{Glance, Phase, Sight},
    rate::slow_rate,
    report::Report,
    terms::terms,
};
use crate::{
    link::{Client, Meter, state::LinkState},
    schedule::{Cost, Ending},
    store::{Store, Told},
    sync::{Bound, Ended, Outcome, OutcomeKind, Progress, SyncError, Terms},
};

/// Makes the visits of one store. One at a time: [`crate::resident`] sees to that.
#[derive(Debug)]
pub(crate) struct Visitor {
    store: Store,
    client: Client,
    settings: Arc<AgentSettings>,
    /// Who we are; a fork puts another device in its place.
    account: Arc<Mutex<Account>>,
    paths: AgentPaths,
    /// What the system says of the link.
    link: watch::Receiver<LinkState>,
    glance: Arc<Glance>,
}

impl Visitor {
    pub(crate) fn new(
        paths: AgentPaths,
        settings: Arc<AgentSettings>,
        account: Account,
        client: Client,
        store: Store,
        link: watch::Receiver<LinkState>,
    ) -> Self {
        let account = Arc::new(Mutex::new(account));
        Self { store, client, settings, account, paths, link, glance: Arc::default() }
    }

    /// The same with other settings, and a client that was made from them. A visit that is being made is not touched.
    pub(crate) fn with(&self, settings: Arc<AgentSettings>, client: Client) -> Self {
        Self {
            store: self.store.clone(),
            client,
            settings,
            account: self.account.clone(),
            paths: self.paths.clone(),
            link: self.link.clone(),
            glance: self.glance.clone(),
        }
    }

    /// Where the files lie.
    pub(crate) fn paths(&self) -> &AgentPaths {
        &self.paths
    }

    /// What connects to the relay; clones share its TLS sessions.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Who we are.
    pub(crate) fn account(&self) -> Account {
        self.account.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How far the visit has come that is being made.
    pub(crate) fn look(&self) -> Sight {
        self.glance.look()
    }

    /// One visit: dials, exchanges until everything is done, its bounds are reached or `cancel`, and hangs up.
    /// Cancelled it ends at the edge of the packet that is on its way, 10 s later at the latest.
    pub(crate) async fn visit(self: Arc<Self>, call: Call, cancel: CancellationToken) -> Report {
        if let Some(report) = self.not_made(&call, &cancel).await {
            return report;
        }
        let page = self.page(&call, false);
        let began = Instant::now();
        self.glance.enter(Phase::Dialling);
        let (dialled, dialling) = Dialled::dial(&call, &cancel).await;
        if let Err(why) = dialling {
            let report = self.not_dialled(page, why, &cancel);
            return self.hang_up(dialled, report).await;
        }
        let (visitor, link_call) = (self.clone(), call.clone());
        let comes_up_until = (!call.dial.is_empty()).then(|| began + call.dial_timeout);
        // In a task of its own: its panic is not the end of the link.
        let exchange = AbortOnDropHandle::new(tokio::spawn(async move {
            visitor.exchange(&link_call, page, comes_up_until, &cancel).await
        }));
        let report = exchange.await.unwrap_or_else(|err| {
            warn!(error = %err, "the visit failed");
            Report::broken()
        });
        self.hang_up(dialled, report).await
    }

    async fn hang_up(&self, dialled: Dialled, report: Report) -> Report {
        self.glance.enter(Phase::HangingUp);
        let outcome = report.outcome.outcome;
        let hangup = dialled.hang_up(outcome.name(), outcome == OutcomeKind::Done).await;
        Report { hangup, ..report }
    }

    /// What a call comes to that is not made, because a quota, the user's program or a stop is before it.
    async fn not_made(&self, call: &Call, cancel: &CancellationToken) -> Option<Report> {
        self.glance.begin();
        if let Some(why) = self.refusal(call) {
            return Some(Report::refused(why));
        }
        let held = || {
            let counters = self.store.reader().counters();
            counters.map(|counters| counters.waiting_there).unwrap_or_default()
        };
        match self.ask_program(call, cancel).await {
            Asked::Agreed => None,
            Asked::NotNow(why) => Some(Report::not_now(why, held())),
            Asked::Stopped => Some(Report::stopped(held())),
        }
    }

    /// The same for a line that is held until it is lost, the relay ends it or `cancel`.
    pub(crate) async fn live(self: Arc<Self>, call: Call, cancel: CancellationToken) -> Report {
        if let Some(report) = self.not_made(&call, &cancel).await {
            return report;
        }
        self.glance.enter(Phase::Dialling);
        let (dialled, dialling) = Dialled::dial(&call, &cancel).await;
        let report = match dialling {
            Err(why) => self.not_dialled(self.page(&call, true), why, &cancel),
            Ok(()) => {
                let (visitor, call) = (self.clone(), call.clone());
                let line = tokio::spawn(async move { visitor.hold(&call, &cancel).await });
                AbortOnDropHandle::new(line).await.unwrap_or_else(|err| {
                    warn!(error = %err, "the line failed");
                    Report::broken()
                })
            }
        };
        self.hang_up(dialled, report).await
    }

    /// Why this call is not made at all: a quota is used up.
    fn refusal(&self, call: &Call) -> Option<Told> {
        let (reader, now) = (self.store.reader(), self.store.now());
        if call.dial.is_empty() {
            return self.over(call, false).refusal(now);
        }
        over::all_stopped(&call.links, &self.settings.link, reader, now)
    }

    /// The link that a call goes over.
    fn over(&self, call: &Call, dialled: bool) -> Over {
        let state = self.link.borrow().clone();
        Over::of(call, dialled, &state, &self.settings.link, self.store.reader(), self.store.now())
    }

    fn page(&self, call: &Call, is_live: bool) -> Page {
        Page::begin(&self.store, call, self.over(call, false), is_live)
    }

    /// What a call comes to whose link did not come up. Where it was stopped that is no failure, and nobody has to be told.
    fn not_dialled(&self, page: Page, why: Told, cancel: &CancellationToken) -> Report {
        let is_stopped = cancel.is_cancelled();
        let why = if is_stopped { Bound::Stopped.into() } else { why };
        let meter = Meter::new(None);
        let end = Ok(Ended::Partial(Bound::Stopped));
        let outcome = Outcome {
            outcome: OutcomeKind::NoLink,
            ..self.outcome(&Progress::default(), &end, &meter).saying(why.clone())
        };
        page.end(&meter, &outcome, &Progress::default(), 0);
        if is_stopped {
            return Report::of(outcome, Ending::Bounded, Cost::default());
        }
        let ending = Ending::Failed { wait_s: None };
        Report { trouble: Some(why), ..Report::of(outcome, ending, Cost::default()) }
    }

    fn way(&self, meter: &Meter, over: &Over) -> Way {
        // What the environment says was read before, and could be.
        let client = self.client.by_link(&over.name, over.proxy());
        let client = client.unwrap_or_else(|_| self.client.clone());
        let client = client.over_ample(terms::is_ample(&self.store, over));
        if let Some(proxy) = client.proxy_key()
            && let Ok(Some(login)) = self.store.reader().proxy_login(&proxy)
        {
            client.recall_login(&login);
        }
        Way::new(client, meter.clone(), self.account.clone(), self.paths.account.clone())
    }

    /// Writes down how the proxy took its login, so that the next process is not asked.
    fn keep_login(&self, client: &Client) {
        if let (Some(proxy), Some(login)) = (client.proxy_key(), client.login_taken())
            && let Err(err) = self.store.note_proxy_login(&proxy, login)
        {
            warn!(error = %err, "how the proxy takes a login is not kept");
        }
    }

    /// Whether the relay runs on this computer.
    pub(crate) fn relay_is_here(&self) -> bool {
        self.client.url().is_loopback()
    }

    fn terms(&self, call: &Call, over: &Over) -> Terms {
        terms(&self.store, &self.settings, call, over, self.relay_is_here())
    }

    fn outcome(
        &self,
        progress: &Progress,
        end: &Result<Ended, SyncError>,
        meter: &Meter,
    ) -> Outcome {
        let counters = self.store.reader().counters();
        let held = counters.map(|counters| counters.waiting_there).unwrap_or_default();
        Outcome::new(progress, end, (meter.up(), meter.down()), held)
    }
}
