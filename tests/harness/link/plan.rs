//! What may happen to a link, as plain values: directions, cuts and their manner, line speeds.

use std::ops::{Index, IndexMut};
use std::time::Duration;

use crate::rng::Rng;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the agent to the relay.
    Up,
    /// From the relay to the agent.
    Down,
}

impl Direction {
    /// Both, for loops.
    pub const BOTH: [Self; 2] = [Self::Up, Self::Down];

    /// The other way.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

/// One value for each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Both<T> {
    pub(super) up: T,
    pub(super) down: T,
}

impl<T> Index<Direction> for Both<T> {
    type Output = T;

    fn index(&self, direction: Direction) -> &T {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }
}

impl<T> IndexMut<Direction> for Both<T> {
    fn index_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

/// What the two ends notice of a cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// Both see the end of the stream (FIN) after the bytes that passed. What they still write for up to two seconds
    /// is swallowed, so that a reset cannot overtake bytes that passed.
    #[default]
    Close,
    /// Both see a connection reset (RST) at once. Bytes that passed but found the receiver's window full (a receiver
    /// tens of kilobytes behind) are lost with it, although they were counted: that is how a real reset behaves.
    Reset,
    /// Neither sees anything: both sockets stay open and swallow all that is written, until both ends have closed
    /// or the link is hung up, taken down or dropped.
    Blackhole,
}

/// Where one connection is cut: after exactly so many bytes of payload in either direction, whichever comes first.
/// An offset of 0 cuts when the first byte wants to pass, so `down(0)` lets a whole request through and loses all of
/// its answer. The default is no cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CutPlan {
    /// Bytes from the agent to the relay that pass, counted from the start of the connection.
    pub up: Option<u64>,
    /// Bytes from the relay to the agent that pass, counted from the start of the connection.
    pub down: Option<u64>,
    /// What the two ends notice.
    pub manner: Manner,
}

impl CutPlan {
    /// A connection that is left alone.
    pub const NONE: Self = Self { up: None, down: None, manner: Manner::Close };

    /// Cuts after `bytes` from the agent.
    pub const fn up(bytes: u64) -> Self {
        Self { up: Some(bytes), ..Self::NONE }
    }

    /// Cuts after `bytes` from the relay.
    pub const fn down(bytes: u64) -> Self {
        Self { down: Some(bytes), ..Self::NONE }
    }

    /// Cuts after `bytes` in `direction`.
    pub const fn at(direction: Direction, bytes: u64) -> Self {
        match direction {
            Direction::Up => Self::up(bytes),
            Direction::Down => Self::down(bytes),
        }
    }

    /// The same cut in another manner.
    #[must_use]
    pub const fn by(self, manner: Manner) -> Self {
        Self { manner, ..self }
    }

    /// A cut in one direction at any offset from 0 to `up_max` or `down_max`, all offsets equally likely, by closing
    /// or by reset.
    pub fn random(rng: &mut Rng, up_max: u64, down_max: u64) -> Self {
        let offset = rng.below(up_max + down_max + 2);
        let plan =
            if offset <= up_max { Self::up(offset) } else { Self::down(offset - up_max - 1) };
        plan.by(*rng.pick(&[Manner::Close, Manner::Reset]))
    }
}

/// The pace of a line. Rates count TCP payload only, so a real line of the same rate is slower by its headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Bytes a second from the agent; none: no limit.
    pub up_bytes_s: Option<u64>,
    /// Bytes a second from the relay; none: no limit.
    pub down_bytes_s: Option<u64>,
    /// How long each byte is under way, one way.
    pub delay: Duration,
}

impl Pace {
    /// As fast as the machine: the default.
    pub const INSTANT: Self = Self { up_bytes_s: None, down_bytes_s: None, delay: Duration::ZERO };
    /// A dial-up modem: 33,600 bit/s.
    pub const V34: Self = Self::new(4200, 4200, 75);
    /// An early mobile phone: 20 kbit/s up, 40 kbit/s down.
    pub const GPRS: Self = Self::new(2500, 5000, 300);
    /// A satellite phone: 2,400 bit/s and 1.3 s for a round trip.
    pub const IRIDIUM: Self = Self::new(300, 300, 650);

    /// A line of these rates and this one-way delay.
    pub const fn new(up_bytes_s: u64, down_bytes_s: u64, delay_ms: u64) -> Self {
        Self {
            up_bytes_s: Some(up_bytes_s),
            down_bytes_s: Some(down_bytes_s),
            delay: Duration::from_millis(delay_ms),
        }
    }

    /// Bytes a second in one direction.
    pub const fn bytes_s(&self, direction: Direction) -> Option<u64> {
        match direction {
            Direction::Up => self.up_bytes_s,
            Direction::Down => self.down_bytes_s,
        }
    }
}
