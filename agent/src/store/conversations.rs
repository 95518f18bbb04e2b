//! Conversations as this account sees them, and how a person's words lead to one.

use std::collections::HashMap;

use rusqlite::{Connection, Row};
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
    /// Who asked us; empty where we did, whatever the relay calls the founder.
    pub(crate) inviter_name: String,
    pub(crate) greeting: String,
}

impl Chat {
    pub(crate) fn is_member(&self) -> bool {
        MemberState::from(self.mine) == MemberState::Member
    }

    pub(crate) fn is_invited(&self) -> bool {
        MemberState::from(self.mine) == MemberState::Invited
    }

    /// What it is called by itself: the other one of a pair, or its title.
    fn own_title(&self) -> Option<&str> {
        match self.is_pair && !self.peer.is_empty() {
            true => Some(&self.peer),
            false => Some(&self.title[..]).filter(|title| !title.is_empty()),
        }
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
            let (mut others, unread) = (all_others(db)?, all_unread(db)?);
            let sql =
                format!("SELECT {CHAT}, {NEWEST} FROM conversation WHERE merged_into IS NULL");
            let mut rows = db.all(&sql, [], |row| {
                let chat = chat(row)?;
                let others = others.remove(&chat.id).unwrap_or_default();
                let unread = unread.get(&chat.id).copied().unwrap_or_default();
                Ok(describe(chat, others, unread, row.get(CHAT_LEN)?))
            })?;
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
            let chat = load(db, id)?;
            let sql = format!(
                "SELECT {NEWEST}, (SELECT count(*) FROM message
                    WHERE message.conversation = conversation.id AND is_read = 0 AND is_deleted = 0)
                FROM conversation WHERE id = ?1"
            );
            let figures = db.first(&sql, [chat.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let (newest_at, unread) =
                figures.ok_or_else(|| StoreError::NoSuchId(id.to_string()))?;
            let others = others(db, chat.id)?;
            Ok(describe(chat, others, unread, newest_at))
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

// Bare `is_pair`: so does the index ask.
pub(crate) const PAIR_WITH: &str =
    "SELECT id FROM conversation WHERE is_pair AND peer = ?1 AND merged_into IS NULL ORDER BY id";

/// The conversation with one other account alone.
pub(crate) fn pair_with(db: &Connection, name: &str) -> Result<Option<ConversationId>, StoreError> {
    db.first(PAIR_WITH, [name], |row| row.get(0))
}

/// The conversation with each other account alone, by its name; the oldest of several, as [`pair_with`] has it.
pub(crate) fn pairs(db: &Connection) -> Result<HashMap<String, ConversationId>, StoreError> {
    let sql = "SELECT peer, min(id) FROM conversation WHERE is_pair AND merged_into IS NULL GROUP BY peer";
    Ok(db.all(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
}

pub(crate) fn by_number(
    db: &Connection,
    number: u64,
) -> Result<Option<ConversationId>, StoreError> {
    db.first("SELECT id FROM conversation WHERE number = ?1", [number], |row| row.get(0))
}

pub(crate) fn load(db: &Connection, id: ConversationId) -> Result<Chat, StoreError> {
    let found = canonical(db, id)?.ok_or_else(|| StoreError::NoSuchId(id.to_string()))?;
    let sql = format!("SELECT {CHAT} FROM conversation WHERE id = ?1");
    let chat = db.first(&sql, [found], chat)?;
    chat.ok_or_else(|| StoreError::NoSuchId(id.to_string()))
}

/// Columns of [`Chat`], in its order; and how many.
pub(crate) const CHAT: &str = "conversation.id, conversation.number, conversation.is_pair, conversation.peer,
    conversation.asked, conversation.title, conversation.version, conversation.mine,
    iif(conversation.inviter = (SELECT account FROM device WHERE one = 1), '', conversation.inviter_name),
    conversation.greeting";
pub(crate) const CHAT_LEN: usize = 10;
/// When the newest message of a conversation came.
pub(crate) const NEWEST: &str =
    "coalesce((SELECT max(received_at) FROM message WHERE message.conversation = conversation.id),
    conversation.created_at)";

pub(crate) fn chat(row: &Row<'_>) -> rusqlite::Result<Chat> {
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
        greeting: row.get(9)?,
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

/// Someone else in a conversation: account, name, state.
pub(crate) type Other = (u64, String, MemberState);

/// The others in a conversation, by name.
pub(crate) fn others(db: &Connection, id: ConversationId) -> Result<Vec<Other>, StoreError> {
    let sql = "SELECT account, name, state FROM member
        WHERE conversation = ?1 AND account <> (SELECT account FROM device) ORDER BY name";
    db.all(sql, [id], |row| Ok((row.get(0)?, row.get(1)?, MemberState::from(row.get::<_, u8>(2)?))))
}

/// The same of every conversation, in one pass.
pub(crate) fn all_others(
    db: &Connection,
) -> Result<HashMap<ConversationId, Vec<Other>>, StoreError> {
    let sql = "SELECT conversation, account, name, state FROM member
        WHERE account <> (SELECT account FROM device)";
    let mut all: HashMap<_, Vec<Other>> = HashMap::new();
    db.all(sql, [], |row| {
        let other = (row.get(1)?, row.get(2)?, MemberState::from(row.get::<_, u8>(3)?));
        all.entry(row.get(0)?).or_default().push(other);
        Ok(())
    })?;
    all.values_mut().for_each(|others| others.sort_by(|(_, a, _), (_, b, _)| a.cmp(b)));
    Ok(all)
}

pub(crate) const ALL_UNREAD: &str = "SELECT conversation, count(*) FROM message
    WHERE is_read = 0 AND is_deleted = 0 AND conversation IS NOT NULL GROUP BY conversation";

/// How many rows of each conversation were not read.
pub(crate) fn all_unread(db: &Connection) -> Result<HashMap<ConversationId, u64>, StoreError> {
    Ok(db.all(ALL_UNREAD, [], |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
}

/// Whom a message in it goes to, in words.
pub(crate) fn addressee(db: &Connection, chat: &Chat) -> Result<String, StoreError> {
    match chat.own_title() {
        Some(title) => Ok(title.to_owned()),
        None => Ok(title(chat, &others(db, chat.id)?)),
    }
}

/// The same, where the others are known.
pub(crate) fn title(chat: &Chat, others: &[Other]) -> String {
    if let Some(title) = chat.own_title() {
        return title.to_owned();
    }
    let present = others.iter().filter(|(.., state)| is_there(*state)).map(|(_, name, _)| name);
    let mut names: Vec<&String> = present.collect();
    for asked in &chat.asked {
        if !names.contains(&asked) {
            names.push(asked);
        }
    }
    if names.is_empty() && !chat.inviter_name.is_empty() {
        return chat.inviter_name.clone();
    }
    if names.is_empty() {
        // Those who were in it.
        names = others.iter().map(|(_, name, _)| name).collect();
    }
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    names.join(", ")
}

pub(crate) fn is_there(state: MemberState) -> bool {
    matches!(state, MemberState::Member | MemberState::Invited)
}

fn describe(chat: Chat, others: Vec<Other>, unread: u64, newest_at: i64) -> Conversation {
    let title = title(&chat, &others);
    let mut members: Vec<_> = others
        .into_iter()
        .map(|(_, name, state)| Member { name, state: state_words(state.into()) })
        .collect();
    for asked in chat.asked {
        if is_account_name(&asked) && !members.iter().any(|member| member.name == asked) {
            members.push(Member { name: asked, state: state_words(ASKING) });
        }
    }
    Conversation {
        id: chat.id,
        title,
        pair: chat.is_pair,
        state: state_words(chat.mine),
        members,
        inviter: chat.inviter_name,
        greeting: chat.greeting,
        unread,
        newest_at,
    }
}

/// All that [`state_words`] gives.
pub(crate) const STATES: [&str; 9] = [
    "invited",
    "member",
    "left",
    "declined",
    "withdrawn",
    "expired",
    "asking",
    "refused",
    "unknown",
];

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
