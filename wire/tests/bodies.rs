//! Bodies as a peer sees them: what is written is read, any prefix yields exactly the packets that
//! are whole, and damage is an error or leaves other packets alone.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use proptest::{collection::vec, option, prelude::*};
use wire::{
    Answered, BodyReader, BodyWriter, Codec, ConversationRef, Cursors, Deliveries, Delivery, Entry,
    ForkWhy, Forked, Frame, HeldKind, HeldRow, Hello, Lane, LaneMask, Latest, Limits, LinkClass,
    LinkKind, Mark, MemberState, Name, PREAMBLE_LEN, Presence, PresenceRow, PresenceState, Refusal,
    Run, Stop, StopReason, Submit, Submits, Welcome,
};

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![1..300u64, 28_000_000..28_001_000u64, 1..=u64::MAX]
}

fn small() -> impl Strategy<Value = u32> {
    prop_oneof![0..3u32, 0..=u32::MAX]
}

fn lane() -> impl Strategy<Value = Lane> {
    proptest::sample::select(&Lane::ALL[..])
}

fn name() -> impl Strategy<Value = Name> {
    (number(), number()).prop_map(|(device, n)| Name { device, n })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof!["[ -~]{0,80}".prop_map(String::into_bytes), vec(any::<u8>(), 0..40)]
}

fn conversation() -> impl Strategy<Value = ConversationRef> {
    prop_oneof![
        Just(ConversationRef::None),
        number().prop_map(ConversationRef::Number),
        name().prop_map(ConversationRef::Founded),
    ]
}

fn hello() -> impl Strategy<Value = Hello> {
    let numbers = (number(), number(), number(), number(), number(), number());
    let rest =
        (0..8usize, any::<bool>(), small(), any::<u16>(), 0..3u8, 0..32u8, small(), any::<u16>());
    (numbers, rest).prop_map(|((x, told, latest, urgent, ordinary, presence_version), rest)| {
        let (lanes, pending, take, hold_s, state, rate, next_call_s, limits_tag) = rest;
        let lanes: Vec<Lane> =
            Lane::ALL.into_iter().filter(|lane| lanes >> lane.number() & 1 == 1).collect();
        let class =
            [LinkClass::Unknown, LinkClass::Unmetered, LinkClass::Metered][usize::from(rate) % 3];
        Hello {
            x,
            told,
            cursors: Cursors { latest, urgent, ordinary },
            lanes: LaneMask::of(&lanes),
            pending,
            take,
            hold_s,
            link: LinkKind { class, rate },
            state: PresenceState::from_number(state),
            presence_version,
            next_call_s,
            limits_tag,
        }
    })
}

fn submit() -> impl Strategy<Value = Submit> {
    (conversation(), any::<u8>(), any::<bool>(), small(), small(), small(), body()).prop_map(
        |(conversation, kind, urgent, version, age_s, lifetime_s, body)| Submit {
            conversation,
            kind,
            urgent,
            version,
            age_s: wire::rounded_age(age_s),
            lifetime_s,
            body,
        },
    )
}

fn delivery() -> impl Strategy<Value = Delivery> {
    // Few devices and conversations, so that rows share them.
    (number(), 1..4u64, 1..4u64, number(), number(), any::<u8>(), small(), body()).prop_map(
        |(position, conversation, author, n, c, kind, age_s, body)| Delivery {
            position,
            conversation,
            author,
            account: author * 7,
            n,
            c,
            kind,
            age_s: wire::rounded_age(age_s),
            body,
        },
    )
}

