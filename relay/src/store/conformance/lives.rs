//! A store that was put back to an older copy, and then to a newer one of the life that was given up: devices hold
//! positions of the life in between.

use std::sync::Arc;

use wire::Lane;

use super::{
    super::{AccountAnswer, AccountOrder, AccountQuery, Policy, Store},
    Engine,
    phone::{FIRST_C, Phone, START_S, latest, new_device, pair, texts},
};

/// When this store was opened again; the other life lies in between.
const OPENED_S: u64 = START_S + 3_600;
/// A position that the other life gave.
const BETWEEN: u64 = (FIRST_C + 1_800) * 16 + 5;

async fn waiting(store: &Arc<dyn Store>, name: &str) -> u64 {
    let answer = store.look_up(AccountQuery::ByName(name.to_owned())).await.unwrap();
    let AccountAnswer::Accounts(rows) = answer else { panic!("{answer:?}") };
    rows[0].waiting
}

pub(super) async fn what_lies_below_a_cursor_of_another_life_comes_all_the_same(
    engine: &dyn Engine,
) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let mut second = Phone::login(&store, bob.account()).await;
    second.visit().await;
    ann.text(chat, "one").await;
    bob.visit().await;
    let c = ann.text(chat, "two").await;
    drop(store);
    let store = engine.open(Policy::default(), OPENED_S);
    for phone in [&mut ann, &mut bob, &mut second] {
        phone.store = Arc::clone(&store);
    }
    // With and without anything that was given a position since.
    for is_later in [false, true] {
        // What only the second one lacks comes to both: devices drop what they know.
        let (bob, expected) = if is_later { (&mut second, 3) } else { (&mut bob, 2) };
        for lane in Lane::ALL {
            *bob.cursors.of_mut(lane) = BETWEEN - u64::from(is_later);
        }
        let turn = bob.turn();
        bob.take(turn).await;
        let receipts = store_receipts(&ann).await;
        assert!(is_later || receipts.iter().all(|delivered| *delivered < c), "{receipts:?}");
        let page = bob.visit().await;
        assert_eq!(texts(&page.ordinary), ["one", "two", "three"][..expected]);
        assert!(
            latest(&page).iter().any(|entry| matches!(entry, wire::Entry::Conversation { .. })),
            "what is so here may not have been so there"
        );
        assert_eq!(texts(&bob.visit().await.ordinary), [""; 0]);
        assert_eq!(waiting(&store, "bob").await, 0);
        // Positions keep to the clock, or they would mix with those of the life that begins next.
        assert!(bob.cursors.ordinary < (FIRST_C + 3_660) * 16, "{:?}", bob.cursors);
        if !is_later {
            ann.text(chat, "three").await;
            bob.visit().await;
        }
    }
}

/// How far the readers of one's messages have them.
async fn store_receipts(author: &Phone) -> Vec<u64> {
    let page = author.peek().await;
    let delivered = |entry: &&wire::Entry| match entry {
        wire::Entry::Receipt { delivered, .. } => Some(*delivered),
        _ => None,
    };
    latest(&page).iter().filter_map(delivered).collect()
}

pub(super) async fn what_came_since_does_not_hide_that_a_cursor_is_of_another_life(
    engine: &dyn Engine,
) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    ann.text(chat, "before").await;
    drop(store);
    let store = engine.open(Policy::default(), OPENED_S);
    (ann.store, bob.store) = (Arc::clone(&store), Arc::clone(&store));
    ann.text(chat, "since").await;
    bob.cursors.ordinary = BETWEEN;
    let turn = bob.turn();
    bob.take(turn).await;
    assert_eq!(texts(&bob.visit().await.ordinary), ["before", "since"]);
}

pub(super) async fn a_device_made_with_cursors_of_another_life_gets_what_is_kept(
    engine: &dyn Engine,
) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    ann.text(chat, "one").await;
    bob.visit().await;
    ann.text(chat, "two").await;
    drop(store);
    let store = engine.open(Policy::default(), OPENED_S);
    let cursors = wire::Cursors { latest: BETWEEN, urgent: BETWEEN, ordinary: BETWEEN };
    let orders = [
        AccountOrder::Fork { from: bob.login.device, device: new_device(), cursors: Some(cursors) },
        AccountOrder::Login {
            account: bob.account(),
            device: new_device(),
            since_s: 0,
            cursors: Some(wire::Cursors { urgent: BETWEEN + (1 << 20), ..cursors }),
        },
    ];
    for (order, expected) in orders.into_iter().zip([&["two"][..], &["one", "two"]]) {
        let mut phone = Phone::granted(&store, order).await;
        let page = phone.visit().await;
        assert_eq!(texts(&page.ordinary), expected);
        assert!(!page.latest.is_empty());
    }
}

pub(super) async fn starting_again_and_again_brings_nothing_twice(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let mut silent = Phone::login(&store, bob.account()).await;
    drop(store);
    let mut said = Vec::new();
    for day in 1..40 {
        let store = engine.open(Policy::default(), START_S + day * 3_600);
        (ann.store, bob.store, silent.store) = (store.clone(), store.clone(), store);
        for at in 0..2 {
            let words = format!("{day} {at}");
            ann.text(chat, &words).await;
            assert_eq!(texts(&bob.visit().await.ordinary), [words.as_str()]);
            said.push(words);
        }
        ann.visit().await;
    }
    assert_eq!(texts(&silent.visit().await.ordinary), said);
}
