//! Files and directories that are their owner's alone from their first moment. The one place that sets modes.

use std::{
    fs::{DirBuilder, OpenOptions},
    io,
    path::Path,
};

/// For opening a file that, where this makes it, nobody else can read.
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    platform::for_owner_only(&mut options);
    options
}

/// Makes a directory and what is above it; what is made is its owner's alone.
///
/// # Errors
/// Those of the system.
pub fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    platform::dir_for_owner_only(&mut builder);
    builder.create(dir)
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
