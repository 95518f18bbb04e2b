//! What a call would cost, as the agent works it out (`price` of `docs/control.md`).

use agent::control::{Only, Order};
use config::Price;
use serde::Deserialize;
use serde_json::Value;

use crate::{desk::Desk, words::Words};

/// A price before the call. What is missing is as if nobody knew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Quote {
    /// Own items that would go.
    pub(crate) items: u64,
    /// Bytes of the requests that carry them.
    pub(crate) body_up: u64,
    /// Bytes of the answers, at most.
    pub(crate) body_down: u64,
    /// Bytes at the socket, at most: what a budget would have to allow.
    pub(crate) bytes: u64,
    /// How long they take at the link's rate.
    pub(crate) seconds: Option<u64>,
    /// In money, by the link's tariff.
    pub(crate) cost: Option<Price>,
    pub(crate) currency: String,
}

impl Quote {
    /// Reads the agent's answer.
    pub(crate) fn of(answer: &Value) -> Option<Self> {
        Self::deserialize(answer).ok()
    }

    /// `≈ 38.2 KB · 11 s · 0.04 €`, as far as it is known.
    pub(crate) fn told(&self, words: &Words) -> String {
        let bytes = words.bytes(self.bytes);
        let time = self.seconds.map(|seconds| words.span(seconds));
        let money = self.cost.map(|cost| words.money(cost, &self.currency));
        let parts: Vec<String> = [Some(bytes), time, money].into_iter().flatten().collect();
        format!("≈ {}", parts.join(" · "))
    }
}

/// What a quote was made for: with anything else another one is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Basis {
    only: Option<Only>,
    here: u64,
    there: (u64, u64),
    link: String,
    last_visit: Option<i64>,
}

impl Basis {
    /// What there is to price now; `None` where nobody could, or a visit is under way.
    pub(crate) fn of(desk: &Desk, only: Option<Only>) -> Option<Self> {
        let does = desk.does()?;
        let is_visiting = does.visit.as_ref().is_some_and(|visit| !visit.is_line);
        if is_visiting {
            return None;
        }
        let waits = does.waits.clone().unwrap_or_default();
        let last_visit =
            desk.known.counters.as_ref().and_then(|counters| counters.last_visit.as_ref());
        let link = [&does.link.profile, &does.link.interface]
            .map(|name| name.as_deref().unwrap_or_default());
        Some(Self {
            only,
            here: waits.here.count,
            there: (waits.there.count, waits.there.bytes),
            link: link.join("/"),
            last_visit: last_visit.map(|visit| visit.start),
        })
    }

    /// Whether anything waits, here or there.
    pub(crate) fn is_something(&self) -> bool {
        0 < self.here || 0 < self.there.0
    }

    /// What to ask the agent. No byte moves for it.
    pub(crate) fn order(&self) -> Order {
        Order::Price { ask: false, only: self.only, pick: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_quote_tells_what_is_known_of_it() {
        let en = Words::of("en", TimeZone::UTC);
        let all = json!({ "bytes": 38_200, "seconds": 11, "cost": "0.04", "currency": "EUR", "later": [] });
        assert_eq!(Quote::of(&all).unwrap().told(&en), "≈ 38.2 KB · 11 s · 0.04 €");
        assert_eq!(Quote::of(&json!({ "bytes": 900 })).unwrap().told(&en), "≈ 900 B");
        assert_eq!(Quote::of(&json!({ "bytes": "many" })), None);
    }
}
