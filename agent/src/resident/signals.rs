//! What the operating system asks of the agent. The one place that knows which signals a platform has.

use std::io;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Signals that wait to be looked at.
const WAITING_MAX: usize = 4;

/// What a signal asks for, beside ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Read the settings again (SIGHUP).
    Reload,
    /// Make a visit now (SIGUSR1).
    Sync,
}

/// Takes the signals of this process over: `stop` is cancelled at SIGTERM, SIGINT or Ctrl-C, the others are given. They end
/// when the runtime does.
///
/// # Errors
/// When the system refuses a handler.
pub fn listen(stop: CancellationToken) -> io::Result<mpsc::Receiver<Signal>> {
    let (tell, told) = mpsc::channel(WAITING_MAX);
    platform::listen(stop, tell)?;
    Ok(told)
}

/// Hands a signal on. Where so many of them wait already, one more asks for nothing new; wishes for a visit never take the
/// place that a reload needs.
#[cfg_attr(not(unix), allow(dead_code, reason = "there are no such signals"))]
fn hand_on(tell: &mpsc::Sender<Signal>, signal: Signal) {
    if signal == Signal::Reload || WAITING_MAX / 2 < tell.capacity() {
        // Full of reloads: the first of them reads what there is by then.
        let _ = tell.try_send(signal);
    }
}

#[cfg(unix)]
mod platform {
    use std::io;

    use tokio::{
        signal::unix::{SignalKind, signal},
        sync::mpsc,
    };
    use tokio_util::sync::CancellationToken;

    use super::Signal;

    pub(super) fn listen(stop: CancellationToken, tell: mpsc::Sender<Signal>) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut user = signal(SignalKind::user_defined1())?;
        tokio::spawn(async move {
            loop {
                let asked = tokio::select! {
                    _ = terminate.recv() => None,
                    _ = interrupt.recv() => None,
                    _ = hangup.recv() => Some(Signal::Reload),
                    _ = user.recv() => Some(Signal::Sync),
                };
                match asked {
                    Some(signal) => super::hand_on(&tell, signal),
                    None => stop.cancel(),
                }
            }
        });
        Ok(())
    }
}

#[cfg(not(unix))]
mod platform {
    use std::io;

    use tokio::sync::mpsc;
    use tokio_util::sync::CancellationToken;

    use super::Signal;

    pub(super) fn listen(stop: CancellationToken, tell: mpsc::Sender<Signal>) -> io::Result<()> {
        tokio::spawn(async move {
            let _kept = tell;
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.cancel();
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_visits_are_wished_for_a_reload_is_heard() {
        let (tell, mut told) = mpsc::channel(WAITING_MAX);
        for _ in 0..10 {
            hand_on(&tell, Signal::Sync);
        }
        hand_on(&tell, Signal::Reload);
        let heard: Vec<_> = std::iter::from_fn(|| told.try_recv().ok()).collect();
        assert_eq!(heard.last(), Some(&Signal::Reload), "{heard:?}");
        assert!(heard.contains(&Signal::Sync));
    }
}
