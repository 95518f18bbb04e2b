//! The link, as the resident agent follows it.

use std::time::Duration;

use tokio::{sync::watch, time::timeout};
use tracing::info;

use super::Resident;
use crate::{
    link::{
        monitor::{Monitor, Sources},
        state::{LinkState, Reach},
    },
    store::Told,
};

/// How long a single visit waits for what the system says of the link.
const LOOK_MAX: Duration = Duration::from_secs(2);
/// So long nobody calls again behind a login page, in seconds, unless something says that it may be gone.
const PORTAL_S: i64 = 60 * 60;

/// What the system tells of the link.
pub(super) struct LinkWatch {
    pub(super) state: watch::Receiver<LinkState>,
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
    pub(super) async fn start(sources: Sources) -> Self {
        let monitor = Monitor::start(sources).await;
        let (state, wakes) = (monitor.state(), monitor.wakes());
        Self { state, wakes, _source: LinkSource::Monitor(monitor) }
    }

    /// The same for one visit, which does not wait for a system that does not answer.
    pub(super) async fn look(sources: Sources) -> Self {
        timeout(LOOK_MAX, Self::start(sources)).await.unwrap_or_else(|_| Self::none())
    }

    fn none() -> Self {
        let (told, state) = watch::channel(LinkState::default());
        let (woke, wakes) = watch::channel(0);
        Self { state, wakes, _source: LinkSource::Nobody(told, woke) }
    }

    /// Waits for news; for ever where nobody tells any more.
    pub(super) async fn changed(&mut self) -> News {
        tokio::select! {
            Ok(()) = self.state.changed() => News::State,
            Ok(()) = self.wakes.changed() => News::Woke,
            else => std::future::pending().await,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    State,
    Woke,
}

/// Somebody who wants a login first answered in the relay's place, and the system does not know of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portal {
    /// Until when that holds, on the clock that nobody sets.
    pub(super) until: i64,
}

impl Resident {
    pub(super) fn look_at_link(&mut self) {
        self.link_was = self.link.state.borrow_and_update().clone();
    }

    /// A link that is there from the beginning came up, for whoever waits for that; so it did where nobody can tell.
    pub(super) fn begin_day(&mut self) {
        self.look_at_link();
        if matches!(self.link_was.up, Reach::Up | Reach::Unknown) {
            self.schedule.link_up(self.now(), &self.line());
        }
    }

    pub(super) fn link_changed(&mut self, news: News) {
        let is = self.link.state.borrow_and_update().clone();
        let was = std::mem::replace(&mut self.link_was, is);
        self.follow.price_anew();
        let woke = news == News::Woke && matches!(self.link_was.up, Reach::Up | Reach::Unknown);
        if woke || self.link_was.came_up_since(&was) {
            self.forget_portal();
            let (now, line) = (self.now(), self.line());
            info!(profile = line.profile, "link up");
            self.comes_up = true;
            self.schedule.look(now, &self.clocks.zone());
            self.schedule.link_up(now, &line);
            self.let_go_of_line();
        } else if self.link_was.up == Reach::Down {
            self.schedule.link_down();
        }
        if self.schedule.live_rule(&self.line()).is_none() {
            self.let_go_of_line();
        }
    }

    /// A line over a link that is gone, or that no rule allows any more, is not worth waiting for its end.
    pub(super) fn let_go_of_line(&mut self) {
        if let Some(running) = self.visit.as_mut().filter(|running| running.is_live) {
            running.gives_way = true;
            running.end.cancel();
        }
    }

    /// A login page answered: nobody knocks there again until something says that it may be gone.
    pub(super) fn note_portal(&mut self, why: &Told) {
        self.portal = Some(Portal { until: self.now().up.saturating_add(PORTAL_S) });
        if self.trouble.portal(why) {
            self.tell_user(super::trouble::portal_notice(why));
        }
    }

    pub(super) fn forget_portal(&mut self) {
        self.portal = None;
        self.trouble.portal_is_gone();
    }
}
