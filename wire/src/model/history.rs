//! What was seen in one context, in one byte: how many zeros and ones, as far as it matters.
//!
//! A state stands for a pair of counts. A bit adds to its own count and takes most of the other away, so that what came
//! last counts most. Pairs that would need too many states are rounded down.

/// The state of a context in which nothing was seen.
pub(super) const NEW: u8 = 0;

/// The larger count's limit, by the smaller one.
const LARGER_MAX: [u32; 6] = [40, 30, 16, 10, 7, 5];

/// The states and what follows on each.
pub(super) struct Histories {
    next: [[u8; 2]; 256],
    seen: [u8; 256],
    first: [u16; 256],
}

impl Histories {
    pub(super) fn new() -> Self {
        let pairs = pairs();
        let mut table = Self { next: [[0; 2]; 256], seen: [0; 256], first: [1 << 15; 256] };
        for (state, &(zeros, ones)) in pairs.iter().enumerate() {
            let after_zero = nearest(&pairs, zeros + 1, kept(ones), false);
            let after_one = nearest(&pairs, ones + 1, kept(zeros), true);
            table.next[state] = [after_zero, after_one];
            table.seen[state] = (zeros + ones) as u8;
            // A little is added to both counts: never seen is not impossible.
            let chance = (10 * ones + 3) * 65_535 / (10 * (zeros + ones) + 6);
            table.first[state] = chance as u16;
        }
        table
    }

    /// The state after `bit`.
    pub(super) fn after(&self, state: u8, bit: bool) -> u8 {
        self.next[usize::from(state)][usize::from(bit)]
    }

    /// How much was seen.
    pub(super) fn seen(&self, state: u8) -> u8 {
        self.seen[usize::from(state)]
    }

    /// The chances of a one by state, in 1/65536, before anything is learnt about states.
    pub(super) fn first_chances(&self) -> &[u16; 256] {
        &self.first
    }
}

/// All pairs of counts that have a state; the state is the place.
fn pairs() -> Vec<(u32, u32)> {
    let allowed = |zeros: u32, ones: u32| {
        let most = LARGER_MAX.get(zeros.min(ones) as usize);
        most.is_some_and(|most| zeros.max(ones) <= *most)
    };
    let of_total = |total: u32| (0..=total).map(move |zeros| (zeros, total - zeros));
    (0..64).flat_map(of_total).filter(|&(zeros, ones)| allowed(zeros, ones)).collect()
}

/// What is kept of a count when the other bit comes.
fn kept(count: u32) -> u32 {
    match count {
        0..=2 => count,
        3 => 2,
        4..=5 => 3,
        6..=9 => 4,
        10..=16 => 5,
        _ => 6,
    }
}

/// The state for `own` bits of the kind that just came and `other` ones, or one for a little less.
fn nearest(pairs: &[(u32, u32)], mut own: u32, mut other: u32, is_one: bool) -> u8 {
    loop {
        let wanted = if is_one { (other, own) } else { (own, other) };
        if let Some(state) = pairs.iter().position(|pair| *pair == wanted) {
            return state as u8;
        }
        if 0 < other && own <= kept(other) + 4 {
            other -= 1;
        } else {
            own -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_fit_into_a_byte() {
        let pairs = pairs();
        assert!(pairs.len() <= 256, "{}", pairs.len());
        assert_eq!(pairs[usize::from(NEW)], (0, 0));
    }

    #[test]
    fn what_comes_again_and_again_grows_likelier_and_what_comes_last_counts_most() {
        let table = Histories::new();
        let mut state = NEW;
        let mut last = 0;
        for _ in 0..100 {
            state = table.after(state, true);
            let chance = table.first_chances()[usize::from(state)];
            assert!(last <= chance);
            last = chance;
        }
        assert!(60_000 < last);
        for _ in 0..6 {
            state = table.after(state, false);
        }
        assert!(table.first_chances()[usize::from(state)] < 1 << 15);
    }
}
