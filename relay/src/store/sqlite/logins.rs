//! Whom tokens belong to, remembered while the writer is busy: it then looks for what other programs wrote with every
//! transaction, and asking the database again for each of thousands of requests would cost more than the rest of them.
//! An idle relay always asks.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::super::{Changes, Generation, Login, SecretHash};

/// Tokens that are remembered at once; then all are forgotten and begin anew.
const TOKENS_MAX: usize = 100_000;
/// What another program changed counts after this time at the latest.
const AGE_MAX: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
pub(super) struct Logins {
    known: Mutex<HashMap<SecretHash, (Generation, Login)>>,
}

impl Logins {
    /// The owner of every token, if all of them are known.
    pub(super) fn all(&self, changes: &Changes, tokens: &[SecretHash]) -> Option<Vec<Login>> {
        let now = changes.recent_generation(AGE_MAX)?;
        let known = self.lock();
        let login = |token| known.get(token).filter(|(at, _)| *at == now).map(|(_, login)| *login);
        tokens.iter().map(login).collect()
    }

    /// Remembers what a read begun in `generation` found.
    pub(super) fn learn(&self, generation: Generation, token: SecretHash, login: Login) {
        let mut known = self.lock();
        if TOKENS_MAX <= known.len() {
            known.clear();
        }
        known.insert(token, (generation, login));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SecretHash, (Generation, Login)>> {
        // Every state of it is a sound one, so a panic elsewhere does not matter.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::News;

    #[test]
    fn a_token_is_known_until_a_device_ends_or_somebody_else_writes() {
        let (changes, logins) = (Changes::default(), Logins::default());
        let (token, login) = (SecretHash([7; 32]), Login { account: 1, device: 2 });
        let knows = || logins.all(&changes, &[token]);
        let learn = || logins.learn(changes.generation(), token, login);
        learn();
        assert_eq!(knows(), None, "nobody looked outside yet");
        changes.looked_outside();
        assert_eq!(knows(), Some(vec![login]));
        changes.publish(&News { ended: vec![1], ..News::default() });
        assert_eq!(knows(), None);
        learn();
        assert_eq!(knows(), Some(vec![login]));
        changes.publish_all();
        assert_eq!(knows(), None);
    }
}
