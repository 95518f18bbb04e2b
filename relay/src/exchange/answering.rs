//! Makes an answer packet by packet: Welcome and Answered, mail, presence, then the end, or in a
//! hold whatever comes until it is over.

use std::{fmt, sync::Arc};

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use wire::{BodyWriter, Frame, Hello, LaneMask, LinkClass, Stop, StopReason, Welcome};

use super::{
    Core, ExchangeError,
    answer::Plan,
    bulk, held,
    hold::{Event, Hold, arrival},
    mail::Mail,
    pack::{Packed, Packer},
    seat::{Drained, Seat},
    take::{Mode, stop},
    unit::Unit,
};
use crate::{
    ops::metrics::SyncResult,
    store::{Generation, Login},
};

/// Bytes of presence that one answer has on a metered link.
const PRESENCE_METERED_BYTES: usize = 64;

/// One answer in the making.
pub(super) struct Answering {
    core: Arc<Core>,
    login: Login,
    closing: CancellationToken,
    hello: Hello,
    seat: Arc<Seat>,
    now_s: u64,
    opening: Vec<Frame>,
    mail: Mail,
    packer: Packer,
    /// What it packs until it has no more to do, or waits for news, is bulk from so many bytes on.
    bulk_min: usize,
    /// The turn that the codec needs.
    turn: Option<OwnedSemaphorePermit>,
    stop: Option<Stop>,
    /// The frames of the end, once they are known.
    end: Option<Vec<Frame>>,
    hold: Option<Hold>,
    hold_s: u16,
    /// A newer exchange wants this one to end. None for a repetition: it is in nobody's way.
    over: Option<CancellationToken>,
    /// When the snapshot was begun to be read.
    generation: Generation,
    presence_version: u64,
    presence_due: bool,
    tells_held: bool,
    began: bool,
    /// Whether its packets leave one by one: then its end is known only when it is dropped.
    streams: bool,
    result: Option<SyncResult>,
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answering").field("login", &self.login).finish_non_exhaustive()
    }
}

impl Answering {
    /// Answers a plan: its Welcome and what has to be known with it, and what became of the device's items.
    pub(super) fn new(
        plan: Plan,
        (welcome, check): (Welcome, Option<u32>),
        runs: Vec<Unit>,
        hold_s: u16,
    ) -> Self {
        let Plan { core, login, closing, codec, turn, open } = plan;
        let hello = open.hello;
        let mut packer = Packer::new(codec, hello.link.packet_target(), hello.take);
        let (stop, repeats) = match open.mode {
            Mode::Stop(stop) => (Some(stop), false),
            mode => (None, mode == Mode::Repeat),
        };
        if let Some(stop) = &stop {
            packer.reserve(stop_size(stop));
        }
        let over = (!repeats).then(|| open.seat.begin_answer(hello.x, 0 < hold_s));
        let mut mail = Mail::new(hello.lanes, hello.cursors);
        mail.push(runs);
        Self {
            generation: core.store.changes().generation(),
            now_s: welcome.now_s,
            opening: [Frame::Welcome(welcome)].into_iter().chain(check.map(Frame::Check)).collect(),
            seat: open.seat,
            presence_version: hello.presence_version,
            presence_due: !hello.lanes.is_empty(),
            tells_held: true,
            end: None,
            hold: None,
            began: false,
            streams: false,
            result: None,
            core,
            login,
            closing,
            mail,
            packer,
            bulk_min: bulk::min(codec),
            turn,
            stop,
            hold_s,
            over,
            hello,
        }
    }

