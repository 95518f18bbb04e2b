//! All conversations at a glance, each with its last line, in one pass over indexes: what a window lists.

use std::{cmp::Reverse, collections::HashMap};

use rusqlite::{Connection, Row};
use serde::Serialize;
use wire::kind;

use super::{
    ConversationId, Kind, MessageId, MessageState, Reader, StoreError,
    conversations::{self, CHAT, CHAT_LEN, NEWEST, Other, all_others, all_unread},
    inbox::SHOWN,
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
    /// Whether its author took it back.
    pub deleted: bool,
    /// How far it has come, of one's own.
    pub state: Option<MessageState>,
    /// When it was composed.
    pub sent_at: i64,
}

/// Counts of a conversation's own messages and items.
#[derive(Clone, Copy, Debug, Default)]
struct Going {
    under_way: u64,
    held: u64,
    refused: u64,
    pending: Option<&'static str>,
}

impl Reader {
    /// All conversations, those with news first, as [`Reader::conversations`] has them.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn roll(&self) -> Result<Vec<RollRow>, StoreError> {
        self.read(|db| {
            let (mut others, unread, going) = (all_others(db)?, all_unread(db)?, going(db)?);
            let mut rows = db.all(&sql(), [], |row| {
                let id: ConversationId = row.get(0)?;
                let others = others.remove(&id).unwrap_or_default();
                let mut found = roll_row(row, &others)?;
                found.unread = unread.get(&id).copied().unwrap_or_default();
                let going = going.get(&id).copied().unwrap_or_default();
                (found.under_way, found.held) = (going.under_way, going.held);
                (found.refused, found.pending) = (going.refused, going.pending);
                Ok(found)
            })?;
            rows.sort_by_key(|row| Reverse((row.newest_at, row.id)));
            Ok(rows)
        })
    }
}

pub(crate) fn sql() -> String {
    format!(
        "SELECT {CHAT}, {NEWEST}, l.id, l.shown_as, l.author, l.is_mine, substr(l.text, 1, {LINE_CHARS_MAX}),
            l.is_deleted, l.state, l.sent_at
        FROM conversation LEFT JOIN message l ON l.id = (SELECT m.id FROM message m
            WHERE m.conversation = conversation.id AND {SHOWN} ORDER BY m.place DESC, m.id DESC LIMIT 1)
        WHERE merged_into IS NULL"
    )
}

/// How many of our own messages have not arrived.
pub(crate) const GOING: &str = "SELECT conversation, state, count(*) FROM message
    WHERE is_mine = 1 AND state BETWEEN 1 AND 3 AND conversation IS NOT NULL GROUP BY conversation, state";

fn roll_row(row: &Row<'_>, others: &[Other]) -> rusqlite::Result<RollRow> {
    let chat = conversations::chat(row)?;
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
        pending: None,
        others: u32::try_from(names.len()).unwrap_or(u32::MAX),
        names: names.into_iter().take(NAMES_MAX).cloned().collect(),
        unread: 0,
        under_way: 0,
        held: 0,
        refused: 0,
        newest_at: row.get(CHAT_LEN)?,
        last: last_line(row)?,
        inviter: chat.inviter_name,
        greeting: chat.greeting,
    })
}

fn last_line(row: &Row<'_>) -> rusqlite::Result<Option<LastLine>> {
    let at = |column: usize| CHAT_LEN + 1 + column;
    let Some(id) = row.get(at(0))? else { return Ok(None) };
    let mine: bool = row.get(at(3))?;
    Ok(Some(LastLine {
        id,
        kind: Kind::from_number(row.get(at(1))?),
        from: row.get(at(2))?,
        mine,
        text: row.get(at(4))?,
        deleted: row.get(at(5))?,
        state: MessageState::from_number(row.get(at(6))?).filter(|_| mine),
        sent_at: row.get(at(7))?,
    }))
}

/// What of our own has not arrived, by conversation.
fn going(db: &Connection) -> Result<HashMap<ConversationId, Going>, StoreError> {
    let mut all: HashMap<ConversationId, Going> = HashMap::new();
    db.all(GOING, [], |row| {
        let going = all.entry(row.get(0)?).or_default();
        match MessageState::from_number(row.get(1)?) {
            Some(MessageState::Held) => going.held += row.get::<_, u64>(2)?,
            _ => going.under_way += row.get::<_, u64>(2)?,
        }
        Ok(())
    })?;
    let sql = "SELECT conversation, count(*) FROM item
        WHERE state = 4 AND kind <> ?1 AND conversation IS NOT NULL GROUP BY conversation";
    db.all(sql, [kind::VOID], |row| {
        all.entry(row.get(0)?).or_default().refused = row.get(1)?;
        Ok(())
    })?;
    let sql = "SELECT conversation, kind FROM item
        WHERE state < 3 AND kind BETWEEN ?1 AND ?2 AND conversation IS NOT NULL ORDER BY id";
    db.all(sql, [kind::REQUEST, kind::LEAVE], |row| {
        all.entry(row.get(0)?).or_default().pending = match row.get(1)? {
            kind::REQUEST => Some("request"),
            kind::ACCEPT => Some("accept"),
            kind::DECLINE => Some("decline"),
            kind::WITHDRAW => Some("withdraw"),
            _ => Some("leave"),
        };
        Ok(())
    })?;
    Ok(all)
}
