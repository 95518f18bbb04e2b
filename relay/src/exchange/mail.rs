//! What of a mailbox goes into an answer: lanes in order, from one snapshot, page by page.
//!
//! **Invariant:** within a lane nothing is skipped. A lane that the budget ends is given up for
//! the rest of the answer; where the budget is tight, each lane leaves room for the first entry of
//! those behind it, so every lane moves in every visit.

use std::collections::VecDeque;

use tracing::error;
use wire::{Cursors, HeldRow, Lane, LaneMask};

use super::{Core, ExchangeError, only, unit::Unit};
use crate::store::{HeldAsk, LaneAsk, LanePage, Login, PAGE_BYTES};

/// More is read when fewer bytes than this wait to be packed.
const QUEUE_LOW_BYTES: usize = 16 * 1024;
/// Least that is read at once.
const PAGE_LEAST_BYTES: usize = 16 * 1024;
/// What a budget may carry of text, times its bytes.
const COMPRESSION_MAX: usize = 8;

/// What a message weighs in a packet beside its body, at most.
const ROW_BYTES: usize = 96;

const _: () = assert!(PAGE_LEAST_BYTES <= PAGE_BYTES);

/// Rows that wait to be packed, and the lanes that they come from.
#[derive(Debug)]
pub(super) struct Mail {
    queue: VecDeque<Unit>,
    wanted: LaneMask,
    /// Lanes of which the snapshot has more than was read.
    pending: LaneMask,
    /// Lanes that the budget ended.
    cut: LaneMask,
    /// Where the answer began.
    from: Cursors,
    /// Up to where packets were made.
    sent: Cursors,
    /// Up to where rows are in the queue.
    read: Cursors,
    /// Where the snapshot ends.
    end: Option<u64>,
    /// Size of the first entry of lanes that are not read yet, once that was looked up.
    first: [usize; 3],
    peeked: bool,
}

impl Mail {
    /// Nothing is read yet.
    pub(super) fn new(wanted: LaneMask, from: Cursors) -> Self {
        Self {
            queue: VecDeque::new(),
            wanted,
            pending: LaneMask::NONE,
            cut: LaneMask::NONE,
            from,
            sent: from,
            read: from,
            end: None,
            first: [0; 3],
            peeked: false,
        }
    }

    /// Reads from a new snapshot on.
    pub(super) fn look(&mut self) {
        let cut = self.cut;
        self.pending = lanes(|lane| self.wanted.contains(lane) && !cut.contains(lane));
        self.end = None;
    }

