//! Without a link: everything works, and goes when there is one.

use harness::link::Direction;
use harness::world::{World, text};

use super::{messages, received, row, send, two, waiting};

#[tokio::test]
async fn a_message_written_offline_is_durable_and_goes_with_the_next_visit() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    ann.link.down();
    let sent = send(ann, "bob", "from the sea").await;
    assert_eq!(text(&sent, "state"), "queued");
    assert_eq!(ann.home.run(&["sync"]).await.code, Some(75));

    let row = waiting(ann, "from the sea").await.unwrap();
    assert_eq!(text(&row, "id"), text(&sent, "id"));
    assert_eq!(row["to"], "bob");
    assert_eq!(text(&row, "state"), "queued");
    assert!(row.get("estimate").is_some() && row.get("reason").is_some(), "{row}");
    let status = ann.home.one(&["status"]).await;
    assert_eq!(status["waiting_here"], 1);

    ann.link.up();
    ann.link.reset_counters();
    let visit = ann.sync().await;
    assert_eq!((&visit["sent"], &visit["received"]), (&1.into(), &0.into()), "{visit}");
    assert_eq!(visit["requests"], 1);
    let counted = ann.link.counters();
    assert_eq!(visit["bytes_up"], counted.up, "as the socket saw them");
    assert_eq!(visit["bytes_down"], counted.down);
    assert_eq!(text(&waiting(ann, "from the sea").await.unwrap(), "state"), "relayed");

    let visit = bob.sync().await;
    assert_eq!(visit["received"], 1, "{visit}");
    assert_eq!(received(bob).await, ["from the sea"]);
    // His next visit tells the relay that he has it.
    bob.sync().await;
    ann.sync().await;
    assert_eq!(waiting(ann, "from the sea").await, None);
    assert_eq!(messages(ann).await, ["from the sea"]);
}

#[tokio::test]
async fn a_visit_without_a_link_says_no_link_and_is_in_the_ledger() {
    let world = World::of_two().await;
    let (ann, _) = two(&world);
    ann.link.down();
    let visit = ann.home.run(&["sync", "--json"]).await.exits(75).one();
    assert_eq!(visit["outcome"], "no_link");
    let usage = ann.home.json(&["usage"]).await;
    assert!(usage.len() >= 2, "{usage:?}");
    for row in &usage {
        for field in ["start", "end", "link", "bytes_up", "bytes_down", "outcome"] {
            assert!(row.get(field).is_some(), "no {field}: {row}");
        }
    }
    assert!(usage.iter().any(|row| row["outcome"] == "no_link"), "{usage:?}");
    assert!(usage.iter().any(|row| row["outcome"] == "done"), "{usage:?}");
}

#[tokio::test]
async fn the_ledger_agrees_with_the_link() {
    let world = World::of_two().await;
    let (ann, _) = two(&world);
    let counted = ann.link.counters();
    let usage = ann.home.json(&["usage"]).await;
    let sum = |field: &str| usage.iter().map(|row| row[field].as_u64().unwrap()).sum::<u64>();
    // Logging in is not a visit.
    assert!(sum("bytes_up") <= counted.up && sum("bytes_down") <= counted.down, "{usage:?}");
    ann.link.reset_counters();
    send(ann, "bob", "hello").await;
    ann.sync().await;
    let after = ann.home.json(&["usage"]).await;
    let last = after.last().unwrap();
    assert_eq!(last["bytes_up"], ann.link.counters().up, "{after:?}");
    assert_eq!(last["bytes_down"], ann.link.counters().down);
}

#[tokio::test]
async fn a_waiting_message_can_be_edited_held_released_and_cancelled() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    let edited = text(&send(ann, "bob", "frist").await, "id");
    let held = text(&send(ann, "bob", "second").await, "id");
    let cancelled = text(&send(ann, "bob", "third").await, "id");
    ann.home.run(&["outbox", "edit", &edited, "-m", "first"]).await.done();
    ann.home.run(&["outbox", "hold", &held]).await.done();
    ann.home.run(&["outbox", "cancel", &cancelled]).await.done();
    ann.sync().await;
    bob.sync().await;
    assert_eq!(received(bob).await, ["first"]);
    assert_eq!(text(&waiting(ann, "second").await.unwrap(), "state"), "held");
    assert_eq!(waiting(ann, "third").await, None);
    ann.home.run(&["outbox", "release", &held]).await.done();
    ann.sync().await;
    bob.sync().await;
    assert_eq!(received(bob).await, ["first", "second"]);
}

