//! What the window says, in the reader's language: Fluent texts, and figures as people there write them.
//!
//! The texts lie in `lang/*.ftl`, one file a language, and are part of the program. English has all of them, and a
//! test holds every other language to the same ones with the same arguments.

mod amounts;
mod causes;
mod figures;
mod harmless;
#[cfg(test)]
mod tests;
mod told;

use std::{borrow::Cow, fmt, sync::Arc};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use jiff::tz::TimeZone;
use unic_langid::LanguageIdentifier;

pub(crate) use self::{
    amounts::{ago_changes_at, bytes_of},
    harmless::{harmless, harmless_lines},
};

/// The languages that there are: tag, own name, texts.
pub(crate) const LANGUAGES: [(&str, &str, &str); 2] = [
    ("en", "English", include_str!("../lang/en.ftl")),
    ("de", "Deutsch", include_str!("../lang/de.ftl")),
];

/// The texts of one language, and how figures and times are written.
#[derive(Clone)]
pub(crate) struct Words {
    texts: Arc<FluentBundle<FluentResource>>,
    /// What a language lacks is said in English.
    spare: Arc<FluentBundle<FluentResource>>,
    tag: &'static str,
    zone: TimeZone,
    has_half_days: bool,
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Words").field("tag", &self.tag).finish_non_exhaustive()
    }
}

impl Words {
    /// Those of a language tag such as `de-AT`; English where it is not among [`LANGUAGES`].
    pub(crate) fn of(tag: &str, zone: TimeZone) -> Self {
        let wanted: LanguageIdentifier = tag.parse().unwrap_or_default();
        let (found, texts) = LANGUAGES
            .iter()
            .find(|(tag, ..)| wanted.language.as_str() == *tag)
            .map_or((LANGUAGES[0].0, LANGUAGES[0].2), |(tag, _, texts)| (*tag, *texts));
        Self {
            texts: Arc::new(bundle(found, texts)),
            spare: Arc::new(bundle(LANGUAGES[0].0, LANGUAGES[0].2)),
            tag: found,
            zone,
            has_half_days: has_half_days(&wanted),
        }
    }

    /// Those of the language that the settings name; the system's where they name none. How times are written is the
    /// system's matter in any language.
    pub(crate) fn of_settings(language: &str) -> Self {
        let system = sys_locale::get_locale().unwrap_or_default();
        let tag = if language.is_empty() { &system } else { language };
        let times = times_of(|name| std::env::var(name).ok()).unwrap_or(system.clone());
        Self::of(tag, TimeZone::system()).with_times_of(&times)
    }

    /// With times as they are written in that place, whatever the language is.
    fn with_times_of(self, tag: &str) -> Self {
        Self { has_half_days: has_half_days(&tag.parse().unwrap_or_default()), ..self }
    }

    /// The language's tag.
    #[cfg(test)]
    pub(crate) fn tag(&self) -> &'static str {
        self.tag
    }

    /// Where the reader's clock is set to.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// A text without arguments.
    pub(crate) fn say(&self, key: &str) -> String {
        self.tell(key, &[])
    }

    /// A text with arguments. A key that no language has shows itself, so that it is seen.
    pub(crate) fn tell(&self, key: &str, args: &[(&'static str, Arg<'_>)]) -> String {
        let args: FluentArgs<'_> = args.iter().map(|(name, arg)| (*name, arg.value())).collect();
        let said = [&self.texts, &self.spare].into_iter().find_map(|texts| {
            let pattern = texts.get_message(key)?.value()?;
            Some(texts.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned())
        });
        said.unwrap_or_else(|| key.to_owned())
    }
}

/// Where the clock has twelve hours; elsewhere it has twenty-four.
fn has_half_days(place: &LanguageIdentifier) -> bool {
    let region = place.region.as_ref().map(|region| region.as_str());
    match place.language.as_str() {
        "en" => matches!(region, Some("US" | "CA" | "AU" | "NZ" | "PH" | "IN" | "PK" | "MY")),
        "ar" => matches!(region, Some("EG" | "SA" | "AE" | "JO" | "KW" | "QA")),
        "hi" | "bn" | "ur" | "fil" => true,
        _ => false,
    }
}

/// The tag of the place whose times are wanted, as Unix has it: `LC_ALL`, else `LC_TIME`, else `LANG`; none where nothing
/// is said, as on other systems.
fn times_of(get: impl Fn(&str) -> Option<String>) -> Option<String> {
    let said =
        ["LC_ALL", "LC_TIME", "LANG"].into_iter().filter_map(get).find(|said| !said.is_empty())?;
    let tag = said.split(['.', '@']).next().unwrap_or_default();
    Some(tag.replace('_', "-"))
}

fn bundle(tag: &str, texts: &str) -> FluentBundle<FluentResource> {
    let language: LanguageIdentifier = tag.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // Names of people run from right to left or from left to right: each stands alone in its line, so the marks around
    // arguments would only be seen as boxes in fonts without them.
    bundle.set_use_isolating(false);
    // The tests have read every file: what cannot be read would be a text that is missing, not a reason to end.
    let resource = FluentResource::try_new(texts.to_owned()).unwrap_or_else(|(read, _)| read);
    bundle.add_resource_overriding(resource);
    bundle
}

/// What is put into a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Arg<'a> {
    Text(Cow<'a, str>),
    Count(u64),
}

impl Arg<'_> {
    fn value(&self) -> FluentValue<'_> {
        match self {
            Self::Text(text) => FluentValue::from(text.as_ref()),
            Self::Count(count) => FluentValue::from(*count),
        }
    }
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Arg<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<u64> for Arg<'_> {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for Arg<'_> {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}
