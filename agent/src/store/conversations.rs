//! Conversations as this account sees them, and how a person's words lead to one.

use rusqlite::{Connection, Row, params};
use wire::MemberState;

use super::{
    Conversation, ConversationId, Member, MessageId, Reader, StoreError,
    names::{account_name, is_account_name},
    write::Query,
};

/// Our own part in a conversation before the relay has answered our request.
pub(crate) const ASKING: u8 = 0;
/// And after it has refused our request.
pub(crate) const REFUSED: u8 = 255;

/// A conversation's row, as the rest of the store needs it.
#[derive(Clone, Debug)]
pub(crate) struct Chat {
    pub(crate) id: ConversationId,
    pub(crate) number: Option<u64>,
    pub(crate) is_pair: bool,
    pub(crate) peer: String,
    pub(crate) asked: Vec<String>,
    pub(crate) title: String,
    pub(crate) version: u32,
    pub(crate) mine: u8,
    pub(crate) inviter_name: String,
}

impl Chat {
    pub(crate) fn is_member(&self) -> bool {
        MemberState::from(self.mine) == MemberState::Member
    }

    pub(crate) fn is_invited(&self) -> bool {
        MemberState::from(self.mine) == MemberState::Invited
    }

    /// Whether it is over for us: left, declined, withdrawn, expired.
    pub(crate) fn is_over(&self) -> bool {
        self.mine != ASKING && !self.is_member() && !self.is_invited()
    }
}

impl Reader {
    /// The conversation that a person means: its id, or the name of the other one of a pair, with or without our
    /// relay's domain.
    ///
    /// # Errors
    /// [`StoreError::NoSuchConversation`], [`StoreError::OtherRelay`], or what SQLite says.
    pub fn find(&self, words: &str) -> Result<ConversationId, StoreError> {
        self.read(|db| {
            if let Ok(id) = words.parse()
                && let Some(id) = canonical(db, id)?
            {
                return Ok(id);
            }
            let domain = super::identity::load(db)?.domain;
            let unknown = || StoreError::NoSuchConversation(words.to_owned());
            let name = match account_name(words, &domain) {
                Err(StoreError::BadName { .. }) => return Err(unknown()),
                name => name?,
            };
            pair_with(db, &name)?.ok_or_else(unknown)
        })
    }

    /// The conversation of a request: the id of its row in the inbox, or of the conversation itself.
    ///
    /// # Errors
    /// [`StoreError::NoSuchId`], or what SQLite says.
    pub fn find_request(&self, words: &str) -> Result<ConversationId, StoreError> {
        self.read(|db| {
            let id = match words.parse::<MessageId>() {
                Ok(id) => {
                    let sql = "SELECT conversation FROM message WHERE id = ?1 AND conversation IS NOT NULL";
                    db.first(sql, [id], |row| row.get(0))?
                }
                Err(_) => words.parse().ok(),
            };
            let found = id.map_or(Ok(None), |id| canonical(db, id))?;
            found.ok_or_else(|| StoreError::NoSuchId(words.to_owned()))
        })
    }

    /// All conversations, those with news first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn conversations(&self) -> Result<Vec<Conversation>, StoreError> {
        self.read(|db| {
            let sql = "SELECT id FROM conversation WHERE merged_into IS NULL";
            let ids = db.all(sql, [], |row| row.get(0))?;
            let mut rows =
                ids.into_iter().map(|id| describe(db, id)).collect::<Result<Vec<_>, _>>()?;
            rows.sort_by_key(|row| std::cmp::Reverse((row.newest_at, row.id)));
            Ok(rows)
        })
    }

    /// One conversation. An id that was merged into another gives that other.
    ///
    /// # Errors
    /// [`StoreError::NoSuchId`], or what SQLite says.
    pub fn conversation(&self, id: ConversationId) -> Result<Conversation, StoreError> {
        self.read(|db| {
            let found = canonical(db, id)?.ok_or_else(|| StoreError::NoSuchId(id.to_string()))?;
            describe(db, found)
        })
    }
}

/// The id that a conversation goes by now; `None` if there never was one.
pub(crate) fn canonical(
    db: &Connection,
    id: ConversationId,
) -> Result<Option<ConversationId>, StoreError> {
    let sql = "WITH RECURSIVE chain (id, next) AS (
            SELECT id, merged_into FROM conversation WHERE id = ?1
            UNION SELECT c.id, c.merged_into FROM conversation c JOIN chain ON c.id = chain.next)
        SELECT id FROM chain WHERE next IS NULL";
    db.first(sql, [id], |row| row.get(0))
}

/// The ids that `id` has taken over, oldest first.
pub(crate) fn merged_into(
    db: &Connection,
    id: ConversationId,
) -> Result<Vec<ConversationId>, StoreError> {
    let sql = "WITH RECURSIVE lost (id) AS (
            SELECT id FROM conversation WHERE merged_into = ?1
            UNION SELECT c.id FROM conversation c JOIN lost ON c.merged_into = lost.id)
        SELECT id FROM lost ORDER BY id";
    db.all(sql, [id], |row| row.get(0))
}

