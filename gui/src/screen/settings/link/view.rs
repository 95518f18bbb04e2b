//! What the profiles, and the form for one of them, look like.

use config::{AgentSettings, Price, agent::Link};
use iced::widget::{Column, column, row};

use super::{LinkForm, Message, Part, said};
use crate::{
    screen::{
        Cx,
        settings::{self, Settings, list_row},
    },
    theme::space as gap,
    widget::{Element, form, hint},
};

impl LinkForm {
    fn field<'a>(
        &'a self,
        cx: Cx<'a>,
        part: Part,
        (id, name): (&'static str, &'static str),
        such_as: &'static str,
    ) -> form::Field<'a, settings::Message> {
        let typed = move |text| said(Message::Typed(part, text));
        form::field(id, cx.words.say(name), self.part(part), typed)
            .such_as(cx.words, such_as)
            .wrong(self.wrong(part).map(|key| cx.words.say(key)))
            .on_submit(said(Message::SavePressed))
    }

    pub(super) fn view<'a>(&'a self, cx: Cx<'a>) -> Element<'a, settings::Message> {
        let save = self.link().map(|_| said(Message::SavePressed));
        let remove = self.index.map(|_| said(Message::RemovePressed));
        let foot = form::foot(cx.words, save, said(Message::CancelPressed), remove);
        let say = |key: &str| cx.words.say(key);
        let field = |part, names, such_as| Element::from(self.field(cx, part, names, such_as));
        let two = |one, other| row![one, other].spacing(gap::BETWEEN).into();
        let metered = [
            (None, say("profile-metered-system")),
            (Some(true), say("profile-metered-yes")),
            (Some(false), say("profile-metered-no")),
        ];
        let metered =
            form::choice("metered", metered, self.metered, |is| said(Message::MeteredChosen(is)));
        let which: [Element<'a, settings::Message>; 3] = [
            hint(say("profile-which-help")).into(),
            two(
                field(Part::Connection, ("connection", "profile-connection"), "Mobile*"),
                field(Part::Ssid, ("ssid", "profile-ssid"), "Station"),
            ),
            field(Part::Interface, ("interface", "profile-interface"), "ppp0"),
        ];
        let costs: [Element<'a, settings::Message>; 3] = [
            two(
                field(Part::PerMb, ("per-mb", "profile-per-mb"), "0.12"),
                field(Part::PerMinute, ("per-minute", "profile-per-minute"), "0.02"),
            ),
            two(
                field(Part::Currency, ("currency", "profile-currency"), "EUR"),
                field(Part::Rate, ("rate", "profile-rate"), "40 kbit/s"),
            ),
            two(
                field(Part::Quota, ("quota", "profile-quota"), "500 MiB"),
                field(Part::Day, ("day", "profile-day"), "1"),
            ),
        ];
        Column::new()
            .spacing(gap::AROUND)
            .push(field(Part::Name, ("link-name", "profile-name"), "stick"))
            .push(form::group(say("profile-which"), which))
            .push(form::group(say("profile-metered"), [metered]))
            .push(form::group(say("profile-costs"), costs))
            .push(
                self.field(
                    cx,
                    Part::Proxy,
                    ("proxy", "profile-proxy"),
                    "http://proxy.example:3128",
                )
                .help(say("profile-proxy-help")),
            )
            .push(foot)
            .into()
    }
}

impl Settings {
    pub(in crate::screen::settings) fn links<'a>(
        &'a self,
        cx: Cx<'a>,
        known: &'a AgentSettings,
    ) -> Element<'a, settings::Message> {
        if let Some(form) = &self.link {
            return form.view(cx);
        }
        let mut lines = column![hint(cx.words.say("links-help"))].spacing(gap::INSIDE);
        for (index, link) in known.link.iter().enumerate() {
            let edit = said(Message::EditPressed(index));
            let words = summary(cx, link);
            lines =
                lines.push(list_row(format!("profile-{index}"), link.name.clone(), words, edit));
        }
        let add =
            form::secondary("add-link", cx.words.say("profile-add"), said(Message::AddPressed));
        lines.push(add).into()
    }
}

/// What matters of a profile, in a line.
fn summary(cx: Cx<'_>, link: &Link) -> String {
    let mut parts = Vec::new();
    parts.extend(
        link.metered
            .map(|is| cx.words.say(if is { "profile-metered-yes" } else { "profile-metered-no" })),
    );
    let money = |price: Price| {
        format!(
            "{} {}",
            price.to_string().replace('.', &cx.words.point().to_string()),
            link.currency
        )
    };
    parts.extend(
        link.tariff_per_mb
            .map(|price| cx.words.tell("profile-per-mb-words", &[("price", money(price).into())])),
    );
    parts.extend(
        link.tariff_per_minute.map(|price| {
            cx.words.tell("profile-per-minute-words", &[("price", money(price).into())])
        }),
    );
    parts.extend(
        link.quota.map(|quota| {
            cx.words.tell("profile-quota-words", &[("quota", quota.to_string().into())])
        }),
    );
    match parts.is_empty() {
        true if link.is_default() => cx.words.say("profile-default"),
        true => cx.words.say("profile-known"),
        false => parts.join(" · "),
    }
}
