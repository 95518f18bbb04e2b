//! Hellos that rustls wrote, whole and damaged.

use std::sync::Arc;

use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::{
        CryptoProvider, SupportedKxGroup,
        ring::{default_provider, kx_group},
    },
    version::TLS13,
};

use super::*;
use crate::X25519MLKEM768;

const TAKEN: [NamedGroup; 3] =
    [NamedGroup::X25519, NamedGroup::X25519MLKEM768, NamedGroup::secp256r1];

fn hello(kx_groups: &[&'static dyn SupportedKxGroup]) -> Vec<u8> {
    let provider = CryptoProvider { kx_groups: kx_groups.to_vec(), ..default_provider() };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = "relay.example".try_into().unwrap();
    let mut conn = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut records = Vec::new();
    conn.write_tls(&mut records).unwrap();
    records
}

/// The same hello in records of at most so many bytes.
fn in_pieces(records: &[u8], len: usize) -> Vec<u8> {
    let pieces = records[5..].chunks(len);
    let piece = |piece: &[u8]| {
        let [high, low] = u16::try_from(piece.len()).unwrap().to_be_bytes();
        [&[RECORD_HANDSHAKE, 3, 1, high, low], piece].concat()
    };
    pieces.flat_map(piece).collect()
}

#[test]
fn the_first_share_that_is_taken_is_found_and_what_is_only_named_is_not() {
    use NamedGroup::{X25519 as Curve, X25519MLKEM768 as Both, secp256r1 as P256};
    let both = hello(&[X25519MLKEM768, kx_group::X25519]);
    assert_eq!(first_share(&both, &TAKEN), Some(Both));
    assert_eq!(first_share(&both, &[Curve, P256]), Some(Curve), "its share goes beside the other");
    assert_eq!(first_share(&both, &[P256]), None);
    // Both are named here, and only the first is sent.
    let curve = hello(&[kx_group::X25519, X25519MLKEM768]);
    assert_eq!(first_share(&curve, &TAKEN), Some(Curve));
    assert_eq!(first_share(&curve, &[Both, P256]), None);
    assert_eq!(first_share(&hello(&[kx_group::SECP384R1]), &TAKEN), None);
}

#[test]
fn how_the_hello_is_cut_into_records_and_what_comes_behind_it_changes_nothing() {
    let whole = hello(&[X25519MLKEM768, kx_group::X25519]);
    for len in [1, 2, 100, 1400, 10_000] {
        let mut records = in_pieces(&whole, len);
        assert_eq!(first_share(&records, &TAKEN), Some(NamedGroup::X25519MLKEM768), "{len}");
        for behind in [&[20, 3, 3, 0, 1, 1][..], &[23, 3, 3, 0, 2, 8, 8], &[22], &[255; 40]] {
            let long = [&records, behind].concat();
            assert_eq!(first_share(&long, &TAKEN), Some(NamedGroup::X25519MLKEM768), "{len}");
        }
        let at = records.len() / 2 / (5 + len) * (5 + len);
        let (first, rest) = records.split_at(at);
        let parted = [first, &[23, 3, 3, 0, 2, 8, 8], rest].concat();
        assert_eq!(first_share(&parted, &TAKEN), None, "{len}, with something else within");
        records.truncate(records.len() - 1);
        assert_eq!(first_share(&records, &TAKEN), None, "{len}, cut");
    }
}

#[test]
fn what_is_damaged_brings_a_share_or_none_and_nothing_worse() {
    let whole = hello(&[X25519MLKEM768, kx_group::X25519]);
    for at in 0..whole.len() {
        assert_eq!(first_share(&whole[..at], &TAKEN), None, "cut at {at}");
        for bits in [1, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] ^= bits;
            let _ = first_share(&damaged, &TAKEN);
        }
    }
    for nothing in [&[][..], &[0; 3], &[22, 3, 1, 255, 255], b"GET / HTTP/1.1\r\n\r\n"] {
        assert_eq!(first_share(nothing, &TAKEN), None);
    }
}
