//! Counts what crosses a TCP socket, to the byte, and stops at a limit.
//!
//! A [`Meter`] is a budget: it may span several connections one after the other or side by side, so failed attempts
//! count. It sits below TLS and sees what the kernel was given and what was taken from it; of segments, their headers
//! and what the kernel sends twice only [`Meter::ip_bytes`] knows, which limits nothing.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};

use line::Paced;

use super::segments::{self, Counted, IpBytes, payload_within};

/// The limit is reached: the read or write was not made.
#[derive(Debug, thiserror::Error)]
#[error("the budget of this visit is spent")]
pub struct BudgetSpent;

/// Bytes up and down, shared by all clones, with an optional hard limit on their sum.
#[derive(Clone, Debug)]
pub struct Meter(Arc<Budget>);

#[derive(Debug)]
struct Budget {
    tally: Tally,
    limit: u64,
    /// Bound of payload and headers together.
    ip_limit: u64,
    /// What the headers of all that passed are about, rather too much than too little; with what was taken in unread by
    /// connections that are gone, and what went for connections that did not come about.
    headers: AtomicU64,
    /// What the kernel may take in unread for all connections that are open.
    read_ahead: AtomicU64,
    /// Nothing passes beyond this sum either, for the time being.
    trial: AtomicU64,
    /// Held across a (never blocking) read or write where there is a limit, so that two connections cannot both
    /// spend the last byte.
    gate: Mutex<()>,
    connections: Mutex<Connections>,
}

impl Budget {
    /// What payload and headers may still come to, with so much to be left for what is taken in unread.
    fn ip_left(&self, read_ahead: u64) -> u64 {
        match self.ip_limit {
            u64::MAX => u64::MAX,
            limit => {
                let spent = self.tally.moved().saturating_add(self.headers.load(Relaxed));
                limit.saturating_sub(spent.saturating_add(read_ahead))
            }
        }
    }

    fn left(&self) -> u64 {
        // Of the connection to come too.
        let read_ahead = self.read_ahead.load(Relaxed).max(segments::read_ahead(self.ip_limit));
        let ip_left = payload_within(self.ip_left(read_ahead));
        self.limit.saturating_sub(self.tally.moved()).min(ip_left)
    }
}

/// What connections cost as IP sees it.
#[derive(Debug, Default)]
struct Connections {
    /// Those that are gone.
    gone: IpBytes,
    open: Vec<Counted>,
}

impl Meter {
    /// A meter which lets at most `limit` bytes pass, up and down together; `None` only counts.
    #[must_use]
    pub fn new(limit: Option<u64>) -> Self {
        Self::within(limit, None)
    }

    /// The same, which also lets pass no more than `ip_limit` bytes with the headers of all segments, what the kernel takes
    /// in unread, and connections that did not come about, as far as they can be known beforehand: what goes twice is not.
    #[must_use]
    pub fn within(limit: Option<u64>, ip_limit: Option<u64>) -> Self {
        Self(Arc::new(Budget {
            tally: Tally::new(),
            limit: limit.unwrap_or(u64::MAX),
            ip_limit: ip_limit.unwrap_or(u64::MAX),
            headers: AtomicU64::new(0),
            read_ahead: AtomicU64::new(0),
            trial: AtomicU64::new(u64::MAX),
            gate: Mutex::new(()),
            connections: Mutex::default(),
        }))
    }

    /// Bytes of IP packets that all connections so far cost, from SYN to FIN, with those that did not come about: what
    /// interfaces count, but for names that were looked up.
    #[must_use]
    pub fn ip_bytes(&self) -> IpBytes {
        let connections = self.connections();
        let open = connections.open.iter().map(Counted::ip_bytes);
        open.fold(connections.gone, IpBytes::plus)
    }

    /// Whether no open connection's other end, on this computer too, has anything left that it could say unread.
    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn is_filled(&self) -> bool {
        self.connections().open.iter().all(Counted::is_filled)
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.0.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes written to sockets.
    #[must_use]
    pub fn up(&self) -> u64 {
        self.0.tally.up.load(Relaxed)
    }

    /// Bytes read from sockets.
    #[must_use]
    pub fn down(&self) -> u64 {
        self.0.tally.down.load(Relaxed)
    }

    /// Bytes that may still pass; `None` without a limit.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        (self.0.limit.min(self.0.ip_limit) != u64::MAX).then(|| self.left())
    }

