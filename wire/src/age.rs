//! Ages on the wire: exact while they are small, to the minute once they are hours, so that the
//! difference between two messages of a day takes one byte instead of three.

/// Up to here an age is exact.
const SECONDS: u32 = 240;
/// Up to here it is kept to 10 seconds, beyond it to the minute.
const TENS: u32 = 3_600;
const CODE_OF_TENS: u64 = SECONDS as u64;
const CODE_OF_MINUTES: u64 = CODE_OF_TENS + (TENS as u64 - SECONDS as u64) / 10;

/// The code of an age in seconds.
pub(crate) fn code(age_s: u32) -> u64 {
    match age_s {
        0..SECONDS => u64::from(age_s),
        SECONDS..TENS => CODE_OF_TENS + u64::from(age_s - SECONDS) / 10,
        TENS.. => CODE_OF_MINUTES + u64::from(age_s - TENS) / 60,
    }
}

/// The least age that has this code, in seconds; `None` beyond any age.
pub(crate) fn read(code: u64) -> Option<u32> {
    let age_s = if code < CODE_OF_TENS {
        code
    } else if code < CODE_OF_MINUTES {
        u64::from(SECONDS) + (code - CODE_OF_TENS) * 10
    } else {
        u64::from(TENS) + (code - CODE_OF_MINUTES).checked_mul(60)?
    };
    age_s.try_into().ok()
}

/// The age that arrives where `age_s` seconds are sent: rounded down to 10 seconds from 4 minutes
/// on, to the minute from an hour on.
#[must_use]
pub fn rounded_age(age_s: u32) -> u32 {
    read(code(age_s)).unwrap_or(age_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_rounded_down_by_less_than_their_step() {
        for age_s in (0..10_000).chain([86_400, 2_592_000, u32::MAX]) {
            let step = if age_s < SECONDS {
                1
            } else if age_s < TENS {
                10
            } else {
                60
            };
            let rounded = rounded_age(age_s);
            assert!(rounded <= age_s && age_s - rounded < step, "{age_s} became {rounded}");
            assert_eq!(code(rounded), code(age_s));
        }
        assert_eq!(read(u64::MAX), None);
        assert_eq!(read(code(u32::MAX) + 1), None);
    }
}
