//! What has to be true when everything has settled: of every home by itself, and of all together.

use std::collections::{BTreeMap, BTreeSet};

use wire::{AccountId, Item, MemberState, Name, kind};

use super::{
    home::Home,
    probe::{Probe, Row1, lane},
    recorder::lock,
    reference::{Message, Reference, is_base},
    steps::Theme,
    user::word_of,
    world::World,
};

/// States of a message's row.
const HELD: u8 = 1;
const QUEUED: u8 = 2;
const EXPIRED: u8 = 4;
const REFUSED: u8 = 7;

/// What a device has to show of one message.
#[derive(Debug, PartialEq, Eq)]
struct View<'a> {
    text: &'a str,
    is_edited: bool,
    is_deleted: bool,
    c: u64,
    lane: Option<wire::Lane>,
    reply: Option<Name>,
    author: &'a str,
}

impl World {
    /// Compares every home with the reference.
    pub(crate) fn check(&mut self) {
        let witness = self.witness.clone();
        let witness = lock(&witness);
        let mut probes = BTreeMap::new();
        for (at, home) in self.homes.iter_mut().enumerate() {
            home.store();
            if !home.is_over {
                probes.insert(at, Probe::of(&home.path()));
            }
        }
        let holding = probes.iter().filter(|(_, probe)| has_unsent_change(probe));
        let holding = holding.map(|(at, _)| self.ids[self.homes[*at].account]).collect();
        for (at, probe) in &probes {
            let mut faults = Vec::new();
            self.check_home(*at, probe, &witness.reference, &holding, &mut faults);
            self.faults.extend(faults.into_iter().map(|words| format!("home {at}: {words}")));
        }
        self.check_composed(&probes, &witness.reference);
    }

    fn check_home(
        &self,
        at: usize,
        probe: &Probe,
        reference: &Reference,
        holding: &BTreeSet<AccountId>,
        faults: &mut Vec<String>,
    ) {
        let home = &self.homes[at];
        let received = self.received(home, reference);
        let rows: BTreeMap<Name, &Row1> = probe
            .messages
            .iter()
            .filter(|row| row.is_here)
            .flat_map(|row| row.name.iter().chain(&row.aliases).map(move |name| (*name, row)))
            .collect();
        let here: BTreeSet<Name> = probe.names.iter().copied().collect();
        let mut missing = Vec::new();
        for message in &received {
            match rows.get(&message.name) {
                _ if !is_base(&message.item) => {
                    if !here.contains(&message.name) {
                        missing.push(*message);
                    }
                }
                None => missing.push(*message),
                Some(row) => {
                    faults.extend(self.check_row(row, message, &received, probe, holding));
                }
            }
        }
        self.check_missing(&missing, probe, faults);
        if !self.is_put_back {
            let expected: BTreeSet<Name> = received.iter().map(|message| message.name).collect();
            let started: BTreeSet<Name> =
                self.all_of(home, reference).iter().map(|message| message.name).collect();
            // What was refused lies here with its name, and nowhere else.
            let foreign = |(name, row): &(&Name, &&Row1)| {
                !expected.contains(*name) && !started.contains(*name) && row.state != REFUSED
            };
            for (name, _) in rows.iter().filter(foreign) {
                faults.push(format!("has {name:?}, which is not for it"));
            }
        }
        Self::check_items(home, probe, reference, faults);
        self.check_chats(home, probe, reference, faults);
    }

