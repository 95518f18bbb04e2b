//! One message: its text, what it answers, its time and how far it has come.

use agent::store::{Answered, MessageState, PageRow, Reason, Reliability};
use iced::{
    Alignment, Length, Padding,
    widget::{column, container, mouse_area, rich_text, row, space, span, text},
};

use super::{
    Chat, Message,
    link::{self, Piece},
    tail::tailed,
};
use crate::{
    screen::Cx,
    theme::{self, space as gap, styles},
    widget::{Element, Sign, body, hint, press, sign, strong},
    words::harmless_lines,
};

/// Texts of so many characters stand in one line also in the narrowest window, more or less.
const ONE_LINE: usize = 34;
/// Texts of more characters, or of more lines, are folded.
pub(super) const FOLD: (usize, usize) = (900, 14);
/// Texts are laid out in parts of about so many bytes, so that those out of view cost nothing.
const PART: usize = 2_000;

pub(super) fn sign_of(state: MessageState) -> Sign {
    match state {
        MessageState::Held => Sign::Held,
        MessageState::Queued => Sign::Queued,
        MessageState::Relayed => Sign::Relayed,
        MessageState::Delivered => Sign::Delivered,
        MessageState::Read => Sign::Read,
        MessageState::Expired | MessageState::Refused => Sign::Refused,
    }
}

/// The bubble; `is_first` of a run of the same author, `is_last` of it.
pub(super) fn bubble<'a>(
    cx: Cx<'a>,
    chat: &'a Chat,
    message: &'a PageRow,
    (is_first, is_last): (bool, bool),
    names: bool,
) -> Element<'a, Message> {
    let row = &message.row;
    let mut inside = column![].spacing(gap::TIGHT);
    if names && is_first && !row.mine {
        inside = inside.push(strong(crate::words::harmless(&row.from)).style(styles::accent));
    }
    if let Some(answered) = &message.answers {
        inside = inside.push(quote(cx, answered));
    }
    inside = inside.push(tailed(said(cx, chat, message), tail(cx, message)));
    if is_folded(chat, message) {
        let n = row.text.chars().count();
        let more = cx.words.tell("chat-unfold", &[("n", n.into())]);
        inside = inside.push(
            press(body(more))
                .id(format!("unfold-{}", row.id))
                .padding([gap::TIGHT, 0.0])
                .style(styles::link)
                .on_press(Message::Unfolded(row.id)),
        );
    }
    if let Some(trouble) = trouble(cx, message) {
        inside = inside.push(trouble);
    }
    let (mine, marked) = (row.mine, chat.cursor == Some(row.id));
    let bubble = container(inside)
        .padding([gap::INSIDE - 2.0, gap::BETWEEN])
        .style(styles::bubble_in_run(mine, is_first, is_last, marked));
    mouse_area(bubble)
        .on_press(Message::Touched(row.id))
        .on_right_press(Message::Touched(row.id))
        .into()
}

pub(super) fn is_folded(chat: &Chat, message: &PageRow) -> bool {
    let text = &message.row.text;
    let is_long =
        FOLD.1 < text.lines().take(FOLD.1 + 1).count() || text.chars().nth(FOLD.0).is_some();
    is_long && !chat.unfolded.contains(&message.row.id)
}

fn said<'a>(cx: Cx<'a>, chat: &'a Chat, message: &'a PageRow) -> Element<'a, Message> {
    if message.row.deleted {
        return body(cx.words.say("chat-deleted")).style(styles::muted).into();
    }
    let whole = message.row.text.as_str();
    let shown = match is_folded(chat, message) {
        true => folded(whole),
        false => whole,
    };
    let mut text = harmless_lines(shown).into_owned();
    if shown.len() < whole.len() {
        text.push('…');
    }
    let has_hits = chat.search.as_ref().is_some_and(|search| search.is_hit(message.row.id));
    if text.trim().is_empty() {
        return body(cx.words.say("chat-nothing-to-see")).style(styles::muted).into();
    }
    // The toolkit sets lines and marks of text that runs from right to left in the wrong places; its links are on the card.
    if text.chars().any(runs_left) {
        return from_the_right(&text);
    }
    let is_plain = !text.contains("://") && !text.contains("mailto:") && !has_hits;
    let words = chat.search.as_ref().filter(|_| has_hits).map(|search| search.words.as_str());
    let parts = parts(&text);
    let shown = parts.into_iter().map(|part| match is_plain {
        true => body(part.to_owned()).wrapping(text::Wrapping::WordOrGlyph).into(),
        false => rich(part, words.unwrap_or_default()),
    });
    column(shown).into()
}

