//! Opening the file, and bringing an older one up to date.
//!
//! A migration that was merged never changes; `user_version` counts those that were applied.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{Options, StoreError};

const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_store.sql"),
    include_str!("../../migrations/0002_sealed.sql"),
    include_str!("../../migrations/0003_told.sql"),
    include_str!("../../migrations/0004_ledger.sql"),
    include_str!("../../migrations/0005_estimates.sql"),
    include_str!("../../migrations/0006_alias.sql"),
    include_str!("../../migrations/0007_proxy.sql"),
    include_str!("../../migrations/0008_window.sql"),
    include_str!("../../migrations/0009_roll.sql"),
    include_str!("../../migrations/0010_causes.sql"),
];

/// How long a statement waits for a lock inside SQLite: readers and the checkpoint are quick.
const BUSY: Duration = Duration::from_secs(10);
/// Statements that are kept prepared.
const STATEMENTS_MAX: usize = 128;

pub(crate) fn open_writer(path: &Path, options: &Options) -> Result<Connection, StoreError> {
    make_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags)?;
    prepare(&db)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "fullfsync", true)?;
    db.pragma_update(None, "checkpoint_fullfsync", true)?;
    db.pragma_update(None, "foreign_keys", true)?;
    migrate(&mut db)?;
    if let Some(pages_max) = options.pages_max {
        db.pragma_update(None, "max_page_count", pages_max)?;
    }
    Ok(db)
}

pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    prepare(&db)?;
    let (found, known) = (version(&db)?, known());
    if found < known {
        return Err(StoreError::TooOld { found, known });
    }
    refuse_newer(found)?;
    Ok(db)
}

fn prepare(db: &Connection) -> Result<(), StoreError> {
    db.busy_timeout(BUSY)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    db.pragma_update(None, "trusted_schema", false)?;
    Ok(())
}

/// The file is its owner's alone from its first byte; SQLite gives its side files the same permissions.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let mut options = config::private::options();
    options.create(true).truncate(false).write(true);
    options.open(path).map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
    Ok(())
}

fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&tx)?;
    refuse_newer(found)?;
    for migration in MIGRATIONS.iter().skip(found as usize) {
        tx.execute_batch(migration)?;
    }
    if found < known() {
        tx.pragma_update(None, "user_version", known())?;
    }
    tx.commit()?;
    Ok(())
}

fn refuse_newer(found: u32) -> Result<(), StoreError> {
    match known() {
        known if known < found => Err(StoreError::TooNew { found, known }),
        _ => Ok(()),
    }
}

