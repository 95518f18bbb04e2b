//! The desktop's service for notifications, one module a platform.
//!
//! `Desktop::ready` finds out whether there is one and what it can, `show` puts a card there, `close` takes it away,
//! `next` waits for what the user does. Every call comes back within [`CALL_MAX`], whatever the service does.

use std::time::Duration;

use super::card::Key;

#[cfg(not(all(unix, not(target_os = "macos"))))]
mod native;
#[cfg(all(unix, not(target_os = "macos")))]
mod xdg;

#[cfg(not(all(unix, not(target_os = "macos"))))]
pub(super) use native::Desktop;
#[cfg(all(unix, not(target_os = "macos")))]
pub(super) use xdg::Desktop;

/// Longest wait for the service.
pub(super) const CALL_MAX: Duration = Duration::from_secs(5);

/// What the service can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Abilities {
    /// Buttons, and clicks that are told.
    pub(super) actions: bool,
    /// Reads the body as markup, so that it has to be escaped.
    pub(super) markup: bool,
    /// Keeps what was not acted on.
    pub(super) keeps: bool,
}

/// What the user did, or became of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Clicked on it. The token lets a program that is started now take the focus; empty for none.
    Opened { key: Key, token: String },
    /// Answered a request.
    Answered { key: Key, accept: bool },
    /// It went away, by itself or by the user.
    Closed { key: Key },
    /// Another service, or none: nothing stands there any more. `is_there` says whether there is one.
    Changed { is_there: bool },
}

/// Why nothing was shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShowError {
    /// There is no service, or no bus to ask for it on.
    #[error("there is no service for notifications here: {0}")]
    Absent(String),
    /// There is one, which does not answer. What it was given may be shown later.
    #[error("the service for notifications does not answer")]
    Silent,
    /// There is one, which refuses.
    #[error("the service for notifications refuses: {0}")]
    Refused(String),
}
