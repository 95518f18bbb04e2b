//! What a visit is to be: who asks for it, over which link, within which bounds.

use std::time::Duration;

use config::{
    Size,
    agent::{Priority, Rule},
};

use crate::{
    control::{Failure, Only},
    schedule::{Due, Scope},
    store::{OutboxId, OutboxState, Reader},
};

/// What a visit that somebody asks for carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Carry {
    /// Everything.
    #[default]
    All,
    /// What is urgent, and what changes conversations.
    Urgent,
    /// Up: these rows of the outbox, and what changes conversations. Down: nothing.
    Picked(Vec<OutboxId>),
    /// Nothing: the relay is asked what it keeps.
    Manifest,
}

impl Carry {
    /// What `--only` and `--pick` say together. Rows that are picked have to wait in the outbox and be free to go.
    ///
    /// # Errors
    /// What is wrong with them, or what the store says.
    pub fn of(reader: &Reader, only: Option<Only>, pick: &[String]) -> Result<Self, Failure> {
        match (only, pick) {
            // There is nothing but messages yet, and what concerns them.
            (None | Some(Only::Messages), []) => Ok(Self::All),
            (Some(Only::Urgent), []) => Ok(Self::Urgent),
            (Some(_), _) => Err(Failure::usage("either --only or --pick, not both")),
            (None, pick) => picked(reader, pick).map(Self::Picked),
        }
    }
}

fn picked(reader: &Reader, pick: &[String]) -> Result<Vec<OutboxId>, Failure> {
    let outbox = reader.outbox()?;
    let mut picked = Vec::with_capacity(pick.len());
    for written in pick {
        let row = outbox.iter().find(|row| row.id.to_string() == *written);
        match row.map(|row| row.state) {
            Some(OutboxState::Queued) => picked.extend(row.map(|row| row.id)),
            Some(OutboxState::Held) => {
                let words =
                    format!("{written} is held: let it go with mailboat outbox release {written}");
                return Err(Failure::new("held", words));
            }
            Some(_) => {
                let words = format!("{written} does not wait here any more: see mailboat outbox");
                return Err(Failure::new("not_waiting", words));
            }
            None => {
                let words = format!("\"{written}\" is not in the outbox: see mailboat outbox");
                return Err(Failure { code: "unknown_id".to_owned(), ..Failure::usage(words) });
            }
        }
    }
    Ok(picked)
}

/// A visit that somebody asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Bytes that it may cost; none for the settings' budget.
    pub budget: Option<Size>,
    /// What it carries.
    pub carry: Carry,
}

impl Wish {
    /// One visit for two who ask: it costs no more than either of them named.
    #[must_use]
    pub(crate) fn with(self, before: Option<Self>) -> Self {
        let Some(before) = before else { return self };
        let budget = before.budget.into_iter().chain(self.budget).min();
        Self { budget, ..before }
    }
}

/// One call, from dialling to hanging up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    /// The label of the rule that asks for it; empty where somebody did.
    pub(crate) rule: String,
    /// The name of the link profile that held when it began.
    pub(crate) link: Option<String>,
    /// Whether that link's bytes cost something; `None` where nobody knows.
    pub(crate) metered: Option<bool>,
    /// Bytes that it may cost at the socket, both directions; `None` for the settings' budget.
    pub(crate) budget: Option<Size>,
    /// Bytes that attempts which come to nothing may cost; `None` for no limit.
    pub(crate) waste: Option<u64>,
    /// An attempt before it in the same window cost something and failed: `waste` holds from the first byte on.
    pub(crate) counts_from_start: bool,
    /// How long it may last from the moment that the link was dialled.
    pub(crate) max_time: Option<Duration>,
    /// What it carries, as rules have it.
    pub(crate) scope: Scope,
    /// And as somebody has it who asks.
    pub(crate) carry: Carry,
    /// The links that it may use, where it dials its own; see [`Rule::links`].
    pub(crate) links: Vec<String>,
    /// Program and arguments that bring the link up; empty where it needs none.
    pub(crate) dial: Vec<String>,
    /// Program and arguments that take it down; empty where it needs none.
    pub(crate) hangup: Vec<String>,
    /// How long dialling and waiting for the relay may take.
    pub(crate) dial_timeout: Duration,
    /// How long hanging up may take.
    pub(crate) hangup_timeout: Duration,
    /// The link came up a moment ago: the relay is waited for before anything is sent.
    pub(crate) comes_up: bool,
    /// A fault of ours shall happen in the midst of it.
    #[cfg(test)]
    pub(crate) panics: bool,
    /// When the agent calls next, in seconds since 1970, for those who may know.
    pub(crate) next_call_at: Option<i64>,
}

impl Call {
    /// The call that `rule`, called `label`, asks for.
    #[must_use]
    pub(crate) fn of(rule: &Rule, label: String, due: &Due) -> Self {
        Self {
            budget: due.budget,
            waste: due.waste,
            counts_from_start: due.has_failed_at_a_cost,
            ..Self::for_rule(rule, label)
        }
    }

    /// The line that `rule`, called `label`, holds.
    #[must_use]
    pub(crate) fn for_rule(rule: &Rule, label: String) -> Self {
        Self {
            rule: label,
            max_time: rule.max_time.map(config::Span::duration),
            scope: Scope::of(rule),
            links: rule.links.clone(),
            dial: rule.dial.clone(),
            hangup: rule.hangup.clone(),
            dial_timeout: rule.dial_timeout.duration(),
            hangup_timeout: rule.hangup_timeout.duration(),
            ..Self::default()
        }
    }

    /// A call that somebody asked for, over whatever link there is.
    #[must_use]
    pub(crate) fn asked(wish: Wish) -> Self {
        let Wish { budget, carry } = wish;
        let min_priority =
            if carry == Carry::Urgent { Priority::Urgent } else { Priority::Ordinary };
        let scope = Scope { min_priority, ..Scope::default() };
        Self { budget, scope, carry, ..Self::default() }
    }

    /// Whether it does what no rule would be content with.
    #[must_use]
    pub(crate) fn is_partial(&self) -> bool {
        matches!(self.carry, Carry::Picked(_) | Carry::Manifest)
    }

    /// The same over the link of the profile with this name.
    #[must_use]
    pub(crate) fn over(self, profile: Option<String>, metered: Option<bool>) -> Self {
        Self { link: profile, metered, ..self }
    }
}
