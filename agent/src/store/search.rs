//! Finding messages by words.

use rusqlite::{Connection, ToSql};

use super::{
    InboxRow, Reader, StoreError,
    inbox::{ROW, SHOWN, inbox_row},
    write::Query,
};

/// The index knows sequences of three characters; shorter words are looked for row by row.
const INDEXED_MIN: usize = 3;

impl Reader {
    /// The newest `limit` messages, one's own too, that hold all the words, in whatever order; oldest first. Words match
    /// anywhere, inside others too, in any script; upper and lower case are the same.
    ///
    /// # Errors
    /// [`StoreError::Empty`] without words, or what SQLite says.
    pub fn search(&self, words: &str, limit: u32) -> Result<Vec<InboxRow>, StoreError> {
        self.read(|db| find(db, words, limit))
    }
}

fn find(db: &Connection, words: &str, limit: u32) -> Result<Vec<InboxRow>, StoreError> {
    let (indexed, short): (Vec<_>, Vec<_>) =
        words.split_whitespace().partition(|word| INDEXED_MIN <= word.chars().count());
    if indexed.is_empty() && short.is_empty() {
        return Err(StoreError::Empty { what: "the list of words" });
    }
    let mut parameters: Vec<Box<dyn ToSql>> = vec![Box::new(limit)];
    let mut conditions = vec![SHOWN.to_owned()];
    if !indexed.is_empty() {
        let quoted: Vec<_> =
            indexed.iter().map(|word| format!("\"{}\"", word.replace('"', "\"\""))).collect();
        parameters.push(Box::new(quoted.join(" ")));
        conditions.push(format!(
            "m.id IN (SELECT rowid FROM message_text WHERE message_text MATCH ?{})",
            parameters.len()
        ));
    }
    for word in short {
        parameters.push(Box::new(format!("%{}%", like(word))));
        conditions.push(format!("m.text LIKE ?{} ESCAPE '\\'", parameters.len()));
    }
    let sql = format!(
        "SELECT {ROW} FROM message m WHERE {} ORDER BY m.id DESC LIMIT ?1",
        conditions.join(" AND ")
    );
    let mut rows = db.all(&sql, rusqlite::params_from_iter(parameters), inbox_row)?;
    rows.reverse();
    Ok(rows)
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
