//! The Tab order, window by window.
//!
//! iced asks the widgets of all windows at once. These operations keep to the window whose root is the container with
//! the given name, so that Tab never leaves the window that one looks at. What gets the keyboard is scrolled into view
//! where it lies in a [`PAGE`].

use iced::{
    Rectangle, Task, Vector,
    advanced::widget::{
        Id, Operation, operate,
        operation::{Focusable, Outcome, Scrollable, scrollable::AbsoluteOffset},
    },
    window,
};

/// The name of a page that scrolls from its top.
pub(crate) const PAGE: &str = "page";
/// Of what is scrolled into view so much more is shown, in logical pixels.
const MARGIN: f32 = 24.0;

/// The name of a window's root.
pub(crate) fn scope(window: window::Id) -> Id {
    Id::from(format!("{window:?}"))
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Next,
    Previous,
}

/// Moves the keyboard to the widget of this name.
pub(crate) fn to<T: Send + 'static>(window: window::Id, target: impl Into<Id>) -> Task<T> {
    operate(onto(scope(window), target.into()))
}

/// The same, as what is done in the window.
pub(crate) fn onto<T: Send + 'static>(scope: Id, target: Id) -> impl Operation<T> {
    Within::new(scope, Move::to(Pick::Named(target)))
}

/// Moves the keyboard on by one.
pub(crate) fn step<T: Send + 'static>(scope: Id, way: Way) -> impl Operation<T> {
    Within::new(scope, Count { way, focused: None, total: 0 })
}

/// What is done in one window.
trait Visit<T>: Send {
    fn meet(&mut self, id: Option<&Id>, state: &mut dyn Focusable, seen: Seen);
    fn page(&mut self, _page: Page, _state: &mut dyn Scrollable) {}
    fn done(&self, scope: &Id) -> Outcome<T>;
}

/// Where a widget lies.
#[derive(Clone, Copy)]
struct Seen {
    bounds: Rectangle,
    /// The page that it lies in.
    page: Option<Page>,
}

/// A page, and what of it is seen.
#[derive(Clone, Copy)]
struct Page {
    bounds: Rectangle,
    content: Rectangle,
    translation: Vector,
}

impl Seen {
    /// How far its page has to be scrolled, so that it is seen.
    fn distance(self) -> f32 {
        let Some(page) = self.page else { return 0.0 };
        let top = page.bounds.y + page.translation.y;
        let bottom = top + page.bounds.height;
        let (above, below) = (self.bounds.y - MARGIN, self.bounds.y + self.bounds.height + MARGIN);
        if above < top { above - top } else { (below - bottom).max(0.0) }
    }
}

/// Keeps a visit to one window.
struct Within<V> {
    scope: Id,
    visit: V,
    /// The container that comes is the root.
    is_at_door: bool,
    is_inside: bool,
    /// The page that comes, and the one that it is in.
    next_page: Option<Page>,
    page: Option<Page>,
}

impl<V> Within<V> {
    fn new(scope: Id, visit: V) -> Self {
        Self { scope, visit, is_at_door: false, is_inside: false, next_page: None, page: None }
    }
}

impl<T, V: Visit<T>> Operation<T> for Within<V> {
    fn container(&mut self, id: Option<&Id>, _bounds: Rectangle) {
        self.is_at_door = id == Some(&self.scope);
    }

    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation<T>)) {
        let enters = std::mem::take(&mut self.is_at_door) && !self.is_inside;
        self.is_inside |= enters;
        let around = self.page;
        self.page = self.next_page.take().or(around);
        operate(self);
        self.page = around;
        if enters {
            self.is_inside = false;
        }
    }

    fn scrollable(
        &mut self,
        id: Option<&Id>,
        bounds: Rectangle,
        content: Rectangle,
        translation: Vector,
        state: &mut dyn Scrollable,
    ) {
        if self.is_inside && id == Some(&Id::new(PAGE)) {
            let page = Page { bounds, content, translation };
            self.next_page = Some(page);
            self.visit.page(page, state);
        }
    }

    fn focusable(&mut self, id: Option<&Id>, bounds: Rectangle, state: &mut dyn Focusable) {
        if self.is_inside {
            self.visit.meet(id, state, Seen { bounds, page: self.page });
        }
    }

    fn finish(&self) -> Outcome<T> {
        self.visit.done(&self.scope)
    }
}

