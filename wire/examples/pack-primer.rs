//! Packs the texts under `primer/texts/` into `primer/primer-1.bin`, a dictionary in zstd's format: entropy
//! tables fitted to chat in packets, then the texts. `--check` compares with the file instead of writing it.
//!
//! The tables are counted by cross-validation: each part of the English texts is compressed from a primer
//! made of everything else, because that is how the primer meets text that it has not seen.

use std::{fs, io, path::Path};

use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe::{CParameter, DParameter, FrameFormat, Strategy},
};

use crate::{
    fse::Norm,
    sequences::{Counts, Tables},
};

#[path = "pack_primer/fse.rs"]
mod fse;
#[path = "pack_primer/order.rs"]
mod order;
#[path = "pack_primer/sequences.rs"]
mod sequences;

/// In packing order, before English: what is worth most comes last, where offsets are cheapest.
const OTHERS: [&str; 9] = ["ar", "zh", "ja", "ru", "it", "pt", "es", "fr", "de"];
const ENGLISH: [&str; 7] = [
    "en-1-work",
    "en-2-home",
    "en-3-news",
    "en-4-talk",
    "en-5-more",
    "en-6-phrases",
    "en-7-common",
];
/// English in lines like those of a chat: the tables are fitted to these.
const SAMPLED: [&str; 4] = ["en-1-work", "en-2-home", "en-4-talk", "en-5-more"];
const FOLDS: usize = 8;
const ROUNDS: usize = 6;
/// What a literal that the compressor left over in a packet counts beside one byte of the texts.
const LITERAL_WEIGHT: u64 = 256;
const DICT_ID: u32 = 0x6d62_0001;
const PRIMER_LEN_MAX: usize = 110 * 1024;
/// As the codec has it: a decoded packet never exceeds this.
const DECODED_LEN_MAX: usize = 70 * 1024;

fn main() -> io::Result<()> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("primer");
    let lines = lines(&dir.join("texts"))?;
    let primer = pack(&lines)?;
    assert!(primer.len() <= PRIMER_LEN_MAX, "the primer has outgrown its limit");
    measure("no primer", &[], &dir)?;
    measure("texts only", &content(&lines, None), &dir)?;
    measure("primer 1", &primer, &dir)?;
    let path = dir.join("primer-1.bin");
    if std::env::args().any(|arg| arg == "--check") {
        assert!(fs::read(&path)? == primer, "primer-1.bin differs from what the texts pack to");
        return Ok(());
    }
    println!("{} bytes, crc32 {:08x}", primer.len(), crc32fast::hash(&primer));
    fs::write(path, primer)
}

struct Line {
    text: String,
    sampled: bool,
}

/// The lines of all texts in packing order.
fn lines(dir: &Path) -> io::Result<Vec<Line>> {
    let read = |names: &[&str]| -> io::Result<Vec<Line>> {
        let mut lines = Vec::new();
        for name in names {
            let text = fs::read_to_string(dir.join(name).with_extension("txt"))?;
            let sampled = SAMPLED.contains(name);
            lines.extend(text.lines().map(|text| Line { text: text.to_owned(), sampled }));
        }
        Ok(lines)
    };
    let (mut all, english) = (read(&OTHERS)?, read(&ENGLISH)?);
    let order = order::by_worth(&english.iter().map(|line| line.text.as_str()).collect::<Vec<_>>());
    let mut english: Vec<Option<Line>> = english.into_iter().map(Some).collect();
    all.extend(order.into_iter().filter_map(|at| english[at].take()));
    Ok(all)
}

impl Line {
    /// The part of the samples that a line is in: by its length, whatever the order.
    fn fold(&self) -> Option<usize> {
        self.sampled.then_some(self.text.len() % FOLDS)
    }
}

/// The lines one after another, less the sampled ones of one fold.
fn content(lines: &[Line], without: Option<usize>) -> Vec<u8> {
    let mut out = String::new();
    for line in lines.iter().filter(|line| without.is_none() || line.fold() != without) {
        out.push_str(&line.text);
        // Sentences follow each other as they do in packets, with nothing between; words need a space.
        if line.text.ends_with(char::is_alphabetic) {
            out.push(' ');
        }
    }
    out.into_bytes()
}

