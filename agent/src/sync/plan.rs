//! What goes into one request, and what is left for its answer: drafts in, bytes out.

use bytes::Bytes;
use tokio::time::Instant;
use wire::{
    BodyWriter, Codec, EncodeError, Frame, Hello, LaneMask, Limits, PREAMBLE_LEN, Submit, Submits,
    kind, limits::REQUEST_TARGET,
};

use super::{SyncError, Terms, outcome::share};
use crate::store::{Ask, Draft, Packed, Store};

/// A request takes no longer than this many seconds of the link, nor than the visit has left, unless one envelope does.
const REQUEST_SECONDS: u64 = 30;
/// Marks in one request; more go with the next.
const MARKS_MAX: usize = 128;
/// What a request and its answer cost beside their bodies: HTTP, and TLS around both, in bytes.
const AROUND: u64 = 400;
/// With less left no exchange begins: the greeting and the least answer.
pub(crate) const LEFT_LEAST: u64 = AROUND + 256;
/// Of an answer, what frames of TLS and chunks take: 29 bytes or less in 1,024.
const FRAMING: u64 = 34;

/// The bounds of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Bytes of the body.
    pub(crate) body_max: usize,
    /// Whether the first item may pass that, up to `single_max`.
    pub(crate) single_max: usize,
    /// Bytes that the budget leaves for request and answer; `None` without a limit.
    pub(crate) left: Option<u64>,
    pub(crate) packet_max: usize,
}

impl Room {
    /// The room of attempt `x`. With a budget, both directions get their turn: half goes up at most, unless nothing waits
    /// at the relay; one item that needs more than half has every other attempt to itself.
    pub(crate) fn new(
        terms: &Terms,
        request_max: u32,
        left: Option<u64>,
        nothing_held: bool,
        x: u64,
    ) -> Self {
        let relay_max = if request_max == 0 { REQUEST_TARGET } else { request_max as usize };
        let by_rate = match terms.link.rate {
            0 => REQUEST_TARGET,
            rate => to_usize((300u64 << (rate - 1).min(30)) * seconds(terms) / 8),
        };
        let body_max = relay_max.min(REQUEST_TARGET).min(by_rate);
        let (body_max, single_max) = match left {
            None => (body_max, relay_max),
            Some(left) => {
                let whole = to_usize(left.saturating_sub(AROUND + 256));
                let share = if nothing_held { whole } else { whole / 2 };
                let single = if nothing_held || x.is_multiple_of(2) { whole } else { share };
                (body_max.min(share), relay_max.min(single))
            }
        };
        let packet_max = packet_max(terms);
        Self { body_max, single_max: single_max.max(body_max), left, packet_max }
    }

    /// Bytes of bodies worth drafting: text packs to about half.
    pub(crate) fn draft_max(&self) -> usize {
        self.body_max.saturating_mul(3)
    }

    /// Bytes of body that the answer to a request of `request_len` may have; 0 is no limit.
    fn take(&self, request_len: usize) -> u32 {
        let Some(left) = self.left else { return 0 };
        let rest = left.saturating_sub(request_len as u64 + AROUND);
        u32::try_from(rest.saturating_sub(rest * FRAMING / 1024)).unwrap_or(u32::MAX).max(1)
    }
}

/// How long a request may take: what has left cannot be called back when the visit's time is over.
fn seconds(terms: &Terms) -> u64 {
    let left = terms.until.map(|until| until.saturating_duration_since(Instant::now()).as_secs());
    left.map_or(REQUEST_SECONDS, |left| left.clamp(1, REQUEST_SECONDS))
}

/// Size that packets keep within, in bytes. More in doubt than this is not sent again before the relay was asked.
pub(crate) fn packet_max(terms: &Terms) -> usize {
    terms.packet_max.min(terms.link.packet_target())
}

/// What `Hello` says beside what the draft knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Greeting {
    pub(crate) lanes: LaneMask,
    pub(crate) hold_s: u16,
}

