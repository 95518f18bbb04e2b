//! What each message does.

mod aside;
mod write;

use std::sync::Arc;

use agent::{
    control::Order,
    store::{Kind, MessageId},
};
use iced::Task;
use serde_json::Value;

use super::{
    Action, Chat, Message,
    card::Card,
    compose::Mode,
    reel::{Aim, ListKey},
    thread::{Part, Stretch},
};
use crate::door::{Door, DoorError};

type Actions = Vec<Action>;

fn run(task: Task<Message>) -> Actions {
    vec![Action::Run(task)]
}

impl Chat {
    pub(super) fn fetch(&mut self, part: Part, door: &Door) -> Task<Message> {
        let is_jump = matches!(
            part,
            Part::Opening | Part::Newest | Part::Oldest | Part::Around(_) | Part::Near(_)
        );
        if self.reading.is_some() && !is_jump {
            self.is_stale |= matches!(part, Part::Anew { .. });
            return Task::none();
        }
        self.epoch += 1;
        self.reading = Some(part);
        let (epoch, id, status) = (self.epoch, self.id, Arc::clone(&self.status));
        let read = door.read(move |reader| Stretch::read(reader, id, part, &status));
        Task::perform(read, move |read| Message::Read(epoch, part, read.map(Arc::new)))
    }

    /// Asks the agent for its plans.
    pub(super) fn plan(door: &Door) -> Task<Message> {
        Task::perform(door.ask(Order::Status), |status| Message::Planned(status.map(Arc::new)))
    }

    fn read_members(&self, door: &Door) -> Task<Message> {
        let id = self.id;
        let members = door.read(move |reader| Ok(Arc::new(reader.conversation(id)?.members)));
        Task::perform(members, Message::MembersRead)
    }

    /// Something changed in the store or at the agent.
    pub(crate) fn read(&mut self, door: &Door) -> Task<Message> {
        let anew = self.thread.anew();
        let mut tasks = vec![self.fetch(anew, door), Self::plan(door)];
        tasks.extend(self.compose.look(self.id, door));
        if self.people.is_some() {
            tasks.push(self.read_members(door));
        }
        Task::batch(tasks)
    }

    fn order(order: Order, door: &Door) -> Actions {
        run(Task::perform(door.ask(order), |done| Message::Ordered(done.map(|_: Value| ()))))
    }

    pub(crate) fn update(&mut self, message: Message, door: &Door) -> Actions {
        match message {
            Message::Read(epoch, part, read) => self.was_read(epoch, part, read, door),
            Message::Planned(Ok(status)) if self.status != status => {
                self.status = status;
                let anew = self.thread.anew();
                run(self.fetch(anew, door))
            }
            Message::Planned(_) => Vec::new(),
            Message::Focused(is_focused) => {
                self.is_focused = is_focused;
                self.mark(door)
            }
            Message::Scrolled(seen) => {
                (self.seen, self.followed) = (Some(seen), self.aim.0);
                let mut actions = self.mark(door);
                actions.extend(self.load_near(door));
                actions
            }
            Message::Dragged(share) => self.drag(share, door),
            Message::PagePressed { up } => {
                self.go(Aim::Page { up });
                Vec::new()
            }
            Message::Marked(ids, done) => {
                // What could not be marked is marked when it is seen again.
                if done.is_err() {
                    ids.iter().for_each(|id| {
                        self.marking.remove(id);
                    });
                }
                Vec::new()
            }
            Message::ListKey(key) => self.list_key(key, door),
            Message::Touched(id) => self.touch(id, door),
            Message::ReceiptsRead(id, read) => {
                if let Some(card) = self.card.as_mut().filter(|card| card.id == id) {
                    match read {
                        Ok(receipts) => card.receipts = Some(receipts),
                        Err(err) => card.error = Some(err),
                    }
                }
                Vec::new()
            }
            Message::Unfolded(id) => {
                self.unfolded.insert(id);
                Vec::new()
            }
            Message::QuotePressed(id) => self.jump(id, door),
            Message::NewestPressed => self.go_to_end(door),
            Message::ReplyPressed(_)
            | Message::EditPressed(_)
            | Message::CopyPressed(_)
            | Message::DeletePressed(_)
            | Message::DeleteConfirmed(_)
            | Message::ReleasePressed(_)
            | Message::CancelPressed(_)
            | Message::AgainPressed(_)
            | Message::Ordered(_) => self.with_message(message, door),
            Message::Typed(_)
            | Message::UpPressed
            | Message::EscapePressed
            | Message::ModeDropped
            | Message::UrgentToggled
            | Message::SendPressed
            | Message::Sent(..)
            | Message::LookPressed
            | Message::Looked(_)
            | Message::AnywayPressed => self.with_editor(message, door),
            Message::LinkPressed(_)
            | Message::LinkOpened
            | Message::LinkTried(_)
            | Message::LinkCopied
            | Message::LinkDropped => self.with_link(message),
            Message::SearchToggled
            | Message::SearchTyped(_)
            | Message::SearchStepped(_)
            | Message::SearchFound(..) => self.with_search(message, door),
            Message::PeopleToggled
            | Message::People(_)
            | Message::PeopleAnswered(_)
            | Message::MembersRead(_)
            | Message::SettingsRead(_) => self.with_people(message, door),
            Message::AcceptPressed => self.answer(door, |target| Order::Accept { target }),
            Message::DeclinePressed => self.answer(door, |target| Order::Decline { target }),
            Message::AskAgainPressed => self.answer(door, |target| Order::AskAgain { target }),
            Message::Answered(done) => {
                self.is_answering = false;
                self.error = done.err();
                Vec::new()
            }
            Message::StartPressed if !std::mem::replace(&mut self.is_starting, true) => {
                run(Task::perform(door.start_agent(), Message::Started))
            }
            Message::StartPressed => Vec::new(),
            Message::Started(started) => self.was_started(started, door),
            Message::BackPressed => vec![Action::Back],
        }
    }

