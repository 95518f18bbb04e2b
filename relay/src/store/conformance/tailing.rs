//! Many writers at once, and somebody who reads behind them.

use std::sync::Arc;

use tokio::task::JoinSet;
use wire::{Item, Run};

use super::{
    Engine,
    phone::{Phone, START_S, item, request, text_at},
};
use crate::store::Policy;

/// Messages that each writer sends.
const EACH: usize = 25;
const WRITERS: usize = 64;

pub(super) async fn no_row_appears_below_a_readers_cursor(engine: &dyn Engine) {
    let policy = Policy { chat_requests_per_day: 1_000, ..Policy::default() };
    let store = engine.open(policy, START_S);
    let mut ann = Phone::join(&store, "ann").await;
    let mut writers = Vec::new();
    let names: Vec<_> = (0..WRITERS).map(|n| format!("writer{n}")).collect();
    for name in &names {
        writers.push(Phone::join(&store, name).await);
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let run = ann.send_one(request(&names, "All")).await;
    let Run::Founded { conversation: group } = run else { panic!("{run:?}") };
    for phone in &mut writers {
        phone.send_one(item(wire::ConversationRef::Number(group), &Item::Accept)).await;
    }
    let mut running = JoinSet::new();
    for mut phone in writers {
        running.spawn(async move {
            for n in 0..EACH {
                phone.text(group, &n.to_string()).await;
            }
        });
    }
    // Reads while they write, and says at once what it has: what it has read cannot come again.
    let mut watch = store.changes().watch(ann.account());
    let mut seen = Vec::new();
    while seen.len() < WRITERS * EACH {
        watch.borrow_and_update();
        let page = ann.visit().await;
        seen.extend(page.ordinary.iter().map(|entry| (entry.position, entry.c, entry.name())));
        if seen.len() < WRITERS * EACH && page.ordinary.is_empty() && page.latest.is_empty() {
            watch.changed().await.unwrap();
        }
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
    assert!(seen.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "positions and places rise together");
    let mut names: Vec<_> = seen.iter().map(|(_, _, name)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), WRITERS * EACH, "every message came, once");
    assert!(ann.visit().await.ordinary.is_empty());
}

pub(super) async fn accounts_take_turns_whatever_one_of_them_sends(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = super::phone::pair(&store).await;
    let flood: Vec<_> = (0..6_000).map(|n| text_at(chat, &n.to_string(), u32::MAX)).collect();
    let flooding = tokio::spawn(async move {
        ann.send(flood).await;
        ann
    });
    // Wait until the flood has begun, then send a word: it need not wait for the flood's end.
    let mut watch = store.changes().watch(bob.account());
    watch.changed().await.unwrap();
    bob.text(chat, "a word").await;
    let place = store
        .read(vec![crate::store::LaneAsk {
            account: bob.account(),
            device: 0,
            after: bob.cursors,
            up_to: None,
            lanes: wire::LaneMask::ALL,
            bytes_max: usize::MAX,
            now_s: START_S,
        }])
        .await
        .pop()
        .unwrap()
        .unwrap()
        .ordinary
        .iter()
        .position(|entry| entry.author == bob.login.device)
        .unwrap();
    let ann = flooding.await.unwrap();
    assert!(place < 6_000, "the word came at {place}, after the whole flood");
    assert_eq!(Arc::strong_count(&ann.store), 3);
}
