//! Corrects a mixed prediction by what came of such predictions in the same context before.

use super::{logistic::Logistic, slots::Table};

const CONTEXTS: usize = 4096;
/// Logits −8, −7.5, … 8.
const KNOTS: usize = 33;
const STEP: i32 = 128;
/// How much of the way to the truth a knot moves: 1/64.
const RATE: u32 = 6;

/// By context and knot: the chance of a one in 1/65536.
#[derive(Clone)]
pub(super) struct Refine {
    chances: Table<[u16; KNOTS]>,
    used: (usize, usize),
}

impl Refine {
    pub(super) fn new(logistic: &Logistic) -> Self {
        let mut row = [0; KNOTS];
        for (knot, chance) in row.iter_mut().enumerate() {
            *chance = logistic.chance((knot as i32 - 16) * STEP) << 4;
        }
        Self { chances: Table::new(row, CONTEXTS), used: (0, 0) }
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.chances.copy_from(&other.chances);
    }

    pub(super) fn settle(&mut self) {
        self.chances.settle();
    }

    /// The chance in 1/4096 that a prediction of `logit` has in this context, below [`CONTEXTS`].
    pub(super) fn chance(&mut self, logit: i32, context: usize) -> u16 {
        let place = (logit + 2048) as usize;
        let (knot, behind) = ((place / STEP as usize).min(KNOTS - 2), (place as u32) % STEP as u32);
        let context = context & (CONTEXTS - 1);
        let row = &self.chances.places[context];
        let between =
            u32::from(row[knot]) * (STEP as u32 - behind) + u32::from(row[knot + 1]) * behind;
        let nearer = if behind < STEP as u32 / 2 { knot } else { knot + 1 };
        self.used = (context, nearer);
        (between >> 11) as u16
    }

    pub(super) fn learn(&mut self, bit: bool) {
        let (context, knot) = self.used;
        self.chances.touch(context);
        approach(&mut self.chances.places[context][knot], bit, RATE);
    }
}

/// Moves a chance in 1/65536 by 1/2^`rate` of the way to what came.
pub(super) fn approach(chance: &mut u16, bit: bool, rate: u32) {
    if bit {
        *chance += (u16::MAX - *chance) >> rate;
    } else {
        *chance -= *chance >> rate;
    }
}
