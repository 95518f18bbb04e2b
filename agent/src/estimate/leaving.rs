//! When what waits here leaves: own calls ahead, and how much of the queue each takes.

use serde::{Deserialize, Serialize};

/// Bytes of a budget that the connection takes: handshake, headers, the greeting.
const CONNECTION: u64 = 4_096;
/// Bytes that go up with the smallest budget at least.
const UP_LEAST: u64 = 512;

/// A call that is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departure {
    /// When, in seconds since 1970.
    pub at: i64,
    /// Bytes of messages that it takes, about; none for no limit.
    pub up_max: Option<u64>,
}

impl Departure {
    /// A call at `at` with this budget for both directions, in bytes.
    #[must_use]
    pub fn within(at: i64, budget: Option<u64>) -> Self {
        // Half of it goes up at most, unless nothing waits at the relay.
        let up = |budget: u64| (budget.saturating_sub(CONNECTION) / 2).max(UP_LEAST);
        Self { at, up_max: budget.map(up) }
    }
}

/// The next calls that take messages along, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departures {
    /// Those that take everything.
    pub ordinary: Vec<Departure>,
    /// Those that take what is urgent.
    pub urgent: Vec<Departure>,
}

impl Departures {
    /// When something leaves that is the last of `bytes` in the queue: with the call that has room for it, and at the
    /// latest with the one `needed` calls on, itself counted, because calls fail. `None` where nobody calls by himself.
    #[must_use]
    pub fn leaves(&self, is_urgent: bool, bytes: u64, needed: usize) -> Option<(i64, i64)> {
        let calls = if is_urgent { &self.urgent } else { &self.ordinary };
        let mut room = 0_u64;
        let has_room = |call: &Departure| {
            room = call.up_max.map_or(u64::MAX, |more| room.saturating_add(more));
            bytes <= room
        };
        // Beyond the last one that is looked at nobody counts.
        let first = calls.iter().position(has_room).or(calls.len().checked_sub(1))?;
        let last = first.saturating_add(needed.saturating_sub(1)).min(calls.len() - 1);
        Some((calls[first].at, calls[last].at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(budget: Option<u64>) -> Departures {
        let ordinary = (1..=4).map(|n| Departure::within(n * 100, budget)).collect();
        Departures { ordinary, urgent: vec![Departure::within(50, None)] }
    }

    #[test]
    fn what_has_no_room_in_a_call_waits_for_the_next() {
        let tight = calls(Some(12 << 10));
        assert_eq!(tight.leaves(false, 4_000, 1), Some((100, 100)));
        assert_eq!(tight.leaves(false, 5_000, 1), Some((200, 200)));
        assert_eq!(tight.leaves(false, u64::MAX, 1), Some((400, 400)), "as far as is looked");
        assert_eq!(calls(None).leaves(false, u64::MAX, 1), Some((100, 100)));
        assert_eq!(tight.leaves(true, 5_000, 1), Some((50, 50)), "urgent by its own rule");
    }

    #[test]
    fn where_own_calls_fail_the_latest_is_a_later_one() {
        assert_eq!(calls(None).leaves(false, 10, 3), Some((100, 300)));
        assert_eq!(calls(None).leaves(false, 10, 9), Some((100, 400)));
        assert_eq!(Departures::default().leaves(false, 10, 1), None);
    }
}
