//! One TOML document in which every value knows where it was written.
//!
//! Values from variables and flags get spans behind the end of the file's text: position
//! `text.len() + 1 + i` is the i-th of them. So whatever the deserializer complains about can be
//! traced to a line or to a name.

use std::{borrow::Cow, path::Path};

use serde::de::IntoDeserializer;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Settings, named};
use crate::{
    check::Invalid,
    error::{At, ConfigError, shown},
    nearest::nearest,
};

pub(super) struct Document<'t> {
    file: Option<&'t Path>,
    text: &'t str,
    root: Spanned<DeTable<'t>>,
    names: Vec<String>,
}

impl<'t> Document<'t> {
    pub(super) fn parse(file: Option<&'t Path>, text: &'t str) -> Result<Self, ConfigError> {
        let empty = Spanned::new(0..0, DeTable::new());
        let mut document = Self { file, text, root: empty, names: Vec::new() };
        document.root = DeTable::parse(text).map_err(|err| ConfigError::Syntax {
            at: document.at(err.span().map(|span| span.start)),
            problem: err.message().replace('\n', ", "),
        })?;
        Ok(document)
    }

    /// Lays `value` over whatever the file says, in the kind (boolean, number, string) of the default.
    pub(super) fn set<T: Settings>(
        &mut self,
        name: String,
        path: &str,
        value: &'t str,
    ) -> Result<(), ConfigError> {
        let laid = match default_at::<T>(path) {
            Some(toml::Value::Boolean(_)) => {
                value.parse().map(DeValue::Boolean).map_err(|_| "true or false")
            }
            Some(toml::Value::Integer(_)) => number(value).ok_or("a whole number"),
            _ => Ok(DeValue::String(Cow::Borrowed(value))),
        };
        let laid = laid.map_err(|expected| {
            Self::wrong(
                named(name.clone()),
                path,
                &format!("\"{value}\" found, expected {expected}"),
            )
        })?;
        let position = self.text.len() + 1 + self.names.len();
        self.names.push(name);
        insert(self.root.get_mut(), path, position, laid);
        Ok(())
    }

    pub(super) fn read<T: Settings>(&self) -> Result<T, ConfigError> {
        T::deserialize(self.root.clone().into_deserializer()).map_err(|err| {
            let start = err.span().map(|span| span.start);
            let path =
                start.and_then(|start| path_at(self.root.get_ref(), start)).unwrap_or_default();
            match unknown_field(err.message()) {
                Some(known) => self.unknown::<T>(start, &path, &known),
                None => Self::wrong(self.at(start), &path, &plain_words(err.message())),
            }
        })
    }

    pub(super) fn invalid(&self, invalid: &Invalid) -> ConfigError {
        Self::wrong(
            self.at(position_of(self.root.get_ref(), &invalid.path)),
            &invalid.path,
            &invalid.problem,
        )
    }

    fn unknown<T: Settings>(
        &self,
        start: Option<usize>,
        path: &str,
        known: &[&str],
    ) -> ConfigError {
        let key = path.rsplit('.').next().unwrap_or(path);
        let hint = match nearest(key, known.iter().copied()) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => {
                homes_of::<T>(key).unwrap_or_else(|| format!("known here: {}", known.join(", ")))
            }
        };
        ConfigError::Unknown { at: self.at(start), key: shown(path), hint }
    }

    fn wrong(at: At, path: &str, problem: &str) -> ConfigError {
        ConfigError::Invalid { at, key: shown(path), problem: problem.to_owned() }
    }

    fn at(&self, start: Option<usize>) -> At {
        let beyond = start.and_then(|start| start.checked_sub(self.text.len() + 1));
        if let Some(name) = beyond.and_then(|index| self.names.get(index)) {
            return named(name.clone());
        }
        let Some(path) = self.file else {
            return At::Defaults;
        };
        let before = start.map(|start| &self.text.as_bytes()[..start.min(self.text.len())]);
        let line = before.map(|before| before.iter().filter(|b| **b == b'\n').count() + 1);
        At::File { path: path.to_owned(), line }
    }
}

fn number(written: &str) -> Option<DeValue<'_>> {
    let value = DeValue::parse(written).ok()?.into_inner();
    value.is_integer().then_some(value)
}

