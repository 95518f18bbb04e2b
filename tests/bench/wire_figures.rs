//! What the corpus weighs in bodies, beside the bare text compressed as one piece, and what the
//! metadata of a message adds to it.

use anyhow::Context;
use wire::{
    BodyWriter, Codec, ConversationRef, Cursors, Deliveries, Delivery, Frame, Hello, Lane,
    LaneMask, Run, Submit, Submits, Welcome, kind, limits::PACKET_TARGET,
};

use super::{
    corpus::{Corpus, bytes},
    page::{Page, Row},
};

/// Numbers as a relay gives them in its first year.
const DEVICE: u64 = 27_900_011;
const ACCOUNT: u64 = 27_900_005;
const CONVERSATION: u64 = 446_400_112;
const POSITION: u64 = 446_400_900;
const NOW_S: u64 = 1_795_000_000;

/// Writes the figures.
pub(crate) fn print(page: &Page, corpus: &Corpus) -> anyhow::Result<()> {
    for (codec, name) in [(Codec::Zstd, "zstd with the primer"), (Codec::Model, "the text model")] {
        page.section(&format!("The wire: bodies, {name}"));
        print_bodies(page, corpus, codec)?;
    }
    page.row(&Row::count("nothing new: both bodies", idle()?, "B"));
    Ok(())
}

fn print_bodies(page: &Page, corpus: &Corpus, codec: Codec) -> anyhow::Result<()> {
    let down = body(codec, corpus.down.len(), |from, to| {
        vec![deliveries(&corpus.down[from..to], from, 1)]
    })?;
    let several = body(codec, corpus.down.len(), |from, to| {
        vec![deliveries(&corpus.down[from..to], from, 4)]
    })?;
    let up = body(codec, corpus.up.len(), |from, to| vec![submits(&corpus.up[from..to], from)])?;
    let answer = down + head_len(codec, &answer_head())? + head_len(codec, &[Frame::Done])?;
    page.row(&beside_text("100 down, one author", down, &corpus.down)?);
    page.row(&beside_text("100 down, four authors in three places", several, &corpus.down)?);
    page.row(&beside_text("20 up", up, &corpus.up)?);
    page.row(&Row::count("the whole answer: Welcome, Answered, 100, Done", answer, "B"));
    let single = body(codec, 1, |from, to| vec![submits(&corpus.up[from..to], from)])?;
    page.row(&beside_text("one up", single, &corpus.up[..1])?);
    print_metadata(page, corpus, codec, [down, several, up])
}

/// Metadata is what a body weighs beyond packets of the same lines with nothing but line ends.
fn print_metadata(
    page: &Page,
    corpus: &Corpus,
    codec: Codec,
    bodies: [u64; 3],
) -> anyhow::Result<()> {
    let [down, several, up] = bodies;
    let rows = [
        ("metadata a message down, one author", down, &corpus.down),
        ("metadata a message down, four authors", several, &corpus.down),
        ("metadata a message up", up, &corpus.up),
    ];
    for (what, weight, lines) in rows {
        let each = (weight as f64 - bare_packets(codec, lines)? as f64) / lines.len() as f64;
        page.row(&Row::new(what, (each * 100.0).round() / 100.0, "B").at_most(4.0));
    }
    Ok(())
}

/// Bytes of a body that holds the lines and nothing about them.
pub(crate) fn bare_packets(codec: Codec, lines: &[String]) -> anyhow::Result<u64> {
    body(codec, lines.len(), |from, to| {
        let payload = lines[from..to].join("\n").into_bytes();
        vec![Frame::Unknown { kind: 200, payload }]
    })
}

fn beside_text(what: &str, weight: u64, lines: &[String]) -> anyhow::Result<Row> {
    let bare = zstd::bulk::compress(lines.join("\n").as_bytes(), 19).context("zstd")?.len();
    let what = format!("{what} ({} B)", bytes(lines));
    Ok(Row::count(what, weight, "B").beside("zstd -19, bare text", bare as f64))
}

/// Bytes of packets of at most [`PACKET_TARGET`] bytes that hold `count` rows.
fn body(
    codec: Codec,
    count: usize,
    frames: impl Fn(usize, usize) -> Vec<Frame>,
) -> anyhow::Result<u64> {
    let mut writer = BodyWriter::new(codec);
    let mut written = writer.preamble().len();
    let mut from = 0;
    while from < count {
        let (rows, packet) = writer
            .fit(PACKET_TARGET, count - from, |rows| frames(from, from + rows))?
            .context("a line does not fit into a packet")?;
        writer.sent();
        written += packet.len();
        from += rows;
    }
    Ok(written as u64)
}

/// Bytes of one packet.
fn head_len(codec: Codec, frames: &[Frame]) -> anyhow::Result<u64> {
    Ok(BodyWriter::new(codec).packet(frames)?.len() as u64)
}

fn answer_head() -> Vec<Frame> {
    let runs = vec![Run::Placed { count: 20, conversation: CONVERSATION, c: 101 }];
    vec![
        Frame::Welcome(Welcome { x: 320, now_s: NOW_S, k: 20, limits: None }),
        Frame::Answered(wire::Answered { first: 1, runs }),
    ]
}

/// Both bodies of an exchange with nothing new.
fn idle() -> anyhow::Result<u64> {
    let cursor = POSITION + 512;
    let hello = Hello {
        x: 321,
        told: 120,
        cursors: Cursors { latest: cursor, urgent: cursor, ordinary: cursor },
        lanes: LaneMask::ALL,
        presence_version: 40,
        limits_tag: 9,
        ..Hello::default()
    };
    let welcome = Welcome { x: 321, now_s: NOW_S, k: 120, limits: None };
    let up = head_len(Codec::Zstd, &[Frame::Hello(hello), Frame::End])?;
    let down = head_len(Codec::Zstd, &[Frame::Welcome(welcome), Frame::Done])?;
    Ok(up + down + 2 * wire::PREAMBLE_LEN as u64)
}

/// Minutes between messages are irregular, as people's are.
fn age_s(place: usize) -> u32 {
    let place = u32::try_from(place).unwrap_or(u32::MAX);
    172_000 - (place * 977 + (place * place * 7919) % 1301)
}

fn deliveries(lines: &[String], from: usize, authors: u64) -> Frame {
    let entries = lines.iter().zip(from..).map(|(line, place)| delivery(line, place, authors));
    Frame::Deliveries(Deliveries { lane: Lane::Ordinary, entries: entries.collect() })
}

fn delivery(line: &str, place: usize, authors: u64) -> Delivery {
    let author = (place as u64 * 7 % 11) % authors;
    let conversation = author.min(2);
    let turn = place as u64;
    Delivery {
        position: POSITION + turn * authors.min(2),
        conversation: CONVERSATION + conversation * 16,
        author: DEVICE + author * 3,
        account: ACCOUNT + author * 2,
        n: 40 + turn / authors,
        c: 90 + turn / authors.min(3),
        kind: kind::TEXT,
        age_s: age_s(place),
        body: line.as_bytes().to_vec(),
    }
}

fn submits(lines: &[String], from: usize) -> Frame {
    let items = lines.iter().zip(from..).map(|(line, place)| Submit {
        conversation: ConversationRef::Number(CONVERSATION),
        kind: kind::TEXT,
        urgent: false,
        version: 2,
        age_s: age_s(place),
        lifetime_s: 0,
        body: line.as_bytes().to_vec(),
    });
    Frame::Submits(Submits { first: 41 + from as u64, items: items.collect() })
}
