//! What changes more than a message: the settings' file, the way into a relay, the agent itself.
//!
//! The file is written through `config::edit`; the relay is asked by the `mailboat` program, never from here.

use std::sync::Arc;

use agent::control::{Attempt, Entered, Entry, Failure, Order};
use config::{
    AgentSettings, Secret,
    edit::{Change, Edit, EditError},
};
use iced::futures::{SinkExt, Stream, channel::mpsc::Sender};

use super::{Door, DoorError, chain};

/// The settings as they are written now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Saved {
    pub(crate) settings: Arc<AgentSettings>,
    /// Why the agent goes on with those from before; none where it took them, or where none runs.
    pub(crate) not_taken: Option<String>,
}

/// How it goes with being let in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Admission {
    /// The relay is called.
    Calling(Attempt),
    /// It is over.
    Ended(Result<Entered, DoorError>),
}

impl Door {
    /// The settings that the file says, without the environment's.
    pub(crate) fn settings(
        &self,
    ) -> impl Future<Output = Result<Arc<AgentSettings>, DoorError>> + use<> {
        let path = self.paths.config.clone();
        blocking(move || Ok(Arc::new(Edit::open(&path)?.settings().clone())))
    }

    /// Makes these changes, all or none, and tells the agent. `known` is what they were thought out for: where the file
    /// says something else by now nothing is changed, and the error's code is `changed`.
    pub(crate) fn change(
        &self,
        known: Arc<AgentSettings>,
        changes: Vec<Change>,
    ) -> impl Future<Output = Result<Saved, DoorError>> + use<> {
        let door = self.clone();
        async move {
            let path = door.paths.config.clone();
            let settings = blocking(move || {
                let mut edit = Edit::open(&path)?;
                if edit.settings() != known.as_ref() {
                    return Err(EditError::Changed { path });
                }
                changes.iter().try_for_each(|change| edit.apply(change))?;
                edit.save()?;
                Ok(Arc::new(edit.settings().clone()))
            });
            let settings = settings.await?;
            let not_taken = match door.ask(Order::Reload).await {
                Ok(_) | Err(DoorError::NoAgent) => None,
                Err(err) => Some(err.to_string()),
            };
            Ok(Saved { settings, not_taken })
        }
    }

    /// Has the program join a relay, or log in there; `proxy` is what stands between, where the user said so. Dropping
    /// the stream ends the program.
    pub(crate) fn enter(
        &self,
        entry: Entry,
        password: Secret,
        proxy: Option<config::agent::ProxyChoice>,
    ) -> impl Stream<Item = Admission> + use<> {
        let door = self.clone();
        iced::stream::channel(8, async move |mut out: Sender<Admission>| {
            let ended = async {
                if let Some(url) = proxy {
                    let known = door.settings().await?;
                    let proxy = config::agent::Proxy { url, ..known.proxy.clone() };
                    door.change(known, vec![Change::Proxy(proxy)]).await?;
                }
                let launcher = door.launcher.as_ref().ok_or_else(no_program)?;
                let mut tell = out.clone();
                // A word that does not fit is followed by another.
                let told = |attempt| drop(tell.try_send(Admission::Calling(attempt)));
                Ok(launcher.enter(&entry, &password, told).await?)
            };
            let ended = ended.await;
            // Who waited for it has gone.
            let _ = out.send(Admission::Ended(ended)).await;
        })
    }
}

pub(super) fn no_program() -> DoorError {
    DoorError::Refused { code: "no_program".to_owned(), words: "no program is known".to_owned() }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EditError> + Send + 'static,
) -> Result<T, DoorError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|err| DoorError::Store(err.to_string()))?.map_err(|err| DoorError::from(&err))
}

impl From<Failure> for DoorError {
    fn from(failure: Failure) -> Self {
        Self::Refused { code: failure.code, words: failure.words }
    }
}

impl From<&EditError> for DoorError {
    fn from(err: &EditError) -> Self {
        let code = match err {
            EditError::Config(_) => "config",
            EditError::Gone { .. } | EditError::Changed { .. } => "changed",
            EditError::Scattered { .. } => "scattered",
            _ => "unwritable",
        };
        Self::Refused { code: code.to_owned(), words: chain(err) }
    }
}

#[cfg(test)]
mod tests {
    use config::{AgentPaths, agent::Rule, paths::Env};

    use super::*;

    fn door(dir: &std::path::Path) -> Door {
        Door::new(AgentPaths::new(Some(dir), &Env::default()).unwrap())
    }

    #[tokio::test]
    async fn settings_are_changed_and_what_was_changed_meanwhile_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let door = door(dir.path());
        let path = dir.path().join("agent.toml");
        std::fs::write(&path, "# mine\n").unwrap();
        let known = door.settings().await.unwrap();
        let change = || vec![Change::AddRule(Rule::live())];
        let saved = door.change(Arc::clone(&known), change()).await.unwrap();
        assert_eq!((saved.settings.connect.len(), saved.not_taken), (1, None));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "# mine\n\n[[connect]]\nlive = true\n");
        let err = door.change(known, change()).await.unwrap_err();
        assert!(matches!(err, DoorError::Refused { code, .. } if code == "changed"));
        std::fs::write(&path, "log = 7").unwrap();
        let err = door.settings().await.unwrap_err();
        assert!(matches!(&err, DoorError::Refused { code, .. } if code == "config"), "{err}");
    }
}
