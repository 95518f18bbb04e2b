//! What the link knows, and the one place that decides which bytes pass.
//!
//! **Invariant:** a byte is written to a socket, counted, recorded and held against the cut plans under one lock
//! ([`State::pass`]), and nothing is written to a connection outside it. So counters are exact whenever they are
//! read, and once a cut is decided not one more byte passes in any direction.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::plan::{Both, CutPlan, Direction, Manner, Pace};
use super::tape::Tape;
use super::{Counters, Event};

/// Connections that the link remembers; of older ones only that they were closed.
pub(super) const CONNECTIONS_KEPT: usize = 4096;
/// Bytes read at once.
pub(super) const CHUNK_LEN_MAX: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct State {
    pub(super) target: SocketAddr,
    pub(super) down: bool,
    pub(super) plans: VecDeque<CutPlan>,
    pub(super) cut_after: Both<Option<(u64, Manner)>>,
    pub(super) stalled: Both<bool>,
    pub(super) pace: Pace,
    pub(super) tape: Tape,
    /// When the line of a direction has sent what it was given.
    line_free: Both<Option<Instant>>,
    passed: Both<u64>,
    connections: u64,
    /// The longest causal chain of one-way trips that arrived, and where counting it began.
    chain: Both<u64>,
    chain_base: u64,
    next: u64,
    known: BTreeMap<u64, Connection>,
    events: broadcast::Sender<Event>,
}

#[derive(Debug)]
struct Connection {
    phase: Phase,
    passed: Both<u64>,
    left: Both<Option<u64>>,
    manner: Manner,
    chain: Both<u64>,
    first_trip: u64,
    cut: CancellationToken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Opening,
    Open,
    Cut(Manner),
    Closed,
}

/// What the line makes of a chunk that was just read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) sent_at: Instant,
    pub(super) due: Instant,
    chain: u64,
}

pub(super) enum Pass {
    Wrote(usize),
    Stalled,
    Cut,
}

impl State {
    pub(super) fn new(target: SocketAddr, events: broadcast::Sender<Event>) -> Self {
        Self {
            target,
            down: false,
            plans: VecDeque::new(),
            cut_after: Both::default(),
            stalled: Both::default(),
            pace: Pace::INSTANT,
            tape: Tape::default(),
            line_free: Both::default(),
            passed: Both::default(),
            connections: 0,
            chain: Both::default(),
            chain_base: 0,
            next: 0,
            known: BTreeMap::new(),
            events,
        }
    }

    /// Takes a connection in, with its number and the token that tells of its cut; none while the link is down.
    pub(super) fn admit(&mut self) -> Option<(u64, CancellationToken)> {
        if self.down {
            self.tell(Event::Refused);
            return None;
        }
        let n = self.next;
        self.next += 1;
        self.connections += 1;
        let plan = self.plans.pop_front().unwrap_or_default();
        // The handshake: a SYN caused by what was last heard, and its answer.
        let chain = Both { up: self.chain.down + 1, down: self.chain.down + 2 };
        let first_trip = chain.up;
        self.chain =
            Both { up: self.chain.up.max(chain.up), down: self.chain.down.max(chain.down) };
        let cut = CancellationToken::new();
        let connection = Connection {
            phase: Phase::Opening,
            passed: Both::default(),
            left: Both { up: plan.up, down: plan.down },
            manner: plan.manner,
            chain,
            first_trip,
            cut: cut.clone(),
        };
        self.known.insert(n, connection);
        self.tape.begin(n);
        self.forget_old();
        Some((n, cut))
    }

    fn forget_old(&mut self) {
        let mut surplus = self.known.len().saturating_sub(CONNECTIONS_KEPT);
        while surplus > 0
            && self.known.first_key_value().is_some_and(|(_, c)| c.phase == Phase::Closed)
        {
            self.known.pop_first();
            surplus -= 1;
        }
    }

    /// The relay's side is connected too. False when the connection was cut meanwhile.
    pub(super) fn opened(&mut self, n: u64) -> bool {
        let opened = self.known.get_mut(&n).is_some_and(|c| {
            let opening = c.phase == Phase::Opening;
            if opening {
                c.phase = Phase::Open;
            }
            opening
        });
        if opened {
            self.tell(Event::Connected { n });
        }
        opened
    }

    /// Both sockets of the connection are closed.
    pub(super) fn closed(&mut self, n: u64) {
        if let Some(connection) = self.known.get_mut(&n) {
            connection.phase = Phase::Closed;
            self.tell(Event::Closed { n });
        }
    }

    /// How many bytes to read next: a twentieth of a second of the line, so that a slow one trickles.
    pub(super) fn chunk_len(&self, direction: Direction) -> usize {
        let len = self.pace.bytes_s(direction).map_or(CHUNK_LEN_MAX as u64, |rate| rate / 20);
        len.clamp(1, CHUNK_LEN_MAX as u64) as usize
    }