fn insert<'t>(table: &mut DeTable<'t>, path: &str, position: usize, value: DeValue<'t>) {
    let place = position..position;
    let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
    let Some(rest) = rest else {
        table.remove(key);
        table.insert(
            Spanned::new(place.clone(), Cow::Owned(key.to_owned())),
            Spanned::new(place, value),
        );
        return;
    };
    if !table.contains_key(key) {
        let empty = Spanned::new(place.clone(), DeValue::Table(DeTable::new()));
        table.insert(Spanned::new(place, Cow::Owned(key.to_owned())), empty);
    }
    // Where the file has no table here, reading it will say so, with its line.
    if let Some(DeValue::Table(section)) = table.get_mut(key).map(Spanned::get_mut) {
        insert(section, rest, position, value);
    }
}

/// What the deserializer expected, in the words of a person who writes settings.
fn plain_words(message: &str) -> String {
    const WORDS: [(&str, &str); 4] = [
        ("expected u32", "expected a whole number from 0"),
        (
            "invalid socket address syntax",
            "expected an address with its port, such as \"127.0.0.1:7480\"",
        ),
        ("expected path string", "expected a path in quotes"),
        ("expected a sequence", "expected sections headed [[…]], two brackets each side"),
    ];
    if let Some(found) = message.strip_suffix(", expected a sequence")
        && !found.ends_with("map")
    {
        return format!("{found}, expected a list in brackets, such as [\"one\", \"two\"]");
    }
    if let Some((found, _)) = message.split_once("expected struct ") {
        return format!("{found}expected a section of settings");
    }
    WORDS.iter().fold(message.to_owned(), |told, (said, plain)| told.replace(said, plain))
}

/// The fields that serde would have known, when it complains about one that it does not.
fn unknown_field(message: &str) -> Option<Vec<&str>> {
    let known = message
        .strip_prefix("unknown field ")?
        .rsplit_once(", expected ")
        .map_or("", |(_, known)| known);
    Some(known.split('`').skip(1).step_by(2).collect())
}

/// Where the default of `path` stands.
fn default_at<T: Settings>(path: &str) -> Option<toml::Value> {
    let defaults = toml::Value::try_from(T::default()).ok()?;
    path.split('.').try_fold(&defaults, |value, key| value.get(key)).cloned()
}

/// The sections that do have a setting of this name.
fn homes_of<T: Settings>(key: &str) -> Option<String> {
    let defaults = toml::Table::try_from(T::default()).ok()?;
    if defaults.get(key).is_some_and(|value| !value.is_table()) {
        return Some("it belongs at the top of the file, above the first [section]".to_owned());
    }
    let (section, _) = defaults.iter().find(|(_, value)| value.get(key).is_some())?;
    Some(format!("it belongs in [{section}]"))
}

/// The innermost setting whose key or value covers `start`.
fn path_at(table: &DeTable<'_>, start: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref();
        match inner_path(value, start) {
            Some(inner) if inner.is_empty() => Some(name.to_string()),
            Some(inner) => Some(format!("{name}.{inner}")),
            None => covers(key, start).then(|| name.to_string()),
        }
    })
}

fn inner_path(value: &Spanned<DeValue<'_>>, start: usize) -> Option<String> {
    let inner = match value.get_ref() {
        DeValue::Table(table) => path_at(table, start),
        DeValue::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            let inner = inner_path(item, start)?;
            Some(match (inner.is_empty(), item.get_ref().is_table()) {
                (false, _) => format!("{index}.{inner}"),
                (true, true) => index.to_string(),
                // Of a list of values the list is the setting.
                (true, false) => inner,
            })
        }),
        _ => None,
    };
    inner.or_else(|| covers(value, start).then(String::new))
}

fn covers<T>(spanned: &Spanned<T>, start: usize) -> bool {
    spanned.span().start == start || spanned.span().contains(&start)
}

/// The place of the setting at `path`, or of the innermost thing around it that was written.
fn position_of(table: &DeTable<'_>, path: &str) -> Option<usize> {
    let (key, rest) = path.split_once('.').unwrap_or((path, ""));
    let (key, value) = table.get_key_value(key)?;
    let inner = match value.get_ref() {
        DeValue::Table(table) => position_of(table, rest),
        // The list itself is meant.
        DeValue::Array(_) if rest.is_empty() => None,
        DeValue::Array(items) => {
            let (index, rest) = rest.split_once('.').unwrap_or((rest, ""));
            let item = index.parse::<usize>().ok().and_then(|index| items.get(index))?;
            item.get_ref()
                .as_table()
                .and_then(|table| position_of(table, rest))
                .or(Some(item.span().start))
        }
        _ => None,
    };
    inner.or(Some(key.span().start))
}
