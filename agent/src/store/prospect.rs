//! When what is under way leaves and arrives: the calls that the agent plans, and what is known of people, together.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use rusqlite::Connection;
use serde::Serialize;
use wire::kind;

use super::{
    ConversationId, InboxRow, ItemId, MessageState, OutboxId, OutboxRow, Reader, StoreError,
    habits,
    item::{ItemRow, state},
    queue::{item_of, why_target_waits},
    rows::rfc3339,
    write::Query,
};
use crate::estimate::{Arrival, Departures, calls_needed};

/// Bytes of an item beside its text, about.
const ITEM: u64 = 32;

/// What becomes of a message of ours that has not arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Prospect {
    /// Whether it was put into a request, so that it cannot be changed here any more.
    pub on_its_way: bool,
    /// What it waits for beside a call, in words: what it answers is held. Why it is held itself says its row.
    pub waits: Option<String>,
    /// When it should leave; none where no call is planned. The first of several, if calls fail.
    pub leaves: Option<i64>,
    /// Everyone should have it, hardly before this; none while too little is known of them.
    pub arrives_from: Option<i64>,
    /// And hardly after this.
    pub arrives_to: Option<i64>,
    /// When its time is over, where it has a lifetime of its own.
    pub deliver_before: Option<i64>,
}

impl Reader {
    /// The outbox, each row with when it should leave and arrive, by the calls that the agent plans
    /// ([`control::departures`](crate::control::departures)).
    ///
    /// # Errors
    /// What SQLite says.
    pub fn expected(&self, departures: &Departures) -> Result<Vec<OutboxRow>, StoreError> {
        let mut rows = self.outbox()?;
        self.read(|db| {
            let mut forecast = Forecast::new(db, &self.zone, self.clock.now(), departures);
            for row in &mut rows {
                if row.state == MessageState::Queued {
                    let leaves = forecast.leaves(row.id, row.urgent)?;
                    row.leaves = leaves.map(|(first, _)| first);
                    row.estimate = row.leaves.map(|at| rfc3339(at).to_string());
                    if let (Some(leaves), Some(chat), true) = (leaves, row.conversation, says(row))
                    {
                        let arrival = forecast.arrival(chat, leaves)?;
                        row.arrives_from = arrival.map(|is| is.from);
                        row.arrives_to = arrival.map(|is| is.to);
                    }
                }
                if let (Some(_), Some(chat)) = (row.arrives_to, row.conversation) {
                    row.reliability = Some(habits::reliability(db, chat)?);
                }
            }
            Ok(rows)
        })
    }
}

/// Whether it is something that others receive.
fn says(row: &OutboxRow) -> bool {
    matches!(row.action, "text" | "reply" | "edit" | "delete")
}

/// Looks ahead for several messages on one snapshot. What it needs is loaded when it is needed, and once.
pub(crate) struct Forecast<'a> {
    db: &'a Connection,
    zone: &'a TimeZone,
    now: i64,
    departures: &'a Departures,
    queue: Option<Queue>,
    arrivals: HashMap<(ConversationId, (i64, i64)), Option<Arrival>>,
}

/// What goes, in sending order.
struct Queue {
    /// With how many of our own calls something leaves, nearly always.
    calls: usize,
    /// Bytes up to the end of each.
    up_to: HashMap<OutboxId, u64>,
}

impl<'a> Forecast<'a> {
    pub(crate) fn new(
        db: &'a Connection,
        zone: &'a TimeZone,
        now: i64,
        departures: &'a Departures,
    ) -> Self {
        Self { db, zone, now, departures, queue: None, arrivals: HashMap::new() }
    }

    /// What becomes of a row of a conversation; `None` where nothing is left to happen.
    pub(crate) fn of_row(&mut self, row: &InboxRow) -> Result<Option<Prospect>, StoreError> {
        let (Some(state), Some(chat)) = (row.state, row.conversation) else { return Ok(None) };
        if !matches!(state, MessageState::Held | MessageState::Queued | MessageState::Relayed) {
            return Ok(None);
        }
        let item = item_of(self.db, row.id)?;
        let mut prospect = Prospect {
            on_its_way: item.as_ref().is_some_and(ItemRow::is_sealed),
            deliver_before: item.as_ref().and_then(deliver_before),
            ..Prospect::default()
        };
        if let Some(item) = item.filter(|item| item.state == state::QUEUED) {
            prospect.waits = why_target_waits(self.db, item.target)?;
        }
        let arrival = match state {
            MessageState::Relayed => habits::arrival_of(self.db, row.id, self.zone)?,
            MessageState::Queued if prospect.waits.is_none() => {
                let leaves = self.leaves(OutboxId::Message(row.id), row.urgent)?;
                prospect.leaves = leaves.map(|(first, _)| first);
                leaves.map_or(Ok(None), |leaves| self.arrival(chat, leaves))?
            }
            _ => None,
        };
        prospect.arrives_from = arrival.map(|is| is.from);
        prospect.arrives_to = arrival.map(|is| is.to);
        Ok(Some(prospect))
    }

    /// Between which calls, in seconds since 1970, something leaves that is queued.
    pub(crate) fn leaves(
        &mut self,
        id: OutboxId,
        is_urgent: bool,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        let queue = match self.queue.take() {
            Some(queue) => queue,
            None => load(self.db, self.now)?,
        };
        let bytes = queue.up_to.get(&id).copied();
        let leaves = bytes.and_then(|bytes| self.departures.leaves(is_urgent, bytes, queue.calls));
        self.queue = Some(queue);
        Ok(leaves)
    }

    /// When everyone in a conversation should have what leaves between two calls.
    pub(crate) fn arrival(
        &mut self,
        chat: ConversationId,
        (first, last): (i64, i64),
    ) -> Result<Option<Arrival>, StoreError> {
        if let Some(known) = self.arrivals.get(&(chat, (first, last))) {
            return Ok(*known);
        }
        let arrival = habits::arrival_between(self.db, chat, first, last, self.zone)?;
        self.arrivals.insert((chat, (first, last)), arrival);
        Ok(arrival)
    }
}

/// When the time of an item is over, where it has a lifetime of its own.
pub(crate) fn deliver_before(item: &ItemRow) -> Option<i64> {
    (item.lifetime_s != 0).then(|| item.composed_at.saturating_add(item.lifetime_s.into()))
}

fn load(db: &Connection, now: i64) -> Result<Queue, StoreError> {
    let sql = "SELECT item.id, item.message, item.target, octet_length(coalesce(message.text, amendment.text, item.text)),
            item.state
        FROM item LEFT JOIN message ON message.id = item.message
            LEFT JOIN amendment ON amendment.id = item.amendment
        WHERE item.state < 3 AND item.state <> ?1 AND item.kind <> ?2
        ORDER BY item.class, item.id";
    let rows = db.all(sql, [state::HELD, kind::VOID], |row| {
        let id = match row.get(1)? {
            Some(message) => OutboxId::Message(message),
            None => OutboxId::Item(ItemId(row.get(0)?)),
        };
        Ok((id, row.get(2)?, row.get::<_, u64>(3)?, row.get::<_, u8>(4)?))
    })?;
    let (mut bytes, mut up_to) = (0_u64, HashMap::with_capacity(rows.len()));
    for (id, target, len, is) in rows {
        if is != state::QUEUED || why_target_waits(db, target)?.is_none() {
            bytes = bytes.saturating_add(ITEM + len);
            up_to.insert(id, bytes);
        }
    }
    Ok(Queue { calls: calls_needed(habits::own_calls(db, now)?), up_to })
}
