//! What both ends of a connection need of TLS beyond rustls: a post-quantum key exchange, a look at what a client's first words
//! offer, signatures by a key alone, and the way to drive rustls over a stream that is polled.
//!
//! **Invariant:** no clock, no settings, no task and no socket of its own; and no cryptography of our own: ring and `ml-kem`
//! compute, here is only put together what they gave.

mod drive;
mod hello;
mod hybrid;
mod raw_key;

pub use self::{
    drive::{poll_hear, poll_say},
    hello::first_share,
    hybrid::{HYBRID_MORE, X25519MLKEM768},
    raw_key::{ByRawKey, KeyJudge},
};
