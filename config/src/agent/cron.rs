//! Cron expressions as they are written in settings: five fields, or six with seconds first.

use std::{fmt, str::FromStr};

use croner::parser::{CronParser, Seconds, Year};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::Written;

/// From where it is looked whether an expression ever comes true; which year does not matter.
const EPOCH: DateTime = jiff::civil::date(2026, 1, 1).at(0, 0, 0, 0);

/// The fields, each with the most that it can step by: after that it begins anew.
const FIELDS: [(&str, u32); 6] =
    [("second", 60), ("minute", 60), ("hour", 24), ("day", 31), ("month", 12), ("weekday", 7)];
/// What stands for a whole expression.
const NICKNAMES: &str = "@yearly, @monthly, @weekly, @daily and @hourly";

/// A cron expression that comes true at some time, with the words it was written in. It says nothing of a time zone:
/// who evaluates it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    written: String,
    parsed: croner::Cron,
}

impl Cron {
    /// For whoever evaluates it against a clock.
    #[must_use]
    pub fn parsed(&self) -> &croner::Cron {
        &self.parsed
    }

    /// The first time after `wall`, both in seconds since 1970, by the clocks of `zone`; `None` where there is none any
    /// more.
    #[must_use]
    pub fn next_after(&self, wall: i64, zone: &TimeZone) -> Option<i64> {
        let from = Timestamp::from_second(wall).ok()?.to_zoned(zone.clone());
        let next = self.parsed.find_next_occurrence(&from, false).ok()?.timestamp().as_second();
        (wall < next).then_some(next)
    }

    /// What it says, as an English sentence without its full stop: `At 08:30, on Monday`.
    #[must_use]
    pub fn words(&self) -> String {
        self.parsed.describe().trim_end_matches('.').to_owned()
    }
}

/// What is no cron expression, why, and how one is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{written}\" is no cron expression: {why}; write minute, hour, day, month and weekday (\"30 8 * * Mon-Fri\"), or \
     seconds before them (\"0 30 8 * * Mon-Fri\"), and look at it with: mailboat schedule test"
)]
pub struct CronError {
    written: String,
    why: String,
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(written: &str) -> Result<Self, CronError> {
        let refuse = |why: String| CronError { written: written.to_owned(), why };
        let fields = written.split_whitespace().count();
        if !(written.trim().starts_with('@') || (5..=6).contains(&fields)) {
            let fields =
                if fields == 1 { "1 field".to_owned() } else { format!("{fields} fields") };
            return Err(refuse(format!("it has {fields}")));
        }
        let parsed = parse(written).map_err(|err| refuse(blame(written, &err)))?;
        if let Some(why) = step_too_long(written) {
            return Err(refuse(why));
        }
        match parsed.find_next_occurrence(&EPOCH, true) {
            Ok(_) => Ok(Self { written: written.trim().to_owned(), parsed }),
            Err(_) => Err(refuse("no date ever fits it".to_owned())),
        }
    }
}

fn parse(written: &str) -> Result<croner::Cron, croner::errors::CronError> {
    CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build().parse(written)
}

/// Its fields with what they are called.
fn fields(written: &str) -> impl Iterator<Item = (usize, &str)> {
    let without = FIELDS.len().saturating_sub(written.split_whitespace().count());
    written.split_whitespace().enumerate().map(move |(index, field)| (index + without, field))
}

/// Which field is wrong, and why.
fn blame(written: &str, err: &croner::errors::CronError) -> String {
    if written.trim().starts_with('@') {
        return format!("the names that there are for one are {NICKNAMES}");
    }
    let wrong = fields(written).find_map(|(index, field)| {
        let mut alone = ["*"; FIELDS.len()];
        *alone.get_mut(index)? = field;
        let err = parse(&alone.join(" ")).err()?;
        Some(format!("{} \"{field}\": {}", FIELDS[index].0, why(&err)))
    });
    wrong.unwrap_or_else(|| why(err))
}

/// A step that is longer than what it goes through never comes to its end: it would mean something else than it says.
fn step_too_long(written: &str) -> Option<String> {
    fields(written).find_map(|(index, field)| {
        let (name, most) = *FIELDS.get(index)?;
        let steps = field.split(',').filter_map(|part| part.split_once('/')?.1.parse::<u32>().ok());
        let step = steps.into_iter().find(|step| most < *step)?;
        Some(format!(
            "{name} \"{field}\": it begins anew after {most}, so there is no step of {step} (a rule with every counts on)"
        ))
    })
}

/// The parser's reason without its label and its own full stop.
fn why(err: &croner::errors::CronError) -> String {
    use croner::errors::CronError::{
        ComponentError, EmptyPattern, IllegalCharacters, InvalidPattern,
    };
    let said = match err {
        EmptyPattern => "it is empty".to_owned(),
        InvalidPattern(said) | ComponentError(said) => said.clone(),
        IllegalCharacters(said) => said.replacen("CronPattern contains ", "", 1),
        other => other.to_string(),
    };
    let mut said = said.trim_end_matches('.').chars();
    said.next().map_or_else(String::new, |first| first.to_lowercase().chain(said).collect())
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Serialize for Cron {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cron {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written::new("a cron expression such as \"30 8 * * Mon-Fri\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_fields_six_fields_and_nicknames_are_read() {
        for written in [
            "30 8 * * Mon-Fri",
            "0 30 8 * * Mon-Fri",
            "*/15 * * * *",
            "@daily",
            "0 0 29 2 *",
            "*/60 */24 * * *",
        ] {
            let cron: Cron = written.parse().unwrap();
            assert_eq!(cron.to_string(), written);
            assert!(!cron.words().is_empty());
        }
    }

    #[test]
    fn what_is_no_expression_is_refused_with_the_reason_and_the_remedy() {
        for (written, why) in [
            ("", "it has 0 fields"),
            ("* * *", "it has 3 fields"),
            ("0 0 0 1 1 * 2030", "it has 7 fields"),
            ("61 * * * *", "61"),
            ("0 0 30 2 *", "no date ever fits it"),
            ("x * * * *", "minute \"x\": illegal character 'X'"),
            ("0 22-6 * * *", "hour \"22-6\": range out of bounds"),
            ("0 0 8 32 * *", "day \"32\":"),
            ("@fortnightly", "@daily"),
            ("@reboot", "@yearly, @monthly"),
            ("*/90 * * * *", "minute \"*/90\": it begins anew after 60, so there is no step of 90"),
            ("0 */36 * * *", "hour \"*/36\": it begins anew after 24"),
        ] {
            let err = written.parse::<Cron>().unwrap_err().to_string();
            assert!(err.contains(why) && err.contains("mailboat schedule test"), "{err}");
        }
    }
}
