//! Edits, deletions, replies and marks in every order: the same view (invariant 20).

use proptest::prelude::*;

use super::*;

const EVES_DEVICE: u64 = 7000;
const EVE: u64 = 700;

/// What bob, and once eve, sent: three messages and everything that was done to them.
fn history() -> Vec<Delivery> {
    let edit = |n, c, target, text: &str| {
        from_bob(n, c, &Item::Edit { target: bobs(target), text: text.into() })
    };
    let reply =
        Item::Message { reply_to: Some(bobs(1)), format: 0, content: b"see above".to_vec() };
    let delete = |n, c, target| from_bob(n, c, &Item::Delete { target: bobs(target) });
    let eves = |delivery| Delivery { author: EVES_DEVICE, account: EVE, ..delivery };
    vec![
        bob_says(1, 11, "first"),
        bob_says(2, 12, "second"),
        bob_says(3, 13, "third"),
        from_bob(4, 14, &reply),
        edit(5, 15, 1, "first, edited"),
        edit(6, 16, 1, "first, edited again"),
        delete(7, 17, 2),
        edit(8, 18, 2, "second, after its deletion"),
        // Not hers to change.
        eves(edit(9, 19, 3, "third, by eve")),
        eves(delete(10, 20, 3)),
        // What they name never comes.
        edit(11, 21, 99, "what became of it"),
        delete(12, 22, 98),
        // The third goes again, to a relay that was put back, and is changed under that name.
        from_bob(
            13,
            23,
            &Item::Again { former: bobs(3), reply_to: None, format: 0, content: b"third".to_vec() },
        ),
        edit(14, 24, 13, "third, the second time"),
    ]
}

/// What a person sees, without what depends on when it came.
fn seen(bench: &Bench, bob: ConversationId) -> Vec<(String, bool, bool, bool, Option<String>)> {
    let rows = bench.view(bob);
    let text_of = |id: MessageId| rows.iter().find(|row| row.id == id).map(|row| row.text.clone());
    rows.iter()
        .map(|row| {
            let reply_to = row.reply_to.and_then(text_of);
            (row.text.clone(), row.edited, row.deleted, row.read, reply_to)
        })
        .collect()
}

fn after(order: &[usize], read_after: usize) -> Vec<(String, bool, bool, bool, Option<String>)> {
    let (mut bench, bob) = Bench::with_bob();
    let history = history();
    for (step, index) in order.iter().enumerate() {
        bench.deliver(vec![history[*index].clone()]);
        // And again, as after a cut.
        bench.deliver(vec![history[order[0]].clone(), history[*index].clone()]);
        if step == read_after {
            let read = Entry::Receipt {
                conversation: 50,
                lane: Lane::Ordinary,
                account: ME,
                delivered: 12,
                read: 12,
            };
            bench.latest(vec![read]);
        }
    }
    seen(&bench, bob)
}

