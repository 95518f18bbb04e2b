//! Lanes, budgets, packets: what goes when, and what stays.

use wire::{Frame, HeldKind, Lane, LaneMask, Run};

use super::{Rng, World, phone::request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_12_the_union_of_deliveries_is_the_log_for_any_budgets_and_lanes() {
    for seed in 1..=8 {
        let mut rng = Rng(seed);
        let world = World::with(|settings| settings.limits.submits_per_minute = 1_000_000);
        let (mut ann, mut bob) = world.pair().await;
        let mut sent = [Vec::new(), Vec::new()];
        for round in 0..12 {
            let mut items = Vec::new();
            for at in 0..rng.below(12) {
                let long = "la ".repeat(rng.below(600) as usize);
                let words = format!("{round} {at} {long}");
                let mut item = ann.text(&words);
                item.urgent = rng.below(4) == 0;
                sent[usize::from(item.urgent)].push(words);
                items.push(item);
            }
            ann.sync(&world, items).await.done();
            bob.hello.take = match rng.below(3) {
                0 => 0,
                _ => 40 + rng.below(4_000) as u32,
            };
            let lanes: Vec<_> = Lane::ALL.into_iter().filter(|_| rng.below(2) == 0).collect();
            bob.hello.lanes = LaneMask::of(&lanes);
            bob.hello.link.rate = rng.below(8) as u8;
            let reply = bob.sync(&world, vec![]).await;
            reply.done();
            let take = bob.hello.take as usize;
            assert!(take < 200 || reply.body.len() <= take, "{} over {take}", reply.body.len());
            assert!(reply.mail().iter().all(|_| !lanes.is_empty()));
            // What did not come is told of, to the last message.
            let waits = reply.held().into_iter().filter(|row| row.lane != Lane::Latest);
            let waits: usize = waits.map(|row| row.count as usize).sum();
            let missing = sent[0].len() + sent[1].len() - bob.inbox.len();
            assert!(waits == missing || (1..200).contains(&take), "{waits} of {missing}, {take}");
        }
        (bob.hello.take, bob.hello.lanes) = (0, LaneMask::ALL);
        let reply = bob.sync(&world, vec![]).await;
        assert!(reply.held().is_empty());
        // The lane of a message is told by what was sent; each came once, in order.
        for (urgent, expected) in [(false, &sent[0]), (true, &sent[1])] {
            let mut got = bob.texts();
            got.retain(|words| expected.contains(words));
            assert_eq!(&got, expected, "seed {seed}, urgent {urgent}");
        }
        assert_eq!(bob.inbox.len(), sent[0].len() + sent[1].len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_13_an_urgent_message_is_in_the_first_message_packet() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    let mut rng = Rng(9);
    let mut noise = || (0..40).map(|_| char::from(b'!' + rng.below(90) as u8)).collect::<String>();
    let mut items: Vec<_> = (0..200).map(|_| ann.text(&noise())).collect();
    items[150].body = b"now".to_vec();
    items[150].urgent = true;
    ann.sync(&world, items).await.done();
    bob.hello.link.rate = 4;
    let reply = bob.sync(&world, vec![]).await;
    let first = reply.frames().find_map(|frame| match frame {
        Frame::Deliveries(mail) => Some(mail),
        _ => None,
    });
    let first = first.unwrap();
    assert_eq!((first.lane, first.entries.len()), (Lane::Urgent, 1));
    assert_eq!(first.entries[0].body, b"now");
    assert!(3 < reply.packets.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_14_with_any_budget_that_settings_accept_every_lane_moves() {
    let budget = config::agent::BUDGET_LEAST.bytes() - config::agent::VISIT_OVERHEAD.bytes();
    let world = World::with(|settings| settings.limits.submits_per_minute = 1_000_000);
    let mut ann = world.person("ann").await;
    let mut bob = world.person("bob").await;
    world.acquaint(&mut ann, &mut bob, "bob").await;
    // Lane latest: many long greetings of strangers, more than the budget carries.
    for number in 0..12 {
        let mut stranger = world.person(&format!("stranger{number}")).await;
        let mut ask = request(&["bob"]);
        ask.body.truncate(0);
        let greeting: String =
            (0..500).map(|at| char::from(b'a' + ((at * at + number) % 26) as u8)).collect();
        let (to, title) = (vec!["bob".to_owned()], String::new());
        ask.body = wire::Item::Request { to, title, greeting }.body();
        stranger.sync(&world, vec![ask]).await.founded();
    }
    let mut rng = Rng(7);
    for at in 0..40_u64 {
        let noise: String = (0..1_500).map(|_| char::from(b'!' + rng.below(90) as u8)).collect();
        let mut item = ann.text(&noise);
        item.urgent = at % 2 == 0;
        ann.sync(&world, vec![item]).await.done();
    }
    bob.hello.take = u32::try_from(budget).unwrap();
    bob.hello.link.rate = 4;
    let mut visits = 0;
    loop {
        let before = bob.hello.cursors;
        let held = bob.sync(&world, vec![]).await.held();
        visits += 1;
        for lane in Lane::ALL {
            let waits = held.iter().any(|row| row.lane == lane);
            let moved = before.of(lane) < bob.hello.cursors.of(lane);
            assert!(moved || !waits, "visit {visits}: {lane:?} did not move");
        }
        if held.is_empty() {
            break;
        }
    }
    assert!(3 < visits, "the budget was never tight: {visits} visits");
    assert_eq!(bob.inbox.len(), 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_16_a_key_that_changes_often_arrives_once_and_newest() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    for at in 0..10 {
        ann.sync(&world, vec![ann.text(&format!("{at}"))]).await.done();
        bob.sync(&world, vec![]).await.done();
    }
    bob.sync(&world, vec![]).await.done();
    let reply = ann.sync(&world, vec![]).await;
    let delivered: Vec<_> = reply
        .entries()
        .into_iter()
        .filter_map(|entry| match entry {
            wire::Entry::Receipt { delivered, .. } => Some(delivered),
            _ => None,
        })
        .collect();
    assert_eq!(delivered, [bob.inbox[9].c]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_short_messages_take_as_few_packets_as_hold_them() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    let words = |at: usize| format!("Number {at}: the ferry leaves at {at} past, see you there");
    ann.sync(&world, (0..100).map(|at| ann.text(&words(at))).collect()).await.done();
    bob.sync(&world, vec![]).await.done();
    assert_eq!(bob.inbox.len(), 100);
    // Once more for a device that begins with all of it: who is who, and every message.
    let mut second = world.device(bob.login.account, "bob-2", super::DAY_S).await;
    let reply = second.sync(&world, vec![]).await;
    assert_eq!(second.inbox.len(), 100);
    assert!(reply.sizes.iter().all(|size| *size <= 2_048), "{:?}", reply.sizes);
    let mail: Vec<_> = reply
        .packets
        .iter()
        .filter(|packet| packet.iter().any(|frame| matches!(frame, Frame::Deliveries(_))))
        .collect();
    let bytes: usize = reply.sizes.iter().sum();
    assert!(mail.len() <= bytes.div_ceil(2_048) + 1, "{} packets, {bytes} bytes", mail.len());
    assert!(matches!(&mail.last().unwrap()[..], [Frame::Deliveries(_), .., Frame::Done]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_larger_than_a_packet_has_one_to_itself() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    let mut rng = Rng(3);
    let noise: String = (0..6_000).map(|_| char::from(b'!' + rng.below(90) as u8)).collect();
    let items = vec![ann.text("before"), ann.text(&noise), ann.text("after")];
    ann.sync(&world, items).await.done();
    let reply = bob.sync(&world, vec![]).await;
    reply.done();
    assert_eq!(bob.texts(), ["before".to_owned(), noise, "after".to_owned()]);
    let large: Vec<_> = (0..reply.sizes.len()).filter(|at| 2_048 < reply.sizes[*at]).collect();
    let [at] = large[..] else { panic!("{:?}", reply.sizes) };
    let [Frame::Deliveries(mail)] = &reply.packets[at][..] else { panic!("{reply:?}") };
    assert_eq!(mail.entries.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_says_what_a_budget_or_a_lane_left_out() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    bob.sync(&world, vec![]).await;
    let mut items: Vec<_> = (0..3).map(|at| ann.text(&format!("text {at}"))).collect();
    items[0].urgent = true;
    ann.sync(&world, items).await.done();
    bob.hello.lanes = LaneMask::of(&[Lane::Latest, Lane::Urgent]);
    let reply = bob.sync(&world, vec![]).await;
    let [row] = reply.held()[..] else { panic!("{reply:?}") };
    assert_eq!((row.lane, row.kind, row.count), (Lane::Ordinary, HeldKind::Message, 2));
    assert_eq!((row.bytes, row.first), (12, 6));
    bob.hello.lanes = LaneMask::ALL;
    bob.hello.take = 30;
    let reply = bob.sync(&world, vec![]).await;
    assert!(reply.mail().is_empty() && reply.is_done());
    bob.hello.take = 0;
    assert!(bob.sync(&world, vec![]).await.held().is_empty());
    assert_eq!(bob.inbox.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_comes_in_the_codec_of_its_request() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    ann.sync(&world, vec![ann.text("hello hello hello hello")]).await.done();
    for codec in wire::Codec::ALL {
        bob.codec = codec;
        let reply = bob.ask(&world, vec![]).await.unwrap();
        assert_eq!(reply.body[2], codec.number());
        assert_eq!(reply.mail().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_has_no_turn_left_for_the_text_model_answers_in_zstd() {
    let world = World::with(|settings| settings.limits.model_answers_max = 1);
    let (mut ann, mut bob) = world.pair().await;
    ann.codec = wire::Codec::Model;
    let sent = ann.sync(&world, vec![ann.text("hello hello hello hello")]).await;
    assert_eq!(sent.body[2], wire::Codec::Model.number());
    bob.codec = wire::Codec::Model;
    let busy = world.exchange.0.model_turns.clone().try_acquire_owned().unwrap();
    let reply = bob.ask(&world, vec![]).await.unwrap();
    assert_eq!((reply.body[2], reply.mail().len()), (wire::Codec::Zstd.number(), 1));
    drop(busy);
    let reply = bob.ask(&world, vec![]).await.unwrap();
    assert_eq!((reply.body[2], reply.mail().len()), (wire::Codec::Model.number(), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_very_long_answer_is_streamed_and_complete() {
    let world = World::with(|settings| {
        settings.limits.submits_per_minute = 1_000_000;
        settings.limits.request_body_max = config::Size::from_kib(128);
    });
    let (mut ann, mut bob) = world.pair().await;
    let mut rng = Rng(11);
    for _ in 0..20 {
        let mut noise =
            || (0..4_000).map(|_| char::from(b'!' + rng.below(90) as u8)).collect::<String>();
        let items = (0..8).map(|_| ann.text(&noise())).collect();
        ann.sync(&world, items).await.done();
    }
    let reply = bob.sync(&world, vec![]).await;
    assert!(reply.streamed && reply.is_done());
    assert_eq!(bob.inbox.len(), 160);
    let placed: u64 = ann.sync(&world, vec![]).await.runs().iter().map(Run::count).sum();
    assert_eq!(placed, 0);
}