/// The conversation with one other account alone.
pub(crate) fn pair_with(db: &Connection, name: &str) -> Result<Option<ConversationId>, StoreError> {
    let sql = "SELECT id FROM conversation WHERE is_pair = 1 AND peer = ?1 AND merged_into IS NULL ORDER BY id";
    db.first(sql, [name], |row| row.get(0))
}

pub(crate) fn by_number(
    db: &Connection,
    number: u64,
) -> Result<Option<ConversationId>, StoreError> {
    db.first("SELECT id FROM conversation WHERE number = ?1", [number], |row| row.get(0))
}

pub(crate) fn load(db: &Connection, id: ConversationId) -> Result<Chat, StoreError> {
    let found = canonical(db, id)?.ok_or_else(|| StoreError::NoSuchId(id.to_string()))?;
    let sql = "SELECT id, number, is_pair, peer, asked, title, version, mine, inviter_name
        FROM conversation WHERE id = ?1";
    let chat = db.first(sql, [found], chat)?;
    chat.ok_or_else(|| StoreError::NoSuchId(id.to_string()))
}

fn chat(row: &Row<'_>) -> rusqlite::Result<Chat> {
    Ok(Chat {
        id: row.get(0)?,
        number: row.get(1)?,
        is_pair: row.get(2)?,
        peer: row.get(3)?,
        asked: names(&row.get::<_, String>(4)?),
        title: row.get(5)?,
        version: row.get(6)?,
        mine: row.get(7)?,
        inviter_name: row.get(8)?,
    })
}

/// A list of names as the store keeps it.
pub(crate) fn names(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}

/// The inverse of [`names`].
pub(crate) fn names_json(names: &[String]) -> String {
    serde_json::to_string(names).expect("strings are JSON")
}

/// The others in a conversation, with their states.
pub(crate) fn others(
    db: &Connection,
    id: ConversationId,
) -> Result<Vec<(u64, String, MemberState)>, StoreError> {
    let sql = "SELECT account, name, state FROM member
        WHERE conversation = ?1 AND account <> (SELECT account FROM device) ORDER BY name";
    db.all(sql, [id], |row| Ok((row.get(0)?, row.get(1)?, MemberState::from(row.get::<_, u8>(2)?))))
}

/// Whom a message in it goes to, in words.
pub(crate) fn addressee(db: &Connection, chat: &Chat) -> Result<String, StoreError> {
    if chat.is_pair && !chat.peer.is_empty() {
        return Ok(chat.peer.clone());
    }
    if !chat.title.is_empty() {
        return Ok(chat.title.clone());
    }
    let members = others(db, chat.id)?;
    let present =
        members.into_iter().filter(|(.., state)| is_there(*state)).map(|(_, name, _)| name);
    let mut names: Vec<_> = present.collect();
    for asked in &chat.asked {
        if !names.contains(asked) {
            names.push(asked.clone());
        }
    }
    Ok(if names.is_empty() { chat.inviter_name.clone() } else { names.join(", ") })
}

fn is_there(state: MemberState) -> bool {
    matches!(state, MemberState::Member | MemberState::Invited)
}

fn describe(db: &Connection, id: ConversationId) -> Result<Conversation, StoreError> {
    let chat = load(db, id)?;
    let mut members: Vec<_> = others(db, id)?
        .into_iter()
        .map(|(_, name, state)| Member { name, state: state_words(state.into()) })
        .collect();
    for asked in &chat.asked {
        if is_account_name(asked) && !members.iter().any(|member| member.name == *asked) {
            members.push(Member { name: asked.clone(), state: state_words(ASKING) });
        }
    }
    let sql = "SELECT greeting, created_at,
            (SELECT count(*) FROM message WHERE conversation = ?1 AND is_read = 0 AND is_deleted = 0),
            (SELECT max(received_at) FROM message WHERE conversation = ?1)
        FROM conversation WHERE id = ?1";
    let row = db.first(sql, params![id], |row| {
        let newest: Option<i64> = row.get(3)?;
        Ok((row.get(0)?, row.get(2)?, newest.unwrap_or(row.get(1)?)))
    })?;
    let (greeting, unread, newest_at) = row.ok_or_else(|| StoreError::NoSuchId(id.to_string()))?;
    Ok(Conversation {
        id,
        title: addressee(db, &chat)?,
        pair: chat.is_pair,
        state: state_words(chat.mine),
        members,
        inviter: chat.inviter_name,
        greeting,
        unread,
        newest_at,
    })
}

pub(crate) fn state_words(state: u8) -> &'static str {
    match MemberState::from(state) {
        MemberState::Invited => "invited",
        MemberState::Member => "member",
        MemberState::Left => "left",
        MemberState::Declined => "declined",
        MemberState::Withdrawn => "withdrawn",
        MemberState::Expired => "expired",
        _ if state == ASKING => "asking",
        _ if state == REFUSED => "refused",
        _ => "unknown",
    }
}
