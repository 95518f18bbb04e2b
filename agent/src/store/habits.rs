//! What showed of people's calls, and when own messages that are under way should arrive.
//!
//! One row a person and one a message that is at the relay, both small. What is learnt is learnt at the end of an answer,
//! when all that it says is here.

use jiff::tz::TimeZone;
use rusqlite::{Connection, params};
use serde::Serialize;
use wire::PresenceState;

use super::{
    ConversationId, MessageId, MessageState, Reader, StoreError, identity,
    write::{Query, Tx},
};
use crate::estimate::{Arrival, Habit, News, Sight, Stored, Tally};

/// Messages under way whose arrival is looked after; more have no estimate of their own.
const UNDER_WAY_MAX: u32 = 4_096;
/// The end of a complete answer is not noted again sooner, in seconds.
const LOOK_STEP_S: i64 = 60;
/// So many rows of presence may be all that a metered link had room for, and not all that changed.
const ROWS_FEW: usize = 3;
/// Days of own visits that tell how often they come to something.
const VISITS_DAYS: i64 = 14;

/// How often estimates were right so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reliability {
    /// Of deliveries to these people those that came when they should.
    pub inside: u64,
    /// Deliveries to these people that had an estimate.
    pub total: u64,
    /// The same of all people.
    pub overall_inside: u64,
    /// The same of all people.
    pub overall_total: u64,
}

/// A message at the relay.
struct UnderWay {
    message: MessageId,
    conversation: Option<ConversationId>,
    relayed_at: i64,
    is_made: bool,
    arrival: Option<Arrival>,
    state: Option<MessageState>,
}

impl Reader {
    /// When everyone in a conversation should have what leaves here not before `first` and not after `last`, seconds
    /// since 1970; `None` while too little is known of one of them.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn arrival(
        &self,
        conversation: ConversationId,
        first: i64,
        last: i64,
    ) -> Result<Option<Arrival>, StoreError> {
        self.read(|db| arrival_between(db, conversation, first, last, &self.zone))
    }

    /// How often estimates for a conversation were right.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn reliability(&self, conversation: ConversationId) -> Result<Reliability, StoreError> {
        self.read(|db| reliability(db, conversation))
    }

    /// How many of our own visits of the last 14 days came to something.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn own_calls(&self) -> Result<Tally, StoreError> {
        self.read(|db| own_calls(db, self.clock.now()))
    }
}

/// When everyone in a conversation should have what leaves here not before `first` and not after `last`.
pub(crate) fn arrival_between(
    db: &Connection,
    conversation: ConversationId,
    first: i64,
    last: i64,
    zone: &TimeZone,
) -> Result<Option<Arrival>, StoreError> {
    let earliest = arrival(db, conversation, first, zone)?;
    let latest = if first == last { earliest } else { arrival(db, conversation, last, zone)? };
    Ok(earliest.zip(latest).map(|(first, last)| first.to_last(last)))
}

