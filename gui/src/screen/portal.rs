//! The portal: who I am, the link, what Mailboat has to say, requests, conversations.

mod head;
pub(crate) mod link;
mod list;
mod notices;
mod presence;
mod quote;
mod requests;

use agent::{control::Order, store::ConversationId};
use iced::{
    Alignment, Length, Padding,
    widget::{column, container, row, scrollable, space},
};
use serde_json::Value;

pub(crate) use self::presence::Presence;
use super::Cx;
use crate::{
    desk::{Desk, Entry},
    door::DoorError,
    theme::{space as gap, styles},
    widget::{Element, body, long::long, press},
};

/// The name of what is scrolled.
const SCROLL: &str = "portal-scroll";

/// What it remembers.
#[derive(Debug, Default)]
pub(crate) struct Portal {
    chosen: Option<ConversationId>,
    filter: String,
    /// Rows of the list that the search finds; none for all.
    found: Option<Vec<usize>>,
    scroll: list::Scroll,
    /// Height of what stands above the list and is scrolled with it.
    above: f32,
    link: link::Panel,
    notices: notices::Notices,
    requests: requests::Requests,
    is_starting: bool,
    start_error: Option<DoorError>,
}

/// What happens in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    /// A conversation's row was pressed.
    RowPressed(ConversationId),
    /// The conversation below or above is wanted.
    Stepped { down: bool },
    /// The search was typed at.
    Filtered(String),
    /// The first that the search found is wanted.
    FirstChosen,
    /// The list was scrolled.
    Scrolled(list::Scroll),
    /// Somebody is to be asked to chat.
    AskPressed(Option<String>),
    /// In the link panel.
    Link(link::Message),
    /// At a notice.
    Notices(notices::Message),
    /// At a request.
    Request(requests::Message),
    /// The settings are wanted.
    SettingsPressed,
    /// The shortcuts are wanted.
    HelpPressed,
    /// The agent is to be started.
    StartPressed,
    /// The agent is to be looked for once more.
    AgainPressed,
    /// A block is to be ended.
    UnblockPressed(String),
    /// It was, or why not.
    Started(Result<(), DoorError>),
    /// The agent answered.
    Answered(Wanted, Result<Value, DoorError>),
    /// What is known changed.
    DeskMoved,
}

/// What the agent was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// What a call would cost.
    Quote,
    /// A visit.
    Call,
    /// The end of the visit.
    Stop,
    /// More than the quota.
    Lift,
    /// The end of a block.
    Unblock,
    /// Notices to be marked as read.
    Read,
    /// An answer to a request, which opens the conversation or not.
    Answer { id: ConversationId, opens: bool },
}

