//! Which variables of the environment stand for which setting.
//!
//! `MAILBOAT_LISTEN` is `listen`, `MAILBOAT_TLS__CERT` is `cert` in `[tls]`. One environment serves all
//! programs, so a variable that another program knows is no mistake here. Names without `__` that are
//! nothing like a setting are left to whoever made them.

use std::collections::BTreeMap;

use super::{Settings, named};
use crate::{agent, error::ConfigError, nearest::slip_of, paths::Env, relay};

const PREFIX: &str = "MAILBOAT_";

/// Read by the command lines themselves, not settings.
const OTHERS: [&str; 2] = ["MAILBOAT_HOME", "MAILBOAT_CONFIG"];

/// Every variable for `T`, with the path of its setting. Lists of rules have none.
pub(super) fn known<T: Settings>() -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    if let Ok(defaults) = toml::Table::try_from(T::default()) {
        collect("", &defaults, &mut names);
    }
    names
}

fn collect(section: &str, table: &toml::Table, names: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let path = format!("{section}{key}");
        match value {
            toml::Value::Table(inner) => collect(&format!("{path}."), inner, names),
            toml::Value::Array(_) => {}
            _ => {
                names.insert(format!("{PREFIX}{}", path.replace('.', "__").to_uppercase()), path);
            }
        }
    }
}

/// What `env` overrides: variable, path, value.
pub(super) fn overrides<T: Settings>(
    env: &Env,
) -> Result<Vec<(String, String, &str)>, ConfigError> {
    let known_here = known::<T>();
    let mut known_anywhere = known::<relay::Settings>();
    known_anywhere.extend(known::<agent::Settings>());
    let mut overrides = Vec::new();
    for (name, value) in env.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
        if let Some(path) = known_here.get(name) {
            overrides.push((name.to_owned(), path.clone(), value));
        } else if !known_anywhere.contains_key(name) && !OTHERS.contains(&name) {
            refuse_slip(name, known_anywhere.keys().map(String::as_str).chain(OTHERS))?;
        }
    }
    Ok(overrides)
}

fn refuse_slip<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Result<(), ConfigError> {
    let tail = |name: &'a str| name.strip_prefix(PREFIX);
    let written = name.strip_prefix(PREFIX).unwrap_or(name);
    let hint = match slip_of(written, known.filter_map(tail)) {
        Some(meant) => format!("did you mean \"{PREFIX}{meant}\"?"),
        None if written.contains("__") => "no program of Mailboat has this setting".to_owned(),
        None => return Ok(()),
    };
    Err(ConfigError::Unknown { at: named("environment"), key: format!("\"{name}\""), hint })
}
