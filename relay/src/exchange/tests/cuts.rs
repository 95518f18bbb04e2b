//! Cuts at every byte, repetitions, lost answers.

use tokio_util::sync::CancellationToken;

use super::{
    Rng, World,
    phone::{Phone, Reply, accept, request},
};
use crate::exchange::{Answer, ExchangeError};

/// Sends the first bytes of a body; the line is gone after them.
async fn send_cut(world: &World, phone: &Phone, bytes: &[u8]) {
    let mut visit = world.exchange.begin(phone.login, CancellationToken::new(), None);
    visit.feed(bytes).await.unwrap();
    assert!(matches!(visit.finish(false).await, Err(ExchangeError::Cut)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_01_requests_cut_at_every_byte_store_each_message_once() {
    let world = World::with(|settings| settings.limits.submits_per_minute = 1_000_000);
    let (mut ann, mut bob) = world.pair().await;
    let mut expected = Vec::new();
    let mut cut = 0;
    loop {
        let words: Vec<_> = (0..3).map(|at| format!("{cut} {at}")).collect();
        ann.sealed = words.iter().map(|words| ann.text(words)).collect();
        expected.extend(words);
        let body = ann.next_request_in(1);
        if body.len() < cut {
            break;
        }
        send_cut(&world, &ann, &body[..cut]).await;
        // The same bytes in a fresh attempt, all of them.
        ann.sync(&world, vec![]).await.done();
        cut += 1;
    }
    ann.sync(&world, vec![]).await.done();
    bob.sync(&world, vec![]).await.done();
    assert_eq!(bob.texts(), expected);
    assert!(100 < cut, "{cut} cuts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_01_answers_cut_at_every_byte_deliver_each_message_once() {
    let world = World::new();
    let (mut ann, bob) = world.pair().await;
    let mut rng = Rng(5);
    let mut noise = || (0..40).map(|_| char::from(b'!' + rng.below(90) as u8)).collect::<String>();
    let mut items: Vec<_> = (0..20).map(|_| ann.text(&noise())).collect();
    items[7].urgent = true;
    ann.sync(&world, items).await.done();
    let mut asks = bob.clone();
    asks.hello.link.rate = 1;
    let whole = asks.ask(&world, vec![]).await.unwrap();
    assert!(1 < whole.packets.len(), "one packet shows nothing");
    let mut texts = None;
    for cut in 0..=whole.body.len() {
        let mut bob = bob.clone();
        bob.hello.x = asks.hello.x;
        bob.store(&Reply::of(whole.body[..cut].to_vec()));
        let mut reader = bob.clone();
        reader.hello.x = asks.hello.x;
        // An equal x reads and commits nothing, so every cut starts from the same relay.
        let rest = world.quietly(reader.send(&world, &reader.request(1))).await.unwrap();
        bob.store(&rest);
        let got = bob.texts();
        assert_eq!(got.len(), 20, "cut at {cut}");
        assert_eq!(texts.get_or_insert_with(|| got.clone()), &got);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_06_a_lost_answer_is_repeated_whatever_the_budget_and_the_lanes() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    bob.sync(&world, vec![bob.text(&"to be held back ".repeat(200))]).await.done();
    let lost = ann.text("placed");
    let refused = super::text(1 << 40, "nowhere");
    let words = ann.ask(&world, vec![lost, refused]).await.unwrap();
    assert_eq!(words.refusals().len(), 1);
    for (take, lanes) in
        [(1, wire::LaneMask::NONE), (70, wire::LaneMask::ALL), (0, wire::LaneMask::NONE)]
    {
        ann.hello.take = take;
        ann.hello.lanes = lanes;
        let again = ann.ask(&world, vec![]).await.unwrap();
        assert_eq!(again.runs(), words.runs(), "take {take}");
        assert!(again.is_done() && again.mail().is_empty());
    }
    ann.sync(&world, vec![]).await.done();
    assert!(ann.ask(&world, vec![]).await.unwrap().runs().is_empty(), "told and still repeated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_05_after_a_welcome_nothing_of_an_earlier_attempt_arrives() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    ann.sync(&world, vec![]).await.done();
    // Nothing else is new: `pending` alone makes the attempt durable.
    ann.sealed = vec![ann.text("sealed in an attempt that got lost")];
    let late = ann.next_request();
    ann.sealed.clear();
    ann.hello.pending = true;
    let k = ann.sync(&world, vec![]).await.k();
    let before = world.store.commits();
    let answer = ann.send(&world, &late).await.unwrap();
    assert_eq!(answer.forked(), Some(wire::ForkWhy::StaleAttempt));
    assert_eq!((answer.welcome(), world.store.commits()), (None, before));
    // Not after a restart either: the newer attempt was durable before its Welcome.
    let world = world.restarted(60);
    assert_eq!(ann.send(&world, &late).await.unwrap().forked(), Some(wire::ForkWhy::StaleAttempt));
    ann.hello.pending = false;
    assert_eq!(ann.sync(&world, vec![ann.text("edited")]).await.k(), k + 1);
    bob.sync(&world, vec![]).await;
    assert_eq!(bob.texts(), ["edited"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_05_an_older_request_stops_at_its_next_packet_and_hears_of_it() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    ann.sealed = ["one", "two", "three"].map(|words| ann.text(words)).into();
    let older = ann.next_request_in(1);
    let mut visit = world.exchange.begin(ann.login, CancellationToken::new(), None);
    let first = Reply::of(older.clone()).sizes[0] + wire::PREAMBLE_LEN;
    visit.feed(&older[..first]).await.unwrap();
    // What the newer one finds answered it may renumber behind it.
    ann.sealed.truncate(1);
    let newer = ann.sync(&world, vec![ann.text("another two")]).await;
    newer.done();
    visit.feed(&older[first..]).await.unwrap();
    let answer = world.quietly(visit.finish(true)).await.unwrap();
    let Answer::Whole(packets) = answer else { panic!("not whole") };
    let reply = Reply::of(packets.concat());
    assert_eq!(reply.stopped(), Some(wire::StopReason::Superseded));
    assert_eq!((reply.welcome(), reply.is_done()), (None, true));
    bob.sync(&world, vec![]).await;
    assert_eq!(bob.texts(), ["one", "another two"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn invariant_05_of_two_attempts_at_once_each_number_commits_once() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    let mut expected = 0;
    for round in 0..20 {
        let items: Vec<_> = (0..8).map(|at| ann.text(&format!("{round} {at}"))).collect();
        expected += items.len();
        ann.sealed = items;
        let older = ann.next_request_in(1);
        let newer = ann.next_request_in(2);
        let (first, second) = tokio::join!(
            async {
                let mut visit = world.exchange.begin(ann.login, CancellationToken::new(), None);
                for piece in older.chunks(30) {
                    visit.feed(piece).await.unwrap();
                    tokio::task::yield_now().await;
                }
                visit.finish(true).await.unwrap()
            },
            ann.send(&world, &newer),
        );
        let Answer::Whole(_) = first else { panic!("not whole") };
        let second = second.unwrap();
        ann.store(&second);
        assert!(ann.sealed.is_empty(), "round {round}: {second:?}");
    }
    bob.sync(&world, vec![]).await;
    let texts = bob.texts();
    let unique: std::collections::BTreeSet<_> = texts.iter().collect();
    assert_eq!((texts.len(), unique.len()), (expected, expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_07_an_answer_tells_its_attempt_and_only_a_whole_one_is_done() {
    let world = World::new();
    let (mut ann, _bob) = world.pair().await;
    let reply = ann.sync(&world, vec![ann.text("hello")]).await;
    assert_eq!(reply.welcome().unwrap().x, ann.hello.x);
    for cut in 0..reply.body.len() {
        assert!(!Reply::of(reply.body[..cut].to_vec()).is_done(), "cut at {cut}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_is_answered_and_takes_nothing() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    ann.sealed = vec![ann.text("once")];
    let body = ann.next_request();
    let first = ann.send(&world, &body).await.unwrap();
    let again = world.quietly(ann.send(&world, &body)).await.unwrap();
    assert_eq!((first.runs(), first.k()), (again.runs(), again.k()));
    bob.sync(&world, vec![]).await;
    assert_eq!(bob.texts(), ["once"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_05_a_repeated_request_keeps_its_welcome_though_the_first_is_still_sent() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    ann.sealed = vec![ann.text("taken"), ann.text("on its way")];
    let body = ann.next_request_in(1);
    // The first packet is whole, the second is not.
    let cut = body.len() - 1;
    let mut first = world.exchange.begin(ann.login, CancellationToken::new(), None);
    first.feed(&body[..cut]).await.unwrap();
    // A proxy repeats all of it meanwhile.
    let repeated = ann.send(&world, &body).await.unwrap();
    let k = repeated.k();
    assert_eq!(k, ann.hello.told + 1);
    first.feed(&body[cut..]).await.unwrap();
    let Answer::Whole(packets) = first.finish(true).await.unwrap() else { panic!("a hold") };
    let first = Reply::of(packets.iter().flatten().copied().collect());
    assert_eq!(first.stopped(), Some(wire::StopReason::Superseded));
    assert_eq!(first.welcome(), None);
    // What was not answered for is free: another item gets its number.
    ann.store(&repeated);
    ann.sealed = vec![ann.text("written anew")];
    assert_eq!(ann.sync(&world, vec![]).await.k(), k + 1);
    bob.sync(&world, vec![]).await.done();
    assert_eq!(bob.texts(), ["taken", "written anew"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repetition_of_what_was_never_durable_gets_no_welcome() {
    let world = World::new();
    let (mut ann, _bob) = world.pair().await;
    ann.sync(&world, vec![]).await.done();
    ann.hello.x += 1;
    let submits = wire::Submits { first: ann.hello.told + 1, items: vec![ann.text("new")] };
    let packets = [
        vec![wire::Frame::Hello(ann.hello.clone())],
        vec![wire::Frame::Submits(submits), wire::Frame::End],
    ];
    let request = super::phone::body(ann.codec, &packets);
    send_cut(&world, &ann, &request[..request.len() - 1]).await;
    let reply = world.quietly(ann.send(&world, &request)).await.unwrap();
    assert_eq!(reply.stopped(), Some(wire::StopReason::Superseded));
    assert_eq!((reply.welcome(), reply.is_done()), (None, true));
    ann.sync(&world, vec![ann.text("new")]).await.done();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_27_a_login_repeated_at_every_cut_is_one_device() {
    let world = World::new();
    let phone = world.person("ann").await;
    for _ in 0..3 {
        let again = world.device(phone.login.account, "ann-1", 0).await;
        assert_eq!(again.login, phone.login);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_29_an_exchange_with_nothing_new_is_two_packets_and_no_commit() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    ann.sync(&world, vec![ann.text("hello")]).await.done();
    bob.sync(&world, vec![]).await.done();
    for phone in [&mut ann, &mut bob] {
        phone.sync(&world, vec![]).await.done();
        phone.sync(&world, vec![]).await.done();
        let body = phone.next_request();
        let reply = world.quietly(phone.send(&world, &body)).await.unwrap();
        let [packet] = &reply.packets[..] else { panic!("{reply:?}") };
        assert!(matches!(&packet[..], [wire::Frame::Welcome(_), wire::Frame::Done]), "{packet:?}");
        assert!(
            body.len() + reply.body.len() <= 100,
            "{} up, {} down",
            body.len(),
            reply.body.len()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_21_crossing_requests_are_one_conversation() {
    let world = World::new();
    let (mut ann, mut bob) = (world.person("ann").await, world.person("bob").await);
    let first = ann.sync(&world, vec![request(&["bob"])]).await.founded();
    let second = bob.sync(&world, vec![request(&["ann"])]).await.founded();
    assert_eq!(first, second);
    // Accepting what was accepted by asking is nothing new.
    bob.sync(&world, vec![accept(first)]).await.done();
    ann.sync(&world, vec![super::text(first, "we talk")]).await.done();
    bob.sync(&world, vec![]).await.done();
    assert_eq!(bob.texts(), ["we talk"]);
}
