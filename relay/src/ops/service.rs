//! What the service manager (systemd) is told: ready, stopping, a line of status, and that the relay still lives.
//!
//! Elsewhere than on Linux, or when nobody asked, every call does nothing.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Readiness;

/// The relay serves from now on; `status` is shown by `systemctl status`.
pub fn ready(status: &str) {
    platform::notify(&[platform::State::Ready, platform::State::Status(status)]);
}

/// The relay is ending; `status` says what it still waits for.
pub fn stopping(status: &str) {
    platform::notify(&[platform::State::Stopping, platform::State::Status(status)]);
}

/// Replaces the line of status.
pub fn status(status: &str) {
    platform::notify(&[platform::State::Status(status)]);
}

/// Feeds the watchdog, when the service manager set one, at half its period and only while the relay is ready.
/// Ends with `shutdown`, at once where there is no watchdog.
pub async fn keep_watchdog(readiness: Readiness, shutdown: CancellationToken) {
    if let Some(period) = platform::watchdog_period() {
        beat(period / 2, readiness, shutdown, || platform::notify(&[platform::State::Watchdog]))
            .await;
    }
}

async fn beat(
    every: Duration,
    readiness: Readiness,
    shutdown: CancellationToken,
    mut feed: impl FnMut(),
) {
    loop {
        if readiness.ask().await {
            feed();
        }
        if shutdown.run_until_cancelled(tokio::time::sleep(every)).await.is_none() {
            return;
        }
    }
}

#[cfg(target_os = "linux")]
mod platform {
    use std::time::Duration;

    pub(super) use sd_notify::NotifyState as State;

    pub(super) fn notify(state: &[State<'_>]) {
        if let Err(err) = sd_notify::notify(state) {
            tracing::debug!(
                error = &err as &dyn std::error::Error,
                "the service manager was not told"
            );
        }
    }

    pub(super) fn watchdog_period() -> Option<Duration> {
        sd_notify::watchdog_enabled().filter(|period| !period.is_zero())
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::time::Duration;

    #[derive(Debug)]
    pub(super) enum State<'a> {
        Ready,
        Stopping,
        Watchdog,
        Status(#[allow(dead_code, reason = "nobody to tell")] &'a str),
    }

    pub(super) fn notify(_state: &[State<'_>]) {}

    pub(super) fn watchdog_period() -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_watchdog_is_fed_only_while_the_relay_is_ready() {
        let (ready, fed) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let shutdown = CancellationToken::new();
        let readiness = Readiness::new({
            let ready = ready.clone();
            move || std::future::ready(ready.load(Ordering::SeqCst))
        });
        let beating = tokio::spawn({
            let (fed, shutdown) = (fed.clone(), shutdown.clone());
            async move {
                let feed = || _ = fed.fetch_add(1, Ordering::SeqCst);
                beat(Duration::from_secs(5), readiness, shutdown, feed).await;
            }
        });
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(fed.load(Ordering::SeqCst), 3);
        ready.store(false, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(fed.load(Ordering::SeqCst), 3);
        shutdown.cancel();
        beating.await.unwrap();
    }
}
