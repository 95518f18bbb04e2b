//! A conversation: what was said, and the editor to say something.

mod answer;
mod bubble;
mod card;
mod compose;
mod foot;
mod head;
mod line;
mod link;
mod people;
mod reel;
mod search;
mod tail;
#[cfg(test)]
mod tests;
mod thread;

use std::{collections::BTreeSet, sync::Arc};

use agent::store::{ConversationId, Member, MessageId, Receipts};
use config::AgentSettings;
use iced::{
    Length, Padding, Task,
    widget::{column, container, row, rule, stack, text_editor},
};
use serde_json::Value;

use self::{
    card::Card,
    compose::{Before, Compose, Mode},
    people::People,
    reel::{Aim, ListKey, Reel, Seen},
    search::Search,
    thread::{Part, Stretch, Thread},
};
use super::Cx;
use crate::{
    door::{Door, DoorError},
    drafts::Draft,
    theme::{space as gap, styles},
    widget::{Element, body, press},
};

/// From this width on the people stand beside the messages.
const WIDE: f32 = 760.0;
/// Width of their panel then.
const PEOPLE: f32 = 280.0;

/// What it remembers.
#[derive(Debug)]
pub(crate) struct Chat {
    id: ConversationId,
    thread: Thread,
    /// Counts reads, so that an answer that is not awaited any more is known.
    epoch: u64,
    reading: Option<Part>,
    is_stale: bool,
    /// The agent's status, for when things leave.
    status: Arc<Value>,
    /// Where the list is to go, counted.
    aim: (u64, Aim),
    /// What is in view, and which aim had been followed then.
    seen: Option<Seen>,
    followed: u64,
    /// Where the bar was dragged to while the store was being read.
    dragged: Option<f32>,
    is_focused: bool,
    /// The first message that had not been read when one came.
    line: Option<MessageId>,
    /// Those that the agent was asked to mark as read.
    marking: BTreeSet<MessageId>,
    cursor: Option<MessageId>,
    card: Option<Card>,
    unfolded: BTreeSet<MessageId>,
    compose: Compose,
    search: Option<Search>,
    link: Option<String>,
    people: Option<People>,
    settings: Option<Arc<AgentSettings>>,
    is_answering: bool,
    is_starting: bool,
    error: Option<DoorError>,
}

/// What happens in it.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// A stretch was read.
    Read(u64, Part, Result<Arc<Stretch>, DoorError>),
    /// The agent said what it plans.
    Planned(Result<Arc<Value>, DoorError>),
    /// The window got the keyboard, or lost it.
    Focused(bool),
    /// This is in view.
    Scrolled(Seen),
    /// The bar was dragged there: 0 is the conversation's beginning, 1 its end.
    Dragged(f32),
    /// The agent marked these as read, or did not.
    Marked(Vec<MessageId>, Result<(), DoorError>),
    ListKey(ListKey),
    /// A window up or down, from the editor.
    PagePressed {
        up: bool,
    },
    Touched(MessageId),
    ReceiptsRead(MessageId, Result<Arc<Receipts>, DoorError>),
    Unfolded(MessageId),
    QuotePressed(MessageId),
    NewestPressed,
    ReplyPressed(MessageId),
    EditPressed(MessageId),
    CopyPressed(MessageId),
    DeletePressed(MessageId),
    DeleteConfirmed(MessageId),
    ReleasePressed(MessageId),
    CancelPressed(MessageId),
    /// The text of one that was lost is to be sent again.
    AgainPressed(MessageId),
    /// The agent did what was asked of a message, or did not.
    Ordered(Result<(), DoorError>),
    Typed(text_editor::Action),
    UpPressed,
    EscapePressed,
    ModeDropped,
    UrgentToggled,
    SendPressed,
    Sent(Before, Result<(), DoorError>),
    LookPressed,
    Looked(Result<bool, DoorError>),
    AnywayPressed,
    LinkPressed(String),
    LinkOpened,
    LinkTried(Result<(), String>),
    LinkCopied,
    LinkDropped,
    SearchToggled,
    SearchTyped(String),
    SearchStepped(bool),
    SearchFound(String, Result<Arc<Vec<MessageId>>, DoorError>),
    PeopleToggled,
    People(people::Said),
    PeopleAnswered(Result<(), DoorError>),
    MembersRead(Result<Arc<Vec<Member>>, DoorError>),
    SettingsRead(Result<Arc<AgentSettings>, DoorError>),
    AcceptPressed,
    DeclinePressed,
    /// The request is to be made once more.
    AskAgainPressed,
    Answered(Result<(), DoorError>),
    StartPressed,
    /// An agent runs, or why not.
    Started(Result<(), DoorError>),
    BackPressed,
}

impl Message {
    /// Whether it is about a message and leads to nothing while no agent runs, however it was asked for.
    pub(crate) fn is_for_agent(&self) -> bool {
        matches!(
            self,
            Self::EditPressed(_)
                | Self::DeletePressed(_)
                | Self::DeleteConfirmed(_)
                | Self::ReleasePressed(_)
                | Self::CancelPressed(_)
                | Self::ListKey(ListKey::Edit | ListKey::Delete)
                | Self::UpPressed
        )
    }
}

