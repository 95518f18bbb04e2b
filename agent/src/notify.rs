//! Notifications on the desktop: what came, who asks to chat, what of ours failed, what does not work.
//!
//! The store says what nobody was told of and keeps what was ([`crate::store::Store::note_told`]); `plan` decides what
//! of it becomes which card; `desktop` shows it. One task holds them together. It wakes for changes of the store, for
//! what the user does on the desktop, and by one timer: a moment after something came (a visit brings many at once), or
//! at the end of quiet hours.
//!
//! A card is shown first and noted as told then: an agent that is killed in between tells it again rather than never.

mod card;
mod desktop;
mod plan;
#[cfg(test)]
mod plan_tests;
mod program;
mod quiet;
mod task;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use config::AgentSettings;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::store::Store;

/// How long taking everything off the desktop may take.
const END_MAX: Duration = Duration::from_secs(2);

/// Shows notifications until it is ended or dropped.
#[derive(Debug)]
pub struct Notifier {
    task: Option<AbortOnDropHandle<()>>,
    stop: CancellationToken,
    home: Option<PathBuf>,
}

impl Notifier {
    /// Begins, where the settings want it. What nobody was told of yet is told at once, so this is for the agent that
    /// stays, not for a single visit. Has to be called in a tokio runtime.
    ///
    /// Without a bus or a service for notifications it waits for one, at no cost. `home` is what a program that a click
    /// runs finds in `MAILBOAT_HOME`.
    #[must_use]
    pub fn start(store: &Store, settings: Arc<AgentSettings>, home: Option<&Path>) -> Self {
        Self::after(None, store, settings, home.map(Path::to_owned))
    }

    /// The same with other settings in place of this one, whose notifications are taken away and told anew.
    #[must_use]
    pub fn change(self, store: &Store, settings: Arc<AgentSettings>) -> Self {
        let home = self.home.clone();
        Self::after(Some(self), store, settings, home)
    }

    fn after(
        before: Option<Self>,
        store: &Store,
        settings: Arc<AgentSettings>,
        home: Option<PathBuf>,
    ) -> Self {
        let (stop, store) = (CancellationToken::new(), store.clone());
        let (stopped, work_home) = (stop.clone(), home.clone());
        let work = async move {
            if let Some(before) = before {
                before.end().await;
            }
            if settings.notify.enabled {
                task::Task::new(store, settings, work_home).run(stopped).await;
            }
        };
        Self { task: Some(AbortOnDropHandle::new(tokio::spawn(work))), stop, home }
    }

    /// Takes what stands on the desktop away, within 2 seconds: nobody answers for it any more. What was not looked at is
    /// told by the next.
    pub async fn end(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            // Where the service does not answer, it stays.
            let _ = timeout(END_MAX, task).await;
        }
    }
}
