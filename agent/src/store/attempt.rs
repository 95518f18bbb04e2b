//! One attempt at an exchange, as the store sees it: its number, what it carries, and that both are durable before a
//! byte of it leaves.

use bytes::Bytes;
use rusqlite::params;
use wire::{Mark, Name, Submit, check_of, kind};

use super::{
    Change, OutboxId, Position, Store, StoreError, identity,
    item::{ITEM, item_row, named_columns},
    space,
    submit::{Drafted, Drafter},
    write::{Query, Tx},
};

/// Which items an attempt may carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Submits<'p> {
    #[default]
    None,
    /// What was sealed before; of the rest only what changes conversations, what is urgent, and what those refer to.
    Urgent,
    /// What was sealed before; of the rest what changes conversations, these rows of the outbox, and what they refer to.
    Picked(&'p [OutboxId]),
    All,
}

/// What an attempt is to carry.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ask<'p> {
    /// Items too, not only the greeting.
    pub(crate) submits: Submits<'p>,
    /// Bytes of bodies to draft, before compression.
    pub(crate) bytes_max: usize,
    /// Whether others may learn what was read.
    pub(crate) share_read: bool,
}

/// What could be sent. A packer takes a prefix of the items.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Number of this attempt.
    pub(crate) x: u64,
    pub(crate) position: Position,
    /// Something sealed before has no answer.
    pub(crate) pending: bool,
    /// Whether there is room for deliveries.
    pub(crate) has_room: bool,
    pub(crate) marks: Vec<Mark>,
    /// Number of the first item.
    pub(crate) first: u64,
    pub(crate) submits: Vec<Submit>,
    /// The first so many were sealed before and may have arrived.
    pub(crate) sealed: usize,
}

/// What a packer made of a draft.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    pub(crate) body: Bytes,
    /// So many items are in it.
    pub(crate) taken: usize,
    /// And so many marks.
    pub(crate) marks: usize,
}

/// An attempt that may leave.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) x: u64,
    pub(crate) body: Bytes,
    /// What messages take of it; not the store's to know.
    pub(crate) messages: u64,
    /// Marks that it carries.
    pub(crate) marks: Vec<Mark>,
    /// Whether there was room for deliveries.
    pub(crate) has_room: bool,
    /// The cursors it carries, which the relay then knows.
    pub(crate) cursors: wire::Cursors,
    /// The highest own number whose answer lay here.
    pub(crate) told: u64,
}

impl Store {
    /// Drafts an attempt, lets `pack` make its bytes, and seals what those hold: when this comes back, number, bytes and
    /// exchange number are durable.
    pub(crate) fn attempt<E: From<StoreError>>(
        &self,
        ask: Ask<'_>,
        pack: impl FnOnce(&Draft) -> Result<Packed, E>,
    ) -> Result<Attempt, E> {
        let mut packing = None;
        let attempt = self.write(|tx| {
            tx.lapse()?;
            let (draft, drafted) = tx.draft(ask, &self.0.reader.path, self.0.options.free_min)?;
            match pack(&draft) {
                Ok(packed) => tx.seal(draft, &drafted, packed).map(Some),
                Err(err) => {
                    packing = Some(err);
                    Err(StoreError::Stopped)
                }
            }
        });
        match (attempt, packing) {
            (_, Some(err)) => Err(err),
            (Ok(Some(attempt)), None) => Ok(attempt),
            (Ok(None), None) => Err(StoreError::Stopped.into()),
            (Err(err), None) => Err(err.into()),
        }
    }

    /// The highest number that this device has given to an item of its own.
    pub(crate) fn last_number(&self) -> Result<u64, StoreError> {
        self.0.reader.read(|db| {
            let sql = "SELECT max(k, told, coalesce((SELECT max(n) FROM item WHERE item.device = device.device), 0))
                FROM device";
            Ok(db.first(sql, [], |row| row.get(0))?.unwrap_or_default())
        })
    }

