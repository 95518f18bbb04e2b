//! One visit: connect, exchange, retry within its bounds, write down what it cost; or a line that is
//! held, which is a visit without an end.
//!
//! A cut within a visit is tried again at once while attempts make progress, and a few times without
//! (`visit_retries`). Where nobody answers at all there is no second attempt: the schedule has its own
//! patience.

mod way;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use config::{Account, AgentPaths, AgentSettings, Size};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use wire::{Codec, LinkKind, PresenceState};

use self::way::Way;
use crate::{
    link::{Client, LinkError, Meter},
    store::{Position, Store, StoreError, VisitId, VisitRow},
    sync::{self, Ended, Outcome, Progress, SyncError, Terms},
};

/// A visit tells a link's rate when it moved at least this many bytes …
const RATE_BYTES_MIN: u64 = 2 * 1024;
/// … in at least this many seconds: on a faster link waiting outweighs moving, and nothing depends
/// on the rate there.
const RATE_SECONDS_MIN: u64 = 3;
/// So many days of visits are looked at for the rate.
const RATE_DAYS: i64 = 30;

/// How often the cost of a held line is written down, if it had any.
const NOTE_EVERY: Duration = Duration::from_secs(300);

/// Makes the visits of one store. One at a time: [`crate::resident`] sees to that.
#[derive(Debug)]
pub(crate) struct Visitor {
    store: Store,
    client: Client,
    settings: AgentSettings,
    /// Who we are; a fork puts another device in its place.
    account: Arc<Mutex<Account>>,
    paths: AgentPaths,
}

impl Visitor {
    pub(crate) fn new(
        paths: AgentPaths,
        settings: AgentSettings,
        account: Account,
        client: Client,
        store: Store,
    ) -> Self {
        Self { store, client, settings, account: Arc::new(Mutex::new(account)), paths }
    }

    /// One visit, until everything is exchanged, its bounds are reached or `cancel`.
    pub(crate) async fn visit(
        &self,
        budget: Option<Size>,
        next_call_at: Option<i64>,
        cancel: &CancellationToken,
    ) -> Outcome {
        let meter = Meter::new(budget.or(self.settings.sync.budget).map(Size::bytes));
        let ledger = self.open_ledger("call");
        let mut way = self.way(&meter);
        let mut progress = Progress::default();
        let terms = self.terms(next_call_at);
        let end = cancel
            .run_until_cancelled(self.attempts(&mut way, &terms, &meter, &mut progress))
            .await
            .unwrap_or_else(stopped);
        let round_trips = way.round_trips() + u64::from(progress.requests);
        way.hang_up();
        self.close_ledger(ledger, &progress, &end, &meter, round_trips)
    }

    /// Holds the line until it is lost, the relay ends it or `cancel`.
    pub(crate) async fn live(&self, cancel: &CancellationToken) -> Outcome {
        let meter = Meter::new(None);
        let ledger = self.open_ledger("live");
        let (mut down, mut up) = (self.way(&meter), self.way(&meter));
        let progress = Mutex::new(Progress::default());
        let end = {
            let line = sync::live(&self.store, &mut down, &mut up, || self.terms(None), &progress);
            tokio::select! {
                biased;
                () = cancel.cancelled() => stopped(),
                end = line => end,
                () = self.note_cost(ledger, &meter) => stopped(),
            }
        };
        let progress = progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        let round_trips = down.round_trips() + up.round_trips() + u64::from(progress.requests);
        self.close_ledger(ledger, &progress, &end, &meter, round_trips)
    }