fn run() -> impl Strategy<Value = Run> {
    prop_oneof![
        (small(), number(), number()).prop_map(|(count, conversation, c)| Run::Placed {
            count,
            conversation,
            c
        }),
        number().prop_map(|conversation| Run::Founded { conversation }),
        small().prop_map(|count| Run::Done { count }),
        (any::<u8>(), ".{0,30}")
            .prop_map(|(reason, words)| Run::Refused { reason: Refusal::from(reason), words }),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        (number(), ".{0,20}", any::<bool>()).prop_map(|(account, name, blocked)| Entry::Contact {
            account,
            name,
            blocked
        }),
        (number(), name(), any::<bool>(), ".{0,20}", small(), 1..9u8, number(), ".{0,20}")
            .prop_map(|(number, founded, pair, title, version, mine, inviter, greeting)| {
                Entry::Conversation {
                    number,
                    founded,
                    pair,
                    title,
                    version,
                    mine: MemberState::from(mine),
                    inviter,
                    inviter_name: "bob".into(),
                    greeting,
                }
            }),
        (number(), number(), "[a-z]{1,9}", 1..9u8, small()).prop_map(
            |(conversation, account, name, state, version)| Entry::Member {
                conversation,
                account,
                name,
                state: MemberState::from(state),
                version,
            }
        ),
        (number(), lane(), number(), any::<u64>(), any::<u64>()).prop_map(
            |(conversation, lane, account, delivered, read)| Entry::Receipt {
                conversation,
                lane,
                account,
                delivered,
                read,
            }
        ),
        (number(), lane(), number(), any::<u16>(), any::<u16>(), any::<u16>()).prop_map(
            |(conversation, lane, c, delivered, read, of)| Entry::Counts {
                conversation,
                lane,
                c,
                delivered,
                read,
                of,
            }
        ),
        (name(), any::<u16>(), any::<u16>()).prop_map(|(name, missing, of)| Entry::Expired {
            name,
            missing,
            of
        }),
        (number(), number())
            .prop_map(|(conversation, count)| Entry::Lapsed { conversation, count }),
        (number(), number()).prop_map(|(device, count)| Entry::LapsedDevice { device, count }),
        (40..=255u8, body()).prop_map(|(kind, body)| Entry::Unknown { kind, body }),
    ]
}

fn frame() -> impl Strategy<Value = Frame> {
    let limits = (1..=u16::MAX, vec(any::<u8>(), 0..4), small()).prop_map(|(tag, codecs, max)| {
        Limits { tag, codecs, envelope_max: max, ..Limits::default() }
    });
    let mark = (number(), lane(), number(), any::<bool>())
        .prop_map(|(conversation, lane, c, share)| Mark { conversation, lane, c, share });
    let row =
        (number(), 0..3u8, small(), small()).prop_map(|(account, state, ago, next)| PresenceRow {
            account,
            state: PresenceState::from_number(state),
            seen_ago_s: ago,
            next_call_s: next,
        });
    let held = (lane(), any::<u8>(), small(), number(), small()).prop_map(
        |(lane, kind, count, bytes, first)| HeldRow {
            lane,
            kind: HeldKind::from(kind),
            count,
            bytes,
            first,
        },
    );
    prop_oneof![
        hello().prop_map(Frame::Hello),
        vec(mark, 0..5).prop_map(Frame::Marks),
        (number(), vec(submit(), 0..12))
            .prop_map(|(first, items)| Frame::Submits(Submits { first, items })),
        Just(Frame::End),
        (number(), number(), number(), option::of(limits))
            .prop_map(|(x, now_s, k, limits)| Frame::Welcome(Welcome { x, now_s, k, limits })),
        (number(), vec(run(), 0..6))
            .prop_map(|(first, runs)| Frame::Answered(Answered { first, runs })),
        vec((number(), entry()), 0..6).prop_map(|entries| Frame::Latest(Latest { entries })),
        (lane(), vec(delivery(), 0..12))
            .prop_map(|(lane, entries)| Frame::Deliveries(Deliveries { lane, entries })),
        (number(), vec(row, 0..4))
            .prop_map(|(version, rows)| Frame::Presence(Presence { version, rows })),
        vec(held, 0..4).prop_map(Frame::Held),
        (any::<u8>(), ".{0,30}", small()).prop_map(|(reason, words, retry_after_s)| {
            Frame::Stop(Stop { reason: StopReason::from(reason), words, retry_after_s })
        }),
        (number(), any::<u8>())
            .prop_map(|(x, why)| Frame::Forked(Forked { x, why: ForkWhy::from(why) })),
        any::<u32>().prop_map(Frame::Check),
        Just(Frame::Done),
        (200..=255u8, vec(any::<u8>(), 0..20))
            .prop_map(|(kind, payload)| Frame::Unknown { kind, payload }),
    ]
}

