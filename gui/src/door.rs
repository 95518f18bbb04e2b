//! The two doors to the agent: its store, which is only read, and its socket, which is asked.
//!
//! **Invariant:** nothing in this crate opens a connection to a relay or writes the store, and nothing polls: what
//! changes is told by the agent, or, where none runs, by the file system.

mod feed;
mod follow;
mod ledger;
mod setup;
#[cfg(test)]
#[cfg(unix)]
pub(crate) mod tests;

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agent::{
    control::{AskError, Client, Launcher, Order},
    store::{Reader, StoreError},
};
use config::AgentPaths;
use iced::Subscription;
use serde_json::Value;

#[cfg(test)]
pub(crate) use self::follow::{There, Waits};
pub(crate) use self::{
    feed::News,
    follow::{Follow, Link, Next, Trouble, Visit},
    setup::{Admission, Saved},
};

/// How long the agent may think about what is no visit, before the window says that it does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The way to one store and its agent; a cheap handle.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    paths: Arc<AgentPaths>,
    reader: Arc<Mutex<Option<Arc<Reader>>>>,
    launcher: Option<Arc<Launcher>>,
    /// What the agent was asked, for tests without one.
    #[cfg(test)]
    asked: Arc<Mutex<Vec<Order>>>,
}

impl Door {
    /// To the store and the socket that lie there.
    pub(crate) fn new(paths: AgentPaths) -> Self {
        Self {
            paths: Arc::new(paths),
            reader: Arc::default(),
            launcher: None,
            #[cfg(test)]
            asked: Arc::default(),
        }
    }

    /// With the program that an agent is started with.
    pub(crate) fn with_launcher(self, launcher: Launcher) -> Self {
        Self { launcher: Some(Arc::new(launcher)), ..self }
    }

    /// Starts the agent; done when it listens.
    pub(crate) fn start_agent(&self) -> impl Future<Output = Result<(), DoorError>> + use<> {
        let door = self.clone();
        async move {
            let launcher = door.launcher.ok_or_else(setup::no_program)?;
            launcher.start_agent(&door.paths).await?;
            Ok(())
        }
    }

    /// Where everything lies.
    pub(crate) fn paths(&self) -> &AgentPaths {
        &self.paths
    }

    /// Reads from the store, on a thread where that may take its time.
    pub(crate) fn read<T, Q>(
        &self,
        query: Q,
    ) -> impl Future<Output = Result<T, DoorError>> + use<T, Q>
    where
        T: Send + 'static,
        Q: FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    {
        let door = self.clone();
        async move {
            let work = tokio::task::spawn_blocking(move || {
                let read = door.open().and_then(|reader| query(&reader));
                if matches!(
                    read,
                    Err(StoreError::Sqlite(_)
                        | StoreError::TooOld { .. }
                        | StoreError::TooNew { .. })
                ) {
                    // Another version may have it now, or the file is another: look anew next time.
                    door.shut();
                }
                read.map_err(|err| DoorError::from(&err))
            });
            work.await.unwrap_or_else(|err| Err(DoorError::Store(err.to_string())))
        }
    }

    fn open(&self) -> Result<Arc<Reader>, StoreError> {
        let mut slot = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = &*slot {
            return Ok(Arc::clone(reader));
        }
        let reader = Arc::new(Reader::open(&self.paths.store)?);
        *slot = Some(Arc::clone(&reader));
        Ok(reader)
    }

    fn shut(&self) {
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Asks the agent. An order that makes a visit is waited for as long as the visit takes.
    pub(crate) fn ask(
        &self,
        order: Order,
    ) -> impl Future<Output = Result<Value, DoorError>> + use<> {
        #[cfg(test)]
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(order.clone());
        let door = self.clone();
        async move {
            let is_visit = matches!(order, Order::Sync { .. } | Order::Price { ask: true, .. });
            let answer = async {
                let connected = Client::connect(&door.paths.socket).await;
                let found = connected.map_err(|err| DoorError::of_connecting(&err))?;
                let mut client = found.ok_or(DoorError::NoAgent)?;
                client.ask(&order).await.map_err(DoorError::from)
            };
            match is_visit {
                true => answer.await,
                false => {
                    tokio::time::timeout(PATIENCE, answer).await.unwrap_or(Err(DoorError::Stalled))
                }
            }
        }
    }

    /// What the agent was asked since this was looked at, but for its plans.
    #[cfg(test)]
    pub(crate) fn asked(&self) -> Vec<Order> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let all = std::mem::take(&mut *asked);
        all.into_iter().filter(|order| *order != Order::Status).collect()
    }

    /// What happens there, from now on. With another number of `looks` it is looked for anew: what listens and does not
    /// answer tells nobody when it does again.
    pub(crate) fn news(&self, looks: u32) -> Subscription<News> {
        let place = feed::Place {
            socket: self.paths.socket.clone(),
            store: self.paths.store.clone(),
            looks,
        };
        Subscription::run_with(place, feed::feed)
    }
}

/// Why there is no answer. `Display` is for the person; what can be done about it is the screen's to say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DoorError {
    /// There is no store yet: nobody has joined or logged in.
    #[error("nobody is logged in here")]
    NoStore,
    /// A newer Mailboat wrote the store.
    #[error("{0}")]
    TooNew(String),
    /// The store cannot be read.
    #[error("{0}")]
    Store(String),
    /// No agent runs.
    #[error("the agent is not running")]
    NoAgent,
    /// It runs and does not answer.
    #[error("the agent does not answer")]
    Stalled,
    /// What listens there cannot be talked to.
    #[error("{0}")]
    Agent(String),
    /// It went while it had the order, which may have been carried out.
    #[error("the agent ended while it worked: what was asked may have been done")]
    Lost,
    /// It refused, in its own words.
    #[error("{words}")]
    Refused {
        /// Stable, for programs.
        code: String,
        /// For the person.
        words: String,
    },
}

impl DoorError {
    /// Why what listens where the agent should cannot be talked to.
    fn of_connecting(err: &io::Error) -> Self {
        let code = match err.kind() {
            io::ErrorKind::Unsupported => "unsupported_version",
            io::ErrorKind::InvalidData => "not_an_agent",
            _ => return Self::Agent(chain(err)),
        };
        Self::Refused { code: code.to_owned(), words: chain(err) }
    }
}

impl From<&StoreError> for DoorError {
    fn from(err: &StoreError) -> Self {
        match err {
            StoreError::Absent { .. } | StoreError::NotLoggedIn => Self::NoStore,
            StoreError::TooNew { .. } => Self::TooNew(err.to_string()),
            err => Self::Store(chain(err)),
        }
    }
}

impl From<AskError> for DoorError {
    fn from(err: AskError) -> Self {
        match err {
            AskError::Failed(failure) => Self::Refused { code: failure.code, words: failure.words },
            AskError::NotTaken => Self::NoAgent,
            _ => Self::Lost,
        }
    }
}

/// An error with its causes, as one sentence.
fn chain(err: &dyn std::error::Error) -> String {
    let mut said = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        said = format!("{said}: {err}");
        cause = err.source();
    }
    said
}
