//! The first run and the settings, among the rest of the program.

use iced::{Task, window};

use super::{App, Message, Place, SETTINGS};
use crate::{
    door::DoorError,
    screen::{
        Cx,
        first_run::{self, FirstRun},
        settings::{self, Settings},
    },
    tray::Tray,
    widget::focus,
    words::Words,
};

impl App {
    /// Where nobody is logged in the portal begins with that.
    pub(super) fn may_begin(&mut self) -> Task<Message> {
        if self.desk.error != Some(DoorError::NoStore) || self.first_run.is_some() {
            return Task::none();
        }
        self.first_run = Some(FirstRun::new());
        self.begin_step()
    }

    /// Puts the keyboard where the step of the first run begins.
    fn begin_step(&self) -> Task<Message> {
        let field = self.first_run.as_ref().and_then(FirstRun::first_field);
        let portal = self.windows.iter().find(|(_, window)| window.place == Place::Portal);
        match (field, portal) {
            (Some(field), Some((id, _))) => focus::to(*id, field),
            _ => Task::none(),
        }
    }

    pub(super) fn is_settings(&self, id: window::Id) -> bool {
        self.windows.get(&id).is_some_and(|window| window.place == Place::Settings)
    }

    /// Leaves what is open in this window of settings: a form, or the window.
    pub(super) fn leave_settings(&mut self, id: window::Id) -> Task<Message> {
        let had_form = self.settings.as_mut().is_some_and(Settings::escape);
        if had_form { Task::none() } else { window::close(id) }
    }

    pub(super) fn first_run_moved(&mut self, message: first_run::Message) -> Task<Message> {
        let Some(first_run) = &mut self.first_run else { return Task::none() };
        let field = first_run.first_field();
        match first_run.update(message, &self.door) {
            first_run::Action::None if first_run.first_field() != field => self.begin_step(),
            first_run::Action::None => Task::none(),
            first_run::Action::Run(task) => task.map(Message::FirstRun),
            first_run::Action::Done(conversation) => {
                self.first_run = None;
                conversation.map_or_else(Task::none, |id| self.show(id))
            }
        }
    }

    pub(super) fn settings_moved(&mut self, message: settings::Message) -> Task<Message> {
        let Some(settings) = &mut self.settings else { return Task::none() };
        let words = &self.words;
        let cx = Cx { words, desk: &self.desk, now: (self.clock)(), width: SETTINGS.width };
        match settings.update(message, cx, &self.door) {
            settings::Action::None => Task::none(),
            settings::Action::Run(task) => task.map(Message::Settings),
            settings::Action::Look(window) => {
                if window.language != self.look.language {
                    self.words = Words::of_settings(&window.language);
                }
                if !window.tray {
                    self.tray = Tray::default();
                }
                self.look = window;
                self.desk.settled(&self.door).map(Message::Desk)
            }
        }
    }

    /// Opens the settings in a window of their own, or raises it.
    pub(crate) fn open_settings(&mut self) -> Task<Message> {
        let there = self.windows.iter().find(|(_, window)| window.place == Place::Settings);
        if let Some((id, _)) = there {
            return window::gain_focus(*id);
        }
        let (settings, read) = Settings::new(&self.door);
        self.settings = Some(settings);
        let open = self.open(Place::Settings, SETTINGS);
        Task::batch([open, read.map(Message::Settings)])
    }
}
