//! What relay and agent say to each other: identifiers, items, frames, packets, bodies, codecs and
//! limits. No I/O, no clock, no async; `docs/protocol.md` describes the same bytes in words.
//!
//! A *body* is a preamble and packets; a *packet* is compressed by itself and holds frames; a
//! *frame* is kind, length, payload. Any prefix of a body yields exactly the packets that are
//! whole. Nothing that a peer sends makes this crate panic, loop or allocate beyond [`limits`].

mod age;
mod bin;
mod body;
mod check;
mod code;
mod codec;
mod columns;
mod frame;
mod frame_code;
mod ids;
mod item;
mod key;
pub mod limits;
mod model;

pub use age::rounded_age;
pub use body::{BodyReader, BodyWriter, PREAMBLE_LEN, Packet};
pub use check::check_of;
pub use codec::Codec;
pub use frame::{
    Answered, Deliveries, Delivery, Entry, Forked, Frame, HeldRow, Hello, Latest, Limits, Mark,
    Presence, PresenceRow, Run, Stop, Submit, Submits, Welcome,
};
pub use ids::{
    AccountId, ConversationId, ConversationRef, Cursors, DeviceId, ForkWhy, HeldKind, Lane,
    LaneMask, LinkClass, LinkKind, MemberState, Name, PresenceState, Refusal, StopReason,
};
pub use item::{Item, ItemError, kind};
pub use key::{Fingerprint, FingerprintError};

/// The protocol version of every body this crate writes; it is the second byte of the preamble.
pub const VERSION: u8 = 1;

/// Why bytes could not be read. A peer can cause every variant; none is a panic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The first byte is not ours: a portal's page, a proxy's error, noise.
    #[error(
        "this is no Mailboat body: it starts with byte {got:#04x} instead of {:#04x}",
        body::MAGIC
    )]
    NotMailboat {
        /// The byte received.
        got: u8,
    },
    /// The peer speaks a version that this build does not.
    #[error("protocol version {got} is not supported, this build speaks {VERSION}")]
    UnsupportedVersion {
        /// The version byte received.
        got: u8,
    },
    /// The body is packed with a codec that this build does not have.
    #[error("codec {got} is not supported")]
    UnsupportedCodec {
        /// The codec byte received.
        got: u8,
    },
    /// A flag is set whose meaning this build does not know.
    #[error("flags {got:#04x} are not supported")]
    UnsupportedFlags {
        /// The flags byte received.
        got: u8,
    },
    /// A packet announces more than [`limits::PACKET_WIRE_MAX`] bytes.
    #[error("a packet of {len} bytes exceeds the limit of {}", limits::PACKET_WIRE_MAX)]
    PacketTooLong {
        /// The announced length in bytes.
        len: u64,
    },
    /// The packet's bytes do not decompress within [`limits::PACKET_DECODED_MAX`].
    #[error("packet {number} does not decompress")]
    Compression {
        /// Which packet of the body, from 0.
        number: u32,
    },
    /// The packet arrived damaged, or out of its place.
    #[error("packet {number} is damaged: its checksum does not match")]
    Checksum {
        /// Which packet of the body, from 0.
        number: u32,
    },
    /// A frame's kind and length do not fit into its packet.
    #[error("packet {number} does not divide into frames")]
    Framing {
        /// Which packet of the body, from 0.
        number: u32,
    },
    /// A value ends early, has bytes left over, or is written in another than the one canonical way.
    #[error("a value is cut short, too long or not canonical")]
    Malformed,
}

/// Why a value could not be written: it would break a limit that every reader enforces.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The frames of one packet are too large together.
    #[error("a packet of {len} bytes exceeds the limit of {}", limits::PACKET_DECODED_MAX)]
    PacketTooLong {
        /// The decoded length in bytes.
        len: usize,
    },
    /// The codec refused the packet; its library says no more.
    #[error("the packet could not be compressed")]
    Compression,
}
