//! How things look, by what they are: `text(…).style(styles::muted)`, `container(…).style(styles::card)`.

use iced::{
    Background, Border, Color, Theme, border,
    widget::{container, rule, scrollable, text, text_editor, text_input},
};

use super::{Tokens, space, tokens};
use crate::widget::press::{Status, Style};

fn said_in(color: Color) -> text::Style {
    text::Style { color: Some(color) }
}

/// Times, hints, counts.
pub(crate) fn muted(theme: &Theme) -> text::Style {
    said_in(tokens(theme).muted)
}

/// A link, an unread mark.
pub(crate) fn accent(theme: &Theme) -> text::Style {
    said_in(tokens(theme).accent)
}

/// Delivered, reachable.
pub(crate) fn good(theme: &Theme) -> text::Style {
    said_in(tokens(theme).good)
}

/// Waiting on money or time.
pub(crate) fn warn(theme: &Theme) -> text::Style {
    said_in(tokens(theme).warn)
}

/// Refused, failed.
pub(crate) fn bad(theme: &Theme) -> text::Style {
    said_in(tokens(theme).bad)
}

/// What is read, said where something else would be inherited.
pub(crate) fn plain(theme: &Theme) -> text::Style {
    said_in(tokens(theme).text)
}

fn filled(color: Color, border: Border, text: Color) -> container::Style {
    container::Style {
        background: Some(Background::Color(color)),
        text_color: Some(text),
        border,
        ..container::Style::default()
    }
}

fn outlined(radius: f32, color: Color) -> Border {
    border::rounded(radius).color(color).width(1)
}

/// The ground of a window.
pub(crate) fn ground(theme: &Theme) -> container::Style {
    let t = tokens(theme);
    filled(t.bg, Border::default(), t.text)
}

/// A panel or card.
pub(crate) fn card(theme: &Theme) -> container::Style {
    let t = tokens(theme);
    filled(t.surface, outlined(space::RADIUS, t.line), t.text)
}

/// A bar across the window, on a surface of its own.
pub(crate) fn bar(theme: &Theme) -> container::Style {
    let t = tokens(theme);
    filled(t.surface, Border::default(), t.text)
}

/// A count that asks to be seen.
pub(crate) fn badge(theme: &Theme) -> container::Style {
    let t = tokens(theme);
    filled(t.accent, border::rounded(10.0), t.on_accent)
}

/// What failed, where the eye already is.
pub(crate) fn alert(theme: &Theme) -> container::Style {
    let t = tokens(theme);
    filled(t.surface, outlined(space::RADIUS, t.bad), t.text)
}

/// What is good to know.
pub(crate) fn tip(theme: &Theme) -> container::Style {
    let t = tokens(theme);
    filled(t.raised, border::rounded(space::RADIUS), t.text)
}

/// A hairline.
pub(crate) fn hairline(theme: &Theme) -> rule::Style {
    rule::Style {
        color: tokens(theme).line,
        radius: 0.0.into(),
        fill_mode: rule::FillMode::Full,
        snap: true,
    }
}

/// A field to type one line in.
pub(crate) fn field(theme: &Theme, status: text_input::Status) -> text_input::Style {
    let t = tokens(theme);
    let has_keyboard = matches!(status, text_input::Status::Focused { .. });
    text_input::Style {
        background: Background::Color(t.raised),
        border: outlined(space::RADIUS, if has_keyboard { t.accent } else { t.line }),
        icon: t.muted,
        placeholder: t.muted,
        value: t.text,
        selection: Color { a: 0.35, ..t.accent },
    }
}

/// A field to type several lines in.
pub(crate) fn editor(theme: &Theme, status: text_editor::Status) -> text_editor::Style {
    let t = tokens(theme);
    let has_keyboard = matches!(status, text_editor::Status::Focused { .. });
    text_editor::Style {
        background: Background::Color(t.raised),
        border: outlined(space::RADIUS, if has_keyboard { t.accent } else { t.line }),
        placeholder: t.muted,
        value: t.text,
        selection: Color { a: 0.35, ..t.accent },
    }
}

/// A list that scrolls: a thin bar, nothing else.
pub(crate) fn scroll(theme: &Theme, status: scrollable::Status) -> scrollable::Style {
    let t = tokens(theme);
    let is_used = !matches!(status, scrollable::Status::Active { .. });
    let rail = scrollable::Rail {
        background: None,
        border: Border::default(),
        scroller: scrollable::Scroller {
            background: Background::Color(if is_used { t.muted } else { t.line }),
            border: border::rounded(3.0),
        },
    };
    let usual = scrollable::default(theme, status);
    scrollable::Style { vertical_rail: rail, horizontal_rail: rail, ..usual }
}

fn pressable(t: &Tokens, status: Status, idle: Option<Color>, text: Color) -> Style {
    let background = match status {
        Status::Active | Status::Disabled => idle,
        Status::Hovered | Status::Pressed => Some(t.raised),
    };
    Style {
        background: background.map(Background::Color),
        text: if status == Status::Disabled { t.muted } else { text },
        border: border::rounded(space::RADIUS),
        ring: t.accent,
    }
}

