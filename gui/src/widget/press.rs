//! A button that the keyboard reaches: Tab comes to it, Enter and Space press it, a ring shows where one is.
//!
//! iced's own button takes no focus, so nothing but text fields could be reached without a mouse.

use iced::{
    Background, Border, Color, Element, Event, Length, Padding, Rectangle, Size, Theme, Vector,
    advanced::{
        Clipboard, Layout, Shell, Widget, layout, mouse, overlay, renderer,
        widget::{
            Id, Operation,
            operation::Focusable,
            tree::{self, Tree},
        },
    },
    keyboard::{self, key::Named},
    touch, window,
};

use crate::theme::{space, styles};

/// What is being done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Active,
    Hovered,
    Pressed,
    Disabled,
}

/// How it looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) background: Option<Background>,
    pub(crate) text: Color,
    pub(crate) border: Border,
    /// The ring around it while it has the keyboard.
    pub(crate) ring: Color,
}

/// A button around `content`, for now without anything that it does.
pub(crate) fn press<'a, Message>(content: impl Into<Element<'a, Message>>) -> Press<'a, Message> {
    Press {
        content: content.into(),
        id: None,
        on_press: None,
        width: Length::Shrink,
        height: Length::Shrink,
        padding: Padding::from([6.0, space::BETWEEN]),
        style: styles::secondary,
        status: None,
    }
}

/// See [`press`].
pub(crate) struct Press<'a, Message> {
    content: Element<'a, Message>,
    id: Option<Id>,
    on_press: Option<Message>,
    width: Length,
    height: Length,
    padding: Padding,
    style: fn(&Theme, Status) -> Style,
    status: Option<(Status, bool)>,
}

impl<'a, Message> Press<'a, Message> {
    /// The name by which a test clicks it, or the program moves the keyboard to it.
    pub(crate) fn id(mut self, id: impl Into<Id>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// What is said when it is pressed; without it, it is disabled.
    pub(crate) fn on_press(self, message: Message) -> Self {
        self.on_press_maybe(Some(message))
    }

    /// The same, where it depends.
    pub(crate) fn on_press_maybe(mut self, message: Option<Message>) -> Self {
        self.on_press = message;
        self
    }

    pub(crate) fn width(mut self, width: impl Into<Length>) -> Self {
        self.width = width.into();
        self
    }

    pub(crate) fn height(mut self, height: impl Into<Length>) -> Self {
        self.height = height.into();
        self
    }

    pub(crate) fn padding(mut self, padding: impl Into<Padding>) -> Self {
        self.padding = padding.into();
        self
    }

    /// One of [`styles`].
    pub(crate) fn style(mut self, style: fn(&Theme, Status) -> Style) -> Self {
        self.style = style;
        self
    }
}

#[derive(Debug, Default)]
struct State {
    /// Of which button: rows of a list move from one place to another.
    id: Option<Id>,
    is_pressed: bool,
    is_focused: bool,
    /// The ring is shown for the keyboard only: a click focuses without it.
    is_ringed: bool,
}

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

impl<Message: Clone> Press<'_, Message> {
    fn status(&self, state: &State, layout: Layout<'_>, cursor: mouse::Cursor) -> Status {
        match () {
            () if self.on_press.is_none() => Status::Disabled,
            () if !cursor.is_over(layout.bounds()) => Status::Active,
            () if state.is_pressed => Status::Pressed,
            () => Status::Hovered,
        }
    }

    fn pointer_pressed(
        &self,
        state: &mut State,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        shell: &mut Shell<'_, Message>,
    ) {
        if cursor.is_over(layout.bounds()) && self.on_press.is_some() {
            (state.is_pressed, state.is_focused, state.is_ringed) = (true, true, false);
            shell.capture_event();
        } else if state.is_focused {
            state.unfocus();
            shell.request_redraw();
        }
    }

    fn pointer_released(
        &self,
        state: &mut State,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        shell: &mut Shell<'_, Message>,
    ) {
        if !std::mem::take(&mut state.is_pressed) {
            return;
        }
        if let Some(message) = &self.on_press
            && cursor.is_over(layout.bounds())
        {
            shell.publish(message.clone());
        }
        shell.capture_event();
    }

