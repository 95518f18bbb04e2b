//! `[window]`: how the window looks. Where it stood last is no setting: it keeps that itself.

use serde::{Deserialize, Serialize};

use crate::check::{Invalid, within};

/// How the window looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Window {
    /// Light or dark.
    pub theme: Theme,
    /// Size of everything, in percent of what the desktop says; 50 to 300.
    pub scale_percent: u32,
    /// Language of the texts, and of notifications, as a tag such as `en`; empty for the desktop's.
    pub language: String,
    /// Where a conversation opens.
    pub chats: Chats,
    /// Whether there is an item in the desktop's tray, where it has one.
    pub tray: bool,
    /// Whether the program stays there when its last window is closed.
    pub close_to_tray: bool,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            scale_percent: 100,
            language: String::new(),
            chats: Chats::Tabs,
            tray: true,
            close_to_tray: false,
        }
    }
}

impl Window {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        within("window.scale_percent", &self.scale_percent, &(50..=300))?;
        if self.language.is_empty() || is_tag(&self.language) {
            return Ok(());
        }
        let problem = format!(
            "\"{}\" is no language; write its tag, such as \"en\", or \"\" for the desktop's",
            self.language
        );
        Err(Invalid::new("window.language", problem))
    }
}

/// `en`, `de-AT`, `zh-Hant`: letters and digits between hyphens, the first two or three of them letters.
fn is_tag(language: &str) -> bool {
    let mut parts = language.split('-');
    let first = parts.next().unwrap_or_default();
    (2..=3).contains(&first.len())
        && first.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the desktop says.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// Where a conversation opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chats {
    /// In a window of its own.
    Windows,
    /// In the portal.
    #[default]
    Tabs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_a_tag_or_empty() {
        for (language, fits) in [
            ("", true),
            ("en", true),
            ("de-AT", true),
            ("english", false),
            ("e", false),
            ("de_DE", false),
            ("de-", false),
        ] {
            let window = Window { language: language.to_owned(), ..Window::default() };
            assert_eq!(window.check().is_ok(), fits, "{language}");
        }
    }
}
