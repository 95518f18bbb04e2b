//! The portal: who I am, the link, requests, conversations.

mod head;
pub(crate) mod link;
mod quote;

use agent::{
    control::Order,
    store::{Conversation, ConversationId},
};
use iced::{
    Alignment, Length,
    widget::{column, container, row, scrollable, text},
};
use serde_json::Value;

use super::Cx;
use crate::{
    desk::Desk,
    door::DoorError,
    theme::{space as gap, styles},
    widget::{Element, body, elided, hint, press},
};

/// What it remembers.
#[derive(Debug, Default)]
pub(crate) struct Portal {
    chosen: Option<ConversationId>,
    filter: String,
    pub(crate) link: link::Panel,
    is_starting: bool,
    start_error: Option<String>,
}

/// What happens in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    /// A conversation's row was pressed.
    RowPressed(ConversationId),
    /// The search was typed at.
    Filtered(String),
    /// The first that the search found is wanted.
    FirstChosen,
    /// In the link panel.
    Link(link::Message),
    /// The settings are wanted.
    SettingsPressed,
    /// The shortcuts are wanted.
    HelpPressed,
    /// The agent is to be started.
    StartPressed,
    /// It was, or why not.
    Started(Result<(), String>),
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
}

/// What the window has to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Show this conversation.
    Open(ConversationId),
    /// Ask the agent; what it answers comes back as [`Message::Answered`].
    Order(Wanted, Order),
    /// Start an agent; how that went comes back as [`Message::Started`].
    Start,
    /// Move the keyboard to the field of this name.
    Focus(&'static str),
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
                vec![Action::Open(id)]
            }
            Message::Filtered(filter) => {
                self.filter = filter;
                Vec::new()
            }
            Message::FirstChosen => self
                .found(desk)
                .next()
                .map(|first| first.id)
                .into_iter()
                .map(Action::Open)
                .collect(),
            Message::Link(message) => self.link.update(message, desk),
            Message::SettingsPressed => vec![Action::Settings],
            Message::HelpPressed => vec![Action::Help],
            Message::StartPressed => {
                (self.is_starting, self.start_error) = (true, None);
                vec![Action::Start]
            }
            Message::Started(started) => {
                (self.is_starting, self.start_error) = (false, started.err());
                Vec::new()
            }
            Message::Answered(wanted, answer) => match answer {
                Ok(value) => self.link.answered(wanted, Ok(&value), desk),
                Err(err) => self.link.answered(wanted, Err(err), desk),
            },
            Message::DeskMoved => self.link.settle(desk),
        }
    }

    fn found<'a>(&self, desk: &'a Desk) -> impl Iterator<Item = &'a Conversation> {
        let wanted = self.filter.trim().to_lowercase();
        let all = desk.known.conversations.iter();
        all.filter(move |conversation| conversation.title.to_lowercase().contains(&wanted))
    }

    pub(crate) fn view<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let mut scrolled = column![];
        if let Some(details) = self.link.details(cx) {
            scrolled = scrolled.push(details.map(Message::Link));
        }
        let scrolled =
            scrollable(scrolled.push(self.list(cx))).style(styles::scroll).height(Length::Fill);
        column![self.head(cx), self.link.view(cx).map(Message::Link), scrolled].into()
    }

    fn list<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let known = &cx.desk.known;
        if known.conversations.is_empty() {
            let words = match &cx.desk.error {
                Some(DoorError::NoStore) => cx.words.say("error-no-store"),
                None if cx.desk.is_read => cx.words.say("portal-empty"),
                _ => String::new(),
            };
            return container(body(words)).padding(gap::AROUND).into();
        }
        column(self.found(cx.desk).map(|conversation| self.line(cx, conversation))).into()
    }

    fn line<'a>(&self, cx: Cx<'a>, conversation: &'a Conversation) -> Element<'a, Message> {
        let mut line = row![
            column![
                elided(conversation.title.as_str()).strong(),
                elided(cx.words.moment(conversation.newest_at, cx.now)).hint(),
            ]
            .width(Length::Fill),
        ]
        .spacing(gap::INSIDE)
        .align_y(Alignment::Center);
        if conversation.unread > 0 {
            let count =
                container(hint(conversation.unread.to_string()).style(|_| text::Style::default()));
            line = line.push(count.padding([0.0, 7.0]).style(styles::badge));
        }
        let is_chosen = self.chosen == Some(conversation.id);
        press(line)
            .id(format!("conversation-{}", conversation.id))
            .width(Length::Fill)
            .height(gap::ROW_OF_TWO)
            .padding([gap::INSIDE, gap::AROUND])
            .style(if is_chosen { styles::chosen } else { styles::quiet })
            .on_press(Message::RowPressed(conversation.id))
            .into()
    }
}

#[cfg(test)]
mod tests;
