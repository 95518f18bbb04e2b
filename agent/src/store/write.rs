//! The one way to write: a transaction that carries the time, who we are, and what to tell listeners after it.

use std::{
    cell::RefCell,
    sync::atomic::Ordering::{Relaxed, SeqCst},
};

use jiff::tz::TimeZone;
use rusqlite::{Connection, OptionalExtension, Params, Row, Transaction, TransactionBehavior};

use super::{Change, Identity, Store, StoreError, identity};

/// One write transaction. Dropped without a commit it never was.
pub(crate) struct Tx<'a> {
    db: Transaction<'a>,
    /// Seconds since 1970.
    pub(crate) now: i64,
    /// Where days begin.
    pub(crate) zone: TimeZone,
    /// Who this store speaks as.
    pub(crate) me: Identity,
    changes: RefCell<Vec<Change>>,
}

impl Store {
    /// Runs `change` in one transaction, durable when this comes back with `Ok`.
    pub(crate) fn write<T>(
        &self,
        change: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (value, changes) = self.commit(change)?;
        for change in changes {
            // Nobody listening is nobody to tell.
            let _ = self.0.changes.send(change);
        }
        Ok(value)
    }

    fn commit<T>(
        &self,
        change: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<(T, Vec<Change>), StoreError> {
        let mut writer = self.writer();
        self.stop_if_due(false)?;
        let db = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = db.total_changes();
        let me = identity::load(&db)?;
        let zone = self.0.options.zone.clone();
        let tx = Tx { db, now: self.now(), zone, me, changes: RefCell::default() };
        let value = change(&tx)?;
        if tx.total_changes() == before {
            // Nothing to make durable.
            return Ok((value, tx.changes.into_inner()));
        }
        tx.next_stamp()?;
        let Tx { db, changes, .. } = tx;
        let changes = changes.into_inner();
        self.stop_if_due(true)?;
        db.commit()?;
        self.0.commits.fetch_add(1, Relaxed);
        Ok((value, changes))
    }

    fn stop_if_due(&self, is_commit: bool) -> Result<(), StoreError> {
        match self.0.commits_left.load(SeqCst) {
            0 => Err(StoreError::Stopped),
            left if is_commit && 0 < left => {
                self.0.commits_left.store(left - 1, SeqCst);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Tx<'_> {
    /// Notes what listeners hear after the commit; the same thing twice is said once.
    pub(crate) fn changed(&self, change: Change) {
        let mut changes = self.changes.borrow_mut();
        if !changes.contains(&change) {
            changes.push(change);
        }
    }

    pub(crate) fn logged_in(&self) -> Result<&Identity, StoreError> {
        if self.me.device == 0 { Err(StoreError::NotLoggedIn) } else { Ok(&self.me) }
    }

    /// Runs a statement; gives the rows that it changed.
    pub(crate) fn run(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        Ok(self.db.prepare_cached(sql)?.execute(params)?)
    }

    /// Inserts a row; gives its id.
    pub(crate) fn insert(&self, sql: &str, params: impl Params) -> Result<i64, StoreError> {
        Ok(self.db.prepare_cached(sql)?.insert(params)?)
    }
}

impl std::ops::Deref for Tx<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.db
    }
}

/// Queries, for readers and writers alike.
pub(crate) trait Query {
    /// The first row, if there is one.
    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError>;

    /// All rows.
    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError>;
}

impl Query for Connection {
    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.prepare_cached(sql)?.query_row(params, row).optional()?)
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.prepare_cached(sql)?;
        let rows = statement.query_map(params, row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