    /// Whether the relay's items `told + 1` to `k`, as its `check` says, are those that this device sealed under these
    /// numbers. What another exchange was told of meanwhile was looked at then.
    pub(crate) fn are_own(&self, told: u64, k: u64, check: u32) -> Result<bool, StoreError> {
        self.0.reader.read(|db| {
            if identity::position(db)?.told != told {
                return Ok(true);
            }
            let sql = format!(
                "SELECT {ITEM} FROM item JOIN device ON device.device = item.device
                WHERE ?1 < n AND n <= ?2 ORDER BY n"
            );
            let items = db.all(&sql, [told, k], item_row)?;
            if items.len() as u64 != k.saturating_sub(told) {
                return Ok(false);
            }
            let hashes = items.iter().map(|item| item.said().map(|said| said.hash()));
            // Sealed by a version that did not note how it named conversations: it cannot be told.
            let hashes: Option<Vec<_>> = hashes.collect();
            Ok(hashes.is_none_or(|hashes| check_of(hashes) == check))
        })
    }

    /// Bytes of bodies that were sealed and have no answer, as far as they may have to go again.
    pub(crate) fn unanswered_bytes(&self) -> Result<usize, StoreError> {
        self.0.reader.read(|db| {
            let sql = "SELECT sum(length(body) + 8) FROM item, device
                WHERE item.device = device.device AND state = 2 AND max(k, told) < n";
            let sum = db.first(sql, [], |row| row.get::<_, Option<i64>>(0))?.flatten();
            Ok(sum.and_then(|sum| usize::try_from(sum).ok()).unwrap_or_default())
        })
    }

    /// How many urgent items wait to go, and the number of the newest.
    pub(crate) fn urgent_waiting(&self) -> Result<(u64, i64), StoreError> {
        self.0.reader.read(|db| {
            let sql = "SELECT count(*), coalesce(max(id), 0) FROM item WHERE state IN (1, 2) AND class = 1";
            Ok(db.first(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?.unwrap_or_default())
        })
    }

    /// Whether anything waits that an exchange would carry up: items, or items without their answer.
    pub(crate) fn has_items_to_send(&self) -> Result<bool, StoreError> {
        self.0.reader.read(|db| {
            Ok(db.first("SELECT 1 FROM item WHERE state IN (1, 2)", [], |_| Ok(()))?.is_some())
        })
    }
}

impl Tx<'_> {
    fn draft(
        &self,
        ask: Ask<'_>,
        path: &std::path::Path,
        free_min: u64,
    ) -> Result<(Draft, Vec<Drafted>), StoreError> {
        self.logged_in()?;
        let position = self.position()?;
        let first = position.k.max(position.told) + 1;
        let mut drafter = Drafter::new(self, first, ask.bytes_max);
        let mut sealed = 0;
        if ask.submits != Submits::None {
            let is_whole = drafter.sealed()?;
            sealed = drafter.drafted.len();
            if is_whole {
                drafter.queued(ask.submits)?;
            }
        }
        let drafted = drafter.drafted;
        let pending = self.first("SELECT 1 FROM item WHERE state = 2", [], |_| Ok(()))?.is_some();
        let draft = Draft {
            x: position.x + 1,
            pending,
            has_room: free_min <= space::free(self, path)?,
            marks: self.marks(ask.share_read)?,
            first,
            submits: drafted.iter().map(|drafted| drafted.submit.clone()).collect(),
            sealed,
            position,
        };
        Ok((draft, drafted))
    }

    fn marks(&self, share: bool) -> Result<Vec<Mark>, StoreError> {
        let sql = "SELECT number, lane, c FROM mark JOIN conversation ON conversation.id = mark.conversation
            WHERE told_c < c AND number IS NOT NULL ORDER BY number, lane";
        let rows = self.all(sql, [], |row| Ok((row.get(0)?, row.get::<_, u8>(1)?, row.get(2)?)))?;
        let mark = |(conversation, lane, c)| {
            wire::Lane::from_number(lane).map(|lane| Mark { conversation, lane, c, share })
        };
        Ok(rows.into_iter().filter_map(mark).collect())
    }

