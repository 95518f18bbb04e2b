//! Composing, ordering, sealing.

use wire::{ConversationRef, MemberState, kind};

use super::{super::MessageState, *};

/// Kinds and bodies of what an attempt would carry, in order.
fn draft(bench: &Bench) -> Vec<(u8, ConversationRef, Vec<u8>)> {
    let mut drafted = Vec::new();
    let ask = Ask { submits: Submits::All, bytes_max: 1 << 20, share_read: true };
    let result = bench.store.attempt(ask, |draft| {
        drafted = draft.submits.iter().map(|s| (s.kind, s.conversation, s.body.clone())).collect();
        Err(StoreError::Stopped)
    });
    assert!(result.is_err());
    drafted
}

#[test]
fn what_is_urgent_goes_first_and_the_rest_in_the_order_of_writing() {
    let (bench, bob) = Bench::with_bob();
    bench.send(bob, "one");
    bench.send(bob, "two");
    bench.store.send(bob, "now!", Compose { urgent: true, lifetime_s: 0 }).unwrap();
    let bodies: Vec<_> = draft(&bench).into_iter().map(|(.., body)| body).collect();
    assert_eq!(bodies, [b"now!".to_vec(), b"one".to_vec(), b"two".to_vec()]);
}

#[test]
fn a_reply_to_what_is_held_says_what_it_waits_for() {
    let (bench, bob) = Bench::with_bob();
    let one = bench.send(bob, "one");
    bench.store.outbox_hold(OutboxId::Message(one)).unwrap();
    let sent = bench.store.reply(one, "and", Compose::default()).unwrap();
    let words = format!("waits for {one}, which is held: held by you");
    assert_eq!((sent.state, &sent.reason), (MessageState::Held, &words));
    let further = bench.store.reply(id(&sent), "so on", Compose::default()).unwrap();
    assert_eq!(further.reason, words);
    let outbox = bench.store.reader().outbox().unwrap();
    let reasons: Vec<_> = outbox.iter().map(|row| (row.state, row.reason.as_str())).collect();
    let waits = (MessageState::Held, words.as_str());
    assert_eq!(reasons, [(MessageState::Held, "held by you"), waits, waits]);
    assert_eq!(draft(&bench), []);
    bench.store.outbox_release(OutboxId::Message(one)).unwrap();
    assert!(bench.store.reader().outbox().unwrap().iter().all(|row| row.reason.is_empty()));
    assert_eq!(draft(&bench).len(), 3);
}

#[test]
fn a_draft_that_is_dropped_changes_nothing() {
    let (bench, bob) = Bench::with_bob();
    bench.send(bob, "one");
    let before = bench.store.reader().position().unwrap();
    draft(&bench);
    assert_eq!(bench.store.reader().position().unwrap(), before);
    assert!(!bench.store.reader().outbox().unwrap()[0].on_its_way);
}

#[test]
fn numbers_are_dense_whatever_is_cancelled_held_or_overtaken() {
    let (bench, bob) = Bench::with_bob();
    let one = bench.send(bob, "one");
    let two = bench.send(bob, "two");
    let three = bench.send(bob, "three");
    bench.store.outbox_cancel(OutboxId::Message(one)).unwrap();
    bench.store.outbox_hold(OutboxId::Message(two)).unwrap();
    let attempt = bench.attempt();
    assert_eq!(attempt.x, 1);
    bench.answer(1, 1, 1, vec![placed(1, 7)]);
    assert_eq!(bench.row(three).state, Some(MessageState::Relayed));
    bench.store.outbox_release(OutboxId::Message(two)).unwrap();
    bench.attempt();
    bench.answer(2, 2, 2, vec![placed(1, 8)]);
    assert_eq!(bench.row(two).state, Some(MessageState::Relayed));
    assert_eq!(bench.told(), 2);
    assert_eq!(bench.texts(bob), ["three", "two"]);
}

