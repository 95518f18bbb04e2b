//! The bar of the messages: where one is in the whole conversation, a way to anywhere in it, and the day one has come to
//! while it is dragged.

use iced::{
    Background, Border, Event, Pixels, Point, Rectangle, Size, Theme,
    advanced::{
        Renderer as _, Shell, mouse, renderer,
        text::{self, Paragraph as _, Renderer as _},
    },
    alignment::Vertical,
};

use super::{Reel, State};
use crate::{
    theme::{self, size, space as gap},
    widget::bar::InView,
};

type Paragraph = <iced::Renderer as text::Renderer>::Paragraph;

impl<Message> Reel<'_, Message> {
    /// None where everything is in view.
    fn in_view(&self, state: &State, bounds: Rectangle) -> Option<InView> {
        let ((first, _), (last, _)) = (self.shown.first()?, self.shown.last()?);
        let (top, bottom) = (state.rows.first()?, state.rows.last()?);
        if self.shown.len() == self.keys.len() && 0.0 <= top.1 {
            return None;
        }
        // Of a row that is seen in part its part counts.
        let hidden = |(_, from, to): &(_, f32, f32), seen: f32| {
            (seen / (to - from).max(1.0)).clamp(0.0, 1.0)
        };
        let between = |row: usize, part: f32| {
            let (from, to) = ((self.share)(row), (self.share)(row + 1));
            from + (to - from) * part
        };
        let from = between(*first, hidden(top, -top.1));
        let to = between(*last, 1.0 - hidden(bottom, bottom.2 - bounds.height));
        Some((from, to))
    }

    /// Deals with what the pointer does at the bar; whether that was for nobody else.
    pub(super) fn bar_moved(
        &self,
        state: &mut State,
        event: &Event,
        bounds: Rectangle,
        cursor: mouse::Cursor,
        shell: &mut Shell<'_, Message>,
    ) -> bool {
        let Some(on_drag) = self.on_drag else { return false };
        let in_view = self.in_view(state, bounds);
        let heard = state.bar.hears(event, bounds, in_view, cursor, shell);
        if let Some(share) = heard.to {
            shell.publish(on_drag(share));
        }
        heard.is_ours
    }

    /// What the pointer looks like at the bar.
    pub(super) fn bar_interaction(
        &self,
        state: &State,
        bounds: Rectangle,
        cursor: mouse::Cursor,
    ) -> Option<mouse::Interaction> {
        let has_bar = self.on_drag.is_some() && self.in_view(state, bounds).is_some();
        state.bar.interaction(bounds, cursor).filter(|_| has_bar)
    }

    pub(super) fn draw_bar(
        &self,
        state: &State,
        renderer: &mut iced::Renderer,
        theme: &Theme,
        bounds: Rectangle,
    ) {
        let Some(in_view) = self.in_view(state, bounds) else { return };
        let thumb = state.bar.draw(renderer, theme, bounds, in_view);
        if state.bar.is_dragged()
            && let (Some(label), Some((first, _))) = (&self.label, self.shown.first())
        {
            // Above the rows, which are a layer of their own.
            renderer.with_layer(bounds, |renderer| {
                draw_label(renderer, theme, bounds, thumb, label(*first));
            });
        }
    }
}

/// Words beside the thumb.
fn draw_label(
    renderer: &mut iced::Renderer,
    theme: &Theme,
    bounds: Rectangle,
    thumb: Rectangle,
    words: String,
) {
    let tokens = theme::tokens(theme);
    let format = text::Text {
        content: words.as_str(),
        bounds: Size::INFINITE,
        size: Pixels(size::SMALL),
        line_height: text::LineHeight::default(),
        font: theme::STRONG,
        align_x: text::Alignment::Left,
        align_y: Vertical::Center,
        shaping: text::Shaping::Advanced,
        wrapping: text::Wrapping::None,
    };
    let width = Paragraph::with_text(format).min_width().ceil();
    let plate = Size::new(width + 2.0 * gap::BETWEEN, gap::HIT);
    // Within the layer, as the thumb's edges are.
    let room = (bounds.height - plate.height - gap::TIGHT).max(gap::TIGHT);
    let y = thumb.y + (thumb.height - plate.height) / 2.0 - bounds.y;
    let at = Point::new(
        thumb.x - gap::INSIDE - plate.width,
        // To whole pixels, so that its edge is sharp.
        (bounds.y + y.clamp(gap::TIGHT, room)).round(),
    );
    let quad = renderer::Quad {
        bounds: Rectangle::new(at, plate),
        border: Border { color: tokens.line, width: 1.0, radius: (gap::HIT / 2.0).into() },
        ..Default::default()
    };
    renderer.fill_quad(quad, Background::Color(tokens.raised));
    let middle = Point::new(at.x + gap::BETWEEN, at.y + plate.height / 2.0);
    let words =
        text::Text { content: words.clone(), bounds: plate, ..format.with_content(String::new()) };
    renderer.fill_text(words, middle, tokens.text, bounds);
}
