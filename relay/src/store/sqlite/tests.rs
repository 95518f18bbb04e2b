//! What only this engine promises: copies of a running store, other programs beside it.

use std::{path::Path, sync::Arc};

use super::{
    super::{
        AccountOrder, AccountOutcome, AccountState, Store, StoreError, Taken,
        conformance::phone::{Phone, START_S, pair, text_at, texts},
    },
    *,
};

fn open(path: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(path, Policy::default(), START_S).unwrap())
}

#[tokio::test]
async fn a_copy_of_a_running_store_is_whole_and_never_overwrites() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("relay.db"));
    let (mut ann, mut bob, chat) = pair(&store).await;
    ann.text(chat, "in the copy").await;
    let copy = dir.path().join("copy.db");
    store.backup(copy.clone()).await.unwrap();
    ann.text(chat, "after it").await;
    let again = store.backup(copy.clone()).await.unwrap_err();
    assert!(matches!(again, StoreError::File(_)), "{again:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&copy).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "it holds everybody's messages");
    }
    bob.store = open(&copy);
    assert_eq!(texts(&bob.visit().await.ordinary), ["in the copy"]);
}

#[tokio::test]
async fn what_another_program_changes_is_noticed_before_anything_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.db");
    let store = open(&path);
    let (mut ann, mut bob, chat) = pair(&store).await;
    ann.text(chat, "before").await;
    let other = open(&path);
    let name = "carl".to_owned();
    let order = AccountOrder::Add { name, password: "hash".to_owned(), now_s: START_S };
    let AccountOutcome::Added(carl) = other.administer(order).await.unwrap() else { panic!() };
    // Both give numbers of their own, and neither the other's.
    let dora = Phone::join(&store, "dora").await;
    assert_ne!(carl, dora.account());
    let generation = store.changes().generation();
    let disable = AccountOrder::State {
        account: ann.account(),
        state: AccountState::Disabled,
        now_s: START_S,
    };
    other.administer(disable).await.unwrap();
    let turn = ann.turn();
    assert_eq!(ann.take(turn).await, Taken::Revoked);
    assert_ne!(store.changes().generation(), generation, "what was known is forgotten");
    assert_eq!(texts(&bob.visit().await.ordinary), ["before"]);
}

#[tokio::test]
async fn another_programs_change_wakes_who_waits_though_nothing_is_written_here() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.db");
    let store = open(&path);
    let ann = Phone::join(&store, "ann").await;
    let mut watch = store.changes().watch(ann.account());
    let revoke =
        AccountOrder::Revoke { account: ann.account(), device: ann.login.device, now_s: START_S };
    open(&path).administer(revoke).await.unwrap();
    watch.changed().await.unwrap();
    assert!(!ann.peek().await.active);
}

#[tokio::test]
async fn durable_transactions_are_observed_and_what_waits_is_weighed() {
    let dir = tempfile::tempdir().unwrap();
    let (tell, observed) = std::sync::mpsc::channel();
    let observer = Box::new(move |requests, _| tell.send(requests).unwrap());
    let path = dir.path().join("relay.db");
    let store = SqliteStore::observed(&path, Policy::default(), START_S, observer).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let (mut ann, _bob, chat) = pair(&store).await;
    ann.text(chat, "seven b").await;
    let answer = store.look_up(AccountQuery::Waiting).await.unwrap();
    assert!(matches!(answer, AccountAnswer::Waiting(7)), "{answer:?}");
    let commits = store.commits();
    assert_eq!(observed.try_iter().count() as u64, commits);
}

#[tokio::test]
async fn pages_of_what_is_gone_are_given_back_in_slices() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.db");
    let store = open(&path);
    let (mut ann, _bob, chat) = pair(&store).await;
    let words = "w".repeat(8_000);
    for _ in 0..10 {
        ann.send((0..50).map(|_| text_at(chat, &words, u32::MAX)).collect()).await;
    }
    let free = || {
        let db = Connection::open(&path).unwrap();
        db.query_row("PRAGMA freelist_count", [], |row| row.get::<_, u64>(0)).unwrap()
    };
    let later = START_S + 100 * 24 * 60 * 60;
    // The author was told, and is dormant by now: nothing holds the messages.
    let turn = ann.turn();
    ann.take(turn).await;
    for chore in [Chore::Mailboxes, Chore::Sweep] {
        while store.housekeep(chore.clone(), later).await.unwrap().more {}
    }
    assert!(500 < free(), "{} free pages", free());
    let first = store.housekeep(Chore::Vacuum, later).await.unwrap();
    assert_eq!((first.handled, first.more), (64, true), "a small slice at a time");
    while store.housekeep(Chore::Vacuum, later).await.unwrap().more {}
    assert_eq!(free(), 256);
    let report = store.housekeep(Chore::Checkpoint, later).await.unwrap();
    assert!(0 < report.handled, "{report:?}");
}
