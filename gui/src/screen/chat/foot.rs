//! Below the messages: the editor, or why there is none; and what went wrong, where the eye is.

use agent::store::RollRow;
use iced::{
    Alignment, Length, Padding,
    keyboard::{self, key::Named},
    widget::{column, container, row, space, text, text_editor},
};

use super::{
    Chat, Message,
    compose::{Going, Mode},
    link,
};
use crate::{
    door::DoorError,
    screen::{Cx, portal::failed},
    theme::{self, space as gap, styles},
    widget::{Element, Sign, body, elided, hint, notice, press, sign, strong},
    words::harmless,
};

/// The editor grows up to here.
const EDITOR_MAX: f32 = 160.0;

/// What failed, for a person.
pub(super) fn error_words(cx: Cx<'_>, err: &DoorError) -> String {
    match err {
        DoorError::NoAgent => cx.words.say("chat-no-agent"),
        DoorError::Stalled => cx.words.say("chat-stalled"),
        DoorError::Lost => cx.words.say("chat-lost"),
        err => failed(cx, err),
    }
}

/// Each part has a place of its own even while it is not there, so that the editor stays where it is, with the keyboard.
pub(super) fn foot<'a>(cx: Cx<'a>, chat: &'a Chat) -> Element<'a, Message> {
    let conversation = cx.desk.known.conversation(chat.id);
    let state = conversation.map_or("", |conversation| conversation.state);
    let asking = conversation.filter(|it| waits(it) || we_asked(it));
    let above = column![
        slot(chat.link.as_ref().map(|link| leads_to(cx, link))),
        slot(chat.error.as_ref().map(|err| notice(body(error_words(cx, err))))),
        slot(no_agent(cx, chat, state)),
        slot(asking.map(|asked| asking_words(cx, asked))),
        slot(conversation.filter(|_| state == "member").and_then(|it| alone(cx, chat, it))),
    ];
    let inside = match conversation {
        Some(asked) if state == "invited" && asked.pending.is_none() => invited(cx, chat, asked),
        Some(ended) if is_over(state) => over(cx, chat, ended),
        _ => editor(cx, chat),
    };
    let foot = column![above, inside];
    container(foot).padding(gap::BETWEEN).style(styles::bar).width(Length::Fill).into()
}

/// Whether nothing goes before somebody has answered: the relay, or the other one of two.
fn waits(conversation: &RollRow) -> bool {
    let other_waits =
        conversation.pair && conversation.state == "member" && conversation.unanswered;
    conversation.state == "asking" || (other_waits && conversation.inviter.is_empty())
}

/// Whether somebody whom we asked with a greeting has not answered.
fn we_asked(conversation: &RollRow) -> bool {
    let by_us = conversation.inviter.is_empty() && !conversation.greeting.is_empty();
    conversation.state == "member" && conversation.unanswered && by_us
}

/// That an answer is waited for, and what we asked with.
fn asking_words<'a>(cx: Cx<'a>, asked: &'a RollRow) -> Element<'a, Message> {
    let mut words = column![].spacing(gap::TIGHT);
    if waits(asked) {
        words = words.push(hint(cx.words.say("chat-asking")).wrapping(text::Wrapping::Word));
    }
    if !asked.greeting.is_empty() {
        words = words.push(you_asked(cx, &asked.greeting));
    }
    words.into()
}

fn you_asked<'a>(cx: Cx<'a>, greeting: &str) -> iced::widget::Text<'a> {
    let text = harmless(greeting).into_owned();
    let said = cx.words.tell("chat-you-asked", &[("text", text.into())]);
    hint(said).wrapping(text::Wrapping::WordOrGlyph)
}

/// A part above another that may not be there.
fn slot(part: Option<Element<'_, Message>>) -> Element<'_, Message> {
    let below = Padding { bottom: gap::INSIDE, ..Padding::ZERO };
    part.map_or_else(|| space().into(), |part| container(part).padding(below).into())
}

fn is_over(state: &str) -> bool {
    matches!(state, "left" | "declined" | "withdrawn" | "expired" | "refused")
}

fn act<'a>(
    name: &'static str,
    words: String,
    style: fn(&iced::Theme, press::Status) -> press::Style,
    message: Message,
) -> press::Press<'a, Message> {
    press::press(body(words)).id(name).style(style).on_press(message)
}

