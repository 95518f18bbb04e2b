//! The relay's own keys in a copy of its store, so that whoever puts that back on another machine has them too. In the store
//! itself they do not stay: there they would come back after a change.
//!
//! The table is the one that no migration makes: it is in copies, and in a store that was put back until the relay has
//! written its keys' own file.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OptionalExtension};

use super::StoreError;

/// How long another program's transaction is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Writes keys, in the form of their file, into a copy that nobody has open.
pub(super) fn keep(copy: &Path, keys: &str) -> rusqlite::Result<()> {
    let db = Connection::open(copy)?;
    db.execute_batch(
        "PRAGMA journal_mode = DELETE;
         CREATE TABLE IF NOT EXISTS kept_keys (text TEXT NOT NULL) STRICT;
         DELETE FROM kept_keys;",
    )?;
    db.execute("INSERT INTO kept_keys VALUES (?)", [keys]).map(drop)
}

/// What a copy that was put back at `path` brought along, if anything.
///
/// # Errors
/// Those of the database.
pub fn found(path: &Path) -> Result<Option<String>, StoreError> {
    let db = open(path)?;
    if !has_some(&db)? {
        return Ok(None);
    }
    let row = db.query_row("SELECT text FROM kept_keys", [], |row| row.get(0));
    Ok(row.optional()?)
}

/// Removes it.
///
/// # Errors
/// Those of the database.
pub fn forget(path: &Path) -> Result<(), StoreError> {
    let db = open(path)?;
    if has_some(&db)? {
        db.execute_batch("PRAGMA secure_delete = ON; DROP TABLE kept_keys")?;
    }
    Ok(())
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(PATIENCE)?;
    Ok(db)
}

fn has_some(db: &Connection) -> rusqlite::Result<bool> {
    let query = "SELECT count(*) FROM sqlite_schema WHERE name = 'kept_keys'";
    db.query_row(query, [], |row| row.get::<_, i64>(0)).map(|count| count != 0)
}
