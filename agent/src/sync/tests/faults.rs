//! Answers that are none, stores that went back or have a twin, relays that were put back.

use std::fs;

use wire::{BodyWriter, Codec, ForkWhy, Forked, Frame, Welcome};

use super::*;
use crate::store::Waiting;

fn body(packets: &[Vec<Frame>]) -> Vec<u8> {
    let mut writer = BodyWriter::new(Codec::Zstd);
    let mut body = writer.preamble().to_vec();
    packets.iter().for_each(|frames| body.extend(writer.packet(frames).unwrap()));
    body
}

fn welcome(x: u64, k: u64) -> Frame {
    Frame::Welcome(Welcome { x, now_s: 1, k, limits: None })
}

fn copy(from: &TempDir, to: &TempDir) {
    let db = rusqlite::Connection::open(from.path().join("store.db")).unwrap();
    let path = to.path().join("store.db");
    db.execute("VACUUM INTO ?1", [path.to_str().unwrap()]).unwrap();
}

#[tokio::test]
async fn an_answer_to_another_attempt_is_no_answer() {
    let world = World::new();
    world.sync().await;
    world.send("one");
    let before = world.store.reader().position().unwrap();
    let mut line = world.line();
    line.canned = Some(body(&[vec![welcome(before.x, 1), Frame::Done]]));
    let err = world.visit_over(&mut line).await.1.unwrap_err();
    assert!(matches!(err, SyncError::NotOurs), "{err}");
    let after = world.store.reader().position().unwrap();
    assert_eq!((after.k, after.told, after.x), (before.k, before.told, before.x + 1));
    assert!(world.store.reader().outbox().unwrap()[0].on_its_way, "still in doubt");
    world.sync().await;
    assert_eq!(world.taken(), ["one"]);
}

#[tokio::test]
async fn an_answer_without_its_done_was_cut() {
    let world = World::new();
    let mut line = world.line();
    line.canned = Some(body(&[vec![welcome(1, 0)]]));
    let (progress, ended) = world.visit_over(&mut line).await;
    let err = ended.unwrap_err();
    assert!(matches!(err, SyncError::Unfinished), "{err}");
    let outcome = Outcome::new(&progress, &Err(err), (1, 2), Waiting::default());
    assert_eq!((outcome.outcome, progress.done), (OutcomeKind::NoLink, 0));
}

#[tokio::test]
async fn a_portals_page_changes_nothing_and_is_named() {
    let world = World::new();
    world.sync().await;
    let mut line = world.line();
    line.canned = Some(b"<html>Log in".to_vec());
    let (progress, ended) = world.visit_over(&mut line).await;
    assert!(ended.as_ref().unwrap_err().is_permanent());
    let outcome = Outcome::new(&progress, &ended, (0, 0), Waiting::default());
    assert!(outcome.words.contains("no Mailboat body"), "{}", outcome.words);
}

#[tokio::test]
async fn a_refused_token_says_what_to_do() {
    let world = World::new();
    let mut line = world.line();
    line.status = 401;
    line.canned = Some(b"unknown token".to_vec());
    let (progress, ended) = world.visit_over(&mut line).await;
    let outcome = Outcome::new(&progress, &ended, (0, 0), Waiting::default());
    assert_eq!(outcome.outcome, OutcomeKind::Refused);
    assert!(
        outcome.words.contains("unknown token") && outcome.words.contains("mailboat login"),
        "{}",
        outcome.words
    );
}

#[tokio::test]
async fn a_relay_that_is_overloaded_says_when_to_come_back() {
    let world = World::new();
    let mut line = world.line();
    line.status = 503;
    line.canned = Some(b"later".to_vec());
    let err = world.visit_over(&mut line).await.1.unwrap_err();
    assert_eq!((err.retry_after_s(), err.is_permanent()), (Some(60), true));
}

#[tokio::test]
async fn what_stops_the_relay_leaves_the_rest_here() {
    let world = World::new();
    world.sync().await;
    world.relay.lock().unwrap().stops_after = Some(1);
    world.send("one");
    world.send("two");
    world.bob_says("meanwhile");
    let (progress, ended) = world.visit_over(&mut world.line()).await;
    let outcome = Outcome::new(&progress, &ended, (0, 0), Waiting::default());
    assert_eq!(
        (outcome.outcome, outcome.retry_after_s, outcome.sent),
        (OutcomeKind::Partial, Some(30), 1)
    );
    assert_eq!(world.read(), ["meanwhile"]);
    assert!(!world.store.reader().outbox().unwrap().iter().any(|row| row.on_its_way));
    world.relay.lock().unwrap().stops_after = None;
    world.sync().await;
    assert_eq!(world.taken(), ["one", "two"]);
}

