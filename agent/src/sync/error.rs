//! What can end a run before its time, and what a person can do about it.

use wire::{DecodeError, EncodeError};

use crate::{link::LinkError, store::StoreError};

/// Why an exchange was not finished. What was committed before stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The local store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The relay answered, but not with an exchange.
    #[error("the relay refused the request ({status}): {words}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// Its text, cut short.
        words: String,
        /// When to come back, in seconds.
        retry_after_s: Option<u32>,
    },
    /// The answer is none to this request: a proxy's, or an old one. Nothing of it was used.
    #[error("the answer is not one to this request (it was kept by something on the way)")]
    NotOurs,
    /// The answer is damaged. The packets before the damage were used.
    #[error("the answer is damaged")]
    Damaged(#[source] DecodeError),
    /// The answer ended early. The packets before that were used.
    #[error("the answer ended before it was done")]
    Unfinished,
    /// The answer went on and on. What it brought is kept.
    #[error("the answer had no end: it was given up after {bytes} bytes")]
    Endless {
        /// Bytes of it that were read.
        bytes: u64,
    },
    /// The request could not be written.
    #[error("the request could not be written")]
    Encode(#[from] EncodeError),
    /// The relay goes on saying that this store has a twin.
    #[error("the relay does not accept this device, nor a new one in its place")]
    ForkedAgain,
    /// No random number for a new token.
    #[error("the system gave no random numbers")]
    Random,
}

impl SyncError {
    /// Whether another attempt within this visit is useless.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Link(err) => err.is_permanent(),
            // Who says when to come back does not mean at once.
            Self::Status { retry_after_s: Some(1..), .. } => true,
            Self::Status { status, .. } => !matches!(status, 500 | 502 | 503 | 504),
            Self::Store(_)
            | Self::Encode(_)
            | Self::ForkedAgain
            | Self::Random
            | Self::Endless { .. } => true,
            Self::Damaged(
                DecodeError::NotMailboat { .. } | DecodeError::UnsupportedVersion { .. },
            ) => true,
            Self::NotOurs | Self::Damaged(_) | Self::Unfinished => false,
        }
    }

    /// Whether there seems to be no link at all.
    #[must_use]
    pub fn is_no_link(&self) -> bool {
        match self {
            Self::Link(err) => err.is_no_link(),
            Self::Unfinished | Self::NotOurs | Self::Damaged(_) => true,
            _ => false,
        }
    }

    /// When the relay wants to be asked again, in seconds.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Status { retry_after_s, .. } => *retry_after_s,
            _ => None,
        }
    }

    /// What a person can do, as a sentence; empty where there is nothing to do but to wait.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Link(err) => err.remedy(),
            Self::Store(err) if err.is_full() => "Free some space; nothing is lost.",
            Self::Status { status: 401, .. } => "Log in again with `mailboat login`.",
            Self::Status { status: 400, .. } => {
                "Relay and mailboat do not understand each other: update the older one."
            }
            Self::Status { status: 413, .. } => {
                "The relay takes smaller messages only: shorten the longest one."
            }
            Self::Damaged(DecodeError::UnsupportedVersion { .. }) => {
                "The relay is newer than this mailboat: update it."
            }
            Self::Damaged(_) | Self::NotOurs => {
                "Something on the way changes or keeps answers; with https it cannot."
            }
            Self::Endless { .. } => {
                "What it brought is kept, and the next visit goes on from there."
            }
            Self::ForkedAgain => "Log in again with `mailboat login`.",
            Self::Status { .. }
            | Self::Unfinished
            | Self::Store(_)
            | Self::Encode(_)
            | Self::Random => "",
        }
    }
}