    /// Puts `len` bytes onto the line.
    pub(super) fn enter(&mut self, n: u64, direction: Direction, len: usize) -> Entry {
        let now = Instant::now();
        let sent_at = match self.pace.bytes_s(direction) {
            None => now,
            Some(rate) => {
                let start = self.line_free[direction].map_or(now, |free| free.max(now));
                let sent_at = start + Duration::from_secs_f64(len as f64 / rate.max(1) as f64);
                self.line_free[direction] = Some(sent_at);
                sent_at
            }
        };
        let heard = self.known.get(&n).map_or(0, |c| c.chain[direction.opposite()]);
        Entry { sent_at, due: sent_at + self.pace.delay, chain: heard + 1 }
    }

    /// Lets as much of `bytes` pass as the plans allow and `write` takes, and cuts where that uses a plan up.
    pub(super) fn pass(
        &mut self,
        n: u64,
        direction: Direction,
        bytes: &[u8],
        entry: Entry,
        write: impl FnOnce(&[u8]) -> io::Result<usize>,
    ) -> io::Result<Pass> {
        if self.stalled[direction] {
            return Ok(Pass::Stalled);
        }
        let Some(connection) = self.known.get_mut(&n).filter(|c| c.phase == Phase::Open) else {
            return Ok(Pass::Cut);
        };
        let all_left = self.cut_after[direction].map_or(u64::MAX, |(left, _)| left);
        let room = connection.left[direction].unwrap_or(u64::MAX).min(all_left);
        if room == 0 {
            self.cut_where_used_up(n, direction);
            return Ok(Pass::Cut);
        }
        let allowed = &bytes[..bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX))];
        let written = write(allowed)?;

        connection.passed[direction] += written as u64;
        connection.chain[direction] = connection.chain[direction].max(entry.chain);
        self.chain[direction] = self.chain[direction].max(entry.chain);
        self.passed[direction] += written as u64;
        self.tape.record(n, direction, &allowed[..written]);
        self.spend(n, direction, written as u64);
        Ok(Pass::Wrote(written))
    }

    fn spend(&mut self, n: u64, direction: Direction, bytes: u64) {
        if let Some(left) = self.known.get_mut(&n).and_then(|c| c.left[direction].as_mut()) {
            *left -= bytes;
        }
        if let Some((left, _)) = &mut self.cut_after[direction] {
            *left -= bytes;
        }
        self.cut_where_used_up(n, direction);
    }

    fn cut_where_used_up(&mut self, n: u64, direction: Direction) {
        if let Some((0, manner)) = self.cut_after[direction] {
            self.cut_after[direction] = None;
            self.hang_up(manner);
        }
        let used_up = self.known.get(&n).filter(|c| c.left[direction] == Some(0)).map(|c| c.manner);
        if let Some(manner) = used_up {
            self.cut(n, manner);
        }
    }

    fn cut(&mut self, n: u64, manner: Manner) {
        let Some(connection) = self.known.get_mut(&n) else { return };
        match connection.phase {
            Phase::Opening | Phase::Open => {
                connection.phase = Phase::Cut(manner);
                connection.cut.cancel();
                self.tell(Event::Cut { n });
            }
            Phase::Cut(_) => connection.phase = Phase::Cut(manner),
            Phase::Closed => {}
        }
    }

    /// Cuts every connection now; those in a black hole too.
    pub(super) fn hang_up(&mut self, manner: Manner) {
        let live: Vec<u64> =
            self.known.iter().filter(|(_, c)| c.phase != Phase::Closed).map(|(n, _)| *n).collect();
        for n in live {
            self.cut(n, manner);
        }
    }

    pub(super) fn set_down(&mut self, down: bool) {
        self.down = down;
        if down {
            self.hang_up(Manner::Reset);
        }
    }

    pub(super) fn passed(&self, direction: Direction) -> u64 {
        self.passed[direction]
    }

    pub(super) fn phase(&self, n: u64) -> Option<Phase> {
        if n >= self.next {
            None
        } else {
            Some(self.known.get(&n).map_or(Phase::Closed, |c| c.phase))
        }
    }

    pub(super) fn open_connections(&self) -> usize {
        self.known.values().filter(|c| c.phase != Phase::Closed).count()
    }

    pub(super) fn accepted(&self) -> u64 {
        self.next
    }

    pub(super) fn counters(&self) -> Counters {
        Counters {
            up: self.passed.up,
            down: self.passed.down,
            connections: self.connections,
            round_trips: self.chain.up.max(self.chain.down).saturating_sub(self.chain_base) / 2,
        }
    }

    pub(super) fn counters_of(&self, n: u64) -> Option<Counters> {
        let connection = self.known.get(&n)?;
        let chain = connection.chain.up.max(connection.chain.down);
        Some(Counters {
            up: connection.passed.up,
            down: connection.passed.down,
            connections: 1,
            round_trips: (chain + 1 - connection.first_trip) / 2,
        })
    }

    pub(super) fn reset_counters(&mut self) {
        self.passed = Both::default();
        self.connections = 0;
        self.chain_base = self.chain.down;
    }

    fn tell(&self, event: Event) {
        // No one listening is fine.
        let _ = self.events.send(event);
    }
}
