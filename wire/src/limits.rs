//! Bounds of everything that crosses the wire. Readers check them before they allocate.

/// Largest envelope body that any relay may allow, in bytes; a relay's own limit is in
/// [`Limits::envelope_max`](crate::Limits::envelope_max).
pub const ENVELOPE_MAX: usize = 64 * 1024;
/// Envelope limit of a relay whose operator did not choose another, in bytes.
pub const ENVELOPE_DEFAULT: usize = 8 * 1024;
/// Longest payload of a packet on the wire, in bytes.
pub const PACKET_WIRE_MAX: usize = 70 * 1024;
/// Longest payload of a packet once it is decompressed, in bytes.
pub const PACKET_DECODED_MAX: usize = 70 * 1024;
/// Size that writers aim a packet at, on the wire, in bytes: at most this is sent twice after a cut.
pub const PACKET_TARGET: usize = 2 * 1024;
/// A packet should take no longer than this many seconds of the link.
pub const PACKET_SECONDS: usize = 3;
/// Request body that agents stay within unless one envelope needs more, in bytes.
pub const REQUEST_TARGET: usize = 64 * 1024;
/// Largest request body that any relay may be asked to read, in bytes.
pub const REQUEST_MAX: usize = 72 * 1024;
/// Bytes of an answer that stay reserved for the last packet (`Held`, `Done`).
pub const LAST_PACKET_RESERVE: usize = 64;
/// Entries, items, rows in one frame.
pub const FRAME_ROWS_MAX: usize = 16 * 1024;
/// Members of one conversation, the founder included.
pub const MEMBERS_MAX: usize = 256;
/// Longest account name (the part before `@`), in bytes.
pub const ACCOUNT_NAME_MAX: usize = 32;
/// Longest greeting of a request, in characters.
pub const GREETING_CHARS_MAX: usize = 500;
/// Longest title of a conversation, in characters.
pub const TITLE_CHARS_MAX: usize = 100;
/// Longest time a request may be held, in seconds.
pub const HOLD_SECONDS_MAX: u16 = 300;

const _: () = assert!(ENVELOPE_MAX + 4096 <= PACKET_DECODED_MAX);
const _: () = assert!(PACKET_DECODED_MAX + 1024 <= REQUEST_MAX);
const _: () = assert!(ENVELOPE_DEFAULT <= ENVELOPE_MAX);
const _: () = assert!(PACKET_TARGET <= PACKET_WIRE_MAX);