/// How often estimates for a conversation were right.
pub(crate) fn reliability(
    db: &Connection,
    conversation: ConversationId,
) -> Result<Reliability, StoreError> {
    let mut is = Reliability::default();
    for account in recipients(db, conversation)? {
        let tally = load(db, account)?.tally();
        (is.inside, is.total) = (is.inside + tally.inside, is.total + tally.total);
    }
    let sql = "SELECT coalesce(sum(inside), 0), coalesce(sum(total), 0) FROM habit";
    let all = db.first(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    (is.overall_inside, is.overall_total) = all.unwrap_or_default();
    Ok(is)
}

/// How many of our own visits of the last 14 days before `now` came to something.
pub(crate) fn own_calls(db: &Connection, now: i64) -> Result<Tally, StoreError> {
    let sql = "SELECT count(*) FILTER (WHERE outcome IN ('done', 'partial')), count(*) FROM visit
        WHERE ?1 <= start_at AND end_at IS NOT NULL";
    let since = now.saturating_sub(VISITS_DAYS * 86_400);
    let tally =
        db.first(sql, [since], |row| Ok(Tally { inside: row.get(0)?, total: row.get(1)? }))?;
    Ok(tally.unwrap_or_default())
}

/// When a message of ours that is at the relay should have arrived everywhere.
pub(crate) fn arrival_of(
    db: &Connection,
    message: MessageId,
    zone: &TimeZone,
) -> Result<Option<Arrival>, StoreError> {
    let sql = format!("{UNDER_WAY} WHERE e.message = ?1");
    match db.first(&sql, [message], under_way)? {
        Some(UnderWay { is_made: true, arrival, .. }) => Ok(arrival),
        Some(UnderWay { conversation: Some(conversation), relayed_at, .. }) => {
            arrival(db, conversation, relayed_at, zone)
        }
        _ => Ok(None),
    }
}

const UNDER_WAY: &str = "SELECT e.message, m.conversation, e.relayed_at, e.is_made, e.arrives_from, e.arrives_to, m.state
    FROM estimate e JOIN message m ON m.id = e.message";

fn under_way(row: &rusqlite::Row<'_>) -> rusqlite::Result<UnderWay> {
    let edges = row.get::<_, Option<i64>>(4)?.zip(row.get::<_, Option<i64>>(5)?);
    Ok(UnderWay {
        message: row.get(0)?,
        conversation: row.get(1)?,
        relayed_at: row.get(2)?,
        is_made: row.get(3)?,
        arrival: edges.map(|(from, to)| Arrival { from, to }),
        state: MessageState::from_number(row.get(6)?),
    })
}

/// The others who get what is said in a conversation.
fn recipients(db: &Connection, conversation: ConversationId) -> Result<Vec<u64>, StoreError> {
    let me = identity::load(db)?.account;
    let sql = "SELECT account FROM member WHERE conversation = ?1 AND state = 2 AND account <> ?2";
    db.all(sql, params![conversation, me], |row| row.get(0))
}

fn arrival(
    db: &Connection,
    conversation: ConversationId,
    leaves: i64,
    zone: &TimeZone,
) -> Result<Option<Arrival>, StoreError> {
    let mut all: Option<Arrival> = None;
    for account in recipients(db, conversation)? {
        let sight = sight(db, account)?;
        let Some(one) = load(db, account)?.arrival(leaves, sight, zone) else { return Ok(None) };
        all = Some(all.map_or(one, |all| all.and(one)));
    }
    Ok(all)
}

/// What is seen of somebody at the moment.
fn sight(db: &Connection, account: u64) -> Result<Sight, StoreError> {
    let sql = "SELECT presence, max(as_of, coalesce(looked_at, 0)) FROM person, device WHERE person.account = ?1";
    let holds_at = db.first(sql, [account], |row| {
        let holds = PresenceState::from_number(row.get(0)?) != PresenceState::Hidden;
        Ok(holds.then_some(row.get::<_, i64>(1)?))
    })?;
    let sql = "SELECT min(e.relayed_at), (SELECT looked_at FROM device) FROM estimate e
        CROSS JOIN message m ON m.id = e.message AND m.is_mine = 1 AND m.state = 3
        CROSS JOIN conversation c ON c.id = m.conversation AND c.is_pair
        CROSS JOIN member r ON r.conversation = c.id AND r.account = ?1";
    let waits = db.first(sql, [account], |row| {
        Ok(row.get::<_, Option<i64>>(0)?.zip(row.get::<_, Option<i64>>(1)?))
    })?;
    Ok(Sight {
        holds_at: holds_at.flatten(),
        waits: waits.flatten().filter(|(since, until)| since < until),
    })
}

fn load(db: &Connection, account: u64) -> Result<Habit, StoreError> {
    let sql = "SELECT seen_at, known_to, announced_at, kept, early, missed, outside, inside, total, slots FROM habit
        WHERE account = ?1";
    let stored = db.first(sql, [account], |row| {
        Ok(Stored {
            seen_at: row.get(0)?,
            known_to: row.get(1)?,
            announced_at: row.get(2)?,
            kept: row.get(3)?,
            early: row.get(4)?,
            missed: row.get(5)?,
            outside: row.get(6)?,
            inside: row.get(7)?,
            total: row.get(8)?,
            slots: row.get(9)?,
        })
    })?;
    Ok(stored.map(|stored| Habit::from_stored(&stored)).unwrap_or_default())
}

impl Tx<'_> {
    /// Learns from what was told of somebody's presence.
    pub(crate) fn learn_presence(&self, account: u64, news: News) -> Result<(), StoreError> {
        if news == News::default() {
            return Ok(());
        }
        let mut habit = load(self, account)?;
        habit.observe(news, self.last_look()?, self.now, &self.zone);
        self.save(account, &habit)
    }

    /// A message of ours has its place at the relay from now on.
    pub(crate) fn note_relayed(&self, message: MessageId) -> Result<(), StoreError> {
        self.run(
            "INSERT OR IGNORE INTO estimate (message, relayed_at) SELECT id, ?2 FROM message
            WHERE id = ?1 AND state = 3 AND (SELECT count(*) FROM estimate) < ?3",
            params![message, self.now, UNDER_WAY_MAX],
        )?;
        Ok(())
    }

    /// The end of an answer that told everything: what arrived is held against what was estimated, and what was relayed
    /// gets its estimate. `rows` is how many rows of presence came just before.
    pub(crate) fn settle_estimates(&self, rows: usize) -> Result<(), StoreError> {
        let all = self.all(UNDER_WAY, [], under_way)?;
        let last_look = self.last_look()?;
        let relayed = Some(MessageState::Relayed);
        for one in all.iter().filter(|one| one.state != relayed) {
            self.judge(one, last_look)?;
            self.run("DELETE FROM estimate WHERE message = ?1", [one.message])?;
        }
        let mut waits = false;
        for one in all.iter().filter(|one| one.state == relayed) {
            waits = true;
            if let (false, Some(conversation)) = (one.is_made, one.conversation) {
                let arrival = arrival(self, conversation, one.relayed_at, &self.zone)?;
                let sql = "UPDATE estimate SET is_made = 1, arrives_from = ?2, arrives_to = ?3 WHERE message = ?1";
                let (from, to) = (arrival.map(|is| is.from), arrival.map(|is| is.to));
                self.run(sql, params![one.message, from, to])?;
            }
        }
        self.note_look(waits, rows)
    }

    /// Notes that everything is known as of now, where something depends on it: what is at the relay, or who was there.
    fn note_look(&self, waits: bool, rows: usize) -> Result<(), StoreError> {
        let sql = "SELECT 1 FROM person WHERE presence <> 0 AND is_contact = 1";
        if ROWS_FEW <= rows || !(waits || self.first(sql, [], |_| Ok(()))?.is_some()) {
            return Ok(());
        }
        self.run(
            "UPDATE device SET looked_at = ?1
            WHERE looked_at IS NULL OR NOT looked_at BETWEEN ?1 - ?2 AND ?1",
            params![self.now, LOOK_STEP_S],
        )?;
        Ok(())
    }

    fn judge(&self, one: &UnderWay, last_look: Option<i64>) -> Result<(), StoreError> {
        let Some(conversation) = one.conversation else { return Ok(()) };
        // Of several nobody can say who was late.
        let [account] = recipients(self, conversation)?[..] else { return Ok(()) };
        let (relayed_at, now) = (one.relayed_at, self.now);
        if now < relayed_at {
            return Ok(());
        }
        let mut habit = load(self, account)?;
        if one.state == Some(MessageState::Expired) {
            if one.arrival.is_some_and(|arrival| arrival.to < now) {
                habit.judge(false);
            }
            return self.save(account, &habit);
        }
        let after = last_look.unwrap_or(relayed_at).clamp(relayed_at, now);
        let seen = habit.seen().filter(|seen| (after + 1..=now).contains(seen));
        if let Some(arrival) = one.arrival {
            habit.judge(arrival.met(after, seen.unwrap_or(now)));
        }
        if habit.seen().is_none_or(|seen| seen < relayed_at) {
            habit.delivered(relayed_at, after, now, &self.zone);
        }
        self.save(account, &habit)
    }

    /// The end of the last complete answer, as far as it was noted.
    fn last_look(&self) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT max(coalesce(looked_at, 0), coalesce((SELECT end_at FROM visit WHERE outcome = 'done'
            ORDER BY id DESC LIMIT 1), 0)) FROM device";
        let last = self.first(sql, [], |row| row.get::<_, i64>(0))?;
        Ok(last.filter(|last| (1..=self.now).contains(last)))
    }

    fn save(&self, account: u64, habit: &Habit) -> Result<(), StoreError> {
        let is = habit.to_stored();
        self.run(
            "INSERT OR REPLACE INTO habit (account, seen_at, known_to, announced_at, kept, early, missed, outside,
                inside, total, slots) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                account,
                is.seen_at,
                is.known_to,
                is.announced_at,
                is.kept,
                is.early,
                is.missed,
                is.outside,
                is.inside,
                is.total,
                is.slots
            ],
        )?;
        Ok(())
    }
}
