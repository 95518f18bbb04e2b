//! The end: what is being done comes to its end, who waits is answered, and then nobody is there any more.

use std::time::Duration;

use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::warn;

use super::{Mode, Resident};
use crate::control::Failure;

/// How long programs of `[hooks]` that are due may take when the agent ends …
const HOOKS_END: Duration = Duration::from_secs(5);
/// … and after a single visit.
const HOOKS_RUN: Duration = Duration::from_secs(60);

impl Resident {
    /// Ends the visit at the edge of its packet.
    pub(super) async fn end_visit(&mut self) {
        if let Some(running) = self.visit.take() {
            running.end.cancel();
            match running.task.await {
                Ok(report) => {
                    self.tell_hooks(&running.call, &report);
                    self.note_hangup(&running.call, &report);
                }
                Err(err) => warn!(error = %err, "the visit failed"),
            }
        }
        let quotes = self.quotes.drain(..).map(|(_, reply)| reply);
        for waiter in self.waiters.drain(..).chain(quotes) {
            let _ = waiter.send(Err(Failure::later(
                "agent_stopped",
                "the agent was stopped before the visit was over",
            )));
        }
    }

    /// Lets programs of `[hooks]` run that are due. Others may use the store meanwhile.
    pub(super) async fn end_hooks(&mut self) {
        let Some(hooks) = self.hooks.take() else { return };
        let patience = if self.mode == Mode::Stay { HOOKS_END } else { HOOKS_RUN };
        let mut ending = std::pin::pin!(hooks.end(patience));
        loop {
            tokio::select! {
                biased;
                () = &mut ending => return,
                Some(handed) = self.orders.recv() => self.take_last(handed).await,
            }
        }
    }

    /// Answers what was taken, says goodbye.
    pub(super) async fn shut_down(
        &mut self,
        stop_serving: &CancellationToken,
        serving: &mut AbortOnDropHandle<()>,
    ) {
        stop_serving.cancel();
        loop {
            tokio::select! {
                biased;
                Some(handed) = self.orders.recv() => self.take_last(handed).await,
                _ = &mut *serving => break,
            }
        }
    }
}
