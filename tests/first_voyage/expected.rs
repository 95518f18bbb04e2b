//! When a message should arrive, who is expected when, and what was to be delivered before a time.

use harness::world::{Person, World, text};
use serde_json::Value;

use super::two;

async fn member(person: &Person, name: &str) -> Value {
    let rows = person.home.json(&["members"]).await;
    rows.into_iter().find(|row| row["name"] == name).unwrap()
}

async fn outbox(person: &Person) -> Value {
    let mut rows = person.home.json(&["outbox"]).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

/// Bob's agent has made its first visit, which announces the next.
async fn called(bob: &Person) {
    let mut agent = bob.home.resident().await;
    // Joins the visit under way, or makes one more.
    bob.home.one(&["sync"]).await;
    agent.terminate().await;
}

#[tokio::test]
async fn an_announced_call_makes_an_estimate_and_a_message_keeps_it() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    ann.home.run(&["send", "bob", "-m", "when?"]).await.done();
    let row = outbox(ann).await;
    assert!(row["estimate"].is_null() && row["arrives_to"].is_null(), "not known: {row}");
    bob.home.add_settings("[[connect]]\nevery = \"3h\"");
    called(bob).await;
    ann.sync().await;
    let next = text(&member(ann, "bob").await, "next_call");
    let row = outbox(ann).await;
    assert_eq!(row["state"], "relayed");
    let (from, to) = (text(&row, "arrives_from"), text(&row, "arrives_to"));
    assert!(from < next && next < to, "{row}; {next}");
    let said = ann.home.run(&["outbox"]).await.done().stdout;
    assert!(said.contains("at the relay; there ") && said.contains("no experience"), "{said}");
    let said = ann.home.run(&["members"]).await.done().stdout;
    assert!(said.contains("last seen") && said.contains("expected in "), "{said}");
}

#[tokio::test]
async fn the_next_call_is_told_only_where_it_is_shared() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    bob.home.add_settings("[account]\nshare_next_call = false\n[[connect]]\nevery = \"3h\"");
    called(bob).await;
    ann.sync().await;
    let row = member(ann, "bob").await;
    assert!(row["next_call"].is_null() && !row["last_seen"].is_null(), "{row}");
}

#[tokio::test]
async fn a_running_agent_says_when_a_message_leaves_and_what_will_be_too_late() {
    let world = World::of_two().await;
    let (ann, _) = two(&world);
    ann.home.add_settings("[[connect]]\nevery = \"3h\"");
    let mut agent = ann.home.resident().await;
    ann.home.one(&["sync"]).await;
    let args = ["send", "bob", "--deliver-before", "1h", "-m", "too late"];
    let sent = ann.home.one(&args).await;
    assert!(text(&sent, "warning").contains("after its time is over"), "{sent}");
    let row = outbox(ann).await;
    assert_eq!((&row["leaves"], row["leaves"].is_null()), (&row["estimate"], false), "{row}");
    assert!(text(&row, "deliver_before") < text(&row, "leaves"), "{row}");
    agent.terminate().await;
}

#[tokio::test]
async fn what_lapses_in_the_outbox_is_told_at_once_and_never_sent() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    let mut agent = ann.home.resident().await;
    let mut watch = ann.home.start(&["watch", "--all", "--json"]);
    watch.wait_line(|line| line.contains("{").then_some(())).await;
    ann.home.one(&["send", "bob", "--deliver-before", "1s", "-m", "now or never"]).await;
    let told =
        watch.wait_line(|line| line.contains("Not delivered").then(|| line.to_owned())).await;
    assert!(told.contains("now or never"), "{told}");
    assert_eq!(outbox(ann).await["state"], "expired");
    ann.home.one(&["sync"]).await;
    bob.sync().await;
    assert!(super::received(bob).await.is_empty());
    agent.terminate().await;
}
