//! What a window reads: the roll, pages, search in one conversation, days of the ledger.

use config::agent::Link;
use jiff::tz::TimeZone;

use super::{
    super::{
        Answered, At, Departure, Departures, MessageState, Page, Place, VisitBegin, VisitEnd,
        conversations, inbox,
        page::{self as paging, Direction},
        receipts, roll,
    },
    *,
};

const DAY: i64 = 86_400;

/// Bob's messages out of order, some of ours before, between and behind them, and one that keeps a place for an edit.
fn mixed() -> (Bench, ConversationId) {
    let (mut bench, bob) = Bench::with_bob();
    bench.send(bob, "first of ours");
    bench.attempt();
    bench.deliver(
        (0..20).map(|n| bob_says(n + 1, 40 + (n * 7) % 20, &format!("bob {n}"))).collect(),
    );
    bench.answer(1, 1, 1, vec![placed(1, 45)]);
    bench.deliver(vec![from_bob(30, 70, &Item::Edit { target: bobs(31), text: String::new() })]);
    for n in 0..5 {
        bench.send(bob, &format!("waits {n}"));
    }
    (bench, bob)
}

fn page(bench: &Bench, id: ConversationId, at: At, limit: u32) -> Page {
    bench.store.reader().page(id, at, limit, &Departures::default()).unwrap()
}

fn ids(page: &Page) -> Vec<MessageId> {
    page.rows.iter().map(|row| row.row.id).collect()
}

#[test]
fn the_roll_is_the_list_of_conversations_with_the_last_line_of_each() {
    let (mut bench, bob) = mixed();
    let asked = bench.store.request(&["carl".into(), "dora".into()], "", "Ahoy").unwrap();
    let group = asked.conversation.unwrap();
    bench.send(group, "held until somebody joins");
    bench.latest(vec![Entry::Conversation {
        number: 51,
        founded: bobs(10),
        pair: false,
        title: "Choir".into(),
        version: 1,
        mine: MemberState::Invited,
        inviter: BOB,
        inviter_name: "bob".into(),
        greeting: "Sing with us".into(),
    }]);
    let reader = bench.store.reader();
    let (roll, rows) = (reader.roll().unwrap(), reader.conversations().unwrap());
    assert_eq!(roll.len(), 3);
    for (found, row) in roll.iter().zip(&rows) {
        assert_eq!(*row, reader.conversation(row.id).unwrap());
        assert_eq!((found.id, &found.title, found.pair), (row.id, &row.title, row.pair));
        assert_eq!(
            (found.state, &found.inviter, &found.greeting),
            (row.state, &row.inviter, &row.greeting)
        );
        assert_eq!((found.unread, found.newest_at), (row.unread, row.newest_at));
        let last = bench.view(row.id).pop();
        let line =
            found.last.as_ref().map(|last| (last.id, last.text.clone(), last.mine, last.state));
        assert_eq!(line, last.map(|last| (last.id, last.text, last.mine, last.state)));
    }
    let of = |id| roll.iter().find(|row| row.id == id).unwrap();
    assert_eq!((of(bob).under_way, of(bob).held, of(bob).unread), (6, 0, 20));
    assert_eq!((of(group).under_way, of(group).held, of(group).pending), (0, 1, Some("request")));
    assert_eq!(
        (of(group).others, &of(group).names[..]),
        (2, &["carl".to_owned(), "dora".to_owned()][..])
    );
    let choir = roll.iter().find(|row| row.title == "Choir").unwrap();
    assert_eq!((choir.state, &choir.greeting[..], choir.unread), ("invited", "Sing with us", 1));
}

#[test]
fn a_last_line_is_cut_and_what_was_taken_back_has_none() {
    let (mut bench, _) = Bench::with_bob();
    bench.deliver(vec![bob_says(1, 11, &"ü".repeat(5_000))]);
    let last = |bench: &Bench| bench.store.reader().roll().unwrap()[0].last.clone().unwrap();
    assert_eq!(last(&bench).text.chars().count(), 200);
    bench.deliver(vec![from_bob(2, 12, &Item::Delete { target: bobs(1) })]);
    assert_eq!((&last(&bench).text[..], last(&bench).deleted), ("", true));
    assert_eq!(bench.store.reader().roll().unwrap()[0].unread, 0);
}

