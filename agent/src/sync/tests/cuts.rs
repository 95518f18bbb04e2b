//! Cuts at every byte and crashes at every commit: everything once, in order.

use super::*;

#[tokio::test]
async fn a_line_cut_at_every_byte_loses_and_doubles_nothing() {
    let world = World::new();
    world.sync().await;
    let (mut said, mut heard) = (Vec::new(), Vec::new());
    for at in 0..400 {
        if at % 4 == 0 {
            said.push(format!("from ann {at}"));
            heard.push(format!("from bob {at}"));
            world.send(said.last().unwrap());
            world.bob_says(heard.last().unwrap());
        }
        let mut line = world.line();
        if at % 2 == 0 {
            line.up_left = at / 2;
        } else {
            line.down_left = at / 2;
        }
        let (_, ended) = world.visit_over(&mut line).await;
        if let Err(err) = ended {
            assert!(err.is_no_link() && !err.is_permanent(), "{err}");
        }
    }
    world.sync().await;
    assert_eq!(world.taken(), said);
    assert_eq!(world.read(), heard);
    assert!(world.states().iter().all(|state| *state == MessageState::Relayed));
    assert_eq!(world.store.reader().position().unwrap().told, said.len() as u64);
    let numbers: Vec<u64> =
        world.relay.lock().unwrap().mine().items.iter().map(|(n, _)| *n).collect();
    assert_eq!(numbers, (1..=said.len() as u64).collect::<Vec<_>>(), "dense");
}

#[tokio::test]
async fn a_crash_at_every_commit_loses_and_doubles_nothing() {
    let mut world = World::new();
    world.sync().await;
    let (mut said, mut heard) = (Vec::new(), Vec::new());
    for commits in 0..12 {
        for i in 0..4 {
            said.push(format!("from ann {commits} {i}"));
            heard.push(format!("from bob {commits} {i}"));
            world.send(said.last().unwrap());
            world.bob_says(heard.last().unwrap());
        }
        world.store.crash_after(commits);
        let ended = world.visit().await;
        world = world.reopen();
        if let Err(err) = ended {
            assert!(matches!(err, SyncError::Store(StoreError::Stopped)), "{err}");
        } else {
            assert!(3 < commits, "a visit with {commits} commits cannot be whole");
        }
    }
    world.sync().await;
    assert_eq!(world.taken(), said);
    assert_eq!(world.read(), heard);
    assert!(world.states().iter().all(|state| *state == MessageState::Relayed));
}

#[tokio::test]
async fn more_than_a_packet_in_doubt_is_not_sent_before_the_relay_was_asked() {
    let world = World::new();
    world.sync().await;
    // Text that does not compress, so that a packet's worth is a packet's worth.
    for i in 0..40_u64 {
        world.send(&blake3::hash(&i.to_le_bytes()).to_hex());
    }
    let mut line = world.line();
    line.down_left = 0;
    assert!(world.visit_over(&mut line).await.1.is_err());
    world.relay.lock().unwrap().requests.clear();
    let progress = world.sync().await;
    let requests = world.relay.lock().unwrap().requests.clone();
    assert!(relay::hello(&requests[0]).pending);
    assert_eq!((relay::submits(&requests[0]), progress.sent), (0, 40));
    assert_eq!(requests.len(), 1, "the relay had all of it");
}

#[tokio::test]
async fn up_to_a_packet_in_doubt_goes_again_at_once_with_the_same_bytes() {
    let world = World::new();
    world.sync().await;
    world.send("one");
    let mut line = world.line();
    line.up_left = 5;
    assert!(world.visit_over(&mut line).await.1.is_err());
    world.send("two");
    world.relay.lock().unwrap().requests.clear();
    let progress = world.sync().await;
    assert_eq!((progress.sent, world.relay.lock().unwrap().requests.len()), (2, 1));
    assert_eq!(world.taken(), ["one", "two"]);
}

#[tokio::test]
async fn an_outcome_that_was_lost_with_its_answer_is_told_in_the_next() {
    let world = World::new();
    world.sync().await;
    world.relay.lock().unwrap().refuses = Some("no".into());
    world.send("no room for this");
    world.send("yes");
    let mut line = world.line();
    line.down_left = 0;
    assert!(world.visit_over(&mut line).await.1.is_err());
    assert_eq!(world.states(), [MessageState::Queued, MessageState::Queued]);
    world.relay.lock().unwrap().refuses = None;
    world.sync().await;
    let mut states = world.states();
    states.sort();
    assert_eq!(states, [MessageState::Relayed, MessageState::Refused]);
    let outbox = world.store.reader().outbox().unwrap();
    let refused = outbox.iter().find(|row| row.state == MessageState::Refused).unwrap();
    assert_eq!(
        (&refused.text[..], &refused.reason[..]),
        ("no room for this", "bob's mailbox is full")
    );
    world.store.outbox_release(refused.id).unwrap();
    world.sync().await;
    assert_eq!(world.taken(), ["yes", "no room for this"]);
}
