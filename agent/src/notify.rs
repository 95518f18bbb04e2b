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

use std::sync::Arc;

use config::AgentSettings;
use tokio_util::task::AbortOnDropHandle;

use crate::store::Store;

/// Shows notifications until it is dropped.
#[derive(Debug)]
pub struct Notifier {
    _task: Option<AbortOnDropHandle<()>>,
}

impl Notifier {
    /// Begins, where the settings want it. What nobody was told of yet is told at once, so this is for the agent that
    /// stays, not for a single visit. Has to be called in a tokio runtime.
    ///
    /// Without a bus or a service for notifications it waits for one, at no cost.
    #[must_use]
    pub fn start(store: &Store, settings: Arc<AgentSettings>) -> Self {
        if !settings.notify.enabled {
            return Self { _task: None };
        }
        let task = task::Task::new(store.clone(), settings);
        Self { _task: Some(AbortOnDropHandle::new(tokio::spawn(task.run()))) }
    }
}
