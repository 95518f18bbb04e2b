//! What names, passwords, tokens and labels look like.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use wire::{Cursors, Lane, limits::ACCOUNT_NAME_MAX};

use super::{
    password::PASSWORD_BYTES_MAX,
    words::{LABEL_CHARS_MAX, Refusal},
};
use crate::store::{NUMBER_MAX, SecretHash};

/// Bytes of a token or an invite's code.
const SECRET_BYTES: usize = 16;

/// Passes what may be an account's name.
///
/// # Errors
/// [`Refusal::BadName`].
pub fn name(name: &str) -> Result<(), Refusal> {
    let fits = (1..=ACCOUNT_NAME_MAX).contains(&name.len());
    let good = |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    if fits && name.bytes().all(good) { Ok(()) } else { Err(Refusal::BadName) }
}

/// Passes what may be a password.
///
/// # Errors
/// [`Refusal::BadPassword`].
pub fn password(password: &str) -> Result<(), Refusal> {
    let fits = (1..=PASSWORD_BYTES_MAX).contains(&password.len());
    if fits { Ok(()) } else { Err(Refusal::BadPassword) }
}

/// The hash of a token in its one spelling: 128 bits as base64url without padding.
///
/// # Errors
/// [`Refusal::BadToken`].
pub fn token(token: &str) -> Result<SecretHash, Refusal> {
    let whole = URL_SAFE_NO_PAD.decode(token).is_ok_and(|bytes| bytes.len() == SECRET_BYTES);
    if whole { Ok(SecretHash::of(token)) } else { Err(Refusal::BadToken) }
}

/// A new secret, spelled like a token.
///
/// # Errors
/// When the system has no randomness.
pub fn fresh_secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

pub(super) fn label(label: &str) -> Result<String, Refusal> {
    let label = label.trim();
    let good = label.chars().count() <= LABEL_CHARS_MAX && !label.chars().any(char::is_control);
    if good { Ok(label.to_owned()) } else { Err(Refusal::BadLabel) }
}

pub(super) fn cursors(cursors: Cursors) -> Result<Cursors, Refusal> {
    let good = Lane::ALL.iter().all(|lane| cursors.of(*lane) <= NUMBER_MAX);
    if good { Ok(cursors) } else { Err(Refusal::BadCursors) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "anna", "b.o-b_2", &"x".repeat(32)] {
            assert_eq!(name(good), Ok(()), "{good}");
        }
        for bad in ["", "Anna", "anna@relay", "a b", "ä", &"x".repeat(33)] {
            assert_eq!(name(bad), Err(Refusal::BadName), "{bad}");
        }
    }

    #[test]
    fn a_token_has_one_spelling() {
        assert!(token("AAAAAAAAAAAAAAAAAAAAAA").is_ok());
        for bad in
            ["", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAA"]
        {
            assert_eq!(token(bad).unwrap_err(), Refusal::BadToken, "{bad}");
        }
        let (one, other) = (fresh_secret().unwrap(), fresh_secret().unwrap());
        assert!(token(&one).is_ok());
        assert_ne!(one, other);
    }

    #[test]
    fn labels_are_trimmed_and_have_no_control_characters() {
        assert_eq!(label("  Anna's boat \n"), Ok("Anna's boat".to_owned()));
        assert_eq!(label(""), Ok(String::new()));
        assert_eq!(label("a\u{7}b"), Err(Refusal::BadLabel));
        assert_eq!(label(&"x".repeat(65)), Err(Refusal::BadLabel));
    }
}
