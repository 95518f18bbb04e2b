//! Golden vectors: these bytes never change while the version is 1. What bincode wrote is read
//! again by a second implementation of its format, so another crate could take its place.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use wincode::{SchemaRead, SchemaWrite, config::Configuration};
use wire::{
    Answered, BodyReader, BodyWriter, Codec, ConversationRef, Cursors, Deliveries, Delivery, Entry,
    ForkWhy, Forked, Frame, HeldKind, HeldRow, Hello, Item, Lane, LaneMask, Latest, Limits,
    LinkClass, LinkKind, Mark, MemberState, Name, Presence, PresenceRow, PresenceState, Refusal,
    Run, Stop, StopReason, Submit, Submits, Welcome,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap())
        .collect()
}

fn body(codec: Codec, packets: &[Vec<Frame>]) -> Vec<u8> {
    let mut writer = BodyWriter::new(codec);
    let mut bytes = writer.preamble().to_vec();
    packets.iter().for_each(|frames| bytes.extend(writer.packet(frames).unwrap()));
    bytes
}

fn read(bytes: &[u8]) -> Vec<Vec<Frame>> {
    let mut reader = BodyReader::new();
    reader.push(bytes);
    let mut packets = Vec::new();
    while let Some(packet) = reader.next().unwrap() {
        packets.push(packet.frames);
    }
    assert!(reader.is_at_edge());
    packets
}

const FOUNDED: Name = Name { device: 28_000_003, n: 1 };

fn hello() -> Hello {
    Hello {
        x: 700,
        told: 2,
        cursors: Cursors { latest: 450_000_120, urgent: 450_000_000, ordinary: 450_000_140 },
        lanes: LaneMask::ALL,
        pending: true,
        take: 12_288,
        hold_s: 300,
        link: LinkKind { class: LinkClass::Metered, rate: 7 },
        state: PresenceState::Reachable,
        presence_version: 28_000_400,
        next_call_s: 1_800,
        limits_tag: 60_000,
    }
}

fn up() -> Vec<Vec<Frame>> {
    let mark = Mark { conversation: 450_000_016, lane: Lane::Ordinary, c: 28_000_107, share: true };
    let item = |item: &Item, conversation, age_s| Submit {
        conversation,
        kind: item.kind(),
        urgent: false,
        version: 2,
        age_s,
        lifetime_s: 0,
        body: item.body(),
    };
    let number = ConversationRef::Number(450_000_016);
    let request = Item::Request {
        to: vec!["bob".into()],
        title: String::new(),
        greeting: "Hello from the boat".into(),
    };
    let items = vec![
        item(&request, ConversationRef::None, 90),
        item(&Item::Text("Are you there?".into()), ConversationRef::Founded(FOUNDED), 60),
        item(&Item::Text("Ça va?".into()), number, 30),
        item(&Item::Delete { target: Name { device: 28_000_003, n: 2 } }, number, 1),
    ];
    vec![
        vec![Frame::Hello(hello()), Frame::Marks(vec![mark])],
        vec![Frame::Submits(Submits { first: 3, items }), Frame::End],
    ]
}

#[test]
fn what_goes_again_says_its_first_name_and_then_what_a_message_says() {
    let former = Name { device: 28_000_003, n: 2 };
    let item = Item::Again { former, reply_to: None, format: 0, content: b"Hi".to_vec() };
    let body = [&[0xfc, 0x03, 0x3f, 0xab, 0x01, 2][..], &[0, 0][..], b"Hi"].concat();
    assert_eq!((item.kind(), item.body()), (64, body.clone()));
    assert_eq!(Item::read(64, &body), Ok(item));
}