/// Whether the agent can be asked to answer, or to ask once more.
fn may_answer(cx: Cx<'_>, chat: &Chat) -> bool {
    cx.desk.has_agent() && !chat.is_answering
}

/// Whether a way to start an agent stands here.
pub(super) fn has_start(cx: Cx<'_>, chat: &Chat) -> bool {
    let state = cx.desk.known.conversation(chat.id).map_or("", |conversation| conversation.state);
    state == "invited" || chat.compose.wants_agent()
}

/// Why nobody can be answered, where that is because no agent is there to do it. Elsewhere it stands above the messages,
/// which are not to move when an agent goes.
fn no_agent<'a>(cx: Cx<'a>, chat: &'a Chat, state: &str) -> Option<Element<'a, Message>> {
    if state != "invited" || cx.desk.has_agent() {
        return None;
    }
    let words = body(cx.words.say("error-no-agent")).width(Length::Fill);
    Some(notice(row![words, start(cx, chat)].spacing(gap::INSIDE).align_y(Alignment::Center)))
}

fn invited<'a>(cx: Cx<'a>, chat: &'a Chat, asked: &'a RollRow) -> Element<'a, Message> {
    let who = harmless(&asked.inviter);
    let mut words =
        column![strong(cx.words.tell("chat-asks", &[("name", who.into_owned().into())]))];
    if !asked.greeting.is_empty() {
        let greeting = crate::words::harmless_lines(&asked.greeting).into_owned();
        words = words.push(body(greeting).wrapping(text::Wrapping::WordOrGlyph));
    }
    let can = may_answer(cx, chat);
    let accept = press::press(body(cx.words.say("chat-accept")))
        .id("accept")
        .style(styles::primary)
        .on_press_maybe(can.then_some(Message::AcceptPressed));
    let decline = press::press(body(cx.words.say("chat-decline")))
        .id("decline")
        .on_press_maybe(can.then_some(Message::DeclinePressed));
    column![words.spacing(gap::TIGHT), row![accept, decline].spacing(gap::INSIDE)]
        .spacing(gap::BETWEEN)
        .into()
}

/// Why there is nothing to write, and how that may be changed.
fn over<'a>(cx: Cx<'a>, chat: &'a Chat, conversation: &'a RollRow) -> Element<'a, Message> {
    let key = match conversation.state {
        "left" => "chat-over-left",
        "declined" => "chat-over-declined",
        "withdrawn" => "chat-over-withdrawn",
        "expired" => "chat-over-expired",
        _ => "chat-over-refused",
    };
    let refused = chat.thread.refused.as_ref().filter(|_| conversation.state == "refused");
    let said = match refused.map(|refused| harmless(&refused.reason)) {
        Some(why) if !why.is_empty() => {
            cx.words.tell("chat-over-refused-why", &[("why", why.into_owned().into())])
        }
        _ => cx.words.say(key),
    };
    let mut words = column![body(said).style(styles::muted).wrapping(text::Wrapping::Word)];
    if let Some(greeting) = refused.map(|it| &it.greeting).filter(|text| !text.is_empty()) {
        words = words.push(you_asked(cx, greeting));
    }
    let words = words.spacing(gap::TIGHT);
    // Into a group others have to ask us, unless it never came to be.
    let may_ask = conversation.pair || conversation.state == "refused";
    asking_again(cx, chat, words.into(), may_ask)
}

/// What is said of the other one of two, who is not here.
fn other_gone(chat: &Chat) -> Option<&'static str> {
    match chat.thread.other? {
        "declined" => Some("chat-other-declined"),
        "left" => Some("chat-other-left"),
        "expired" => Some("chat-other-late"),
        "withdrawn" => Some("chat-other-withdrawn"),
        _ => None,
    }
}

/// That the other one is not here, and a way to ask once more.
fn alone<'a>(cx: Cx<'a>, chat: &'a Chat, pair: &'a RollRow) -> Option<Element<'a, Message>> {
    let key = other_gone(chat)?;
    let who = harmless(&pair.title).into_owned();
    let words = hint(cx.words.tell(key, &[("name", who.into())])).wrapping(text::Wrapping::Word);
    // While it waits to be sent it is asked already.
    Some(asking_again(cx, chat, words.into(), pair.pending != Some("request")))
}

