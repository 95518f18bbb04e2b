//! What only this engine promises: copies of a running store, other programs beside it.

use std::{path::Path, sync::Arc};

use wire::{Entry, Submit};

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
    let reads = Arc::new(AtomicU64::new(0));
    let counted = reads.clone();
    let on_read = Box::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let store = SqliteStore::observed(&path, Policy::default(), START_S, observer, on_read);
    let store: Arc<dyn Store> = Arc::new(store.unwrap());
    let (mut ann, _bob, chat) = pair(&store).await;
    ann.text(chat, "seven b").await;
    let answer = store.look_up(AccountQuery::Waiting).await.unwrap();
    assert!(matches!(answer, AccountAnswer::Waiting(7)), "{answer:?}");
    let commits = store.commits();
    assert_eq!(observed.try_iter().count() as u64, commits);
    assert!(0 < store.reads() && store.reads() == reads.load(Ordering::Relaxed));
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
    // Fewer where that takes longer than a slice may.
    assert!((1..=64).contains(&first.handled) && first.more, "a small slice at a time: {first:?}");
    while store.housekeep(Chore::Vacuum, later).await.unwrap().more {}
    assert_eq!(free(), 256);
    let report = store.housekeep(Chore::Checkpoint, later).await.unwrap();
    assert!(0 < report.handled, "{report:?}");
}

/// What another program's transaction keeps from the writer, as a disk that takes seconds for a commit does.
fn stall(path: &Path) -> Connection {
    let db = Connection::open(path).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    db
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_finds_no_room_to_wait_for_a_slow_disk_is_refused_until_later_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.db");
    let policy = Policy { waiting_bytes_max: 20_000, ..Policy::default() };
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path, policy, START_S).unwrap());
    let (mut ann, mut bob, chat) = pair(&store).await;
    let words = "w".repeat(8_000);
    let slow = stall(&path);
    let turn = Turn { submits: vec![text_at(chat, &words, u32::MAX); 2], ..ann.turn() };
    let mut late = store.take(vec![turn]);
    tokio::select! {
        biased;
        taken = &mut late => panic!("a stalled disk took {taken:?}"),
        () = std::future::ready(()) => {}
    }
    let turn = Turn { submits: vec![text_at(chat, &words, u32::MAX)], ..bob.turn() };
    let refused = store.take(vec![turn]).await.pop().unwrap();
    assert!(matches!(refused, Err(StoreError::Busy)), "{refused:?}");
    slow.execute_batch("COMMIT").unwrap();
    let taken = late.await.pop().unwrap().unwrap();
    let Taken::Done { state, .. } = taken else { panic!("{taken:?}") };
    (ann.k, ann.told) = (state.k, state.k);
    bob.send_one(text_at(chat, &words, u32::MAX)).await;
    assert_eq!(texts(&bob.visit().await.ordinary), [&words[..], &words]);
    assert_eq!(texts(&ann.visit().await.ordinary), [&words[..]]);
}

/// The chore until it finds nothing more, and the most rows that one slice handled.
async fn slices(store: &Arc<dyn Store>, chore: Chore, now_s: u64) -> (u64, u64) {
    let (mut handled, mut most) = (0, 0);
    loop {
        let report = store.housekeep(chore.clone(), now_s).await.unwrap();
        (handled, most) = (handled + report.handled, most.max(report.handled));
        if !report.more {
            return (handled, most);
        }
    }
}

#[tokio::test]
async fn a_large_mailbox_is_tidied_in_slices_and_what_comes_meanwhile_is_not_passed_over() {
    const COUNT: usize = 6_000;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("relay.db"));
    let (mut ann, mut bob, chat) = pair(&store).await;
    let short =
        |text: &str, urgent| Submit { urgent, lifetime_s: 600, ..text_at(chat, text, u32::MAX) };
    for _ in 0..COUNT / 1_000 {
        ann.send((0..1_000).map(|_| short("tide", false)).collect()).await;
    }
    let later = START_S + 700;
    let first = store.housekeep(Chore::Mailboxes, later).await.unwrap();
    assert!(first.more && (first.handled as usize) < COUNT, "{first:?}");
    // Its lane was looked through before.
    ann.now_s = later;
    ann.send_one(short("high water", true)).await;
    let (handled, _) = slices(&store, Chore::Mailboxes, later).await;
    assert_eq!((first.handled + handled) as usize, COUNT);
    assert_eq!(slices(&store, Chore::Mailboxes, later + 599).await.0, 0);
    assert_eq!(slices(&store, Chore::Mailboxes, later + 600).await.0, 1, "in time");
    assert!(bob.visit().await.urgent.is_empty());
    // The author hears of each.
    let mut notices = 0;
    loop {
        let page = ann.visit().await;
        let is_notice = |(_, entry): &&(u64, Entry)| matches!(entry, Entry::Expired { .. });
        notices += page.latest.iter().filter(is_notice).count();
        if page.latest.is_empty() {
            break;
        }
    }
    assert_eq!(notices, COUNT + 1);
}
