//! How much room is left. The one place of the store that asks the system.

use std::path::Path;

use rusqlite::Connection;

use super::StoreError;

/// Below this no deliveries are asked for: a visit's worth of messages, and the write-ahead log beside them.
pub(crate) const FREE_MIN: u64 = 8 << 20;

/// Bytes that can still be written: on the disk, and within SQLite's own bound if one is set.
pub(crate) fn free(db: &Connection, path: &Path) -> Result<u64, StoreError> {
    let pragma = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    let used = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
    let pages = pragma("max_page_count")?.saturating_sub(used);
    Ok(pages.saturating_mul(pragma("page_size")?).min(disk(path)))
}

/// Bytes that can still be written to the disk of the file at `path`; the most there is where the system does not say.
#[cfg(unix)]
pub(crate) fn disk(path: &Path) -> u64 {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Where the system does not say, SQLite will when it is too late for the packet, not for the message.
    rustix::fs::statvfs(dir).map_or(u64::MAX, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
pub(crate) fn disk(_path: &Path) -> u64 {
    u64::MAX
}
