//! Replies, edits and deletions: of what waits, of what went, of what is not there yet.

use harness::world::{World, text};

use super::{messages, received, row, send, two};

#[tokio::test]
async fn a_reply_names_what_it_answers_on_both_sides() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    send(ann, "bob", "tea or coffee?").await;
    ann.sync().await;
    bob.sync().await;
    let question = text(&row(bob, "tea or coffee?").await, "id");
    bob.home.one(&["send", "ann", "-m", "tea", "--reply-to", &question]).await;
    bob.sync().await;
    ann.sync().await;
    let answer = row(ann, "tea").await;
    assert_eq!(
        text(&answer, "reply_to"),
        text(&row(ann, "tea or coffee?").await, "id"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_edit_of_what_was_delivered_shows_on_both_sides() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    let id = text(&send(ann, "bob", "see you at six").await, "id");
    ann.sync().await;
    bob.sync().await;
    ann.home.run(&["edit", &id, "-m", "see you at seven"]).await.done();
    ann.sync().await;
    bob.sync().await;
    assert_eq!(messages(ann).await, ["see you at seven"]);
    assert_eq!(received(bob).await, ["see you at seven"]);
}

#[tokio::test]
async fn an_edit_of_what_still_waits_goes_as_one_message() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    let id = text(&send(ann, "bob", "wrong").await, "id");
    ann.home.run(&["edit", &id, "-m", "right"]).await.done();
    let visit = ann.sync().await;
    assert_eq!(visit["sent"], 1, "{visit}");
    bob.sync().await;
    assert_eq!(received(bob).await, ["right"]);
}

#[tokio::test]
async fn a_deletion_reaches_the_other_side_and_beats_an_edit() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    let id = text(&send(ann, "bob", "never mind").await, "id");
    ann.sync().await;
    bob.sync().await;
    ann.home.run(&["edit", &id, "-m", "never ever mind"]).await.done();
    ann.home.run(&["delete", &id]).await.done();
    ann.sync().await;
    bob.sync().await;
    for person in [ann, bob] {
        let rows = person.home.json(&["inbox", "--all", "--limit", "100"]).await;
        let said = rows.iter().filter(|row| row["text"].as_str().unwrap().contains("mind")).count();
        assert_eq!(said, 0, "{}: {rows:#?}", person.name);
    }
}

#[tokio::test]
async fn nobody_changes_what_another_wrote() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    send(ann, "bob", "my words").await;
    ann.sync().await;
    bob.sync().await;
    let id = text(&row(bob, "my words").await, "id");
    bob.home.run(&["edit", &id, "-m", "his words"]).await.exits(1);
    bob.home.run(&["delete", &id]).await.exits(1);
    assert_eq!(received(bob).await, ["my words"]);
}
