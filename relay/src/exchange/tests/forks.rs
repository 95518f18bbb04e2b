//! Device stores that went back in time or have a twin.

use wire::{ForkWhy, Lane};

use super::{World, phone::Phone};

async fn forked(world: &World, phone: &mut Phone) -> Option<ForkWhy> {
    let body = phone.next_request();
    let reply = world.quietly(phone.send(world, &body)).await.unwrap();
    assert_eq!((reply.welcome(), reply.is_done()), (None, true), "{reply:?}");
    reply.forked()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_02_other_bytes_under_a_known_number_are_a_fork() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    ann.ask(&world, vec![ann.text("sealed")]).await.unwrap();
    // Its age, lifetime and version may differ, the rest may not.
    ann.sealed[0].age_s = 500;
    ann.sealed[0].version += 1;
    ann.ask(&world, vec![]).await.unwrap().done();
    let mut twin = ann.clone();
    twin.sealed = vec![twin.text("changed")];
    assert_eq!(forked(&world, &mut twin).await, Some(ForkWhy::OtherBytes));
    ann.hello.x = twin.hello.x;
    ann.sync(&world, vec![]).await.done();
    bob.sync(&world, vec![]).await;
    assert_eq!(bob.texts(), ["sealed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_04_told_and_cursors_that_go_back_are_forks() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    bob.sync(&world, vec![bob.text("one"), bob.text("two")]).await.done();
    ann.sync(&world, vec![]).await.done();
    ann.sync(&world, vec![]).await.done();
    let mut back = ann.clone();
    back.hello.told -= 1;
    assert_eq!(forked(&world, &mut back).await, Some(ForkWhy::ToldWentBack));
    for lane in [Lane::Latest, Lane::Ordinary] {
        let x = back.hello.x;
        back = ann.clone();
        back.hello.x = x;
        *back.hello.cursors.of_mut(lane) -= 1;
        assert_eq!(forked(&world, &mut back).await, Some(ForkWhy::CursorWentBack), "{lane:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_08_of_a_device_and_its_clone_one_is_told_to_become_another() {
    for clone_first in [true, false] {
        let world = World::new();
        let (mut ann, mut bob) = world.pair().await;
        let mut clone = ann.clone();
        if clone_first {
            std::mem::swap(&mut ann, &mut clone);
        }
        ann.sync(&world, vec![ann.text("from the first")]).await.done();
        bob.sync(&world, vec![bob.text("to both")]).await.done();
        ann.sync(&world, vec![]).await.done();
        // The twin's next attempt has a number that was used, or one below: it is told something
        // before anything of it is taken.
        clone.sealed = vec![clone.text("from the second")];
        let mut told = None;
        for _ in 0..4 {
            let body = clone.next_request();
            let reply = world.quietly(clone.send(&world, &body)).await.unwrap();
            told = told.or(reply.forked());
        }
        assert!(told.is_some(), "the twin never heard of it");
        bob.sync(&world, vec![]).await.done();
        assert_eq!(bob.texts(), ["from the first"]);
        assert_eq!(ann.texts(), ["to both"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_08_twins_in_step_are_told_apart_by_what_they_say() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    let mut twin = ann.clone();
    ann.sync(&world, vec![ann.text("mine")]).await.done();
    // The same attempt, the same number, other words: it must not hear that they were placed.
    twin.sealed = vec![twin.text("the twin's"), twin.text("and more")];
    for items_per_packet in [1, 2] {
        twin.hello.x = ann.hello.x;
        let request = twin.request(items_per_packet);
        let reply = world.quietly(twin.send(&world, &request)).await.unwrap();
        assert_eq!((reply.forked(), reply.welcome()), (Some(ForkWhy::OtherBytes), None));
        assert!(reply.runs().is_empty());
    }
    // Nor may one that went back read on.
    bob.sync(&world, vec![bob.text("to ann")]).await.done();
    ann.sync(&world, vec![]).await.done();
    ann.sync(&world, vec![]).await.done();
    for (told, ordinary, why) in [(1, 0, ForkWhy::ToldWentBack), (0, 1, ForkWhy::CursorWentBack)] {
        let mut back = ann.clone();
        back.hello.told -= told;
        back.hello.cursors.ordinary -= ordinary;
        let reply = world.quietly(back.send(&world, &back.request(1))).await.unwrap();
        assert_eq!(reply.forked(), Some(why));
    }
    bob.sync(&world, vec![]).await.done();
    assert_eq!(bob.texts(), ["mine"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_09_a_store_of_last_week_sends_nothing() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    ann.sealed = vec![ann.text("queued last week")];
    let mut restored = ann.clone();
    ann.sync(&world, vec![]).await.done();
    ann.sync(&world, vec![ann.text("sent since")]).await.done();
    for _ in 0..3 {
        let body = restored.next_request();
        let reply = world.quietly(restored.send(&world, &body)).await.unwrap();
        assert!(reply.forked().is_some() || restored.hello.x == ann.hello.x, "{reply:?}");
    }
    bob.sync(&world, vec![]).await;
    assert_eq!(bob.texts(), ["queued last week", "sent since"]);
}
