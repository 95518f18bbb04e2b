//! Whose turn it is: a seat for each device, with the highest exchange number seen, what is known
//! of the device, and what has to make way for a newcomer.
//!
//! The turn is a lock that is held while one packet is taken, never while bytes are waited for: a
//! newcomer takes it at the older exchange's next packet edge, and then the number tells the older
//! one that it is over. An abandoned packet keeps the lock until the store is done with it.
//!
//! Before it takes the turn, a newcomer lets the older exchange work off what has reached the relay: what
//! was received is not to cross the link again, only because its sender was quick to come back.
//!
//! Seats are forgotten when there are many. Nothing rests on them: what must not be forgotten is
//! durable before it is answered for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedMutexGuard},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use wire::{Cursors, DeviceId, Lane, LaneMask};

use crate::store::{DeviceState, Generation};

/// When nothing came of the older request for so long, nothing more of it had reached the relay.
const QUIET: Duration = Duration::from_millis(250);
/// A newcomer waits no longer than this for an older request.
const WORK_OFF_MAX: Duration = Duration::from_secs(4);
/// Devices that are remembered at once.
const SEATS_MAX: usize = 200_000;

/// The right to commit for a device.
pub(super) type TurnLock = Arc<OwnedMutexGuard<()>>;

/// All seats.
#[derive(Debug, Default)]
pub(super) struct Seats {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    seats: HashMap<DeviceId, Arc<Seat>>,
    seen: HashMap<DeviceId, u64>,
}

impl Seats {
    /// The device's seat.
    pub(super) fn of(&self, device: DeviceId) -> Arc<Seat> {
        let mut table = lock(&self.table);
        if table.seats.len() >= SEATS_MAX && !table.seats.contains_key(&device) {
            table.seats.retain(|_, seat| 1 < Arc::strong_count(seat));
        }
        table.seats.entry(device).or_default().clone()
    }

    /// Notes that the device was here.
    pub(super) fn note_seen(&self, device: DeviceId, now_s: u64) {
        let mut table = lock(&self.table);
        if table.seen.len() < SEATS_MAX || table.seen.contains_key(&device) {
            table.seen.insert(device, now_s);
        }
    }

    /// Who was here since this was last asked.
    pub(super) fn take_seen(&self) -> Vec<(DeviceId, u64)> {
        lock(&self.table).seen.drain().collect()
    }
}

/// One device's seat.
#[derive(Debug, Default)]
pub(super) struct Seat {
    turn: Arc<tokio::sync::Mutex<()>>,
    table: Mutex<Place>,
    /// Somebody begins or ends to take a request, or calls for the turn.
    moved: Notify,
}

#[derive(Debug, Default)]
struct Place {
    newest: u64,
    /// The newest that asked for mail.
    newest_for_mail: u64,
    /// The newest that came once more: its repetition was, or is going to be, told a `k`.
    repeated: u64,
    state: Option<(Generation, DeviceState)>,
    drained: Option<Drained>,
    /// Whose request is being taken.
    taking: Option<u64>,
    /// The newest that waits for an older one to be worked off.
    called: u64,
    /// Who waits for the turn with its first packet: a number of its own, and its exchange's.
    waiting: Option<(u64, u64)>,
    waiters: u64,
    /// Ends the answer that is being sent, unless it is a hold.
    answer: Option<(u64, CancellationToken)>,
    hold: Option<(u64, CancellationToken)>,
}

/// What an exchange number is to the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Higher than any before: it has the turn now.
    Newest,
    /// The newest once more: a proxy's retry, or a replay.
    Again,
    /// Lower.
    Stale,
}

/// "This device, with these cursors, had everything up to there."
#[derive(Clone, Copy, Debug)]
pub(super) struct Drained {
    /// When that was read.
    pub(super) generation: Generation,
    /// Lanes that were read.
    pub(super) lanes: LaneMask,
    /// The cursors that the device has when it stored what it was sent.
    pub(super) cursors: Cursors,
    /// Where the log ended.
    pub(super) end: u64,
}

impl Drained {
    /// Whether a device that holds `cursors` and asks for `lanes` lacks nothing up to `end`.
    pub(super) fn covers(&self, generation: Generation, lanes: LaneMask, cursors: Cursors) -> bool {
        self.generation == generation
            && Lane::ALL
                .into_iter()
                .filter(|lane| lanes.contains(*lane))
                .all(|lane| self.lanes.contains(lane) && self.cursors.of(lane) <= cursors.of(lane))
    }
}

impl Seat {
    /// Waits until nobody commits for the device.
    pub(super) async fn turn(&self) -> TurnLock {
        Arc::new(self.turn.clone().lock_owned().await)
    }

