//! Who talks to whom: requests, answers, groups, blocks, edits.

use wire::{ConversationRef, Entry, Item, MemberState, Refusal, Run, Submit, kind};

use super::{
    Engine,
    phone::{FIRST_C, Phone, START_S, befriend, item, latest, pair, request, text_at, texts},
};
use crate::store::{LanePage, Policy};

fn said(number: u64, what: &Item) -> Submit {
    item(ConversationRef::Number(number), what)
}

fn reason(run: &Run) -> Refusal {
    let Run::Refused { reason, .. } = run else { panic!("{run:?}") };
    *reason
}

/// What the account's conversation entry in a page says of its own membership.
fn mine(page: &LanePage, conversation: u64) -> Option<MemberState> {
    latest(page).into_iter().rev().find_map(|entry| match entry {
        Entry::Conversation { number, mine, .. } if *number == conversation => Some(*mine),
        _ => None,
    })
}

pub(super) async fn crossing_requests_make_one_conversation(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob) = (Phone::join(&store, "ann").await, Phone::join(&store, "bob").await);
    let one = ann.request(&["bob"], "").await;
    let other = bob.request(&["ann"], "").await;
    assert_eq!(one, other);
    assert_eq!(mine(&ann.visit().await, one), Some(MemberState::Member));
    assert_eq!(mine(&bob.visit().await, one), Some(MemberState::Member));
    // Both founding names denote it, also for what follows in the same batch.
    let by_name = item(ConversationRef::Founded(bob.name(1)), &Item::Text("hi".into()));
    assert_eq!(
        bob.send_one(by_name).await,
        Run::Placed { count: 1, conversation: one, c: FIRST_C }
    );
    assert_eq!(texts(&ann.visit().await.ordinary), ["hi"]);
}

pub(super) async fn the_first_answer_wins_and_the_same_again_is_nothing(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob) = (Phone::join(&store, "ann").await, Phone::join(&store, "bob").await);
    let mut tablet = Phone::login(&store, bob.account()).await;
    let chat = ann.request(&["bob"], "").await;
    let page = tablet.visit().await;
    let invited = latest(&page).into_iter().any(|entry| {
        matches!(entry, Entry::Conversation { mine: MemberState::Invited, inviter_name, greeting, .. }
            if inviter_name == "ann" && greeting == "Ahoy")
    });
    assert!(invited, "{page:?}");
    assert_eq!(bob.send_one(said(chat, &Item::Accept)).await, Run::Done { count: 1 });
    assert_eq!(tablet.send_one(said(chat, &Item::Accept)).await, Run::Done { count: 1 });
    let declined = tablet.send_one(said(chat, &Item::Decline)).await;
    assert_eq!(reason(&declined), Refusal::AlreadyAnswered);
    let withdrawn = ann.send_one(said(chat, &Item::Withdraw)).await;
    assert_eq!(reason(&withdrawn), Refusal::AlreadyAnswered);
    assert_eq!(mine(&tablet.visit().await, chat), Some(MemberState::Member));
    let contact = latest(&ann.visit().await)
        .into_iter()
        .cloned()
        .any(|entry| matches!(entry, Entry::Contact { name, blocked: false, .. } if name == "bob"));
    assert!(contact);
}

pub(super) async fn a_pair_asked_again_keeps_its_conversation(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob) = (Phone::join(&store, "ann").await, Phone::join(&store, "bob").await);
    let chat = ann.request(&["bob"], "").await;
    assert_eq!(ann.request(&["bob"], "").await, chat, "pending already");
    let early = ann.send_one(text_at(chat, "early", u32::MAX)).await;
    assert_eq!(reason(&early), Refusal::NobodyThere);
    bob.send_one(said(chat, &Item::Decline)).await;
    assert_eq!(ann.request(&["bob"], "").await, chat, "asked again");
    assert_eq!(mine(&bob.visit().await, chat), Some(MemberState::Invited));
    ann.send_one(said(chat, &Item::Withdraw)).await;
    assert_eq!(mine(&bob.visit().await, chat), Some(MemberState::Withdrawn));
    assert_eq!(bob.request(&["ann"], "").await, chat, "now the other one asks");
    assert_eq!(mine(&ann.visit().await, chat), Some(MemberState::Invited));
    ann.send_one(said(chat, &Item::Accept)).await;
    ann.text(chat, "at last").await;
    assert_eq!(texts(&bob.visit().await.ordinary), ["at last"]);
}

