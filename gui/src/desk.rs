//! What the window knows: who I am, conversations, members, and what the agent does. Screens draw from it.
//!
//! The first read takes the lists as a whole, each further one what changed since: the store knows. While one read is
//! under way, further news only mark that another is due: a visit that brings a thousand messages costs a handful of reads.

mod roll;

use std::{collections::BTreeSet, sync::Arc};

use agent::store::{
    ConversationId, Counters, InboxRow, MemberRow, Reader, RollRow, Seen, StoreError,
};
use config::{AgentSettings, agent::MinPriority};
use iced::Task;

use crate::door::{Door, DoorError, Follow, News};

pub(crate) use self::roll::{Entry, Order};

/// Notices that are kept in mind at most: what is older comes up when some of these were read.
const NOTICES_MAX: u32 = 50;

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
    /// What Mailboat itself has to say that stands in no conversation and was not read, newest first.
    pub(crate) notices: Vec<InboxRow>,
    /// How far the roll and the members were read.
    pub(crate) seen: Option<(Seen, Seen)>,
    /// Conversations whose notifications are off, as the settings say; none where they cannot be read.
    pub(crate) muted: BTreeSet<ConversationId>,
}

impl Known {
    /// What is known now, made of what was known before and what changed since.
    fn read(reader: &Reader, before: &Self) -> Result<Self, StoreError> {
        let identity = reader.identity()?;
        if identity.account == 0 {
            return Err(StoreError::NotLoggedIn);
        }
        let roll = reader.roll_since(before.seen.map(|(roll, _)| roll))?;
        let members = reader.members_since(before.seen.map(|(_, members)| members))?;
        let counters = Some(reader.counters()?);
        let notices = reader.notices(NOTICES_MAX)?;
        let seen = Some((roll.seen, members.seen));
        let mut known = Self { me: identity.name, counters, notices, seen, ..before.clone() };
        let is_same = roll.is_nothing();
        roll.onto(&mut known.roll);
        if members.onto(&mut known.members) || !is_same {
            known.order = Order::of(&known.roll, &known.members);
        }
        Ok(known)
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
    Absent(Option<DoorError>),
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
        let before = Arc::clone(&self.known);
        let known = door.read(move |reader| Known::read(reader, &before));
        let settings = door.settings();
        let both = async {
            let mut known = known.await?;
            known.muted = settings.await.map(|settings| muted(&settings)).unwrap_or_default();
            Ok(Arc::new(known))
        };
        Task::perform(both, |read| Message::Read(Box::new(read)))
    }

    /// Reads once more: the settings are others now.
    pub(crate) fn settled(&mut self, door: &Door) -> Task<Message> {
        self.read(door)
    }

    /// Whether there may be an agent that can be asked for something.
    pub(crate) fn has_agent(&self) -> bool {
        !matches!(self.agent, Agent::Absent(_))
    }

    /// What the agent does, where one runs and has told.
    pub(crate) fn does(&self) -> Option<&Follow> {
        match &self.agent {
            Agent::There(does) => does.as_deref(),
            _ => None,
        }
    }
}

/// Conversations of which nothing is to be notified.
fn muted(settings: &AgentSettings) -> BTreeSet<ConversationId> {
    let sources = settings.notify.source.iter();
    let never = sources.filter(|source| source.min_priority == MinPriority::Never);
    never.filter_map(|source| source.conversation.parse().ok()).collect()
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

    #[test]
    fn what_is_known_after_news_is_what_would_be_read_anew() {
        use agent::store::{Identity, Notice, Options, Store};
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store.db"), Options::default()).unwrap();
        let identity = Identity {
            account: 1,
            device: 10,
            name: "ann".to_owned(),
            domain: "relay.example".to_owned(),
        };
        store.log_in(&identity, None).unwrap();
        let mut kept = Known::default();
        let mut look = |store: &Store| {
            kept = Known::read(store.reader(), &kept).unwrap();
            let anew = Known::read(store.reader(), &Known::default()).unwrap();
            assert_eq!(
                (&kept.roll, &kept.members, &kept.order),
                (&anew.roll, &anew.members, &anew.order)
            );
            assert_eq!((&kept.me, &kept.counters), (&anew.me, &anew.counters));
            assert_eq!(kept.notices, anew.notices);
            kept.roll.len()
        };
        assert_eq!(look(&store), 0);
        let bob = store.request(&["bob".to_owned()], "", "Ahoy").unwrap().conversation.unwrap();
        store.request(&["carl".to_owned(), "dora".to_owned()], "Crew", "").unwrap();
        assert_eq!(look(&store), 2);
        store.send(bob, "are you there?", agent::store::Compose::default()).unwrap();
        assert_eq!(look(&store), 2);
        store.withdraw(bob).unwrap();
        look(&store);
        store.notice("three left the relay", &Notice::LapsedHere { count: 3 }).unwrap();
        look(&store);
        let [notice] = &kept.notices[..] else { panic!("{:?}", kept.notices) };
        store.mark_read(&[notice.id]).unwrap();
        kept = Known::read(store.reader(), &kept).unwrap();
        assert_eq!(kept.notices, []);
    }
}
