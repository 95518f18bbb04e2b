//! What a visit would cost, and visits that carry only a part.

use super::*;
use crate::{
    store::OutboxId,
    sync::{Bodies, Items, bodies},
};

async fn with_limits(world: &World, terms: Terms) -> Progress {
    let mut progress = Progress::default();
    let ended = run(&world.store, &mut world.line(), &terms, &mut progress).await;
    assert_eq!(ended.unwrap(), Ended::Done);
    progress
}

fn noise(seed: u64, len: usize) -> String {
    let mut state = seed;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'!' + u8::try_from((state >> 40) % 90).unwrap())
    };
    (0..len).map(|_| letter()).collect()
}

#[tokio::test]
async fn a_price_is_exactly_what_the_requests_then_take_and_seals_nothing() {
    let world = World::new();
    world.sync().await;
    for (count, len) in [(0, 0), (1, 20), (40, 300), (60, 5_000)] {
        (0..count).for_each(|n| world.send(&noise(n, len)));
        let before = world.store.reader().position().unwrap();
        let priced = bodies(&world.store, &world.terms).unwrap();
        assert_eq!(world.store.reader().position().unwrap(), before);
        let waiting = world.store.reader().outbox().unwrap();
        assert!(waiting.iter().all(|row| !row.on_its_way), "{waiting:?}");
        let did = world.sync().await;
        let (items, requests, bytes) = (did.sent, u64::from(did.requests), did.request_bytes);
        assert_eq!(priced, Bodies { items, requests, bytes });
        assert_eq!(items, count);
    }
    assert!(3 < world.store.reader().position().unwrap().x, "the last took several requests");
}

#[tokio::test]
async fn what_is_picked_goes_with_what_changes_conversations_and_nothing_else_does() {
    let world = World::new();
    world.sync().await;
    ["one", "two", "three"].iter().for_each(|text| world.send(text));
    world.store.block("carl", true).unwrap();
    let outbox = world.store.reader().outbox().unwrap();
    let two = outbox.iter().find(|row| row.text == "two").unwrap().id;
    let picked = Terms {
        items: Items::Picked,
        picked: vec![two],
        lanes: LaneMask::NONE,
        ..world.terms.clone()
    };
    assert_eq!(bodies(&world.store, &picked).unwrap().items, 2);
    assert_eq!(with_limits(&world, picked).await.sent, 2);
    assert_eq!(world.taken(), ["two"]);
    let left = world.store.reader().outbox().unwrap();
    let queued = left.iter().filter(|row| row.state == MessageState::Queued);
    assert_eq!(queued.map(|row| &row.text[..]).collect::<Vec<_>>(), ["one", "three"]);
}

#[tokio::test]
async fn a_reply_that_is_picked_takes_along_what_it_answers() {
    let world = World::new();
    world.sync().await;
    world.send("question");
    let OutboxId::Message(question) = world.store.reader().outbox().unwrap()[0].id else {
        panic!("a message")
    };
    world.send("other");
    let answer = world.store.reply(question, "answer", Compose::default()).unwrap().id.unwrap();
    let picked = Terms { items: Items::Picked, picked: vec![answer], ..world.terms.clone() };
    assert_eq!(with_limits(&world, picked).await.sent, 2);
    assert_eq!(world.taken(), ["question"], "and a reply is of another kind");
}

#[tokio::test]
async fn asking_what_waits_brings_the_counts_and_delivers_nothing() {
    let world = World::new();
    world.sync().await;
    ["a", "bb"].iter().for_each(|text| world.bob_says(text));
    world.send("mine");
    let manifest =
        Terms { items: Items::None, lanes: LaneMask::NONE, manifest: true, ..world.terms.clone() };
    let asked = with_limits(&world, manifest.clone()).await;
    assert_eq!((asked.received, asked.sent, asked.requests), (0, 0, 1));
    let there = || world.store.reader().counters().unwrap().waiting_there;
    assert_eq!(there().by_kind["message"].count, 2, "{:?}", there());
    assert!(world.taken().is_empty());
    with_limits(&world, world.terms.clone()).await;
    assert_eq!((there().count, world.read().len()), (0, 2));
    world.bob_says("later");
    with_limits(&world, manifest.clone()).await;
    assert_eq!(there().count, 1);
    with_limits(&world, world.terms.clone()).await;
    with_limits(&world, manifest).await;
    assert_eq!(there().count, 0, "nothing said is nothing there");
}