/// What messages take of a request's body: it is compressed whole, so in proportion.
pub(crate) fn messages_in(draft: &Draft, packed: &Packed) -> u64 {
    /// Of `Hello`, of a mark, and of an item's header, about.
    const HELLO: u64 = 24;
    const MARK: u64 = 6;
    const HEADER: u64 = 8;
    let (mut messages, mut control) = (0, HELLO + MARK * packed.marks as u64);
    for submit in &draft.submits[..packed.taken] {
        let len = submit.body.len() as u64 + HEADER;
        match submit.kind {
            kind::TEXT | kind::MESSAGE | kind::EDIT | kind::DELETE | kind::AGAIN => messages += len,
            _ => control += len,
        }
    }
    share(packed.body.len() as u64, messages, messages + control)
}

/// Writes the request for a draft: as many items as fit, in packets.
pub(crate) fn pack(
    draft: &Draft,
    terms: &Terms,
    room: &Room,
    greeting: Greeting,
) -> Result<Packed, EncodeError> {
    let packed = pack_with(draft, terms, room, greeting, 0)?;
    if room.left.is_none() {
        return Ok(packed);
    }
    // What the request costs is not left for its answer; that number stands in the request itself.
    const TAKE_LEN: usize = 8;
    let take = room.take(packed.body.len() + TAKE_LEN);
    pack_with(draft, terms, room, greeting, take)
}

fn pack_with(
    draft: &Draft,
    terms: &Terms,
    room: &Room,
    greeting: Greeting,
    take: u32,
) -> Result<Packed, EncodeError> {
    let marks = draft.marks.len().min(MARKS_MAX);
    let writer = BodyWriter::new(allowed(terms.codec, &draft.position.limits));
    let mut body = Body { bytes: writer.preamble().to_vec(), writer, draft, room, taken: 0 };
    let mut first = vec![Frame::Hello(hello(draft, terms, greeting, take))];
    if 0 < marks {
        first.push(Frame::Marks(draft.marks[..marks].to_vec()));
    }
    body.fill(&first)?;
    Ok(Packed { taken: body.taken, body: Bytes::from(body.bytes), marks })
}

/// The codec that a request may use: what the relay is not known to read gives way to what all read.
fn allowed(codec: Codec, limits: &Limits) -> Codec {
    let is_read = codec != Codec::Model || limits.codecs.contains(&codec.number());
    if is_read { codec } else { Codec::Zstd }
}

fn hello(draft: &Draft, terms: &Terms, greeting: Greeting, take: u32) -> Hello {
    let position = &draft.position;
    Hello {
        x: draft.x,
        told: position.told,
        cursors: position.cursors,
        lanes: if draft.has_room { greeting.lanes } else { LaneMask::NONE },
        pending: draft.pending,
        take,
        hold_s: greeting.hold_s,
        link: terms.link,
        state: terms.state,
        presence_version: position.presence_version,
        next_call_s: terms.next_call_s,
        limits_tag: position.limits.tag,
    }
}

/// What requests would take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bodies {
    /// Own items in them.
    pub items: u64,
    /// How many; one at least, which asks.
    pub requests: u64,
    /// Bytes of their bodies, compressed.
    pub bytes: u64,
}

/// Makes the requests that a visit with these terms would make now, and throws them away: nothing is sealed. Of an
/// outbox with more than 4,096 items those that go first count.
///
/// # Errors
/// What the store says.
pub fn bodies(store: &Store, terms: &Terms) -> Result<Bodies, SyncError> {
    let position = store.reader().position()?;
    let room = Room::new(terms, position.limits.request_max, None, true, position.x + 1);
    let ask = Ask { submits: terms.submits(), bytes_max: usize::MAX, share_read: terms.share_read };
    let mut bodies = Ok(Bodies::default());
    let drafted = store.attempt(ask, |draft| {
        bodies = add_up(draft, terms, &room);
        // So nothing of it is kept.
        Err(SyncError::Unfinished)
    });
    match drafted {
        Ok(_) | Err(SyncError::Unfinished) => Ok(bodies?),
        Err(err) => Err(err),
    }
}

