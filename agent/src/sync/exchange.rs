//! One exchange: a request up, an answer down, each whole packet of it kept as it comes.

use std::time::Duration;

use tokio::time::timeout;
use wire::{BodyReader, Frame, HeldRow, LaneMask, Packet, Stop};

use super::{
    Answer, Progress, SyncError, Terms, Transport,
    outcome::share,
    plan::{self, Greeting, Room},
};
use crate::store::{Applied, Ask, Attempt, Incoming, Store, Submits};

/// Bytes of an error's text that are shown.
const WORDS_MAX: usize = 300;
/// How long to wait for the end of an answer behind its `Done`.
const FINISH_MAX: Duration = Duration::from_secs(5);
/// How long to wait for the end of a packet when a visit's time is over.
const EDGE_MAX: Duration = Duration::from_secs(10);

/// What this exchange is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode<'t> {
    /// Which items may be sent.
    pub(crate) submits: Submits<'t>,
    /// It takes place even if there is nothing to send.
    pub(crate) must: bool,
    /// Bytes that the budget leaves.
    pub(crate) left: Option<u64>,
    /// The relay has said that nothing waits.
    pub(crate) nothing_held: bool,
    /// Seconds to hold.
    pub(crate) hold_s: u16,
}

pub(crate) struct Exchange<'s> {
    store: &'s Store,
    terms: &'s Terms,
    mode: Mode<'s>,
}

/// Whether there is an exchange to make.
#[derive(Debug)]
pub(crate) enum Next {
    Go(Attempt),
    /// Nothing is to be said.
    Nothing,
    /// What waits here does not fit into what the budget leaves.
    TooLarge,
}

/// How an exchange ended that came to its `Done`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exchanged {
    pub(crate) forked: bool,
    pub(crate) stop: Option<Stop>,
    /// The relay keeps something back that was asked for.
    pub(crate) held: bool,
    /// It was given up at the edge of a packet, because its time was over.
    pub(crate) is_late: bool,
    /// What came, all packets together.
    pub(crate) applied: Applied,
    /// Bytes of packets with entries, whether or not they were new.
    entries: u64,
}

impl Exchanged {
    /// Whether asking again may bring more.
    pub(crate) fn brought_something(&self) -> bool {
        0 < self.entries
    }
}

impl<'s> Exchange<'s> {
    pub(crate) fn new(store: &'s Store, terms: &'s Terms, mode: Mode<'s>) -> Self {
        Self { store, terms, mode }
    }

    /// Seals what goes with it, if there is a reason for an exchange.
    pub(crate) fn attempt(&self) -> Result<Next, SyncError> {
        let Mode { submits, must, left, nothing_held, hold_s } = self.mode;
        let position = self.store.reader().position()?;
        let request_max = position.limits.request_max;
        let room = Room::new(self.terms, request_max, left, nothing_held, position.x + 1);
        let ask = Ask { submits, bytes_max: room.draft_max(), share_read: self.terms.share_read };
        let (mut reason_not, mut messages) = (None, 0);
        let attempt = self.store.attempt(ask, |draft| {
            let greeting = Greeting { lanes: self.terms.lanes, hold_s };
            let packed = plan::pack(draft, self.terms, &room, greeting)?;
            if !must && packed.taken == 0 {
                reason_not =
                    Some(if draft.submits.is_empty() { Next::Nothing } else { Next::TooLarge });
                // Nothing of the draft is kept.
                return Err(SyncError::Unfinished);
            }
            messages = plan::messages_in(draft, &packed);
            Ok(packed)
        });
        match reason_not {
            Some(next) => Ok(next),
            None => attempt.map(|attempt| Next::Go(Attempt { messages, ..attempt })),
        }
    }

    /// Posts the attempt and keeps what comes of it.
    pub(crate) async fn carry_out<T: Transport>(
        &self,
        transport: &mut T,
        attempt: &Attempt,
        progress: &mut Progress,
    ) -> Result<Exchanged, SyncError> {
        progress.requests += 1;
        progress.request_bytes += attempt.body.len() as u64;
        progress.request_messages += attempt.messages;
        let hold = Duration::from_secs(u64::from(self.mode.hold_s));
        let mut answer = transport.post(attempt.body.clone(), hold).await?;
        if answer.status() != 200 {
            return Err(refusal(&mut answer).await);
        }
        let mut reading = self.reading(attempt);
        let in_time = tokio::select! {
            biased;
            read = reading.read_all(&mut answer, progress) => Some(read),
            () = self.terms.becomes_over() => None,
        };
        if let Some(read) = in_time {
            read?;
        } else {
            // The packet that is on its way is waited for, but not for ever.
            let _ = timeout(EDGE_MAX, reading.read_packet(&mut answer, progress)).await;
            reading.exchanged.is_late = !reading.is_done;
        }
        if reading.exchanged.is_late {
            return Ok(reading.exchanged);
        }
        finish(&mut answer).await;
        progress.done += 1;
        Ok(reading.exchanged)
    }

