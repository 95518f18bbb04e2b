//! Chances and their logits, on integers.
//!
//! A chance is in 1/4096; its logit, ln(p / (1 − p)), in 1/256 and within ±2047.

/// A chance of one.
pub(super) const ONE: u16 = 4096;
/// The largest logit.
pub(super) const LOGIT_MAX: i32 = 2047;

/// Chances, 4096 / (1 + e^−x), for the logits −8, −7.5, … 8; none is 0 or 1.
const KNOTS: [i32; 33] = [
    1, 2, 4, 6, 10, 17, 27, 45, 74, 120, 194, 311, 488, 747, 1102, 1546, 2048, 2550, 2994, 3349,
    3608, 3785, 3902, 3976, 4022, 4051, 4069, 4079, 4086, 4090, 4092, 4094, 4095,
];
/// Logits between two knots.
const STEP: i32 = 128;

/// Both directions as tables.
pub(super) struct Logistic {
    chances: [u16; 4096],
    logits: [i16; 4096],
}

impl Logistic {
    pub(super) fn new() -> Self {
        let mut table = Self { chances: [0; 4096], logits: [0; 4096] };
        for (place, chance) in table.chances.iter_mut().enumerate() {
            let (knot, behind) = (place / STEP as usize, place as i32 % STEP);
            let between = KNOTS[knot] * (STEP - behind) + KNOTS[knot + 1] * behind;
            *chance = (between / STEP) as u16;
        }
        // The other way: the least logit whose chance is at least this one.
        let mut logit = -LOGIT_MAX;
        for (chance, place) in table.logits.iter_mut().zip(0..) {
            while logit < LOGIT_MAX && table.chances[(logit + 2048) as usize] < place {
                logit += 1;
            }
            *chance = logit as i16;
        }
        table
    }

    /// The chance of a logit, 1 to 4095.
    pub(super) fn chance(&self, logit: i32) -> u16 {
        self.chances[(logit.clamp(-LOGIT_MAX, LOGIT_MAX) + 2048) as usize & 0xfff]
    }

    /// The logit of a chance in 1/65536.
    pub(super) fn logit(&self, chance: u16) -> i32 {
        i32::from(self.logits[usize::from(chance >> 4)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_each_others_inverse_as_far_as_integers_go() {
        let table = Logistic::new();
        assert_eq!(
            (table.chance(0), table.chance(i32::MAX), table.chance(i32::MIN)),
            (2048, 4094, 1)
        );
        for chance in 20..4076u16 {
            let back = i32::from(table.chance(table.logit(chance << 4)));
            assert!((back - i32::from(chance)).abs() <= 4, "{chance} {back}");
        }
        assert!(table.chances.is_sorted() && table.logits.is_sorted());
    }
}
