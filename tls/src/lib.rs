//! What both ends of a connection need of TLS beyond rustls: a post-quantum key exchange, and a look at what a client's
//! first words offer.
//!
//! **Invariant:** no I/O, no clock, no async, no settings; and no cryptography of our own: ring and `ml-kem` compute, here is
//! only put together what they gave.

mod hello;
mod hybrid;

pub use self::{
    hello::first_share,
    hybrid::{HYBRID_MORE, X25519MLKEM768},
};
