//! What there is to tell of, in the reader's language.

use super::Words;
use crate::store::{News, NewsKind, Says};

impl Words {
    /// What one of the news says; messages as their author wrote them. `now` is in seconds since 1970.
    #[must_use]
    pub fn news(&self, news: &News, now: i64) -> String {
        match (&news.says, news.kind) {
            (Some(Says::Notice(notice)), _) => self.notice(Some(notice), &news.text, now),
            (Some(Says::Cause(cause)), _) => self.cause(Some(cause), &news.text, now),
            (Some(Says::Refusal(code)), _) => self.refusal(code, &news.text),
            (None, NewsKind::Failure) => self.why_said(&news.text),
            (None, _) => news.text.clone(),
        }
    }
}