    /// Lets at most `bytes` more pass until the next call of this, whatever the limit leaves; `None` lifts that. What
    /// [`Meter::remaining`] says does not change.
    pub(crate) fn try_with(&self, bytes: Option<u64>) {
        let most = bytes.map_or(u64::MAX, |bytes| self.0.tally.moved().saturating_add(bytes));
        self.0.trial.store(most, Relaxed);
    }

    /// Counts bytes of IP packets that went beside its sockets, such as those of an attempt to reach the relay, as written.
    pub(crate) fn charge(&self, bytes: u64) {
        self.connections().gone.up += bytes;
        self.0.tally.up.fetch_add(bytes, Relaxed);
    }

    /// How long ago the last byte passed (or the meter was made).
    #[must_use]
    pub fn idle(&self) -> Duration {
        self.0.tally.last_progress().elapsed()
    }

    fn left(&self) -> u64 {
        self.0.left()
    }

    /// What a connection under this meter has the kernel take in ahead of its reader, in bytes; `None`: as it likes.
    pub(crate) fn window(&self) -> Option<u32> {
        segments::window(self.0.ip_limit)
    }

    /// Counts what an attempt to connect cost that came to nothing, as IP sees it.
    pub(crate) fn charge_attempt(&self, cost: IpBytes) {
        let mut connections = self.connections();
        connections.gone = connections.gone.plus(cost);
        self.0.headers.fetch_add(cost.sum(), Relaxed);
    }

    /// Puts a stream under this meter.
    pub(crate) fn wrap<S>(&self, stream: S) -> Metered<S> {
        Metered { stream, meter: self.clone(), own: Arc::new(Tally::new()) }
    }

    /// The same for a connection, whose cost as IP sees it is known too.
    ///
    /// `rtt` is how long it took to connect.
    pub(crate) fn tcp(&self, stream: TcpStream, rtt: Duration) -> MeteredTcp {
        let ends = stream.local_addr().ok().zip(stream.peer_addr().ok());
        let metered = self.wrap(Paced::connected(stream, rtt));
        self.0.headers.fetch_add(segments::CONNECTION, Relaxed);
        self.0.read_ahead.fetch_add(segments::read_ahead(self.0.ip_limit), Relaxed);
        self.connections().open.push(Counted::new(ends, metered.tally()));
        metered
    }

    /// A connection goes.
    fn note_gone(&self, tally: &Arc<Tally>) {
        let mut connections = self.connections();
        if let Some(at) = connections.open.iter().position(|open| open.is(tally)) {
            let gone = connections.open.swap_remove(at).ip_bytes();
            connections.gone = connections.gone.plus(gone);
            drop(connections);
            self.0.read_ahead.fetch_sub(segments::read_ahead(self.0.ip_limit), Relaxed);
            if self.0.ip_limit != u64::MAX {
                // Unread bytes, and segments smaller than most: they are paid for as well.
                let beside = self.ip_bytes().sum().saturating_sub(self.0.tally.moved());
                self.0.headers.fetch_max(beside, Relaxed);
            }
        }
    }
}

/// Counts of one connection, or of all under one meter.
#[derive(Debug)]
pub(crate) struct Tally {
    up: AtomicU64,
    down: AtomicU64,
    refused: AtomicBool,
    /// Nothing is read beyond so many bytes.
    down_max: AtomicU64,
    flooded: AtomicBool,
    began: Instant,
    last_progress_ms: AtomicU64,
}

impl Tally {
    fn new() -> Self {
        Self {
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            refused: AtomicBool::new(false),
            down_max: AtomicU64::new(u64::MAX),
            flooded: AtomicBool::new(false),
            began: Instant::now(),
            last_progress_ms: AtomicU64::new(0),
        }
    }

    /// Bytes both ways.
    pub(crate) fn moved(&self) -> u64 {
        self.up.load(Relaxed).saturating_add(self.down.load(Relaxed))
    }

    /// Bytes written and read.
    pub(crate) fn both(&self) -> (u64, u64) {
        (self.up.load(Relaxed), self.down.load(Relaxed))
    }

    /// Whether a read or write was not made because of the limit.
    pub(crate) fn was_refused(&self) -> bool {
        self.refused.load(Relaxed)
    }

