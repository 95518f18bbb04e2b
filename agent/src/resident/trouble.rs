//! What does not work: told once, not with every call.

use std::collections::BTreeMap;

use config::agent::Rule;
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use tracing::warn;

use crate::{
    control::TroubleKind,
    store::{Cause, Notice, Store, Told},
    sync::OutcomeKind,
    visit::{Call, Report},
};

/// What is no rule's matter stands under these names.
const LINK: &str = "this link";
const SETTINGS: &str = "settings";
const RELAY: &str = "the relay";
/// Where it comes from, as the store keeps it: a rule's calls, its hanging up, a login page.
const RULE: &str = "rule:";
const HANGUP: &str = "hangup:";
const PORTAL: &str = "portal";
const IMPOSTOR: &str = "impostor";

/// What can be done about it.
fn remedy(kind: TroubleKind) -> &'static str {
    match kind {
        TroubleKind::Dial => {
            "Run the dial program by hand; the agent's log says what it printed (log = \"info\")."
        }
        TroubleKind::Hangup => {
            "Run the hangup program by hand; the agent's log says what it printed (log = \"info\")."
        }
        TroubleKind::Line => {
            "A rule with every = \"1m\" in place of live = true does without a line that is held."
        }
        TroubleKind::Portal => "Open any page in a browser on this link and log in.",
        TroubleKind::Impostor => {
            "Ask who runs the relay, by another way than this link, for its key (mailboat-relay key); if it is another now: mailboat login URL NAME --fingerprint KEY."
        }
        TroubleKind::Settings => "Correct them and reload (SIGHUP): the settings from before hold.",
    }
}

/// One thing that does not work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Why {
    /// What it is about: a rule's label, `this link` or `settings`.
    pub(super) about: String,
    /// Of which kind it is, for whoever has words of his own.
    pub(super) kind: TroubleKind,
    /// What is wrong.
    pub(super) words: String,
    /// What those say, where that is known.
    pub(super) cause: Option<Cause>,
    /// What can be done.
    pub(super) remedy: &'static str,
}

impl Why {
    fn new(kind: TroubleKind, about: String, told: Told) -> Self {
        Self { about, kind, words: told.words, cause: told.cause, remedy: remedy(kind) }
    }
}

/// What does not work, by what it is about. It is kept in the store, so that an agent that is started again knows what the
/// user was told.
#[derive(Debug)]
pub(super) struct Trouble {
    store: Store,
    known: BTreeMap<String, Why>,
}

impl Trouble {
    /// What did not work when the agent ended, as far as it is about these rules or a link.
    pub(super) fn of(store: &Store, rules: &[Rule]) -> Self {
        let mut trouble = Self { store: store.clone(), known: BTreeMap::new() };
        let kept = store.reader().troubles().unwrap_or_else(|err| {
            warn!(error = %err, "what did not work cannot be read");
            Vec::new()
        });
        for kept in kept {
            let source = kept.source;
            let Some((about, kind)) = meaning(&source, rules) else { continue };
            trouble.known.insert(source, Why::new(kind, about, kept.told));
        }
        trouble
    }

    /// Takes note of how a call went; gives the reason when the user has to be told of it.
    pub(super) fn note(&mut self, call: &Call, report: &Report) -> Option<Told> {
        let source = format!("{RULE}{}", call.rule);
        match &report.trouble {
            Some(why) => {
                let kind = if call.dial.is_empty() { TroubleKind::Line } else { TroubleKind::Dial };
                self.add(&source, &call.rule, why, kind).then(|| why.clone())
            }
            None => {
                let kind = report.outcome.outcome;
                if !matches!(kind, OutcomeKind::NoLink | OutcomeKind::NotNow) {
                    self.remove(&source);
                }
                None
            }
        }
    }

    /// The same of how hanging up went.
    pub(super) fn note_hangup(&mut self, call: &Call, report: &Report) -> Option<Told> {
        let source = format!("{HANGUP}{}", call.rule);
        match report.hangup.as_ref()? {
            Err(why) => {
                let why = why.clone().and(": the link may still be up");
                self.add(&source, &call.rule, &why, TroubleKind::Hangup).then_some(why)
            }
            Ok(()) => {
                self.remove(&source);
                None
            }
        }
    }

    /// A login page stands before the relay; whether that is new.
    pub(super) fn portal(&mut self, why: &Told) -> bool {
        self.add(PORTAL, LINK, why, TroubleKind::Portal)
    }

    pub(super) fn portal_is_gone(&mut self) {
        self.remove(PORTAL);
    }

    /// Somebody did not show the relay's own key; whether that is new.
    pub(super) fn impostor(&mut self, why: &Told) -> bool {
        self.add(IMPOSTOR, RELAY, why, TroubleKind::Impostor)
    }

    pub(super) fn impostor_is_gone(&mut self) {
        self.remove(IMPOSTOR);
    }

