//! The relay's own keys: Ed25519 pairs that it makes itself and shows without a certificate (raw public keys, RFC 7250).
//!
//! One file holds the key in use and, while one is announced, the next: it is replaced whole, so that a power cut leaves
//! the old or the new state. Devices are told of both by [`crate::http`] and accept either, so that the next can take
//! over without anybody noticing.

#[cfg(test)]
mod tests;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use rustls::{
    crypto::ring::sign::any_eddsa_type,
    sign::{CertifiedKey, SigningKey},
};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject};
use wire::Fingerprint;

const FILE_NAME: &str = "relay-key.pem";
const HEAD: &str =
    "# Keys of this relay (see mailboat-relay key). Keep them secret, and in the backup.\n";
/// In front of each key: when it was made, in Unix seconds.
const MADE: &str = "# made ";
/// What goes before an Ed25519 seed to make it PKCS #8 (RFC 8410).
const PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const SEED_LEN: usize = 32;

/// Why there are no keys, or no others.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OwnKeyError {
    /// The file cannot be read or replaced.
    #[error("cannot {what} {}", file.display())]
    File {
        /// `read` or `write`.
        what: &'static str,
        /// Which.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} holds no keys of a relay; put it back from a backup, or remove it: then everybody has to log in anew", file.display())]
    Damaged {
        /// Which.
        file: PathBuf,
    },
    /// The relay has not made its key yet.
    #[error("the relay has no key yet: it makes it when it first starts with TLS")]
    None,
    /// There is a next key already.
    #[error("the next key is announced already")]
    HasNext,
    /// There is no next key.
    #[error("no next key is announced")]
    NoNext,
    /// The system gives no random numbers.
    #[error("the system has no random numbers")]
    Random,
}

/// One key.
#[derive(Clone)]
pub struct OwnKey {
    pkcs8: Vec<u8>,
    spki: Vec<u8>,
    signing: Arc<dyn SigningKey>,
    made_s: i64,
}

impl fmt::Debug for OwnKey {
    /// Without what is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnKey").field(&self.fingerprint()).finish()
    }
}

impl OwnKey {
    fn new(now_s: i64) -> Result<Self, OwnKeyError> {
        let mut pkcs8 = PKCS8_HEAD.to_vec();
        pkcs8.resize(PKCS8_HEAD.len() + SEED_LEN, 0);
        getrandom::fill(&mut pkcs8[PKCS8_HEAD.len()..]).map_err(|_| OwnKeyError::Random)?;
        Self::of(pkcs8, now_s).ok_or(OwnKeyError::Random)
    }

    fn of(pkcs8: Vec<u8>, made_s: i64) -> Option<Self> {
        let signing = any_eddsa_type(&PrivatePkcs8KeyDer::from(&pkcs8[..])).ok()?;
        let spki = signing.public_key()?.to_vec();
        Some(Self { pkcs8, spki, signing, made_s })
    }

    /// By what people compare it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.spki)
    }

    /// When it was made, in Unix seconds.
    #[must_use]
    pub fn made_s(&self) -> i64 {
        self.made_s
    }

    /// As a handshake shows it.
    pub(crate) fn certified(&self) -> CertifiedKey {
        let shown = vec![CertificateDer::from(self.spki.clone())];
        CertifiedKey::new(shown, self.signing.clone())
    }

    fn write(&self, text: &mut String) {
        let encoded = STANDARD.encode(&self.pkcs8);
        text.push_str(&format!(
            "{MADE}{}\n-----BEGIN PRIVATE KEY-----\n{encoded}\n-----END PRIVATE KEY-----\n",
            self.made_s
        ));
    }
}

/// The key in use, and the one that will be.
#[derive(Clone, Debug)]
pub struct OwnKeys {
    /// Shown by the relay.
    pub current: OwnKey,
    /// Announced, and shown once it takes over.
    pub next: Option<OwnKey>,
}

