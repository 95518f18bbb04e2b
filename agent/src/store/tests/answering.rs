//! Outcomes, places, receipts, and relays that were put back.

use wire::{ConversationRef, Refusal, kind};

use super::{super::MessageState, *};

fn state(bench: &Bench, id: MessageId) -> MessageState {
    bench.row(id).state.unwrap()
}

fn receipt(account: u64, delivered: u64, read: u64) -> Entry {
    Entry::Receipt { conversation: 50, lane: Lane::Ordinary, account, delivered, read }
}

/// Numbers, kinds and bodies that the next attempt would carry.
fn next(bench: &Bench) -> (u64, Vec<(u8, ConversationRef, Vec<u8>)>) {
    let mut next = (0, Vec::new());
    let ask = Ask { submits: Submits::All, bytes_max: 1 << 20, share_read: true };
    let _ = bench.store.attempt(ask, |draft| {
        let items = draft.submits.iter().map(|s| (s.kind, s.conversation, s.body.clone()));
        next = (draft.first, items.collect());
        Err::<Packed, _>(StoreError::Stopped)
    });
    next
}

#[test]
fn states_only_grow_whatever_the_order_of_receipts() {
    let (mut bench, bob) = Bench::with_bob();
    let one = bench.send(bob, "one");
    bench.attempt();
    // The receipt is there before the answer.
    bench.latest(vec![receipt(BOB, 30, 0)]);
    assert_eq!(state(&bench, one), MessageState::Queued);
    bench.answer(1, 1, 1, vec![placed(1, 30)]);
    assert_eq!(state(&bench, one), MessageState::Delivered);
    bench.latest(vec![receipt(BOB, 30, 30)]);
    assert_eq!(state(&bench, one), MessageState::Read);
    let name = Name { device: MY_DEVICE, n: 1 };
    bench.latest(vec![receipt(BOB, 10, 0), Entry::Expired { name, missing: 1, of: 1 }]);
    assert_eq!(state(&bench, one), MessageState::Read);
    assert!(
        bench.store.reader().outbox().unwrap().is_empty(),
        "what is delivered leaves the outbox"
    );
}

#[test]
fn what_expired_says_so_and_can_be_put_away() {
    let (mut bench, bob) = Bench::with_bob();
    let one = bench.send(bob, "one");
    bench.attempt();
    bench.answer(1, 1, 1, vec![placed(1, 30)]);
    bench.latest(vec![Entry::Expired {
        name: Name { device: MY_DEVICE, n: 1 },
        missing: 1,
        of: 1,
    }]);
    let outbox = bench.store.reader().outbox().unwrap();
    assert_eq!(
        (outbox[0].state, &outbox[0].reason[..]),
        (MessageState::Expired, "it expired before it was delivered")
    );
    bench.store.outbox_cancel(OutboxId::Message(one)).unwrap();
    assert!(bench.store.reader().outbox().unwrap().is_empty());
    assert_eq!(bench.texts(bob), ["one"]);
}

#[test]
fn what_expired_is_never_delivered_by_a_mark_that_passes_it() {
    let (mut bench, bob) = Bench::with_bob();
    let (one, two) = (bench.send(bob, "one"), bench.send(bob, "two"));
    bench.attempt();
    bench.answer(1, 2, 1, vec![placed(2, 30)]);
    let name = Name { device: MY_DEVICE, n: 1 };
    bench.latest(vec![Entry::Expired { name, missing: 1, of: 1 }, receipt(BOB, 31, 31)]);
    assert_eq!(
        (state(&bench, one), state(&bench, two)),
        (MessageState::Expired, MessageState::Read)
    );
    let again = bench.store.outbox_release(OutboxId::Message(one));
    assert!(matches!(again, Err(StoreError::Unfit(_))), "its number is used up: {again:?}");
}

