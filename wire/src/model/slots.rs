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

/// The table of bit histories.
#[derive(Clone)]
pub(super) struct Slots(Box<[Slot]>);

impl Slots {
    pub(super) fn new() -> Self {
        Self(vec![[NEW; 16]; SLOTS].into_boxed_slice())
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.0.copy_from_slice(&other.0);
    }

    /// The place of a context; a new one where it has none.
    pub(super) fn find(&mut self, context: u32, histories: &Histories) -> usize {
        let home = ((u64::from(context) * SLOTS as u64) >> 32) as usize;
        // Of the bits that say least about the place. Never 0, which is the check of an empty slot.
        let check = context as u8 | 1;
        let mut least = (home, u8::MAX);
        for way in 0..WAYS {
            let slot = &self.0[home ^ way];
            if slot[0] == check {
                return home ^ way;
            }
            let seen = histories.seen(slot[1]);
            if seen < least.1 {
                least = (home ^ way, seen);
            }
        }
        self.0[least.0] = [NEW; 16];
        self.0[least.0][0] = check;
        least.0
    }

    pub(super) fn history(&self, slot: usize, node: usize) -> u8 {
        self.0[slot][node & 15]
    }

    pub(super) fn set(&mut self, slot: usize, node: usize, history: u8) {
        self.0[slot][node & 15] = history;
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
pub(super) struct Runs(Box<[Run]>);

impl Runs {
    pub(super) fn new() -> Self {
        Self(vec![Run::default(); 1 << RUN_BITS].into_boxed_slice())
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.0.copy_from_slice(&other.0);
    }

    /// The place of a context; a new one where it has none.
    pub(super) fn find(&mut self, context: u32) -> usize {
        let home = context as usize & ((1 << RUN_BITS) - 1);
        let check = (context >> 16) as u16;
        let mut least = (home, u8::MAX);
        for way in 0..WAYS {
            let run = self.0[home ^ way];
            if run.check == check && 0 < run.times {
                return home ^ way;
            }
            if run.times < least.1 {
                least = (home ^ way, run.times);
            }
        }
        self.0[least.0] = Run { check, ..Run::default() };
        least.0
    }

    pub(super) fn at(&self, place: usize) -> Run {
        self.0[place]
    }

    pub(super) fn note(&mut self, place: usize, byte: u8) {
        self.0[place].note(byte);
    }
}