    /// As [`Seat::turn`], for the first packet of an exchange. Only the newest waits: where the disk is slow a device
    /// that comes again and again has one request waiting here, not all of them. None for the others.
    pub(super) async fn turn_of(&self, x: u64) -> Option<TurnLock> {
        let me = {
            let mut place = self.place();
            if place.waiting.is_some_and(|(_, newer)| x < newer) {
                return None;
            }
            place.waiters += 1;
            place.waiting = Some((place.waiters, x));
            place.waiters
        };
        let _waits = Waiting { seat: self, me };
        self.moved.notify_waiters();
        let is_me = move |place: &Place| place.waiting.is_some_and(|(who, _)| who == me);
        tokio::select! {
            biased;
            turn = self.turn() => Some(turn),
            () = self.until(|place| !is_me(place)) => None,
        }
    }

    /// Waits, for a newcomer with number `x`, until an older request is worked off as far as it reached the relay.
    pub(super) async fn work_off(&self, x: u64) {
        {
            let mut place = self.place();
            if x <= place.newest || place.taking.is_none() {
                return;
            }
            place.called = place.called.max(x);
        }
        self.moved.notify_waiters();
        let worked_off = self.until(|place| place.taking.is_none_or(|taking| x <= taking));
        // What is still trickling in then is cut off at its next packet edge.
        let _ = timeout(WORK_OFF_MAX, worked_off).await;
    }

    /// The request with number `x` begins to be taken; dropped, it is over.
    pub(super) fn begin_taking(self: &Arc<Self>, x: u64) -> Taking {
        self.place().taking = Some(x);
        Taking { seat: self.clone(), x }
    }

    async fn until(&self, is_so: impl Fn(&Place) -> bool) {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            moved.as_mut().enable();
            if is_so(&self.place()) {
                return;
            }
            moved.await;
        }
    }

    /// What is known of the device, if nothing changed it behind this relay's back.
    pub(super) fn state(&self, generation: Generation) -> Option<DeviceState> {
        self.place().state.filter(|(at, _)| *at == generation).map(|(_, state)| state)
    }

    /// Notes what the store said, in an answer asked for in `generation`.
    pub(super) fn learn(&self, generation: Generation, state: DeviceState) {
        self.place().state = Some((generation, state));
    }

    /// Forgets what is known of the device: a commit may or may not have happened.
    pub(super) fn forget(&self) {
        self.place().state = None;
    }

    /// An exchange with number `x` begins; `stored` is the highest that is durable. A newest one
    /// ends the older answer, and the hold if it `wants_mail`.
    pub(super) fn arrive(&self, x: u64, stored: u64, wants_mail: bool) -> Arrival {
        let mut place = self.place();
        place.newest = place.newest.max(stored);
        if x < place.newest {
            return Arrival::Stale;
        }
        if x == place.newest {
            place.repeated = x;
            return Arrival::Again;
        }
        place.newest = x;
        if let Some((_, answer)) = place.answer.take() {
            answer.cancel();
        }
        if wants_mail {
            place.newest_for_mail = x;
            if let Some((_, hold)) = place.hold.take() {
                hold.cancel();
            }
        }
        Arrival::Newest
    }

    /// Whether nothing of `x` may be taken any more: a newer exchange has begun, or this one was
    /// repeated. What the repetition is told of `k` has to stay true, or the device would give the
    /// numbers behind it to other items.
    pub(super) fn is_over(&self, x: u64) -> bool {
        let place = self.place();
        x < place.newest || x <= place.repeated
    }

    /// Begins to answer; the token says when to make way. Cancelled already where a newer exchange
    /// came before.
    pub(super) fn begin_answer(&self, x: u64, is_hold: bool) -> CancellationToken {
        let token = CancellationToken::new();
        let mut place = self.place();
        let newest = if is_hold { place.newest_for_mail } else { place.newest };
        if x < newest {
            token.cancel();
            return token;
        }
        let slot = if is_hold { &mut place.hold } else { &mut place.answer };
        *slot = Some((x, token.clone()));
        token
    }

    /// The answer to `x` ended.
    pub(super) fn end_answer(&self, x: u64) {
        let mut place = self.place();
        let Place { answer, hold, .. } = &mut *place;
        for slot in [answer, hold] {
            if slot.as_ref().is_some_and(|(whose, _)| *whose == x) {
                *slot = None;
            }
        }
    }

    /// Whether a hold of the device is open.
    pub(super) fn has_hold(&self) -> bool {
        self.place().hold.is_some()
    }

    /// What the device lacks, as far as remembered.
    pub(super) fn drained(&self) -> Option<Drained> {
        self.place().drained
    }

    /// Remembers that the device was sent everything.
    pub(super) fn note_drained(&self, drained: Drained) {
        self.place().drained = Some(drained);
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        lock(&self.table)
    }
}

/// Somebody who waits for the turn, until it is dropped.
struct Waiting<'s> {
    seat: &'s Seat,
    me: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut place = self.seat.place();
        if place.waiting.is_some_and(|(who, _)| who == self.me) {
            place.waiting = None;
        }
    }
}

