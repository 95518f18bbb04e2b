//! A line that is held: what is written leaves at once, what arrives comes at once.
//!
//! Two connections. On one the relay holds a request and delivers packets as they come; on the other go submissions, with
//! the cursors that moved, and where nothing is submitted the cursors alone after a while. Both take their turn: an
//! exchange number is drawn and its `Welcome` awaited before the other draws one, so that the relay sees them rise.

use std::{sync::PoisonError, time::Duration};

use tokio::{
    sync::{Mutex, broadcast},
    time::{Instant, sleep_until, timeout},
};
use wire::{Cursors, LaneMask, Stop};

use super::{
    Answer, Bound, Ended, Progress, SyncError, Terms, Transport,
    exchange::{Exchange, Exchanged, Mode, Next, finish, refusal},
    run,
};
use crate::{
    link::LinkError,
    store::{Attempt, Change, Store, Submits},
};

/// Messages that came are acknowledged by themselves after this.
const ACK_AFTER: Duration = Duration::from_secs(10);
/// The first packet of a hold leaves the relay at once. Later than this (or four round trips) a proxy keeps it back.
const FIRST_PACKET_MAX: Duration = Duration::from_secs(10);
/// What is held back by a proxy comes at the end of a hold, so holds are short then, in seconds.
const SHORT_HOLD_S: u16 = 20;
/// A hold that is cut is taken up again at once, so that what came meanwhile is there at once. So many cuts in a row
/// without a hold that came to its end are left to those who know what a further attempt may cost.
const CUTS_MAX: u32 = 3;

/// Holds the line until something fails or the relay stops it: first a whole visit on `down`, then a hold there and
/// submissions on `up`. Dropping the future hangs up; nothing is lost by it.
///
/// `terms` is asked anew for every request.
///
/// # Errors
/// What ended it, as [`run`]. Call again after a pause that grows.
pub async fn live<D: Transport, U: Transport>(
    store: &Store,
    down: &mut D,
    up: &mut U,
    terms: impl Fn() -> Terms + Sync,
    progress: &std::sync::Mutex<Progress>,
) -> Result<Ended, SyncError> {
    let changes = store.changes();
    let mut first = Progress::default();
    let ended = run(store, down, &terms(), &mut first).await;
    flush(progress, &mut first);
    match ended? {
        Ended::Done => down.settle(store.reader().position()?.limits.tag).await,
        ended => return Ok(ended),
    }
    let turn = Turn::new(store)?;
    let line = Line { store, terms: &terms, progress, turn: &turn };
    tokio::select! {
        ended = line.hold(down) => ended,
        ended = line.submit(up, changes) => ended,
    }
}

/// What both connections share.
struct Turn {
    /// Held from drawing an exchange number until its `Welcome` is here.
    number: Mutex<()>,
    /// Cursors that the relay knows.
    acked: std::sync::Mutex<Cursors>,
}

impl Turn {
    fn new(store: &Store) -> Result<Self, SyncError> {
        // The hold that comes next says so in its Hello.
        let acked = std::sync::Mutex::new(store.reader().position()?.cursors);
        Ok(Self { number: Mutex::default(), acked })
    }

    fn acked(&self) -> Cursors {
        *self.acked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, attempt: &Attempt) {
        *self.acked.lock().unwrap_or_else(PoisonError::into_inner) = attempt.cursors;
    }
}

struct Line<'l, F> {
    store: &'l Store,
    terms: &'l F,
    progress: &'l std::sync::Mutex<Progress>,
    turn: &'l Turn,
}

