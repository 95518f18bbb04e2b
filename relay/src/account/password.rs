//! Passwords: Argon2id, on blocking threads, few at a time.
//!
//! Every call costs 19 MiB and some 30 ms on purpose. A name that nobody has costs the same as one that exists, so
//! that the time an answer takes tells nothing.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{self, PasswordHasher, PasswordVerifier},
};
use tokio::sync::Semaphore;

/// Longest password, in bytes: hashing a longer one would only cost time.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// Calls that work at a time.
const WORKING_MAX: usize = 4;
/// Calls that wait for their turn; one more is told to come back.
const WAITING_MAX: usize = 64;

const _: () = assert!(WORKING_MAX <= WAITING_MAX);

/// Memory in KiB and passes: OWASP's first choice for Argon2id on small servers.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

/// Why a password could not be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// Too many others wait already.
    #[error("too many logins at once")]
    Busy,
    /// The stored hash, or the system's randomness, is of no use.
    #[error("password hashing failed")]
    Hash(#[source] password_hash::Error),
    /// The thread that did it is gone.
    #[error("password hashing was interrupted")]
    Interrupted,
}

/// Makes and checks password hashes. Clones share their turns.
#[derive(Clone, Debug)]
pub struct Passwords {
    argon: Argon2<'static>,
    /// A hash of these costs that no password has.
    decoy: Arc<str>,
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self::with_cost(MEMORY_KIB, PASSES)
    }
}

impl Passwords {
    /// So cheap that a test can log in at every byte. Worth nothing against an attacker.
    #[doc(hidden)]
    pub fn cheap() -> Self {
        Self::with_cost(8, 1)
    }

    fn with_cost(memory_kib: u32, passes: u32) -> Self {
        let params = Params::new(memory_kib, passes, 1, None).unwrap_or_default();
        let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
        let (salt, hash) = ("A".repeat(22), "A".repeat(43));
        Self {
            argon: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            decoy: format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${hash}").into(),
            working: Arc::new(Semaphore::new(WORKING_MAX)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
        }
    }

    /// A PHC string for `password`, with fresh salt.
    ///
    /// # Errors
    /// When too many others wait, or the system has no randomness.
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        let argon = self.argon.clone();
        let hashed = self.work(move || argon.hash_password(password.as_bytes())).await?;
        Ok(hashed.map_err(PasswordError::Hash)?.to_string())
    }

    /// Whether `password` is the one that `hash` was made of. Without a hash the answer is no, and takes as long.
    ///
    /// # Errors
    /// When too many others wait, or the stored hash cannot be read.
    pub async fn verify(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, PasswordError> {
        let (argon, decoy) = (self.argon.clone(), self.decoy.clone());
        let verified = self.work(move || {
            argon.verify_password(password.as_bytes(), hash.as_deref().unwrap_or(&decoy))
        });
        match verified.await? {
            Ok(()) => Ok(true),
            Err(password_hash::Error::PasswordInvalid) => Ok(false),
            Err(err) => Err(PasswordError::Hash(err)),
        }
    }

    async fn work<T: Send + 'static>(
        &self,
        what: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let waiting = self.waiting.clone().try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let turn =
            self.working.clone().acquire_owned().await.map_err(|_| PasswordError::Interrupted)?;
        // The turn goes along: who stopped waiting still works.
        let worked = tokio::task::spawn_blocking(move || {
            let done = what();
            drop((turn, waiting));
            done
        });
        worked.await.map_err(|_| PasswordError::Interrupted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_another_is_not() {
        let passwords = Passwords::default();
        let hash = passwords.hash("open sesame".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("open sesame".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("open sesam".to_owned(), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn a_name_that_nobody_has_costs_the_same_work_and_is_a_no() {
        let passwords = Passwords::default();
        assert!(passwords.decoy.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(!passwords.verify("anything".to_owned(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_that_cannot_be_read_is_an_error_not_a_no() {
        let err = Passwords::cheap().verify("x".to_owned(), Some("plain".to_owned())).await;
        assert!(matches!(err, Err(PasswordError::Hash(_))), "{err:?}");
    }

    #[tokio::test]
    async fn who_finds_too_many_waiting_is_sent_away() {
        let passwords = Passwords::cheap();
        let _full = passwords.waiting.clone().acquire_many_owned(WAITING_MAX as u32).await.unwrap();
        let err = passwords.hash("x".to_owned()).await.unwrap_err();
        assert!(matches!(err, PasswordError::Busy));
    }
}
