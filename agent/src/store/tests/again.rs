//! Messages that a relay which was put back refuses, though others may have them: they go again under another name, and
//! nobody has them twice.

use wire::{ConversationRef, Refusal, kind};

use super::{super::MessageState, *};

fn own(n: u64) -> Name {
    Name { device: MY_DEVICE, n }
}

fn again(former: Name, text: &str) -> Item {
    Item::Again { former, reply_to: None, format: 0, content: text.as_bytes().to_vec() }
}

fn forgotten() -> Run {
    Run::Refused { reason: Refusal::NoSuchConversation, words: "unknown".into() }
}

/// Kinds and bodies that the next attempt would carry.
fn next(bench: &Bench) -> Vec<(u8, Vec<u8>)> {
    let mut next = Vec::new();
    let ask = Ask { submits: Submits::All, bytes_max: 1 << 20, share_read: true };
    let _ = bench.store.attempt(ask, |draft| {
        next = draft.submits.iter().map(|submit| (submit.kind, submit.body.clone())).collect();
        Err::<Packed, _>(StoreError::Stopped)
    });
    next
}

fn said(items: &[Item]) -> Vec<(u8, Vec<u8>)> {
    items.iter().map(|item| (item.kind(), item.body())).collect()
}

/// The relay knows the conversation again.
fn comes_back(bench: &mut Bench) {
    bench.latest(pair_with_bob(MemberState::Member, MemberState::Member));
}

/// "one" was placed, then forgotten together with the conversation, and refused.
fn refused_by_a_relay_put_back() -> (Bench, ConversationId, MessageId) {
    let (bench, bob) = Bench::with_bob();
    let one = bench.send(bob, "one");
    bench.attempt();
    bench.answer(1, 1, 1, vec![placed(1, 30)]);
    bench.attempt();
    bench.welcome(2, 0);
    bench.attempt();
    bench.answer(3, 1, 1, vec![forgotten()]);
    assert_eq!(bench.row(one).state, Some(MessageState::Held));
    (bench, bob, one)
}

#[test]
fn what_one_device_received_goes_again_for_those_that_had_not_when_the_relay_forgot_who_was_there()
{
    for reason in [Refusal::NoSuchConversation, Refusal::NobodyThere, Refusal::NotMember] {
        let (mut bench, bob) = Bench::with_bob();
        let one = bench.send(bob, "one");
        bench.attempt();
        bench.answer(1, 1, 1, vec![placed(1, 30)]);
        let delivered = |c| Entry::Receipt {
            conversation: 50,
            lane: Lane::Ordinary,
            account: BOB,
            delivered: c,
            read: 0,
        };
        bench.latest(vec![delivered(30)]);
        assert_eq!(bench.row(one).state, Some(MessageState::Delivered));
        bench.attempt();
        bench.welcome(2, 0);
        // Refused more than once it still waits, and says so where one looks for what has not left.
        for x in [3, 5] {
            bench.attempt();
            bench.answer(x, x / 2, x / 2, vec![Run::Refused { reason, words: "unknown".into() }]);
            assert_eq!(bench.row(one).state, Some(MessageState::Delivered));
            let outbox = bench.store.reader().outbox().unwrap();
            assert_eq!(outbox.len(), 1, "{reason:?}");
            assert_eq!(outbox[0].state, MessageState::Held);
            assert!(outbox[0].reason.ends_with("it goes again when it does"), "{outbox:?}");
            assert_eq!(next(&bench), []);
            comes_back(&mut bench);
            assert_eq!(next(&bench), said(&[again(own(1), "one")]), "{reason:?}");
            bench.attempt();
        }
        bench.answer(6, 3, 3, vec![placed(1, 90)]);
        assert_eq!(bench.row(one).state, Some(MessageState::Delivered));
        assert_eq!(bench.store.reader().outbox().unwrap().len(), 0);
    }
}