    /// Reads what answers the attempt.
    pub(crate) fn reading<'a>(&self, attempt: &'a Attempt) -> Reading<'a>
    where
        's: 'a,
    {
        let bounds = Bounds { answer_max: self.terms.answer_max, idle_max: self.terms.idle_max };
        Reading::new(self.store, attempt, self.terms, bounds)
    }

    pub(crate) fn hold_s(&self) -> u16 {
        self.mode.hold_s
    }
}

/// How much of an answer is read: without bounds a relay could keep a visit, and its costs, going for ever.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    answer_max: u64,
    idle_max: u64,
}

/// Reads one answer. Cancel safe between steps, and within one: what was not read is read by the next.
pub(crate) struct Reading<'a> {
    store: &'a Store,
    attempt: &'a Attempt,
    reader: BodyReader,
    bounds: Bounds,
    read: u64,
    /// So many of them were told apart by what they carry.
    told_apart: u64,
    /// So many of them when something new came last.
    read_at_news: u64,
    welcomed_at: i64,
    lanes: LaneMask,
    /// The absence of `Held` says that nothing waits, although no lane was asked for.
    is_manifest: bool,
    is_ours: bool,
    /// Packets that were kept.
    packets: u64,
    /// The first packet, with its `Welcome`, has come.
    pub(crate) is_welcomed: bool,
    pub(crate) is_done: bool,
    pub(crate) exchanged: Exchanged,
}

impl<'a> Reading<'a> {
    fn new(store: &'a Store, attempt: &'a Attempt, terms: &Terms, bounds: Bounds) -> Self {
        Self {
            store,
            attempt,
            reader: BodyReader::new(),
            bounds,
            read: 0,
            told_apart: 0,
            read_at_news: 0,
            welcomed_at: store.now(),
            lanes: terms.lanes,
            is_manifest: terms.manifest,
            is_ours: false,
            packets: 0,
            is_welcomed: false,
            is_done: false,
            exchanged: Exchanged::default(),
        }
    }

    /// Reads to the `Done`. Cancel safe.
    pub(crate) async fn read_all<A: Answer>(
        &mut self,
        answer: &mut A,
        progress: &mut Progress,
    ) -> Result<(), SyncError> {
        while !self.is_done {
            self.step(answer, progress).await?;
        }
        Ok(())
    }

    /// Reads to the end of the next packet. Cancel safe.
    async fn read_packet<A: Answer>(
        &mut self,
        answer: &mut A,
        progress: &mut Progress,
    ) -> Result<(), SyncError> {
        let before = self.packets;
        while !self.is_done && self.packets == before {
            self.step(answer, progress).await?;
        }
        Ok(())
    }

    /// Waits for the next piece of the answer and keeps the packets that it makes whole.
    pub(crate) async fn step<A: Answer>(
        &mut self,
        answer: &mut A,
        progress: &mut Progress,
    ) -> Result<(), SyncError> {
        let Some(chunk) = answer.chunk().await? else { return Err(SyncError::Unfinished) };
        progress.answer_bytes += chunk.len() as u64;
        self.read += chunk.len() as u64;
        self.reader.push(&chunk);
        while let Some(packet) = self.reader.next().map_err(SyncError::Damaged)? {
            self.keep(&packet, progress)?;
            self.packets += 1;
            // What came of the packet behind it is taken for this one's: in sum that comes right.
            let bytes = self.read - std::mem::replace(&mut self.told_apart, self.read);
            progress.answer_messages += messages_of(&packet, bytes);
            if self.is_done {
                return Ok(());
            }
        }
        let Bounds { answer_max, idle_max } = self.bounds;
        if answer_max < self.read || idle_max < self.read - self.read_at_news {
            return Err(SyncError::Endless { bytes: self.read });
        }
        Ok(())
    }

    fn keep(&mut self, packet: &Packet, progress: &mut Progress) -> Result<(), SyncError> {
        if packet.number == 0 {
            self.is_ours = self.check_ours(packet)?;
            self.welcomed_at = self.store.now();
        }
        for frame in &packet.frames {
            self.note(frame);
        }
        if !self.is_ours {
            // The relay would not even begin; nothing else is believed.
            return Ok(());
        }
        self.is_welcomed = true;
        self.exchanged.forked |= self.answers_a_twin(packet)?;
        if self.exchanged.forked {
            // The relay has taken nothing, and nothing of such an answer is.
            return self.check_newest();
        }
        // The relay stops taking items before it has read them all, so marks behind them may not be known there.
        let marks = if self.exchanged.stop.is_some() { &[][..] } else { &self.attempt.marks };
        let applied = self.store.apply(Incoming {
            x: self.attempt.x,
            frames: &packet.frames,
            welcomed_at: self.welcomed_at,
            marks,
            nothing_held: self.asked_all() && !self.exchanged.held,
        })?;
        progress.sent += applied.relayed;
        progress.answered += applied.answered;
        if 0 < applied.advanced {
            self.read_at_news = self.read;
        }
        progress.received += applied.messages;
        progress.message_bytes += applied.message_bytes;
        let sum = &mut self.exchanged.applied;
        sum.answered += applied.answered;
        sum.messages += applied.messages;
        Ok(())
    }

