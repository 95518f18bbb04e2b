//! How many have each of our messages, for a page of them at once.

use rusqlite::{Connection, params};
use serde::Serialize;
use wire::Lane;

use super::{
    super::{ConversationId, MessageState, StoreError, identity, write::Query},
    seek::Raw,
};

/// How many have a message of ours; who they are is said by [`Reader::receipts`](crate::store::Reader::receipts).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// Members that have it.
    pub delivered: u64,
    /// Members that have read it and let it be known.
    pub read: u64,
    /// Members whom it went to.
    pub of: u64,
}

/// Somebody else in the conversation.
struct Recipient {
    /// Of the conversation, when he came.
    version: u32,
    /// By lane: up to which place he has received, and read.
    marks: Vec<(u8, u64, u64)>,
}

/// What is known of everyone in a conversation, loaded once it is needed.
pub(super) struct Reach<'a> {
    db: &'a Connection,
    conversation: ConversationId,
    known: Option<Known>,
}

struct Known {
    recipients: Vec<Recipient>,
    /// By lane: place, and counts for the message there.
    counts: Vec<(u8, u64, Reached)>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(db: &'a Connection, conversation: ConversationId) -> Self {
        Self { db, conversation, known: None }
    }

    pub(super) fn of(&mut self, raw: &Raw) -> Result<Option<Reached>, StoreError> {
        let is_over = matches!(
            raw.row.state,
            Some(MessageState::Relayed | MessageState::Delivered | MessageState::Read)
        );
        let (true, Some(c)) = (is_over, raw.place.c()) else { return Ok(None) };
        let known = match self.known.take() {
            Some(known) => known,
            None => load(self.db, self.conversation)?,
        };
        let reached = known.of(raw, c);
        self.known = Some(known);
        Ok(Some(reached))
    }
}

impl Known {
    fn of(&self, raw: &Raw, c: u64) -> Reached {
        let lane = if raw.row.urgent { Lane::Urgent } else { Lane::Ordinary }.number();
        let mut reached = Reached::default();
        let at = |recipient: &&Recipient| raw.version == 0 || recipient.version <= raw.version;
        for recipient in self.recipients.iter().filter(at) {
            let mark = recipient.marks.iter().find(|(of, ..)| *of == lane);
            let (delivered, read) = mark.map_or((0, 0), |(_, delivered, read)| (*delivered, *read));
            reached.of += 1;
            reached.delivered += u64::from(c <= delivered);
            reached.read += u64::from(c <= read);
        }
        // In conversations of many only the newest is counted; those before it are no worse off.
        match self.counts.iter().find(|(of, at, _)| *of == lane && c <= *at) {
            Some((_, at, counts)) if *at == c => reached = *counts,
            Some((.., counts)) => {
                reached.delivered = reached.delivered.max(counts.delivered.min(reached.of));
                reached.read = reached.read.max(counts.read.min(reached.of));
            }
            None => {}
        }
        if raw.row.state == Some(MessageState::Read) {
            reached.read = reached.of;
        }
        if raw.row.state != Some(MessageState::Relayed) {
            reached.delivered = reached.of;
        }
        reached
    }
}

fn load(db: &Connection, conversation: ConversationId) -> Result<Known, StoreError> {
    let me = identity::load(db)?.account;
    let sql = "SELECT r.account, r.version, t.lane, t.delivered, t.read FROM member r
        LEFT JOIN receipt t ON t.conversation = r.conversation AND t.account = r.account
        WHERE r.conversation = ?1 AND r.account <> ?2 AND r.state = 2 ORDER BY r.account";
    let rows = db.all(sql, params![conversation, me], |row| {
        let mark = match row.get::<_, Option<u8>>(2)? {
            Some(lane) => Some((lane, row.get(3)?, row.get(4)?)),
            None => None,
        };
        Ok((row.get::<_, u64>(0)?, row.get(1)?, mark))
    })?;
    let (mut recipients, mut last): (Vec<Recipient>, _) = (Vec::new(), None);
    for (account, version, mark) in rows {
        if last != Some(account) {
            recipients.push(Recipient { version, marks: Vec::new() });
            last = Some(account);
        }
        if let Some(recipient) = recipients.last_mut() {
            recipient.marks.extend(mark);
        }
    }
    let sql = "SELECT lane, c, delivered, read, of FROM counts WHERE conversation = ?1";
    let counts = db.all(sql, [conversation], |row| {
        let reached = Reached { delivered: row.get(2)?, read: row.get(3)?, of: row.get(4)? };
        Ok((row.get(0)?, row.get(1)?, reached))
    })?;
    Ok(Known { recipients, counts })
}