    /// What came to the account since the device began, in the order of the commits.
    fn received<'r>(&self, home: &Home, reference: &'r Reference) -> Vec<&'r Message> {
        let log = &reference.logs[&self.ids[home.account]];
        log.iter().skip(home.from).map(|at| &reference.messages[*at]).collect()
    }

    fn all_of<'r>(&self, home: &Home, reference: &'r Reference) -> Vec<&'r Message> {
        reference.logs[&self.ids[home.account]].iter().map(|at| &reference.messages[*at]).collect()
    }

    fn check_missing(&self, missing: &[&Message], probe: &Probe, faults: &mut Vec<String>) {
        if missing.is_empty() {
            return;
        }
        // What expired, or left while this device was silent, was said to have.
        let said: usize = probe
            .notices
            .iter()
            .filter(|notice| {
                notice.contains("expired, or found") || notice.contains("left the relay while")
            })
            .filter_map(|notice| notice.split(' ').next()?.parse::<usize>().ok())
            .sum();
        if self.theme == Theme::Ages && missing.len() <= said {
            return;
        }
        for message in missing {
            faults.push(format!(
                "lacks {:?} {:?} at c {} ({said} were said to be lost)",
                message.name, message.item, message.c
            ));
        }
    }

    fn check_row(
        &self,
        row: &Row1,
        message: &Message,
        received: &[&Message],
        probe: &Probe,
        holding: &BTreeSet<AccountId>,
    ) -> Option<String> {
        let former = match &message.item {
            Item::Again { former, .. } => Some(*former),
            _ => None,
        };
        let changes = |other: &&&Message| {
            let target = match &other.item {
                Item::Edit { target, .. } | Item::Delete { target } => *target,
                _ => return false,
            };
            // What is missing is said elsewhere; here it counts what is shown of the rest.
            let is_here = probe.names.contains(&other.name);
            is_here
                && (target == message.name || Some(target) == former)
                && other.account == message.account
                && other.conversation == message.conversation
        };
        let changes: Vec<_> = received.iter().filter(changes).collect();
        let is_deleted = changes.iter().any(|other| matches!(other.item, Item::Delete { .. }));
        let edit = changes.iter().rev().find_map(|other| match &other.item {
            Item::Edit { text, .. } => Some(text.as_str()),
            _ => None,
        });
        let (base, reply) = match &message.item {
            Item::Text(text) => (text.as_str(), None),
            Item::Message { reply_to, content, .. } | Item::Again { reply_to, content, .. } => {
                (std::str::from_utf8(content).unwrap_or("?"), *reply_to)
            }
            _ => return None,
        };
        let author =
            self.ids.iter().position(|id| *id == message.account).map_or("?", |at| &self.names[at]);
        let expected = View {
            text: if is_deleted { "" } else { edit.unwrap_or(base) },
            is_edited: edit.is_some() && !is_deleted,
            is_deleted,
            c: message.c,
            lane: Some(message.lane),
            reply,
            author,
        };
        let mut seen = View {
            text: &row.text,
            is_edited: row.is_edited,
            is_deleted: row.is_deleted,
            c: row.c,
            lane: lane(row.lane),
            reply: row.reply,
            author: &row.author,
        };
        if message.is_dropped {
            // Who had not fetched it when it was taken back gets its place, and the deletion if that is for him too.
            seen.reply = expected.reply;
            if row.is_deleted && !is_deleted {
                (seen.text, seen.is_deleted, seen.is_edited) =
                    (expected.text, expected.is_deleted, expected.is_edited);
            }
        }
        if self.is_put_back {
            // Places of the time that was lost may be larger, and say nothing any more.
            seen.c = expected.c;
            if row.is_deleted {
                // It may have been taken back before it was fetched in the time that was lost, though not in this one.
                seen.reply = expected.reply;
            }
        }
        let chat = probe.chats.get(&message.conversation);
        if chat.is_none_or(|chat| chat.id != row.conversation) && !self.is_put_back {
            return Some(format!("{:?} is in {chat:?}, not in {}", message.name, row.conversation));
        }
        // A change that others had in the time that was lost may be one that its author now holds.
        let is_held = self.is_put_back && holding.contains(&message.account);
        let has_unsent = is_held || (row.is_mine && has_unsent_change(probe));
        (seen != expected && !has_unsent)
            .then(|| format!("{:?} shows {seen:?}, has to be {expected:?}", message.name))
    }

    fn check_items(home: &Home, probe: &Probe, reference: &Reference, faults: &mut Vec<String>) {
        for (state, hold, kind, name) in &probe.items {
            match state {
                // An answer to something that the user holds waits for it.
                1 if probe
                    .items
                    .iter()
                    .any(|(state, hold, ..)| *state == 0 && matches!(hold, 1 | 3)) => {}
                1 | 2 => faults.push(format!(
                    "an item of kind {kind} ({name:?}) still waits in state {state}"
                )),
                0 if *hold == 0 => {
                    faults.push(format!("an item of kind {kind} is held for no reason"));
                }
                _ => {}
            }
        }
        let Some(device) = reference.devices.get(&probe.device) else {
            return faults.push(format!("device {} is nobody's", probe.device));
        };
        let Some((_, position)) = &home.last else { return };
        if position.k != device.k || position.told != device.k {
            faults.push(format!(
                "k {} and told {} where the relay has {}",
                position.k, position.told, device.k
            ));
        }
    }

    fn check_chats(
        &self,
        home: &Home,
        probe: &Probe,
        reference: &Reference,
        faults: &mut Vec<String>,
    ) {
        let me = self.ids[home.account];
        for (id, conversation) in &reference.conversations {
            let Some(mine) = conversation.members.get(&me) else { continue };
            let is_silent = reference.was_blocked(me, mine.inviter);
            let Some(chat) = probe.chats.get(id) else {
                if !is_silent
                    && mine.state != MemberState::Withdrawn
                    && mine.state != MemberState::Expired
                {
                    faults.push(format!("does not know conversation {id}, state {:?}", mine.state));
                }
                continue;
            };
            if chat.mine != mine.state && !is_silent {
                faults.push(format!("is {:?} in {id}, not {:?}", mine.state, chat.mine));
            }
            if mine.state != MemberState::Member {
                continue;
            }
            if chat.title != conversation.title {
                faults.push(format!("calls {id} {:?}, not {:?}", chat.title, conversation.title));
            }
            for (other, member) in conversation.members.iter().filter(|(other, _)| **other != me) {
                if chat.members.get(other) != Some(&member.state) {
                    faults.push(format!(
                        "sees {other} in {id} as {:?}, not {:?}",
                        chat.members.get(other),
                        member.state
                    ));
                }
                if member.state == MemberState::Member && chat.version < member.joined {
                    faults.push(format!(
                        "writes to version {} of {id}, {other} joined at {}",
                        chat.version, member.joined
                    ));
                }
            }
        }
        for id in probe.chats.keys().filter(|id| !reference.conversations.contains_key(id)) {
            if !self.is_put_back {
                faults.push(format!("knows conversation {id}, which there is not"));
            }
        }
    }

    /// Everything that somebody wrote was committed once, or is where its writer sees it, and why.
    fn check_composed(&mut self, probes: &BTreeMap<usize, Probe>, reference: &Reference) {
        let mut commits: BTreeMap<&str, BTreeSet<Name>> = BTreeMap::new();
        for message in reference.messages.iter().filter(|message| is_base(&message.item)) {
            // What says under which name it went first is the same message, and who has that does not have it twice.
            let (text, name) = match &message.item {
                Item::Text(text) => (text.as_str(), message.name),
                Item::Message { content, .. } => {
                    (std::str::from_utf8(content).unwrap_or("?"), message.name)
                }
                Item::Again { former, content, .. } => {
                    (std::str::from_utf8(content).unwrap_or("?"), *former)
                }
                _ => continue,
            };
            commits.entry(word_of(text)).or_default().insert(name);
        }
        let mut faults = Vec::new();
        for one in &self.composed {
            let count = commits.get(one.word.as_str()).map_or(0, BTreeSet::len);
            let shows = |probe: &Probe| {
                let is_it =
                    |row: &&Row1| word_of(&row.base) == one.word || word_of(&row.text) == one.word;
                probe.messages.iter().filter(is_it).any(|row| {
                    row.state == QUEUED
                        || (matches!(row.state, HELD | REFUSED | EXPIRED) && !row.reason.is_empty())
                })
            };
            let is_seen = probes.values().any(shows);
            // Whatever was put back, nobody has it twice.
            for (at, probe) in probes {
                let has = |row: &&Row1| row.is_here && row.c != 0 && word_of(&row.base) == one.word;
                let here = probe.messages.iter().filter(has).count();
                if 1 + one.again < here {
                    faults.push(format!("{} is {here} times in home {at}", one.word));
                }
            }
            // A relay that was put back need not hear again what was taken back since.
            let is_taken_back = one.is_deleted && self.is_put_back;
            let is_gone =
                one.is_dropped || is_taken_back || one.is_lost || self.homes[one.home].is_over;
            let copied = self.homes[one.home].is_copied;
            if count == 0 && !is_seen && !is_gone {
                faults.push(format!("{} of home {} is nowhere", one.word, one.home));
            }
            if 1 + one.again < count && !(copied && self.is_put_back) {
                faults
                    .push(format!("{} of home {} was committed {count} times", one.word, one.home));
            }
        }
        self.faults.extend(faults);
    }
}

/// A change of one's own that is held shows here and nowhere else.
fn has_unsent_change(probe: &Probe) -> bool {
    probe
        .items
        .iter()
        .any(|(state, _, kind, _)| *state == 0 && matches!(*kind, kind::EDIT | kind::DELETE))
}