/// What the window has to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Show this conversation.
    Open(ConversationId),
    /// Show the form to ask somebody, with these names in it.
    Ask(Vec<String>),
    /// Ask the agent; what it answers comes back as [`Message::Answered`].
    Order(Wanted, Order),
    /// Read the month's ledger of this link; it comes back as [`link::Message::LedgerRead`].
    ReadLedger(String),
    /// Start an agent; how that went comes back as [`Message::Started`].
    Start,
    /// Look for the agent once more.
    LookAgain,
    /// Move the keyboard to the field of this name.
    Focus(&'static str),
    /// Scroll what has this name there, in logical pixels.
    Scroll(&'static str, f32),
    /// Show the settings.
    Settings,
    /// Show the shortcuts.
    Help,
}

impl Portal {
    pub(crate) fn update(&mut self, message: Message, desk: &Desk) -> Vec<Action> {
        match message {
            Message::RowPressed(id) => {
                self.chosen = Some(id);
                return vec![Action::Open(id)];
            }
            Message::Stepped { down } => return self.step(down, desk),
            Message::Filtered(filter) => {
                self.filter = filter;
                self.search(&desk.known);
            }
            Message::FirstChosen => return self.first(desk),
            Message::Scrolled(scroll) => self.scrolled(scroll, &desk.known),
            Message::AskPressed(name) => return vec![Action::Ask(name.into_iter().collect())],
            Message::Link(message) => return self.link.update(message, desk),
            Message::Notices(message) => return self.notices.update(message),
            Message::Request(message) => return self.requests.update(message),
            Message::SettingsPressed => return vec![Action::Settings],
            Message::HelpPressed => return vec![Action::Help],
            Message::StartPressed => {
                (self.is_starting, self.start_error) = (true, None);
                return vec![Action::Start];
            }
            Message::AgainPressed => return vec![Action::LookAgain],
            Message::UnblockPressed(name) => {
                let order = Order::Block { name, on: false };
                return vec![Action::Order(Wanted::Unblock, order)];
            }
            Message::Started(started) => {
                (self.is_starting, self.start_error) = (false, started.err());
            }
            Message::Answered(Wanted::Answer { id, opens }, answer) => {
                return self.requests.answered(id, opens, answer.map(drop));
            }
            Message::Answered(Wanted::Read, answer) => self.notices.answered(answer.map(drop)),
            Message::Answered(wanted, answer) => {
                return self.link.answered(wanted, answer, desk);
            }
            Message::DeskMoved => {
                self.search(&desk.known);
                self.notices.settle(desk);
                self.requests.settle(desk);
                return self.link.settle(desk);
            }
        }
        Vec::new()
    }

    /// Which conversation is shown elsewhere.
    pub(crate) fn choose(&mut self, id: Option<ConversationId>) {
        self.chosen = id;
    }

    /// Whether the link's panel is open.
    pub(crate) fn is_link_open(&self) -> bool {
        self.link.is_open
    }

    /// Whether a call can be asked for.
    pub(crate) fn can_call(&self, desk: &Desk) -> bool {
        desk.does().is_some() && self.link.hindrance(desk).is_none()
    }

    /// Goes to the conversation below or above the one that is open.
    fn step(&mut self, down: bool, desk: &Desk) -> Vec<Action> {
        let known = &desk.known;
        let conversation = |at: usize| match self.found_at(known, at)? {
            Entry::Conversation { at: row, .. } => Some((at, known.roll.get(row)?.id)),
            Entry::Member(_) => None,
        };
        let all: Vec<(usize, ConversationId)> =
            (0..self.found_len(known)).filter_map(conversation).collect();
        let now = all.iter().position(|(_, id)| Some(*id) == self.chosen);
        let next = match (now, down) {
            (None, _) => 0,
            (Some(now), true) => now + 1,
            (Some(now), false) => now.wrapping_sub(1),
        };
        let Some(&(at, id)) = all.get(next) else { return Vec::new() };
        self.chosen = Some(id);
        let scroll = self.scroll_to(at).map(|y| Action::Scroll(SCROLL, y));
        [Some(Action::Open(id)), scroll].into_iter().flatten().collect()
    }

    fn first(&mut self, desk: &Desk) -> Vec<Action> {
        let known = &desk.known;
        match self.found_at(known, 0) {
            Some(Entry::Conversation { at, .. }) => {
                let Some(row) = known.roll.get(at) else { return Vec::new() };
                self.chosen = Some(row.id);
                vec![Action::Open(row.id)]
            }
            Some(Entry::Member(at)) => known
                .members
                .get(at)
                .map(|member| Action::Ask(vec![member.name.clone()]))
                .into_iter()
                .collect(),
            None => Vec::new(),
        }
    }

    /// When something that is shown changes by itself, in seconds since 1970.
    pub(crate) fn changes_at(&self, cx: Cx<'_>) -> Option<i64> {
        [link::changes_at(cx), self.rows_change_at(cx)].into_iter().flatten().min()
    }

    pub(crate) fn view<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let mut scrolled = column![];
        if let Some(details) = self.link.details(cx) {
            scrolled = scrolled.push(details.map(Message::Link));
        }
        if let Some(notices) = self.notices.view(cx) {
            scrolled = scrolled.push(notices);
        }
        if let Some(requests) = self.requests.view(cx) {
            scrolled = scrolled.push(requests);
        }
        let known = &cx.desk.known;
        if !known.order.entries.is_empty() {
            let ask = press(body(cx.words.say("portal-ask-short")))
                .id("ask")
                // On the line of the heading beside it, which is smaller.
                .padding(Padding {
                    bottom: gap::TIGHT,
                    ..Padding::from([gap::INSIDE, gap::BETWEEN])
                })
                .style(styles::link)
                .on_press(Message::AskPressed(None));
            let title = requests::section(cx.words.say("portal-list"), 0);
            let title = row![title, space::horizontal(), ask].align_y(Alignment::End);
            scrolled = scrolled.push(container(title).padding(Padding::ZERO.right(gap::TIGHT)));
        }
        let scrolled = scrollable(scrolled.push(self.list(cx)))
            .id(SCROLL)
            .style(styles::scroll)
            .height(Length::Fill);
        let scrolled = long(scrolled, Message::Scrolled);
        column![self.head(cx), self.link.view(cx).map(Message::Link), scrolled].into()
    }
}

/// What stands beside the list while no conversation is open: what to do next.
pub(crate) fn blank(cx: Cx<'_>) -> Element<'_, Message> {
    let ask = press(body(cx.words.say("portal-ask"))).id("blank-ask").style(styles::secondary);
    let said = body(cx.words.say("portal-blank")).style(styles::muted).center();
    let page = column![said, ask.on_press(Message::AskPressed(None))].spacing(gap::BETWEEN);
    container(page.align_x(Alignment::Center).max_width(360))
        .center(Length::Fill)
        .padding(gap::AROUND)
        .into()
}

/// Why something did not come about, in the reader's language where there are words for it.
pub(crate) fn failed(cx: Cx<'_>, err: &DoorError) -> String {
    match err {
        DoorError::NoStore => cx.words.say("error-no-store"),
        DoorError::TooNew(_) => cx.words.say("error-too-new"),
        DoorError::NoAgent => cx.words.say("error-no-agent"),
        DoorError::Stalled => cx.words.say("error-stalled"),
        DoorError::Lost => cx.words.say("error-lost"),
        DoorError::Refused { code, words } => cx.words.failure(code, words),
        DoorError::Store(words) | DoorError::Agent(words) => {
            crate::words::harmless(words).into_owned()
        }
    }
}

#[cfg(test)]
mod tests;
