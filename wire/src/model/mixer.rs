//! Weighs the predictions of all contexts: a logistic regression that learns with every bit, one set of weights for
//! each situation.

use super::logistic::Logistic;

/// A weight of one.
const ONE: i32 = 1 << 16;
/// No weight grows beyond this, either way.
const WEIGHT_MAX: i32 = 1 << 22;
/// How fast weights learn.
const RATE: i32 = 3;

/// Sets of weights for `N` inputs.
#[derive(Clone)]
pub(super) struct Mixer<const N: usize> {
    sets: Box<[[i32; N]]>,
    set: usize,
    mixed: i32,
}

impl<const N: usize> Mixer<N> {
    pub(super) fn new(sets: usize) -> Self {
        Self { sets: vec![[ONE * 3 / 10; N]; sets].into_boxed_slice(), set: 0, mixed: 0 }
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.sets.copy_from_slice(&other.sets);
    }

    /// The logit that the weights of `set` make of the inputs' logits.
    pub(super) fn mix(&mut self, inputs: &[i32; N], set: usize) -> i32 {
        let weights = &self.sets[set];
        let sum: i64 = inputs
            .iter()
            .zip(weights)
            .map(|(input, weight)| i64::from(*input) * i64::from(*weight))
            .sum();
        self.set = set;
        self.mixed = (sum >> 16).clamp(-2047, 2047) as i32;
        self.mixed
    }

    /// Moves the weights that were used last towards what would have been right.
    pub(super) fn learn(&mut self, inputs: &[i32; N], bit: bool, logistic: &Logistic) {
        let error = (i32::from(bit) << 12) - i32::from(logistic.chance(self.mixed));
        for (weight, input) in self.sets[self.set].iter_mut().zip(inputs) {
            let change = (input * error * RATE + (1 << 13)) >> 14;
            *weight = (*weight + change).clamp(-WEIGHT_MAX, WEIGHT_MAX);
        }
    }
}
