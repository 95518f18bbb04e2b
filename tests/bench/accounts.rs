//! Accounts by the hundred, put into a relay's store while it does not run: an honest password
//! hash for each of them would take longer than everything that is measured.

use std::{
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::ensure;
use relay::store::{
    AccountOrder, AccountOutcome, NewDevice, Policy, SecretHash, Store,
    sqlite::{FILE_NAME, SqliteStore},
};
use tokio::task::JoinSet;

/// Name of account `number`.
pub(crate) fn name(number: usize) -> String {
    format!("bench-{number}")
}

/// Token of the one device of account `number`, spelled as real ones are: 128 bits as base64url.
pub(crate) fn token(number: usize) -> String {
    format!("bench{number:016}A")
}

/// Makes accounts 0 to `count`, each with one device. They cannot log in: their password has no hash.
pub(crate) async fn make(data: &Path, count: usize) -> anyhow::Result<()> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let store = Arc::new(SqliteStore::open(&data.join(FILE_NAME), Policy::default(), now_s)?);
    let mut making = JoinSet::new();
    for number in 0..count {
        let (store, token) = (Arc::clone(&store), SecretHash::of(&token(number)));
        let device = NewDevice { token, label: "bench".to_owned(), now_s };
        let (name, password) = (name(number), "!".to_owned());
        let order = AccountOrder::Join { invite: None, name, password, device };
        making.spawn(async move { store.administer(order).await });
    }
    while let Some(made) = making.join_next().await {
        let made = made??;
        ensure!(matches!(made, AccountOutcome::Device(_)), "no account was made: {made:?}");
    }
    Ok(())
}
