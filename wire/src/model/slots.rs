//! Two tables of what was seen in contexts that are too many to have a place each: bit histories, and the byte that
//! followed last. A context finds its place by a hash; of four neighbours the one that has seen least makes room.

use super::history::{Histories, NEW};

/// Bit histories of one context and half a byte: a check, then the nodes of a binary tree of depth four, from 1.
pub(super) type Slot = [u8; 16];

/// Slots: three megabytes of them.
const SLOTS: usize = 3 << 16;
const RUN_BITS: u32 = 16;
/// Neighbours among which a context is looked for: one cache line of slots.
const WAYS: usize = 4;

/// Mixes two numbers so that every bit of the result depends on all of theirs.
pub(super) fn hash(a: u32, b: u32) -> u32 {
    let mut mixed = (a ^ b.wrapping_mul(0x9E37_79B1)).wrapping_mul(0x85EB_CA6B);
    mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0xC2B2_AE35);
    mixed ^ (mixed >> 16)
}

/// A table, and which of its places were given out since it was the same as another one. A packet of a few bytes then
/// costs a few places to put back, not millions of bytes.
#[derive(Clone)]
pub(super) struct Table<T> {
    pub(super) places: Box<[T]>,
    touched: Vec<u32>,
}

/// One of so many places at most is put back by itself; to copy all of them is quicker then.
const TOUCHED_SHARE: usize = 8;

impl<T: Copy> Table<T> {
    pub(super) fn new(empty: T, len: usize) -> Self {
        Self { places: vec![empty; len].into_boxed_slice(), touched: Vec::new() }
    }

    /// Notes that a place is about to change.
    pub(super) fn touch(&mut self, place: usize) {
        if self.touched.len() <= self.places.len() / TOUCHED_SHARE {
            self.touched.push(place as u32);
        }
    }

    /// Makes this the same as `other`, as it was when nothing was touched.
    pub(super) fn copy_from(&mut self, other: &Self) {
        if self.places.len() / TOUCHED_SHARE < self.touched.len() {
            self.places.copy_from_slice(&other.places);
        } else {
            for &place in &self.touched {
                self.places[place as usize] = other.places[place as usize];
            }
        }
        self.touched.clear();
    }

    /// From here on it is what others are made the same as.
    pub(super) fn settle(&mut self) {
        self.touched = Vec::new();
    }
}

/// The table of bit histories.
#[derive(Clone)]
pub(super) struct Slots(Table<Slot>);

impl Slots {
    pub(super) fn new() -> Self {
        Self(Table::new([NEW; 16], SLOTS))
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.0.copy_from(&other.0);
    }

    pub(super) fn settle(&mut self) {
        self.0.settle();
    }

    /// Notes that a slot that was found before is about to change.
    pub(super) fn touch(&mut self, slot: usize) {
        self.0.touch(slot);
    }

    /// The place of a context; a new one where it has none.
    pub(super) fn find(&mut self, context: u32, histories: &Histories) -> usize {
        let home = ((u64::from(context) * SLOTS as u64) >> 32) as usize;
        // Of the bits that say least about the place. Never 0, which is the check of an empty slot.
        let check = context as u8 | 1;
        let mut least = (home, u8::MAX);
        for way in 0..WAYS {
            let slot = &self.0.places[home ^ way];
            if slot[0] == check {
                self.0.touch(home ^ way);
                return home ^ way;
            }
            let seen = histories.seen(slot[1]);
            if seen < least.1 {
                least = (home ^ way, seen);
            }
        }
        self.0.places[least.0] = [NEW; 16];
        self.0.places[least.0][0] = check;
        self.0.touch(least.0);
        least.0
    }

    pub(super) fn history(&self, slot: usize, node: usize) -> u8 {
        self.0.places[slot][node & 15]
    }

    pub(super) fn set(&mut self, slot: usize, node: usize, history: u8) {
        self.0.places[slot][node & 15] = history;
    }
}

/// The byte that followed on a context last, and how often in a row.
#[derive(Clone, Copy, Default)]
pub(super) struct Run {
    check: u16,
    pub(super) byte: u8,
    /// 0 where nothing was seen.
    pub(super) times: u8,
}

impl Run {
    pub(super) const TIMES_MAX: u8 = 31;

    pub(super) fn note(&mut self, byte: u8) {
        if 0 < self.times && self.byte == byte {
            self.times = (self.times + 1).min(Self::TIMES_MAX);
        } else {
            (self.byte, self.times) = (byte, 1);
        }
    }
}

/// The table of runs.
#[derive(Clone)]
pub(super) struct Runs(Table<Run>);

impl Runs {
    pub(super) fn new() -> Self {
        Self(Table::new(Run::default(), 1 << RUN_BITS))
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.0.copy_from(&other.0);
    }

    pub(super) fn settle(&mut self) {
        self.0.settle();
    }

    /// Notes that a run that was found before is about to change.
    pub(super) fn touch(&mut self, place: usize) {
        self.0.touch(place);
    }

    /// The place of a context; a new one where it has none.
    pub(super) fn find(&mut self, context: u32) -> usize {
        let home = context as usize & ((1 << RUN_BITS) - 1);
        let check = (context >> 16) as u16;
        let mut least = (home, u8::MAX);
        for way in 0..WAYS {
            let run = self.0.places[home ^ way];
            if run.check == check && 0 < run.times {
                self.0.touch(home ^ way);
                return home ^ way;
            }
            if run.times < least.1 {
                least = (home ^ way, run.times);
            }
        }
        self.0.places[least.0] = Run { check, ..Run::default() };
        self.0.touch(least.0);
        least.0
    }

    pub(super) fn at(&self, place: usize) -> Run {
        self.0.places[place]
    }

    pub(super) fn note(&mut self, place: usize, byte: u8) {
        self.0.places[place].note(byte);
    }
}
