//! One row of the list: somebody or a conversation, in two lines.

use agent::store::{MemberRow, MessageState, RollRow};
use iced::{
    Alignment, Length, Theme,
    widget::{column, container, row, text},
};

use super::super::{Message, Portal, Presence};
use crate::{
    screen::Cx,
    theme::{size, space as gap, styles},
    widget::{Element, Press, Sign, body, elided, hint, press, sign},
    words::harmless,
};

/// Of a line, what the name may take where words stand behind it.
const NAME_SHARE: f32 = 0.6;
/// Room for the time at the end of a line.
const TIME: f32 = 76.0;

/// One of the styles of a text.
type Look = fn(&Theme) -> text::Style;

impl Portal {
    pub(super) fn conversation<'a>(
        &self,
        cx: Cx<'a>,
        row: &'a RollRow,
        member: Option<&MemberRow>,
    ) -> Element<'a, Message> {
        let presence = member.map(|member| Presence::of(member, cx.now));
        let (mark, style): (Sign, Look) = match presence {
            Some(presence) => (presence.sign(), presence.style()),
            None if row.pair => (Sign::Unknown, styles::muted),
            None => (Sign::Group, styles::muted),
        };
        let beside = match presence {
            Some(presence) => presence.told(cx),
            None if row.pair => String::new(),
            None => members(cx, row),
        };
        let room = (cx.width - gap::INDENT - gap::AROUND - TIME).max(80.0);
        let name =
            container(elided(row.title.as_str()).strong().shrink()).max_width(room * NAME_SHARE);
        let mut name = row![name].spacing(gap::TIGHT).align_y(Alignment::Center);
        if cx.desk.known.muted.contains(&row.id) {
            name = name.push(sign(Sign::Muted).size(size::BODY).style(styles::muted));
        }
        let time = hint(cx.words.moment(row.newest_at, cx.now));
        let first =
            row![name, elided(beside).hint(), time].spacing(gap::INSIDE).align_y(Alignment::Center);
        let mut second = row![last_line(cx, row)].spacing(gap::INSIDE).align_y(Alignment::Center);
        for (count, mark, style) in marks(row) {
            let mark = sign(mark).size(size::SMALL).style(style);
            second = second
                .push(row![mark, hint(count.to_string())].spacing(2).align_y(Alignment::Center));
        }
        if 0 < row.unread {
            second = second.push(badge(row.unread));
        }
        let is_chosen = self.chosen == Some(row.id);
        two_lines(sign(mark).style(style), first.into(), second.into())
            .id(format!("conversation-{}", row.id))
            .style(if is_chosen { styles::chosen } else { styles::quiet })
            .on_press(Message::RowPressed(row.id))
            .into()
    }
}

/// Somebody whom there is no conversation with: pressing begins one.
pub(super) fn member_row<'a>(cx: Cx<'a>, member: &'a MemberRow) -> Element<'a, Message> {
    let presence = Presence::of(member, cx.now);
    let mark = sign(presence.sign()).style(presence.style());
    let name = elided(member.name.as_str()).strong();
    let name = if member.blocked { name.style(styles::muted) } else { name };
    let row = two_lines(mark, name.into(), elided(presence.told(cx)).hint().into());
    let row = row.id(format!("member-{}", member.name));
    if !member.blocked {
        return row.on_press(Message::AskPressed(Some(member.name.clone()))).into();
    }
    let unblock = press(body(cx.words.say("portal-unblock")))
        .id(format!("unblock-{}", member.name))
        .style(styles::quiet)
        .on_press_maybe(cx.desk.has_agent().then(|| Message::UnblockPressed(member.name.clone())));
    row![row, container(unblock).padding([0.0, gap::TIGHT])].align_y(Alignment::Center).into()
}

fn two_lines<'a>(
    mark: iced::widget::Text<'a>,
    first: Element<'a, Message>,
    second: Element<'a, Message>,
) -> Press<'a, Message> {
    let content = row![container(mark).center_x(gap::AROUND), column![first, second].spacing(2)]
        .spacing(gap::INSIDE)
        .align_y(Alignment::Center);
    press(container(content).center_y(Length::Fill))
        .width(Length::Fill)
        .height(gap::ROW_OF_TWO)
        .padding([0.0, gap::AROUND])
        .style(styles::quiet)
}

/// A count that asks to be seen.
fn badge<'a>(count: u64) -> Element<'a, Message> {
    let said = if 999 < count { "999+".to_owned() } else { count.to_string() };
    let said = hint(said).style(|_| text::Style::default());
    container(said).padding([0.0, 7.0]).style(styles::badge).into()
}

fn members(cx: Cx<'_>, row: &RollRow) -> String {
    cx.words.tell("portal-members", &[("n", u64::from(row.others).saturating_add(1).into())])
}

/// What of our own in it has not arrived.
fn marks(row: &RollRow) -> impl Iterator<Item = (u64, Sign, Look)> {
    let all: [(u64, Sign, Look); 3] = [
        (row.refused, Sign::Refused, styles::bad),
        (row.held, Sign::Held, styles::warn),
        (row.under_way, Sign::Queued, styles::muted),
    ];
    all.into_iter().filter(|(count, ..)| 0 < *count)
}

/// What was said last; where nothing was, how things stand.
fn last_line<'a>(cx: Cx<'a>, row: &'a RollRow) -> Element<'a, Message> {
    let words = cx.words;
    let stands = match (row.state, row.pending) {
        (_, Some("accept")) => Some("portal-accepting"),
        ("left", _) | (_, Some("leave")) => Some("portal-left"),
        ("declined" | "withdrawn" | "expired", _) => Some("portal-over"),
        _ => None,
    };
    if let Some(key) = stands {
        return elided(words.say(key)).hint().into();
    }
    let Some(last) = &row.last else {
        return elided(words.say("portal-nothing-said")).hint().into();
    };
    let said = match &last.notice {
        _ if last.deleted => words.say("portal-deleted"),
        Some(notice) => words.notice(Some(notice), &last.text, cx.now),
        None if harmless(&last.text).trim().is_empty() => words.say("chat-nothing-to-see"),
        None => last.text.clone(),
    };
    let said = match (last.mine, row.pair || last.from.is_empty()) {
        (true, _) | (false, true) => said,
        (false, false) => format!("{}: {said}", last.from),
    };
    let line = elided(said).hint();
    let line = if 0 < row.unread { line.style(styles::plain) } else { line };
    match last.state.filter(|_| last.mine) {
        Some(state) => {
            let mark = sign(sign_of(state)).size(size::SMALL).style(styles::muted);
            row![mark, line].spacing(gap::TIGHT).align_y(Alignment::Center).into()
        }
        None => line.into(),
    }
}

fn sign_of(state: MessageState) -> Sign {
    match state {
        MessageState::Held => Sign::Held,
        MessageState::Queued => Sign::Queued,
        MessageState::Relayed => Sign::Relayed,
        MessageState::Delivered => Sign::Delivered,
        MessageState::Read => Sign::Read,
        _ => Sign::Refused,
    }
}
