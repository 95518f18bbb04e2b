//! One conversation under two ids: two people asked each other at once, or one was asked twice. Both ids go on working;
//! the older one stays.

use rusqlite::params;

use super::{
    Change, ConversationId, StoreError,
    conversations::{by_number, canonical, pair_with},
    write::{Query, Tx},
};
use wire::Name;

impl Tx<'_> {
    /// The relay's number of a conversation is `number`; where another has it, both are one. Gives the id that stays.
    pub(crate) fn learn_number(
        &self,
        id: ConversationId,
        number: u64,
    ) -> Result<ConversationId, StoreError> {
        let id = canonical(self, id)?.unwrap_or(id);
        let id = match by_number(self, number)? {
            Some(other) if other == id => return Ok(id),
            Some(other) => self.merge(id, other)?,
            None => id,
        };
        let sql = "UPDATE conversation SET number = ?2 WHERE id = ?1 AND number IS NOT ?2";
        if self.run(sql, params![id, number])? != 0 {
            self.changed(Change::Conversation(id));
        }
        Ok(id)
    }

    /// A conversation is also known by the request `name`.
    pub(crate) fn set_founding(&self, name: Name, id: ConversationId) -> Result<(), StoreError> {
        let sql = "INSERT INTO founding (device, n, conversation) VALUES (?1, ?2, ?3)
            ON CONFLICT (device, n) DO UPDATE SET conversation = excluded.conversation
                WHERE conversation <> excluded.conversation";
        self.run(sql, params![name.device, name.n, id])?;
        Ok(())
    }

    /// The other one of a pair is `peer`; a pair has one conversation. Gives the id that stays.
    pub(crate) fn learn_peer(
        &self,
        id: ConversationId,
        peer: &str,
    ) -> Result<ConversationId, StoreError> {
        let id = match pair_with(self, peer)? {
            Some(other) if other != id => self.merge(id, other)?,
            _ => id,
        };
        self.run(
            "UPDATE conversation SET peer = ?2 WHERE id = ?1 AND peer <> ?2",
            params![id, peer],
        )?;
        Ok(id)
    }

    /// Makes two conversations one, under the older id. What the relay said of either is kept.
    pub(crate) fn merge(
        &self,
        one: ConversationId,
        other: ConversationId,
    ) -> Result<ConversationId, StoreError> {
        let (keep, lose) = (one.min(other), one.max(other));
        for table in ["message", "item", "founding"] {
            let sql = format!("UPDATE {table} SET conversation = ?1 WHERE conversation = ?2");
            self.run(&sql, params![keep, lose])?;
        }
        self.merge_marks(keep, lose)?;
        self.merge_members(keep, lose)?;
        self.merge_rows(keep, lose)?;
        for table in ["mark", "receipt", "counts", "member"] {
            self.run(&format!("DELETE FROM {table} WHERE conversation = ?1"), [lose])?;
        }
        self.changed(Change::Conversation(keep));
        self.changed(Change::Conversation(lose));
        Ok(keep)
    }

    fn merge_marks(&self, keep: ConversationId, lose: ConversationId) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO mark (conversation, lane, c, told_c)
                SELECT ?1, lane, c, told_c FROM mark WHERE conversation = ?2
            ON CONFLICT (conversation, lane) DO UPDATE
                SET c = max(c, excluded.c), told_c = max(told_c, excluded.told_c)",
            params![keep, lose],
        )?;
        self.run(
            "INSERT INTO receipt (conversation, lane, account, delivered, read)
                SELECT ?1, lane, account, delivered, read FROM receipt WHERE conversation = ?2
            ON CONFLICT (conversation, lane, account) DO UPDATE
                SET delivered = max(delivered, excluded.delivered), read = max(read, excluded.read)",
            params![keep, lose],
        )?;
        self.run(
            "INSERT OR REPLACE INTO counts (conversation, lane, c, delivered, read, of)
                SELECT ?1, lane, c, delivered, read, of FROM counts WHERE conversation = ?2",
            params![keep, lose],
        )?;
        Ok(())
    }

    fn merge_members(&self, keep: ConversationId, lose: ConversationId) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO member (conversation, account, name, state, version)
                SELECT ?1, account, name, state, version FROM member WHERE conversation = ?2
            ON CONFLICT (conversation, account) DO UPDATE
                SET name = excluded.name, state = excluded.state, version = excluded.version
                WHERE version < excluded.version",
            params![keep, lose],
        )?;
        Ok(())
    }

    fn merge_rows(&self, keep: ConversationId, lose: ConversationId) -> Result<(), StoreError> {
        let sql =
            "SELECT number, title, version, mine, inviter, inviter_name, greeting, peer, is_pair
            FROM conversation WHERE id = ?1 AND number IS NOT NULL";
        let known = self.first(sql, [lose], |row| {
            Ok((
                (
                    row.get::<_, u64>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, u32>(2)?,
                    row.get::<_, u8>(3)?,
                ),
                (row.get::<_, u64>(4)?, row.get::<_, String>(5)?, row.get::<_, String>(6)?),
                (row.get::<_, String>(7)?, row.get::<_, bool>(8)?),
            ))
        })?;
        self.run(
            "UPDATE conversation SET merged_into = ?1, number = NULL WHERE id = ?2",
            params![keep, lose],
        )?;
        let Some((
            (number, title, version, mine),
            (inviter, inviter_name, greeting),
            (peer, is_pair),
        )) = known
        else {
            return Ok(());
        };
        // The relay's word counts; of two of them the later one does.
        self.run(
            "UPDATE conversation SET number = ?2, title = ?3, version = ?4, mine = ?5, inviter = ?6,
                inviter_name = ?7, greeting = ?8, peer = CASE ?9 WHEN '' THEN peer ELSE ?9 END, is_pair = ?10
            WHERE id = ?1 AND (number IS NULL OR version <= ?4)",
            params![keep, number, title, version, mine, inviter, inviter_name, greeting, peer, is_pair],
        )?;
        Ok(())
    }
}