/// Finds where the keyboard is.
struct Count {
    way: Way,
    focused: Option<usize>,
    total: usize,
}

impl<T: Send + 'static> Visit<T> for Count {
    fn meet(&mut self, _id: Option<&Id>, state: &mut dyn Focusable, _seen: Seen) {
        if state.is_focused() {
            self.focused = Some(self.total);
        }
        self.total += 1;
    }

    fn done(&self, scope: &Id) -> Outcome<T> {
        let Some(last) = self.total.checked_sub(1) else { return Outcome::None };
        let place = match (self.way, self.focused) {
            (Way::Next, None) => 0,
            (Way::Next, Some(at)) if at == last => 0,
            (Way::Next, Some(at)) => at + 1,
            (Way::Previous, None | Some(0)) => last,
            (Way::Previous, Some(at)) => at - 1,
        };
        let go = Move::to(Pick::Place(place));
        Outcome::Chain(Box::new(Within::new(scope.clone(), go)))
    }
}

/// Puts it somewhere.
struct Move {
    pick: Pick,
    seen: usize,
    /// How far that is out of sight.
    distance: f32,
}

enum Pick {
    Place(usize),
    Named(Id),
}

impl Move {
    fn to(pick: Pick) -> Self {
        Self { pick, seen: 0, distance: 0.0 }
    }
}

impl<T: Send + 'static> Visit<T> for Move {
    fn meet(&mut self, id: Option<&Id>, state: &mut dyn Focusable, seen: Seen) {
        let is_it = match &self.pick {
            Pick::Place(place) => *place == self.seen,
            Pick::Named(name) => id == Some(name),
        };
        match is_it {
            true => {
                state.focus();
                self.distance = seen.distance();
            }
            false => state.unfocus(),
        }
        self.seen += 1;
    }

    fn done(&self, scope: &Id) -> Outcome<T> {
        if self.distance == 0.0 {
            return Outcome::None;
        }
        Outcome::Chain(Box::new(Within::new(scope.clone(), Scroll(self.distance))))
    }
}

/// Scrolls the page by so much.
struct Scroll(f32);

impl<T: Send + 'static> Visit<T> for Scroll {
    fn meet(&mut self, _id: Option<&Id>, _state: &mut dyn Focusable, _seen: Seen) {}

    fn page(&mut self, page: Page, state: &mut dyn Scrollable) {
        state.scroll_by(AbsoluteOffset { x: 0.0, y: self.0 }, page.bounds, page.content);
    }

    fn done(&self, _scope: &Id) -> Outcome<T> {
        Outcome::None
    }
}

#[cfg(test)]
mod tests {
    use iced::{
        Point,
        widget::{column, scrollable},
    };

    use super::*;
    use crate::{
        kit,
        widget::{Element, body, press},
    };

    #[test]
    fn what_gets_the_keyboard_is_scrolled_into_view_and_back() {
        let rows = (0..40_u8).map(|n| {
            Element::from(press(body(n.to_string())).id(n.to_string()).height(40.0).on_press(n))
        });
        let page = scrollable(column(rows)).id(PAGE);
        let mut ui = kit::simulator(Element::<u8>::from(page));
        ui.tab(Way::Previous);
        let _ = ui.draw(&crate::theme::light());
        // The last one is at the foot of the window now, and after it comes the first again.
        ui.click_at(Point::new(10.0, 620.0));
        ui.tab(Way::Next);
        let _ = ui.draw(&crate::theme::light());
        ui.click_at(Point::new(10.0, 20.0));
        assert_eq!(ui.into_messages(), [39, 0]);
    }
}
