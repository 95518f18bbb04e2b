//! When to give up on a link: never while bytes move.
//!
//! Waiting is measured, not the time between calls: what the caller does with a piece of an answer costs nothing here.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::meter::Tally;

/// Looking the name up, the TCP and the TLS handshake may take so long together.
pub(crate) const CONNECT_MAX: Duration = Duration::from_secs(120);
/// At least [`PROGRESS_MIN`] bytes have to move within this time.
const QUIET_MAX: Duration = Duration::from_secs(120);
/// Fewer bytes than this within [`QUIET_MAX`] are no progress.
const PROGRESS_MIN: u64 = 64;
/// Half of the slowest link that has to work (2,400 bit/s), in bytes a second: what the kernel still holds of a
/// request leaves at least this fast, unseen by us.
const DRAIN_RATE_MIN: u64 = 150;

/// Watches one request of one connection.
#[derive(Debug)]
pub(crate) struct Patience {
    tally: Arc<Tally>,
    allowed: Duration,
    waited: Duration,
    mark: u64,
    /// The answer has not begun: what comes before it is no progress, however much.
    is_asking: bool,
}

/// No progress for as long as was allowed.
#[derive(Debug)]
pub(crate) struct Stalled {
    pub(crate) waited: Duration,
}

impl Patience {
    /// For a request of `request_len` bytes that the relay may hold for `hold` before it answers. Until the answer's header
    /// is there only what leaves is progress.
    pub(crate) fn new(tally: Arc<Tally>, request_len: usize, hold: Duration) -> Self {
        let drain = Duration::from_secs(request_len as u64 / DRAIN_RATE_MIN);
        let mark = tally.both().0;
        let allowed = QUIET_MAX + hold + drain;
        Self { tally, allowed, waited: Duration::ZERO, mark, is_asking: true }
    }

    /// The request has left (an answer begins): from here on only a hold excuses silence.
    pub(crate) fn request_is_out(&mut self, hold: Duration) {
        self.allowed = QUIET_MAX + hold;
        self.waited = Duration::ZERO;
        self.is_asking = false;
        self.mark = self.moved();
    }

    fn moved(&self) -> u64 {
        if self.is_asking { self.tally.both().0 } else { self.tally.moved() }
    }

    /// Waits for `future` as long as there is progress. Cancel safe if the future is.
    pub(crate) async fn watch<F: Future>(&mut self, future: F) -> Result<F::Output, Stalled> {
        let mut future = pin!(future);
        loop {
            let began = Instant::now();
            let rest = self.allowed.saturating_sub(self.waited);
            tokio::select! {
                biased;
                out = &mut future => {
                    self.waited += began.elapsed();
                    self.look();
                    return Ok(out);
                }
                () = sleep(rest) => self.waited += began.elapsed(),
            }
            if !self.look() && self.allowed <= self.waited {
                return Err(Stalled { waited: self.waited });
            }
        }
    }

    /// Starts a new window where enough bytes moved in this one.
    fn look(&mut self) -> bool {
        let moved = self.moved();
        let progress = PROGRESS_MIN <= moved.saturating_sub(self.mark);
        if progress {
            self.mark = moved;
            // The next window began with the last byte, not with this look; and only the waiting since then counts.
            self.waited = self.waited.min(self.tally.last_progress().elapsed());
        }
        progress
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::link::meter::{Meter, Metered};

    fn watched(request_len: usize, hold_s: u64) -> (Metered<DuplexStream>, Patience, DuplexStream) {
        let (near, far) = duplex(1 << 20);
        let stream = Meter::new(None).wrap(near);
        let patience = Patience::new(stream.tally(), request_len, Duration::from_secs(hold_s));
        (stream, patience, far)
    }

    /// Writes `bytes` every `every_s` seconds, `times` times.
    async fn trickle(stream: &mut Metered<DuplexStream>, bytes: usize, every_s: u64, times: u32) {
        for _ in 0..times {
            sleep(Duration::from_secs(every_s)).await;
            stream.write_all(&vec![0; bytes]).await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_times_out_while_64_bytes_move_in_120_s() {
        let (mut stream, mut patience, _far) = watched(0, 0);
        patience.watch(trickle(&mut stream, 64, 119, 50)).await.unwrap();
        patience.watch(trickle(&mut stream, 1, 1, 5_000)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn less_than_64_bytes_in_120_s_is_a_stall() {
        let (mut stream, mut patience, _far) = watched(0, 0);
        let began = Instant::now();
        let stalled = patience.watch(trickle(&mut stream, 20, 60, 50)).await.unwrap_err();
        assert_eq!((stalled.waited, began.elapsed()), (QUIET_MAX, QUIET_MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_is_noticed_120_s_after_the_last_bytes() {
        let (mut stream, mut patience, _far) = watched(0, 0);
        let began = Instant::now();
        let burst = async {
            trickle(&mut stream, 1000, 10, 10).await;
            std::future::pending::<()>().await;
        };
        patience.watch(burst).await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::from_secs(100 + 120));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_is_noticed_over_many_short_waits_but_the_callers_own_time_does_not_count() {
        let (mut stream, mut patience, _far) = watched(0, 0);
        for _ in 0..11 {
            patience.watch(trickle(&mut stream, 1, 10, 1)).await.unwrap();
            sleep(Duration::from_secs(1000)).await;
        }
        patience.watch(trickle(&mut stream, 1, 11, 1)).await.unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn a_hold_and_what_the_kernel_still_sends_excuse_silence() {
        let (mut stream, mut patience, _far) = watched(0, 300);
        patience.watch(trickle(&mut stream, 1, 419, 1)).await.unwrap();

        let (mut stream, mut patience, _far) = watched(64 << 10, 0);
        // The kernel took it all at once; at 300 bytes a second it takes 218 s to leave.
        stream.write_all(&vec![0; 64 << 10]).await.unwrap();
        patience.watch(sleep(Duration::from_secs(64 * 1024 / 300 + 60))).await.unwrap();
        patience.request_is_out(Duration::ZERO);
        patience.watch(sleep(Duration::from_secs(121))).await.unwrap_err();
    }
}
