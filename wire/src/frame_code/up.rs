//! What a device says: `Hello`, `Marks`, `Submits`.

use super::{behind, narrow, table::Table};
use crate::{
    Cursors, DecodeError, Hello, LaneMask, LinkKind, Mark, PresenceState, Submit, Submits, age,
    bin::{self, put, take, unzigzag, zigzag},
    columns::{ColumnReader, ColumnWriter},
    ids::ConversationRef,
    item::kind as item_kind,
};

pub(super) fn encode_hello(hello: &Hello) -> Vec<u8> {
    let Cursors { latest, urgent, ordinary } = hello.cursors;
    let flags = hello.lanes.bits() | u8::from(hello.pending) << 3 | hello.state.number() << 4;
    let mut out = Vec::new();
    for number in [
        hello.x,
        hello.told,
        latest,
        zigzag(latest, urgent),
        zigzag(urgent, ordinary),
        u64::from(flags),
        u64::from(hello.link.bits()),
        u64::from(hello.take),
        u64::from(hello.hold_s),
        hello.presence_version,
        u64::from(hello.next_call_s),
        u64::from(hello.limits_tag),
    ] {
        put(&mut out, number);
    }
    out
}

pub(super) fn decode_hello(mut bytes: &[u8]) -> Result<Hello, DecodeError> {
    let rest = &mut bytes;
    let (x, told) = (take(rest)?, take(rest)?);
    let latest = take(rest)?;
    let urgent = unzigzag(latest, take(rest)?);
    let ordinary = unzigzag(urgent, take(rest)?);
    let flags: u8 = narrow(take(rest)?)?;
    let state = PresenceState::from_number(flags >> 4);
    if flags >> 4 != state.number() {
        return Err(DecodeError::Malformed);
    }
    let link = LinkKind::from_bits(narrow(take(rest)?)?).ok_or(DecodeError::Malformed)?;
    let hello = Hello {
        x,
        told,
        cursors: Cursors { latest, urgent, ordinary },
        lanes: LaneMask::from_bits(flags),
        pending: flags >> 3 & 1 == 1,
        link,
        state,
        take: narrow(take(rest)?)?,
        hold_s: narrow(take(rest)?)?,
        presence_version: take(rest)?,
        next_call_s: narrow(take(rest)?)?,
        limits_tag: narrow(take(rest)?)?,
    };
    if rest.is_empty() { Ok(hello) } else { Err(DecodeError::Malformed) }
}

pub(super) fn encode_marks(marks: &[Mark], table: &mut Table) -> Vec<u8> {
    let coded: Vec<Mark> = marks
        .iter()
        .map(|mark| {
            let place = table.put_conversation(ConversationRef::Number(mark.conversation));
            Mark { conversation: place, ..*mark }
        })
        .collect();
    bin::encode(&coded)
}

pub(super) fn decode_marks(bytes: &[u8], table: &Table) -> Result<Vec<Mark>, DecodeError> {
    let mut marks: Vec<Mark> = bin::decode(bytes)?;
    for mark in &mut marks {
        mark.conversation = table.number(mark.conversation)?;
    }
    Ok(marks)
}

pub(super) fn encode_submits(submits: &Submits, table: &mut Table) -> Vec<u8> {
    let items = &submits.items;
    let places: Vec<u64> =
        items.iter().map(|item| table.put_conversation(item.conversation)).collect();
    let mut columns = ColumnWriter::new();
    columns.plain(1, places.iter().copied());
    columns.plain(u64::from(item_kind::TEXT), items.iter().map(|item| u64::from(item.kind)));
    columns.plain(0, items.iter().map(|item| u64::from(item.urgent)));
    columns.expected(behind(items, |item| u64::from(item.version)));
    columns.expected(behind(items, |item| age::code(item.age_s)));
    columns.expected(behind(items, |item| u64::from(item.lifetime_s)));
    columns.plain(0, items.iter().map(|item| item.body.len() as u64));
    let mut out = Vec::new();
    put(&mut out, submits.first);
    put(&mut out, items.len() as u64);
    columns.finish(&mut out);
    items.iter().for_each(|item| out.extend_from_slice(&item.body));
    out
}

pub(super) fn decode_submits(mut bytes: &[u8], table: &Table) -> Result<Submits, DecodeError> {
    let first = take(&mut bytes)?;
    let count = take(&mut bytes)?;
    let mut columns = ColumnReader::new(count, bytes)?;
    let before = |_: usize, values: &[u64]| values.last().copied().unwrap_or(0);
    let places = columns.plain(1)?;
    let kinds = columns.plain(u64::from(item_kind::TEXT))?;
    let urgent = columns.plain(0)?;
    let versions = columns.expected(before)?;
    let ages = columns.expected(before)?;
    let lifetimes = columns.expected(before)?;
    let lengths = columns.plain(0)?;
    let bodies = columns.bodies(&lengths)?;
    let item = |(row, body): (usize, Vec<u8>)| {
        Ok(Submit {
            conversation: table.conversation(places[row])?,
            kind: narrow(kinds[row])?,
            urgent: narrow::<u8>(urgent[row]).and_then(flag)?,
            version: narrow(versions[row])?,
            age_s: age::read(ages[row]).ok_or(DecodeError::Malformed)?,
            lifetime_s: narrow(lifetimes[row])?,
            body,
        })
    };
    let items = bodies.into_iter().enumerate().map(item).collect::<Result<_, _>>()?;
    Ok(Submits { first, items })
}

fn flag(number: u8) -> Result<bool, DecodeError> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::Malformed),
    }
}
