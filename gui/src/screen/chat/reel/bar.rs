//! The bar at the right: where one is in the whole conversation, and a way to anywhere in it.

use iced::{
    Background, Event, Point, Rectangle, Theme,
    advanced::{Renderer as _, Shell, mouse, renderer},
    touch,
};

use super::{Reel, State};
use crate::theme;

/// Width at rest, and while the pointer is at it.
const WIDTH: (f32, f32) = (4.0, 8.0);
/// Its distance from the edge.
const MARGIN: f32 = 2.0;
/// It is never lower than this, however long the conversation is.
const HEIGHT_MIN: f32 = 24.0;
/// The pointer is at it this far from the edge.
const REACH: f32 = 14.0;

/// What the pointer does with it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Hold {
    is_near: bool,
    /// It is dragged: by which point below its top, and where that is.
    grip: Option<(f32, f32)>,
}

/// Where it stands.
#[derive(Clone, Copy, Debug)]
struct Thumb {
    y: f32,
    height: f32,
    /// The share of the conversation that is in view.
    part: f32,
}

impl<Message> Reel<'_, Message> {
    /// None where everything is in view.
    fn thumb(&self, state: &State, bounds: Rectangle) -> Option<Thumb> {
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
        let part = (to - from).clamp(0.0, 1.0);
        let height = (part * bounds.height).max(HEIGHT_MIN).min(bounds.height);
        // The share of what is above, of all that is not in view.
        let above = (from / (1.0 - part).max(f32::EPSILON)).clamp(0.0, 1.0);
        let free = bounds.height - height;
        let y = match state.bar.grip {
            Some((grip, at)) => (at - bounds.y - grip).clamp(0.0, free),
            None => above * free,
        };
        Some(Thumb { y: bounds.y + y, height, part })
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
        let before = state.bar;
        let thumb = self.thumb(state, bounds);
        state.bar.is_near = thumb.is_some() && cursor.position().is_some_and(|at| near(bounds, at));
        let moved = match (event, thumb) {
            (Event::Mouse(mouse::Event::ButtonPressed(mouse::Button::Left)), Some(thumb))
                if state.bar.is_near =>
            {
                let at = cursor.position().unwrap_or_default().y;
                let is_on = (thumb.y..thumb.y + thumb.height).contains(&at);
                // Beside it: it comes to the pointer.
                let grip = if is_on { at - thumb.y } else { thumb.height / 2.0 };
                state.bar.grip = Some((grip, at));
                !is_on
            }
            (Event::Mouse(mouse::Event::CursorMoved { position }), Some(_)) => {
                state.bar.grip.as_mut().is_some_and(|(_, at)| {
                    let is_other = *at != position.y;
                    *at = position.y;
                    is_other
                })
            }
            (Event::Mouse(mouse::Event::ButtonReleased(mouse::Button::Left)), _) => {
                state.bar.grip = None;
                false
            }
            (Event::Touch(touch::Event::FingerPressed { .. }), _) => {
                state.bar = Hold::default();
                false
            }
            _ => false,
        };
        if moved && let Some(thumb) = self.thumb(state, bounds) {
            let free = (bounds.height - thumb.height).max(1.0);
            let above = ((thumb.y - bounds.y) / free).clamp(0.0, 1.0);
            // At its end it is the end, however much of that is in view.
            let share = if 1.0 <= above { 1.0 } else { above * (1.0 - thumb.part) };
            shell.publish(on_drag(share));
        }
        if before != state.bar {
            shell.request_redraw();
        }
        let is_ours = before.grip.is_some() || state.bar.grip.is_some();
        let is_pointer = matches!(event, Event::Mouse(event) if !matches!(event, mouse::Event::WheelScrolled { .. }));
        if is_ours && is_pointer {
            shell.capture_event();
        }
        is_ours && is_pointer
    }

    /// What the pointer looks like at the bar.
    pub(super) fn bar_interaction(
        &self,
        state: &State,
        bounds: Rectangle,
        cursor: mouse::Cursor,
    ) -> Option<mouse::Interaction> {
        let is_at = cursor.position().is_some_and(|at| near(bounds, at));
        let has_bar = self.on_drag.is_some() && self.thumb(state, bounds).is_some();
        (has_bar && (is_at || state.bar.grip.is_some())).then_some(mouse::Interaction::Idle)
    }

    pub(super) fn draw_bar(
        &self,
        state: &State,
        renderer: &mut iced::Renderer,
        theme: &Theme,
        bounds: Rectangle,
    ) {
        let Some(Thumb { y, height, .. }) = self.thumb(state, bounds) else { return };
        let tokens = theme::tokens(theme);
        let is_held = state.bar.is_near || state.bar.grip.is_some();
        let (width, colour) =
            if is_held { (WIDTH.1, tokens.muted) } else { (WIDTH.0, tokens.line) };
        let x = bounds.x + bounds.width - width - MARGIN;
        let quad = renderer::Quad {
            bounds: Rectangle { x, y, width, height },
            border: iced::border::rounded(width / 2.0),
            ..Default::default()
        };
        renderer.fill_quad(quad, Background::Color(colour));
    }
}

fn near(bounds: Rectangle, at: Point) -> bool {
    bounds.contains(at) && bounds.x + bounds.width - REACH <= at.x
}
