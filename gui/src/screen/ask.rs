//! Asking somebody to chat: whom, a title where they are several, and first words.

use agent::{control::Order, store::ConversationId};
use iced::{
    Alignment, Length,
    widget::{Row, column, container, row, rule, scrollable, text_input},
};
use serde_json::Value;

use super::{Cx, portal::Presence};
use crate::{
    desk::Known,
    door::DoorError,
    theme::{space as gap, styles},
    widget::{Element, Sign, body, elided, hint, notice, press, sign, title},
    words::harmless,
};

/// So many names are offered at once.
const OFFERED_MAX: usize = 6;

/// What it remembers.
#[derive(Debug, Default)]
pub(crate) struct Ask {
    names: Vec<String>,
    typed: String,
    title: String,
    greeting: String,
    is_asking: bool,
    error: Option<DoorError>,
}

/// What happens in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    /// A name was typed at.
    NameTyped(String),
    /// What was typed is to be taken: the first that is offered, or as it stands.
    NameEntered,
    /// A name that was offered was taken.
    NamePicked(String),
    /// A name that was taken is put back.
    NameDropped(usize),
    TitleTyped(String),
    GreetingTyped(String),
    /// They are to be asked.
    AskPressed,
    /// The agent took it, or did not.
    Answered(Result<Value, DoorError>),
    /// Nobody is to be asked.
    Closed,
}

/// What the window has to do.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub(crate) enum Action {
    None,
    /// Ask the agent; what it answers comes back as [`Message::Answered`].
    Order(Order),
    /// Move the keyboard to the field of this name.
    Focus(&'static str),
    /// Show this conversation in place of the form.
    Open(ConversationId),
    /// Leave the form.
    Close,
}

impl Ask {
    /// A form with somebody in it already.
    pub(crate) fn of(names: Vec<String>) -> Self {
        Self { names, ..Self::default() }
    }

    pub(crate) fn update(&mut self, message: Message, known: &Known) -> Action {
        match message {
            Message::NameTyped(typed) => self.typed = typed,
            Message::NameEntered => return self.enter(known),
            Message::NamePicked(name) => {
                self.take(name);
                return Action::Focus("ask-name");
            }
            Message::NameDropped(at) if at < self.names.len() => drop(self.names.remove(at)),
            Message::NameDropped(_) => {}
            Message::TitleTyped(title) => self.title = title,
            Message::GreetingTyped(greeting) => self.greeting = greeting,
            Message::AskPressed => return self.ask(known),
            Message::Answered(answer) => {
                self.is_asking = false;
                match answer {
                    Ok(answer) => return conversation(&answer).map_or(Action::Close, Action::Open),
                    Err(err) => self.error = Some(err),
                }
            }
            Message::Closed => return Action::Close,
        }
        Action::None
    }

    fn enter(&mut self, known: &Known) -> Action {
        let typed = self.typed.trim().to_lowercase();
        if typed.is_empty() {
            // Enter in the empty field goes on: to the greeting, which is what comes next.
            return if self.names.is_empty() {
                Action::None
            } else {
                Action::Focus("ask-greeting")
            };
        }
        let first = self.offered(known).next().map(str::to_owned);
        self.take(first.unwrap_or(typed));
        Action::None
    }

    fn take(&mut self, name: String) {
        if !self.names.contains(&name) {
            self.names.push(name);
        }
        self.typed.clear();
    }

    fn ask(&mut self, known: &Known) -> Action {
        if !self.typed.trim().is_empty() {
            let _ = self.enter(known);
        }
        if self.names.is_empty() || self.is_asking {
            return Action::Focus("ask-name");
        }
        (self.is_asking, self.error) = (true, None);
        let title = if self.names.len() < 2 { "" } else { self.title.trim() };
        Action::Order(Order::Chat {
            names: self.names.clone(),
            title: title.to_owned(),
            greeting: self.greeting.trim().to_owned(),
        })
    }

    /// Names of the roster that begin with what was typed, then those that have it in them.
    fn offered<'a>(&'a self, known: &'a Known) -> impl Iterator<Item = &'a str> {
        let typed = self.typed.trim().to_lowercase();
        let others = move || {
            let free = known.members.iter().filter(|member| !member.blocked);
            free.map(|member| member.name.as_str())
                .filter(|name| !self.names.iter().any(|taken| taken == name))
        };
        let (start, part) = (typed.clone(), typed);
        let begins = others().filter(move |name| name.to_lowercase().starts_with(&start));
        let within = others().filter(move |name| {
            let name = name.to_lowercase();
            !name.starts_with(&part) && name.contains(&part)
        });
        begins.chain(within).take(OFFERED_MAX)
    }

