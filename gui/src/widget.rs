//! Small things that every screen is made of.

pub(crate) mod bar;
mod elide;
pub(crate) mod focus;
pub(crate) mod form;
pub(crate) mod long;
pub(crate) mod press;
mod rest;
pub(crate) mod tabbed;

use std::borrow::Cow;

use iced::{
    Alignment, Length, Theme,
    widget::{Text, container, row, scrollable, space, text},
};

use crate::theme::{BODY, SIGNS, STRONG, size, space as gap, styles};

pub(crate) use self::{
    elide::elided,
    press::{Press, press},
};

/// What a view gives.
pub(crate) type Element<'a, Message> = iced::Element<'a, Message, Theme, iced::Renderer>;

/// Running text.
pub(crate) fn body<'a>(words: impl Into<Cow<'a, str>>) -> Text<'a> {
    text(words.into()).font(BODY).size(size::BODY)
}

/// A name, a heading of a panel.
pub(crate) fn strong<'a>(words: impl Into<Cow<'a, str>>) -> Text<'a> {
    text(words.into()).font(STRONG).size(size::BODY)
}

/// The heading of a screen.
pub(crate) fn title<'a>(words: impl Into<Cow<'a, str>>) -> Text<'a> {
    text(words.into()).font(STRONG).size(size::TITLE)
}

/// Times, hints, counts.
pub(crate) fn hint<'a>(words: impl Into<Cow<'a, str>>) -> Text<'a> {
    text(words.into()).font(BODY).size(size::SMALL).style(crate::theme::styles::muted)
}

/// A sign of the bundled symbols. Never alone where it means something: a word or a tooltip goes with it.
pub(crate) fn sign<'a>(sign: Sign) -> Text<'a> {
    text(sign.glyph()).font(SIGNS).size(size::BODY)
}

/// A line of text that is cut at its end rather than broken.
pub(crate) fn one_line(words: Text<'_>) -> Text<'_> {
    words.wrapping(text::Wrapping::None).width(Length::Fill)
}

/// The signs that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Queued,
    Relayed,
    Delivered,
    Read,
    Held,
    Refused,
    Reachable,
    Expected,
    Unknown,
    Link,
    Settings,
    Search,
    More,
    Back,
    Open,
    Closed,
    Up,
    Down,
    Reply,
    Edit,
    Warning,
    Add,
    Moving,
    Away,
    Group,
    Below,
    Muted,
}

impl Sign {
    pub(crate) fn glyph(self) -> &'static str {
        match self {
            Self::Queued => "◷",
            Self::Relayed => "↑",
            Self::Delivered => "✓",
            Self::Read => "✓✓",
            Self::Held => "⏸",
            Self::Refused => "✕",
            Self::Reachable => "●",
            Self::Expected => "○",
            Self::Unknown => "◌",
            Self::Link => "▤",
            Self::Settings => "⚙",
            Self::Search => "⌕",
            Self::More => "⋯",
            Self::Back => "←",
            Self::Open => "▾",
            Self::Closed => "▸",
            Self::Up => "▲",
            Self::Down => "▼",
            Self::Reply => "↩",
            Self::Edit => "✎",
            Self::Warning => "⚠",
            Self::Add => "✉",
            Self::Moving => "⇅",
            Self::Away => "◐",
            Self::Group => "◎",
            Self::Below => "↓",
            // A bell struck out, drawn for this font: the one that Unicode has is an emoji.
            Self::Muted => "\u{e000}",
        }
    }
}

/// What failed and what can be done, where the eye already is.
pub(crate) fn notice<'a, Message: 'a>(
    content: impl Into<Element<'a, Message>>,
) -> Element<'a, Message> {
    let mark = sign(Sign::Warning).style(styles::bad);
    let told = row![mark, container(content).width(Length::Fill)].spacing(gap::INSIDE);
    container(told.align_y(Alignment::Start))
        .padding(gap::BETWEEN)
        .width(Length::Fill)
        .style(styles::alert)
        .into()
}

/// How far something is, from 0 to 1: a thin line.
pub(crate) fn progress<'a, Message: 'a>(share: f32) -> Element<'a, Message> {
    const STEPS: f32 = 1000.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
    let done = (share.clamp(0.0, 1.0) * STEPS) as u16;
    let part =
        |portion: u16| container(space()).width(Length::FillPortion(portion)).height(gap::TIGHT);
    let mut line = row![];
    // A portion of nothing would take an equal share of the room.
    if 0 < done {
        line = line.push(part(done).style(styles::done));
    }
    if done < STEPS as u16 {
        line = line.push(part(STEPS as u16 - done));
    }
    container(line).style(styles::track).width(Length::Fill).into()
}

/// A bar that is thin and stands off the edge.
pub(crate) fn scroll_bar() -> scrollable::Direction {
    let bar = scrollable::Scrollbar::new().width(gap::TIGHT).scroller_width(gap::TIGHT).margin(2);
    scrollable::Direction::Vertical(bar)
}
