//! Frames as bytes. A packet's frames share a table of the relay's numbers: the first frame gives
//! each number once, the others name it by its place. The table starts empty in every packet.
//!
//! `kind u8 | length varint | payload`; a kind that is unknown, or a payload that does not read,
//! becomes [`Frame::Unknown`] and disturbs nothing else.

use serde::{Deserialize, Serialize};

use crate::{
    Answered, Cursors, DecodeError, Deliveries, Delivery, Entry, Frame, Hello, Lane, LaneMask,
    Latest, LinkKind, Mark, MemberState, Name, PresenceState, Run, Submit, Submits, age,
    bin::{self, put, take, unzigzag, zigzag},
    columns::{ColumnReader, ColumnWriter},
    ids::ConversationRef,
    item::kind as item_kind,
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

/// The numbers that a packet's frames name by place; place 0 is "none".
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    accounts: Vec<u64>,
    /// Device and the place of its account.
    devices: Vec<(u64, u64)>,
    conversations: Vec<ConversationRef>,
}

impl Table {
    fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.devices.is_empty() && self.conversations.is_empty()
    }

    fn put_account(&mut self, account: u64) -> u64 {
        if account == 0 { 0 } else { place_of(&mut self.accounts, account) }
    }

    fn put_device(&mut self, device: u64, account: u64) -> u64 {
        let account = self.put_account(account);
        place_of(&mut self.devices, (device, account))
    }

    fn put_conversation(&mut self, conversation: ConversationRef) -> u64 {
        match conversation {
            ConversationRef::None | ConversationRef::Number(0) => 0,
            some => place_of(&mut self.conversations, some),
        }
    }

    fn account(&self, place: u64) -> Result<u64, DecodeError> {
        if place == 0 { Ok(0) } else { at_place(&self.accounts, place) }
    }

    /// Device and account.
    fn device(&self, place: u64) -> Result<(u64, u64), DecodeError> {
        let (device, account) = at_place(&self.devices, place)?;
        Ok((device, self.account(account)?))
    }

    fn conversation(&self, place: u64) -> Result<ConversationRef, DecodeError> {
        if place == 0 { Ok(ConversationRef::None) } else { at_place(&self.conversations, place) }
    }

    /// A conversation that must stand there by number.
    fn number(&self, place: u64) -> Result<u64, DecodeError> {
        match self.conversation(place)? {
            ConversationRef::None => Ok(0),
            ConversationRef::Number(number) => Ok(number),
            ConversationRef::Founded(_) => Err(DecodeError::Malformed),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, self.accounts.len() as u64);
        self.accounts.iter().for_each(|account| put(&mut out, *account));
        put(&mut out, self.conversations.len() as u64);
        for conversation in &self.conversations {
            match *conversation {
                // 0 is no number, so it can stand before a founding name.
                ConversationRef::Founded(Name { device, n }) => {
                    [0, device, n].into_iter().for_each(|number| put(&mut out, number));
                }
                ConversationRef::Number(number) => put(&mut out, number),
                ConversationRef::None => put(&mut out, 0),
            }
        }
        // The devices stand last and fill the frame: an upward packet has none and pays nothing.
        for (device, account) in &self.devices {
            put(&mut out, *device);
            put(&mut out, *account);
        }
        out
    }

    fn decode(mut bytes: &[u8]) -> Result<Self, DecodeError> {
        let rest = &mut bytes;
        let mut table = Self::default();
        for _ in 0..take_count(rest)? {
            table.accounts.push(take(rest)?);
        }
        for _ in 0..take_count(rest)? {
            table.conversations.push(match take(rest)? {
                0 => ConversationRef::Founded(Name { device: take(rest)?, n: take(rest)? }),
                number => ConversationRef::Number(number),
            });
        }
        while !rest.is_empty() {
            table.devices.push((take(rest)?, take(rest)?));
        }
        Ok(table)
    }
}

fn place_of<T: PartialEq>(values: &mut Vec<T>, value: T) -> u64 {
    // Neighbours repeat, so the search from the end is short.
    let found = values.iter().rposition(|known| *known == value);
    let index = found.unwrap_or_else(|| {
        values.push(value);
        values.len() - 1
    });
    index as u64 + 1
}

