//! The timetable: its rules, and the form for one of them with the calls that it comes to.

mod view;

use config::{
    Size, Span,
    agent::{Cron, Rule, Trigger, When, check_budget},
    edit::Change,
};

use super::{Action, Settings};
use crate::{
    door::Door,
    screen::calls::{self, Days},
};

/// What starts a rule's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Times,
    Every,
    Live,
    LinkUp,
    Urgent,
    Cron,
}

/// One rule while it is edited.
#[derive(Clone, Debug)]
pub(super) struct RuleForm {
    /// Its number in the file; none for a new one.
    index: Option<usize>,
    /// What the form does not show stays as it was.
    base: Rule,
    name: String,
    kind: Kind,
    times: String,
    days: Days,
    every: String,
    cron: String,
    links: Vec<String>,
    budget: String,
}

/// What happens in it.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    AddPressed,
    EditPressed(usize),
    NameTyped(String),
    KindChosen(Kind),
    TimesTyped(String),
    DaysChosen(Days),
    EveryTyped(String),
    CronTyped(String),
    LinkPressed(String),
    BudgetTyped(String),
    SavePressed,
    RemovePressed,
    CancelPressed,
}

fn said(message: Message) -> super::Message {
    super::Message::Rule(message)
}

impl RuleForm {
    fn of(index: Option<usize>, rule: &Rule) -> Self {
        let new = Self {
            index,
            base: rule.clone(),
            name: rule.name.clone(),
            kind: Kind::Times,
            times: "08:30, 18:30".to_owned(),
            days: Days::Every,
            every: "15m".to_owned(),
            cron: "*/30 8-20 * * Mon-Fri".to_owned(),
            links: rule.links.clone(),
            budget: rule.budget.map(|budget| budget.to_string()).unwrap_or_default(),
        };
        match rule.trigger() {
            None => new,
            Some(Trigger::Live) => Self { kind: Kind::Live, ..new },
            Some(Trigger::When(When::LinkUp)) => Self { kind: Kind::LinkUp, ..new },
            Some(Trigger::When(When::UrgentQueued)) => Self { kind: Kind::Urgent, ..new },
            Some(Trigger::Every(every)) => {
                Self { kind: Kind::Every, every: every.to_string(), ..new }
            }
            Some(Trigger::Cron(cron)) => match calls::times(cron) {
                Some((times, days)) => Self { times, days, ..new },
                None => Self { kind: Kind::Cron, cron: cron.to_string(), ..new },
            },
        }
    }

    fn every(&self) -> Option<Span> {
        let every: Span = self.every.trim().parse().ok()?;
        (Span::from_seconds(1)..=Span::from_days(366)).contains(&every).then_some(every)
    }

    fn budget(&self) -> Result<Option<Size>, ()> {
        let written = self.budget.trim();
        if written.is_empty() || self.kind == Kind::Live {
            return Ok(None);
        }
        let budget = Some(written.parse().map_err(|_| ())?);
        check_budget("", budget).map(|()| budget).map_err(|_| ())
    }

    /// What it comes to: one rule, or one for each minute of the hour. `None` while something is wrong.
    fn rules(&self) -> Option<Vec<Rule>> {
        if self.links.is_empty() {
            return None;
        }
        let base = Rule {
            name: self.name.trim().to_owned(),
            cron: None,
            every: None,
            when: None,
            live: false,
            links: self.links.clone(),
            budget: self.budget().ok()?,
            ..self.base.clone()
        };
        // Said of the times of cron only.
        let timeless = Rule { make_up: None, ..base.clone() };
        let of_cron = |cron| Rule { cron: Some(cron), ..base.clone() };
        Some(match self.kind {
            Kind::Times => calls::crons(&self.times, self.days)?.into_iter().map(of_cron).collect(),
            Kind::Cron => vec![of_cron(self.cron.parse::<Cron>().ok()?)],
            Kind::Every => vec![Rule { every: Some(self.every()?), ..timeless }],
            Kind::LinkUp => vec![Rule { when: Some(When::LinkUp), ..timeless }],
            Kind::Urgent => vec![Rule { when: Some(When::UrgentQueued), ..timeless }],
            // A line that is held knows none of the bounds of a visit.
            Kind::Live => vec![Rule {
                name: base.name,
                links: base.links,
                dial: base.dial,
                hangup: base.hangup,
                dial_timeout: base.dial_timeout,
                hangup_timeout: base.hangup_timeout,
                ..Rule::live()
            }],
        })
    }

    pub(super) fn changes(&self) -> Option<Vec<Change>> {
        let rules = self.rules()?.into_iter().enumerate();
        let change = |(nth, rule): (usize, Rule)| match (nth, self.index) {
            (0, Some(index)) => Change::SetRule(index, rule),
            _ => Change::AddRule(rule),
        };
        Some(rules.map(change).collect())
    }
}

impl Settings {
    pub(super) fn rule_update(&mut self, message: Message, door: &Door) -> Action {
        let rules = self.known.as_ref().map_or(&[][..], |known| &known.connect);
        match message {
            Message::AddPressed => self.rule = Some(RuleForm::of(None, &Rule::default())),
            Message::EditPressed(index) => {
                self.rule = rules.get(index).map(|rule| RuleForm::of(Some(index), rule));
            }
            Message::CancelPressed => (self.rule, self.error) = (None, None),
            Message::SavePressed => {
                if let Some(changes) = self.rule.as_ref().and_then(RuleForm::changes) {
                    return self.save(changes, door);
                }
            }
            Message::RemovePressed => {
                if let Some(index) = self.rule.as_ref().and_then(|rule| rule.index) {
                    return self.save(vec![Change::RemoveRule(index)], door);
                }
            }
            message => {
                if let Some(form) = &mut self.rule {
                    form.typed(message);
                }
            }
        }
        Action::None
    }
}

impl RuleForm {
    fn typed(&mut self, message: Message) {
        match message {
            Message::NameTyped(name) => self.name = name,
            Message::KindChosen(kind) => self.kind = kind,
            Message::TimesTyped(times) => self.times = times,
            Message::DaysChosen(days) => self.days = days,
            Message::EveryTyped(every) => self.every = every,
            Message::CronTyped(cron) => self.cron = cron,
            Message::BudgetTyped(budget) => self.budget = budget,
            Message::LinkPressed(link) => self.link_pressed(link),
            _ => {}
        }
    }

    /// "Any" says all there is to say; whatever else is chosen takes its place.
    fn link_pressed(&mut self, link: String) {
        let was_on = self.links.contains(&link);
        if link == "any" {
            self.links.clear();
        }
        self.links.retain(|other| *other != link && other != "any");
        if !was_on {
            self.links.push(link);
        }
    }
}
