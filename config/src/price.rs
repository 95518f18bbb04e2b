//! Amounts of money as people write them: `0.12`, `2`, `"0.005"`. Exact to a millionth; the currency stands elsewhere.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::Written;

/// Digits behind the point that are kept.
const DIGITS: usize = 6;
/// Of one unit of the currency.
const MILLION: u64 = 1_000_000;

/// An amount of money, in millionths of the currency's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(u64);

impl Price {
    /// So many millionths.
    pub const fn from_millionths(millionths: u64) -> Self {
        Self(millionths)
    }

    /// The amount in millionths.
    pub const fn millionths(self) -> u64 {
        self.0
    }

    /// This price for each `per`, for `count` of them: rounded up to a millionth, at the most the largest there is.
    ///
    /// # Panics
    /// When `per` is 0.
    #[must_use]
    pub fn times(self, count: u64, per: u64) -> Self {
        let exact = u128::from(self.0) * u128::from(count);
        Self(u64::try_from(exact.div_ceil(u128::from(per))).unwrap_or(u64::MAX))
    }

    /// The sum, at the most the largest there is.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// What is not an amount of money, with how amounts are written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{written}\" is not a price; write it as 0.12, with a point and at most six digits behind it"
)]
pub struct PriceError {
    written: String,
}

impl FromStr for Price {
    type Err = PriceError;

    fn from_str(written: &str) -> Result<Self, PriceError> {
        parse(written.trim()).ok_or_else(|| PriceError { written: written.to_owned() })
    }
}

fn parse(written: &str) -> Option<Price> {
    let (whole, part) = written.split_once('.').unwrap_or((written, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || DIGITS < part.len() {
        return None;
    }
    let millionths: u64 = format!("{part:0<DIGITS$}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(MILLION)?.checked_add(millionths).map(Price)
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / MILLION, self.0 % MILLION);
        if part == 0 {
            return write!(f, "{whole}");
        }
        let part = format!("{part:0>DIGITS$}");
        write!(f, "{whole}.{}", part.trim_end_matches('0'))
    }
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written::new("a price such as 0.12").or_number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact_and_shown_as_they_were_written() {
        for (written, millionths, shown) in [
            ("0.12", 120_000, "0.12"),
            ("2", 2_000_000, "2"),
            ("0.000001", 1, "0.000001"),
            ("3.50", 3_500_000, "3.5"),
            ("0", 0, "0"),
        ] {
            assert_eq!(written.parse(), Ok(Price::from_millionths(millionths)), "{written}");
            assert_eq!(Price::from_millionths(millionths).to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_price_is_refused_with_the_way_to_write_it() {
        for written in ["", ".5", "1.", "-1", "1,5", "0.0000001", "1 EUR", "99999999999999999999"] {
            let err = written.parse::<Price>().expect_err(written).to_string();
            assert!(err.contains("0.12"), "{err}");
        }
    }

    #[test]
    fn a_cost_is_rounded_up_and_never_overflows() {
        let cent = Price::from_millionths(10_000);
        assert_eq!(cent.times(1, MILLION), Price::from_millionths(1));
        assert_eq!(cent.times(2_500_000, MILLION), Price::from_millionths(25_000));
        assert_eq!(cent.times(u64::MAX, 1), Price::from_millionths(u64::MAX));
        assert_eq!(Price::from_millionths(u64::MAX).plus(cent), Price::from_millionths(u64::MAX));
    }
}