fn codec() -> impl Strategy<Value = Codec> {
    proptest::sample::select(&Codec::ALL[..])
}

fn packets() -> impl Strategy<Value = Vec<Vec<Frame>>> {
    vec(vec(frame(), 0..4), 0..4)
}

/// The body, and where each packet ends in it.
fn write(codec: Codec, packets: &[Vec<Frame>]) -> (Vec<u8>, Vec<usize>) {
    let mut writer = BodyWriter::new(codec);
    let mut bytes = writer.preamble().to_vec();
    let mut ends = Vec::new();
    for frames in packets {
        bytes.extend(writer.packet(frames).unwrap());
        ends.push(bytes.len());
    }
    (bytes, ends)
}

/// The packets before the end or the first error, and whether the body ended at an edge.
fn read(bytes: &[u8]) -> (Vec<Vec<Frame>>, bool) {
    let mut reader = BodyReader::new();
    reader.push(bytes);
    let mut packets = Vec::new();
    while let Ok(Some(packet)) = reader.next() {
        packets.push(packet.frames);
    }
    (packets, reader.is_at_edge())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_written_is_read(codec in codec(), packets in packets()) {
        let (bytes, _) = write(codec, &packets);
        prop_assert_eq!(read(&bytes), (packets, true));
    }

    #[test]
    fn any_prefix_yields_exactly_the_packets_that_are_whole(
        codec in codec(), packets in packets(), cut: proptest::sample::Index,
    ) {
        let (bytes, ends) = write(codec, &packets);
        let cut = cut.index(bytes.len() + 1);
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let (got, at_edge) = read(&bytes[..cut]);
        prop_assert_eq!(&got[..], &packets[..whole]);
        prop_assert_eq!(at_edge, cut == PREAMBLE_LEN || ends.contains(&cut));
    }

    #[test]
    fn bytes_may_arrive_in_any_pieces(
        codec in codec(), packets in packets(), sizes in vec(1..40usize, 1..40),
    ) {
        let (bytes, _) = write(codec, &packets);
        let mut reader = BodyReader::new();
        let mut got = Vec::new();
        let (mut rest, mut sizes) = (&bytes[..], sizes.iter().cycle());
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            reader.push(piece);
            rest = behind;
            while let Some(packet) = reader.next().unwrap() {
                got.push(packet.frames);
            }
        }
        prop_assert_eq!(got, packets);
    }

    #[test]
    fn a_changed_byte_is_an_error_or_leaves_other_packets_intact(
        codec in codec(), packets in packets(), at: proptest::sample::Index, flip in 1..=255u8,
    ) {
        let (mut bytes, ends) = write(codec, &packets);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let before = ends.iter().filter(|end| **end <= at).count();
        let (got, at_edge) = read(&bytes);
        // What is taken is what was written: a codec may have bits that mean nothing.
        prop_assert!(before <= got.len() && packets.starts_with(&got));
        prop_assert!(!at_edge || got == packets);
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in vec(any::<u8>(), 0..400), codec in codec()) {
        let _ = read(&bytes);
        let _ = read(&[&BodyWriter::new(codec).preamble()[..], &bytes].concat());
    }

    #[test]
    fn fitting_keeps_to_the_limit_and_wastes_little(
        codec in codec(), entries in vec(delivery(), 1..120), limit in 64..3000usize,
    ) {
        let frames = |rows: usize| {
            vec![Frame::Deliveries(Deliveries { lane: Lane::Ordinary, entries: entries[..rows].to_vec() })]
        };
        let writer = BodyWriter::new(codec);
        match writer.fit(limit, entries.len(), frames).unwrap() {
            None => prop_assert!(limit < writer.draft(&frames(1)).unwrap().len()),
            Some((rows, packet)) => {
                prop_assert!(packet.len() <= limit);
                prop_assert_eq!(&packet, &writer.draft(&frames(rows)).unwrap());
                if rows < entries.len() && packet.len() < limit - limit / 16 {
                    prop_assert!(limit < writer.draft(&frames(rows + 1)).unwrap().len());
                }
            }
        }
    }
}