/// Of lines that wrap the toolkit takes some for narrower than they are, by a blank or two: there is room for those.
fn from_the_right<'a>(text: &str) -> Element<'a, Message> {
    let wraps = ONE_LINE < text.chars().count();
    let room = Padding { right: if wraps { gap::BETWEEN } else { 0.0 }, ..Padding::ZERO };
    let shown = parts(text).into_iter();
    let shown =
        shown.map(|part| body(part.to_owned()).wrapping(text::Wrapping::WordOrGlyph).into());
    container(column(shown)).padding(room).into()
}

/// Whether a letter belongs to a script that runs from right to left.
fn runs_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFE}'
        | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}')
}

fn folded(text: &str) -> &str {
    let by_chars = text.char_indices().nth(FOLD.0).map_or(text.len(), |(at, _)| at);
    let by_lines = text.match_indices('\n').nth(FOLD.1 - 1).map_or(text.len(), |(at, _)| at);
    &text[..by_chars.min(by_lines)]
}

/// The text in parts that end with a line, or with a word where a line is very long.
fn parts(text: &str) -> Vec<&str> {
    let (mut rest, mut parts) = (text, Vec::new());
    while PART < rest.len() {
        let mut most = PART;
        while !rest.is_char_boundary(most) {
            most -= 1;
        }
        let cut = rest[..most].rfind('\n').or_else(|| rest[..most].rfind(' '));
        let cut = cut.filter(|cut| PART / 4 < *cut).unwrap_or(most);
        parts.push(&rest[..cut]);
        rest = rest[cut..].strip_prefix(['\n', ' ']).unwrap_or(&rest[cut..]);
    }
    parts.push(rest);
    parts
}

/// With links underlined, and what was searched for marked.
fn rich<'a>(text: &str, words: &str) -> Element<'a, Message> {
    let mut spans = Vec::new();
    for piece in link::pieces(text) {
        match piece {
            Piece::Link(link) => {
                spans.push(span(link.to_owned()).underline(true).link(link.to_owned()));
            }
            Piece::Plain(plain) => {
                for (part, is_hit) in super::search::marked(plain, words) {
                    let part = span(part.to_owned());
                    spans.push(if is_hit { part.background(theme::MARK) } else { part });
                }
            }
        }
    }
    rich_text(spans)
        .font(theme::BODY)
        .size(theme::size::BODY)
        .wrapping(text::Wrapping::WordOrGlyph)
        .on_link_click(Message::LinkPressed)
        .into()
}

/// What it answers; pressing it goes there.
pub(super) fn quote<'a>(cx: Cx<'a>, answered: &'a Answered) -> Element<'a, Message> {
    let (who, what, goes) = match answered {
        Answered::Missing => (None, cx.words.say("chat-answered-missing"), None),
        Answered::Here { id, from, mine, text, deleted } => {
            let who = if *mine { cx.words.say("chat-you") } else { from.clone() };
            let what = if *deleted { cx.words.say("chat-deleted") } else { text.clone() };
            (Some(who), what, Some(Message::QuotePressed(*id)))
        }
    };
    let mut lines = column![];
    if let Some(who) = who {
        lines =
            lines.push(strong(crate::words::harmless(&who).into_owned()).size(theme::size::SMALL));
    }
    // Its width is that of its words: a quote does not stretch the bubble.
    let short: String = crate::words::harmless(&what).chars().take(64).collect();
    let short = if short.chars().count() < 64 { short } else { format!("{short}…") };
    lines = lines.push(hint(short).wrapping(text::Wrapping::WordOrGlyph));
    let bar = container(space().width(3.0).height(if matches!(answered, Answered::Missing) {
        18.0
    } else {
        34.0
    }))
    .style(styles::done);
    let inside = row![bar, lines].spacing(gap::INSIDE).align_y(Alignment::Center);
    match goes {
        Some(message) => mouse_area(container(inside).padding([gap::TIGHT, 0.0]))
            .on_press(message)
            .interaction(iced::mouse::Interaction::Pointer)
            .into(),
        None => container(inside).padding([gap::TIGHT, 0.0]).into(),
    }
}

/// Urgent, edited, the time, and how far it has come.
fn tail<'a>(cx: Cx<'a>, message: &'a PageRow) -> Element<'a, Message> {
    let row = &message.row;
    let mut tail = row![].spacing(gap::TIGHT + 2.0).align_y(Alignment::Center);
    if row.urgent {
        tail = tail.push(hint(cx.words.say("chat-urgent")).style(styles::warn));
    }
    if row.edited && !row.deleted {
        tail = tail.push(hint(cx.words.say("chat-edited")));
    }
    tail = tail.push(hint(cx.words.clock(row.sent_at)));
    if let Some(state) = row.state {
        let style = match state {
            MessageState::Held => styles::warn,
            MessageState::Refused | MessageState::Expired => styles::bad,
            MessageState::Read => styles::accent,
            _ => styles::muted,
        };
        tail = tail.push(sign(sign_of(state)).size(theme::size::SMALL).style(style));
    }
    tail.into()
}