#[test]
fn what_is_refused_and_what_is_pending_is_counted_until_it_is_put_away() {
    let (mut bench, bob) = Bench::with_bob();
    let one = bench.send(bob, "one");
    bench.attempt();
    bench.answer(
        1,
        1,
        1,
        vec![Run::Refused { reason: wire::Refusal::TooLong, words: "no".into() }],
    );
    let refused = |bench: &Bench| bench.store.reader().roll().unwrap()[0].refused;
    assert_eq!(refused(&bench), 1);
    bench.store.outbox_cancel(OutboxId::Message(one)).unwrap();
    assert_eq!(refused(&bench), 0);
    bench.latest(pair_with_bob(MemberState::Invited, MemberState::Member));
    bench.store.decline(bob).unwrap();
    assert_eq!(bench.store.reader().roll().unwrap()[0].pending, Some("decline"));
}

#[test]
fn pages_put_together_are_the_conversation_whatever_their_size_and_direction() {
    let (bench, bob) = mixed();
    let all: Vec<MessageId> = bench.view(bob).into_iter().map(|row| row.id).collect();
    assert_eq!(all.len(), 26, "what only keeps a place is not shown");
    for limit in [1, 2, 3, 7, 26, 1_000] {
        let (mut backward, mut at) = (Vec::new(), At::Newest);
        loop {
            let page = page(&bench, bob, at, limit);
            backward.splice(0..0, ids(&page));
            let rest = all.len() - backward.len();
            assert_eq!((page.earlier, page.later), (0 < rest, at != At::Newest), "{limit}");
            if !page.earlier {
                break;
            }
            at = At::Before(page.rows[0].place);
        }
        assert_eq!(backward, all, "{limit}");
        let (mut forward, mut place) = (Vec::new(), Place::START);
        loop {
            let page = page(&bench, bob, At::After(place), limit);
            forward.extend(ids(&page));
            assert_eq!(page.later, forward.len() < all.len(), "{limit}");
            match page.rows.last() {
                Some(last) => place = last.place,
                None => break,
            }
        }
        assert_eq!(forward, all, "{limit}");
    }
    assert!(page(&bench, bob, At::Newest, 0).rows.is_empty());
}

#[test]
fn a_page_around_a_message_holds_it_and_is_filled_from_the_other_side_at_an_end() {
    let (bench, bob) = mixed();
    let all: Vec<MessageId> = bench.view(bob).into_iter().map(|row| row.id).collect();
    for (at, id) in all.iter().enumerate() {
        let page = page(&bench, bob, At::Around(*id), 9);
        let first = at.saturating_sub(4).min(all.len() - 9);
        assert_eq!(ids(&page), all[first..first + 9], "{at}");
        assert_eq!((page.earlier, page.later), (0 < first, first + 9 < all.len()), "{at}");
    }
    assert_eq!(ids(&page(&bench, bob, At::Around(all[9]), 1)), [all[9]]);
    let unknown =
        bench.store.reader().page(bob, At::Around(MessageId(999)), 9, &Departures::default());
    assert!(matches!(unknown, Err(StoreError::NoSuchId(_))));
    let unknown =
        bench.store.reader().page(ConversationId(9), At::Newest, 9, &Departures::default());
    assert!(matches!(unknown, Err(StoreError::NoSuchId(_))));
}

#[test]
fn a_page_at_what_was_not_read_begins_a_little_before_it() {
    let (bench, bob) = mixed();
    let all = bench.view(bob);
    let (before, unread): (Vec<_>, Vec<_>) = all.iter().take(12).partition(|row| row.id.0 % 2 == 0);
    assert!(!before.is_empty() && !unread.is_empty());
    let ids_of: Vec<MessageId> = all.iter().take(12).map(|row| row.id).collect();
    bench.store.mark_read(&ids_of).unwrap();
    let page_of = page(&bench, bob, At::Unread, 9);
    let first =
        all.iter().position(|row| Some(row.id) == page_of.first_unread.map(|(id, _)| id)).unwrap();
    assert!(12 <= first, "{first}");
    let expected: Vec<MessageId> = all[first - 3..first + 6].iter().map(|row| row.id).collect();
    assert_eq!((ids(&page_of), page_of.unread), (expected, 20 - 11));
    let rest: Vec<MessageId> = all.iter().map(|row| row.id).collect();
    bench.store.mark_read(&rest).unwrap();
    let newest = page(&bench, bob, At::Unread, 9);
    assert_eq!((newest.first_unread, newest.unread, newest.later), (None, 0, false));
    assert_eq!(ids(&newest), rest[rest.len() - 9..]);
}

