//! This store went back in time or has a twin: it becomes a new device.
//!
//! In this order, so that a crash between any two steps is made good by doing them again: the new token is durable here,
//! the relay makes the device (idempotent by the token), the token is durable in `account.toml`, the store becomes the
//! device.

use rusqlite::params;
use wire::Cursors;

use super::{
    Change, ConversationId, Notice, Reason, Store, StoreError,
    item::{ITEM, hold, item_row, state},
    write::{Query, Tx},
};

/// A device that the relay made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewDevice {
    /// The relay's number for the account.
    pub account: u64,
    /// The relay's number for the device.
    pub device: u64,
    /// Where the relay begins to deliver to it.
    pub cursors: Cursors,
}

impl Store {
    /// The token of the device to be made: the one that was made before a crash, or what `make` gives.
    pub(crate) fn new_token(&self, make: impl FnOnce() -> String) -> Result<String, StoreError> {
        self.write(|tx| {
            let known =
                tx.first("SELECT new_token FROM device WHERE new_token IS NOT NULL", [], |row| {
                    row.get(0)
                })?;
            if let Some(token) = known {
                return Ok(token);
            }
            let token = make();
            tx.run("UPDATE device SET new_token = ?1", [&token])?;
            Ok(token)
        })
    }

    /// The token of a device that was being made when the agent was killed.
    pub(crate) fn pending_token(&self) -> Result<Option<String>, StoreError> {
        self.reader().read(|db| {
            db.first("SELECT new_token FROM device WHERE new_token IS NOT NULL", [], |row| {
                row.get(0)
            })
        })
    }

    /// Becomes the device that the relay made.
    pub(crate) fn become_new_device(&self, new: NewDevice) -> Result<(), StoreError> {
        self.write(|tx| {
            if new.account != tx.me.account {
                return Err(StoreError::OtherAccount {
                    owner: format!("{}@{}", tx.me.name, tx.me.domain),
                });
            }
            tx.adopt(new.device)
        })
    }
}

