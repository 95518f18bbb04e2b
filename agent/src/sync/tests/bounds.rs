//! Requests that keep to their size, budgets that hold, disks that are full.

use wire::{Deliveries, Delivery, Frame, Lane, Limits, LinkClass, LinkKind, Welcome};

use super::*;
use crate::store::Waiting;

pub(super) fn noise(seed: usize, len: usize) -> String {
    let mut text = String::new();
    while text.len() < len {
        let hash = blake3::hash(format!("{seed} {}", text.len()).as_bytes());
        text.push_str(&hash.to_hex());
    }
    text.truncate(len);
    text
}

#[tokio::test]
async fn more_than_one_request_takes_goes_in_further_ones_urgent_first() {
    let mut world = World::new();
    world.sync().await;
    // 2,400 bit/s: 9,000 bytes in 30 s, packets of 900.
    world.terms.link = LinkKind { class: LinkClass::Metered, rate: LinkKind::rate_class(2_400) };
    let texts: Vec<_> = (0..60).map(|i| noise(i, 600)).collect();
    texts.iter().for_each(|text| world.send(text));
    world.store.send(world.bob(), "now!", Compose { urgent: true, lifetime_s: 0 }).unwrap();
    world.relay.lock().unwrap().requests.clear();
    let progress = world.sync().await;
    assert!((2..=4).contains(&progress.requests), "{progress:?}");
    assert!(progress.request_bytes / u64::from(progress.requests) <= 9_000, "{progress:?}");
    let taken = world.taken();
    assert_eq!((&taken[0][..], &taken[1..]), ("now!", &texts[..]));
}

#[tokio::test]
async fn an_envelope_larger_than_a_packet_goes_by_itself() {
    let world = World::new();
    world.sync().await;
    let texts = [noise(1, 8_000), "short".to_owned(), noise(2, 8_000)];
    texts.iter().for_each(|text| world.send(text));
    assert_eq!(world.sync().await.requests, 1);
    assert_eq!(world.taken(), texts);
}

#[tokio::test]
async fn a_relay_with_small_requests_gets_small_requests() {
    let world = World::new();
    world.relay.lock().unwrap().limits =
        Some(Limits { tag: 5, request_max: 1_000, envelope_max: 500, ..Limits::default() });
    world.sync().await;
    (0..8).for_each(|i| world.send(&noise(i, 400)));
    let progress = world.sync().await;
    assert_eq!(progress.sent, 8);
    assert!(
        2 <= progress.requests && progress.request_bytes <= 1_000 * u64::from(progress.requests),
        "{progress:?}"
    );
    assert!(
        world.store.send(world.bob(), &noise(1, 500), Compose::default()).is_err(),
        "the limit is known here"
    );
}

#[tokio::test]
async fn a_budget_holds_to_the_byte_and_every_visit_gets_on() {
    let world = World::new();
    world.sync().await;
    let said: Vec<_> = (0..30).map(|i| noise(i, 700)).collect();
    let heard: Vec<_> = (100..130).map(|i| noise(i, 700)).collect();
    said.iter().for_each(|text| world.send(text));
    heard.iter().for_each(|text| world.bob_says(text));
    let mut visits = 0;
    loop {
        let (sent, received) = (world.taken().len(), world.read().len());
        let mut line = world.line();
        line.budget = Some(8_000);
        let (_, ended) = world.visit_over(&mut line).await;
        assert!(line.moved <= 8_000, "{}", line.moved);
        visits += 1;
        match ended.unwrap() {
            Ended::Done => break,
            Ended::Partial(_) => {
                let moved = (world.taken().len() - sent, world.read().len() - received);
                assert!(0 < moved.0 || sent == said.len(), "up stands still: {moved:?}");
                assert!(0 < moved.1 || received == heard.len(), "down stands still: {moved:?}");
            }
            Ended::Stopped(stop) => panic!("{stop:?}"),
        }
        assert!(visits < 50);
    }
    assert_eq!((world.taken(), world.read()), (said, heard));
    assert_eq!(world.store.reader().counters().unwrap().waiting_there.count, 0);
}

#[tokio::test]
async fn what_the_budget_held_back_is_counted() {
    let world = World::new();
    world.sync().await;
    (0..20).for_each(|i| world.bob_says(&noise(i, 700)));
    let mut line = world.line();
    line.budget = Some(4_000);
    let (progress, ended) = world.visit_over(&mut line).await;
    let held = world.store.reader().counters().unwrap().waiting_there;
    let outcome = Outcome::new(&progress, &ended, (0, 0), held);
    assert_eq!(outcome.outcome, OutcomeKind::Partial);
    assert_eq!(outcome.received + outcome.held.count, 20);
}

#[tokio::test]
async fn one_large_message_gets_its_turn_beside_deliveries_without_end() {
    let world = World::new();
    world.sync().await;
    let large = noise(1, 5_000);
    world.send(&large);
    for visit in 0..8 {
        (0..20).for_each(|i| world.bob_says(&noise(visit * 100 + i, 700)));
        let mut line = world.line();
        line.budget = Some(7_000);
        world.visit_over(&mut line).await.1.unwrap();
        assert!(line.moved <= 7_000);
        if world.taken() == [large.clone()] {
            return;
        }
    }
    panic!("it never went");
}

