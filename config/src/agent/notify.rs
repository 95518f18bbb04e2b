//! What the agent shows on the desktop: `[notify]` and its `[[notify.source]]` rules.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    check::{self, Invalid, within},
    text::Written,
};

/// Rules for sources that are kept at most.
const SOURCES_MAX: usize = 256;
/// Windows of quiet hours that are kept at most.
const QUIET_MAX: usize = 16;
/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// What is shown on the desktop, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// Shows notifications where the desktop has a service for them.
    pub enabled: bool,
    /// The least priority that is shown, where no source says otherwise.
    pub min_priority: MinPriority,
    /// What a notification gives away of what was written.
    pub preview: Preview,
    /// Local times of the day in which nothing is shown; one digest tells it when they end.
    pub quiet_hours: Vec<QuietHours>,
    /// Shows urgent messages in quiet hours too.
    pub urgent_breaks_quiet: bool,
    /// Conversations with news at once beyond which one digest stands for all of them; 1 to 20.
    pub digest_after: u32,
    /// What a click runs: a program and its arguments, without a shell; the window, unless set. Empty: nothing.
    pub open_program: Vec<String>,
    /// Other rules for single people and conversations; the first that fits holds.
    pub source: Vec<Source>,
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            enabled: true,
            min_priority: MinPriority::Ordinary,
            preview: Preview::Text,
            quiet_hours: Vec::new(),
            urgent_breaks_quiet: true,
            digest_after: 3,
            open_program: ["mailboat-gui", "--open", "{conversation}"].map(str::to_owned).into(),
            source: Vec::new(),
        }
    }
}

impl Notify {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        within("notify.digest_after", &self.digest_after, &(1..=20))?;
        within("notify.quiet_hours", &self.quiet_hours.len(), &(0..=QUIET_MAX))?;
        within("notify.source", &self.source.len(), &(0..=SOURCES_MAX))?;
        let example = "[] for none, or [\"mailboat-gui\"]";
        check::program("notify.open_program", &self.open_program, example)?;
        self.source.iter().enumerate().try_for_each(|(index, source)| source.check(index))
    }
}

/// From which priority on something is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MinPriority {
    /// Everything.
    #[default]
    Ordinary,
    /// Only what was sent as urgent.
    Urgent,
    /// Nothing.
    Never,
}

/// What a notification gives away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preview {
    /// Who wrote, and the first words.
    #[default]
    Text,
    /// Who wrote, and how much.
    Name,
    /// Only that there is something.
    None,
}

/// A rule for one person or one conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Source {
    /// Name of an account: what it writes, in any conversation, and its requests. Empty where `conversation` stands.
    pub person: String,
    /// Id of a conversation, such as `c3`. Empty where `person` stands.
    pub conversation: String,
    /// The least priority of it that is shown.
    pub min_priority: MinPriority,
}

impl Source {
    fn check(&self, index: usize) -> Result<(), Invalid> {
        let path = |key: &str| format!("notify.source.{index}.{key}");
        match (self.person.is_empty(), self.conversation.is_empty()) {
            (true, true) => {
                let problem =
                    "says not whom it is for; write person = \"ben\" or conversation = \"c3\"";
                Err(Invalid::new(format!("notify.source.{index}"), problem))
            }
            (false, false) => {
                let problem =
                    "stands beside person; write two [[notify.source]] rules, one for each";
                Err(Invalid::new(path("conversation"), problem))
            }
            (true, false) if !is_conversation(&self.conversation) => {
                let problem = format!(
                    "\"{}\" is no id of a conversation; expected one such as \"c3\", see mailboat conversations",
                    self.conversation
                );
                Err(Invalid::new(path("conversation"), problem))
            }
            _ => Ok(()),
        }
    }
}

fn is_conversation(id: &str) -> bool {
    id.strip_prefix('c').is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Part of a day by the local clock, over midnight where it ends before it begins: `22:00-07:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// Its first minute, counted from midnight.
    pub from_min: u16,
    /// The first minute after it, counted from midnight.
    pub to_min: u16,
}

impl QuietHours {
    /// Whether the minute of the day lies in it.
    pub const fn holds(self, minute: u16) -> bool {
        if self.from_min < self.to_min {
            self.from_min <= minute && minute < self.to_min
        } else {
            self.from_min <= minute || minute < self.to_min
        }
    }
}

/// What is no part of a day, with how it is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{written}\" is no part of a day; write it as \"22:00-07:00\", by the local clock")]
pub struct QuietHoursError {
    written: String,
}

impl FromStr for QuietHours {
    type Err = QuietHoursError;

    fn from_str(written: &str) -> Result<Self, QuietHoursError> {
        let parse = || {
            let (from, to) = written.split_once('-')?;
            let (from_min, to_min) = (minute(from)?, minute(to)? % DAY);
            // Neither an empty part nor a whole day: `enabled = false` says that.
            (from_min < DAY && from_min != to_min).then_some(Self { from_min, to_min })
        };
        parse().ok_or_else(|| QuietHoursError { written: written.to_owned() })
    }
}

/// `7:30` as minutes from midnight; `24:00` is the end of the day.
fn minute(written: &str) -> Option<u16> {
    let (hour, minute) = written.trim().split_once(':')?;
    let digits = |text: &str, most: usize| {
        (!text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<u16>().ok())?
    };
    let (hour, minute) = (digits(hour, 2)?, (minute.len() == 2).then(|| digits(minute, 2))??);
    (minute < 60 && (hour < 24 || (hour, minute) == (24, 0))).then_some(hour * 60 + minute)
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from_min, to_min } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from_min / 60, from_min % 60, to_min / 60, to_min % 60)
    }
}

impl Serialize for QuietHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for QuietHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Written::new("a part of the day such as \"22:00-07:00\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_are_read_shown_and_read_again() {
        for (written, shown) in [
            ("22:00-07:00", "22:00-07:00"),
            ("7:30 - 8:05", "07:30-08:05"),
            ("00:00-24:00", ""),
            ("12:00-24:00", "12:00-00:00"),
        ] {
            let hours = written.parse::<QuietHours>();
            if shown.is_empty() {
                assert!(hours.is_err(), "{written}");
                continue;
            }
            let hours = hours.unwrap();
            assert_eq!(hours.to_string(), shown);
            assert_eq!(shown.parse(), Ok(hours));
        }
    }

    #[test]
    fn what_is_no_part_of_a_day_is_refused_with_the_way_to_write_it() {
        for written in [
            "",
            "22-07",
            "22:00",
            "25:00-07:00",
            "22:0-07:00",
            "07:00-07:00",
            "-1:00-2:00",
            "24:00-07:00",
        ] {
            let err = written.parse::<QuietHours>().expect_err(written).to_string();
            assert!(err.contains("\"22:00-07:00\""), "{err}");
        }
    }

    #[test]
    fn quiet_hours_may_go_over_midnight() {
        let night: QuietHours = "22:00-07:00".parse().unwrap();
        assert!(night.holds(22 * 60) && night.holds(0) && night.holds(7 * 60 - 1));
        assert!(!night.holds(7 * 60) && !night.holds(22 * 60 - 1));
        let noon: QuietHours = "12:00-13:00".parse().unwrap();
        assert!(noon.holds(12 * 60) && !noon.holds(13 * 60) && !noon.holds(0));
    }
}
