//! The `[[connect]]` rules: when the agent calls by itself.

use serde::{Deserialize, Serialize};

use super::check_budget;
use crate::{
    check::{Invalid, within},
    size::Size,
    span::Span,
};

/// One rule: either `every` or `live`. Every rule that matches may start a visit.
///
/// Only what works is a setting: a key for a later kind of rule is refused until it does something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Calls this often; 1 s to 366 days.
    #[serde(with = "crate::optional")]
    pub every: Option<Span>,
    /// Holds the line.
    pub live: bool,
    /// Bytes that one visit of this rule may cost; none for the one in `[sync]`.
    #[serde(with = "crate::optional")]
    pub budget: Option<Size>,
}

impl Rule {
    /// A rule that calls this often.
    pub fn every(every: Span) -> Self {
        Self { every: Some(every), ..Self::default() }
    }

    /// A rule that holds the line.
    pub fn live() -> Self {
        Self { live: true, ..Self::default() }
    }

    pub(super) fn check(&self, index: usize) -> Result<(), Invalid> {
        let path = |key: &str| format!("connect.{index}.{key}");
        match (self.every, self.live) {
            (None, false) => {
                let problem = "says not when to call; write every = \"15m\" or live = true";
                return Err(Invalid::new(format!("connect.{index}"), problem));
            }
            (Some(_), true) => {
                let problem = "stands beside every; write two [[connect]] rules, one for each";
                return Err(Invalid::new(path("live"), problem));
            }
            (None, true) if self.budget.is_some() => {
                let problem =
                    "limits a visit, but a line that is held has none; remove it, or use every";
                return Err(Invalid::new(path("budget"), problem));
            }
            (Some(every), false) => {
                within(&path("every"), &every, &(Span::from_seconds(1)..=Span::from_days(366)))?;
            }
            (None, true) => {}
        }
        check_budget(&path("budget"), self.budget)
    }
}
