//! Requests that cross, conversations that turn out to be one, members that come and go.

use wire::kind;

use super::{
    super::{MessageState, RefusedRequest},
    *,
};

#[test]
fn requests_that_cross_end_in_one_conversation_under_the_older_id() {
    let mut bench = Bench::new();
    let mine = bench.store.request(&["bob".into()], "", "Ahoy").unwrap().conversation.unwrap();
    bench.send(mine, "are you there?");
    bench.attempt();
    bench.latest(pair_with_bob(MemberState::Invited, MemberState::Member));
    assert_eq!(bench.store.reader().conversations().unwrap().len(), 1);
    bench.answer(1, 1, 1, vec![Run::Founded { conversation: 50 }]);
    bench.latest(pair_with_bob(MemberState::Member, MemberState::Member));
    let rows = bench.store.reader().conversations().unwrap();
    assert_eq!(
        (rows.len(), rows[0].id, rows[0].state, &rows[0].title[..]),
        (1, mine, "member", "bob")
    );
    assert_eq!(bench.row(MessageId(1)).state, Some(MessageState::Queued));
    let unread = bench.store.reader().inbox(&Inbox { unread: true, ..Inbox::default() }).unwrap();
    assert!(unread.is_empty(), "the request is answered: {unread:?}");
}

#[test]
fn two_ids_of_one_conversation_both_go_on_working() {
    let mut bench = Bench::new();
    let mine = bench.store.request(&["bob".into()], "", "Ahoy").unwrap().conversation.unwrap();
    bench.attempt();
    // Messages of a conversation that is not known yet, by another device's request.
    bench.deliver(vec![bob_says(1, 11, "first")]);
    let placeholder =
        bench.store.reader().inbox(&Inbox::default()).unwrap()[0].conversation.unwrap();
    assert_ne!(placeholder, mine);
    bench.answer(1, 1, 1, vec![Run::Founded { conversation: 50 }]);
    bench.latest(pair_with_bob(MemberState::Member, MemberState::Member));
    assert_eq!(bench.texts(mine), ["first"]);
    assert_eq!(bench.texts(placeholder), ["first"]);
    assert_eq!(bench.store.reader().find(&placeholder.to_string()).unwrap(), mine);
    bench.send(placeholder, "second");
    assert_eq!(bench.store.reader().conversations().unwrap().len(), 1);
}

#[test]
fn whoever_asks_keeps_what_they_wrote_and_nobody_has_asked_them() {
    let mut bench = Bench::new();
    let mine = bench.store.request(&["bob".into()], "", "Ahoy").unwrap().conversation.unwrap();
    bench.attempt();
    bench.answer(1, 1, 1, vec![Run::Founded { conversation: 50 }]);
    // As a relay tells it: the founder is their own inviter, and a greeting is for who is asked.
    let mut latest = pair_with_bob(MemberState::Member, MemberState::Invited);
    if let Entry::Conversation { greeting, .. } = &mut latest[1] {
        greeting.clear();
    }
    bench.latest(latest);
    let reader = bench.store.reader();
    let row = reader.conversations().unwrap().remove(0);
    assert_eq!((row.id, &row.inviter[..], &row.greeting[..]), (mine, "", "Ahoy"));
    let row = reader.roll().unwrap().remove(0);
    assert_eq!((&row.inviter[..], &row.greeting[..], row.unanswered), ("", "Ahoy", true));
}

#[test]
fn asking_again_is_one_request_until_it_is_over() {
    let mut bench = Bench::new();
    let ask = |bench: &Bench| bench.store.request(&["bob".into()], "", "Ahoy").unwrap();
    let (first, second) = (ask(&bench), ask(&bench));
    assert_eq!(first.conversation, second.conversation);
    assert_eq!(bench.store.reader().counters().unwrap().waiting_here, 1);
    bench.attempt();
    bench.answer(1, 1, 1, vec![Run::Founded { conversation: 50 }]);
    bench.latest(pair_with_bob(MemberState::Member, MemberState::Declined));
    let one = bench.send(first.conversation.unwrap(), "please?");
    assert_eq!(bench.row(one).reason, "bob declined the request");
    let again = ask(&bench);
    assert_eq!((again.conversation, again.state), (first.conversation, MessageState::Queued));
    bench.latest(pair_with_bob(MemberState::Member, MemberState::Member));
    assert_eq!(ask(&bench).id, again.id, "still on its way");
}