fn down() -> Vec<Vec<Frame>> {
    let limits = Limits {
        tag: 60_001,
        codecs: vec![0, 1],
        envelope_max: 8_192,
        request_max: 65_536,
        lifetime_default_s: 2_592_000,
        lifetime_max_s: 7_776_000,
        members_max: 256,
        hold_max_s: 300,
    };
    let runs = vec![
        Run::Founded { conversation: 450_000_016 },
        Run::Placed { count: 2, conversation: 450_000_016, c: 28_000_101 },
        Run::Refused { reason: Refusal::Full, words: "bob's mailbox is full".into() },
        Run::Done { count: 1 },
    ];
    let conversation = 450_000_016;
    let latest = vec![
        Entry::Contact { account: 28_000_005, name: "bob".into(), blocked: false },
        Entry::Conversation {
            number: conversation,
            founded: FOUNDED,
            pair: true,
            title: String::new(),
            version: 2,
            mine: MemberState::Member,
            inviter: 28_000_002,
            inviter_name: "ann".into(),
            greeting: "Hello from the boat".into(),
        },
        Entry::Member {
            conversation,
            account: 28_000_005,
            name: "bob".into(),
            state: MemberState::Member,
            version: 2,
        },
        Entry::Receipt {
            conversation,
            lane: Lane::Ordinary,
            account: 28_000_005,
            delivered: 28_000_102,
            read: 28_000_101,
        },
        Entry::Counts { conversation, lane: Lane::Urgent, c: 9, delivered: 20, read: 3, of: 25 },
        Entry::Expired { name: FOUNDED, missing: 1, of: 2 },
        Entry::Lapsed { conversation, count: 4 },
        Entry::LapsedDevice { device: 28_000_003, count: 300 },
    ];
    let latest = latest.into_iter().zip(450_000_121..).map(|(entry, at)| (at, entry)).collect();
    let delivery = |row: u64, text: &str| Delivery {
        position: 450_000_141 + row,
        conversation,
        author: 28_000_006,
        account: 28_000_005,
        n: 12 + row,
        c: 28_000_103 + row,
        kind: wire::kind::TEXT,
        age_s: 600 - row as u32 * 20,
        body: text.as_bytes().to_vec(),
    };
    let deliveries = Deliveries {
        lane: Lane::Ordinary,
        entries: vec![delivery(0, "Yes, all well here."), delivery(1, "Call at six?")],
    };
    let row = PresenceRow {
        account: 28_000_005,
        state: PresenceState::Reachable,
        seen_ago_s: 13,
        next_call_s: 900,
    };
    let held =
        HeldRow { lane: Lane::Ordinary, kind: HeldKind::Message, count: 3, bytes: 900, first: 300 };
    let stop = Stop { reason: StopReason::Rate, words: "too many".into(), retry_after_s: 60 };
    vec![
        vec![
            Frame::Welcome(Welcome { x: 700, now_s: 1_795_000_000, k: 7, limits: Some(limits) }),
            Frame::Check(0xfeed_beef),
            Frame::Answered(Answered { first: 3, runs }),
        ],
        vec![Frame::Latest(Latest { entries: latest })],
        vec![Frame::Deliveries(deliveries)],
        vec![
            Frame::Presence(Presence { version: 28_000_401, rows: vec![row] }),
            Frame::Held(vec![held]),
            Frame::Stop(stop),
            Frame::Forked(Forked { x: 700, why: ForkWhy::OtherBytes }),
            Frame::Unknown { kind: 250, payload: vec![1, 2, 3] },
            Frame::Done,
        ],
    ]
}

const UP: &str = "\
    b0010000360066c88bbb01070001fc9074d21a0220fbbc0202fcf874d21aeffb18011f1efb0030fb2c01fc90 \
    40ab01fb0807fb60ea0309010102fc6b3fab010160002cfc4012010e000200fc033fab0101fc9074d21a044c \
    03045b000102020501010404000000b43b3b391a0e07060103626f62001348656c6c6f2066726f6d20746865 \
    20626f617441726520796f752074686572653fc387612076613ffc033fab01020500";
