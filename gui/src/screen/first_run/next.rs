//! The steps after the account: when to call, and whom to write to.

use std::sync::Arc;

use agent::control::Order;
use config::{AgentSettings, Span, agent::Rule, edit::Change};
use iced::{
    Task,
    widget::{column, container, row},
};

use super::{Action, FirstRun, Message, Plan, Step};
use crate::{
    door::{Door, DoorError, Saved},
    screen::{
        Cx,
        calls::{self, Days},
    },
    theme::{space as gap, styles},
    widget::{Element, body, form, hint, title},
};

/// How often may be chosen, in minutes.
const OFTEN: [u64; 3] = [15, 60, 240];

impl FirstRun {
    /// The rules that the plan comes to; `None` where the times are none.
    pub(super) fn rules(&self) -> Option<Vec<Rule>> {
        let link = if self.is_thrifty { "unmetered" } else { "any" };
        let links = vec![link.to_owned()];
        Some(match self.plan {
            Plan::Never => Vec::new(),
            Plan::Always => vec![Rule { links, ..Rule::live() }],
            Plan::Every(minutes) => {
                vec![Rule { links, ..Rule::every(Span::from_minutes(minutes)) }]
            }
            Plan::Times => {
                let crons = calls::crons(&self.times, self.days)?;
                let rule =
                    |cron| Rule { cron: Some(cron), links: links.clone(), ..Rule::default() };
                crons.into_iter().map(rule).collect()
            }
        })
    }

    pub(super) fn plan_made(&mut self, door: &Door) -> Action {
        let Some(rules) = self.rules() else { return Action::None };
        (self.step, self.error) = (Step::Starting, None);
        let door = door.clone();
        let saved = async move {
            let known = door.settings().await?;
            let changes = new_rules(&known, rules);
            door.change(known, changes).await
        };
        Action::Run(Task::perform(saved, Message::Planned))
    }

    pub(super) fn planned(&mut self, saved: Result<Saved, DoorError>, door: &Door) -> Action {
        match saved {
            Ok(_) => Action::Run(Task::perform(door.start_agent(), Message::Started)),
            Err(err) => {
                (self.step, self.error) = (Step::Timetable, Some(err));
                Action::None
            }
        }
    }

    pub(super) fn started(&mut self, started: Result<(), DoorError>) {
        match started {
            Ok(()) => self.step = Step::Who { is_asking: false },
            Err(err) => (self.step, self.error) = (Step::Timetable, Some(err)),
        }
    }

    pub(super) fn ask(&mut self, door: &Door) -> Action {
        let name = self.whom.trim().to_lowercase();
        if name.is_empty() {
            return Action::None;
        }
        (self.step, self.error) = (Step::Who { is_asking: true }, None);
        let greeting = self.greeting.trim().to_owned();
        let order = Order::Chat { names: vec![name], title: String::new(), greeting };
        let asked = door.ask(order);
        let conversation = async move {
            let answer = asked.await?;
            Ok(answer["conversation"].as_str().and_then(|id| id.parse().ok()))
        };
        Action::Run(Task::perform(conversation, Message::Asked))
    }

    pub(super) fn timetable<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let say = |key: &str| cx.words.say(key);
        let welcome = cx.words.tell("plan-welcome", &[("account", (&self.me).into())]);
        let every = if let Plan::Every(minutes) = self.plan { minutes } else { OFTEN[0] };
        let plans = [
            (Plan::Always, say("plan-always")),
            (Plan::Every(every), say("plan-often")),
            (Plan::Times, say("plan-times")),
            (Plan::Never, say("plan-never")),
        ];
        let mut lines = column![
            title(say("plan-title")),
            body(welcome).style(styles::muted),
            form::choice("plan", plans, self.plan, Message::PlanChosen),
            hint(self.plan_words(cx)),
        ]
        .spacing(gap::AROUND);
        match self.plan {
            Plan::Every(_) => {
                let often =
                    OFTEN.map(|minutes| (Plan::Every(minutes), cx.words.span(minutes * 60)));
                lines = lines.push(form::choice("often", often, self.plan, Message::PlanChosen));
            }
            Plan::Times => {
                let wrong = calls::crons(&self.times, self.days).is_none();
                let times =
                    form::field("times", say("times-name"), &self.times, Message::TimesTyped)
                        .such_as(cx.words, "08:30, 18:30")
                        .wrong(wrong.then(|| say("times-bad")))
                        .on_submit(Message::PlanPressed);
                let days = Days::ALL.map(|days| (days, days.name(cx)));
                let days = form::choice("days", days, self.days, Message::DaysChosen);
                lines = lines.push(Element::from(times)).push(days);
            }
            Plan::Always | Plan::Never => {}
        }
        if self.plan != Plan::Never {
            let help = Some(say("plan-thrift-help"));
            let thrift = (self.is_thrifty, Message::ThriftPressed);
            lines =
                lines.push(form::switch("thrift", say("plan-thrift"), help, thrift.0, thrift.1));
        }
        let rules = self.rules().unwrap_or_default();
        if matches!(self.plan, Plan::Every(_) | Plan::Times) && !rules.is_empty() {
            let calls = container(calls::preview(cx, &rules)).padding(gap::BETWEEN);
            lines = lines.push(calls.width(iced::Length::Fill).style(styles::card));
        }
        if let Some(err) = &self.error {
            lines = lines.push(form::alert(err.to_string()));
        }
        let go = self.rules().map(|_| Message::PlanPressed);
        lines.push(form::primary("continue", say("continue"), go)).into()
    }

    fn plan_words(&self, cx: Cx<'_>) -> String {
        cx.words.say(match self.plan {
            Plan::Always => "plan-always-help",
            Plan::Every(_) => "plan-often-help",
            Plan::Times => "plan-times-help",
            Plan::Never => "plan-never-help",
        })
    }

    pub(super) fn who<'a>(&'a self, cx: Cx<'a>, is_asking: bool) -> Element<'a, Message> {
        let say = |key: &str| cx.words.say(key);
        let whom = form::field("whom", say("who-name"), &self.whom, Message::WhomTyped)
            .such_as(cx.words, "ben")
            .help(say("who-name-help"))
            .on_submit(Message::AskPressed);
        let greeting =
            form::field("greeting", say("who-greeting"), &self.greeting, Message::GreetingTyped)
                .such_as(cx.words, &say("who-greeting-such-as"))
                .on_submit(Message::AskPressed);
        let mut lines = column![
            title(say("who-title")),
            body(say("who-welcome")).style(styles::muted),
            Element::from(whom),
            Element::from(greeting),
        ]
        .spacing(gap::AROUND);
        if let Some(err) = &self.error {
            lines = lines.push(form::alert(err.to_string()));
        }
        let can = !is_asking && !self.whom.trim().is_empty();
        let ask = form::primary("ask", say("who-ask"), can.then_some(Message::AskPressed));
        let skip = form::secondary("skip", say("who-skip"), Message::SkipPressed);
        lines.push(row![ask, skip].spacing(gap::BETWEEN)).into()
    }
}

/// Those that the file does not have yet: the same step may be made twice.
pub(super) fn new_rules(known: &Arc<AgentSettings>, rules: Vec<Rule>) -> Vec<Change> {
    let new = rules.into_iter().filter(|rule| !known.connect.contains(rule));
    new.map(Change::AddRule).collect()
}
