//! A relay that lies. Whatever it says, the agent says what is wrong, keeps what it has, and believes the truth again.

mod scene;

use serde_json::Value;
use wire::{
    Answered, Delivery, Entry, ForkWhy, Forked, Frame, HeldKind, HeldRow, Hello, Item, Lane,
    Latest, Limits, MemberState, Name, Presence, PresenceRow, PresenceState, Refusal, Run, Stop,
    StopReason, Welcome,
};

use self::scene::{BOB, BOBS_DEVICE, ann, assert_all_is_well, delivery, mail, said, texts};
use super::complaint;
use super::liar::{Liar, Lie, ME, MY_DEVICE, body, ok, truth, welcomed};

/// What one kind of liar answers.
type Answers = fn(&Hello) -> Lie;

#[tokio::test]
async fn an_answer_that_cannot_be_one_is_named_and_changes_nothing() {
    let liar = Liar::start().await;
    let home = ann(&liar).await;
    let html = b"<html><head><title>Airport Wi-Fi\x1b[2J</title></head><body>Log in</body></html>";
    let of_version = |version: u8| ok(&[0xB0, version, 0, 0]);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a portal's page", {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n",
                html.len()
            );
            [head.as_bytes(), html].concat()
        }),
        ("a page that does not say what it is", ok(html)),
        ("a relay of a later version", of_version(9)),
        ("no answer at all", Vec::new()),
        ("no HTTP", b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        ("an empty answer", ok(b"")),
        ("a head without end", [&b"HTTP/1.1 200 OK\r\nX: "[..], &[b'a'; 200_000]].concat()),
        ("a thousand fields", {
            let fields: String = (0..1_000).map(|at| format!("X-{at}: 1\r\n")).collect();
            format!("HTTP/1.1 200 OK\r\n{fields}\r\n").into_bytes()
        }),
        (
            "a length beyond all",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n".to_vec(),
        ),
        ("a packet longer than any", ok(&[&[0xB0, 1, 0, 0, 252][..], &[0xff; 64]].concat())),
        ("a packet that is damaged", {
            let mut bytes = ok(&body(&[vec![Frame::Done]]));
            *bytes.last_mut().unwrap() ^= 1;
            bytes
        }),
        ("an error in binary", {
            let mut bytes = b"HTTP/1.1 500 Oops\r\nContent-Length: 4096\r\n\r\n".to_vec();
            bytes.extend((0..4_096).map(|at: u32| at.to_le_bytes()[0]));
            bytes
        }),
        (
            "a redirect",
            b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\nContent-Length: 0\r\n\r\n".to_vec(),
        ),
    ];
    for (what, bytes) in cases {
        let (lie, name) = (bytes.clone(), what);
        liar.says(move |_| Lie::Bytes(lie.clone()));
        let output = home.run(&["sync"]).await;
        let said = complaint(&output);
        assert!(said.len() < 1_000, "{name}: {said}");
        if what == "a portal's page" {
            assert!(said.contains("Airport Wi-Fi"), "{said}");
        }
        if what == "a relay of a later version" {
            assert!(said.contains("newer than this mailboat"), "{said}");
        }
        assert!(home.one(&["status"]).await.is_object(), "{what}");
    }
    assert_all_is_well(&liar, &home, "no answers").await;
}

#[tokio::test]
async fn numbers_that_cannot_be_are_not_believed() {
    let lies: Vec<(&str, Answers)> = vec![
        ("another x", |hello| truth(&Hello { x: hello.x + 1, ..hello.clone() }, vec![])),
        ("x of the attempt before", |hello| {
            truth(&Hello { x: hello.x - 1, ..hello.clone() }, vec![])
        }),
        ("k of all numbers", |hello| welcomed(hello, u64::MAX, vec![])),
        ("k beyond what was sent", |hello| welcomed(hello, 1 << 62, vec![])),
        ("billions of outcomes", |hello| {
            let runs = vec![Run::Done { count: u32::MAX }; 3_000];
            welcomed(hello, 1, vec![Frame::Answered(Answered { first: 1, runs })])
        }),
        ("outcomes without a beginning", |hello| {
            let runs = vec![Run::Done { count: u32::MAX }; 2];
            let answered = |first| Frame::Answered(Answered { first, runs: runs.clone() });
            welcomed(hello, 0, vec![answered(u64::MAX), answered(0), answered(1 << 63)])
        }),
        ("only a Stop that never ends", |_| {
            let stop = Stop {
                reason: StopReason::Rate,
                words: "\x1b[31mcome back\nnever\u{202e}".repeat(500),
                retry_after_s: u32::MAX,
            };
            Lie::Bytes(ok(&body(&[vec![Frame::Stop(stop), Frame::Done]])))
        }),
        ("forks without end", |hello| {
            let forked = Forked { x: hello.x, why: ForkWhy::OtherBytes };
            Lie::Bytes(ok(&body(&[vec![Frame::Forked(forked), Frame::Done]])))
        }),
    ];
    for (what, lie) in lies {
        let liar = Liar::start().await;
        let home = ann(&liar).await;
        liar.says(lie);
        for _ in 0..2 {
            let output = home.run(&["sync"]).await;
            if output.code != Some(0) {
                complaint(&output);
            }
        }
        let texts = texts(&home).await;
        assert!(texts.iter().any(|text| text == "mine"), "{what}: {texts:?}");
        if !what.starts_with("forks") {
            assert_all_is_well(&liar, &home, what).await;
        }
    }
}