#[test]
fn a_place_is_good_after_its_row_is_gone_and_a_row_gets_another_from_the_relay() {
    let (bench, bob) = mixed();
    let newest = page(&bench, bob, At::Newest, 3);
    assert!(newest.rows.iter().all(|row| row.place.c().is_none() && row.place < Place::END));
    bench.store.delete(newest.rows[0].row.id).unwrap();
    let before = page(&bench, bob, At::Before(newest.rows[0].place), 2);
    assert_eq!(
        before.rows.iter().map(|row| &row.row.text[..]).collect::<Vec<_>>(),
        ["waits 0", "waits 1"]
    );
    let first = page(&bench, bob, At::After(Place::START), 1);
    assert_eq!((first.rows[0].place.c(), first.earlier), (Some(40), false));
}

#[test]
fn a_reply_shows_what_it_answers_in_short_or_that_it_is_not_here() {
    let (mut bench, bob) = Bench::with_bob();
    bench.deliver(vec![bob_says(1, 11, &"long ".repeat(100))]);
    let long = bench.view(bob)[0].id;
    bench.store.reply(long, "my answer", Compose::default()).unwrap();
    let answer =
        Item::Message { reply_to: Some(bobs(77)), format: 0, content: b"to what?".to_vec() };
    bench.deliver(vec![from_bob(2, 12, &answer)]);
    let page = page(&bench, bob, At::Newest, 9);
    let answers: Vec<_> = page.rows.iter().map(|row| row.answers.clone()).collect();
    assert_eq!(answers[..2], [None, Some(Answered::Missing)]);
    let Some(Answered::Here { id, from, text, mine: false, deleted: false }) = &answers[2] else {
        panic!("{answers:?}");
    };
    assert_eq!((*id, &from[..], text.chars().count()), (long, "bob", 200));
}

#[test]
fn what_waits_leaves_with_the_call_that_has_room_for_it_on_a_page_as_in_the_outbox() {
    let (bench, bob) = Bench::with_bob();
    let urgent = Compose { urgent: true, lifetime_s: 600 };
    let one = bench.send(bob, &"a".repeat(3_000));
    let two = bench.send(bob, &"b".repeat(3_000));
    bench.store.reply(one, "an answer", Compose::default()).unwrap();
    bench.store.outbox_hold(OutboxId::Message(one)).unwrap();
    bench.store.send(bob, "now", urgent).unwrap();
    let calls =
        |at: &[i64]| at.iter().map(|at| Departure { at: NOW + at, up_max: Some(3_050) }).collect();
    let departures = Departures { ordinary: calls(&[100, 200]), urgent: calls(&[50]) };
    let page = bench.store.reader().page(bob, At::Newest, 9, &departures).unwrap();
    let prospects: Vec<_> = page.rows.iter().map(|row| row.prospect.clone().unwrap()).collect();
    assert_eq!((page.rows[0].row.state, prospects[0].leaves), (Some(MessageState::Held), None));
    assert_eq!(page.rows[1].row.id, two);
    assert_eq!(prospects[1].leaves, Some(NOW + 200), "what is urgent goes first");
    let waits = prospects[2].waits.as_deref().unwrap();
    assert!(waits.starts_with("waits for m1, which is held"), "{waits}");
    assert_eq!(
        (prospects[3].leaves, prospects[3].deliver_before),
        (Some(NOW + 50), Some(NOW + 600))
    );
    for row in bench.store.reader().expected(&departures).unwrap() {
        let on_page =
            page.rows.iter().find(|on_page| OutboxId::Message(on_page.row.id) == row.id).unwrap();
        let prospect = on_page.prospect.as_ref().unwrap();
        assert_eq!(
            (prospect.leaves, prospect.arrives_to, prospect.deliver_before, prospect.on_its_way),
            (row.leaves, row.arrives_to, row.deliver_before, row.on_its_way)
        );
    }
    bench.attempt();
    assert!(bench.store.reader().page_row(two, &departures).unwrap().prospect.unwrap().on_its_way);
}

#[test]
fn what_was_relayed_tells_how_many_have_it_and_what_has_arrived_nothing_more() {
    let (mut bench, bob) = Bench::with_bob();
    let member = |account, version| Entry::Member {
        conversation: 50,
        account,
        name: format!("user{account}"),
        state: MemberState::Member,
        version,
    };
    bench.latest(vec![member(201, 1), member(202, 9)]);
    bench.send(bob, "one");
    bench.send(bob, "two");
    bench.attempt();
    bench.answer(1, 2, 1, vec![placed(2, 30)]);
    let receipt = |account, delivered, read| Entry::Receipt {
        conversation: 50,
        lane: Lane::Ordinary,
        account,
        delivered,
        read,
    };
    bench.latest(vec![receipt(BOB, 31, 30), receipt(201, 30, 0)]);
    let page = page(&bench, bob, At::Newest, 9);
    for row in &page.rows {
        let (reached, one_by_one) =
            (row.reached.unwrap(), bench.store.reader().receipts(row.row.id).unwrap());
        assert_eq!(
            (reached.delivered, reached.read, reached.of),
            (one_by_one.delivered, one_by_one.read, one_by_one.of)
        );
    }
    let reached: Vec<_> = page.rows.iter().map(|row| row.reached.unwrap()).collect();
    assert_eq!((reached[0].delivered, reached[0].read, reached[0].of), (2, 1, 2), "202 came later");
    assert_eq!((reached[1].delivered, reached[1].read, reached[1].of), (1, 0, 2));
    assert_eq!((&page.rows[0].prospect, page.rows[1].prospect.is_some()), (&None, true));
}