    async fn attempts(
        &self,
        way: &mut Way,
        terms: &Terms,
        meter: &Meter,
        progress: &mut Progress,
    ) -> Result<Ended, SyncError> {
        let mut fruitless = 0;
        loop {
            let before = self.standing(progress)?;
            let err = match sync::run(&self.store, way, terms, progress).await {
                Ok(ended) => return Ok(ended),
                Err(err) => err,
            };
            way.hang_up();
            let nobody_there = meter.up() + meter.down() == 0;
            if err.is_permanent()
                || nobody_there
                || matches!(err, SyncError::Link(LinkError::Stalled { .. }))
            {
                return Err(err);
            }
            fruitless = if self.standing(progress)? == before { fruitless + 1 } else { 0 };
            if self.settings.sync.visit_retries < fruitless {
                return Err(err);
            }
            debug!(error = %err, fruitless, "cut: trying again");
            if matches!(err, SyncError::Link(LinkError::Refused { .. })) {
                // The relay was there a moment ago: it may be starting again.
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }

    /// What moves when an attempt was worth it.
    fn standing(&self, progress: &Progress) -> Result<(Position, u64, u64), StoreError> {
        let position = Position { x: 0, ..self.store.reader().position()? };
        Ok((position, progress.sent, progress.received))
    }

    fn way(&self, meter: &Meter) -> Way {
        let client = self.client.clone();
        Way::new(client, meter.clone(), self.account.clone(), self.paths.account.clone())
    }

    fn terms(&self, next_call_at: Option<i64>) -> Terms {
        let about = &self.settings.account;
        let next_call_s = next_call_at.filter(|_| about.share_presence).map_or(0, |at| {
            let step = i64::try_from(about.next_call_rounding.seconds()).unwrap_or(i64::MAX).max(1);
            rounded_s(at, step, self.store.now())
        });
        Terms {
            state: if about.share_presence {
                PresenceState::Reachable
            } else {
                PresenceState::Hidden
            },
            next_call_s,
            share_read: about.share_read,
            codec: Codec::Zstd,
            link: LinkKind { rate: self.rate_class(), ..LinkKind::default() },
            packet_max: self.settings.sync.packet_max.as_usize(),
            requests_max: self.settings.sync.requests_max,
            ..Terms::default()
        }
    }

    /// The speed class of the link, as far as the ledger tells; it makes packets and requests on a
    /// slow one small enough that a cut costs seconds, not minutes.
    fn rate_class(&self) -> u8 {
        let since = self.store.now().saturating_sub(RATE_DAYS * 24 * 60 * 60);
        let visits = self.store.reader().visits(since).unwrap_or_default();
        slow_rate(&visits).map_or(0, LinkKind::rate_class)
    }

    /// The ledger is told, not obeyed: a visit takes place also where it cannot be written.
    fn open_ledger(&self, link: &str) -> Option<VisitId> {
        self.store
            .begin_visit(link)
            .map_err(|err| warn!(error = %err, "the visit is not in the ledger"))
            .ok()
    }

    fn close_ledger(
        &self,
        ledger: Option<VisitId>,
        progress: &Progress,
        end: &Result<Ended, SyncError>,
        meter: &Meter,
        round_trips: u64,
    ) -> Outcome {
        let held = self
            .store
            .reader()
            .counters()
            .map(|counters| counters.waiting_there)
            .unwrap_or_default();
        let outcome = Outcome::new(progress, end, (meter.up(), meter.down()), held);
        let written =
            ledger.map(|id| self.store.end_visit(id, &outcome.ledger(progress, round_trips)));
        if let Some(Err(err)) = written {
            warn!(error = %err, "the visit's cost is not in the ledger");
        }
        outcome
    }

    /// Writes the cost of a held line down now and then; never ends.
    async fn note_cost(&self, ledger: Option<VisitId>, meter: &Meter) {
        let mut tick = interval(NOTE_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut noted = (0, 0);
        loop {
            tick.tick().await;
            let cost = (meter.up(), meter.down());
            if let Some(id) = ledger.filter(|_| noted != cost) {
                noted = cost;
                if let Err(err) = self.store.note_visit(id, cost.0, cost.1) {
                    warn!(error = %err, "the line's cost is not in the ledger");
                }
            }
        }
    }
}

fn stopped() -> Result<Ended, SyncError> {
    Ok(Ended::Partial("the visit was stopped: what is left goes with the next".to_owned()))
}

/// Bits a second of the best among the newest visits that tell; an outage makes a visit look slower
/// than its link. `None` where none was slow enough to matter.
fn slow_rate(visits: &[VisitRow]) -> Option<u64> {
    const NEWEST: usize = 5;
    let rate = |visit: &VisitRow| {
        let seconds = u64::try_from(visit.end?.checked_sub(visit.start)?).ok()?;
        let bytes = visit.bytes_up + visit.bytes_down;
        let tells = visit.link == "call" && RATE_BYTES_MIN <= bytes;
        tells.then_some((bytes, seconds))
    };
    let newest = visits.iter().rev().filter_map(rate).take(NEWEST);
    // One visit that was quick says that the link is.
    let rates = newest.map(|(bytes, seconds)| {
        // What was counted is not all that moved (headers, acknowledgements, what went twice), and some
        // seconds went by waiting: half as much again comes near to what the link can do.
        let bits = (bytes + bytes / 2) * 8;
        (RATE_SECONDS_MIN <= seconds).then(|| bits / seconds)
    });
    rates.collect::<Option<Vec<u64>>>()?.into_iter().max()
}

/// Seconds from `now` to a call at `at`, as others may know it: the time is moved up to a multiple of
/// `step`, so that it tells no more than which step it is.
fn rounded_s(at: i64, step: i64, now: i64) -> u32 {
    let up = at.saturating_add(step - 1).div_euclid(step).saturating_mul(step);
    u32::try_from(up.saturating_sub(now).max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(bytes: u64, seconds: i64) -> VisitRow {
        VisitRow {
            id: VisitId::default(),
            start: 1_000,
            end: Some(1_000 + seconds),
            link: "call".into(),
            bytes_up: bytes / 4,
            bytes_down: bytes - bytes / 4,
            outcome: "done".into(),
            requests: 1,
            round_trips: 3,
            sent: 0,
            received: 0,
            words: String::new(),
            by_kind: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn the_ledger_tells_the_rate_of_a_slow_link_only() {
        assert_eq!(slow_rate(&[]), None);
        assert_eq!(slow_rate(&[visit(1_000, 9)]), None, "an idle visit is mostly waiting");
        // A hundred messages over a link of 2,400 bit/s, as measured.
        assert_eq!(slow_rate(&[visit(4_480, 19)]), Some(2_829));
        assert_eq!(slow_rate(&[visit(4_480, 19), visit(900, 9)]), Some(2_829));
        assert_eq!(slow_rate(&[visit(4_480, 19), visit(4_480, 300)]), Some(2_829), "an outage");
        assert_eq!(slow_rate(&[visit(4_480, 19), visit(4_480, 1)]), None, "the link is fast");
    }

    #[test]
    fn the_next_call_is_told_in_steps() {
        assert_eq!(rounded_s(1_000, 900, 950), 850);
        assert_eq!(rounded_s(1_800, 900, 950), 850);
        assert_eq!(rounded_s(950, 900, 1_900), 1, "what is overdue is due now");
        assert_eq!(rounded_s(i64::MAX, 900, 0), u32::MAX);
    }
}
