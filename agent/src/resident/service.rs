//! What the service manager (systemd) is told. Elsewhere than on Linux, or when nobody asked, it is told nothing.

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Service {
    /// The process stays, so somebody may want to know.
    is_on: bool,
    status: String,
}

impl Service {
    /// `is_on` for an agent that stays.
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, status: String::new() }
    }

    /// It can be asked from now on; also the end of [`Service::reloading`].
    pub(super) fn ready(&self) {
        self.tell(&[platform::State::Ready]);
    }

    /// The settings are read again.
    pub(super) fn reloading(&self) {
        if self.is_on {
            platform::reloading();
        }
    }

    /// It ends.
    pub(super) fn stopping(&mut self) {
        self.tell(&[platform::State::Stopping]);
        self.status("ending");
    }

    /// The line that `systemctl status` shows. Costs nothing where it is the same as before.
    pub(super) fn status(&mut self, words: &str) {
        if self.is_on && self.status != words {
            words.clone_into(&mut self.status);
            self.tell(&[platform::State::Status(words)]);
        }
    }

    /// It lives.
    pub(super) fn alive(&self) {
        self.tell(&[platform::State::Watchdog]);
    }

    /// How often [`Service::alive`] is wanted: half the time after which the manager would act; `None` where it does not.
    pub(super) fn alive_every(&self) -> Option<std::time::Duration> {
        platform::watchdog().filter(|_| self.is_on).map(|period| period / 2)
    }

    fn tell(&self, states: &[platform::State<'_>]) {
        if self.is_on {
            platform::notify(states);
        }
    }
}

#[cfg(target_os = "linux")]
mod platform {
    use std::time::Duration;

    pub(super) use sd_notify::NotifyState as State;

    pub(super) fn notify(states: &[State<'_>]) {
        if let Err(err) = sd_notify::notify(states) {
            tracing::debug!(error = %err, "the service manager was not told");
        }
    }

    pub(super) fn reloading() {
        match State::monotonic_usec_now() {
            // Both in one message: systemd takes one without the other for a mistake.
            Ok(now) => notify(&[State::Reloading, now]),
            Err(err) => tracing::debug!(error = %err, "the service manager was not told"),
        }
    }

    pub(super) fn watchdog() -> Option<Duration> {
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

    pub(super) fn notify(_states: &[State<'_>]) {}

    pub(super) fn reloading() {}

    pub(super) fn watchdog() -> Option<Duration> {
        None
    }
}