    /// What could not be sent for want of an agent goes now that one runs.
    fn was_started(&mut self, started: Result<(), DoorError>, door: &Door) -> Actions {
        self.is_starting = false;
        match started {
            Ok(()) if self.compose.wants_agent() => self.update(Message::SendPressed, door),
            Ok(()) => Vec::new(),
            Err(err) => {
                self.error = Some(err);
                Vec::new()
            }
        }
    }

    fn was_read(
        &mut self,
        epoch: u64,
        part: Part,
        read: Result<Arc<Stretch>, DoorError>,
        door: &Door,
    ) -> Actions {
        if epoch != self.epoch {
            return Vec::new();
        }
        self.reading = None;
        let read = match read {
            Ok(read) => Arc::unwrap_or_clone(read),
            Err(err) => {
                (self.error, self.dragged) = (Some(err), None);
                return Vec::new();
            }
        };
        let is_first = !self.thread.is_read;
        self.thread.take(part, read);
        self.error = None;
        if let Some(first) = self.thread.first_unread.filter(|_| is_first || !self.is_focused) {
            self.line = Some(first);
        }
        match part {
            Part::Opening if self.line.is_some() => {
                self.go(self.line.map_or(Aim::End, Aim::Row));
            }
            Part::Opening | Part::Newest => self.go(Aim::End),
            Part::Oldest => self.go(Aim::Start),
            Part::Around(id) => self.go(Aim::Row(id)),
            Part::Near(c) => {
                let row = self.thread.first_behind(c);
                self.go(row.map_or(Aim::End, |row| Aim::Top(row, 0.0)));
            }
            Part::Earlier(_) | Part::Later(_) | Part::Anew { .. } => {}
        }
        let mut actions = self.mark(door);
        if is_first {
            // Who opens a conversation mostly means to write in it.
            actions.push(Action::Focus("draft"));
        }
        if let Some(share) = self.dragged.take() {
            actions.extend(self.drag(share, door));
        } else if std::mem::take(&mut self.is_stale) {
            let anew = self.thread.anew();
            actions.push(Action::Run(self.fetch(anew, door)));
        } else {
            actions.extend(self.load_near(door));
        }
        actions
    }

    /// Reads what is missing near what is in view.
    fn load_near(&mut self, door: &Door) -> Option<Action> {
        let seen = self.seen.filter(|_| self.reading.is_none())?;
        let part = self.thread.wanted(seen.first, seen.last)?;
        Some(Action::Run(self.fetch(part, door)))
    }

    /// Tells the agent what was seen, in a window that somebody looks at.
    fn mark(&mut self, door: &Door) -> Actions {
        let Some(seen) = self.seen.filter(|_| self.is_focused) else { return Vec::new() };
        let (Some(from), Some(to)) = (self.thread.find(seen.first), self.thread.find(seen.last))
        else {
            return Vec::new();
        };
        let is_new = |id: &MessageId| !self.marking.contains(id);
        let rows = self.thread.rows.get(from..=to).unwrap_or_default().iter();
        let ids: Vec<MessageId> = rows
            .filter(|row| !row.row.read && row.row.kind != Kind::Request)
            .map(|row| row.row.id)
            .filter(is_new)
            .collect();
        if ids.is_empty() {
            return Vec::new();
        }
        self.marking.extend(&ids);
        let order = Order::MarkRead { targets: ids.iter().map(ToString::to_string).collect() };
        let asked = door.ask(order);
        run(Task::perform(asked, move |done| Message::Marked(ids, done.map(|_| ()))))
    }

