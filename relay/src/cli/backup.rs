//! `backup FILE`: the store, and the relay's own keys in it, so that whoever puts it back on another machine is known to
//! the devices.

use std::path::Path;

use anyhow::{Context, bail};

use super::{Missing, Open, terminal::Terminal};
use crate::ownkey::{OwnKeyError, OwnKeys};

pub(super) fn backup(
    file: &Path,
    dir: &Path,
    open: impl FnOnce(Missing) -> anyhow::Result<Open>,
    json: bool,
    terminal: &mut dyn Terminal,
) -> anyhow::Result<()> {
    if file.exists() {
        bail!("{} exists; a backup goes to a new file", file.display());
    }
    let open = open(Missing::Refuse)?;
    let keys = match OwnKeys::load(dir) {
        Ok(keys) => Some(keys),
        Err(OwnKeyError::None) => None,
        Err(err) => {
            // The mail is worth keeping all the same.
            terminal.complain(&format!("the relay's own key is not in this backup: {err}\n"));
            None
        }
    };
    open.wait(open.store.backup_with(file.to_owned(), keys.as_ref().map(OwnKeys::to_text)))
        .with_context(|| format!("the store could not be copied to {}", file.display()))?;
    let bytes = std::fs::metadata(file).map_or(0, |copy| copy.len());
    let key = keys.map(|keys| keys.current.fingerprint().to_string());
    terminal.print(&if json {
        serde_json::json!({ "file": file, "bytes": bytes, "key": key }).to_string()
    } else {
        let with = key.map_or(String::new(), |key| format!(", with the relay's own key {key}"));
        format!("{} written, {bytes} bytes{with}", file.display())
    })?;
    Ok(())
}
