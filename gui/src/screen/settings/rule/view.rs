//! What the timetable, and the form for a rule, look like.

use config::{
    AgentSettings,
    agent::{Cron, Link},
};
use iced::{
    Length,
    widget::{Column, column, container},
};

use super::{Kind, Message, RuleForm, said};
use crate::{
    screen::{
        Cx,
        calls::{self, Days},
        settings::{self, Settings, list_row},
    },
    theme::{space as gap, styles},
    widget::{Element, form, hint},
};

impl RuleForm {
    pub(super) fn view<'a>(
        &'a self,
        cx: Cx<'a>,
        links: &'a [Link],
    ) -> Element<'a, settings::Message> {
        let save = self.rules().map(|_| said(Message::SavePressed));
        let remove = self.index.map(|_| said(Message::RemovePressed));
        let foot = form::foot(cx.words, save, said(Message::CancelPressed), remove);
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
        lines = lines.push(foot);
        if let Some(rules) = self.rules() {
            let calls = container(calls::preview(cx, &rules)).padding(gap::BETWEEN);
            lines = lines.push(calls.width(Length::Fill).style(styles::card));
        }
        lines.into()
    }

    fn trigger<'a>(&'a self, cx: Cx<'a>) -> Vec<Element<'a, settings::Message>> {
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
}

impl Settings {
    pub(in crate::screen::settings) fn timetable<'a>(
        &'a self,
        cx: Cx<'a>,
        known: &'a AgentSettings,
    ) -> Element<'a, settings::Message> {
        if let Some(form) = &self.rule {
            return form.view(cx, &known.link);
        }
        let mut lines = column![hint(cx.words.say("timetable-help"))].spacing(gap::INSIDE);
        for (index, rule) in known.connect.iter().enumerate() {
            let trigger = calls::trigger_words(cx, rule);
            let args = [("links", calls::link_words(cx, &rule.links).into())];
            let mut over = cx.words.tell("rule-over", &args);
            if let Some(budget) = rule.budget {
                // As it is written, and as the rule's own field shows it.
                let most = cx.words.tell("rule-most", &[("most", budget.to_string().into())]);
                over = format!("{over} · {most}");
            }
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
