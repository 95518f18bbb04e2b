//! What goes away: expired, delivered everywhere, too much.

use std::sync::Arc;

use wire::{Entry, Item, MemberState, Refusal, Run, Submit};

use super::{
    Engine,
    phone::{Phone, START_S, item, latest, pair, request, text_at, texts},
};
use crate::store::{Chore, LanePage, Policy, Store};

const DAY_S: u64 = 24 * 60 * 60;

/// Runs a chore until it finds nothing more.
async fn tidy(store: &Arc<dyn Store>, chore: Chore, now_s: u64) -> u64 {
    let mut handled = 0;
    loop {
        let report = store.housekeep(chore.clone(), now_s).await.unwrap();
        handled += report.handled;
        if !report.more {
            return handled;
        }
    }
}

fn lapsed(page: &LanePage) -> Option<u64> {
    latest(page).into_iter().find_map(|entry| match entry {
        Entry::Lapsed { count, .. } => Some(*count),
        _ => None,
    })
}

fn expired(page: &LanePage) -> Vec<(u64, u16, u16)> {
    latest(page)
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Expired { name, missing, of } => Some((name.n, *missing, *of)),
            _ => None,
        })
        .collect()
}

fn short_lived(chat: u64, words: &str) -> Submit {
    Submit { lifetime_s: 600, age_s: 300, ..text_at(chat, words, u32::MAX) }
}

pub(super) async fn what_expires_is_told_to_both_sides(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    ann.send(vec![short_lived(chat, "tide"), text_at(chat, "lasting", u32::MAX)]).await;
    let n = ann.k - 1;
    assert_eq!(tidy(&store, Chore::Mailboxes, START_S + 299).await, 0);
    assert_eq!(tidy(&store, Chore::Mailboxes, START_S + 300).await, 1);
    assert_eq!(tidy(&store, Chore::Mailboxes, START_S + 300).await, 0, "it is decided once");
    let page = bob.visit().await;
    assert_eq!((texts(&page.ordinary), lapsed(&page)), (vec!["lasting".to_owned()], Some(1)));
    assert_eq!(expired(&ann.visit().await), [(n, 1, 1)]);
}

pub(super) async fn what_was_delivered_does_not_expire(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let mut tablet = Phone::login(&store, bob.account()).await;
    ann.send_one(short_lived(chat, "tide")).await;
    tablet.visit().await;
    assert_eq!(tidy(&store, Chore::Mailboxes, START_S + 3_600).await, 0);
    assert_eq!(texts(&bob.visit().await.ordinary), ["tide"]);
    let page = ann.visit().await;
    assert!(expired(&page).is_empty());
}

pub(super) async fn delivered_entries_go_when_every_device_has_them(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let mut tablet = Phone::login(&store, bob.account()).await;
    ann.text(chat, "news").await;
    tablet.visit().await;
    let later = START_S + 8 * DAY_S;
    for phone in [&mut ann, &mut bob, &mut tablet] {
        phone.now_s = later;
    }
    // Ann's own copy goes, bob's waits for his other device.
    assert_eq!(tidy(&store, Chore::Mailboxes, later).await, 1);
    assert_eq!(texts(&bob.visit().await.ordinary), ["news"]);
    assert_eq!(tidy(&store, Chore::Mailboxes, later + 2 * DAY_S).await, 1);
    assert_eq!(tidy(&store, Chore::Sweep, later).await, 0, "its author has not been told yet");
    ann.visit().await;
    assert_eq!(tidy(&store, Chore::Sweep, later).await, 1, "nothing needs the message any more");
    let fresh = Phone::granted(
        &store,
        crate::store::AccountOrder::Login {
            account: bob.account(),
            device: super::phone::new_device(),
            since_s: 30 * DAY_S,
            cursors: None,
        },
    )
    .await;
    assert!(fresh.peek().await.ordinary.is_empty());
}

pub(super) async fn a_dormant_device_holds_nothing_back_and_is_told(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let mut drawer = Phone::login(&store, bob.account()).await;
    bob.now_s = START_S + 61 * DAY_S;
    bob.visit().await;
    ann.now_s = bob.now_s;
    ann.text(chat, "one").await;
    ann.text(chat, "two").await;
    bob.visit().await;
    let later = bob.now_s + 9 * DAY_S;
    let seen = vec![(bob.login.device, later), (ann.login.device, later)];
    store.housekeep(Chore::Seen(seen), later).await.unwrap();
    assert_eq!(tidy(&store, Chore::Mailboxes, later).await, 4, "both copies of both messages");
    drawer.now_s = later;
    let page = drawer.visit().await;
    assert!(page.ordinary.is_empty());
    let missed = latest(&page).into_iter().find_map(|entry| match entry {
        Entry::LapsedDevice { device, count } => Some((*device, *count)),
        _ => None,
    });
    assert_eq!(missed, Some((drawer.login.device, 2)));
}

