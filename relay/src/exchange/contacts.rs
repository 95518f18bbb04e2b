//! Who may see whose presence, remembered: exchanges ask for it far more often than it changes.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use wire::AccountId;

use super::{Core, ExchangeError, only};

/// Accounts whose contacts are remembered; then all are forgotten and begin anew.
const ACCOUNTS_MAX: usize = 100_000;

/// Contacts of accounts, as of one count of [`contacts`](crate::store::Changes::contacts).
#[derive(Debug, Default)]
pub(super) struct Contacts {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    count: u64,
    lists: HashMap<AccountId, Vec<AccountId>>,
}

impl Contacts {
    /// The account's contacts, if they were learned since anybody's changed.
    fn recall(&self, account: AccountId, count: u64) -> Option<Vec<AccountId>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.lists.get(&account).filter(|_| known.count == count).cloned()
    }

    /// Remembers what the store said in an answer asked for at this count.
    fn learn(&self, account: AccountId, count: u64, contacts: &[AccountId]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.count < count || ACCOUNTS_MAX <= known.lists.len() {
            *known = Known { count, lists: HashMap::new() };
        }
        if known.count == count {
            known.lists.insert(account, contacts.to_vec());
        }
    }
}

/// The account's accepted contacts where neither blocks the other.
///
/// # Errors
/// When the store fails.
pub(super) async fn contacts(
    core: &Core,
    account: AccountId,
) -> Result<Vec<AccountId>, ExchangeError> {
    let count = core.store.changes().contacts();
    if let Some(contacts) = core.contacts.recall(account, count) {
        return Ok(contacts);
    }
    let contacts = only(core.store.contacts(vec![account]).await)?;
    core.contacts.learn(account, count, &contacts);
    Ok(contacts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_forgotten_when_anybodys_change() {
        let contacts = Contacts::default();
        contacts.learn(1, 0, &[2, 3]);
        assert_eq!(contacts.recall(1, 0), Some(vec![2, 3]));
        assert_eq!(contacts.recall(2, 0), None);
        assert_eq!(contacts.recall(1, 1), None, "somebody was blocked");
        contacts.learn(1, 1, &[3]);
        contacts.learn(1, 0, &[2, 3]);
        assert_eq!(contacts.recall(1, 1), Some(vec![3]), "a late answer changes nothing");
    }
}
