//! Lengths of time as people write them: `30s`, `15m`, `1h30m`, `7d`. Whole seconds, always with a unit.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::Written;

const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A length of time in whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    seconds: u64,
}

impl Span {
    /// So many seconds.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self { seconds }
    }

    /// So many minutes of 60 seconds.
    pub const fn from_minutes(minutes: u64) -> Self {
        Self { seconds: minutes * 60 }
    }

    /// So many days of 86,400 seconds.
    pub const fn from_days(days: u64) -> Self {
        Self { seconds: days * 86_400 }
    }

    /// The number of seconds.
    pub const fn seconds(self) -> u64 {
        self.seconds
    }

    /// The same length for timers.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// What is not a length of time, with how they are written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{written}\" is not a length of time; write it as \"30s\", \"15m\", \"1h30m\" or \"7d\"")]
pub struct SpanError {
    written: String,
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(written: &str) -> Result<Self, SpanError> {
        parse(written).ok_or_else(|| SpanError { written: written.to_owned() })
    }
}

/// Parts go from the larger unit to the smaller, each unit once: `30m1h` is a slip, not 90 minutes.
fn parse(written: &str) -> Option<Span> {
    let mut rest = written.trim();
    let mut units = UNITS.iter();
    let mut seconds = 0_u64;
    loop {
        let digits_len = rest.find(|c: char| !c.is_ascii_digit())?;
        let (digits, tail) = rest.split_at(digits_len);
        let mut tail = tail.trim_start().chars();
        let unit = tail.next()?;
        let (_, scale) = units.find(|(name, _)| *name == unit)?;
        seconds = seconds.checked_add(digits.parse::<u64>().ok()?.checked_mul(*scale)?)?;
        rest = tail.as_str().trim_start();
        if rest.is_empty() {
            return Some(Span { seconds });
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.seconds == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.seconds;
        for (name, scale) in &UNITS[1..] {
            if rest >= *scale {
                write!(f, "{}{name}", rest / scale)?;
                rest %= scale;
            }
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written::new("a length of time such as \"15m\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_in_each_unit_and_in_parts() {
        for (written, seconds) in [
            ("30s", 30),
            ("15m", 900),
            ("1h30m", 5_400),
            ("1h 30m", 5_400),
            ("7d", 604_800),
            ("2w", 1_209_600),
            ("300s", 300),
            ("0s", 0),
        ] {
            assert_eq!(written.parse(), Ok(Span::from_seconds(seconds)), "{written}");
        }
    }

    #[test]
    fn what_is_no_length_of_time_is_refused_with_the_way_to_write_it() {
        for written in
            ["", "15", "m", "-1s", "1.5h", "30m1h", "1m1m", "15 minutes", "99999999999999999d"]
        {
            let err = written.parse::<Span>().expect_err(written).to_string();
            assert!(err.contains("\"15m\""), "{err}");
        }
    }

    #[test]
    fn a_length_of_time_is_shown_so_that_it_reads_back_the_same() {
        for (seconds, shown) in [
            (0, "0s"),
            (30, "30s"),
            (300, "5m"),
            (5_400, "1h30m"),
            (604_800, "7d"),
            (90_061, "1d1h1m1s"),
        ] {
            let span = Span::from_seconds(seconds);
            assert_eq!(span.to_string(), shown);
            assert_eq!(shown.parse(), Ok(span));
        }
    }
}
