//! The roster, and who of it can be reached as far as we heard.

use rusqlite::{Connection, Row, params};
use wire::{Presence, PresenceRow, PresenceState};

use super::{
    Change, MemberRow, PresenceNow, Reader, StoreError,
    apply::is_storable,
    conversations::pairs,
    write::{Query, Tx},
};
use crate::estimate::News;

/// Older news of somebody's being there is no news, in seconds.
const REACHABLE_FOR_S: i64 = 300;

impl Reader {
    /// The roster by name.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn members(&self) -> Result<Vec<MemberRow>, StoreError> {
        let now = self.clock.now();
        self.read(|db| whole(db, now))
    }
}

/// Everybody on the roster. Who is there goes on being there in each later answer that tells nothing else.
pub(crate) const MEMBER: &str = "SELECT person.name, presence, seen_at, next_call_at,
        CASE WHEN presence = 0 OR as_of = 0 THEN as_of ELSE max(as_of, coalesce(looked_at, 0)) END, is_blocked
    FROM person, device WHERE is_contact = 1 AND person.account <> device.account";

pub(crate) fn whole(db: &Connection, now: i64) -> Result<Vec<MemberRow>, StoreError> {
    let mut rows =
        db.all(&format!("{MEMBER} ORDER BY person.name"), [], |row| member_row(row, now))?;
    let mut pairs = pairs(db)?;
    rows.iter_mut().for_each(|row| row.conversation = pairs.remove(&row.name));
    Ok(rows)
}

/// A row of [`MEMBER`], without its conversation.
pub(crate) fn member_row(row: &Row<'_>, now: i64) -> rusqlite::Result<MemberRow> {
    let as_of: i64 = row.get(4)?;
    let (last_seen, next_call): (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
    Ok(MemberRow {
        name: row.get(0)?,
        presence: presence_at(PresenceState::from_number(row.get(1)?), as_of, now),
        last_seen,
        next_call,
        overdue: next_call.is_some_and(|at| at < now && last_seen < Some(at)),
        as_of: (as_of != 0).then_some(as_of),
        blocked: row.get(5)?,
        conversation: None,
    })
}

fn presence_at(state: PresenceState, as_of: i64, now: i64) -> PresenceNow {
    if !(as_of..=as_of.saturating_add(REACHABLE_FOR_S)).contains(&now) {
        return PresenceNow::Offline;
    }
    match state {
        PresenceState::Reachable => PresenceNow::Reachable,
        PresenceState::Away => PresenceNow::Away,
        PresenceState::Hidden => PresenceNow::Offline,
    }
}

impl Tx<'_> {
    /// Notes an account's name; only the roster says more about it.
    pub(crate) fn note_person(&self, account: u64, name: &str) -> Result<(), StoreError> {
        if account != 0 && !name.is_empty() {
            self.name_messages(account, name)?;
            self.run(
                "INSERT INTO person (account, name) VALUES (?1, ?2)
                ON CONFLICT (account) DO UPDATE SET name = excluded.name WHERE name <> excluded.name",
                params![account, name],
            )?;
        }
        Ok(())
    }

    /// What came before its author's name did gets it now.
    fn name_messages(&self, account: u64, name: &str) -> Result<(), StoreError> {
        let sql = "SELECT 1 FROM person WHERE account = ?1 AND name = ?2";
        if self.first(sql, params![account, name], |_| Ok(()))?.is_some() {
            return Ok(());
        }
        let sql = "UPDATE message SET author = ?2 WHERE account = ?1 AND author <> ?2 RETURNING id";
        let named = self.all(sql, params![account, name], |row| row.get(0))?;
        named.into_iter().for_each(|id| self.changed(Change::Message(id)));
        Ok(())
    }

    /// An entry of the roster.
    pub(crate) fn set_contact(
        &self,
        account: u64,
        name: &str,
        is_blocked: bool,
    ) -> Result<(), StoreError> {
        self.name_messages(account, name)?;
        self.run(
            "INSERT INTO person (account, name, is_contact, is_blocked) VALUES (?1, ?2, 1, ?3)
            ON CONFLICT (account) DO UPDATE SET name = excluded.name, is_contact = 1, is_blocked = excluded.is_blocked",
            params![account, name, is_blocked],
        )?;
        self.changed(Change::Presence);
        Ok(())
    }

    /// What changed about who is reachable. Rows of people whom we do not know are kept for when we do.
    pub(crate) fn set_presence(&self, presence: &Presence) -> Result<(), StoreError> {
        if !is_storable(presence.version) {
            return Ok(());
        }
        let sql = "UPDATE device SET presence_version = ?1 WHERE presence_version <> ?1";
        let moved = self.run(sql, [presence.version])?;
        for row in presence.rows.iter().filter(|row| is_storable(row.account)) {
            self.set_presence_of(row)?;
        }
        if moved != 0 || !presence.rows.is_empty() {
            self.changed(Change::Presence);
        }
        Ok(())
    }

    fn set_presence_of(&self, row: &PresenceRow) -> Result<(), StoreError> {
        // One more than the seconds is on the wire, so that 0 can say "not told".
        let seen_at = row.seen_ago_s.checked_sub(1).map(|ago| self.now - i64::from(ago));
        let next_call_at = (row.next_call_s != 0).then(|| self.now + i64::from(row.next_call_s));
        self.run(
            "INSERT INTO person (account, name, presence, seen_at, next_call_at, as_of) VALUES (?1, '', ?2, ?3, ?4, ?5)
            ON CONFLICT (account) DO UPDATE SET presence = excluded.presence,
                -- An announced call that has not come stays until they are heard of again.
                next_call_at = CASE WHEN excluded.seen_at <= seen_at THEN coalesce(excluded.next_call_at, next_call_at)
                    ELSE excluded.next_call_at END,
                seen_at = coalesce(excluded.seen_at, seen_at), as_of = excluded.as_of",
            params![row.account, row.state.number(), seen_at, next_call_at, self.now],
        )?;
        let holds = row.state != PresenceState::Hidden;
        self.learn_presence(row.account, News { seen: seen_at, holds, next_call: next_call_at })
    }
}

/// The name of an account, as far as we know.
pub(crate) fn name_of(db: &Connection, account: u64) -> Result<String, StoreError> {
    // No relay tells an account of itself.
    let sql = "SELECT name FROM device WHERE account = ?1
        UNION ALL SELECT name FROM person WHERE account = ?1 AND name <> ''";
    let known = db.first(sql, [account], |row| row.get(0))?;
    Ok(known.unwrap_or_else(|| format!("account {account}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_news_makes_nobody_reachable() {
        let at = |now| presence_at(PresenceState::Reachable, 1_000, now);
        assert_eq!(at(1_300), PresenceNow::Reachable);
        assert_eq!(at(1_301), PresenceNow::Offline);
        assert_eq!(at(999), PresenceNow::Offline, "the clock was set back");
    }
}
