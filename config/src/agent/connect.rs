//! The `[[connect]]` rules: when the agent calls by itself, over which links, at what cost.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Link, check_budget, cron::Cron};
use crate::{
    check::{self, Invalid, within},
    nearest::nearest,
    size::Size,
    span::Span,
};

/// The remedy where a rule says not when.
const TRIGGERS: &str = "cron = \"30 8 * * *\", every = \"15m\", when = \"link-up\", when = \"urgent-queued\" or live = true";

/// One rule. It has exactly one trigger: `cron`, `every`, `when` or `live`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// What the rule is called in lists and the log; empty for its number.
    pub name: String,
    /// Calls at these times, local time.
    #[serde(with = "crate::optional")]
    pub cron: Option<Cron>,
    /// Calls this often, from the beginning of one visit to the next; 1 s to 366 days.
    #[serde(with = "crate::optional")]
    pub every: Option<Span>,
    /// Calls when this happens.
    #[serde(with = "crate::optional")]
    pub when: Option<When>,
    /// Holds the line.
    pub live: bool,
    /// The links that it holds for: names of profiles, or classes ([`Link::CLASSES`]).
    pub links: Vec<String>,
    /// Program and arguments that bring the link up before a visit; none where it needs none.
    pub dial: Vec<String>,
    /// Program and arguments that take it down afterwards, whatever happened; none where it needs none.
    pub hangup: Vec<String>,
    /// How long `dial`, and waiting for the relay to answer after it, may take; 1 s to 1 h.
    pub dial_timeout: Span,
    /// How long `hangup` may take; 1 s to 1 h.
    pub hangup_timeout: Span,
    /// Bytes that one visit of this rule may cost; none for the budget in `[sync]`.
    #[serde(with = "crate::optional")]
    pub budget: Option<Size>,
    /// A visit ends after this, from the moment that the link was dialled; 1 s to 7 days; none for no limit.
    #[serde(with = "crate::optional")]
    pub max_time: Option<Span>,
    /// What a visit carries.
    pub direction: Direction,
    /// Messages less urgent than this stay where they are, here and at the relay.
    pub min_priority: Priority,
    /// Each call is put off by a random time up to this.
    pub jitter: Span,
    /// A call that was missed because the computer slept is made up if it is no later than this; none for however late.
    #[serde(with = "crate::optional")]
    pub make_up: Option<Span>,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            name: String::new(),
            cron: None,
            every: None,
            when: None,
            live: false,
            links: vec!["any".to_owned()],
            dial: Vec::new(),
            hangup: Vec::new(),
            dial_timeout: Span::from_minutes(2),
            hangup_timeout: Span::from_seconds(30),
            budget: None,
            max_time: None,
            direction: Direction::Both,
            min_priority: Priority::Ordinary,
            jitter: Span::from_seconds(0),
            make_up: None,
        }
    }
}

/// What starts a visit beside the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// A link came up, or the computer woke with one.
    LinkUp,
    /// An urgent message was queued.
    UrgentQueued,
}

/// What is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is nothing to wait for; write \"link-up\" or \"urgent-queued\"")]
pub struct WhenError(String);

impl FromStr for When {
    type Err = WhenError;

    fn from_str(written: &str) -> Result<Self, WhenError> {
        match written {
            "link-up" => Ok(Self::LinkUp),
            "urgent-queued" => Ok(Self::UrgentQueued),
            other => Err(WhenError(other.to_owned())),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LinkUp => "link-up",
            Self::UrgentQueued => "urgent-queued",
        })
    }
}

/// What a visit carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Whatever waits, here and there.
    #[default]
    Both,
    /// Only what waits here; of what waits there its size is told.
    Up,
    /// Only what waits there, and what was read here.
    Down,
}

/// Classes of messages.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Every message.
    #[default]
    Ordinary,
    /// Those that were sent as urgent.
    Urgent,
}

/// When a rule calls: its one trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger<'r> {
    /// At these times.
    Cron(&'r Cron),
    /// This often.
    Every(Span),
    /// When this happens.
    When(When),
    /// It holds the line.
    Live,
}

impl fmt::Display for Trigger<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(cron) => write!(f, "cron = \"{cron}\""),
            Self::Every(every) => write!(f, "every = \"{every}\""),
            Self::When(when) => write!(f, "when = \"{when}\""),
            Self::Live => f.write_str("live = true"),
        }
    }
}

impl Rule {
    /// A rule that calls this often.
    pub fn every(every: Span) -> Self {
        Self { every: Some(every), ..Self::default() }
    }

