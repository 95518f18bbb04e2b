//! Packs the texts under `primer/texts/` into `primer/primer-2.bin`, which the text model reads before any packet: they
//! stand in payloads like those that it will meet, so that it learns columns of numbers as well as words. `--check`
//! compares with the file instead of writing it. Each payload has its length in front (two bytes, lowest first).

use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use wire::{
    Answered, BodyWriter, Codec, ConversationRef, Cursors, Deliveries, Delivery, Frame, Hello,
    Lane, LaneMask, Mark, Run, Submit, Submits, Welcome, kind,
};

/// In packing order: what is met most comes last and is remembered best.
const TEXTS: [&str; 27] = [
    "ar",
    "ar-2",
    "zh",
    "zh-2",
    "ja",
    "ja-2",
    "ru",
    "ru-2",
    "it",
    "pt",
    "pt-2",
    "es",
    "es-2",
    "fr",
    "fr-2",
    "de",
    "de-2",
    "en-7-common",
    "en-6-phrases",
    "en-3-news",
    "en-9-office",
    "en-8-away",
    "en-1-work",
    "en-2-home",
    "en-5-more",
    "en-10-days",
    "en-4-talk",
];
const PRIMER_LEN_MAX: usize = 256 * 1024;

fn main() -> io::Result<()> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("primer");
    let mut primer = Vec::new();
    let rng = &mut Rng(2);
    for name in TEXTS {
        let text = fs::read_to_string(dir.join("texts").join(name).with_extension("txt"))?;
        let lines: Vec<&str> = text.lines().collect();
        let mut rest = &lines[..];
        while !rest.is_empty() {
            let most = [6, 60, 60][rng.between(0, 2)];
            let most = rng.between(1, most);
            let (some, behind) = rest.split_at(rest.len().min(most));
            rest = behind;
            for frames in payloads(rng, some) {
                put(&mut primer, &frames);
            }
        }
    }
    assert!(primer.len() <= PRIMER_LEN_MAX, "the primer has outgrown its limit");
    let path = dir.join("primer-2.bin");
    if std::env::args().any(|arg| arg == "--measure") {
        return measure(&dir);
    }
    if std::env::args().any(|arg| arg == "--check") {
        assert!(fs::read(&path)? == primer, "primer-2.bin differs from what the texts pack to");
        return Ok(());
    }
    println!("{} bytes, crc32 {:08x}", primer.len(), crc32fast::hash(&primer));
    fs::write(path, primer)?;
    Ok(())
}

/// splitmix64: the same numbers on every machine.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below((most - least + 1) as u64) as usize
    }
}

/// What two people at a relay in its first years might exchange, with these lines in it.
fn payloads(rng: &mut Rng, lines: &[&str]) -> Vec<Vec<Frame>> {
    let seconds = 20_000_000 + rng.below(80_000_000);
    let x = 1 + rng.below(4_000);
    let conversation = 16 * seconds + rng.below(4_000);
    if rng.below(3) == 0 {
        let hello = hello(rng, x, seconds);
        let submits = submits(rng, lines, conversation);
        let mut up = vec![Frame::Hello(hello)];
        if rng.below(3) == 0 {
            let mark =
                Mark { conversation, lane: Lane::Ordinary, c: 40 + rng.below(900), share: true };
            up.push(Frame::Marks(vec![mark]));
        }
        up.extend([Frame::Submits(submits), Frame::End]);
        let done = [welcome(rng, x, seconds, conversation), vec![Frame::Done]].concat();
        return vec![up, done];
    }
    let mut down =
        if rng.below(2) == 0 { welcome(rng, x, seconds, conversation) } else { Vec::new() };
    down.push(Frame::Deliveries(deliveries(rng, lines, conversation, seconds)));
    if rng.below(2) == 0 {
        down.push(Frame::Done);
    }
    vec![down]
}

fn hello(rng: &mut Rng, x: u64, seconds: u64) -> Hello {
    let cursor = 16 * seconds + rng.below(100_000);
    let told = rng.below(900);
    Hello {
        x,
        told,
        cursors: Cursors { latest: cursor, urgent: cursor, ordinary: cursor + rng.below(300) },
        lanes: LaneMask::ALL,
        presence_version: rng.below(200),
        limits_tag: rng.below(1 << 16) as u16,
        ..Hello::default()
    }
}

fn welcome(rng: &mut Rng, x: u64, seconds: u64, conversation: u64) -> Vec<Frame> {
    let count = 1 + rng.below(12);
    let k = count + rng.below(900);
    let runs = vec![Run::Placed { count: count as u32, conversation, c: 2 + rng.below(900) }];
    let mut frames =
        vec![Frame::Welcome(Welcome { x, now_s: 1_767_225_600 + seconds, k, limits: None })];
    if rng.below(2) == 0 {
        frames.push(Frame::Answered(Answered { first: k + 1 - count, runs }));
    }
    frames
}

/// Seconds since a message was written, from message to message of one sitting or of days.
struct Ages {
    age_s: u32,
    step: u64,
}

impl Ages {
    fn new(rng: &mut Rng) -> Self {
        let step = [20, 90, 900, 4_000][rng.between(0, 3)];
        Self { age_s: (step as u32) * 60 + rng.below(40_000) as u32, step }
    }

    fn next(&mut self, rng: &mut Rng) -> u32 {
        self.age_s = self.age_s.saturating_sub(rng.below(self.step) as u32);
        wire::rounded_age(self.age_s)
    }
}

