//! The model itself: what it has seen, and the chance that it gives the next bit.
//!
//! Ten opinions are mixed: histories of bits after no, one, two, three and four bytes and within the word; the byte
//! that followed last on six bytes, and on the word before and this one so far; the longest match; and none.

use std::sync::LazyLock;

use super::{
    history::{Histories, NEW},
    logistic::{Logistic, ONE},
    mixer::Mixer,
    refine::{Refine, approach},
    slots::{Run, Runs, Slots, Table, hash},
};

/// Contexts whose bit histories are found by a hash.
const HASHED: usize = 4;
/// All contexts with bit histories: those of no and of one byte have tables of their own.
const HISTORIES: usize = 2 + HASHED;
const RUNS: usize = 2;
const INPUTS: usize = HISTORIES + RUNS + 2;
/// The input that stands for no context.
const BIAS: i32 = 256;
/// How fast chances by state move.
const RATE: u32 = 6;
/// A match is looked for with so many bytes, and counts up to so many.
const MATCH_LEAST: usize = 5;
const MATCH_MOST: usize = 31;
const MATCH_BITS: u32 = 16;

struct Tables {
    logistic: Logistic,
    histories: Histories,
}

static TABLES: LazyLock<Tables> =
    LazyLock::new(|| Tables { logistic: Logistic::new(), histories: Histories::new() });

#[derive(Clone)]
pub(super) struct Predictor {
    tables: &'static Tables,
    order0: Box<[u8; 256]>,
    order1: Box<[u8]>,
    slots: Slots,
    runs: Runs,
    /// By context and history, the chance of a one in 1/65536.
    chances: Box<[[u16; 256]; HISTORIES]>,
    /// By context and length of the run, the chance that it goes on.
    run_chances: [[u16; 32]; RUNS],
    /// By length of the match, the chance that it goes on.
    match_chances: [u16; 32],
    by_byte: Mixer<INPUTS>,
    by_match: Mixer<INPUTS>,
    refine: Refine,
    /// All that was read: the primer, then the packet.
    text: Vec<u8>,
    /// Where a hash of five bytes was seen last: the place behind them, 0 for never.
    places: Table<u32>,
    now: Now,
}

/// Where the reading stands.
#[derive(Clone, Default)]
struct Now {
    /// Where the packet's bytes begin in `text`.
    start: usize,
    /// The last bytes, the newest lowest.
    bytes: u64,
    /// The last byte's part in the choice of a correction: one of 16.
    sort: u8,
    /// Hash of the word so far, of the one before; 0 for none.
    word: u32,
    last_word: u32,
    /// Bits of the byte that is coming, behind a leading one.
    partial: usize,
    /// Length of the match, and the place of the byte that it foretells.
    matched: usize,
    foretold_at: usize,
    contexts: [u32; HASHED],
    slots: [usize; HASHED],
    runs: [usize; RUNS],
    inputs: [i32; INPUTS],
    /// The states that the inputs came from.
    states: [u8; HISTORIES],
    /// In how many of two, three and four bytes something was seen, up to the first where nothing was.
    known: usize,
    /// The chance given last.
    chance: u16,
    /// Whether run or match had an opinion, and which.
    run_bits: [Option<bool>; RUNS],
    match_bit: Option<bool>,
}

impl Predictor {
    pub(super) fn new() -> Self {
        let tables = &*TABLES;
        let first = *tables.histories.first_chances();
        let mut run_chances = [1 << 15; 32];
        let mut match_chances = [1 << 15; 32];
        for times in 1..32u16 {
            run_chances[usize::from(times)] = (1 << 15) + 20_000 + 700 * times.min(16);
            match_chances[usize::from(times)] = (1 << 15) + 24_000 + 100 * times;
        }
        let mut model = Self {
            tables,
            order0: Box::new([NEW; 256]),
            order1: vec![NEW; 1 << 16].into_boxed_slice(),
            slots: Slots::new(),
            runs: Runs::new(),
            chances: Box::new([first; HISTORIES]),
            run_chances: [run_chances; RUNS],
            match_chances,
            by_byte: Mixer::new(256),
            by_match: Mixer::new(256),
            refine: Refine::new(&tables.logistic),
            text: Vec::new(),
            places: Table::new(0, 1 << MATCH_BITS),
            now: Now::default(),
        };
        model.begin_packet();
        model
    }

    /// Makes this the same as `other`, which has read a beginning of what this has read.
    pub(super) fn copy_from(&mut self, other: &Self) {
        *self.order0 = *other.order0;
        self.order1.copy_from_slice(&other.order1);
        self.slots.copy_from(&other.slots);
        self.runs.copy_from(&other.runs);
        *self.chances = *other.chances;
        self.run_chances = other.run_chances;
        self.match_chances = other.match_chances;
        self.by_byte.copy_from(&other.by_byte);
        self.by_match.copy_from(&other.by_match);
        self.refine.copy_from(&other.refine);
        self.text.truncate(other.text.len());
        self.places.copy_from(&other.places);
        self.now = other.now.clone();
    }

