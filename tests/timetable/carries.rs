//! `direction` and `min_priority`: what goes, what stays, and that the commands say why.

use harness::relay::RelayOptions;

use super::*;

/// Ann and bob know each other, and each has an ordinary and an urgent message for the other; ann also asks cleo to chat.
async fn mixed() -> World {
    let world = World::new(&RelayOptions::default(), &["ann", "bob", "cleo"]).await;
    world.acquaint().await;
    for person in &world.people[..2] {
        let to = if person.name == "ann" { "bob" } else { "ann" };
        let name = &person.name;
        person.home.one(&["send", to, "-m", &format!("{name}, ordinary")]).await;
        person.home.one(&["send", to, "-m", &format!("{name}, urgent"), "--urgent"]).await;
    }
    world.people[1].sync().await;
    world.people[0].home.run(&["chat", "cleo"]).await.done();
    world.people[0].link.record(true);
    world
}

/// What a command says to a person.
async fn said(person: &Person, command: &str) -> String {
    let output = person.home.run(&[command]).await.done();
    // On one line, however the table is laid out.
    format!("{} {}", output.stdout, output.stderr).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is left goes with a whole visit, once, both ways.
async fn the_rest_goes(world: &World) {
    let (ann, bob) = two(world);
    ann.sync().await;
    bob.sync().await;
    let mut heard = [received(ann).await, received(bob).await];
    heard.iter_mut().for_each(|texts| texts.sort());
    assert_eq!(heard, [["bob, ordinary", "bob, urgent"], ["ann, ordinary", "ann, urgent"]]);
    let all = passed(ann);
    assert_eq!((all.up.len(), all.down.len(), all.orders), (2, 2, 1), "each once: {all:?}");
    assert!(!said(ann, "inbox").await.contains("at the relay"));
}

#[tokio::test]
async fn a_call_that_sends_only_fetches_nothing_and_says_what_waits_there_and_why() {
    let world = mixed().await;
    let (ann, _) = two(&world);
    one_call(ann, "every = \"1s\"\ndirection = \"up\"").await;
    let wire = passed(ann);
    assert_eq!(wire.up, ["ann, urgent", "ann, ordinary"]);
    assert_eq!((wire.orders, wire.down.len(), wire.held), (1, 0, 2), "{wire:?}");
    assert!(wire.lanes.iter().all(|lanes| lanes.is_empty()), "{wire:?}");
    let inbox = said(ann, "inbox").await;
    assert!(inbox.contains("2 messages wait at the relay: no rule fetches anything"), "{inbox}");
    let status = ann.home.one(&["status"]).await;
    assert_eq!(status["waiting_there"]["by_kind"]["message"]["count"], 2, "{status}");
    let schedule = said(ann, "schedule").await;
    assert!(schedule.contains("carries") && schedule.contains("up only"), "{schedule}");
    let rows = ann.home.json(&["schedule"]).await;
    assert_eq!(
        (&rows[0]["direction"], &rows[0]["min_priority"]),
        (&"up".into(), &"ordinary".into())
    );
    the_rest_goes(&world).await;
}

#[tokio::test]
async fn a_call_that_fetches_only_sends_nothing_and_says_why_it_waits() {
    let world = mixed().await;
    let (ann, bob) = two(&world);
    one_call(ann, "every = \"1s\"\ndirection = \"down\"").await;
    let wire = passed(ann);
    assert_eq!((wire.up.len(), wire.orders, wire.held), (0, 0, 0), "{wire:?}");
    assert_eq!(wire.down, ["bob, urgent", "bob, ordinary"]);
    for text in ["ann, ordinary", "ann, urgent"] {
        let rows = ann.home.json(&["outbox"]).await;
        let row = rows.iter().find(|row| row["text"] == text).unwrap();
        assert_eq!((&row["state"], row["estimate"].is_null()), (&"queued".into(), true), "{row}");
    }
    let outbox = said(ann, "outbox").await;
    let why = "goes when you call: mailboat sync (no rule sends anything)";
    assert_eq!(outbox.matches(why).count(), 3, "the request too: {outbox}");
    let sent = ann.home.run(&["send", "bob", "-m", "soon gone"]).await.done().stdout;
    assert!(sent.contains("(no rule sends anything)"), "{sent}");
    let id = sent.split_whitespace().next().unwrap();
    ann.home.run(&["outbox", "cancel", id]).await.done();
    assert!(said(ann, "schedule").await.contains("down only"));
    bob.sync().await;
    assert!(received(bob).await.is_empty());
    the_rest_goes(&world).await;
}

#[tokio::test]
async fn a_call_for_what_is_urgent_leaves_the_ordinary_at_both_ends_and_says_so() {
    let world = mixed().await;
    let (ann, bob) = two(&world);
    one_call(ann, "every = \"1s\"\nmin_priority = \"urgent\"").await;
    let wire = passed(ann);
    assert_eq!(wire.up, ["ann, urgent"]);
    assert_eq!(wire.down, ["bob, urgent"]);
    assert_eq!((wire.orders, wire.held), (1, 1), "who asks to chat goes along: {wire:?}");
    let outbox = said(ann, "outbox").await;
    let why = "goes when you call: mailboat sync (the rules take what is urgent only)";
    assert_eq!(outbox.matches(why).count(), 1, "{outbox}");
    let inbox = said(ann, "inbox").await;
    assert!(
        inbox.contains("1 message waits at the relay: the rules fetch what is urgent only"),
        "{inbox}"
    );
    assert!(said(ann, "schedule").await.contains("urgent only"));
    bob.sync().await;
    assert_eq!(received(bob).await, ["ann, urgent"]);
    the_rest_goes(&world).await;
}

#[tokio::test]
async fn a_call_that_sends_what_is_urgent_does_no_more_than_that() {
    let world = mixed().await;
    let (ann, _) = two(&world);
    one_call(ann, "every = \"1s\"\ndirection = \"up\"\nmin_priority = \"urgent\"").await;
    let wire = passed(ann);
    assert_eq!((&wire.up[..], wire.down.len(), wire.held), (&["ann, urgent".to_owned()][..], 0, 2));
    assert!(said(ann, "schedule").await.contains("urgent, up only"));
    the_rest_goes(&world).await;
}

#[tokio::test]
async fn an_urgent_message_takes_along_what_it_answers_and_nothing_else() {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    ann.home.one(&["send", "bob", "-m", "left behind"]).await;
    let first = text(&ann.home.one(&["send", "bob", "-m", "first"]).await, "id");
    ann.home.one(&["send", "bob", "-m", "and now", "--urgent", "--reply-to", &first]).await;
    ann.link.record(true);
    one_call(ann, "every = \"1s\"\nmin_priority = \"urgent\"").await;
    let wire = passed(ann);
    // A reply is an item of its own kind.
    assert_eq!((&wire.up[..], wire.orders), (&["first".to_owned()][..], 1), "{wire:?}");
    bob.sync().await;
    // Each in its own lane.
    assert_eq!(received(bob).await, ["and now", "first"]);
}

#[tokio::test]
async fn an_urgent_message_is_called_for_at_once_and_alone_each_time_also_by_a_rule_that_came_later()
 {
    let world = World::of_two().await;
    let (ann, bob) = two(&world);
    let write = |settings: &str| {
        let log = "log = \"info\"\n";
        std::fs::write(ann.home.dir().join("agent.toml"), format!("{log}{settings}")).unwrap();
    };
    write("");
    ann.home.one(&["send", "bob", "-m", "ordinary"]).await;
    ann.link.record(true);
    let mut agent = ann.home.resident().await;
    // 5 % of such a budget are less than a handshake: nothing failed, so that is no matter.
    write(
        "[[connect]]\nwhen = \"urgent-queued\"\nmin_priority = \"urgent\"\nbudget = \"20 KiB\"\n",
    );
    agent.signal("HUP").await;
    agent.wait_line(|line| line.contains("read again").then_some(())).await;
    let mut all = Vec::new();
    for words in ["urgent", "more urgent"] {
        all.push(words);
        ann.home.one(&["send", "bob", "-m", words, "--urgent"]).await;
        while received(bob).await != all {
            bob.sync().await;
        }
    }
    agent.terminate().await;
    assert_eq!(passed(ann).up, all);
}
