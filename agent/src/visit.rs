//! One visit: connect, exchange, retry within its bounds, write down what it cost; or a line that is
//! held, which is a visit without an end.
//!
//! A cut within a visit is tried again at once while attempts make progress, and a few times without
//! (`visit_retries`). Where nobody answers at all there is no second attempt: the schedule has its own
//! patience.

mod before;
mod call;
mod dialled;
mod glance;
mod ledger;
pub(crate) mod over;
mod rate;
mod report;
mod way;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use config::{
    Account, AgentPaths, AgentSettings, Size,
    agent::{Direction, Priority},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{debug, warn};
use wire::{Codec, Lane, LaneMask, LinkClass, LinkKind, PresenceState};

pub use self::call::{Carry, Wish};
use self::{
    before::Asked,
    dialled::Dialled,
    ledger::Page,
    over::Over,
    report::{ending, portal},
    way::Way,
};
pub(crate) use self::{
    call::Call,
    glance::{Glance, Phase, Sight},
    rate::slow_rate,
    report::Report,
};
use crate::{
    link::{
        Client, LinkError, Meter, QUIET_LEAST,
        state::{LinkState, Reach},
    },
    schedule::{Cost, Ending, Line, TRY_LEAST},
    store::{Position, Store, StoreError},
    sync::{self, Ended, Items, Outcome, OutcomeKind, Progress, SyncError, Terms},
};

/// So many days of visits are looked at for the rate.
const RATE_DAYS: i64 = 30;
/// Pause between attempts to reach the relay over a link that is just coming up.
const COMING_UP: Duration = Duration::from_secs(2);
/// A held line that carried nothing and was cut again and again in less time was good for nothing.
const STANDS: Duration = Duration::from_secs(60);
/// Why a line or a visit ended before its time.
const QUOTA_USED_UP: &str = "the quota of this link is used up: what is left waits";
/// A visit whose time is over has this much more to come to the edge of a packet.
const OVERTIME: Duration = Duration::from_secs(15);
/// One that was stopped has this much.
const STOP_OVERTIME: Duration = Duration::from_secs(10);

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

/// A visit while it is made.
struct Making<'v> {
    call: &'v Call,
    meter: Meter,
    /// What it counted before the first connection.
    before: u64,
    progress: Progress,
    /// Bytes that came to nothing, the first attempt that cost anything aside.
    wasted: u64,
    /// Such an attempt was made.
    counts: bool,
    /// The link is coming up until then: nobody there means not yet.
    comes_up_until: Option<Instant>,
}

