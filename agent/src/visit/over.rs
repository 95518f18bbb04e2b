//! The link that a visit goes over: what the user's profiles say of it, and what its quota leaves.

use config::{
    Price,
    agent::{Link, ProxyChoice},
};
use jiff::tz::TimeZone;
use tracing::warn;

use super::call::Call;
use crate::{
    link::state::{LinkState, Reach},
    quota::Quota,
    schedule::Line,
    store::{Reader, Told, VisitBegin},
};

/// What the ledger calls a link of which nobody knows the name.
pub(crate) const LINK_UNKNOWN: &str = "call";

/// A link, for one visit.
#[derive(Clone, Debug)]
pub(crate) struct Over {
    /// What the ledger calls it.
    pub(crate) name: String,
    pub(crate) metered: Option<bool>,
    pub(crate) profile: Option<Link>,
    pub(crate) quota: Option<Quota>,
}

impl Over {
    /// The link of `call`, which was `dialled` by now or needs no dialling. `now` is in seconds since 1970.
    pub(super) fn of(
        call: &Call,
        dialled: bool,
        state: &LinkState,
        profiles: &[Link],
        reader: &Reader,
        now: i64,
    ) -> Self {
        let line = if dialled && state.up != Reach::Unknown {
            Line::of(state, profiles)
        } else {
            Line { profile: call.link.clone(), metered: call.metered, ..Line::default() }
        };
        Self::known(&line, state, profiles, reader, now)
    }

    /// The link that `line` tells of.
    pub(crate) fn known(
        line: &Line,
        state: &LinkState,
        profiles: &[Link],
        reader: &Reader,
        now: i64,
    ) -> Self {
        let named = |name: &String| profiles.iter().find(|profile| profile.name == *name).cloned();
        let profile = line.profile.as_ref().and_then(named);
        let quota = profile.as_ref().and_then(|profile| quota_of(profile, reader, now));
        let name = line.profile.clone().or_else(|| state.interface.clone());
        let name = name.unwrap_or_else(|| LINK_UNKNOWN.to_owned());
        Self { name, metered: line.metered, profile, quota }
    }

    pub(super) fn begin(&self, call: &Call, live: bool) -> VisitBegin {
        let (link, rule) = (self.name.clone(), call.rule.clone());
        VisitBegin { link, metered: self.metered, rule, live }
    }

    /// Why there is no call over it, if so.
    pub(crate) fn refusal(&self, now: i64) -> Option<Told> {
        let quota = self.quota.as_ref().filter(|quota| quota.is_stopped())?;
        Some(quota.refusal(now, &TimeZone::system()))
    }

    /// Bytes of IP packets that its quota leaves.
    pub(crate) fn left(&self) -> Option<u64> {
        self.quota.as_ref().and_then(Quota::left)
    }

    /// What so many bytes of IP packets and seconds cost on it, and the currency.
    pub(crate) fn cost(&self, ip_bytes: u64, seconds: u64) -> (Option<Price>, String) {
        let cost = self.profile.as_ref().and_then(|profile| profile.cost(ip_bytes, seconds));
        let currency = self.profile.as_ref().filter(|_| cost.is_some());
        (cost, currency.map(|profile| profile.currency.clone()).unwrap_or_default())
    }

    /// How fast it is, in bits a second, where the user says so.
    pub(crate) fn rate(&self) -> Option<u64> {
        self.profile.as_ref()?.rate.map(config::Rate::bits_per_second)
    }

    pub(super) fn proxy(&self) -> Option<&ProxyChoice> {
        self.profile.as_ref()?.proxy.as_ref()
    }
}

/// The store is asked again soon: what cannot be read stops no call by itself.
pub(super) fn quota_of(profile: &Link, reader: &Reader, now: i64) -> Option<Quota> {
    Quota::of(profile, reader, now, &TimeZone::system()).unwrap_or_else(|err| {
        warn!(error = %err, "what was used of a quota is not known");
        None
    })
}

/// Why a call that dials its own link is not worth dialling: its rule names links whose quotas are all used up.
pub(super) fn all_stopped(
    links: &[String],
    profiles: &[Link],
    reader: &Reader,
    now: i64,
) -> Option<Told> {
    let mut why = None;
    for name in links {
        let profile = profiles.iter().find(|profile| profile.name == *name)?;
        let quota = quota_of(profile, reader, now).filter(Quota::is_stopped)?;
        why = Some(quota.refusal(now, &TimeZone::system()));
    }
    why
}

#[cfg(test)]
mod tests {
    use config::agent::QUOTA_LEAST;

    use super::*;
    use crate::store::{Options, Store, VisitBegin, VisitEnd};

    #[test]
    fn only_rules_all_of_whose_links_are_used_up_are_not_worth_dialling() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store.db"), Options::default()).unwrap();
        let profile = |name: &str, quota| Link { name: name.to_owned(), quota, ..Link::default() };
        let quota = Some(QUOTA_LEAST);
        let profiles = [profile("a", quota), profile("b", quota), profile("free", None)];
        let spend = |link: &str| {
            let begin = VisitBegin { link: link.to_owned(), ..VisitBegin::default() };
            let visit = store.begin_visit(begin).unwrap();
            let end = VisitEnd { ip_up: 20 << 10, outcome: "done", ..VisitEnd::default() };
            store.end_visit(visit, &end).unwrap();
        };
        let stopped = |links: &[&str]| {
            let links: Vec<_> = links.iter().map(|link| (*link).to_owned()).collect();
            all_stopped(&links, &profiles, store.reader(), store.now())
        };
        assert_eq!(stopped(&["a", "b"]), None);
        spend("a");
        assert!(stopped(&["a"]).is_some_and(|why| why.words.contains("--lift-quota a")));
        assert_eq!((stopped(&["a", "b"]), stopped(&["b", "a"])), (None, None));
        spend("b");
        assert!(stopped(&["a", "b"]).is_some());
        for links in [&["a", "free"][..], &["any"], &["a", "metered"], &[]] {
            assert_eq!(stopped(links), None, "{links:?}");
        }
    }

    #[test]
    fn a_call_goes_over_what_it_dialled_where_somebody_can_tell_what_that_is() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store.db"), Options::default()).unwrap();
        let modem = Link {
            name: "modem".to_owned(),
            interface: "ppp*".to_owned(),
            metered: Some(true),
            ..Link::default()
        };
        let call =
            Call { link: Some("office".to_owned()), metered: Some(false), ..Call::default() };
        for (dialled, up, name) in [
            (false, Reach::Up, "office"),
            (true, Reach::Up, "modem"),
            (true, Reach::Unknown, "office"),
        ] {
            let interface = (up == Reach::Up).then(|| "ppp0".to_owned());
            let state = LinkState { up, interface, ..LinkState::default() };
            let profiles = std::slice::from_ref(&modem);
            let over = Over::of(&call, dialled, &state, profiles, store.reader(), store.now());
            assert_eq!((&over.name[..], over.metered), (name, Some(name == "modem")));
        }
    }
}
