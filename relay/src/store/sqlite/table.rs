//! Rows of one table in memory, by number, and which of them have to be written back.

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, Result};

/// Cached rows of one table, and which of them have to be written back.
#[derive(Debug)]
pub(super) struct Table<T> {
    rows: HashMap<u64, (T, bool)>,
    dirty: Vec<u64>,
}

impl<T> Table<T> {
    pub(super) fn new() -> Self {
        Self { rows: HashMap::new(), dirty: Vec::new() }
    }

    pub(super) fn row(&self, id: u64) -> Option<&T> {
        self.rows.get(&id).map(|(row, _)| row)
    }

    /// The row, to be written back.
    pub(super) fn change(&mut self, id: u64) -> Option<&mut T> {
        let (row, dirty) = self.rows.get_mut(&id)?;
        if !std::mem::replace(dirty, true) {
            self.dirty.push(id);
        }
        Some(row)
    }

    /// The row, to be brought in line with what was written besides.
    pub(super) fn correct(&mut self, id: u64) -> Option<&mut T> {
        self.rows.get_mut(&id).map(|(row, _)| row)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// A row as it was read.
    pub(super) fn learn(&mut self, id: u64, row: T) {
        self.rows.insert(id, (row, false));
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.dirty.clear();
    }

    /// Writes the changed rows with one statement.
    pub(super) fn flush(
        &mut self,
        db: &Connection,
        sql: &str,
        mut store: impl FnMut(&mut CachedStatement<'_>, u64, &T) -> Result<usize>,
    ) -> Result<()> {
        if self.dirty.is_empty() {
            return Ok(());
        }
        // In key order: neighbours share pages.
        self.dirty.sort_unstable();
        let mut statement = db.prepare_cached(sql)?;
        for id in self.dirty.drain(..) {
            if let Some((row, dirty)) = self.rows.get_mut(&id) {
                *dirty = false;
                store(&mut statement, id, row)?;
            }
        }
        Ok(())
    }
}
