//! From when to when a certificate is valid: the one thing that rustls checks but does not tell.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// The validity of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

impl Validity {
    /// Reads it out of an X.509 certificate in DER (RFC 5280 §4.1); `None` where it is not one.
    pub(crate) fn of(der: &[u8]) -> Option<Self> {
        let (certificate, _) = expect(SEQUENCE, der)?;
        let (tbs, _) = expect(SEQUENCE, certificate)?;
        let rest = expect(VERSION, tbs).map_or(tbs, |(_, rest)| rest);
        let (_serial, rest) = expect(INTEGER, rest)?;
        let (_signature, rest) = expect(SEQUENCE, rest)?;
        let (_issuer, rest) = expect(SEQUENCE, rest)?;
        let (validity, _) = expect(SEQUENCE, rest)?;
        let (tag, not_before, rest) = element(validity)?;
        let not_before = time(tag, not_before)?;
        let (tag, not_after, _) = element(rest)?;
        Some(Self { not_before, not_after: time(tag, not_after)? })
    }
}

fn expect(wanted: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(der)?;
    (tag == wanted).then_some((content, rest))
}

/// Tag, content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Two or three bytes of length reach 16 MiB; rustls takes no certificate beyond that.
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |len, byte| (len << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(len)?;
    Some((tag, content, rest))
}

fn time(tag: u8, content: &[u8]) -> Option<Timestamp> {
    let digits = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    let digits = match tag {
        GENERALIZED_TIME => digits.to_owned(),
        // Years from 50 are the last century's (RFC 5280 §4.1.2.5.1).
        UTC_TIME if digits.get(..2)? < "50" => format!("20{digits}"),
        UTC_TIME => format!("19{digits}"),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%S", digits).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validity_is_read_in_both_forms_of_time() {
        for (from, to) in [(2020, 2049), (2049, 2051), (1970, 2999)] {
            let mut params = rcgen::CertificateParams::new(["relay.example".to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(from, 2, 28);
            params.not_after = rcgen::date_time_ymd(to, 12, 31);
            let key = rcgen::KeyPair::generate().unwrap();
            let der = params.self_signed(&key).unwrap().der().to_vec();
            let validity = Validity::of(&der).unwrap();
            assert_eq!(validity.not_before.to_string(), format!("{from}-02-28T00:00:00Z"));
            assert_eq!(validity.not_after.to_string(), format!("{to}-12-31T00:00:00Z"));
            for len in 0..der.len() {
                assert_eq!(Validity::of(&der[..len]), None, "a certificate cut at {len}");
            }
        }
    }
}
