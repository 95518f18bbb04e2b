//! Frames as bytes. A packet's frames share a table of the relay's numbers: the first frame gives
//! each number once, the others name it by its place. The table starts empty in every packet.
//!
//! `kind u8 | length varint | payload`; a kind that is unknown, or a payload that does not read,
//! becomes [`Frame::Unknown`] and disturbs nothing else.

mod down;
mod latest;
mod table;
mod up;

use self::{
    down::{decode_answered, decode_deliveries, encode_answered, encode_deliveries},
    latest::{decode_latest, encode_latest},
    table::Table,
    up::{decode_hello, decode_marks, decode_submits, encode_hello, encode_marks, encode_submits},
};
use crate::{
    DecodeError, Frame,
    bin::{self, put, take},
    limits::FRAME_ROWS_MAX,
};

const NAMES: u8 = 1;
const HELLO: u8 = 2;
const MARKS: u8 = 3;
const SUBMITS: u8 = 4;
const END: u8 = 5;
const WELCOME: u8 = 16;
const ANSWERED: u8 = 17;
const LATEST: u8 = 18;
const DELIVERIES: u8 = 19;
const PRESENCE: u8 = 20;
const HELD: u8 = 21;
const STOP: u8 = 22;
const FORKED: u8 = 23;
const DONE: u8 = 24;
const CHECK: u8 = 25;

/// The decoded payload of a packet with these frames.
pub(crate) fn encode_frames(frames: &[Frame]) -> Vec<u8> {
    let mut table = Table::default();
    let coded: Vec<_> = frames.iter().map(|frame| encode_frame(frame, &mut table)).collect();
    let mut out = Vec::new();
    if !table.is_empty() {
        put_frame(&mut out, NAMES, &table.encode());
    }
    for (kind, payload) in &coded {
        put_frame(&mut out, *kind, payload);
    }
    out
}

/// The frames of a decoded payload; `None` if it does not divide into frames.
pub(crate) fn decode_frames(mut payload: &[u8]) -> Option<Vec<Frame>> {
    let mut table = Table::default();
    let mut frames = Vec::new();
    while let Some((&kind, rest)) = payload.split_first() {
        let mut rest = rest;
        let len = usize::try_from(take(&mut rest).ok()?).ok()?;
        let (body, behind) = rest.split_at_checked(len)?;
        payload = behind;
        if kind == NAMES
            && let Ok(names) = Table::decode(body)
        {
            table = names;
            continue;
        }
        let unknown = |_| Frame::Unknown { kind, payload: body.to_vec() };
        frames.push(decode_frame(kind, body, &table).unwrap_or_else(unknown));
    }
    Some(frames)
}

fn put_frame(out: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    out.push(kind);
    put(out, payload.len() as u64);
    out.extend_from_slice(payload);
}

fn encode_frame(frame: &Frame, table: &mut Table) -> (u8, Vec<u8>) {
    match frame {
        Frame::Hello(hello) => (HELLO, encode_hello(hello)),
        Frame::Marks(marks) => (MARKS, encode_marks(marks, table)),
        Frame::Submits(submits) => (SUBMITS, encode_submits(submits, table)),
        Frame::End => (END, Vec::new()),
        Frame::Welcome(welcome) => (WELCOME, bin::encode(welcome)),
        Frame::Answered(answered) => (ANSWERED, encode_answered(answered, table)),
        Frame::Latest(latest) => (LATEST, encode_latest(latest, table)),
        Frame::Deliveries(deliveries) => (DELIVERIES, encode_deliveries(deliveries, table)),
        Frame::Presence(presence) => (PRESENCE, bin::encode(presence)),
        Frame::Held(rows) => (HELD, bin::encode(rows)),
        Frame::Stop(stop) => (STOP, bin::encode(stop)),
        Frame::Forked(forked) => (FORKED, bin::encode(forked)),
        Frame::Done => (DONE, Vec::new()),
        Frame::Check(check) => (CHECK, check.to_le_bytes().to_vec()),
        Frame::Unknown { kind, payload } => (*kind, payload.clone()),
    }
}

fn decode_frame(kind: u8, body: &[u8], table: &Table) -> Result<Frame, DecodeError> {
    let empty = |frame| if body.is_empty() { Ok(frame) } else { Err(DecodeError::Malformed) };
    Ok(match kind {
        HELLO => Frame::Hello(decode_hello(body)?),
        MARKS => Frame::Marks(decode_marks(body, table)?),
        SUBMITS => Frame::Submits(decode_submits(body, table)?),
        END => empty(Frame::End)?,
        WELCOME => Frame::Welcome(bin::decode(body)?),
        ANSWERED => Frame::Answered(decode_answered(body, table)?),
        LATEST => Frame::Latest(decode_latest(body, table)?),
        DELIVERIES => Frame::Deliveries(decode_deliveries(body, table)?),
        PRESENCE => Frame::Presence(bin::decode(body)?),
        HELD => Frame::Held(bin::decode(body)?),
        STOP => Frame::Stop(bin::decode(body)?),
        FORKED => Frame::Forked(bin::decode(body)?),
        DONE => empty(Frame::Done)?,
        CHECK => {
            let bytes = body.try_into().map_err(|_| DecodeError::Malformed)?;
            Frame::Check(u32::from_le_bytes(bytes))
        }
        _ => return Err(DecodeError::Malformed),
    })
}

/// A count of things that take at least a byte each.
fn take_count(bytes: &mut &[u8]) -> Result<u64, DecodeError> {
    let count = take(bytes)?;
    if count <= FRAME_ROWS_MAX as u64 && count <= bytes.len() as u64 {
        Ok(count)
    } else {
        Err(DecodeError::Malformed)
    }
}

fn narrow<T: TryFrom<u64>>(number: u64) -> Result<T, DecodeError> {
    T::try_from(number).map_err(|_| DecodeError::Malformed)
}

/// Each row's value with the value of the row before it, which is what it is expected to be.
fn behind<T>(
    rows: &[T],
    value: impl Fn(&T) -> u64 + Clone,
) -> impl Iterator<Item = (u64, u64)> + Clone {
    (0..rows.len()).map(move |row| {
        let before = row.checked_sub(1).map_or(0, |before| value(&rows[before]));
        (before, value(&rows[row]))
    })
}