#[test]
fn the_word_that_a_message_of_our_other_device_expired_may_come_before_it() {
    let (mut bench, bob) = Bench::with_bob();
    let from_phone = Delivery { author: 1001, account: ME, ..bob_says(7, 30, "from my phone") };
    bench.latest(vec![Entry::Expired { name: from_phone.name(), missing: 1, of: 1 }]);
    assert!(bench.view(bob).is_empty());
    bench.deliver(vec![from_phone]);
    bench.latest(vec![receipt(BOB, 31, 31)]);
    let rows = bench.view(bob);
    assert_eq!((&rows[0].text[..], &rows[0].from[..]), ("from my phone", "ann"));
    assert_eq!(rows[0].state, Some(MessageState::Expired));
}

#[test]
fn a_group_has_a_message_when_every_member_of_that_time_has_it() {
    let (mut bench, _) = Bench::with_bob();
    let member = |account, name: &str, version| Entry::Member {
        conversation: 60,
        account,
        name: name.into(),
        state: MemberState::Member,
        version,
    };
    let conversation = |version| Entry::Conversation {
        number: 60,
        founded: bobs(70),
        pair: false,
        title: "Crew".into(),
        version,
        mine: MemberState::Member,
        inviter: BOB,
        inviter_name: "bob".into(),
        greeting: String::new(),
    };
    bench.latest(vec![
        conversation(2),
        member(ME, "ann", 1),
        member(BOB, "bob", 1),
        member(300, "chandra", 2),
    ]);
    let crew = bench
        .store
        .reader()
        .conversations()
        .unwrap()
        .into_iter()
        .find(|c| c.title == "Crew")
        .unwrap()
        .id;
    let one = bench.send(crew, "all hands");
    bench.attempt();
    bench.answer(1, 1, 1, vec![Run::Placed { count: 1, conversation: 60, c: 30 }]);
    let receipt = |account| Entry::Receipt {
        conversation: 60,
        lane: Lane::Ordinary,
        account,
        delivered: 30,
        read: 0,
    };
    bench.latest(vec![conversation(3), member(400, "dora", 3), receipt(BOB)]);
    assert_eq!(state(&bench, one), MessageState::Relayed);
    let receipts = bench.store.reader().receipts(one).unwrap();
    assert_eq!(
        (receipts.delivered, receipts.of, &receipts.delivered_to[..]),
        (1, 2, &["bob".to_owned()][..])
    );
    bench.latest(vec![receipt(300)]);
    assert_eq!(state(&bench, one), MessageState::Delivered, "dora came later");
}

#[test]
fn of_what_expired_nobody_is_named_whatever_the_marks_have_passed() {
    let (mut bench, bob) = Bench::with_bob();
    let (one, two) = (bench.send(bob, "one"), bench.send(bob, "two"));
    bench.attempt();
    bench.answer(1, 2, 1, vec![placed(2, 30)]);
    let name = wire::Name { device: MY_DEVICE, n: 1 };
    bench.latest(vec![Entry::Expired { name, missing: 1, of: 1 }, receipt(BOB, 31, 31)]);
    assert_eq!(
        (state(&bench, one), state(&bench, two)),
        (MessageState::Expired, MessageState::Read)
    );
    let receipts = |id| bench.store.reader().receipts(id).unwrap();
    assert_eq!(receipts(two).delivered_to, ["bob"]);
    let of_one = receipts(one);
    assert!(of_one.delivered_to.is_empty() && of_one.read_by.is_empty(), "{of_one:?}");
    assert_eq!((of_one.delivered, of_one.read, of_one.of), (0, 0, 1));
}

#[test]
fn counts_stand_for_receipts_in_large_groups() {
    let (mut bench, bob) = Bench::with_bob();
    let (one, two) = (bench.send(bob, "one"), bench.send(bob, "two"));
    bench.attempt();
    bench.answer(1, 2, 1, vec![placed(2, 30)]);
    let counts = |delivered, read| Entry::Counts {
        conversation: 50,
        lane: Lane::Ordinary,
        c: 31,
        delivered,
        read,
        of: 40,
    };
    bench.latest(vec![counts(39, 2)]);
    assert_eq!(state(&bench, two), MessageState::Relayed);
    bench.latest(vec![counts(40, 3)]);
    assert_eq!(
        (state(&bench, one), state(&bench, two)),
        (MessageState::Delivered, MessageState::Delivered)
    );
    assert_eq!(bench.store.reader().receipts(two).unwrap().of, 40);
}

