//! The task that looks at the store, asks the planner and talks to the desktop.
//!
//! Everything that it waits for may be dropped at any await: what was shown and not noted is told again, no more.

use std::{collections::BTreeSet, error::Error, path::PathBuf, sync::Arc, time::Duration};

use config::AgentSettings;
use jiff::tz::TimeZone;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    task::spawn_blocking,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    card::{Card, Key},
    desktop::{Abilities, Desktop, ShowError, Sign},
    plan::{Plan, Planner},
    program,
};
use crate::{
    control::{Failure, Order},
    orders::carry_out,
    store::{Change, NewsId, Store, StoreError},
    words::Words,
};

/// After something came, wait so long for more.
const SETTLE: Duration = Duration::from_millis(700);
/// But no longer than this since the first.
const SETTLE_MAX: Duration = Duration::from_secs(4);
/// Longest sleep while something is kept back: afterwards the clock is looked at again, because the computer may have
/// slept or the clock been set.
const NAP_MAX: Duration = Duration::from_secs(15 * 60);

pub(super) struct Task {
    store: Store,
    changes: Receiver<Change>,
    settings: Arc<AgentSettings>,
    /// The folder of everything, where there is one.
    home: Option<PathBuf>,
    planner: Planner,
    desktop: Desktop,
    /// Something came, and when it is looked at.
    stirred: Option<Stirred>,
    /// When what is kept back may be told, in seconds since 1970.
    look_at: Option<i64>,
    /// What was given to a service that did not answer: it may show it yet.
    unsure: BTreeSet<NewsId>,
    /// It was said already that nothing can be shown.
    is_said: bool,
}

#[derive(Clone, Copy)]
struct Stirred {
    first: Instant,
    due: Instant,
}

impl Task {
    pub(super) fn new(store: Store, settings: Arc<AgentSettings>, home: Option<PathBuf>) -> Self {
        Self {
            changes: store.changes(),
            store,
            planner: Planner::new(settings.notify.clone()),
            settings,
            home,
            desktop: Desktop::default(),
            stirred: None,
            look_at: None,
            unsure: BTreeSet::new(),
            is_said: false,
        }
    }

