//! Reading a setting that is written as a string, with an error that says how it is written.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::de::{Error, Visitor};

/// Visits a string (and, where `numbers` says so, a number) and parses it.
pub(crate) struct Written<T> {
    expected: &'static str,
    numbers: bool,
    made: PhantomData<T>,
}

impl<T> Written<T> {
    /// `expected` completes the sentence "expected …".
    pub(crate) fn new(expected: &'static str) -> Self {
        Self { expected, numbers: false, made: PhantomData }
    }

    /// Takes numbers as well, as if they were written as a string.
    pub(crate) fn or_number(self) -> Self {
        Self { numbers: true, ..self }
    }
}

impl<T> Visitor<'_> for Written<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, written: &str) -> Result<T, E> {
        written.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        if !self.numbers {
            return Err(E::invalid_type(serde::de::Unexpected::Signed(number), &self));
        }
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        if !self.numbers {
            return Err(E::invalid_type(serde::de::Unexpected::Unsigned(number), &self));
        }
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        if !self.numbers {
            return Err(E::invalid_type(serde::de::Unexpected::Float(number), &self));
        }
        // Written in full, without an exponent, as few digits as tell it from its neighbours: what stood in the file.
        number.to_string().parse().map_err(E::custom)
    }
}