fn pack(lines: &[Line]) -> io::Result<Vec<u8>> {
    let trials = Trials::new(lines);
    let mut best: Option<(usize, Vec<u8>)> = None;
    let (mut counts, mut last) = (Counts::new(), None);
    // The compressor's choices depend on the tables and the tables on its choices. It does not settle by
    // itself, so choices add up over the rounds, and the round that packs unseen folds best is kept.
    for _ in 0..ROUNDS {
        trials.count(&mut counts, last.as_ref())?;
        let tables = tables(&counts, &content(lines, None))?;
        let len = trials.len(&tables.0)?;
        if best.as_ref().is_none_or(|(least, _)| len < *least) {
            best = Some((len, tables.0.clone()));
        }
        last = Some(tables);
    }
    let (_, mut header) = best.expect("there is a round");
    header.extend(content(lines, None));
    Ok(header)
}

/// Every fold of the sampled texts, with a primer of all the rest.
struct Trials {
    folds: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
}

impl Trials {
    fn new(lines: &[Line]) -> Self {
        let trial = |n| {
            let fold = lines.iter().filter(|line| line.fold() == Some(n));
            let fold: Vec<&str> = fold.map(|line| line.text.as_str()).collect();
            let packets = [
                &fold[..],
                &fold[..20],
                &fold[20..25],
                &fold[25..26],
                &fold[26..27],
                &fold[27..28],
            ];
            let packets = packets.map(packet);
            (content(lines, Some(n)), packets.to_vec())
        };
        Self { folds: (0..FOLDS).map(trial).collect() }
    }

    fn count(&self, counts: &mut Counts, last: Option<&(Vec<u8>, Tables)>) -> io::Result<()> {
        for (rest, packets) in &self.folds {
            let primer = [last.map_or(&[][..], |(header, _)| header), rest].concat();
            let mut compressor = compressor(&primer)?;
            for source in &packets[..2] {
                counts.add(&compressor.compress(source)?, source, last.map(|(_, tables)| tables));
            }
        }
        Ok(())
    }

    fn len(&self, header: &[u8]) -> io::Result<usize> {
        let mut len = 0;
        for (rest, packets) in &self.folds {
            let mut compressor = compressor(&[header, rest].concat())?;
            for source in packets {
                len += compressor.compress(source)?.len();
            }
        }
        Ok(len)
    }
}

/// The header of a dictionary (RFC 8878 §5) and its tables.
fn tables(counts: &Counts, content: &[u8]) -> io::Result<(Vec<u8>, Tables)> {
    let mut literals = counts.literals.map(|n| n * LITERAL_WEIGHT);
    content.iter().for_each(|&b| literals[usize::from(b)] += 1);
    literals.iter_mut().for_each(|n| *n = (*n).max(1));
    // Every symbol gets a cell: the compressor's price list reads the cells of all of them, and takes what
    // happens to be in memory for those that a table leaves out.
    let smoothed = |counts: &[u64]| -> Vec<u64> { counts.iter().map(|&n| n * 16 + 1).collect() };
    let tables = Tables {
        ll: Norm::of(&smoothed(&counts.ll), 9),
        of: Norm::of(&smoothed(&counts.of), 8),
        ml: Norm::of(&smoothed(&counts.ml), 9),
    };
    let mut header = 0xEC30_A437u32.to_le_bytes().to_vec();
    header.extend(DICT_ID.to_le_bytes());
    header.extend(huffman(&literals)?);
    for table in [&tables.of, &tables.ml, &tables.ll] {
        header.extend(table.write());
    }
    for offset in [1u32, 4, 8] {
        header.extend(offset.to_le_bytes());
    }
    Ok((header, tables))
}