    /// Until the store is gone or `stop`; then what stands on the desktop is taken away.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        self.look().await;
        loop {
            let nap = self.nap();
            tokio::select! {
                () = stop.cancelled() => return self.clear().await,
                change = self.changes.recv() => match change {
                    Ok(change) => self.heard(change),
                    Err(RecvError::Lagged(_)) => self.stir(),
                    Err(RecvError::Closed) => return,
                },
                sign = self.desktop.next() => self.signed(sign).await,
                () = sleep_until(nap.unwrap_or_else(Instant::now)), if nap.is_some() => {
                    self.look().await;
                }
            }
        }
    }

    /// Takes away what nobody would answer for any more: a button or a click on it would do nothing. What nobody has looked
    /// at yet is news for the next agent.
    async fn clear(mut self) {
        for (key, ids) in self.planner.standing() {
            if self.desktop.close(&key).await {
                let store = self.store.clone();
                let noted = spawn_blocking(move || store.note_untold(&ids)).await;
                if let Ok(Err(err)) = noted {
                    warn!(
                        error = &err as &dyn Error,
                        "what is to be told again could not be noted"
                    );
                }
            }
        }
    }

    /// When to look next; `None` when only something that happens wakes it.
    fn nap(&self) -> Option<Instant> {
        let kept_back = self.look_at.map(|at| {
            let wait = u64::try_from(at.saturating_sub(self.store.now())).unwrap_or(0);
            Instant::now() + Duration::from_secs(wait).min(NAP_MAX)
        });
        self.stirred.map(|stirred| stirred.due).into_iter().chain(kept_back).min()
    }

    fn heard(&mut self, change: Change) {
        match change {
            Change::Presence => {}
            // Cards and what is kept back are all that a visit alone can change: the clock has moved on.
            Change::Visit if self.look_at.is_none() => {}
            _ => self.stir(),
        }
    }

    fn stir(&mut self) {
        let now = Instant::now();
        let first = self.stirred.map_or(now, |stirred| stirred.first);
        self.stirred = Some(Stirred { first, due: (now + SETTLE).min(first + SETTLE_MAX) });
    }

    /// Brings the desktop up to what the store says now.
    async fn look(&mut self) {
        self.stirred = None;
        match self.plan() {
            Ok(plan) => self.carry_out(plan).await,
            Err(err) => warn!(error = &err as &dyn Error, "news could not be read"),
        }
    }

    fn plan(&mut self) -> Result<Plan, StoreError> {
        let reader = self.store.reader();
        let mut untold = reader.untold()?;
        untold.retain(|news| !self.unsure.contains(&news.id));
        let on_desktop = self.planner.on_desktop();
        let still = match on_desktop.is_empty() {
            true => BTreeSet::new(),
            false => reader.still_news(&on_desktop)?,
        };
        let speak = || Words::of_settings(&self.settings.window.language, &[]);
        let (now, zone) = (self.store.now(), TimeZone::system());
        let plan = self.planner.plan(now, &zone, untold, &still, speak);
        self.look_at = plan.look_at;
        Ok(plan)
    }

    async fn carry_out(&mut self, plan: Plan) {
        for key in &plan.close {
            self.desktop.close(key).await;
        }
        self.note_told(plan.passed_over.clone()).await;
        if plan.show.is_empty() {
            return;
        }
        match self.show_all(&plan.show).await {
            Ok(()) => {
                self.is_said = false;
                self.planner.caught_up(&plan);
            }
            Err(err) => {
                self.planner.missed();
                self.say_once(&err);
            }
        }
    }

    async fn show_all(&mut self, cards: &[Card]) -> Result<(), ShowError> {
        let abilities = self.desktop.ready().await?;
        // Calls are served in their order: with this answered, those before were served too.
        let unsure = std::mem::take(&mut self.unsure);
        self.note_told(unsure.into_iter().collect()).await;
        for card in cards {
            match self.show(card, abilities).await {
                Err(ShowError::Silent) => {
                    self.unsure.extend(card.fresh.iter().cloned());
                    return Err(ShowError::Silent);
                }
                shown => shown?,
            }
            self.note_told(card.fresh.clone()).await;
            self.planner.shown(card);
            debug!(key = ?card.key, news = card.fresh.len(), "shown");
        }
        Ok(())
    }

    async fn show(&mut self, card: &Card, abilities: Abilities) -> Result<(), ShowError> {
        let opens = !self.settings.notify.open_program.is_empty();
        self.desktop.show(card, abilities, opens).await
    }

    /// Without a service this is as it is: said once, until one could be used again.
    fn say_once(&mut self, err: &ShowError) {
        if std::mem::replace(&mut self.is_said, true) {
            return;
        }
        match err {
            ShowError::Absent(_) => info!(error = err as &dyn Error, "no notifications for now"),
            _ => warn!(error = err as &dyn Error, "no notifications for now"),
        }
    }

    async fn note_told(&self, ids: Vec<NewsId>) {
        if ids.is_empty() {
            return;
        }
        let store = self.store.clone();
        // It waits for the disk.
        let noted = spawn_blocking(move || store.note_told(&ids)).await;
        if let Ok(Err(err)) = noted {
            warn!(error = &err as &dyn Error, "what was told could not be noted");
        }
    }

    async fn signed(&mut self, sign: Sign) {
        match sign {
            Sign::Opened { key, token } => {
                let place = self.planner.place(&key);
                let home = self.home.as_deref();
                program::open(&self.settings.notify.open_program, place, home, &token);
            }
            Sign::Answered { key: Key::Request(id), accept } => {
                let key = Key::Request(id);
                if let Err(failure) = self.answer(id.to_string(), accept).await {
                    warn!(conversation = %id, failure = failure.words, "the request could not be answered");
                    let words = Words::of_settings(&self.settings.window.language, &[]);
                    let why = words.failure(&failure.code, &failure.words);
                    let card = Card::said(key, &words.say("notify-answer-lost"), &why, &words);
                    if let Ok(abilities) = self.desktop.ready().await
                        && let Err(err) = self.show(&card, abilities).await
                    {
                        self.say_once(&err);
                    }
                }
            }
            Sign::Answered { .. } => {}
            Sign::Closed { key } => {
                debug!(?key, "closed");
                self.planner.closed(&key);
            }
            Sign::Changed { is_there } => {
                self.planner.desktop_is_empty();
                self.planner.missed();
                self.unsure.clear();
                if is_there {
                    self.look().await;
                }
            }
        }
    }

    /// The same as `mailboat accept` and `mailboat decline`.
    async fn answer(&self, target: String, accept: bool) -> Result<(), Failure> {
        let order = if accept { Order::Accept { target } } else { Order::Decline { target } };
        let (store, settings) = (self.store.clone(), self.settings.clone());
        let work = spawn_blocking(move || carry_out(&store, &settings, order)).await;
        work.unwrap_or_else(|err| Err(Failure::chain("internal", &err))).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Clock, Options};

    const NOW: i64 = 1_800_000_000;

    /// A task that has its store in `dir`, and keeps something back until `look_at`.
    fn task(dir: &tempfile::TempDir, look_at: Option<i64>) -> Task {
        let options = Options { clock: Clock::by_hand(NOW).0, ..Options::default() };
        let store = Store::open(&dir.path().join("store.db"), options).unwrap();
        Task { look_at, ..Task::new(store, Arc::default(), None) }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_back_is_looked_at_when_it_may_be_told_and_the_clock_till_then() {
        for (look_at, nap) in [
            (None, None),
            (Some(NOW + 100), Some(100)),
            (Some(NOW - 5), Some(0)),
            (Some(NOW + 7 * 3_600), Some(900)),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let nap = nap.map(|seconds| Instant::now() + Duration::from_secs(seconds));
            assert_eq!(task(&dir, look_at).nap(), nap, "{look_at:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_visit_is_a_reason_to_look_only_where_something_is_kept_back() {
        for (look_at, nap) in [(None, None), (Some(NOW + 7 * 3_600), Some(Instant::now() + SETTLE))]
        {
            let dir = tempfile::tempdir().unwrap();
            let mut task = task(&dir, look_at);
            task.heard(Change::Presence);
            assert!(task.stirred.is_none());
            task.heard(Change::Visit);
            assert_eq!(task.nap(), nap, "{look_at:?}");
        }
    }
}
