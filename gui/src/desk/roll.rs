//! What the portal lists, put in order once when the store was read and not with every frame: ten thousand members take
//! as long to sort as a frame may take.

use std::collections::HashMap;

use agent::store::{MemberRow, PresenceNow, RollRow};

/// Where a row stands in what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A conversation; with the other one's member row where it is between two.
    Conversation { at: usize, member: Option<usize> },
    /// A member whom no conversation is with.
    Member(usize),
}

/// The order of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// Requests of others that wait for an answer of ours, oldest first.
    pub(crate) requests: Vec<usize>,
    /// Requests of ours that wait for theirs, or were refused.
    pub(crate) asked: Vec<usize>,
    /// Conversations by their newest message, then members: who is there, then by name.
    pub(crate) entries: Vec<Entry>,
    /// What the search looks in, row by row of `entries`: lower case.
    pub(crate) names: Vec<String>,
}

impl Order {
    /// Puts these in order.
    pub(crate) fn of(roll: &[RollRow], members: &[MemberRow]) -> Self {
        let by_name: HashMap<&str, usize> =
            members.iter().enumerate().map(|(at, member)| (member.name.as_str(), at)).collect();
        let mut order = Self::default();
        let mut is_listed = vec![false; members.len()];
        for (at, row) in roll.iter().enumerate() {
            let member = row.pair.then(|| by_name.get(row.title.as_str()).copied()).flatten();
            match part_of(row) {
                Part::Request => order.requests.push(at),
                Part::Asked => order.asked.push(at),
                Part::Entry => order.entries.push(Entry::Conversation { at, member }),
                Part::Over => continue,
            }
            if let Some(member) = member {
                is_listed[member] = true;
            }
        }
        // The roll begins with the newest.
        order.requests.reverse();
        let mut others: Vec<usize> = (0..members.len()).filter(|at| !is_listed[*at]).collect();
        others.sort_by_key(|at| rank(&members[*at]));
        order.entries.extend(others.into_iter().map(Entry::Member));
        order.names = order.entries.iter().map(|entry| searched(*entry, roll, members)).collect();
        order
    }
}

/// The roster comes by name, and sorting keeps that.
fn rank(member: &MemberRow) -> u8 {
    match member.presence {
        _ if member.blocked => 3,
        PresenceNow::Reachable => 0,
        PresenceNow::Away => 1,
        PresenceNow::Offline => 2,
    }
}

enum Part {
    Request,
    Asked,
    Entry,
    /// Nothing to show any more.
    Over,
}

fn part_of(row: &RollRow) -> Part {
    // A conversation of two in which the other one has not answered our request.
    let is_asked = row.pair && row.unanswered && row.inviter.is_empty() && row.last.is_none();
    match (row.state, row.pending) {
        (_, Some("decline" | "withdraw")) => Part::Over,
        ("invited", Some("accept")) => Part::Entry,
        ("invited", _) => Part::Request,
        ("asking" | "refused", _) => Part::Asked,
        ("member", _) if is_asked => Part::Asked,
        ("declined" | "withdrawn" | "expired", _) if row.last.is_none() => Part::Over,
        _ => Part::Entry,
    }
}

fn searched(entry: Entry, roll: &[RollRow], members: &[MemberRow]) -> String {
    match entry {
        Entry::Member(at) => members[at].name.to_lowercase(),
        Entry::Conversation { at, .. } => {
            let row = &roll[at];
            let names = if row.pair { String::new() } else { row.names.join(" ") };
            format!("{} {names}", row.title).to_lowercase()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::scene::{member, roll_row};

    #[test]
    fn requests_stand_apart_and_everybody_is_listed_once() {
        let mut roll = vec![
            roll_row("c1", "bob", 2),
            roll_row("c2", "mika", 1),
            roll_row("c3", "Crew", 0),
            roll_row("c4", "ella", 0),
            roll_row("c5", "fay", 0),
            roll_row("c6", "gus", 0),
        ];
        (roll[1].state, roll[1].inviter) = ("invited", "mika".to_owned());
        roll[2].pair = false;
        roll[3].state = "asking";
        roll[5].state = "declined";
        let mut there = member("zoe");
        there.presence = PresenceNow::Reachable;
        let members = [member("adam"), member("bob"), member("ella"), member("gus"), there];
        roll[4].unanswered = true;
        let order = Order::of(&roll, &members);
        assert_eq!(order.requests, [1]);
        assert_eq!(order.asked, [3, 4]);
        let listed = [
            Entry::Conversation { at: 0, member: Some(1) },
            Entry::Conversation { at: 2, member: None },
            Entry::Member(4),
            Entry::Member(0),
            Entry::Member(3),
        ];
        assert_eq!(order.entries, listed);
        assert_eq!(order.names.len(), listed.len());
    }

    #[test]
    fn what_was_accepted_here_is_a_conversation_before_the_relay_knows() {
        let mut roll = vec![roll_row("c1", "mika", 0)];
        (roll[0].state, roll[0].pending) = ("invited", Some("accept"));
        assert_eq!(Order::of(&roll, &[]).entries.len(), 1);
        roll[0].pending = Some("decline");
        assert_eq!(Order::of(&roll, &[]), Order::default());
    }
}