    fn jump(&mut self, id: MessageId, door: &Door) -> Actions {
        self.cursor = Some(id);
        if self.thread.find(id).is_some() {
            self.go(Aim::Row(id));
            return Vec::new();
        }
        run(self.fetch(Part::Around(id), door))
    }

    fn go_to_end(&mut self, door: &Door) -> Actions {
        self.cursor = None;
        if self.thread.later {
            return run(self.fetch(Part::Newest, door));
        }
        self.go(Aim::End);
        Vec::new()
    }

    /// To the very first message, wherever that is.
    fn go_to_start(&mut self, door: &Door) -> Actions {
        self.cursor = None;
        if self.thread.earlier {
            return run(self.fetch(Part::Oldest, door));
        }
        self.go(Aim::Start);
        Vec::new()
    }

    /// Goes where the bar was dragged to. One read at a time: the pointer moves faster than a disk reads.
    fn drag(&mut self, share: f32, door: &Door) -> Actions {
        if matches!(self.reading, Some(Part::Near(_) | Part::Newest)) {
            self.dragged = Some(share);
            return Vec::new();
        }
        if 1.0 <= share {
            return self.go_to_end(door);
        }
        match self.thread.at_share(share) {
            Some(Ok((row, part))) => {
                self.go(Aim::Top(row, part));
                Vec::new()
            }
            Some(Err(c)) => run(self.fetch(Part::Near(c), door)),
            None => Vec::new(),
        }
    }

    fn list_key(&mut self, key: ListKey, door: &Door) -> Actions {
        let last = self.thread.rows.len().checked_sub(1);
        let Some(last) = last else { return Vec::new() };
        let at = self.cursor.and_then(|id| self.thread.find(id));
        match key {
            ListKey::Up | ListKey::Down => {
                let seen = self.seen.and_then(|seen| self.thread.find(seen.last));
                let to = match (key, at) {
                    (_, None) => seen.unwrap_or(last),
                    (ListKey::Up, Some(at)) => at.saturating_sub(1),
                    (_, Some(at)) => (at + 1).min(last),
                };
                let id = self.thread.rows[to].row.id;
                self.cursor = Some(id);
                self.go(Aim::Reveal(id));
                return Vec::new();
            }
            ListKey::Home => return self.go_to_start(door),
            ListKey::End => return self.go_to_end(door),
            ListKey::Escape => {
                self.escape();
                return Vec::new();
            }
            _ => {}
        }
        let Some(id) = self.cursor.filter(|_| at.is_some()) else { return Vec::new() };
        match key {
            ListKey::Enter => self.touch(id, door),
            ListKey::Reply => self.update(Message::ReplyPressed(id), door),
            ListKey::Edit => self.update(Message::EditPressed(id), door),
            ListKey::Delete => self.update(Message::DeletePressed(id), door),
            ListKey::Copy => self.update(Message::CopyPressed(id), door),
            ListKey::Up | ListKey::Down | ListKey::Home | ListKey::End | ListKey::Escape => {
                Vec::new()
            }
        }
    }

    /// Opens a message's card, or closes it.
    fn touch(&mut self, id: MessageId, door: &Door) -> Actions {
        let is_open = self.card.take().is_some_and(|card| card.id == id && !card.is_deleting);
        self.cursor = Some(id);
        if is_open {
            return Vec::new();
        }
        self.card = Some(Card::new(id));
        self.go(Aim::Reveal(id));
        if !self.thread.row(id).is_some_and(|row| row.row.mine) {
            return Vec::new();
        }
        let read = door.read(move |reader| reader.receipts(id).map(Arc::new));
        run(Task::perform(read, move |read| Message::ReceiptsRead(id, read)))
    }

    /// Closes what is open on top; whether there was anything.
    pub(crate) fn escape(&mut self) -> bool {
        if self.link.take().is_some() || self.card.take().is_some() || self.search.take().is_some()
        {
            return true;
        }
        if self.people.take().is_some() || self.cursor.take().is_some() {
            return true;
        }
        match self.compose.mode {
            Mode::New => return false,
            Mode::Reply(_) => self.compose.mode = Mode::New,
            Mode::Edit(..) if self.compose.is_open() => self.compose.clear(),
            Mode::Edit(..) => {}
        }
        true
    }

    fn answer(&mut self, door: &Door, order: fn(String) -> Order) -> Actions {
        if std::mem::replace(&mut self.is_answering, true) {
            return Vec::new();
        }
        let asked = door.ask(order(self.id.to_string()));
        run(Task::perform(asked, |done| Message::Answered(done.map(|_| ()))))
    }
}