#[test]
fn searching_one_conversation_finds_what_searching_all_finds_of_it() {
    let (mut bench, bob) = mixed();
    bench.deliver(vec![
        bob_says(50, 90, "Größe XL"),
        bob_says(51, 91, "船が出る"),
        bob_says(52, 92, "50% bo"),
    ]);
    let other = bench.store.request(&["carl".into()], "", "").unwrap().conversation.unwrap();
    bench.send(other, "bob is not here");
    let reader = bench.store.reader();
    for words in [
        "bob",
        "BOB 1",
        "GRÖSSE",
        "größe",
        "GRÖßE",
        "船",
        "船が出",
        "0%",
        "bo 1",
        "nothing",
        "xl größ",
        "waits",
    ] {
        let all = reader.search(words, 1_000).unwrap();
        let of_bob: Vec<_> = all.into_iter().filter(|row| row.conversation == Some(bob)).collect();
        assert_eq!(reader.search_in(bob, words, 1_000).unwrap(), of_bob, "{words}");
        let newest = of_bob[of_bob.len().saturating_sub(3)..].to_vec();
        assert_eq!(reader.search_in(bob, words, 3).unwrap(), newest, "{words}");
    }
    assert!(matches!(reader.search_in(bob, " ", 3), Err(StoreError::Empty { .. })));
    assert!(matches!(reader.search_in(ConversationId(99), "bob", 3), Err(StoreError::NoSuchId(_))));
}

#[test]
fn the_days_of_a_month_add_up_to_what_the_quota_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::by_hand(NOW);
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let options = Options { clock, zone, free_min: 0, ..Options::default() };
    let store = Store::open(&dir.path().join("store.db"), options).unwrap();
    let visit = |from: i64, to: i64, link: &str, bytes: u64| {
        hand.store(from, std::sync::atomic::Ordering::SeqCst);
        let id =
            store.begin_visit(VisitBegin { link: link.into(), ..VisitBegin::default() }).unwrap();
        hand.store(to, std::sync::atomic::Ordering::SeqCst);
        let cost = Some("0.5".parse().unwrap());
        let end = VisitEnd {
            ip_down: bytes,
            cost,
            currency: "EUR".into(),
            outcome: "done",
            ..VisitEnd::default()
        };
        store.end_visit(id, &end).unwrap();
    };
    let quota = Some("1 MiB".parse().unwrap());
    let link = Link { name: "stick".into(), quota, quota_reset_day: 10, ..Link::default() };
    // 15 January 2027, 9:00 there: the month begins on the 10th, at 23:00 UTC of the 9th.
    let begins = store.reader().ledger(Some(&link), NOW).unwrap().begins;
    visit(begins - 3_600, begins + 3_600, "stick", 1_000);
    visit(begins + DAY - 1_800, begins + DAY + 5_400, "stick", 4_000);
    visit(begins + 3 * DAY, begins + 3 * DAY, "stick", 70);
    visit(begins + 3 * DAY, begins + 3 * DAY, "home", 5);
    let ledger = store.reader().ledger(Some(&link), NOW).unwrap();
    let days: Vec<u64> = ledger.days.iter().map(|day| day.bytes).collect();
    assert_eq!((days.len(), &days[..5]), (31, &[1_500, 3_000, 0, 70, 0][..]));
    assert_eq!(ledger.days[0].date.to_string(), "2027-01-10");
    assert_eq!(ledger.bytes, store.reader().used("stick", ledger.begins, ledger.ends).unwrap());
    assert_eq!(ledger.quota.unwrap().used, ledger.bytes);
    assert_eq!((ledger.allowed, ledger.cost["EUR"].to_string()), (Some(1 << 20), "1".to_owned()));
    let all = store.reader().ledger(None, NOW).unwrap();
    assert_eq!((all.days.len(), all.bytes, all.quota), (31, 5_075, None));
    assert_eq!(all.days[0].date.to_string(), "2027-01-01");
    assert_eq!(all.days[9].bytes, 1_500, "on the same day as before, and what was on the ninth");
}