impl Making<'_> {
    fn moved(&self) -> u64 {
        self.meter.up().saturating_add(self.meter.down()).saturating_sub(self.before)
    }

    fn waste_left(&self) -> Option<u64> {
        self.call.waste.filter(|_| self.counts).map(|waste| waste.saturating_sub(self.wasted))
    }

    /// Whether the link has some time left to come up.
    fn comes_up(&self) -> bool {
        self.moved() == 0 && self.comes_up_until.is_some_and(|until| Instant::now() < until)
    }
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
            Asked::NotNow(words) => Some(Report::not_now(words, held())),
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
    fn refusal(&self, call: &Call) -> Option<String> {
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
    fn not_dialled(&self, page: Page, why: String, cancel: &CancellationToken) -> Report {
        let is_stopped = cancel.is_cancelled();
        let why = if is_stopped { sync::STOPPED.to_owned() } else { why };
        let meter = Meter::new(None);
        let end = Ok(Ended::Partial(why.clone()));
        let outcome = Outcome {
            outcome: OutcomeKind::NoLink,
            ..self.outcome(&Progress::default(), &end, &meter)
        };
        page.end(&meter, &outcome, &Progress::default(), 0);
        if is_stopped {
            return Report::of(outcome, Ending::Bounded, Cost::default());
        }
        let ending = Ending::Failed { wait_s: None };
        Report { trouble: Some(why), ..Report::of(outcome, ending, Cost::default()) }
    }

    async fn exchange(
        &self,
        call: &Call,
        mut page: Page,
        comes_up_until: Option<Instant>,
        cancel: &CancellationToken,
    ) -> Report {
        if let Some(until) = comes_up_until
            && !self.comes_right(&call.links, until).await
        {
            let links = call.links.join(", ");
            let why = format!(
                "the dial program {} ended well, but none of its links came up: {links}",
                call.dial[0]
            );
            return self.not_dialled(page, why, cancel);
        }
        if !call.dial.is_empty() {
            page.goes_over(self.over(call, true));
            if let Some(why) = page.over().refusal(self.store.now()) {
                return Report {
                    trouble: Some(why.clone()),
                    ..self.not_dialled(page, why, cancel)
                };
            }
        }
        let budget = call.budget.or(self.settings.sync.budget).map(Size::bytes);
        let meter = Meter::within(budget, page.over().left());
        let mut way = self.way(&meter, page.over());
        let until = call.max_time.map(|max_time| Instant::now() + max_time);
        let terms = Terms { until, stop: cancel.clone(), ..self.terms(call, page.over()) };
        let mut making = Making {
            call,
            meter: meter.clone(),
            before: 0,
            progress: Progress::default(),
            wasted: 0,
            counts: call.counts_from_start,
            comes_up_until,
        };
        let end = tokio::select! {
            biased;
            end = self.reach_and_exchange(&mut way, terms, &mut making) => end,
            end = give_up(until, cancel, &meter) => end,
            why = page.note(&meter, || None) => Ok(Ended::Partial(why)),
        };
        let round_trips = way.round_trips() + u64::from(making.progress.requests);
        way.hang_up();
        self.keep_login(way.client());
        let outcome = self.outcome(&making.progress, &end, &meter);
        page.end(&meter, &outcome, &making.progress, round_trips);
        let may_cost_more = meter.remaining().is_none_or(|left| 0 < left);
        let nobody = making.moved() == 0 && outcome.outcome == OutcomeKind::NoLink;
        let trouble = (!call.dial.is_empty() && nobody).then(|| {
            format!(
                "the dial program {} ended well, but no relay answered: {}",
                call.dial[0], outcome.words
            )
        });
        let cost = Cost { spent: making.moved(), wasted: making.wasted };
        let portal = portal(&end).then(|| outcome.words.clone());
        Report { trouble, portal, ..Report::of(outcome, ending(&end, may_cost_more), cost) }
    }

    async fn reach_and_exchange(
        &self,
        way: &mut Way,
        terms: Terms,
        making: &mut Making<'_>,
    ) -> Result<Ended, SyncError> {
        #[cfg(test)]
        assert!(!making.call.panics, "a test wants to see what becomes of it");
        self.glance.counts(&making.meter);
        self.glance.enter(Phase::Reaching);
        self.reach(making.call, way.client(), &making.meter).await?;
        making.before = making.meter.up().saturating_add(making.meter.down());
        self.glance.enter(Phase::Exchanging);
        self.attempts(way, terms, making).await
    }

    async fn hold(&self, call: &Call, cancel: &CancellationToken) -> Report {
        let mut page = self.page(call, true);
        if !call.dial.is_empty() {
            page.goes_over(self.over(call, true));
            if let Some(why) = page.over().refusal(self.store.now()) {
                return Report {
                    trouble: Some(why.clone()),
                    ..self.not_dialled(page, why, cancel)
                };
            }
        }
        let meter = Meter::within(None, page.over().left());
        let way = || self.way(&meter, page.over());
        let (mut down, mut up) = (way().for_holding(), way());
        let client = up.client().clone();
        let (began, progress) = (Instant::now(), Mutex::new(Progress::default()));
        let terms = || {
            self.terms(
                &Call { link: call.link.clone(), metered: call.metered, ..Call::default() },
                page.over(),
            )
        };
        let end = {
            let line = async {
                self.glance.counts(&meter);
                self.glance.enter(Phase::Reaching);
                self.reach(call, &client, &meter).await?;
                self.glance.enter(Phase::Holding);
                sync::live(&self.store, &mut down, &mut up, terms, &progress).await
            };
            tokio::select! {
                biased;
                () = cancel.cancelled() => stopped(),
                end = line => match end {
                    // A line has no other limit than the quota.
                    Err(SyncError::Link(LinkError::BudgetSpent)) => Ok(Ended::Partial(QUOTA_USED_UP.to_owned())),
                    end => end,
                },
                why = page.note(&meter, || Some(counted(&progress))) => Ok(Ended::Partial(why)),
            }
        };
        self.keep_login(&client);
        let progress = counted(&progress);
        let round_trips = down.round_trips() + up.round_trips() + u64::from(progress.requests);
        let outcome = self.outcome(&progress, &end, &meter);
        page.end(&meter, &outcome, &progress, round_trips);
        let spent = meter.up().saturating_add(meter.down());
        let was_cut =
            matches!(end, Err(SyncError::Link(LinkError::Cut { .. }) | SyncError::Unfinished));
        let carried = progress.sent + progress.received;
        let wasted = if was_cut && carried == 0 && began.elapsed() < STANDS { spent } else { 0 };
        let trouble = down.cut_too_soon().filter(|_| was_cut).map(|who| {
            format!(
                "{who} cuts a line that is held as soon as it is quiet, within {} s: it is dialled again ever more \
                 seldom, until it lasts",
                QUIET_LEAST.as_secs_f32()
            )
        });
        let portal = portal(&end).then(|| outcome.words.clone());
        let cost = Cost { spent, wasted };
        Report { portal, trouble, ..Report::of(outcome, ending(&end, true), cost) }
    }

    async fn attempts(
        &self,
        way: &mut Way,
        mut terms: Terms,
        making: &mut Making<'_>,
    ) -> Result<Ended, SyncError> {
        let mut fruitless = 0;
        loop {
            let (before, moved) = (self.standing(&making.progress)?, making.moved());
            let waste = making.waste_left();
            terms.asks_first = waste.is_some();
            making.meter.try_with(waste);
            let err = match sync::run(&self.store, way, &terms, &mut making.progress).await {
                Ok(ended) => return Ok(ended),
                Err(err) => err,
            };
            way.hang_up();
            if making.comes_up() && !err.is_permanent() {
                sleep(COMING_UP).await;
                continue;
            }
            let cost = making.moved() - moved;
            let was_fruitless = self.standing(&making.progress)? == before;
            if was_fruitless && 0 < cost {
                making.wasted += if making.counts { cost } else { 0 };
                making.counts = true;
            }
            let nobody_there = making.moved() == 0;
            if err.is_permanent()
                || nobody_there
                || matches!(err, SyncError::Link(LinkError::Stalled { .. }))
                || making.waste_left().is_some_and(|left| left < TRY_LEAST)
                || terms.over().is_some()
            {
                return Err(err);
            }
            fruitless = if was_fruitless { fruitless + 1 } else { 0 };
            if self.settings.sync.visit_retries < fruitless {
                return Err(err);
            }
            debug!(error = %err, fruitless, "cut: trying again");
            if matches!(err, SyncError::Link(LinkError::Refused { .. })) {
                // The relay was there a moment ago: it may be starting again.
                sleep(Duration::from_millis(500)).await;
            }
        }
    }

    /// Waits until the link that was dialled is one that its rule allows; `false` if it does not come. Where nobody can
    /// tell, it is.
    async fn comes_right(&self, links: &[String], until: Instant) -> bool {
        let mut link = self.link.clone();
        let is_right = |state: &LinkState| {
            state.up == Reach::Unknown || Line::of(state, &self.settings.link).is_one_of(links)
        };
        // A monitor that ended tells nothing any more.
        let came = timeout_at(until, link.wait_for(is_right)).await;
        came.is_ok_and(|came| came.is_ok()) || is_right(&self.link.borrow())
    }

    /// What moves when an attempt was worth it.
    fn standing(&self, progress: &Progress) -> Result<(Position, u64, u64), StoreError> {
        let position = Position { x: 0, ..self.store.reader().position()? };
        Ok((position, progress.sent, progress.received))
    }

    fn way(&self, meter: &Meter, over: &Over) -> Way {
        // What the environment says was read before, and could be.
        let client = self.client.by_link(&over.name, over.proxy());
        let client = client.unwrap_or_else(|_| self.client.clone());
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

fn counted(progress: &Mutex<Progress>) -> Progress {
    *progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a visit over `over` tells the relay and asks of it.
pub(crate) fn terms(
    store: &Store,
    settings: &AgentSettings,
    call: &Call,
    over: &Over,
    relay_is_here: bool,
) -> Terms {
    let about = &settings.account;
    let shares = about.share_presence && about.share_next_call;
    let next_call_s = call.next_call_at.filter(|_| shares).map_or(0, |at| {
        let step = i64::try_from(about.next_call_rounding.seconds()).unwrap_or(i64::MAX).max(1);
        rounded_s(at, step, store.now())
    });
    let (lanes, items) = shape(call);
    let picked = match &call.carry {
        Carry::Picked(picked) => picked.clone(),
        _ => Vec::new(),
    };
    let rate = over.rate().map_or_else(|| rate_class(store, &over.name), LinkKind::rate_class);
    Terms {
        state: if about.share_presence { PresenceState::Reachable } else { PresenceState::Hidden },
        next_call_s,
        share_read: about.share_read,
        codec: codec(over.metered, rate, relay_is_here),
        link: LinkKind { rate, class: over.metered.map_or(LinkClass::Unknown, class_of) },
        lanes,
        items,
        picked,
        manifest: call.carry == Carry::Manifest,
        packet_max: settings.sync.packet_max.as_usize(),
        requests_max: settings.sync.requests_max,
        ..Terms::default()
    }
}

/// The speed class of the link, as far as the ledger tells; it makes packets and requests on a
/// slow one small enough that a cut costs seconds, not minutes.
fn rate_class(store: &Store, link: &str) -> u8 {
    let since = store.now().saturating_sub(RATE_DAYS * 24 * 60 * 60);
    let visits = store.reader().visits(since).unwrap_or_default();
    rate::slow_rate(&visits, link).map_or(0, LinkKind::rate_class)
}

fn stopped() -> Result<Ended, SyncError> {
    Ok(Ended::Partial(sync::STOPPED.to_owned()))
}

/// Waits until a visit that should have come to the edge of a packet has not; gives its end. Where nothing has come there
/// is no edge to wait for.
async fn give_up(
    until: Option<Instant>,
    stop: &CancellationToken,
    meter: &Meter,
) -> Result<Ended, SyncError> {
    let time = async {
        match until {
            Some(until) => sleep_until(until + OVERTIME).await,
            None => std::future::pending().await,
        }
    };
    let stopping = async {
        stop.cancelled().await;
        if meter.down() != 0 {
            sleep(STOP_OVERTIME).await;
        }
    };
    tokio::select! {
        () = time => Ok(Ended::Partial("the time for this visit is over".to_owned())),
        () = stopping => stopped(),
    }
}

/// What the relay is told of a link.
fn class_of(is_metered: bool) -> LinkClass {
    if is_metered { LinkClass::Metered } else { LinkClass::Unmetered }
}

/// What a call asks for, and what may go with it.
fn shape(call: &Call) -> (LaneMask, Items) {
    match call.carry {
        Carry::Picked(_) => return (LaneMask::NONE, Items::Picked),
        Carry::Manifest => return (LaneMask::NONE, Items::None),
        Carry::All | Carry::Urgent => {}
    }
    let scope = call.scope;
    let (lanes, items) = match scope.min_priority {
        Priority::Ordinary => (LaneMask::ALL, Items::All),
        Priority::Urgent => (LaneMask::of(&[Lane::Latest, Lane::Urgent]), Items::Urgent),
    };
    match scope.direction {
        Direction::Both => (lanes, items),
        Direction::Up => (LaneMask::NONE, items),
        Direction::Down => (lanes, Items::None),
    }
}

/// Seconds from `now` to a call at `at`, as others may know it: the time is moved up to a multiple of
/// `step`, so that it tells no more than which step it is.
fn rounded_s(at: i64, step: i64, now: i64) -> u32 {
    let up = at.saturating_add(step - 1).div_euclid(step).saturating_mul(step);
    u32::try_from(up.saturating_sub(now).max(1)).unwrap_or(u32::MAX)
}

/// The codec for a link: the text model, unless the link is neither known to be slow nor paid for by the byte. It takes a
/// microsecond of one core a byte, at both ends, which a fast link does not make up for.
fn codec(metered: Option<bool>, rate: u8, relay_is_here: bool) -> Codec {
    match (metered, rate) {
        (_, 1..) | (Some(true), _) => Codec::Model,
        (None, 0) if !relay_is_here => Codec::Model,
        _ => Codec::Zstd,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_model_is_for_links_that_are_thin_or_dear_or_unknown() {
        assert_eq!(codec(None, 0, false), Codec::Model, "nobody knows: spare it");
        assert_eq!(codec(Some(true), 0, true), Codec::Model);
        assert_eq!(codec(Some(false), 3, false), Codec::Model, "not metered, and slow");
        assert_eq!(codec(Some(false), 0, false), Codec::Zstd);
        assert_eq!(codec(None, 0, true), Codec::Zstd, "a relay on this computer");
    }

    #[test]
    fn the_next_call_is_told_in_steps() {
        assert_eq!(rounded_s(1_000, 900, 950), 850);
        assert_eq!(rounded_s(1_800, 900, 950), 850);
        assert_eq!(rounded_s(950, 900, 1_900), 1, "what is overdue is due now");
        assert_eq!(rounded_s(i64::MAX, 900, 0), u32::MAX);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_that_was_dialled_is_taken_down_also_after_a_fault_of_ours() {
        let dir = tempfile::tempdir().unwrap();
        let paths = AgentPaths::new(Some(dir.path()), &config::Env::default()).unwrap();
        let store = Store::open(&paths.store, crate::store::Options::default()).unwrap();
        let account = Account {
            relay: "http://127.0.0.1:9".to_owned(),
            name: "ann".to_owned(),
            account: 7,
            device: 70,
            token: config::Secret::new("AAAAAAAAAAAAAAAAAAAAAA"),
            ca: None,
        };
        store.log_in(&crate::cli::ask::identity(&account), None).unwrap();
        let settings = Arc::new(AgentSettings::default());
        let env = config::Env::default();
        let client = crate::cli::account::client(&account, &settings, &env).unwrap();
        let (_told, link) = watch::channel(LinkState::default());
        let visitor = Visitor::new(paths, settings, account, client, store, link);
        let diary = dir.path().join("diary");
        let write = |word: &str| {
            let script = format!("echo {word} >> {}", diary.display());
            ["sh", "-c", &script].map(str::to_owned).to_vec()
        };
        let call = Call {
            dial: write("dial"),
            hangup: write("hangup $MAILBOAT_OUTCOME"),
            dial_timeout: Duration::from_secs(30),
            hangup_timeout: Duration::from_secs(30),
            panics: true,
            ..Call::default()
        };
        let report = Arc::new(visitor).visit(call, CancellationToken::new()).await;
        assert_eq!(report.outcome.outcome, OutcomeKind::Refused);
        assert_eq!(std::fs::read_to_string(&diary).unwrap(), "dial\nhangup refused\n");
    }
}