#[test]
fn what_is_sealed_cannot_be_changed_here_until_the_relay_says_it_has_it_not() {
    let (bench, bob) = Bench::with_bob();
    let one = bench.send(bob, "one");
    bench.attempt();
    let id = OutboxId::Message(one);
    for refused in [
        bench.store.outbox_edit(id, "other"),
        bench.store.outbox_hold(id),
        bench.store.outbox_cancel(id),
        bench.store.outbox_release(id).map(drop),
    ] {
        assert!(matches!(refused, Err(StoreError::OnItsWay(_))), "{refused:?}");
    }
    bench.welcome(1, 0);
    bench.store.outbox_edit(id, "other").unwrap();
    assert_eq!(draft(&bench)[0].2, b"other");
}

#[test]
fn a_resend_before_any_answer_is_the_same_number_with_the_same_bytes_and_new_ones_follow() {
    let (bench, bob) = Bench::with_bob();
    bench.send(bob, "one");
    bench.attempt();
    bench.store.send(bob, "now!", Compose { urgent: true, lifetime_s: 0 }).unwrap();
    let bodies: Vec<_> = draft(&bench).into_iter().map(|(.., body)| body).collect();
    assert_eq!(bodies, [b"one".to_vec(), b"now!".to_vec()]);
}

#[test]
fn nothing_new_takes_the_number_of_what_was_sealed_and_does_not_fit_this_time() {
    let (bench, bob) = Bench::with_bob();
    bench.send(bob, "one");
    bench.send(bob, &"two ".repeat(500));
    bench.attempt();
    bench.store.send(bob, "now!", Compose { urgent: true, lifetime_s: 0 }).unwrap();
    let ask = Ask { submits: Submits::All, bytes_max: 100, share_read: true };
    let attempt = bench.store.attempt(ask, |draft| {
        let taken = draft.submits.len();
        assert_eq!((draft.first, taken), (1, 1));
        Ok::<_, StoreError>(Packed { body: Bytes::new(), taken, marks: 0 })
    });
    assert_eq!(attempt.unwrap().x, 2);
    bench.attempt();
    bench.answer(3, 3, 1, vec![placed(3, 30)]);
    assert_eq!(bench.texts(bob).last().unwrap(), "now!");
}

#[test]
fn a_late_welcome_of_an_earlier_attempt_opens_nothing_that_a_later_one_carries() {
    let (bench, bob) = Bench::with_bob();
    let early = bench.attempt();
    bench.send(bob, "one");
    let late = bench.attempt();
    bench.welcome(early.x, 0);
    assert!(bench.store.reader().outbox().unwrap()[0].on_its_way);
    bench.welcome(late.x, 0);
    assert!(!bench.store.reader().outbox().unwrap()[0].on_its_way);
}

#[test]
fn a_reply_follows_what_it_answers_even_where_it_is_urgent() {
    let (bench, bob) = Bench::with_bob();
    let one = bench.send(bob, "one");
    bench.send(bob, "two");
    bench.store.reply(one, "and?", Compose { urgent: true, lifetime_s: 0 }).unwrap();
    let drafted = draft(&bench);
    assert_eq!(drafted[0].2, b"one");
    let reply_to = Some(Name { device: MY_DEVICE, n: 1 });
    let reply = Item::Message { reply_to, format: 0, content: b"and?".to_vec() };
    assert_eq!((drafted[1].0, &drafted[1].2), (kind::MESSAGE, &reply.body()));
    assert_eq!(drafted[2].2, b"two");
}

#[test]
fn a_reply_to_what_is_held_waits_with_it() {
    let (bench, bob) = Bench::with_bob();
    let one = bench.send(bob, "one");
    bench.store.reply(one, "and?", Compose::default()).unwrap();
    bench.store.outbox_hold(OutboxId::Message(one)).unwrap();
    assert_eq!(draft(&bench).len(), 0);
    bench.store.outbox_cancel(OutboxId::Message(one)).unwrap();
    let alone = Item::Message { reply_to: None, format: 0, content: b"and?".to_vec() };
    assert_eq!(draft(&bench)[0].2, alone.body());
}

