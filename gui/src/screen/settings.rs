//! Settings that people change, in the same `agent.toml` that they may edit by hand.
//!
//! A switch or a choice is written as it is pressed; a form when it is saved. The file is never written for what was
//! thought out while it said something else: then it is read again, and the form stays open.

mod link;
mod look;
mod notify;
mod privacy;
mod rule;
#[cfg(test)]
mod tests;
mod way;

use std::sync::Arc;

use config::{AgentSettings, agent::Window, edit::Change};
use iced::{
    Length, Task,
    widget::{Column, Row, column, container, rule as line, scrollable},
};

use self::{link::LinkForm, rule::RuleForm, way::WayForm};
use super::{Cx, portal::failed};
use crate::{
    door::{Door, DoorError, Saved},
    theme::{space as gap, styles},
    widget::{Element, body, focus, form, press, strong, title},
};

/// Widest that a form is, in logical pixels.
const FORM: f32 = 520.0;

/// A page of the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Section {
    #[default]
    Timetable,
    Links,
    Notify,
    Look,
    Way,
    Privacy,
}

impl Section {
    const ALL: [Self; 6] =
        [Self::Timetable, Self::Links, Self::Notify, Self::Look, Self::Way, Self::Privacy];

    fn name(self, cx: Cx<'_>) -> String {
        cx.words.say(match self {
            Self::Timetable => "settings-timetable",
            Self::Links => "settings-links",
            Self::Notify => "settings-notify",
            Self::Look => "settings-look",
            Self::Way => "settings-way",
            Self::Privacy => "settings-privacy",
        })
    }
}

/// What it remembers.
#[derive(Debug)]
pub(crate) struct Settings {
    section: Section,
    /// What the file says; none before it was read.
    known: Option<Arc<AgentSettings>>,
    error: Option<DoorError>,
    /// Why the agent goes on with the settings from before.
    not_taken: Option<String>,
    is_saving: bool,
    rule: Option<RuleForm>,
    link: Option<LinkForm>,
    quiet: String,
    way: WayForm,
}

/// What happens in it.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    Read(Result<Arc<AgentSettings>, DoorError>),
    AgainPressed,
    SectionChosen(Section),
    Rule(rule::Message),
    Link(link::Message),
    Notify(notify::Message),
    Look(look::Message),
    Way(way::Message),
    Privacy(privacy::Message),
    Saved(Result<Saved, DoorError>),
}

#[cfg(test)]
impl Message {
    /// The form for a further rule is opened.
    pub(crate) fn add_rule() -> Self {
        Self::Rule(rule::Message::AddPressed)
    }
}

/// What the window has to do.
#[derive(Debug)]
#[must_use]
pub(crate) enum Action {
    None,
    Run(Task<Message>),
    /// Look like this from now on.
    Look(Window),
}

impl Settings {
    /// Opens them, and reads the file.
    pub(crate) fn new(door: &Door) -> (Self, Task<Message>) {
        let settings = Self {
            section: Section::default(),
            known: None,
            error: None,
            not_taken: None,
            is_saving: false,
            rule: None,
            link: None,
            quiet: String::new(),
            way: WayForm::default(),
        };
        (settings, read(door))
    }

    pub(crate) fn update(&mut self, message: Message, cx: Cx<'_>, door: &Door) -> Action {
        match message {
            Message::Read(Ok(known)) => {
                self.error = self.error.take().filter(is_changed);
                self.know(known);
            }
            Message::Read(Err(err)) => self.error = Some(err),
            Message::AgainPressed => {
                self.error = None;
                return Action::Run(read(door));
            }
            Message::SectionChosen(section) => {
                (self.section, self.error) = (section, None);
                (self.rule, self.link) = (None, None);
            }
            Message::Saved(saved) => return self.saved(saved, door),
            // Nothing is thought out for what is not known, or is about to be otherwise.
            _ if self.is_saving || self.known.is_none() => {}
            Message::Rule(message) => return self.rule_update(message, door),
            Message::Link(message) => return self.link_update(message, cx, door),
            Message::Notify(message) => return self.notify_update(message, door),
            Message::Look(message) => return self.look_update(message, door),
            Message::Way(message) => return self.way_update(message, door),
            Message::Privacy(message) => return self.privacy_update(message, door),
        }
        Action::None
    }

