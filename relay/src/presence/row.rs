//! One account's presence: what its devices said, and what others see of it.

use std::time::Duration;

use tokio::time::Instant;
use wire::{AccountId, DeviceId, PresenceRow, PresenceState};

use super::{Arrival, LINGER, REACHABLE_MAX};

/// Devices of one account that are remembered; the one not heard of for longest is forgotten.
const DEVICES_MAX: usize = 16;
/// An announced call that moves by less is no news.
const CALL_STEP: Duration = Duration::from_secs(60);
/// Nor is having been here again, sooner than this.
const SEEN_STEP: Duration = Duration::from_secs(900);

/// One account.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// When it last changed; 0 is never.
    pub(super) version: u64,
    /// Who may see it, as far as a hold of its own had to know.
    pub(super) viewers: Vec<AccountId>,
    devices: Vec<Device>,
    shown: Shown,
}

/// What others see.
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    state: PresenceState,
    seen: Option<Instant>,
    next_call: Option<Instant>,
}

#[derive(Debug)]
struct Device {
    device: DeviceId,
    state: PresenceState,
    seen: Instant,
    next_call: Option<Instant>,
    /// The exchange that holds.
    hold: Option<u64>,
    /// Until when it counts as reachable.
    until: Option<Instant>,
}

/// What a look at a row found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Others see what they saw.
    Same,
    /// They see other times.
    OtherTimes,
    /// They see another state.
    OtherState,
}

impl Seen {
    pub(super) fn is_news(self) -> bool {
        self != Self::Same
    }
}

impl Row {
    /// A row that says that somebody is not there.
    pub(super) fn none(account: AccountId) -> PresenceRow {
        PresenceRow { account, state: PresenceState::Hidden, seen_ago_s: 0, next_call_s: 0 }
    }

    /// A device called.
    pub(super) fn arrive(&mut self, arrival: &Arrival, now: Instant) {
        let device = self.device(arrival.device, now);
        device.state = arrival.state;
        device.seen = now;
        let wait = Duration::from_secs(arrival.next_call_s.into());
        device.next_call = (!wait.is_zero()).then(|| now + wait);
        if arrival.holds {
            device.hold = Some(arrival.x);
        }
        if device.hold.is_some() {
            device.until = Some(now + REACHABLE_MAX);
        }
    }

    /// A hold ended.
    pub(super) fn leave(&mut self, device: DeviceId, x: u64, now: Instant) {
        let held = |one: &&mut Device| one.device == device && one.hold == Some(x);
        if let Some(device) = self.devices.iter_mut().find(held) {
            device.hold = None;
            device.until = device.until.map(|until| until.min(now + LINGER));
        }
    }

    fn device(&mut self, device: DeviceId, now: Instant) -> &mut Device {
        let at = self.devices.iter().position(|one| one.device == device).unwrap_or_else(|| {
            if DEVICES_MAX <= self.devices.len() {
                self.devices.sort_unstable_by_key(|one| std::cmp::Reverse(one.seen));
                self.devices.truncate(DEVICES_MAX - 1);
            }
            let state = PresenceState::Hidden;
            // Most accounts have one device.
            self.devices.reserve_exact(1);
            self.devices.push(Device {
                device,
                state,
                seen: now,
                next_call: None,
                hold: None,
                until: None,
            });
            self.devices.len() - 1
        });
        &mut self.devices[at]
    }

    /// Works out what others see now.
    pub(super) fn look(&mut self, now: Instant) -> Seen {
        let open = || self.devices.iter().filter(|device| device.state != PresenceState::Hidden);
        let here = open().filter(|device| device.until.is_some_and(|until| now < until));
        let next = Shown {
            state: here
                .map(|device| device.state)
                .min_by_key(|state| state.number())
                .unwrap_or_default(),
            seen: open().map(|device| device.seen).max(),
            next_call: open().filter_map(|device| device.next_call).filter(|at| now < *at).min(),
        };
        let seen = match self.shown {
            before if before.state != next.state => Seen::OtherState,
            before if before.differs(&next, now) => Seen::OtherTimes,
            _ => return Seen::Same,
        };
        self.shown = next;
        seen
    }

    /// When it ceases to be what it is, if it is there.
    pub(super) fn ends_at(&self) -> Option<Instant> {
        if self.shown.state == PresenceState::Hidden {
            return None;
        }
        let open = self.devices.iter().filter(|device| device.state == self.shown.state);
        open.filter_map(|device| device.until).max()
    }

    /// What others see, by the clock of their answer.
    pub(super) fn shown(&self, account: AccountId, now: Instant) -> PresenceRow {
        let Shown { state, seen, next_call } = self.shown;
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        PresenceRow {
            account,
            state,
            seen_ago_s: seen.map_or(0, |at| seconds(now - at).saturating_add(1)),
            next_call_s: next_call.map_or(0, |at| seconds(at.saturating_duration_since(now))),
        }
    }
}

impl Shown {
    /// Whether times moved by more than a step. That a call's time came is no news.
    fn differs(&self, next: &Self, now: Instant) -> bool {
        let call = match (self.next_call, next.next_call) {
            (Some(before), Some(next)) => CALL_STEP < apart(before, next),
            (Some(before), None) => now < before,
            (None, next) => next.is_some(),
        };
        let seen = match (self.seen, next.seen) {
            (Some(before), Some(next)) => SEEN_STEP <= apart(before, next),
            (before, next) => before.is_some() != next.is_some(),
        };
        call || seen
    }
}

fn apart(a: Instant, b: Instant) -> Duration {
    a.max(b) - a.min(b)
}

/// Bytes of a row in a frame.
pub(super) fn size(row: &PresenceRow) -> usize {
    let varint = |number: u64| match number {
        0..=250 => 1,
        251..=0xFFFF => 3,
        0x1_0000..=0xFFFF_FFFF => 5,
        _ => 9,
    };
    varint(row.account) + 1 + varint(row.seen_ago_s.into()) + varint(row.next_call_s.into())
}
