//! What the operating system asks of the relay: to end, or to read its certificate again.
//!
//! The one place that knows which signals a platform has.

use std::io;

use tokio_util::sync::CancellationToken;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Finish what runs and end (SIGTERM, SIGINT; Ctrl-C and the console's closing on Windows).
    End,
    /// Read again what may be read again: the certificate (SIGHUP; never on Windows).
    Reload,
}

/// The signals of this process, from the moment of its making on.
#[derive(Debug)]
pub struct Signals(platform::Signals);

impl Signals {
    /// Takes the signals over: from here on they no longer end the process by themselves.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn new() -> io::Result<Self> {
        platform::Signals::new().map(Self)
    }

    /// Waits for the next signal. Cancel safe.
    pub async fn next(&mut self) -> Signal {
        self.0.next().await
    }

    /// Calls `reload` at every [`Signal::Reload`] and cancels `shutdown` at the first [`Signal::End`].
    pub async fn steer(mut self, shutdown: CancellationToken, mut reload: impl FnMut()) {
        loop {
            match self.next().await {
                Signal::Reload => reload(),
                Signal::End => return shutdown.cancel(),
            }
        }
    }
}

#[cfg(unix)]
mod platform {
    use std::io;

    use tokio::signal::unix::{self, SignalKind};

    use super::Signal;

    #[derive(Debug)]
    pub(super) struct Signals {
        hangup: unix::Signal,
        interrupt: unix::Signal,
        terminate: unix::Signal,
    }

    impl Signals {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self {
                hangup: unix::signal(SignalKind::hangup())?,
                interrupt: unix::signal(SignalKind::interrupt())?,
                terminate: unix::signal(SignalKind::terminate())?,
            })
        }

        pub(super) async fn next(&mut self) -> Signal {
            tokio::select! {
                _ = self.terminate.recv() => Signal::End,
                _ = self.interrupt.recv() => Signal::End,
                _ = self.hangup.recv() => Signal::Reload,
            }
        }
    }
}

#[cfg(windows)]
mod platform {
    use std::io;

    use tokio::signal::windows;

    use super::Signal;

    #[derive(Debug)]
    pub(super) struct Signals {
        c: windows::CtrlC,
        close: windows::CtrlClose,
        shutdown: windows::CtrlShutdown,
    }

    impl Signals {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self {
                c: windows::ctrl_c()?,
                close: windows::ctrl_close()?,
                shutdown: windows::ctrl_shutdown()?,
            })
        }

        pub(super) async fn next(&mut self) -> Signal {
            tokio::select! {
                _ = self.c.recv() => Signal::End,
                _ = self.close.recv() => Signal::End,
                _ = self.shutdown.recv() => Signal::End,
            }
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::process::{Command, id};

    use super::*;

    fn send(signal: &str) {
        let sent = Command::new("kill").args([signal, &id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    #[tokio::test]
    async fn hangup_reloads_and_terminate_ends() {
        let signals = Signals::new().unwrap();
        let shutdown = CancellationToken::new();
        let mut reloads = 0;
        send("-HUP");
        let count = || {
            reloads += 1;
            send("-TERM");
        };
        signals.steer(shutdown.clone(), count).await;
        assert!(shutdown.is_cancelled());
        assert_eq!(reloads, 1);
    }
}
