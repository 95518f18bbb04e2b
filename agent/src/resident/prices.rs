//! Prices of visits, for whoever wants to know before one is made.

use serde_json::Value;
use tokio::sync::oneshot;

use super::{Resident, WAITERS_MAX};
use crate::{
    control::Failure,
    price::{self, Quote},
    sync::{Outcome, OutcomeKind},
    visit::{Call, Carry, Wish},
};

impl Resident {
    /// Answered at once, or when the relay has been asked: a visit under way asks it anyway, and over a line that is held
    /// nothing waits.
    pub(super) fn ask_price(
        &mut self,
        carry: Carry,
        ask: bool,
        reply: oneshot::Sender<Result<Value, Failure>>,
    ) {
        let is_live = self.visit.as_ref().is_some_and(|running| running.is_live);
        if !ask || is_live {
            let _ = reply.send(self.quote(carry, ask, String::new()));
        } else if WAITERS_MAX <= self.quotes.len() {
            let _ = reply.send(Err(Failure::later("busy", "too many wait for a price already")));
        } else {
            self.quotes.push((carry, reply));
            if self.visit.is_none() {
                let wish = Wish { carry: Carry::Manifest, ..Wish::default() };
                self.begin(Call::asked(wish), None);
            }
        }
    }

    pub(super) fn answer_quotes(&mut self, outcome: &Outcome) {
        let was_asked = matches!(outcome.outcome, OutcomeKind::Done | OutcomeKind::Partial);
        let words = if was_asked { String::new() } else { outcome.words.clone() };
        for (carry, reply) in std::mem::take(&mut self.quotes) {
            // Who asked may have gone away meanwhile.
            let _ = reply.send(self.quote(carry, was_asked, words.clone()));
        }
    }

    fn quote(&self, carry: Carry, asked: bool, words: String) -> Result<Value, Failure> {
        let is_here = self.visitor.relay_is_here();
        let quote = price::of_call(&self.store, &self.settings, carry, &self.link_was, is_here)?;
        serde_json::to_value(Quote { asked, words, ..quote })
            .map_err(|err| Failure::chain("internal", &err))
    }
}
