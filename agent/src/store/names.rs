//! Names and short texts as people write them.

use wire::limits::ACCOUNT_NAME_MAX;

use super::StoreError;

/// The local part of an account's name as a person writes it.
pub(crate) fn account_name(words: &str, domain: &str) -> Result<String, StoreError> {
    let words = words.trim().to_lowercase();
    let name = match words.split_once('@') {
        Some((_, at)) if !domain.is_empty() && at != domain => {
            return Err(StoreError::OtherRelay { name: words.clone(), domain: domain.to_owned() });
        }
        Some((name, _)) => name,
        None => &words,
    };
    if is_account_name(name) {
        Ok(name.to_owned())
    } else {
        Err(StoreError::BadName { name: words })
    }
}

/// Whether an account may have this name.
pub(crate) fn is_account_name(name: &str) -> bool {
    (1..=ACCOUNT_NAME_MAX).contains(&name.len())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
}

/// Refuses a text of more than `max` characters.
pub(crate) fn check_chars(what: &'static str, text: &str, max: usize) -> Result<(), StoreError> {
    match text.chars().count() {
        len if max < len => Err(StoreError::TooLong { what, len, max, unit: "characters" }),
        _ => Ok(()),
    }
}