pub(super) async fn nobody_reads_what_was_written_before_he_joined_or_after_he_left(
    engine: &dyn Engine,
) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, _) = pair(&store).await;
    let mut carl = Phone::join(&store, "carl").await;
    let group = ann.request(&["bob", "carl"], "Crew").await;
    let version = |page: &LanePage| {
        latest(page).into_iter().find_map(|entry| match entry {
            Entry::Conversation { number, version, .. } if *number == group => Some(*version),
            _ => None,
        })
    };
    let before = version(&ann.visit().await).unwrap();
    carl.send_one(said(group, &Item::Accept)).await;
    // Composed before carl joined, committed after: bob was there both times, carl was not.
    ann.send_one(text_at(group, "before", before)).await;
    let after = version(&ann.visit().await).unwrap();
    assert!(before < after);
    ann.send_one(text_at(group, "after", after)).await;
    assert_eq!(texts(&bob.visit().await.ordinary), ["before", "after"]);
    assert_eq!(texts(&carl.visit().await.ordinary), ["after"]);
    carl.send_one(said(group, &Item::Leave)).await;
    // Composed while carl was there, committed when he was gone.
    ann.send_one(text_at(group, "gone", after)).await;
    assert!(carl.visit().await.ordinary.is_empty());
    assert_eq!(reason(&carl.send_one(text_at(group, "still", after)).await), Refusal::NotMember);
    assert_eq!(texts(&bob.visit().await.ordinary), ["gone"]);
}

pub(super) async fn contacts_join_a_group_at_once_and_strangers_are_asked(engine: &dyn Engine) {
    let store = engine.open(Policy { members_max: 3, ..Policy::default() }, START_S);
    let (mut ann, mut bob, _) = pair(&store).await;
    let mut carl = Phone::join(&store, "carl").await;
    let mut dora = Phone::join(&store, "dora").await;
    let crowd = request(&["bob", "carl", "dora"], "Crew");
    assert_eq!(reason(&ann.send_one(crowd).await), Refusal::TooMany, "with ann they are four");
    let group = ann.request(&["bob"], "Crew").await;
    // Even what was composed before anybody heard of the group.
    ann.send_one(text_at(group, "welcome", 0)).await;
    assert_eq!(texts(&bob.visit().await.ordinary), ["welcome"]);
    let add = |name: &str| {
        said(group, &Item::Add { to: vec![name.to_owned()], greeting: "Join us".into() })
    };
    assert_eq!(bob.send_one(add("carl")).await, Run::Done { count: 1 });
    assert_eq!(mine(&carl.visit().await, group), Some(MemberState::Invited));
    assert_eq!(reason(&bob.send_one(add("dora")).await), Refusal::TooMany);
    assert_eq!(reason(&dora.send_one(add("dora")).await), Refusal::NotMember);
    carl.send_one(said(group, &Item::Accept)).await;
    let title = Item::Rename { title: "The crew".into() };
    assert_eq!(carl.send_one(said(group, &title)).await, Run::Done { count: 1 });
    let page = ann.visit().await;
    let renamed = latest(&page)
        .into_iter()
        .any(|entry| matches!(entry, Entry::Conversation { title, .. } if title == "The crew"));
    let joined = latest(&page).into_iter().any(
        |entry| matches!(entry, Entry::Member { name, state: MemberState::Member, .. } if name == "carl"),
    );
    assert!(renamed && joined, "{page:?}");
}

pub(super) async fn a_block_looks_like_silence(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let mut carl = Phone::join(&store, "carl").await;
    let block =
        |name: &str, on| item(ConversationRef::None, &Item::Block { account: name.to_owned(), on });
    bob.send(vec![block("ann", true), block("carl", true)]).await;
    bob.visit().await;
    ann.text(chat, "psst").await;
    let asked = carl.request(&["bob"], "").await;
    let page = bob.visit().await;
    assert!(page.ordinary.is_empty() && page.latest.is_empty(), "{page:?}");
    bob.send_one(block("carl", false)).await;
    assert_eq!(mine(&bob.visit().await, asked), Some(MemberState::Invited));
    for (account, contacts) in [(ann.account(), 0), (bob.account(), 0)] {
        let found = store.contacts(vec![account]).await.pop().unwrap().unwrap();
        assert_eq!(found.len(), contacts);
    }
    bob.send_one(block("ann", false)).await;
    assert_eq!(store.contacts(vec![ann.account()]).await.pop().unwrap().unwrap().len(), 1);
    ann.text(chat, "again").await;
    assert_eq!(texts(&bob.visit().await.ordinary), ["again"]);
}

pub(super) async fn an_edit_goes_where_its_target_went_and_only_for_its_author(
    engine: &dyn Engine,
) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let mut tablet = Phone::login(&store, ann.account()).await;
    let urgent = Submit { urgent: true, ..text_at(chat, "fire", u32::MAX) };
    ann.send_one(urgent).await;
    let target = ann.name(ann.k);
    let edit = said(chat, &Item::Edit { target, text: "no fire".into() });
    assert_eq!(reason(&bob.send_one(edit.clone()).await), Refusal::NotYours);
    tablet.send_one(edit).await;
    let page = bob.visit().await;
    let kinds: Vec<_> = page.urgent.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [kind::TEXT, kind::EDIT]);
    assert!(page.ordinary.is_empty());
}

