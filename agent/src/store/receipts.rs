//! Receipts: how far others have received and read. The larger value wins, so their order does not matter.

use rusqlite::params;
use wire::{Lane, MemberState, Name};

use super::{
    Change, ConversationId, Kind, MessageId, MessageState, Reader, Reason, Receipts, StoreError,
    write::{Query, Tx},
};

/// Members of a conversation whom a message `m` went to: in it now, and when it was written.
const RECIPIENTS: &str = "FROM member r LEFT JOIN receipt t
        ON t.conversation = r.conversation AND t.lane = m.lane AND t.account = r.account
    WHERE r.conversation = m.conversation AND r.account <> m.account AND r.state = 2
        AND (m.version = 0 OR r.version <= m.version)";

/// Our messages of a lane up to a place that are not as far as a state yet. The plus keeps the index to equal states, so
/// that it seeks by place too.
pub(crate) const UNSETTLED: &str = "conversation = ?1 AND lane = ?2 AND c <= ?3 AND is_mine = 1
    AND state IN (3, 5) AND +state < ?4";

impl Reader {
    /// How far one message of ours has come, member by member where that is known. Of one that expired it is known of
    /// nobody: marks are cumulative, and pass what never arrived as well.
    ///
    /// # Errors
    /// [`StoreError::NoSuchId`], or what SQLite says.
    pub fn receipts(&self, id: MessageId) -> Result<Receipts, StoreError> {
        self.read(|db| {
            let sql = "SELECT k.delivered, k.read, k.of, m.state FROM message m LEFT JOIN counts k
                    ON k.conversation = m.conversation AND k.lane = m.lane AND k.c = m.c WHERE m.id = ?1";
            let counts = db.first(sql, [id], |row| {
                let count = |column| row.get::<_, Option<u64>>(column);
                Ok((count(0)?, count(1)?, count(2)?, row.get::<_, Option<u8>>(3)?))
            })?;
            let expired = Some(MessageState::Expired.number());
            let is_expired = match counts {
                None => return Err(StoreError::NoSuchId(id.to_string())),
                Some((Some(delivered), Some(read), Some(of), state)) if state != expired => {
                    return Ok(Receipts { delivered, read, of, ..Receipts::default() });
                }
                Some((.., state)) => state == expired,
            };
            let sql = format!(
                "SELECT r.name, coalesce(t.delivered, 0) >= m.c, coalesce(t.read, 0) >= m.c FROM message m
                    JOIN member r ON r.conversation = m.conversation LEFT JOIN receipt t
                    ON t.conversation = r.conversation AND t.lane = m.lane AND t.account = r.account
                WHERE m.id = ?1 AND r.account <> m.account AND r.state = {}
                    AND (m.version = 0 OR r.version <= m.version) ORDER BY r.name",
                u8::from(MemberState::Member)
            );
            let rows = db.all(&sql, [id], |row| {
                let has = |column| {
                    let passed = row.get::<_, Option<bool>>(column)?.unwrap_or_default();
                    Ok::<_, rusqlite::Error>(passed && !is_expired)
                };
                Ok((row.get::<_, String>(0)?, has(1)?, has(2)?))
            })?;
            let names = |which: fn(&(String, bool, bool)) -> bool| -> Vec<String> {
                rows.iter().filter(|row| which(row)).map(|(name, ..)| name.clone()).collect()
            };
            let (delivered_to, read_by) = (names(|row| row.1), names(|row| row.2));
            Ok(Receipts {
                delivered: delivered_to.len() as u64,
                read: read_by.len() as u64,
                of: rows.len() as u64,
                delivered_to,
                read_by,
            })
        })
    }
}