fn asking_again<'a>(
    cx: Cx<'a>,
    chat: &'a Chat,
    words: Element<'a, Message>,
    may_ask: bool,
) -> Element<'a, Message> {
    let again = press::press(body(cx.words.say("chat-ask-again")))
        .id("ask-again")
        .style(styles::secondary)
        .on_press_maybe(may_answer(cx, chat).then_some(Message::AskAgainPressed));
    let mut line = row![container(words).width(Length::Fill)].spacing(gap::INSIDE);
    if may_ask {
        line = line.push(again);
    }
    line.align_y(Alignment::Center).into()
}

fn editor<'a>(cx: Cx<'a>, chat: &'a Chat) -> Element<'a, Message> {
    let compose = &chat.compose;
    let is_open = compose.is_open();
    let mut field = text_editor(&compose.content)
        .id("draft")
        .placeholder(cx.words.say("chat-field"))
        .font(theme::BODY)
        .size(theme::size::BODY)
        // The face's own: with less, what hangs below the line is cut.
        .line_height(1.4)
        .padding([6.0, gap::INSIDE])
        .max_height(EDITOR_MAX)
        .style(styles::editor)
        .key_binding(binding);
    if compose.takes_keys() {
        field = field.on_action(Message::Typed);
    }
    let over = compose.over(chat.thread.limit);
    let can_send = is_open && over.is_none() && !compose.content.is_empty();
    let is_edit = matches!(compose.mode, Mode::Edit(..));
    let send = cx.words.say(if is_edit { "chat-save" } else { "chat-send" });
    let send = press::press(body(send))
        .id("send")
        .padding([7.0, gap::BETWEEN])
        .style(styles::primary)
        .on_press_maybe(can_send.then_some(Message::SendPressed));
    let mut parts = column![
        slot(mode(cx, chat)),
        slot(going(cx, chat)),
        row![field, send].spacing(gap::INSIDE).align_y(Alignment::End),
    ];
    if let Some(below) = below(cx, chat, over) {
        let above = Padding { top: gap::INSIDE, ..Padding::ZERO };
        parts = parts.push(container(below).padding(above));
    }
    parts.into()
}

/// How much room is left, and whether it goes first.
fn below<'a>(cx: Cx<'a>, chat: &'a Chat, over: Option<usize>) -> Option<Element<'a, Message>> {
    let compose = &chat.compose;
    let len = compose.text().len();
    if len == 0 && !compose.is_urgent {
        return None;
    }
    let room = match (over, chat.thread.limit) {
        (Some(over), _) => {
            let over =
                cx.words.tell("chat-too-long", &[("size", cx.words.bytes(over as u64).into())]);
            hint(over).style(styles::bad)
        }
        (None, Some(limit)) if limit / 5 * 4 < len => {
            let left = cx.words.bytes((limit - len) as u64);
            hint(cx.words.tell("chat-room", &[("size", left.into())]))
        }
        _ => hint(cx.words.say("chat-keys")),
    };
    let mut line = row![room.width(Length::Fill)].align_y(Alignment::Center).spacing(gap::INSIDE);
    if !matches!(compose.mode, Mode::Edit(..)) {
        let key = if compose.is_urgent { "chat-is-urgent" } else { "chat-make-urgent" };
        let style: fn(&iced::Theme) -> text::Style =
            if compose.is_urgent { styles::warn } else { styles::muted };
        line = line.push(
            press::press(hint(cx.words.say(key)).style(style))
                .id("urgent")
                .padding([gap::TIGHT, gap::INSIDE])
                .style(if compose.is_urgent { styles::chosen } else { styles::quiet })
                .on_press(Message::UrgentToggled),
        );
    }
    Some(line.into())
}

/// Enter sends, with Shift it breaks the line; Up in an empty editor edits what was sent last.
fn binding(key: text_editor::KeyPress) -> Option<text_editor::Binding<Message>> {
    use text_editor::Binding;
    let is_here = matches!(key.status, text_editor::Status::Focused { .. });
    match key.key.as_ref() {
        keyboard::Key::Named(Named::Enter) if is_here && !key.modifiers.shift() => {
            Some(Binding::Custom(Message::SendPressed))
        }
        keyboard::Key::Named(Named::Escape) if is_here => {
            Some(Binding::Custom(Message::EscapePressed))
        }
        keyboard::Key::Named(Named::ArrowUp) if is_here && key.modifiers.is_empty() => {
            Some(Binding::Sequence(vec![
                Binding::Custom(Message::UpPressed),
                Binding::Move(text_editor::Motion::Up),
            ]))
        }
        // What is written seldom fills a page: these are for what was said.
        keyboard::Key::Named(page @ (Named::PageUp | Named::PageDown)) if is_here => {
            Some(Binding::Custom(Message::PagePressed { up: page == Named::PageUp }))
        }
        // Tab is for going on.
        keyboard::Key::Named(Named::Tab) => None,
        _ => Binding::from_key_press(key),
    }
}

