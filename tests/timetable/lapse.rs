//! `--deliver-before`: what was not delivered in time is not delivered, and both sides hear of it.

use std::time::{Duration, Instant};

use super::*;

#[tokio::test]
async fn what_lapses_without_an_agent_is_told_at_the_next_call_and_never_sent() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    ann.home.one(&["send", "bob", "--deliver-before", "1s", "-m", "now or never"]).await;
    ann.home.one(&["send", "bob", "--deliver-before", "1h", "-m", "in good time"]).await;
    let queued = Instant::now();
    // Nobody is there to notice: what is over still lies here.
    while queued.elapsed() < Duration::from_secs(2) {
        assert_eq!(ann.home.json(&["outbox"]).await.len(), 2);
    }
    ann.link.record(true);
    ann.sync().await;
    assert_eq!(passed(ann).up, ["in good time"], "it did not even leave");
    let rows = ann.home.json(&["inbox"]).await;
    let notice = rows.iter().find(|row| row["kind"] == "notice").unwrap();
    let words = text(notice, "text");
    assert!(words.contains("now or never") && words.contains("before it left here"), "{words}");
    bob.sync().await;
    assert_eq!(received(bob).await, ["in good time"]);
}

#[tokio::test]
async fn what_lapses_at_the_relay_is_never_delivered_and_its_author_hears_of_it_once() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    let sent = ann.home.one(&["send", "bob", "--deliver-before", "2s", "-m", "by noon"]).await;
    let visit = ann.sync().await;
    assert_eq!(visit["sent"], 1, "{visit}");
    bob.link.record(true);
    let row = async |person: &Person| {
        let rows = person.home.json(&["inbox", "--all"]).await;
        rows.into_iter().find(|row| row["id"] == sent["id"]).unwrap()
    };
    // The relay's clock decides; it looks when somebody calls.
    while row(ann).await["state"] == "relayed" {
        ann.sync().await;
    }
    assert_eq!(row(ann).await["state"], "expired");
    bob.sync().await;
    assert!(received(bob).await.is_empty());
    assert!(passed(bob).down.is_empty(), "its text did not come either");
    ann.sync().await;
    let rows = ann.home.json(&["inbox"]).await;
    let notices: Vec<_> = rows.iter().filter(|row| row["kind"] == "notice").collect();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(text(notices[0], "text").contains("by noon"), "{notices:?}");
    let told = bob.home.json(&["inbox"]).await;
    assert!(
        told.iter().any(|row| row["kind"] == "notice"),
        "he hears that something lapsed: {told:?}"
    );
}

#[tokio::test]
async fn what_arrives_in_time_does_not_lapse() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    let sent = ann.home.one(&["send", "bob", "--deliver-before", "1h", "-m", "in time"]).await;
    for person in [ann, bob, bob, ann] {
        person.sync().await;
    }
    assert_eq!(received(bob).await, ["in time"]);
    let rows = ann.home.json(&["inbox", "--all"]).await;
    let row = rows.iter().find(|row| row["id"] == sent["id"]).unwrap();
    assert_eq!(row["state"], "delivered");
    assert!(rows.iter().all(|row| row["kind"] != "notice"), "{rows:?}");
}
