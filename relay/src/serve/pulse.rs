//! What a connection is doing, and the socket that notes it: bytes moved, a send buffer that is full.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::ops::metrics::{Direction, DirectionLabels, Metrics};

/// What one connection is doing, shared by its socket, its service and its watch.
#[derive(Debug)]
pub(crate) struct Pulse {
    received: AtomicU64,
    sent: AtomicU64,
    write_blocked: AtomicBool,
    body_wanted: AtomicBool,
    answering: AtomicBool,
    goes_on: AtomicBool,
    /// What is read came before the handshake was over.
    early: AtomicBool,
    /// Requests answered whole; a new one starts a new deadline.
    answered: AtomicU64,
    wire_up: Counter,
    wire_down: Counter,
}

impl Pulse {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let counter = |dir| metrics.wire_bytes.get_or_create_owned(&DirectionLabels { dir });
        Self {
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            write_blocked: AtomicBool::new(false),
            body_wanted: AtomicBool::new(false),
            answering: AtomicBool::new(false),
            goes_on: AtomicBool::new(false),
            early: AtomicBool::new(false),
            answered: AtomicU64::new(0),
            wire_up: counter(Direction::Up),
            wire_down: counter(Direction::Down),
        }
    }

    /// Bytes received so far, at the socket.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// Bytes sent so far, at the socket.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// A whole header has come.
    pub(crate) fn begin_request(&self) {
        self.answering.store(true, Relaxed);
    }

    /// The whole answer is in the connection's hands.
    pub(crate) fn end_answer(&self) {
        self.goes_on.store(false, Relaxed);
        self.answering.store(false, Relaxed);
        self.answered.fetch_add(1, Relaxed);
    }

    /// Whether more of the answer is there already, behind what is written now.
    pub(crate) fn answer_goes_on(&self, goes_on: bool) {
        self.goes_on.store(goes_on, Relaxed);
    }

    /// Whether what is read came before the handshake was over: it is not known to come from whom it seems to.
    pub(crate) fn set_early(&self, early: bool) {
        self.early.store(early, Relaxed);
    }

    /// As [`Pulse::set_early`] was told.
    pub(crate) fn is_early(&self) -> bool {
        self.early.load(Relaxed)
    }

    /// As [`Pulse::answer_goes_on`] was told.
    pub(crate) fn goes_on(&self) -> bool {
        self.goes_on.load(Relaxed)
    }

    /// Whether somebody waits for more of the request's body.
    pub(crate) fn want_body(&self, wanted: bool) {
        self.body_wanted.store(wanted, Relaxed);
    }

    /// Bytes moved so far, both ways.
    pub(crate) fn moved(&self) -> u64 {
        self.received() + self.sent()
    }

    /// What the peer owes now, and for which request.
    pub(crate) fn owed(&self) -> (Owed, u64) {
        let owed = if self.write_blocked.load(Relaxed) || self.body_wanted.load(Relaxed) {
            Owed::Bytes
        } else if self.answering.load(Relaxed) {
            Owed::Nothing
        } else {
            Owed::Head
        };
        (owed, self.answered.load(Relaxed))
    }

    fn wrote(&self, outcome: &Poll<io::Result<usize>>) {
        self.write_blocked.store(outcome.is_pending(), Relaxed);
        if let Poll::Ready(Ok(count)) = outcome {
            self.sent.fetch_add(*count as u64, Relaxed);
            self.wire_down.inc_by(*count as u64);
        }
    }
}

/// What is waited for from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owed {
    /// A whole request header, and the handshake before the first.
    Head,
    /// Some progress: a body is being read, or an answer did not fit into the send buffer.
    Bytes,
    /// It is our turn.
    Nothing,
}

/// A socket whose bytes are counted and whose full send buffer is noticed.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    socket: S,
    pulse: Arc<Pulse>,
}

impl<S> Watched<S> {
    pub(crate) fn new(socket: S, pulse: Arc<Pulse>) -> Self {
        Self { socket, pulse }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        let count = (buf.filled().len() - before) as u64;
        self.pulse.received.fetch_add(count, Relaxed);
        self.pulse.wire_up.inc_by(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.pulse.wrote(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.pulse.wrote(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