impl Tx<'_> {
    /// How far one member has come in one lane. Our own account's says what another device of ours has read.
    pub(crate) fn receipt(
        &self,
        conversation: ConversationId,
        lane: Lane,
        account: u64,
        delivered: u64,
        read: u64,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO receipt (conversation, lane, account, delivered, read) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (conversation, lane, account) DO UPDATE
                SET delivered = max(delivered, excluded.delivered), read = max(read, excluded.read)
                WHERE delivered < excluded.delivered OR read < excluded.read",
            params![conversation, lane.number(), account, delivered, read],
        )?;
        if account == self.me.account {
            return self.read_elsewhere(conversation, lane, read);
        }
        self.settle_receipts(conversation, lane)
    }

    fn read_elsewhere(
        &self,
        conversation: ConversationId,
        lane: Lane,
        read: u64,
    ) -> Result<(), StoreError> {
        // By what was not read: a long conversation is not looked through for each mark.
        let sql = "UPDATE message INDEXED BY message_unread SET is_read = 1
            WHERE conversation = ?1 AND lane = ?2 AND c <= ?3 AND is_read = 0 AND shown_as = 1 RETURNING id";
        let marked = self.all(sql, params![conversation, lane.number(), read], |row| row.get(0))?;
        marked.into_iter().for_each(|id| self.changed(Change::Message(id)));
        self.run(
            "INSERT INTO mark (conversation, lane, c, told_c) VALUES (?1, ?2, ?3, ?3)
            ON CONFLICT (conversation, lane) DO UPDATE SET c = max(c, ?3), told_c = max(told_c, ?3)
                WHERE c < ?3 OR told_c < ?3",
            params![conversation, lane.number(), read],
        )?;
        Ok(())
    }

    /// Counts of a large conversation, for its newest message of ours; those before it in the lane are no worse off.
    pub(crate) fn counts(
        &self,
        conversation: ConversationId,
        lane: Lane,
        c: u64,
        counts: (u16, u16, u16),
    ) -> Result<(), StoreError> {
        let (delivered, read, of) = counts;
        self.run(
            "INSERT INTO counts (conversation, lane, c, delivered, read, of) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (conversation, lane) DO UPDATE SET
                delivered = CASE WHEN c < excluded.c THEN excluded.delivered
                    ELSE max(delivered, excluded.delivered) END,
                read = CASE WHEN c < excluded.c THEN excluded.read ELSE max(read, excluded.read) END,
                of = excluded.of, c = excluded.c WHERE c <= excluded.c",
            params![conversation, lane.number(), c, delivered, read, of],
        )?;
        let state = match of {
            0 => return Ok(()),
            of if of <= read => MessageState::Read,
            of if of <= delivered => MessageState::Delivered,
            _ => return Ok(()),
        };
        let sql = format!("UPDATE message SET state = ?4 WHERE {UNSETTLED} RETURNING id");
        let moved =
            self.all(&sql, params![conversation, lane.number(), c, state.number()], |row| {
                row.get(0)
            })?;
        self.told_of(moved);
        Ok(())
    }

    /// After receipts, members or places changed: the states of our messages that follow from them.
    pub(crate) fn settle_receipts(
        &self,
        conversation: ConversationId,
        lane: Lane,
    ) -> Result<(), StoreError> {
        let sql = "SELECT max(delivered), max(read) FROM receipt
            WHERE conversation = ?1 AND lane = ?2 AND account <> ?3";
        let highest =
            self.first(sql, params![conversation, lane.number(), self.me.account], |row| {
                Ok((
                    row.get::<_, Option<u64>>(0)?.unwrap_or(0),
                    row.get::<_, Option<u64>>(1)?.unwrap_or(0),
                ))
            })?;
        let (delivered, read) = highest.unwrap_or_default();
        self.advance(conversation, lane, delivered, MessageState::Delivered, "t.delivered")?;
        self.advance(conversation, lane, read, MessageState::Read, "t.read")
    }

    /// Lifts our messages up to `c` to `state` where every recipient's `mark` has passed them. Marks are cumulative, so
    /// they pass what has expired too: that never arrives.
    fn advance(
        &self,
        conversation: ConversationId,
        lane: Lane,
        c: u64,
        state: MessageState,
        mark: &str,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "UPDATE message AS m SET state = ?4 WHERE {UNSETTLED}
                AND EXISTS (SELECT 1 {RECIPIENTS})
                AND NOT EXISTS (SELECT 1 {RECIPIENTS} AND coalesce({mark}, 0) < m.c) RETURNING id"
        );
        let moved =
            self.all(&sql, params![conversation, lane.number(), c, state.number()], |row| {
                row.get(0)
            })?;
        self.told_of(moved);
        Ok(())
    }

    fn told_of(&self, moved: Vec<MessageId>) {
        if !moved.is_empty() {
            self.changed(Change::Outbox);
        }
        moved.into_iter().for_each(|id| self.changed(Change::Message(id)));
    }

    /// The same after one message of ours got its place: receipts may have come before.
    pub(crate) fn settle_receipts_of(&self, id: MessageId) -> Result<(), StoreError> {
        let sql =
            "SELECT conversation, lane FROM message WHERE id = ?1 AND conversation IS NOT NULL";
        let place = self.first(sql, [id], |row| Ok((row.get(0)?, row.get::<_, u8>(1)?)))?;
        match place.and_then(|(id, lane)| Some((id, Lane::from_number(lane)?))) {
            Some((conversation, lane)) => self.settle_receipts(conversation, lane),
            None => Ok(()),
        }
    }

    /// One of our messages ended before everyone had it.
    pub(crate) fn expired(&self, name: Name, missing: u16, of: u16) -> Result<(), StoreError> {
        let words = match (missing, of) {
            (_, 1) => Reason::Expired,
            _ => Reason::ExpiredFor { missing, of },
        }
        .to_string();
        let sql = "UPDATE message SET state = ?3, reason = ?4 WHERE (device = ?1 AND n = ?2
                OR id IN (SELECT message FROM alias WHERE alias.device = ?1 AND alias.n = ?2))
            AND is_mine = 1 AND state < ?3 RETURNING id";
        let state = MessageState::Expired.number();
        let moved: Vec<MessageId> =
            self.all(sql, params![name.device, name.n, state, words], |row| row.get(0))?;
        moved.iter().try_for_each(|id| self.tell_lapsed(*id, &words))?;
        self.told_of(moved);
        self.expired_elsewhere(name, &words)
    }

    /// The same of a message that another device of ours wrote and that is still to come here: a row keeps the word for it.
    fn expired_elsewhere(&self, name: Name, words: &str) -> Result<(), StoreError> {
        let is_here = self.by_alias(name, self.me.account)?.is_some();
        if name.device == self.me.device || is_here || self.is_gone(name)? {
            return Ok(());
        }
        self.run(
            "INSERT INTO message (device, n, shown_as, is_mine, account, author, is_here, base, text, sent_at, received_at,
                is_read, state, reason) VALUES (?1, ?2, ?3, 1, ?4, ?5, 0, '', '', ?6, ?6, 1, ?7, ?8)
            ON CONFLICT (device, n) WHERE device IS NOT NULL DO NOTHING",
            params![
                name.device,
                name.n,
                Kind::Message.number(),
                self.me.account,
                self.me.name,
                self.now,
                MessageState::Expired.number(),
                words
            ],
        )?;
        Ok(())
    }
}
