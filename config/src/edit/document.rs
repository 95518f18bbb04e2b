//! Values laid into a document's tables, with what stood around those that were there.

use serde::Serialize;
use toml_edit::{DocumentMut, InlineTable, Item, RawString, Table, TableLike, Value};

use super::comments::{comments, lines, lost};

/// Digits up to which a price is the same as a number of TOML, which is a float.
const EXACT_DIGITS_MAX: usize = 15;

/// What is to be written of one table.
#[derive(Debug)]
pub(super) struct Fields(Vec<Field>);

#[derive(Debug)]
struct Field {
    key: String,
    /// `None` where it is said by leaving it out.
    value: Option<Value>,
    is_default: bool,
}

impl Fields {
    /// All that is not at its default.
    pub(super) fn new<T: Default + Serialize>(value: &T) -> Self {
        Self::of_change(&T::default(), value)
    }

    /// What differs.
    pub(super) fn of_change<T: Default + Serialize>(old: &T, new: &T) -> Self {
        let (old, new, default) = (written(old), written(new), written(&T::default()));
        let shown = |table: &Table, key: &str| table.get(key).map(|item| item.to_string());
        let gone = old.iter().filter(|(key, _)| !new.contains_key(key));
        let keys = new.iter().chain(gone).map(|(key, _)| key);
        let changed = keys.filter(|key| shown(&old, key) != shown(&new, key));
        let fields = changed.map(|key| Field {
            key: key.to_owned(),
            value: new.get(key).and_then(Item::as_value).map(|value| plain(key, value)),
            is_default: shown(&new, key) == shown(&default, key),
        });
        Self(fields.collect())
    }

    pub(super) fn table(&self) -> Table {
        let mut table = Table::new();
        self.put_into(&mut table);
        table
    }

    pub(super) fn inline_table(&self) -> InlineTable {
        let mut table = InlineTable::new();
        self.put_into_inline(&mut table);
        table
    }

    pub(super) fn put_into(&self, table: &mut Table) {
        for field in &self.0 {
            if field.is_to_go(table) {
                take_out(table, &field.key);
            } else if let Some(value) = field.value_in(table) {
                set(table, &field.key, value);
            }
        }
    }

    /// Comments within are for who holds it to keep.
    pub(super) fn put_into_inline(&self, table: &mut InlineTable) {
        for field in &self.0 {
            if field.is_to_go(table) {
                table.remove(&field.key);
            } else if let Some(mut value) = field.value_in(table) {
                if let Some(old) = table.get(&field.key) {
                    *value.decor_mut() = old.decor().clone();
                }
                table.insert(&field.key, value);
            }
        }
    }
}

impl Field {
    /// A default needs no words, but where somebody has something to say of it they stay.
    fn is_to_go(&self, table: &dyn TableLike) -> bool {
        let Some((key, item)) = table.get_key_value(&self.key) else { return false };
        let is_bare = comments(&format!("{}{item}", raw(key.leaf_decor().prefix()))).is_empty();
        self.value.is_none() || (self.is_default && is_bare)
    }

    fn value_in(&self, table: &dyn TableLike) -> Option<Value> {
        let is_there = table.contains_key(&self.key);
        self.value.clone().filter(|_| is_there || !self.is_default)
    }
}

/// The table as it would be written, in the order of its fields.
fn written<T: Serialize>(value: &T) -> Table {
    let document = toml_edit::ser::to_document(value);
    document.expect("settings are strings, numbers, booleans and lists of them").into_table()
}

/// Prices are written as people write them: without quotes.
fn plain(key: &str, value: &Value) -> Value {
    let is_price = key.starts_with("tariff_");
    let number = value.as_str().filter(|text| is_price && text.len() <= EXACT_DIGITS_MAX);
    number.and_then(|text| text.parse().ok()).unwrap_or_else(|| value.clone())
}

/// Changes a section, which may not be there yet, or be written as one value.
pub(super) fn section(document: &mut DocumentMut, name: &str, fields: &Fields) {
    match document.get_mut(name) {
        Some(Item::Table(table)) => fields.put_into(table),
        Some(_) => within(document.as_table_mut(), name, |value| {
            if let Some(table) = value.as_inline_table_mut() {
                fields.put_into_inline(table);
            }
        }),
        None if fields.0.iter().all(|field| field.is_default) => {}
        None => {
            let mut table = fields.table();
            to_the_end(document, &mut table);
            document.insert(name, Item::Table(table));
        }
    }
}

