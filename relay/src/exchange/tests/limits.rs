//! What stops a device, and what it is told.

use tokio_util::sync::CancellationToken;
use wire::{ConversationRef, Frame, Item, Refusal, Stop, StopReason, Submits};

use super::{
    World,
    phone::{Phone, Reply, body, item},
};
use crate::exchange::Answer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_too_much_is_stopped_and_reads_on() {
    let world = World::with(|settings| settings.limits.submits_per_minute = 10);
    let (mut ann, mut bob) = world.pair().await;
    bob.sync(&world, vec![bob.text("for ann")]).await.done();
    ann.sealed = (0..12).map(|at| ann.text(&format!("{at}"))).collect();
    let body = ann.next_request_in(4);
    let told = ann.hello.told;
    let reply = ann.send(&world, &body).await.unwrap();
    assert_eq!(reply.stopped(), Some(StopReason::Rate));
    // The request's own item was the first of the ten.
    assert_eq!((reply.k(), reply.mail().len()), (told + 8, 1));
    assert!(reply.is_done());
    ann.store(&reply);
    assert_eq!(ann.sealed.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_says_what_it_heard_is_stopped_before_its_outcomes_fill_the_store() {
    const BATCH: usize = 4_096;
    let world = World::with(|settings| settings.limits.submits_per_minute = 1_000_000);
    let mut ann = world.person("ann").await;
    let send = async |ann: &mut Phone, first: u64, count: usize| {
        ann.hello.x += 1;
        let items = vec![item(ConversationRef::None, &Item::Void); count];
        let submits = Frame::Submits(Submits { first, items });
        let frames = vec![Frame::Hello(ann.hello.clone()), submits, Frame::End];
        ann.send(&world, &body(ann.codec, &[frames])).await.unwrap()
    };
    let mut k = 0;
    let stopped = loop {
        let reply = send(&mut ann, k + 1, BATCH).await;
        if reply.stopped().is_some() {
            break reply;
        }
        k += BATCH as u64;
        assert_eq!(reply.k(), k);
        assert!(k < 100_000, "nothing bounds it");
    };
    assert_eq!((stopped.stopped(), stopped.k()), (Some(StopReason::Rate), k));
    assert!(stopped.is_done());
    // Once it says so, it goes on.
    ann.hello.told = k;
    let reply = send(&mut ann, k + 1, BATCH).await;
    assert_eq!((reply.stopped(), reply.k()), (None, k + BATCH as u64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_may_not_be_taken_is_read_and_told_so() {
    let world = World::new();
    let (mut ann, _bob) = world.pair().await;
    let stop = Stop { reason: StopReason::Rate, words: "Too often.".into(), retry_after_s: 7 };
    let told = ann.hello.told;
    for (submits, welcomed) in [(false, true), (true, false)] {
        ann.sealed = submits.then(|| ann.text("not taken")).into_iter().collect();
        let body = ann.next_request();
        let mut visit =
            world.exchange.begin(ann.login, CancellationToken::new(), Some(stop.clone()));
        let answer = world.quietly(async {
            visit.feed(&body).await.unwrap();
            visit.finish(true).await.unwrap()
        });
        let Answer::Whole(packets) = answer.await else { panic!("not whole") };
        let reply = Reply::of(packets.concat());
        assert_eq!(reply.stopped(), Some(StopReason::Rate));
        assert_eq!(reply.welcome().map(|welcome| welcome.k), welcomed.then_some(told));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_told_once_and_once_more_when_the_relay_was_opened_anew() {
    let world = World::new();
    let mut ann = world.person("ann").await;
    let limits = ann.sync(&world, vec![]).await.welcome().unwrap().limits.clone();
    assert_eq!(
        limits.map(|limits| (limits.envelope_max, limits.hold_max_s)),
        Some((8 * 1024, 300))
    );
    assert_eq!(ann.sync(&world, vec![]).await.welcome().unwrap().limits, None);
    let tag = ann.hello.limits_tag;
    let world = world.restarted(0);
    let limits = ann.sync(&world, vec![]).await.welcome().unwrap().limits.clone();
    assert!(limits.is_some_and(|limits| limits.tag != tag));
    assert_eq!(ann.sync(&world, vec![]).await.welcome().unwrap().limits, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_mailbox_refuses_in_words_that_the_sender_sees() {
    let world = World::with(|settings| settings.limits.mailbox_count_max = 5);
    let (mut ann, mut bob) = world.pair().await;
    let reply = ann.sync(&world, (0..7).map(|at| ann.text(&format!("{at}"))).collect()).await;
    assert_eq!(reply.refusals(), [Refusal::Full; 2]);
    bob.sync(&world, vec![]).await.done();
    bob.sync(&world, vec![]).await.done();
    assert_eq!(bob.texts(), ["0", "1", "2", "3", "4"]);
    assert!(ann.sync(&world, vec![ann.text("room again")]).await.refusals().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_the_sender_loses_nothing_and_lets_others_read() {
    let world = World::of_pages(120);
    let (mut ann, mut bob) = world.pair().await;
    let mut sent = Vec::new();
    let stopped = loop {
        let words = format!("{} {}", sent.len(), "x".repeat(4_000));
        ann.sealed = vec![ann.text(&words)];
        let reply = ann.ask(&world, vec![]).await.unwrap();
        if reply.stopped().is_some() {
            break reply;
        }
        ann.store(&reply);
        sent.push(words);
    };
    assert_eq!((stopped.stopped(), stopped.is_done()), (Some(StopReason::Disk), true));
    // The attempt could not be noted: no Welcome, nothing is unsealed.
    assert_eq!(stopped.welcome(), None);
    assert!(3 < sent.len());
    let reply = bob.sync(&world, vec![]).await;
    assert!(reply.is_done());
    assert_eq!(bob.texts(), sent);
}
