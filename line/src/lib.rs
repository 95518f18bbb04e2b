//! What both ends do to a line that is slow: what they say leaves in pieces, so that no kernel says it twice.
//!
//! A kernel that has heard nothing for two round trips repeats its last packet (a tail loss probe, RFC 8985, section 7), and
//! all that it knows of a fresh line is how long two bare packets took. At 2,400 bit/s a request and its answer take longer
//! than that by themselves: each went twice, a hello at the price of a second of the line, a packet of 1,500 bytes at
//! that of five. Pieces are acknowledged one by one. With each the kernel counts anew, and learns how slow the line is, so that
//! the next may be longer. A piece costs two headers, 104 bytes.
//!
//! The agent knows a slow line by the time that it took to connect. The relay knows one by the agent's pieces, which
//! come in apart.
//!
//! **Invariant:** what is written and read is the same as without; a piece is an ordinary short write.

#[cfg(test)]
mod tests;

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// A line that took so long to connect is slow. A faster one carries what is said first before its kernel asks itself
/// whether that was lost.
const SLOW_RTT: Duration = Duration::from_secs(1);
/// The pieces of one turn come in apart by so much over a slow line: 180 bytes at 6 kbit/s.
const SLOW_GAP: Duration = Duration::from_millis(250);
/// What is said first goes as it is if it is no longer than this, in bytes.
const FIRST_WHOLE: usize = 128;
/// The same of all that follows.
const LATER_WHOLE: usize = 400;
/// The longest that the pieces of a turn may be, in bytes; what follows is left to the kernel. The first is no whole hello
/// of TLS, so that it is acknowledged by itself, and not with an answer, which takes its time too.
const PIECES: [usize; 4] = [192, 384, 768, 1024];

/// A stream that is written in pieces if its line is slow.
#[derive(Debug)]
pub struct Paced<S> {
    stream: S,
    line: Line,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Nothing is to be done.
    Fast,
    /// Nobody knows yet. When something was last read of this turn.
    Watched(Option<Instant>),
    /// So many pieces of this turn were written. The first turn is what is said before anything was read.
    Slow { pieces: usize, is_first: bool },
}

impl<S> Paced<S> {
    /// For the end that connected, which took `rtt`.
    pub fn connected(stream: S, rtt: Duration) -> Self {
        let slow = Line::Slow { pieces: 0, is_first: true };
        Self { stream, line: if SLOW_RTT <= rtt { slow } else { Line::Fast } }
    }

    /// For the end that was connected to.
    pub fn accepted(stream: S) -> Self {
        Self { stream, line: Line::Watched(None) }
    }

    /// How much of so many bytes to write at once.
    fn piece(&self, wanted: usize) -> usize {
        let Line::Slow { pieces, is_first } = self.line else { return wanted };
        let (whole, from) = if is_first { (FIRST_WHOLE, 0) } else { (LATER_WHOLE, 1) };
        let longest = PIECES.get(from + pieces).copied().unwrap_or(usize::MAX);
        match pieces {
            0 if wanted <= whole => wanted,
            // Halves are sooner acknowledged than a long piece with a short one behind it.
            0 => wanted.div_ceil(2).min(longest),
            _ => wanted.min(longest),
        }
    }

    fn wrote(&mut self, count: usize) {
        match &mut self.line {
            Line::Slow { pieces, .. } if 0 < count => *pieces += 1,
            Line::Watched(last) => *last = None,
            Line::Slow { .. } | Line::Fast => {}
        }
    }

    fn read(&mut self) {
        self.line = match self.line {
            Line::Fast => return,
            Line::Slow { .. } => Line::Slow { pieces: 0, is_first: false },
            Line::Watched(last) => {
                let now = Instant::now();
                if last.is_some_and(|last| SLOW_GAP <= now - last) {
                    Line::Slow { pieces: 0, is_first: false }
                } else {
                    Line::Watched(Some(now))
                }
            }
        };
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        this.read();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let piece = this.piece(bytes.len());
        let count = ready!(Pin::new(&mut this.stream).poll_write(cx, &bytes[..piece]))?;
        this.wrote(count);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wanted = slices.iter().map(|slice| slice.len()).sum();
        let piece = this.piece(wanted);
        let stream = Pin::new(&mut this.stream);
        let count = if piece == wanted {
            ready!(stream.poll_write_vectored(cx, slices))?
        } else {
            ready!(stream.poll_write_vectored(cx, &first_of(slices, piece)))?
        };
        this.wrote(count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The first `left` bytes.
fn first_of<'a>(slices: &'a [IoSlice<'_>], mut left: usize) -> Vec<IoSlice<'a>> {
    let mut first = Vec::with_capacity(slices.len());
    for slice in slices {
        let part = &slice[..slice.len().min(left)];
        left -= part.len();
        first.push(IoSlice::new(part));
    }
    first
}
