//! Stores that are full, of a later version, damaged, or wanted by two at once; clocks that are off by years.

use harness::agent::AgentHome;
use harness::relay::RelayOptions;
use harness::world::World;

use super::{complaint, texts};

/// Raises the version that a store's file shows.
fn from_the_future(path: &std::path::Path) {
    let db = rusqlite::Connection::open(path).unwrap();
    db.pragma_update(None, "user_version", 9_999).unwrap();
}

#[tokio::test]
async fn a_store_of_a_later_version_is_told_of_by_every_command_and_left_alone() {
    let world = World::of_two().await;
    let ann = &world.people[0];
    ann.home.run(&["send", "bob", "-m", "safe"]).await.done();
    let store = the_store(&ann.home);
    from_the_future(&store);
    for command in [
        &["sync"][..],
        &["inbox"],
        &["outbox"],
        &["status"],
        &["send", "bob", "-m", "x"],
        &["agent"],
    ] {
        let output = ann.home.run(command).await;
        let said = complaint(&output);
        assert!(said.contains("9999") && said.contains("newer"), "{command:?}: {said}");
    }
    let doctor = ann.home.run(&["doctor"]).await;
    assert!(doctor.stdout.contains("9999"), "{doctor:?}");
    let db = rusqlite::Connection::open(&store).unwrap();
    let version = |db: &rusqlite::Connection| -> i64 {
        db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(version(&db), 9_999);
    drop(db);
    // The newer version is gone again: everything is there.
    let honest = rusqlite::Connection::open(the_store(&world.people[1].home)).unwrap();
    let db = rusqlite::Connection::open(&store).unwrap();
    db.pragma_update(None, "user_version", version(&honest)).unwrap();
    drop((db, honest));
    ann.sync().await;
    world.people[1].sync().await;
    assert_eq!(texts(&world.people[1]).await, ["safe"]);
}

/// The database of a home.
fn the_store(home: &AgentHome) -> std::path::PathBuf {
    home.dir().join("store.db")
}

#[tokio::test]
async fn a_relays_store_of_a_later_version_is_told_of_by_every_command() {
    let mut world = World::of_two().await;
    world.relay.terminate().await;
    let store = std::fs::read_dir(world.relay.data()).unwrap().map(|file| file.unwrap().path());
    let store =
        store.into_iter().find(|path| path.extension().is_some_and(|end| end == "db")).unwrap();
    from_the_future(&store);
    for command in [&["serve"][..], &["account", "list"], &["invite"], &["backup", "copy.db"]] {
        let output = world.relay.run(command, "").await;
        let said = complaint(&output);
        assert!(said.contains("9999") && said.contains("newer"), "{command:?}: {said}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_store_is_told_of_and_left_alone() {
    let world = World::of_two().await;
    let ann = &world.people[0];
    let store = the_store(&ann.home);
    let whole = std::fs::read(&store).unwrap();
    for damage in
        [b"this is no database".repeat(500), whole[..whole.len() / 3].to_vec(), vec![0; 4_096]]
    {
        for side in ["db-wal", "db-shm"] {
            let _ = std::fs::remove_file(store.with_extension(side));
        }
        std::fs::write(&store, &damage).unwrap();
        for command in [&["inbox"][..], &["sync"], &["send", "bob", "-m", "x"], &["doctor"]] {
            let output = ann.home.run(command).await;
            assert!(!output.stderr.contains("panicked"), "{output:?}");
            if damage.starts_with(b"this") {
                assert_ne!(output.code, Some(0), "{command:?}: {output:?}");
                assert_eq!(std::fs::read(&store).unwrap(), damage, "{command:?} changed it");
            }
        }
    }
}

#[tokio::test]
async fn two_agents_on_one_store_are_told_apart() {
    let world = World::of_two().await;
    let ann = &world.people[0];
    let mut first = ann.home.resident().await;
    let output = ann.home.run(&["agent"]).await;
    let said = complaint(&output);
    assert!(said.contains("another agent (pid "), "{said}");
    let output = ann.home.login(&world.url(&ann.link), "ann", None).await;
    let said = complaint(&output);
    assert!(said.contains("agent"), "{said}");
    assert!(!first.has_ended(), "{}", first.said());
    ann.home.run(&["send", "bob", "-m", "through the first"]).await.done();
    ann.sync().await;
    world.people[1].sync().await;
    assert_eq!(texts(&world.people[1]).await, ["through the first"]);
}

#[tokio::test]
async fn a_second_relay_on_the_same_data_is_refused_and_the_first_serves_on() {
    let world = World::of_two().await;
    let output = world.relay.run(&["serve"], "").await;
    let said = complaint(&output);
    assert!(said.contains("another relay"), "{said}");
    world.people[0].sync().await;
}

#[tokio::test]
async fn an_agent_whose_store_is_full_says_so_and_loses_nothing() {
    let world = World::of_two().await;
    let [ann, bob] = &world.people[..] else { panic!("two people") };
    let words = |at: usize| format!("{at} {}", "wind and tide ".repeat(200));
    for at in 0..30 {
        bob.home.run(&["send", "ann", "-m", &words(at)]).await.done();
    }
    bob.sync().await;
    let path = the_store(&ann.home);
    let pages: u32 = rusqlite::Connection::open(&path)
        .unwrap()
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    let options =
        agent::store::Options { pages_max: Some(pages + 8), ..agent::store::Options::default() };
    let store = agent::store::Store::open(&path, options).unwrap();
    let chat = store.reader().find("bob").unwrap();
    let mut kept = Vec::new();
    let full = loop {
        let text = words(100 + kept.len());
        match store.send(chat, &text, agent::store::Compose::default()) {
            Ok(_) => kept.push(text),
            Err(err) => break err,
        }
    };
    assert!(full.is_full() && full.to_string().contains("disk is full"), "{full}");
    drop(store);
    // There is room again.
    ann.sync().await;
    bob.sync().await;
    let (at_ann, at_bob) = (texts(ann).await, texts(bob).await);
    for text in kept.iter().chain(&(0..30).map(words).collect::<Vec<_>>()) {
        for shown in [&at_ann, &at_bob] {
            assert_eq!(shown.iter().filter(|shown| *shown == text).count(), 1, "{}", &text[..8]);
        }
    }
}

#[tokio::test]
async fn clocks_that_are_off_by_years_deliver_everything_once_and_are_told_of() {
    let world = World::new(&RelayOptions::default(), &["ann", "bob"]).await;
    world.acquaint().await;
    let [ann, bob] = &world.people[..] else { panic!("two people") };
    let mut expected = Vec::new();
    for (at, clock) in
        [-3_000_000_000_i64, 0, 1, 1_000_000_000, 4_000_000_000, 253_402_300_799, i64::MAX / 2]
            .into_iter()
            .enumerate()
    {
        let (clock, _) = agent::store::Clock::by_hand(clock);
        let options = agent::store::Options { clock, ..agent::store::Options::default() };
        let store = agent::store::Store::open(&the_store(&ann.home), options).unwrap();
        let chat = store.reader().find("bob").unwrap();
        expected.push(format!("{at}"));
        store.send(chat, &format!("{at}"), agent::store::Compose::default()).unwrap();
        drop(store);
        ann.sync().await;
        bob.sync().await;
    }
    assert_eq!(texts(bob).await, expected);
    for command in ["inbox", "outbox", "usage", "status", "members"] {
        let output = ann.home.run(&[command]).await.done();
        assert!(!output.stderr.contains("panicked"), "{output:?}");
    }
}