    fn key_pressed(
        &self,
        state: &State,
        key: &keyboard::Key,
        modifiers: keyboard::Modifiers,
        shell: &mut Shell<'_, Message>,
    ) {
        if !state.is_focused || modifiers.command() || modifiers.alt() {
            return;
        }
        let said = match key {
            keyboard::Key::Named(Named::Enter | Named::Space) => &self.on_press,
            _ => return,
        };
        if let Some(message) = said {
            shell.publish(message.clone());
            shell.capture_event();
        }
    }
}

impl<Message: Clone> Widget<Message, Theme, iced::Renderer> for Press<'_, Message> {
    fn tag(&self) -> tree::Tag {
        tree::Tag::of::<State>()
    }

    fn state(&self) -> tree::State {
        tree::State::new(State { id: self.id.clone(), ..State::default() })
    }

    fn children(&self) -> Vec<Tree> {
        vec![Tree::new(&self.content)]
    }

    fn diff(&self, tree: &mut Tree) {
        let state = tree.state.downcast_mut::<State>();
        if state.id != self.id {
            // Another button stands in its place now: what was begun on that one must not happen to this one.
            *state = State { id: self.id.clone(), ..State::default() };
        }
        tree.diff_children(std::slice::from_ref(&self.content));
    }

    fn size(&self) -> Size<Length> {
        Size { width: self.width, height: self.height }
    }

    fn layout(
        &mut self,
        tree: &mut Tree,
        renderer: &iced::Renderer,
        limits: &layout::Limits,
    ) -> layout::Node {
        layout::padded(limits, self.width, self.height, self.padding, |limits| {
            self.content.as_widget_mut().layout(&mut tree.children[0], renderer, limits)
        })
    }

    fn operate(
        &mut self,
        tree: &mut Tree,
        layout: Layout<'_>,
        renderer: &iced::Renderer,
        operation: &mut dyn Operation,
    ) {
        operation.container(self.id.as_ref(), layout.bounds());
        if self.on_press.is_some() {
            let state = tree.state.downcast_mut::<State>();
            operation.focusable(self.id.as_ref(), layout.bounds(), state);
        }
        let Some(inner) = layout.children().next() else { return };
        operation.traverse(&mut |operation| {
            self.content.as_widget_mut().operate(&mut tree.children[0], inner, renderer, operation);
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
        viewport: &Rectangle,
    ) {
        if let Some(inner) = layout.children().next() {
            let content = self.content.as_widget_mut();
            let child = &mut tree.children[0];
            content.update(child, event, inner, cursor, renderer, clipboard, shell, viewport);
        }
        if shell.is_event_captured() {
            return;
        }
        let state = tree.state.downcast_mut::<State>();
        match event {
            Event::Mouse(mouse::Event::ButtonPressed(mouse::Button::Left))
            | Event::Touch(touch::Event::FingerPressed { .. }) => {
                self.pointer_pressed(state, layout, cursor, shell);
            }
            Event::Mouse(mouse::Event::ButtonReleased(mouse::Button::Left))
            | Event::Touch(touch::Event::FingerLifted { .. }) => {
                self.pointer_released(state, layout, cursor, shell);
            }
            Event::Touch(touch::Event::FingerLost { .. }) => state.is_pressed = false,
            Event::Keyboard(keyboard::Event::KeyPressed { key, modifiers, .. }) => {
                self.key_pressed(state, key, *modifiers, shell);
            }
            _ => {}
        }
        let now = (self.status(state, layout, cursor), state.is_ringed);
        if let Event::Window(window::Event::RedrawRequested(_)) = event {
            self.status = Some(now);
        } else if self.status.is_some_and(|drawn| drawn != now) {
            shell.request_redraw();
        }
    }

    fn draw(
        &self,
        tree: &Tree,
        renderer: &mut iced::Renderer,
        theme: &Theme,
        _style: &renderer::Style,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        viewport: &Rectangle,
    ) {
        use iced::advanced::Renderer as _;

        let state = tree.state.downcast_ref::<State>();
        let idle = if self.on_press.is_some() { Status::Active } else { Status::Disabled };
        let (status, _) = self.status.unwrap_or((idle, false));
        let style = (self.style)(theme, status);
        let border = match state.is_ringed {
            true => Border { color: style.ring, width: 2.0, ..style.border },
            false => style.border,
        };
        if style.background.is_some() || border.width > 0.0 {
            let quad = renderer::Quad { bounds: layout.bounds(), border, ..Default::default() };
            renderer.fill_quad(quad, style.background.unwrap_or(Color::TRANSPARENT.into()));
        }
        let Some(inner) = layout.children().next() else { return };
        let text = renderer::Style { text_color: style.text };
        let seen = layout.bounds().intersection(viewport).unwrap_or(*viewport);
        let content = self.content.as_widget();
        content.draw(&tree.children[0], renderer, theme, &text, inner, cursor, &seen);
    }

    fn mouse_interaction(
        &self,
        _tree: &Tree,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        _viewport: &Rectangle,
        _renderer: &iced::Renderer,
    ) -> mouse::Interaction {
        match cursor.is_over(layout.bounds()) && self.on_press.is_some() {
            true => mouse::Interaction::Pointer,
            false => mouse::Interaction::default(),
        }
    }

    fn overlay<'b>(
        &'b mut self,
        tree: &'b mut Tree,
        layout: Layout<'b>,
        renderer: &iced::Renderer,
        viewport: &Rectangle,
        translation: Vector,
    ) -> Option<overlay::Element<'b, Message, Theme, iced::Renderer>> {
        let inner = layout.children().next()?;
        let content = self.content.as_widget_mut();
        content.overlay(&mut tree.children[0], inner, renderer, viewport, translation)
    }
}