#[test]
fn an_answer_behind_a_gap_is_not_believed() {
    let (bench, bob) = Bench::with_bob();
    bench.send(bob, "one");
    bench.send(bob, "two");
    bench.attempt();
    bench.answer(1, 2, 2, vec![placed(1, 31)]);
    assert_eq!(bench.told(), 0);
    bench.answer(1, 2, 1, vec![placed(2, 30)]);
    assert_eq!(bench.told(), 2);
}

#[test]
fn a_relay_that_was_put_back_gets_the_same_numbers_with_the_same_bytes() {
    let (bench, bob) = Bench::with_bob();
    let refused = Run::Refused { reason: Refusal::Full, words: "full".into() };
    for text in ["one", "two", "three", "four"] {
        bench.send(bob, text);
    }
    bench.attempt();
    bench.answer(1, 4, 1, vec![placed(2, 30), refused, placed(1, 32)]);
    bench.send(bob, "five");
    bench.attempt();
    bench.welcome(2, 1);
    let (first, items) = next(&bench);
    let founded = ConversationRef::Founded(bobs(9));
    assert_eq!(first, 2);
    assert_eq!(
        items,
        [
            (kind::TEXT, founded, b"two".to_vec()),
            // What was refused is not sent after all.
            (kind::VOID, ConversationRef::None, vec![]),
            (kind::TEXT, founded, b"four".to_vec()),
            // In doubt: it may have arrived before.
            (kind::TEXT, founded, b"five".to_vec()),
        ]
    );
    assert_eq!(bench.told(), 1);
    bench.attempt();
    bench.welcome(3, 1);
    assert_eq!(next(&bench).1.len(), 4, "and again");
    bench.attempt();
    bench.answer(4, 5, 2, vec![placed(1, 99), Run::Done { count: 1 }, placed(2, 100)]);
    assert_eq!(bench.told(), 5);
    assert_eq!(bench.texts(bob), ["one", "two", "four", "five", "three"]);
    assert_eq!(bench.view(bob)[4].state, Some(MessageState::Refused));
}

#[test]
fn what_a_relay_answered_for_is_never_renumbered_even_where_its_answer_was_lost() {
    let (bench, bob) = Bench::with_bob();
    bench.send(bob, "one");
    bench.send(bob, "two");
    bench.attempt();
    bench.welcome(1, 2);
    // Its answer is lost, and then the relay is put back behind it.
    bench.store.send(bob, "now!", Compose { urgent: true, lifetime_s: 0 }).unwrap();
    bench.attempt();
    bench.welcome(2, 1);
    let (first, items) = next(&bench);
    assert_eq!((first, &items[0].2[..], &items[1].2[..]), (2, &b"two"[..], &b"now!"[..]));
}

#[test]
fn a_late_welcome_that_knows_less_is_no_relay_put_back() {
    let (bench, bob) = Bench::with_bob();
    let hold = bench.attempt();
    bench.send(bob, "one");
    let submission = bench.attempt();
    bench.answer(submission.x, 1, 1, vec![placed(1, 30)]);
    bench.welcome(hold.x, 0);
    assert_eq!((bench.told(), next(&bench).1.len()), (1, 0));
}

#[test]
fn what_the_relay_refuses_because_it_forgot_the_conversation_goes_when_that_is_back() {
    let (mut bench, bob) = Bench::with_bob();
    let one = bench.send(bob, "one");
    bench.attempt();
    let forgotten = Run::Refused { reason: Refusal::NoSuchConversation, words: "unknown".into() };
    bench.answer(1, 1, 1, vec![forgotten]);
    assert_eq!(state(&bench, one), MessageState::Held);
    assert_eq!(next(&bench).1.len(), 0);
    let mut back = pair_with_bob(MemberState::Member, MemberState::Member);
    for entry in &mut back {
        match entry {
            Entry::Conversation { number, .. } => *number = 77,
            Entry::Member { conversation, .. } => *conversation = 77,
            _ => {}
        }
    }
    bench.latest(back);
    let (first, items) = next(&bench);
    assert_eq!(
        (first, items),
        (2, vec![(kind::TEXT, ConversationRef::Number(77), b"one".to_vec())])
    );
    assert_eq!(bench.store.reader().conversations().unwrap().len(), 1);
}

