//! Requests that have no answer in frames.

use tokio_util::sync::CancellationToken;
use wire::{Codec, DecodeError, Entry, Frame, Hello, Lane, Mark, Submits};

use super::{World, phone::body};
use crate::{
    exchange::ExchangeError,
    store::{AccountOrder, NUMBER_MAX},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_is_refused_with_the_reason() {
    let world = World::new();
    let mut ann = world.person("ann").await;
    let hello = |hello| body(Codec::None, &[vec![Frame::Hello(hello), Frame::End]]);
    let portal = ann.send(&world, b"<html>Log in to the network</html>").await;
    assert!(matches!(portal, Err(ExchangeError::Unreadable(DecodeError::NotMailboat { .. }))));
    let newer = ann.send(&world, &[0xB0, 9, 0, 0]).await;
    assert!(newer.is_err_and(|err| err.to_string().contains("version 9")));
    let silent = ann.send(&world, &body(Codec::None, &[vec![Frame::End]])).await;
    assert!(matches!(silent, Err(ExchangeError::NoHello)));
    assert!(matches!(ann.send(&world, &[]).await, Err(ExchangeError::NoHello)));
    let huge = ann.send(&world, &hello(Hello { x: NUMBER_MAX + 1, ..Hello::default() })).await;
    assert!(matches!(huge, Err(ExchangeError::Impossible { .. })));
    let cut = ann.send(&world, &body(Codec::None, &[vec![Frame::Hello(Hello::default())]])).await;
    assert!(matches!(cut, Err(ExchangeError::Cut)));
    let mut damaged = ann.next_request();
    *damaged.last_mut().unwrap() ^= 1;
    assert!(matches!(ann.send(&world, &damaged).await, Err(ExchangeError::Unreadable(_))));
    ann.sync(&world, vec![]).await.done();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_changed_byte_of_a_request_is_refused_or_changes_nothing_else() {
    let world = World::with(|settings| settings.limits.submits_per_minute = 1_000_000);
    let (mut ann, mut bob) = world.pair().await;
    ann.sealed = (0..3).map(|at| ann.text(&format!("{at}"))).collect();
    let body = ann.next_request_in(1);
    for at in 0..body.len() {
        let mut changed = body.clone();
        changed[at] ^= 0x55;
        // Nobody panics, and what was taken before the damage is what was sent.
        let _ = ann.send(&world, &changed).await;
    }
    ann.sync(&world, vec![]).await.done();
    bob.sync(&world, vec![]).await.done();
    assert_eq!(bob.texts(), ["0", "1", "2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_device_has_no_answer() {
    let world = World::new();
    let mut ann = world.person("ann").await;
    ann.sync(&world, vec![]).await.done();
    let (account, device) = (ann.login.account, ann.login.device);
    let now_s = super::START_S;
    world.store.administer(AccountOrder::Revoke { account, device, now_s }).await.unwrap();
    assert!(matches!(ann.ask(&world, vec![]).await, Err(ExchangeError::Revoked)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visit_that_is_dropped_leaves_the_turn_to_the_next() {
    let world = World::new();
    let (mut ann, _bob) = world.pair().await;
    ann.sealed = (0..9).map(|at| ann.text(&format!("{at}"))).collect();
    let request = ann.next_request_in(1);
    for end in [request.len() / 3, request.len() / 2] {
        let mut visit = world.exchange.begin(ann.login, CancellationToken::new(), None);
        let feeding = visit.feed(&request[..end]);
        // Abandoned wherever it stands after the first step.
        tokio::select! {
            biased;
            fed = feeding => fed.unwrap(),
            () = std::future::ready(()) => {}
        }
    }
    ann.sync(&world, vec![]).await.done();
    assert!(ann.sealed.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_brings_each_number_once_and_in_order() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    ann.hello.x += 1;
    let first = ann.hello.told + 1;
    let submits = |first, words| Frame::Submits(Submits { first, items: vec![ann.text(words)] });
    for again in [first, first - 1] {
        let packets = [
            vec![Frame::Hello(ann.hello.clone()), submits(first, "once")],
            vec![submits(again, "once"), Frame::End],
        ];
        let answer = ann.send(&world, &body(ann.codec, &packets)).await;
        assert!(matches!(answer, Err(ExchangeError::Impossible { what: "item number" })));
    }
    // What stood before that was taken; it is nobody's loss.
    ann.sealed = vec![ann.text("once"), ann.text("twice")];
    ann.sync(&world, vec![]).await.done();
    bob.sync(&world, vec![]).await.done();
    assert_eq!(bob.texts(), ["once", "twice"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_marks_for_one_lane_the_highest_counts() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    ann.sync(&world, (0..3).map(|at| ann.text(&format!("{at}"))).collect()).await.done();
    bob.sync(&world, vec![]).await.done();
    let (places, conversation): (Vec<_>, _) =
        (bob.inbox.iter().map(|delivery| delivery.c).collect(), bob.conversation);
    // Hundreds of each, the highest somewhere among them, some for what bob is no part of.
    let mark = |at: usize| Mark {
        conversation: if at % 3 == 2 { 1 << 61 } else { conversation },
        lane: Lane::Ordinary,
        c: places[usize::from(at == 2_401)],
        share: at % 2 == 1,
    };
    bob.marks = (0..3_000).map(mark).collect();
    bob.sync(&world, vec![]).await.done();
    bob.marks.clear();
    let reply = ann.sync(&world, vec![]).await;
    let read = reply.entries().into_iter().filter_map(|entry| match entry {
        Entry::Receipt { account, read, .. } if account == bob.login.account => Some(read),
        _ => None,
    });
    assert_eq!(read.max(), Some(places[1]));
}
