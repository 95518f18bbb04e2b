//! What is known of one message, and what can be done with it: on demand, by pointer or keyboard.

use std::sync::Arc;

use agent::store::{Answered, Kind, MessageId, MessageState, PageRow, Receipts};
use iced::{
    Length, Padding,
    widget::{column, container, row, space, text},
};

use super::{
    Chat, Message, bubble,
    link::{self, Piece},
};
use crate::{
    door::DoorError,
    screen::Cx,
    theme::{space as gap, styles},
    widget::{Element, body, hint, press},
    words::harmless,
};

/// Links that are offered at most.
const LINKS_MAX: usize = 5;

/// See the module.
#[derive(Debug)]
pub(crate) struct Card {
    pub(super) id: MessageId,
    pub(super) receipts: Option<Arc<Receipts>>,
    /// It was asked to delete it.
    pub(super) is_deleting: bool,
    pub(super) error: Option<DoorError>,
}

impl Card {
    pub(super) fn new(id: MessageId) -> Self {
        Self { id, receipts: None, is_deleting: false, error: None }
    }
}

/// Whether a message can be edited, and then whether it has not left.
pub(super) fn can_edit(message: &PageRow) -> Option<bool> {
    let row = &message.row;
    let is_ours = row.mine && !row.deleted && row.kind == Kind::Message;
    let is_lost = matches!(row.state, Some(MessageState::Refused | MessageState::Expired));
    let has_left = !matches!(row.state, Some(MessageState::Held | MessageState::Queued))
        || message.prospect.as_ref().is_some_and(|prospect| prospect.on_its_way);
    (is_ours && !is_lost).then_some(!has_left)
}

pub(super) fn can_reply(message: &PageRow) -> bool {
    message.row.kind == Kind::Message && !message.row.deleted
}

pub(super) fn view<'a>(
    cx: Cx<'a>,
    chat: &'a Chat,
    card: &'a Card,
    message: &'a PageRow,
) -> Element<'a, Message> {
    let inside = match card.is_deleting {
        true => deleting(cx, card.id),
        false => column![acts(cx, message).wrap(), facts(cx, chat, card, message)]
            .spacing(gap::INSIDE)
            .into(),
    };
    let mut inside = column![inside].spacing(gap::INSIDE);
    if let Some(err) = &card.error {
        inside = inside.push(body(super::foot::error_words(cx, err)).style(styles::bad));
    }
    let card = container(inside).padding(gap::BETWEEN).max_width(420).style(styles::tip);
    let card = container(card).padding(Padding { top: gap::TIGHT, ..Padding::ZERO });
    match message.row.mine {
        true => row![space::horizontal(), card].into(),
        false => row![card, space::horizontal()].into(),
    }
}

fn act<'a>(
    name: &'static str,
    words: String,
    message: impl Into<Option<Message>>,
) -> Element<'a, Message> {
    let press = press(body(words)).id(name).padding([gap::TIGHT, gap::INSIDE]);
    press.on_press_maybe(message.into()).into()
}

fn acts<'a>(cx: Cx<'a>, message: &'a PageRow) -> iced::widget::Row<'a, Message> {
    let id = message.row.id;
    let mut acts = row![].spacing(gap::TIGHT);
    if can_reply(message) {
        acts = acts.push(act("reply", cx.words.say("chat-reply"), Message::ReplyPressed(id)));
    }
    if let Some(Answered::Here { id, .. }) = &message.answers {
        let words = cx.words.say("chat-to-answered");
        acts = acts.push(act("answered", words, Message::QuotePressed(*id)));
    }
    if !message.row.text.is_empty() {
        acts = acts.push(act("copy", cx.words.say("chat-copy"), Message::CopyPressed(id)));
    }
    if can_edit(message).is_some() {
        let can = cx.desk.has_agent();
        let (edit, delete) = (Message::EditPressed(id), Message::DeletePressed(id));
        acts = acts.push(act("edit", cx.words.say("chat-edit"), can.then_some(edit)));
        acts = acts.push(act("delete", cx.words.say("chat-delete"), can.then_some(delete)));
    }
    let links = link::pieces(&message.row.text).into_iter().filter_map(|piece| match piece {
        Piece::Link(link) => Some((link::whereto(link)?, link)),
        Piece::Plain(_) => None,
    });
    for (host, link) in links.take(LINKS_MAX) {
        let words =
            cx.words.tell("chat-open-link", &[("host", harmless(host).into_owned().into())]);
        acts = acts.push(act("link", words, Message::LinkPressed(link.to_owned())));
    }
    acts
}

fn facts<'a>(
    cx: Cx<'a>,
    chat: &'a Chat,
    card: &'a Card,
    message: &'a PageRow,
) -> Element<'a, Message> {
    let row = &message.row;
    let full = |at: i64| cx.words.full(at, cx.now);
    let mut facts = vec![cx.words.tell("chat-written", &[("at", full(row.sent_at).into())])];
    if !row.mine && row.received_at != row.sent_at {
        facts.push(cx.words.tell("chat-received", &[("at", full(row.received_at).into())]));
    }
    if let Some(state) = row.state {
        let key = match state {
            MessageState::Held => "chat-held",
            MessageState::Queued => "chat-queued",
            MessageState::Relayed => "chat-relayed",
            MessageState::Delivered => "chat-delivered",
            MessageState::Read => "chat-read",
            MessageState::Expired => "chat-expired",
            MessageState::Refused => "chat-refused",
        };
        facts.push(cx.words.say(key));
    }
    facts.extend(bubble::prospect(cx, message, &chat.thread.reliability));
    if let Some(receipts) = card.receipts.as_ref().filter(|_| row.mine) {
        let count = |key: &str, n: u64, names: &[String]| {
            let args = [("n", n.into()), ("of", receipts.of.into())];
            let counted = cx.words.tell(key, &args);
            match names {
                [] => counted,
                names => format!("{counted}: {}", names.join(", ")),
            }
        };
        if 1 < receipts.of {
            facts.push(count("chat-have-it", receipts.delivered, &receipts.delivered_to));
            facts.push(count("chat-have-read", receipts.read, &receipts.read_by));
        }
    }
    let lines = facts
        .into_iter()
        .map(|fact| hint(fact).wrapping(text::Wrapping::WordOrGlyph).width(Length::Shrink).into());
    column(lines).spacing(2).into()
}

fn deleting<'a>(cx: Cx<'a>, id: MessageId) -> Element<'a, Message> {
    let yes = press(body(cx.words.say("chat-delete")))
        .id("delete-yes")
        .style(styles::danger)
        .on_press_maybe(cx.desk.has_agent().then_some(Message::DeleteConfirmed(id)));
    let no = press(body(cx.words.say("chat-keep"))).id("delete-no").on_press(Message::Touched(id));
    column![body(cx.words.say("chat-delete-sure")), row![yes, no].spacing(gap::INSIDE)]
        .spacing(gap::INSIDE)
        .into()
}
