//! What authors hear about their messages.

use wire::{Entry, Lane, Run};

use super::{
    Engine,
    phone::{Phone, START_S, item, latest, pair, request},
};
use crate::store::{LanePage, Policy};

/// `(account, delivered, read)` of the receipts in a page.
fn receipts(page: &LanePage) -> Vec<(u64, u64, u64)> {
    latest(page)
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Receipt { account, delivered, read, lane: Lane::Ordinary, .. } => {
                Some((*account, *delivered, *read))
            }
            _ => None,
        })
        .collect()
}

pub(super) async fn a_receipt_follows_the_cursor_of_any_device(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let mut tablet = Phone::login(&store, bob.account()).await;
    let c = ann.text(chat, "one").await;
    let c = ann.text(chat, "two").await.max(c);
    assert_eq!(receipts(&ann.visit().await), []);
    tablet.visit().await;
    assert_eq!(receipts(&ann.visit().await), [(bob.account(), c, 0)]);
    bob.visit().await;
    assert_eq!(receipts(&ann.visit().await), [], "the second device is no news");
    bob.text(chat, "three").await;
    ann.visit().await;
    assert_eq!(receipts(&ann.visit().await), [], "nobody is told about his own reading");
    assert_eq!(receipts(&bob.visit().await), [(ann.account(), c + 1, 0)]);
}

pub(super) async fn a_receipt_stops_in_front_of_what_no_device_has(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let one = ann.text(chat, "before the tablet").await;
    let mut tablet = Phone::login(&store, bob.account()).await;
    let two = ann.text(chat, "after it").await;
    tablet.visit().await;
    tablet.visit().await;
    let told = receipts(&ann.visit().await);
    assert!(told.iter().all(|(_, delivered, _)| *delivered < one), "{told:?} with {one} missing");
    bob.visit().await;
    bob.visit().await;
    assert_eq!(receipts(&ann.visit().await), [(bob.account(), two, 0)]);
}

pub(super) async fn a_mark_is_shared_only_if_asked_and_never_passes_what_is_there(
    engine: &dyn Engine,
) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let mut tablet = Phone::login(&store, bob.account()).await;
    let c = ann.text(chat, "one").await;
    bob.visit().await;
    ann.visit().await;
    tablet.visit().await;
    bob.mark(chat, c, false).await;
    assert_eq!(receipts(&ann.visit().await), []);
    assert_eq!(receipts(&tablet.visit().await), [(bob.account(), 0, c)], "his own devices know");
    bob.mark(chat, c + 1_000, true).await;
    assert_eq!(receipts(&ann.visit().await), [(bob.account(), c, c)]);
    bob.mark(chat, c - 1, true).await;
    assert_eq!(receipts(&ann.visit().await), [], "marks only grow");
}

pub(super) async fn many_members_are_told_by_counts(engine: &dyn Engine) {
    let policy = Policy { chat_requests_per_day: 1_000, ..Policy::default() };
    let store = engine.open(policy, START_S);
    let mut ann = Phone::join(&store, "ann").await;
    let names: Vec<_> = (0..20).map(|n| format!("crew{n}")).collect();
    let mut crew = Vec::new();
    for name in &names {
        crew.push(Phone::join(&store, name).await);
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let run = ann.send_one(request(&names, "Ship")).await;
    let Run::Founded { conversation: ship } = run else { panic!("{run:?}") };
    for phone in &mut crew {
        let accept = item(wire::ConversationRef::Number(ship), &wire::Item::Accept);
        phone.send_one(accept).await;
    }
    let c = ann.text(ship, "all hands").await;
    ann.visit().await;
    for phone in &mut crew[..7] {
        phone.visit().await;
    }
    for phone in &mut crew[..3] {
        phone.mark(ship, c, true).await;
    }
    let page = ann.visit().await;
    let wanted = Entry::Counts {
        conversation: ship,
        lane: Lane::Ordinary,
        c,
        delivered: 7,
        read: 3,
        of: 20,
    };
    assert_eq!(latest(&page), [&wanted]);
}