    /// Tells others that the device is here, and begins to hold. The watch of a hold begins
    /// before anything is read.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn begin(&mut self) -> Result<(), ExchangeError> {
        let Self { core, login, hello, hold_s, .. } = self;
        match self.over.clone() {
            Some(over) if 0 < *hold_s => {
                self.hold = Some(Hold::begin(core, *login, hello, *hold_s, over).await?);
                // What comes one by one is little; the turn is for others.
                self.turn = None;
            }
            Some(_) => drop(core.presence.arrive(&arrival(*login, hello, false))),
            None => {}
        }
        if !self.is_quiet() {
            self.mail.look();
        }
        Ok(())
    }

    /// From here on its packets leave as they are made.
    pub(super) fn stream(&mut self) {
        self.streams = true;
    }

    /// Whether it stays open for what comes.
    pub(super) fn is_held(&self) -> bool {
        self.hold.is_some()
    }

    /// The next packet, the first one with the preamble; none at the end. Where it is abandoned
    /// nothing is lost but the wait.
    ///
    /// # Errors
    /// When the store fails, or the device may not read any more: the answer is cut.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, ExchangeError> {
        while self.result.is_none() {
            self.make_way();
            if let Err(err) = self.fill().await {
                // A device that is revoked while it holds is told no more, and that properly.
                if !matches!(err, ExchangeError::Revoked) || self.hold.is_none() {
                    return Err(err);
                }
                self.end_hold();
                self.end_now();
            }
            if self.opening.is_empty() && self.mail.is_empty() && self.mail.is_read() {
                self.note_drained();
                if let Some(hold) = &mut self.hold {
                    self.mail.rest();
                    match hold.wait(&self.core, &self.closing).await {
                        Event::News => self.look(),
                        Event::Over => self.end_hold(),
                    }
                    continue;
                }
            }
            if let Some(packet) = self.pack().await? {
                return Ok(Some(self.begun(packet)));
            }
        }
        Ok(None)
    }

    /// Ends what a newer exchange wants to be ended.
    fn make_way(&mut self) {
        let is_over = self.over.as_ref().is_some_and(CancellationToken::is_cancelled);
        if !is_over || self.end.is_some() {
            return;
        }
        if self.hold.is_some() {
            self.end_hold();
        } else if self.stop.is_none() && self.hold_s == 0 {
            self.end_now();
            // Were it to be read, a Welcome would have to be the newest.
            self.opening.clear();
            self.stop = Some(stop(StopReason::Superseded, "A newer request came.", 0));
        }
    }

    /// Nothing more is sent but the end.
    fn end_now(&mut self) {
        self.mail.stop();
        self.presence_due = false;
        self.tells_held = false;
    }

    fn end_hold(&mut self) {
        self.hold = None;
    }

    /// Woken: looks whether there is anything.
    fn look(&mut self) {
        self.presence_due = !self.hello.lanes.is_empty();
        if !self.is_quiet() {
            self.generation = self.core.store.changes().generation();
            self.mail.look();
        }
    }

    /// Whether the log has nothing that the device asks for, as far as is remembered.
    fn is_quiet(&self) -> bool {
        self.hello.lanes.is_empty() || self.is_quiet_in(self.mail.wanted())
    }

    /// Whether the log has nothing for this device in `wanted`, as far as is remembered.
    fn is_quiet_in(&self, wanted: LaneMask) -> bool {
        let changes = self.core.store.changes();
        let sent = self.mail.sent();
        let drained = self
            .seat
            .drained()
            .filter(|drained| drained.covers(changes.generation(), wanted, sent));
        let least = || {
            let lanes = wire::Lane::ALL.into_iter().filter(|lane| wanted.contains(*lane));
            lanes.map(|lane| sent.of(lane)).min().unwrap_or(u64::MAX)
        };
        let position = drained.map_or_else(least, |drained| drained.end);
        let tail = changes.tail(self.login.account);
        tail.is_some_and(|tail| tail.is_quiet_for(self.login.device, position))
    }

    /// Remembers that the device has been sent everything, if it has.
    fn note_drained(&self) {
        if let Some(end) = self.mail.end()
            && !self.mail.is_cut()
        {
            self.seat.note_drained(Drained {
                generation: self.generation,
                lanes: self.mail.wanted(),
                cursors: self.mail.sent(),
                end,
            });
        }
    }

    async fn fill(&mut self) -> Result<(), ExchangeError> {
        let left = self.packer.left();
        self.mail.fill(&self.core, self.login, self.now_s, left).await?;
        if self.mail.is_read() && std::mem::take(&mut self.presence_due) {
            self.fill_presence().await?;
        }
        Ok(())
    }

    async fn fill_presence(&mut self) -> Result<(), ExchangeError> {
        let presence = &self.core.presence;
        if self.hold.is_none() && !presence.is_newer(self.presence_version) {
            return Ok(());
        }
        let contacts = match &mut self.hold {
            Some(hold) => hold.contacts(&self.core, self.login).await?,
            None => super::contacts::contacts(&self.core, self.login.account).await?,
        };
        let bytes_max = match self.hello.link.class {
            LinkClass::Metered => PRESENCE_METERED_BYTES,
            LinkClass::Unknown | LinkClass::Unmetered => usize::MAX,
        };
        let rows = presence.rows(&contacts, self.presence_version, bytes_max);
        self.mail.push(rows.into_iter().map(|(version, row)| Unit::Presence(version, row)));
        Ok(())
    }

    /// The next packet; none where something was given up instead.
    async fn pack(&mut self) -> Result<Option<Vec<u8>>, ExchangeError> {
        let ends = self.hold.is_none() && self.mail.is_read();
        if ends && self.end.is_none() {
            // What a hold beside this exchange delivers is not held.
            let held_by_hold = self.hello.lanes.is_empty() && self.seat.has_hold();
            // Nor need the store be asked where it is remembered that nothing is.
            let may_hold = !held_by_hold && !self.is_quiet_in(self.mail.left_out());
            let (tells_held, stop) = (self.tells_held && may_hold, self.stop.clone());
            let end = held::closing(&self.core, self.login, &self.mail, stop, tells_held).await?;
            self.end = Some(end);
        }
        let left = self.packer.left();
        let (units, spare, all) = self.mail.rows(left);
        let end = self.end.as_deref().filter(|_| ends && all);
        if units.is_empty() && self.opening.is_empty() && end.is_none() {
            return Ok(None);
        }
        let count = units.len();
        let size_max: usize = units.iter().map(Unit::size_max).sum();
        let mut pack = || self.packer.pack(&self.opening, units, end, spare);
        let packed = if size_max < self.bulk_min { pack() } else { bulk::apart(pack).await }?;
        let (packet, rows) = match packed {
            Packed::Some(rows, packet) => (packet, rows),
            Packed::Last(packet) => {
                self.result = Some(self.result());
                (packet, count)
            }
            Packed::Spent => {
                self.mail.give_up();
                // What is held differs now; and who cannot take more need not wait for it.
                self.end = None;
                self.end_hold();
                return Ok(None);
            }
        };
        // Its room too: a hold keeps what is left of this for minutes.
        self.opening = Vec::new();
        self.pass(rows);
        Ok(Some(packet))
    }

    fn pass(&mut self, rows: usize) {
        let mut delivered = 0;
        for unit in self.mail.pass(rows) {
            match unit {
                Unit::Mail(..) => delivered += 1,
                Unit::Presence(version, _) => self.presence_version = version,
                Unit::Run(..) | Unit::Latest(..) => {}
            }
        }
        self.core.metrics.messages_delivered.inc_by(delivered);
        if self.result.is_some() {
            self.note_drained();
        }
    }

    fn result(&self) -> SyncResult {
        match &self.stop {
            None => SyncResult::Done,
            Some(stop) if stop.reason == StopReason::Superseded => SyncResult::Superseded,
            Some(_) => SyncResult::Stopped,
        }
    }

    /// The packet, with the preamble if it is the first.
    fn begun(&mut self, packet: Vec<u8>) -> Vec<u8> {
        if std::mem::replace(&mut self.began, true) {
            return packet;
        }
        [&self.packer.preamble()[..], &packet].concat()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if self.over.is_some() {
            self.seat.end_answer(self.hello.x);
        }
        // What fails before anything left is counted by whoever is told of it.
        if let Some(result) = self.result.or(self.streams.then_some(SyncResult::Cut)) {
            self.core.metrics.sync_ended(result);
        }
    }
}

/// Bytes that a Stop takes in the last packet, at most.
fn stop_size(stop: &Stop) -> usize {
    let frames = [Frame::Stop(stop.clone())];
    BodyWriter::new(wire::Codec::None).draft(&frames).map_or(0, |packet| packet.len())
}