#[test]
fn what_is_written_before_the_acceptance_waits_and_goes_by_itself() {
    let mut bench = Bench::new();
    let asked = bench.store.request(&["Bob@relay.example".into()], "", "Ahoy").unwrap();
    let bob = asked.conversation.unwrap();
    let held = bench.store.send(bob, "are you there?", Compose::default()).unwrap();
    assert_eq!((held.state, &held.reason[..]), (MessageState::Held, "waits until bob accepts"));
    assert_eq!(draft(&bench).iter().map(|d| d.0).collect::<Vec<_>>(), [kind::REQUEST]);
    bench.attempt();
    bench.answer(1, 1, 1, vec![Run::Founded { conversation: 50 }]);
    bench.latest(pair_with_bob(MemberState::Member, MemberState::Invited));
    assert_eq!(draft(&bench).len(), 0);
    bench.latest(pair_with_bob(MemberState::Member, MemberState::Member));
    assert_eq!(bench.store.reader().conversations().unwrap().len(), 1);
    let drafted = draft(&bench);
    assert_eq!((drafted[0].0, drafted[0].1), (kind::TEXT, ConversationRef::Number(50)));
}

#[test]
fn an_acceptance_and_what_is_said_after_it_go_together() {
    let mut bench = Bench::new();
    bench.latest(pair_with_bob(MemberState::Invited, MemberState::Member));
    let request = &bench.store.reader().inbox(&Inbox::default()).unwrap()[0];
    assert_eq!(
        (request.kind, &request.text[..], &request.from[..]),
        (super::super::Kind::Request, "Ahoy", "bob")
    );
    let bob = bench.store.reader().find_request(&request.id.to_string()).unwrap();
    let early = bench.store.send(bob, "early", Compose::default()).unwrap();
    assert_eq!(early.state, MessageState::Held);
    bench.store.accept(bob).unwrap();
    bench.store.send(bob, "now!", Compose { urgent: true, lifetime_s: 0 }).unwrap();
    let kinds: Vec<_> = draft(&bench).into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, [kind::ACCEPT, kind::TEXT, kind::TEXT]);
    assert_eq!(bench.store.reader().counters().unwrap().requests, 0);
}

#[test]
fn items_of_a_conversation_without_a_number_name_its_request() {
    let bench = Bench::new();
    let asked = bench.store.request(&["bob".into(), "eve".into()], "Crew", "").unwrap();
    bench.store.rename(asked.conversation.unwrap(), "Deck crew").unwrap();
    let drafted = draft(&bench);
    assert_eq!(drafted[1].1, ConversationRef::Founded(Name { device: MY_DEVICE, n: 1 }));
}

#[test]
fn a_text_is_neither_empty_nor_longer_than_the_relay_takes() {
    let (bench, bob) = Bench::with_bob();
    let send = |text: &str| bench.store.send(bob, text, Compose::default());
    assert!(matches!(send(" \n"), Err(StoreError::Empty { .. })));
    assert!(matches!(send(&"x".repeat(8 * 1024)), Err(StoreError::TooLong { .. })));
    assert!(send(&"x".repeat(8 * 1024 - 40)).is_ok());
    assert!(bench.store.request(&["bob".into()], "", &"é".repeat(501)).is_err());
    assert!(matches!(bench.store.request(&["ann".into()], "", ""), Err(StoreError::Unfit(_))));
    assert!(matches!(
        bench.store.request(&["b!b".into()], "", ""),
        Err(StoreError::BadName { .. })
    ));
    assert!(matches!(
        bench.store.request(&["bob@else".into()], "", ""),
        Err(StoreError::OtherRelay { .. })
    ));
}