fn at_place<T: Copy>(values: &[T], place: u64) -> Result<T, DecodeError> {
    let index = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
    index.and_then(|index| values.get(index)).copied().ok_or(DecodeError::Malformed)
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

fn encode_hello(hello: &Hello) -> Vec<u8> {
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

fn decode_hello(mut bytes: &[u8]) -> Result<Hello, DecodeError> {
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

fn encode_marks(marks: &[Mark], table: &mut Table) -> Vec<u8> {
    let coded: Vec<Mark> = marks
        .iter()
        .map(|mark| {
            let place = table.put_conversation(ConversationRef::Number(mark.conversation));
            Mark { conversation: place, ..*mark }
        })
        .collect();
    bin::encode(&coded)
}

fn decode_marks(bytes: &[u8], table: &Table) -> Result<Vec<Mark>, DecodeError> {
    let mut marks: Vec<Mark> = bin::decode(bytes)?;
    for mark in &mut marks {
        mark.conversation = table.number(mark.conversation)?;
    }
    Ok(marks)
}

fn encode_answered(answered: &Answered, table: &mut Table) -> Vec<u8> {
    let mut runs = answered.runs.clone();
    for run in &mut runs {
        if let Run::Placed { conversation, .. } | Run::Founded { conversation } = run {
            *conversation = table.put_conversation(ConversationRef::Number(*conversation));
        }
    }
    bin::encode(&(answered.first, runs))
}

fn decode_answered(bytes: &[u8], table: &Table) -> Result<Answered, DecodeError> {
    let (first, mut runs): (u64, Vec<Run>) = bin::decode(bytes)?;
    for run in &mut runs {
        if let Run::Placed { conversation, .. } | Run::Founded { conversation } = run {
            *conversation = table.number(*conversation)?;
        }
    }
    Ok(Answered { first, runs })
}

fn encode_submits(submits: &Submits, table: &mut Table) -> Vec<u8> {
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

fn decode_submits(mut bytes: &[u8], table: &Table) -> Result<Submits, DecodeError> {
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

fn encode_deliveries(deliveries: &Deliveries, table: &mut Table) -> Vec<u8> {
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

fn decode_deliveries(bytes: &[u8], table: &Table) -> Result<Deliveries, DecodeError> {
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

const CONTACT: u8 = 1;
const CONVERSATION: u8 = 2;
const MEMBER: u8 = 3;
const RECEIPT: u8 = 4;
const COUNTS: u8 = 5;
const EXPIRED: u8 = 6;
const LAPSED: u8 = 7;
const LAPSED_DEVICE: u8 = 8;

#[derive(Serialize, Deserialize)]
struct ConversationCode {
    number: u64,
    founded: Name,
    pair: bool,
    title: String,
    version: u32,
    mine: MemberState,
    inviter: u64,
    inviter_name: String,
    greeting: String,
}

fn encode_latest(latest: &Latest, table: &mut Table) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, latest.entries.len() as u64);
    let mut before = 0u64;
    for (position, entry) in &latest.entries {
        put(&mut out, zigzag(before.wrapping_add(1), *position));
        before = *position;
        let (kind, body) = encode_entry(entry, table);
        put_frame(&mut out, kind, &body);
    }
    out
}

fn decode_latest(mut bytes: &[u8], table: &Table) -> Result<Latest, DecodeError> {
    let mut entries = Vec::new();
    let mut before = 0u64;
    for _ in 0..take_count(&mut bytes)? {
        let position = unzigzag(before.wrapping_add(1), take(&mut bytes)?);
        before = position;
        let (kind, mut rest) = bytes.split_first().ok_or(DecodeError::Malformed)?;
        let len = narrow(take(&mut rest)?)?;
        let (body, behind) = rest.split_at_checked(len).ok_or(DecodeError::Malformed)?;
        bytes = behind;
        let unknown = |_| Entry::Unknown { kind: *kind, body: body.to_vec() };
        entries.push((position, decode_entry(*kind, body, table).unwrap_or_else(unknown)));
    }
    if bytes.is_empty() { Ok(Latest { entries }) } else { Err(DecodeError::Malformed) }
}

fn encode_entry(entry: &Entry, table: &mut Table) -> (u8, Vec<u8>) {
    let mut place = |number: u64| table.put_conversation(ConversationRef::Number(number));
    match entry {
        Entry::Contact { account, name, blocked } => {
            (CONTACT, bin::encode(&(table.put_account(*account), name, blocked)))
        }
        Entry::Conversation {
            number,
            founded,
            pair,
            title,
            version,
            mine,
            inviter,
            inviter_name,
            greeting,
        } => {
            let code = ConversationCode {
                number: place(*number),
                founded: *founded,
                pair: *pair,
                title: title.clone(),
                version: *version,
                mine: *mine,
                inviter: table.put_account(*inviter),
                inviter_name: inviter_name.clone(),
                greeting: greeting.clone(),
            };
            (CONVERSATION, bin::encode(&code))
        }
        Entry::Member { conversation, account, name, state, version } => {
            let place = place(*conversation);
            let account = table.put_account(*account);
            (MEMBER, bin::encode(&(place, account, name, state, version)))
        }
        Entry::Receipt { conversation, lane, account, delivered, read } => {
            let place = place(*conversation);
            let account = table.put_account(*account);
            let behind = zigzag(*read, *delivered);
            (RECEIPT, bin::encode(&(place, lane, account, delivered, behind)))
        }
        Entry::Counts { conversation, lane, c, delivered, read, of } => {
            (COUNTS, bin::encode(&(place(*conversation), lane, c, delivered, read, of)))
        }
        Entry::Expired { name, missing, of } => (EXPIRED, bin::encode(&(name, missing, of))),
        Entry::Lapsed { conversation, count } => {
            (LAPSED, bin::encode(&(place(*conversation), count)))
        }
        Entry::LapsedDevice { device, count } => (LAPSED_DEVICE, bin::encode(&(device, count))),
        Entry::Unknown { kind, body } => (*kind, body.clone()),
    }
}

fn decode_entry(kind: u8, body: &[u8], table: &Table) -> Result<Entry, DecodeError> {
    Ok(match kind {
        CONTACT => {
            let (account, name, blocked) = bin::decode(body)?;
            Entry::Contact { account: table.account(account)?, name, blocked }
        }
        CONVERSATION => {
            let code: ConversationCode = bin::decode(body)?;
            Entry::Conversation {
                number: table.number(code.number)?,
                founded: code.founded,
                pair: code.pair,
                title: code.title,
                version: code.version,
                mine: code.mine,
                inviter: table.account(code.inviter)?,
                inviter_name: code.inviter_name,
                greeting: code.greeting,
            }
        }
        MEMBER => {
            let (conversation, account, name, state, version) = bin::decode(body)?;
            Entry::Member {
                conversation: table.number(conversation)?,
                account: table.account(account)?,
                name,
                state,
                version,
            }
        }
        RECEIPT => {
            let (conversation, lane, account, delivered, behind): (_, _, _, u64, u64) =
                bin::decode(body)?;
            // `zigzag(read, delivered)` seen from the other end.
            let read = delivered.wrapping_sub(unzigzag(0, behind));
            Entry::Receipt {
                conversation: table.number(conversation)?,
                lane,
                account: table.account(account)?,
                delivered,
                read,
            }
        }
        COUNTS => {
            let (conversation, lane, c, delivered, read, of) = bin::decode(body)?;
            let conversation = table.number(conversation)?;
            Entry::Counts { conversation, lane, c, delivered, read, of }
        }
        EXPIRED => {
            let (name, missing, of) = bin::decode(body)?;
            Entry::Expired { name, missing, of }
        }
        LAPSED => {
            let (conversation, count) = bin::decode(body)?;
            Entry::Lapsed { conversation: table.number(conversation)?, count }
        }
        LAPSED_DEVICE => {
            let (device, count) = bin::decode(body)?;
            Entry::LapsedDevice { device, count }
        }
        _ => return Err(DecodeError::Malformed),
    })
}
