//! Throws damaged and invented bodies at the reader, on stable Rust: `make fuzz` runs it for
//! `FUZZ_SECONDS` (default 60). Every round checks that reading ends, stays within the limits and
//! never takes a packet for whole that was not written. A failure prints its seed: `FUZZ_SEED=n`
//! repeats it alone.
//!
//! `FUZZ_CODEC=2` takes that codec alone, with packets that are mostly small, so that many inputs are read in a short time;
//! `FUZZ_INPUTS=n` goes on until so many were, whatever the time, from seed `FUZZ_FIRST`.

use std::time::{Duration, Instant};

use wire::{
    BodyReader, BodyWriter, Codec, ConversationRef, Deliveries, Delivery, Frame, Hello, Item, Lane,
    LaneMask, Submit, Submits, Welcome, limits,
};

/// splitmix64: small, seeded, good enough to choose damage.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }

    fn number(&mut self) -> u64 {
        let bits = self.below(64);
        self.next() >> bits
    }

    fn bytes(&mut self, max: usize) -> Vec<u8> {
        (0..self.below(max)).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

fn main() {
    let seconds = variable("FUZZ_SECONDS").unwrap_or(60);
    let (first, alone) = match variable("FUZZ_SEED") {
        Some(seed) => (seed, true),
        None => (std::process::id().into(), false),
    };
    let end = Instant::now() + Duration::from_secs(seconds);
    let (inputs_wanted, begin) = (variable("FUZZ_INPUTS"), variable("FUZZ_FIRST"));
    let codec = variable("FUZZ_CODEC").and_then(|number| Codec::ALL.get(number as usize).copied());
    let mut rounds = 0u64;
    let mut slowest = (Duration::ZERO, 0);
    let goes_on = |rounds: u64| match inputs_wanted {
        Some(wanted) => rounds * INPUTS < wanted,
        None => Instant::now() < end,
    };
    let base = begin.unwrap_or(first.wrapping_mul(1 << 32));
    while rounds == 0 || (!alone && goes_on(rounds)) {
        let seed = if alone { first } else { base.wrapping_add(rounds) };
        let start = Instant::now();
        if let Err(panic) = std::panic::catch_unwind(|| round(seed, codec)) {
            eprintln!("failed with FUZZ_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
        slowest = slowest.max((start.elapsed(), seed));
        rounds += 1;
    }
    // Once more: what took long because the machine did something else takes no time now.
    let (took, seed) = slowest;
    let start = Instant::now();
    round(seed, codec);
    println!(
        "{rounds} rounds of {INPUTS} damaged inputs from seed {base} on, no failure; the slowest round (FUZZ_SEED={seed}) took {took:?}, by itself {:?}",
        start.elapsed()
    );
}

/// Damaged inputs of one round.
const INPUTS: u64 = 20;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn round(seed: u64, only: Option<Codec>) {
    let rng = &mut Rng(seed);
    let codec = only.unwrap_or(Codec::ALL[rng.below(Codec::ALL.len())]);
    let is_small = only.is_some() && 0 < rng.below(50);
    let packets: Vec<Vec<Frame>> = match is_small {
        true => (0..1 + rng.below(2)).map(|_| few_frames(rng)).collect(),
        false => (0..1 + rng.below(3)).map(|_| frames(rng)).collect(),
    };
    let mut writer = BodyWriter::new(codec);
    let mut body = writer.preamble().to_vec();
    for frames in &packets {
        body.extend(writer.packet(frames).expect("within the limits"));
    }
    assert_eq!(read(&body), packets);
    for _ in 0..INPUTS {
        let mut damaged = body.clone();
        damage(rng, &mut damaged);
        let got = read(&damaged);
        assert!(packets.starts_with(&got), "a damaged packet was taken for whole");
    }
    if is_small {
        return;
    }
    // Invented payloads behind a good checksum reach the frame and item readers.
    for _ in 0..20 {
        let invented =
            Frame::Unknown { kind: rng.next().to_le_bytes()[0], payload: rng.bytes(200) };
        let mut writer = BodyWriter::new(codec);
        let mut body = writer.preamble().to_vec();
        body.extend(writer.packet(&[invented]).expect("within the limits"));
        let _ = read(&body);
        let kind = rng.next().to_le_bytes()[0];
        let _ = Item::read(kind, &rng.bytes(200));
    }
    let _ = read(&rng.bytes(2000));
}

fn frames(rng: &mut Rng) -> Vec<Frame> {
    let conversation = ConversationRef::Number(rng.number().max(1));
    let submit = |rng: &mut Rng| Submit {
        conversation,
        kind: rng.next().to_le_bytes()[0],
        urgent: rng.below(2) == 1,
        version: rng.below(9).try_into().unwrap_or(0),
        // Older ones are rounded on the wire.
        age_s: rng.below(240).try_into().unwrap_or(0),
        lifetime_s: 0,
        body: rng.bytes(100),
    };
    let delivery = |rng: &mut Rng| Delivery {
        position: rng.number(),
        conversation: 7,
        author: 1 + rng.below(3) as u64,
        account: 5,
        n: rng.number(),
        c: rng.number(),
        kind: 1,
        age_s: 0,
        body: rng.bytes(100),
    };
    let hello = Hello { x: rng.number(), lanes: LaneMask::ALL, ..Hello::default() };
    let items = (0..rng.below(20)).map(|_| submit(rng)).collect();
    let entries = (0..rng.below(20)).map(|_| delivery(rng)).collect();
    vec![
        Frame::Hello(hello),
        Frame::Submits(Submits { first: rng.number(), items }),
        Frame::Welcome(Welcome { x: rng.number(), ..Welcome::default() }),
        Frame::Deliveries(Deliveries { lane: Lane::Ordinary, entries }),
        Frame::Check(0x1234_5678),
        Frame::Done,
    ]
}

/// A frame or two, with a few words.
fn few_frames(rng: &mut Rng) -> Vec<Frame> {
    let words = "tide harbour and the rope is at home tomorrow ".as_bytes();
    let (from, len) = (rng.below(words.len()), rng.below(24));
    let body = words.iter().cycle().skip(from).take(len).copied().collect();
    let submit = Submit {
        conversation: ConversationRef::Number(rng.number().max(1)),
        kind: 1,
        urgent: rng.below(2) == 1,
        version: 1,
        age_s: rng.below(240).try_into().unwrap_or(0),
        lifetime_s: 0,
        body,
    };
    vec![Frame::Submits(Submits { first: rng.number(), items: vec![submit] }), Frame::End]
}

fn damage(rng: &mut Rng, body: &mut Vec<u8>) {
    let at = rng.below(body.len());
    match rng.below(5) {
        0 => body.truncate(at),
        1 => body[at] ^= 1 << rng.below(8),
        2 => body.insert(at, rng.next().to_le_bytes()[0]),
        3 => drop(body.remove(at)),
        _ => {
            let len = rng.below(body.len() - at);
            let piece = body[at..at + len].to_vec();
            let to = rng.below(body.len());
            body.splice(to..to, piece);
        }
    }
}

fn read(bytes: &[u8]) -> Vec<Vec<Frame>> {
    let mut reader = BodyReader::new();
    reader.push(bytes);
    let mut packets = Vec::new();
    while let Ok(Some(packet)) = reader.next() {
        assert!(packet.wire_len <= limits::PACKET_WIRE_MAX + 16);
        packets.push(packet.frames);
    }
    packets
}
