//! Sleep and wake, as logind tells them. Where it does not run, the schedule notices a wake by the clock.

use tokio::sync::watch;
use tracing::debug;

use super::{
    bus::{Bus, Signals},
    linux::Lost,
};

const NAME: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const INTERFACE: &str = "org.freedesktop.login1.Manager";

/// Begins to listen; a service that comes later is heard too.
pub(super) async fn listen(bus: &Bus) -> Result<Signals, Lost> {
    bus.signals(NAME, PATH, INTERFACE, "PrepareForSleep").await
}

/// Counts wakes. Never ends.
pub(super) async fn follow(signals: Result<Signals, Lost>, wakes: &watch::Sender<u64>) {
    let err = match signals {
        Ok(signals) => count(signals, wakes).await,
        Err(err) => err,
    };
    debug!(error = %err, "nobody tells of sleep and wake");
    std::future::pending::<()>().await;
}

async fn count(mut signals: Signals, wakes: &watch::Sender<u64>) -> Lost {
    loop {
        // True before the sleep, false after it.
        let signal = match signals.next().await {
            Ok(signal) => signal,
            Err(err) => return err,
        };
        let is_before = match signal.body().deserialize::<(bool,)>() {
            Ok((is_before,)) => is_before,
            Err(err) => return err.into(),
        };
        if !is_before {
            wakes.send_modify(|count| *count += 1);
        }
    }
}