#[tokio::test]
async fn a_relay_put_back_gets_everything_again_once() {
    let world = World::new();
    world.sync().await;
    world.send("before");
    world.bob_says("before");
    world.sync().await;
    let backup = world.relay.lock().unwrap().clone();
    world.send("one");
    world.bob_says("never seen again");
    world.sync().await;
    world.send("two");
    world.sync().await;
    world.send("in doubt");
    let mut line = world.line();
    line.down_left = 0;
    assert!(world.visit_over(&mut line).await.1.is_err());
    let lost = world.relay.lock().unwrap().placed.clone();
    {
        let mut relay = world.relay.lock().unwrap();
        *relay = backup;
        // As after every opening of a store: beyond whatever was given before.
        relay.position += 1_000;
        relay.c += 1_000;
        relay.bobs_n += 1_000;
    }
    world.send("after");
    world.bob_says("after");
    world.sync().await;
    assert_eq!(world.taken(), ["before", "one", "two", "in doubt", "after"]);
    assert_eq!(world.read(), ["before", "never seen again", "after"]);
    let placed = world.relay.lock().unwrap().placed.clone();
    for (_, name, submit) in &lost[..3] {
        let again = placed.iter().find(|placed| placed.1 == *name).unwrap();
        assert_eq!(again.2.body, submit.body, "{name}");
    }
    let progress = world.sync().await;
    assert_eq!((progress.sent, progress.requests), (0, 1));
}

#[tokio::test]
async fn a_cloned_home_becomes_a_new_device_and_both_messages_arrive_once() {
    let world = World::new();
    world.sync().await;
    world.send("before");
    world.sync().await;
    world.send("waiting");
    let elsewhere = tempfile::tempdir().unwrap();
    copy(&world.dir, &elsewhere);
    let twin = World {
        store: open(&elsewhere, Options { free_min: 0, ..Options::default() }),
        dir: elsewhere,
        relay: world.relay.clone(),
        terms: world.terms.clone(),
        device: Arc::new(AtomicU64::new(MY_DEVICE)),
    };
    world.bob_says("hello");
    world.sync().await;
    world.sync().await;
    twin.send("from the twin");
    let mut line = twin.line();
    let (_, ended) = twin.visit_over(&mut line).await;
    assert_eq!(ended.unwrap(), Ended::Done);
    assert_ne!(twin.store.reader().identity().unwrap().device, MY_DEVICE);
    assert_eq!(world.taken(), ["before", "waiting"], "nothing goes twice without the user");
    assert_eq!((twin.read(), world.read()), (vec!["hello".to_owned()], vec!["hello".to_owned()]));
    assert!(twin.notices().iter().any(|text| text.contains("new device")), "{:?}", twin.notices());
    let outbox = twin.store.reader().outbox().unwrap();
    let own = outbox.iter().find(|row| row.text == "from the twin").unwrap();
    assert_eq!(own.state, MessageState::Held);
    twin.store.outbox_release(own.id).unwrap();
    assert_eq!(twin.visit_over(&mut line).await.1.unwrap(), Ended::Done);
    world.sync().await;
    assert_eq!(world.taken(), ["before", "waiting", "from the twin"]);
}

/// Another computer with the same home.
fn twin_of(world: &World) -> World {
    let elsewhere = tempfile::tempdir().unwrap();
    copy(&world.dir, &elsewhere);
    World {
        store: open(&elsewhere, Options { free_min: 0, ..Options::default() }),
        dir: elsewhere,
        relay: world.relay.clone(),
        terms: world.terms.clone(),
        device: Arc::new(AtomicU64::new(MY_DEVICE)),
    }
}

/// Seals what waits in an attempt of which the relay hears nothing.
async fn lose_an_attempt(world: &World) {
    let mut line = world.line();
    line.up_left = 0;
    assert!(world.visit_over(&mut line).await.1.is_err());
}

#[tokio::test]
async fn a_twin_that_asks_first_does_not_take_the_others_answer_for_its_own() {
    for (same, other) in [(0, 1), (0, 3), (2, 1)] {
        let mut world = World::new();
        // So little that whatever is in doubt is asked for first.
        world.terms.packet_max = 1;
        world.sync().await;
        (0..same).for_each(|at| world.send(&format!("both {at}")));
        lose_an_attempt(&world).await;
        let twin = twin_of(&world);
        world.send("from the one");
        (0..other).for_each(|at| twin.send(&format!("from the other {at}")));
        lose_an_attempt(&twin).await;
        lose_an_attempt(&twin).await;
        world.sync().await;
        let asks = twin.relay.lock().unwrap().requests.len();
        twin.sync().await;
        let first = twin.relay.lock().unwrap().requests[asks].clone();
        assert!(
            relay::hello(&first).pending
                && !first.iter().flatten().any(|frame| matches!(frame, Frame::Submits(_)))
        );
        assert_ne!(twin.store.reader().identity().unwrap().device, MY_DEVICE, "{same} {other}");
        let outbox = twin.store.reader().outbox().unwrap();
        let held = outbox.iter().filter(|row| {
            row.state == MessageState::Held && row.text.starts_with("from the other")
        });
        assert_eq!(held.count(), other, "{outbox:?}");
        assert_eq!(twin.relay.lock().unwrap().texts().len(), same + 1);
    }
}

