//! The root of a window: it moves the keyboard at Tab, at once.
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
        self.content.as_widget().tag()
    }

    fn state(&self) -> tree::State {
        self.content.as_widget().state()
    }

    fn children(&self) -> Vec<Tree> {
        self.content.as_widget().children()
    }

    fn diff(&self, tree: &mut Tree) {
        self.content.as_widget().diff(tree);
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
        self.content.as_widget_mut().layout(tree, renderer, limits)
    }

    fn operate(
        &mut self,
        tree: &mut Tree,
        layout: Layout<'_>,
        renderer: &iced::Renderer,
        operation: &mut dyn Operation,
    ) {
        self.content.as_widget_mut().operate(tree, layout, renderer, operation);
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
        let content = self.content.as_widget_mut();
        content.update(tree, event, layout, cursor, renderer, clipboard, shell, viewport);
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
        self.content.as_widget().draw(tree, renderer, theme, style, layout, cursor, viewport);
    }

    fn mouse_interaction(
        &self,
        tree: &Tree,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        viewport: &Rectangle,
        renderer: &iced::Renderer,
    ) -> mouse::Interaction {
        self.content.as_widget().mouse_interaction(tree, layout, cursor, viewport, renderer)
    }

    fn overlay<'b>(
        &'b mut self,
        tree: &'b mut Tree,
        layout: Layout<'b>,
        renderer: &iced::Renderer,
        viewport: &Rectangle,
        translation: Vector,
    ) -> Option<overlay::Element<'b, Message, Theme, iced::Renderer>> {
        self.content.as_widget_mut().overlay(tree, layout, renderer, viewport, translation)
    }
}

#[cfg(test)]
mod tests {
    use iced::{
        keyboard::Modifiers,
        widget::{container, row, text_input},
    };
    use iced_test::simulator;

    use super::*;
    use crate::kit;

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
