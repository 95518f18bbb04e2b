//! First run: from an empty machine to the first message, without the command line.
//!
//! An account at a relay, then when to call, then whom to write to. The program is run for what a window may not do;
//! every step may be tried again, and what was done stays done.

mod account;
mod next;
#[cfg(test)]
mod tests;

use agent::{
    control::{Attempt, Entered, Entry, EntryBy, Fingerprint},
    store::ConversationId,
};
use config::{Secret, Span, agent::ProxyChoice};
use iced::{
    Length, Task,
    task::Handle,
    widget::{column, container, scrollable},
};

use super::{Cx, calls::Days};
use crate::{
    door::{Admission, Door, DoorError, Saved},
    theme::{space as gap, styles},
    widget::{Element, focus},
};

/// Widest that a form is, in logical pixels.
const FORM: f32 = 440.0;

/// Where one is.
#[derive(Debug)]
enum Step {
    /// Which relay, who.
    Account,
    /// The relay is called; dropping the handle ends that.
    Calling { attempt: Option<Attempt>, _handle: Handle },
    /// When to call.
    Timetable,
    /// The settings are written, the agent is started.
    Starting,
    /// Whom to write to.
    Who { is_asking: bool },
}

/// An account that is to be made, or one that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Invite,
    Login,
}

/// A first rule, in plain words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Hold the line.
    Always,
    /// So often, in minutes.
    Every(u64),
    /// At times of the day.
    Times,
    /// When asked only.
    Never,
}

/// What it remembers.
#[derive(Debug)]
pub(crate) struct FirstRun {
    step: Step,
    by: By,
    relay: String,
    code: String,
    name: String,
    password: Secret,
    again: Secret,
    proxy: String,
    ca: String,
    key: String,
    has_proxy_field: bool,
    plan: Plan,
    times: String,
    days: Days,
    /// Only over links whose bytes cost nothing.
    is_thrifty: bool,
    whom: String,
    greeting: String,
    me: String,
    error: Option<DoorError>,
}

/// What happens in it.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    ByChosen(By),
    RelayTyped(String),
    CodeTyped(String),
    NameTyped(String),
    PasswordTyped(Secret),
    AgainTyped(Secret),
    ProxyTyped(String),
    CaTyped(String),
    KeyTyped(String),
    ProxyPressed,
    EnterPressed,
    CancelPressed,
    Admission(Admission),
    PlanChosen(Plan),
    TimesTyped(String),
    DaysChosen(Days),
    ThriftPressed,
    PlanPressed,
    Planned(Result<Saved, DoorError>),
    Started(Result<(), DoorError>),
    WhomTyped(String),
    GreetingTyped(String),
    AskPressed,
    Asked(Result<Option<ConversationId>, DoorError>),
    SkipPressed,
}

/// What the window has to do.
#[derive(Debug)]
#[must_use]
pub(crate) enum Action {
    None,
    Run(Task<Message>),
    /// It is over: show the portal, and this conversation.
    Done(Option<ConversationId>),
}

impl FirstRun {
    pub(crate) fn new() -> Self {
        Self {
            step: Step::Account,
            by: By::Invite,
            relay: String::new(),
            code: String::new(),
            name: String::new(),
            password: Secret::new(""),
            again: Secret::new(""),
            proxy: String::new(),
            ca: String::new(),
            key: String::new(),
            has_proxy_field: false,
            plan: Plan::Always,
            times: "08:30, 18:30".to_owned(),
            days: Days::Every,
            is_thrifty: false,
            whom: String::new(),
            greeting: String::new(),
            me: String::new(),
            error: None,
        }
    }

    /// Fills in what an invitation's link says, unless the account is there already.
    pub(crate) fn propose(&mut self, relay: String, invite: String) {
        if matches!(self.step, Step::Account) {
            self.by = By::Invite;
            (self.relay, self.code, self.error) = (relay, invite, None);
        }
    }

    pub(crate) fn update(&mut self, message: Message, door: &Door) -> Action {
        match message {
            Message::ByChosen(by) => self.by = by,
            Message::RelayTyped(relay) => self.relay = relay,
            Message::CodeTyped(code) => self.code = code,
            Message::NameTyped(name) => self.name = name,
            Message::PasswordTyped(password) => self.password = password,
            Message::AgainTyped(again) => self.again = again,
            Message::ProxyTyped(proxy) => self.proxy = proxy,
            Message::CaTyped(ca) => self.ca = ca,
            Message::KeyTyped(key) => self.key = key,
            Message::ProxyPressed => self.has_proxy_field = true,
            Message::EnterPressed => return self.enter(door),
            Message::CancelPressed => self.step = Step::Account,
            Message::Admission(admission) => self.admission(admission),
            Message::PlanChosen(plan) => self.plan = plan,
            Message::TimesTyped(times) => self.times = times,
            Message::DaysChosen(days) => self.days = days,
            Message::ThriftPressed => self.is_thrifty = !self.is_thrifty,
            Message::PlanPressed => return self.plan_made(door),
            Message::Planned(saved) => return self.planned(saved, door),
            Message::Started(started) => self.started(started),
            Message::WhomTyped(whom) => self.whom = whom,
            Message::GreetingTyped(greeting) => self.greeting = greeting,
            Message::AskPressed => return self.ask(door),
            Message::Asked(Ok(conversation)) => return Action::Done(conversation),
            Message::Asked(Err(err)) => {
                self.step = Step::Who { is_asking: false };
                self.error = Some(err);
            }
            Message::SkipPressed => return Action::Done(None),
        }
        Action::None
    }