/// A request that is being taken.
#[derive(Debug)]
pub(super) struct Taking {
    seat: Arc<Seat>,
    x: u64,
}

impl Taking {
    /// Waits until a newer request wants the turn and nothing has come for a while: to be asked anew
    /// whenever something came.
    pub(super) async fn overtaken(&self) {
        self.seat.until(|place| self.x < place.called).await;
        sleep(QUIET).await;
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        {
            let mut place = self.seat.place();
            if place.taking == Some(self.x) {
                place.taking = None;
            }
        }
        self.seat.moved.notify_waiters();
    }
}

fn lock<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every state of it is a sound one, so a panic elsewhere does not matter.
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_higher_number_takes_the_turn() {
        let seat = Seat::default();
        assert_eq!(seat.arrive(5, 4, true), Arrival::Newest);
        assert_eq!(seat.arrive(4, 4, true), Arrival::Stale);
        assert!(!seat.is_over(5));
        assert_eq!(seat.arrive(5, 4, true), Arrival::Again);
        assert!(seat.is_over(5), "after its repetition it takes nothing");
        assert_eq!(seat.arrive(6, 4, true), Arrival::Newest);
        assert!(seat.is_over(5));
    }

    #[test]
    fn a_stored_number_counts_after_a_restart() {
        let seat = Seat::default();
        assert_eq!(seat.arrive(7, 9, true), Arrival::Stale);
        assert_eq!(seat.arrive(9, 9, true), Arrival::Again);
    }

    #[test]
    fn a_hold_makes_way_for_mail_and_lets_others_pass() {
        let seat = Seat::default();
        assert_eq!(seat.arrive(1, 0, true), Arrival::Newest);
        let hold = seat.begin_answer(1, true);
        assert_eq!(seat.arrive(2, 0, false), Arrival::Newest);
        let answer = seat.begin_answer(2, false);
        assert!(!hold.is_cancelled());
        assert_eq!(seat.arrive(2, 0, true), Arrival::Again);
        assert!(!hold.is_cancelled() && !answer.is_cancelled());
        assert_eq!(seat.arrive(3, 0, true), Arrival::Newest);
        assert!(hold.is_cancelled() && answer.is_cancelled());
    }

    #[test]
    fn an_older_answer_that_ends_leaves_the_newer_hold() {
        let seat = Seat::default();
        assert_eq!(seat.arrive(1, 0, true), Arrival::Newest);
        let _ = seat.begin_answer(1, true);
        assert_eq!(seat.arrive(2, 0, true), Arrival::Newest);
        let _ = seat.begin_answer(2, true);
        seat.end_answer(1);
        assert!(seat.has_hold());
        seat.end_answer(2);
        assert!(!seat.has_hold());
        assert!(seat.begin_answer(1, true).is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_newcomer_waits_until_the_older_request_is_worked_off_but_not_for_ever() {
        let seat = Arc::new(Seat::default());
        seat.arrive(1, 0, true);
        let taking = seat.begin_taking(1);
        let began = tokio::time::Instant::now();
        let older = async {
            taking.overtaken().await;
            drop(taking);
        };
        tokio::join!(seat.work_off(2), older);
        assert_eq!(began.elapsed(), QUIET);
        let _stays = seat.begin_taking(1);
        seat.work_off(2).await;
        assert_eq!(began.elapsed(), QUIET + WORK_OFF_MAX);
        // The same once more, or an older one, has nothing to wait for.
        seat.work_off(1).await;
        assert_eq!(began.elapsed(), QUIET + WORK_OFF_MAX);
    }

    #[tokio::test]
    async fn of_many_that_wait_for_a_turn_only_the_newest_stays() {
        let seat = Seat::default();
        let taken = seat.turn().await;
        let (mut first, mut second) = (Box::pin(seat.turn_of(1)), Box::pin(seat.turn_of(2)));
        assert!(futures_pending(&mut first).await && futures_pending(&mut second).await);
        assert!(first.await.is_none(), "a newer one waits");
        assert!(seat.turn_of(1).await.is_none());
        let mut again = Box::pin(seat.turn_of(2));
        assert!(futures_pending(&mut again).await);
        assert!(second.await.is_none(), "its repetition waits");
        drop(taken);
        assert!(again.await.is_some());
        // Nobody waits any more: a lower number is told what it is when it has its turn.
        assert!(seat.turn_of(1).await.is_some());
    }

    #[tokio::test]
    async fn a_newcomer_waits_for_the_packet_that_is_being_taken() {
        let seat = Seat::default();
        let older = seat.turn().await;
        let kept = older.clone();
        let mut newcomer = Box::pin(seat.turn());
        drop(older);
        assert!(futures_pending(&mut newcomer).await);
        drop(kept);
        newcomer.await;
    }

    async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
        tokio::select! {
            biased;
            _ = future => false,
            () = std::future::ready(()) => true,
        }
    }
}
