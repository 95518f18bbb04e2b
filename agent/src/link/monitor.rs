//! Watches the way out, by what the system tells and not by polling: NetworkManager where it runs, the kernel's own
//! events where it does not, logind for sleep. Between events nothing here wakes up.
//!
//! Whatever is listened to may be missing, go away, come back or never answer; then the next best is asked, and in the
//! end the state is unknown. Nothing of that is an error for who uses the monitor.

#[cfg(target_os = "linux")]
mod bus;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod network_manager;
#[cfg(target_os = "linux")]
mod sleep;

#[cfg(test)]
#[cfg(target_os = "linux")]
pub(crate) mod tests;

use std::time::Duration;

use tokio::{sync::watch, time::timeout};
use tokio_util::task::AbortOnDropHandle;

#[cfg(not(target_os = "linux"))]
use self::elsewhere as system;
#[cfg(target_os = "linux")]
use self::linux as system;
use super::state::LinkState;

/// Longest wait for the first answer. Two of the limits of a single question fit in.
const START_MAX: Duration = Duration::from_secs(7);

/// What the monitor listens to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Address of the bus on which NetworkManager and logind are; `None` for the system's.
    pub bus: Option<String>,
}

/// Tells the state of the link, and when the computer wakes. It owns its task, which ends when it is dropped.
#[derive(Debug)]
pub struct Monitor {
    told: Told,
    _task: AbortOnDropHandle<()>,
}

/// Where what was learnt is told.
#[derive(Clone, Debug)]
struct Told {
    state: watch::Sender<LinkState>,
    wakes: watch::Sender<u64>,
}

impl Monitor {
    /// Begins to watch. Returns when the state is known as far as the system tells it, after 7 s at the latest. Needs a
    /// Tokio runtime with time and I/O.
    pub async fn start(sources: Sources) -> Self {
        let told =
            Told { state: watch::Sender::new(LinkState::default()), wakes: watch::Sender::new(0) };
        let mut first = told.state.subscribe();
        let task = AbortOnDropHandle::new(tokio::spawn(system::watch(sources, told.clone())));
        // Who does not answer in time is heard later.
        let _ = timeout(START_MAX, first.changed()).await;
        Self { told, _task: task }
    }

    /// What is known of the link now, as far as the system tells it within 7 s. Needs what [`Monitor::start`] needs.
    pub async fn look(sources: Sources) -> LinkState {
        let monitor = Self::start(sources).await;
        monitor.state().borrow().clone()
    }

    /// What is known of the link. A change is told half a second after the system fell quiet, 3 s at the latest: a link
    /// that comes up changes several times.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.told.state.subscribe()
    }

    /// Counts how often the computer woke from sleep since the monitor was started, where the system tells.
    #[must_use]
    pub fn wakes(&self) -> watch::Receiver<u64> {
        self.told.wakes.subscribe()
    }
}
