//! Requests that have no answer in frames.

use tokio_util::sync::CancellationToken;
use wire::{Codec, DecodeError, Frame, Hello};

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
