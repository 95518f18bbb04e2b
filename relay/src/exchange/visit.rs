//! Takes a request: Hello, then packet by packet what the device brings.
//!
//! Whatever stops the taking, the rest of the request is still read, so that its sender can read
//! the answer.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use wire::{BodyReader, Codec, DecodeError, DeviceId, ForkWhy, Frame, Hello, Lane, Packet, Stop};

use super::{
    Core, ExchangeError,
    answer::{Answer, Plan},
    bulk, only,
    seat::{Arrival, Seat, Taking},
    take::{Brought, Mode, Open},
};
use crate::{
    ops::metrics::SyncResult,
    store::{DeviceState, Login, NUMBER_MAX, StoreError},
};

/// A device that commits nothing is noted as seen when the store has not noted it for so long:
/// often enough to tell who is dormant, seldom enough to leave the disk alone.
const NOTE_SEEN_AFTER_S: u64 = 12 * 60 * 60;

/// One request on its way in. Dropped before [`Visit::finish`] it was cut: what was committed
/// stays.
#[derive(Debug)]
pub struct Visit {
    core: Arc<Core>,
    login: Login,
    closing: CancellationToken,
    stop: Option<Stop>,
    reader: BodyReader,
    open: Option<Box<Open>>,
    /// A newer request waits until this one is worked off.
    taking: Option<Taking>,
}

impl Visit {
    pub(super) fn new(
        core: Arc<Core>,
        login: Login,
        closing: CancellationToken,
        stop: Option<Stop>,
    ) -> Self {
        Self { core, login, closing, stop, reader: BodyReader::new(), open: None, taking: None }
    }

    /// Takes the next bytes of the request, in order. May be abandoned at any time: a packet is
    /// then taken whole or not at all.
    ///
    /// # Errors
    /// When there is no answer to it but words. Nothing more may be fed then.
    pub async fn feed(&mut self, bytes: &[u8]) -> Result<(), ExchangeError> {
        self.reader.push(bytes);
        let fed = self.take_packets().await;
        if let Err(err) = &fed {
            self.core.metrics.sync_ended(result_of(err));
        }
        fed
    }

    /// Waits until a newer request of the device wants the turn and nothing has come of this one for a
    /// while; then call [`Visit::give_way`]. Never comes back where there is no reason to. To be asked anew
    /// whenever something came; cancel safe.
    pub async fn overtaken(&self) {
        match &self.taking {
            Some(taking) => taking.overtaken().await,
            None => std::future::pending().await,
        }
    }

    /// Lets a newer request have the turn. What still comes of this one is read and not taken.
    pub fn give_way(&mut self) {
        self.taking = None;
    }

    /// The answer; `whole` says that the request's body came to its end.
    ///
    /// # Errors
    /// As [`Visit::feed`], and when the request was cut.
    pub async fn finish(self, whole: bool) -> Result<Answer, ExchangeError> {
        let metrics = self.core.metrics.clone();
        let answer = self.answer(whole).await;
        if let Err(err) = &answer {
            metrics.sync_ended(result_of(err));
        }
        answer
    }

    async fn answer(self, whole: bool) -> Result<Answer, ExchangeError> {
        let Self { core, login, closing, reader, open, taking, .. } = self;
        drop(taking);
        let Some(open) = open.filter(|_| whole) else {
            return Err(if whole { ExchangeError::NoHello } else { ExchangeError::Cut });
        };
        if !open.is_ended() {
            return Err(ExchangeError::Cut);
        }
        let (codec, turn) = core.codec_of_answer(reader.codec().unwrap_or_default());
        Plan { core, login, closing, codec, turn, open: *open }.answer().await
    }

    async fn take_packets(&mut self) -> Result<(), ExchangeError> {
        while let Some(packet) = self.next_packet().await? {
            self.take_packet(packet.frames).await?;
        }
        Ok(())
    }