#[tokio::test]
async fn entries_that_make_no_sense_are_kept_apart_and_the_rest_flows() {
    let liar = Liar::start().await;
    let home = ann(&liar).await;
    let noise = "\x1b]0;title\x07\u{202e}".repeat(200);
    let row = |account| PresenceRow {
        account,
        state: PresenceState::Reachable,
        seen_ago_s: u32::MAX,
        next_call_s: u32::MAX,
    };
    let held = HeldRow {
        lane: Lane::Urgent,
        kind: HeldKind::Message,
        count: u32::MAX,
        bytes: u64::MAX,
        first: u32::MAX,
    };
    let entries = vec![
        (20, Entry::Contact { account: u64::MAX, name: noise.clone(), blocked: true }),
        (21, Entry::Contact { account: 99, name: noise.clone(), blocked: false }),
        (21, Entry::Unknown { kind: 200, body: vec![0xff; 3_000] }),
        (3, Entry::Lapsed { conversation: u64::MAX, count: u64::MAX }),
        (22, Entry::Lapsed { conversation: 51, count: 1 << 62 }),
        (23, Entry::LapsedDevice { device: MY_DEVICE, count: u64::MAX }),
        (24, Entry::Expired { name: Name { device: u64::MAX, n: 0 }, missing: 9, of: 1 }),
        (
            25,
            Entry::Counts {
                conversation: 52,
                lane: Lane::Latest,
                c: 1,
                delivered: 9,
                read: 9,
                of: 0,
            },
        ),
        (
            26,
            Entry::Receipt {
                conversation: 50,
                lane: Lane::Ordinary,
                account: ME,
                delivered: 0,
                read: 1 << 61,
            },
        ),
        (
            27,
            Entry::Member {
                conversation: 50,
                account: 0,
                name: noise.clone(),
                state: MemberState::Unknown(99),
                version: u32::MAX,
            },
        ),
        (u64::MAX, Entry::Contact { account: 98, name: "eve".to_owned(), blocked: false }),
    ];
    let deliveries = vec![
        Delivery { kind: 255, body: vec![0xff; 5_000], ..said(30, 20, "") },
        Delivery { body: vec![0xff, 0xfe, 0], ..said(31, 21, "") },
        Delivery { kind: wire::kind::REQUEST, ..said(32, 22, "no request") },
        Delivery { kind: wire::kind::EDIT, ..said(33, 23, "no edit") },
        delivery(
            34,
            24,
            &Item::Edit { target: Name { device: MY_DEVICE, n: 1 }, text: "forged".to_owned() },
        ),
        delivery(35, 25, &Item::Delete { target: Name { device: u64::MAX, n: u64::MAX } }),
        delivery(
            36,
            26,
            &Item::Edit { target: Name { device: BOBS_DEVICE, n: 26 }, text: "itself".to_owned() },
        ),
        Delivery { n: u64::MAX, c: u64::MAX, ..said(37, 0, "beyond") },
        Delivery { conversation: u64::MAX, ..said(38, 28, "nowhere") },
        Delivery { account: 0, author: 0, ..said(39, 29, "by nobody") },
        Delivery { author: MY_DEVICE, account: ME, ..said(39, 1, "in ann's name") },
        said(12, 30, "whose position went back"),
        said(40, 30, "whose name was here"),
        said(41, 31, &noise),
    ];
    liar.says(move |hello| {
        let latest = Frame::Latest(Latest { entries: entries.clone() });
        let presence = |version, rows| Frame::Presence(Presence { version, rows });
        let odd = Frame::Unknown { kind: 77, payload: vec![7; 2_000] };
        let presence =
            [presence(u64::MAX, vec![row(BOB)]), presence(3, vec![row(u64::MAX), row(BOB)])];
        let frames = [
            vec![odd, latest, mail(deliveries.clone())],
            presence.to_vec(),
            vec![Frame::Held(vec![held; 20])],
        ];
        truth(hello, frames.concat())
    });
    let output = home.run(&["sync"]).await;
    assert!(output.code.is_some(), "{output:?}");
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    let shown = texts(&home).await;
    assert_eq!(shown.iter().filter(|text| text.contains("whose ")).count(), 1, "a name comes once");
    assert!(shown.iter().any(|text| text == "mine"), "{shown:?}");
    for forged in ["forged", "in ann's name"] {
        assert!(!shown.iter().any(|text| text == forged), "{forged}: {shown:?}");
    }
    for command in ["inbox", "members", "conversations", "outbox", "status", "usage", "doctor"] {
        let output = home.run(&[command]).await;
        assert!(output.code.is_some() && !output.stderr.contains("panicked"), "{output:?}");
        let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!output.stdout.chars().any(obeyed), "{command}: {:?}", output.stdout);
    }
    assert_all_is_well(&liar, &home, "odd entries").await;
}

