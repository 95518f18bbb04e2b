//! A device that lies. It hurts nobody but itself, is told why in words, and learns nothing that is not its own.

use wire::{
    ConversationRef, Cursors, Entry, Frame, Hello, Item, Lane, LaneMask, Mark, Name, Refusal, Run,
    StopReason, Submits, kind,
};

use harness::relay::RelayOptions;
use harness::world::World;

use super::forger::{Forger, submit};
use super::texts;

/// Ann and bob, who chat; eve, who knows neither; the number of ann's and bob's conversation and a name in it.
async fn scene() -> (World, Forger, Forger, u64, Name) {
    let world = World::new(&RelayOptions::default(), &["ann", "bob", "eve"]).await;
    world.acquaint().await;
    let mut bob = Forger::login(world.relay.addr(), "bob", 'b').await;
    world.people[0].home.run(&["send", "bob", "-m", "between us"]).await.done();
    world.people[0].sync().await;
    bob.hello.x += 1;
    let frames = bob.sync(&[Frame::Hello(bob.hello.clone()), Frame::End]).await.frames();
    let found = frames.iter().find_map(|frame| match frame {
        Frame::Deliveries(mail) => {
            mail.entries.first().map(|entry| (entry.conversation, entry.name()))
        }
        _ => None,
    });
    let (conversation, name) = found.unwrap_or_else(|| panic!("bob has no message: {frames:?}"));
    let eve = Forger::login(world.relay.addr(), "eve", 'e').await;
    (world, bob, eve, conversation, name)
}

/// Ann's and bob's computers see what they saw, and go on.
async fn assert_nobody_was_hurt(world: &World) {
    let [ann, bob, eve] = &world.people[..] else { panic!("three people") };
    bob.sync().await;
    bob.home.run(&["send", "ann", "-m", "and still is"]).await.done();
    for person in [bob, ann, bob, eve] {
        person.sync().await;
    }
    for person in [ann, bob] {
        assert_eq!(texts(person).await, ["between us", "and still is"], "{}", person.name);
    }
    assert!(texts(eve).await.is_empty());
}

#[tokio::test]
async fn a_stranger_reads_changes_and_learns_nothing_of_others() {
    let (world, _, mut eve, conversation, name) = scene().await;
    let there = ConversationRef::Number(conversation);
    let founded = ConversationRef::Founded(Name { device: name.device, n: 1 });
    for at in [there, founded] {
        for (item, reason) in [
            (Item::Text("let me in".to_owned()), Refusal::NotMember),
            (Item::Edit { target: name, text: "forged".to_owned() }, Refusal::NotYours),
            (Item::Delete { target: name }, Refusal::NotYours),
        ] {
            assert_eq!(eve.say(at, &item).await.refused(), reason, "{item:?} at {at:?}");
        }
        for item in [
            Item::Accept,
            Item::Decline,
            Item::Withdraw,
            Item::Leave,
            Item::Rename { title: "eve was here".to_owned() },
            Item::Add { to: vec!["eve".to_owned()], greeting: String::new() },
        ] {
            eve.say(at, &item).await.refused();
        }
    }
    // Numbers that nobody was given are told apart from foreign ones by nothing that they did not say themselves.
    let marks = (0..2_000).map(|at| Mark {
        conversation: conversation + at % 4,
        lane: Lane::Ordinary,
        c: u64::MAX >> (at % 8),
        share: true,
    });
    eve.hello.x += 1;
    let hello = Hello { presence_version: u64::MAX, ..eve.hello.clone() };
    let frames =
        eve.sync(&[Frame::Hello(hello), Frame::Marks(marks.collect()), Frame::End]).await.frames();
    let told = |frame: &Frame| match frame {
        Frame::Deliveries(mail) => !mail.entries.is_empty(),
        Frame::Latest(latest) => {
            latest.entries.iter().any(|(_, entry)| !matches!(entry, Entry::Lapsed { .. }))
        }
        Frame::Presence(presence) => !presence.rows.is_empty(),
        _ => false,
    };
    assert!(!frames.iter().any(told), "{frames:?}");
    assert_nobody_was_hurt(&world).await;
}

