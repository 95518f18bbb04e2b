//! Other people's words on one line: harmless, and cut with an ellipsis where they do not fit.
//!
//! iced cuts such a text wherever the room ends, in the midst of a letter. The cut is worked out when the text or the
//! room changes, not with every frame.

use std::borrow::Cow;

use iced::{
    Element, Length, Pixels, Rectangle, Size, Theme,
    advanced::{
        Layout, Widget, layout, mouse, renderer,
        text::{Paragraph as _, Text, Wrapping, paragraph::Plain},
        widget::{
            Operation,
            text::{Format, Style, draw, layout as laid_out},
            tree::{self, Tree},
        },
    },
};

use crate::{
    theme::{BODY, STRONG, size, styles},
    words::harmless,
};

type Paragraph = <iced::Renderer as iced::advanced::text::Renderer>::Paragraph;

/// Longer ones are cut before they are measured: nothing so long fits a line.
const CHARS_MAX: usize = 400;
const ELLIPSIS: char = '…';

/// A line of somebody else's words.
pub(crate) fn elided<'a>(words: impl Into<Cow<'a, str>>) -> Elided<'a> {
    let words = match words.into() {
        Cow::Borrowed(words) => harmless(words),
        Cow::Owned(words) => Cow::Owned(harmless(&words).into_owned()),
    };
    Elided {
        words,
        format: Format {
            width: Length::Fill,
            size: Some(Pixels(size::BODY)),
            font: Some(BODY),
            wrapping: Wrapping::None,
            ..Format::default()
        },
        style: |_| Style::default(),
    }
}

/// See [`elided`].
pub(crate) struct Elided<'a> {
    words: Cow<'a, str>,
    format: Format<iced::Font>,
    style: fn(&Theme) -> Style,
}

impl Elided<'_> {
    /// As a name.
    pub(crate) fn strong(mut self) -> Self {
        self.format.font = Some(STRONG);
        self
    }

    /// As a hint.
    pub(crate) fn hint(mut self) -> Self {
        self.format.size = Some(Pixels(size::SMALL));
        self.style(styles::muted)
    }

    pub(crate) fn style(mut self, style: fn(&Theme) -> Style) -> Self {
        self.style = style;
        self
    }

    /// No wider than it has to be, for what comes right behind it.
    pub(crate) fn shrink(mut self) -> Self {
        self.format.width = Length::Shrink;
        self
    }

    /// Against the end of its room: figures that stand under each other.
    pub(crate) fn end(mut self) -> Self {
        self.format.align_x = iced::Alignment::End.into();
        self
    }

    fn width_of(&self, words: &str) -> f32 {
        let measured = Paragraph::with_text(Text {
            content: words,
            bounds: Size::INFINITE,
            size: self.format.size.unwrap_or(Pixels(size::BODY)),
            line_height: self.format.line_height,
            font: self.format.font.unwrap_or(BODY),
            align_x: self.format.align_x,
            align_y: self.format.align_y,
            shaping: self.format.shaping,
            wrapping: Wrapping::None,
        });
        measured.min_width()
    }

    /// As much as fits.
    fn fitted(&self, room: f32) -> String {
        let ends: Vec<usize> =
            self.words.char_indices().map(|(at, _)| at).take(CHARS_MAX + 1).collect();
        let is_short = ends.len() <= CHARS_MAX;
        // A hair of tolerance: the room is often exactly what the words took when they were laid out before.
        let fits = |words: &str| self.width_of(words) <= room + 0.5;
        if is_short && fits(&self.words) {
            return self.words.clone().into_owned();
        }
        let cut = |count: usize| {
            let end = ends.get(count).copied().unwrap_or(self.words.len());
            format!("{}{ELLIPSIS}", self.words[..end].trim_end())
        };
        // The most characters that fit, by halves.
        let (mut least, mut most) = (0, ends.len() - 1);
        while least < most {
            let middle = (least + most).div_ceil(2);
            match fits(&cut(middle)) {
                true => least = middle,
                false => most = middle - 1,
            }
        }
        // An ellipsis alone says nothing.
        if least == 0 { String::new() } else { cut(least) }
    }
}

#[derive(Default)]
struct State {
    paragraph: Plain<Paragraph>,
    words: String,
    room: f32,
    /// The font's weight may change too: a name that is unread.
    font: Option<iced::Font>,
    shown: String,
}

impl<Message> Widget<Message, Theme, iced::Renderer> for Elided<'_> {
    fn tag(&self) -> tree::Tag {
        tree::Tag::of::<State>()
    }

    fn state(&self) -> tree::State {
        tree::State::new(State::default())
    }

    fn size(&self) -> Size<Length> {
        Size { width: self.format.width, height: self.format.height }
    }

    fn layout(
        &mut self,
        tree: &mut Tree,
        renderer: &iced::Renderer,
        limits: &layout::Limits,
    ) -> layout::Node {
        let state = tree.state.downcast_mut::<State>();
        let room = limits.max().width;
        let is_same = state.words == self.words && state.font == self.format.font;
        // To the pixel: a window that is made wider shows more at once.
        if !is_same || (state.room - room).abs() > f32::EPSILON {
            state.shown = self.fitted(room);
            state.words = self.words.clone().into_owned();
            (state.room, state.font) = (room, self.format.font);
        }
        laid_out(&mut state.paragraph, renderer, limits, &state.shown, self.format)
    }

    fn draw(
        &self,
        tree: &Tree,
        renderer: &mut iced::Renderer,
        theme: &Theme,
        defaults: &renderer::Style,
        layout: Layout<'_>,
        _cursor: mouse::Cursor,
        viewport: &Rectangle,
    ) {
        let state = tree.state.downcast_ref::<State>();
        let style = (self.style)(theme);
        draw(renderer, defaults, layout.bounds(), state.paragraph.raw(), style, viewport);
    }

    fn operate(
        &mut self,
        _tree: &mut Tree,
        layout: Layout<'_>,
        _renderer: &iced::Renderer,
        operation: &mut dyn Operation,
    ) {
        operation.text(None, layout.bounds(), &self.words);
    }
}

impl<'a, Message: 'a> From<Elided<'a>> for Element<'a, Message> {
    fn from(elided: Elided<'a>) -> Self {
        Self::new(elided)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit;

    #[test]
    fn as_much_is_shown_as_fits_and_an_ellipsis_says_that_there_is_more() {
        // Loads the fonts.
        drop(kit::simulator::<()>(elided("")));
        let name = elided("The crew of the good ship Kestrel");
        assert_eq!(name.fitted(1000.0), "The crew of the good ship Kestrel");
        let mut least = usize::MAX;
        for room in [200.0, 150.0, 100.0, 50.0, 28.0] {
            let shown = name.fitted(room);
            assert!(shown.ends_with(ELLIPSIS) && shown.len() < least, "{room}: {shown}");
            assert!(name.width_of(&shown) <= room + 0.5, "{room}: {shown}");
            least = shown.len();
        }
        assert_eq!(name.fitted(0.0), "");
        assert_eq!(elided("").fitted(0.0), "");
    }

    #[test]
    fn the_longest_text_is_cut_before_it_is_measured() {
        drop(kit::simulator::<()>(elided("")));
        let long = "w".repeat(1_000_000);
        assert!(elided(long.as_str()).fitted(f32::INFINITY).chars().count() <= CHARS_MAX + 1);
    }
}