#[tokio::test]
async fn limits_that_leave_no_room_stop_nothing_for_ever() {
    let limits = |number: u32, codecs: Vec<u8>| Limits {
        tag: 1 + u16::try_from(number & 7).unwrap(),
        codecs,
        envelope_max: number,
        request_max: number,
        lifetime_default_s: number,
        lifetime_max_s: number,
        members_max: u16::try_from(number & 0xffff).unwrap(),
        hold_max_s: u16::try_from(number & 0xffff).unwrap(),
    };
    for limits in [limits(0, vec![]), limits(u32::MAX, (0..=255).collect()), limits(1, vec![9])] {
        let liar = Liar::start().await;
        let home = ann(&liar).await;
        let told = limits.clone();
        liar.says(move |hello| {
            let welcome = Welcome { x: hello.x, now_s: u64::MAX, k: 0, limits: Some(told.clone()) };
            Lie::Bytes(ok(&body(&[vec![Frame::Welcome(welcome), Frame::Done]])))
        });
        for _ in 0..2 {
            let output = home.run(&["sync"]).await;
            assert!(output.code.is_some() && !output.stderr.contains("panicked"), "{output:?}");
        }
        let output = home.run(&["send", "bob", "-m", "x", "--json"]).await;
        assert!(output.code.is_some() && !output.stderr.contains("panicked"), "{output:?}");
        if output.code == Some(0) {
            let id = harness::world::text(&output.one(), "id");
            home.run(&["outbox", "cancel", &id]).await.done();
        }
        // The relay thinks better of it.
        let honest = Limits { codecs: vec![0, 1], tag: 99, ..Limits::clone(&limits) };
        let honest = Limits { envelope_max: 8_192, request_max: 65_536, ..honest };
        liar.says(move |hello| {
            let welcome = Welcome { x: hello.x, now_s: 0, k: 0, limits: Some(honest.clone()) };
            Lie::Bytes(ok(&body(&[vec![Frame::Welcome(welcome), Frame::Done]])))
        });
        home.run(&["sync"]).await;
        assert_all_is_well(&liar, &home, "limits").await;
    }
}

#[tokio::test]
async fn an_answer_without_end_ends_with_the_budget() {
    let liar = Liar::start().await;
    let home = ann(&liar).await;
    liar.says(|hello| {
        let welcome = Frame::Welcome(Welcome { x: hello.x, now_s: 0, k: 0, limits: None });
        let head = b"HTTP/1.1 200 OK\r\n\r\n";
        let begin = [&head[..], &body(&[vec![welcome]])].concat();
        // The checksum counts packets, so the same one again is damage: nothing of it is believed.
        Lie::Endless(
            begin,
            body(&[vec![], vec![mail(vec![said(50, 50, "again and again")])]])[4..].to_vec(),
        )
    });
    complaint(&home.run(&["sync"]).await);
    liar.says(|_| Lie::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X-Endless: yes\r\n".to_vec()));
    complaint(&home.run(&["sync"]).await);
    liar.says(|hello| {
        let mut writer = wire::BodyWriter::new(wire::Codec::None);
        let welcome = Frame::Welcome(Welcome { x: hello.x, now_s: 0, k: 0, limits: None });
        let mut begin = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        begin.extend(writer.preamble());
        begin.extend(writer.packet(&[welcome]).unwrap());
        for at in 1..40 {
            begin.extend(
                writer.packet(&[mail(vec![said(50 + at, 50 + at, &"more".repeat(500))])]).unwrap(),
            );
        }
        Lie::Bytes(begin)
    });
    let visit = home.run(&["sync", "--budget", "20000", "--json"]).await;
    let visit: Value = visit.one();
    let moved = visit["bytes_up"].as_u64().unwrap() + visit["bytes_down"].as_u64().unwrap();
    assert!(moved <= 20_000, "{visit}");
    assert_all_is_well(&liar, &home, "endless answers").await;
}

#[tokio::test]
async fn a_refusal_of_everything_keeps_what_was_written() {
    let liar = Liar::start().await;
    let home = ann(&liar).await;
    liar.says(|hello| {
        let words = "\x1b[2Jno\u{202e} ".repeat(300);
        let runs = vec![Run::Refused { reason: Refusal::Unknown(250), words }];
        welcomed(hello, 1, vec![Frame::Answered(Answered { first: 1, runs })])
    });
    home.run(&["sync"]).await;
    let shown = home.run(&["outbox"]).await.done().stdout;
    assert!(shown.contains("mine"), "{shown}");
    assert!(!shown.contains('\x1b') && !shown.contains('\u{202e}'), "{shown:?}");
}
