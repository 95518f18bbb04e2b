//! A text with its time: beside it where both fit into one line, else below it at the right.

use iced::{
    Element, Event, Length, Point, Rectangle, Size, Theme, Vector,
    advanced::{
        Clipboard, Layout, Shell, Widget, layout, mouse, overlay, renderer,
        widget::{Operation, Tree},
    },
};

/// Between the two.
const GAP: f32 = 12.0;
/// No line of text is higher.
const LINE_MAX: f32 = 26.0;

/// `text` with `tail`.
pub(super) fn tailed<'a, Message: 'a>(
    text: impl Into<Element<'a, Message>>,
    tail: impl Into<Element<'a, Message>>,
) -> Element<'a, Message> {
    Element::new(Tailed { parts: [text.into(), tail.into()] })
}

struct Tailed<'a, Message> {
    parts: [Element<'a, Message>; 2],
}

impl<Message> Widget<Message, Theme, iced::Renderer> for Tailed<'_, Message> {
    fn children(&self) -> Vec<Tree> {
        self.parts.iter().map(Tree::new).collect()
    }

    fn diff(&self, tree: &mut Tree) {
        tree.diff_children(&self.parts);
    }

    fn size(&self) -> Size<Length> {
        Size::new(Length::Shrink, Length::Shrink)
    }

    fn layout(
        &mut self,
        tree: &mut Tree,
        renderer: &iced::Renderer,
        limits: &layout::Limits,
    ) -> layout::Node {
        let max = limits.max().width;
        let limits = layout::Limits::new(Size::ZERO, limits.max());
        let [text, tail] = &mut self.parts;
        let text = text.as_widget_mut().layout(&mut tree.children[0], renderer, &limits);
        let tail = tail.as_widget_mut().layout(&mut tree.children[1], renderer, &limits);
        let (a, b) = (text.size(), tail.size());
        let beside = a.width + GAP + b.width;
        if a.height <= LINE_MAX && beside <= max {
            let at = Point::new(a.width + GAP, (a.height - b.height).max(0.0));
            return layout::Node::with_children(
                Size::new(beside, a.height.max(b.height)),
                vec![text, tail.move_to(at)],
            );
        }
        let width = a.width.max(b.width);
        let at = Point::new(width - b.width, a.height);
        layout::Node::with_children(
            Size::new(width, a.height + b.height),
            vec![text, tail.move_to(at)],
        )
    }

    fn operate(
        &mut self,
        tree: &mut Tree,
        layout: Layout<'_>,
        renderer: &iced::Renderer,
        operation: &mut dyn Operation,
    ) {
        for ((part, tree), layout) in
            self.parts.iter_mut().zip(&mut tree.children).zip(layout.children())
        {
            part.as_widget_mut().operate(tree, layout, renderer, operation);
        }
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
        for ((part, tree), layout) in
            self.parts.iter_mut().zip(&mut tree.children).zip(layout.children())
        {
            let part = part.as_widget_mut();
            part.update(tree, event, layout, cursor, renderer, clipboard, shell, viewport);
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
        for ((part, tree), layout) in self.parts.iter().zip(&tree.children).zip(layout.children()) {
            part.as_widget().draw(tree, renderer, theme, style, layout, cursor, viewport);
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
        let parts = self.parts.iter().zip(&tree.children).zip(layout.children());
        let each = parts.map(|((part, tree), layout)| {
            part.as_widget().mouse_interaction(tree, layout, cursor, viewport, renderer)
        });
        each.max().unwrap_or_default()
    }

    fn overlay<'b>(
        &'b mut self,
        tree: &'b mut Tree,
        layout: Layout<'b>,
        renderer: &iced::Renderer,
        viewport: &Rectangle,
        translation: Vector,
    ) -> Option<overlay::Element<'b, Message, Theme, iced::Renderer>> {
        overlay::from_children(&mut self.parts, tree, layout, renderer, viewport, translation)
    }
}
