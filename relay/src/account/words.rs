//! Why something about an account was not done, in words for people and codes for programs.

use crate::store::{AccountRefusal, StoreError};

use super::password::{PASSWORD_BYTES_MAX, PasswordError};

/// Longest name of a device, in characters.
pub const LABEL_CHARS_MAX: usize = 64;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// Whoever asked has to ask otherwise.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too often; the same would be let through after this many seconds.
    #[error("too many attempts; try again in {retry_after_s} s")]
    Later {
        /// Whole seconds, at least 1.
        retry_after_s: u64,
    },
    /// The password could not be looked at.
    #[error("the password could not be checked")]
    Password(#[from] PasswordError),
    /// The store could not do it.
    #[error("the store could not do it")]
    Store(#[from] StoreError),
    /// The store answered something that it was not asked.
    #[error("the store answered something that it was not asked")]
    Answer,
}

/// What is wrong with a request about accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A name that no account can have.
    #[error("a name has 1 to 32 of these characters: a-z 0-9 . _ - (no capitals)")]
    BadName,
    /// An empty or an endless password.
    #[error("a password has 1 to {PASSWORD_BYTES_MAX} bytes")]
    BadPassword,
    /// Not 22 characters of base64url.
    #[error("the device's token is not 22 characters of base64url")]
    BadToken,
    /// Too long, or with control characters.
    #[error(
        "a device's name has at most {LABEL_CHARS_MAX} characters, none of them a control character"
    )]
    BadLabel,
    /// Cursors beyond everything that a store can hold.
    #[error("the cursors are out of range")]
    BadCursors,
    /// Nobody can join here by themselves.
    #[error("accounts of this relay are made by its operator; ask there")]
    RegistrationClosed,
    /// Joining takes an invite here.
    #[error("joining this relay takes an invite; ask its operator for one")]
    InviteNeeded,
    /// No such account, or another password: which of them is nobody's business.
    #[error("the name or the password is wrong")]
    WrongLogin,
    /// The operator has disabled the account.
    #[error("this account is disabled; ask the relay's operator")]
    Disabled,
    /// The old password is not the account's.
    #[error("the old password is wrong")]
    WrongPassword,
    /// The store's own refusals.
    #[error(transparent)]
    Store(AccountRefusal),
}

impl Refusal {
    /// For programs: stable for ever.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::BadName => "bad_name",
            Self::BadPassword => "bad_password",
            Self::BadToken => "bad_token",
            Self::BadLabel => "bad_device_name",
            Self::BadCursors => "bad_cursors",
            Self::RegistrationClosed => "registration_closed",
            Self::InviteNeeded => "invite_needed",
            Self::WrongLogin => "wrong_login",
            Self::Disabled => "account_disabled",
            Self::WrongPassword => "wrong_password",
            Self::Store(AccountRefusal::NameTaken) => "name_taken",
            Self::Store(AccountRefusal::BadInvite) => "bad_invite",
            Self::Store(AccountRefusal::TokenInUse) => "token_in_use",
            Self::Store(AccountRefusal::NoSuchAccount) => "no_such_account",
            Self::Store(AccountRefusal::NoSuchDevice) => "no_such_device",
            Self::Store(AccountRefusal::TooManyDevices) => "too_many_devices",
        }
    }
}

impl From<AccountRefusal> for AccountError {
    fn from(refusal: AccountRefusal) -> Self {
        Self::Refused(Refusal::Store(refusal))
    }
}
