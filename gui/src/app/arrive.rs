//! Going where a start, a click on a notification or a link leads.
//!
//! **Invariant:** arriving somewhere changes nothing but what is shown.

use iced::{Task, window};

use super::{App, Message, Place};
use crate::{
    goal::Goal,
    instance::Start,
    screen::{first_run::FirstRun, notice::Notice, portal},
};

impl App {
    /// Goes where a start leads, as soon as it is known what there is.
    pub(super) fn arrive(&mut self, start: &Start) -> Task<Message> {
        match start.goal() {
            Ok(goal) if self.desk.is_read => return self.go(goal),
            Ok(goal) => self.wanted = Some(goal),
            Err(fault) => self.notice = Some(Notice::Link(fault)),
        }
        Task::none()
    }

    /// Goes there, or says why not.
    pub(super) fn go(&mut self, goal: Goal) -> Task<Message> {
        self.notice = None;
        let known = &self.desk.known;
        match goal {
            Goal::Portal => {}
            Goal::Conversation(id) if known.conversation(id).is_some() => return self.show(id),
            Goal::Conversation(id) => self.notice = Some(Notice::NoConversation(id.to_string())),
            Goal::Chat(name) => {
                let with = known.roll.iter().find(|row| row.pair && row.names.contains(&name));
                return match with.map(|row| row.id) {
                    Some(id) => self.show(id),
                    // Filled in, not sent.
                    None => self.portal_wants(portal::Action::Ask(vec![name])),
                };
            }
            Goal::Join { relay, .. } if !known.me.is_empty() => {
                self.notice = Some(Notice::LoggedIn { relay });
            }
            Goal::Join { relay, invite } => {
                self.first_run.get_or_insert_with(FirstRun::new).propose(relay, invite);
            }
        }
        Task::none()
    }

    /// Brings the portal to the front; opens it where only conversations are open.
    pub(super) fn raise(&mut self) -> Task<Message> {
        let portal = self.windows.iter().find(|(_, window)| window.place == Place::Portal);
        match portal.map(|(id, _)| *id) {
            // Where a desktop lets no program take the keyboard by itself, the second marks the window.
            Some(id) => Task::batch([
                window::minimize(id, false),
                window::gain_focus(id),
                window::request_user_attention(id, Some(window::UserAttention::Informational)),
            ]),
            None => self.open(Place::Portal, super::theme_size()),
        }
    }
}
