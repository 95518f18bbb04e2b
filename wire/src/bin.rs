//! bincode 2, standard configuration, behind one door: hard limits, no trailing bytes, canonical
//! numbers only. Nothing outside this module names the crate, so another could take its place.

use serde::{Serialize, de::DeserializeOwned};

use crate::{DecodeError, limits::PACKET_DECODED_MAX};

type Config = bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    bincode::config::Limit<VALUE_MAX>,
>;

/// bincode counts numbers at their full width, up to eight times what they take as varints: whatever fits a packet reads.
const VALUE_MAX: usize = 8 * PACKET_DECODED_MAX;

fn config() -> Config {
    bincode::config::standard().with_limit::<VALUE_MAX>()
}

/// The canonical bytes of a value.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, bincode::config::standard())
        .expect("writing our own sized types into memory cannot fail")
}

/// Reads a value that fills `bytes` to the last one and is written canonically.
pub(crate) fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (value, used): (T, usize) =
        bincode::serde::decode_from_slice(bytes, config()).map_err(|_| DecodeError::Malformed)?;
    // bincode takes `[251, 1, 0]` for 1 and ignores what follows a value: one way to write a value
    // is what lets both ends hash and compare bytes.
    if used != bytes.len() || encode(&value) != bytes {
        return Err(DecodeError::Malformed);
    }
    Ok(value)
}

/// Like [`decode`] for a value with more behind it; gives the rest.
pub(crate) fn decode_prefix<T: Serialize + DeserializeOwned>(
    bytes: &[u8],
) -> Result<(T, &[u8]), DecodeError> {
    let (value, used): (T, usize) =
        bincode::serde::decode_from_slice(bytes, config()).map_err(|_| DecodeError::Malformed)?;
    let (head, rest) = bytes.split_at_checked(used).ok_or(DecodeError::Malformed)?;
    if encode(&value) != head {
        return Err(DecodeError::Malformed);
    }
    Ok((value, rest))
}

/// Appends an unsigned number as a bincode varint (1, 3, 5 or 9 bytes).
pub(crate) fn put(out: &mut Vec<u8>, number: u64) {
    let mut bytes = [0; 9];
    let len = bincode::encode_into_slice(number, &mut bytes, bincode::config::standard())
        .expect("nine bytes hold any u64 varint");
    out.extend_from_slice(&bytes[..len]);
}

/// Takes an unsigned number off the front of `bytes`.
pub(crate) fn take(bytes: &mut &[u8]) -> Result<u64, DecodeError> {
    let (number, used) = bincode::decode_from_slice::<u64, _>(bytes, config())
        .map_err(|_| DecodeError::Malformed)?;
    if used != varint_len(number) {
        return Err(DecodeError::Malformed);
    }
    *bytes = bytes.get(used..).ok_or(DecodeError::Malformed)?;
    Ok(number)
}

/// Bytes that [`put`] writes for `number`.
pub(crate) fn varint_len(number: u64) -> usize {
    match number {
        0..=250 => 1,
        251..=0xFFFF => 3,
        0x1_0000..=0xFFFF_FFFF => 5,
        _ => 9,
    }
}

/// A signed difference as an unsigned number: small magnitudes stay small.
pub(crate) fn zigzag(from: u64, to: u64) -> u64 {
    let difference = to.wrapping_sub(from).cast_signed();
    ((difference << 1) ^ (difference >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`]: where the difference leads from `from`.
pub(crate) fn unzigzag(from: u64, coded: u64) -> u64 {
    let difference = (coded >> 1) ^ (coded & 1).wrapping_neg();
    from.wrapping_add(difference)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(take(&mut &[251u8, 1, 0][..]), Err(DecodeError::Malformed));
        assert_eq!(decode::<u64>(&[251, 1, 0]), Err(DecodeError::Malformed));
        assert_eq!(decode::<u64>(&[1, 1]), Err(DecodeError::Malformed));
        assert_eq!(decode::<u64>(&[251, 251, 0]), Ok(251));
    }

    proptest! {
        #[test]
        fn numbers_round_trip(number: u64) {
            let mut out = Vec::new();
            put(&mut out, number);
            prop_assert_eq!(out.len(), varint_len(number));
            let mut rest = &out[..];
            prop_assert_eq!(take(&mut rest), Ok(number));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn differences_round_trip(from: u64, to: u64) {
            prop_assert_eq!(unzigzag(from, zigzag(from, to)), to);
        }
    }
}
