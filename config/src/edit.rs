//! Changing `agent.toml` without destroying what a person wrote in it: comments, order, layout.
//!
//! A [`Change`] is typed. It is laid into the text, the whole is read again as the agent would read it, and
//! only then does it stand; [`Edit::save`] writes it. What a change does not concern stays as it is, byte for
//! byte. Comments are never removed, not even those of a rule that is: they may hold what the next rule needs.

mod comments;
mod document;
mod lay;
mod list;
#[cfg(test)]
mod tests;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use toml_edit::DocumentMut;

use self::lay::lay;
use crate::{
    agent::{Link, MinPriority, Notify, Proxy, Rule, Settings, Source, Window},
    error::ConfigError,
    load, private,
    replace::replace,
};

/// One change of the settings. Numbers count from 0, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A further `[[connect]]` rule, the last.
    AddRule(Rule),
    /// Another in the place of the rule of this number.
    SetRule(usize, Rule),
    /// The rule of this number goes.
    RemoveRule(usize),
    /// A further `[[link]]` profile, the last.
    AddLink(Link),
    /// Another in the place of the profile of this number. Rules that name it by a name that it had follow.
    SetLink(usize, Link),
    /// The profile of this number goes. Refused while a rule names it.
    RemoveLink(usize),
    /// `[notify]`; its `source` is left alone.
    Notify(Notify),
    /// What is shown of one person or one conversation: its rule is changed, or made, before all others; `None` takes
    /// it out. [`Source::min_priority`] `never` mutes.
    Source {
        /// Whom it is for; its `min_priority` does not count.
        whom: Source,
        /// From which priority on.
        min_priority: Option<MinPriority>,
    },
    /// `[proxy]`.
    Proxy(Proxy),
    /// `[window]`.
    Window(Window),
    /// `[account]`.
    Account(crate::agent::Account),
    /// `[sync]`.
    Sync(crate::agent::Sync),
}

impl Change {
    /// Mutes a conversation (`c3`), or ends that.
    #[must_use]
    pub fn mute(conversation: &str, on: bool) -> Self {
        let whom = Source { conversation: conversation.to_owned(), ..Source::default() };
        Self::Source { whom, min_priority: on.then_some(MinPriority::Never) }
    }
}

/// Why settings were not changed. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The file cannot be read as settings, or could not be after the change; it says which setting, and why.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no rule, profile or source of this number.
    #[error("there is no {what} {} any more; look at the settings again", index + 1)]
    Gone {
        /// What it is.
        what: &'static str,
        /// Counted from 0.
        index: usize,
    },
    /// The text is laid out so that it cannot be written again as it is.
    #[error(
        "{} cannot be changed without rearranging it: the keys of one section stand apart (a.x, b.y, a.z); put them together, or change it by hand",
        path.display()
    )]
    Scattered {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else changed the file since it was read: read it again.
    #[error("{} was changed by somebody else meanwhile; nothing was written", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be written; the old one still stands.
    #[error("{} could not be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// One file of settings that is being changed.
#[derive(Clone)]
pub struct Edit {
    /// Where the text is, behind all links.
    path: PathBuf,
    /// What the file held when it was read; `None` where there was none.
    read: Option<String>,
    text: String,
    /// Its lines end as Windows ends them.
    crlf: bool,
    settings: Settings,
}

impl fmt::Debug for Edit {
    /// Without the text: it may hold a proxy's password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edit").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Edit {
    /// Reads the file; one that is not there is empty, and made by the first [`Edit::save`].
    ///
    /// # Errors
    /// When it cannot be read as settings, or not be written again as it is.
    pub fn open(path: &Path) -> Result<Self, EditError> {
        let path = behind_links(path);
        let read = read(&path)?;
        let raw = read.clone().unwrap_or_default();
        let crlf = raw.contains("\r\n");
        let mut text = if crlf { raw.replace("\r\n", "\n") } else { raw };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let settings = load::parse(&path, &text)?;
        let edit = Self { path, read, text, crlf, settings };
        if edit.document()?.to_string() == edit.text {
            Ok(edit)
        } else {
            Err(EditError::Scattered { path: edit.path })
        }
    }

    /// The settings as the file says them, with every change. Variables of the environment may override them for the
    /// agent.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The text, with every change.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Makes a change, in memory.
    ///
    /// # Errors
    /// When the settings could not stand with it: then nothing is changed.
    pub fn apply(&mut self, change: &Change) -> Result<(), EditError> {
        let mut document = self.document()?;
        lay(&mut document, &self.settings, change)?;
        let text = document.to_string();
        let settings = load::parse(&self.path, &text)?;
        (self.text, self.settings) = (text, settings);
        Ok(())
    }

    /// Writes the file, durably, with the permissions that it has; a link to it stays one.
    ///
    /// # Errors
    /// When it was changed since it was read, or cannot be written. What is changed between the last look and the
    /// rename, which follows at once, is not noticed.
    pub fn save(&mut self) -> Result<(), EditError> {
        let text = if self.crlf { self.text.replace('\n', "\r\n") } else { self.text.clone() };
        if read(&self.path)? != self.read {
            return Err(EditError::Changed { path: self.path.clone() });
        }
        if self.read.as_deref().unwrap_or_default() == text {
            return Ok(());
        }
        self.write(&text)
            .map_err(|source| EditError::Unwritable { path: self.path.clone(), source })?;
        self.read = Some(text);
        Ok(())
    }

    fn write(&self, text: &str) -> io::Result<()> {
        if let Some(dir) = self.path.parent() {
            private::make_dir(dir)?;
        }
        let permissions = match fs::metadata(&self.path) {
            Ok(old) => Some(old.permissions()),
            Err(err) if err.kind() == io::ErrorKind::NotFound => None,
            Err(err) => return Err(err),
        };
        replace(&self.path, text, permissions)
    }

    fn document(&self) -> Result<DocumentMut, EditError> {
        // It was read by the loader, whose grammar is the same.
        self.text.parse().map_err(|_| EditError::Scattered { path: self.path.clone() })
    }
}

fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Unreadable { path: path.to_owned(), source }),
    }
}

/// Where the file lies: a rename would replace the link that leads to it.
fn behind_links(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| match fs::read_link(path) {
        // To a file that is not there yet.
        Ok(target) => path.parent().unwrap_or(Path::new("")).join(target),
        Err(_) => path.to_owned(),
    })
}
