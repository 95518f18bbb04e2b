//! A row of the list: day, unread line, the message, what becomes of it, and its card where it is open.

use agent::store::{Kind, PageRow};
use iced::{
    Alignment, Length, Padding,
    widget::{column, container, row, rule, space, text},
};

use super::{Chat, Message, bubble};
use crate::{
    screen::Cx,
    theme::{self, space as gap, styles},
    widget::{Element, body, hint, strong},
    words::harmless_lines,
};

/// Messages of one author further apart than this are no run, in seconds.
const RUN_S: i64 = 600;
/// A bubble is no wider than this, and leaves so much of the window free.
const WIDTH: (f32, f32) = (520.0, 0.8);
/// The round beside a name.
const DISC: f32 = 28.0;

fn in_run(cx: Cx<'_>, chat: &Chat, above: &PageRow, below: &PageRow) -> bool {
    let (a, b) = (&above.row, &below.row);
    a.kind == Kind::Message
        && b.kind == Kind::Message
        && a.from == b.from
        && a.mine == b.mine
        && chat.line != Some(b.id)
        && b.sent_at.saturating_sub(a.sent_at).abs() < RUN_S
        && cx.words.date(a.sent_at) == cx.words.date(b.sent_at)
}

/// The row at `at`.
pub(super) fn line<'a>(cx: Cx<'a>, chat: &'a Chat, at: usize) -> Element<'a, Message> {
    let rows = &chat.thread.rows;
    let Some(message) = rows.get(at) else { return space().into() };
    let above = at.checked_sub(1).and_then(|above| rows.get(above));
    let below = rows.get(at + 1);
    let is_first = above.is_none_or(|above| !in_run(cx, chat, above, message));
    let is_last = below.is_none_or(|below| !in_run(cx, chat, message, below));
    let is_new_day = above
        .is_none_or(|above| cx.words.date(above.row.sent_at) != cx.words.date(message.row.sent_at));
    let mut parts = column![];
    if above.is_none() && !chat.thread.earlier {
        parts = parts.push(centered(hint(cx.words.say("chat-begins"))));
    }
    if is_new_day {
        parts = parts.push(mark(cx.words.day(message.row.sent_at, cx.now), false));
    }
    if chat.line == Some(message.row.id) {
        let n = chat.thread.unread;
        let words = match n {
            0 => cx.words.say("chat-new"),
            n => cx.words.tell("chat-unread", &[("n", n.into())]),
        };
        parts = parts.push(mark(words, true));
    }
    parts = parts.push(match message.row.kind {
        Kind::Message => said(cx, chat, message, (is_first, is_last)),
        Kind::Request | Kind::Notice | Kind::Item => notice(cx, message),
    });
    let becomes = |message| bubble::prospect(cx, message, &chat.thread.reliability);
    if let Some(words) = becomes(message)
        && below.and_then(becomes).as_ref() != Some(&words)
    {
        let words = hint(words)
            .wrapping(text::Wrapping::WordOrGlyph)
            .align_x(iced::alignment::Horizontal::Right);
        let right = container(words).padding(Padding { top: gap::TIGHT, ..Padding::ZERO });
        parts = parts.push(row![space::horizontal(), right]);
    }
    if let Some(card) = chat.card.as_ref().filter(|card| card.id == message.row.id) {
        parts = parts.push(super::card::view(cx, chat, card, message));
    }
    let top = if is_first && !is_new_day { gap::BETWEEN } else { 3.0 };
    let sides = gap::AROUND;
    container(parts)
        .padding(Padding { top, right: sides, bottom: 0.0, left: sides })
        .width(Length::Fill)
        .into()
}

fn said<'a>(
    cx: Cx<'a>,
    chat: &'a Chat,
    message: &'a PageRow,
    ends: (bool, bool),
) -> Element<'a, Message> {
    let is_group = chat.is_group(cx);
    let bubble = bubble::bubble(cx, chat, message, ends, is_group);
    let room = (cx.width - 2.0 * gap::AROUND) * WIDTH.1;
    let bubble = container(bubble).max_width(room.min(WIDTH.0));
    if message.row.mine {
        return row![space::horizontal(), bubble].into();
    }
    let mut line = row![].spacing(gap::INSIDE).align_y(Alignment::End);
    if is_group {
        line = line.push(match ends.1 {
            true => disc(&message.row.from),
            false => space().width(DISC).into(),
        });
    }
    line.push(bubble).push(space::horizontal()).into()
}

/// The first letter of a name, in a round.
fn disc<'a>(name: &str) -> Element<'a, Message> {
    let letter: String = name.chars().take(1).flat_map(char::to_uppercase).collect();
    container(strong(letter).size(theme::size::SMALL).style(styles::muted))
        .center(DISC)
        .style(styles::disc)
        .into()
}

fn notice<'a>(cx: Cx<'a>, message: &'a PageRow) -> Element<'a, Message> {
    let row = &message.row;
    let text = harmless_lines(&row.text).into_owned();
    let words = match row.kind {
        Kind::Request if text.is_empty() => {
            cx.words.tell("chat-asked-you", &[("name", row.from.as_str().into())])
        }
        Kind::Request => {
            let name = row.from.as_str();
            cx.words.tell("chat-asked-you-saying", &[("name", name.into()), ("text", text.into())])
        }
        _ => cx.words.notice(row.notice.as_ref(), &row.text, cx.now),
    };
    centered(hint(words).align_x(iced::alignment::Horizontal::Center))
}

fn centered<'a>(words: impl Into<Element<'a, Message>>) -> Element<'a, Message> {
    container(words).padding([gap::INSIDE, gap::AROUND]).center_x(Length::Fill).into()
}

/// A day, or where the unread begin: a word between two lines.
fn mark<'a>(words: String, is_new: bool) -> Element<'a, Message> {
    let style = if is_new { styles::accent_line } else { styles::hairline };
    let word = match is_new {
        true => hint(words).font(theme::STRONG).style(styles::accent),
        false => hint(words),
    };
    let side = || container(rule::horizontal(1).style(style)).width(Length::Fill);
    container(row![side(), word, side()].spacing(gap::BETWEEN).align_y(Alignment::Center))
        .padding([gap::BETWEEN, 0.0])
        .into()
}

/// What is said where there are no messages.
pub(super) fn empty<'a>(cx: Cx<'a>, chat: &'a Chat) -> Element<'a, Message> {
    let conversation = cx.desk.known.conversation(chat.id);
    let can_write = conversation.is_some_and(|conversation| conversation.state == "member");
    let words = match chat.thread.is_read && can_write {
        true => cx.words.say("chat-empty"),
        false => String::new(),
    };
    let words = body(words).style(styles::muted).align_x(iced::alignment::Horizontal::Center);
    container(words).padding(gap::AROUND).center(Length::Fill).into()
}
