//! What the agent itself has to say, as rows of the inbox: in English, and as values for a window.

use serde::{Deserialize, Serialize};

use super::{
    Cause, ConversationId, InboxRow, Kind, Reader, Store, StoreError, cause, inbox, write::Query,
    write::Tx,
};

/// What a notice says. For codes and arguments holds what holds for those of a [`Cause`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Notice {
    /// A message of ours came to nothing: its id, how it begins, and why, as a [`Reason`](super::Reason) writes it.
    NotDelivered { message: String, text: String, why: String },
    /// So many messages for us expired, or found the mailbox full, before they were fetched.
    Lapsed { count: u64 },
    /// So many left the relay while this device was silent for long.
    LapsedHere { count: u64 },
    /// The relay sent a frame, or an entry, of a kind that is not known here.
    Unknown { kind: u8, is_entry: bool },
    /// This store goes on as another device, because it is older than the relay remembers or has a twin (`is_fork`), or
    /// because somebody logged in again. So many items are held, because they may have gone already.
    NewDevice { is_fork: bool, held: u64 },
    /// So much of a link's quota is used: `allowed` bytes are none without a limit. It begins anew at `resets`, in seconds
    /// since 1970; where calls are `stopped`, what is `left` is too little for a visit.
    Quota { link: String, used: u64, allowed: Option<u64>, left: u64, stopped: bool, resets: i64 },
    /// A rule's call did not come about; the next is due at `next`, in seconds since 1970.
    CallFailed { rule: String, why: Option<Cause>, said: String, next: Option<i64> },
    /// The link of a rule's call was not taken down.
    LinkLeftUp { rule: String, why: Option<Cause>, said: String },
    /// Somebody did not show the relay's own key.
    NotTheRelay { why: Option<Cause>, said: String },
    /// A login page answers in the relay's place.
    LoginPage { why: Option<Cause>, said: String },
}

impl Reader {
    /// Notices that concern no conversation and were not read, the newest `limit` of them, newest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn notices(&self, limit: u32) -> Result<Vec<InboxRow>, StoreError> {
        // By the index of what was not read, where they lie together: there may be a million other rows.
        let sql = format!(
            "SELECT {} FROM message m INDEXED BY message_unread_in
            WHERE m.conversation IS NULL AND m.is_read = 0 AND m.is_deleted = 0 AND m.shown_as = ?1
            ORDER BY m.id DESC LIMIT ?2",
            inbox::ROW
        );
        let which = rusqlite::params![Kind::Notice.number(), limit];
        self.read(|db| db.all(&sql, which, inbox::inbox_row))
    }
}

impl Store {
    /// Tells the user `text`, which says `notice`, unless the same was told and not read yet. Gives whether it was told now.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn notice(&self, text: &str, notice: &Notice) -> Result<bool, StoreError> {
        self.write(|tx| {
            let sql = "SELECT 1 FROM message WHERE shown_as = ?1 AND is_read = 0 AND text = ?2";
            let is_told = tx
                .first(sql, rusqlite::params![Kind::Notice.number(), text], |_| Ok(()))?
                .is_some();
            if !is_told {
                tx.notice(None, text, notice)?;
            }
            Ok(!is_told)
        })
    }
}

impl Tx<'_> {
    /// A row of the inbox that says `notice`.
    pub(crate) fn notice(
        &self,
        conversation: Option<ConversationId>,
        text: &str,
        notice: &Notice,
    ) -> Result<(), StoreError> {
        let id = self.insert_said(conversation, Kind::Notice, 0, "", text)?;
        let sql = "UPDATE message SET notice = ?2 WHERE id = ?1";
        self.run(sql, rusqlite::params![id, cause::written(Some(notice))])?;
        Ok(())
    }
}
