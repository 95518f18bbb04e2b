//! The bar at the right of a list: where one is in all of it, and a way to anywhere in it. However long the list is, its
//! thumb can be taken hold of.

use iced::{
    Background, Event, Point, Rectangle, Theme,
    advanced::{Renderer as _, Shell, mouse, renderer},
    touch,
};

use crate::theme;

/// Width at rest, and while the pointer is at it.
const WIDTH: (f32, f32) = (4.0, 8.0);
/// Its distance from the edge.
const MARGIN: f32 = 2.0;
/// The thumb is never lower than this.
const HEIGHT_MIN: f32 = 24.0;
/// The pointer is at it this far from the edge.
const REACH: f32 = 14.0;

/// What of all is in view: from which share to which, each from 0 to 1.
pub(crate) type InView = (f32, f32);

/// What the pointer does with it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Hold {
    is_near: bool,
    /// It is dragged: by which point below its top, and where that is.
    grip: Option<(f32, f32)>,
}

/// What came of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Heard {
    /// The share of all that is to begin at the top now.
    pub(crate) to: Option<f32>,
    /// It was for nobody else.
    pub(crate) is_ours: bool,
}

/// Where it stands.
#[derive(Clone, Copy, Debug)]
struct Thumb {
    y: f32,
    height: f32,
    /// The share of all that is in view.
    part: f32,
}

impl Hold {
    fn thumb(&self, bounds: Rectangle, (from, to): InView) -> Thumb {
        let part = (to - from).clamp(0.0, 1.0);
        let height = (part * bounds.height).max(HEIGHT_MIN).min(bounds.height);
        // The share of what is above, of all that is not in view.
        let above = (from / (1.0 - part).max(f32::EPSILON)).clamp(0.0, 1.0);
        let free = bounds.height - height;
        let y = match self.grip {
            Some((grip, at)) => (at - bounds.y - grip).clamp(0.0, free),
            None => above * free,
        };
        Thumb { y: bounds.y + y, height, part }
    }

    /// Whether it is dragged.
    pub(crate) fn is_dragged(&self) -> bool {
        self.grip.is_some()
    }

    /// Deals with what the pointer does at the bar; `in_view` is none where there is no bar.
    pub(crate) fn hears<Message>(
        &mut self,
        event: &Event,
        bounds: Rectangle,
        in_view: Option<InView>,
        cursor: mouse::Cursor,
        shell: &mut Shell<'_, Message>,
    ) -> Heard {
        let before = *self;
        self.is_near = in_view.is_some() && cursor.position().is_some_and(|at| near(bounds, at));
        let moved = match (event, in_view) {
            (Event::Mouse(mouse::Event::ButtonPressed(mouse::Button::Left)), Some(in_view))
                if self.is_near =>
            {
                let thumb = self.thumb(bounds, in_view);
                let at = cursor.position().unwrap_or_default().y;
                let is_on = (thumb.y..thumb.y + thumb.height).contains(&at);
                // Beside it: it comes to the pointer.
                let grip = if is_on { at - thumb.y } else { thumb.height / 2.0 };
                self.grip = Some((grip, at));
                !is_on
            }
            (Event::Mouse(mouse::Event::CursorMoved { position }), Some(_)) => {
                self.grip.as_mut().is_some_and(|(_, at)| {
                    let is_other = *at != position.y;
                    *at = position.y;
                    is_other
                })
            }
            (Event::Mouse(mouse::Event::ButtonReleased(mouse::Button::Left)), _) => {
                self.grip = None;
                false
            }
            (Event::Touch(touch::Event::FingerPressed { .. }), _) => {
                *self = Self::default();
                false
            }
            _ => false,
        };
        let to = in_view.filter(|_| moved).map(|in_view| {
            let thumb = self.thumb(bounds, in_view);
            let free = (bounds.height - thumb.height).max(1.0);
            let above = ((thumb.y - bounds.y) / free).clamp(0.0, 1.0);
            // At its end it is the end, however much of that is in view.
            if 1.0 <= above { 1.0 } else { above * (1.0 - thumb.part) }
        });
        if before != *self {
            shell.request_redraw();
        }
        let is_held = before.grip.is_some() || self.grip.is_some();
        let is_ours = is_held
            && matches!(event, Event::Mouse(event) if !matches!(event, mouse::Event::WheelScrolled { .. }));
        if is_ours {
            shell.capture_event();
        }
        Heard { to, is_ours }
    }

    /// What the pointer looks like at the bar.
    pub(crate) fn interaction(
        &self,
        bounds: Rectangle,
        cursor: mouse::Cursor,
    ) -> Option<mouse::Interaction> {
        let is_at = cursor.position().is_some_and(|at| near(bounds, at));
        (is_at || self.is_dragged()).then_some(mouse::Interaction::Idle)
    }

    /// Draws it; gives where the thumb is.
    pub(crate) fn draw(
        &self,
        renderer: &mut iced::Renderer,
        theme: &Theme,
        bounds: Rectangle,
        in_view: InView,
    ) -> Rectangle {
        let Thumb { y, height, .. } = self.thumb(bounds, in_view);
        let tokens = theme::tokens(theme);
        let (width, colour) = match self.is_near || self.is_dragged() {
            true => (WIDTH.1, tokens.muted),
            false => (WIDTH.0, tokens.line),
        };
        let x = bounds.x + bounds.width - width - MARGIN;
        let bounds = Rectangle { x, y, width, height };
        let border = iced::border::rounded(width / 2.0);
        let quad = renderer::Quad { bounds, border, ..Default::default() };
        renderer.fill_quad(quad, Background::Color(colour));
        bounds
    }
}

fn near(bounds: Rectangle, at: Point) -> bool {
    bounds.contains(at) && bounds.x + bounds.width - REACH <= at.x
}
