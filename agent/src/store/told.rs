//! What is new for whoever sits at this computer: what came and was not read, what of ours failed, what does
//! not work. Told of once, which is durable, also over restarts of the agent.

use std::collections::{BTreeSet, HashMap, hash_map::Entry};

use rusqlite::{Connection, params};
use wire::Refusal;

use super::{
    Cause, Change, ConversationId, ItemId, Kind, MessageId, Notice, Reader, Store, StoreError,
    Told, cause, conversations,
    inbox::SHOWN,
    reason::refusal_code,
    write::{Query, Tx},
};

/// Rows of one look: what is beyond comes with the next.
const ROWS_MAX: u32 = 1_000;
/// Characters of a text that are handed out.
const TEXT_MAX: u32 = 400;
/// Source of trouble with the visits themselves.
const VISIT: &str = "visit";

/// A request to chat that waits for an answer, of the message row `m`.
const PENDING: &str =
    "EXISTS (SELECT 1 FROM conversation c WHERE c.id = m.conversation AND c.mine = 1
    AND NOT EXISTS (SELECT 1 FROM item WHERE item.conversation = c.id AND item.kind IN (5, 6, 7)
        AND item.state IN (0, 1, 2)))";

/// A message row `m` of ours that was written here and not put away.
const IN_OUTBOX: &str = "EXISTS (SELECT 1 FROM item WHERE item.message = m.id)";

/// What one piece of news is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NewsId {
    /// A message, request or notice that came, or a message of ours that expired.
    Message(MessageId),
    /// An item of ours that was refused.
    Item(ItemId),
    /// Something of the agent's own that does not work: the source of the [`Trouble`].
    Trouble(String),
}

/// Something to tell of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// What it is about.
    pub id: NewsId,
    /// What it is.
    pub kind: NewsKind,
    /// Its conversation, if it has one.
    pub conversation: Option<ConversationId>,
    /// Title of a group, name of the other one of a pair; empty without a conversation.
    pub title: String,
    /// Whether the conversation is between two.
    pub pair: bool,
    /// Name of its author; empty for a notice and for what is our own.
    pub from: String,
    /// Its first 400 characters, or why it failed.
    pub text: String,
    /// What the text says, where that is known beside its words.
    pub says: Option<Says>,
    /// Whether it was sent to go first.
    pub urgent: bool,
    /// Further ids that its conversation went by before it was found to be the same as another.
    pub also: Vec<ConversationId>,
}

/// What a text says, as a code with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// A notice does.
    Notice(Notice),
    /// What does not work.
    Cause(Cause),
    /// A relay refused, with this code.
    Refusal(&'static str),
}

/// What there is to tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NewsKind {
    /// Somebody wrote it.
    Message,
    /// Somebody asks to chat, and nobody has answered.
    Request,
    /// Mailboat says it.
    Notice,
    /// Something of our own was refused, or expired before it arrived.
    Failure,
    /// Something of the agent's own does not work.
    Trouble,
}

/// Something of the agent's own that does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What does not work: `visit`, `dial:gsm`.
    pub source: String,
    /// What is wrong.
    pub told: Told,
    /// Since when, in seconds since 1970.
    pub since: i64,
    /// Whether the user was told.
    pub is_told: bool,
}

