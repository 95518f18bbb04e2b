//! One exchange: frames in, frames out. No HTTP, no SQL.
//!
//! A [`Visit`] takes the request as its bytes come: each packet is committed while the next one
//! travels. Its [`Answer`] is made packet by packet as well, so a long one or a hold takes no more
//! memory than a page of a mailbox.
//!
//! **Invariants:** one exchange of a device commits at a time, the newest; a lower exchange number
//! changes nothing, an equal one only reads; an exchange that brings nothing new commits nothing;
//! every packet can be read without its neighbours; nothing here waits for a network while it
//! holds a lock or a transaction.

mod answer;
mod answering;
mod bulk;
mod clock;
mod contacts;
mod held;
mod hold;
mod limits;
mod mail;
mod pack;
mod packets;
mod seat;
mod take;
#[cfg(test)]
mod tests;
mod unit;
mod visit;

use std::{fmt, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use wire::{AccountId, Codec, DecodeError, DeviceId, EncodeError};

pub use self::{
    answer::Answer,
    clock::{Clock, SystemClock},
    packets::Packets,
    visit::Visit,
};
use self::{contacts::Contacts, seat::Seats};
use crate::{
    ops::Metrics,
    ownkey::KeyRing,
    presence::Presence,
    serve::limits::RateLimiter,
    settings::Rates,
    store::{Login, Store, StoreError},
};

/// Accounts whose submits are remembered for their rate.
const LIMITED_MAX: usize = 200_000;

/// Answers exchanges; one for each relay. Clones are the same.
#[derive(Clone, Debug)]
pub struct Exchange(Arc<Core>);

/// What all exchanges share.
struct Core {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    limits: wire::Limits,
    /// What it proves itself by: other keys are other limits.
    keys: KeyRing,
    submits: RateLimiter<AccountId>,
    seats: Seats,
    presence: Arc<Presence>,
    contacts: Contacts,
    /// Turns of answers to be packed with the text model.
    model_turns: Arc<Semaphore>,
}

impl Core {
    /// The codec of an answer to a request in `asked`, and the turn that it needs: while too many answers take the text
    /// model, further ones are told in zstd, which everybody reads.
    fn codec_of_answer(&self, asked: Codec) -> (Codec, Option<OwnedSemaphorePermit>) {
        if asked != Codec::Model {
            return (asked, None);
        }
        match self.model_turns.clone().try_acquire_owned() {
            Ok(turn) => (Codec::Model, Some(turn)),
            Err(_) => (Codec::Zstd, None),
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("store", &self.store).finish_non_exhaustive()
    }
}

/// Why a request has no answer in frames.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// Its bytes are no body, or a packet is damaged. What came before stays taken.
    #[error(transparent)]
    Unreadable(#[from] DecodeError),
    /// It does not begin with a `Hello`.
    #[error("the request does not begin with Hello")]
    NoHello,
    /// It has a number that nobody was ever given.
    #[error("the request's {what} is beyond any number that a relay gives")]
    Impossible {
        /// Which number.
        what: &'static str,
    },
    /// It ends without `End`. What came before stays taken.
    #[error("the request was cut: it ends without End")]
    Cut,
    /// The device or its account may not use the relay any more.
    #[error("this device's right to use the relay was taken away")]
    Revoked,
    /// The answer could not be written.
    #[error("the answer could not be written")]
    Encode(#[from] EncodeError),
    /// The store failed before there was anything to answer.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Exchange {
    /// Answers from `store`, by the machine's clock.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, settings: &config::RelaySettings, metrics: Metrics) -> Self {
        Self::with_clock(store, settings, metrics, Arc::new(SystemClock))
    }

    /// As [`Exchange::new`], for a relay with keys of its own.
    #[must_use]
    pub fn with_keys(
        store: Arc<dyn Store>,
        settings: &config::RelaySettings,
        metrics: Metrics,
        keys: KeyRing,
    ) -> Self {
        Self::made(store, settings, metrics, keys, Arc::new(SystemClock))
    }

    /// As [`Exchange::new`], by another clock.
    #[must_use]
    pub fn with_clock(
        store: Arc<dyn Store>,
        settings: &config::RelaySettings,
        metrics: Metrics,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self::made(store, settings, metrics, KeyRing::default(), clock)
    }

    fn made(
        store: Arc<dyn Store>,
        settings: &config::RelaySettings,
        metrics: Metrics,
        keys: KeyRing,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let limits = limits::of(settings, store.incarnation());
        let presence = Arc::new(Presence::new(clock.now_s(), store.changes().clone()));
        Self(Arc::new(Core {
            store,
            metrics,
            limits,
            keys,
            submits: RateLimiter::new(Rates::of(&settings.limits).submits, LIMITED_MAX),
            seats: Seats::default(),
            presence,
            contacts: Contacts::default(),
            model_turns: Arc::new(Semaphore::new(settings.limits.model_answers_max as usize)),
            clock,
        }))
    }

    /// Begins to take a request of `login`. Where `closing` is cancelled a hold ends with what
    /// there is. With `stop` nothing of the request is taken, and the device is told so.
    #[must_use]
    pub fn begin(
        &self,
        login: Login,
        closing: CancellationToken,
        stop: Option<wire::Stop>,
    ) -> Visit {
        Visit::new(self.0.clone(), login, closing, stop)
    }

    /// Devices that said Hello since this was last asked and that the store should note, and when:
    /// Unix seconds.
    #[must_use]
    pub fn seen(&self) -> Vec<(DeviceId, u64)> {
        self.0.seats.take_seen()
    }
}

/// The one answer of a batch of one.
fn only<T>(answers: Vec<Result<T, StoreError>>) -> Result<T, StoreError> {
    answers.into_iter().next().unwrap_or(Err(StoreError::Closed))
}
