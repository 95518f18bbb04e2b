//! The list as iced sees it.

use agent::store::MessageId;
use iced::{
    Background, Border, Color, Element, Event, Length, Rectangle, Size, Theme, Vector,
    advanced::{
        Clipboard, Layout, Renderer as _, Shell, Widget, layout, mouse, overlay, renderer,
        widget::{
            Operation,
            operation::Focusable,
            tree::{self, Tree},
        },
    },
    keyboard::{self, key::Named},
    touch, window,
};

use super::{Aim, LINE, ListKey, Reel, State};
use crate::theme;

impl Focusable for State {
    fn is_focused(&self) -> bool {
        self.is_focused
    }

    fn focus(&mut self) {
        (self.is_focused, self.is_ringed) = (true, true);
    }

    fn unfocus(&mut self) {
        (self.is_focused, self.is_ringed) = (false, false);
    }
}

impl<Message> Reel<'_, Message> {
    /// What is remembered of a list that was not there before.
    fn fresh(&self) -> State {
        let (number, _) = self.aim;
        State {
            of: Some(self.of),
            wish: Some(self.begin),
            wished: Some(number),
            ..State::default()
        }
    }
}

/// Whether this scrolls.
fn scrolled(state: &mut State, event: &Event, layout: Layout<'_>, cursor: mouse::Cursor) -> bool {
    let bounds = layout.bounds();
    match event {
        Event::Mouse(mouse::Event::WheelScrolled { delta }) if cursor.is_over(bounds) => {
            let by = match delta {
                mouse::ScrollDelta::Lines { y, .. } => y * LINE,
                mouse::ScrollDelta::Pixels { y, .. } => *y,
            };
            state.shift(by);
            true
        }
        Event::Touch(touch::Event::FingerPressed { position, .. }) => {
            state.finger = bounds.contains(*position).then_some(*position);
            false
        }
        Event::Touch(touch::Event::FingerMoved { position, .. }) => match state.finger {
            Some(before) => {
                state.finger = Some(*position);
                state.shift(position.y - before.y);
                true
            }
            None => false,
        },
        Event::Touch(_) => {
            state.finger = None;
            false
        }
        Event::Keyboard(keyboard::Event::KeyPressed { key, .. }) if state.is_focused => {
            match key {
                keyboard::Key::Named(Named::PageUp) => state.page(true),
                keyboard::Key::Named(Named::PageDown) => state.page(false),
                _ => return false,
            }
            true
        }
        _ => false,
    }
}

fn list_key(key: &keyboard::Key, modifiers: keyboard::Modifiers) -> Option<ListKey> {
    Some(match key.as_ref() {
        keyboard::Key::Character("c") if modifiers.command() => ListKey::Copy,
        _ if modifiers.command() || modifiers.alt() => return None,
        keyboard::Key::Named(Named::ArrowUp) => ListKey::Up,
        keyboard::Key::Named(Named::ArrowDown) => ListKey::Down,
        keyboard::Key::Named(Named::Home) => ListKey::Home,
        keyboard::Key::Named(Named::End) => ListKey::End,
        keyboard::Key::Named(Named::Enter | Named::Space | Named::ContextMenu) => ListKey::Enter,
        keyboard::Key::Named(Named::Delete) => ListKey::Delete,
        keyboard::Key::Named(Named::Escape) => ListKey::Escape,
        keyboard::Key::Character("r") => ListKey::Reply,
        keyboard::Key::Character("e") => ListKey::Edit,
        _ => return None,
    })
}