fn add_up(draft: &Draft, terms: &Terms, room: &Room) -> Result<Bodies, EncodeError> {
    let greeting = Greeting { lanes: terms.lanes, hold_s: 0 };
    let mut waiting = &draft.submits[..];
    let mut next = Draft { submits: Vec::new(), ..draft.clone() };
    let mut bodies = Bodies::default();
    loop {
        next.submits = waiting[..drafted_at_once(waiting, room.draft_max())].to_vec();
        let packed = pack(&next, terms, room, greeting)?;
        bodies.items += packed.taken as u64;
        bodies.requests += 1;
        bodies.bytes += packed.body.len() as u64;
        waiting = &waiting[packed.taken..];
        if waiting.is_empty() || packed.taken == 0 {
            return Ok(bodies);
        }
        // As if all of it was answered.
        next.first += packed.taken as u64;
        next.position.told = next.first - 1;
        next.x += 1;
        next.marks.clear();
    }
}

/// How many of these are drafted for one request, by the store's own reckoning.
fn drafted_at_once(submits: &[Submit], bytes_max: usize) -> usize {
    const HEADER: usize = 8;
    let mut left = bytes_max;
    let fit = submits.iter().take_while(|submit| {
        let cost = submit.body.len() + HEADER;
        let fits = cost <= left;
        left = left.saturating_sub(cost);
        fits
    });
    fit.count().max(1).min(submits.len())
}

struct Body<'d> {
    bytes: Vec<u8>,
    writer: BodyWriter,
    draft: &'d Draft,
    room: &'d Room,
    taken: usize,
}

impl Body<'_> {
    /// Packets from `first` to `End`.
    fn fill(&mut self, first: &[Frame]) -> Result<(), EncodeError> {
        let mut begin = first;
        loop {
            let rest = self.draft.submits.len() - self.taken;
            let fits = if rest == 0 { None } else { self.largest(begin, rest)? };
            let Some((rows, packet)) = fits else { break };
            self.push(&packet);
            self.taken += rows;
            begin = &[];
            if rows == rest {
                return Ok(());
            }
        }
        if !begin.is_empty() && self.can_be_single() {
            let single = self.writer.draft(&self.frames(begin, 1))?;
            if self.bytes.len() + single.len() <= self.room.single_max {
                self.push(&single);
                self.taken = 1;
                return self.finish(&[]);
            }
        }
        self.finish(begin)
    }

    /// The largest next packet that keeps to its size and to the body's; one envelope may be larger than a packet.
    fn largest(
        &self,
        begin: &[Frame],
        rest: usize,
    ) -> Result<Option<(usize, Vec<u8>)>, EncodeError> {
        /// `End` by itself.
        const END_LEN: usize = 8;
        let left = self.room.body_max.saturating_sub(self.bytes.len() + END_LEN);
        let limit = left.min(self.room.packet_max);
        if let Some(fit) = self.writer.fit(limit, rest, |rows| self.frames(begin, rows))? {
            return Ok(Some(fit));
        }
        // A greeting with many marks leaves no room beside it, or an envelope is larger than a packet.
        let single = self.writer.draft(&self.frames(begin, 1))?;
        Ok((single.len() <= left).then_some((1, single)))
    }

    fn can_be_single(&self) -> bool {
        self.taken == 0 && !self.draft.submits.is_empty() && self.bytes.len() == PREAMBLE_LEN
    }

    fn frames(&self, begin: &[Frame], rows: usize) -> Vec<Frame> {
        let next = self.taken + rows;
        let mut frames = begin.to_vec();
        frames.push(Frame::Submits(Submits {
            first: self.draft.first + self.taken as u64,
            items: self.draft.submits[self.taken..next].to_vec(),
        }));
        if next == self.draft.submits.len() {
            frames.push(Frame::End);
        }
        frames
    }

    fn push(&mut self, packet: &[u8]) {
        self.bytes.extend_from_slice(packet);
        self.writer.sent();
    }

    fn finish(&mut self, begin: &[Frame]) -> Result<(), EncodeError> {
        if self.taken == self.draft.submits.len() && self.taken != 0 {
            return Ok(());
        }
        let mut frames = begin.to_vec();
        frames.push(Frame::End);
        let packet = self.writer.packet(&frames)?;
        self.bytes.extend_from_slice(&packet);
        Ok(())
    }
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
