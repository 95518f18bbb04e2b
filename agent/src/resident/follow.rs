//! The stream that shows what the agent does, for a window or a script: all of it first, then what changes.
//!
//! Only the newest state is kept. Who reads slowly misses steps in between, never the end of them, and costs nothing.

use std::{sync::Arc, time::Duration};

use config::Price;
use serde_json::{Map, Value, json};
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        watch,
    },
    time::{Instant, sleep_until},
};
use tracing::debug;

use super::{Carry, Resident};
use crate::{
    control::State,
    price::{self, Quote},
    store::{Change, Store, rfc3339},
    visit::Phase,
};

/// Between two looks at what goes on, where something happened …
const GAP: Duration = Duration::from_millis(250);
/// … and while a visit is made.
const TICK: Duration = Duration::from_secs(1);
/// The same of a line that is held: for hours nothing moves on it, and nobody is to be woken for that.
const LINE_TICK: Duration = Duration::from_secs(60);

/// Who follows, and what they were shown.
#[derive(Debug)]
pub(super) struct Follow {
    states: watch::Sender<State>,
    /// What the store tells, while somebody follows.
    changes: Option<Receiver<Change>>,
    shown_at: Option<Instant>,
    /// Something may have happened since.
    is_stale: bool,
    /// What a visit would cost. Worked out anew when something happened, because the requests are made for it.
    quote: Option<Quote>,
}

impl Follow {
    pub(super) fn new(states: watch::Sender<State>) -> Self {
        Self { states, changes: None, shown_at: None, is_stale: false, quote: None }
    }

    /// Waits until it is worth looking again, after `tick` if nothing happens; for ever while nobody follows. Cancel safe.
    pub(super) async fn stirs(&mut self, tick: Option<Duration>) {
        let Some(changes) = &mut self.changes else { return std::future::pending().await };
        let shown_at = self.shown_at.unwrap_or_else(Instant::now);
        if self.is_stale {
            return sleep_until(shown_at + GAP).await;
        }
        let tick = async {
            match tick {
                Some(tick) => sleep_until(shown_at + tick).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tick => {}
            change = changes.recv() => {
                self.quote = None;
                if let Err(RecvError::Closed) = change {
                    self.changes = None;
                }
            }
        }
    }

    /// Whether it is time to show what goes on.
    fn is_due(&mut self, store: &Store) -> bool {
        if self.states.receiver_count() == 0 {
            (self.changes, self.shown_at, self.quote) = (None, None, None);
            return false;
        }
        self.changes.get_or_insert_with(|| store.changes());
        self.is_stale = self.shown_at.is_some_and(|at| at.elapsed() < GAP);
        !self.is_stale
    }

    /// What a visit would cost has to be worked out anew.
    pub(super) fn price_anew(&mut self) {
        self.quote = None;
    }

    fn show(&mut self, state: Map<String, Value>) {
        self.shown_at = Some(Instant::now());
        let state = Arc::new(state);
        self.states.send_if_modified(|shown| {
            let is_news = is_news(shown, &state);
            *shown = state;
            is_news
        });
    }
}

impl Resident {
    /// Shows what goes on to who follows, if anybody does and it is time.
    pub(super) fn show_followers(&mut self) {
        if self.follow.is_due(&self.store) {
            self.price_visit();
            let state = self.whole_state();
            self.follow.show(state);
        }
    }

    /// While a visit is made nobody asks what one would cost.
    fn price_visit(&mut self) {
        if self.visit.is_some() {
            self.follow.quote = None;
        } else if self.follow.quote.is_none() {
            let is_here = self.visitor.relay_is_here();
            let quote =
                price::of_call(&self.store, &self.settings, Carry::All, &self.link_was, is_here);
            self.follow.quote =
                quote.inspect_err(|failure| debug!(%failure, "a visit could not be priced")).ok();
        }
    }

    /// After how long it is worth looking again, where nothing happens that is told.
    pub(super) fn tick(&self) -> Option<Duration> {
        self.visit.as_ref()?;
        Some(tick_of(self.visitor.look().phase))
    }

    /// The same for somebody who begins to follow: now.
    pub(super) fn show_newcomer(&mut self) {
        (self.follow.shown_at, self.follow.quote) = (None, None);
        self.show_followers();
    }

