//! `key`: the relay's own key, which people compare, and its successor.

use std::path::Path;

use anyhow::{Context, bail};
use config::Span;

use super::{args::KeyCommand, terminal::Terminal};
use crate::{
    clock::now_s,
    ownkey::{OwnKeys, made},
};

/// So long most devices take to call and be told of the next key.
const TOLD_AFTER: Span = Span::from_days(30);
const READ_AGAIN: &str =
    "the running relay reads it when it is told to (SIGHUP) or started again\n";

pub(super) fn key(
    command: Option<&KeyCommand>,
    dir: &Path,
    json: bool,
    terminal: &mut dyn Terminal,
) -> anyhow::Result<()> {
    let mut keys = OwnKeys::load(dir)?;
    if OwnKeys::others_can_read(dir) {
        terminal.complain("others can read the file of the keys: chmod 600 relay-key.pem\n");
    }
    let now_s = i64::try_from(now_s()).context("the clock is off")?;
    match command {
        None | Some(KeyCommand::Show) => return show(&keys, json, terminal),
        Some(KeyCommand::Prepare) => keys.prepare(dir, now_s)?,
        Some(KeyCommand::Switch { now }) => {
            if !now && !is_told(&keys, now_s) {
                bail!(
                    "the next key is younger than {TOLD_AFTER}: devices that did not call meanwhile do not know it and \
                     would refuse it; wait, or insist with --now"
                );
            }
            keys.switch(dir)?;
        }
        Some(KeyCommand::Cancel) => keys.cancel(dir)?,
    }
    show(&keys, json, terminal)?;
    terminal.complain(READ_AGAIN);
    Ok(())
}

/// Without a next key it is for the switch to say so.
fn is_told(keys: &OwnKeys, now_s: i64) -> bool {
    let least_s = i64::try_from(TOLD_AFTER.seconds()).unwrap_or(i64::MAX);
    keys.next.as_ref().is_none_or(|next| least_s <= now_s.saturating_sub(next.made_s()))
}

fn show(keys: &OwnKeys, json: bool, terminal: &mut dyn Terminal) -> anyhow::Result<()> {
    let rows = [("current", Some(&keys.current)), ("next", keys.next.as_ref())];
    if json {
        let mut shown = serde_json::Map::new();
        for (name, key) in rows {
            let fingerprint = key.map(|key| key.fingerprint().to_string());
            shown.insert(name.to_owned(), fingerprint.into());
            shown.insert(format!("{name}_made"), key.map(made).into());
        }
        terminal.print(&serde_json::Value::from(shown).to_string())?;
        return Ok(());
    }
    for (name, key) in rows.iter().filter_map(|(name, key)| Some((name, (*key)?))) {
        terminal.print(&format!("{name:<8} {}  (made {})", key.fingerprint(), made(key)))?;
    }
    Ok(())
}
