//! Where the socket is, and who may come to it. The only part that differs between systems.

use std::{io, path::Path};

pub use interprocess::local_socket::tokio::Listener;
use interprocess::local_socket::{
    ListenerOptions, Name, tokio::Stream, traits::tokio::Stream as _,
};

/// Listens at `path`. Whoever calls this holds the store's lock, so a socket that is there was left by
/// an agent that was killed: it is removed.
///
/// # Errors
/// Those of the system; the directory has to exist.
pub fn bind(path: &Path) -> io::Result<Listener> {
    remove_stale(path)?;
    restrict(ListenerOptions::new().name(name(path)?)).create_tokio()
}

/// Connects; `None` when nobody listens.
///
/// # Errors
/// Those of the system, such as a lack of permissions.
pub async fn connect(path: &Path) -> io::Result<Option<Stream>> {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    match Stream::connect(name(path)?).await {
        Ok(stream) => Ok(Some(stream)),
        Err(err) if matches!(err.kind(), NotFound | ConnectionRefused) => Ok(None),
        Err(err) => Err(err),
    }
}

#[cfg(unix)]
fn name(path: &Path) -> io::Result<Name<'_>> {
    use interprocess::local_socket::{GenericFilePath, ToFsName};
    path.to_fs_name::<GenericFilePath>()
}

#[cfg(unix)]
fn restrict(options: ListenerOptions<'_>) -> ListenerOptions<'_> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use interprocess::os::unix::local_socket::ListenerOptionsExt;
        options.mode(0o600)
    }
    // Elsewhere a mode before `bind` is not supported: the directory (0700) keeps others out.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    options
}

#[cfg(unix)]
fn remove_stale(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => {
            let words = format!("{} is in the way: it is no socket", path.display());
            Err(io::Error::new(io::ErrorKind::AlreadyExists, words))
        }
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(err) => Err(err),
    }
}

/// Named pipes have no directories: the name follows from the path.
#[cfg(windows)]
fn name(path: &Path) -> io::Result<Name<'static>> {
    use interprocess::local_socket::{GenericNamespaced, ToNsName};
    let hash = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
    format!("mailboat-{}", &hash[..32]).to_ns_name::<GenericNamespaced>()
}

/// A pipe's default descriptor lets others of this computer read, but only its owner write.
#[cfg(windows)]
fn restrict(options: ListenerOptions<'_>) -> ListenerOptions<'_> {
    options
}

#[cfg(windows)]
fn remove_stale(_path: &Path) -> io::Result<()> {
    Ok(())
}
