//! How far a visit has come, for whoever looks meanwhile.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::time::Instant;

use crate::link::Meter;

/// What a visit is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Asking the program of `before_connect`.
    #[default]
    Asking,
    /// Running the dial program, or waiting for its link.
    Dialling,
    /// Waiting until the relay can be reached at all.
    Reaching,
    /// Connecting and exchanging.
    Exchanging,
    /// Holding the line.
    Holding,
    /// Running the program that takes the link down.
    HangingUp,
}

/// How far the visit has come that is being made.
#[derive(Debug, Default)]
pub(crate) struct Glance(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    phase: Phase,
    began: Option<Instant>,
    meter: Option<Meter>,
}

/// The same at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Sight {
    /// What it does.
    pub(crate) phase: Phase,
    /// Seconds since it began.
    pub(crate) seconds: u64,
    /// Bytes written to sockets so far.
    pub(crate) bytes_up: u64,
    /// Bytes read from sockets so far.
    pub(crate) bytes_down: u64,
}

impl Glance {
    /// Another visit begins.
    pub(super) fn begin(&self) {
        *self.seen() = Seen { began: Some(Instant::now()), ..Seen::default() };
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.seen().phase = phase;
    }

    /// Its bytes are counted here from now on.
    pub(super) fn counts(&self, meter: &Meter) {
        self.seen().meter = Some(meter.clone());
    }

    /// As it stands now, or stood at the end of the last visit.
    pub(crate) fn look(&self) -> Sight {
        let seen = self.seen();
        let moved = seen.meter.as_ref().map_or((0, 0), |meter| (meter.up(), meter.down()));
        Sight {
            phase: seen.phase,
            seconds: seen.began.map_or(0, |began| began.elapsed().as_secs()),
            bytes_up: moved.0,
            bytes_down: moved.1,
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
