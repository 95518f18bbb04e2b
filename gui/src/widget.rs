//! Small things that every screen is made of.

pub(crate) mod focus;
pub(crate) mod press;

use std::borrow::Cow;

use iced::{
    Length, Theme,
    widget::{Text, text},
};

use crate::theme::{BODY, SIGNS, STRONG, size};

pub(crate) use self::press::press;

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
    Help,
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
    Muted,
    Stop,
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
            Self::Help => "☰",
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
            Self::Muted => "◯",
            Self::Stop => "■",
        }
    }
}