/// The Huffman tree for a histogram, as zstd itself writes it: it is given literals with that histogram,
/// in an order without matches.
fn huffman(histogram: &[u64; 256]) -> io::Result<Vec<u8>> {
    const LITERALS: u64 = 100_000;
    let total: u64 = histogram.iter().sum();
    let mut literals: Vec<u8> = (0u8..=255)
        .flat_map(|b| {
            let n = histogram[usize::from(b)];
            std::iter::repeat_n(b, (n * LITERALS / total + 1) as usize)
        })
        .collect();
    let mut random = 1u64;
    for n in (1..literals.len()).rev() {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        literals.swap(n, (random >> 33) as usize % (n + 1));
    }
    let mut compressor = compressor(&[])?;
    for parameter in [CParameter::Strategy(Strategy::ZSTD_dfast), CParameter::MinMatch(7)] {
        compressor.set_parameter(parameter)?;
    }
    let frame = compressor.compress(&literals)?;
    Ok(sequences::huffman_tree(sequences::first_block(&frame).0).to_vec())
}

/// A packet as it travels: a frame's kind and length, a count, columns of numbers, then the texts end to end.
fn packet(lines: &[&str]) -> Vec<u8> {
    let texts = lines.concat();
    let len = (texts.len() + 2 * lines.len() + 5) as u16;
    let mut out = vec![
        0x09,
        0xFB,
        len as u8,
        (len >> 8) as u8,
        lines.len() as u8,
        0xFB,
        0x21,
        0x05,
        0x02,
        0x03,
        0x2A,
    ];
    out.extend(lines.iter().map(|line| line.len() as u8));
    out.extend((0..lines.len()).map(|n| (n * n % 61) as u8));
    out.extend_from_slice(texts.as_bytes());
    out
}

fn compressor(primer: &[u8]) -> io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(22)?;
    for parameter in [
        CParameter::Format(FrameFormat::Magicless),
        CParameter::ContentSizeFlag(false),
        CParameter::ChecksumFlag(false),
        CParameter::DictIdFlag(false),
    ] {
        compressor.set_parameter(parameter)?;
    }
    compressor
        .context_mut()
        .load_dictionary(primer)
        .map_err(|_| io::Error::other("the primer is refused"))?;
    Ok(compressor)
}

fn decompressor(primer: &[u8]) -> io::Result<Decompressor<'static>> {
    let mut decompressor = Decompressor::with_dictionary(primer)?;
    decompressor.set_parameter(DParameter::Format(FrameFormat::Magicless))?;
    Ok(decompressor)
}

/// Prints what unseen English costs: 100 lines in one, two and three packets, 20 lines in one, lines alone.
fn measure(name: &str, primer: &[u8], dir: &Path) -> io::Result<()> {
    let path = std::env::args()
        .skip(1)
        .find(|arg| arg != "--check")
        .map_or(dir.join("eval/english.txt"), Into::into);
    let text = fs::read_to_string(path)?;
    let lines: Vec<&str> = text.lines().collect();
    let (down, up) = lines.split_at(lines.len() * 5 / 6);
    let (mut compressor, mut decompressor) = (compressor(primer)?, decompressor(primer)?);
    let mut cost = |lines: &[&str]| -> io::Result<usize> {
        let source = packet(lines);
        let sent = compressor.compress(&source)?;
        let mut back = Vec::with_capacity(DECODED_LEN_MAX);
        decompressor.decompress_to_buffer(&sent, &mut back)?;
        assert!(back == source, "a packet comes back as it was");
        Ok(sent.len())
    };
    let mut split = |lines: &[&str], packets: usize| {
        lines.chunks(lines.len().div_ceil(packets)).map(&mut cost).sum::<io::Result<usize>>()
    };
    let sizes =
        [split(down, 1)?, split(down, 2)?, split(down, 3)?, split(up, 1)?, split(up, up.len())?];
    let raw = |lines: &[&str]| lines.iter().map(|line| line.len()).sum::<usize>();
    println!(
        "{name}: down {} B as {} / {} / {} in 1 / 2 / 3 packets ({:.1} % in 2), up {} B as {}, its lines alone {}",
        raw(down),
        sizes[0],
        sizes[1],
        sizes[2],
        100.0 * sizes[1] as f64 / raw(down) as f64,
        raw(up),
        sizes[3],
        sizes[4],
    );
    Ok(())
}
