//! What went wrong, for a person and for a script.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Exit codes of the command line.
pub mod exit {
    /// Done.
    pub const DONE: u8 = 0;
    /// Failed; trying the same again will not help.
    pub const FAILED: u8 = 1;
    /// The command or its arguments make no sense.
    pub const USAGE: u8 = 2;
    /// No link, or not now: try later (`EX_TEMPFAIL`).
    pub const LATER: u8 = 75;
}

/// The code of an agent that is ending and has not begun what was asked. It stays between the two ends of the socket: who
/// asks has [`super::AskError::NotTaken`].
pub(crate) const NOT_TAKEN: &str = "not_taken";

/// Codes of failures that a window may meet. More may come: what is not known here stands in its own words.
pub const CODES: &[&str] = &[
    "account_file",
    "agent_stopped",
    "bad_name",
    "bad_proxy",
    "bad_request",
    "bad_url",
    "busy",
    "config",
    "disk_full",
    "empty",
    "held",
    "home",
    "in_use",
    "internal",
    "later",
    "no_home",
    "no_program",
    "not_a_relay",
    "not_an_agent",
    "not_logged_in",
    "not_waiting",
    "not_yours",
    "on_its_way",
    "other_account",
    "price",
    "program",
    "random",
    "runtime",
    "service",
    "signals",
    "socket",
    "stopped",
    "store",
    "store_version",
    "too_long",
    "unauthorized",
    "unfit",
    "unknown_conversation",
    "unknown_id",
    "unsupported_version",
    "usage",
];

/// Kinds of what does not work, as the `follow` stream has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// A rule's own link was not there: the dial program failed, or nobody answered behind it.
    Dial,
    /// The link of a rule's call was not taken down.
    Hangup,
    /// Somebody did not show the relay's own key.
    Impostor,
    /// A rule's line does not last.
    Line,
    /// A login page answers in the relay's place.
    Portal,
    /// The settings were read again, and cannot stand.
    Settings,
}

/// A failed order. The words say what failed, on what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For a person: one or more sentences, without a line break.
    pub words: String,
    /// For a script: stable, snake_case.
    pub code: String,
    /// What a command that fails with this exits with; see [`exit`].
    pub exit: u8,
}

impl Failure {
    /// A failure that a repetition will not mend.
    pub fn new(code: &str, words: impl fmt::Display) -> Self {
        Self { words: one_line(&words.to_string()), code: code.to_owned(), exit: exit::FAILED }
    }

    /// A mistake in what was asked.
    pub fn usage(words: impl fmt::Display) -> Self {
        Self { exit: exit::USAGE, ..Self::new("usage", words) }
    }

    /// What may well succeed later.
    pub fn later(code: &str, words: impl fmt::Display) -> Self {
        Self { exit: exit::LATER, ..Self::new(code, words) }
    }

    /// An error and its causes, as one sentence.
    pub fn chain(code: &str, err: &dyn std::error::Error) -> Self {
        Self::new(code, chain(err))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Failure {}

/// The error and its causes, outermost first.
pub(crate) fn chain(err: &dyn std::error::Error) -> String {
    let mut words = err.to_string();
    let mut source = err.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        // Some libraries repeat the cause in their own words.
        if !words.contains(&cause_words) {
            words = format!("{words}: {cause_words}");
        }
        source = cause.source();
    }
    words
}

fn one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    /// Codes of commands, which no window makes.
    const OF_COMMANDS: [&str; 10] = [
        "agent_lost",
        "agent_unreachable",
        "bad_password",
        "broken_pipe",
        "man",
        "needs_agent",
        "output",
        "stdin",
        "terminal",
        "visit",
    ];

    /// Every code that stands in the program's text, where a failure is made.
    fn codes_of(text: &str, found: &mut std::collections::BTreeSet<String>) {
        for begin in ["Failure::new(", "Failure::later(", "Failure::chain(", "Self::new(", "code:"]
        {
            for part in text.split(begin).skip(1) {
                let Some(code) = part.trim_start().strip_prefix('"') else { continue };
                found.insert(code.split('"').next().unwrap_or_default().to_owned());
            }
        }
    }

    #[test]
    fn every_code_is_listed_for_the_window_or_is_one_of_commands_only() {
        let mut found = std::collections::BTreeSet::new();
        let mut folders =
            vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                match path.is_dir() {
                    _ if name.contains("tests") => {}
                    true => folders.push(path),
                    false => {
                        let text = std::fs::read_to_string(path).unwrap();
                        let program = text.split("\nmod tests {").next().unwrap();
                        codes_of(program, &mut found);
                    }
                }
            }
        }
        assert!(30 < found.len(), "{found:?}");
        let is_listed =
            |code: &&String| CODES.contains(&code.as_str()) != OF_COMMANDS.contains(&code.as_str());
        let unlisted: Vec<_> = found.iter().filter(|code| !is_listed(code)).collect();
        assert!(unlisted.is_empty(), "the window has no words for {unlisted:?}");
        for code in OF_COMMANDS {
            assert!(found.contains(code), "{code} is no code any more");
        }
    }

    #[test]
    fn a_failure_tells_its_causes_once_and_on_one_line() {
        let outer = Outer(std::io::Error::other("inner\nmost"));
        let failure = Failure::chain("store", &outer);
        assert_eq!(failure.words, "outer: inner most");
        assert_eq!((failure.exit, failure.code.as_str()), (exit::FAILED, "store"));
    }
}
