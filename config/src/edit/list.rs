//! Lists of sections: `[[connect]]`, `[[link]]`, `[[notify.source]]`; also where they are written in brackets.

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, Value};

use super::{
    comments::{comments, lines},
    document::{Fields, put_before_next, raw, to_the_end, within},
};

/// Where a list stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    section: Option<&'static str>,
    key: &'static str,
}

impl Place {
    pub(super) const RULES: Self = Self { section: None, key: "connect" };
    pub(super) const LINKS: Self = Self { section: None, key: "link" };
    pub(super) const SOURCES: Self = Self { section: Some("notify"), key: "source" };
}

/// One list of a document.
#[derive(Debug)]
pub(super) struct List<'d> {
    document: &'d mut DocumentMut,
    place: Place,
}

pub(super) fn list(document: &mut DocumentMut, place: Place) -> List<'_> {
    List { document, place }
}

impl List<'_> {
    /// A further one, the last.
    pub(super) fn add(self, fields: &Fields) {
        self.insert(fields, usize::MAX);
    }

    /// A further one, the first.
    pub(super) fn add_first(self, fields: &Fields) {
        self.insert(fields, 0);
    }

    fn insert(mut self, fields: &Fields, index: usize) {
        if let Some(tables) = self.tables() {
            let index = index.min(tables.len());
            let neighbour = tables.get(index.saturating_sub(1)).and_then(Table::position);
            let mut table = fields.table();
            // Of two at one position the first in the list is written first.
            table.set_position(neighbour);
            tables.insert(index, table);
        } else if self.is_value() {
            self.within(|array| array.insert(index.min(array.len()), fields.inline_table()));
        } else {
            self.begin(fields.table());
        }
    }

    /// Changes one.
    pub(super) fn set(mut self, index: usize, fields: &Fields) {
        if let Some(tables) = self.tables() {
            if let Some(table) = tables.get_mut(index) {
                fields.put_into(table);
            }
            return;
        }
        self.within(|array| {
            if let Some(table) = array.get_mut(index).and_then(Value::as_inline_table_mut) {
                fields.put_into_inline(table);
            }
        });
    }

    /// Takes one out, and leaves its comments.
    pub(super) fn remove(mut self, index: usize) {
        let Some(tables) = self.tables() else {
            self.within(|array| drop(array.remove(index)));
            return;
        };
        let taken = tables.remove(index);
        if tables.is_empty() {
            let key = self.place.key;
            self.parent().map(|parent| parent.remove(key));
        }
        let decor = taken.decor();
        let text = format!("{}{}\n{taken}", raw(decor.prefix()), raw(decor.suffix()));
        let kept: Vec<_> = comments(&text).into_iter().map(str::to_owned).collect();
        if !kept.is_empty() {
            let position = taken.position().unwrap_or_default();
            put_before_next(self.document, position, &format!("\n{}", lines(&kept)));
        }
    }

    /// The section that holds it; `None` where that is not there, or one value.
    fn parent(&mut self) -> Option<&mut Table> {
        match self.place.section {
            None => Some(self.document.as_table_mut()),
            Some(section) => self.document.get_mut(section)?.as_table_mut(),
        }
    }

    fn tables(&mut self) -> Option<&mut ArrayOfTables> {
        let key = self.place.key;
        self.parent()?.get_mut(key)?.as_array_of_tables_mut()
    }

    /// Whether it is written in brackets, or has to be.
    fn is_value(&mut self) -> bool {
        let key = self.place.key;
        match self.parent() {
            Some(parent) => parent.get(key).is_some_and(Item::is_value),
            None => self.place.section.is_some_and(|section| self.document.contains_key(section)),
        }
    }

    fn within(&mut self, change: impl FnOnce(&mut Array)) {
        let key = self.place.key;
        if let Some(parent) = self.parent() {
            within(parent, key, |value| {
                if let Some(array) = value.as_array_mut() {
                    change(array);
                }
            });
        } else if let Some(section) = self.place.section {
            within(self.document.as_table_mut(), section, |value| {
                let section = value.as_inline_table_mut();
                let value = section.map(|section| section.get_or_insert(key, Array::new()));
                if let Some(array) = value.and_then(Value::as_array_mut) {
                    change(array);
                }
            });
        }
    }

    /// The first of them.
    fn begin(&mut self, mut table: Table) {
        let key = self.place.key;
        let has_section = self.place.section.is_some() && self.parent().is_some();
        if !has_section {
            to_the_end(self.document, &mut table);
        }
        if let Some(section) = self.place.section.filter(|_| !has_section) {
            let mut parent = Table::new();
            parent.set_implicit(true);
            self.document.insert(section, Item::Table(parent));
        }
        let mut tables = ArrayOfTables::new();
        tables.push(table);
        self.parent().map(|parent| parent.insert(key, Item::ArrayOfTables(tables)));
    }
}