#[test]
fn a_refused_request_says_why_what_waits_for_it_stays() {
    let bench = Bench::new();
    let bobb = bench.store.request(&["bobb".into()], "", "").unwrap().conversation.unwrap();
    let one = bench.send(bobb, "one");
    bench.attempt();
    let refused =
        Run::Refused { reason: Refusal::NoSuchAccount, words: "nobody is called bobb".into() };
    bench.answer(1, 1, 1, vec![refused]);
    assert_eq!(bench.row(one).reason, "the request was refused: nobody is called bobb");
    assert_eq!(bench.store.reader().conversation(bobb).unwrap().state, "refused");
    let outbox = bench.store.reader().outbox().unwrap();
    let request = outbox.iter().find(|row| row.action == "request").unwrap();
    assert_eq!(request.state, MessageState::Refused);
    bench.store.outbox_release(request.id).unwrap();
    assert_eq!(next(&bench), (2, vec![(kind::REQUEST, ConversationRef::None, items_body())]));
}

fn items_body() -> Vec<u8> {
    Item::Request { to: vec!["bobb".into()], title: String::new(), greeting: String::new() }.body()
}

#[test]
fn a_new_device_numbers_anew_and_holds_what_waited() {
    let (bench, bob) = Bench::with_bob();
    let (one, two) = (bench.send(bob, "one"), bench.send(bob, "two"));
    bench.attempt_of(1);
    bench.answer(1, 1, 1, vec![placed(1, 30)]);
    bench.attempt();
    bench.store.log_in(&identity(MY_DEVICE + 1), None).unwrap();
    assert_eq!(
        (state(&bench, one), state(&bench, two)),
        (MessageState::Relayed, MessageState::Held)
    );
    assert_eq!((bench.told(), next(&bench).1.len()), (0, 0));
    assert_eq!(bench.store.outbox_release_all().unwrap(), 1);
    assert_eq!(next(&bench), (1, vec![(kind::TEXT, ConversationRef::Number(50), b"two".to_vec())]));
    let notices = bench.store.reader().inbox(&Inbox::default()).unwrap();
    assert!(notices.iter().any(|row| row.text.contains("1 item(s) that waited")), "{notices:?}");
    let other = Identity { account: 999, ..identity(5) };
    assert!(matches!(bench.store.log_in(&other, None), Err(StoreError::OtherAccount { .. })));
}

#[test]
fn after_another_login_only_what_was_sealed_is_in_doubt() {
    let (bench, bob) = Bench::with_bob();
    let one = bench.send(bob, "one");
    bench.attempt();
    let (two, three) = (bench.send(bob, "two"), bench.send(bob, "three"));
    bench.store.outbox_hold(crate::store::OutboxId::Message(three)).unwrap();
    bench.store.log_in(&identity(MY_DEVICE + 1), None).unwrap();
    let states = [one, two, three].map(|id| state(&bench, id));
    assert_eq!(states, [MessageState::Held, MessageState::Queued, MessageState::Held]);
    assert!(bench.row(one).reason.starts_with("perhaps"), "{}", bench.row(one).reason);
    assert_eq!(bench.row(three).reason, "held by you");
    assert_eq!(next(&bench), (1, vec![(kind::TEXT, ConversationRef::Number(50), b"two".to_vec())]));
    let notices = bench.store.reader().inbox(&Inbox::default()).unwrap();
    assert!(notices.iter().any(|row| row.text.contains("1 item(s)")), "{notices:?}");
}