#[test]
fn words_to_somebody_who_need_not_be_asked_any_more_are_a_message() {
    let mut bench = Bench::new();
    let ask = |bench: &Bench, text: &str| bench.store.request(&["bob".into()], "", text).unwrap();
    let bob = ask(&bench, "Ahoy").conversation.unwrap();
    let behind = ask(&bench, "behind the request");
    assert_eq!((behind.conversation, behind.state), (Some(bob), MessageState::Held));
    bench.attempt();
    bench.answer(1, 1, 1, vec![Run::Founded { conversation: 50 }]);
    bench.latest(pair_with_bob(MemberState::Member, MemberState::Invited));
    assert_eq!(ask(&bench, "Ahoy").id, None, "the same again while it has no answer");
    assert_eq!(ask(&bench, "are you there?").state, MessageState::Held);
    bench.latest(pair_with_bob(MemberState::Member, MemberState::Member));
    assert_eq!(ask(&bench, "Ahoy").state, MessageState::Queued, "a greeting of long ago");
    assert_eq!(ask(&bench, "").id, None, "nothing to say");
    assert_eq!(bench.texts(bob), ["behind the request", "are you there?", "Ahoy"]);
}

#[test]
fn words_to_somebody_who_asks_go_behind_the_answer() {
    let mut bench = Bench::new();
    bench.latest(pair_with_bob(MemberState::Invited, MemberState::Member));
    let sent = bench.store.request(&["bob".into()], "", "Good to hear you").unwrap();
    assert_eq!(sent.state, MessageState::Queued);
    assert_eq!(bench.texts(sent.conversation.unwrap()), ["Ahoy", "Good to hear you"]);
    let outbox = bench.store.reader().outbox().unwrap();
    assert_eq!(outbox.iter().map(|row| row.action).collect::<Vec<_>>(), ["accept", "text"]);
}

#[test]
fn what_was_refused_is_asked_again_as_it_was_and_who_declined_is_asked_anew() {
    let mut bench = Bench::new();
    let bob = bench.store.request(&["bob".into()], "", "Ahoy").unwrap().conversation.unwrap();
    bench.attempt();
    let words = "not today".to_owned();
    let refused = Run::Refused { reason: wire::Refusal::NoSuchAccount, words };
    bench.answer(1, 1, 1, vec![refused]);
    let state = |bench: &Bench| bench.store.reader().conversation(bob).unwrap().state;
    assert_eq!(state(&bench), "refused");
    let why = RefusedRequest { greeting: "Ahoy".into(), reason: "not today".into() };
    assert_eq!(bench.store.reader().refused_request(bob).unwrap(), Some(why));
    let again = bench.store.ask_again(bob).unwrap();
    assert_eq!(bench.store.reader().refused_request(bob).unwrap(), None);
    assert_eq!((again.conversation, again.state), (Some(bob), MessageState::Queued));
    assert_eq!(state(&bench), "asking");
    let outbox = bench.store.reader().outbox().unwrap();
    assert_eq!(outbox.iter().map(|row| row.action).collect::<Vec<_>>(), ["request"]);
    assert_eq!(bench.store.reader().roll().unwrap()[0].refused, 0);
    bench.attempt();
    bench.answer(2, 2, 2, vec![Run::Founded { conversation: 50 }]);
    bench.latest(pair_with_bob(MemberState::Member, MemberState::Declined));
    let anew = bench.store.ask_again(bob).unwrap();
    assert_eq!((anew.conversation, anew.state), (Some(bob), MessageState::Queued));
    assert_eq!(bench.store.ask_again(bob).unwrap().id, anew.id, "one request at a time");
    let group = bench.store.request(&["carl".into(), "dora".into()], "Choir", "").unwrap();
    let alone = bench.store.ask_again(group.conversation.unwrap());
    assert!(matches!(alone, Err(StoreError::Unfit(_))), "{alone:?}");
}