    /// The primer is read: from here on others are made the same as this.
    pub(super) fn settle(&mut self) {
        self.slots.settle();
        self.runs.settle();
        self.refine.settle();
        self.places.settle();
    }

    /// What was found for the first byte before this was copied is about to change.
    pub(super) fn begin_copied(&mut self) {
        for slot in self.now.slots {
            self.slots.touch(slot);
        }
        for place in self.now.runs {
            self.runs.touch(place);
        }
    }

    /// Reads a payload of the primer.
    pub(super) fn learn(&mut self, payload: &[u8]) {
        self.begin_packet();
        for byte in payload {
            for place in (0..8).rev() {
                self.chance();
                self.learn_bit((byte >> place) & 1 == 1);
            }
        }
    }

    /// Nothing stands before what comes.
    pub(super) fn begin_packet(&mut self) {
        self.now = Now { start: self.text.len(), ..Now::default() };
        self.begin_byte();
    }

    /// The chance that the next bit is a one, in 1/4096: 1 to 4095. To be asked once before each bit is learnt.
    pub(super) fn chance(&mut self) -> u16 {
        let bits_read = self.now.partial.ilog2();
        let node = self.node();
        self.ask_histories(node);
        self.ask_runs(bits_read);
        self.ask_match(bits_read);
        self.now.inputs[INPUTS - 1] = BIAS;

        let matched = match (self.now.match_bit, self.now.matched) {
            (None, _) => 0,
            (Some(_), ..8) => 1,
            (Some(_), 8..16) => 2,
            (Some(_), _) => 3,
        };
        let run = usize::from(self.now.run_bits[0].is_some());
        let situation = ((run * 4 + self.now.known) * 4 + matched) * 8 + bits_read as usize;
        let now = &mut self.now;
        let a = self.by_byte.mix(&now.inputs, now.partial & 0xff);
        let b = self.by_match.mix(&now.inputs, situation);
        let mixed = (a + b) / 2;
        let context = (now.sort as usize) << 8 | now.partial & 0xff;
        let refined = self.refine.chance(mixed, context);
        let plain = self.tables.logistic.chance(mixed);
        now.chance = u16::midpoint(plain, refined).clamp(1, ONE - 1);
        now.chance
    }

    /// Learns what the bit was.
    pub(super) fn learn_bit(&mut self, bit: bool) {
        let node = self.node();
        let Self { tables, now, .. } = self;
        self.by_byte.learn(&now.inputs, bit, &tables.logistic);
        self.by_match.learn(&now.inputs, bit, &tables.logistic);
        self.refine.learn(bit);
        for (chances, state) in self.chances.iter_mut().zip(now.states) {
            approach(&mut chances[usize::from(state)], bit, RATE);
        }
        let after = now.states.map(|state| tables.histories.after(state, bit));
        self.order0[now.partial & 0xff] = after[0];
        self.order1[order1(now.bytes, now.partial)] = after[1];
        for (slot, history) in now.slots.iter().zip(&after[2..]) {
            self.slots.set(*slot, node, *history);
        }
        for ((chances, place), foretold) in
            self.run_chances.iter_mut().zip(now.runs).zip(now.run_bits)
        {
            if let Some(foretold) = foretold {
                let times = self.runs.at(place).times;
                approach(&mut chances[usize::from(times) & 31], foretold == bit, RATE);
            }
        }
        if let Some(foretold) = now.match_bit {
            approach(&mut self.match_chances[now.matched.min(MATCH_MOST)], foretold == bit, RATE);
            if foretold != bit {
                now.matched = 0;
            }
        }
        now.partial = now.partial << 1 | usize::from(bit);
        match now.partial {
            256.. => self.end_byte(),
            16..32 => self.find_slots(),
            _ => {}
        }
    }

    /// Where in a slot the coming bit has its history.
    fn node(&self) -> usize {
        let partial = self.now.partial;
        if partial < 16 {
            partial
        } else {
            partial & ((1 << (partial.ilog2() - 4)) - 1) | 1 << (partial.ilog2() - 4)
        }
    }

    fn ask_histories(&mut self, node: usize) {
        let now = &mut self.now;
        // Gathered before they are stored: the processor waits for a byte that was just stored and is read with others.
        let [a, b, c, d] = now.slots.map(|slot| self.slots.history(slot, node));
        let states = [
            self.order0[now.partial & 0xff],
            self.order1[order1(now.bytes, now.partial)],
            a,
            b,
            c,
            d,
        ];
        for ((input, state), chances) in now.inputs.iter_mut().zip(states).zip(self.chances.iter())
        {
            let logit = self.tables.logistic.logit(chances[usize::from(state)]);
            *input = if state == NEW { 0 } else { logit };
        }
        now.states = states;
        now.known = states[2..5].iter().take_while(|state| **state != NEW).count();
    }

