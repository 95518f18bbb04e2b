//! Why a run ends before everything is done, where nothing failed.

use std::fmt;

use crate::store::{Cause, Told};

/// What is left goes with the next visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The budget is spent.
    Budget,
    /// So many requests were made as there may be.
    Requests,
    /// The time is over.
    Time,
    /// Somebody stopped it.
    Stopped,
    /// What waits here does not fit into what is left of the budget.
    Outbox,
    /// What waits at the relay does not fit into it.
    Mailbox,
    /// There is hardly any room on the disk.
    Disk,
    /// The link's quota is used up.
    Quota,
}

impl Bound {
    fn cause(self) -> Cause {
        match self {
            Self::Budget => Cause::BudgetOver,
            Self::Requests => Cause::RequestsOver,
            Self::Time => Cause::TimeOver,
            Self::Stopped => Cause::Stopped,
            Self::Outbox => Cause::OutboxTooLarge,
            Self::Mailbox => Cause::MailboxTooLarge,
            Self::Disk => Cause::DiskAlmostFull,
            Self::Quota => Cause::QuotaRanOut,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Budget => "the budget is spent: what is left goes with the next visit",
            Self::Requests => {
                "the visit made as many requests as it may: what is left goes with the next"
            }
            Self::Time => "the time for this visit is over: what is left goes with the next",
            Self::Stopped => "the visit was stopped: what is left goes with the next",
            Self::Outbox => {
                "what waits in the outbox does not fit into what is left of this budget"
            }
            Self::Mailbox => "what waits at the relay does not fit into this budget",
            Self::Disk => {
                "the disk is almost full, so nothing was fetched: free some space (nothing is lost, it waits at the relay)"
            }
            Self::Quota => "the quota of this link is used up: what is left waits",
        })
    }
}

impl From<Bound> for Told {
    fn from(bound: Bound) -> Self {
        Self::new(bound.to_string(), bound.cause())
    }
}
