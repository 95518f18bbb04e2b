//! The key exchange X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem): whoever wants the secret has to break both X25519 and
//! ML-KEM-768 (FIPS 203).
//!
//! A client's share is its encapsulation key and its X25519 key, a relay's the ciphertext and its X25519 key; the secret is
//! ML-KEM's and X25519's. ML-KEM's part comes first in all three.

#[cfg(test)]
mod tests;

use ml_kem::{
    B32, Seed,
    kem::{Decapsulate, KeyExport},
    ml_kem_768::{Ciphertext, DecapsulationKey, EncapsulationKey},
};
use rustls::{
    Error, NamedGroup, PeerMisbehaved, ProtocolVersion,
    crypto::{
        ActiveKeyExchange, CompletedKeyExchange, GetRandomFailed, SharedSecret, SupportedKxGroup,
        ring,
    },
    ffdhe_groups::FfdheGroup,
};

/// Bytes of an encapsulation key.
const KEY_LEN: usize = 1184;
/// Bytes of a ciphertext.
const CIPHERTEXT_LEN: usize = 1088;
/// Bytes of an X25519 key.
const CURVE_LEN: usize = 32;

/// What a handshake moves more with it than with X25519 alone, in bytes, both directions: the client's share beside that for
/// X25519, which is offered as well, with its header and the group's name; and what the ciphertext adds to the relay's.
pub const HYBRID_MORE: usize = (4 + KEY_LEN + CURVE_LEN) + 2 + CIPHERTEXT_LEN;

/// The group, for [`rustls::crypto::CryptoProvider::kx_groups`]. With [`ring::kx_group::X25519`] behind it a client sends
/// a share for either, so that a relay that knows but the latter answers as soon.
pub static X25519MLKEM768: &dyn SupportedKxGroup = &Hybrid;

#[derive(Debug)]
struct Hybrid;

impl SupportedKxGroup for Hybrid {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut seed = Seed::default();
        fill(&mut seed)?;
        Ok(Box::new(Started::new(seed, ring::kx_group::X25519.start()?)))
    }

    fn start_and_complete(&self, client_share: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let mut randomness = B32::default();
        fill(&mut randomness)?;
        answer(client_share, &randomness)
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}

/// A client's side, between its hello and the answer.
struct Started {
    kem: DecapsulationKey,
    curve: Box<dyn ActiveKeyExchange>,
    share: Vec<u8>,
}

impl Started {
    fn new(seed: Seed, curve: Box<dyn ActiveKeyExchange>) -> Self {
        let kem = DecapsulationKey::from_seed(seed);
        let share = [&kem.encapsulation_key().to_bytes()[..], curve.pub_key()].concat();
        Self { kem, curve, share }
    }
}

impl ActiveKeyExchange for Started {
    fn complete(self: Box<Self>, relay_share: &[u8]) -> Result<SharedSecret, Error> {
        let (ciphertext, curve) = split(relay_share, CIPHERTEXT_LEN)?;
        let ciphertext = Ciphertext::try_from(ciphertext).map_err(|_| invalid())?;
        let curve = self.curve.complete(curve)?;
        // A ciphertext for another key gives another secret, and the handshake fails at its `Finished`.
        Ok(together(&self.kem.decapsulate(&ciphertext), &curve))
    }

    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((self.curve.group(), self.curve.pub_key()))
    }

    fn complete_hybrid_component(
        self: Box<Self>,
        relay_share: &[u8],
    ) -> Result<SharedSecret, Error> {
        self.curve.complete(relay_share)
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}

/// A relay's side, whole.
fn answer(client_share: &[u8], randomness: &B32) -> Result<CompletedKeyExchange, Error> {
    let (key, curve) = split(client_share, KEY_LEN)?;
    let key = key.try_into().map_err(|_| invalid())?;
    // Refuses numbers that are not reduced (FIPS 203 §7.2).
    let key = EncapsulationKey::new(&key).map_err(|_| invalid())?;
    // Refuses points that would make the secret zero.
    let curve = ring::kx_group::X25519.start_and_complete(curve)?;
    let (ciphertext, secret) = key.encapsulate_deterministic(randomness);
    Ok(CompletedKeyExchange {
        group: NamedGroup::X25519MLKEM768,
        pub_key: [&ciphertext[..], &curve.pub_key].concat(),
        secret: together(&secret, &curve.secret),
    })
}

/// A share's two parts, of which the first is `kem_len` bytes.
fn split(share: &[u8], kem_len: usize) -> Result<(&[u8], &[u8]), Error> {
    let parts = share.split_at_checked(kem_len).filter(|(_, curve)| curve.len() == CURVE_LEN);
    parts.ok_or_else(invalid)
}

fn together(kem: &[u8], curve: &SharedSecret) -> SharedSecret {
    [kem, curve.secret_bytes()].concat().into()
}

fn fill(bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
    ring::default_provider().secure_random.fill(bytes)
}

fn invalid() -> Error {
    PeerMisbehaved::InvalidKeyShare.into()
}
