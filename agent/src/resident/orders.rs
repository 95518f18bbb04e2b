//! What commands, windows and the system ask of the agent.

use config::Size;
use serde_json::json;
use tracing::info;

use super::{Carry, Resident, Signal, Wish};
use crate::{
    control::{Failure, Handed, NOT_TAKEN, Order},
    orders::carry_out,
};

impl Resident {
    pub(super) fn signalled(&mut self, signal: Signal) {
        match signal {
            Signal::Sync => {
                info!("a visit was asked for by a signal");
                match self.visit.as_ref().is_some_and(|running| running.is_live) {
                    // A line carries everything when it is taken up.
                    true => self.let_go_of_line(),
                    false => self.want_visit(Wish::default()),
                }
            }
            // What is wrong is in the log and the status.
            Signal::Reload => _ = self.reload(),
        }
    }

    pub(super) async fn take(&mut self, Handed { order, reply }: Handed) {
        match order {
            Order::Sync { budget, only, pick } => {
                match Carry::of(self.store.reader(), only, &pick) {
                    Ok(carry) => {
                        let budget = budget.map(Size::from_bytes);
                        self.ask_visit(Wish { budget, carry }, reply);
                    }
                    Err(failure) => drop(reply.send(Err(failure))),
                }
            }
            Order::Price { ask, only, pick } => match Carry::of(self.store.reader(), only, &pick) {
                Ok(carry) => self.ask_price(carry, ask, reply),
                Err(failure) => drop(reply.send(Err(failure))),
            },
            Order::Status => {
                let mut status = self.status();
                status["departures"] = json!(self.departures());
                let _ = reply.send(Ok(status));
            }
            Order::Follow => {
                self.show_newcomer();
                let _ = reply.send(Ok(json!({})));
            }
            Order::Reload => {
                let _ = reply.send(self.reload());
            }
            Order::Stop => {
                let _ = reply.send(Ok(json!({ "stopped": self.stop_visit() })));
            }
            order => {
                let (store, settings) = (self.store.clone(), self.settings.clone());
                let work = tokio::task::spawn_blocking(move || carry_out(&store, &settings, order));
                let result = work.await.unwrap_or_else(|err| Err(Failure::chain("internal", &err)));
                let _ = reply.send(result);
            }
        }
    }

    /// As [`Resident::take`], but nothing begins any more.
    pub(super) async fn take_last(&mut self, handed: Handed) {
        match handed.order {
            Order::Sync { .. } | Order::Price { ask: true, .. } => {
                let failure = Failure::later(NOT_TAKEN, "the agent is stopping");
                let _ = handed.reply.send(Err(failure));
            }
            _ => self.take(handed).await,
        }
    }
}
