//! A habit as the store keeps it: its slots as bytes of a fixed length.

use super::{
    day::KINDS,
    habit::{Announcements, Habit, Slot, Tally},
};

/// Version of the bytes.
const VERSION: u8 = 1;
/// Steps of one: no count of a slot passes 63.
const STEP: f64 = 1_024.0;
/// Bytes of a slot: calls, watched, open, looks.
const SLOT_LEN: usize = 8;

/// The columns of a habit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stored {
    pub(crate) seen_at: Option<i64>,
    pub(crate) known_to: Option<i64>,
    pub(crate) announced_at: Option<i64>,
    pub(crate) kept: f64,
    pub(crate) early: f64,
    pub(crate) missed: f64,
    pub(crate) outside: f64,
    pub(crate) inside: u64,
    pub(crate) total: u64,
    pub(crate) slots: Vec<u8>,
}

impl Habit {
    pub(crate) fn to_stored(&self) -> Stored {
        let Announcements { kept, early, missed } = self.announcements;
        let Tally { inside, total } = self.tally;
        let mut slots = Vec::with_capacity(1 + KINDS * SLOT_LEN);
        slots.push(VERSION);
        for slot in self.slots.iter() {
            for count in [slot.calls, slot.watched, slot.open, slot.looks] {
                slots.extend(packed(count).to_le_bytes());
            }
        }
        Stored {
            seen_at: self.seen,
            known_to: self.known_to,
            announced_at: self.announced,
            kept,
            early,
            missed,
            outside: self.outside,
            inside,
            total,
            slots,
        }
    }

    /// The habit of these columns; slots of another version or length are begun anew.
    pub(crate) fn from_stored(stored: &Stored) -> Self {
        let mut habit = Self {
            seen: stored.seen_at,
            known_to: stored.known_to,
            announced: stored.announced_at,
            announcements: Announcements {
                kept: stored.kept,
                early: stored.early,
                missed: stored.missed,
            },
            outside: stored.outside,
            tally: Tally { inside: stored.inside, total: stored.total },
            ..Self::default()
        };
        if let [VERSION, counts @ ..] = &stored.slots[..]
            && counts.len() == KINDS * SLOT_LEN
        {
            for (slot, bytes) in habit.slots.iter_mut().zip(counts.chunks_exact(SLOT_LEN)) {
                let count =
                    |at: usize| f64::from(u16::from_le_bytes([bytes[at], bytes[at + 1]])) / STEP;
                *slot =
                    Slot { calls: count(0), watched: count(2), open: count(4), looks: count(6) };
            }
        }
        habit
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
fn packed(count: f64) -> u16 {
    (count * STEP).round().clamp(0.0, f64::from(u16::MAX)) as u16
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::estimate::{News, Sight};

    #[test]
    fn a_habit_comes_back_from_the_store_as_it_was_but_for_rounding() {
        let mut habit = Habit::default();
        for day in 0..20 {
            let at = 1_800_000_000 + day * 86_400;
            let news = News { seen: Some(at), holds: day % 2 == 0, next_call: Some(at + 86_400) };
            habit.observe(news, Some(at - 600), at + 60, &TimeZone::UTC);
            habit.judge(day != 3);
        }
        let again = Habit::from_stored(&habit.to_stored());
        assert_eq!(again.to_stored(), habit.to_stored());
        assert_eq!(again.tally(), Tally { inside: 19, total: 20 });
        let leaves = 1_800_000_000 + 21 * 86_400;
        let arrival = |habit: &Habit| habit.arrival(leaves, Sight::default(), &TimeZone::UTC);
        assert_eq!(arrival(&again), arrival(&habit));
        assert_eq!(habit.to_stored().slots.len(), 769, "small");
    }

    #[test]
    fn slots_that_cannot_be_read_are_begun_anew() {
        let mut stored = Habit::default().to_stored();
        for slots in [vec![], vec![2; 769], vec![VERSION; 5]] {
            stored.slots = slots;
            assert_eq!(Habit::from_stored(&stored), Habit::default());
        }
    }
}
