//! `[hooks]`: programs of the user's own that run when something happens.

use serde::{Deserialize, Serialize};

use crate::{
    check::{self, Invalid, within},
    span::Span,
};

/// Programs and their arguments, without a shell. Empty: nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hooks {
    /// Runs for each message and request that comes.
    pub on_message: Vec<String>,
    /// Runs after each visit.
    pub on_visit_end: Vec<String>,
    /// Runs before each visit; exit code 1 means not now.
    pub before_connect: Vec<String>,
    /// How long each run may take.
    pub timeout: Span,
}

impl Default for Hooks {
    fn default() -> Self {
        Self {
            on_message: Vec::new(),
            on_visit_end: Vec::new(),
            before_connect: Vec::new(),
            timeout: Span::from_seconds(30),
        }
    }
}

impl Hooks {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        let programs = [
            ("on_message", &self.on_message),
            ("on_visit_end", &self.on_visit_end),
            ("before_connect", &self.before_connect),
        ];
        for (key, program) in programs {
            let example = "[] for none, or [\"notify-me\", \"--loud\"]";
            check::program(&format!("hooks.{key}"), program, example)?;
        }
        let (least, most) = (Span::from_seconds(1), Span::from_minutes(60));
        within("hooks.timeout", &self.timeout, &(least..=most))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_hook_names_a_program_and_ends_in_time() {
        for (text, expected) in [
            (
                "[hooks]\non_message = [\"\"]",
                "agent.toml line 2: setting \"on_message\" in [hooks]: names no program; write [] for none, or [\"notify-me\", \"--loud\"]",
            ),
            (
                "[hooks]\non_message = [\"~/bin/tell\"]",
                "agent.toml line 2: setting \"on_message\" in [hooks]: \"~/bin/tell\" begins with what only a shell replaces, and none reads this; write the whole path",
            ),
            (
                "[hooks]\non_visit = []",
                "agent.toml line 2: unknown setting \"on_visit\" in [hooks]; did you mean \"on_visit_end\"?",
            ),
            (
                "[hooks]\ntimeout = \"0s\"",
                "agent.toml line 2: setting \"timeout\" in [hooks]: 0s is out of range; expected 1s to 1h",
            ),
        ] {
            let read = crate::load::parse::<crate::AgentSettings>("agent.toml".as_ref(), text);
            assert_eq!(read.unwrap_err().to_string(), expected);
        }
    }
}
