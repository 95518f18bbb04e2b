//! What the agent has codes for, in the reader's language: Fluent texts, and figures as people there write them. For the
//! notifications on the desktop, and for the window, which adds its own texts.
//!
//! The texts lie in `lang/*.ftl`, one file a language, and are part of the program. English has all of them, and a
//! test holds every other language to the same ones with the same arguments. Making a [`Words`] reads them, some milliseconds
//! and some hundred KB: the agent makes one where there is something to say, and drops it.

mod amounts;
mod causes;
mod figures;
mod harmless;
mod news;
#[cfg(test)]
mod tests;
mod told;

use std::{borrow::Cow, fmt, sync::Arc};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use jiff::tz::TimeZone;
use unic_langid::LanguageIdentifier;

pub use self::{
    amounts::{ago_changes_at, bytes_of},
    harmless::{harmless, harmless_lines},
};

/// The languages that there are: tag, texts.
const LANGUAGES: [(&str, &str); 2] =
    [("en", include_str!("../lang/en.ftl")), ("de", include_str!("../lang/de.ftl"))];

/// The texts of one language, and how figures and times are written.
#[derive(Clone)]
pub struct Words {
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
    /// Those of a language tag such as `de-AT`; English where there is none of it.
    #[must_use]
    pub fn of(tag: &str, zone: TimeZone) -> Self {
        Self::with(tag, zone, &[])
    }

    /// The same with further texts: by tag, in Fluent's syntax. English has to be among them.
    #[must_use]
    pub fn with(tag: &str, zone: TimeZone, more: &[(&str, &str)]) -> Self {
        let wanted: LanguageIdentifier = tag.parse().unwrap_or_default();
        let found = LANGUAGES.iter().find(|(tag, _)| wanted.language.as_str() == *tag);
        let (spare, found) = (LANGUAGES[0].0, found.map_or(LANGUAGES[0].0, |(tag, _)| *tag));
        let bundle = |tag: &str| {
            let texts = LANGUAGES.iter().chain(more).filter(|(of, _)| *of == tag);
            Arc::new(bundle(tag, texts.map(|(_, texts)| *texts)))
        };
        let english = bundle(spare);
        Self {
            texts: if found == spare { english.clone() } else { bundle(found) },
            spare: english,
            tag: found,
            zone,
            has_half_days: has_half_days(&wanted),
        }
    }

    /// Those of the language that the settings name, with further texts; the system's where they name none. How times are
    /// written is the system's matter in any language.
    #[must_use]
    pub fn of_settings(language: &str, more: &[(&str, &str)]) -> Self {
        let system = sys_locale::get_locale().unwrap_or_default();
        let tag = if language.is_empty() { &system } else { language };
        let times = times_of(|name| std::env::var(name).ok()).unwrap_or(system.clone());
        Self::with(tag, TimeZone::system(), more).with_times_of(&times)
    }

    /// With times as they are written in that place, whatever the language is.
    #[must_use]
    pub fn with_times_of(self, tag: &str) -> Self {
        Self { has_half_days: has_half_days(&tag.parse().unwrap_or_default()), ..self }
    }

    /// The language's tag.
    #[must_use]
    pub fn tag(&self) -> &'static str {
        self.tag
    }

    /// Where the reader's clock is set to.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// A text without arguments.
    #[must_use]
    pub fn say(&self, key: &str) -> String {
        self.tell(key, &[])
    }

    /// A text with arguments. A key that no language has shows itself, so that it is seen.
    #[must_use]
    pub fn tell(&self, key: &str, args: &[(&'static str, Arg<'_>)]) -> String {
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

fn bundle<'t>(tag: &str, all: impl Iterator<Item = &'t str>) -> FluentBundle<FluentResource> {
    let language: LanguageIdentifier = tag.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // Names of people run from right to left or from left to right: each stands alone in its line, so the marks around
    // arguments would only be seen as boxes in fonts without them.
    bundle.set_use_isolating(false);
    // The tests have read every file: what cannot be read would be a text that is missing, not a reason to end.
    for texts in all {
        let resource = FluentResource::try_new(texts.to_owned()).unwrap_or_else(|(read, _)| read);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

/// What is put into a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg<'a> {
    /// As it stands.
    Text(Cow<'a, str>),
    /// By which a text may choose between one and many.
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