#[tokio::test]
async fn a_member_changes_only_what_is_his() {
    let (world, mut bob, _, conversation, name) = scene().await;
    let there = ConversationRef::Number(conversation);
    let edit = |target| Item::Edit { target, text: "forged".to_owned() };
    assert_eq!(bob.say(there, &edit(name)).await.refused(), Refusal::NotYours);
    assert_eq!(bob.say(there, &Item::Delete { target: name }).await.refused(), Refusal::NotYours);
    let nobodys = Name { device: u64::MAX, n: u64::MAX };
    assert_eq!(bob.say(there, &edit(nobodys)).await.refused(), Refusal::NotYours);
    for (kind, body) in [
        (kind::EDIT, vec![0xff; 40]),
        (kind::DELETE, vec![]),
        (kind::ADD, vec![0xfd; 9]),
        (kind::RENAME, vec![3, 0xff, 0xfe, 0xfd]),
        (kind::BLOCK, vec![200]),
        (kind::REQUEST, vec![0xff; 300]),
        (30, b"neither content nor known".to_vec()),
    ] {
        let got = bob.submit(vec![submit(there, kind, body)]).await;
        assert_eq!(got.refused(), Refusal::Invalid, "kind {kind}");
    }
    assert_nobody_was_hurt(&world).await;
}

#[tokio::test]
async fn requests_out_of_bounds_are_refused_in_words() {
    let (world, _, mut eve, ..) = scene().await;
    let request = |to: Vec<String>, title: &str, greeting: &str| Item::Request {
        to,
        title: title.to_owned(),
        greeting: greeting.to_owned(),
    };
    let ann = || vec!["ann".to_owned()];
    let many = (0..300).map(|at| format!("nobody-{at}")).collect();
    for (what, item) in [
        ("nobody", request(vec![], "", "")),
        ("oneself", request(vec!["eve".to_owned()], "", "")),
        ("too many", request(many, "", "")),
        ("a long title", request(ann(), &"t".repeat(101), "")),
        ("a long greeting", request(ann(), "", &"g".repeat(501))),
        ("a long name", request(vec!["a".repeat(33)], "", "")),
        ("a name of no account", request(vec!["Ann\0\n".to_owned()], "", "")),
        ("an empty name", request(vec![String::new()], "", "")),
        ("the same name often", request(vec!["zed".to_owned(); 200], "", "")),
    ] {
        let reason = eve.say(ConversationRef::None, &item).await.refused();
        assert!(
            matches!(reason, Refusal::Invalid | Refusal::NoSuchAccount | Refusal::TooMany),
            "{what}: {reason:?}"
        );
    }
    let long = Item::Text("x".repeat(8 * 1024 + 1));
    let founded = eve.say(ConversationRef::None, &request(ann(), "", "hello")).await.runs();
    let [Run::Founded { conversation }] = founded[..] else { panic!("{founded:?}") };
    let there = ConversationRef::Number(conversation);
    assert_eq!(eve.say(there, &long).await.refused(), Refusal::TooLong);
    // A text that is none is passed on as it is: the relay looks into nothing, and agents show what it is.
    world.people[0].sync().await;
    let asked = world.people[0].request().await;
    world.people[0].home.run(&["accept", &asked]).await.done();
    world.people[0].sync().await;
    let got = eve
        .submit(vec![submit(there, kind::TEXT, vec![0xff, 0xfe]), submit(there, 255, vec![0; 9])])
        .await;
    assert!(!got.runs().iter().any(|run| matches!(run, Run::Refused { .. })), "{got:?}");
    world.people[0].sync().await;
    let shown = texts(&world.people[0]).await;
    assert_eq!(shown.iter().filter(|text| text.contains("cannot show")).count(), 2, "{shown:?}");
}