pub(super) async fn a_silent_author_is_told_of_what_expired_when_it_comes_back(
    engine: &dyn Engine,
) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, _bob, chat) = pair(&store).await;
    let mut tablet = Phone::login(&store, ann.account()).await;
    ann.send_one(short_lived(chat, "tide")).await;
    let n = ann.k;
    let later = START_S + 90 * DAY_S;
    tidy(&store, Chore::Mailboxes, later).await;
    tablet.now_s = later;
    tablet.visit().await;
    tablet.visit().await;
    store.housekeep(Chore::Seen(vec![(tablet.login.device, later)]), later).await.unwrap();
    tablet.text(chat, "this makes its mailbox worth a look").await;
    tidy(&store, Chore::Mailboxes, later + 20 * DAY_S).await;
    ann.now_s = later + 20 * DAY_S;
    assert_eq!(expired(&ann.visit().await), [(n, 1, 1)]);
}

pub(super) async fn a_full_mailbox_drops_what_was_delivered_then_refuses(engine: &dyn Engine) {
    let store = engine.open(Policy { mailbox_count_max: 3, ..Policy::default() }, START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    for words in ["1", "2", "3"] {
        ann.text(chat, words).await;
    }
    let full = ann.send_one(text_at(chat, "4", u32::MAX)).await;
    assert!(matches!(full, Run::Refused { reason: Refusal::Full, .. }), "{full:?}");
    let tablet = Phone::login(&store, bob.account()).await;
    assert_eq!(texts(&bob.visit().await.ordinary), ["1", "2", "3"]);
    ann.text(chat, "4").await;
    assert_eq!(texts(&bob.visit().await.ordinary), ["4"]);
    assert_eq!(texts(&tablet.peek().await.ordinary), ["4"]);
}

pub(super) async fn a_full_member_of_a_group_misses_it_and_both_are_told(engine: &dyn Engine) {
    let store = engine.open(Policy { mailbox_count_max: 1, ..Policy::default() }, START_S);
    let (mut ann, mut bob) = (Phone::join(&store, "ann").await, Phone::join(&store, "bob").await);
    let mut carl = Phone::join(&store, "carl").await;
    let run = ann.send_one(request(&["bob", "carl"], "Crew")).await;
    let Run::Founded { conversation: crew } = run else { panic!("{run:?}") };
    for phone in [&mut bob, &mut carl] {
        phone.send_one(item(wire::ConversationRef::Number(crew), &Item::Accept)).await;
        phone.visit().await;
    }
    ann.text(crew, "one").await;
    carl.visit().await;
    ann.text(crew, "two").await;
    assert_eq!(expired(&ann.visit().await), [(ann.k, 1, 2)]);
    assert_eq!(texts(&carl.visit().await.ordinary), ["two"]);
    let page = bob.visit().await;
    assert_eq!((texts(&page.ordinary), lapsed(&page)), (vec!["one".to_owned()], Some(1)));
}

pub(super) async fn an_unanswered_request_expires(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob) = (Phone::join(&store, "ann").await, Phone::join(&store, "bob").await);
    let chat = ann.request(&["bob"], "").await;
    ann.visit().await;
    assert_eq!(tidy(&store, Chore::Requests, START_S + 29 * DAY_S).await, 0);
    assert_eq!(tidy(&store, Chore::Requests, START_S + 30 * DAY_S).await, 1);
    let expired = MemberState::Expired;
    let page = bob.visit().await;
    assert!(
        latest(&page)
            .into_iter()
            .any(|entry| matches!(entry, Entry::Conversation { mine, .. } if *mine == expired)),
        "{page:?}"
    );
    let page = ann.visit().await;
    assert!(
        latest(&page).into_iter().any(
            |entry| matches!(entry, Entry::Member { name, state, .. } if name == "bob" && *state == expired)
        ),
        "{page:?}"
    );
    let late = bob.send_one(item(wire::ConversationRef::Number(chat), &Item::Accept)).await;
    assert!(matches!(late, Run::Refused { reason: Refusal::AlreadyAnswered, .. }), "{late:?}");
}
