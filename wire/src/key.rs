//! By what people and programs know a relay's own key.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// The fingerprint of a relay's own key: the first 20 bytes of the SHA-256 of its SubjectPublicKeyInfo in DER. Written as
/// eight groups of four letters and digits (base32, RFC 4648, in lower case), so that two people can compare it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; LEN]);

const LEN: usize = 20;
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const LETTER_BITS: usize = 5;
const LETTER_COUNT: usize = LEN * 8 / LETTER_BITS;
const GROUP: usize = 4;

const _: () = assert!(LETTER_COUNT * LETTER_BITS == LEN * 8 && LETTER_COUNT.is_multiple_of(GROUP));

/// What was given is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint has eight groups of four letters and digits, as in abcd-efgh-…")]
pub struct FingerprintError;

impl Fingerprint {
    /// Of the key with this SubjectPublicKeyInfo, in DER.
    #[must_use]
    pub fn of(spki: &[u8]) -> Self {
        let hash: [u8; 32] = Sha256::digest(spki).into();
        let mut first = [0; LEN];
        first.copy_from_slice(&hash[..LEN]);
        Self(first)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for at in 0..LETTER_COUNT {
            if at != 0 && at % GROUP == 0 {
                f.write_str("-")?;
            }
            let bit = |at: usize| usize::from(self.0[at / 8] >> (7 - at % 8) & 1);
            let first = at * LETTER_BITS;
            let letter = (first..first + LETTER_BITS).fold(0, |letter, at| letter << 1 | bit(at));
            f.write_str(char::from(LETTERS[letter]).encode_utf8(&mut [0; 4]))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Upper case, dashes and spaces do not matter.
    fn from_str(written: &str) -> Result<Self, FingerprintError> {
        let (mut bytes, mut count) = ([0; LEN], 0);
        for letter in written.bytes().filter(|byte| !matches!(byte, b'-' | b' ')) {
            let letter = letter.to_ascii_lowercase();
            let value =
                LETTERS.iter().position(|known| *known == letter).ok_or(FingerprintError)?;
            if LETTER_COUNT <= count {
                return Err(FingerprintError);
            }
            for bit in 0..LETTER_BITS {
                let at = count * LETTER_BITS + bit;
                let is_set = value >> (LETTER_BITS - 1 - bit) & 1 == 1;
                bytes[at / 8] |= u8::from(is_set) << (7 - at % 8);
            }
            count += 1;
        }
        if count == LETTER_COUNT { Ok(Self(bytes)) } else { Err(FingerprintError) }
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The public key of RFC 8032's first test vector as SubjectPublicKeyInfo (RFC 8410).
    const SPKI: [u8; 44] = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00, 0xd7, 0x5a, 0x98,
        0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1,
        0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
    ];

    #[test]
    fn a_keys_fingerprint_never_changes() {
        assert_eq!(Fingerprint::of(&SPKI).to_string(), GOLDEN);
    }

    const GOLDEN: &str = "a3r7-3d62-fg5w-bk2z-kv66-mhw3-blwn-wiyr";

    #[test]
    fn what_is_written_is_read_however_it_is_typed() {
        let fingerprint = Fingerprint::of(&SPKI);
        for typed in [GOLDEN.to_owned(), GOLDEN.to_uppercase(), GOLDEN.replace('-', " ")] {
            assert_eq!(typed.parse(), Ok(fingerprint));
        }
        for at in 0..=u8::MAX {
            let fingerprint = Fingerprint::of(&[at]);
            assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        }
        let short = &GOLDEN[..GOLDEN.len() - 1];
        for wrong in ["", short, &format!("{GOLDEN}a"), &GOLDEN.replace('-', "1"), "ä"] {
            assert_eq!(wrong.parse::<Fingerprint>(), Err(FingerprintError), "{wrong}");
        }
    }
}
