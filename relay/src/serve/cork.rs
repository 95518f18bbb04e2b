//! Holds the handshake's last words back until there is an answer to send them with.
//!
//! rustls makes the session ticket when the client's `Finished` has come: sent at once it would be a packet of its own,
//! and one more to acknowledge it. Nobody needs it before the next connection. What is written between [`Corked::hold`]
//! and [`Corked::release`] waits for the first write that follows, whatever is flushed in between.
//!
//! An answer's packets are records of their own, so that a cut loses none but the last. Where all of them are there
//! ([`Pulse::goes_on`]) they leave in one write nevertheless: the kernel fills segments with them, and a thin line
//! carries no header and no acknowledgement for each.
//!
//! Nor is a peer that hung up without a word told goodbye: that would be two packets that nobody reads, and the
//! resets that answer them.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::pulse::Pulse;

/// A ticket is about 100 bytes; what is longer than this goes out at once.
const HELD_MAX: usize = 1024;
/// The ticket shares a packet with an answer up to this length. Before a longer one it goes by itself: a full packet
/// takes so long on a thin line that the peer, still without an acknowledgement, would send its request again.
const TOGETHER_MAX: usize = 1200;
/// So much of an answer is gathered for one write.
const GATHERED_MAX: usize = 16 * 1024;

#[derive(Debug)]
pub(crate) struct Corked<S> {
    socket: S,
    holding: bool,
    held: Vec<u8>,
    /// So much of what is held is the handshake's: the ticket.
    ticket_len: usize,
    pulse: Arc<Pulse>,
    /// The peer has hung up: what is written is dropped.
    alone: bool,
}

impl<S: AsyncWrite + Unpin> Corked<S> {
    /// `pulse` says whether an answer goes on.
    pub(crate) fn new(socket: S, pulse: Arc<Pulse>) -> Self {
        let (holding, held, ticket_len, alone) = (false, Vec::new(), 0, false);
        Self { socket, holding, held, ticket_len, pulse, alone }
    }

    /// What is written from here on waits.
    pub(crate) fn hold(&mut self) {
        self.holding = true;
    }

    /// What is held leaves with the next write.
    pub(crate) fn release(&mut self) {
        self.holding = false;
    }

