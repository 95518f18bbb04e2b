//! `account.toml`: who the user is, at which relay, with the token that opens it.
//!
//! The agent writes it, nobody edits it. It is replaced whole (a new file, synced, renamed over the
//! old), so a power cut leaves the old or the new one, and it is 0600 from its first byte.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{private, replace::replace};

/// The file's first line.
const NOTE: &str = "# Written by mailboat. The token opens the account: do not share this file.\n";

/// The account that this device is logged in to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// URL of the relay: `https://relay.example`.
    pub relay: String,
    /// The account's name at the relay, without its domain.
    pub name: String,
    /// The relay's number for the account.
    pub account: u64,
    /// The relay's number for this device.
    pub device: u64,
    /// What the device shows to be let in: 22 characters.
    pub token: Secret,
    /// PEM file of a certificate authority to trust for this relay; none for the system's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The relay's own keys, where it has told of any, or was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_key: Option<RelayKey>,
}

/// What is known of the relay's own key, by which it proves itself without a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayKey {
    /// Version of this table: [`RelayKey::VERSION`].
    pub version: u8,
    /// Who vouched for the first of the keys.
    pub by: Voucher,
    /// Whether the relay has proved itself by one of them on this device.
    pub proved: bool,
    /// Fingerprints of the keys that are accepted, the one in use first; none: it has no such key.
    pub accepted: Vec<String>,
    /// Tag of the relay's limits when it was asked for its keys last; 0 is never.
    pub asked: u16,
}

impl RelayKey {
    /// The only version there is.
    pub const VERSION: u8 = 1;
}

/// By what a relay's own key was first believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voucher {
    /// The relay told of it behind a certificate that is trusted.
    Certificate,
    /// The user gave its fingerprint, or compared it.
    Fingerprint,
}

impl Account {
    /// Reads the file; `None` where there is none, which is: not logged in.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged. The message never shows what is in it.
    pub fn load(path: &Path) -> Result<Option<Self>, AccountError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(AccountError::Unreadable { path: path.to_owned(), source }),
        };
        let damaged = |at: usize| {
            let line = text[..at.min(text.len())].matches('\n').count() + 1;
            AccountError::Damaged { path: path.to_owned(), line }
        };
        let account: Self = toml::from_str(&text)
            .map_err(|err| damaged(err.span().map_or(0, |span| span.start)))?;
        if account.relay_key.as_ref().is_some_and(|key| key.version != RelayKey::VERSION) {
            return Err(damaged(text.find("[relay_key]").unwrap_or_default()));
        }
        Ok(Some(account))
    }

    /// Replaces the file, durably; its directory has to exist.
    ///
    /// # Errors
    /// When it cannot be written; the old file then still stands.
    pub fn save(&self, path: &Path) -> Result<(), AccountError> {
        let text = toml::to_string(self).map_err(io::Error::other);
        text.and_then(|text| replace(path, &format!("{NOTE}{text}"), None))
            .map_err(|source| AccountError::Unwritable { path: path.to_owned(), source })
    }

    /// Whether anyone but the owner may read the file. On a file system without permissions (a stick)
    /// nothing can be done about it, so this is for `doctor` to tell, not a reason to stop.
    ///
    /// # Errors
    /// When the file cannot be looked at.
    pub fn others_can_read(path: &Path) -> io::Result<bool> {
        private::others_can_read(path)
    }
}

/// Why the account cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// It is there, but cannot be read.
    #[error("{} could not be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It does not say what it should.
    #[error("{} line {line} is damaged; log in again with `mailboat login URL NAME`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// It could not be replaced; the old one still stands.
    #[error("{} could not be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps what must not be shown.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account {
            relay: "https://relay.example".to_owned(),
            name: "ann".to_owned(),
            account: 1042,
            device: u64::from(u32::MAX) + 7,
            token: Secret::new("AAAAAAAAAAAAAAAAAAAAAA"),
            ca: None,
            relay_key: None,
        }
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("account.toml");
        assert_eq!(Account::load(&path).unwrap(), None);
        for ca in [None, Some(PathBuf::from("/etc/ca \"quoted\".pem"))] {
            let account = Account { ca, ..account() };
            account.save(&path).unwrap();
            assert_eq!(Account::load(&path).unwrap(), Some(account));
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it_whatever_was_there_before() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("account.toml");
        for left in [&path, &dir.path().join("account.toml.new")] {
            fs::write(left, "left over").unwrap();
            fs::set_permissions(left, fs::Permissions::from_mode(0o644)).unwrap();
        }
        assert!(Account::others_can_read(&path).unwrap());
        account().save(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!Account::others_can_read(&path).unwrap());
    }

    #[test]
    fn the_token_is_in_no_debug_output_and_in_no_error() {
        let account = account();
        assert!(!format!("{account:?}").contains(account.token.expose()));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("account.toml");
        fs::write(&path, format!("relay = \"r\"\ntoken = [\"{}\"]\n", account.token.expose()))
            .unwrap();
        let err = Account::load(&path).unwrap_err();
        assert!(!format!("{err:?} {err}").contains(account.token.expose()));
        assert!(err.to_string().contains("account.toml line 2"), "{err}");
    }

    #[test]
    fn a_directory_that_is_not_there_is_said_to_be_unwritable() {
        let dir = tempfile::tempdir().unwrap();
        let err = account().save(&dir.path().join("absent/account.toml")).unwrap_err();
        assert!(matches!(err, AccountError::Unwritable { .. }), "{err}");
    }
}