    pub(crate) fn view<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let back =
            press(sign(Sign::Back)).id("back").style(styles::quiet).on_press(Message::Closed);
        let head = row![back, title(cx.words.say("ask-title"))]
            .spacing(gap::INSIDE)
            .align_y(Alignment::Center);
        let page = scrollable(container(self.form(cx)).padding(gap::AROUND)).style(styles::scroll);
        column![
            container(head).padding(gap::INSIDE).width(Length::Fill).style(styles::bar),
            rule::horizontal(1).style(styles::hairline),
            page.height(Length::Fill),
        ]
        .into()
    }

    fn form<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let words = cx.words;
        let name = text_input(&words.say("ask-name-example"), &self.typed)
            .id("ask-name")
            .padding([7.0, gap::INSIDE])
            .style(styles::field)
            .on_input(Message::NameTyped)
            .on_submit(Message::NameEntered);
        let mut whom = column![hint(words.say("ask-whom"))].spacing(gap::TIGHT);
        if !self.names.is_empty() {
            let chips = self.names.iter().enumerate().map(|(at, name)| chip(at, name));
            whom = whom.push(
                Row::with_children(chips).spacing(gap::TIGHT).wrap().vertical_spacing(gap::TIGHT),
            );
        }
        whom = whom.push(name);
        if !self.typed.trim().is_empty() || self.names.is_empty() {
            whom = whom.push(column(self.offered(&cx.desk.known).map(|name| offer(cx, name))));
        }
        let mut form = column![whom].spacing(gap::AROUND).max_width(440);
        if 1 < self.names.len() {
            let named = text_input(&words.say("ask-group-example"), &self.title)
                .id("ask-group")
                .padding([7.0, gap::INSIDE])
                .style(styles::field)
                .on_input(Message::TitleTyped);
            form = form.push(column![hint(words.say("ask-group")), named].spacing(gap::TIGHT));
        }
        let greeting = text_input(&words.say("ask-greeting-example"), &self.greeting)
            .id("ask-greeting")
            .padding([7.0, gap::INSIDE])
            .style(styles::field)
            .on_input(Message::GreetingTyped)
            .on_submit(Message::AskPressed);
        form = form.push(column![hint(words.say("ask-greeting")), greeting].spacing(gap::TIGHT));
        if let Some(err) = &self.error {
            form = form.push(notice(body(super::portal::failed(cx, err))));
        }
        if !cx.desk.has_agent() {
            form = form.push(notice(body(words.say("ask-no-agent"))));
        }
        let can_ask = cx.desk.has_agent()
            && !self.is_asking
            && (!self.names.is_empty() || !self.typed.trim().is_empty());
        let ask = press(body(words.say("ask-ask")))
            .id("ask")
            .style(styles::primary)
            .on_press_maybe(can_ask.then_some(Message::AskPressed));
        form.push(ask).push(hint(words.say("ask-note"))).into()
    }
}

/// A name that was taken, with the way to put it back.
fn chip(at: usize, name: &str) -> Element<'_, Message> {
    let content = row![body(harmless(name)), sign(Sign::Refused).style(styles::muted)];
    press(content.spacing(gap::INSIDE).align_y(Alignment::Center))
        .id(format!("drop-{at}"))
        .padding([gap::TIGHT, gap::INSIDE])
        .style(styles::chosen)
        .on_press(Message::NameDropped(at))
        .into()
}

/// A name of the roster, with how its owner is.
fn offer<'a>(cx: Cx<'a>, name: &'a str) -> Element<'a, Message> {
    let member = cx.desk.known.members.iter().find(|member| member.name == name);
    let presence = member.map_or(Presence::Unknown, |member| Presence::of(member, cx.now));
    let mark = container(sign(presence.sign()).style(presence.style())).center_x(gap::AROUND);
    let content = row![mark, elided(name), hint(presence.told(cx))]
        .spacing(gap::INSIDE)
        .align_y(Alignment::Center);
    press(content)
        .id(format!("offer-{name}"))
        .width(Length::Fill)
        .padding([6.0, gap::INSIDE])
        .style(styles::quiet)
        .on_press(Message::NamePicked(name.to_owned()))
        .into()
}

/// Which conversation came of it, as the agent answered.
fn conversation(answer: &Value) -> Option<ConversationId> {
    answer.get("conversation")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests;