impl Reader {
    /// What nobody was told of, oldest first, at most 1,000 rows: neither read nor deleted meanwhile.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn untold(&self) -> Result<Vec<News>, StoreError> {
        self.read(|db| {
            let mut rows = arrived(db)?;
            rows.extend(expired(db)?);
            rows.extend(refused(db)?);
            rows.extend(troubled(db)?);
            name_conversations(db, &mut rows)?;
            Ok(rows)
        })
    }

    /// Which of these are still news: neither read, deleted, answered, sent again nor over since.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn still_news(&self, ids: &[NewsId]) -> Result<BTreeSet<NewsId>, StoreError> {
        let message = format!(
            "SELECT 1 FROM message m WHERE m.id = ?1 AND m.is_deleted = 0
                AND ((m.is_read = 0 AND (m.shown_as <> {} OR {PENDING})) OR (m.state = 4 AND {IN_OUTBOX}))",
            Kind::Request.number()
        );
        self.read(|db| {
            let mut still = BTreeSet::new();
            for id in ids {
                let found = match id {
                    NewsId::Message(id) => db.first(&message, [id], |_| Ok(()))?,
                    NewsId::Item(id) => {
                        let sql = "SELECT 1 FROM item WHERE id = ?1 AND state = 4";
                        db.first(sql, [id], |_| Ok(()))?
                    }
                    NewsId::Trouble(source) => {
                        db.first("SELECT 1 FROM trouble WHERE source = ?1", [source], |_| Ok(()))?
                    }
                };
                if found.is_some() {
                    still.insert(id.clone());
                }
            }
            Ok(still)
        })
    }

    /// What does not work at present, oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn troubles(&self) -> Result<Vec<Trouble>, StoreError> {
        let sql = "SELECT source, words, since, is_told, cause FROM trouble ORDER BY since, source";
        self.read(|db| {
            db.all(sql, [], |row| {
                let cause: String = row.get(4)?;
                let told = Told { words: row.get(1)?, cause: cause::read(&cause) };
                Ok(Trouble { source: row.get(0)?, told, since: row.get(2)?, is_told: row.get(3)? })
            })
        })
    }
}

fn arrived(db: &Connection) -> Result<Vec<News>, StoreError> {
    let sql = format!(
        "SELECT m.id, m.shown_as, m.conversation, m.author, substr(m.text, 1, {TEXT_MAX}), m.lane, m.notice FROM message m
        WHERE m.is_told = 0 AND m.is_read = 0 AND m.is_mine = 0 AND m.is_deleted = 0 AND {SHOWN}
            AND (m.shown_as <> {} OR {PENDING}) ORDER BY m.id LIMIT {ROWS_MAX}",
        Kind::Request.number()
    );
    db.all(&sql, [], |row| {
        let kind = match Kind::from_number(row.get(1)?) {
            Kind::Message | Kind::Item => NewsKind::Message,
            Kind::Request => NewsKind::Request,
            Kind::Notice => NewsKind::Notice,
        };
        let notice = cause::read(&row.get::<_, String>(6)?);
        Ok(News {
            kind,
            says: notice.map(Says::Notice),
            from: row.get(3)?,
            text: row.get(4)?,
            urgent: row.get::<_, u8>(5)? == wire::Lane::Urgent.number(),
            ..about(NewsId::Message(row.get(0)?), row.get(2)?)
        })
    })
}

fn expired(db: &Connection) -> Result<Vec<News>, StoreError> {
    let sql = format!(
        "SELECT m.id, m.conversation, m.reason FROM message m
        WHERE m.is_told = 0 AND m.state = 4 AND {IN_OUTBOX} ORDER BY m.id LIMIT {ROWS_MAX}"
    );
    db.all(&sql, [], |row| {
        Ok(News { text: row.get(2)?, ..about(NewsId::Message(row.get(0)?), row.get(1)?) })
    })
}

fn refused(db: &Connection) -> Result<Vec<News>, StoreError> {
    let sql = format!(
        "SELECT id, conversation, reason, coalesce((SELECT refusal FROM message m WHERE m.id = item.message), 0) FROM item
        WHERE is_told = 0 AND state = 4 ORDER BY id LIMIT {ROWS_MAX}"
    );
    db.all(&sql, [], |row| {
        let code = refusal_code(Refusal::from(row.get::<_, u8>(3)?));
        let about = about(NewsId::Item(row.get(0)?), row.get(1)?);
        Ok(News { text: row.get(2)?, says: code.map(Says::Refusal), ..about })
    })
}

fn troubled(db: &Connection) -> Result<Vec<News>, StoreError> {
    let sql = format!(
        "SELECT source, words, cause FROM trouble WHERE is_told = 0 ORDER BY since LIMIT {ROWS_MAX}"
    );
    db.all(&sql, [], |row| {
        let about = about(NewsId::Trouble(row.get(0)?), None);
        let cause = cause::read(&row.get::<_, String>(2)?);
        let says = cause.map(Says::Cause);
        Ok(News { kind: NewsKind::Trouble, text: row.get(1)?, says, ..about })
    })
}

