//! What sync needs of a connection. Tests put a relay of their own behind it.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use wire::Cursors;

use super::SyncError;
use crate::{link::LinkError, store::NewDevice};

/// A way to the relay under one meter, with this device's token.
pub trait Transport: Send {
    /// An answer under way.
    type Answer<'a>: Answer + Send
    where
        Self: 'a;

    /// `POST /v1/sync`; connects first if need be. `hold` is how long the relay was asked to hold the request.
    fn post(
        &mut self,
        body: Bytes,
        hold: Duration,
    ) -> impl Future<Output = Result<Self::Answer<'_>, LinkError>> + Send;

    /// Bytes that the budget leaves for requests and answers, once the connection stands; `None` without a limit.
    fn left(&self) -> Option<u64>;

    /// About one round trip, zero where it is not known.
    fn rtt(&self) -> Duration;

    /// Seconds that a request may be held on this way before somebody on it cuts the line; `None` where nobody was seen to.
    fn hold_max_s(&self) -> Option<u16> {
        None
    }

    /// A hold has ended: by a cut, so long after the last byte, or (`None`) as it should.
    fn note_hold(&self, _cut_after: Option<Duration>) {}

    /// An exchange went well, and nothing is under way: what else there is to ask is asked now. `limits_tag` names the
    /// relay's limits.
    fn settle(&mut self, _limits_tag: u16) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Makes a new device of the same account: `POST /v1/devices` with the token in use, or with `token` itself where
    /// that is in use already. When this comes back, `token` is durable beside the store and in use from here on.
    fn new_device(
        &mut self,
        token: &str,
        cursors: Cursors,
    ) -> impl Future<Output = Result<NewDevice, SyncError>> + Send;
}

/// An answer whose body is still arriving.
pub trait Answer {
    /// The HTTP status.
    fn status(&self) -> u16;

    /// When to come back, in seconds, where the header says so.
    fn retry_after_s(&self) -> Option<u32>;

    /// The next piece of the body as it came from the link, `None` at its end. Cancel safe.
    fn chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>, LinkError>> + Send;
}

impl Answer for crate::link::Answer<'_> {
    fn status(&self) -> u16 {
        Self::status(self)
    }

    fn retry_after_s(&self) -> Option<u32> {
        Self::retry_after_s(self)
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, LinkError> {
        Self::chunk(self).await
    }
}
