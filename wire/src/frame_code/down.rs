//! What the relay says of items: `Answered`, `Deliveries`.

use super::{behind, narrow, table::Table};
use crate::{
    Answered, DecodeError, Deliveries, Delivery, Lane, Run, age,
    bin::{self, put, take},
    columns::{ColumnReader, ColumnWriter},
    ids::ConversationRef,
    item::kind as item_kind,
    limits::FRAME_ROWS_MAX,
};

pub(super) fn encode_answered(answered: &Answered, table: &mut Table) -> Vec<u8> {
    let mut runs = answered.runs.clone();
    for run in &mut runs {
        if let Run::Placed { conversation, .. } | Run::Founded { conversation } = run {
            *conversation = table.put_conversation(ConversationRef::Number(*conversation));
        }
    }
    bin::encode(&(answered.first, runs))
}

pub(super) fn decode_answered(bytes: &[u8], table: &Table) -> Result<Answered, DecodeError> {
    let (first, mut runs): (u64, Vec<Run>) = bin::decode(bytes)?;
    for run in &mut runs {
        if let Run::Placed { conversation, .. } | Run::Founded { conversation } = run {
            *conversation = table.number(*conversation)?;
        }
    }
    Ok(Answered { first, runs })
}

pub(super) fn encode_deliveries(deliveries: &Deliveries, table: &mut Table) -> Vec<u8> {
    let entries = &deliveries.entries;
    let conversations: Vec<u64> = entries
        .iter()
        .map(|entry| table.put_conversation(ConversationRef::Number(entry.conversation)))
        .collect();
    let devices: Vec<u64> =
        entries.iter().map(|entry| table.put_device(entry.author, entry.account)).collect();
    let ns: Vec<u64> = entries.iter().map(|entry| entry.n).collect();
    let cs: Vec<u64> = entries.iter().map(|entry| entry.c).collect();
    let mut columns = ColumnWriter::new();
    columns.expected((0..entries.len()).map(|row| {
        let before = row.checked_sub(1).map_or(0, |before| entries[before].position);
        (before.wrapping_add(1), entries[row].position)
    }));
    columns.plain(1, conversations.iter().copied());
    columns.plain(1, devices.iter().copied());
    let next_n = next_in(&devices, &ns);
    columns.expected(next_n.iter().copied().zip(ns.iter().copied()));
    let next_c = next_in(&conversations, &cs);
    columns.expected(next_c.iter().copied().zip(cs.iter().copied()));
    columns.plain(u64::from(item_kind::TEXT), entries.iter().map(|entry| u64::from(entry.kind)));
    columns.expected(behind(entries, |entry| age::code(entry.age_s)));
    columns.plain(0, entries.iter().map(|entry| entry.body.len() as u64));
    let mut out = vec![deliveries.lane.number()];
    put(&mut out, entries.len() as u64);
    columns.finish(&mut out);
    entries.iter().for_each(|entry| out.extend_from_slice(&entry.body));
    out
}

/// For each row one more than the last value of the same group, 1 at its first.
fn next_in(groups: &[u64], values: &[u64]) -> Vec<u64> {
    let mut last = Vec::new();
    groups.iter().zip(values).map(|(group, value)| advance(&mut last, *group, *value)).collect()
}

/// Notes `value` as the newest of `group`, gives one more than the one before it.
fn advance(last: &mut Vec<u64>, group: u64, value: u64) -> u64 {
    let index = usize::try_from(group).unwrap_or(usize::MAX).min(FRAME_ROWS_MAX);
    if last.len() <= index {
        last.resize(index + 1, 0);
    }
    std::mem::replace(&mut last[index], value).wrapping_add(1)
}

/// What `expected` shall expect of a row, given each row's group.
fn expect_next(groups: &[u64]) -> impl FnMut(usize, &[u64]) -> u64 + '_ {
    let mut last: Vec<u64> = Vec::new();
    move |row, values| {
        // The row before was read since the last call: note it under its group first.
        if let Some(before) = row.checked_sub(1) {
            advance(&mut last, groups[before], values[before]);
        }
        let index = usize::try_from(groups[row]).unwrap_or(usize::MAX).min(FRAME_ROWS_MAX);
        last.get(index).copied().unwrap_or(0).wrapping_add(1)
    }
}

pub(super) fn decode_deliveries(bytes: &[u8], table: &Table) -> Result<Deliveries, DecodeError> {
    let (lane, mut bytes) = bytes.split_first().ok_or(DecodeError::Malformed)?;
    let lane = Lane::from_number(*lane).ok_or(DecodeError::Malformed)?;
    let count = take(&mut bytes)?;
    let mut columns = ColumnReader::new(count, bytes)?;
    let before = |_: usize, values: &[u64]| values.last().copied().unwrap_or(0);
    let positions = columns.expected(|row, values| before(row, values).wrapping_add(1))?;
    let conversations = columns.plain(1)?;
    let devices = columns.plain(1)?;
    let ns = columns.expected(expect_next(&devices))?;
    let cs = columns.expected(expect_next(&conversations))?;
    let kinds = columns.plain(u64::from(item_kind::TEXT))?;
    let ages = columns.expected(before)?;
    let lengths = columns.plain(0)?;
    let bodies = columns.bodies(&lengths)?;
    let entry = |(row, body): (usize, Vec<u8>)| {
        let (author, account) = table.device(devices[row])?;
        Ok(Delivery {
            position: positions[row],
            conversation: table.number(conversations[row])?,
            author,
            account,
            n: ns[row],
            c: cs[row],
            kind: narrow(kinds[row])?,
            age_s: age::read(ages[row]).ok_or(DecodeError::Malformed)?,
            body,
        })
    };
    let entries = bodies.into_iter().enumerate().map(entry).collect::<Result<_, _>>()?;
    Ok(Deliveries { lane, entries })
}