/// Changes a value, and keeps the comments in it above its key.
pub(super) fn within(table: &mut Table, key: &str, change: impl FnOnce(&mut Value)) {
    let Some(value) = table.get_mut(key).and_then(Item::as_value_mut) else { return };
    let before = value.to_string();
    change(value);
    let lost = lost(&before, &value.to_string());
    put_above(table, key, &lost);
}

/// Makes the table the file's last: what stands behind everything now stands before it.
pub(super) fn to_the_end(document: &mut DocumentMut, table: &mut Table) {
    let mut last = 0;
    each_table(document.as_table_mut(), &mut |table| {
        last = last.max(table.position().unwrap_or_default());
    });
    table.set_position(Some(last + 1));
    let before = document.trailing().as_str().unwrap_or_default().to_owned();
    let is_first = document.as_table().is_empty() && before.is_empty();
    table.decor_mut().set_prefix(if is_first { before } else { format!("{before}\n") });
    document.set_trailing("");
}

/// Puts lines where a table of this position was taken out.
pub(super) fn put_before_next(document: &mut DocumentMut, position: isize, kept: &str) {
    let mut next: Option<isize> = None;
    each_table(document.as_table_mut(), &mut |table| {
        let later = table.position().filter(|at| position < *at);
        next = [next, later].into_iter().flatten().min();
    });
    let Some(next) = next else {
        let trailing = format!("{kept}{}", document.trailing().as_str().unwrap_or_default());
        document.set_trailing(trailing);
        return;
    };
    each_table(document.as_table_mut(), &mut |table| {
        if table.position() == Some(next) {
            let prefix = format!("{kept}{}", raw(table.decor().prefix()));
            table.decor_mut().set_prefix(prefix);
        }
    });
}

/// Every table that has a heading.
fn each_table(table: &mut Table, look: &mut dyn FnMut(&mut Table)) {
    let look_at = |table: &mut Table, look: &mut dyn FnMut(&mut Table)| {
        let is_bare = table.is_implicit() && table.get_values().is_empty();
        if !table.is_dotted() && !is_bare {
            look(table);
        }
        each_table(table, look);
    };
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(table) => look_at(table, look),
            Item::ArrayOfTables(tables) => {
                tables.iter_mut().for_each(|table| look_at(table, look));
            }
            _ => {}
        }
    }
}

fn set(table: &mut Table, key: &str, mut value: Value) {
    let Some(old) = table.get(key).and_then(Item::as_value) else {
        table.insert(key, Item::Value(value));
        return;
    };
    *value.decor_mut() = old.decor().clone();
    let lost = lost(&old.to_string(), &value.to_string());
    table[key] = Item::Value(value);
    put_above(table, key, &lost);
}

/// Takes a key out; its comments go behind what stands before it.
fn take_out(table: &mut Table, key: &str) {
    let before: Option<String> =
        table.iter().take_while(|(other, _)| *other != key).last().map(|(key, _)| key.to_owned());
    let Some((taken, item)) = table.remove_entry(key) else { return };
    let text = format!("{}{item}", raw(taken.leaf_decor().prefix()));
    let kept: String = comments(&text).iter().map(|comment| format!("\n{comment}")).collect();
    if kept.is_empty() {
        return;
    }
    let value = before.and_then(|before| table.get_mut(&before)).and_then(Item::as_value_mut);
    let decor = match value {
        Some(value) => value.decor_mut(),
        None => table.decor_mut(),
    };
    let suffix = format!("{}{kept}", raw(decor.suffix()));
    decor.set_suffix(suffix);
}

fn put_above(table: &mut Table, key: &str, lost: &[String]) {
    let Some(mut key) = table.key_mut(key).filter(|_| !lost.is_empty()) else { return };
    let prefix = format!("{}{}", raw(key.leaf_decor().prefix()), lines(lost));
    key.leaf_decor_mut().set_prefix(prefix);
}

pub(super) fn raw(text: Option<&RawString>) -> &str {
    text.and_then(RawString::as_str).unwrap_or_default()
}
