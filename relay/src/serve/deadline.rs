//! Deadlines that follow progress: what is waited for is bytes, counted at the socket, never a handler.
//!
//! [`Watched`] counts below TLS, so a thin line that is in the middle of a large record counts as moving. What the
//! peer owes follows from three facts kept in [`Pulse`]: a request is being answered, its body is being waited for,
//! a write did not fit. All three change only while the connection is polled, so [`watch`] looks at them after each
//! poll and needs one timer; a held request has none running.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use prometheus_client::metrics::counter::Counter;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, sleep_until},
};

use crate::ops::metrics::{Direction, DirectionLabels, Metrics};

/// How long a peer may take for what.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// For the TLS handshake and the first request's header together.
    pub head_time: Duration,
    /// For the next request's header on a kept connection, from the end of the last answer on.
    pub idle_time: Duration,
    /// While a body is read or an answer written: within this time…
    pub progress_time: Duration,
    /// …at least so many bytes move at the socket.
    pub progress_bytes: u64,
}

impl Default for Pace {
    fn default() -> Self {
        let patience = Duration::from_secs(120);
        Self {
            head_time: patience,
            idle_time: patience,
            progress_time: patience,
            progress_bytes: 64,
        }
    }
}

/// The peer did not move within its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Overdue {
    #[error("no whole request header in time")]
    Head,
    #[error("a body or an answer moved too slowly")]
    Bytes,
}

/// What one connection is doing, shared by its socket, its service and its watch.
#[derive(Debug)]
pub(crate) struct Pulse {
    received: AtomicU64,
    sent: AtomicU64,
    write_blocked: AtomicBool,
    body_wanted: AtomicBool,
    answering: AtomicBool,
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
        self.answering.store(false, Relaxed);
        self.answered.fetch_add(1, Relaxed);
    }

    /// Whether somebody waits for more of the request's body.
    pub(crate) fn want_body(&self, wanted: bool) {
        self.body_wanted.store(wanted, Relaxed);
    }

    fn moved(&self) -> u64 {
        self.received() + self.sent()
    }

    fn owed(&self) -> (Owed, u64) {
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    Head,
    Bytes,
    Nothing,
}

/// Runs `inner`, the whole life of a connection, until it ends or its peer is overdue.
pub(crate) async fn watch<F: Future>(
    inner: F,
    pulse: &Pulse,
    pace: Pace,
) -> Result<F::Output, Overdue> {
    let mut inner = pin!(inner);
    let mut timer = pin!(sleep_until(Instant::now() + pace.head_time));
    let mut deadline = Deadline::new(pulse);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = inner.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        if let Some(at) = deadline.moved_to(pulse, pace, timer.deadline()) {
            timer.as_mut().reset(at);
        }
        while deadline.owed.0 != Owed::Nothing && timer.as_mut().poll(cx).is_ready() {
            match deadline.extended(pulse, pace) {
                Ok(at) => timer.as_mut().reset(at),
                Err(overdue) => return Poll::Ready(Err(overdue)),
            }
        }
        Poll::Pending
    })
    .await
}

/// The deadline in force: what is owed, for which request, and how far the socket was when the time began.
struct Deadline {
    owed: (Owed, u64),
    mark: u64,
    /// What was left of a request's time for bytes when it went over to owing none: a peer does not gain time by
    /// letting the handler work in between.
    left: Option<Duration>,
}

impl Deadline {
    fn new(pulse: &Pulse) -> Self {
        Self { owed: pulse.owed(), mark: pulse.moved(), left: None }
    }

    /// When something else is owed than before: until when.
    fn moved_to(&mut self, pulse: &Pulse, pace: Pace, running_until: Instant) -> Option<Instant> {
        let (before, owed) = (self.owed, pulse.owed());
        if before == owed {
            return None;
        }
        self.owed = owed;
        let now = Instant::now();
        if before.0 == Owed::Bytes {
            self.left = Some(running_until.saturating_duration_since(now));
        }
        if before.1 != owed.1 {
            self.left = None;
        }
        match owed.0 {
            Owed::Nothing => None,
            Owed::Head => Some(now + if owed.1 == 0 { pace.head_time } else { pace.idle_time }),
            Owed::Bytes => {
                Some(now + self.left.take().unwrap_or_else(|| self.restart(pulse, pace)))
            }
        }
    }

    /// At the deadline: the next one, or that the peer is overdue.
    fn extended(&mut self, pulse: &Pulse, pace: Pace) -> Result<Instant, Overdue> {
        match self.owed.0 {
            Owed::Bytes if pulse.moved() - self.mark >= pace.progress_bytes => {
                Ok(Instant::now() + self.restart(pulse, pace))
            }
            Owed::Bytes => Err(Overdue::Bytes),
            Owed::Head | Owed::Nothing => Err(Overdue::Head),
        }
    }

    fn restart(&mut self, pulse: &Pulse, pace: Pace) -> Duration {
        self.mark = pulse.moved();
        pace.progress_time
    }
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

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::sleep,
    };

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pulse() -> Arc<Pulse> {
        Arc::new(Pulse::new(&Metrics::new()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_that_does_not_come_is_overdue_after_the_head_time() {
        let began = Instant::now();
        let ended = watch(std::future::pending::<()>(), &pulse(), Pace::default()).await;
        assert_eq!((ended, began.elapsed().as_secs()), (Err(Overdue::Head), 120));
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_may_take_any_time() {
        let pulse = pulse();
        pulse.begin_request();
        assert_eq!(watch(sleep(SECOND * 100_000), &pulse, Pace::default()).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_bytes_is_waited_for_and_one_that_stops_is_not() {
        let pulse = pulse();
        let (near, mut far) = tokio::io::duplex(100);
        let mut socket = Watched::new(near, pulse.clone());
        pulse.begin_request();
        let began = Instant::now();
        let reader = async {
            let mut bytes = [0; 64];
            for _ in 0..20 {
                sleep(SECOND * 100).await;
                far.read_exact(&mut bytes).await.unwrap();
            }
            std::future::pending::<()>().await;
        };
        let ended = tokio::select! {
            ended = watch(socket.write_all(&[7; 10_000]), &pulse, Pace::default()) => ended.map(drop),
            () = reader => unreachable!(),
        };
        let elapsed_s = began.elapsed().as_secs();
        assert_eq!(ended, Err(Overdue::Bytes));
        assert!((2_000..=2_240).contains(&elapsed_s), "{elapsed_s} s");
    }

    #[tokio::test(start_paused = true)]
    async fn work_between_two_bytes_of_a_body_gives_the_peer_no_more_time() {
        let pulse = pulse();
        pulse.begin_request();
        let began = Instant::now();
        let trickle = async {
            loop {
                pulse.want_body(true);
                sleep(SECOND).await;
                pulse.want_body(false);
                sleep(SECOND).await;
            }
        };
        let ended: Result<(), _> = watch(trickle, &pulse, Pace::default()).await;
        assert_eq!((ended, began.elapsed().as_secs()), (Err(Overdue::Bytes), 240));
    }
}
