//! Numbers: dense, never given twice, never lower.

use wire::{Frame, Mark, Run, StopReason, Submits};

use super::{
    World,
    phone::{body, request, text},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_03_a_gap_stops_and_takes_nothing() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    let told = ann.hello.told;
    ann.hello.x += 1;
    let submits = Submits { first: told + 2, items: vec![ann.text("too early")] };
    let frames = vec![Frame::Hello(ann.hello.clone()), Frame::Submits(submits), Frame::End];
    let reply = ann.send(&world, &body(ann.codec, &[frames])).await.unwrap();
    assert_eq!((reply.stopped(), reply.k()), (Some(StopReason::BadSequence), told));
    assert!(reply.is_done());
    // The next one goes on where it should.
    assert_eq!(ann.sync(&world, vec![ann.text("in time")]).await.k(), told + 1);
    bob.sync(&world, vec![]).await;
    assert_eq!(bob.texts(), ["in time"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_03_refusals_have_their_numbers_too() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    let items = vec![ann.text("one"), text(1 << 40, "nowhere"), ann.text("three")];
    let reply = ann.sync(&world, items).await;
    assert!(matches!(
        &reply.runs()[..],
        [Run::Placed { count: 1, .. }, Run::Refused { .. }, Run::Placed { count: 1, .. }]
    ));
    bob.sync(&world, vec![]).await;
    assert_eq!(bob.texts(), ["one", "three"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_04_marks_only_grow() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    let mut second = world.device(ann.login.account, "ann-2", 0).await;
    second.sync(&world, vec![]).await;
    bob.sync(&world, (0..3).map(|at| bob.text(&format!("{at}"))).collect()).await.done();
    ann.sync(&world, vec![]).await.done();
    let places: Vec<_> = ann.inbox.iter().map(|delivery| delivery.c).collect();
    for c in [places[2], places[0]] {
        let lane = wire::Lane::Ordinary;
        ann.marks = vec![Mark { conversation: ann.conversation, lane, c, share: true }];
        ann.sync(&world, vec![]).await.done();
    }
    second.sync(&world, vec![]).await.done();
    bob.sync(&world, vec![]).await.done();
    for phone in [&second, &bob] {
        let read = phone.entries.iter().rev().find_map(|entry| match entry {
            wire::Entry::Receipt { account, read, .. } if *account == ann.login.account => {
                Some(*read)
            }
            _ => None,
        });
        assert_eq!(read, Some(places[2]), "{:?}", phone.entries);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_22_a_receipt_never_names_what_the_account_lacks() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    ann.sync(&world, vec![ann.text("one")]).await.done();
    bob.sync(&world, vec![]).await.done();
    // Bob says that he read what does not exist yet.
    bob.marks = vec![Mark {
        conversation: bob.conversation,
        lane: wire::Lane::Ordinary,
        c: 1 << 40,
        share: true,
    }];
    bob.sync(&world, vec![]).await.done();
    let reply = ann.sync(&world, vec![]).await;
    let newest = reply.entries().into_iter().filter_map(|entry| match entry {
        wire::Entry::Receipt { delivered, read, .. } => Some(delivered.max(read)),
        _ => None,
    });
    assert_eq!(newest.max(), Some(bob.inbox[0].c));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_10_a_relay_put_back_gets_everything_and_gives_no_number_twice() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    ann.sync(&world, vec![ann.text("before")]).await.done();
    bob.sync(&world, vec![]).await.done();
    world.backup("backup.db").await;
    // Kept until the relay says that it has it: what a put-back relay lost is sent again.
    let lost = vec![ann.text("lost by the relay"), ann.text("and this")];
    ann.sync(&world, lost.clone()).await.done();
    bob.sync(&world, vec![]).await.done();
    let positions: Vec<_> = bob.inbox.iter().map(|delivery| delivery.position).collect();

    let world = world.put_back("backup.db", 3_600);
    let told = ann.hello.told;
    let reply = ann.ask(&world, vec![]).await.unwrap();
    assert_eq!(reply.k(), told - 2, "the relay shows what it lost");
    // From k + 1 on, same numbers, same bytes.
    ann.hello.x += 1;
    let submits = Submits { first: reply.k() + 1, items: lost };
    let frames = vec![Frame::Hello(ann.hello.clone()), Frame::Submits(submits), Frame::End];
    let reply = ann.send(&world, &body(ann.codec, &[frames])).await.unwrap();
    reply.done();
    assert_eq!(reply.k(), told);
    ann.sync(&world, vec![ann.text("after")]).await.done();
    bob.sync(&world, vec![]).await.done();
    bob.sync(&world, vec![]).await.done();
    let texts = bob.texts();
    assert_eq!(texts[..3], ["before", "lost by the relay", "and this"]);
    assert_eq!(texts.last().map(String::as_str), Some("after"));
    let given: Vec<_> = bob.inbox.iter().map(|delivery| delivery.position).collect();
    let distinct: std::collections::BTreeSet<_> = given.iter().collect();
    assert_eq!(distinct.len(), given.len(), "a position was given twice");
    assert!(
        given[positions.len()..].iter().all(|position| positions.iter().all(|old| old < position))
    );
    // What came twice has its name, by which a device drops it.
    let names: std::collections::BTreeSet<_> =
        bob.inbox.iter().map(|delivery| delivery.name()).collect();
    assert_eq!(names.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_10_an_older_copy_and_then_a_newer_one_of_the_life_given_up_skip_nothing() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    let mut carl = world.person("carl").await;
    let bobs = bob.conversation;
    world.acquaint(&mut carl, &mut bob, "bob").await;
    bob.sync(&world, vec![]).await.done();
    world.backup("older.db").await;
    // Ann's computer is lost after this: nobody has it but the relay.
    ann.sync(&world, vec![ann.text("only in the newer copy")]).await.done();
    world.backup("newer.db").await;
    let world = world.put_back("older.db", 3_600);
    carl.sync(&world, vec![carl.text("in between")]).await.done();
    bob.sync(&world, vec![]).await.done();
    bob.sync(&world, vec![]).await.done();
    assert_eq!(bob.texts(), ["in between"]);
    let world = world.put_back("newer.db", 3_600);
    // Something comes before bob does.
    carl.ask(&world, vec![]).await.unwrap().done();
    let mut dora = world.person("dora").await;
    dora.sync(&world, vec![request(&["bob"])]).await.founded();
    bob.sync(&world, vec![]).await.done();
    bob.sync(&world, vec![]).await.done();
    assert_eq!(bob.texts()[1..], ["only in the newer copy"]);
    let news = bob.inbox.last().unwrap();
    assert_eq!(news.conversation, bobs);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_23_clocks_may_be_wrong_by_years_and_step() {
    const TEN_YEARS_S: u64 = 10 * 365 * super::DAY_S;
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    let now_s = super::START_S;
    for (at, now_s) in
        [now_s, now_s + TEN_YEARS_S, now_s - TEN_YEARS_S, now_s].into_iter().enumerate()
    {
        world.clock.set(now_s);
        let mut item = ann.text(&format!("{at}"));
        item.age_s = 60;
        item.lifetime_s = 3_600;
        ann.sync(&world, vec![item]).await.done();
        world.clock.set(now_s + 5);
        let reply = bob.sync(&world, vec![]).await;
        assert_eq!(reply.mail().iter().map(|delivery| delivery.age_s).collect::<Vec<_>>(), [65]);
        assert_eq!(reply.welcome().unwrap().now_s, now_s + 5);
    }
    assert_eq!(bob.texts(), ["0", "1", "2", "3"]);
}
