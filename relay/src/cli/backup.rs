//! `backup FILE`.

use std::path::Path;

use anyhow::{Context, bail};

use super::{Missing, Open, terminal::Terminal};
use crate::store::Store;

pub(super) fn backup(
    file: &Path,
    open: impl FnOnce(Missing) -> anyhow::Result<Open>,
    json: bool,
    terminal: &mut dyn Terminal,
) -> anyhow::Result<()> {
    if file.exists() {
        bail!("{} exists; a backup goes to a new file", file.display());
    }
    let open = open(Missing::Refuse)?;
    open.wait(open.store.backup(file.to_owned()))
        .with_context(|| format!("the store could not be copied to {}", file.display()))?;
    let bytes = std::fs::metadata(file).map_or(0, |copy| copy.len());
    terminal.print(&if json {
        serde_json::json!({ "file": file, "bytes": bytes }).to_string()
    } else {
        format!("{} written, {bytes} bytes", file.display())
    })?;
    Ok(())
}
