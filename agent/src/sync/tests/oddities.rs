//! What a later version sends, and exchanges with nothing in them.

use wire::{Frame, Item, Lane};

use super::*;

#[tokio::test]
async fn an_exchange_with_nothing_new_says_and_writes_next_to_nothing() {
    let world = World::new();
    world.sync().await;
    world.sync().await;
    world.relay.lock().unwrap().requests.clear();
    let commits = world.store.commits();
    let progress = world.sync().await;
    let requests = world.relay.lock().unwrap().requests.clone();
    assert!(
        matches!(&requests[..], [packets] if matches!(&packets[..], [frames]
        if matches!(&frames[..], [Frame::Hello(_), Frame::End]))),
        "{requests:?}"
    );
    // The exchange number has to be durable; nothing else is written.
    assert_eq!(world.store.commits() - commits, 1);
    assert!(progress.request_bytes + progress.answer_bytes <= 70, "{progress:?}");
}

#[tokio::test]
async fn frames_of_a_later_version_are_kept_and_the_rest_flows() {
    let world = World::new();
    world.sync().await;
    world.relay.lock().unwrap().odd = vec![Frame::Unknown { kind: 90, payload: vec![7; 9] }];
    world.bob_says("one");
    world.relay.lock().unwrap().bob_sends(
        900,
        &Item::Opaque { kind: 80, body: vec![1] },
        Lane::Urgent,
    );
    world.sync().await;
    world.sync().await;
    assert_eq!(world.notices().len(), 1);
    let read = world.read();
    assert_eq!(read[0], "one");
    assert!(read[1].contains("kind 80"), "{read:?}");
}

#[tokio::test]
async fn a_flood_of_frames_of_a_later_version_is_one_notice_for_each_kind_and_visit() {
    let (clock, hand) = Clock::by_hand(NOW);
    let World { dir, store, relay, terms, device } = World::new();
    drop(store);
    let options = Options { clock, free_min: 0, ..Options::default() };
    let store = Store::open(&dir.path().join("store.db"), options).unwrap();
    let world = World { dir, store, relay, terms, device };
    world.sync().await;
    let flood = |from: u8| {
        let frame = |at| Frame::Unknown { kind: 90 + at % 2, payload: vec![from, at] };
        (0..20).map(frame).collect::<Vec<_>>()
    };
    world.store.begin_visit("call").unwrap();
    world.relay.lock().unwrap().odd = flood(1);
    world.sync().await;
    assert_eq!(world.notices().len(), 2, "{:?}", world.notices());
    hand.store(NOW + 60, std::sync::atomic::Ordering::SeqCst);
    world.store.begin_visit("call").unwrap();
    world.relay.lock().unwrap().odd = flood(2);
    world.sync().await;
    assert_eq!(world.notices().len(), 4, "{:?}", world.notices());
}

#[tokio::test]
async fn a_message_goes_in_one_exchange_and_founding_a_conversation_in_two() {
    let world = World::new();
    world.sync().await;
    world.send("one");
    world.bob_says("two");
    assert_eq!(world.sync().await.requests, 1);
    let asked = world.store.request(&["chandra".into()], "", "Ahoy").unwrap();
    world.store.send(asked.conversation.unwrap(), "first words", Compose::default()).unwrap();
    // The relay of this test accepts at once; what waited for that goes on the same connection.
    let progress = world.sync().await;
    assert_eq!((progress.requests, progress.sent), (2, 2));
    assert_eq!(world.taken(), ["one", "first words"]);
}
