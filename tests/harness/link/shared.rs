//! The link's state behind its one lock, and waiting for it to change.

use tokio::sync::watch;

use super::state::State;

#[derive(Debug)]
pub(super) struct Shared(watch::Sender<State>);

impl Shared {
    pub(super) fn new(state: State) -> Self {
        Self(watch::Sender::new(state))
    }

    /// Changes the state and lets all who wait look again.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.modify(true, change)
    }

    /// Changes what nobody waits for.
    pub(super) fn quietly<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.modify(false, change)
    }

    fn modify<T>(&self, wake: bool, change: impl FnOnce(&mut State) -> T) -> T {
        let mut out = None;
        self.0.send_if_modified(|state| {
            out = Some(change(state));
            wake
        });
        out.expect("send_if_modified calls its closure once")
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.borrow())
    }

    pub(super) async fn wait(&self, ready: impl Fn(&State) -> bool) {
        let mut changes = self.0.subscribe();
        // Fails only when the sender is gone, and that is `self`.
        let _ = changes.wait_for(ready).await;
    }
}
