//! Against what OpenSSL 4.0 made of the same seed: `openssl.bin` holds its encapsulation key, a ciphertext with its secret, the
//! secret that it finds in [`answer`]'s ciphertext, and the one that it makes of that with its first bit turned.

use super::*;

const OPENSSL: &[u8; KEY_LEN + CIPHERTEXT_LEN + 3 * 32] = include_bytes!("openssl.bin");
const RANDOMNESS: [u8; 32] = [7; 32];

/// A share of zeros is a point of which every secret is zero.
const ZERO_POINT: [u8; CURVE_LEN] = [0; CURVE_LEN];

fn seed() -> Seed {
    std::array::from_fn::<u8, 64, _>(|at| at as u8).into()
}

fn started() -> Box<Started> {
    Box::new(Started::new(seed(), ring::kx_group::X25519.start().unwrap()))
}

/// The curve's side of somebody else: its key, and the secret with a share's.
fn curve_with(share: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let curve = share.last_chunk::<CURVE_LEN>().unwrap();
    let done = ring::kx_group::X25519.start_and_complete(curve).unwrap();
    (done.pub_key, done.secret.secret_bytes().to_vec())
}

fn parts() -> [&'static [u8]; 5] {
    let (key, rest) = OPENSSL.split_at(KEY_LEN);
    let (ciphertext, rest) = rest.split_at(CIPHERTEXT_LEN);
    [key, ciphertext, &rest[..32], &rest[32..64], &rest[64..]]
}

fn is_invalid<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare)))
}

#[test]
fn a_clients_share_and_secret_are_those_of_the_draft_with_openssls_ml_kem() {
    let [key, ciphertext, secret, ..] = parts();
    let started = started();
    assert_eq!((started.pub_key().len(), started.group()), (1216, NamedGroup::X25519MLKEM768));
    assert!(started.pub_key().starts_with(key));
    let (group, curve) = started.hybrid_component().unwrap();
    assert_eq!((group, curve), (NamedGroup::X25519, &started.pub_key()[KEY_LEN..]));
    let (their_curve, curve_secret) = curve_with(started.pub_key());
    let done = started.complete(&[ciphertext, &their_curve].concat()).unwrap();
    assert_eq!(done.secret_bytes(), [secret, &curve_secret].concat());
}

#[test]
fn a_relays_share_and_secret_are_those_of_the_draft_and_openssl_finds_the_same() {
    let [key, _, _, secret, _] = parts();
    let curve = ring::kx_group::X25519.start().unwrap();
    let done = answer(&[key, curve.pub_key()].concat(), &RANDOMNESS.into()).unwrap();
    assert_eq!((done.pub_key.len(), done.group), (1120, NamedGroup::X25519MLKEM768));
    let curve_secret = curve.complete(&done.pub_key[CIPHERTEXT_LEN..]).unwrap();
    assert_eq!(done.secret.secret_bytes(), [secret, curve_secret.secret_bytes()].concat());
}

#[test]
fn a_ciphertext_that_was_changed_gives_the_secret_that_openssl_gives_and_no_error() {
    let [key, _, _, _, rejected] = parts();
    let (started, curve) = (started(), ring::kx_group::X25519.start().unwrap());
    let mut share = answer(&[key, curve.pub_key()].concat(), &RANDOMNESS.into()).unwrap().pub_key;
    share[0] ^= 1;
    let done = started.complete(&share).unwrap();
    assert_eq!(&done.secret_bytes()[..32], rejected);
}

#[test]
fn both_sides_find_the_same() {
    let started = X25519MLKEM768.start().unwrap();
    let done = X25519MLKEM768.start_and_complete(started.pub_key()).unwrap();
    let secret = started.complete(&done.pub_key).unwrap();
    assert_eq!(secret.secret_bytes(), done.secret.secret_bytes());
    assert_eq!(secret.secret_bytes().len(), 64);
}

