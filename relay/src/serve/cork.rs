//! Holds the session ticket back until there is an answer to send it with.
//!
//! rustls makes the ticket when the client's `Finished` has come, and tokio-rustls sends it at once: a packet of its
//! own, and one more to acknowledge it. Nobody needs the ticket before the next connection. The client's `Finished`
//! is its first record of type 23, so what is written after that and before [`Corked::release`] waits for the first
//! write that follows, whatever is flushed in between. In TLS 1.2 that record comes after the handshake, and nothing
//! waits.
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
const RECORD_HEADER_LEN: usize = 5;
const APPLICATION_DATA: u8 = 23;

#[derive(Debug)]
pub(crate) struct Corked<S> {
    socket: S,
    /// None once the handshake is over or its last step was seen.
    records: Option<Records>,
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
        let records = Some(Records::default());
        let (holding, held, ticket_len, alone) = (false, Vec::new(), 0, false);
        Self { socket, records, holding, held, ticket_len, pulse, alone }
    }

    /// The handshake is over: what is held leaves with the next write.
    pub(crate) fn release(&mut self) {
        self.records = None;
        self.holding = false;
    }

    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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
        if let Some(records) = &mut this.records
            && records.reach(APPLICATION_DATA, &buf.filled()[before..])
        {
            this.records = None;
            this.holding = true;
        }
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

/// Walks over TLS record headers in a stream that comes in pieces.
#[derive(Debug, Default)]
struct Records {
    header: [u8; RECORD_HEADER_LEN],
    header_len: usize,
    /// What is still to come of the record's body.
    body_left: usize,
}

impl Records {
    /// Takes the next piece; whether it reaches the header of a record of type `kind`.
    fn reach(&mut self, kind: u8, mut piece: &[u8]) -> bool {
        while !piece.is_empty() {
            if self.body_left > 0 {
                let skipped = self.body_left.min(piece.len());
                self.body_left -= skipped;
                piece = &piece[skipped..];
                continue;
            }
            self.header[self.header_len] = piece[0];
            self.header_len += 1;
            piece = &piece[1..];
            if self.header[0] == kind {
                return true;
            }
            if self.header_len == RECORD_HEADER_LEN {
                self.header_len = 0;
                self.body_left = usize::from(u16::from_be_bytes([self.header[3], self.header[4]]));
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::{super::tests::bytes::Noted, *};
    use crate::ops::Metrics;

    const HELLO: &[u8] = &[22, 3, 1, 0, 4, 23, 23, 23, 23, 20, 3, 3, 0, 1, 1];
    const FINISHED: &[u8] = &[23, 3, 3, 0, 2, 9, 9];

    fn corked<S: AsyncWrite + Unpin>(socket: S) -> Corked<S> {
        Corked::new(socket, Arc::new(Pulse::new(&Metrics::new())))
    }

    #[test]
    fn a_record_is_found_by_its_header_and_not_in_a_body_wherever_the_stream_is_split() {
        let whole = [HELLO, FINISHED].concat();
        for split in 0..whole.len() {
            let mut records = Records::default();
            let first = records.reach(APPLICATION_DATA, &whole[..split]);
            assert_eq!(first, split > HELLO.len());
            assert!(first || records.reach(APPLICATION_DATA, &whole[split..]));
        }
    }

    #[tokio::test]
    async fn what_follows_the_clients_finished_waits_for_the_first_answer() {
        let (near, mut far) = tokio::io::duplex(4096);
        let mut socket = corked(near);
        far.write_all(&[HELLO, FINISHED].concat()).await.unwrap();
        let mut read = [0; 64];
        socket.write_all(b"flight ").await.unwrap();
        socket.read_exact(&mut read[..HELLO.len() + FINISHED.len()]).await.unwrap();
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