    fn whole_state(&self) -> Map<String, Value> {
        let (next, line) = (self.next_call(), self.line());
        let next = next.map(|next| {
            let rule = self.settings.connect.get(next.rule);
            let why = rule.and_then(|rule| rule.trigger()).map(|trigger| trigger.to_string());
            json!({
                "at": rfc3339(next.at).to_string(),
                "rule": self.label(next.rule),
                "why": why,
            })
        });
        let link = json!({
            "state": self.link_word(),
            "network": self.network(),
            "interface": self.link_was.interface,
            "connection": self.link_was.connection,
            "ssid": self.link_was.ssid,
            "profile": line.profile,
            "metered": line.metered,
        });
        let fields = [
            ("pid", json!(std::process::id())),
            ("link", link),
            ("next", json!(next)),
            ("not_now", json!(self.veto.as_ref().map(|veto| &veto.words))),
            ("not_now_cause", json!(self.veto.as_ref().and_then(|veto| veto.cause.as_ref()))),
            ("visit", self.visit_state()),
            ("waits", self.waits()),
            ("trouble", json!(self.trouble.all())),
        ];
        fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    fn visit_state(&self) -> Value {
        let Some(running) = &self.visit else { return Value::Null };
        let sight = self.visitor.look();
        json!({
            "rule": running.call.rule,
            "link": running.call.link,
            "is_line": running.is_live,
            "phase": sight.phase,
            "since": rfc3339(running.began_at).to_string(),
            "seconds": sight.seconds,
            "bytes_up": sight.bytes_up,
            "bytes_down": sight.bytes_down,
            "budget": running.call.budget.or(self.settings.sync.budget).map(config::Size::bytes),
            "received": self.arrived.count().saturating_sub(running.arrived_before),
            "stopping": running.end.is_cancelled(),
        })
    }

    /// What waits here and at the relay; `null` where the store cannot be read.
    fn waits(&self) -> Value {
        let Ok(counters) = self.store.reader().counters() else { return Value::Null };
        let profile = self.link_was.profile(&self.settings.link);
        let price = |bytes| {
            let profile = profile?;
            Some(amount(&profile.cost(bytes, 0)?, &profile.currency))
        };
        let quote = self.follow.quote.as_ref();
        let up = quote.map(|quote| quote.body_up);
        let visit = quote.map(|quote| {
            let price = quote.cost.as_ref().map(|cost| amount(cost, &quote.currency));
            json!({ "bytes": quote.bytes, "seconds": quote.seconds, "price": price })
        });
        let there = counters.waiting_there.bytes;
        json!({
            "here": {
                "count": counters.waiting_here,
                "held": counters.held_here,
                "refused": counters.refused,
                "bytes": up,
                "price": up.and_then(price),
            },
            "there": {
                "count": counters.waiting_there.count,
                "bytes": there,
                "by_kind": counters.waiting_there.by_kind,
                "price": price(there),
            },
            "visit": visit,
            "unread": counters.unread,
            "requests": counters.requests,
        })
    }
}

fn tick_of(phase: Phase) -> Duration {
    if phase == Phase::Holding { LINE_TICK } else { TICK }
}

/// Whether there is something to tell. That a line is held for longer is none.
fn is_news(shown: &Map<String, Value>, state: &Map<String, Value>) -> bool {
    if state.get("visit").is_none_or(|visit| visit["is_line"] != true) {
        return shown != state;
    }
    let untimed = |of: &Map<String, Value>| {
        let mut of = of.clone();
        if let Some(Value::Object(visit)) = of.get_mut("visit") {
            visit.remove("seconds");
        }
        of
    };
    untimed(shown) != untimed(state)
}

fn amount(price: &Price, currency: &str) -> Value {
    json!({ "amount": price.to_string(), "currency": currency })
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast;

    use super::*;

    fn state(visit: Value) -> Map<String, Value> {
        [("visit".to_owned(), visit)].into_iter().collect()
    }

    #[tokio::test]
    async fn that_a_line_is_held_for_longer_is_told_to_nobody_and_that_a_visit_lasts_is() {
        let (states, mut told) = watch::channel(State::default());
        let mut follow = Follow::new(states);
        let mut tells = |visit: Value| {
            follow.show(state(visit));
            told.has_changed().unwrap() && {
                told.mark_unchanged();
                true
            }
        };
        for (is_line, is_told) in [(true, false), (false, true)] {
            let visit = |seconds: u64, bytes: u64| json!({ "is_line": is_line, "seconds": seconds, "bytes_up": bytes });
            assert!(tells(visit(1, 100)));
            assert_eq!(tells(visit(2, 100)), is_told, "{is_line}");
            assert!(tells(visit(3, 101)));
        }
        assert!(tells(Value::Null));
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_is_held_is_looked_at_seldom_but_at_once_when_something_happens() {
        let (tell, changes) = broadcast::channel(4);
        let mut follow = Follow::new(watch::channel(State::default()).0);
        follow.changes = Some(changes);
        for (phase, seconds) in [(Phase::Exchanging, 1), (Phase::Holding, 60)] {
            let began = Instant::now();
            follow.shown_at = Some(began);
            follow.stirs(Some(tick_of(phase))).await;
            assert_eq!(began.elapsed().as_secs(), seconds);
        }
        let began = Instant::now();
        follow.shown_at = Some(began);
        tell.send(Change::Visit).unwrap();
        follow.stirs(Some(LINE_TICK)).await;
        assert_eq!(began.elapsed().as_secs(), 0);
        let never = tokio::time::timeout(Duration::from_secs(3_600), follow.stirs(None));
        assert!(never.await.is_err());
    }
}
