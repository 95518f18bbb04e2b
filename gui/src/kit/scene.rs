//! The cast of the window's tests: Ann's portal on an evening of November, on a ship.

use std::sync::Arc;

use agent::quota::QuotaRow;
use agent::store::{
    ConversationId, DayUse, InboxRow, Kind, LastLine, Ledger, MemberRow, MessageState, Notice,
    PresenceNow, RollRow,
};
use jiff::tz::TimeZone;

use super::PORTAL;
use crate::{
    desk::{Agent, Desk, Known, Order},
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
        let mut bob = roll_row("c1", "bob", 2);
        said(&mut bob, "bob", "see you at the dock", NOW - 300);
        let mut chandra = roll_row("c2", "chandra", 0);
        said(&mut chandra, "ann", "The charts are in the post.", NOW - 86_400);
        chandra.under_way = 3;
        let mut crew = roll_row("c3", "Crew of the Kestrel", 0);
        (crew.pair, crew.others) = (false, 4);
        crew.names = ["bob", "chandra", "dee", "ella"].map(str::to_owned).to_vec();
        said(&mut crew, "dee", "I have the first watch", NOW - 5 * 86_400);
        let mut members = ["bob", "chandra", "dee", "ella"].map(member).to_vec();
        (members[0].presence, members[0].as_of) = (PresenceNow::Reachable, Some(NOW - 20));
        (members[1].next_call, members[1].last_seen) = (Some(NOW + 4320), Some(NOW - 9000));
        members[2].last_seen = Some(NOW - 3 * 3600);
        (members[3].next_call, members[3].last_seen) = (Some(NOW - 1080), Some(NOW - 86_400));
        let mut known = Known {
            me: "ann".to_owned(),
            roll: vec![bob, chandra, crew],
            members,
            ..Known::default()
        };
        known.order = Order::of(&known.roll, &known.members);
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
        known.order = Order::of(&known.roll, &known.members);
        self.desk.known = Arc::new(known);
    }
}

/// A conversation of two, in which nothing was said.
pub(crate) fn roll_row(id: &str, title: &str, unread: u64) -> RollRow {
    RollRow {
        id: id.parse().unwrap(),
        title: title.to_owned(),
        pair: true,
        state: "member",
        pending: None,
        unanswered: false,
        inviter: String::new(),
        greeting: String::new(),
        others: 1,
        names: vec![title.to_owned()],
        unread,
        under_way: 0,
        held: 0,
        refused: 0,
        newest_at: NOW - 600,
        last: None,
    }
}

/// Lets somebody say something in it; Ann's is read.
pub(crate) fn said(row: &mut RollRow, from: &str, text: &str, at: i64) {
    let mine = from == "ann";
    row.newest_at = at;
    row.last = Some(LastLine {
        notice: None,
        id: "m1".parse().unwrap(),
        kind: Kind::Message,
        from: from.to_owned(),
        mine,
        text: text.to_owned(),
        deleted: false,
        state: mine.then_some(MessageState::Queued),
        sent_at: at,
    });
}

/// A notice of Mailboat's own that stands in no conversation.
pub(crate) fn notice(id: &str, notice: Notice, at: i64) -> InboxRow {
    let said = message(id, "", "as the agent said it", at, None);
    InboxRow { conversation: None, kind: Kind::Notice, read: false, notice: Some(notice), ..said }
}

/// Somebody of whom nothing was heard.
pub(crate) fn member(name: &str) -> MemberRow {
    MemberRow {
        name: name.to_owned(),
        presence: PresenceNow::Offline,
        last_seen: None,
        next_call: None,
        overdue: false,
        as_of: None,
        blocked: false,
        conversation: None,
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
        notice: None,
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
        refusal: None,
    }
}

/// November, with these bytes on its first days, of a link with this quota.
pub(crate) fn month(days: &[u64], quota: Option<u64>) -> Ledger {
    let first: jiff::civil::Date = "2026-11-01".parse().unwrap();
    let begins = 1_793_491_200;
    let day = |at: i8| DayUse {
        date: first.with().day(at + 1).build().unwrap(),
        begins: begins + i64::from(at) * 86_400,
        bytes: days.get(usize::try_from(at).unwrap()).copied().unwrap_or_default(),
    };
    let bytes = days.iter().fold(0, |sum: u64, day| sum.saturating_add(*day));
    Ledger {
        begins,
        ends: begins + 30 * 86_400,
        days: (0..30).map(day).collect(),
        bytes,
        cost: [("EUR".to_owned(), config::Price::from_millionths(1_320_000))].into(),
        quota: quota.map(|quota| QuotaRow {
            link: "satellite".to_owned(),
            quota,
            used: bytes,
            left: Some(quota.saturating_sub(bytes)),
            stopped: quota <= bytes,
            lifted: false,
            resets: "2026-12-01".to_owned(),
        }),
        allowed: quota,
    }
}