#[test]
fn a_place_of_the_relays_count_is_found_wherever_it_is_and_the_ends_are_known() {
    let (bench, bob) = mixed();
    let all = page(&bench, bob, At::After(Place::START), 1_000);
    assert_eq!(all.span, Some((40, 59)), "without the edit at 70 and what waits");
    let places: Vec<Option<u64>> = all.rows.iter().map(|row| row.place.c()).collect();
    for c in [0, 1, 40, 41, 45, 50, 59, 60, 71, u64::MAX] {
        let found = page(&bench, bob, At::Near(c), 7);
        assert_eq!((found.rows.len(), found.span), (7, all.span), "{c}");
        // Half of it is before that place, where there is so much.
        let first = places.iter().position(|place| place.is_none_or(|place| c <= place));
        let from = first.unwrap_or(all.rows.len()).saturating_sub(3).min(all.rows.len() - 7);
        assert_eq!(ids(&found), ids(&all)[from..from + 7], "{c}");
        assert_eq!((found.earlier, found.later), (0 < from, from + 7 < all.rows.len()), "{c}");
    }
    let (bench, bob) = Bench::with_bob();
    assert_eq!(page(&bench, bob, At::Near(7), 10).span, None);
    bench.send(bob, "waits");
    assert_eq!(page(&bench, bob, At::Near(7), 10).rows.len(), 1);
}

/// How SQLite goes about a query.
fn plan(bench: &Bench, sql: &str) -> String {
    let db = rusqlite::Connection::open(bench.dir.path().join("store.db")).unwrap();
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
    let rows =
        statement.query_map(rusqlite::params_from_iter(nulls), |row| row.get::<_, String>(3));
    rows.unwrap().map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_query_of_every_day_looks_at_all_of_a_long_conversation() {
    let (bench, _) = Bench::with_bob();
    for sql in [
        paging::sql(Direction::Back),
        paging::sql(Direction::Forth),
        paging::unread_sql(),
        paging::span_sql(Direction::Back),
        paging::span_sql(Direction::Forth),
    ] {
        let plan = plan(&bench, &sql);
        assert!(!plan.contains("SCAN m") && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
        assert!(
            plan.contains("INDEX message_order") || plan.contains("INDEX message_unread_in"),
            "{plan}"
        );
    }
    let unread = plan(&bench, conversations::ALL_UNREAD);
    assert!(unread.contains("COVERING INDEX message_") && !unread.contains("TEMP"), "{unread}");
    for (sql, looks) in [
        (
            roll::sql(""),
            [
                "SCAN conversation",
                "SEARCH roll USING INTEGER PRIMARY KEY",
                "SEARCH l USING INTEGER PRIMARY KEY",
            ],
        ),
        (
            roll::sql(" AND conversation.id = ?1"),
            [
                "SEARCH conversation USING INTEGER",
                "SEARCH roll USING INTEGER",
                "SEARCH l USING INTEGER",
            ],
        ),
    ] {
        let plan = plan(&bench, &sql);
        assert!(
            // And once who we are, in two lines.
            looks.iter().all(|look| plan.contains(look))
                && plan.contains("SCALAR SUBQUERY 1\nSEARCH device USING INTEGER PRIMARY KEY")
                && plan.lines().count() == 5,
            "{sql}\n{plan}"
        );
    }
    for (sql, index) in [
        (roll::CHANGED, "COVERING INDEX roll_stamp (stamp>?)"),
        (roll::NEXT_STAMP, "COVERING INDEX roll_stamp (stamp=?)"),
        (roll::REFUSED_OF, "item_refused (conversation=?)"),
        (roll::PENDING_OF, "item_conversation (conversation=?)"),
    ] {
        let plan = plan(&bench, sql);
        assert!(plan.contains(index), "{sql}\n{plan}");
    }
    let pair = plan(&bench, conversations::PAIR_WITH);
    assert!(pair.starts_with("SEARCH conversation USING INDEX conversation_peer"), "{pair}");
    for (sql, index) in [
        (inbox::FIRST_UNREAD.to_owned(), "message_unread_in (conversation=? AND place<?)"),
        (inbox::LAST_READ.to_owned(), "message_place (conversation=? AND lane=? AND c<?)"),
        (
            format!("UPDATE message AS m SET state = ?4 WHERE {}", receipts::UNSETTLED),
            "message_unsettled (conversation=? AND lane=? AND state=? AND c<?)",
        ),
    ] {
        let plan = plan(&bench, &sql);
        assert!(plan.contains(index) && !plan.contains("TEMP"), "{sql}\n{plan}");
    }
}
