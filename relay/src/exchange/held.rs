//! The end of an answer: what the relay keeps for the device, why it stopped, Done.

use wire::{Frame, HeldRow, Stop};

use super::{Core, ExchangeError, mail::Mail, only};
use crate::store::{HeldAsk, Login};

/// The frames that end the answer.
///
/// # Errors
/// When the store fails.
pub(super) async fn closing(
    core: &Core,
    login: Login,
    mail: &Mail,
    stop: Option<Stop>,
    tells_held: bool,
) -> Result<Vec<Frame>, ExchangeError> {
    let held = if tells_held { held(core, login, mail).await? } else { Vec::new() };
    let held = (!held.is_empty()).then_some(Frame::Held(held));
    Ok(held.into_iter().chain(stop.map(Frame::Stop)).chain([Frame::Done]).collect())
}

/// What lies behind the answer in lanes that it left out.
async fn held(core: &Core, login: Login, mail: &Mail) -> Result<Vec<HeldRow>, ExchangeError> {
    let left_out = mail.left_out();
    if left_out.is_empty() {
        return Ok(Vec::new());
    }
    let Login { account, device } = login;
    let ask = HeldAsk { account, device, after: mail.sent(), only_first: false };
    let mut rows = only(core.store.held(vec![ask]).await)?;
    rows.retain(|row| 0 < row.count && left_out.contains(row.lane));
    Ok(rows)
}
