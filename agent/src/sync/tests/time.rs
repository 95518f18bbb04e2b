//! Clocks that are wrong, and that are set in between.

use std::sync::atomic::Ordering::SeqCst;

use super::*;

const YEAR_S: i64 = 365 * 24 * 3600;

/// Ages of ann's items as the relay got them.
fn ages(world: &World) -> Vec<u32> {
    world.relay.lock().unwrap().placed.iter().map(|(.., submit)| submit.age_s).collect()
}

#[tokio::test]
async fn an_age_counts_from_composing_by_a_clock_that_may_be_wrong_by_years() {
    for wrong in [-10 * YEAR_S, 0, 10 * YEAR_S] {
        let (clock, hand) = Clock::by_hand(NOW + wrong);
        let World { dir, store, relay, terms, device } = World::new();
        drop(store);
        let path = dir.path().join("store.db");
        let store =
            Store::open(&path, Options { clock, free_min: 0, ..Options::default() }).unwrap();
        let world = World { dir, store, relay, terms, device };
        world.sync().await;
        world.send("one");
        hand.fetch_add(90, SeqCst);
        world.sync().await;
        world.send("two");
        // Somebody sets the clock, either way.
        hand.store(NOW - wrong / 20, SeqCst);
        world.bob_says("three");
        world.sync().await;
        let ages = ages(&world);
        assert_eq!(ages[0], 90, "{wrong}");
        assert_eq!(ages[1], 0, "{wrong}: it cannot be known, and years it is not");
        assert_eq!(world.taken(), ["one", "two"]);
        let row =
            &world.store.reader().inbox(&Inbox { limit: Some(1), ..Inbox::default() }).unwrap()[0];
        assert_eq!(row.received_at - row.sent_at, 60);
    }
}