/// A failure, before its reason and its conversation's title are known.
fn about(id: NewsId, conversation: Option<ConversationId>) -> News {
    News {
        id,
        kind: NewsKind::Failure,
        conversation,
        title: String::new(),
        pair: false,
        from: String::new(),
        text: String::new(),
        says: None,
        urgent: false,
        also: Vec::new(),
    }
}

fn name_conversations(db: &Connection, rows: &mut [News]) -> Result<(), StoreError> {
    let mut known: HashMap<ConversationId, (ConversationId, String, bool, Vec<ConversationId>)> =
        HashMap::new();
    for row in rows {
        let Some(id) = row.conversation else { continue };
        let (id, title, pair, also) = match known.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let chat = conversations::load(db, id)?;
                let title = conversations::addressee(db, &chat)?;
                let also = conversations::merged_into(db, chat.id)?;
                new.insert((chat.id, title, chat.is_pair, also))
            }
        };
        (row.conversation, row.title, row.pair) = (Some(*id), title.clone(), *pair);
        row.also.clone_from(also);
    }
    Ok(())
}

impl Store {
    /// Notes that the user was told of these. Durable when this comes back.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn note_told(&self, ids: &[NewsId]) -> Result<(), StoreError> {
        self.set_told(ids, true)
    }

    /// Notes that what told the user of these was taken away before anybody looked: they are to be told of again.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn note_untold(&self, ids: &[NewsId]) -> Result<(), StoreError> {
        self.set_told(ids, false)
    }

    fn set_told(&self, ids: &[NewsId], is_told: bool) -> Result<(), StoreError> {
        let set = |table: &str, key: &str| {
            format!("UPDATE {table} SET is_told = ?2 WHERE {key} = ?1 AND is_told <> ?2")
        };
        self.write(|tx| {
            for id in ids {
                match id {
                    NewsId::Message(id) => tx.run(&set("message", "id"), params![id, is_told])?,
                    NewsId::Item(id) => tx.run(&set("item", "id"), params![id, is_told])?,
                    NewsId::Trouble(source) => {
                        tx.run(&set("trouble", "source"), params![source, is_told])?
                    }
                };
            }
            Ok(())
        })
    }

    /// Notes that something of the agent's own does not work, for the user to be told of once, until
    /// [`Store::trouble_over`]. The same again with other words is the same trouble.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn trouble(&self, source: &str, told: impl Into<Told>) -> Result<(), StoreError> {
        let told = told.into();
        self.write(|tx| tx.trouble(source, &told))
    }

    /// The same where the user is told in another way: what does not work is kept, also over a restart. Gives whether it
    /// was not known before.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn trouble_told(&self, source: &str, told: impl Into<Told>) -> Result<bool, StoreError> {
        let told = told.into();
        self.write(|tx| {
            let known =
                tx.first("SELECT 1 FROM trouble WHERE source = ?1", [source], |_| Ok(()))?;
            tx.trouble(source, &told)?;
            tx.run("UPDATE trouble SET is_told = 1 WHERE source = ?1 AND is_told = 0", [source])?;
            Ok(known.is_none())
        })
    }

    /// Notes that it works again.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn trouble_over(&self, source: &str) -> Result<(), StoreError> {
        self.write(|tx| tx.trouble_over(source))
    }
}

impl Tx<'_> {
    pub(crate) fn trouble(&self, source: &str, told: &Told) -> Result<(), StoreError> {
        let changed = self.run(
            "INSERT INTO trouble (source, words, since, cause) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (source) DO UPDATE SET words = excluded.words, cause = excluded.cause
            WHERE words <> excluded.words",
            params![source, told.words, self.now, told.written()],
        )?;
        if changed != 0 {
            self.changed(Change::Trouble);
        }
        Ok(())
    }

    pub(crate) fn trouble_over(&self, source: &str) -> Result<(), StoreError> {
        if self.run("DELETE FROM trouble WHERE source = ?1", [source])? != 0 {
            self.changed(Change::Trouble);
        }
        Ok(())
    }

    /// What a visit's end says of the visits: refused is trouble, having got through ends it, no link is neither.
    pub(crate) fn trouble_of_visit(&self, outcome: &str, told: &Told) -> Result<(), StoreError> {
        match outcome {
            "refused" => self.trouble(VISIT, told),
            "done" | "partial" => self.trouble_over(VISIT),
            _ => Ok(()),
        }
    }
}
