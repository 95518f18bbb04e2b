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
/// Over a slow line a body longer than this, in bytes, leaves behind its header and not with it: the relay
/// acknowledges the header meanwhile, and neither kernel takes for lost what only takes its time.
const BEHIND_HEADER_MIN: usize = 512;

/// Goes out piece by piece, and stops for ever once an answer begins: what is left would be thrown away unread.
#[derive(Debug)]
pub(crate) struct Outgoing {
    rest: Bytes,
    /// The connection is to flush the header before it asks for the body.
    pause: bool,
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
    pub(crate) fn new(body: Bytes, line_is_slow: bool) -> (Self, Arc<Flags>) {
        let flags = Arc::new(Flags::default());
        flags.is_out.store(body.is_empty(), Relaxed);
        let pause = line_is_slow && BEHIND_HEADER_MIN <= body.len();
        (Self { rest: body, pause, flags: flags.clone() }, flags)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if std::mem::take(&mut self.pause) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_body_leaves_behind_its_header_over_a_slow_line_only() {
        for (len, line_is_slow, expected) in [
            (BEHIND_HEADER_MIN, true, true),
            (BEHIND_HEADER_MIN, false, false),
            (BEHIND_HEADER_MIN - 1, true, false),
        ] {
            let (mut body, _) = Outgoing::new(vec![0; len].into(), line_is_slow);
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let mut polled = || Pin::new(&mut body).poll_frame(&mut cx);
            let first = polled();
            assert_eq!(first.is_pending(), expected);
            let frame = if expected { polled() } else { first };
            let Poll::Ready(Some(Ok(frame))) = frame else { panic!("no body") };
            assert_eq!(frame.into_data().map(|data| data.len()).unwrap(), len);
        }
    }
}