/// What is answered or edited.
fn mode<'a>(cx: Cx<'a>, chat: &'a Chat) -> Option<Element<'a, Message>> {
    let (mark, key, id) = match chat.compose.mode {
        Mode::New => return None,
        Mode::Reply(id) => (Sign::Reply, "chat-replying", id),
        Mode::Edit(id, _) => (Sign::Edit, "chat-editing", id),
    };
    let row = chat.thread.row(id).map(|row| &row.row);
    let who = row.map_or("", |row| row.from.as_str());
    let title = cx.words.tell(key, &[("name", who.into())]);
    let quote = elided(row.map_or("", |row| row.text.as_str())).hint();
    let drop = act("mode-drop", cx.words.say("chat-drop"), styles::quiet, Message::ModeDropped);
    let lines = column![strong(title).size(theme::size::SMALL), quote].width(Length::Fill);
    let line = row![sign(mark).style(styles::accent), lines, drop];
    Some(line.spacing(gap::INSIDE).align_y(Alignment::Center).into())
}

/// Where the message is that was sent just now.
fn going<'a>(cx: Cx<'a>, chat: &'a Chat) -> Option<Element<'a, Message>> {
    let (words, acts) = match &chat.compose.going {
        Going::Idle | Going::Asked(_) => return None,
        Going::Failed(err) => {
            let again =
                act("retry", cx.words.say("chat-retry"), styles::secondary, Message::SendPressed);
            let acts = match err {
                DoorError::NoAgent => row![start(cx, chat), again],
                _ => row![again],
            };
            (cx.words.tell("chat-kept", &[("why", error_words(cx, err).into())]), acts)
        }
        Going::Unsure { .. } => {
            let look =
                act("look", cx.words.say("chat-look"), styles::secondary, Message::LookPressed);
            let anyway =
                act("anyway", cx.words.say("chat-anyway"), styles::danger, Message::AnywayPressed);
            (cx.words.say("chat-unsure"), row![look, anyway])
        }
    };
    let words = body(words).wrapping(text::Wrapping::Word);
    Some(notice(column![words, acts.spacing(gap::INSIDE)].spacing(gap::INSIDE)))
}

fn start<'a>(cx: Cx<'a>, chat: &'a Chat) -> press::Press<'a, Message> {
    let key = if chat.is_starting { "chat-starting" } else { "chat-start" };
    press::press(body(cx.words.say(key)))
        .id("start")
        .style(styles::primary)
        .on_press_maybe((!chat.is_starting).then_some(Message::StartPressed))
}

/// Where a link leads, before it is opened.
fn leads_to<'a>(cx: Cx<'a>, link: &'a str) -> Element<'a, Message> {
    let host = link::whereto(link).unwrap_or_default();
    let whole: String = harmless(link).chars().take(300).collect();
    let mut words = column![
        hint(cx.words.say("chat-leads")),
        strong(harmless(host)).size(theme::size::LARGE),
        hint(whole).wrapping(text::Wrapping::Glyph),
    ]
    .spacing(gap::TIGHT);
    if link::is_odd(host) {
        words = words.push(hint(cx.words.say("chat-odd-host")).style(styles::warn));
    }
    let acts = row![
        act("link-open", cx.words.say("chat-open"), styles::primary, Message::LinkOpened),
        act("link-copy", cx.words.say("chat-copy"), styles::secondary, Message::LinkCopied),
        act("link-drop", cx.words.say("chat-drop"), styles::quiet, Message::LinkDropped),
    ];
    let inside = column![words, acts.spacing(gap::INSIDE)].spacing(gap::BETWEEN);
    container(inside).padding(gap::BETWEEN).width(Length::Fill).style(styles::card).into()
}
