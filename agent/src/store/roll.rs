//! All conversations at a glance, each with its last line: what a window lists. What is counted stands in the table `roll`,
//! which triggers keep (`migrations/0009_roll.sql`), so that a list is read without a look at its messages; and what
//! changed since it was read, without a look at the rest.

mod since;

use std::{cmp::Reverse, collections::HashMap};

use rusqlite::{Connection, Row, params};
use serde::Serialize;
use wire::{MemberState, kind};

pub(crate) use self::since::reader_number;
#[cfg(test)]
pub(crate) use self::since::{CHANGED, NEXT_STAMP};
pub use self::since::{MembersSince, RollSince, Seen};
use super::{
    ConversationId, Kind, MessageId, MessageState, Notice, Reader, StoreError, cause,
    conversations::{self, CHAT, CHAT_LEN, Other, all_others},
    names::is_account_name,
    write::Query,
};

/// Characters of a last line at most.
const LINE_CHARS_MAX: usize = 200;
/// Names that a row gives at most.
const NAMES_MAX: usize = 4;

/// One row of the list of conversations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RollRow {
    /// Its id.
    pub id: ConversationId,
    /// Title of a group, name of the other one of a pair, or names.
    pub title: String,
    /// Whether it is between two.
    pub pair: bool,
    /// Our own part in it, as in [`Conversation::state`](super::Conversation::state).
    pub state: &'static str,
    /// What of ours about it waits to be sent, the latest: `request`, `accept`, `decline`, `withdraw` or `leave`.
    pub pending: Option<&'static str>,
    /// Who asked us; empty where we did.
    pub inviter: String,
    /// What was written when asking.
    pub greeting: String,
    /// Whether one whom we asked has not answered.
    pub unanswered: bool,
    /// How many others are in it or asked.
    pub others: u32,
    /// The first of them by name, at most 4.
    pub names: Vec<String>,
    /// Messages and requests that were not read.
    pub unread: u64,
    /// Own messages that are queued here or at the relay, and not delivered.
    pub under_way: u64,
    /// Own messages that are held here.
    pub held: u64,
    /// Own items that the relay refused, and that were not put away.
    pub refused: u64,
    /// When its newest message came; `created_at` where there is none.
    pub newest_at: i64,
    /// What stands last in it; none where there is nothing.
    pub last: Option<LastLine>,
}

/// What stands last in a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastLine {
    /// Its row.
    pub id: MessageId,
    /// What it is.
    pub kind: Kind,
    /// Name of the author's account; empty for a notice.
    pub from: String,
    /// Whether it is from this account.
    pub mine: bool,
    /// Its first 200 characters; empty once deleted.
    pub text: String,
    /// What a notice of Mailboat's own says, where that is known beside its words.
    pub notice: Option<Box<Notice>>,
    /// Whether its author took it back.
    pub deleted: bool,
    /// How far it has come, of one's own.
    pub state: Option<MessageState>,
    /// When it was composed.
    pub sent_at: i64,
}

/// What of our own items about a conversation has not gone well, or not gone.
#[derive(Clone, Copy, Debug, Default)]
struct Going {
    refused: u64,
    pending: Option<&'static str>,
}

impl Reader {
    /// All conversations, those with news first, as [`Reader::conversations`] has them.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn roll(&self) -> Result<Vec<RollRow>, StoreError> {
        self.read(whole)
    }
}

fn whole(db: &Connection) -> Result<Vec<RollRow>, StoreError> {
    let (mut others, going) = (all_others(db)?, all_going(db)?);
    let mut rows = db.all(&sql(""), [], |row| {
        let id: ConversationId = row.get(0)?;
        let others = others.remove(&id).unwrap_or_default();
        roll_row(row, &others, going.get(&id).copied().unwrap_or_default())
    })?;
    put_in_order(&mut rows);
    Ok(rows)
}

/// One row; none where the conversation was merged into another.
fn one(db: &Connection, id: ConversationId) -> Result<Option<RollRow>, StoreError> {
    let (others, going) = (conversations::others(db, id)?, going(db, id)?);
    db.first(&sql(" AND conversation.id = ?1"), [id], |row| roll_row(row, &others, going))
}

fn put_in_order(rows: &mut [RollRow]) {
    rows.sort_by_key(|row| Reverse((row.newest_at, row.id)));
}

/// Rows of the list, but for what is asked of `item` and `member`.
pub(crate) fn sql(which: &str) -> String {
    format!(
        "SELECT {CHAT}, coalesce(roll.newest_at, conversation.created_at), roll.unread, roll.under_way, roll.held,
            l.id, l.shown_as, l.author, l.is_mine, substr(l.text, 1, {LINE_CHARS_MAX}), l.is_deleted, l.state, l.sent_at, l.notice
        FROM conversation JOIN roll ON roll.conversation = conversation.id LEFT JOIN message l ON l.id = roll.last
        WHERE merged_into IS NULL{which}"
    )
}