#[test]
fn each_part_of_each_share_and_secret_is_new_every_time() {
    let mut parts: [Vec<Vec<u8>>; 6] = Default::default();
    let started = started();
    for _ in 0..3 {
        let asked = X25519MLKEM768.start().unwrap();
        let (key, curve) = asked.pub_key().split_at(KEY_LEN);
        let done = X25519MLKEM768.start_and_complete(started.pub_key()).unwrap();
        let (ciphertext, their_curve) = done.pub_key.split_at(CIPHERTEXT_LEN);
        let (kem_secret, curve_secret) = done.secret.secret_bytes().split_at(32);
        let seen = [key, curve, ciphertext, their_curve, kem_secret, curve_secret];
        for (seen, before) in seen.into_iter().zip(&mut parts) {
            assert!(!before.iter().any(|one| one == seen), "{} bytes came twice", seen.len());
            before.push(seen.to_vec());
        }
    }
}

#[test]
fn where_the_relay_takes_x25519_alone_the_same_key_does() {
    let started = started();
    let (their_curve, secret) = curve_with(started.pub_key());
    let done = started.complete_hybrid_component(&their_curve).unwrap();
    assert_eq!(done.secret_bytes(), secret);
}

#[test]
fn shares_of_any_other_length_are_refused() {
    let [key, ciphertext, ..] = parts();
    let (their_curve, _) = curve_with(started().pub_key());
    let (whole, answered) = ([key, &their_curve].concat(), [ciphertext, &their_curve].concat());
    for len in (0..=1300).filter(|len| *len != whole.len()) {
        let share: Vec<_> = whole.iter().copied().chain([9; 100]).take(len).collect();
        assert!(is_invalid(&X25519MLKEM768.start_and_complete(&share)), "{len}");
    }
    for len in (0..=1300).step_by(7).chain([1088, 1119, 1121, 1216]) {
        let share: Vec<_> = answered.iter().copied().chain([9; 200]).take(len).collect();
        assert!(len == answered.len() || is_invalid(&started().complete(&share)), "{len}");
    }
    assert!(is_invalid(&started().complete_hybrid_component(&their_curve[1..])));
}

#[test]
fn an_encapsulation_key_with_a_number_that_is_not_reduced_is_refused_wherever_it_stands() {
    const Q: u16 = 3329;
    let (their_curve, _) = curve_with(started().pub_key());
    for at in [0, 1, 2, 255, 256, 511, 767] {
        for (number, is_good) in [(Q - 1, true), (Q, false), (Q + 1, false), (4095, false)] {
            let mut share = [parts()[0], &their_curve].concat();
            // Two numbers of 12 bits in three bytes.
            let three = &mut share[at / 2 * 3..][..3];
            let [low, high] = number.to_le_bytes();
            if at % 2 == 0 {
                (three[0], three[1]) = (low, three[1] & 0xf0 | high);
            } else {
                (three[1], three[2]) = (three[1] & 0x0f | low << 4, low >> 4 | high << 4);
            }
            let answered = X25519MLKEM768.start_and_complete(&share);
            assert!(answered.is_ok() == is_good, "{number} at {at}");
            assert!(is_good || is_invalid(&answered));
        }
    }
}

#[test]
fn a_curve_point_that_makes_the_secret_zero_is_refused_on_both_sides() {
    let [key, ciphertext, ..] = parts();
    let mut one = ZERO_POINT;
    one[0] = 1;
    for point in [ZERO_POINT, one] {
        assert!(is_invalid(&X25519MLKEM768.start_and_complete(&[key, &point].concat())));
        assert!(is_invalid(&started().complete(&[ciphertext, &point].concat())));
        assert!(is_invalid(&started().complete_hybrid_component(&point)));
    }
}

#[test]
fn it_is_for_tls_1_3_only() {
    assert!(X25519MLKEM768.usable_for_version(ProtocolVersion::TLSv1_3));
    assert!(!X25519MLKEM768.usable_for_version(ProtocolVersion::TLSv1_2));
}
