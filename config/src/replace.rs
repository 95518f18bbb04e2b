//! A file that is replaced whole: a power cut leaves the old or the new one.

use std::{
    fs::{self, Permissions},
    io::{self, Write},
    path::Path,
};

use crate::private;

/// Writes a new file beside `path`, syncs it and renames it over. It is its owner's alone from its first byte;
/// `permissions` are given to it afterwards.
///
/// # Errors
/// Those of the system; the old file then still stands.
pub(crate) fn replace(path: &Path, text: &str, permissions: Option<Permissions>) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    // Left by a power cut; made anew, so that it has our permissions and not those it was left with.
    match fs::remove_file(&new) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    let mut file = private::options().write(true).create_new(true).open(&new)?;
    file.write_all(text.as_bytes())?;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions)?;
    }
    file.sync_all()?;
    fs::rename(&new, path)?;
    private::sync_dir(private::above(path))
}
