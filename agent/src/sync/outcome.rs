//! What a visit came to, as scripts and people see it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Ended, SyncError, cause::chain};
use crate::store::{Cause, Told, VisitEnd, Waiting};

/// Counts of a visit, over all its attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Own items that the relay took.
    pub sent: u64,
    /// Own items that it answered for, refused ones among them.
    pub answered: u64,
    /// Messages and chat requests that came.
    pub received: u64,
    /// Requests made.
    pub requests: u32,
    /// Bytes of request bodies.
    pub request_bytes: u64,
    /// Of these, what messages took: compressed together with the rest, so in proportion.
    pub request_messages: u64,
    /// Bytes of answer bodies that were read.
    pub answer_bytes: u64,
    /// Of these, what messages took.
    pub answer_messages: u64,
    /// Bytes of the bodies of messages that came, before compression.
    pub message_bytes: u64,
    /// Exchanges that came to their `Done`.
    pub done: u32,
}

impl Progress {
    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.received += other.received;
        self.requests += other.requests;
        self.request_bytes += other.request_bytes;
        self.request_messages += other.request_messages;
        self.answer_bytes += other.answer_bytes;
        self.answer_messages += other.answer_messages;
        self.message_bytes += other.message_bytes;
        self.done += other.done;
    }
}

/// How a visit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// Everything went, and nothing waits at the relay.
    Done,
    /// Something is left.
    Partial,
    /// The relay was not reached.
    NoLink,
    /// The relay, or this computer, would not.
    Refused,
    /// The call was not made: the user's own program said not now.
    NotNow,
}

impl OutcomeKind {
    /// The name that scripts see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partial => "partial",
            Self::NoLink => "no_link",
            Self::Refused => "refused",
            Self::NotNow => "not_now",
        }
    }
}

/// What a visit came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// How it ended.
    pub outcome: OutcomeKind,
    /// Own items that the relay took; what it refused is not among them.
    pub sent: u64,
    /// Messages and chat requests that came.
    pub received: u64,
    /// Bytes written to the socket.
    pub bytes_up: u64,
    /// Bytes read from the socket.
    pub bytes_down: u64,
    /// Requests made.
    pub requests: u32,
    /// What the relay still keeps for this device, as it said last.
    pub held: Waiting,
    /// What failed and what to do about it; empty when done.
    pub words: String,
    /// What those say, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// When the relay wants to be asked again, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
}

impl Outcome {
    /// The outcome of a visit: what `progress` counted, how its last run ended, what the socket saw (up, down), and what
    /// the store knows to wait at the relay.
    #[must_use]
    pub fn new(
        progress: &Progress,
        end: &Result<Ended, SyncError>,
        moved: (u64, u64),
        held: Waiting,
    ) -> Self {
        let (outcome, told, retry_after_s) = judge(progress, end);
        Self {
            outcome,
            sent: progress.sent,
            received: progress.received,
            bytes_up: moved.0,
            bytes_down: moved.1,
            requests: progress.requests,
            held,
            words: told.words,
            cause: told.cause,
            retry_after_s,
        }
    }

    /// The same, but this is what failed.
    #[must_use]
    pub fn saying(self, why: Told) -> Self {
        Self { words: why.words, cause: why.cause, ..self }
    }

    /// What failed.
    #[must_use]
    pub fn told(&self) -> Told {
        Told { words: self.words.clone(), cause: self.cause.clone() }
    }

    /// The same for the ledger.
    #[must_use]
    pub fn ledger(&self, progress: &Progress, round_trips: u64) -> VisitEnd {
        VisitEnd {
            bytes_up: self.bytes_up,
            bytes_down: self.bytes_down,
            requests: u64::from(self.requests),
            round_trips,
            sent: self.sent,
            received: self.received,
            outcome: self.outcome.name(),
            told: self.told(),
            by_kind: by_kind((self.bytes_up, self.bytes_down), progress),
            ..VisitEnd::default()
        }
    }
}

/// What the bytes at the socket were (up, down): messages; control (greetings, answers, receipts, requests to chat,
/// lists); and overhead, which is what carries them: TLS, HTTP, proxies, and attempts that came to nothing.
#[must_use]
pub fn by_kind(moved: (u64, u64), progress: &Progress) -> BTreeMap<String, u64> {
    let ways = [
        ("up", moved.0, progress.request_bytes, progress.request_messages),
        ("down", moved.1, progress.answer_bytes, progress.answer_messages),
    ];
    let mut kinds = BTreeMap::new();
    for (way, moved, bodies, messages) in ways {
        // A request that was cut did not leave whole.
        let body = bodies.min(moved);
        let messages = share(body, messages, bodies);
        kinds.insert(format!("messages_{way}"), messages);
        kinds.insert(format!("control_{way}"), body - messages);
        kinds.insert(format!("overhead_{way}"), moved - body);
    }
    kinds
}

/// So much of `bytes` as `part` is of `whole`; at most all of it.
pub(super) fn share(bytes: u64, part: u64, whole: u64) -> u64 {
    let part = u128::from(part.min(whole));
    let share = (u128::from(bytes) * part).checked_div(u128::from(whole)).unwrap_or_default();
    u64::try_from(share).unwrap_or(bytes)
}

fn judge(progress: &Progress, end: &Result<Ended, SyncError>) -> (OutcomeKind, Told, Option<u32>) {
    match end {
        Ok(Ended::Done) => (OutcomeKind::Done, Told::default(), None),
        Ok(Ended::Partial(bound)) => (OutcomeKind::Partial, (*bound).into(), None),
        Ok(Ended::Stopped(stop)) => {
            let words = if stop.words.is_empty() {
                "the relay takes no more for now"
            } else {
                &*stop.words
            };
            let (reason, said) = (stop.reason.into(), stop.words.clone());
            let told = Told::new(words, Cause::RelayStopped { reason, said });
            (OutcomeKind::Partial, told, Some(stop.retry_after_s).filter(|s| *s != 0))
        }
        Err(err) => {
            let moved_something =
                0 < progress.done || 0 < progress.answered || 0 < progress.received;
            let kind = match err {
                err if moved_something && !matches!(err, SyncError::Store(_)) => {
                    OutcomeKind::Partial
                }
                SyncError::Link(crate::link::LinkError::BudgetSpent) => OutcomeKind::Partial,
                err if err.is_no_link() => OutcomeKind::NoLink,
                SyncError::Link(crate::link::LinkError::Refused { .. }) => OutcomeKind::NoLink,
                _ => OutcomeKind::Refused,
            };
            (kind, Told::new(describe(err), err.into()), err.retry_after_s())
        }
    }
}

/// The whole chain of causes, and the remedy behind it.
fn describe(err: &SyncError) -> String {
    let words = chain(err);
    match err.remedy() {
        "" => words,
        remedy => format!("{words}. {remedy}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_bytes_add_up_to_what_the_socket_saw() {
        let progress = Progress {
            request_bytes: 1_000,
            request_messages: 900,
            answer_bytes: 300,
            answer_messages: 0,
            ..Progress::default()
        };
        for (up, down) in [(1_500, 800), (400, 0), (0, 0), (1_000, 300)] {
            let kinds = by_kind((up, down), &progress);
            let sum = |way: &str| -> u64 {
                kinds.iter().filter(|(name, _)| name.ends_with(way)).map(|(_, bytes)| bytes).sum()
            };
            assert_eq!((sum("_up"), sum("_down")), (up, down), "{kinds:?}");
        }
        let cut = by_kind((400, 0), &progress);
        assert_eq!((cut["messages_up"], cut["control_up"], cut["overhead_up"]), (360, 40, 0));
    }
}