/// The one primary action of a screen.
pub(crate) fn primary(theme: &Theme, status: Status) -> Style {
    let t = tokens(theme);
    let (ground, text) = match status {
        Status::Disabled => (t.raised, t.muted),
        Status::Active => (t.accent, t.on_accent),
        Status::Hovered | Status::Pressed => (Color { a: 0.88, ..t.accent }, t.on_accent),
    };
    Style {
        background: Some(Background::Color(ground)),
        ring: t.text,
        ..pressable(t, status, None, text)
    }
}

/// Any other action.
pub(crate) fn secondary(theme: &Theme, status: Status) -> Style {
    let t = tokens(theme);
    let usual = pressable(t, status, Some(t.surface), t.text);
    Style { border: outlined(space::RADIUS, t.line), ..usual }
}

/// An action that cannot be taken back.
pub(crate) fn danger(theme: &Theme, status: Status) -> Style {
    let t = tokens(theme);
    let usual = pressable(t, status, Some(t.surface), t.bad);
    Style { border: outlined(space::RADIUS, t.bad), ..usual }
}

/// An action that is only a sign or a word among others; a row of a list.
pub(crate) fn quiet(theme: &Theme, status: Status) -> Style {
    let t = tokens(theme);
    pressable(t, status, None, t.text)
}

/// The row that is open, the choice that is made.
pub(crate) fn chosen(theme: &Theme, status: Status) -> Style {
    let t = tokens(theme);
    pressable(t, status, Some(t.raised), t.text)
}

/// A link in the text.
pub(crate) fn link(theme: &Theme, status: Status) -> Style {
    let t = tokens(theme);
    pressable(t, status, None, t.accent)
}

/// A field with something in it that cannot be taken.
pub(crate) fn wrong_field(theme: &Theme, status: text_input::Status) -> text_input::Style {
    let usual = field(theme, status);
    text_input::Style { border: outlined(space::RADIUS, tokens(theme).bad), ..usual }
}

/// What of a bar is done …
pub(crate) fn done(theme: &Theme) -> container::Style {
    let t = tokens(theme);
    filled(t.accent, border::rounded(2.0), t.on_accent)
}

/// … and all of it.
pub(crate) fn track(theme: &Theme) -> container::Style {
    let t = tokens(theme);
    filled(t.raised, border::rounded(2.0), t.text)
}

/// The rail of a switch that is on …
pub(crate) fn switch_on(theme: &Theme) -> container::Style {
    let t = tokens(theme);
    filled(t.accent, border::rounded(10.0), t.on_accent)
}

/// … and of one that is off.
pub(crate) fn switch_off(theme: &Theme) -> container::Style {
    let t = tokens(theme);
    filled(t.muted, border::rounded(10.0), t.text)
}

/// What moves in it.
pub(crate) fn knob(theme: &Theme) -> container::Style {
    let t = tokens(theme);
    filled(t.surface, border::rounded(7.0), t.text)
}

/// Of a chart, what was before.
pub(crate) fn before(theme: &Theme) -> container::Style {
    let t = tokens(theme);
    filled(t.own, Border::default(), t.text)
}

/// Of a chart, what is to come.
pub(crate) fn nothing(_theme: &Theme) -> container::Style {
    container::Style::default()
}

/// A line that is not to be passed.
pub(crate) fn limit(theme: &Theme) -> rule::Style {
    rule::Style { color: tokens(theme).warn, ..hairline(theme) }
}

/// A bubble in a run of its author: the corners between two of them are small. One that is chosen has a border.
pub(crate) fn bubble_in_run(
    mine: bool,
    is_first: bool,
    is_last: bool,
    is_chosen: bool,
) -> impl Fn(&Theme) -> container::Style {
    move |theme| {
        let t = tokens(theme);
        let (inner, outer) = (4.0, space::BUBBLE + 2.0);
        let top = if is_first { outer } else { inner };
        let bottom = if is_last { outer } else { inner };
        let radius = match mine {
            true => border::Radius {
                top_left: outer,
                top_right: top,
                bottom_right: bottom,
                bottom_left: outer,
            },
            false => border::Radius {
                top_left: top,
                top_right: outer,
                bottom_right: outer,
                bottom_left: bottom,
            },
        };
        let (ground, edge) = if mine { (t.own, t.own) } else { (t.surface, t.line) };
        let edge = if is_chosen { t.accent } else { edge };
        filled(ground, Border { radius, color: edge, width: 1.0 }, t.text)
    }
}

/// The round with somebody's first letter.
pub(crate) fn disc(theme: &Theme) -> container::Style {
    let t = tokens(theme);
    filled(t.raised, border::rounded(14.0), t.muted)
}

/// A hairline that asks to be seen.
pub(crate) fn accent_line(theme: &Theme) -> rule::Style {
    rule::Style { color: tokens(theme).accent, ..hairline(theme) }
}

/// A button that lies on top of a list.
pub(crate) fn floating(theme: &Theme, status: Status) -> Style {
    let t = tokens(theme);
    let usual = pressable(t, status, Some(t.surface), t.accent);
    Style { border: outlined(16.0, t.accent), ..usual }
}
