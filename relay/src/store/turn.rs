//! What a device brings in one packet of an exchange, and what came of it.

use wire::{AccountId, Cursors, DeviceId, ForkWhy, Mark, Run, Submit};

use super::{DeviceState, Keep};

/// One packet of an exchange, to be made durable.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The account: turns of different ones take turns themselves.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
    /// Number of its exchange; a lower one than the store has seen changes nothing.
    pub x: u64,
    /// Highest own number whose answer lies durable at the device.
    pub told: u64,
    /// What lies durable at the device.
    pub cursors: Cursors,
    /// Read marks.
    pub marks: Vec<Mark>,
    /// Number of the first item.
    pub first: u64,
    /// Items, in order.
    pub submits: Vec<Submit>,
    /// Takes nothing, and only says whether it is a fork: the exchange was repeated.
    pub only_tests: bool,
    /// The relay's clock, in Unix seconds.
    pub now_s: u64,
    /// Lives until the turn is over.
    pub keep: Keep,
}

impl Turn {
    /// What it takes of the memory while it waits, in bytes, about.
    pub(crate) fn weight(&self) -> u32 {
        const TURN_BYTES: usize = 1024;
        const ROW_BYTES: usize = 128;
        let bodies: usize = self.submits.iter().map(|submit| submit.body.len()).sum();
        let rows = self.submits.len() + self.marks.len();
        u32::try_from(TURN_BYTES + bodies + rows * ROW_BYTES).unwrap_or(u32::MAX)
    }
}

/// What came of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was taken.
    Done {
        /// The device as it is now.
        state: DeviceState,
        /// Highest own number answered for before this turn.
        k_before: u64,
        /// Outcomes of the numbers `k_before + 1` to `state.k`.
        runs: Vec<Run>,
        /// Whether the submits did not follow what was answered; none of them was taken.
        gap: bool,
    },
    /// Nothing was taken: the device's store went back in time or has a twin.
    Forked(ForkWhy),
    /// Nothing was taken: the device or its account may not use the relay any more.
    Revoked,
}

/// Adds `run` behind `runs`, joined with the last one where it goes on from there.
pub(crate) fn push_run(runs: &mut Vec<Run>, run: Run) {
    match (runs.last_mut(), run) {
        (
            Some(Run::Placed { count, conversation, c }),
            Run::Placed { count: more, conversation: same, c: next },
        ) if *conversation == same && *c + u64::from(*count) == next => *count += more,
        (Some(Run::Done { count }), Run::Done { count: more }) => *count += more,
        (_, run) => runs.push(run),
    }
}