    /// Leaves the form that is open; whether there was one.
    pub(crate) fn escape(&mut self) -> bool {
        let had_form = self.rule.is_some() || self.link.is_some();
        (self.rule, self.link) = (None, None);
        had_form
    }

    fn know(&mut self, known: Arc<AgentSettings>) {
        self.quiet = notify::quiet_words(&known.notify);
        self.way = WayForm::of(&known.proxy);
        self.known = Some(known);
    }

    fn save(&mut self, changes: Vec<Change>, door: &Door) -> Action {
        let Some(known) = &self.known else { return Action::None };
        self.is_saving = true;
        Action::Run(Task::perform(door.change(Arc::clone(known), changes), Message::Saved))
    }

    fn saved(&mut self, saved: Result<Saved, DoorError>, door: &Door) -> Action {
        self.is_saving = false;
        match saved {
            Ok(Saved { settings, not_taken }) => {
                let look = self.known.as_ref().is_none_or(|known| known.window != settings.window);
                let look = look.then(|| settings.window.clone());
                (self.error, self.not_taken) = (None, not_taken);
                (self.rule, self.link) = (None, None);
                self.know(settings);
                look.map_or(Action::None, Action::Look)
            }
            Err(err) => {
                let is_stale = is_changed(&err);
                self.error = Some(err);
                if is_stale { Action::Run(read(door)) } else { Action::None }
            }
        }
    }

    pub(crate) fn view<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let tabs = Section::ALL.map(|section| {
            let is_shown = section == self.section;
            press(body(section.name(cx)))
                .id(format!("section-{section:?}"))
                .style(if is_shown { styles::chosen } else { styles::quiet })
                .on_press(Message::SectionChosen(section))
                .into()
        });
        let tabs = Row::with_children(tabs).spacing(gap::TIGHT).wrap().vertical_spacing(gap::TIGHT);
        let head = column![title(cx.words.say("settings-title")), tabs].spacing(gap::INSIDE);
        let head = container(head)
            .padding([gap::BETWEEN, gap::AROUND])
            .style(styles::bar)
            .width(Length::Fill);
        let page = container(self.page(cx)).max_width(FORM).padding(gap::AROUND);
        let page = scrollable(container(page).center_x(Length::Fill))
            .id(focus::PAGE)
            .style(styles::scroll)
            .height(Length::Fill)
            .width(Length::Fill);
        column![head, line::horizontal(1).style(styles::hairline), page].into()
    }

    fn page<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let mut lines = Column::new().spacing(gap::AROUND).width(Length::Fill);
        if let Some(err) = &self.error {
            lines = lines.push(form::alert(error_words(cx, err)));
        }
        if let Some(words) = &self.not_taken {
            let args = [("words", words.into())];
            lines = lines.push(form::alert(cx.words.tell("settings-not-taken", &args)));
        }
        let Some(known) = &self.known else {
            let again = || {
                let name = cx.words.say("try-again");
                form::secondary("again", name, Message::AgainPressed)
            };
            return lines.push(self.error.as_ref().map(|_| again())).into();
        };
        let page = match self.section {
            Section::Timetable => self.timetable(cx, known),
            Section::Links => self.links(cx, known),
            Section::Notify => self.notify(cx, &known.notify),
            Section::Look => look::view(cx, &known.window),
            Section::Way => self.way.view(cx),
            Section::Privacy => privacy::view(cx, &known.account),
        };
        lines.push(page).into()
    }
}

fn read(door: &Door) -> Task<Message> {
    Task::perform(door.settings(), Message::Read)
}

fn is_changed(err: &DoorError) -> bool {
    matches!(err, DoorError::Refused { code, .. } if code == "changed")
}

fn error_words(cx: Cx<'_>, err: &DoorError) -> String {
    let DoorError::Refused { code, words } = err else { return failed(cx, err) };
    match code.as_str() {
        "changed" => cx.words.say("settings-changed"),
        "unwritable" => cx.words.tell("settings-unwritable", &[("words", words.into())]),
        _ => failed(cx, err),
    }
}

/// A row of a list that opens: a name, what is said of it.
fn list_row<'a>(id: String, name: String, words: String, message: Message) -> Element<'a, Message> {
    let words = crate::widget::hint(words);
    press(column![strong(name), words].width(Length::Fill))
        .id(id)
        .width(Length::Fill)
        .padding([gap::INSIDE, gap::BETWEEN])
        .style(styles::secondary)
        .on_press(message)
        .into()
}
