//! The root of a window: it moves the keyboard at Tab, at once, and lets the caret rest where nobody does anything.
//!
//! As a message, Tab would be carried out after the keys that were pressed behind it: what is typed fast would go into
//! the field before, a password into one that shows it.

use iced::{
    Event, Length, Rectangle, Size, Theme, Vector,
    advanced::{
        Clipboard, Layout, Shell, Widget, layout, mouse, overlay, renderer,
        widget::{
            Operation,
            operation::Outcome,
            tree::{self, Tree},
        },
    },
    keyboard::{self, key::Named},
    window,
};

use super::{
    Element,
    focus::{self, Way},
    rest::Rest,
};

/// What a window shows, with its Tab order. Its root container has to have the [`focus::scope`] of the window.
pub(crate) fn tabbed<'a, Message: 'a>(
    window: window::Id,
    content: impl Into<Element<'a, Message>>,
) -> Element<'a, Message> {
    Element::new(Tabbed { window, content: content.into() })
}

struct Tabbed<'a, Message> {
    window: window::Id,
    content: Element<'a, Message>,
}

impl<Message> Tabbed<'_, Message> {
    fn go(&mut self, way: Way, tree: &mut Tree, layout: Layout<'_>, renderer: &iced::Renderer) {
        let first: Box<dyn Operation> = Box::new(focus::step(focus::scope(self.window), way));
        let mut next = Some(first);
        while let Some(mut now) = next.take() {
            self.content.as_widget_mut().operate(tree, layout, renderer, now.as_mut());
            if let Outcome::Chain(then) = now.finish() {
                next = Some(then);
            }
        }
    }
}

fn way(event: &Event) -> Option<Way> {
    let Event::Keyboard(keyboard::Event::KeyPressed { key, modifiers, .. }) = event else {
        return None;
    };
    let is_tab = *key == keyboard::Key::Named(Named::Tab);
    // With these it is the desktop's.
    let is_plain = !(modifiers.control() || modifiers.alt() || modifiers.logo());
    (is_tab && is_plain).then(|| if modifiers.shift() { Way::Previous } else { Way::Next })
}

