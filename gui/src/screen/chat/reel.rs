//! A list of any length that lays out only what is seen, and that keeps its place.
//!
//! The place is not a distance from the beginning but a row and where that row stands: what comes above or below, and
//! rows whose height nobody knows yet, move nothing that one looks at. At the end of the conversation the list stays
//! at the end. Rows are built when they come into view and keep their state by their key.

mod lay;
mod widget;

use agent::store::MessageId;
use iced::{Point, Size, advanced::widget::Id};

use crate::widget::Element;

/// What one turn of the wheel moves, in pixels.
const LINE: f32 = 60.0;
/// Below the newest row.
const FOOT: f32 = 12.0;
/// Width of the bar that says where one is, and the least height of it.
const BAR: (f32, f32) = (4.0, 24.0);

/// Where the list is to go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Aim {
    /// To the newest row, and to stay there.
    End,
    /// To this row, a third of the window below its top.
    Row(MessageId),
    /// No further than it takes to see all of this row.
    Reveal(MessageId),
}

/// What is in view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The first row of which anything is seen …
    pub(crate) first: MessageId,
    /// … and the last that is seen to its end.
    pub(crate) last: MessageId,
    /// Whether that is where the list ends.
    pub(crate) is_end: bool,
}

/// A key that the list was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListKey {
    Up,
    Down,
    Enter,
    Reply,
    Edit,
    Delete,
    Copy,
    Escape,
}

type Build<'a, Message> = Box<dyn Fn(usize) -> Element<'a, Message> + 'a>;

/// See the module.
pub(crate) struct Reel<'a, Message> {
    id: Id,
    keys: Vec<MessageId>,
    build: Build<'a, Message>,
    /// Where a row lies between the conversation's first and last: 0 to 1.
    share: Box<dyn Fn(usize) -> f32 + 'a>,
    /// Where to go; it is followed once for each number.
    aim: (u64, Aim),
    /// There is nothing behind the last row.
    is_tail: bool,
    on_seen: fn(Seen) -> Message,
    on_key: fn(ListKey) -> Message,
    /// What was laid out last, in order.
    shown: Vec<(usize, Element<'a, Message>)>,
}

impl<'a, Message> Reel<'a, Message> {
    pub(crate) fn new(
        keys: Vec<MessageId>,
        build: impl Fn(usize) -> Element<'a, Message> + 'a,
        on_seen: fn(Seen) -> Message,
        on_key: fn(ListKey) -> Message,
    ) -> Self {
        let count = keys.len().max(1) as f32;
        Self {
            id: Id::new("messages"),
            keys,
            build: Box::new(build),
            share: Box::new(move |row| row as f32 / count),
            aim: (0, Aim::End),
            is_tail: true,
            on_seen,
            on_key,
            shown: Vec::new(),
        }
    }

    /// Where to go: once for each `number`.
    pub(crate) fn aim(mut self, number: u64, aim: Aim) -> Self {
        self.aim = (number, aim);
        self
    }

    /// Whether the last row is the conversation's last.
    pub(crate) fn ends_here(mut self, is_tail: bool) -> Self {
        self.is_tail = is_tail;
        self
    }

    /// Where a row lies between the conversation's first and last: 0 to 1.
    pub(crate) fn share(mut self, share: impl Fn(usize) -> f32 + 'a) -> Self {
        self.share = Box::new(share);
        self
    }
}

/// Where the list stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Anchor {
    /// Its last row ends at the bottom.
    End,
    /// This row begins so far below the top.
    Row(MessageId, f32),
}

/// What it remembers from one frame to the next. Its children's state is in the tree, in the order of `keys`.
#[derive(Debug)]
struct State {
    anchor: Anchor,
    /// Where it was asked to go, until it was laid out there; and the number of that wish.
    wish: Option<Aim>,
    wished: Option<u64>,
    /// The rows laid out: which, and where they begin and end.
    rows: Vec<(MessageId, f32, f32)>,
    size: Size,
    told: Option<Seen>,
    finger: Option<Point>,
    is_focused: bool,
    is_ringed: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            anchor: Anchor::End,
            wish: None,
            wished: None,
            rows: Vec::new(),
            size: Size::ZERO,
            told: None,
            finger: None,
            is_focused: false,
            is_ringed: false,
        }
    }
}

impl State {
    /// Moves everything down by so much; what that means for the rows is seen when they are laid out.
    fn shift(&mut self, by: f32) {
        let first = self.rows.iter().find(|(_, _, end)| 0.0 < *end);
        if let Some((key, top, _)) = first {
            self.anchor = Anchor::Row(*key, top + by);
        }
    }

    fn seen(&self) -> Option<Seen> {
        let is_seen =
            |(_, top, end): &&(MessageId, f32, f32)| 0.0 < *end && *top < self.size.height;
        let first = self.rows.iter().find(is_seen)?;
        // A row that is larger than the window is seen to its end when it fills it.
        let to_end = |(_, top, end): &&(MessageId, f32, f32)| {
            *end <= self.size.height + 1.0 || (*top <= 0.0 && self.size.height <= *end)
        };
        let last = self.rows.iter().rev().find(to_end).unwrap_or(first);
        Some(Seen { first: first.0, last: last.0, is_end: self.anchor == Anchor::End })
    }
}
