//! A list that scrolls, with a bar that can be taken hold of however long the list is: the toolkit's own gets two pixels
//! high.

use iced::{
    Event, Length, Rectangle, Size, Theme, Vector,
    advanced::{
        Clipboard, Layout, Renderer as _, Shell, Widget, layout, mouse, overlay, renderer,
        widget::{
            Id, Operation,
            operation::{Scrollable, scrollable::AbsoluteOffset},
            tree::{self, Tree},
        },
    },
    widget::scrollable,
};

use super::{
    Element,
    bar::{Hold, InView},
};

/// Room above and below the bar.
const EDGE: f32 = 2.0;

/// Where a list is scrolled to, in logical pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Scroll {
    /// From the top of what is scrolled.
    pub(crate) offset: f32,
    /// Height of what can be seen.
    pub(crate) height: f32,
    /// Height of everything.
    pub(crate) content: f32,
}

impl From<scrollable::Viewport> for Scroll {
    fn from(viewport: scrollable::Viewport) -> Self {
        Self {
            offset: viewport.absolute_offset().y,
            height: viewport.bounds().height,
            content: viewport.content_bounds().height,
        }
    }
}

impl Scroll {
    /// None where everything is in view.
    fn in_view(self) -> Option<InView> {
        let is_longer = self.height + 0.5 < self.content;
        is_longer.then(|| (self.offset / self.content, (self.offset + self.height) / self.content))
    }
}

/// `list` with this bar in place of its own; `on_scroll` tells where it is scrolled to.
pub(crate) fn long<'a, Message: 'a>(
    list: scrollable::Scrollable<'a, Message>,
    on_scroll: fn(Scroll) -> Message,
) -> Element<'a, Message> {
    let none = scrollable::Direction::Vertical(scrollable::Scrollbar::hidden());
    let list = list.direction(none).on_scroll(move |viewport| on_scroll(viewport.into()));
    Element::new(Long { list: list.into(), on_scroll })
}

struct Long<'a, Message> {
    list: Element<'a, Message>,
    on_scroll: fn(Scroll) -> Message,
}

#[derive(Debug, Default)]
struct State {
    hold: Hold,
    scroll: Scroll,
}

/// Where the bar may be: not at the edges of the layer that it is drawn in, which may lie within a pixel. What is drawn of
/// such a one stays when the thumb has gone.
fn rail(bounds: Rectangle) -> Rectangle {
    let (y, height) = (bounds.y + EDGE, (bounds.height - 2.0 * EDGE).max(0.0));
    Rectangle { y, height, ..bounds }
}

/// Asks where the list is, and moves it.
#[derive(Default)]
struct Look {
    to: Option<f32>,
    scroll: Scroll,
}

impl Operation for Look {
    // What is in the list is not asked.
    fn traverse(&mut self, _operate: &mut dyn FnMut(&mut dyn Operation)) {}

    fn scrollable(
        &mut self,
        _id: Option<&Id>,
        bounds: Rectangle,
        content: Rectangle,
        translation: Vector,
        state: &mut dyn Scrollable,
    ) {
        let (height, content) = (bounds.height, content.height);
        let mut offset = translation.y;
        if let Some(share) = self.to {
            offset = (share * content).min(content - height).max(0.0);
            state.scroll_to(AbsoluteOffset { x: None, y: Some(offset) });
        }
        self.scroll = Scroll { offset, height, content };
    }
}

impl<Message> Long<'_, Message> {
    fn look(
        &mut self,
        tree: &mut Tree,
        layout: Layout<'_>,
        renderer: &iced::Renderer,
        to: Option<f32>,
    ) -> Scroll {
        let mut look = Look { to, ..Look::default() };
        self.list.as_widget_mut().operate(&mut tree.children[0], layout, renderer, &mut look);
        look.scroll
    }
}

impl<Message> Widget<Message, Theme, iced::Renderer> for Long<'_, Message> {
    fn tag(&self) -> tree::Tag {
        tree::Tag::of::<State>()
    }

    fn state(&self) -> tree::State {
        tree::State::new(State::default())
    }

    fn children(&self) -> Vec<Tree> {
        vec![Tree::new(&self.list)]
    }

    fn diff(&self, tree: &mut Tree) {
        tree.diff_children(std::slice::from_ref(&self.list));
    }

    fn size(&self) -> Size<Length> {
        self.list.as_widget().size()
    }

    fn layout(
        &mut self,
        tree: &mut Tree,
        renderer: &iced::Renderer,
        limits: &layout::Limits,
    ) -> layout::Node {
        self.list.as_widget_mut().layout(&mut tree.children[0], renderer, limits)
    }

    fn operate(
        &mut self,
        tree: &mut Tree,
        layout: Layout<'_>,
        renderer: &iced::Renderer,
        operation: &mut dyn Operation,
    ) {
        self.list.as_widget_mut().operate(&mut tree.children[0], layout, renderer, operation);
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
        let in_view = self.look(tree, layout, renderer, None).in_view();
        let state = tree.state.downcast_mut::<State>();
        let heard = state.hold.hears(event, rail(layout.bounds()), in_view, cursor, shell);
        if heard.to.is_some() {
            let scroll = self.look(tree, layout, renderer, heard.to);
            // At once: with the next frame the rows are there.
            shell.publish((self.on_scroll)(scroll));
            shell.request_redraw();
        }
        if !heard.is_ours {
            let list = self.list.as_widget_mut();
            let tree = &mut tree.children[0];
            list.update(tree, event, layout, cursor, renderer, clipboard, shell, viewport);
        }
        let scroll = self.look(tree, layout, renderer, None);
        tree.state.downcast_mut::<State>().scroll = scroll;
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
        let list = self.list.as_widget();
        list.draw(&tree.children[0], renderer, theme, style, layout, cursor, viewport);
        let State { hold, scroll } = tree.state.downcast_ref();
        let bounds = layout.bounds();
        if let (Some(in_view), Some(seen)) = (scroll.in_view(), bounds.intersection(viewport)) {
            // Above the rows, which are a layer of their own.
            renderer.with_layer(seen, |renderer| {
                hold.draw(renderer, theme, rail(bounds), in_view);
            });
        }
    }

    fn mouse_interaction(
        &self,
        tree: &Tree,
        layout: Layout<'_>,
        cursor: mouse::Cursor,
        viewport: &Rectangle,
        renderer: &iced::Renderer,
    ) -> mouse::Interaction {
        let State { hold, scroll } = tree.state.downcast_ref();
        let at_bar = hold.interaction(rail(layout.bounds()), cursor);
        if let Some(interaction) = at_bar.filter(|_| scroll.in_view().is_some()) {
            return interaction;
        }
        let list = self.list.as_widget();
        list.mouse_interaction(&tree.children[0], layout, cursor, viewport, renderer)
    }

    fn overlay<'b>(
        &'b mut self,
        tree: &'b mut Tree,
        layout: Layout<'b>,
        renderer: &iced::Renderer,
        viewport: &Rectangle,
        translation: Vector,
    ) -> Option<overlay::Element<'b, Message, Theme, iced::Renderer>> {
        let list = self.list.as_widget_mut();
        list.overlay(&mut tree.children[0], layout, renderer, viewport, translation)
    }
}
