//! A relay that proves itself by a key of its own, without a certificate: who judges the key.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::{CertificateError, Error, OtherError};
use tls::KeyJudge;
use wire::Fingerprint;

use super::trust::Trust;

/// The relay shows a key that nobody vouched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it shows the key {shown}")]
pub(crate) struct OtherKey {
    pub(crate) shown: Fingerprint,
}

impl From<OtherKey> for Error {
    fn from(other: OtherKey) -> Self {
        CertificateError::Other(OtherError(Arc::new(other))).into()
    }
}

/// Accepts the keys that are known.
impl KeyJudge for Trust {
    fn shown(&self, key: &[u8]) -> Result<(), Error> {
        let shown = Fingerprint::of(key);
        if self.accepts(&shown) { Ok(()) } else { Err(OtherKey { shown }.into()) }
    }
}

/// Accepts no key, and remembers which was shown, once it was proved: for a person to compare.
#[derive(Debug, Default)]
pub(crate) struct Look(Mutex<Option<Fingerprint>>);

impl Look {
    /// What was shown.
    pub(crate) fn seen(&self) -> Option<Fingerprint> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyJudge for Look {
    fn shown(&self, _key: &[u8]) -> Result<(), Error> {
        // Whether it is the relay's is for the person to say; the signature comes next.
        Ok(())
    }

    fn proved(&self, key: &[u8]) -> Result<(), Error> {
        let shown = Fingerprint::of(key);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        // Nothing is said on such a connection.
        Err(OtherKey { shown }.into())
    }
}
