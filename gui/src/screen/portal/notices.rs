//! What Mailboat itself has to say that stands in no conversation: above the requests, until somebody has read it.
//!
//! That it was read is the agent's to note, as for a message: it is read on every screen of this computer then.

use std::collections::BTreeSet;

use agent::{
    control::Order,
    store::{InboxRow, MessageId, Notice},
};
use iced::{
    Alignment, Padding,
    widget::{column, container, row, rule, space, text},
};

use super::{Action, Message as Said, Wanted, failed, requests::section};
use crate::{
    desk::Desk,
    door::DoorError,
    screen::Cx,
    theme::{space as gap, styles},
    widget::{Element, Press, Sign, body, hint, notice, press, sign},
};

/// So many are shown before somebody asks for the others.
const SHOWN: usize = 2;

/// What it remembers.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Notices {
    /// What was closed, and the agent has not said that it knows.
    closing: BTreeSet<MessageId>,
    is_unfolded: bool,
    error: Option<DoorError>,
}

/// What happens in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// These were read.
    Closed(Vec<MessageId>),
    /// The older ones are wanted too.
    MorePressed,
}

/// The newest notice about something, with those before it about the same.
struct Told<'a> {
    row: &'a InboxRow,
    ids: Vec<MessageId>,
}

/// All of them, newest first. Where a newer one says how something stands, the older ones about it are no news any more.
fn told(rows: &[InboxRow]) -> Vec<Told<'_>> {
    let mut told: Vec<Told<'_>> = Vec::new();
    for row in rows {
        match told.iter_mut().find(|newer| is_same(newer.row, row)) {
            Some(newer) => newer.ids.push(row.id),
            None => told.push(Told { row, ids: vec![row.id] }),
        }
    }
    told
}

/// Whether the newer one of these says all that the older one does.
fn is_same(newer: &InboxRow, older: &InboxRow) -> bool {
    use Notice::{CallFailed, LinkLeftUp, LoginPage, NotTheRelay, Quota, Unknown};
    match (&newer.notice, &older.notice) {
        (Some(Quota { link, .. }), Some(Quota { link: other, .. })) => link == other,
        (Some(CallFailed { rule, .. }), Some(CallFailed { rule: other, .. }))
        | (Some(LinkLeftUp { rule, .. }), Some(LinkLeftUp { rule: other, .. })) => rule == other,
        (Some(NotTheRelay { .. }), Some(NotTheRelay { .. }))
        | (Some(LoginPage { .. }), Some(LoginPage { .. })) => true,
        (Some(new @ Unknown { .. }), Some(old @ Unknown { .. })) => new == old,
        // Each of the others counts something of its own.
        _ => false,
    }
}

impl Notices {
    pub(crate) fn update(&mut self, message: Message) -> Vec<Action> {
        match message {
            Message::Closed(ids) => {
                self.error = None;
                let targets = ids.iter().map(ToString::to_string).collect();
                self.closing.extend(ids);
                vec![Action::Order(Wanted::Read, Order::MarkRead { targets })]
            }
            Message::MorePressed => {
                self.is_unfolded = true;
                Vec::new()
            }
        }
    }

    /// The agent noted what was read, or did not.
    pub(crate) fn answered(&mut self, answer: Result<(), DoorError>) {
        // What it noted stays marked: the news that it is there no more are on their way.
        if let Err(err) = answer {
            (self.error, self.closing) = (Some(err), BTreeSet::new());
        }
    }

    /// Forgets what is there no more.
    pub(crate) fn settle(&mut self, desk: &Desk) {
        let rows = &desk.known.notices;
        self.closing.retain(|id| rows.iter().any(|row| row.id == *id));
        self.is_unfolded &= SHOWN < told(rows).len();
        if rows.is_empty() {
            self.error = None;
        }
    }

    /// All of them; nothing where there are none.
    pub(crate) fn view<'a>(&'a self, cx: Cx<'a>) -> Option<Element<'a, Said>> {
        let all = told(&cx.desk.known.notices);
        if all.is_empty() {
            return None;
        }
        let mut head = row![section(cx.words.say("notices-title"), all.len()), space::horizontal()]
            .align_y(Alignment::End);
        if 1 < all.len() {
            let ids = all.iter().flat_map(|told| told.ids.iter().copied()).collect();
            head = head.push(self.close(cx, "notices-close-all", "close-notices".to_owned(), ids));
        }
        let mut page = column![container(head).padding(Padding::ZERO.right(gap::TIGHT))];
        if let Some(err) = &self.error {
            page = page
                .push(container(notice(body(failed(cx, err)))).padding([gap::INSIDE, gap::AROUND]));
        }
        let shown = if self.is_unfolded { all.len() } else { SHOWN };
        let folded = all.len().saturating_sub(shown);
        page = page.extend(all.into_iter().take(shown).map(|told| self.one(cx, told)));
        if 0 < folded {
            let more = cx.words.tell("notices-more", &[("n", folded.into())]);
            let more = press(body(more)).id("more-notices").style(styles::link);
            page = page.push(
                container(more.on_press(Message::MorePressed))
                    .padding(Padding::ZERO.left(gap::INDENT - gap::BETWEEN)),
            );
        }
        let page: Element<'a, Message> =
            page.push(rule::horizontal(1).style(styles::hairline)).into();
        Some(page.map(Said::Notices))
    }

    fn one<'a>(&self, cx: Cx<'a>, Told { row: told, ids }: Told<'a>) -> Element<'a, Message> {
        let is_plain = matches!(told.notice, Some(Notice::Unknown { .. }) | None);
        let mark = sign(Sign::Warning).style(if is_plain { styles::muted } else { styles::warn });
        let said = cx.words.notice(told.notice.as_ref(), &told.text, cx.now);
        let time = hint(cx.words.moment(told.received_at, cx.now));
        let close = self.close(cx, "notices-close", format!("close-{}", told.id), ids);
        // To the same edge as the words of the button, which has room around them.
        let said = container(body(said).wrapping(text::Wrapping::WordOrGlyph));
        let said = said.padding(Padding::ZERO.right(gap::BETWEEN));
        let below = row![time, space::horizontal(), close].align_y(Alignment::Center);
        let lines = column![said, below];
        let content = row![container(mark).center_x(gap::AROUND), lines].spacing(gap::INSIDE);
        let around = Padding::from([gap::TIGHT, gap::AROUND]).right(gap::TIGHT);
        container(content).padding(around).into()
    }

    fn close<'a>(
        &self,
        cx: Cx<'a>,
        key: &str,
        id: String,
        ids: Vec<MessageId>,
    ) -> Press<'a, Message> {
        let is_free = cx.desk.has_agent() && !ids.iter().all(|id| self.closing.contains(id));
        press(body(cx.words.say(key)))
            .id(id)
            .style(styles::link)
            .on_press_maybe(is_free.then_some(Message::Closed(ids)))
    }
}
