//! Conversations: where they are shown, what they ask of the window, and what is being written in them.

use std::time::Duration;

use agent::store::ConversationId;
use config::agent::Chats;
use iced::{Size, Task, window};

use super::{App, Message, Place};
use crate::{
    drafts::Drafts,
    screen::{
        chat::{self, Action, Chat},
        notice::Notice,
    },
    widget::focus,
};

/// Drafts are written so long after the first change that was not.
const LULL: Duration = Duration::from_millis(800);
/// A conversation's window as it opens.
const TALK: Size = Size::new(460.0, 640.0);

impl App {
    /// Reads what was being written when the window was closed last.
    pub(super) fn read_drafts(&mut self) {
        let (drafts, trouble) = Drafts::read(&Drafts::file(&self.door.paths().store));
        self.drafts = drafts;
        if let Some(words) = trouble {
            self.notice = Some(Notice::Drafts(words));
        }
    }

    /// Shows a conversation: beside the list, or in the portal in place of it; in a window of its own where the settings
    /// say so.
    pub(super) fn show(&mut self, id: ConversationId) -> Task<Message> {
        if self.look.chats == Chats::Windows {
            self.portal.choose(Some(id));
            return self.detach(id);
        }
        self.beside = Some(id);
        self.page = None;
        self.portal.choose(Some(id));
        let portal = self.window_of(Place::Portal).filter(|_| self.chats.contains_key(&id));
        let opened = self.open_chat(id);
        // One that is read for the first time takes the keyboard by itself once it is there.
        let focused = portal.map_or_else(Task::none, |window| focus::to(window, "draft"));
        Task::batch([opened, self.tell_focus(), focused])
    }

    fn open_chat(&mut self, id: ConversationId) -> Task<Message> {
        if self.chats.contains_key(&id) {
            return Task::none();
        }
        let (chat, read) = Chat::new(id, self.drafts.draft(id), &self.door);
        self.chats.insert(id, chat);
        read.map(move |message| Message::Chat(id, message))
    }

    /// Shows it in a window of its own, or brings that to the front.
    pub(super) fn detach(&mut self, id: ConversationId) -> Task<Message> {
        if self.beside == Some(id) {
            self.beside = None;
        }
        if let Some(window) = self.window_of(Place::Chat(id)) {
            return window::gain_focus(window);
        }
        let opened = self.open_chat(id);
        Task::batch([opened, self.open(Place::Chat(id), TALK), self.tell_focus()])
    }

    pub(super) fn window_of(&self, place: Place) -> Option<window::Id> {
        self.windows.iter().find(|(_, window)| window.place == place).map(|(id, _)| *id)
    }

    pub(super) fn chat_heard(
        &mut self,
        id: ConversationId,
        message: chat::Message,
    ) -> Task<Message> {
        // Their buttons cannot be pressed then; these are the keys that mean the same.
        if message.is_for_agent() && !self.desk.has_agent() {
            return Task::none();
        }
        let Some(chat) = self.chats.get_mut(&id) else { return Task::none() };
        let actions = chat.update(message, &self.door);
        let tasks = actions.into_iter().map(|action| self.chat_wants(id, action));
        Task::batch(tasks.collect::<Vec<_>>())
    }

    fn chat_wants(&mut self, id: ConversationId, action: Action) -> Task<Message> {
        let own = self.window_of(Place::Chat(id));
        match action {
            Action::Run(task) => task.map(move |message| Message::Chat(id, message)),
            Action::Focus(name) => match own.or_else(|| self.window_of(Place::Portal)) {
                Some(window) => focus::to(window, name),
                None => Task::none(),
            },
            Action::Drafted => self.drafted(id),
            Action::Settled => self.desk.settled(&self.door).map(Message::Desk),
            Action::Detach => self.detach(id),
            Action::Back | Action::Escaped if self.beside == Some(id) => self.leave_chat(),
            Action::Back => own.map_or_else(Task::none, window::close),
            Action::Escaped => Task::none(),
        }
    }

    /// Shows the list again, where it had to make room.
    pub(super) fn leave_chat(&mut self) -> Task<Message> {
        self.beside = None;
        self.portal.choose(None);
        self.tell_focus()
    }

    fn drafted(&mut self, id: ConversationId) -> Task<Message> {
        let draft = self.chats.get(&id).and_then(Chat::draft);
        if !self.drafts.set(id, draft) || std::mem::replace(&mut self.drafts_due, true) {
            return Task::none();
        }
        Task::perform(async { tokio::time::sleep(LULL).await }, |()| Message::DraftsDue)
    }

    /// Writes what changed, on a thread where that may take its time.
    pub(super) fn write_drafts(&mut self) -> Task<Message> {
        if !std::mem::take(&mut self.drafts_due) {
            return Task::none();
        }
        let (drafts, file) = (self.drafts.clone(), Drafts::file(&self.door.paths().store));
        let written = async {
            let written = tokio::task::spawn_blocking(move || {
                drafts.write(&file).map_err(|err| format!("{}: {err}", file.display()))
            });
            written.await.unwrap_or_else(|err| Err(err.to_string()))
        };
        Task::perform(written, Message::DraftsWritten)
    }

    /// They were written, or it is said why not: what is only here would be lost with the power. The next change tries
    /// again, and so does the end of the program.
    pub(super) fn drafts_written(&mut self, written: Result<(), String>) {
        self.drafts_unwritten = written.is_err();
        match written {
            Err(why) => self.notice = Some(Notice::Unwritten(why)),
            Ok(()) if matches!(self.notice, Some(Notice::Unwritten(_))) => self.notice = None,
            Ok(()) => {}
        }
    }

    /// The same before the program ends.
    pub(super) fn write_drafts_now(&mut self) {
        let is_due = std::mem::take(&mut self.drafts_due);
        if std::mem::take(&mut self.drafts_unwritten) || is_due {
            let _ = self.drafts.write(&Drafts::file(&self.door.paths().store));
        }
    }

    /// Tells every conversation whether somebody looks at it.
    pub(super) fn tell_focus(&mut self) -> Task<Message> {
        let looked_at = self.windows.values().filter(|window| window.is_focused);
        let looked_at: Vec<Option<ConversationId>> = looked_at
            .map(|window| match window.place {
                Place::Chat(id) => Some(id),
                Place::Portal => self.beside,
                Place::Settings => None,
            })
            .collect();
        let changed = self.chats.iter().filter_map(|(id, chat)| {
            let is_focused = looked_at.contains(&Some(*id));
            (chat.is_focused() != is_focused).then_some((*id, is_focused))
        });
        let changed: Vec<_> = changed.collect();
        let tasks = changed
            .into_iter()
            .map(|(id, is_focused)| self.chat_heard(id, chat::Message::Focused(is_focused)));
        Task::batch(tasks.collect::<Vec<_>>())
    }

    /// The conversation that a window shows.
    pub(super) fn shown_in(&self, window: window::Id) -> Option<ConversationId> {
        match self.windows.get(&window)?.place {
            Place::Chat(id) => Some(id),
            Place::Portal => self.beside,
            Place::Settings => None,
        }
    }
}
