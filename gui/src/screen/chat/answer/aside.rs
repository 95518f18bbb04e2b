//! What goes on beside the messages: links, searching, the people.

use std::sync::Arc;

use agent::store::ConversationId;
use config::{agent::MinPriority, edit::Change};
use iced::{Task, clipboard};

use super::{
    super::{
        Action, Chat, Message, link,
        people::{People, Said},
        search::{self, Search},
    },
    Actions, run,
};
use crate::door::{Door, DoorError};

impl Chat {
    pub(super) fn with_link(&mut self, message: Message) -> Actions {
        match message {
            Message::LinkPressed(link) if link::whereto(&link).is_some() => {
                self.link = Some(link);
                return vec![Action::Focus("link-open")];
            }
            Message::LinkOpened => {
                let Some(link) = self.link.take() else { return Vec::new() };
                let opened = async {
                    let opened = tokio::task::spawn_blocking(move || link::open(&link));
                    opened.await.unwrap_or_else(|err| Err(err.to_string()))
                };
                return run(Task::perform(opened, Message::LinkTried));
            }
            Message::LinkCopied => {
                let link = self.link.take().unwrap_or_default();
                return run(clipboard::write(link));
            }
            Message::LinkTried(Err(words)) => self.error = Some(DoorError::Agent(words)),
            Message::LinkDropped => self.link = None,
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn with_search(&mut self, message: Message, door: &Door) -> Actions {
        match message {
            Message::SearchToggled if self.search.is_some() => {
                self.search = None;
                return vec![Action::Focus("draft")];
            }
            Message::SearchToggled => {
                self.search = Some(Search::default());
                return vec![Action::Focus("find-words")];
            }
            Message::SearchTyped(words) => {
                if let Some(search) = &mut self.search {
                    search.words = words;
                }
            }
            Message::SearchStepped(is_older) => {
                let Some(search) = &mut self.search else { return Vec::new() };
                if let Some(words) = search.begins() {
                    return run(find(self.id, words, door));
                }
                if let Some(id) = search.step(is_older) {
                    return self.jump(id, door);
                }
            }
            Message::SearchFound(words, Ok(hits)) => {
                let newest = self
                    .search
                    .as_mut()
                    .and_then(|search| search.found(&words, Arc::unwrap_or_clone(hits)));
                if let Some(id) = newest {
                    return self.jump(id, door);
                }
            }
            Message::SearchFound(_, Err(err)) => self.error = Some(err),
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn with_people(&mut self, message: Message, door: &Door) -> Actions {
        match message {
            Message::PeopleToggled if self.people.take().is_none() => {
                self.people = Some(People::default());
                let settings = Task::perform(door.settings(), Message::SettingsRead);
                return run(Task::batch([settings, self.read_members(door)]));
            }
            Message::MembersRead(Ok(members)) => {
                if let Some(people) = &mut self.people {
                    people.members = members;
                }
            }
            Message::MembersRead(Err(err)) => {
                if let Some(people) = &mut self.people {
                    people.answered(Err(err));
                }
            }
            Message::SettingsRead(Ok(settings)) => {
                let is_muted = is_muted(&settings, self.id);
                self.settings = Some(settings);
                if let Some(people) = &mut self.people {
                    people.is_busy = false;
                    let was_muted = people.is_muted.replace(is_muted);
                    if was_muted.is_some_and(|was| was != is_muted) {
                        return vec![Action::Settled];
                    }
                }
            }
            Message::SettingsRead(Err(err)) => {
                if let Some(people) = &mut self.people {
                    people.answered(Err(err));
                }
            }
            Message::People(Said::DetachPressed) => {
                self.people = None;
                return vec![Action::Detach];
            }
            Message::People(Said::MutePressed(on)) => {
                let Some(settings) = self.settings.take() else { return Vec::new() };
                let changed = door.change(settings, vec![Change::mute(&self.id.to_string(), on)]);
                return run(Task::perform(changed, |saved| {
                    Message::SettingsRead(saved.map(|saved| saved.settings))
                }));
            }
            Message::People(said) => {
                let id = self.id.to_string();
                let order = self.people.as_mut().and_then(|people| people.heard(&id, said));
                if let Some(order) = order {
                    let asked = door.ask(order);
                    return run(Task::perform(asked, |done| {
                        Message::PeopleAnswered(done.map(|_| ()))
                    }));
                }
            }
            Message::PeopleAnswered(done) => {
                if let Some(people) = &mut self.people {
                    people.answered(done);
                }
            }
            _ => {}
        }
        Vec::new()
    }
}

fn is_muted(settings: &config::AgentSettings, id: ConversationId) -> bool {
    let id = id.to_string();
    let mut sources = settings.notify.source.iter();
    sources.any(|source| source.conversation == id && source.min_priority == MinPriority::Never)
}

fn find(id: ConversationId, words: String, door: &Door) -> Task<Message> {
    let asked = words.clone();
    let hits = door.read(move |reader| reader.search_in(id, &asked, search::HITS_MAX));
    Task::perform(hits, move |hits| {
        let ids = hits.map(|rows| Arc::new(rows.into_iter().map(|row| row.id).collect()));
        Message::SearchFound(words, ids)
    })
}
