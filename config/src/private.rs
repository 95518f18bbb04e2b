//! Files and directories that are their owner's alone from their first moment. The one place that sets modes.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    path::Path,
};

/// For opening a file that, where this makes it, nobody else can read.
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    platform::for_owner_only(&mut options);
    options
}

/// Replaces a file, durably: a power cut leaves the old or the new one. It is its owner's alone from its first byte.
///
/// # Errors
/// Those of the system; the old file then still stands.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    crate::replace::replace(path, text, None)
}

/// Makes a directory and what is above it; what is made is its owner's alone, and outlasts a power cut.
///
/// # Errors
/// Those of the system.
pub fn make_dir(dir: &Path) -> io::Result<()> {
    make_dir_and(dir, sync_dir)
}

/// A directory is durable once the one above it is, which names it, and so on up to what was there before.
fn make_dir_and(dir: &Path, sync: impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    let is_missing = |dir: &&Path| !dir.as_os_str().is_empty() && !dir.exists();
    #[expect(clippy::needless_collect, reason = "afterwards nothing is missing")]
    let missing: Vec<_> = dir.ancestors().take_while(is_missing).collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    platform::dir_for_owner_only(&mut builder);
    builder.create(dir)?;
    missing.into_iter().rev().map(above).try_for_each(sync)
}

/// The directory that names this file or directory.
pub(crate) fn above(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes durable what a directory names. Elsewhere than on Unix directories cannot be opened as files; nor can one be
/// that may be written and not read, such as a drop box.
///
/// # Errors
/// Those of the system.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(dir) {
        Ok(dir) => dir.sync_all(),
        Err(err) if err.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(err) => Err(err),
    }
}

/// Whether anyone but the owner may read the file. On a file system without permissions (a stick) nothing can be done
/// about it.
///
/// # Errors
/// When the file cannot be looked at.
pub fn others_can_read(path: &Path) -> io::Result<bool> {
    Ok(platform::is_open_to_others(&std::fs::metadata(path)?))
}

#[cfg(unix)]
mod platform {
    use std::{
        fs::{DirBuilder, Metadata, OpenOptions},
        os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    };

    pub(super) fn for_owner_only(options: &mut OpenOptions) {
        options.mode(0o600);
    }

    pub(super) fn dir_for_owner_only(builder: &mut DirBuilder) {
        builder.mode(0o700);
    }

    pub(super) fn is_open_to_others(file: &Metadata) -> bool {
        file.permissions().mode() & 0o077 != 0
    }
}

/// The user's own directories are closed to others already.
#[cfg(not(unix))]
mod platform {
    use std::fs::{DirBuilder, Metadata, OpenOptions};

    pub(super) fn for_owner_only(_options: &mut OpenOptions) {}

    pub(super) fn dir_for_owner_only(_builder: &mut DirBuilder) {}

    pub(super) fn is_open_to_others(_file: &Metadata) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_new_directory_is_synced_from_the_top_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (root.path().join("a"), root.path().join("a/b"));
        let c = b.join("c");
        let mut synced = Vec::new();
        let mut make = |dir: &Path| {
            let noted = |dir: &Path| {
                // It is there already: else there would be nothing to sync.
                assert!(dir.is_dir(), "{dir:?}");
                synced.push(dir.to_owned());
                Ok(())
            };
            make_dir_and(dir, noted).unwrap();
            assert!(dir.is_dir());
            std::mem::take(&mut synced)
        };
        assert_eq!(make(&c), [root.path(), &a, &b]);
        assert!(make(&c).is_empty(), "nothing is new");
        assert_eq!(make(&b.join("d")), [b]);
        assert_eq!(above(Path::new("here")), Path::new("."));
    }

    #[test]
    fn a_directory_that_cannot_be_made_durable_is_none() {
        let root = tempfile::tempdir().unwrap();
        let broken = |_: &Path| Err(io::ErrorKind::StorageFull.into());
        assert!(make_dir_and(&root.path().join("new"), broken).is_err());
        make_dir(&root.path().join("other")).unwrap();
    }
}
