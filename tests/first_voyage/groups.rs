//! Conversations of many.

use harness::relay::RelayOptions;
use harness::world::{Person, World, text};

use super::{received, send};

/// Three people; ann and bob know each other, cem knows nobody.
async fn three() -> World {
    let world = World::new(&RelayOptions::default(), &["ann", "bob", "cem"]).await;
    world.acquaint().await;
    world
}

async fn all_sync(people: &[Person]) {
    for person in people.iter().chain(people) {
        person.sync().await;
    }
}

async fn accept(person: &Person) {
    person.home.run(&["accept", &person.request().await]).await.done();
}

#[tokio::test]
async fn contacts_are_in_at_once_and_others_are_asked() {
    let world = three().await;
    let [ann, bob, cem] = &world.people[..] else { unreachable!() };
    let asked = ann.home.one(&["chat", "bob", "cem", "--title", "boat", "-m", "a boat!"]).await;
    let boat = text(&asked, "conversation");
    all_sync(&world.people).await;
    send(ann, &boat, "who is aboard?").await;
    all_sync(&world.people).await;
    assert_eq!(received(bob).await, ["who is aboard?"]);
    assert_eq!(received(cem).await, Vec::<String>::new());

    accept(cem).await;
    all_sync(&world.people).await;
    let here = text(&super::row(bob, "who is aboard?").await, "conversation");
    send(bob, &here, "I am").await;
    all_sync(&world.people).await;
    // He reads what was written since he joined, nothing from before.
    assert_eq!(received(cem).await, ["I am"]);
    assert_eq!(received(ann).await, ["I am"]);
}

#[tokio::test]
async fn who_leaves_reads_nothing_that_is_written_afterwards() {
    let world = three().await;
    let [ann, bob, cem] = &world.people[..] else { unreachable!() };
    let asked = ann.home.one(&["chat", "bob", "cem", "--title", "boat"]).await;
    let boat = text(&asked, "conversation");
    all_sync(&world.people).await;
    accept(cem).await;
    all_sync(&world.people).await;
    send(ann, &boat, "all aboard").await;
    all_sync(&world.people).await;
    let here = text(&super::row(cem, "all aboard").await, "conversation");
    cem.home.run(&["leave", &here]).await.done();
    all_sync(&world.people).await;
    send(ann, &boat, "he is gone").await;
    all_sync(&world.people).await;
    assert_eq!(received(cem).await, ["all aboard"]);
    assert_eq!(received(bob).await, ["all aboard", "he is gone"]);
    cem.home.run(&["send", &here, "-m", "I am still here"]).await.exits(1);
}

#[tokio::test]
async fn a_group_is_renamed_and_somebody_is_added() {
    let world = three().await;
    let [ann, bob, cem] = &world.people[..] else { unreachable!() };
    let asked = ann.home.one(&["chat", "bob", "--title", "raft"]).await;
    let raft = text(&asked, "conversation");
    all_sync(&world.people).await;
    ann.home.run(&["rename", &raft, "ship"]).await.done();
    ann.home.run(&["add", &raft, "cem", "-m", "come aboard"]).await.done();
    all_sync(&world.people).await;
    accept(cem).await;
    all_sync(&world.people).await;
    for person in [ann, bob, cem] {
        let list = person.home.json(&["conversations"]).await;
        assert!(list.iter().any(|row| row["title"] == "ship"), "{}: {list:#?}", person.name);
    }
    send(ann, &raft, "welcome").await;
    all_sync(&world.people).await;
    assert_eq!(received(cem).await, ["welcome"]);
}

#[tokio::test]
async fn what_a_blocked_person_says_is_left_out_and_looks_like_silence() {
    let world = World::of_two().await;
    let [ann, bob] = &world.people[..] else { unreachable!() };
    ann.home.run(&["block", "bob"]).await.done();
    ann.sync().await;
    send(bob, "ann", "can you hear me?").await;
    bob.sync().await;
    ann.sync().await;
    bob.sync().await;
    assert_eq!(received(ann).await, Vec::<String>::new());
    let row = super::waiting(bob, "can you hear me?").await.unwrap();
    assert_eq!(text(&row, "state"), "relayed");
}
