//! The cast of the window's tests: Ann's portal on an evening of November, on a ship.

use std::sync::Arc;

use agent::store::{Conversation, ConversationId, InboxRow, Kind, Member, MessageState};
use iced::Element;
use jiff::tz::TimeZone;

use super::{PORTAL, Ui};
use crate::{
    desk::{Agent, Desk, Known},
    door::{Follow, Link, Next, Visit, Waits},
    screen::Cx,
    words::Words,
};

/// 2026-11-22 17:48 UTC.
pub(crate) const NOW: i64 = 1_795_369_680;

/// What a view is drawn from, in English.
pub(crate) struct Scene {
    pub(crate) desk: Desk,
    pub(crate) words: Words,
    pub(crate) width: f32,
}

impl Scene {
    /// Ann with three conversations and an agent that waits for its next call.
    pub(crate) fn calm() -> Self {
        let known = Known {
            me: "ann".to_owned(),
            domain: "harbour.example".to_owned(),
            conversations: vec![
                conversation("c1", "bob", "member", 2, NOW - 300),
                conversation("c2", "chandra", "member", 0, NOW - 86_400),
                Conversation {
                    pair: false,
                    ..conversation("c3", "Crew of the Kestrel", "member", 0, NOW - 5 * 86_400)
                },
            ],
            ..Known::default()
        };
        let does = Follow {
            link: Link { state: "down".to_owned(), network: "down".to_owned(), ..Link::default() },
            next: Some(Next {
                at: "2026-11-22T18:30:00Z".parse().unwrap(),
                rule: "evening".to_owned(),
                why: None,
            }),
            ..Follow::default()
        };
        Self {
            desk: Desk::seen(known, Agent::There(Some(Box::new(does)))),
            words: Words::of("en", TimeZone::UTC),
            width: PORTAL.width,
        }
    }

    /// The same in another language.
    pub(crate) fn in_language(mut self, tag: &str) -> Self {
        self.words = Words::of(tag, TimeZone::UTC);
        self
    }

    pub(crate) fn cx(&self) -> Cx<'_> {
        Cx { words: &self.words, desk: &self.desk, now: NOW, width: self.width }
    }

    /// The same with something to send and to fetch, over a satellite that costs.
    pub(crate) fn waiting() -> Self {
        let mut scene = Self::calm();
        scene.does(|does| {
            does.link = Link {
                state: "down".to_owned(),
                network: "up".to_owned(),
                profile: Some("satellite".to_owned()),
                metered: Some(true),
                ..Link::default()
            };
            let mut waits = Waits::default();
            waits.here.count = 3;
            (waits.there.count, waits.there.bytes) = (14, 36_000);
            does.waits = Some(waits);
        });
        scene
    }

    /// Changes what the agent does.
    pub(crate) fn does(&mut self, change: impl FnOnce(&mut Follow)) {
        let Agent::There(Some(does)) = &mut self.desk.agent else { panic!("there is no agent") };
        change(does);
    }

    /// A visit under way.
    pub(crate) fn visit(&mut self, change: impl FnOnce(&mut Visit)) {
        self.does(|does| {
            does.link.state = "calling".to_owned();
            let mut visit = Visit {
                rule: "evening".to_owned(),
                phase: "exchanging".to_owned(),
                seconds: 5,
                bytes_up: 1_400,
                bytes_down: 11_000,
                ..Visit::default()
            };
            change(&mut visit);
            does.visit = Some(visit);
        });
    }

    /// Changes what is known.
    pub(crate) fn know(&mut self, change: impl FnOnce(&mut Known)) {
        let mut known = (*self.desk.known).clone();
        change(&mut known);
        self.desk.known = Arc::new(known);
    }
}

/// A conversation of two.
pub(crate) fn conversation(
    id: &str,
    title: &str,
    state: &'static str,
    unread: u64,
    newest_at: i64,
) -> Conversation {
    Conversation {
        id: id.parse().unwrap(),
        title: title.to_owned(),
        pair: true,
        state,
        members: vec![Member { name: title.to_owned(), state: "member" }],
        inviter: String::new(),
        greeting: String::new(),
        unread,
        newest_at,
    }
}

/// A message: from somebody, or with a state one's own.
pub(crate) fn message(
    id: &str,
    from: &str,
    text: &str,
    sent_at: i64,
    state: Option<MessageState>,
) -> InboxRow {
    InboxRow {
        id: id.parse().unwrap(),
        conversation: Some("c1".parse::<ConversationId>().unwrap()),
        from: from.to_owned(),
        text: text.to_owned(),
        sent_at,
        received_at: sent_at,
        kind: Kind::Message,
        mine: state.is_some(),
        read: true,
        attachments: Vec::new(),
        edited: false,
        deleted: false,
        urgent: false,
        reply_to: None,
        state,
        reason: String::new(),
    }
}
