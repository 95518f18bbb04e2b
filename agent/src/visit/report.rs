//! What a visit came to, for those who decide what comes next.

use crate::{
    link::LinkError,
    schedule::{Cost, Ending},
    store::Waiting,
    sync::{Ended, Outcome, OutcomeKind, SyncError},
};

/// What a visit came to.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// For whoever asked, and the ledger.
    pub(crate) outcome: Outcome,
    /// For the timetable.
    pub(crate) ending: Ending,
    /// The same, in bytes.
    pub(crate) cost: Cost,
    /// What its own link could not be used for, in words for the user: the dial program failed, or nobody answered
    /// behind it. `None` where that went well, or there is no such program.
    pub(crate) trouble: Option<String>,
}

impl Report {
    /// Of a visit that was not made, because something forbids it.
    pub(crate) fn refused(words: String) -> Self {
        let Self { outcome, cost, .. } = Self::broken();
        Self { outcome: Outcome { words, ..outcome }, ending: Ending::Bounded, cost, trouble: None }
    }

    /// Of a visit that panicked: a fault of ours, but not the end of the agent.
    pub(crate) fn broken() -> Self {
        let words = "the visit failed for a reason of our own; the agent's log says more";
        let outcome = Outcome {
            outcome: OutcomeKind::Refused,
            sent: 0,
            received: 0,
            bytes_up: 0,
            bytes_down: 0,
            requests: 0,
            held: Waiting::default(),
            words: words.to_owned(),
            retry_after_s: None,
        };
        let (ending, cost) = (Ending::Failed { wait_s: None }, Cost::default());
        Self { outcome, ending, cost, trouble: None }
    }
}

/// How the timetable has to take the end of a visit's last run.
pub(super) fn ending(end: &Result<Ended, SyncError>, may_cost_more: bool) -> Ending {
    match end {
        Ok(Ended::Done) => Ending::Done,
        Ok(Ended::Partial(_)) => Ending::Bounded,
        Ok(Ended::Stopped(stop)) => {
            Ending::Failed { wait_s: Some(stop.retry_after_s).filter(|wait| *wait != 0) }
        }
        // Nothing more fits into its budget; what was cut by a trial's limit is another matter.
        Err(SyncError::Link(LinkError::BudgetSpent)) if !may_cost_more => Ending::Bounded,
        Err(err) => Ending::Failed { wait_s: err.retry_after_s() },
    }
}
