//! A request's body on its way out.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// What is handed on at a time, in bytes: small enough to stop in time, large enough that TLS adds little.
const PIECE_LEN: usize = 4 << 10;

/// Goes out piece by piece, and stops for ever once an answer begins: what is left would be thrown away unread.
#[derive(Debug)]
pub(crate) struct Outgoing {
    rest: Bytes,
    flags: Arc<Flags>,
}

/// Shared between a body and who waits for the answer.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    answered: AtomicBool,
    is_out: AtomicBool,
}

impl Flags {
    pub(crate) fn answer_begins(&self) {
        self.answered.store(true, Relaxed);
    }

    /// Whether the whole body was handed on.
    pub(crate) fn is_out(&self) -> bool {
        self.is_out.load(Relaxed)
    }
}

impl Outgoing {
    pub(crate) fn new(body: Bytes) -> (Self, Arc<Flags>) {
        let flags = Arc::new(Flags::default());
        flags.is_out.store(body.is_empty(), Relaxed);
        (Self { rest: body, flags: flags.clone() }, flags)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        if self.flags.answered.load(Relaxed) {
            // Nobody is to be woken: this body never goes on, and the connection ends after the answer.
            return Poll::Pending;
        }
        let len = self.rest.len().min(PIECE_LEN);
        let piece = self.rest.split_to(len);
        self.flags.is_out.store(self.rest.is_empty(), Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