#[test]
fn an_edit_that_others_have_goes_again_when_the_relay_forgot_who_was_there() {
    let (mut bench, bob) = Bench::with_bob();
    let one = bench.send(bob, "one");
    bench.attempt();
    bench.answer(1, 1, 1, vec![placed(1, 30)]);
    bench.store.edit(one, "won").unwrap();
    bench.attempt();
    bench.answer(2, 2, 2, vec![placed(1, 31)]);
    bench.attempt();
    bench.welcome(3, 0);
    bench.attempt();
    let nobody = || Run::Refused { reason: Refusal::NobodyThere, words: "nobody".into() };
    bench.answer(4, 2, 1, vec![nobody(), nobody()]);
    assert_eq!(bench.texts(bob), ["won"], "as others have it");
    comes_back(&mut bench);
    let items = [again(own(1), "one"), Item::Edit { target: own(1), text: "won".into() }];
    assert_eq!(next(&bench), said(&items));
}

#[test]
fn an_acceptance_that_the_relay_forgot_goes_again_with_the_conversation() {
    let mut bench = Bench::new();
    bench.latest(pair_with_bob(MemberState::Invited, MemberState::Member));
    let bob = bench.store.reader().find("bob").unwrap();
    bench.store.accept(bob).unwrap();
    bench.attempt();
    bench.answer(1, 1, 1, vec![Run::Done { count: 1 }]);
    bench.latest(pair_with_bob(MemberState::Member, MemberState::Member));
    bench.attempt();
    bench.welcome(2, 0);
    bench.attempt();
    bench.answer(3, 1, 1, vec![forgotten()]);
    assert_eq!(next(&bench), [], "nobody asks yet");
    bench.latest(pair_with_bob(MemberState::Invited, MemberState::Member));
    assert_eq!(next(&bench), said(&[Item::Accept]));
}

#[test]
fn what_others_may_have_says_under_which_name_it_went_first() {
    let (mut bench, bob, one) = refused_by_a_relay_put_back();
    assert_eq!(next(&bench), []);
    comes_back(&mut bench);
    assert_eq!(next(&bench), said(&[again(own(1), "one")]));
    bench.attempt();
    bench.answer(4, 2, 2, vec![placed(1, 90)]);
    assert_eq!(bench.row(one).state, Some(MessageState::Relayed));
    // Refused once more it still says the first.
    bench.attempt();
    bench.welcome(5, 1);
    bench.attempt();
    bench.answer(6, 2, 2, vec![forgotten()]);
    comes_back(&mut bench);
    assert_eq!(next(&bench), said(&[again(own(1), "one")]));
    bench.attempt();
    bench.answer(7, 3, 3, vec![placed(1, 95)]);
    bench.latest(vec![Entry::Expired { name: own(3), missing: 1, of: 1 }]);
    assert_eq!(bench.row(one).state, Some(MessageState::Expired));
    // An answer names it as whoever wrote it has it.
    let answer = |n, c, to| {
        let reply = Item::Message { reply_to: Some(own(to)), format: 0, content: b"yes".to_vec() };
        from_bob(n, c, &reply)
    };
    bench.deliver(vec![answer(10, 96, 1), answer(11, 97, 2), answer(12, 98, 3)]);
    let answers: Vec<_> = bench.view(bob).iter().skip(1).map(|row| row.reply_to).collect();
    assert_eq!(answers, [Some(one); 3]);
}

#[test]
fn what_arrived_unheard_before_the_relay_was_put_back_says_so_too() {
    for (tag, expected) in [(701, kind::AGAIN), (700, kind::TEXT)] {
        let (mut bench, bob) = Bench::with_bob();
        let limits = |tag| Some(wire::Limits { tag, ..wire::Limits::default() });
        bench.attempt();
        bench.apply(1, &[Frame::Welcome(Welcome { x: 1, now_s: 0, k: 0, limits: limits(700) })]);
        bench.send(bob, "one");
        bench.attempt();
        // Its answer was lost. Sent once more it is refused, by a relay that was opened anew meanwhile, or by the same.
        bench.attempt();
        let welcome = Welcome { x: 3, now_s: 0, k: 1, limits: limits(tag).filter(|_| tag != 700) };
        let answered = wire::Answered { first: 1, runs: vec![forgotten()] };
        bench.apply(3, &[Frame::Welcome(welcome), Frame::Answered(answered)]);
        comes_back(&mut bench);
        assert_eq!(next(&bench)[0].0, expected, "{tag}");
    }
}