    /// The settings were read again: `wrong` says what is wrong with them. Not kept: by wrong settings no agent starts.
    pub(super) fn settings(&mut self, wrong: Option<&str>) {
        let why =
            wrong.map(|words| Why::new(TroubleKind::Settings, SETTINGS.to_owned(), words.into()));
        match why {
            Some(why) => _ = self.known.insert(SETTINGS.to_owned(), why),
            None => _ = self.known.remove(SETTINGS),
        }
    }

    /// Forgets the rules that there are no more.
    pub(super) fn keep_rules(&mut self, rules: &[Rule]) {
        let is_gone = |source: &&String| *source != SETTINGS && meaning(source, rules).is_none();
        let gone: Vec<_> = self.known.keys().filter(is_gone).cloned().collect();
        gone.iter().for_each(|source| self.remove(source));
    }

    /// All of it, one line each.
    pub(super) fn lines(&self) -> Vec<String> {
        self.known.values().map(|why| format!("{}: {}", why.about, why.words)).collect()
    }

    /// All of it.
    pub(super) fn all(&self) -> Vec<&Why> {
        self.known.values().collect()
    }

    /// Gives whether the user has to be told.
    fn add(&mut self, source: &str, about: &str, told: &Told, kind: TroubleKind) -> bool {
        let why = Why::new(kind, about.to_owned(), told.clone());
        let before = self.known.insert(source.to_owned(), why.clone());
        if before.as_ref() == Some(&why) {
            return false;
        }
        let kept = self.store.trouble_told(source, told.clone());
        kept.unwrap_or_else(|err| {
            warn!(error = %err, "what does not work could not be kept");
            before.is_none()
        })
    }

    fn remove(&mut self, source: &str) {
        if self.known.remove(source).is_some()
            && let Err(err) = self.store.trouble_over(source)
        {
            warn!(error = %err, "that it works again could not be kept");
        }
    }
}

/// What a source of the store is about, and of which kind; `None` where that is over or not ours.
fn meaning(source: &str, rules: &[Rule]) -> Option<(String, TroubleKind)> {
    if source == PORTAL {
        return Some((LINK.to_owned(), TroubleKind::Portal));
    }
    if source == IMPOSTOR {
        return Some((RELAY.to_owned(), TroubleKind::Impostor));
    }
    let rule = |label: &str| {
        let mut labelled = rules.iter().enumerate();
        labelled.find(|(index, rule)| rule.label(*index) == label).map(|(_, rule)| rule)
    };
    if let Some(label) = source.strip_prefix(HANGUP) {
        return rule(label).map(|_| (label.to_owned(), TroubleKind::Hangup));
    }
    let label = source.strip_prefix(RULE)?;
    let rule = rule(label)?;
    Some((
        label.to_owned(),
        if rule.dial.is_empty() { TroubleKind::Line } else { TroubleKind::Dial },
    ))
}

/// What the user is told where the link of a rule's call was not taken down.
pub(super) fn hangup_notice(rule: &str, why: Told) -> (String, Notice) {
    let words = format!(
        "After a call of \"{rule}\" {}, and cost. Take it down by hand if so. You are told once; mailboat status shows \
        whether it still fails, and the agent's log says more.",
        why.words
    );
    (words, Notice::LinkLeftUp { rule: rule.to_owned(), why: why.cause, said: why.words })
}

/// What the user is told of a rule's call.
pub(super) fn call_notice(
    rule: &str,
    why: Told,
    next: Option<i64>,
    zone: &TimeZone,
) -> (String, Notice) {
    let due = next.and_then(|at| Timestamp::from_second(at).ok()).map_or_else(
        || "Nothing is lost; it is tried again when its rule says so".to_owned(),
        |at| {
            let at = at.to_zoned(zone.clone()).strftime("%a %-d %b %H:%M").to_string();
            format!("Nothing is lost; the next call is due {at}")
        },
    );
    let words = format!(
        "A call of \"{rule}\" did not come about: {}. {due}. You are told once; mailboat status shows whether it \
        still fails, and the agent's log says more.",
        why.words
    );
    (words, Notice::CallFailed { rule: rule.to_owned(), why: why.cause, said: why.words, next })
}

/// What the user is told of who did not show the relay's own key.
pub(super) fn impostor_notice(why: &Told) -> (String, Notice) {
    let said = why.words.trim_end_matches('.');
    let words = format!(
        "The relay could not be believed: {said}. You are told once; mailboat status shows whether it still is so."
    );
    (words, Notice::NotTheRelay { why: why.cause.clone(), said: why.words.clone() })
}

/// What the user is told of a login page.
pub(super) fn portal_notice(why: &Told) -> (String, Notice) {
    let said = why.words.trim_end_matches('.');
    let words = format!(
        "Something else answers in the relay's place on this link: {said}. Nothing is lost; the agent calls again when the \
        link changes, at the next time of a rule, in an hour, or when you say mailboat sync."
    );
    (words, Notice::LoginPage { why: why.cause.clone(), said: why.words.clone() })
}
