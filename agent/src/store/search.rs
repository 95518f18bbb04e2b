//! Finding messages by words.

use std::cmp::Reverse;

use rusqlite::{Connection, ToSql, params};

use super::{
    ConversationId, InboxRow, MessageId, Reader, StoreError,
    conversations::canonical,
    inbox::{ROW, SHOWN, inbox_row},
    write::Query,
};

/// The index knows sequences of three characters; shorter words are looked for row by row.
const INDEXED_MIN: usize = 3;

/// A conversation of no more rows is looked through as it is: that costs less than passing over what others said.
const SMALL: u32 = 4_000;

impl Reader {
    /// The newest `limit` messages, one's own too, that hold all the words, in whatever order; oldest first. Words match
    /// anywhere, inside others too, in any script; upper and lower case are the same.
    ///
    /// # Errors
    /// [`StoreError::Empty`] without words, or what SQLite says.
    pub fn search(&self, words: &str, limit: u32) -> Result<Vec<InboxRow>, StoreError> {
        self.read(|db| find(db, words, None, limit))
    }

    /// The same in one conversation.
    ///
    /// # Errors
    /// [`StoreError::NoSuchId`] for a conversation that there is not, else as [`Reader::search`].
    pub fn search_in(
        &self,
        conversation: ConversationId,
        words: &str,
        limit: u32,
    ) -> Result<Vec<InboxRow>, StoreError> {
        self.read(|db| {
            let unknown = || StoreError::NoSuchId(conversation.to_string());
            let id = canonical(db, conversation)?.ok_or_else(unknown)?;
            find(db, words, Some(id), limit)
        })
    }
}

fn find(
    db: &Connection,
    words: &str,
    conversation: Option<ConversationId>,
    limit: u32,
) -> Result<Vec<InboxRow>, StoreError> {
    let words: Vec<&str> = words.split_whitespace().collect();
    if words.is_empty() {
        return Err(StoreError::Empty { what: "the list of words" });
    }
    let mut rows = match conversation {
        Some(id) if is_small(db, id)? => look_through(db, &words, id, limit)?,
        _ => look_up(db, &words, conversation, limit)?,
    };
    rows.reverse();
    Ok(rows)
}

/// By the index, newest first: what was found is passed over until it is enough.
fn look_up(
    db: &Connection,
    words: &[&str],
    conversation: Option<ConversationId>,
    limit: u32,
) -> Result<Vec<InboxRow>, StoreError> {
    let (indexed, short): (Vec<&str>, Vec<&str>) =
        words.iter().partition(|word| INDEXED_MIN <= word.chars().count());
    let mut parameters: Vec<Box<dyn ToSql>> = vec![Box::new(limit)];
    let mut conditions = vec![SHOWN.to_owned()];
    let mut from = "message m";
    if !indexed.is_empty() {
        let quoted: Vec<_> =
            indexed.iter().map(|word| format!("\"{}\"", word.replace('"', "\"\""))).collect();
        parameters.push(Box::new(quoted.join(" ")));
        // In this order, so that the index gives the newest first and nothing has to be sorted.
        from = "message_text f CROSS JOIN message m ON m.id = f.rowid";
        conditions.push(format!("f.message_text MATCH ?{}", parameters.len()));
    }
    for word in short {
        parameters.push(Box::new(format!("%{}%", like(word))));
        conditions.push(format!("m.text LIKE ?{} ESCAPE '\\'", parameters.len()));
    }
    if let Some(id) = conversation {
        parameters.push(Box::new(id));
        // By no index: of a large conversation the newest rows are soon met in the order of ids.
        conditions.push(format!("+m.conversation = ?{}", parameters.len()));
    }
    // Not `m.id`, by which the index would not be known to be in order.
    let order = if indexed.is_empty() { "m.id" } else { "f.rowid" };
    let sql = format!(
        "SELECT {ROW} FROM {from} WHERE {} ORDER BY {order} DESC LIMIT ?1",
        conditions.join(" AND ")
    );
    db.all(&sql, rusqlite::params_from_iter(parameters), inbox_row)
}

fn is_small(db: &Connection, id: ConversationId) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM message WHERE conversation = ?1 LIMIT ?2)";
    let rows = db.first(sql, params![id, SMALL + 1], |row| row.get::<_, u32>(0))?;
    Ok(rows.unwrap_or_default() <= SMALL)
}

/// Row by row, newest first.
fn look_through(
    db: &Connection,
    words: &[&str],
    id: ConversationId,
    limit: u32,
) -> Result<Vec<InboxRow>, StoreError> {
    let words: Vec<(String, bool)> =
        words.iter().map(|word| (fold(word), word.chars().count() < INDEXED_MIN)).collect();
    let sql = format!("SELECT m.id, m.text FROM message m WHERE m.conversation = ?1 AND {SHOWN}");
    let mut found = db.all(&sql, [id], |row| {
        let text = row.get_ref(1)?.as_str()?;
        let folded = fold(text);
        let has = |(word, is_short): &(String, bool)| match is_short {
            // As `LIKE` has it.
            true => text.to_ascii_lowercase().contains(word),
            false => folded.contains(word),
        };
        Ok(words.iter().all(has).then_some(row.get::<_, MessageId>(0)?))
    })?;
    found.sort_unstable_by_key(|id| Reverse(*id));
    let sql = format!("SELECT {ROW} FROM message m WHERE m.id = ?1");
    let newest = found.into_iter().flatten().take(limit as usize);
    let rows = newest.map(|id| db.first(&sql, [id], inbox_row));
    rows.filter_map(Result::transpose).collect()
}

/// One letter for upper and lower case, as the index has it.
fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// A word as `LIKE` takes it literally.
fn like(word: &str) -> String {
    word.chars().fold(String::new(), |mut escaped, char| {
        if matches!(char, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(char);
        escaped
    })
}
