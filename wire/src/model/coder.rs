//! The arithmetic coder: bits and chances in, bytes out, and back.
//!
//! An interval of 32-bit numbers is divided at each bit as the chances are; leading bytes that both ends of it share
//! are written. Carries cannot happen.

use super::logistic::ONE;

/// The interval that is left.
struct Interval {
    low: u32,
    high: u32,
}

impl Interval {
    const WHOLE: Self = Self { low: 0, high: u32::MAX };

    /// Where the part for a one ends, with `chance` of it in 1/[`ONE`]; between `low` and `high`, below the latter.
    fn middle(&self, chance: u16) -> u32 {
        let width = u64::from(self.high - self.low);
        let part = width * u64::from(chance) / u64::from(ONE);
        // Less than the width, because a chance is less than one.
        self.low + part as u32
    }

    fn narrow(&mut self, bit: bool, middle: u32) {
        if bit {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
    }

    /// Moves a byte out that both ends share.
    fn shift(&mut self) -> Option<u8> {
        if (self.low ^ self.high) >> 24 != 0 {
            return None;
        }
        let byte = (self.high >> 24) as u8;
        self.low <<= 8;
        self.high = self.high << 8 | 0xff;
        Some(byte)
    }
}

/// Writes bits.
pub(super) struct Encoder {
    left: Interval,
    out: Vec<u8>,
}

impl Encoder {
    /// An encoder that goes on behind `out`.
    pub(super) fn new(out: Vec<u8>) -> Self {
        Self { left: Interval::WHOLE, out }
    }

    pub(super) fn put(&mut self, bit: bool, chance: u16) {
        let middle = self.left.middle(chance);
        self.left.narrow(bit, middle);
        while let Some(byte) = self.left.shift() {
            self.out.push(byte);
        }
    }

    /// The bytes, with as few behind as tell the interval that is left from all others; the reader goes on with zeros.
    pub(super) fn finish(mut self) -> Vec<u8> {
        for bytes in 0..=4u32 {
            let unit = 1u64 << (32 - 8 * bytes);
            let first = u64::from(self.left.low).next_multiple_of(unit);
            if first <= u64::from(self.left.high) {
                self.out.extend_from_slice(&(first as u32).to_be_bytes()[..bytes as usize]);
                break;
            }
        }
        self.out
    }
}

/// Reads bits.
pub(super) struct Decoder<'c> {
    left: Interval,
    at: u32,
    rest: &'c [u8],
}

impl<'c> Decoder<'c> {
    pub(super) fn new(coded: &'c [u8]) -> Self {
        let mut decoder = Self { left: Interval::WHOLE, at: 0, rest: coded };
        (0..4).for_each(|_| decoder.fetch());
        decoder
    }

    pub(super) fn take(&mut self, chance: u16) -> bool {
        let middle = self.left.middle(chance);
        let bit = self.at <= middle;
        self.left.narrow(bit, middle);
        while self.left.shift().is_some() {
            self.fetch();
        }
        bit
    }

    fn fetch(&mut self) {
        let byte = match self.rest.split_first() {
            Some((&byte, rest)) => {
                self.rest = rest;
                byte
            }
            None => 0,
        };
        self.at = self.at << 8 | u32::from(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back_whatever_chance_they_were_given() {
        for seed in 1..50u32 {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state >> 16
            };
            let bits: Vec<(bool, u16)> = (0..seed * 7)
                .map(|_| (next() % 3 == 0, (next() % (u32::from(ONE) - 1) + 1) as u16))
                .collect();
            let mut encoder = Encoder::new(Vec::new());
            bits.iter().for_each(|(bit, chance)| encoder.put(*bit, *chance));
            let coded = encoder.finish();
            let mut decoder = Decoder::new(&coded);
            for (bit, chance) in bits {
                assert_eq!(decoder.take(chance), bit);
            }
        }
    }

    #[test]
    fn the_tail_costs_nothing_where_nothing_is_left_to_tell() {
        assert_eq!(Encoder::new(Vec::new()).finish(), []);
        let mut encoder = Encoder::new(Vec::new());
        (0..100).for_each(|_| encoder.put(true, ONE - 1));
        assert_eq!(encoder.finish(), []);
    }
}