/// Of [`sql`]: the columns of a chat, then the counts, then the last line.
const COUNTS_AT: usize = CHAT_LEN;
const LINE_AT: usize = COUNTS_AT + 4;

fn roll_row(row: &Row<'_>, others: &[Other], going: Going) -> rusqlite::Result<RollRow> {
    let chat = conversations::chat(row)?;
    let is_asked =
        |name: &String| is_account_name(name) && others.iter().all(|(_, other, _)| other != name);
    let unanswered = others.iter().any(|(.., state)| *state == MemberState::Invited)
        || chat.asked.iter().any(is_asked);
    let there: Vec<&String> = others
        .iter()
        .filter(|(.., state)| conversations::is_there(*state))
        .map(|(_, name, _)| name)
        .collect();
    let asked = chat.asked.iter().filter(|asked| !there.contains(asked));
    let names: Vec<&String> = there.iter().copied().chain(asked).collect();
    Ok(RollRow {
        id: chat.id,
        title: conversations::title(&chat, others),
        pair: chat.is_pair,
        state: conversations::state_words(chat.mine),
        pending: going.pending,
        unanswered,
        others: u32::try_from(names.len()).unwrap_or(u32::MAX),
        names: names.into_iter().take(NAMES_MAX).cloned().collect(),
        unread: row.get(COUNTS_AT + 1)?,
        under_way: row.get(COUNTS_AT + 2)?,
        held: row.get(COUNTS_AT + 3)?,
        refused: going.refused,
        newest_at: row.get(COUNTS_AT)?,
        last: last_line(row)?,
        inviter: chat.inviter_name,
        greeting: chat.greeting,
    })
}

fn last_line(row: &Row<'_>) -> rusqlite::Result<Option<LastLine>> {
    let at = |column: usize| LINE_AT + column;
    let Some(id) = row.get(at(0))? else { return Ok(None) };
    let mine: bool = row.get(at(3))?;
    let notice: String = row.get(at(8))?;
    Ok(Some(LastLine {
        id,
        kind: Kind::from_number(row.get(at(1))?),
        from: row.get(at(2))?,
        mine,
        text: row.get(at(4))?,
        notice: cause::read(&notice),
        deleted: row.get(at(5))?,
        state: MessageState::from_number(row.get(at(6))?).filter(|_| mine),
        sent_at: row.get(at(7))?,
    }))
}

/// What of our own was refused or waits to be sent, by conversation.
fn all_going(db: &Connection) -> Result<HashMap<ConversationId, Going>, StoreError> {
    let mut all: HashMap<ConversationId, Going> = HashMap::new();
    let sql = "SELECT conversation, count(*) FROM item
        WHERE state = 4 AND kind <> ?1 AND conversation IS NOT NULL GROUP BY conversation";
    db.all(sql, [kind::VOID], |row| {
        all.entry(row.get(0)?).or_default().refused = row.get(1)?;
        Ok(())
    })?;
    let sql = "SELECT conversation, kind FROM item
        WHERE state < 3 AND kind BETWEEN ?1 AND ?2 AND conversation IS NOT NULL ORDER BY id";
    db.all(sql, [kind::REQUEST, kind::LEAVE], |row| {
        all.entry(row.get(0)?).or_default().pending = Some(pending(row.get(1)?));
        Ok(())
    })?;
    Ok(all)
}

pub(crate) const REFUSED_OF: &str =
    "SELECT count(*) FROM item WHERE conversation = ?1 AND state = 4 AND kind <> ?2";
pub(crate) const PENDING_OF: &str = "SELECT kind FROM item
    WHERE conversation = ?1 AND state < 3 AND kind BETWEEN ?2 AND ?3 ORDER BY id DESC LIMIT 1";

/// The same of one.
fn going(db: &Connection, id: ConversationId) -> Result<Going, StoreError> {
    let refused = db.first(REFUSED_OF, params![id, kind::VOID], |row| row.get(0))?;
    let of = params![id, kind::REQUEST, kind::LEAVE];
    let pending = db.first(PENDING_OF, of, |row| Ok(pending(row.get(0)?)))?;
    Ok(Going { refused: refused.unwrap_or_default(), pending })
}

fn pending(of: u8) -> &'static str {
    match of {
        kind::REQUEST => "request",
        kind::ACCEPT => "accept",
        kind::DECLINE => "decline",
        kind::WITHDRAW => "withdraw",
        _ => "leave",
    }
}