impl<F: Fn() -> Terms + Sync> Line<'_, F> {
    /// One hold after another.
    async fn hold<T: Transport>(&self, transport: &mut T) -> Result<Ended, SyncError> {
        let (mut is_buffered, mut cuts) = (false, 0);
        loop {
            let terms = (self.terms)();
            let hold_s = self.hold_s(is_buffered, transport.hold_max_s())?;
            let mode = Mode {
                submits: Submits::None,
                must: true,
                left: transport.left(),
                nothing_held: false,
                hold_s,
            };
            let exchange = Exchange::new(self.store, &terms, mode);
            // Of what is kept back nothing is heard.
            let mut heard_at = is_buffered.then(Instant::now);
            let held = self.hold_once(&exchange, transport, is_buffered, &mut heard_at).await;
            match (&held, heard_at) {
                (
                    Err(SyncError::Link(LinkError::Cut { .. }) | SyncError::Unfinished),
                    Some(heard_at),
                ) => {
                    transport.note_hold(Some(heard_at.elapsed()));
                    cuts += 1;
                    if cuts < CUTS_MAX {
                        continue;
                    }
                }
                (Ok(Held::Done(_)), _) => {
                    transport.note_hold(None);
                    cuts = 0;
                }
                _ => {}
            }
            match held? {
                // The line is taken up again with a whole visit, which sees to it.
                Held::Done(exchanged) if exchanged.forked => return Err(SyncError::Unfinished),
                Held::Done(Exchanged { stop: Some(stop), .. }) => return Ok(Ended::Stopped(stop)),
                Held::Done(_) => transport.settle(self.store.reader().position()?.limits.tag).await,
                // That nothing comes may just as well be the reason of the cut before.
                Held::Buffered if 0 < cuts => return Err(SyncError::Unfinished),
                Held::Buffered => is_buffered = true,
                Held::NoRoom => return Ok(Ended::Partial(Bound::Disk)),
            }
        }
    }

    /// `way_max_s`: what the way there lets pass.
    fn hold_s(&self, is_buffered: bool, way_max_s: Option<u16>) -> Result<u16, SyncError> {
        let limit = match self.store.reader().position()?.limits.hold_max_s {
            0 => wire::limits::HOLD_SECONDS_MAX,
            limit => limit.min(wire::limits::HOLD_SECONDS_MAX),
        };
        let limit = limit.min(way_max_s.unwrap_or(limit));
        Ok(if is_buffered { limit.min(SHORT_HOLD_S) } else { limit })
    }

    async fn hold_once<T: Transport>(
        &self,
        exchange: &Exchange<'_>,
        transport: &mut T,
        is_buffered: bool,
        heard_at: &mut Option<Instant>,
    ) -> Result<Held, SyncError> {
        let patience = FIRST_PACKET_MAX.max(4 * transport.rtt());
        let turn = self.turn.number.lock().await;
        let Next::Go(attempt) = exchange.attempt()? else { return Ok(Held::NoRoom) };
        if !attempt.has_room {
            return Ok(Held::NoRoom);
        }
        let mut progress = Progress {
            requests: 1,
            request_bytes: attempt.body.len() as u64,
            ..Progress::default()
        };
        let hold = Duration::from_secs(u64::from(exchange.hold_s()));
        let mut reading = exchange.reading(&attempt);
        // Nothing of a hold that a proxy keeps back comes before its end, and the other connection shall not wait so long.
        let mut turn = (!is_buffered).then_some(turn);
        let begun = async {
            let mut answer = transport.post(attempt.body.clone(), hold).await?;
            if answer.status() != 200 {
                return Err(refusal(&mut answer).await);
            }
            while !reading.is_welcomed && !reading.is_done {
                reading.step(&mut answer, &mut progress).await?;
                *heard_at = Some(Instant::now());
            }
            Ok(answer)
        };
        let mut answer = if is_buffered {
            begun.await?
        } else {
            match timeout(patience, begun).await {
                Ok(answer) => answer?,
                Err(_) => return Ok(Held::Buffered),
            }
        };
        self.turn.note(&attempt);
        drop(turn.take());
        flush(self.progress, &mut progress);
        // A fork that this side has noticed is not held until the end of it.
        while !reading.is_done && !reading.exchanged.forked {
            reading.step(&mut answer, &mut progress).await?;
            *heard_at = Some(Instant::now());
            flush(self.progress, &mut progress);
        }
        finish(&mut answer).await;
        Ok(Held::Done(reading.exchanged))
    }

    /// Sends what is written, and acknowledges what has come.
    async fn submit<T: Transport>(
        &self,
        transport: &mut T,
        mut changes: broadcast::Receiver<Change>,
    ) -> Result<Ended, SyncError> {
        let mut ack_at = None;
        loop {
            if self.store.has_items_to_send()?
                && let Some(stop) = self.send(transport, false).await?
            {
                return Ok(Ended::Stopped(stop));
            }
            ack_at = self.when_to_ack(ack_at)?;
            let ack = async {
                match ack_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                change = changes.recv() => match change {
                    Err(broadcast::error::RecvError::Closed) => return Ok(Ended::Done),
                    // Whatever was missed, the store knows it.
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                },
                () = ack => {
                    ack_at = None;
                    if let Some(stop) = self.send(transport, true).await? {
                        return Ok(Ended::Stopped(stop));
                    }
                }
            }
        }
    }

    /// Lane latest alone is not worth a request.
    fn when_to_ack(&self, ack_at: Option<Instant>) -> Result<Option<Instant>, SyncError> {
        let (here, acked) = (self.store.reader().position()?.cursors, self.turn.acked());
        let is_due = acked.urgent < here.urgent || acked.ordinary < here.ordinary;
        Ok(if is_due { ack_at.or_else(|| Some(Instant::now() + ACK_AFTER)) } else { None })
    }

    /// Exchanges without deliveries until nothing is left to send; the first one takes place anyway if it `must`.
    async fn send<T: Transport>(
        &self,
        transport: &mut T,
        must: bool,
    ) -> Result<Option<Stop>, SyncError> {
        let mut must = must;
        loop {
            let terms = Terms { lanes: LaneMask::NONE, ..(self.terms)() };
            let in_doubt = self.store.unanswered_bytes()?;
            let asks_first = super::plan::packet_max(&terms) < in_doubt;
            let mode = Mode {
                submits: if asks_first { Submits::None } else { Submits::All },
                must: must || asks_first,
                left: transport.left(),
                nothing_held: true,
                hold_s: 0,
            };
            let exchange = Exchange::new(self.store, &terms, mode);
            let turn = self.turn.number.lock().await;
            let attempt = match exchange.attempt()? {
                Next::Go(attempt) => attempt,
                // It would wait here for ever, and nobody would know why.
                Next::TooLarge if mode.left.is_some() => return Err(LinkError::BudgetSpent.into()),
                Next::Nothing | Next::TooLarge => return Ok(None),
            };
            let mut progress = Progress::default();
            let exchanged = exchange.carry_out(transport, &attempt, &mut progress).await;
            flush(self.progress, &mut progress);
            let exchanged = exchanged?;
            drop(turn);
            self.turn.note(&attempt);
            if exchanged.forked {
                // The line is taken up again with a whole visit, which sees to it.
                return Err(SyncError::Unfinished);
            }
            if exchanged.stop.is_some() {
                return Ok(exchanged.stop);
            }
            must = false;
        }
    }
}

enum Held {
    /// It came to its `Done`.
    Done(Exchanged),
    /// A proxy keeps it back.
    Buffered,
    /// There is no room for deliveries.
    NoRoom,
}

/// Adds what was counted to the counts of the line, so that a request that is dropped has been counted.
fn flush(all: &std::sync::Mutex<Progress>, own: &mut Progress) {
    all.lock().unwrap_or_else(PoisonError::into_inner).add(&std::mem::take(own));
}
