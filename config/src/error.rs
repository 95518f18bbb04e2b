//! Why settings cannot be used, in words for the person who wrote them.

use std::{fmt, io, path::PathBuf};

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum At {
    /// A file; the line counts from 1 and is absent when the file does not mention the setting.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line in it.
        line: Option<usize>,
    },
    /// A variable of the environment or a flag of the command line, by its name.
    Named(String),
    /// Nowhere: the defaults do not fit together with what else was set.
    Defaults,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: Some(line) } => write!(f, "{} line {line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Named(name) => f.write_str(name),
            Self::Defaults => f.write_str("settings"),
        }
    }
}

/// Why settings cannot be used. Each names the place, the setting and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file is not there or cannot be read.
    #[error("{} could not be read", path.display())]
    Unreadable {
        /// The file, as it was named.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("{at}: {problem}")]
    Syntax {
        /// Where.
        at: At,
        /// What the parser expected.
        problem: String,
    },
    /// A setting that this version does not know.
    #[error("{at}: unknown setting {key}; {hint}")]
    Unknown {
        /// Where.
        at: At,
        /// The key and its section, as shown.
        key: String,
        /// The nearest setting, or all there are.
        hint: String,
    },
    /// A value of the wrong kind, out of its range, or at odds with another.
    #[error("{at}: setting {key}: {problem}")]
    Invalid {
        /// Where.
        at: At,
        /// The key and its section, as shown.
        key: String,
        /// What was found and what was expected.
        problem: String,
    },
}

/// Shows `connect.0.every` as `"every" in [[connect]]`, `limits.hold_max` as `"hold_max" in [limits]`.
pub(crate) fn shown(path: &str) -> String {
    let Some((section, key)) = path.rsplit_once('.') else {
        return format!("\"{path}\"");
    };
    if key.bytes().all(|b| b.is_ascii_digit()) {
        return format!("[[{section}]]");
    }
    match section.rsplit_once('.') {
        Some((list, index)) if index.bytes().all(|b| b.is_ascii_digit()) => {
            format!("\"{key}\" in [[{list}]]")
        }
        _ => format!("\"{key}\" in [{section}]"),
    }
}
