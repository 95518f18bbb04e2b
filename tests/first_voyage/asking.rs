//! Asking to chat: accept, decline, withdraw, and what is written before the answer.

use super::{messages, received, row, send, waiting};
use harness::relay::RelayOptions;
use harness::world::{World, text};

async fn strangers() -> World {
    World::new(&RelayOptions::default(), &["ann", "bob"]).await
}

#[tokio::test]
async fn what_is_written_before_the_acceptance_is_held_and_goes_by_itself() {
    let world = strangers().await;
    let (ann, bob) = super::two(&world);
    let asked = ann.home.one(&["chat", "bob", "-m", "Hello, it is Ann."]).await;
    let conversation = text(&asked, "conversation");
    ann.sync().await;

    let sent = send(ann, "bob", "Are you there?").await;
    assert_eq!((text(&sent, "conversation"), text(&sent, "state")), (conversation, "held".into()));
    let row = waiting(ann, "Are you there?").await.unwrap();
    assert_eq!(text(&row, "id"), text(&sent, "id"));
    assert_eq!(text(&row, "state"), "held");
    assert!(!text(&row, "reason").is_empty(), "{row}");

    bob.sync().await;
    let request = bob.home.json(&["inbox"]).await.remove(0);
    assert_eq!(request["kind"], "request");
    assert_eq!(request["from"], "ann");
    assert!(text(&request, "text").contains("Hello, it is Ann."), "{request}");
    ann.sync().await;
    assert_eq!(text(&waiting(ann, "Are you there?").await.unwrap(), "state"), "held");

    bob.home.run(&["accept", &text(&request, "id")]).await.done();
    bob.sync().await;
    ann.sync().await;
    bob.sync().await;
    assert_eq!(received(bob).await, ["Are you there?"]);
    // Bob's next visit says that he has it, and Ann's next that it is so.
    bob.sync().await;
    ann.sync().await;
    assert_eq!(waiting(ann, "Are you there?").await, None);
}

#[tokio::test]
async fn a_declined_request_is_told_and_what_waited_says_why_it_does() {
    let world = strangers().await;
    let (ann, bob) = super::two(&world);
    ann.home.run(&["chat", "bob", "-m", "Hello"]).await.done();
    send(ann, "bob", "well?").await;
    ann.sync().await;
    bob.sync().await;
    bob.home.run(&["decline", &bob.request().await]).await.done();
    bob.sync().await;
    ann.sync().await;
    assert_eq!(received(bob).await, Vec::<String>::new());
    let row = waiting(ann, "well?").await.unwrap();
    assert!(["held", "refused"].contains(&text(&row, "state").as_str()), "{row}");
    assert!(text(&row, "reason").contains("declined"), "{row}");
    // Asking again is possible, in the same conversation.
    ann.home.run(&["chat", "bob", "-m", "Please"]).await.done();
    ann.sync().await;
    bob.sync().await;
    // By who asks, as well as by its row.
    bob.home.run(&["accept", "ann"]).await.done();
    bob.sync().await;
    ann.sync().await;
    send(ann, "bob", "thank you").await;
    ann.sync().await;
    bob.sync().await;
    assert!(received(bob).await.contains(&"thank you".to_owned()));
}

#[tokio::test]
async fn a_request_that_was_withdrawn_cannot_be_accepted() {
    let world = strangers().await;
    let (ann, bob) = super::two(&world);
    let asked = ann.home.one(&["chat", "bob"]).await;
    ann.sync().await;
    bob.sync().await;
    let request = bob.request().await;
    ann.home.run(&["withdraw", &text(&asked, "conversation")]).await.done();
    ann.sync().await;
    // Bob does not know yet, and accepts: the relay refuses, and he is told.
    bob.home.run(&["accept", &request]).await.done();
    bob.sync().await;
    bob.sync().await;
    ann.sync().await;
    let sent = bob.home.run(&["send", "ann", "-m", "hi", "--json"]).await;
    bob.sync().await;
    ann.sync().await;
    assert_eq!(received(ann).await, Vec::<String>::new(), "{sent:?}");
    assert_eq!(bob.home.run(&["accept", &request]).await.code, Some(1));
}

#[tokio::test]
async fn a_request_that_has_not_left_is_simply_gone() {
    let world = strangers().await;
    let (ann, bob) = super::two(&world);
    let asked = ann.home.one(&["chat", "bob"]).await;
    ann.home.run(&["withdraw", &text(&asked, "conversation")]).await.done();
    ann.sync().await;
    bob.sync().await;
    assert_eq!(bob.home.json(&["inbox"]).await, Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn two_who_ask_each_other_are_in_one_conversation() {
    let world = strangers().await;
    let (ann, bob) = super::two(&world);
    ann.home.run(&["chat", "bob"]).await.done();
    bob.home.run(&["chat", "ann"]).await.done();
    for person in [ann, bob, ann] {
        person.sync().await;
    }
    send(ann, "bob", "one").await;
    send(bob, "ann", "two").await;
    for person in [ann, bob, ann] {
        person.sync().await;
    }
    for person in [ann, bob] {
        let mut seen = messages(person).await;
        seen.sort();
        assert_eq!(seen, ["one", "two"]);
        let [one, two] = [row(person, "one").await, row(person, "two").await];
        assert_eq!(one["conversation"], two["conversation"], "{}", person.name);
    }
}

#[tokio::test]
async fn somebody_who_does_not_exist_is_refused_in_words() {
    let world = strangers().await;
    let (ann, _) = super::two(&world);
    ann.home.run(&["chat", "nobody", "-m", "hi"]).await.done();
    ann.sync().await;
    let refused = ann.home.json(&["outbox"]).await;
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(text(&refused[0], "state"), "refused");
    assert!(text(&refused[0], "reason").contains("nobody"), "{refused:?}");
}

#[tokio::test]
async fn nobody_can_send_to_a_stranger_without_asking() {
    let world = strangers().await;
    let (ann, _) = super::two(&world);
    let refused = ann.home.run(&["send", "bob", "-m", "hi"]).await.exits(1);
    assert!(refused.stderr.contains("mailboat chat bob"), "{refused:?}");
}