fn version(db: &Connection) -> Result<u32, StoreError> {
    Ok(db.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).expect("migrations are few")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_a_later_version_is_refused_with_words_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        drop(open_writer(&path, &Options::default()).unwrap());
        let db = Connection::open(&path).unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
        drop(db);
        let err = open_writer(&path, &Options::default()).unwrap_err();
        assert!(matches!(err, StoreError::TooNew { found: 99, .. }), "{err}");
        assert!(matches!(open_reader(&path), Err(StoreError::TooNew { .. })));
    }

    #[test]
    fn an_empty_file_is_too_old_to_be_read_and_is_brought_up_to_date_by_a_writer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        make_private(&path).unwrap();
        assert!(matches!(open_reader(&path), Err(StoreError::TooOld { found: 0, .. })));
        drop(open_writer(&path, &Options::default()).unwrap());
        assert!(open_reader(&path).is_ok());
    }

    #[test]
    fn a_store_of_every_earlier_version_opens_with_what_it_holds() {
        for found in 1..MIGRATIONS.len() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("store.db");
            let db = Connection::open(&path).unwrap();
            for migration in &MIGRATIONS[..found] {
                db.execute_batch(migration).unwrap();
            }
            db.pragma_update(None, "user_version", found).unwrap();
            let sealed =
                "INSERT INTO item (kind, class, is_urgent, composed_at, state, device, n, body)
                VALUES (12, 2, 0, 0, 2, 7, 1, x'')";
            db.execute_batch(sealed).unwrap();
            let said = "INSERT INTO message (shown_as, is_mine, account, author, c, is_here, base, text, sent_at,
                    received_at, is_read)
                VALUES (1, 0, 2, 'bob', 7, 1, 'a', 'a', 0, 0, 0), (1, 0, 2, 'bob', NULL, 1, 'a', 'a', 0, 0, 0)";
            db.execute_batch(said).unwrap();
            drop(db);
            let db = open_writer(&path, &Options::default()).unwrap();
            assert_eq!(version(&db).unwrap(), known());
            let sql = "SELECT n FROM item WHERE state = 2 AND first_x = 0";
            assert_eq!(db.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap(), 1);
            let sql = "SELECT count(*) FROM message WHERE place = CASE id WHEN 1 THEN 7 ELSE 9223372036854775807 END";
            assert_eq!(db.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap(), 2);
        }
    }

    #[test]
    fn what_was_told_before_there_were_codes_stands_in_its_words_and_so_does_what_a_later_version_wrote()
     {
        use crate::store::{Cause, Inbox, Notice, Store, Told, VisitBegin, VisitEnd};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let db = Connection::open(&path).unwrap();
        for migration in &MIGRATIONS[..9] {
            db.execute_batch(migration).unwrap();
        }
        db.pragma_update(None, "user_version", 9).unwrap();
        let told = "INSERT INTO visit (start_at, end_at, link, outcome, words) VALUES (1, 2, 'gsm', 'no_link', 'cut');
            INSERT INTO trouble (source, words, since) VALUES ('rule:day', 'no modem', 1);
            INSERT INTO message (shown_as, is_mine, account, author, is_here, base, text, sent_at, received_at, is_read)
                VALUES (3, 0, 0, '', 1, 'a', 'a', 0, 0, 0);";
        db.execute_batch(told).unwrap();
        drop(db);
        let store = Store::open(&path, Options::default()).unwrap();
        let heard = || {
            let reader = store.reader();
            let (visit, trouble) =
                (reader.visits(0).unwrap().remove(0), reader.troubles().unwrap().remove(0));
            let notice = reader.inbox(&Inbox::default()).unwrap().remove(0);
            (
                (visit.words, visit.cause),
                (trouble.told.words, trouble.told.cause),
                (notice.text, notice.notice),
            )
        };
        let words = |words: &str| words.to_owned();
        let before = ((words("cut"), None), (words("no modem"), None), (words("a"), None));
        assert_eq!(heard(), before);
        let later =
            "UPDATE visit SET cause = '{\"code\":\"of_later\"}'; UPDATE trouble SET cause = 'odd';
            UPDATE message SET notice = '{\"code\":\"lapsed\"}'";
        Connection::open(&path).unwrap().execute_batch(later).unwrap();
        assert_eq!(heard(), before);
        // What this version writes it reads.
        let visit = store.begin_visit(VisitBegin::default()).unwrap();
        let told = Told::new("cut", Cause::LinkCut { said: "reset".to_owned() });
        let end = VisitEnd { outcome: "refused", told: told.clone(), ..VisitEnd::default() };
        store.end_visit(visit, &end).unwrap();
        assert!(store.notice("b", &Notice::Lapsed { count: 2 }).unwrap());
        let visit = store.reader().counters().unwrap().last_visit.unwrap();
        assert_eq!((visit.words, visit.cause), (told.words.clone(), told.cause.clone()));
        assert_eq!(store.reader().troubles().unwrap()[1].told, told);
        let notice = store.reader().inbox(&Inbox::default()).unwrap().remove(1);
        assert_eq!((notice.text, notice.notice), (words("b"), Some(Notice::Lapsed { count: 2 })));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_store_and_its_side_files() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("store.db"), &Options::default()).unwrap();
        db.execute_batch("UPDATE device SET x = 1").unwrap();
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|f| f.unwrap()).collect();
        assert!(2 <= files.len());
        for file in files {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
        }
    }
}
