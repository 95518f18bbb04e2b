//! Which rows are in view, and where they stand.

use std::collections::HashMap;

use agent::store::MessageId;
use iced::{
    Point, Size,
    advanced::{
        layout::{Limits, Node},
        widget::Tree,
    },
};

use super::{Aim, Anchor, FOOT, Reel, State};
use crate::widget::Element;

/// A row that was laid out.
struct Laid<'a, Message> {
    at: usize,
    element: Element<'a, Message>,
    tree: Tree,
    node: Node,
}

impl<Message> Laid<'_, Message> {
    fn height(&self) -> f32 {
        self.node.size().height
    }
}

/// Rows one after another, with where the first begins.
struct Strip<'a, Message> {
    rows: Vec<Laid<'a, Message>>,
    top: f32,
    end: f32,
}

impl<'a, Message> Reel<'a, Message> {
    pub(super) fn lay(
        &mut self,
        tree: &mut Tree,
        renderer: &iced::Renderer,
        limits: &Limits,
    ) -> Node {
        let size = limits.max();
        let state = tree.state.downcast_mut::<State>();
        let known = state.rows.iter().map(|(key, ..)| *key);
        let mut trees: HashMap<MessageId, Tree> = known.zip(tree.children.drain(..)).collect();
        let mut built: HashMap<usize, Element<'a, Message>> = self.shown.drain(..).collect();
        let (keys, build) = (&self.keys, &self.build);
        let width = Limits::new(Size::ZERO, Size::new(size.width, f32::INFINITY));
        let mut row = |at: usize| {
            let mut element = built.remove(&at).unwrap_or_else(|| build(at));
            let mut tree = trees.remove(&keys[at]).unwrap_or_else(Tree::empty);
            tree.diff(element.as_widget());
            let node = element.as_widget_mut().layout(&mut tree, renderer, &width);
            Laid { at, element, tree, node }
        };
        let strip = strip(keys, state, size.height, self.is_tail, &mut row);
        state.size = size;
        state.rows.clear();
        let mut nodes = Vec::with_capacity(strip.rows.len());
        let mut top = strip.top;
        for laid in strip.rows {
            let end = top + laid.height();
            // What was only measured to know where the others stand is let go.
            if 0.0 <= end && top <= size.height {
                state.rows.push((keys[laid.at], top, end));
                nodes.push(laid.node.move_to(Point::new(0.0, top)));
                tree.children.push(laid.tree);
                self.shown.push((laid.at, laid.element));
            }
            top = end;
        }
        if let (Anchor::Row(..), Some((key, top, _))) = (state.anchor, state.rows.first()) {
            state.anchor = Anchor::Row(*key, *top);
        }
        Node::with_children(size, nodes)
    }
}