#[test]
fn a_packet_out_of_its_place_is_damaged() {
    let packets = vec![vec![Frame::End], vec![Frame::Done]];
    let (bytes, ends) = write(Codec::None, &packets);
    let swapped =
        [&bytes[..PREAMBLE_LEN], &bytes[ends[0]..], &bytes[PREAMBLE_LEN..ends[0]]].concat();
    assert_eq!(read(&swapped), (Vec::new(), false));
}

#[test]
fn an_exchange_with_nothing_new_is_small() {
    let hello = Hello {
        x: 700,
        told: 400,
        cursors: Cursors { latest: 450_000_120, urgent: 450_000_000, ordinary: 450_000_140 },
        lanes: LaneMask::ALL,
        state: PresenceState::Reachable,
        presence_version: 28_000_400,
        next_call_s: 1800,
        limits_tag: 60_000,
        ..Hello::default()
    };
    let (up, _) = write(Codec::Zstd, &[vec![Frame::Hello(hello), Frame::End]]);
    let welcome = Welcome { x: 700, now_s: 1_795_000_000, k: 400, limits: None };
    let (down, _) = write(Codec::Zstd, &[vec![Frame::Welcome(welcome), Frame::Done]]);
    assert!(up.len() <= 46, "up: {} bytes", up.len());
    assert!(down.len() <= 28, "down: {} bytes", down.len());
}

#[test]
fn a_message_in_a_batch_costs_at_most_4_bytes_beside_its_text() {
    let text = include_str!("../primer/eval/english.txt");
    let lines: Vec<&str> = text.lines().take(60).collect();
    let entries = |bodies: &[&str]| -> Vec<Delivery> {
        let rows = bodies.iter().enumerate().map(|(row, body)| Delivery {
            position: 450_000_000 + row as u64,
            conversation: 450_000_016,
            author: 28_000_003,
            account: 28_000_001,
            n: 200 + row as u64,
            c: 28_000_100 + row as u64,
            kind: wire::kind::TEXT,
            // Composed irregularly over half a day.
            age_s: 40_000 - row as u32 * 613 - (row * row * 37 % 300) as u32,
            body: body.as_bytes().to_vec(),
        });
        rows.collect()
    };
    let size = |entries: Vec<Delivery>| {
        let deliveries = Deliveries { lane: Lane::Ordinary, entries };
        BodyWriter::new(Codec::Zstd).draft(&[Frame::Deliveries(deliveries)]).unwrap().len()
    };
    // The same text as one message, which has all its metadata once.
    let bare = size(entries(&[&lines.concat()]));
    let metadata = (size(entries(&lines)) - bare) as f64 / lines.len() as f64;
    assert!(metadata <= 3.5, "{metadata:.2} bytes of metadata a message");
}

#[test]
fn whatever_fits_a_packet_reads_however_many_rows_it_has() {
    let mark = |c| Mark { conversation: 1, lane: Lane::Ordinary, c, share: true };
    let words = "The mailbox is full.".to_owned();
    let refused = Run::Refused { reason: Refusal::Full, words };
    let row =
        HeldRow { lane: Lane::Ordinary, kind: HeldKind::Message, count: 1, bytes: 1, first: 1 };
    for frame in [
        Frame::Marks((0..10_000).map(|at| mark(at % 200)).collect()),
        Frame::Answered(Answered { first: 1, runs: vec![refused; 2_900] }),
        Frame::Answered(Answered {
            first: 1,
            runs: vec![Run::Founded { conversation: 7 }; 16_000],
        }),
        Frame::Held(vec![row; 10_000]),
    ] {
        let mut writer = BodyWriter::new(Codec::Zstd);
        let packet = writer.packet(std::slice::from_ref(&frame)).unwrap();
        let mut reader = BodyReader::new();
        reader.push(&[&writer.preamble()[..], &packet].concat());
        assert!(reader.next().unwrap().unwrap().frames == [frame], "it was not understood");
    }
}