#[tokio::test]
async fn who_asks_first_and_has_no_twin_believes_the_answer() {
    let mut world = World::new();
    world.terms.packet_max = 1;
    world.sync().await;
    (0..3).for_each(|at| world.send(&format!("{at}")));
    let mut line = world.line();
    line.down_left = 0;
    assert!(world.visit_over(&mut line).await.1.is_err());
    world.send("later");
    world.sync().await;
    assert_eq!(world.store.reader().identity().unwrap().device, MY_DEVICE);
    assert_eq!(world.taken(), ["0", "1", "2", "later"]);
    assert!(
        world.store.reader().outbox().unwrap().iter().all(|row| row.state == MessageState::Relayed)
    );
}

#[tokio::test]
async fn twins_in_step_are_told_apart_by_what_they_say() {
    let world = World::new();
    world.sync().await;
    let elsewhere = tempfile::tempdir().unwrap();
    copy(&world.dir, &elsewhere);
    let twin = World {
        store: open(&elsewhere, Options { free_min: 0, ..Options::default() }),
        dir: elsewhere,
        relay: world.relay.clone(),
        terms: world.terms.clone(),
        device: Arc::new(AtomicU64::new(MY_DEVICE)),
    };
    world.send("from the one");
    twin.send("from the other");
    world.sync().await;
    // The same exchange number, the same item number.
    twin.sync().await;
    assert_eq!(world.taken(), ["from the one"]);
    let outbox = twin.store.reader().outbox().unwrap();
    assert_eq!((&outbox[0].text[..], outbox[0].state), ("from the other", MessageState::Held));
    assert!(twin.read().is_empty());
}

#[tokio::test]
async fn a_fork_that_is_interrupted_makes_one_device() {
    let mut world = World::new();
    world.sync().await;
    world.send("one");
    world.relay.lock().unwrap().devices.get_mut(&MY_DEVICE).unwrap().x = 1_000;
    let mut line = world.line();
    line.loses_device = true;
    assert!(world.visit_over(&mut line).await.1.is_err());
    for commits in 0..3 {
        world.store.crash_after(commits);
        let _ = world.visit().await;
        world = world.reopen();
    }
    world.sync().await;
    assert_eq!(world.relay.lock().unwrap().tokens.len(), 1);
    assert_eq!(world.store.reader().identity().unwrap().device, 3000);
    assert_eq!(world.store.reader().outbox().unwrap()[0].state, MessageState::Held);
}

#[tokio::test]
async fn a_fork_of_an_older_attempt_of_ours_is_not_believed() {
    let world = World::new();
    world.sync().await;
    let mut line = world.line();
    let x = world.store.reader().position().unwrap().x;
    line.canned =
        Some(body(&[vec![Frame::Forked(Forked { x, why: ForkWhy::StaleAttempt }), Frame::Done]]));
    assert!(matches!(world.visit_over(&mut line).await.1, Err(SyncError::NotOurs)));
    assert_eq!(world.store.reader().identity().unwrap().device, MY_DEVICE);
    assert!(world.relay.lock().unwrap().tokens.is_empty());
}

#[tokio::test]
async fn a_home_of_last_week_sends_nothing_without_the_user_and_fetches_what_it_lacks() {
    let world = World::new();
    world.sync().await;
    world.send("old");
    let old = tempfile::tempdir().unwrap();
    copy(&world.dir, &old);
    world.sync().await;
    world.send("newer");
    world.bob_says("answer");
    world.sync().await;
    world.sync().await;
    let World { dir, store, relay, terms, device } = world;
    drop(store);
    fs::copy(old.path().join("store.db"), dir.path().join("store.db")).unwrap();
    for side in ["store.db-wal", "store.db-shm"] {
        let _ = fs::remove_file(dir.path().join(side));
    }
    let store = open(&dir, Options { free_min: 0, ..Options::default() });
    let world = World { dir, store, relay, terms, device };
    world.sync().await;
    assert_eq!(world.taken(), ["old", "newer"]);
    assert_eq!(world.read(), ["answer"]);
    let outbox = world.store.reader().outbox().unwrap();
    assert_eq!((outbox.len(), outbox[0].state), (1, MessageState::Held));
    assert!(!outbox[0].reason.is_empty());
}

#[tokio::test]
async fn an_answer_for_numbers_that_were_never_given_here_shows_a_twin() {
    let world = World::new();
    world.sync().await;
    let old = tempfile::tempdir().unwrap();
    copy(&world.dir, &old);
    world.send("from the first");
    world.sync().await;
    // The twin asks with a higher number than the first one, holds what that holds, and sends nothing.
    let (x, cursors) = {
        let position = world.store.reader().position().unwrap();
        (position.x, position.cursors)
    };
    let World { store, relay, terms, device, .. } = world;
    drop(store);
    let store = open(&old, Options { free_min: 0, ..Options::default() });
    let twin = World { dir: old, store, relay, terms, device };
    {
        let mut relay = twin.relay.lock().unwrap();
        let state = relay.devices.get_mut(&MY_DEVICE).unwrap();
        (state.x, state.told) = (0, 0);
        assert!(0 < x, "it had exchanges before");
        state.cursors = cursors;
    }
    twin.sync().await;
    assert_eq!(twin.store.reader().identity().unwrap().device, 3000, "it is another device now");
    assert_eq!(twin.relay.lock().unwrap().devices[&MY_DEVICE].k, 1);
}
