//! What checks say after reading: which setting is wrong, and what would be right.

use std::{fmt, ops::RangeInclusive};

/// A setting whose value cannot stand, found after everything was read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct Invalid {
    /// Where the setting stands: `limits.envelope_max`, or `connect.0.every` for the first rule.
    pub path: String,
    /// What is wrong and what to write instead; completes `setting "…": `.
    pub problem: String,
}

impl Invalid {
    /// A problem with the setting at `path`.
    pub fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

/// Refuses a value outside `range`, naming both ends.
///
/// # Errors
/// When the value is outside.
pub(crate) fn within<T: PartialOrd + fmt::Display>(
    path: &str,
    value: &T,
    range: &RangeInclusive<T>,
) -> Result<(), Invalid> {
    if range.contains(value) {
        return Ok(());
    }
    let (least, most) = (range.start(), range.end());
    Err(Invalid::new(path, format!("{value} is out of range; expected {least} to {most}")))
}

/// Refuses a program that nobody could find. `example` says how one is written.
///
/// # Errors
/// When its name is empty, or begins as only a shell would read it. No program at all is none of these.
pub(crate) fn program(path: &str, argv: &[String], example: &str) -> Result<(), Invalid> {
    let Some(name) = argv.first() else { return Ok(()) };
    if name.trim().is_empty() {
        return Err(Invalid::new(path, format!("names no program; write {example}")));
    }
    if name.starts_with('~') || name.starts_with('$') {
        let problem = format!(
            "\"{name}\" begins with what only a shell replaces, and none reads this; write the whole path"
        );
        return Err(Invalid::new(path, problem));
    }
    Ok(())
}

/// Refuses what the log filter would not understand.
///
/// # Errors
/// When a part is neither a level nor `target=level`.
pub(crate) fn log_filter(path: &str, filter: &str) -> Result<(), Invalid> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    for directive in filter.split(',') {
        let level = directive.rsplit('=').next().unwrap_or_default().trim();
        if !LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
            let levels = LEVELS.join(", ");
            return Err(Invalid::new(
                path,
                format!("\"{directive}\" is no level; expected one of {levels}, or target=level"),
            ));
        }
    }
    Ok(())
}
