//! What the agent itself has to say, as rows of the inbox.

use super::{Kind, Store, StoreError, write::Query};

impl Store {
    /// Tells the user something, unless the same was told and not read yet. Gives whether it was told now.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn notice(&self, text: &str) -> Result<bool, StoreError> {
        self.write(|tx| {
            let sql = "SELECT 1 FROM message WHERE shown_as = ?1 AND is_read = 0 AND text = ?2";
            let is_told = tx
                .first(sql, rusqlite::params![Kind::Notice.number(), text], |_| Ok(()))?
                .is_some();
            if !is_told {
                tx.insert_said(None, Kind::Notice, 0, "", text)?;
            }
            Ok(!is_told)
        })
    }
}
