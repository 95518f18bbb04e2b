//! From a file, the environment and flags to one checked value.
//!
//! Later sources win: defaults, then the file, then `MAILBOAT_*`, then flags. All are laid into one
//! TOML document first, in which every value keeps its place, so an error can say which line,
//! variable or flag it came from.

mod document;
mod variables;

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    check::Invalid,
    error::{At, ConfigError},
    paths::Env,
};
use document::Document;

/// The settings of one program.
pub trait Settings: Default + Serialize + DeserializeOwned {
    /// Looks at ranges and at settings that depend on each other.
    ///
    /// # Errors
    /// The first setting that cannot stand, with what would be right.
    fn check(&self) -> Result<(), Invalid>;
}

/// Where settings come from. Flags and variables override the file.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    file: Option<PathBuf>,
    file_may_be_absent: bool,
    env: Env,
    flags: Vec<Flag>,
}

/// A setting given on the command line.
#[derive(Clone, Debug)]
struct Flag {
    name: String,
    path: String,
    value: String,
}

impl Sources {
    /// Nothing yet: the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `path`, which the user named, so it has to be there.
    #[must_use]
    pub fn file(self, path: impl Into<PathBuf>) -> Self {
        Self { file: Some(path.into()), file_may_be_absent: false, ..self }
    }

    /// Reads `path` if it is there: the usual place of the settings.
    #[must_use]
    pub fn usual_file(self, path: impl Into<PathBuf>) -> Self {
        Self { file: Some(path.into()), file_may_be_absent: true, ..self }
    }

    /// Takes `MAILBOAT_<KEY>` and `MAILBOAT_<SECTION>__<KEY>` from `env`; the rest of it is left alone.
    #[must_use]
    pub fn env(self, env: &Env) -> Self {
        Self { env: env.clone(), ..self }
    }

    /// Sets `path` (`listen`, `tls.cert`) to `value` if there is one; errors name the flag `name`.
    #[must_use]
    pub fn flag(mut self, name: &str, path: &str, value: Option<impl Into<String>>) -> Self {
        if let Some(value) = value {
            self.flags.push(Flag {
                name: name.to_owned(),
                path: path.to_owned(),
                value: value.into(),
            });
        }
        self
    }

    /// Reads everything and checks it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place and the remedy. The file may be unreadable or not
    /// TOML; a setting may be unknown, of the wrong kind, out of range, or at odds with another.
    pub fn load<T: Settings>(&self) -> Result<T, ConfigError> {
        let text = self.text()?;
        let mut document = Document::parse(self.file.as_deref(), &text)?;
        for (name, path, value) in variables::overrides::<T>(&self.env)? {
            document.set::<T>(name, &path, value)?;
        }
        for flag in &self.flags {
            document.set::<T>(flag.name.clone(), &flag.path, &flag.value)?;
        }
        let settings: T = document.read()?;
        settings.check().map_err(|invalid| document.invalid(&invalid))?;
        Ok(settings)
    }

    /// Looks whether the file can be read, without reading what it says.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`], where it was named and is not there, or no text.
    pub fn check_readable(&self) -> Result<(), ConfigError> {
        self.text().map(drop)
    }

    fn text(&self) -> Result<String, ConfigError> {
        let Some(path) = &self.file else {
            return Ok(String::new());
        };
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(text),
            Err(err) if err.kind() == io::ErrorKind::NotFound && self.file_may_be_absent => {
                Ok(String::new())
            }
            Err(source) => Err(ConfigError::Unreadable { path: path.clone(), source }),
        }
    }
}

/// Reads settings from text alone, as if it stood in a file of that name: no environment, no flags.
///
/// # Errors
/// As [`Sources::load`].
pub fn parse<T: Settings>(name: &Path, text: &str) -> Result<T, ConfigError> {
    let document = Document::parse(Some(name), text)?;
    let settings: T = document.read()?;
    settings.check().map_err(|invalid| document.invalid(&invalid))?;
    Ok(settings)
}

/// The variables that override settings of `T`, with the setting each stands for, in order of name.
pub fn variables<T: Settings>() -> Vec<(String, String)> {
    variables::known::<T>().into_iter().collect()
}

/// Shown for a variable or flag whose value fits nothing.
fn named(name: impl Into<String>) -> At {
    At::Named(name.into())
}

#[cfg(test)]
mod tests;