#[test]
fn what_waits_to_go_again_is_changed_by_what_follows_it() {
    let (mut bench, bob, one) = refused_by_a_relay_put_back();
    bench.store.outbox_edit(OutboxId::Message(one), "won").unwrap();
    bench.store.reply(one, "and", Compose::default()).unwrap();
    let deleted = bench.store.delete(one).unwrap().unwrap();
    assert_eq!(deleted.state, MessageState::Held);
    assert_eq!(next(&bench), [], "they wait for it");
    comes_back(&mut bench);
    let reply = Item::Message { reply_to: Some(own(1)), format: 0, content: b"and".to_vec() };
    let items = [
        again(own(1), "one"),
        Item::Edit { target: own(1), text: "won".into() },
        reply,
        Item::Delete { target: own(1) },
    ];
    assert_eq!(next(&bench), said(&items));
    assert!(bench.row(one).deleted);
    assert_eq!(bench.texts(bob), ["", "and"]);
}

#[test]
fn what_the_relay_has_not_after_all_frees_the_number_and_keeps_the_first_name() {
    let (mut bench, bob, one) = refused_by_a_relay_put_back();
    comes_back(&mut bench);
    bench.attempt();
    bench.welcome(4, 1);
    bench.store.send(bob, "now!", Compose { urgent: true, lifetime_s: 0 }).unwrap();
    let items = [Item::Text("now!".into()), again(own(1), "one")];
    assert_eq!(next(&bench), said(&items));
    bench.attempt();
    bench.answer(5, 3, 2, vec![placed(2, 90)]);
    // Number 2 is another's now.
    bench.latest(vec![Entry::Expired { name: own(2), missing: 1, of: 1 }]);
    assert_eq!(bench.row(one).state, Some(MessageState::Relayed));
}

#[test]
fn what_is_not_let_go_again_stays_here_for_others_may_have_it() {
    let (mut bench, bob, one) = refused_by_a_relay_put_back();
    bench.store.outbox_cancel(OutboxId::Message(one)).unwrap();
    comes_back(&mut bench);
    assert_eq!((next(&bench), bench.texts(bob)), (vec![], vec!["one".to_owned()]));
    assert_eq!(bench.row(one).state, Some(MessageState::Expired));
    // It can still be taken back.
    bench.store.delete(one).unwrap();
    assert_eq!(next(&bench), said(&[Item::Delete { target: own(1) }]));
}

#[test]
fn what_was_to_go_again_to_a_relay_put_back_is_held_where_the_device_becomes_another() {
    let (bench, bob) = Bench::with_bob();
    let one = bench.send(bob, "one");
    bench.attempt();
    bench.answer(1, 1, 1, vec![placed(1, 30)]);
    bench.attempt();
    bench.welcome(2, 0);
    bench.store.log_in(&identity(MY_DEVICE + 1), None).unwrap();
    let outbox = bench.store.reader().outbox().unwrap();
    assert_eq!(outbox.iter().map(|row| row.state).collect::<Vec<_>>(), [MessageState::Held]);
    assert_eq!(next(&bench), []);
    bench.store.outbox_release(OutboxId::Message(one)).unwrap();
    assert_eq!(next(&bench), said(&[again(own(1), "one")]));
}