const DOWN: &str = "\
    b00100006100f02ddb4701070001fc9074d21a1028fbbc02fcc086fd6a0701fb61ea020001fb0020fc000001 \
    00fc008d2700fc00a77600fb0001fb2c011904efbeedfe112603040101000201fc653fab01030515626f6227 \
    73206d61696c626f782069732066756c6c02018500acd37bbb011102fc053fab01fc023fab0101fc9074d21a \
    127008fcf0e9a43501060103626f620000022401fc033fab0101010002020203616e6e1348656c6c6f206672 \
    6f6d2074686520626f6174000308010103626f620202000409010201fc663fab010200050601010914031900 \
    0608fc033fab010101020007020104000808fc033fab01fb2c014c00e4f121cb011201fc053fab0101fc9074 \
    d21afc063fab010113360202d9fc18eaa435001600fccc7e560300fb280203130c5965732c20616c6c207765 \
    6c6c20686572652e43616c6c206174207369783f380082cdca641410fc9140ab0101fc053fab01010dfb8403 \
    150a01020203fb8403fb2c01160b0108746f6f206d616e793c1704fbbc0204fa030102031800";
/// The first exchange of all, packed by zstd with primer 1 when version 1 was made.
const ZSTD: &str = "\
    b00101006001a7b81e2ded0200b40401070001fc9074d21a1028fbbc02fcc086fd6a0701fb61ea020001fb00 \
    20fc00000100fc008d27a77600fb2c011904efbeedfe112603040101000201fc653fab01030515626f622773 \
    0201040cf4f821608e6ae40e272087e4f2046e01ba2469415d03006285131db0a90335d3a8259a5eb600934a \
    e8376c000f0477248aee267b6f99920c46ae97cc07f2cf65a104b45dcb33eb1bb2fcfd3487a659f47f5ad7c7 \
    33a313d5ce895459fb1ec1a0a068fdf5a4b47de0090c3370099eff2a21aaa496530b3244a015ce21843a1c9e \
    14244501feaece0a150200b402011201fc053fab0101fc9074d21afc0613360202d9fc18eaa435001600fccc \
    7e560300fb280203130c433f06fcef108a80400d44a9cfffde94a70b9fcff0d30f380082cdca641410fc9140 \
    ab0101fc053fab01010dfb8403150a01020203fb8403fb2c01160b0108746f6f206d616e793c1704fbbc0204 \
    fa030102031800";

#[test]
fn v1_requests_never_change() {
    assert_eq!(hex(&body(Codec::None, &up())), hex(&unhex(UP)));
    assert_eq!(read(&unhex(UP)), up());
}

#[test]
fn v1_answers_never_change() {
    assert_eq!(hex(&body(Codec::None, &down())), hex(&unhex(DOWN)));
    assert_eq!(read(&unhex(DOWN)), down());
}

#[test]
fn v1_packets_of_zstd_are_read_for_ever() {
    // Another release of zstd may pack otherwise; what was packed must stay readable.
    assert_eq!(read(&unhex(ZSTD)), down());
}

#[test]
fn primer_1_is_frozen() {
    let primer = include_bytes!("../primer/primer-1.bin");
    assert_eq!(crc32fast::hash(primer), 0x7CE3_6A2C);
}

/// Payloads of the frames of a body that is not compressed, by kind.
fn payloads(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let varint = |bytes: &mut &[u8]| -> usize {
        let (first, rest) = bytes.split_first().unwrap();
        let wide = usize::from(*first == 251) * 2;
        let value = if wide == 0 {
            usize::from(*first)
        } else {
            usize::from(rest[0]) | usize::from(rest[1]) << 8
        };
        *bytes = &rest[wide..];
        value
    };
    let mut found = Vec::new();
    let mut rest = &bytes[4..];
    while !rest.is_empty() {
        let len = varint(&mut rest);
        let (mut packet, behind) = rest[5..].split_at(len);
        rest = behind;
        while let Some((kind, mut inside)) = packet.split_first().map(|(k, i)| (*k, i)) {
            let len = varint(&mut inside);
            found.push((kind, inside[..len].to_vec()));
            packet = &inside[len..];
        }
    }
    found
}

