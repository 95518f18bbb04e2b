//! `Latest`: entries of lane latest, each of a kind of its own.

use serde::{Deserialize, Serialize};

use super::{narrow, put_frame, table::Table, take_count};
use crate::{
    DecodeError, Entry, Latest, MemberState, Name,
    bin::{self, put, take, unzigzag, zigzag},
    ids::ConversationRef,
};

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

pub(super) fn encode_latest(latest: &Latest, table: &mut Table) -> Vec<u8> {
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

pub(super) fn decode_latest(mut bytes: &[u8], table: &Table) -> Result<Latest, DecodeError> {
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