pub(super) async fn a_deleted_body_goes_but_its_entry_stays(engine: &dyn Engine) {
    let store = engine.open(Policy::default(), START_S);
    let (mut ann, mut bob, chat) = pair(&store).await;
    let target = ann.name(ann.k + 1);
    ann.send(vec![
        text_at(chat, "oops", u32::MAX),
        said(chat, &Item::Delete { target }),
        text_at(chat, "better", u32::MAX),
    ])
    .await;
    let page = bob.visit().await;
    let shown: Vec<_> = page.ordinary.iter().map(|entry| (entry.kind, entry.n)).collect();
    let n = target.n;
    assert_eq!(shown, [(kind::VOID, n), (kind::DELETE, n + 1), (kind::TEXT, n + 2)]);
    assert!(page.ordinary[0].body.is_empty());
}

pub(super) async fn names_nobody_has_and_too_many_requests_are_refused(engine: &dyn Engine) {
    let store = engine.open(Policy { chat_requests_per_day: 2, ..Policy::default() }, START_S);
    let mut ann = Phone::join(&store, "ann").await;
    for name in ["bob", "carl", "dora"] {
        Phone::join(&store, name).await;
    }
    assert_eq!(reason(&ann.send_one(request(&["zoe"], "")).await), Refusal::NoSuchAccount);
    assert_eq!(reason(&ann.send_one(request(&["ann"], "")).await), Refusal::Invalid);
    let mut both = ann.send(vec![request(&["bob"], ""), request(&["carl"], "")]).await;
    assert!(both.iter().all(|run| matches!(run, Run::Founded { .. })), "{both:?}");
    both.clear();
    assert_eq!(reason(&ann.send_one(request(&["dora"], "")).await), Refusal::TooOften);
    ann.now_s += 24 * 60 * 60;
    ann.request(&["dora"], "").await;
    let mut dora = Phone::login(&store, ann.account()).await;
    talking_is_free_and_groups_are_counted(&mut ann, &mut dora).await;
}

/// A group of contacts, who are members at once, is as many requests as it takes commits to tell them all of each other;
/// so is what widens it.
pub(super) async fn a_large_group_of_contacts_counts_as_several_requests(engine: &dyn Engine) {
    let store = engine.open(Policy { chat_requests_per_day: 1, ..Policy::default() }, START_S);
    let mut ann = Phone::join(&store, "ann").await;
    let names: Vec<_> = (0..91).map(|n| format!("friend{n}")).collect();
    for name in &names {
        befriend(&mut Phone::join(&store, name).await, &mut ann, "ann").await;
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    assert_eq!(reason(&ann.send_one(request(&names, "")).await), Refusal::TooOften);
    let group = ann.request(&names[..45], "").await;
    assert_eq!(reason(&ann.send_one(request(&names[..2], "")).await), Refusal::TooOften);
    ann.now_s += 24 * 60 * 60;
    let add = |names: &[&str]| {
        let to = names.iter().map(|name| (*name).to_owned()).collect();
        said(group, &Item::Add { to, greeting: String::new() })
    };
    assert_eq!(reason(&ann.send_one(add(&names[45..])).await), Refusal::TooOften);
    assert_eq!(ann.send_one(add(&names[45..85])).await, Run::Done { count: 1 });
    assert_eq!(reason(&ann.send_one(add(&names[85..86])).await), Refusal::TooOften);
}

/// Who was declined may ask again, and each time counts.
pub(super) async fn asking_again_after_a_decline_counts(engine: &dyn Engine) {
    let store = engine.open(Policy { chat_requests_per_day: 2, ..Policy::default() }, START_S);
    let (mut ann, mut bob) = (Phone::join(&store, "ann").await, Phone::join(&store, "bob").await);
    for _ in 0..2 {
        let chat = ann.request(&["bob"], "").await;
        assert_eq!(bob.send_one(said(chat, &Item::Decline)).await, Run::Done { count: 1 });
    }
    assert_eq!(reason(&ann.send_one(request(&["bob"], "")).await), Refusal::TooOften);
}

/// To ask a contact again costs nothing; a group of contacts writes rows for all of them, and counts.
async fn talking_is_free_and_groups_are_counted(ann: &mut Phone, _tablet: &mut Phone) {
    let store = std::sync::Arc::clone(&ann.store);
    let mut eve = Phone::join(&store, "eve").await;
    eve.now_s = ann.now_s;
    befriend(&mut eve, ann, "ann").await;
    for _ in 0..5 {
        ann.request(&["eve"], "").await;
    }
    ann.now_s += 24 * 60 * 60;
    for _ in 0..2 {
        ann.request(&["eve"], "Again").await;
    }
    assert_eq!(reason(&ann.send_one(request(&["eve"], "Again")).await), Refusal::TooOften);
}