#[test]
fn an_answer_can_be_changed_until_it_leaves() {
    let mut bench = Bench::new();
    bench.latest(pair_with_bob(MemberState::Invited, MemberState::Member));
    let bob = bench.store.reader().find("bob").unwrap();
    bench.store.decline(bob).unwrap();
    bench.store.accept(bob).unwrap();
    let actions: Vec<_> =
        bench.store.reader().outbox().unwrap().iter().map(|row| row.action).collect();
    assert_eq!(actions, ["accept"]);
    bench.attempt();
    assert!(matches!(bench.store.decline(bob), Err(StoreError::OnItsWay(_))));
    bench.answer(1, 1, 1, vec![Run::Done { count: 1 }]);
    assert_eq!(bench.store.reader().conversation(bob).unwrap().state, "member");
    assert!(matches!(bench.store.decline(bob), Err(StoreError::Unfit(_))));
}

#[test]
fn a_request_that_has_not_left_is_simply_gone_when_taken_back() {
    let bench = Bench::new();
    let bob = bench.store.request(&["bob".into()], "", "Ahoy").unwrap().conversation.unwrap();
    assert_eq!(bench.store.withdraw(bob).unwrap(), None);
    assert!(bench.store.reader().outbox().unwrap().is_empty());
    let again = bench.store.request(&["bob".into()], "", "Ahoy again").unwrap();
    assert_eq!(again.conversation, Some(bob));
}

#[test]
fn leaving_goes_behind_what_was_said_and_ends_the_saying() {
    let (bench, bob) = Bench::with_bob();
    bench.send(bob, "farewell");
    bench.store.leave(bob).unwrap();
    assert!(matches!(
        bench.store.send(bob, "one more", Compose::default()),
        Err(StoreError::Unfit(_))
    ));
    let actions: Vec<_> =
        bench.store.reader().outbox().unwrap().iter().map(|row| row.action).collect();
    assert_eq!(actions, ["text", "leave"]);
    bench.attempt();
    bench.answer(1, 2, 1, vec![placed(1, 30), Run::Done { count: 1 }]);
    assert_eq!(bench.store.reader().conversation(bob).unwrap().state, "left");
}

#[test]
fn what_waits_for_an_acceptance_names_the_members_of_that_moment() {
    let mut bench = Bench::new();
    bench.store.request(&["bob".into()], "", "").unwrap();
    let bob = bench.store.reader().find("bob").unwrap();
    bench.send(bob, "one");
    bench.attempt();
    bench.answer(1, 1, 1, vec![Run::Founded { conversation: 50 }]);
    bench.latest(pair_with_bob(MemberState::Member, MemberState::Member));
    let mut versions = Vec::new();
    let ask = Ask { submits: Submits::All, bytes_max: 1 << 20, share_read: true };
    let _ = bench.store.attempt(ask, |draft| {
        versions = draft.submits.iter().map(|s| (s.kind, s.version)).collect();
        Err::<Packed, _>(StoreError::Stopped)
    });
    assert_eq!(versions, [(kind::TEXT, 3)]);
}

#[test]
fn another_request_after_a_decline_is_another_row() {
    let mut bench = Bench::new();
    bench.latest(pair_with_bob(MemberState::Invited, MemberState::Member));
    let bob = bench.store.reader().find("bob").unwrap();
    bench.latest(pair_with_bob(MemberState::Invited, MemberState::Member));
    let requests = |bench: &Bench| {
        let rows = bench.store.reader().inbox(&Inbox::default()).unwrap();
        rows.into_iter().filter(|row| row.kind == super::super::Kind::Request).count()
    };
    assert_eq!((requests(&bench), bench.store.reader().counters().unwrap().requests), (1, 1));
    bench.store.decline(bob).unwrap();
    bench.attempt();
    bench.answer(1, 1, 1, vec![Run::Done { count: 1 }]);
    bench.latest(pair_with_bob(MemberState::Invited, MemberState::Member));
    assert_eq!((requests(&bench), bench.store.reader().counters().unwrap().requests), (2, 1));
}

#[test]
fn asking_back_offline_accepts_and_what_was_written_goes_with_it() {
    let mut bench = Bench::new();
    let bob = bench.store.request(&["bob".into()], "", "").unwrap().conversation.unwrap();
    let one = bench.send(bob, "one");
    bench.latest(pair_with_bob(MemberState::Invited, MemberState::Member));
    assert_eq!(bench.row(one).state, Some(MessageState::Queued));
    assert_eq!(bench.store.reader().counters().unwrap().requests, 0);
}
