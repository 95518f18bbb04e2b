//! Reads which sequences the compressor chose out of a frame of one block (RFC 8878 §3.1.1.3), to count
//! what the primer's own entropy tables should expect.

use crate::fse::Norm;

const LL_DEFAULT: [i32; 36] = [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1,
    -1, -1, -1, -1,
];
const ML_DEFAULT: [i32; 53] = [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
];
const OF_DEFAULT: [i32; 29] =
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1];
const LL_EXTRA: [u32; 20] = [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const ML_EXTRA: [u32; 21] = [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

/// The tables of a dictionary, for blocks that repeat them.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    pub(crate) ll: Norm,
    pub(crate) of: Norm,
    pub(crate) ml: Norm,
}

/// What the compressor chose, counted.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    pub(crate) literals: [u64; 256],
    pub(crate) ll: [u64; 36],
    pub(crate) of: [u64; 31],
    pub(crate) ml: [u64; 53],
}

impl Counts {
    pub(crate) fn new() -> Self {
        Self { literals: [0; 256], ll: [0; 36], of: [0; 31], ml: [0; 53] }
    }

    /// Counts the sequences and literals of a magicless frame of one block, made of `source`.
    pub(crate) fn add(&mut self, frame: &[u8], source: &[u8], repeated: Option<&Tables>) {
        let (block, kind) = first_block(frame);
        if kind != 2 {
            return;
        }
        let section = &block[literals_len(block)..];
        let (count, mut at) = match section[0] {
            n @ 0..128 => (usize::from(n), 1),
            n @ 128..255 => ((usize::from(n) - 128) << 8 | usize::from(section[1]), 2),
            255 => (usize::from(section[1]) + (usize::from(section[2]) << 8) + 0x7F00, 3),
        };
        if count == 0 {
            return;
        }
        let modes = section[at];
        at += 1;
        let mut table = |shift: u8, default: &[i32], log: u32, repeat: Option<&Norm>| match modes
            >> shift
            & 3
        {
            0 => Norm { log, counts: default.to_vec() }.states(),
            1 => {
                at += 1;
                vec![(section[at - 1], 0, 0)]
            }
            2 => {
                let (norm, len) = Norm::read(&section[at..]);
                at += len;
                norm.states()
            }
            _ => repeat.expect("the first block repeats only a dictionary's tables").states(),
        };
        let ll = table(6, &LL_DEFAULT, 6, repeated.map(|t| &t.ll));
        let of = table(4, &OF_DEFAULT, 5, repeated.map(|t| &t.of));
        let ml = table(2, &ML_DEFAULT, 6, repeated.map(|t| &t.ml));
        let mut bits = Backward::new(&section[at..]);
        let mut state = [&ll, &of, &ml].map(|t| bits.take(t.len().ilog2()));
        let mut position = 0;
        for left in (0..count).rev() {
            let (l, o, m) = (ll[state[0]], of[state[1]], ml[state[2]]);
            bits.take(u32::from(o.0));
            let match_len = value(m.0, &ML_EXTRA, 32, 3, &mut bits);
            let literals = value(l.0, &LL_EXTRA, 16, 0, &mut bits);
            for &b in &source[position..position + literals] {
                self.literals[usize::from(b)] += 1;
            }
            position += literals + match_len;
            self.ll[usize::from(l.0)] += 1;
            self.of[usize::from(o.0)] += 1;
            self.ml[usize::from(m.0)] += 1;
            if left > 0 {
                state[0] = l.2 + bits.take(l.1);
                state[2] = m.2 + bits.take(m.1);
                state[1] = o.2 + bits.take(o.1);
            }
        }
        assert_eq!(bits.left, 0, "the bit stream is read to its end");
        for &b in &source[position..] {
            self.literals[usize::from(b)] += 1;
        }
    }
}

/// A magicless frame's first block and its kind (2: compressed).
pub(crate) fn first_block(frame: &[u8]) -> (&[u8], u8) {
    assert_eq!(
        frame[0], 0,
        "no size, checksum or dictionary id: one descriptor byte, one of the window"
    );
    let header = u32::from_le_bytes([frame[2], frame[3], frame[4], 0]);
    assert_eq!(header & 1, 1, "a packet is one block");
    (&frame[5..5 + (header >> 3) as usize], (header >> 1 & 3) as u8)
}

/// The length of a block's literals section with its header.
fn literals_len(block: &[u8]) -> usize {
    let head = block.iter().take(5).rev().fold(0u64, |v, &b| v << 8 | u64::from(b));
    let (kind, format) = (head & 3, head >> 2 & 3);
    let size = |shift: u32, bits: u32| (head >> shift & ((1 << bits) - 1)) as usize;
    if kind < 2 {
        let (header, len) = match format {
            1 => (2, size(4, 12)),
            3 => (3, size(4, 20)),
            _ => (1, size(3, 5)),
        };
        return header + if kind == 0 { len } else { 1 };
    }
    match format {
        0 | 1 => 3 + size(14, 10),
        2 => 4 + size(18, 14),
        _ => 5 + size(22, 18),
    }
}

/// The description of the Huffman tree that a block of compressed literals starts with.
pub(crate) fn huffman_tree(block: &[u8]) -> &[u8] {
    assert_eq!(block[0] & 3, 2, "literals with their own tree");
    let tree = &block[[3, 3, 4, 5][usize::from(block[0] >> 2 & 3)]..];
    match usize::from(tree[0]) {
        n @ 0..128 => &tree[..=n],
        n => &tree[..1 + (n - 127).div_ceil(2)],
    }
}

/// A length by its code: codes below `direct` are the value, then ranges with `extra` bits follow.
fn value(code: u8, extra: &[u32], direct: usize, offset: usize, bits: &mut Backward<'_>) -> usize {
    let Some(i) = usize::from(code).checked_sub(direct) else { return usize::from(code) + offset };
    let base: usize = extra[..i].iter().map(|&b| 1usize << b).sum();
    // Literal lengths jump from 48..64 (code 24) to 64 (code 25) without a gap, so sums give every base.
    direct + offset + base + bits.take(extra[i])
}

/// Bits read from the end of a stream towards its start.
struct Backward<'a> {
    bytes: &'a [u8],
    left: usize,
}

impl<'a> Backward<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let last = bytes[bytes.len() - 1];
        Self { bytes, left: (bytes.len() - 1) * 8 + last.ilog2() as usize }
    }

    fn take(&mut self, n: u32) -> usize {
        (0..n).fold(0, |v, _| {
            self.left -= 1;
            v << 1 | usize::from(self.bytes[self.left / 8] >> (self.left % 8) & 1)
        })
    }
}
