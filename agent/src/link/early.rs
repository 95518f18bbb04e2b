//! A resumed session whose first request leaves with the hello, before the relay has answered anything (early data).
//!
//! The relay answers both together. The handshake's end then waits for a further request to leave with; where there is
//! none it never leaves, and that costs nobody anything: the relay has answered, and who we are the token said. Where
//! the relay takes no early data, the same bytes go again behind the handshake, on the same connection.
//!
//! **Invariant:** what is read was said by the relay: nothing is handed on before its `Finished` was verified.

#[cfg(test)]
mod tests;

use std::{
    io::{self, IoSlice, Read, Write},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use ::tls::{poll_hear, poll_say};
use rustls::{ClientConnection, HandshakeKind};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::tickets::Session;

/// So much is said early at most, in bytes, whatever the relay takes: where it takes none it goes twice.
const EARLY_MAX: usize = 16 * 1024;

/// A stream whose first bytes are early data.
#[derive(Debug)]
pub(crate) struct Early<S> {
    conn: ClientConnection,
    stream: S,
    session: Arc<Session>,
    stage: Stage,
    /// Something was written that has to leave, whatever else waits.
    is_due: bool,
    /// Bytes of a request were taken early by nobody.
    is_late: Arc<AtomicBool>,
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    /// The relay has not answered; so much was said to it.
    Greeting(Vec<u8>),
    /// It knows what was said: all goes its way.
    Over,
}

impl<S> Early<S> {
    /// `conn` has to offer early data.
    pub(crate) fn new(conn: ClientConnection, stream: S, session: Arc<Session>) -> Self {
        let (stage, is_due) = (Stage::Greeting(Vec::new()), false);
        Self { conn, stream, session, stage, is_due, is_late: Arc::default() }
    }

    /// Becomes true when the relay takes no early data: one round trip more.
    pub(crate) fn is_late(&self) -> Arc<AtomicBool> {
        self.is_late.clone()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Early<S> {
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(poll_say(&mut self.conn, &mut self.stream, cx))?;
        self.is_due = false;
        Poll::Ready(Ok(()))
    }

    /// Takes in the next piece; 0 at the stream's end.
    fn poll_in(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let count = ready!(poll_hear(&mut self.conn, &mut self.stream, cx))?;
        let processed = self.conn.process_new_packets();
        if let Err(err) = processed {
            // Whoever this is knows none of our tickets.
            self.session.forget();
            // The alert says what is wrong, if the stream takes it.
            let _ = self.poll_out(cx);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, err)));
        }
        self.look()?;
        Poll::Ready(Ok(count))
    }

    /// Whether the relay has answered the hello, and what that means.
    fn look(&mut self) -> io::Result<()> {
        let Stage::Greeting(said) = &mut self.stage else { return Ok(()) };
        if self.conn.is_handshaking() {
            return Ok(());
        }
        self.session.settle(&self.conn);
        if !self.conn.is_early_data_accepted() {
            // A session that was not resumed was resumed by no ticket of that relay.
            if self.conn.handshake_kind() != Some(HandshakeKind::Resumed) {
                self.session.forget();
            }
            self.conn.writer().write_all(said)?;
            self.is_late.store(true, Relaxed);
            self.is_due = true;
        }
        self.stage = Stage::Over;
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Early<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.is_due && this.poll_out(cx)?.is_ready() {
                ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
            }
            match this.conn.reader().read(buf.initialize_unfilled()) {
                Ok(count) => {
                    buf.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => {}
                Err(err) => return Poll::Ready(Err(err)),
            }
            if ready!(this.poll_in(cx))? == 0 && this.conn.is_handshaking() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Early<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            if let Stage::Greeting(said) = &mut this.stage {
                let bytes = &bytes[..bytes.len().min(EARLY_MAX - said.len())];
                let early = this.conn.early_data().filter(|_| !bytes.is_empty());
                let early = early.map(|mut early| early.write(bytes)).transpose()?;
                if let Some(count @ 1..) = early {
                    // It leaves when it is flushed: the hello, and all of the request that there is, in one piece.
                    said.extend_from_slice(&bytes[..count]);
                    this.is_due = true;
                    return Poll::Ready(Ok(count));
                }
                // More than the relay takes early: the rest goes behind the handshake.
                ready!(this.poll_out(cx))?;
                ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
                if ready!(this.poll_in(cx))? == 0 {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                continue;
            }
            let count = this.conn.writer().write(bytes)?;
            this.is_due = true;
            match (this.poll_out(cx)?, count) {
                (Poll::Pending, 0) => return Poll::Pending,
                (_, 1..) => return Poll::Ready(Ok(count)),
                (Poll::Ready(()), 0) => {}
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // In one record.
        let all = slices.iter().flat_map(|slice| slice.iter().copied()).collect::<Vec<_>>();
        self.poll_write(cx, &all)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_due {
            ready!(this.poll_out(cx))?;
        }
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // A goodbye would have to say the handshake's end first.
        if this.is_due {
            ready!(this.poll_out(cx))?;
        }
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}
