//! The way out, as far as rules care.

use config::agent::Link;

use crate::link::state::{LinkState, Reach};

/// What is known of the link at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The name of its profile.
    pub profile: Option<String>,
    /// Whether bytes cost something; `None` where nobody knows.
    pub metered: Option<bool>,
    /// Somebody stands in the way who wants a login first: nothing is tried twice.
    pub is_portal: bool,
    /// Bytes that its profile allows a month.
    pub quota: Option<u64>,
}

impl Line {
    /// What the system and the user's profiles say together.
    #[must_use]
    pub fn of(state: &LinkState, profiles: &[Link]) -> Self {
        let profile = state.profile(profiles);
        Self {
            profile: profile.map(|profile| profile.name.clone()),
            metered: state.is_metered(profile),
            is_portal: state.up == Reach::Portal,
            quota: profile.and_then(|profile| profile.quota).map(config::Size::bytes),
        }
    }

    /// Whether a rule for these links holds. A link of which nobody knows whether it is metered counts as metered: a
    /// mistake then costs a call, not money.
    pub(crate) fn is_one_of(&self, links: &[String]) -> bool {
        let [any, metered, unmetered] = Link::CLASSES;
        links.iter().any(|link| {
            *link == any
                || (*link == metered && self.metered != Some(false))
                || (*link == unmetered && self.metered == Some(false))
                || self.profile.as_ref() == Some(link)
        })
    }
}
