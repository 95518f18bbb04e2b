//! What the system says of the way out, and which profile holds for it.

use config::{Rate, agent::Link};
use serde::Serialize;

/// On a link that is slower than this, in bits a second, 2,300 bytes take a seventh of a second and more: too long to go
/// unnoticed in each handshake.
pub(crate) const AMPLE_RATE: u64 = 128_000;

/// Whether anything outside can be reached, as far as the system knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Nobody here can tell: calls are made as if it were up.
    #[default]
    Unknown,
    /// No interface leads out.
    Down,
    /// One does.
    Up,
    /// One does, but a login page stands before it: calls would reach that page, not the relay.
    Portal,
}

/// What the system says of the way out. What it does not say is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
pub struct LinkState {
    /// Whether there is one.
    pub up: Reach,
    /// The network interface that leads out: `wlan0`.
    pub interface: Option<String>,
    /// NetworkManager's name of the connection.
    pub connection: Option<String>,
    /// The wireless network.
    pub ssid: Option<String>,
    /// Whether its bytes cost.
    pub metered: Option<bool>,
}

impl LinkState {
    /// The profile that holds: the first that matches, else the one without matchers.
    #[must_use]
    pub fn profile<'a>(&self, profiles: &'a [Link]) -> Option<&'a Link> {
        let matches = |profile: &&Link| {
            profile.matches(
                self.connection.as_deref(),
                self.ssid.as_deref(),
                self.interface.as_deref(),
            )
        };
        let default = || profiles.iter().find(|profile| profile.is_default());
        profiles.iter().find(matches).or_else(default)
    }

    /// Whether bytes cost: as `profile` says, else as the system says; `None` where neither does.
    #[must_use]
    pub fn is_metered(&self, profile: Option<&Link>) -> Option<bool> {
        profile.and_then(|profile| profile.metered).or(self.metered)
    }

    /// Whether bytes cost nothing, and hardly any time, as far as `profile` and the system say.
    #[must_use]
    pub fn is_ample(&self, profile: Option<&Link>) -> bool {
        let rate = profile.and_then(|profile| profile.rate).map(Rate::bits_per_second);
        let has_quota = profile.is_some_and(|profile| profile.quota.is_some());
        is_ample(self.is_metered(profile), rate) && !has_quota
    }

    /// Whether this leads out by another way than `before`, or leads out again: a link came up.
    #[must_use]
    pub fn came_up_since(&self, before: &Self) -> bool {
        let way =
            |state: &Self| (state.interface.clone(), state.connection.clone(), state.ssid.clone());
        self.up == Reach::Up && (before.up != Reach::Up || way(self) != way(before))
    }
}

/// Whether bytes cost nothing, and hardly any time at so many bits a second; a link of which no rate is known is quick.
pub(crate) fn is_ample(metered: Option<bool>, rate: Option<u64>) -> bool {
    metered == Some(false) && rate.is_none_or(|rate| AMPLE_RATE <= rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: &str, ssid: &str, metered: Option<bool>) -> Link {
        Link { name: name.to_owned(), ssid: ssid.to_owned(), metered, ..Link::default() }
    }

    fn wireless(ssid: &str, metered: Option<bool>) -> LinkState {
        LinkState {
            up: Reach::Up,
            interface: Some("wlan0".to_owned()),
            connection: Some("Home".to_owned()),
            ssid: Some(ssid.to_owned()),
            metered,
        }
    }

    #[test]
    fn the_first_profile_that_matches_holds_and_the_default_where_none_does() {
        let profiles =
            [profile("rest", "", None), profile("cafe", "caf*", None), profile("all", "*", None)];
        let holds = |state: &LinkState| state.profile(&profiles).map(|profile| &*profile.name);
        assert_eq!(holds(&wireless("cafe3", None)), Some("cafe"));
        assert_eq!(holds(&wireless("fritz", None)), Some("all"));
        assert_eq!(holds(&LinkState::default()), Some("rest"));
        assert_eq!(LinkState::default().profile(&profiles[1..]), None);
    }

    #[test]
    fn the_profile_knows_better_than_the_system_whether_bytes_cost() {
        let state = wireless("x", Some(true));
        assert_eq!(state.is_metered(None), Some(true));
        assert_eq!(state.is_metered(Some(&profile("a", "", None))), Some(true));
        assert_eq!(state.is_metered(Some(&profile("a", "", Some(false)))), Some(false));
        assert_eq!(LinkState::default().is_metered(None), None);
    }

    #[test]
    fn bytes_are_ample_where_they_are_known_to_cost_neither_money_nor_time() {
        let rate = |written: &str| Some(written.parse().unwrap());
        let (free, dear) = (Some(false), Some(true));
        let home = profile("home", "", free);
        assert!(wireless("x", free).is_ample(None) && wireless("x", dear).is_ample(Some(&home)));
        for metered in [dear, None] {
            assert!(!wireless("x", metered).is_ample(None));
            assert!(!wireless("x", metered).is_ample(Some(&profile("a", "", None))));
        }
        assert!(!wireless("x", free).is_ample(Some(&profile("a", "", dear))));
        let quota = Some(config::Size::from_kib(1 << 20));
        assert!(!wireless("x", free).is_ample(Some(&Link { quota, ..home.clone() })));
        for (written, expected) in
            [("2400 bit/s", false), ("127 kbit/s", false), ("128 kbit/s", true)]
        {
            let link = Link { rate: rate(written), ..home.clone() };
            assert_eq!(wireless("x", free).is_ample(Some(&link)), expected, "{written}");
        }
    }

    #[test]
    fn a_link_comes_up_when_it_was_down_or_is_another() {
        let (home, cafe) = (wireless("fritz", None), wireless("cafe", None));
        let down = LinkState::default();
        assert!(home.came_up_since(&down) && cafe.came_up_since(&home));
        assert!(!home.came_up_since(&wireless("fritz", Some(true))) && !down.came_up_since(&home));
    }
}
