//! Sizes in bytes as people write them: `50KiB`, `50 KiB`, `1 MiB`, or a plain number of bytes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::Written;

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A number of bytes. Shown in the largest unit that divides it, and read back as the same number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

impl Size {
    /// So many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many units of 1,024 bytes.
    pub const fn from_kib(kib: u64) -> Self {
        Self(kib << 10)
    }

    /// So many units of 1,048,576 bytes.
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes, for lengths in memory; the largest there is where it does not fit.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// What is not a size, with how sizes are written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{written}\" is not a size; write it as \"50 KiB\", \"1 MiB\" or a plain number of bytes"
)]
pub struct SizeError {
    written: String,
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(written: &str) -> Result<Self, SizeError> {
        parse(written).ok_or_else(|| SizeError { written: written.to_owned() })
    }
}

fn parse(written: &str) -> Option<Size> {
    let written = written.trim();
    let digits_len = written.find(|c: char| !c.is_ascii_digit()).unwrap_or(written.len());
    let (digits, unit) = written.split_at(digits_len);
    let unit = unit.trim_start();
    let scale = if unit.is_empty() {
        1
    } else {
        UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1
    };
    digits.parse::<u64>().ok()?.checked_mul(scale).map(Size)
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, scale)| self.0 != 0 && self.0.is_multiple_of(*scale));
        match unit {
            Some((name, scale)) => write!(f, "{} {name}", self.0 / scale),
            None => write!(f, "{} B", self.0),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written::new("a size such as \"50 KiB\"").or_number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_a_space_and_in_plain_bytes() {
        for (written, bytes) in [
            ("50KiB", 51_200),
            ("50 KiB", 51_200),
            (" 1 MiB ", 1 << 20),
            ("2gib", 2 << 30),
            ("7", 7),
            ("7 B", 7),
            ("0", 0),
        ] {
            assert_eq!(written.parse(), Ok(Size::from_bytes(bytes)), "{written}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_the_way_to_write_it() {
        for written in [
            "",
            "KiB",
            "-1",
            "1.5 MiB",
            "50 KB",
            "50 K iB",
            "99999999999999999999",
            "17179869184 GiB",
        ] {
            let err = written.parse::<Size>().expect_err(written).to_string();
            assert!(err.contains("\"50 KiB\""), "{err}");
        }
    }

    #[test]
    fn a_size_is_shown_so_that_it_reads_back_the_same() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1, "1 B"),
            (1500, "1500 B"),
            (8192, "8 KiB"),
            (1 << 20, "1 MiB"),
            (3 << 30, "3 GiB"),
        ] {
            let size = Size::from_bytes(bytes);
            assert_eq!(size.to_string(), shown);
            assert_eq!(shown.parse(), Ok(size));
        }
    }
}
