//! What the user knows of ways out: their class, tariff, quota, rate and proxy.

mod view;

use config::{
    Price, Rate, Size,
    agent::{Link, ProxyChoice},
    edit::Change,
};

use super::{Action, Settings};
use crate::{
    door::{self, Door},
    screen::Cx,
};

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Name,
    Connection,
    Ssid,
    Interface,
    PerMb,
    PerMinute,
    Currency,
    Quota,
    Day,
    Rate,
    Proxy,
}

/// One profile while it is edited.
#[derive(Clone, Debug)]
pub(super) struct LinkForm {
    index: Option<usize>,
    metered: Option<bool>,
    name: String,
    connection: String,
    ssid: String,
    interface: String,
    per_mb: String,
    per_minute: String,
    currency: String,
    quota: String,
    day: String,
    rate: String,
    proxy: String,
}

/// What happens in it.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    AddPressed,
    EditPressed(usize),
    /// Typed into this field.
    Typed(Part, String),
    MeteredChosen(Option<bool>),
    SavePressed,
    RemovePressed,
    CancelPressed,
}

fn said(message: Message) -> super::Message {
    super::Message::Link(message)
}

impl LinkForm {
    fn of(index: Option<usize>, link: &Link) -> Self {
        fn shown<T: ToString>(value: Option<&T>) -> String {
            value.map(T::to_string).unwrap_or_default()
        }
        let proxy = link.proxy.as_ref().map(|proxy| match proxy {
            // With its login: what is shown is saved again.
            ProxyChoice::At(url) => url.written().expose().to_owned(),
            other => other.to_string(),
        });
        Self {
            index,
            metered: link.metered,
            name: link.name.clone(),
            connection: link.connection.clone(),
            ssid: link.ssid.clone(),
            interface: link.interface.clone(),
            per_mb: shown(link.tariff_per_mb.as_ref()),
            per_minute: shown(link.tariff_per_minute.as_ref()),
            currency: link.currency.clone(),
            quota: shown(link.quota.as_ref()),
            day: link.quota_reset_day.to_string(),
            rate: shown(link.rate.as_ref()),
            proxy: proxy.unwrap_or_default(),
        }
    }

    /// For the link of now, as far as the agent knows it.
    fn new(now: Option<&door::Link>) -> Self {
        let known = |name: Option<&String>| name.cloned().unwrap_or_default();
        let (connection, ssid) = now.map_or_else(Default::default, |now| {
            (known(now.connection.as_ref()), known(now.ssid.as_ref()))
        });
        let name = if ssid.is_empty() { connection.clone() } else { ssid.clone() };
        // The one that people know says it all.
        let connection = if ssid.is_empty() { connection } else { String::new() };
        Self::of(None, &Link { name, connection, ssid, ..Link::default() })
    }

    fn part(&self, part: Part) -> &String {
        match part {
            Part::Name => &self.name,
            Part::Connection => &self.connection,
            Part::Ssid => &self.ssid,
            Part::Interface => &self.interface,
            Part::PerMb => &self.per_mb,
            Part::PerMinute => &self.per_minute,
            Part::Currency => &self.currency,
            Part::Quota => &self.quota,
            Part::Day => &self.day,
            Part::Rate => &self.rate,
            Part::Proxy => &self.proxy,
        }
    }

    fn typed(&mut self, part: Part, text: String) {
        let place = match part {
            Part::Name => &mut self.name,
            Part::Connection => &mut self.connection,
            Part::Ssid => &mut self.ssid,
            Part::Interface => &mut self.interface,
            Part::PerMb => &mut self.per_mb,
            Part::PerMinute => &mut self.per_minute,
            Part::Currency => &mut self.currency,
            Part::Quota => &mut self.quota,
            Part::Day => &mut self.day,
            Part::Rate => &mut self.rate,
            Part::Proxy => &mut self.proxy,
        };
        *place = text;
    }