/// Lays out what is in view, and sets the anchor to what came of it.
fn strip<'a, Message>(
    keys: &[MessageId],
    state: &mut State,
    height: f32,
    is_tail: bool,
    row: &mut impl FnMut(usize) -> Laid<'a, Message>,
) -> Strip<'a, Message> {
    let find = |key: MessageId| keys.iter().position(|other| *other == key);
    let Some(last) = keys.len().checked_sub(1) else {
        return Strip { rows: Vec::new(), top: 0.0, end: 0.0 };
    };
    let wish = state.wish.take();
    let start = match wish {
        Some(Aim::End) => None,
        Some(Aim::Start) => Some((0, 0.0)),
        Some(Aim::Top(key, _)) => find(key).map(|at| (at, 0.0)),
        Some(Aim::Row(key)) => find(key).map(|at| (at, height / 3.0)),
        Some(Aim::Reveal(key)) => reveal(state, key, &find, height),
        Some(Aim::Page { .. }) | None => place(state, &find),
    };
    let Some((at, top)) = start else {
        let mut strip = Strip { rows: Vec::new(), top: height - FOOT, end: height - FOOT };
        climb(&mut strip, last + 1, row);
        state.anchor = Anchor::End;
        return strip;
    };
    let mut strip = Strip { rows: Vec::new(), top, end: top };
    climb(&mut strip, at, row);
    let mut next = at;
    while next <= last && strip.end < height {
        push(&mut strip, row(next));
        next += 1;
    }
    if let (Some(Aim::Top(_, part)), Some(first)) = (wish, strip.rows.first()) {
        let by = first.height() * part.clamp(0.0, 1.0);
        (strip.top, strip.end) = (strip.top - by, strip.end - by);
        while next <= last && strip.end < height {
            push(&mut strip, row(next));
            next += 1;
        }
    }
    if let (Some(Aim::Reveal(_)), true) = (wish, next == at + 1 || strip.end > height) {
        lift(&mut strip, at, height);
        while next <= last && strip.end < height {
            push(&mut strip, row(next));
            next += 1;
        }
    }
    // The conversation begins at the top, or ends at the bottom, and never in the middle.
    if 0.0 < strip.top {
        let gap = strip.top;
        (strip.top, strip.end) = (0.0, strip.end - gap);
        while next <= last && strip.end < height {
            push(&mut strip, row(next));
            next += 1;
        }
    }
    let is_over = next > last && strip.end <= height - FOOT + 0.5;
    if is_over {
        let gap = height - FOOT - strip.end;
        (strip.top, strip.end) = (strip.top + gap, strip.end + gap);
        let first = strip.rows.first().map_or(0, |laid| laid.at);
        climb(&mut strip, first, row);
    }
    state.anchor = match is_over && is_tail {
        true => Anchor::End,
        false => anchor(keys, &strip),
    };
    strip
}

/// The rows above `at`, until the top is reached.
fn climb<'a, Message>(
    strip: &mut Strip<'a, Message>,
    at: usize,
    row: &mut impl FnMut(usize) -> Laid<'a, Message>,
) {
    let mut above = Vec::new();
    for at in (0..at).rev() {
        if strip.top <= 0.0 {
            break;
        }
        let laid = row(at);
        strip.top -= laid.height();
        above.push(laid);
    }
    above.reverse();
    above.append(&mut strip.rows);
    strip.rows = above;
}

fn push<'a, Message>(strip: &mut Strip<'a, Message>, laid: Laid<'a, Message>) {
    strip.end += laid.height();
    strip.rows.push(laid);
}

/// Moves everything up so that all of row `at` is seen, but not past its own beginning.
fn lift<Message>(strip: &mut Strip<'_, Message>, at: usize, height: f32) {
    let mut top = strip.top;
    for laid in &strip.rows {
        if laid.at == at {
            let by = (top + laid.height() + FOOT - height).clamp(0.0, top.max(0.0));
            (strip.top, strip.end) = (strip.top - by, strip.end - by);
            return;
        }
        top += laid.height();
    }
}

fn anchor<Message>(keys: &[MessageId], strip: &Strip<'_, Message>) -> Anchor {
    let mut top = strip.top;
    for laid in &strip.rows {
        if 0.0 < top + laid.height() {
            return Anchor::Row(keys[laid.at], top);
        }
        top += laid.height();
    }
    Anchor::End
}

/// Where the list stands now; where its row is gone, the next one that was in view.
fn place(state: &State, find: &impl Fn(MessageId) -> Option<usize>) -> Option<(usize, f32)> {
    let Anchor::Row(key, top) = state.anchor else { return None };
    let seen = state.rows.iter().map(|(key, top, _)| (*key, *top));
    std::iter::once((key, top)).chain(seen).find_map(|(key, top)| Some((find(key)?, top)))
}

fn reveal(
    state: &State,
    key: MessageId,
    find: &impl Fn(MessageId) -> Option<usize>,
    height: f32,
) -> Option<(usize, f32)> {
    let at = find(key)?;
    let row = state.rows.iter().position(|(other, ..)| *other == key);
    Some(match row.map(|row| state.rows[row]) {
        Some((_, top, _)) => (at, top.max(0.0)),
        // Out of view: it comes in on the side where it lies.
        None => match state.rows.first().and_then(|(first, ..)| find(*first)) {
            Some(first) if first <= at => (at, height),
            _ => (at, 0.0),
        },
    })
}
