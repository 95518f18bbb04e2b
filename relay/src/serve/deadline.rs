//! Deadlines that follow progress: what is waited for is bytes, counted at the socket, never a handler.
//!
//! [`Watched`](super::pulse::Watched) counts below TLS, so a thin line that is in the middle of a large record counts as moving. What the
//! peer owes follows from three facts kept in [`Pulse`]: a request is being answered, its body is being waited for,
//! a write did not fit. All three change only while the connection is polled, so [`watch`] looks at them after each
//! poll and needs one timer; a held request has none running.

use std::{future::Future, pin::pin, task::Poll, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::pulse::{Owed, Pulse};

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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::sleep,
    };

    use super::{super::pulse::Watched, *};
    use crate::ops::Metrics;

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
