//! What does not work: told once, not with every call.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use crate::{
    sync::OutcomeKind,
    visit::{Call, Report},
};

/// What is no rule's matter stands under these names.
const LINK: &str = "this link";
const SETTINGS: &str = "settings";
/// What can be done about it.
const DIAL_REMEDY: &str =
    "Run the dial program by hand; the agent's log says what it printed (log = \"info\").";
const LINE_REMEDY: &str =
    "A rule with every = \"1m\" in place of live = true does without a line that is held.";
const LINK_REMEDY: &str = "Open any page in a browser on this link and log in.";
const SETTINGS_REMEDY: &str = "Correct them and reload (SIGHUP): the settings from before hold.";

/// One thing that does not work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Why {
    /// What it is about: a rule's label, `this link` or `settings`.
    pub(super) about: String,
    /// What is wrong.
    pub(super) words: String,
    /// What can be done.
    pub(super) remedy: &'static str,
}

/// What does not work, by what it is about.
#[derive(Debug, Default)]
pub(super) struct Trouble(BTreeMap<String, Why>);

impl Trouble {
    /// Takes note of how a call went; gives the reason when the user has to be told of it.
    pub(super) fn note(&mut self, call: &Call, report: &Report) -> Option<String> {
        match &report.trouble {
            Some(why) => {
                let remedy = if call.dial.is_empty() { LINE_REMEDY } else { DIAL_REMEDY };
                self.add(&call.rule, why, remedy).then(|| why.clone())
            }
            None => {
                let kind = report.outcome.outcome;
                if !matches!(kind, OutcomeKind::NoLink | OutcomeKind::NotNow) {
                    self.0.remove(&call.rule);
                }
                None
            }
        }
    }

    /// A login page stands before the relay; whether that is new.
    pub(super) fn portal(&mut self, words: &str) -> bool {
        self.add(LINK, words, LINK_REMEDY)
    }

    pub(super) fn portal_is_gone(&mut self) {
        self.0.remove(LINK);
    }

    /// The settings were read again: `wrong` says what is wrong with them.
    pub(super) fn settings(&mut self, wrong: Option<&str>) {
        match wrong {
            Some(words) => _ = self.add(SETTINGS, words, SETTINGS_REMEDY),
            None => _ = self.0.remove(SETTINGS),
        }
    }

    /// Forgets the rules that there are no more.
    pub(super) fn keep_rules(&mut self, labels: &[String]) {
        self.0.retain(|about, _| about == LINK || about == SETTINGS || labels.contains(about));
    }

    /// All of it, one line each.
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.values().map(|why| format!("{}: {}", why.about, why.words)).collect()
    }

    /// All of it.
    pub(super) fn all(&self) -> Vec<&Why> {
        self.0.values().collect()
    }

    fn add(&mut self, about: &str, words: &str, remedy: &'static str) -> bool {
        let why = Why { about: about.to_owned(), words: words.to_owned(), remedy };
        self.0.insert(about.to_owned(), why).is_none()
    }
}

/// What the user is told of a rule's call.
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
        still fails, and the agent's log says more."
    )
}

/// What the user is told of a login page.
pub(super) fn portal_words(why: &str) -> String {
    let why = why.trim_end_matches('.');
    format!(
        "Something else answers in the relay's place on this link: {why}. Nothing is lost; the agent calls again when the \
        link changes, at the next time of a rule, in an hour, or when you say mailboat sync."
    )
}