    /// Whether the snapshot is read.
    pub(super) fn is_read(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether nothing waits to be packed.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Where the snapshot that was read ends; none if none was.
    pub(super) fn end(&self) -> Option<u64> {
        self.end
    }

    /// The device's cursors once it stored what was packed.
    pub(super) fn sent(&self) -> Cursors {
        self.sent
    }

    /// Lanes that the device wants.
    pub(super) fn wanted(&self) -> LaneMask {
        self.wanted
    }

    /// Lanes that the answer leaves something of: not wanted, or ended by the budget.
    pub(super) fn left_out(&self) -> LaneMask {
        lanes(|lane| !self.wanted.contains(lane) || self.cut.contains(lane))
    }

    /// Whether the budget ended a lane.
    pub(super) fn is_cut(&self) -> bool {
        !self.cut.is_empty()
    }

    /// Adds rows that are no mail.
    pub(super) fn push(&mut self, units: impl IntoIterator<Item = Unit>) {
        self.queue.extend(units);
    }

    /// Reads until there is enough to pack, or all is read. `left` is what the budget has.
    ///
    /// # Errors
    /// When the store fails, or the device may not read any more.
    pub(super) async fn fill(
        &mut self,
        core: &Core,
        login: Login,
        now_s: u64,
        left: Option<usize>,
    ) -> Result<(), ExchangeError> {
        while !self.is_read() && self.waiting() < QUEUE_LOW_BYTES {
            let text = left.map_or(PAGE_BYTES, |left| left.saturating_mul(COMPRESSION_MAX));
            let ask = LaneAsk {
                account: login.account,
                device: login.device,
                after: self.read,
                up_to: self.end,
                lanes: self.pending,
                bytes_max: text.clamp(PAGE_LEAST_BYTES, PAGE_BYTES),
                now_s,
            };
            let changes = core.store.changes();
            let generation = changes.generation();
            let page = only(core.store.read(vec![ask]).await)?;
            if !page.active {
                return Err(ExchangeError::Revoked);
            }
            if self.end.is_none() {
                changes.learned(login.account, page.end, generation);
            }
            self.add(page);
            if left.is_some() && !self.is_read() && !self.peeked {
                self.peek(core, login).await?;
            }
        }
        Ok(())
    }

    /// Queues a page. It ends in the first lane that has more; those behind it come later.
    fn add(&mut self, page: LanePage) {
        let LanePage { end, latest, urgent, ordinary, more, .. } = page;
        self.end = Some(end);
        let latest = latest.into_iter().map(|(position, entry)| Unit::Latest(position, entry));
        let urgent = urgent.into_iter().map(|entry| Unit::Mail(Lane::Urgent, entry));
        let ordinary = ordinary.into_iter().map(|entry| Unit::Mail(Lane::Ordinary, entry));
        let (before, read) = (self.pending, self.read);
        for unit in latest.chain(urgent).chain(ordinary) {
            unit.pass(&mut self.read);
            self.queue.push_back(unit);
        }
        self.pending = lanes(|lane| before.contains(lane) && more.contains(lane));
        if self.pending == before && self.read == read {
            error!(?before, end, "a page of a mailbox has nothing and says that there is more");
            self.pending = LaneMask::NONE;
        }
    }

    /// Learns the size of the first entry of lanes that are not read yet: they want room kept.
    async fn peek(&mut self, core: &Core, login: Login) -> Result<(), ExchangeError> {
        let Login { account, device } = login;
        let ask = HeldAsk { account, device, after: self.read, only_first: true };
        for HeldRow { lane, first, .. } in only(core.store.held(vec![ask]).await)? {
            let first = usize::try_from(first).unwrap_or(usize::MAX);
            self.first[index(lane)] = ROW_BYTES.saturating_add(first);
        }
        self.peeked = true;
        Ok(())
    }

    /// The rows that are to be packed next, and the bytes of the budget to be left for others;
    /// whether these are all rows.
    pub(super) fn rows(&mut self, left: Option<usize>) -> (&[Unit], usize, bool) {
        let (size, read) = (self.waiting(), self.is_read());
        let later = Lane::ALL.map(|lane| self.first_of(lane));
        let units: &[Unit] = self.queue.make_contiguous();
        let (Some(left), Some(first)) = (left, units.first()) else { return (units, 0, true) };
        if read && size <= left {
            return (units, 0, true);
        }
        let lane = first.lane();
        let count = units.iter().take_while(|unit| unit.lane() == lane).count();
        let behind = |later: &Lane| lane.is_some_and(|lane| lane < *later);
        // Until it has moved, a lane's own first entry comes before those of the lanes behind it.
        let moved = lane.is_some_and(|lane| self.from.of(lane) < self.sent.of(lane));
        let own = if moved { 0 } else { first.size_max() };
        let mut spare = 0;
        for size in Lane::ALL.into_iter().filter(behind).map(|lane| later[index(lane)]) {
            if own + spare + size <= left {
                spare += size;
            }
        }
        (&units[..count], spare, count == units.len())
    }

    /// Size of the first entry of a lane that is still to go.
    fn first_of(&self, lane: Lane) -> usize {
        match self.queue.iter().find(|unit| unit.lane() == Some(lane)) {
            Some(unit) => unit.size_max(),
            None if self.pending.contains(lane) => self.first[index(lane)],
            None => 0,
        }
    }

    /// The first `count` rows were packed; they are handed out once more.
    pub(super) fn pass(&mut self, count: usize) -> impl Iterator<Item = Unit> + '_ {
        let sent = &mut self.sent;
        self.queue.drain(..count).inspect(|unit| unit.pass(sent))
    }

    /// The first row does not fit into what is left: gives up its lane.
    pub(super) fn give_up(&mut self) {
        let lane = self.queue.front().and_then(Unit::lane);
        self.queue.retain(|unit| unit.lane() != lane);
        if let Some(lane) = lane {
            let (cut, pending) = (self.cut, self.pending);
            self.cut = lanes(|other| other == lane || cut.contains(other));
            self.pending = lanes(|other| other != lane && pending.contains(other));
            *self.read.of_mut(lane) = self.sent.of(lane);
        }
    }

    /// Nothing waits to be packed, for a while: gives the queue's room back.
    pub(super) fn rest(&mut self) {
        self.queue.shrink_to_fit();
    }

    /// Nothing more is to be sent.
    pub(super) fn stop(&mut self) {
        self.queue.clear();
        self.pending = LaneMask::NONE;
        self.cut = self.wanted;
    }

    fn waiting(&self) -> usize {
        self.queue.iter().map(Unit::size_max).sum()
    }
}

fn index(lane: Lane) -> usize {
    usize::from(lane.number())
}

/// The mask of the lanes for which `which` holds.
pub(super) fn lanes(which: impl Fn(Lane) -> bool) -> LaneMask {
    LaneMask::of(&Lane::ALL.into_iter().filter(|lane| which(*lane)).collect::<Vec<_>>())
}
