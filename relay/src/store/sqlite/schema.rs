//! Opens database files: settings of every connection, migrations, refusal of newer schemas.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::super::StoreError;

/// The migrations in order; a merged one never changes.
const MIGRATIONS: [&str; 2] = [
    include_str!("../../../migrations/0001_store.sql"),
    include_str!("../../../migrations/0002_gap.sql"),
];
/// Statements that a connection keeps prepared.
const STATEMENTS_MAX: usize = 256;
/// How long a connection waits for another program's transaction, in milliseconds.
const BUSY_MS: u32 = 20_000;
/// Pages of the log after which a commit moves it into the database itself, should housekeeping
/// not have come to it.
const CHECKPOINT_PAGES: u32 = 16_384;

/// Opens the connection that writes, and brings the schema up to date.
pub(super) fn open_writer(path: &Path, pages_max: Option<u32>) -> Result<Connection, StoreError> {
    let mut db = Connection::open(path)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    db.execute_batch(&format!(
        "PRAGMA busy_timeout = {BUSY_MS};
         PRAGMA auto_vacuum = INCREMENTAL;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON;
         PRAGMA foreign_keys = OFF;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -65536;
         PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};
         PRAGMA journal_size_limit = 67108864;"
    ))?;
    migrate(&mut db)?;
    if let Some(pages) = pages_max {
        db.execute_batch(&format!("PRAGMA max_page_count = {pages}"))?;
    }
    Ok(db)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    db.execute_batch(&format!(
        "PRAGMA busy_timeout = {BUSY_MS};
         PRAGMA query_only = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -16384;
         PRAGMA mmap_size = 268435456;"
    ))?;
    Ok(db)
}

fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    // Under the write lock: two programs that open a fresh store must not both create it.
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: u32 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if known < found {
        return Err(StoreError::SchemaTooNew { found, known });
    }
    for migration in MIGRATIONS.iter().skip(found as usize) {
        tx.execute_batch(migration)?;
    }
    if found < known {
        tx.execute_batch(&format!("PRAGMA user_version = {known}"))?;
    }
    tx.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_a_newer_relay_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay.db");
        drop(open_writer(&path, None).unwrap());
        let db = Connection::open(&path).unwrap();
        db.execute_batch("PRAGMA user_version = 99").unwrap();
        let err = open_writer(&path, None).unwrap_err();
        assert!(matches!(err, StoreError::SchemaTooNew { found: 99, known: 2 }), "{err:?}");
    }

    #[test]
    fn opening_twice_migrates_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay.db");
        drop(open_writer(&path, None).unwrap());
        let db = open_writer(&path, None).unwrap();
        let version: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert_eq!(version, 2);
    }
}