#[test]
fn after_another_login_nothing_goes_ahead_of_an_acceptance_that_is_in_doubt() {
    let mut bench = Bench::new();
    bench.latest(super::pair_with_bob(wire::MemberState::Invited, wire::MemberState::Member));
    let bob = bench.store.reader().find("bob").unwrap();
    bench.store.accept(bob).unwrap();
    bench.attempt();
    let one = bench.send(bob, "one");
    assert_eq!(state(&bench, one), MessageState::Queued);
    bench.store.log_in(&identity(MY_DEVICE + 1), None).unwrap();
    assert_eq!(bench.row(one).reason, "waits until you accept the request");
    assert_eq!(next(&bench).1, vec![]);
}

#[test]
fn what_the_relay_refused_is_answered_and_not_relayed() {
    let (bench, bob) = Bench::with_bob();
    bench.send(bob, "one");
    bench.send(bob, "two");
    bench.attempt();
    let refused = wire::Run::Refused { reason: wire::Refusal::Full, words: "full".into() };
    let applied = bench.answer(1, 2, 1, vec![placed(1, 30), refused]);
    assert_eq!((applied.answered, applied.relayed), (2, 1));
}

#[test]
fn what_was_held_after_a_fork_and_turns_out_to_have_gone_says_so() {
    let (mut bench, bob) = Bench::with_bob();
    let (one, two) = (bench.send(bob, "one"), bench.send(bob, "one"));
    bench.attempt();
    bench.store.log_in(&identity(MY_DEVICE + 1), None).unwrap();
    let mine = Delivery { author: MY_DEVICE, account: ME, age_s: 30, ..bob_says(1, 30, "one") };
    bench.deliver(vec![mine]);
    assert!(
        bench.row(one).reason.starts_with("this was sent already"),
        "{}",
        bench.row(one).reason
    );
    assert!(bench.row(two).reason.starts_with("perhaps"), "one of two");
}

#[test]
fn a_relay_that_answers_for_what_was_never_sent_is_not_believed_and_costs_no_time() {
    let (bench, bob) = Bench::with_bob();
    bench.send(bob, "one");
    bench.attempt();
    let frames = |k, first, runs| {
        let welcome = Welcome { x: 1, now_s: 0, k, limits: None };
        [Frame::Welcome(welcome), Frame::Answered(wire::Answered { first, runs })]
    };
    let done = |count| wire::Run::Done { count };
    for (what, lie) in [
        ("k beyond all", frames(1 << 62, 1, vec![])),
        ("k that no store keeps", frames(u64::MAX, 1, vec![])),
        ("more outcomes than items", frames(1, 1, vec![done(u32::MAX); 4_000])),
        ("places without end", {
            let c = u64::MAX - 1;
            frames(1, 1, vec![wire::Run::Placed { count: u32::MAX, conversation: 50, c }])
        }),
    ] {
        let incoming =
            Incoming { x: 1, frames: &lie, welcomed_at: NOW, marks: &[], nothing_held: false };
        let told = bench.store.apply(incoming).unwrap_err().to_string();
        assert!(told.starts_with("the relay's answer cannot be true"), "{what}: {told}");
    }
    // Numbers that none of ours can be are passed over, and so is what lies behind a gap.
    for first in [2, 1 << 40, u64::MAX] {
        bench.apply(1, &frames(0, first, vec![done(u32::MAX), done(2)]));
    }
    let position = bench.store.reader().position().unwrap();
    assert_eq!((position.k, position.told), (0, 0));
    // The truth is believed afterwards.
    bench.attempt();
    assert_eq!(bench.answer(2, 1, 1, vec![placed(1, 30)]).answered, 1);
}

#[test]
fn a_relay_whose_count_goes_back_further_than_there_is_anything_left_is_not_followed() {
    let (bench, bob) = Bench::with_bob();
    bench.send(bob, "one");
    bench.attempt();
    // As far as it is believed, and again, then nothing: by lies alone nobody makes us count through them.
    for x in 1..=3 {
        let k = bench.store.reader().position().unwrap().k;
        bench.welcome(x, k + 65_000);
        bench.attempt();
    }
    let back = [Frame::Welcome(Welcome { x: 4, now_s: 0, k: 0, limits: None })];
    let incoming =
        Incoming { x: 4, frames: &back, welcomed_at: NOW, marks: &[], nothing_held: false };
    let told = bench.store.apply(incoming).unwrap_err().to_string();
    assert!(told.contains("log in again with mailboat login"), "{told}");
    assert_eq!(bench.texts(bob), ["one"]);
}