    /// Whether the absence of `Held` says that nothing waits.
    fn asked_all(&self) -> bool {
        self.is_manifest || (self.attempt.has_room && self.lanes == LaneMask::ALL)
    }

    fn note(&mut self, frame: &Frame) {
        match frame {
            Frame::Forked(_) => self.exchanged.forked = true,
            Frame::Stop(stop) => self.exchanged.stop = Some(stop.clone()),
            Frame::Held(rows) => {
                let is_asked_for = |row: &HeldRow| 0 < row.count && self.lanes.contains(row.lane);
                self.exchanged.held |= rows.iter().any(is_asked_for);
            }
            Frame::Latest(latest) => self.exchanged.entries += latest.entries.len() as u64,
            Frame::Deliveries(deliveries) => {
                self.exchanged.entries += deliveries.entries.len() as u64;
            }
            Frame::Done => self.is_done = true,
            _ => {}
        }
    }

    /// An answer begins with this request's number, or it is none. `false` for a relay that only says `Stop`.
    fn check_ours(&self, packet: &Packet) -> Result<bool, SyncError> {
        let x = packet.frames.iter().find_map(|frame| match frame {
            Frame::Welcome(welcome) => Some(welcome.x),
            Frame::Forked(forked) => Some(forked.x),
            _ => None,
        });
        match x {
            Some(x) if x == self.attempt.x => Ok(true),
            None if packet.frames.iter().any(|frame| matches!(frame, Frame::Stop(_))) => Ok(false),
            _ => Err(SyncError::NotOurs),
        }
    }

    /// Whether the relay has answered for numbers that this store never gave, or for other items under numbers that it
    /// did: then it went back, or has a twin, and the relay could not see that.
    fn answers_a_twin(&self, packet: &Packet) -> Result<bool, SyncError> {
        let k = packet.frames.iter().find_map(|frame| match frame {
            Frame::Welcome(welcome) => Some(welcome.k),
            _ => None,
        });
        let check = packet.frames.iter().find_map(|frame| match frame {
            Frame::Check(check) => Some(*check),
            _ => None,
        });
        Ok(match (k, check) {
            (None, _) => false,
            (Some(k), _) if self.store.last_number()? < k => true,
            (Some(k), Some(check)) => !self.store.are_own(self.attempt.told, k, check)?,
            (Some(_), None) => false,
        })
    }

    /// Only the newest attempt can say that this store has a twin: an older one was merely overtaken by our own.
    fn check_newest(&self) -> Result<(), SyncError> {
        let newest = self.store.reader().position()?.x;
        if newest == self.attempt.x { Ok(()) } else { Err(SyncError::NotOurs) }
    }
}

/// What messages take of the `bytes` that brought a packet: it is compressed whole, so in proportion.
fn messages_of(packet: &Packet, bytes: u64) -> u64 {
    /// An entry of lane latest, a message's header, and any other frame, about.
    const ENTRY: u64 = 24;
    const HEADER: u64 = 8;
    const FRAME: u64 = 12;
    let (mut messages, mut control) = (0, 0);
    for frame in &packet.frames {
        match frame {
            Frame::Deliveries(mail) => {
                messages +=
                    mail.entries.iter().map(|mail| mail.body.len() as u64 + HEADER).sum::<u64>();
            }
            Frame::Latest(latest) => control += ENTRY * latest.entries.len() as u64,
            _ => control += FRAME,
        }
    }
    share(bytes, messages, messages + control)
}

/// Takes the answer's end off the connection, so that it can carry another request. It comes with the last packet; where
/// it does not, the connection is given up rather than waited for.
pub(crate) async fn finish<A: Answer>(answer: &mut A) {
    let _ = timeout(FINISH_MAX, answer.chunk()).await;
}

/// What an answer without an exchange says.
pub(crate) async fn refusal<A: Answer>(answer: &mut A) -> SyncError {
    let mut text = Vec::new();
    while text.len() < WORDS_MAX {
        match answer.chunk().await {
            Ok(Some(chunk)) => text.extend_from_slice(&chunk),
            _ => break,
        }
    }
    text.truncate(WORDS_MAX);
    let words =
        String::from_utf8_lossy(&text).chars().filter(|c| !c.is_control() || *c == ' ').collect();
    SyncError::Status { status: answer.status(), words, retry_after_s: answer.retry_after_s() }
}
