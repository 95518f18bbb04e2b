//! One writer, full disks, odd contents, and what survives reopening.

use super::{
    super::{Notice, Reader},
    *,
};

#[test]
fn a_second_agent_on_the_same_store_is_told_so() {
    let bench = Bench::new();
    let path = bench.dir.path().join("store.db");
    let second = Store::open(&path, Options::default());
    assert!(matches!(second, Err(StoreError::InUse { .. })), "{second:?}");
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.identity().unwrap().name, "ann");
    let bench = bench.reopen();
    bench.store.request(&["bob".into()], "", "").unwrap();
    assert_eq!(
        reader.conversations().unwrap().len(),
        1,
        "a reader sees what another process writes"
    );
}

#[test]
fn a_reader_of_nothing_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let err = Reader::open(&dir.path().join("store.db")).unwrap_err();
    assert!(err.to_string().contains("mailboat join"), "{err}");
}

#[test]
fn nothing_is_composed_before_somebody_is_logged_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let err = store.request(&["bob".into()], "", "").unwrap_err();
    assert!(matches!(err, StoreError::NotLoggedIn), "{err}");
}

#[test]
fn what_was_composed_is_there_after_reopening() {
    let (bench, bob) = Bench::with_bob();
    bench.send(bob, "one");
    let bench = bench.reopen();
    assert_eq!(bench.texts(bob), ["one"]);
    assert_eq!(bench.store.reader().outbox().unwrap().len(), 1);
}

#[test]
fn a_full_disk_fails_a_write_with_words_and_loses_nothing() {
    let (bench, bob) = Bench::with_bob();
    bench.send(bob, "before");
    let path = bench.dir.path().join("store.db");
    let Bench { dir, store, .. } = bench;
    drop(store);
    let small = Options { pages_max: Some(1), ..Options::default() };
    let store = Store::open(&path, small).unwrap();
    let mut failed = None;
    for _ in 0..1000 {
        if let Err(err) = store.send(bob, &"x".repeat(4000), Compose::default()) {
            failed = Some(err);
            break;
        }
    }
    let err = failed.expect("a small disk fills up");
    assert!(err.is_full() && err.to_string().contains("free some space"), "{err}");
    drop(store);
    let bench = Bench { store: open(&dir), dir, position: 0 };
    assert_eq!(bench.texts(bob)[0], "before");
    bench.send(bob, "after");
}

#[test]
fn a_disk_too_full_to_open_the_store_is_called_full() {
    let failure = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_SHMSIZE);
    let err = StoreError::from(rusqlite::Error::SqliteFailure(failure, None));
    assert!(err.is_full(), "{err}");
    let failure = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_READ);
    let err = StoreError::from(rusqlite::Error::SqliteFailure(failure, None));
    assert!(!err.is_full(), "{err}");
}

#[test]
fn what_cannot_be_read_is_kept_and_shown_and_the_rest_flows() {
    let (mut bench, bob) = Bench::with_bob();
    let opaque = Item::Opaque { kind: 99, body: vec![1, 2, 3] };
    let not_text = Delivery { body: vec![0xff, 0xfe], ..bob_says(2, 12, "") };
    let sealed = Item::Message { reply_to: None, format: 7, content: vec![9] };
    let applied = bench.deliver(vec![
        from_bob(1, 11, &opaque),
        not_text,
        from_bob(3, 13, &sealed),
        bob_says(4, 14, "plain"),
    ]);
    assert_eq!(applied.messages, 4);
    let texts = bench.texts(bob);
    assert!(
        texts[0].contains("kind 99, 3 bytes") && texts[1].contains("kind 1, 2 bytes"),
        "{texts:?}"
    );
    assert_eq!(texts[3], "plain");
    assert_eq!(bench.store.reader().position().unwrap().cursors.ordinary, bench.position);
}

#[test]
fn frames_and_entries_of_a_later_version_are_said_once_and_block_nothing() {
    let (mut bench, _) = Bench::with_bob();
    let unknown = Frame::Unknown { kind: 77, payload: vec![1, 2] };
    bench.apply(0, std::slice::from_ref(&unknown));
    bench.apply(0, &[unknown]);
    bench.latest(vec![Entry::Unknown { kind: 200, body: vec![3] }]);
    let huge = Entry::Lapsed { conversation: u64::MAX, count: 1 };
    bench.latest(vec![huge]);
    let rows = bench.store.reader().inbox(&Inbox::default()).unwrap();
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(rows[0].text.contains("frame of kind 77)"), "{rows:?}");
    assert_eq!(bench.store.reader().position().unwrap().cursors.latest, bench.position);
}

#[test]
fn what_lapsed_is_said_with_how_many_more() {
    let (mut bench, bob) = Bench::with_bob();
    bench.latest(vec![Entry::Lapsed { conversation: 50, count: 3 }]);
    bench.latest(vec![Entry::Lapsed { conversation: 50, count: 3 }]);
    bench.latest(vec![Entry::Lapsed { conversation: 50, count: 5 }]);
    let texts = bench.texts(bob);
    assert_eq!(texts.len(), 2);
    assert!(
        texts[0].starts_with("3 message(s)") && texts[1].starts_with("2 message(s)"),
        "{texts:?}"
    );
    let rows = bench.store.reader().inbox(&Inbox::default()).unwrap();
    let said: Vec<_> = rows.into_iter().filter_map(|row| row.notice).collect();
    assert_eq!(said, [Notice::Lapsed { count: 3 }, Notice::Lapsed { count: 2 }]);
    let last = bench.store.reader().roll().unwrap().remove(0).last.unwrap();
    assert_eq!(last.notice.as_deref(), said.last());
}

#[test]
fn a_packet_that_brings_nothing_new_commits_nothing() {
    let (mut bench, bob) = Bench::with_bob();
    bench.deliver(vec![bob_says(1, 11, "one")]);
    bench.attempt();
    bench.welcome(1, 0);
    let commits = bench.store.commits();
    bench.apply(
        1,
        &[
            Frame::Welcome(Welcome { x: 1, now_s: 0, k: 0, limits: None }),
            Frame::Deliveries(Deliveries {
                lane: Lane::Ordinary,
                entries: vec![Delivery { position: bench.position, ..bob_says(1, 11, "one") }],
            }),
            Frame::Done,
        ],
    );
    assert_eq!(bench.store.commits(), commits);
    assert_eq!(bench.texts(bob), ["one"]);
}

#[test]
fn listeners_hear_of_what_was_committed_and_of_nothing_else() {
    let (mut bench, bob) = Bench::with_bob();
    let mut changes = bench.store.changes();
    bench.store.crash_after(0);
    assert!(bench.store.send(bob, "lost", Compose::default()).is_err());
    assert!(changes.try_recv().is_err());
    bench = bench.reopen();
    let mut changes = bench.store.changes();
    bench.deliver(vec![bob_says(1, 11, "one")]);
    let heard: Vec<_> = std::iter::from_fn(|| changes.try_recv().ok()).collect();
    let arrived = heard.iter().filter(|change| matches!(change, super::super::Change::Arrived(_)));
    assert_eq!(arrived.count(), 1, "{heard:?}");
}