impl<Message> Widget<Message, Theme, iced::Renderer> for Tabbed<'_, Message> {
    fn tag(&self) -> tree::Tag {
        tree::Tag::of::<Rest>()
    }

    fn state(&self) -> tree::State {
        tree::State::new(Rest::default())
    }

    fn children(&self) -> Vec<Tree> {
        vec![Tree::new(&self.content)]
    }

    fn diff(&self, tree: &mut Tree) {
        tree.diff_children(std::slice::from_ref(&self.content));
    }

    fn size(&self) -> Size<Length> {
        self.content.as_widget().size()
    }

    fn layout(
        &mut self,
        tree: &mut Tree,
        renderer: &iced::Renderer,
        limits: &layout::Limits,
    ) -> layout::Node {
        self.content.as_widget_mut().layout(&mut tree.children[0], renderer, limits)
    }

    fn operate(
        &mut self,
        tree: &mut Tree,
        layout: Layout<'_>,
        renderer: &iced::Renderer,
        operation: &mut dyn Operation,
    ) {
        self.content.as_widget_mut().operate(&mut tree.children[0], layout, renderer, operation);
    }

    fn update(
        &mut self,
        tree: &mut Tree,
        event: &Event,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        renderer: &iced::Renderer,
        clipboard: &mut dyn Clipboard,
        shell: &mut Shell<'_, Message>,
        viewport: &Rectangle,
    ) {
        let rests = tree.state.downcast_mut::<Rest>().is_in(event);
        let tree = &mut tree.children[0];
        let content = self.content.as_widget_mut();
        if rests {
            // As if the window had just come to the front: the caret is there, whichever half of a blink this is.
            let front = Event::Window(window::Event::Focused);
            let mut said = Vec::new();
            let mut aside = Shell::new(&mut said);
            content.update(tree, &front, layout, cursor, renderer, clipboard, &mut aside, viewport);
        }
        content.update(tree, event, layout, cursor, renderer, clipboard, shell, viewport);
        if rests && matches!(shell.redraw_request(), window::RedrawRequest::At(_)) {
            // Nothing but a blink asks for a time: what moves asks for the next frame.
            Shell::replace_redraw_request(shell, window::RedrawRequest::Wait);
        }
        if let Some(way) = way(event).filter(|_| !shell.is_event_captured()) {
            self.go(way, tree, layout, renderer);
            shell.capture_event();
            shell.request_redraw();
        }
    }

    fn draw(
        &self,
        tree: &Tree,
        renderer: &mut iced::Renderer,
        theme: &Theme,
        style: &renderer::Style,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        viewport: &Rectangle,
    ) {
        self.content.as_widget().draw(
            &tree.children[0],
            renderer,
            theme,
            style,
            layout,
            cursor,
            viewport,
        );
    }

    fn mouse_interaction(
        &self,
        tree: &Tree,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        viewport: &Rectangle,
        renderer: &iced::Renderer,
    ) -> mouse::Interaction {
        self.content.as_widget().mouse_interaction(
            &tree.children[0],
            layout,
            cursor,
            viewport,
            renderer,
        )
    }

    fn overlay<'b>(
        &'b mut self,
        tree: &'b mut Tree,
        layout: Layout<'b>,
        renderer: &iced::Renderer,
        viewport: &Rectangle,
        translation: Vector,
    ) -> Option<overlay::Element<'b, Message, Theme, iced::Renderer>> {
        self.content.as_widget_mut().overlay(
            &mut tree.children[0],
            layout,
            renderer,
            viewport,
            translation,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use iced::{
        keyboard::Modifiers,
        widget::{container, row, text_input},
    };
    use iced_test::simulator;

    use super::*;
    use crate::kit;

    #[test]
    fn a_caret_rests_where_nobody_does_anything_and_is_to_be_seen() {
        let window = window::Id::unique();
        let field = text_input("", "").id("one").on_input(|_| ());
        let root = container(row![field]).id(focus::scope(window));
        let mut ui = kit::simulator(tabbed(window, root));
        let blinks = |asked| matches!(asked, window::RedrawRequest::At(_));
        ui.simulate(simulator::tap_key(Named::Tab, None));
        let half = Instant::now() + Duration::from_millis(500);
        let (asked, hidden) = ui.frame_at(half);
        assert!(blinks(asked));
        ui.simulate(simulator::tap_key(Named::ArrowLeft, None));
        let now = Instant::now();
        let half = now + Duration::from_millis(500);
        let (asked, shown) = ui.frame_at(now.checked_sub(Duration::from_secs(10)).unwrap());
        assert!(blinks(asked) && shown != hidden, "no caret is to be seen");
        let (asked, seen) = ui.frame_at(half);
        assert_eq!(asked, window::RedrawRequest::Wait);
        assert!(seen == shown, "the caret rests and is gone");
        ui.simulate(simulator::tap_key(Named::ArrowLeft, None));
        let (asked, _) = ui.frame_at(half);
        assert!(blinks(asked), "it blinks no more");
    }

    #[test]
    fn what_is_typed_right_behind_a_tab_goes_into_the_next_field() {
        let field = |id: &'static str| text_input("", "").id(id).on_input(move |typed| (id, typed));
        let window = window::Id::unique();
        let root = container(row![field("one"), field("two")]).id(focus::scope(window));
        let mut ui = kit::simulator(tabbed(window, root));
        let tab = || simulator::tap_key(Named::Tab, None);
        let back = tab().map(|mut event| {
            if let Event::Keyboard(keyboard::Event::KeyPressed { modifiers, .. }) = &mut event {
                *modifiers = Modifiers::SHIFT;
            }
            event
        });
        // In one go, as from a slow machine's queue.
        let events = tab().chain(simulator::typewrite("a")).chain(tab());
        let events = events.chain(simulator::typewrite("b")).chain(back);
        ui.simulate(events.chain(simulator::typewrite("c")));
        let said = ui.into_messages();
        let fields: Vec<_> = said.iter().map(|(id, typed)| (*id, typed.chars().last())).collect();
        assert_eq!(fields, [("one", Some('a')), ("two", Some('b')), ("one", Some('c'))]);
    }
}