#[derive(Debug, PartialEq, SchemaRead, SchemaWrite)]
struct WelcomeTwin {
    x: u64,
    now_s: u64,
    k: u64,
    limits: Option<LimitsTwin>,
}

#[derive(Debug, PartialEq, SchemaRead, SchemaWrite)]
struct LimitsTwin {
    tag: u16,
    codecs: Vec<u8>,
    envelope_max: u32,
    request_max: u32,
    lifetime_default_s: u32,
    lifetime_max_s: u32,
    members_max: u16,
    hold_max_s: u16,
}

#[derive(Debug, PartialEq, SchemaRead, SchemaWrite)]
struct AnsweredTwin {
    first: u64,
    runs: Vec<RunTwin>,
}

#[derive(Debug, PartialEq, SchemaRead, SchemaWrite)]
enum RunTwin {
    Placed { count: u32, conversation: u64, c: u64 },
    Founded { conversation: u64 },
    Done { count: u32 },
    Refused { reason: u8, words: String },
}

#[derive(Debug, PartialEq, SchemaRead, SchemaWrite)]
struct HeldTwin {
    lane: u8,
    kind: u8,
    count: u32,
    bytes: u64,
    first: u32,
}

#[derive(Debug, PartialEq, SchemaRead, SchemaWrite)]
struct StopTwin {
    reason: u8,
    words: String,
    retry_after_s: u32,
}

#[derive(Debug, PartialEq, SchemaRead, SchemaWrite)]
struct PresenceTwin {
    version: u64,
    rows: Vec<(u64, u8, u32, u32)>,
}

#[derive(Debug, PartialEq, SchemaRead, SchemaWrite)]
struct MarkTwin {
    conversation: u64,
    lane: u8,
    c: u64,
    share: bool,
}

/// Reads `payload` with the second implementation and writes it back to the same bytes.
macro_rules! twin {
    ($type:ty, $payload:expr) => {{
        let config = Configuration::default().with_varint_encoding();
        let value: $type = wincode::config::deserialize_exact($payload, config).unwrap();
        assert_eq!(wincode::config::serialize(&value, config).unwrap(), $payload);
        value
    }};
}

#[test]
fn a_second_bincode_agrees() {
    let frames = [payloads(&unhex(UP)), payloads(&unhex(DOWN))].concat();
    let payload = |kind: u8| &frames.iter().find(|(found, _)| *found == kind).unwrap().1[..];
    let welcome = twin!(WelcomeTwin, payload(16));
    assert_eq!((welcome.x, welcome.now_s, welcome.k), (700, 1_795_000_000, 7));
    assert_eq!(welcome.limits.unwrap().lifetime_max_s, 7_776_000);
    let answered = twin!(AnsweredTwin, payload(17));
    assert_eq!(answered.runs[1], RunTwin::Placed { count: 2, conversation: 1, c: 28_000_101 });
    assert_eq!(answered.runs.len(), 4);
    let marks = twin!(Vec<MarkTwin>, payload(3));
    assert_eq!(marks, [MarkTwin { conversation: 1, lane: 2, c: 28_000_107, share: true }]);
    let presence = twin!(PresenceTwin, payload(20));
    assert_eq!(presence.rows, [(28_000_005, 1, 13, 900)]);
    let held = twin!(Vec<HeldTwin>, payload(21));
    assert_eq!(held[0].bytes, 900);
    assert_eq!(twin!(StopTwin, payload(22)).words, "too many");
    assert_eq!(twin!((u64, u8), payload(23)), (700, 4));
    // Four bytes, the least significant first.
    assert_eq!(twin!((u8, u8, u8, u8), payload(25)), (0xef, 0xbe, 0xed, 0xfe));
    // Columns are bare varints: a tuple of them is the same bytes. Hello is nothing else.
    let hello = twin!((u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64), payload(2));
    assert_eq!((hello.0, hello.2, hello.7, hello.11), (700, 450_000_120, 12_288, 60_000));
}
