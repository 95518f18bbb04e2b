//! The inbox, marks, search, the roster, the ledger.

use wire::{HeldKind, HeldRow, Mark, Presence, PresenceRow, PresenceState};

use super::{
    super::{Kind, PresenceNow, VisitEnd},
    *,
};

/// The marks that the next attempt would carry.
fn marks(bench: &Bench) -> Vec<Mark> {
    let mut marks = Vec::new();
    let ask = Ask { submits: Submits::None, bytes_max: 0, share_read: true };
    let _ = bench.store.attempt(ask, |draft| {
        marks = draft.marks.clone();
        Err::<Packed, _>(StoreError::Stopped)
    });
    marks
}

fn mark(c: u64) -> Mark {
    Mark { conversation: 50, lane: Lane::Ordinary, c, share: true }
}

#[test]
fn looking_is_not_reading_and_the_newest_rows_come_oldest_first() {
    let (mut bench, bob) = Bench::with_bob();
    bench.deliver((1..=5).map(|n| bob_says(n, 10 + n, &format!("{n}"))).collect());
    bench.send(bob, "mine");
    let reader = bench.store.reader();
    let texts = |which: Inbox| {
        reader.inbox(&which).unwrap().into_iter().map(|row| row.text).collect::<Vec<_>>()
    };
    let newest = Inbox { unread: true, limit: Some(2), ..Inbox::default() };
    assert_eq!(texts(newest), ["4", "5"]);
    assert_eq!(texts(newest), ["4", "5"]);
    assert_eq!(texts(Inbox { all: true, limit: Some(1), ..Inbox::default() }), ["mine"]);
    let unknown = Inbox { conversation: Some(ConversationId(99)), ..Inbox::default() };
    assert!(matches!(reader.inbox(&unknown), Err(StoreError::NoSuchId(_))));
}

#[test]
fn a_mark_never_passes_what_was_not_read() {
    let (mut bench, bob) = Bench::with_bob();
    bench.deliver((1..=3).map(|n| bob_says(n, 10 + n, &format!("{n}"))).collect());
    let ids: Vec<_> = bench.view(bob).into_iter().map(|row| row.id).collect();
    assert_eq!(bench.store.mark_read(&[ids[2]]).unwrap(), 1);
    assert_eq!(marks(&bench), []);
    assert_eq!(bench.store.mark_read(&[ids[0], ids[2]]).unwrap(), 1);
    assert_eq!(marks(&bench), [mark(11)]);
    bench.store.mark_read(&ids).unwrap();
    assert_eq!(marks(&bench), [mark(13)]);
    let done = Incoming {
        x: 9,
        frames: &[Frame::Done],
        welcomed_at: NOW,
        marks: &[mark(13)],
        nothing_held: false,
    };
    bench.store.apply(done).unwrap();
    assert_eq!(marks(&bench), []);
}

#[test]
fn what_another_device_read_is_read_here_and_what_was_deleted_holds_no_mark_back() {
    let (mut bench, bob) = Bench::with_bob();
    let read = Entry::Receipt {
        conversation: 50,
        lane: Lane::Ordinary,
        account: ME,
        delivered: 0,
        read: 12,
    };
    bench.latest(vec![read]);
    bench.deliver((1..=4).map(|n| bob_says(n, 10 + n, &format!("{n}"))).collect());
    let read: Vec<_> = bench.view(bob).into_iter().map(|row| row.read).collect();
    assert_eq!(read, [true, true, false, false]);
    bench.deliver(vec![from_bob(5, 15, &Item::Delete { target: bobs(3) })]);
    let last = bench.view(bob)[3].id;
    bench.store.mark_read(&[last]).unwrap();
    assert_eq!(marks(&bench), [mark(14)]);
}

#[test]
fn words_are_found_in_any_script_inside_others_and_as_they_stand() {
    let (mut bench, bob) = Bench::with_bob();
    let texts = [
        "The ferry to Þórshöfn",
        "明日の天気は晴れ",
        "100 % of it",
        "100 of it",
        "say \"when\"",
        "a_b",
        "aXb",
    ];
    bench.deliver(texts.iter().zip(1..).map(|(text, n)| bob_says(n, 10 + n, text)).collect());
    let found = |words: &str| {
        let rows = bench.store.reader().search(words, 10).unwrap();
        rows.into_iter().map(|row| row.text).collect::<Vec<_>>()
    };
    assert_eq!(found("FERRY"), [texts[0]]);
    assert_eq!(found("órshö erry"), [texts[0]]);
    assert_eq!(found("天気は"), [texts[1]]);
    assert_eq!(found("天気"), [texts[1]]);
    assert_eq!(found("%"), [texts[2]]);
    assert_eq!(found("of 100"), [texts[2], texts[3]]);
    assert_eq!(found("\"when\""), [texts[4]]);
    assert_eq!(found("_"), [texts[5]]);
    assert_eq!(found("NOT ferry"), [""; 0]);
    assert!(bench.store.reader().search("  ", 10).is_err());
    bench.send(bob, "my own ferry");
    assert_eq!(found("ferry").len(), 2);
    assert_eq!(bench.store.reader().search("ferry", 1).unwrap()[0].text, "my own ferry");
}