#[tokio::test]
async fn without_room_nothing_is_fetched_and_what_is_written_still_goes() {
    let world = World::new();
    world.sync().await;
    let world = world.reopen_with(Options { free_min: u64::MAX, ..Options::default() });
    world.send("one");
    world.bob_says("two");
    let (_, ended) = world.visit_over(&mut world.line()).await;
    assert!(matches!(&ended, Ok(Ended::Partial(Bound::Disk))), "{ended:?}");
    assert_eq!((world.taken().len(), world.read().len()), (1, 0));
    let world = world.reopen();
    world.sync().await;
    assert_eq!(world.read(), ["two"]);
}

#[tokio::test]
async fn a_disk_that_fills_up_within_an_answer_loses_nothing() {
    let world = World::new();
    world.sync().await;
    (0..40).for_each(|i| world.bob_says(&noise(i, 4_000)));
    let small = Options { pages_max: Some(150), free_min: 0, ..Options::default() };
    let world = world.reopen_with(small);
    let (_, ended) = world.visit_over(&mut world.line()).await;
    assert!(matches!(&ended, Err(SyncError::Store(err)) if err.is_full()), "{ended:?}");
    let some = world.read().len();
    assert!(0 < some && some < 40, "{some}");
    let world = world.reopen();
    world.sync().await;
    assert_eq!(world.read(), (0..40).map(|i| noise(i, 4_000)).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_cursor_covers_each_lane_by_itself() {
    let mut world = World::new();
    world.sync().await;
    world.bob_says("ordinary");
    world.relay.lock().unwrap().bob_sends(500, &wire::Item::Text("urgent".into()), Lane::Urgent);
    world.terms.lanes = LaneMask::of(&[Lane::Urgent]);
    world.sync().await;
    assert_eq!(world.read(), ["urgent"]);
    world.terms.lanes = LaneMask::ALL;
    world.sync().await;
    assert_eq!(world.read(), ["ordinary", "urgent"]);
}

/// A canned answer to attempt `x`: so many packets of one delivery each, which repeat one place or go on, and no end.
fn endless(world: &World, x: u64, packets: u64, goes_on: bool) -> Vec<u8> {
    let welcome = Frame::Welcome(Welcome { x, now_s: 0, k: 0, limits: None });
    let says = |at: u64| {
        let n = if goes_on { at } else { 0 };
        Frame::Deliveries(Deliveries {
            lane: Lane::Ordinary,
            entries: vec![Delivery {
                position: 1_000 + n,
                conversation: 50,
                author: BOBS_DEVICE,
                account: BOB,
                n: 1_000 + n,
                c: 5_000 + n,
                kind: wire::kind::TEXT,
                age_s: 60,
                body: noise(usize::try_from(n).unwrap(), 100).into(),
            }],
        })
    };
    let mut frames = vec![vec![welcome]];
    frames.extend((0..packets).map(|at| vec![says(at)]));
    world.relay.lock().unwrap().write(&frames)
}

#[tokio::test]
async fn an_answer_without_an_end_is_given_up_when_it_brings_nothing_new() {
    let mut world = World::new();
    world.sync().await;
    world.terms.idle_max = 2_000;
    let x = world.store.reader().position().unwrap().x + 1;
    let mut line = world.line();
    line.canned = Some(endless(&world, x, 1_000, false));
    let (progress, ended) = world.visit_over(&mut line).await;
    let err = ended.unwrap_err();
    assert!(matches!(err, SyncError::Endless { .. }) && err.is_permanent(), "{err:?}");
    assert!(progress.answer_bytes < 3_000, "{progress:?}");
    assert_eq!(world.read().len(), 1, "and what it brought is kept");
}

#[tokio::test]
async fn an_answer_that_always_brings_more_ends_with_this_visit_and_goes_on_with_the_next() {
    let mut world = World::new();
    world.sync().await;
    (world.terms.idle_max, world.terms.answer_max) = (2_000, 10_000);
    let x = world.store.reader().position().unwrap().x + 1;
    let mut line = world.line();
    line.canned = Some(endless(&world, x, 1_000, true));
    let (progress, ended) = world.visit_over(&mut line).await;
    assert!(matches!(ended, Err(SyncError::Endless { .. })), "{ended:?}");
    assert!((10_000..11_000).contains(&progress.answer_bytes), "{progress:?}");
    let outcome = Outcome::new(&progress, &ended, (0, 0), Waiting::default());
    assert_eq!(outcome.outcome, OutcomeKind::Partial);
    let kept = world.read().len();
    assert!(30 < kept, "{kept}");
    let position = world.store.reader().position().unwrap();
    assert_eq!(position.cursors.ordinary, 1_000 + kept as u64 - 1, "the next asks from here");
}