    /// At most so many bytes more are read, until the next call of this; `None` lifts that.
    pub(crate) fn expect(&self, bytes: Option<u64>) {
        let most = bytes.map_or(u64::MAX, |bytes| self.down.load(Relaxed).saturating_add(bytes));
        self.down_max.store(most, Relaxed);
    }

    /// Whether more came than was expected.
    pub(crate) fn was_flooded(&self) -> bool {
        self.flooded.load(Relaxed)
    }

    pub(crate) fn last_progress(&self) -> Instant {
        self.began + Duration::from_millis(self.last_progress_ms.load(Relaxed))
    }

    fn count(&self, direction: &AtomicU64, bytes: usize) {
        if bytes == 0 {
            return;
        }
        direction.fetch_add(bytes as u64, Relaxed);
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_progress_ms.fetch_max(ms, Relaxed);
    }
}

/// A connection under a [`Meter`].
pub(crate) type MeteredTcp = Metered<Paced<TcpStream>>;

/// A stream whose bytes are counted by a [`Meter`], and by a [`Tally`] of its own.
#[derive(Debug)]
pub(crate) struct Metered<S> {
    stream: S,
    meter: Meter,
    own: Arc<Tally>,
}

impl<S> Drop for Metered<S> {
    /// While the kernel still knows it.
    fn drop(&mut self) {
        self.meter.note_gone(&self.own);
    }
}

impl<S> Metered<S> {
    /// What this stream alone has moved.
    pub(crate) fn tally(&self) -> Arc<Tally> {
        self.own.clone()
    }

    /// Does `io` with at most `wanted` bytes, less near the limit, and counts what it says it moved.
    fn within_limit(
        &mut self,
        wanted: usize,
        direction: impl Fn(&Tally) -> &AtomicU64,
        io: impl FnOnce(&mut S, usize) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let budget = &*self.meter.0;
        // The gate guards no data, so a panic of another holder leaves nothing broken.
        let most = budget.limit.min(budget.trial.load(Relaxed));
        let is_bound = most.min(budget.ip_limit) != u64::MAX;
        let _gate = is_bound.then(|| budget.gate.lock().unwrap_or_else(PoisonError::into_inner));
        let left = most.saturating_sub(budget.tally.moved());
        let ip_left = budget.ip_left(budget.read_ahead.load(Relaxed));
        let left = left.min(segments::payload_at_once(ip_left));
        let allowed = usize::try_from(left).unwrap_or(usize::MAX).min(wanted);
        if allowed == 0 && wanted != 0 {
            self.own.refused.store(true, Relaxed);
            return Poll::Ready(Err(io::Error::other(BudgetSpent)));
        }
        let moved = ready!(io(&mut self.stream, allowed))?;
        for tally in [&budget.tally, &*self.own] {
            tally.count(direction(tally), moved);
        }
        budget.headers.fetch_add(segments::headers_of(moved as u64), Relaxed);
        Poll::Ready(Ok(moved))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let expected = this.own.down_max.load(Relaxed).saturating_sub(this.own.down.load(Relaxed));
        let wanted = usize::try_from(expected).unwrap_or(usize::MAX).min(buf.remaining());
        if wanted == 0 && buf.remaining() != 0 {
            this.own.flooded.store(true, Relaxed);
            return Poll::Ready(Err(io::Error::other("more came than was expected")));
        }
        let read = this.within_limit(
            wanted,
            |tally| &tally.down,
            |stream, allowed| {
                let mut part = ReadBuf::new(buf.initialize_unfilled_to(allowed));
                ready!(Pin::new(stream).poll_read(cx, &mut part))?;
                Poll::Ready(Ok(part.filled().len()))
            },
        );
        buf.advance(ready!(read)?);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().within_limit(
            buf.len(),
            |tally| &tally.up,
            |stream, allowed| Pin::new(stream).poll_write(cx, &buf[..allowed]),
        )
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wanted = bufs.iter().map(|buf| buf.len()).sum();
        self.get_mut().within_limit(
            wanted,
            |tally| &tally.up,
            |stream, allowed| {
                if allowed == wanted {
                    return Pin::new(stream).poll_write_vectored(cx, bufs);
                }
                // Near the limit: the first piece alone, cut to what is left.
                let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
                Pin::new(stream).poll_write(cx, &first[..allowed.min(first.len())])
            },
        )
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_write_past_the_limit_is_cut_to_it_and_the_next_is_refused() {
        let (near, mut far) = duplex(100);
        let meter = Meter::new(Some(10));
        let mut stream = meter.wrap(near);
        assert_eq!(stream.write(b"1234567").await.unwrap(), 7);
        let pieces = [io::IoSlice::new(b""), io::IoSlice::new(b"89"), io::IoSlice::new(b"abcd")];
        assert_eq!(stream.write_vectored(&pieces).await.unwrap(), 2);
        assert_eq!(stream.write(b"xyz").await.unwrap(), 1);
        let refused = stream.write(b"z").await.unwrap_err();
        assert!(refused.get_ref().unwrap().is::<BudgetSpent>());
        assert!(stream.tally().was_refused());
        drop(stream);
        let mut seen = String::new();
        far.read_to_string(&mut seen).await.unwrap();
        assert_eq!((seen.as_str(), meter.up(), meter.remaining()), ("123456789x", 10, Some(0)));
    }

    #[tokio::test]
    async fn a_trial_stops_before_the_limit_and_is_lifted() {
        let (near, _far) = duplex(100);
        let meter = Meter::new(Some(50));
        let mut stream = meter.wrap(near);
        meter.try_with(Some(3));
        assert_eq!(stream.write(b"1234").await.unwrap(), 3);
        assert!(stream.write(b"4").await.is_err());
        assert_eq!(meter.remaining(), Some(47), "the budget is another matter");
        meter.try_with(None);
        assert_eq!(stream.write(b"45").await.unwrap(), 2);
    }

    #[tokio::test]
    async fn what_is_said_over_a_connection_that_took_long_leaves_in_pieces() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (rtt_ms, first) in [(999, 500), (1_000, 192)] {
            let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let mut tcp = Meter::new(None).tcp(tcp, Duration::from_millis(rtt_ms));
            assert_eq!(tcp.write(&[0; 500]).await.unwrap(), first, "{rtt_ms} ms");
        }
    }