impl<'a, Message: Clone + 'a> From<Press<'a, Message>> for Element<'a, Message> {
    fn from(press: Press<'a, Message>) -> Self {
        Self::new(press)
    }
}

#[cfg(test)]
mod tests {
    use iced::keyboard::key::Named;

    use crate::{kit, widget::body};

    use super::*;

    fn two<'a>() -> Element<'a, u8> {
        let one = press(body("one")).id("one").on_press(1);
        let none = press(body("none")).id("none");
        let two = press(body("two")).id("two").on_press(2);
        iced::widget::row![one, none, two].into()
    }

    #[test]
    fn the_keyboard_comes_to_what_can_be_pressed_and_presses_it() {
        let mut ui = kit::simulator(two());
        kit::focus_next(&mut ui);
        ui.tap_key(Named::Enter);
        kit::focus_next(&mut ui);
        ui.tap_key(Named::Space);
        kit::focus_next(&mut ui);
        ui.tap_key(Named::Enter);
        assert_eq!(ui.into_messages(), [1, 2, 1], "the disabled one is passed over");
    }

    #[test]
    fn a_row_that_comes_in_the_place_of_another_takes_over_nothing_from_it() {
        let row = |id: &'static str| -> Element<'_, u8, Theme, iced::Renderer> {
            press(body(id)).id(id).on_press(1).into()
        };
        let mut tree = Tree::new(row("one"));
        tree.state.downcast_mut::<State>().focus();
        tree.state.downcast_mut::<State>().is_pressed = true;
        let is_held = |tree: &Tree| {
            let state = tree.state.downcast_ref::<State>();
            (state.is_focused, state.is_pressed)
        };
        tree.diff(row("one"));
        assert_eq!(is_held(&tree), (true, true));
        tree.diff(row("two"));
        assert_eq!(is_held(&tree), (false, false));
    }

    #[test]
    fn a_click_presses_what_can_be_pressed() {
        let mut ui = kit::simulator(two());
        ui.click("one").unwrap();
        ui.click("none").unwrap();
        ui.click("two").unwrap();
        assert_eq!(ui.into_messages(), [1, 2]);
    }
}