#[tokio::test]
async fn an_urgent_message_overtakes_what_waits() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    send(ann, "bob", "ordinary").await;
    ann.home.one(&["send", "bob", "-m", "urgent", "--urgent"]).await;
    ann.link.record(true);
    ann.sync().await;
    let recorded = ann.link.recorded();
    let exchange = &harness::wiretap::exchanges(&recorded)[0];
    let submits: Vec<_> = exchange
        .up
        .packets
        .iter()
        .flat_map(|packet| &packet.frames)
        .filter_map(|frame| match frame {
            wire::Frame::Submits(submits) => Some(&submits.items),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(submits.len(), 2);
    assert!(submits[0].urgent && !submits[1].urgent);
    bob.sync().await;
    let mut seen = received(bob).await;
    seen.sort();
    assert_eq!(seen, ["ordinary", "urgent"]);
}

#[tokio::test]
async fn a_message_comes_from_standard_input_and_goes_to_several() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    let output =
        ann.home.run_with(&["send", "bob", "-m", "-", "--json"], "two\nlines\n").await.done();
    let id = text(&output.one(), "id");
    ann.sync().await;
    bob.sync().await;
    let seen = received(bob).await;
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].trim_end(), "two\nlines");
    assert_eq!(text(&row(ann, &seen[0]).await, "id"), id);
}

#[tokio::test]
async fn a_visit_is_finished_through_three_cuts_by_itself() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    send(ann, "bob", "through thick and thin").await;
    ann.link.plan([
        harness::link::CutPlan::at(Direction::Up, 100),
        harness::link::CutPlan::at(Direction::Down, 0),
        harness::link::CutPlan::at(Direction::Down, 20),
    ]);
    let visit = ann.sync().await;
    assert_eq!(ann.link.plans_left(), 0);
    assert_eq!(visit["sent"], 1, "{visit}");
    assert_eq!(visit["requests"], 4, "each attempt is one, and is counted: {visit}");
    bob.sync().await;
    assert_eq!(received(bob).await, ["through thick and thin"]);
}

#[tokio::test]
async fn with_a_budget_the_rest_is_named_and_comes_with_the_next_visits() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    // Words that compress badly, so that they do not fit.
    let mut rng = harness::rng::Rng::new(5);
    let long: Vec<String> = (0..6)
        .map(|n| {
            format!(
                "{n} {}",
                rng.bytes(2000).iter().map(|b| format!("{b:02x}")).collect::<String>()
            )
        })
        .collect();
    for words in &long {
        send(ann, "bob", words).await;
    }
    ann.sync().await;
    bob.link.reset_counters();
    let visit = bob.home.run(&["sync", "--budget", "12KiB", "--json"]).await;
    let row = visit.one();
    assert_eq!(row["outcome"], "partial", "{visit:?}");
    let passed = bob.link.counters();
    assert!(passed.up + passed.down <= 12 * 1024, "{passed:?}");
    assert!(row["held"]["count"].as_u64().unwrap() > 0, "{row}");
    assert!(row["held"]["bytes"].as_u64().unwrap() > 0, "{row}");
    assert!(row["held"].get("by_kind").is_some(), "{row}");
    let first = received(bob).await;
    assert_eq!(first, long[..first.len()]);
    assert!(!first.is_empty());
    let status = bob.home.one(&["status"]).await;
    assert!(status["waiting_there"]["count"].as_u64().unwrap() > 0, "{status}");
    for _ in 0..6 {
        bob.home.run(&["sync", "--budget", "12KiB"]).await;
    }
    assert_eq!(received(bob).await, long);
}
