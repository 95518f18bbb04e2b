//! Speeds of links as people write them: `40 kbit/s`, `2.5 Mbit/s`. A kbit is 1,000 bits.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::Written;

const UNITS: [(&str, u64); 4] =
    [("Gbit/s", 1_000_000_000), ("Mbit/s", 1_000_000), ("kbit/s", 1_000), ("bit/s", 1)];

/// A speed in bits a second; never 0. Shown in the largest unit that divides it, and read back as the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u64);

impl Rate {
    /// So many bits a second; 1 for 0.
    pub const fn from_bits_per_second(bits: u64) -> Self {
        Self(if bits == 0 { 1 } else { bits })
    }

    /// Bits a second; at least 1.
    pub const fn bits_per_second(self) -> u64 {
        self.0
    }
}

/// What is not a speed, with how speeds are written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{written}\" is not a speed; write it as \"40 kbit/s\" or \"2 Mbit/s\"")]
pub struct RateError {
    written: String,
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(written: &str) -> Result<Self, RateError> {
        parse(written.trim()).ok_or_else(|| RateError { written: written.to_owned() })
    }
}

fn parse(written: &str) -> Option<Rate> {
    let number_len = written.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = written.split_at(number_len);
    let (_, scale) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim_start()))?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let part_scale = 10_u64.checked_pow(u32::try_from(part.len()).ok()?)?;
    let part: u64 = part.parse().ok()?;
    let bits = whole.parse::<u64>().ok()?.checked_mul(*scale)?;
    let bits = bits.checked_add(part.checked_mul(*scale)? / part_scale)?;
    (bits != 0).then_some(Rate(bits))
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, scale)| self.0.is_multiple_of(*scale));
        let (name, scale) = unit.copied().unwrap_or(("bit/s", 1));
        write!(f, "{} {name}", self.0 / scale)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written::new("a speed such as \"40 kbit/s\"").or_number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read_in_each_unit_and_shown_so_that_they_read_back_the_same() {
        for (written, bits, shown) in [
            ("40 kbit/s", 40_000, "40 kbit/s"),
            ("40kbit/s", 40_000, "40 kbit/s"),
            ("2.4 kBit/s", 2_400, "2400 bit/s"),
            ("1.5 Mbit/s", 1_500_000, "1500 kbit/s"),
            ("1 Gbit/s", 1_000_000_000, "1 Gbit/s"),
        ] {
            let rate = Rate::from_bits_per_second(bits);
            assert_eq!(written.parse(), Ok(rate), "{written}");
            assert_eq!(rate.to_string(), shown);
            assert_eq!(shown.parse(), Ok(rate));
        }
    }

    #[test]
    fn what_is_no_speed_is_refused_with_the_way_to_write_it() {
        for written in
            ["", "40", "40 kB/s", "0 bit/s", "0.0001 bit/s", "-1 bit/s", "1..5 bit/s", "kbit/s"]
        {
            let err = written.parse::<Rate>().expect_err(written).to_string();
            assert!(err.contains("\"40 kbit/s\""), "{err}");
        }
    }
}
