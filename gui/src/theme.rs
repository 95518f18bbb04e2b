//! Colours, sizes and styles by role: the visual language in one place.
//!
//! No other module names a colour. A style is asked for by what a thing *is* (a card, a hint, the one primary
//! action); which colour that means in which theme is decided here, and the contrast is tested.

pub(crate) mod styles;

use std::sync::LazyLock;

use iced::{
    Color, Font, Theme, color,
    font::{Family, Weight},
    theme::Palette,
};

/// The bundled text face.
pub(crate) const BODY: Font = Font { family: Family::Name("Noto Sans"), ..Font::DEFAULT };
/// The same, for headings and names.
pub(crate) const STRONG: Font = Font { weight: Weight::Semibold, ..BODY };
/// Signs: states of a message, presence, arrows.
pub(crate) const SIGNS: Font = Font { family: Family::Name("Mailboat Symbols"), ..Font::DEFAULT };

/// What every program and every test loads before it draws.
pub(crate) const FONTS: [&[u8]; 3] = [
    include_bytes!("../fonts/NotoSans-Regular.ttf"),
    include_bytes!("../fonts/NotoSans-SemiBold.ttf"),
    include_bytes!("../fonts/MailboatSymbols.ttf"),
];

/// Sizes of type, in logical pixels.
pub(crate) mod size {
    /// Times, hints, counts.
    pub(crate) const SMALL: f32 = 12.0;
    /// Everything that is read.
    pub(crate) const BODY: f32 = 14.0;
    /// Names, headings of a panel.
    pub(crate) const LARGE: f32 = 16.0;
    /// The heading of a screen.
    pub(crate) const TITLE: f32 = 20.0;
    /// The first words that somebody ever sees.
    pub(crate) const HERO: f32 = 28.0;
}

/// Distances, in logical pixels: a grid of 4.
pub(crate) mod space {
    /// Between a sign and its word.
    pub(crate) const TIGHT: f32 = 4.0;
    /// Inside of things.
    pub(crate) const INSIDE: f32 = 8.0;
    /// Between things.
    pub(crate) const BETWEEN: f32 = 12.0;
    /// Around things.
    pub(crate) const AROUND: f32 = 16.0;
    /// From the edge to the text behind a sign: around, the sign, inside.
    pub(crate) const INDENT: f32 = 40.0;
    /// Height of a row of a list with two lines.
    pub(crate) const ROW_OF_TWO: f32 = 56.0;
    /// The least that can be hit.
    pub(crate) const HIT: f32 = 32.0;
    /// Corners.
    pub(crate) const RADIUS: f32 = 6.0;
    /// Corners of a bubble.
    pub(crate) const BUBBLE: f32 = 10.0;
}

/// The colours of one theme, by role.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tokens {
    /// The window.
    pub(crate) bg: Color,
    /// Cards, others' bubbles, panels.
    pub(crate) surface: Color,
    /// What the pointer is over, the selected row, inputs.
    pub(crate) raised: Color,
    /// One's own bubbles.
    pub(crate) own: Color,
    /// Hairlines.
    pub(crate) line: Color,
    /// What is read.
    pub(crate) text: Color,
    /// Times, hints, counts.
    pub(crate) muted: Color,
    /// The one primary action, unread, links, progress.
    pub(crate) accent: Color,
    /// On it.
    pub(crate) on_accent: Color,
    /// Delivered, reachable.
    pub(crate) good: Color,
    /// Waiting on money or time.
    pub(crate) warn: Color,
    /// Refused, failed.
    pub(crate) bad: Color,
}

pub(crate) const LIGHT: Tokens = Tokens {
    bg: color!(0xF6F4EE),
    surface: color!(0xFFFFFF),
    raised: color!(0xECE8DE),
    own: color!(0xDCEBF0),
    line: color!(0xD9D4C7),
    text: color!(0x17222C),
    muted: color!(0x55626E),
    accent: color!(0x0A6A86),
    on_accent: color!(0xFFFFFF),
    good: color!(0x2B7045),
    warn: color!(0x8A5A00),
    bad: color!(0xB3261E),
};

pub(crate) const DARK: Tokens = Tokens {
    bg: color!(0x10161C),
    surface: color!(0x18212A),
    raised: color!(0x212C37),
    own: color!(0x17394A),
    line: color!(0x2C3945),
    text: color!(0xE6ECF1),
    muted: color!(0x9BA9B5),
    accent: color!(0x58B7D3),
    on_accent: color!(0x06222B),
    good: color!(0x6CC08B),
    warn: color!(0xE0B050),
    bad: color!(0xF2897F),
};

/// Behind words that were searched for, on every surface of both themes.
pub(crate) const MARK: Color = Color { a: 0.35, ..color!(0xD9A520) };

static PAPER: LazyLock<Theme> = LazyLock::new(|| made("Paper", LIGHT));
static NIGHT: LazyLock<Theme> = LazyLock::new(|| made("Night", DARK));

fn made(name: &'static str, tokens: Tokens) -> Theme {
    let palette = Palette {
        background: tokens.bg,
        text: tokens.text,
        primary: tokens.accent,
        success: tokens.good,
        warning: tokens.warn,
        danger: tokens.bad,
    };
    Theme::custom(name, palette)
}

/// The theme for day …
pub(crate) fn light() -> Theme {
    PAPER.clone()
}

/// … and for night.
pub(crate) fn dark() -> Theme {
    NIGHT.clone()
}

/// The colours of the theme that something is drawn in.
pub(crate) fn tokens(theme: &Theme) -> &'static Tokens {
    // Ours are told apart by their background; whatever else there may be is as dark or light as it says.
    if theme.palette().background == DARK.bg { &DARK } else { &LIGHT }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2: relative luminance of a colour, and the contrast of two.
    fn luminance(color: Color) -> f32 {
        let [r, g, b, _] = color.into_linear();
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    fn contrast(one: Color, other: Color) -> f32 {
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        one.max(other) / one.min(other)
    }

    #[test]
    fn every_text_can_be_read_on_every_surface_in_both_themes() {
        for (name, t) in [("light", LIGHT), ("dark", DARK)] {
            let texts = [t.text, t.muted, t.accent, t.good, t.warn, t.bad];
            for (i, surface) in [t.bg, t.surface, t.raised, t.own].into_iter().enumerate() {
                for (k, text) in texts.into_iter().enumerate() {
                    let found = contrast(text, surface);
                    assert!(found >= 4.5, "{name}: text {k} on surface {i} has {found:.2}");
                }
            }
            assert!(contrast(t.on_accent, t.accent) >= 4.5, "{name}: on the accent");
        }
    }

    #[test]
    fn the_colours_follow_the_theme() {
        assert_eq!(*tokens(&light()), LIGHT);
        assert_eq!(*tokens(&dark()), DARK);
        assert_eq!(*tokens(&Theme::Light), LIGHT);
    }
}
