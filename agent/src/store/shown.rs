//! What a row is, and how far one of our own has come.

use serde::Serialize;

/// What a row of the inbox is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody wrote it.
    Message,
    /// Somebody asks to chat.
    Request,
    /// Mailboat says it.
    Notice,
    /// An item of a channel.
    Item,
}

impl Kind {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Message => 1,
            Self::Request => 2,
            Self::Notice => 3,
            Self::Item => 4,
        }
    }

    pub(crate) fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Message,
            2 => Self::Request,
            4 => Self::Item,
            _ => Self::Notice,
        }
    }
}

/// How far one of our own messages has come. In this order; it only grows, until it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// Stays here until something happens.
    Held,
    /// Goes with the next visit.
    Queued,
    /// Durable at the relay.
    Relayed,
    /// Not everyone got it in time.
    Expired,
    /// Durable on a device of everyone whom it went to.
    Delivered,
    /// Read by everyone who lets it be known.
    Read,
    /// The relay did not take it.
    Refused,
}

impl MessageState {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Held => 1,
            Self::Queued => 2,
            Self::Relayed => 3,
            Self::Expired => 4,
            Self::Delivered => 5,
            Self::Read => 6,
            Self::Refused => 7,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        let all = [
            Self::Held,
            Self::Queued,
            Self::Relayed,
            Self::Expired,
            Self::Delivered,
            Self::Read,
            Self::Refused,
        ];
        all.into_iter().find(|state| state.number() == number)
    }
}