    #[tokio::test]
    async fn connections_side_by_side_share_one_limit() {
        let meter = Meter::new(Some(10));
        let ((a, mut far_a), (b, _far_b)) = (duplex(100), duplex(100));
        let (mut a, mut b) = (meter.wrap(a), meter.wrap(b));
        far_a.write_all(b"0123456789").await.unwrap();
        b.write_all(b"1234").await.unwrap();
        let mut buf = [0; 20];
        assert_eq!(a.read(&mut buf).await.unwrap(), 6);
        assert!(a.read(&mut buf).await.is_err());
        assert!(b.write(b"5").await.is_err());
        assert_eq!((meter.up(), meter.down()), (4, 6));
        assert_eq!((a.tally().moved(), b.tally().moved()), (6, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn idle_counts_from_the_last_byte() {
        let meter = Meter::new(None);
        let (near, _far) = duplex(100);
        let mut stream = meter.wrap(near);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(meter.idle(), Duration::from_secs(5));
        stream.write_all(b"x").await.unwrap();
        assert_eq!((meter.idle(), meter.remaining()), (Duration::ZERO, None));
    }

    #[tokio::test]
    async fn a_limit_with_headers_holds_for_many_small_pieces_and_for_large_ones() {
        for piece in [1, 40, 1_000, 8_000] {
            let (near, mut far) = duplex(1 << 20);
            let meter = Meter::within(None, Some(20_000));
            let mut stream = meter.wrap(near);
            let (mut pieces, mut passed) = (0, 0);
            while let Ok(written) = stream.write(&vec![0; piece]).await {
                (pieces, passed) = (pieces + 1, passed + written);
            }
            assert!(stream.tally().was_refused() && 0 < pieces);
            let segments = pieces * piece.div_ceil(1_400);
            assert!(
                passed + segments * 52 <= 20_000,
                "{passed} bytes in {pieces} pieces of {piece}"
            );
            assert!(piece < 1_000 || 17_000 < passed, "{passed} bytes in pieces of {piece}");
            assert!(meter.remaining().unwrap() < 1_000);
            drop(stream);
            let mut seen = Vec::new();
            far.read_to_end(&mut seen).await.unwrap();
            assert_eq!(seen.len(), passed);
        }
    }
}
