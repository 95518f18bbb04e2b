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
    words::Words,
};

impl App {
    /// Where nobody is logged in the portal begins with that.
    pub(super) fn may_begin(&mut self) {
        if self.desk.error == Some(DoorError::NoStore) {
            self.first_run.get_or_insert_with(FirstRun::new);
        }
    }

    pub(super) fn first_run_moved(&mut self, message: first_run::Message) -> Task<Message> {
        let Some(first_run) = &mut self.first_run else { return Task::none() };
        match first_run.update(message, &self.door) {
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
                self.look = window;
                Task::none()
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