    /// A rule that holds the line.
    pub fn live() -> Self {
        Self { live: true, ..Self::default() }
    }

    /// Its trigger; `None` only for a rule that was not checked.
    #[must_use]
    pub fn trigger(&self) -> Option<Trigger<'_>> {
        None.or(self.cron.as_ref().map(Trigger::Cron))
            .or(self.every.map(Trigger::Every))
            .or(self.when.map(Trigger::When))
            .or(self.live.then_some(Trigger::Live))
    }

    /// What the `index`th rule, counted from 0, is called.
    #[must_use]
    pub fn label(&self, index: usize) -> String {
        if self.name.is_empty() { format!("rule {}", index + 1) } else { self.name.clone() }
    }

    /// `profiles` are the names of all link profiles.
    pub(super) fn check(&self, index: usize, profiles: &[&str]) -> Result<(), Invalid> {
        let path = |key: &str| format!("connect.{index}.{key}");
        self.check_trigger(index)?;
        if self.live {
            self.check_live(index)?;
        }
        if let Some(every) = self.every {
            within(&path("every"), &every, &(Span::from_seconds(1)..=Span::from_days(366)))?;
        }
        self.check_links(index, profiles)?;
        for (key, program) in [("dial", &self.dial), ("hangup", &self.hangup)] {
            check::program(&path(key), program, "it with its arguments: [\"pon\", \"provider\"]")?;
        }
        for (key, span) in
            [("dial_timeout", &self.dial_timeout), ("hangup_timeout", &self.hangup_timeout)]
        {
            within(&path(key), span, &(Span::from_seconds(1)..=Span::from_minutes(60)))?;
        }
        if let Some(max_time) = &self.max_time {
            within(&path("max_time"), max_time, &(Span::from_seconds(1)..=Span::from_days(7)))?;
        }
        let longest = self.every.unwrap_or(Span::from_days(1));
        within(&path("jitter"), &self.jitter, &(Span::from_seconds(0)..=longest))?;
        if self.make_up.is_some() && self.cron.is_none() {
            let problem = "says how late a call of cron may be; remove it, or use cron";
            return Err(Invalid::new(path("make_up"), problem));
        }
        check_budget(&path("budget"), self.budget)
    }

    fn check_trigger(&self, index: usize) -> Result<(), Invalid> {
        let given = [
            ("cron", self.cron.is_some()),
            ("every", self.every.is_some()),
            ("when", self.when.is_some()),
            ("live", self.live),
        ];
        let mut given = given.iter().filter(|(_, is)| *is).map(|(key, _)| *key);
        let Some(first) = given.next() else {
            let problem = format!("says not when to call; write {TRIGGERS}");
            return Err(Invalid::new(format!("connect.{index}"), problem));
        };
        match given.next() {
            None => Ok(()),
            Some(second) => Err(Invalid::new(
                format!("connect.{index}.{second}"),
                format!("stands beside {first}; write two [[connect]] rules, one for each"),
            )),
        }
    }

    /// What bounds a visit means nothing to a line that is held.
    fn check_live(&self, index: usize) -> Result<(), Invalid> {
        let given = [
            ("budget", self.budget.is_some()),
            ("max_time", self.max_time.is_some()),
            ("direction", self.direction != Direction::Both),
            ("min_priority", self.min_priority != Priority::Ordinary),
            ("jitter", self.jitter != Span::from_seconds(0)),
        ];
        given.iter().find(|(_, is)| *is).map_or(Ok(()), |(key, _)| {
            let problem =
                "limits a visit, but a line that is held has none; remove it, or use every";
            Err(Invalid::new(format!("connect.{index}.{key}"), problem))
        })
    }

    fn check_links(&self, index: usize, profiles: &[&str]) -> Result<(), Invalid> {
        let path = format!("connect.{index}.links");
        if self.links.is_empty() {
            let problem = "names no link, so it would never call; write [\"any\"]";
            return Err(Invalid::new(path, problem));
        }
        let known: Vec<&str> = Link::CLASSES.iter().chain(profiles).copied().collect();
        let strange = self.links.iter().find(|link| !known.contains(&link.as_str()));
        strange.map_or(Ok(()), |link| {
            let hint = match nearest(link, known.iter().copied()) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => {
                    format!("known are {}; a [[link]] of that name makes it one", known.join(", "))
                }
            };
            Err(Invalid::new(path, format!("\"{link}\" is no link; {hint}")))
        })
    }
}