impl<Message: Clone> Widget<Message, Theme, iced::Renderer> for Reel<'_, Message> {
    fn tag(&self) -> tree::Tag {
        tree::Tag::of::<State>()
    }

    fn state(&self) -> tree::State {
        tree::State::new(self.fresh())
    }

    fn diff(&self, tree: &mut Tree) {
        let state = tree.state.downcast_mut::<State>();
        let (number, aim) = self.aim;
        if state.of != Some(self.of) {
            // The keyboard stays where it is: who goes from one conversation to the next goes on.
            let (is_focused, is_ringed) = (state.is_focused, state.is_ringed);
            *state = State { is_focused, is_ringed, ..self.fresh() };
            tree.children.clear();
        } else if state.wished != Some(number) {
            state.wished = Some(number);
            match aim {
                Aim::Page { up } => state.page(up),
                aim => state.wish = Some(aim),
            }
        }
    }

    fn size(&self) -> Size<Length> {
        Size::new(Length::Fill, Length::Fill)
    }

    fn layout(
        &mut self,
        tree: &mut Tree,
        renderer: &iced::Renderer,
        limits: &layout::Limits,
    ) -> layout::Node {
        self.lay(tree, renderer, limits)
    }

    fn operate(
        &mut self,
        tree: &mut Tree,
        layout: Layout<'_>,
        renderer: &iced::Renderer,
        operation: &mut dyn Operation,
    ) {
        operation.container(Some(&self.id), layout.bounds());
        operation.focusable(Some(&self.id), layout.bounds(), tree.state.downcast_mut::<State>());
        operation.traverse(&mut |operation| {
            let children = self.shown.iter_mut().zip(&mut tree.children).zip(layout.children());
            for (((_, element), tree), layout) in children {
                element.as_widget_mut().operate(tree, layout, renderer, operation);
            }
        });
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
        _viewport: &Rectangle,
    ) {
        let bounds = layout.bounds();
        let is_over = cursor.is_over(bounds);
        let state = tree.state.downcast_mut::<State>();
        if self.bar_moved(state, event, bounds, cursor, shell) {
            return;
        }
        // What lies under the head of the window is not to be clicked there.
        let inner = if is_over { cursor } else { mouse::Cursor::Unavailable };
        let children = self.shown.iter_mut().zip(&mut tree.children).zip(layout.children());
        for (((_, element), tree), layout) in children {
            let widget = element.as_widget_mut();
            widget.update(tree, event, layout, inner, renderer, clipboard, shell, &bounds);
        }
        let state = tree.state.downcast_mut::<State>();
        if let Event::Mouse(mouse::Event::ButtonPressed(_)) = event {
            (state.is_focused, state.is_ringed) = (is_over, false);
        }
        if shell.is_event_captured() {
            return;
        }
        if scrolled(state, event, layout, cursor) {
            shell.invalidate_layout();
            shell.request_redraw();
            shell.capture_event();
            return;
        }
        match event {
            Event::Keyboard(keyboard::Event::KeyPressed { key, modifiers, .. })
                if state.is_focused =>
            {
                if let (Some(key), Some(on_key)) = (list_key(key, *modifiers), self.on_key) {
                    shell.publish(on_key(key));
                    // Whoever shows the list may have something else to close.
                    if key != ListKey::Escape {
                        shell.capture_event();
                    }
                }
            }
            Event::Window(window::Event::RedrawRequested(_)) => {
                let seen = state.seen();
                if seen != state.told {
                    state.told = seen;
                    if let Some(seen) = seen {
                        shell.publish((self.on_seen)(seen));
                    }
                }
            }
            _ => {}
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
        let bounds = layout.bounds();
        let Some(seen) = bounds.intersection(viewport) else { return };
        let cursor = if cursor.is_over(bounds) { cursor } else { mouse::Cursor::Unavailable };
        let state = tree.state.downcast_ref::<State>();
        renderer.with_layer(as_one(seen, &state.rows), |renderer| {
            let children = self.shown.iter().zip(&tree.children).zip(layout.children());
            for (((_, element), tree), layout) in children {
                let widget = element.as_widget();
                widget.draw(tree, renderer, theme, style, layout, cursor, &seen);
            }
        });
        self.draw_bar(state, renderer, theme, bounds);
        if state.is_ringed {
            let ring =
                Border { color: theme::tokens(theme).accent, width: 2.0, radius: 0.0.into() };
            let quad = renderer::Quad { bounds, border: ring, ..Default::default() };
            renderer.fill_quad(quad, Background::Color(Color::TRANSPARENT));
        }
    }

    fn mouse_interaction(
        &self,
        tree: &Tree,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        _viewport: &Rectangle,
        renderer: &iced::Renderer,
    ) -> mouse::Interaction {
        let bounds = layout.bounds();
        if !cursor.is_over(bounds) {
            return mouse::Interaction::default();
        }
        if let Some(interaction) = self.bar_interaction(tree.state.downcast_ref(), bounds, cursor) {
            return interaction;
        }
        let children = self.shown.iter().zip(&tree.children).zip(layout.children());
        let of = children.map(|(((_, element), tree), layout)| {
            element.as_widget().mouse_interaction(tree, layout, cursor, &bounds, renderer)
        });
        of.max().unwrap_or_default()
    }

    fn overlay<'b>(
        &'b mut self,
        tree: &'b mut Tree,
        layout: Layout<'b>,
        renderer: &iced::Renderer,
        viewport: &Rectangle,
        translation: Vector,
    ) -> Option<overlay::Element<'b, Message, Theme, iced::Renderer>> {
        let children = self.shown.iter_mut().zip(&mut tree.children).zip(layout.children());
        let overlays = children.filter_map(|(((_, element), tree), layout)| {
            element.as_widget_mut().overlay(tree, layout, renderer, viewport, translation)
        });
        let overlays: Vec<_> = overlays.collect();
        (!overlays.is_empty()).then(|| overlay::Group::with_children(overlays).overlay())
    }
}

/// The layer's bounds, by up to a 64th of a pixel less high, and by another part of it wherever the rows stand elsewhere.
///
/// The software renderer compares a frame with the one before. Where rows have moved it would find each word and each
/// bubble at two places, gather them into several areas that overlap, and draw all of it once for each; a layer whose
/// bounds differ is drawn anew as a whole, and once. What changes without moving is still compared piece by piece.
fn as_one(seen: Rectangle, rows: &[(MessageId, f32, f32)]) -> Rectangle {
    let place = rows.iter().fold(rows.len() as u32, |sum, (_, top, end)| {
        sum.wrapping_mul(31).wrapping_add(top.to_bits() ^ end.to_bits().rotate_left(16))
    });
    // 61 is a prime: places that differ by one row's height mostly differ in the rest as well.
    Rectangle { height: seen.height - (place % 61) as f32 / 4096.0, ..seen }
}

impl<'a, Message: Clone + 'a> From<Reel<'a, Message>> for Element<'a, Message> {
    fn from(reel: Reel<'a, Message>) -> Self {
        Self::new(reel)
    }
}