/// Why it does not go, in words, and what to do.
fn trouble<'a>(cx: Cx<'a>, message: &'a PageRow) -> Option<Element<'a, Message>> {
    let row = &message.row;
    let (key, style): (_, fn(&iced::Theme) -> text::Style) = match row.state? {
        MessageState::Held => ("chat-held", styles::warn),
        MessageState::Refused => ("chat-refused", styles::bad),
        MessageState::Expired => ("chat-expired", styles::bad),
        _ => return None,
    };
    let mut words = cx.words.say(key);
    if !row.reason.is_empty() {
        words = cx
            .words
            .tell("chat-because", &[("what", words.into()), ("why", cx.words.why(row).into())]);
    }
    let id = row.id;
    let act = |name: &str, key: &str, message: Message| {
        let can = cx.desk.has_agent() || !message.is_for_agent();
        press(body(cx.words.say(key)))
            .id(format!("{name}-{id}"))
            .padding([gap::TIGHT, gap::INSIDE])
            .style(styles::link)
            .on_press_maybe(can.then_some(message))
    };
    let mut acts = row![].spacing(gap::TIGHT);
    match row.state? {
        MessageState::Held => {
            let reason = Reason::of_message(row.state, &row.reason);
            if reason.is_none_or(|reason| reason.ends_by_release()) {
                acts = acts.push(act("release", "chat-release", Message::ReleasePressed(id)));
            }
            acts = acts.push(act("rewrite", "chat-rewrite", Message::EditPressed(id)));
            acts = acts.push(act("cancel", "chat-cancel", Message::CancelPressed(id)));
        }
        MessageState::Refused => {
            acts = acts.push(act("release", "chat-again", Message::ReleasePressed(id)));
            acts = acts.push(act("cancel", "chat-put-away", Message::CancelPressed(id)));
        }
        _ => {
            acts = acts.push(act("again", "chat-again", Message::AgainPressed(id)));
            acts = acts.push(act("cancel", "chat-put-away", Message::CancelPressed(id)));
        }
    }
    let words =
        hint(words).style(style).width(Length::Shrink).wrapping(text::Wrapping::WordOrGlyph);
    Some(
        column![
            words,
            container(acts).padding(iced::Padding { left: -gap::INSIDE, ..iced::Padding::ZERO })
        ]
        .into(),
    )
}

/// What becomes of a message that is under way.
pub(super) fn prospect(cx: Cx<'_>, message: &PageRow, reliability: &Reliability) -> Option<String> {
    let prospect = message.prospect.as_ref()?;
    let at = |moment: i64| cx.words.moment(moment, cx.now);
    let mut said = match (message.row.state?, prospect.leaves, prospect.arrives_to) {
        (MessageState::Queued, ..) if prospect.waits.is_some() => {
            cx.words.why_said(prospect.waits.as_deref()?)
        }
        (MessageState::Queued, None, _) => cx.words.say("chat-goes-next"),
        (MessageState::Queued, Some(leaves), None) => {
            cx.words.tell("chat-leaves", &[("at", at(leaves).into())])
        }
        (MessageState::Queued, Some(leaves), Some(to)) => {
            let args = [("at", at(leaves).into()), ("to", at(to).into())];
            cx.words.tell("chat-leaves-arrives", &args)
        }
        (MessageState::Relayed, _, Some(to)) => {
            cx.words.tell("chat-arrives", &[("to", at(to).into())])
        }
        _ => String::new(),
    };
    if prospect.arrives_to.is_some() && 0 < reliability.total {
        let args = [("n", reliability.inside.into()), ("of", reliability.total.into())];
        said = format!("{said}, {}", cx.words.tell("chat-right", &args));
    }
    if let Some(before) = prospect.deliver_before {
        let before = cx.words.tell("chat-before", &[("at", at(before).into())]);
        said = if said.is_empty() { before } else { format!("{said} · {before}") };
    }
    (!said.is_empty()).then_some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_into_parts_that_lose_no_word() {
        for text in ["short", &"word ".repeat(3_000), &"x".repeat(9_001), &"né\n".repeat(4_000)] {
            let parts = parts(text);
            assert!(parts.iter().all(|part| part.len() <= PART));
            let glue = |text: &str| text.replace(['\n', ' '], "");
            assert_eq!(glue(&parts.concat()), glue(text));
        }
    }
}
