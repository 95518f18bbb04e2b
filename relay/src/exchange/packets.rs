//! The packets of an answer that is made while it is sent.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tracing::error;

use super::answering::Answering;

/// Packets of an answer as they come. Dropped before its end the answer is cut, and a hold over.
pub struct Packets {
    ready: VecDeque<Bytes>,
    state: State,
}

/// A packet in the making, and what makes it.
type Making = Pin<Box<dyn Future<Output = (Box<Answering>, Option<Bytes>)> + Send>>;

enum State {
    Idle(Box<Answering>),
    Making(Making),
    Ended,
}

impl fmt::Debug for Packets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packets").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

impl Packets {
    pub(super) fn new(mut answering: Answering, ready: Vec<Bytes>) -> Self {
        answering.stream();
        Self { ready: ready.into(), state: State::Idle(Box::new(answering)) }
    }

    /// The next packet, the first one with the body's preamble; none at the end.
    pub async fn next(&mut self) -> Option<Bytes> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`Packets::next`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(packet) = self.ready.pop_front() {
            return Poll::Ready(Some(packet));
        }
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Idle(answering) => self.state = State::Making(Box::pin(make(answering))),
                State::Making(mut making) => {
                    let made = making.as_mut().poll(cx);
                    if made.is_pending() {
                        self.state = State::Making(making);
                    }
                    let (answering, packet) = ready!(made);
                    if packet.is_some() {
                        self.state = State::Idle(answering);
                    }
                    return Poll::Ready(packet);
                }
            }
        }
    }
}

async fn make(mut answering: Box<Answering>) -> (Box<Answering>, Option<Bytes>) {
    let packet = answering.next().await.unwrap_or_else(|err| {
        error!(error = &err as &dyn std::error::Error, "an answer was cut");
        None
    });
    (answering, packet.map(Bytes::from))
}