    /// Lets what is held go now.
    pub(crate) fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_first(cx, |this| this.held.len())
    }

    /// Writes the first bytes of what is held: as many as `due` says are left of them.
    fn poll_first(
        &mut self,
        cx: &mut Context<'_>,
        due: impl Fn(&Self) -> usize,
    ) -> Poll<io::Result<()>> {
        while 0 < due(self) {
            let first = &self.held[..due(self)];
            let count = ready!(Pin::new(&mut self.socket).poll_write(cx, first))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.wrote(count);
        }
        Poll::Ready(Ok(()))
    }

    fn wrote(&mut self, count: usize) {
        self.held.drain(..count);
        self.ticket_len = self.ticket_len.saturating_sub(count);
    }

    /// Writes what is held and `slices` in one go; the answer counts the bytes of `slices` only.
    fn poll_together(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut together = Vec::with_capacity(slices.len() + 1);
        together.push(IoSlice::new(&self.held));
        together.extend(slices.iter().map(|slice| IoSlice::new(slice)));
        let count = ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, &together))?;
        if count > self.held.len() {
            let of_slices = count - self.held.len();
            (self.held, self.ticket_len) = (Vec::new(), 0);
            return Poll::Ready(Ok(of_slices));
        }
        self.wrote(count);
        ready!(self.poll_held(cx))?;
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Corked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let (before, room) = (buf.filled().len(), buf.remaining());
        ready!(Pin::new(&mut this.socket).poll_read(cx, buf))?;
        this.alone |= room > 0 && buf.filled().len() == before;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Corked<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count: usize = slices.iter().map(|slice| slice.len()).sum();
        if self.alone {
            return Poll::Ready(Ok(count));
        }
        let together = self.held.len() + count;
        let waits = if self.holding {
            together <= HELD_MAX
        } else {
            self.pulse.goes_on() && together <= GATHERED_MAX
        };
        if waits {
            slices.iter().for_each(|slice| self.held.extend_from_slice(slice));
            self.ticket_len = if self.holding { together } else { self.ticket_len };
            return Poll::Ready(Ok(count));
        }
        if TOGETHER_MAX < together {
            ready!(self.poll_first(cx, |this| this.ticket_len))?;
        }
        if self.held.is_empty() {
            return Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        }
        self.poll_together(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A write takes along what is held, so nothing that was written later can wait behind it. Only the ticket
        // waits for long: an answer that does not go on has no more to wait for.
        if self.ticket_len < self.held.len() && !self.pulse.goes_on() {
            ready!(self.poll_held(cx))?;
        }
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.alone {
            ready!(self.poll_held(cx))?;
        }
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::{super::tests::bytes::Noted, *};
    use crate::ops::Metrics;

    fn corked<S: AsyncWrite + Unpin>(socket: S) -> Corked<S> {
        Corked::new(socket, Arc::new(Pulse::new(&Metrics::new())))
    }

    #[tokio::test]
    async fn what_is_held_waits_for_the_first_answer() {
        let (near, mut far) = tokio::io::duplex(4096);
        let mut socket = corked(near);
        let mut read = [0; 64];
        socket.write_all(b"flight ").await.unwrap();
        socket.hold();
        socket.write_all(b"ticket ").await.unwrap();
        socket.flush().await.unwrap();
        let count = far.read(&mut read).await.unwrap();
        assert_eq!(&read[..count], b"flight ");
        socket.release();
        socket.flush().await.unwrap();
        socket.write_all(b"answer").await.unwrap();
        let count = far.read(&mut read).await.unwrap();
        assert_eq!(&read[..count], b"ticket answer");
    }

    #[tokio::test]
    async fn a_ticket_goes_with_a_short_answer_and_ahead_of_a_long_one() {
        for (answer_len, expected) in [(TOGETHER_MAX - 6, 1), (TOGETHER_MAX - 5, 2)] {
            let (near, _far) = tokio::io::duplex(4096);
            let (near, writes) = Noted::new(near);
            let mut socket = corked(near);
            (socket.held, socket.ticket_len) = (b"ticket".to_vec(), 6);
            socket.write_all(&vec![7; answer_len]).await.unwrap();
            assert_eq!(writes.lock().unwrap().len(), expected);
        }
    }

    #[tokio::test]
    async fn what_an_answer_has_ready_leaves_in_one_write_behind_the_ticket() {
        for (packet_len, expected) in
            [(300, vec![906]), (500, vec![6, 1500]), (10_000, vec![6, 20_000, 10_000])]
        {
            let (near, _far) = tokio::io::duplex(64 * 1024);
            let (near, writes) = Noted::new(near);
            let mut socket = corked(near);
            (socket.held, socket.ticket_len) = (b"ticket".to_vec(), 6);
            for goes_on in [true, true, false] {
                socket.pulse.answer_goes_on(goes_on);
                socket.write_all(&vec![7; packet_len]).await.unwrap();
                socket.flush().await.unwrap();
            }
            assert_eq!(*writes.lock().unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_peer_that_hung_up_is_told_nothing() {
        let (near, mut far) = tokio::io::duplex(4096);
        let mut socket = corked(near);
        far.shutdown().await.unwrap();
        assert_eq!(socket.read(&mut [0; 8]).await.unwrap(), 0);
        socket.write_all(b"goodbye").await.unwrap();
        socket.shutdown().await.unwrap();
        let mut all = Vec::new();
        far.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"");
    }

    #[tokio::test]
    async fn a_small_send_buffer_loses_nothing() {
        let (near, mut far) = tokio::io::duplex(3);
        let mut socket = corked(near);
        socket.holding = true;
        socket.write_all(b"ticket ").await.unwrap();
        socket.release();
        let writer = async {
            socket.write_all(b"answer").await.unwrap();
            socket.shutdown().await.unwrap();
        };
        let mut all = Vec::new();
        let (read, ()) = tokio::join!(far.read_to_end(&mut all), writer);
        assert_eq!((read.unwrap(), all.as_slice()), (13, b"ticket answer".as_slice()));
    }
}
