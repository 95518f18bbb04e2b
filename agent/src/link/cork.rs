//! Holds the end of TLS's handshake back until there is a request to send it with.
//!
//! tokio-rustls sends the client's `Finished` at once: a packet of its own, which the relay acknowledges and answers
//! with a packet of tickets. In one packet with the request it costs neither. What is written once something was read
//! waits for the first write after [`Corked::release`], or for a read before it: then the peer has more to say first.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// `Finished` and what goes before it are about 64 bytes; what is longer than this goes out at once.
const HELD_MAX: usize = 1024;

#[derive(Debug)]
pub(crate) struct Corked<S> {
    stream: S,
    stage: Stage,
    held: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The peer has said nothing yet.
    Greeting,
    /// It has: what we say now can wait.
    Finishing,
    /// The handshake is over.
    Over,
}

impl<S: AsyncWrite + Unpin> Corked<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, stage: Stage::Greeting, held: Vec::new() }
    }

    /// The handshake is over: what is held leaves with the next write.
    pub(crate) fn release(&mut self) {
        self.stage = Stage::Over;
    }

    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.held))?;
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
        let count = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &together))?;
        if let Some(of_slices) = count.checked_sub(self.held.len()).filter(|count| 0 < *count) {
            self.held = Vec::new();
            return Poll::Ready(Ok(of_slices));
        }
        self.held.drain(..count.min(self.held.len()));
        ready!(self.poll_held(cx))?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Corked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.stage == Stage::Finishing && !this.held.is_empty() {
            ready!(this.poll_held(cx))?;
            ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
        }
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        if this.stage == Stage::Greeting {
            this.stage = Stage::Finishing;
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
        if self.stage == Stage::Finishing && self.held.len() + count <= HELD_MAX {
            slices.iter().for_each(|slice| self.held.extend_from_slice(slice));
            return Poll::Ready(Ok(count));
        }
        if self.held.is_empty() {
            Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
        } else {
            self.poll_together(cx, slices)
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A write takes along what is held, so nothing that was written later can wait behind it.
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_held(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// A stream whose peer has spoken, after which "finished " was written and flushed.
    async fn finishing(room: usize) -> (Corked<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (near, mut far) = duplex(room);
        let mut stream = Corked::new(near);
        far.write_all(b"x").await.unwrap();
        stream.read_exact(&mut [0]).await.unwrap();
        stream.write_all(b"finished ").await.unwrap();
        stream.flush().await.unwrap();
        (stream, far)
    }

    #[tokio::test]
    async fn the_end_of_the_handshake_leaves_with_the_first_request() {
        let (near, mut far) = duplex(64);
        let mut stream = Corked::new(near);
        stream.write_all(b"hello").await.unwrap();
        let mut read = [0; 64];
        assert_eq!(far.read(&mut read).await.unwrap(), 5);

        let (mut stream, mut far) = finishing(64).await;
        stream.release();
        stream.flush().await.unwrap();
        stream.write_all(b"request").await.unwrap();
        let count = far.read(&mut read).await.unwrap();
        assert_eq!(&read[..count], b"finished request");
    }

    #[tokio::test]
    async fn a_handshake_that_goes_on_is_not_held_up() {
        let (mut stream, mut far) = finishing(64).await;
        let mut read = [0; 9];
        let peer = async {
            far.read_exact(&mut read).await.unwrap();
            far.write_all(b"y").await.unwrap();
        };
        let mut answer = [0];
        let (answered, ()) = tokio::join!(stream.read_exact(&mut answer), peer);
        assert_eq!((answered.unwrap(), &read), (1, b"finished "));
    }

    #[tokio::test]
    async fn a_small_send_buffer_loses_nothing() {
        let (mut stream, mut far) = finishing(3).await;
        stream.release();
        let writer = async {
            stream.write_all(b"request").await.unwrap();
            stream.shutdown().await.unwrap();
        };
        let mut all = Vec::new();
        let (read, ()) = tokio::join!(far.read_to_end(&mut all), writer);
        assert_eq!((read.unwrap(), all.as_slice()), (16, b"finished request".as_slice()));
    }
}