fn submits(rng: &mut Rng, lines: &[&str], conversation: u64) -> Submits {
    let mut ages = Ages::new(rng);
    let version = 2 + rng.below(2);
    let item = |line: &&str| Submit {
        conversation: ConversationRef::Number(conversation),
        kind: kind::TEXT,
        urgent: false,
        version: version as u32,
        age_s: ages.next(rng),
        lifetime_s: 0,
        body: line.as_bytes().to_vec(),
    };
    let items = lines.iter().map(item).collect();
    Submits { first: 1 + rng.below(900), items }
}

fn deliveries(rng: &mut Rng, lines: &[&str], conversation: u64, seconds: u64) -> Deliveries {
    let authors = [1, 1, 2, 4][rng.between(0, 3)];
    let mut ages = Ages::new(rng);
    let (device, account) = (seconds - rng.below(9_000_000), seconds - rng.below(9_000_000));
    let mut position = 16 * seconds + rng.below(100_000);
    let mut numbers = [rng.below(400), rng.below(400), rng.below(400), rng.below(400)];
    let mut places = numbers.map(|number| number + 7);
    let entry = |line: &&str| {
        let author = rng.below(authors) as usize;
        let talk = author.min(2);
        position += 1 + if rng.below(8) == 0 { rng.below(5) } else { 0 };
        numbers[author] += 1;
        places[talk] += 1;
        Delivery {
            position,
            conversation: conversation + 16 * talk as u64,
            author: device + 3 * author as u64,
            account: account + 2 * author as u64,
            n: numbers[author],
            c: places[talk],
            kind: kind::TEXT,
            age_s: ages.next(rng),
            body: line.as_bytes().to_vec(),
        }
    };
    Deliveries { lane: Lane::Ordinary, entries: lines.iter().map(entry).collect() }
}

/// Appends the payload of a packet with these frames.
fn put(primer: &mut Vec<u8>, frames: &[Frame]) {
    let packet = BodyWriter::new(Codec::None).packet(frames).expect("the frames fit into a packet");
    // The length takes one byte or three; flags and checksum take five.
    let head = if packet[0] < 251 { 1 } else { 3 };
    let payload = &packet[head + 5..];
    let len = u16::try_from(payload.len()).expect("payloads are small");
    primer.extend_from_slice(&len.to_le_bytes());
    primer.extend_from_slice(payload);
}

/// Says what lines that are in no primer come to in packets, with codec zstd and with the model as it was built in.
fn measure(dir: &Path) -> io::Result<()> {
    let named = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let path = named.map_or_else(|| dir.join("eval").join("english.txt"), Into::into);
    let text = fs::read_to_string(path)?;
    let lines: Vec<&str> = text.lines().collect();
    let (down, up) = lines.split_at(lines.len() * 5 / 6);
    for (what, lines) in [("down", down), ("up", up)] {
        let bare = zstd::bulk::compress(lines.join("\n").as_bytes(), 19)?.len();
        let raw: usize = lines.iter().map(|line| line.len()).sum();
        for codec in [Codec::Zstd, Codec::Model] {
            let len = body(codec, lines);
            let each: usize =
                lines.iter().map(|line| body(codec, std::slice::from_ref(line))).sum();
            println!(
                "{what} {codec:?}: {raw} B as {len} with all metadata, {:.3} of zstd -19 of the bare text ({bare}); one by one {each}",
                len as f64 / bare as f64,
            );
        }
    }
    for codec in [Codec::Zstd, Codec::Model] {
        speed(codec, &lines);
    }
    Ok(())
}

/// Says how fast packets of these lines, and packets of nothing, are written and read: the best of many rounds.
fn speed(codec: Codec, lines: &[&str]) {
    codec.ready();
    let frames = [Frame::Deliveries(deliveries(&mut Rng(7), lines, 446_400_112, 27_900_000))];
    for (what, frames) in [("all lines", &frames[..]), ("nothing new", &[Frame::Done][..])] {
        let (mut write, mut read) = (Duration::MAX, Duration::MAX);
        let (mut packet, mut raw) = (Vec::new(), 0);
        for _ in 0..40 {
            let start = Instant::now();
            packet = BodyWriter::new(codec).packet(frames).expect("they fit");
            write = write.min(start.elapsed());
            raw = BodyWriter::new(Codec::None).packet(frames).expect("they fit").len();
            let mut reader = wire::BodyReader::new();
            reader.push(&BodyWriter::new(codec).preamble());
            reader.push(&packet);
            let start = Instant::now();
            assert!(reader.next().is_ok_and(|packet| packet.is_some()));
            read = read.min(start.elapsed());
        }
        println!(
            "{codec:?}, {what}: {raw} B written as {} in {write:?}, read in {read:?}",
            packet.len()
        );
    }
}

/// Bytes of packets of at most 2 KiB.
fn body(codec: Codec, lines: &[&str]) -> usize {
    let (mut from, mut written, mut writer) = (0, wire::PREAMBLE_LEN, BodyWriter::new(codec));
    let rng = &mut Rng(7);
    let seconds = 27_900_000;
    let all = deliveries(rng, lines, 16 * seconds + 112, seconds).entries;
    while from < lines.len() {
        let frames = |rows| {
            vec![Frame::Deliveries(Deliveries {
                lane: Lane::Ordinary,
                entries: all[from..from + rows].to_vec(),
            })]
        };
        let fit = writer
            .fit(wire::limits::PACKET_TARGET, lines.len() - from, frames)
            .expect("the codec works");
        let (rows, packet) = fit.expect("a line fits into a packet");
        writer.sent();
        written += packet.len();
        from += rows;
    }
    written
}