impl OwnKeys {
    /// Reads the keys of the relay whose store lies in `dir`.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn load(dir: &Path) -> Result<Self, OwnKeyError> {
        let file = dir.join(FILE_NAME);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Err(OwnKeyError::None),
            Err(source) => return Err(OwnKeyError::File { what: "read", file, source }),
        };
        Self::read(&text).ok_or(OwnKeyError::Damaged { file })
    }

    /// The same; makes the first key, durably, where there is none. Only for who has the directory's lock.
    ///
    /// # Errors
    /// When they cannot be read, or not be made.
    pub fn load_or_make(dir: &Path, now_s: i64) -> Result<Self, OwnKeyError> {
        match Self::load(dir) {
            Err(OwnKeyError::None) => {
                let made = Self { current: OwnKey::new(now_s)?, next: None };
                made.save(dir)?;
                Ok(made)
            }
            loaded => loaded,
        }
    }

    /// Makes the next key. Devices are told of it once the relay has read the file again.
    ///
    /// # Errors
    /// When there is one, or it cannot be written.
    pub fn prepare(&mut self, dir: &Path, now_s: i64) -> Result<(), OwnKeyError> {
        if self.next.is_some() {
            return Err(OwnKeyError::HasNext);
        }
        let next = Some(OwnKey::new(now_s)?);
        self.change(dir, Self { next, ..self.clone() })
    }

    /// Lets the next key take over; the one in use is forgotten.
    ///
    /// # Errors
    /// When there is no next key, or the file cannot be written.
    pub fn switch(&mut self, dir: &Path) -> Result<(), OwnKeyError> {
        let current = self.next.clone().ok_or(OwnKeyError::NoNext)?;
        self.change(dir, Self { current, next: None })
    }

    /// Gives the next key up.
    ///
    /// # Errors
    /// As [`OwnKeys::switch`].
    pub fn cancel(&mut self, dir: &Path) -> Result<(), OwnKeyError> {
        if self.next.is_none() {
            return Err(OwnKeyError::NoNext);
        }
        self.change(dir, Self { next: None, ..self.clone() })
    }

    /// Fingerprints of all that devices shall accept, the one in use first.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        [Some(&self.current), self.next.as_ref()]
            .into_iter()
            .flatten()
            .map(OwnKey::fingerprint)
            .collect()
    }

    /// As the file has them, for a backup. Secret.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = HEAD.to_owned();
        self.current.write(&mut text);
        if let Some(next) = &self.next {
            next.write(&mut text);
        }
        text
    }

    /// Puts keys back from [`OwnKeys::to_text`], durably. Only where there are none.
    ///
    /// # Errors
    /// When they are damaged, or the file cannot be written.
    pub fn put_back(dir: &Path, text: &str) -> Result<Self, OwnKeyError> {
        let keys =
            Self::read(text).ok_or_else(|| OwnKeyError::Damaged { file: dir.join(FILE_NAME) })?;
        keys.save(dir)?;
        Ok(keys)
    }

    /// Whether anyone but the owner may read the file.
    #[must_use]
    pub fn others_can_read(dir: &Path) -> bool {
        config::private::others_can_read(&dir.join(FILE_NAME)).unwrap_or(false)
    }

    fn change(&mut self, dir: &Path, changed: Self) -> Result<(), OwnKeyError> {
        changed.save(dir)?;
        *self = changed;
        Ok(())
    }

    fn save(&self, dir: &Path) -> Result<(), OwnKeyError> {
        let file = dir.join(FILE_NAME);
        config::private::replace(&file, &self.to_text()).map_err(|source| OwnKeyError::File {
            what: "write",
            file,
            source,
        })
    }

    fn read(text: &str) -> Option<Self> {
        let made = text.lines().filter_map(|line| line.strip_prefix(MADE));
        let mut made = made.map(|made| made.trim().parse().ok());
        let mut keys = PrivatePkcs8KeyDer::pem_slice_iter(text.as_bytes());
        // As many of the ones as of the others: a key that is not read would be forgotten with the next change.
        let mut key = || match (keys.next(), made.next()) {
            (None, None) => Some(None),
            (Some(key), Some(made)) => {
                Some(Some(OwnKey::of(key.ok()?.secret_pkcs8_der().to_vec(), made?)?))
            }
            _ => None,
        };
        let (current, next) = (key()??, key()?);
        (next.is_none() || key()?.is_none()).then_some(Self { current, next })
    }
}

/// The keys as the parts of a running relay share them. Clones are the same; the default has none.
#[derive(Clone, Debug, Default)]
pub struct KeyRing(Arc<RwLock<Option<OwnKeys>>>);

impl KeyRing {
    /// With these keys.
    #[must_use]
    pub fn new(keys: OwnKeys) -> Self {
        Self(Arc::new(RwLock::new(Some(keys))))
    }

    /// Other keys from now on.
    pub fn replace(&self, keys: OwnKeys) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(keys);
    }

    /// What devices shall accept, the one in use first; empty where there is none.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.look(|keys| keys.map(OwnKeys::fingerprints)).unwrap_or_default()
    }

    /// The one in use, as a handshake shows it.
    pub(crate) fn certified(&self) -> Option<Arc<CertifiedKey>> {
        self.look(|keys| keys.map(|keys| Arc::new(keys.current.certified())))
    }

    fn look<T>(&self, look: impl FnOnce(Option<&OwnKeys>) -> T) -> T {
        look(self.0.read().unwrap_or_else(PoisonError::into_inner).as_ref())
    }
}

/// When a key was made, for people.
#[must_use]
pub fn made(key: &OwnKey) -> String {
    Timestamp::from_second(key.made_s).map(|at| at.to_string()).unwrap_or_default()
}