#[test]
fn in_the_order_of_the_relay_the_last_edit_counts_and_a_deletion_beats_all() {
    let order: Vec<_> = (0..history().len()).collect();
    let rows = after(&order, 3);
    let texts: Vec<_> =
        rows.iter().map(|(text, edited, deleted, ..)| (&text[..], *edited, *deleted)).collect();
    assert_eq!(
        texts,
        [
            ("first, edited again", true, false),
            ("", false, true),
            ("see above", false, false),
            ("third, the second time", true, false),
            ("what became of it", true, false)
        ]
    );
    assert_eq!(rows[2].4.as_deref(), Some("first, edited again"));
    let read: Vec<_> = rows.iter().map(|row| row.3).collect();
    assert_eq!(read, [true, true, false, false, true]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_order_ends_with_the_same_view(
        order in Just((0..history().len()).collect::<Vec<_>>()).prop_shuffle(),
        read_after in 0..12usize,
    ) {
        let straight: Vec<_> = (0..history().len()).collect();
        prop_assert_eq!(after(&order, read_after), after(&straight, 0));
    }
}

#[test]
fn our_own_edit_shows_at_once_and_is_taken_back_where_the_relay_refuses_it() {
    let (bench, bob) = Bench::with_bob();
    let one = bench.send(bob, "one");
    bench.attempt();
    bench.answer(1, 1, 1, vec![placed(1, 30)]);
    bench.store.edit(one, "won").unwrap();
    assert_eq!((bench.row(one).text, bench.row(one).edited), ("won".into(), true));
    bench.attempt();
    let refused = Run::Refused { reason: wire::Refusal::TooLong, words: "too long".into() };
    bench.answer(2, 2, 2, vec![refused]);
    assert_eq!((bench.row(one).text, bench.row(one).edited), ("one".into(), false));
    let outbox = bench.store.reader().outbox().unwrap();
    let row = outbox.iter().find(|row| row.action == "edit").unwrap();
    assert_eq!((&row.text[..], &row.reason[..]), ("won", "too long"));
    // Let go again it says the same, and shows.
    bench.store.outbox_release(row.id).unwrap();
    assert_eq!((bench.row(one).text, bench.row(one).edited), ("won".into(), true));
    let mut bodies = Vec::new();
    let ask = Ask { submits: Submits::All, bytes_max: 1 << 20, share_read: true };
    let _ = bench.store.attempt(ask, |draft| {
        bodies = draft.submits.iter().map(|submit| submit.body.clone()).collect();
        Err::<Packed, _>(StoreError::Stopped)
    });
    let target = Name { device: MY_DEVICE, n: 1 };
    assert_eq!(bodies, [Item::Edit { target, text: "won".into() }.body()]);
}

#[test]
fn deleting_what_has_not_left_leaves_nothing_behind() {
    let (bench, bob) = Bench::with_bob();
    let one = bench.send(bob, "one");
    assert_eq!(bench.store.delete(one).unwrap(), None);
    assert_eq!(bench.texts(bob), Vec::<String>::new());
    assert!(bench.store.reader().outbox().unwrap().is_empty());
}

#[test]
fn the_text_of_what_was_deleted_is_kept_nowhere() {
    let (mut bench, _) = Bench::with_bob();
    bench.deliver(vec![
        bob_says(1, 11, "the wreck lies at"),
        from_bob(2, 12, &Item::Delete { target: bobs(1) }),
    ]);
    assert!(bench.store.reader().search("wreck", 10).unwrap().is_empty());
    bench.deliver(vec![bob_says(1, 11, "the wreck lies at")]);
    drop(std::mem::replace(&mut bench.store, {
        let elsewhere = tempfile::tempdir().unwrap();
        open(&elsewhere)
    }));
    let db = rusqlite::Connection::open(bench.dir.path().join("store.db")).unwrap();
    let sql =
        "SELECT (SELECT count(*) FROM message WHERE base LIKE '%wreck%' OR text LIKE '%wreck%')
        + (SELECT count(*) FROM amendment WHERE text LIKE '%wreck%')";
    assert_eq!(db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn an_edit_by_another_account_while_the_message_is_missing_does_not_stick() {
    let (mut bench, bob) = Bench::with_bob();
    let edit = from_bob(9, 19, &Item::Edit { target: bobs(3), text: "by eve".into() });
    bench.deliver(vec![Delivery { author: EVES_DEVICE, account: EVE, ..edit }]);
    assert_eq!(bench.texts(bob), ["by eve"]);
    bench.deliver(vec![bob_says(3, 13, "by bob")]);
    let row = &bench.view(bob)[0];
    assert_eq!((&row.text[..], &row.from[..], row.edited), ("by bob", "bob", false));
}

#[test]
fn what_speaks_in_the_name_of_this_device_takes_no_number_of_ours() {
    let (mut bench, bob) = Bench::with_bob();
    let target = Name { device: MY_DEVICE, n: 1 };
    bench.deliver(vec![
        from_bob(1, 11, &Item::Edit { target, text: "forged".into() }),
        Delivery { author: MY_DEVICE, account: ME, ..bob_says(1, 12, "in our name") },
        bob_says(2, 13, "honest"),
    ]);
    let one = bench.send(bob, "one");
    bench.attempt();
    bench.answer(1, 1, 1, vec![placed(1, 30)]);
    assert_eq!(bench.texts(bob), ["honest", "one"]);
    assert_eq!(bench.row(one).state, Some(crate::store::MessageState::Relayed));
}

#[test]
fn what_was_taken_back_before_it_came_shows_as_deleted_even_without_the_deletion() {
    let (mut bench, bob) = Bench::with_bob();
    bench.deliver(vec![from_bob(1, 11, &Item::Void), bob_says(2, 12, "after it")]);
    let rows = bench.view(bob);
    assert_eq!((&rows[0].text[..], rows[0].deleted), ("", true));
    assert_eq!(rows[1].text, "after it");
    let again = bench.deliver(vec![from_bob(1, 11, &Item::Void)]);
    assert_eq!(again.messages, 0);
}