    /// The next whole packet. The text model takes its time over one, and need not keep others waiting.
    async fn next_packet(&mut self) -> Result<Option<Packet>, DecodeError> {
        if self.reader.codec() == Some(Codec::Model) {
            return bulk::apart(|| self.reader.next()).await;
        }
        self.reader.next()
    }

    async fn take_packet(&mut self, frames: Vec<Frame>) -> Result<(), ExchangeError> {
        let mut frames = frames.into_iter();
        if self.open.is_none() {
            let Some(Frame::Hello(hello)) = frames.next() else {
                return Err(ExchangeError::NoHello);
            };
            check_hello(&hello)?;
            let seat = self.core.seats.of(self.login.device);
            seat.work_off(hello.x).await;
            let turn = seat.turn_of(hello.x).await.ok_or(StoreError::Busy)?;
            let open = self.open(hello, seat).await?;
            if open.mode == Mode::Take {
                self.taking = Some(open.seat.begin_taking(open.hello.x));
            }
            let open = self.open.insert(Box::new(open));
            let brought = Brought::of(frames)?;
            return open.take(&self.core, self.login, &turn, brought).await;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        if open.is_ended() {
            return Ok(());
        }
        let brought = Brought::of(frames)?;
        let turn = open.seat.turn().await;
        open.take(&self.core, self.login, &turn, brought).await
    }

    /// Reads what the Hello means; while the device's turn is held.
    async fn open(&mut self, hello: Hello, seat: Arc<Seat>) -> Result<Open, ExchangeError> {
        let state = known_state(&self.core, &seat, self.login.device).await?;
        let wants_mail = !hello.lanes.is_empty() || hello.hold_s != 0;
        let mode = match seat.arrive(hello.x, state.x, wants_mail) {
            Arrival::Stale => Mode::Forked(ForkWhy::StaleAttempt),
            Arrival::Again => Mode::Repeat,
            Arrival::Newest => self.stop.take().map_or(Mode::Take, Mode::Stop),
        };
        let now_s = self.core.clock.now_s();
        if !matches!(mode, Mode::Forked(_) | Mode::Repeat)
            && state.seen_at_s + NOTE_SEEN_AFTER_S <= now_s
        {
            self.core.seats.note_seen(self.login.device, now_s);
        }
        Ok(Open::new(hello, seat, state, mode))
    }
}

/// What the store knows of the device; from memory where nothing can have changed it.
async fn known_state(
    core: &Core,
    seat: &Seat,
    device: DeviceId,
) -> Result<DeviceState, ExchangeError> {
    let changes = core.store.changes();
    let generation = changes.generation();
    if let Some(state) = seat.state(generation) {
        return Ok(state);
    }
    let state = only(core.store.devices(vec![device]).await)?;
    let state = state.filter(|state| state.active).ok_or(ExchangeError::Revoked)?;
    seat.learn(generation, state);
    Ok(state)
}

fn check_hello(hello: &Hello) -> Result<(), ExchangeError> {
    let cursors = Lane::ALL.map(|lane| hello.cursors.of(lane));
    let bounded = |number: u64| number <= NUMBER_MAX;
    let impossible = |what| Err(ExchangeError::Impossible { what });
    match () {
        () if !bounded(hello.x) => impossible("exchange number"),
        () if !bounded(hello.told) => impossible("told"),
        () if !cursors.into_iter().all(bounded) => impossible("cursor"),
        () => Ok(()),
    }
}

fn result_of(err: &ExchangeError) -> SyncResult {
    match err {
        ExchangeError::Cut => SyncResult::Cut,
        ExchangeError::Revoked => SyncResult::Unauthorized,
        ExchangeError::Store(StoreError::Busy) => SyncResult::Stopped,
        ExchangeError::Store(_) | ExchangeError::Encode(_) => SyncResult::Failed,
        ExchangeError::Unreadable(_)
        | ExchangeError::NoHello
        | ExchangeError::Impossible { .. } => SyncResult::Malformed,
    }
}