    /// What is wrong with a field: the key of the words for it.
    fn wrong(&self, part: Part) -> Option<&'static str> {
        let text = self.part(part).trim();
        let reads = |fits: bool, words: &'static str| (!text.is_empty() && !fits).then_some(words);
        let has_tariff = !(self.per_mb.trim().is_empty() && self.per_minute.trim().is_empty());
        match part {
            Part::Name if text.is_empty() => Some("profile-no-name"),
            Part::Name => Link::CLASSES.contains(&text).then_some("profile-class-name"),
            Part::Connection | Part::Ssid | Part::Interface => {
                let begin = text.strip_suffix('*').unwrap_or(text);
                begin.contains('*').then_some("profile-star")
            }
            Part::PerMb | Part::PerMinute => reads(price(text).is_some(), "profile-price-bad"),
            Part::Currency if text.is_empty() => has_tariff.then_some("profile-no-currency"),
            Part::Currency => {
                let fits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic());
                reads(fits, "profile-currency-bad")
            }
            Part::Quota => reads(
                text.parse::<Size>().is_ok_and(|quota| quota != Size::default()),
                "profile-quota-bad",
            ),
            Part::Day => {
                let fits = text.parse::<u8>().is_ok_and(|day| (1..=31).contains(&day));
                (!fits).then_some("profile-day-bad")
            }
            Part::Rate => reads(text.parse::<Rate>().is_ok(), "profile-rate-bad"),
            Part::Proxy => reads(text.parse::<ProxyChoice>().is_ok(), "proxy-bad"),
        }
    }

    pub(super) fn link(&self) -> Option<Link> {
        const ALL: [Part; 11] = [
            Part::Name,
            Part::Connection,
            Part::Ssid,
            Part::Interface,
            Part::PerMb,
            Part::PerMinute,
            Part::Currency,
            Part::Quota,
            Part::Day,
            Part::Rate,
            Part::Proxy,
        ];
        if ALL.iter().any(|part| self.wrong(*part).is_some()) {
            return None;
        }
        let text = |text: &str| text.trim().to_owned();
        let proxy = self.proxy.trim();
        Some(Link {
            name: text(&self.name),
            connection: text(&self.connection),
            ssid: text(&self.ssid),
            interface: text(&self.interface),
            metered: self.metered,
            rate: self.rate.trim().parse().ok(),
            tariff_per_mb: price(self.per_mb.trim()),
            tariff_per_minute: price(self.per_minute.trim()),
            currency: text(&self.currency).to_uppercase(),
            quota: self.quota.trim().parse().ok(),
            quota_reset_day: self.day.trim().parse().ok()?,
            proxy: if proxy.is_empty() { None } else { proxy.parse().ok() },
        })
    }
}

/// Also with the comma that many people write.
fn price(text: &str) -> Option<Price> {
    text.replace(',', ".").parse().ok()
}

impl Settings {
    pub(super) fn link_update(&mut self, message: Message, cx: Cx<'_>, door: &Door) -> Action {
        let links = self.known.as_ref().map_or(&[][..], |known| &known.link);
        match message {
            Message::AddPressed => {
                self.link = Some(LinkForm::new(cx.desk.does().map(|does| &does.link)));
            }
            Message::EditPressed(index) => {
                self.link = links.get(index).map(|link| LinkForm::of(Some(index), link));
            }
            Message::CancelPressed => (self.link, self.error) = (None, None),
            Message::Typed(part, text) => {
                if let Some(form) = &mut self.link {
                    form.typed(part, text);
                }
            }
            Message::MeteredChosen(is) => {
                if let Some(form) = &mut self.link {
                    form.metered = is;
                }
            }
            Message::SavePressed => {
                let Some(form) = &self.link else { return Action::None };
                let Some(link) = form.link() else { return Action::None };
                let change = match form.index {
                    Some(index) => Change::SetLink(index, link),
                    None => Change::AddLink(link),
                };
                return self.save(vec![change], door);
            }
            Message::RemovePressed => {
                if let Some(index) = self.link.as_ref().and_then(|form| form.index) {
                    return self.save(vec![Change::RemoveLink(index)], door);
                }
            }
        }
        Action::None
    }
}
