//! Holds the session ticket back until there is an answer to send it with.
//!
//! rustls makes the ticket when the client's `Finished` has come, and tokio-rustls sends it at once: a packet of its
//! own, and one more to acknowledge it. Nobody needs the ticket before the next connection. The client's `Finished`
//! is its first record of type 23, so what is written after that and before [`Corked::release`] waits for the first
//! write that follows, whatever is flushed in between. In TLS 1.2 that record comes after the handshake, and nothing
//! waits.
//!
//! Nor is a peer that hung up without a word told goodbye: that would be two packets that nobody reads, and the
//! resets that answer them.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A ticket is about 100 bytes; what is longer than this goes out at once.
const HELD_MAX: usize = 1024;
/// The ticket shares a packet with an answer up to this length. Before a longer one it goes by itself: a full packet
/// takes so long on a thin line that the peer, still without an acknowledgement, would send its request again.
const TOGETHER_MAX: usize = 1200;
const RECORD_HEADER_LEN: usize = 5;
const APPLICATION_DATA: u8 = 23;

#[derive(Debug)]
pub(crate) struct Corked<S> {
    socket: S,
    /// None once the handshake is over or its last step was seen.
    records: Option<Records>,
    holding: bool,
    held: Vec<u8>,
    /// The peer has hung up: what is written is dropped.
    alone: bool,
}

impl<S: AsyncWrite + Unpin> Corked<S> {
    pub(crate) fn new(socket: S) -> Self {
        let records = Some(Records::default());
        Self { socket, records, holding: false, held: Vec::new(), alone: false }
    }

    /// The handshake is over: what is held leaves with the next write.
    pub(crate) fn release(&mut self) {
        self.records = None;
        self.holding = false;
    }

    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let count = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.held))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.held.drain(..count);
        }
        Poll::Ready(Ok(()))
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
            self.held = Vec::new();
            return Poll::Ready(Ok(of_slices));
        }
        self.held.drain(..count);
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
        if self.holding && self.held.len() + count <= HELD_MAX {
            slices.iter().for_each(|slice| self.held.extend_from_slice(slice));
            return Poll::Ready(Ok(count));
        }
        if self.held.len() + count <= TOGETHER_MAX && !self.held.is_empty() {
            return self.poll_together(cx, slices);
        }
        ready!(self.poll_held(cx))?;
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A write takes along what is held, so nothing that was written later can wait behind it.
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

    const HELLO: &[u8] = &[22, 3, 1, 0, 4, 23, 23, 23, 23, 20, 3, 3, 0, 1, 1];
    const FINISHED: &[u8] = &[23, 3, 3, 0, 2, 9, 9];

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
        let mut socket = Corked::new(near);
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
            let mut socket = Corked::new(near);
            socket.held = b"ticket".to_vec();
            socket.write_all(&vec![7; answer_len]).await.unwrap();
            assert_eq!(writes.lock().unwrap().len(), expected);
        }
    }

    #[tokio::test]
    async fn a_peer_that_hung_up_is_told_nothing() {
        let (near, mut far) = tokio::io::duplex(4096);
        let mut socket = Corked::new(near);
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
        let mut socket = Corked::new(near);
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