#[test]
fn an_edit_is_found_by_its_new_text_only() {
    let (mut bench, _) = Bench::with_bob();
    bench.deliver(vec![
        bob_says(1, 11, "meet at the quay"),
        from_bob(2, 12, &Item::Edit { target: bobs(1), text: "meet at the pier".into() }),
    ]);
    let found = |words: &str| bench.store.reader().search(words, 10).unwrap().len();
    assert_eq!((found("quay"), found("pier")), (0, 1));
}

#[test]
fn a_message_that_came_before_its_authors_name_gets_it_later() {
    let mut bench = Bench::new();
    bench.deliver(vec![bob_says(1, 11, "who am I?")]);
    let from = |bench: &Bench| {
        let rows = bench.store.reader().inbox(&Inbox::default()).unwrap();
        rows[0].from.clone()
    };
    assert_eq!(from(&bench), format!("account {BOB}"));
    bench.latest(pair_with_bob(MemberState::Member, MemberState::Member));
    assert_eq!(from(&bench), "bob");
}

#[test]
fn the_roster_shows_who_is_there_as_far_as_was_told() {
    let (bench, bob) = Bench::with_bob();
    let row = PresenceRow {
        account: BOB,
        state: PresenceState::Reachable,
        seen_ago_s: 1,
        next_call_s: 600,
    };
    bench.apply(0, &[Frame::Presence(Presence { version: 4, rows: vec![row] })]);
    let members = bench.store.reader().members().unwrap();
    assert_eq!(members.len(), 1);
    assert_eq!((&members[0].name[..], members[0].presence), ("bob", PresenceNow::Reachable));
    assert_eq!((members[0].last_seen, members[0].next_call), (Some(NOW), Some(NOW + 600)));
    assert_eq!(
        (members[0].conversation, bench.store.reader().position().unwrap().presence_version),
        (Some(bob), 4)
    );
}

#[test]
fn scripts_find_the_fields_that_they_rely_on() {
    let (mut bench, bob) = Bench::with_bob();
    bench.deliver(vec![bob_says(1, 11, "one")]);
    let sent = bench.store.send(bob, "two", Compose::default()).unwrap();
    let row =
        serde_json::to_value(&bench.store.reader().inbox(&Inbox::default()).unwrap()[0]).unwrap();
    assert_eq!(row["id"], "m1");
    assert_eq!(row["conversation"], "c1");
    assert_eq!(
        (&row["from"], &row["kind"], &row["mine"]),
        (&"bob".into(), &"message".into(), &false.into())
    );
    assert_eq!(row["sent_at"], "2027-01-15T07:59:00Z");
    assert_eq!(row["received_at"], "2027-01-15T08:00:00Z");
    assert_eq!(row["attachments"], serde_json::json!([]));
    let sent = serde_json::to_value(&sent).unwrap();
    assert_eq!(
        (&sent["id"], &sent["conversation"], &sent["state"]),
        (&"m2".into(), &"c1".into(), &"queued".into())
    );
    let outbox = serde_json::to_value(&bench.store.reader().outbox().unwrap()[0]).unwrap();
    assert_eq!(
        (&outbox["to"], &outbox["state"], &outbox["reason"]),
        (&"bob".into(), &"queued".into(), &"".into())
    );
}

#[test]
fn the_ledger_and_the_counters_say_what_was_told() {
    let (bench, bob) = Bench::with_bob();
    bench.send(bob, "one");
    let visit = bench.store.begin_visit("modem").unwrap();
    let so_far = VisitEnd { bytes_up: 10, bytes_down: 20, ..VisitEnd::default() };
    bench.store.note_visit(visit, &so_far).unwrap();
    let end =
        VisitEnd { bytes_up: 100, bytes_down: 200, outcome: "partial", ..VisitEnd::default() };
    bench.store.end_visit(visit, &end).unwrap();
    let row = |lane, kind, count| HeldRow { lane, kind, count, bytes: 50, first: 5 };
    let rows =
        vec![row(Lane::Urgent, HeldKind::Message, 1), row(Lane::Ordinary, HeldKind::Message, 2)];
    bench.apply(0, &[Frame::Held(rows)]);
    let counters = bench.store.reader().counters().unwrap();
    assert_eq!(
        (counters.waiting_here, counters.waiting_there.count, counters.waiting_there.bytes),
        (1, 3, 100)
    );
    assert_eq!(counters.waiting_there.by_kind["message"].count, 3);
    let last = counters.last_visit.unwrap();
    assert_eq!((&last.link[..], last.bytes_up, &last.outcome[..]), ("modem", 100, "partial"));
    assert_eq!(bench.store.reader().visits(NOW).unwrap().len(), 1);
    assert_eq!(bench.view(bob)[0].kind, Kind::Message);
}
