//! When messages leave and arrive, in words and fields.

use config::agent::{Direction, Priority, Rule};

use super::{
    Session,
    out::{interval, safe},
    scope::when_you_call,
};
use crate::{
    control::{Failure, departures},
    schedule::Scope,
    store::{MemberRow, OutboxRow, OutboxState, PresenceNow, Reader, Reliability},
};

/// Who calls by himself.
pub(super) struct Calls {
    /// The line is held.
    is_live: bool,
    rules: Vec<Rule>,
}

impl Session<'_> {
    /// What has not arrived, with when it should.
    pub(super) fn expected(&self, reader: &Reader) -> Result<(Vec<OutboxRow>, Calls), Failure> {
        let status = self.agent_status()?.unwrap_or_default();
        let rows = reader.expected(&departures(&status))?;
        Ok((rows, Calls { is_live: status["link"] == "live", rules: self.rules() }))
    }

    /// The rules; none where the settings cannot be read, which whoever calls is told.
    pub(super) fn rules(&self) -> Vec<Rule> {
        self.settings().map(|settings| settings.connect).unwrap_or_default()
    }

    /// What is to be said of a row beside its state.
    pub(super) fn prospect(&self, row: &OutboxRow, calls: &Calls) -> String {
        match (row.state, row.reason.as_str()) {
            (OutboxState::Queued, "") => {
                let goes = match row.leaves {
                    _ if calls.is_live => "goes at once".to_owned(),
                    Some(at) => format!("goes {}", self.out.when(at)),
                    None => {
                        let (direction, min_priority) = (Direction::Up, priority(row));
                        let wanted = Scope { direction, min_priority };
                        return format!("goes {}", when_you_call(&calls.rules, wanted));
                    }
                };
                if says(row) { format!("{goes}; {}", self.arrives(row)) } else { goes }
            }
            (OutboxState::Relayed, "") => format!("at the relay; {}", self.arrives(row)),
            (_, reason) => safe(reason, false),
        }
    }

    fn arrives(&self, row: &OutboxRow) -> String {
        let now = self.out.now.as_second();
        let (Some(from), Some(to)) = (row.arrives_from, row.arrives_to) else {
            return "when it arrives is not known yet".to_owned();
        };
        let right = row.reliability.map(right).unwrap_or_default();
        if to < now {
            return format!("was expected by {}{right}", interval(to, to, now, &self.out.zone));
        }
        format!("there {}{right}", interval(from, to, now, &self.out.zone))
    }

    /// Why something will hardly be delivered in its time, if so.
    pub(super) fn doubt(&self, row: &OutboxRow) -> Option<String> {
        let before = row.deliver_before?;
        let now = self.out.now.as_second();
        let at = |at| interval(at, at, now, &self.out.zone);
        match (row.leaves, row.arrives_from) {
            (Some(leaves), _) if before <= leaves => {
                Some(format!("it leaves here {}, after its time is over", at(leaves)))
            }
            (_, Some(from)) if before <= from => Some(format!(
                "{} is not expected before {}: its time will probably be over",
                safe(&row.to, false),
                at(from)
            )),
            _ => None,
        }
    }

    /// Who is there, or was.
    pub(super) fn presence(&self, row: &MemberRow) -> String {
        match (row.blocked, row.presence, row.last_seen) {
            (true, ..) => "blocked".to_owned(),
            (_, PresenceNow::Reachable, _) => "reachable now".to_owned(),
            (_, PresenceNow::Away, _) => "away, the computer is on".to_owned(),
            (_, PresenceNow::Offline, Some(at)) => format!("last seen {}", self.out.when(at)),
            (_, PresenceNow::Offline, None) => "not seen yet".to_owned(),
        }
    }

    pub(super) fn next_call(&self, row: &MemberRow) -> String {
        let now = self.out.now.as_second();
        match row.next_call {
            None => "-".to_owned(),
            Some(at) if row.overdue => {
                format!("was expected {}", interval(at, at, now, &self.out.zone))
            }
            Some(at) if at < now => "-".to_owned(),
            Some(at) => format!("expected {}", self.out.when(at)),
        }
    }
}

/// From which class on a call takes it: what is no message goes with any.
fn priority(row: &OutboxRow) -> Priority {
    if row.urgent || !says(row) { Priority::Urgent } else { Priority::Ordinary }
}

/// Whether it is something that others receive.
fn says(row: &OutboxRow) -> bool {
    matches!(row.action, "text" | "reply" | "edit" | "delete")
}

fn right(is: Reliability) -> String {
    match (is.total, is.overall_total) {
        (0, 0) => " (no experience yet)".to_owned(),
        (0, total) => format!(" (right {} of {total} times, with others)", is.overall_inside),
        (total, _) => format!(" (right {} of {total} times)", is.inside),
    }
}
