//! The rows of an answer one by one, and which of them may share a packet.
//!
//! **Invariant:** what a stranger wrote, names and titles, and message texts never share a packet:
//! each is compressed by itself, so nobody's guess changes the size of somebody else's text.

use wire::{
    Answered, Cursors, Deliveries, Delivery, Entry, Frame, Lane, Latest, MemberState, Presence,
    PresenceRow, Run, limits::FRAME_ROWS_MAX,
};

/// One row of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// What became of the device's own items from this number on.
    Run(u64, Run),
    /// An entry of lane latest, at its position.
    Latest(u64, Entry),
    /// A message of lane urgent or ordinary.
    Mail(Lane, Delivery),
    /// A contact's presence, with the version at which it changed.
    Presence(u64, PresenceRow),
}

/// Whose words a row carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Words {
    /// Nobody's.
    None,
    /// Names and titles of the roster.
    Names,
    /// Message text.
    Text,
    /// A stranger's greeting.
    Greeting,
}

impl Unit {
    /// The mailbox lane that it belongs to.
    pub(super) fn lane(&self) -> Option<Lane> {
        match self {
            Self::Latest(..) => Some(Lane::Latest),
            Self::Mail(lane, _) => Some(*lane),
            Self::Run(..) | Self::Presence(..) => None,
        }
    }

    /// Moves the cursor of its lane past it.
    pub(super) fn pass(&self, cursors: &mut Cursors) {
        match self {
            Self::Latest(position, _) => cursors.latest = *position,
            Self::Mail(lane, delivery) => *cursors.of_mut(*lane) = delivery.position,
            Self::Run(..) | Self::Presence(..) => {}
        }
    }

    /// More bytes than it takes in a packet.
    pub(super) fn size_max(&self) -> usize {
        /// Kind, length, position, and a share of the packet's header and table of names.
        const FRAMING: usize = 32;
        FRAMING
            + match self {
                Self::Run(_, Run::Refused { words, .. }) => 8 + words.len(),
                Self::Run(..) => 24,
                Self::Latest(_, entry) => entry_size_max(entry),
                // Columns: conversation, author and its account, n, c, age, kind, length.
                Self::Mail(_, delivery) => 56 + delivery.body.len(),
                Self::Presence(..) => presence_size(9, 4),
            }
    }

    fn words(&self) -> Words {
        match self {
            Self::Mail(..) => Words::Text,
            Self::Run(..) | Self::Presence(..) => Words::None,
            Self::Latest(_, entry) => match entry {
                Entry::Conversation { mine: MemberState::Invited, .. } => Words::Greeting,
                Entry::Receipt { .. }
                | Entry::Counts { .. }
                | Entry::Expired { .. }
                | Entry::Lapsed { .. }
                | Entry::LapsedDevice { .. } => Words::None,
                _ => Words::Names,
            },
        }
    }
}

fn entry_size_max(entry: &Entry) -> usize {
    match entry {
        Entry::Contact { name, .. } => 24 + name.len(),
        Entry::Conversation { title, inviter_name, greeting, .. } => {
            64 + title.len() + inviter_name.len() + greeting.len()
        }
        Entry::Member { name, .. } => 40 + name.len(),
        Entry::Unknown { body, .. } => 8 + body.len(),
        _ => 48,
    }
}

fn presence_size(account: usize, time: usize) -> usize {
    account + 1 + 2 * (1 + time)
}

/// How many of the first rows may stand in one packet.
pub(super) fn sharing(units: &[Unit]) -> usize {
    let mut found = Words::None;
    for (index, unit) in units.iter().take(FRAME_ROWS_MAX).enumerate() {
        match (unit.words(), found) {
            // A greeting stands alone, even beside rows without words.
            (Words::Greeting, _) => return index.max(1),
            (Words::None, _) => {}
            (words, Words::None) => found = words,
            (words, before) if words == before => {}
            _ => return index,
        }
    }
    units.len().min(FRAME_ROWS_MAX)
}

/// The rows as frames, in order.
pub(super) fn frames(units: &[Unit]) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for unit in units {
        match (unit, frames.last_mut()) {
            (Unit::Run(_, run), Some(Frame::Answered(answered))) => {
                join(&mut answered.runs, run.clone());
            }
            (Unit::Latest(position, entry), Some(Frame::Latest(latest))) => {
                latest.entries.push((*position, entry.clone()));
            }
            (Unit::Mail(lane, delivery), Some(Frame::Deliveries(mail))) if mail.lane == *lane => {
                mail.entries.push(delivery.clone());
            }
            (Unit::Presence(version, row), Some(Frame::Presence(presence))) => {
                presence.version = *version;
                presence.rows.push(*row);
            }
            (unit, _) => frames.push(frame_of(unit)),
        }
    }
    frames
}