#[tokio::test]
async fn numbers_beyond_all_bounds_hurt_only_their_own_device() {
    let (world, _, mut eve, ..) = scene().await;
    const MOST: u64 = 1 << 62;
    let cursors = |number| Cursors { latest: number, urgent: number, ordinary: number };
    for hello in [
        Hello { x: u64::MAX, ..eve.hello.clone() },
        Hello { told: MOST + 1, ..eve.hello.clone() },
        Hello { cursors: cursors(u64::MAX), ..eve.hello.clone() },
    ] {
        let got = eve.sync(&[Frame::Hello(hello.clone()), Frame::End]).await;
        assert_eq!(got.status, 400, "{hello:?}");
        assert!(got.text().contains("cannot"), "{}", got.text());
    }
    let item = || submit(ConversationRef::Number(MOST), kind::TEXT, b"far".to_vec());
    for first in [0, MOST, u64::MAX] {
        eve.hello.x += 1;
        let submits = Frame::Submits(Submits { first, items: vec![item()] });
        let got = eve.sync(&[Frame::Hello(eve.hello.clone()), submits, Frame::End]).await;
        assert_eq!(got.status, 400, "{first}: {}", got.text());
    }
    eve.hello.x += 1;
    let submits = Frame::Submits(Submits { first: 1 << 61, items: vec![item()] });
    let frames = eve.sync(&[Frame::Hello(eve.hello.clone()), submits, Frame::End]).await.frames();
    let stopped = |frame: &Frame| matches!(frame, Frame::Stop(stop) if stop.reason == StopReason::BadSequence);
    assert!(frames.iter().any(stopped), "{frames:?}");
    assert_eq!(eve.submit(vec![item()]).await.refused(), Refusal::NoSuchConversation);
    // Everything at its most: it is the last word of this device, and no other's.
    let last = Hello {
        x: MOST,
        told: MOST,
        cursors: cursors(MOST),
        take: 1,
        hold_s: 0,
        ..Hello::default()
    };
    let last = Hello {
        lanes: LaneMask::ALL,
        limits_tag: u16::MAX,
        next_call_s: u32::MAX,
        pending: true,
        ..last
    };
    eve.sync(&[Frame::Hello(last), Frame::End]).await.frames();
    assert_nobody_was_hurt(&world).await;
}

#[tokio::test]
async fn a_request_that_unpacks_to_thousands_of_times_its_size_is_stopped() {
    let mut options = RelayOptions::default();
    options.settings.limits.submits_per_minute = 1_200;
    let world = World::new(&options, &["ann", "bob"]).await;
    world.acquaint().await;
    let mut forger = Forger::login(world.relay.addr(), "ann", 'e').await;
    let items = vec![submit(ConversationRef::Number(1), kind::TEXT, Vec::new()); 16 * 1024];
    let mut writer = wire::BodyWriter::new(wire::Codec::Zstd);
    let mut body = writer.preamble().to_vec();
    forger.hello.x += 1;
    body.extend(writer.packet(&[Frame::Hello(forger.hello.clone())]).unwrap());
    for round in 0..200 {
        let first = 1 + round * items.len() as u64;
        body.extend(
            writer.packet(&[Frame::Submits(Submits { first, items: items.clone() })]).unwrap(),
        );
    }
    body.extend(writer.packet(&[Frame::End]).unwrap());
    assert!(body.len() < 32 * 1024, "{} bytes for three million items", body.len());
    let frames = forger.post(&body).await.frames();
    let stopped =
        |frame: &Frame| matches!(frame, Frame::Stop(stop) if stop.reason == StopReason::Rate);
    assert!(frames.iter().any(stopped), "{frames:?}");
    let [ann, bob] = &world.people[..] else { panic!("two people") };
    ann.home.run(&["send", "bob", "-m", "not held up"]).await.done();
    ann.sync().await;
    bob.sync().await;
    assert_eq!(texts(bob).await, ["not held up"]);
}
