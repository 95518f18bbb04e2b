//! The tap: what exactly passed through each connection.

use std::collections::BTreeMap;

use super::plan::Direction;

/// Bytes that a recording may hold in all.
const RECORD_LEN_MAX: usize = 64 << 20;

/// The exact bytes that passed through one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The connection's number.
    pub connection: u64,
    /// From the agent.
    pub up: Vec<u8>,
    /// From the relay.
    pub down: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Tape {
    running: bool,
    recorded: BTreeMap<u64, Recorded>,
    len: usize,
    overflowed: bool,
}

impl Tape {
    /// Starts over, or takes no further connections in.
    pub(super) fn set_running(&mut self, running: bool) {
        if running {
            *self = Self::default();
        }
        self.running = running;
    }

    pub(super) fn begin(&mut self, n: u64) {
        if self.running {
            self.recorded.insert(n, Recorded { connection: n, up: Vec::new(), down: Vec::new() });
        }
    }

    pub(super) fn record(&mut self, n: u64, direction: Direction, bytes: &[u8]) {
        let Some(recorded) = self.recorded.get_mut(&n) else { return };
        if self.len + bytes.len() > RECORD_LEN_MAX {
            self.overflowed = true;
            return;
        }
        self.len += bytes.len();
        match direction {
            Direction::Up => recorded.up.extend_from_slice(bytes),
            Direction::Down => recorded.down.extend_from_slice(bytes),
        }
    }

    /// In the order of the connections; none when bytes had to be left out.
    pub(super) fn recorded(&self) -> Option<Vec<Recorded>> {
        (!self.overflowed).then(|| self.recorded.values().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_that_lacks_bytes_is_not_handed_out() {
        let mut tape = Tape::default();
        tape.set_running(true);
        tape.begin(0);
        tape.record(0, Direction::Up, &vec![0; RECORD_LEN_MAX]);
        assert_eq!(tape.recorded().unwrap()[0].up.len(), RECORD_LEN_MAX);
        tape.record(0, Direction::Down, &[0]);
        assert_eq!(tape.recorded(), None);
        tape.set_running(true);
        assert_eq!(tape.recorded(), Some(vec![]));
    }
}
