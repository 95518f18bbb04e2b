//! Who stands between this network and the relay.

use config::{
    agent::{Proxy, ProxyChoice},
    edit::Change,
};
use iced::widget::Column;

use super::{Action, Settings};
use crate::{
    door::Door,
    screen::Cx,
    theme::space as gap,
    widget::{Element, form, hint},
};

/// Where the proxy is known from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Way {
    #[default]
    Environment,
    Direct,
    At,
}

/// The form.
#[derive(Clone, Debug, Default)]
pub(super) struct WayForm {
    base: Proxy,
    way: Way,
    url: String,
    extra_ca: String,
}

/// What happens in it.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    WayChosen(Way),
    UrlTyped(String),
    CaTyped(String),
    SavePressed,
}

fn said(message: Message) -> super::Message {
    super::Message::Way(message)
}

impl WayForm {
    pub(super) fn of(proxy: &Proxy) -> Self {
        let (way, url) = match &proxy.url {
            ProxyChoice::Environment => (Way::Environment, String::new()),
            ProxyChoice::Direct => (Way::Direct, String::new()),
            ProxyChoice::At(url) => (Way::At, url.written().expose().to_owned()),
        };
        let extra_ca = proxy.extra_ca.display().to_string();
        Self { base: proxy.clone(), way, url, extra_ca }
    }

    /// `None` while the address is none.
    fn proxy(&self) -> Option<Proxy> {
        let url = match self.way {
            Way::Environment => ProxyChoice::Environment,
            Way::Direct => ProxyChoice::Direct,
            Way::At => ProxyChoice::At(self.url.trim().parse().ok()?),
        };
        Some(Proxy { url, extra_ca: self.extra_ca.trim().into(), ..self.base.clone() })
    }

    pub(super) fn view<'a>(&'a self, cx: Cx<'a>) -> Element<'a, super::Message> {
        let say = |key: &str| cx.words.say(key);
        let ways = [
            (Way::Environment, say("way-environment")),
            (Way::Direct, say("way-direct")),
            (Way::At, say("way-at")),
        ];
        let ways = form::choice("way", ways, self.way, |way| said(Message::WayChosen(way)));
        let mut lines = Column::new()
            .spacing(gap::AROUND)
            .push(form::group(say("way-proxy"), [hint(say("way-help")).into(), ways]));
        if self.way == Way::At {
            let is_wrong = self.proxy().is_none();
            let url =
                form::field("url", say("way-url"), &self.url, |url| said(Message::UrlTyped(url)))
                    .such_as(cx.words, "http://user:password@proxy.example:3128")
                    .help(say("way-url-help"))
                    .wrong(is_wrong.then(|| say("proxy-bad")))
                    .on_submit(said(Message::SavePressed));
            lines = lines.push(Element::from(url));
        }
        let ca =
            form::field("extra-ca", say("way-ca"), &self.extra_ca, |ca| said(Message::CaTyped(ca)))
                .help(say("way-ca-help"))
                .on_submit(said(Message::SavePressed));
        let is_new = self.proxy().is_some_and(|proxy| proxy != self.base);
        let save = is_new.then(|| said(Message::SavePressed));
        lines.push(Element::from(ca)).push(form::primary("save", say("save"), save)).into()
    }
}

impl Settings {
    pub(super) fn way_update(&mut self, message: Message, door: &Door) -> Action {
        match message {
            Message::WayChosen(way) => self.way.way = way,
            Message::UrlTyped(url) => self.way.url = url,
            Message::CaTyped(ca) => self.way.extra_ca = ca,
            Message::SavePressed => {
                if let Some(proxy) = self.way.proxy() {
                    return self.save(vec![Change::Proxy(proxy)], door);
                }
            }
        }
        Action::None
    }
}