/// What the window has to do.
#[derive(Debug)]
#[must_use]
pub(crate) enum Action {
    Run(Task<Message>),
    /// Put the keyboard there.
    Focus(&'static str),
    /// The draft is another.
    Drafted,
    /// The settings are others now.
    Settled,
    /// Show it in a window of its own.
    Detach,
    /// Show the list again.
    Back,
    /// The same for Escape, which leaves a window of its own open.
    Escaped,
}

impl Chat {
    /// Opens a conversation, with what was being written there.
    pub(crate) fn new(
        id: ConversationId,
        draft: Option<&Draft>,
        door: &Door,
    ) -> (Self, Task<Message>) {
        let mut chat = Self::closed(id);
        if let Some(draft) = draft {
            chat.compose.set(&draft.text);
            chat.compose.mode = draft.reply_to.map_or(Mode::New, Mode::Reply);
        }
        let read = chat.fetch(Part::Opening, door);
        let plans = Self::plan(door);
        (chat, Task::batch([read, plans]))
    }

    fn closed(id: ConversationId) -> Self {
        Self {
            id,
            thread: Thread::default(),
            epoch: 0,
            reading: None,
            is_stale: false,
            status: Arc::default(),
            aim: (0, Aim::End),
            seen: None,
            followed: 0,
            dragged: None,
            is_focused: false,
            line: None,
            marking: BTreeSet::new(),
            cursor: None,
            card: None,
            unfolded: BTreeSet::new(),
            compose: Compose::default(),
            search: None,
            link: None,
            people: None,
            settings: None,
            is_answering: false,
            is_starting: false,
            error: None,
        }
    }

    /// What is being written, to be kept over a restart; an edit is not.
    pub(crate) fn draft(&self) -> Option<Draft> {
        let text = self.compose.text();
        let reply_to = match self.compose.mode {
            Mode::Edit(..) => return None,
            Mode::Reply(id) => Some(id),
            Mode::New => None,
        };
        (!text.is_empty()).then_some(Draft { text, reply_to })
    }

    /// Whether the window that it is in has the keyboard, as it was told.
    pub(crate) fn is_focused(&self) -> bool {
        self.is_focused
    }

    fn is_group(&self, cx: Cx<'_>) -> bool {
        cx.desk.known.conversation(self.id).is_some_and(|conversation| !conversation.pair)
    }

    fn go(&mut self, aim: Aim) {
        self.aim = (self.aim.0 + 1, aim);
    }

    /// What comes and goes beside the messages has a place of its own in the tree even while it is not there: else what
    /// one is in the middle of would move to another, and lose the keyboard and where it is scrolled to.
    pub(crate) fn view<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let hairline = || rule::horizontal(1).style(styles::hairline);
        let is_wide = WIDE <= cx.width;
        let room = if is_wide && self.people.is_some() { cx.width - PEOPLE } else { cx.width };
        let inner = Cx { width: room, ..cx };
        let search = self.search.as_ref();
        let search = search.map_or_else(|| column![], |it| column![it.view(inner), hairline()]);
        let said = || column![self.list(inner), hairline(), foot::foot(inner, self)];
        let people = self.people.as_ref().map(|people| people::view(cx, self, people));
        let shown = match people {
            Some(people) if !is_wide => row![people],
            Some(people) => {
                let line = rule::vertical(1).style(styles::hairline);
                row![said().width(Length::Fill), line, container(people).width(PEOPLE)]
            }
            None => row![said().width(Length::Fill)],
        };
        column![head::head(cx, self), hairline(), search, shown].into()
    }

    fn list<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        if self.thread.rows.is_empty() {
            return line::empty(cx, self);
        }
        let build = move |at| line::line(cx, self, at);
        let day = move |at: usize| {
            let row = self.thread.rows.get(at);
            row.map_or_else(String::new, |row| cx.words.day(row.row.sent_at, cx.now))
        };
        let (number, aim) = self.aim;
        let list = Reel::new(self.id, self.thread.keys(), build, Message::Scrolled)
            .on_key(Message::ListKey)
            .on_drag(Message::Dragged)
            .label(day)
            .aim(number, aim)
            .begins(self.place())
            .ends_here(!self.thread.later)
            .share(|at| self.thread.share(at));
        let mut layers = stack![list];
        let is_end = self.seen.is_none_or(|seen| seen.is_end) && !self.thread.later;
        if !is_end {
            layers = layers.push(self.newest(cx));
        }
        layers.into()
    }

    /// Where a list begins that was not there before: where one was, unless it is to go elsewhere.
    fn place(&self) -> Aim {
        let (number, aim) = self.aim;
        match self.seen.filter(|_| self.followed == number) {
            Some(seen) if seen.is_end => Aim::End,
            Some(seen) => Aim::Top(seen.first, 0.0),
            None => aim,
        }
    }

    fn newest<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let words = match self.thread.unread {
            0 => cx.words.say("chat-newest"),
            n => cx.words.tell("chat-newest-unread", &[("n", n.into())]),
        };
        let newest = press(body(words))
            .id("newest")
            .style(styles::floating)
            .on_press(Message::NewestPressed);
        container(newest)
            .padding(Padding { right: gap::AROUND, bottom: gap::BETWEEN, ..Padding::ZERO })
            .align_right(Length::Fill)
            .align_bottom(Length::Fill)
            .into()
    }
}
