//! What the window knows: who I am, conversations, members, and what the agent does. Screens draw from it.
//!
//! Everything is read from the store as a whole and put in place of what was known. While one read is under way, further
//! news only mark that another is due: a visit that brings a thousand messages costs a handful of reads.

mod roll;

use std::sync::Arc;

use agent::store::{ConversationId, Counters, MemberRow, Reader, RollRow, StoreError};
use iced::Task;

use crate::door::{Door, DoorError, Follow, News};

pub(crate) use self::roll::{Entry, Order};

/// Who the store speaks as, and everything that lists show.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The account's name; empty while nobody is logged in.
    pub(crate) me: String,
    pub(crate) roll: Vec<RollRow>,
    pub(crate) members: Vec<MemberRow>,
    /// In which order they are listed.
    pub(crate) order: Order,
    pub(crate) counters: Option<Counters>,
}

impl Known {
    fn read(reader: &Reader) -> Result<Self, StoreError> {
        let identity = reader.identity()?;
        if identity.account == 0 {
            return Err(StoreError::NotLoggedIn);
        }
        let (roll, members) = (reader.roll()?, reader.members()?);
        let order = Order::of(&roll, &members, &roll::asked(reader, &roll)?);
        Ok(Self { me: identity.name, roll, members, order, counters: Some(reader.counters()?) })
    }

    /// One conversation.
    pub(crate) fn conversation(&self, id: ConversationId) -> Option<&RollRow> {
        self.roll.iter().find(|row| row.id == id)
    }
}

/// Whether there is an agent, and what it does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Agent {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// None runs; or what runs cannot be talked to, and why.
    Absent(Option<String>),
    /// It runs; what it does, once it has told.
    There(Option<Box<Follow>>),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) known: Arc<Known>,
    pub(crate) agent: Agent,
    /// Why the store could not be read the last time.
    pub(crate) error: Option<DoorError>,
    /// How the last visit ended, as the agent said.
    pub(crate) last_outcome: Option<String>,
    /// Whether the store was read once.
    pub(crate) is_read: bool,
    is_reading: bool,
    is_stale: bool,
}

/// What concerns the desk.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// The agent or the file system told something.
    Heard(News),
    /// The store was read.
    Read(Box<Result<Arc<Known>, DoorError>>),
}

impl Desk {
    /// An empty desk, and the first read.
    pub(crate) fn new(door: &Door) -> (Self, Task<Message>) {
        let mut desk = Self {
            known: Arc::default(),
            agent: Agent::default(),
            error: None,
            last_outcome: None,
            is_read: false,
            is_reading: false,
            is_stale: false,
        };
        let task = desk.read(door);
        (desk, task)
    }

    /// Takes in what happened.
    pub(crate) fn update(&mut self, message: Message, door: &Door) -> Task<Message> {
        match message {
            Message::Heard(news) => self.hear(news, door),
            Message::Read(read) => {
                self.is_reading = false;
                self.is_read = true;
                match *read {
                    Ok(known) => (self.known, self.error) = (known, None),
                    Err(err) => self.error = Some(err),
                }
                if std::mem::take(&mut self.is_stale) { self.read(door) } else { Task::none() }
            }
        }
    }

    fn hear(&mut self, news: News, door: &Door) -> Task<Message> {
        match news {
            News::There => self.agent = Agent::There(None),
            News::Absent(why) => self.agent = Agent::Absent(why),
            News::Doing(does) => self.agent = Agent::There(Some(does)),
            News::Changed | News::Presence => return self.read(door),
            News::Visit { began: true, .. } => self.last_outcome = None,
            News::Visit { outcome, .. } => {
                self.last_outcome = outcome;
                return self.read(door);
            }
        }
        Task::none()
    }

    /// Reads the store, or marks that it is to be read again.
    fn read(&mut self, door: &Door) -> Task<Message> {
        if self.is_reading {
            self.is_stale = true;
            return Task::none();
        }
        self.is_reading = true;
        let known = door.read(|reader| Known::read(reader).map(Arc::new));
        Task::perform(known, |read| Message::Read(Box::new(read)))
    }

    /// What the agent does, where one runs and has told.
    pub(crate) fn does(&self) -> Option<&Follow> {
        match &self.agent {
            Agent::There(does) => does.as_deref(),
            _ => None,
        }
    }
}

#[cfg(test)]
impl Desk {
    /// A desk that has read this.
    pub(crate) fn seen(known: Known, agent: Agent) -> Self {
        Self {
            known: Arc::new(known),
            agent,
            error: None,
            last_outcome: None,
            is_read: true,
            is_reading: false,
            is_stale: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use config::AgentPaths;

    use super::*;

    fn door() -> Door {
        let nowhere = std::path::Path::new("/nonexistent/mailboat");
        Door::new(AgentPaths::new(Some(nowhere), &config::paths::Env::default()).unwrap())
    }

    fn read(known: Result<Known, DoorError>) -> Message {
        Message::Read(Box::new(known.map(Arc::new)))
    }

    #[test]
    fn news_during_a_read_cost_one_more_read_however_many_they_are() {
        let door = door();
        let (mut desk, first) = Desk::new(&door);
        assert_eq!(first.units(), 1);
        for _ in 0..1000 {
            assert_eq!(desk.update(Message::Heard(News::Changed), &door).units(), 0);
        }
        assert_eq!(desk.update(read(Ok(Known::default())), &door).units(), 1);
        assert_eq!(desk.update(read(Ok(Known::default())), &door).units(), 0);
    }

    #[test]
    fn what_was_known_stays_when_a_read_fails() {
        let door = door();
        let (mut desk, _) = Desk::new(&door);
        let _ = desk.update(read(Ok(Known { me: "ann".to_owned(), ..Known::default() })), &door);
        let _ = desk.update(read(Err(DoorError::Store("the disk".to_owned()))), &door);
        assert_eq!((desk.known.me.as_str(), desk.error.is_some()), ("ann", true));
        let _ = desk.update(read(Ok(Known::default())), &door);
        assert_eq!(desk.error, None);
    }
}