fn frame_of(unit: &Unit) -> Frame {
    match unit.clone() {
        Unit::Run(first, run) => Frame::Answered(Answered { first, runs: vec![run] }),
        Unit::Latest(position, entry) => Frame::Latest(Latest { entries: vec![(position, entry)] }),
        Unit::Mail(lane, delivery) => {
            Frame::Deliveries(Deliveries { lane, entries: vec![delivery] })
        }
        Unit::Presence(version, row) => Frame::Presence(Presence { version, rows: vec![row] }),
    }
}

/// Adds `run` behind `runs`, joined with the last one where it goes on from there.
pub(super) fn join(runs: &mut Vec<Run>, run: Run) {
    match (runs.last_mut(), run) {
        (
            Some(Run::Placed { count, conversation, c }),
            Run::Placed { count: more, conversation: same, c: next },
        ) if *conversation == same && *c + u64::from(*count) == next => *count += more,
        (Some(Run::Done { count }), Run::Done { count: more }) => *count += more,
        (_, run) => runs.push(run),
    }
}

#[cfg(test)]
mod tests {
    use wire::Name;

    use super::*;

    fn text(lane: Lane, position: u64) -> Unit {
        Unit::Mail(
            lane,
            Delivery {
                position,
                conversation: 5,
                author: 7,
                account: 3,
                n: position,
                c: position,
                kind: wire::kind::TEXT,
                age_s: 1,
                body: b"Land ho".to_vec(),
            },
        )
    }

    fn receipt(position: u64) -> Unit {
        let entry = Entry::Receipt {
            conversation: 5,
            lane: Lane::Ordinary,
            account: 3,
            delivered: 9,
            read: 9,
        };
        Unit::Latest(position, entry)
    }

    fn contact(position: u64) -> Unit {
        Unit::Latest(position, Entry::Contact { account: 3, name: "ann".into(), blocked: false })
    }

    fn conversation(position: u64, mine: MemberState) -> Unit {
        let entry = Entry::Conversation {
            number: 5,
            founded: Name { device: 7, n: 1 },
            pair: true,
            title: String::new(),
            version: 1,
            mine,
            inviter: 3,
            inviter_name: "ann".into(),
            greeting: "Hello".into(),
        };
        Unit::Latest(position, entry)
    }

    #[test]
    fn a_greeting_stands_alone() {
        let greeting = || conversation(3, MemberState::Invited);
        assert_eq!(sharing(&[greeting(), receipt(4)]), 1);
        assert_eq!(sharing(&[receipt(1), receipt(2), greeting()]), 2);
        assert_eq!(sharing(&[contact(1), greeting(), greeting()]), 1);
        assert_eq!(sharing(&[greeting(), text(Lane::Urgent, 1)]), 1);
    }

    #[test]
    fn names_share_with_names_and_texts_with_texts() {
        let names = [contact(1), conversation(2, MemberState::Member), receipt(3), contact(4)];
        assert_eq!(sharing(&names), 4);
        assert_eq!(sharing(&[contact(1), receipt(2), text(Lane::Urgent, 1)]), 2);
        let texts = [receipt(1), text(Lane::Urgent, 1), text(Lane::Ordinary, 1)];
        assert_eq!(sharing(&texts), 3);
    }

    #[test]
    fn rows_of_a_kind_stand_in_one_frame() {
        let units = [
            Unit::Run(4, Run::Placed { count: 1, conversation: 5, c: 8 }),
            Unit::Run(5, Run::Placed { count: 1, conversation: 5, c: 9 }),
            receipt(1),
            text(Lane::Urgent, 1),
            text(Lane::Ordinary, 2),
            text(Lane::Ordinary, 3),
        ];
        let frames = frames(&units);
        let [
            Frame::Answered(answered),
            Frame::Latest(_),
            Frame::Deliveries(urgent),
            Frame::Deliveries(ordinary),
        ] = &frames[..]
        else {
            panic!("{frames:?}");
        };
        let run = Run::Placed { count: 2, conversation: 5, c: 8 };
        assert_eq!((answered.first, &answered.runs[..]), (4, &[run][..]));
        assert_eq!((urgent.entries.len(), ordinary.entries.len()), (1, 2));
    }

    #[test]
    fn no_row_takes_more_than_its_bound() {
        let writer = wire::BodyWriter::new(wire::Codec::None);
        for unit in [
            receipt(u64::MAX >> 2),
            contact(1 << 50),
            conversation(1 << 60, MemberState::Invited),
            text(Lane::Urgent, 1 << 61),
            Unit::Run(1, Run::Placed { count: 1, conversation: 1 << 60, c: 1 << 60 }),
            Unit::Presence(
                1 << 40,
                PresenceRow {
                    account: 1 << 60,
                    state: wire::PresenceState::Away,
                    seen_ago_s: u32::MAX,
                    next_call_s: u32::MAX,
                },
            ),
        ] {
            let packet = writer.draft(&frames(std::slice::from_ref(&unit))).unwrap();
            assert!(packet.len() <= unit.size_max(), "{} over {}", packet.len(), unit.size_max());
        }
    }
}
