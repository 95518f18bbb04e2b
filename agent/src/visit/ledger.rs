//! A visit's page in the ledger: begun, noted now and then, ended. The ledger is told, not obeyed: a visit takes place
//! also where it cannot be written.

use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::warn;

use super::{
    call::Call,
    over::{self, Over},
};
use crate::{
    link::Meter,
    store::{Store, VisitEnd, VisitId},
    sync::{Bound, Outcome, Progress, by_kind},
};

/// How often the cost of a held line is written down, if it had any.
const NOTE_LINE_EVERY: Duration = Duration::from_secs(300);
/// How often that of a visit is …
const NOTE_VISIT_EVERY: Duration = Duration::from_secs(10);
/// … if it was at least so many bytes.
const NOTE_VISIT_BYTES: u64 = 4 * 1024;

/// One visit's page.
#[derive(Clone, Debug)]
pub(super) struct Page {
    store: Store,
    id: Option<VisitId>,
    over: Over,
    began: Instant,
    is_live: bool,
}

impl Page {
    pub(super) fn begin(store: &Store, call: &Call, over: Over, is_live: bool) -> Self {
        let id = store
            .begin_visit(over.begin(call, is_live))
            .map_err(|err| warn!(error = %err, "the visit is not in the ledger"))
            .ok();
        Self { store: store.clone(), id, over, began: Instant::now(), is_live }
    }

    /// The link turned out to be this one, once it was dialled.
    pub(super) fn goes_over(&mut self, over: Over) {
        if let Some(id) = self.id
            && let Err(err) = self.store.move_visit(id, &over.name, over.metered)
        {
            warn!(error = %err, "the visit's link is not in the ledger");
        }
        self.over = over;
    }

    pub(super) fn over(&self) -> &Over {
        &self.over
    }

    /// Writes down the cost so far, now and then; ends when the link's quota is used up.
    pub(super) async fn note(
        &self,
        meter: &Meter,
        progress: impl Fn() -> Option<Progress>,
    ) -> Bound {
        let every = if self.is_live { NOTE_LINE_EVERY } else { NOTE_VISIT_EVERY };
        let least = if self.is_live { 1 } else { NOTE_VISIT_BYTES };
        let mut tick = interval(every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut noted = 0;
        loop {
            tick.tick().await;
            let moved = meter.up().saturating_add(meter.down());
            if moved - noted < least {
                continue;
            }
            noted = moved;
            let progress = progress().unwrap_or_default();
            let so_far = self.costs(
                meter,
                VisitEnd {
                    by_kind: by_kind((meter.up(), meter.down()), &progress),
                    ..VisitEnd::default()
                },
            );
            let ip_bytes = so_far.ip_up.saturating_add(so_far.ip_down);
            self.write(|id, store| store.note_visit(id, &so_far));
            self.tell_of_quota();
            if self.over.left().is_some_and(|left| left <= ip_bytes) {
                return Bound::Quota;
            }
        }
    }

    /// Writes down what it came to.
    pub(super) fn end(
        self,
        meter: &Meter,
        outcome: &Outcome,
        progress: &Progress,
        round_trips: u64,
    ) {
        let end = self.costs(meter, outcome.ledger(progress, round_trips));
        self.write(|id, store| store.end_visit(id, &end));
        self.tell_of_quota();
    }

    /// With what the link makes of the bytes.
    fn costs(&self, meter: &Meter, end: VisitEnd) -> VisitEnd {
        let ip = meter.ip_bytes();
        let (cost, currency) = self.over.cost(ip.sum(), self.began.elapsed().as_secs());
        VisitEnd {
            bytes_up: meter.up(),
            bytes_down: meter.down(),
            ip_up: ip.up,
            ip_down: ip.down,
            ip_measured: ip.is_measured,
            cost,
            currency,
            ..end
        }
    }

    fn write(&self, write: impl FnOnce(VisitId, &Store) -> Result<(), crate::store::StoreError>) {
        if let Some(Err(err)) = self.id.map(|id| write(id, &self.store)) {
            warn!(error = %err, "the visit's cost is not in the ledger");
        }
    }

    /// Once for each mark that the link's quota has reached.
    fn tell_of_quota(&self) {
        let now = self.store.now();
        let quota = self
            .over
            .profile
            .as_ref()
            .and_then(|profile| over::quota_of(profile, self.store.reader(), now));
        let Some(quota) = quota else { return };
        let Some(mark) = quota.mark() else { return };
        let words = quota.notice(now, &TimeZone::system());
        match self.store.tell_of_quota(
            &quota.link,
            quota.period.begins,
            mark,
            &words,
            &quota.notice_value(),
        ) {
            Ok(_) => {}
            Err(err) => warn!(error = %err, "the user could not be told of a quota"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use config::{Price, agent::Link};

    use super::*;
    use crate::{
        quota::{Period, Quota},
        store::Options,
    };

    #[tokio::test(start_paused = true)]
    async fn the_minutes_of_a_visit_are_paid_for_as_well_as_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store.db"), Options::default()).unwrap();
        let price = |written: &str| Some(written.parse::<Price>().unwrap());
        let profile = Link {
            tariff_per_mb: price("2"),
            tariff_per_minute: price("0.06"),
            currency: "EUR".to_owned(),
            ..Link::default()
        };
        let name = "satellite".to_owned();
        let over = Over { name, metered: Some(true), profile: Some(profile), quota: None };
        let page = Page::begin(&store, &Call::default(), over, false);
        let meter = Meter::new(None);
        meter.charge(500_000);
        tokio::time::advance(Duration::from_secs(90)).await;
        let end = page.costs(&meter, VisitEnd::default());
        assert_eq!((end.cost, &*end.currency), (price("1.09"), "EUR"));
    }

    #[tokio::test]
    async fn what_a_visit_costs_is_written_down_while_it_lasts_and_ends_it_where_the_quota_does() {
        for (is_live, cost, left, is_ended) in [
            (false, 5_000, 5_000, true),
            (false, 5_000, 6_000, false),
            (true, 5_000, 4_000, true),
            (true, 100, 6_000, false),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let store = Store::open(&dir.path().join("store.db"), Options::default()).unwrap();
            let period = Period { begins: 0, ends: i64::MAX };
            let (link, bytes) = ("stick".to_owned(), left);
            let quota = Some(Quota { link: link.clone(), bytes, used: 0, lift: None, period });
            let over = Over { name: link, metered: Some(true), profile: None, quota };
            let page = Page::begin(&store, &Call::default(), over, is_live);
            let meter = Meter::new(None);
            meter.charge(cost);
            // The first look is at once.
            let ended = timeout(Duration::from_millis(50), page.note(&meter, || None)).await;
            assert_eq!(ended.is_ok(), is_ended, "{cost} of {left}");
            assert!(ended.is_err() || ended.is_ok_and(|why| why == Bound::Quota));
            let visit = store.reader().visits(0).unwrap().remove(0);
            assert_eq!((visit.bytes_up, visit.ip_bytes_up), (cost, cost));
            assert!(visit.end.is_none() && visit.live == is_live, "it goes on");
        }
    }
}
