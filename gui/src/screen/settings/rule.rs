//! The timetable: its rules, and the form for one of them with the calls that it comes to.

use config::{
    AgentSettings, Size, Span,
    agent::{Cron, Link, Rule, Trigger, When, check_budget},
    edit::Change,
};
use iced::{
    Length,
    widget::{Column, column, container, row, space},
};

use super::{Action, Settings, list_row};
use crate::{
    door::Door,
    screen::{
        Cx,
        calls::{self, Days},
    },
    theme::{space as gap, styles},
    widget::{Element, body, form, hint, press},
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

    fn view<'a>(&'a self, cx: Cx<'a>, links: &'a [Link]) -> Element<'a, super::Message> {
        let say = |key: &str| cx.words.say(key);
        let kinds = [
            (Kind::Times, say("rule-kind-times")),
            (Kind::Every, say("rule-kind-every")),
            (Kind::Live, say("rule-kind-live")),
            (Kind::LinkUp, say("rule-kind-link-up")),
            (Kind::Urgent, say("rule-kind-urgent")),
            (Kind::Cron, say("rule-kind-cron")),
        ];
        let kinds = form::choice("kind", kinds, self.kind, |kind| said(Message::KindChosen(kind)));
        let mut lines =
            Column::new().spacing(gap::AROUND).push(form::group(say("rule-when"), [kinds]));
        lines = lines.extend(self.trigger(cx));
        let classes = ["any", "unmetered", "metered"].into_iter();
        let names = classes.chain(links.iter().map(|link| link.name.as_str()));
        let ticks = names.map(|name| {
            let is_on = self.links.iter().any(|link| link == name);
            let shown = calls::link_words(cx, &[name.to_owned()]);
            (shown, is_on, said(Message::LinkPressed(name.to_owned())))
        });
        let mut over = vec![form::ticks("over", ticks)];
        if self.links.is_empty() {
            over.push(form::wrong(say("rule-no-link")));
        }
        lines = lines.push(form::group(say("rule-links"), over));
        if self.kind != Kind::Live {
            let typed = |typed| said(Message::BudgetTyped(typed));
            let budget = form::field("budget", say("rule-budget"), &self.budget, typed)
                .such_as(cx.words, "200 KiB")
                .help(say("rule-budget-help"))
                .wrong(self.budget().is_err().then(|| say("rule-budget-bad")))
                .on_submit(said(Message::SavePressed));
            lines = lines.push(Element::from(budget));
        }
        let name = form::field("rule-name", say("rule-name"), &self.name, |typed| {
            said(Message::NameTyped(typed))
        })
        .such_as(cx.words, &say("rule-name-such-as"))
        .on_submit(said(Message::SavePressed));
        lines = lines.push(Element::from(name));
        lines = lines.push(self.foot(cx));
        if let Some(rules) = self.rules() {
            let calls = container(calls::preview(cx, &rules)).padding(gap::BETWEEN);
            lines = lines.push(calls.width(Length::Fill).style(styles::card));
        }
        lines.into()
    }

    fn trigger<'a>(&'a self, cx: Cx<'a>) -> Vec<Element<'a, super::Message>> {
        let say = |key: &str| cx.words.say(key);
        let save = said(Message::SavePressed);
        match self.kind {
            Kind::Times => {
                let typed = |typed| said(Message::TimesTyped(typed));
                let is_wrong = calls::crons(&self.times, self.days).is_none();
                let times = form::field("times", say("times-name"), &self.times, typed)
                    .such_as(cx.words, "08:30, 18:30")
                    .wrong(is_wrong.then(|| say("times-bad")))
                    .on_submit(save);
                let days = Days::ALL.map(|days| (days, days.name(cx)));
                let chosen = |days| said(Message::DaysChosen(days));
                vec![times.into(), form::choice("days", days, self.days, chosen)]
            }
            Kind::Every => {
                let typed = |typed| said(Message::EveryTyped(typed));
                let every = form::field("every", say("rule-every-name"), &self.every, typed)
                    .such_as(cx.words, "15m")
                    .help(say("rule-every-help"))
                    .wrong(self.every().is_none().then(|| say("rule-every-bad")))
                    .on_submit(save);
                vec![every.into()]
            }
            Kind::Cron => {
                let typed = |typed| said(Message::CronTyped(typed));
                let is_wrong = self.cron.parse::<Cron>().is_err();
                let cron = form::field("cron", say("rule-cron-name"), &self.cron, typed)
                    .such_as(cx.words, "*/30 8-20 * * Mon-Fri")
                    .help(say("rule-cron-help"))
                    .wrong(is_wrong.then(|| say("rule-cron-bad")))
                    .on_submit(save);
                vec![cron.into()]
            }
            Kind::Live => vec![hint(say("plan-always-help")).into()],
            Kind::LinkUp => vec![hint(say("rule-link-up-help")).into()],
            Kind::Urgent => vec![hint(say("rule-urgent-help")).into()],
        }
    }

    fn foot<'a>(&'a self, cx: Cx<'a>) -> Element<'a, super::Message> {
        let can = self.rules().map(|_| said(Message::SavePressed));
        let save = form::primary("save", cx.words.say("save"), can);
        let cancel =
            form::secondary("cancel", cx.words.say("cancel"), said(Message::CancelPressed));
        let mut foot = row![save, cancel, space::horizontal()].spacing(gap::INSIDE);
        if self.index.is_some() {
            let remove = press(body(cx.words.say("remove")))
                .id("remove")
                .padding([8.0, gap::BETWEEN])
                .style(styles::danger)
                .on_press(said(Message::RemovePressed));
            foot = foot.push(remove);
        }
        foot.into()
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

    pub(super) fn timetable<'a>(
        &'a self,
        cx: Cx<'a>,
        known: &'a AgentSettings,
    ) -> Element<'a, super::Message> {
        if let Some(form) = &self.rule {
            return form.view(cx, &known.link);
        }
        let mut lines = column![hint(cx.words.say("timetable-help"))].spacing(gap::INSIDE);
        for (index, rule) in known.connect.iter().enumerate() {
            let trigger = calls::trigger_words(cx, rule);
            let args = [("links", calls::link_words(cx, &rule.links).into())];
            let over = cx.words.tell("rule-over", &args);
            let (name, words) = match rule.name.as_str() {
                "" => (trigger, over),
                name => (name.to_owned(), format!("{trigger} · {over}")),
            };
            let edit = said(Message::EditPressed(index));
            lines = lines.push(list_row(format!("rule-{index}"), name, words, edit));
        }
        let add = form::secondary("add-rule", cx.words.say("rule-add"), said(Message::AddPressed));
        lines = lines.push(add);
        let rules = &known.connect;
        if rules.iter().any(|rule| rule.cron.is_some() || rule.every.is_some()) {
            let calls = container(calls::preview(cx, rules)).padding(gap::BETWEEN);
            lines = lines.push(calls.width(Length::Fill).style(styles::card));
        }
        lines.into()
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