    fn seal(
        &self,
        mut draft: Draft,
        drafted: &[Drafted],
        packed: Packed,
    ) -> Result<Attempt, StoreError> {
        self.run("UPDATE device SET x = ?1", [draft.x])?;
        draft.marks.truncate(packed.marks);
        for (index, drafted) in drafted.iter().take(packed.taken).enumerate() {
            if index < draft.sealed {
                let (device, n) = named_columns(drafted.submit.conversation);
                self.run(
                    "UPDATE item SET x = ?2, named_device = ?3, named_n = ?4 WHERE id = ?1",
                    params![drafted.item.id, draft.x, device, n],
                )?;
            } else {
                self.seal_one(drafted, draft.x)?;
            }
        }
        Ok(Attempt {
            x: draft.x,
            body: packed.body,
            messages: 0,
            marks: draft.marks,
            has_room: draft.has_room,
            cursors: draft.position.cursors,
            told: draft.position.told,
        })
    }

    fn seal_one(&self, drafted: &Drafted, x: u64) -> Result<(), StoreError> {
        let Drafted { item, n, submit } = drafted;
        let device = self.me.device;
        let (named_device, named_n) = named_columns(submit.conversation);
        self.run(
            "UPDATE item SET state = 2, device = ?2, n = ?3, x = ?4, first_x = ?4, body = ?5, named_device = ?6,
                named_n = ?7 WHERE id = ?1",
            params![item.id, device, n, x, submit.body, named_device, named_n],
        )?;
        match item.message {
            Some(message) if item.kind == kind::AGAIN => {
                self.add_alias(Name { device, n: *n }, message, false)?;
            }
            message => {
                let sql = "UPDATE message SET device = ?2, n = ?3 WHERE id = ?1";
                self.run(sql, params![message, device, n])?;
            }
        }
        self.run(
            "UPDATE amendment SET device = ?2, n = ?3 WHERE id = ?1",
            params![item.amendment, device, n],
        )?;
        if let (kind::REQUEST, Some(conversation)) = (item.kind, item.conversation) {
            self.set_founding(Name { device, n: *n }, conversation)?;
        }
        self.changed(Change::Outbox);
        Ok(())
    }

    /// Opens again what the relay has not: sealed in attempt `x` or before, numbered above `k`. It may be edited,
    /// overtaken, cancelled, and gets another number. What was answered once keeps its own.
    pub(crate) fn unseal(&self, k: u64, x: u64) -> Result<(), StoreError> {
        let device = self.me.device;
        let sql = "UPDATE item SET state = 1, device = NULL, n = NULL, body = NULL
            WHERE device = ?1 AND state = 2 AND ?2 < n AND x <= ?3 AND is_fixed = 0
            RETURNING id, message, amendment, kind";
        let opened = self.all(sql, params![device, k, x], |row| {
            let columns = (row.get::<_, Option<i64>>(1)?, row.get::<_, Option<i64>>(2)?);
            Ok((row.get::<_, i64>(0)?, columns.0, columns.1, row.get::<_, u8>(3)?))
        })?;
        if opened.is_empty() {
            return Ok(());
        }
        for (id, message, amendment, kind) in &opened {
            if amendment.is_none() && matches!(*kind, kind::EDIT | kind::DELETE) {
                // It changes what was put away meanwhile.
                self.run("DELETE FROM item WHERE id = ?1", [id])?;
            }
            match *kind {
                kind::AGAIN => {
                    let sql = "DELETE FROM alias WHERE message = ?1 AND device = ?2 AND ?3 < n";
                    self.run(sql, params![message, device, k])?;
                }
                _ => {
                    let sql = "UPDATE message SET device = NULL, n = NULL WHERE id = ?1";
                    self.run(sql, [message])?;
                }
            }
            self.run("UPDATE amendment SET device = NULL, n = NULL WHERE id = ?1", [amendment])?;
        }
        if opened.iter().any(|(.., kind)| *kind == kind::REQUEST) {
            self.run(
                "DELETE FROM founding WHERE device = ?1 AND ?2 < n
                    AND n NOT IN (SELECT n FROM item WHERE item.device = ?1 AND n IS NOT NULL)",
                params![device, k],
            )?;
        }
        self.changed(Change::Outbox);
        Ok(())
    }
}
