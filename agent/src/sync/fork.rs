//! Becoming a new device after the relay said that this store went back in time or has a twin. The order of its steps
//! is in `store::fork`.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use tracing::warn;

use super::{SyncError, Transport};
use crate::store::Store;

/// Bytes of a token before they are written as text.
const TOKEN_LEN: usize = 16;

/// Goes on with what a crash interrupted.
pub(crate) async fn go_on<T: Transport>(store: &Store, transport: &mut T) -> Result<(), SyncError> {
    match store.pending_token()? {
        Some(token) => finish(store, transport, &token).await,
        None => Ok(()),
    }
}

/// Makes this store a new device.
pub(crate) async fn begin<T: Transport>(store: &Store, transport: &mut T) -> Result<(), SyncError> {
    warn!(
        "the relay says that this store went back in time or has a twin: it becomes a new device"
    );
    let mut random = [0; TOKEN_LEN];
    getrandom::fill(&mut random).map_err(|_| SyncError::Random)?;
    let token = store.new_token(|| BASE64_URL_SAFE_NO_PAD.encode(random))?;
    finish(store, transport, &token).await
}

async fn finish<T: Transport>(
    store: &Store,
    transport: &mut T,
    token: &str,
) -> Result<(), SyncError> {
    let cursors = store.reader().position()?.cursors;
    let device = transport.new_device(token, cursors).await?;
    Ok(store.become_new_device(device)?)
}
