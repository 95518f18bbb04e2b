//! A line that is held: a visit without an end.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Call, Phase, Report, Visitor,
    ending::stopped,
    report::{ending, impostor, portal},
};
use crate::{
    link::{LinkError, Meter, QUIET_LEAST},
    schedule::Cost,
    store::{Cause, Told},
    sync::{self, Bound, Ended, Progress, SyncError},
};

/// A held line that carried nothing and was cut again and again in less time was good for nothing.
const STANDS: Duration = Duration::from_secs(60);

impl Visitor {
    pub(super) async fn hold(&self, call: &Call, cancel: &CancellationToken) -> Report {
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
                    Err(SyncError::Link(LinkError::BudgetSpent)) => Ok(Ended::Partial(Bound::Quota)),
                    end => end,
                },
                why = page.note(&meter, || Some(counted(&progress))) => Ok(Ended::Partial(why)),
            }
        };
        down.hang_up();
        up.hang_up();
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
            let words = format!(
                "{who} cuts a line that is held as soon as it is quiet, within {} s: it is dialled again ever more \
                 seldom, until it lasts",
                QUIET_LEAST.as_secs_f32()
            );
            let proxy = client.proxy().map(ToString::to_string);
            Told::new(words, Cause::LineCut { proxy, within_s: QUIET_LEAST.as_secs() })
        });
        let portal = portal(&end).then(|| outcome.told());
        let impostor = impostor(&end).then(|| outcome.told());
        let cost = Cost { spent, wasted, has_failed: 0 < wasted };
        Report { portal, impostor, trouble, ..Report::of(outcome, ending(&end, true), cost) }
    }
}

fn counted(progress: &Mutex<Progress>) -> Progress {
    *progress.lock().unwrap_or_else(PoisonError::into_inner)
}
