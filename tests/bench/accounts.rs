//! Accounts by the hundred, put into a relay's store while it does not run: an honest password
//! hash for each of them would take longer than everything that is measured.

use std::path::Path;

/// Name of account `number`.
pub(crate) fn name(number: usize) -> String {
    format!("bench-{number}")
}

/// Token of the one device of account `number`: 22 characters, as real ones have.
pub(crate) fn token(number: usize) -> String {
    format!("bench-{number:016}")
}

/// Makes accounts 0 to `count`, each with one device.
pub(crate) async fn make(data: &Path, count: usize) -> anyhow::Result<()> {
    let _ = (data, count);
    unimplemented!()
}
