//! Conversations as their members see them.

use wire::{ConversationRef, Entry, Item, MemberState, Refusal};

use super::{
    World,
    phone::{Phone, accept, item, request, text},
};

fn state_of(phone: &Phone, account: u64) -> Option<MemberState> {
    phone.entries.iter().rev().find_map(|entry| match entry {
        Entry::Member { account: other, state, .. } if *other == account => Some(*state),
        _ => None,
    })
}

fn mine(phone: &Phone) -> Option<MemberState> {
    phone.entries.iter().rev().find_map(|entry| match entry {
        Entry::Conversation { mine, .. } => Some(*mine),
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_19_nobody_reads_what_was_written_before_he_joined_or_after_he_left() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    let mut carl = world.person("carl").await;
    world.acquaint(&mut ann, &mut carl, "carl").await;
    let (to, title, greeting) = (vec!["bob".to_owned()], "Boats".to_owned(), String::new());
    let found = item(ConversationRef::None, &Item::Request { to, title, greeting });
    let group = ann.sync(&world, vec![found]).await.founded();
    ann.sync(&world, vec![]).await;
    let version = |phone: &Phone| {
        let versions = phone.entries.iter().rev().find_map(|entry| match entry {
            Entry::Conversation { number, version, .. } if *number == group => Some(*version),
            _ => None,
        });
        versions.unwrap_or(0)
    };
    let say = |version, words: &str| wire::Submit { version, ..text(group, words) };
    let before = version(&ann);
    ann.sync(&world, vec![say(before, "before carl")]).await.done();
    let add = Item::Add { to: vec!["carl".to_owned()], greeting: String::new() };
    ann.sync(&world, vec![item(ConversationRef::Number(group), &add)]).await.done();
    // Written before he joined, committed after.
    ann.sync(&world, vec![say(before, "late, for bob alone")]).await.done();
    ann.sync(&world, vec![]).await;
    assert!(before < version(&ann));
    ann.sync(&world, vec![say(version(&ann), "for all")]).await.done();
    carl.sync(&world, vec![item(ConversationRef::Number(group), &Item::Leave)]).await.done();
    ann.sync(&world, vec![say(version(&ann), "after carl left")]).await.done();
    bob.sync(&world, vec![]).await.done();
    carl.sync(&world, vec![]).await.done();
    assert_eq!(bob.texts(), ["before carl", "late, for bob alone", "for all", "after carl left"]);
    assert_eq!(carl.texts(), ["for all"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_21_accept_against_decline_on_two_devices_is_one_state_everywhere() {
    for accept_first in [true, false] {
        let world = World::new();
        let (mut ann, mut bob) = (world.person("ann").await, world.person("bob").await);
        let mut phone = world.device(bob.login.account, "bob-2", 0).await;
        let conversation = ann.sync(&world, vec![request(&["bob"])]).await.founded();
        let (yes, no) =
            (accept(conversation), item(ConversationRef::Number(conversation), &Item::Decline));
        let answers = if accept_first { [yes, no] } else { [no, yes] };
        let [first, second] = answers;
        assert!(bob.sync(&world, vec![first.clone(), first]).await.refusals().is_empty());
        let late = phone.sync(&world, vec![second]).await;
        assert_eq!(late.refusals(), [Refusal::AlreadyAnswered]);
        for device in [&mut ann, &mut bob, &mut phone] {
            device.sync(&world, vec![]).await.done();
        }
        let expected = if accept_first { MemberState::Member } else { MemberState::Declined };
        assert_eq!(state_of(&ann, bob.login.account), Some(expected));
        assert_eq!((mine(&bob), mine(&phone)), (Some(expected), Some(expected)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_20_edits_and_deletions_reach_every_device_in_the_order_of_their_places() {
    let world = World::new();
    let (mut ann, mut bob) = world.pair().await;
    let mut second = world.device(ann.login.account, "ann-2", 0).await;
    second.conversation = ann.conversation;
    let k = ann.sync(&world, vec![ann.text("first words")]).await.k();
    let target = wire::Name { device: ann.login.device, n: k };
    let conversation = ConversationRef::Number(ann.conversation);
    let edit = |text: &str| item(conversation, &Item::Edit { target, text: text.to_owned() });
    // From another device of hers that knows the message; an urgent edit does not overtake it.
    second.sync(&world, vec![wire::Submit { urgent: true, ..edit("second words") }]).await.done();
    ann.sync(&world, vec![item(conversation, &Item::Delete { target })]).await.done();
    let foreign = bob.sync(&world, vec![edit("not his")]).await;
    assert_eq!(foreign.refusals(), [Refusal::NotYours]);
    second.sync(&world, vec![]).await.done();
    let seen = |phone: &Phone| phone.inbox.iter().map(|delivery| delivery.c).collect::<Vec<_>>();
    let (bobs, hers) = (seen(&bob), seen(&second));
    assert_eq!(bobs.len(), 3);
    assert!(bobs.is_sorted(), "an edit overtook its target: {bobs:?}");
    // The sending device is passed over; the author's other one is not.
    assert!(hers.iter().all(|row| bobs.contains(row)) && hers.len() == 2, "{hers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_28_a_dormant_device_never_causes_a_refusal() {
    let world = World::with(|settings| {
        settings.limits.mailbox_count_max = 10;
        settings.limits.envelope_max = config::Size::from_kib(1);
    });
    let (mut ann, bob) = world.pair().await;
    let later = super::START_S + 61 * super::DAY_S;
    world.clock.set(later);
    for at in 0..30 {
        let reply = ann.sync(&world, vec![ann.text(&format!("{at}"))]).await;
        reply.done();
        assert!(reply.refusals().is_empty(), "{at}: {:?}", reply.runs());
    }
    drop(bob);
}
