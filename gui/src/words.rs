//! What the window says, in the reader's language: its own texts, and what the agent has words for.
//!
//! The texts lie in `lang/*.ftl`, one file a language, and are part of the program. English has all of them, and a
//! test holds every other language to the same ones with the same arguments.

#[cfg(test)]
mod tests;

use std::ops::Deref;

#[cfg(test)]
use jiff::tz::TimeZone;

pub(crate) use agent::words::{ago_changes_at, bytes_of, harmless, harmless_lines};

/// The languages that there are: tag, own name, texts.
pub(crate) const LANGUAGES: [(&str, &str, &str); 2] = [
    ("en", "English", include_str!("../lang/en.ftl")),
    ("de", "Deutsch", include_str!("../lang/de.ftl")),
];

/// The texts of one language, and how figures and times are written.
#[derive(Clone, Debug)]
pub(crate) struct Words(agent::words::Words);

impl Words {
    /// Those of a language tag such as `de-AT`; English where it is not among [`LANGUAGES`].
    #[cfg(test)]
    pub(crate) fn of(tag: &str, zone: TimeZone) -> Self {
        Self(agent::words::Words::with(tag, zone, &own()))
    }

    /// Those of the language that the settings name; the system's where they name none. How times are written is the
    /// system's matter in any language.
    pub(crate) fn of_settings(language: &str) -> Self {
        Self(agent::words::Words::of_settings(language, &own()))
    }
}

impl Deref for Words {
    type Target = agent::words::Words;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

fn own() -> [(&'static str, &'static str); 2] {
    LANGUAGES.map(|(tag, _, texts)| (tag, texts))
}
