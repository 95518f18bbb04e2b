//! The table of the relay's numbers that the frames of one packet share.

use super::take_count;
use crate::{
    DecodeError, Name,
    bin::{put, take},
    ids::ConversationRef,
};

/// The numbers that a packet's frames name by place; place 0 is "none".
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    accounts: Vec<u64>,
    /// Device and the place of its account.
    devices: Vec<(u64, u64)>,
    conversations: Vec<ConversationRef>,
}

impl Table {
    pub(super) fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.devices.is_empty() && self.conversations.is_empty()
    }

    pub(super) fn put_account(&mut self, account: u64) -> u64 {
        if account == 0 { 0 } else { place_of(&mut self.accounts, account) }
    }

    pub(super) fn put_device(&mut self, device: u64, account: u64) -> u64 {
        let account = self.put_account(account);
        place_of(&mut self.devices, (device, account))
    }

    pub(super) fn put_conversation(&mut self, conversation: ConversationRef) -> u64 {
        match conversation {
            ConversationRef::None | ConversationRef::Number(0) => 0,
            some => place_of(&mut self.conversations, some),
        }
    }

    pub(super) fn account(&self, place: u64) -> Result<u64, DecodeError> {
        if place == 0 { Ok(0) } else { at_place(&self.accounts, place) }
    }

    /// Device and account.
    pub(super) fn device(&self, place: u64) -> Result<(u64, u64), DecodeError> {
        let (device, account) = at_place(&self.devices, place)?;
        Ok((device, self.account(account)?))
    }

    pub(super) fn conversation(&self, place: u64) -> Result<ConversationRef, DecodeError> {
        if place == 0 { Ok(ConversationRef::None) } else { at_place(&self.conversations, place) }
    }

    /// A conversation that must stand there by number.
    pub(super) fn number(&self, place: u64) -> Result<u64, DecodeError> {
        match self.conversation(place)? {
            ConversationRef::None => Ok(0),
            ConversationRef::Number(number) => Ok(number),
            ConversationRef::Founded(_) => Err(DecodeError::Malformed),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
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

    pub(super) fn decode(mut bytes: &[u8]) -> Result<Self, DecodeError> {
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
