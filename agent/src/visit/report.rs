//! What a visit came to, for those who decide what comes next.

use crate::{
    link::LinkError,
    schedule::{Cost, Ending},
    store::{Cause, Told, Waiting},
    sync::{Bound, Ended, Outcome, OutcomeKind, SyncError},
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
    /// What its own link could not be used for: the dial program failed, or nobody answered
    /// behind it. `None` where that went well, or there is no such program.
    pub(crate) trouble: Option<Told>,
    /// How the program that takes the link down went: what is wrong; `None` where none was run, or where nobody
    /// knows what its failure means, because there may have been no link any more.
    pub(crate) hangup: Option<Result<(), Told>>,
    /// Somebody else answered, who wants a login first: what was found.
    pub(crate) portal: Option<Told>,
    /// The other end did not show the relay's own key: what was found.
    pub(crate) impostor: Option<Told>,
    /// The call was not made: the user's program said why.
    pub(crate) veto: Option<Told>,
}

impl Report {
    /// Of a visit that was not made, because something forbids it.
    pub(crate) fn refused(why: Told) -> Self {
        let Self { outcome, cost, .. } = Self::broken();
        Self::of(outcome.saying(why), Ending::Bounded, cost)
    }

    pub(super) fn of(outcome: Outcome, ending: Ending, cost: Cost) -> Self {
        let (trouble, hangup, portal, impostor, veto) = (None, None, None, None, None);
        Self { outcome, ending, cost, trouble, hangup, portal, impostor, veto }
    }

    /// Of a call that was not made. `held` is what waits at the relay.
    pub(super) fn not_now(why: Told, held: Waiting) -> Self {
        let outcome = Outcome { outcome: OutcomeKind::NotNow, held, ..Self::broken().outcome };
        let outcome = outcome.saying(why.clone());
        Self { veto: Some(why), ..Self::of(outcome, Ending::NotNow, Cost::default()) }
    }

    /// Of a call that was stopped before it was made. `held` is what waits at the relay.
    pub(super) fn stopped(held: Waiting) -> Self {
        let report = Self::not_now(Bound::Stopped.into(), held);
        Self { veto: None, ending: Ending::Bounded, ..report }
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
            cause: Some(Cause::Internal),
            retry_after_s: None,
        };
        Self::of(outcome, Ending::Failed { wait_s: None }, Cost::default())
    }
}

/// Whether the answer was that of a login page: a redirection, or a page where a relay's answer should be.
pub(super) fn portal(end: &Result<Ended, SyncError>) -> bool {
    matches!(end, Err(SyncError::Link(LinkError::NotARelay { status: Some(200..=399 | 511), .. })))
}

/// Whether the other end failed to show the key by which the relay is known.
pub(super) fn impostor(end: &Result<Ended, SyncError>) -> bool {
    matches!(end, Err(SyncError::Link(LinkError::Tls { fault, .. })) if fault.is_about_key())
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

#[cfg(test)]
mod tests {
    use wire::{Stop, StopReason};

    use super::*;

    #[test]
    fn a_visit_that_spent_its_budget_is_over_and_one_that_only_a_trial_ended_has_failed() {
        let spent = Err(SyncError::Link(LinkError::BudgetSpent));
        assert_eq!(ending(&spent, false), Ending::Bounded);
        assert_eq!(ending(&spent, true), Ending::Failed { wait_s: None });
        assert_eq!(ending(&Err(SyncError::Unfinished), false), Ending::Failed { wait_s: None });
    }

    #[test]
    fn a_relay_that_takes_no_more_is_called_again_when_it_wants_that() {
        for (retry_after_s, wait_s) in [(30, Some(30)), (0, None)] {
            let stop = Stop { reason: StopReason::Rate, words: String::new(), retry_after_s };
            assert_eq!(ending(&Ok(Ended::Stopped(stop)), true), Ending::Failed { wait_s });
        }
    }
}
