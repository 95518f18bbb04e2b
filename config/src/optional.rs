//! Settings that may be left out: TOML has no null, so an empty string says "none".
//!
//! For use as `#[serde(with = "crate::optional")]` on an `Option` whose value is written as a string.

use std::{fmt, str::FromStr};

use serde::{Deserializer, Serializer};

use crate::text::Written;

/// A value, or none; written as a string.
struct Maybe<T>(Option<T>);

impl<T: FromStr> FromStr for Maybe<T> {
    type Err = T::Err;

    fn from_str(written: &str) -> Result<Self, T::Err> {
        match written.trim() {
            "" => Ok(Self(None)),
            written => written.parse().map(|value| Self(Some(value))),
        }
    }
}

/// Writes the value, or an empty string.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<T: fmt::Display, S: Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_str(""),
    }
}

/// Reads the value; an empty string is none.
///
/// # Errors
/// When the value is not a string or cannot be parsed.
pub fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: FromStr,
    T::Err: fmt::Display,
    D: Deserializer<'de>,
{
    let expected = "a string (empty for none)";
    deserializer
        .deserialize_any(Written::<Maybe<T>>::new(expected).or_number())
        .map(|Maybe(value)| value)
}
