//! The Tab order, window by window.
//!
//! iced asks the widgets of all windows at once. These operations keep to the window whose root is the container with
//! the given name, so that Tab never leaves the window that one looks at.

use iced::{
    Rectangle, Task,
    advanced::widget::{
        Id, Operation, operate,
        operation::{Focusable, Outcome},
    },
    window,
};

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

/// Moves the keyboard on by one.
pub(crate) fn go<T: Send + 'static>(window: window::Id, way: Way) -> Task<T> {
    operate(step(scope(window), way))
}

/// Moves the keyboard to the widget of this name.
pub(crate) fn to<T: Send + 'static>(window: window::Id, target: impl Into<Id>) -> Task<T> {
    let target = target.into();
    operate(Within::new(scope(window), Move { pick: Pick::Named(target), seen: 0 }))
}

/// The operation behind [`go`], for tests.
pub(crate) fn step<T: Send + 'static>(scope: Id, way: Way) -> impl Operation<T> {
    Within::new(scope, Count { way, focused: None, total: 0 })
}

/// What is done in one window.
trait Visit<T>: Send {
    fn meet(&mut self, id: Option<&Id>, state: &mut dyn Focusable);
    fn done(&self, scope: &Id) -> Outcome<T>;
}

/// Keeps a visit to one window.
struct Within<V> {
    scope: Id,
    visit: V,
    /// The container that comes is the root.
    is_at_door: bool,
    is_inside: bool,
}

impl<V> Within<V> {
    fn new(scope: Id, visit: V) -> Self {
        Self { scope, visit, is_at_door: false, is_inside: false }
    }
}

impl<T, V: Visit<T>> Operation<T> for Within<V> {
    fn container(&mut self, id: Option<&Id>, _bounds: Rectangle) {
        self.is_at_door = id == Some(&self.scope);
    }

    fn traverse(&mut self, operate: &mut dyn FnMut(&mut dyn Operation<T>)) {
        let enters = std::mem::take(&mut self.is_at_door) && !self.is_inside;
        self.is_inside |= enters;
        operate(self);
        if enters {
            self.is_inside = false;
        }
    }

    fn focusable(&mut self, id: Option<&Id>, _bounds: Rectangle, state: &mut dyn Focusable) {
        if self.is_inside {
            self.visit.meet(id, state);
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
    fn meet(&mut self, _id: Option<&Id>, state: &mut dyn Focusable) {
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
        let go = Move { pick: Pick::Place(place), seen: 0 };
        Outcome::Chain(Box::new(Within::new(scope.clone(), go)))
    }
}

/// Puts it somewhere.
struct Move {
    pick: Pick,
    seen: usize,
}

enum Pick {
    Place(usize),
    Named(Id),
}

impl<T> Visit<T> for Move {
    fn meet(&mut self, id: Option<&Id>, state: &mut dyn Focusable) {
        let is_it = match &self.pick {
            Pick::Place(place) => *place == self.seen,
            Pick::Named(name) => id == Some(name),
        };
        match is_it {
            true => state.focus(),
            false => state.unfocus(),
        }
        self.seen += 1;
    }

    fn done(&self, _scope: &Id) -> Outcome<T> {
        Outcome::None
    }
}