#[test]
fn presence_with_numbers_that_cannot_be_disturbs_nothing_else() {
    let (mut bench, bob) = Bench::with_bob();
    let row = |account| wire::PresenceRow {
        account,
        state: wire::PresenceState::Reachable,
        seen_ago_s: u32::MAX,
        next_call_s: u32::MAX,
    };
    let presence = |version, rows| Frame::Presence(wire::Presence { version, rows });
    bench.apply(1, &[presence(7, vec![row(u64::MAX), row(BOB)]), presence(u64::MAX, vec![])]);
    assert_eq!(bench.store.reader().position().unwrap().presence_version, 7);
    let roster = bench.store.reader().members().unwrap();
    assert_eq!(roster[0].presence, crate::store::PresenceNow::Reachable);
    bench.deliver(vec![bob_says(1, 10, "still here")]);
    assert_eq!(bench.texts(bob), ["still here"]);
}

fn limits(tag: u16) -> Option<wire::Limits> {
    Some(wire::Limits { tag, ..wire::Limits::default() })
}

#[test]
fn what_a_relay_opened_anew_may_have_had_before_keeps_its_number_and_bytes() {
    for (tag, keeps) in [(700, false), (701, true)] {
        let (bench, bob) = Bench::with_bob();
        bench.attempt_of(0);
        bench.apply(1, &[Frame::Welcome(Welcome { x: 1, now_s: 0, k: 0, limits: limits(700) })]);
        bench.send(bob, "in doubt");
        bench.attempt();
        // The relay took it, others have it, nobody here heard of it; then a copy was put in the store's place.
        let urgent = Compose { urgent: true, ..Compose::default() };
        bench.store.send(bob, "urgent", urgent).unwrap();
        let limits = limits(tag).filter(|limits| limits.tag != 700);
        bench.attempt_of(0);
        bench.apply(3, &[Frame::Welcome(Welcome { x: 3, now_s: 0, k: 0, limits })]);
        let mut first = None;
        let ask = Ask { submits: Submits::All, bytes_max: 1 << 20, share_read: true };
        bench
            .store
            .attempt(ask, |draft| {
                first = draft.submits.first().map(|submit| submit.body.clone());
                Ok::<_, StoreError>(Packed { body: Bytes::new(), taken: 2, marks: 0 })
            })
            .unwrap();
        let expected = if keeps { "in doubt" } else { "urgent" };
        assert_eq!(first.as_deref(), Some(expected.as_bytes()), "{tag}");
        // Answered in the end like any other.
        bench.answer(4, 2, 1, vec![placed(2, 30)]);
        assert!(bench.store.reader().outbox().unwrap().iter().all(|row| !row.on_its_way));
    }
}

#[test]
fn what_only_this_attempt_carried_is_free_again_though_the_relay_was_opened_anew() {
    let (bench, bob) = Bench::with_bob();
    let id = bench.send(bob, "stopped");
    bench.attempt();
    bench.apply(1, &[Frame::Welcome(Welcome { x: 1, now_s: 0, k: 0, limits: limits(700) })]);
    bench.store.edit(id, "edited meanwhile").unwrap();
    assert_eq!(bench.texts(bob), ["edited meanwhile"]);
}

#[test]
fn what_was_in_doubt_is_held_when_the_store_becomes_another_device() {
    let (bench, bob) = Bench::with_bob();
    let id = bench.send(bob, "in doubt");
    bench.attempt();
    bench.attempt();
    bench.apply(2, &[Frame::Welcome(Welcome { x: 2, now_s: 0, k: 0, limits: limits(700) })]);
    bench.store.log_in(&identity(MY_DEVICE + 1), None).unwrap();
    assert_eq!(bench.row(id).state, Some(crate::store::MessageState::Held));
}
