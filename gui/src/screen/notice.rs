//! A line above the portal: what became of a link or a click that led nowhere.

use iced::{
    Alignment, Length,
    widget::{container, row},
};

use super::Cx;
use crate::{
    goal::Fault,
    theme::{space as gap, styles},
    widget::{Element, Sign, body, press, sign},
};

/// What there is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The link is none.
    Link(Fault),
    /// There is no conversation of this id.
    NoConversation(String),
    /// An invitation, and somebody is logged in.
    LoggedIn {
        /// Where it would lead.
        relay: String,
    },
    /// What was being written could not be read again.
    Drafts(String),
    /// What is being written cannot be kept.
    Unwritten(String),
}

/// It was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

impl Notice {
    pub(crate) fn view<'a>(&self, cx: Cx<'a>) -> Element<'a, Closed> {
        let close = press(body(cx.words.say("open-close")))
            .id("notice-close")
            .style(styles::link)
            .on_press(Closed);
        let words = row![
            sign(Sign::Warning).style(styles::warn),
            body(self.words(cx)).width(Length::Fill),
            close,
        ]
        .spacing(gap::INSIDE)
        .align_y(Alignment::Center);
        let shown = container(words).padding([gap::INSIDE, gap::BETWEEN]).style(styles::alert);
        container(shown.width(Length::Fill)).padding(gap::INSIDE).into()
    }

    fn words(&self, cx: Cx<'_>) -> String {
        match self {
            Self::Link(fault) => cx.words.say(key(*fault)),
            Self::NoConversation(id) => cx.words.tell("open-no-conversation", &[("id", id.into())]),
            Self::Drafts(why) => cx.words.tell("chat-drafts-lost", &[("why", why.into())]),
            Self::Unwritten(why) => cx.words.tell("chat-drafts-unwritten", &[("why", why.into())]),
            Self::LoggedIn { relay } => {
                let me = cx.desk.known.me.as_str();
                cx.words.tell("open-logged-in", &[("relay", relay.into()), ("me", me.into())])
            }
        }
    }
}

fn key(fault: Fault) -> &'static str {
    match fault {
        Fault::TooLong => "open-too-long",
        Fault::NotOurs => "open-not-ours",
        Fault::UnknownPlace => "open-unknown-place",
        Fault::BadName => "open-bad-name",
        Fault::BadConversation => "open-bad-conversation",
        Fault::BadRelay => "open-bad-relay",
        Fault::BadInvite => "open-bad-invite",
    }
}

#[cfg(test)]
mod tests {
    use iced::widget::column;

    use super::*;
    use crate::kit::{PORTAL, Ui, scene::Scene, snapshot};

    fn all() -> [Notice; 4] {
        [
            Notice::Link(Fault::UnknownPlace),
            Notice::NoConversation("c99".to_owned()),
            Notice::LoggedIn { relay: "https://other.example".to_owned() },
            Notice::Unwritten("/home/ann/window.json: No space left on device".to_owned()),
        ]
    }

    #[test]
    fn it_is_closed_by_its_button() {
        let scene = Scene::calm();
        let mut ui = Ui::new(PORTAL, 1.0, all()[0].view(scene.cx()));
        ui.click("Close").unwrap();
        assert_eq!(ui.into_messages(), [Closed]);
    }

    #[test]
    fn it_looks_as_it_did() {
        let scene = Scene::calm();
        let view = || column(all().iter().map(|notice| notice.view(scene.cx())));
        snapshot("notice", PORTAL, 1.0, view);
    }
}
