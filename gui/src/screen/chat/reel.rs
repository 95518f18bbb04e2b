//! A list of any length that lays out only what is seen, and that keeps its place.
//!
//! The place is not a distance from the beginning but a row and where that row stands: what comes above or below, and
//! rows whose height nobody knows yet, move nothing that one looks at. At the end of the conversation the list stays
//! at the end. Rows are built when they come into view and keep their state by their key.

mod bar;
mod lay;
mod widget;

use agent::store::{ConversationId, MessageId};
use iced::{Point, Size, advanced::widget::Id};

use crate::widget::{Element, bar::Hold};

/// What one turn of the wheel moves, in pixels.
const LINE: f32 = 60.0;
/// Below the newest row.
const FOOT: f32 = 12.0;

/// Where the list is to go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Aim {
    /// To the newest row, and to stay there.
    End,
    /// To the first row.
    Start,
    /// A window up or down from where one is.
    Page { up: bool },
    /// To this row, with this share of it above the window's top.
    Top(MessageId, f32),
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
    Home,
    End,
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
    /// Whose rows these are: of another list nothing is taken over.
    of: ConversationId,
    keys: Vec<MessageId>,
    build: Build<'a, Message>,
    /// Where a row lies between the conversation's first and last: 0 to 1.
    share: Box<dyn Fn(usize) -> f32 + 'a>,
    /// Where to go; it is followed once for each number.
    aim: (u64, Aim),
    /// Where a list begins that was not there before.
    begin: Aim,
    /// There is nothing behind the last row.
    is_tail: bool,
    on_seen: fn(Seen) -> Message,
    on_key: Option<fn(ListKey) -> Message>,
    on_drag: Option<fn(f32) -> Message>,
    /// What stands beside the bar while it is dragged, of the first row in view.
    label: Option<Box<dyn Fn(usize) -> String + 'a>>,
    /// What was laid out last, in order.
    shown: Vec<(usize, Element<'a, Message>)>,
}

impl<'a, Message> Reel<'a, Message> {
    pub(crate) fn new(
        of: ConversationId,
        keys: Vec<MessageId>,
        build: impl Fn(usize) -> Element<'a, Message> + 'a,
        on_seen: fn(Seen) -> Message,
    ) -> Self {
        let count = keys.len().max(1) as f32;
        Self {
            id: Id::new("messages"),
            of,
            keys,
            build: Box::new(build),
            share: Box::new(move |row| row as f32 / count),
            aim: (0, Aim::End),
            begin: Aim::End,
            is_tail: true,
            on_seen,
            on_key: None,
            on_drag: None,
            label: None,
            shown: Vec::new(),
        }
    }

    /// What a key means that is not for scrolling.
    pub(crate) fn on_key(mut self, on_key: fn(ListKey) -> Message) -> Self {
        self.on_key = Some(on_key);
        self
    }

    /// Lets the bar be dragged: to which share of the conversation.
    pub(crate) fn on_drag(mut self, on_drag: fn(f32) -> Message) -> Self {
        self.on_drag = Some(on_drag);
        self
    }

    /// What to say beside the bar while it is dragged: of the first row in view.
    pub(crate) fn label(mut self, label: impl Fn(usize) -> String + 'a) -> Self {
        self.label = Some(Box::new(label));
        self
    }

    /// Where to go: once for each `number`.
    pub(crate) fn aim(mut self, number: u64, aim: Aim) -> Self {
        (self.aim, self.begin) = ((number, aim), aim);
        self
    }

    /// Where a list begins that was not there before, if not where it is to go.
    pub(crate) fn begins(mut self, begin: Aim) -> Self {
        self.begin = begin;
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
    of: Option<ConversationId>,
    anchor: Anchor,
    /// Where it was asked to go, until it was laid out there; and the number of that wish.
    wish: Option<Aim>,
    wished: Option<u64>,
    /// The rows laid out: which, and where they begin and end.
    rows: Vec<(MessageId, f32, f32)>,
    size: Size,
    told: Option<Seen>,
    finger: Option<Point>,
    bar: Hold,
    is_focused: bool,
    is_ringed: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            of: None,
            anchor: Anchor::End,
            wish: None,
            wished: None,
            rows: Vec::new(),
            size: Size::ZERO,
            told: None,
            finger: None,
            bar: Hold::default(),
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

    /// Moves on by a window, less a line that one has read.
    fn page(&mut self, up: bool) {
        let page = (self.size.height - LINE).max(LINE);
        self.shift(if up { page } else { -page });
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
