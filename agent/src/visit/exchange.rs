//! A visit over a link that is there: it reaches the relay, exchanges, and tries again within its bounds.

use std::time::Duration;

use config::Size;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{
    Call, Phase, Report, Visitor,
    ending::give_up,
    ledger::Page,
    report::{ending, impostor, portal},
    way::Way,
};
use crate::{
    link::{
        LinkError, Meter,
        state::{LinkState, Reach},
    },
    schedule::{Cost, Line, TRY_LEAST},
    store::{Cause, Position, StoreError, Told},
    sync::{self, Ended, OutcomeKind, Progress, SyncError, Terms, Transport},
};

/// Pause between attempts to reach the relay over a link that is just coming up.
const COMING_UP: Duration = Duration::from_secs(2);

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
    pub(super) async fn exchange(
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
            let words = format!(
                "the dial program {} ended well, but none of its links came up: {links}",
                call.dial[0]
            );
            let cause = Cause::DialNoLink { program: call.dial[0].clone(), links };
            return self.not_dialled(page, Told::new(words, cause), cancel);
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
        way.hang_up();
        let round_trips = way.round_trips() + u64::from(making.progress.requests);
        self.keep_login(way.client());
        let outcome = self.outcome(&making.progress, &end, &meter);
        page.end(&meter, &outcome, &making.progress, round_trips);
        let may_cost_more = meter.remaining().is_none_or(|left| 0 < left);
        let nobody = making.moved() == 0 && outcome.outcome == OutcomeKind::NoLink;
        let trouble = (!call.dial.is_empty() && nobody).then(|| {
            let (program, said) = (call.dial[0].clone(), outcome.words.clone());
            let words =
                format!("the dial program {program} ended well, but no relay answered: {said}");
            let why = outcome.cause.clone().map(Box::new);
            Told::new(words, Cause::DialNoRelay { program, why, said })
        });
        let cost = Cost { spent: making.moved(), wasted: making.wasted, has_failed: making.counts };
        let portal = portal(&end).then(|| outcome.told());
        let impostor = impostor(&end).then(|| outcome.told());
        let report = Report::of(outcome, ending(&end, may_cost_more), cost);
        Report { trouble, portal, impostor, ..report }
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
                Ok(Ended::Done) => {
                    way.settle(self.store.reader().position()?.limits.tag).await;
                    return Ok(Ended::Done);
                }
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
            {
                return Err(err);
            }
            // Cut or not, that was its end: a failure would be tried again in some seconds.
            if let Some(bound) = terms.over() {
                return Ok(Ended::Partial(bound));
            }
            if making.waste_left().is_some_and(|left| left < TRY_LEAST) {
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
}