    fn ask_runs(&mut self, bits_read: u32) {
        for index in 0..RUNS {
            let Run { byte, times, .. } = self.runs.at(self.now.runs[index]);
            let foretold = foretold(byte, self.now.partial, bits_read).filter(|_| 0 < times);
            let chance = self.run_chances[index][usize::from(times) & 31];
            self.now.run_bits[index] = foretold;
            self.now.inputs[HISTORIES + index] = self.signed(foretold, chance);
        }
    }

    fn ask_match(&mut self, bits_read: u32) {
        let foretold = match self.text.get(self.now.foretold_at) {
            Some(byte) if 0 < self.now.matched => foretold(*byte, self.now.partial, bits_read),
            _ => None,
        };
        let chance = self.match_chances[self.now.matched.min(MATCH_MOST)];
        self.now.match_bit = foretold;
        self.now.inputs[HISTORIES + RUNS] = self.signed(foretold, chance);
    }

    /// The logit of a one, where a bit is foretold with this chance to be right.
    fn signed(&self, foretold: Option<bool>, chance: u16) -> i32 {
        let logit = self.tables.logistic.logit(chance);
        match foretold {
            None => 0,
            Some(true) => logit,
            Some(false) => -logit,
        }
    }

    /// The byte is whole: everything moves on by it.
    fn end_byte(&mut self) {
        let byte = (self.now.partial & 0xff) as u8;
        for place in self.now.runs {
            self.runs.note(place, byte);
        }
        self.text.push(byte);
        let now = &mut self.now;
        now.bytes = now.bytes << 8 | u64::from(byte);
        match byte.to_ascii_lowercase() {
            letter @ (b'a'..=b'z' | 128..) => now.word = hash(now.word, u32::from(letter) + 1),
            _ if now.word != 0 => (now.last_word, now.word) = (now.word, 0),
            _ => {}
        }
        self.follow_match();
        self.begin_byte();
    }

    fn follow_match(&mut self) {
        let (now, end) = (&mut self.now, self.text.len());
        if 0 < now.matched {
            now.matched = (now.matched + 1).min(1 << 16);
            now.foretold_at += 1;
        }
        if end - now.start < MATCH_LEAST {
            return;
        }
        let five = now.bytes & 0xff_ffff_ffff;
        let place = hash(five as u32, (five >> 32) as u32 ^ 0x99) >> (32 - MATCH_BITS);
        self.places.touch(place as usize);
        let place = &mut self.places.places[place as usize];
        if now.matched == 0 {
            let earlier = *place as usize;
            let same = self.text[..earlier].iter().rev().zip(self.text.iter().rev());
            let len = same.take(MATCH_MOST + 1).take_while(|(a, b)| a == b).count();
            if MATCH_LEAST <= len {
                (now.matched, now.foretold_at) = (len, earlier);
            }
        }
        *place = end as u32;
    }

    /// Readies all contexts for the next byte.
    fn begin_byte(&mut self) {
        let now = &mut self.now;
        now.partial = 1;
        let bytes = now.bytes as u32;
        let older = (now.bytes >> 32) as u32;
        now.sort = (hash(bytes & 0xff, 0x10) >> 28) as u8;
        now.contexts = [
            hash(bytes & 0xffff, 0x2000_0002),
            hash(bytes & 0xff_ffff, 0x3000_0003),
            hash(bytes, 0x4000_0004),
            hash(hash(now.word, 0x71), 5),
        ];
        let runs =
            [hash(hash(bytes, 0x6a), older & 0xffff), hash(now.last_word, hash(now.word, 78))];
        now.runs = runs.map(|context| self.runs.find(context));
        self.find_slots();
    }

    /// Each half of a byte has its own slot in each context.
    fn find_slots(&mut self) {
        let half = if self.now.partial == 1 { 0 } else { self.now.partial as u32 };
        for (slot, context) in self.now.slots.iter_mut().zip(self.now.contexts) {
            *slot = self.slots.find(hash(context, half), &self.tables.histories);
        }
    }
}

/// Place in the table of contexts of one byte.
fn order1(bytes: u64, partial: usize) -> usize {
    (bytes as usize & 0xff) << 8 | partial & 0xff
}

/// The bit that `byte` has next, if it begins with the bits read so far.
fn foretold(byte: u8, partial: usize, bits_read: u32) -> Option<bool> {
    let whole = usize::from(byte) | 256;
    (whole >> (8 - bits_read) == partial).then(|| (byte >> (7 - bits_read)) & 1 == 1)
}