#[test]
fn what_was_sealed_again_says_its_first_name_as_another_device_too() {
    let (mut bench, bob, one) = refused_by_a_relay_put_back();
    comes_back(&mut bench);
    bench.attempt();
    bench.store.log_in(&identity(MY_DEVICE + 1), None).unwrap();
    assert_eq!(bench.row(one).state, Some(MessageState::Held));
    // It went after all, as another store of this account knows.
    let went = from_bob(2, 90, &again(own(1), "one"));
    bench.deliver(vec![Delivery { author: MY_DEVICE, account: ME, ..went }]);
    assert_eq!(bench.texts(bob), ["one"]);
    assert!(bench.row(one).reason.starts_with("this was sent already"));
    bench.store.outbox_release(OutboxId::Message(one)).unwrap();
    assert_eq!(next(&bench), said(&[again(own(1), "one")]));
}

#[test]
fn who_has_a_message_takes_only_the_place_of_what_comes_again() {
    let (mut bench, bob) = Bench::with_bob();
    bench.deliver(vec![bob_says(1, 30, "one"), bob_says(2, 31, "two")]);
    let applied = bench.deliver(vec![from_bob(3, 90, &again(bobs(1), "one"))]);
    assert_eq!((applied.messages, bench.texts(bob)), (0, vec!["two".into(), "one".into()]));
    // Under either name.
    let edit = |n, c, target, text: &str| {
        from_bob(n, c, &Item::Edit { target: bobs(target), text: text.into() })
    };
    bench.deliver(vec![edit(4, 91, 3, "won"), edit(5, 92, 1, "wan")]);
    assert_eq!(bench.texts(bob), ["two", "wan"]);
    let applied = bench.deliver(vec![from_bob(3, 90, &again(bobs(1), "one"))]);
    assert_eq!(applied.messages, 0);
    bench.deliver(vec![from_bob(6, 93, &again(bobs(1), "one"))]);
    bench.deliver(vec![from_bob(7, 94, &Item::Delete { target: bobs(6) })]);
    let row = &bench.view(bob)[1];
    assert!(row.deleted, "{row:?}");
}

#[test]
fn who_has_it_not_shows_it_once_whatever_comes_of_it_later() {
    let (mut bench, bob) = Bench::with_bob();
    let edit = Item::Edit { target: bobs(1), text: "won".into() };
    bench.deliver(vec![from_bob(9, 40, &edit), from_bob(3, 90, &again(bobs(1), "one"))]);
    assert_eq!(bench.texts(bob), ["won"]);
    // From the time that was lost.
    bench.deliver(vec![bob_says(1, 30, "one")]);
    assert_eq!(bench.texts(bob), ["won"]);
    // What it is answered with names it as everybody knows it.
    let id = bench.view(bob)[0].id;
    bench.store.reply(id, "yes", Compose::default()).unwrap();
    let reply = Item::Message { reply_to: Some(bobs(1)), format: 0, content: b"yes".to_vec() };
    assert_eq!(next(&bench), said(&[reply]));
}

#[test]
fn another_message_of_that_name_or_of_that_text_is_no_reason_to_drop_one() {
    let (mut bench, bob) = Bench::with_bob();
    bench.deliver(vec![bob_says(1, 30, "of the twin")]);
    bench.deliver(vec![from_bob(3, 90, &again(bobs(1), "one"))]);
    // Nobody speaks of another's names.
    let eves = from_bob(1, 91, &again(bobs(4), "four"));
    bench.deliver(vec![Delivery { author: 7000, account: 700, ..eves }]);
    bench.deliver(vec![bob_says(4, 92, "four")]);
    assert_eq!(bench.texts(bob), ["of the twin", "one", "four", "four"]);
}

#[test]
fn the_relay_is_told_of_it_where_it_knows_the_conversation() {
    let (mut bench, _, _) = refused_by_a_relay_put_back();
    comes_back(&mut bench);
    let mut named = Vec::new();
    let ask = Ask { submits: Submits::All, bytes_max: 1 << 20, share_read: true };
    let _ = bench.store.attempt(ask, |draft| {
        named = draft.submits.iter().map(|submit| submit.conversation).collect();
        Err::<Packed, _>(StoreError::Stopped)
    });
    assert_eq!(named, [ConversationRef::Number(50)]);
}
