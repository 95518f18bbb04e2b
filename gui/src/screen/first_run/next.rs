//! The steps after the account: when to call, and whom to write to.

use iced::widget::{column, container, row};

use super::{FirstRun, Message, Plan};
use crate::{
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