    /// The field that the keyboard begins in, at this step.
    pub(crate) fn first_field(&self) -> Option<&'static str> {
        match self.step {
            Step::Account => Some(self.field_at_fault().unwrap_or("relay")),
            Step::Who { .. } => Some("whom"),
            _ => None,
        }
    }

    /// What is missing before the relay can be asked; none where all is there.
    fn can_enter(&self) -> bool {
        let has = |text: &str| !text.trim().is_empty();
        let is_whole = match self.by {
            // A relay may take everybody, without a code.
            By::Invite => self.password == self.again,
            By::Login => true,
        };
        is_whole
            && has(&self.relay)
            && has(&self.name)
            && !self.password.expose().is_empty()
            && self.proxy_choice().is_ok()
            && self.key().is_ok()
    }

    /// The proxy that was typed; `None` where nobody said anything of one.
    fn proxy_choice(&self) -> Result<Option<ProxyChoice>, ()> {
        match (self.has_proxy_field, self.proxy.trim()) {
            (false, _) | (true, "") => Ok(None),
            (true, url) if url.contains("://") || url == "none" => {
                url.parse().map(Some).map_err(|_| ())
            }
            // As people write it: a host and a port.
            (true, host) => format!("http://{host}").parse().map(Some).map_err(|_| ()),
        }
    }

    /// The relay's own key, if one is given; an error where it is none.
    fn key(&self) -> Result<Option<Fingerprint>, ()> {
        match self.key.trim() {
            "" => Ok(None),
            key => key.parse().map(Some).map_err(|_| ()),
        }
    }

    fn enter(&mut self, door: &Door) -> Action {
        let (true, Ok(proxy)) = (self.can_enter(), self.proxy_choice()) else {
            return Action::None;
        };
        let relay = self.relay.trim();
        // As people write it: a host.
        let relay = match relay.contains("://") {
            true => relay.to_owned(),
            false => format!("https://{relay}"),
        };
        let how = match self.by {
            By::Invite => EntryBy::Invite(self.code.trim().to_owned()),
            By::Login => EntryBy::Account { since: Some(Span::from_days(30)) },
        };
        let ca = Some(self.ca.trim()).filter(|ca| !ca.is_empty()).map(Into::into);
        let key = self.key().ok().flatten();
        let entry = Entry { relay, name: self.name.trim().to_owned(), how, ca, key };
        let stream = door.enter(entry, self.password.clone(), proxy);
        let (task, handle) = Task::run(stream, Message::Admission).abortable();
        self.error = None;
        self.step = Step::Calling { attempt: None, _handle: handle.abort_on_drop() };
        Action::Run(task)
    }

    fn admission(&mut self, admission: Admission) {
        // What was cancelled may still say a word.
        let Step::Calling { attempt, .. } = &mut self.step else { return };
        match admission {
            Admission::Calling(begun) => *attempt = Some(begun),
            Admission::Ended(Ok(Entered { account, .. })) => {
                self.me = account;
                (self.password, self.again) = (Secret::new(""), Secret::new(""));
                self.step = Step::Timetable;
            }
            Admission::Ended(Err(err)) => {
                self.has_proxy_field |= account::is_of_the_way(&err);
                self.error = Some(err);
                self.step = Step::Account;
            }
        }
    }

    pub(crate) fn view<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let form = match &self.step {
            Step::Account => self.account(cx),
            Step::Calling { attempt, .. } => self.calling(cx, attempt.as_ref()),
            Step::Timetable => self.timetable(cx),
            Step::Starting => self.starting(cx),
            Step::Who { is_asking } => self.who(cx, *is_asking),
        };
        let form = container(form).max_width(FORM).padding([gap::AROUND * 1.5, gap::AROUND]);
        let page = container(column![form]).center_x(Length::Fill);
        scrollable(page)
            .id(focus::PAGE)
            .style(styles::scroll)
            .height(Length::Fill)
            .width(Length::Fill)
            .into()
    }
}
