//! What a rule's own link could not be used for: told once, not with every call.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    sync::OutcomeKind,
    visit::{Call, Report},
};

/// Rules whose calls do not come about, by label, with the reason.
#[derive(Debug, Default)]
pub(super) struct Trouble(BTreeMap<String, String>);

impl Trouble {
    /// Takes note of how a call went; gives the reason when the user has to be told of it.
    pub(super) fn note(&mut self, call: &Call, report: &Report) -> Option<String> {
        match &report.trouble {
            Some(why) => {
                let is_new = self.0.insert(call.rule.clone(), why.clone()).is_none();
                is_new.then(|| why.clone())
            }
            None => {
                if report.outcome.outcome != OutcomeKind::NoLink {
                    self.0.remove(&call.rule);
                }
                None
            }
        }
    }

    /// All of it, one line each.
    pub(super) fn all(&self) -> Vec<String> {
        self.0.iter().map(|(rule, why)| format!("{rule}: {why}")).collect()
    }
}

/// What the user is told.
pub(super) fn words(rule: &str, why: &str, next: Option<i64>, zone: &TimeZone) -> String {
    let next = next.and_then(|at| Timestamp::from_second(at).ok()).map_or_else(
        || "Nothing is lost; it is tried again when its rule says so".to_owned(),
        |at| {
            let at = at.to_zoned(zone.clone()).strftime("%a %-d %b %H:%M").to_string();
            format!("Nothing is lost; the next call is due {at}")
        },
    );
    format!(
        "A call of \"{rule}\" did not come about: {why}. {next}. You are told once; mailboat status shows whether it \
        still fails, and the agent's log what the program said."
    )
}