impl Tx<'_> {
    /// Makes this store another device of the same account. What may have gone already is held, and the user says whether
    /// it goes (again): what was put into a request and has no answer; after a fork all that waits, because a twin or an
    /// earlier life of this store may have sent it.
    pub(crate) fn adopt(&self, device: u64) -> Result<(), StoreError> {
        // A fork leaves its new token here; without one the user has logged in again.
        let is_fork =
            0 < self.run("UPDATE device SET new_token = NULL WHERE new_token IS NOT NULL", [])?;
        if device == self.me.device {
            return Ok(());
        }
        let reason = &Reason::PerhapsSent.to_string()[..];
        // Sealed, never answered: the names are gone with the old device.
        let sealed = "SELECT id FROM item WHERE state = 2";
        self.run(
            &format!("UPDATE message SET device = NULL, n = NULL WHERE id IN (SELECT message FROM item WHERE id IN ({sealed}) AND is_fixed <> 1 AND kind <> 64)"),
            [],
        )?;
        // What goes again keeps the name under which it went first, when it was known to be ours.
        self.run(
            "DELETE FROM alias WHERE (device, n) IN
                (SELECT device, n FROM item WHERE state = 2 AND is_fixed <> 1 AND kind = 64)",
            [],
        )?;
        self.run(
            &format!("UPDATE amendment SET device = NULL, n = NULL WHERE id IN (SELECT amendment FROM item WHERE id IN ({sealed}) AND is_fixed <> 1)"),
            [],
        )?;
        self.run(
            "DELETE FROM founding WHERE (device, n) IN
                (SELECT device, n FROM item WHERE state = 2 AND is_fixed <> 1 AND kind = 5)",
            [],
        )?;
        // Answered once and to be sent again to a relay that was put back: the old device cannot any more.
        self.hold_what_was_to_go_again(reason)?;
        self.run(
            "DELETE FROM item WHERE state = 2 AND is_fixed = 1 AND message IS NULL AND kind = 12",
            [],
        )?;
        self.run("UPDATE item SET state = 3 WHERE state = 2 AND is_fixed = 1", [])?;
        let held = self.run(
            "UPDATE item SET state = 0, hold = CASE hold WHEN 1 THEN 1 ELSE 3 END,
                reason = CASE hold WHEN 1 THEN reason ELSE ?1 END, device = NULL, n = NULL, body = NULL, is_fixed = 0,
                named_device = NULL, named_n = NULL
            WHERE state = 2 OR (?2 AND state IN (0, 1))",
            params![reason, is_fork],
        )?;
        self.run(
            "UPDATE message SET state = 1, reason = ?1 WHERE id IN (SELECT message FROM item WHERE state = 0 AND hold = 3)
                AND state NOT IN (5, 6)",
            [reason],
        )?;
        self.run(
            "UPDATE device SET device = ?1, k = 0, told = 0, told_x = 0, presence_version = 0",
            [device],
        )?;
        self.run("UPDATE mark SET told_c = 0", [])?;
        self.run("DELETE FROM waiting", [])?;
        self.hold_what_leaned_on_it()?;
        self.say_new_device(is_fork, held)?;
        self.changed(Change::Outbox);
        Ok(())
    }

    /// What was said once goes again under the name that it had, if the user says so.
    fn hold_what_was_to_go_again(&self, reason: &str) -> Result<(), StoreError> {
        let sql = format!("SELECT {ITEM} FROM item WHERE state = 2 AND is_fixed = 1 ORDER BY n");
        for item in self.all(&sql, [], item_row)? {
            if wire::Item::is_content(item.kind)
                && (item.message.is_some() || item.amendment.is_some())
            {
                let again = self.again(&item)?;
                self.set_waiting(&again, state::HELD, hold::FORKED, reason)?;
            }
        }
        Ok(())
    }

    /// What was to follow an acceptance that is held now waits for it.
    fn hold_what_leaned_on_it(&self) -> Result<(), StoreError> {
        let sql = format!("SELECT {ITEM} FROM item WHERE state = 1 AND conversation IS NOT NULL");
        for item in self.all(&sql, [], item_row)? {
            let Some(id) = item.conversation.filter(|_| wire::Item::is_content(item.kind)) else {
                continue;
            };
            let chat = super::conversations::load(self, id)?;
            if let Some(reason) = self.why_wait(&chat)? {
                self.set_waiting(&item, state::HELD, hold::ACCEPTANCE, &reason)?;
            }
        }
        Ok(())
    }

    /// A message that another device of ours has sent: where the same text is held here since this store became a new
    /// device, it went already, and says so. The user cancels it; no answer of a relay deletes anything.
    pub(crate) fn note_sent_elsewhere(
        &self,
        conversation: ConversationId,
        text: &str,
        sent_at: i64,
    ) -> Result<(), StoreError> {
        /// Ages are rounded on the wire.
        const APART_MAX_S: i64 = 120;
        let reason = &Reason::SentAlready.to_string()[..];
        let sql = format!(
            "SELECT {ITEM} FROM item JOIN message ON message.id = item.message
            WHERE item.state = 0 AND item.hold = ?1 AND item.reason <> ?2 AND message.conversation = ?3
                AND message.base = ?4 AND abs(message.sent_at - ?5) <= ?6 ORDER BY item.id"
        );
        let held = params![hold::FORKED, reason, conversation, text, sent_at, APART_MAX_S];
        match self.first(&sql, held, item_row)? {
            Some(item) => self.set_waiting(&item, state::HELD, hold::FORKED, reason),
            None => Ok(()),
        }
    }

    fn say_new_device(&self, is_fork: bool, held: usize) -> Result<(), StoreError> {
        let waits = match held {
            0 => String::new(),
            held => format!(
                " {held} item(s) that waited to be sent are held in the outbox, because they may have gone already: \
                release or cancel them there."
            ),
        };
        let why = match is_fork {
            true => {
                "This computer's mail store is older than the relay remembers, or another copy of it is in use. It goes \
                on as a new device and fetches what it lacks; what was sent since from the other copy comes with it."
            }
            false if held == 0 => return Ok(()),
            false => "This computer was logged in again, as a new device.",
        };
        let text = format!("{why}{waits}");
        let held = u64::try_from(held).unwrap_or(u64::MAX);
        self.notice(None, &text, &Notice::NewDevice { is_fork, held })?;
        Ok(())
    }

    /// Puts away what is of no more use: answered items whose bytes no relay will ask for any more, old visits.
    pub(crate) fn tidy(&self) -> Result<(), StoreError> {
        const DAY_S: i64 = 24 * 60 * 60;
        /// How long the bytes of what was answered are kept, should the relay be put back.
        const SENT_KEPT_S: i64 = 30 * DAY_S;
        const VISITS_KEPT_S: i64 = 400 * DAY_S;
        // A clock that is days off is no reason to throw anything away.
        let ahead = self.position()?.relay_ahead_s.unwrap_or(0);
        if DAY_S < ahead.abs() {
            return Ok(());
        }
        let sql = "DELETE FROM item WHERE state = 3 AND answered_at < ?1 AND NOT EXISTS
            (SELECT 1 FROM message WHERE message.id = item.message AND message.state IN (3, 4))";
        self.run(sql, [self.now - SENT_KEPT_S])?;
        self.run("DELETE FROM visit WHERE start_at < ?1", params![self.now - VISITS_KEPT_S])?;
        Ok(())
    }
}
