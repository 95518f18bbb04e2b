//! What a relay has to do, in the simplest way: it sees every item in the order in which it was committed, says what
//! must come of it, and knows who must have what. It knows no bytes, no positions, no files and no failures.

use std::collections::{BTreeMap, BTreeSet};

use relay::store::{Taken, Turn};
use wire::{
    AccountId, ConversationId, ConversationRef, Cursors, DeviceId, Item, Lane, MemberState, Name,
    Refusal, Run, Submit, kind,
};

use super::predict::Predicted;

/// A committed content item.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) name: Name,
    pub(crate) account: AccountId,
    pub(crate) conversation: ConversationId,
    pub(crate) lane: Lane,
    pub(crate) c: u64,
    pub(crate) item: Item,
    /// Accounts that it went to, without its author's.
    pub(crate) recipients: Vec<AccountId>,
    /// A deletion of it was committed: the relay need not keep what it says.
    pub(crate) is_dropped: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) state: MemberState,
    pub(crate) joined: u32,
    pub(crate) inviter: AccountId,
}

#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) pair: Option<(AccountId, AccountId)>,
    pub(crate) title: String,
    pub(crate) version: u32,
    pub(crate) c: u64,
    pub(crate) members: BTreeMap<AccountId, Member>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Device {
    pub(crate) account: AccountId,
    pub(crate) x: u64,
    pub(crate) k: u64,
    pub(crate) told: u64,
    pub(crate) cursors: Cursors,
}

/// The whole of it. Cloned when the relay is backed up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reference {
    pub(crate) names: BTreeMap<String, AccountId>,
    pub(crate) devices: BTreeMap<DeviceId, Device>,
    pub(crate) conversations: BTreeMap<ConversationId, Conversation>,
    foundings: BTreeMap<Name, ConversationId>,
    blocks: BTreeSet<(AccountId, AccountId)>,
    /// Every block there ever was.
    blocked: BTreeSet<(AccountId, AccountId)>,
    pub(crate) messages: Vec<Message>,
    /// By account the messages that belong into its mailbox, its own among them.
    pub(crate) logs: BTreeMap<AccountId, Vec<usize>>,
    pub(crate) refusals: BTreeMap<Name, Refusal>,
    /// What went wrong.
    pub(crate) faults: Vec<String>,
}

impl Reference {
    pub(crate) fn add_account(&mut self, name: &str, id: AccountId) {
        self.names.insert(name.to_owned(), id);
        self.logs.entry(id).or_default();
    }

    pub(crate) fn add_device(&mut self, id: DeviceId, account: AccountId, cursors: Cursors) {
        let known = self.devices.entry(id).or_default();
        if known.account == 0 {
            *known = Device { account, cursors, ..Device::default() };
        }
    }

    /// How many messages the account's mailbox has had.
    pub(crate) fn log_len(&self, account: AccountId) -> usize {
        self.logs.get(&account).map_or(0, Vec::len)
    }

    /// Notes a turn and what the relay made of it.
    pub(crate) fn take(&mut self, turn: &Turn, taken: &Taken) {
        let Taken::Done { state, k_before, runs, gap } = taken else { return };
        if turn.only_tests {
            return;
        }
        let Some(device) = self.devices.get(&turn.device).copied() else {
            return self.fault(format!("device {} was never made", turn.device));
        };
        if turn.x < device.x {
            self.fault(format!(
                "device {}: x {} changed something after {}",
                turn.device, turn.x, device.x
            ));
        }
        if *k_before != device.k {
            self.fault(format!("device {}: k was {}, not {k_before}", turn.device, device.k));
        }
        if turn.told < device.told
            || Lane::ALL.iter().any(|lane| turn.cursors.of(*lane) < device.cursors.of(*lane))
        {
            self.fault(format!("device {}: told or a cursor went back and was taken", turn.device));
        }
        let outcomes: Vec<Run> = runs.iter().flat_map(singles).collect();
        if *gap != (!turn.submits.is_empty() && device.k + 1 < turn.first) {
            self.fault(format!("device {}: a gap was taken, or none refused", turn.device));
        }
        let mut n = *k_before;
        for run in outcomes {
            n += 1;
            let submit = n
                .checked_sub(turn.first)
                .and_then(|at| turn.submits.get(usize::try_from(at).ok()?));
            match submit {
                Some(submit) => {
                    self.item(device.account, Name { device: turn.device, n }, submit, &run);
                }
                None => self.fault(format!("{}:{n} was answered and not sent", turn.device)),
            }
        }
        if n != state.k {
            self.fault(format!("device {}: k is {} after {n}", turn.device, state.k));
        }
        let told = turn.told.min(n).max(device.told);
        let device = Device { x: turn.x, k: n, told, cursors: turn.cursors, ..device };
        self.devices.insert(turn.device, device);
    }

    fn fault(&mut self, words: String) {
        self.faults.push(words);
    }

    fn item(&mut self, account: AccountId, name: Name, submit: &Submit, run: &Run) {
        let conversation = match submit.conversation {
            ConversationRef::None => None,
            ConversationRef::Number(id) => self.conversations.contains_key(&id).then_some(id),
            ConversationRef::Founded(name) => self.foundings.get(&name).copied(),
        };
        let item = Item::read(submit.kind, &submit.body).expect("agents write what can be read");
        let predicted = if Item::is_content(submit.kind) {
            self.predict_content(account, &item, conversation)
        } else {
            self.predict_change(account, &item, conversation)
        };
        let said = match run {
            Run::Placed { conversation, .. } => Predicted::Placed(*conversation),
            Run::Founded { conversation } if self.conversations.contains_key(conversation) => {
                Predicted::Founded(Some(*conversation))
            }
            Run::Founded { .. } => Predicted::Founded(None),
            Run::Done { .. } => Predicted::Done,
            Run::Refused { reason, .. } => Predicted::Refused(*reason),
            _ => return self.fault(format!("{name:?}: an unknown answer")),
        };
        if predicted != said {
            self.fault(format!("{name:?} {item:?} has to be {predicted:?} and was {said:?}"));
        }
        match run {
            Run::Placed { conversation, c, .. } => {
                self.place(account, name, submit, item, *conversation, *c);
            }
            Run::Founded { conversation } => self.found(account, name, &item, *conversation),
            Run::Done { .. } => self.apply(account, &item, conversation),
            Run::Refused { reason, .. } => drop(self.refusals.insert(name, *reason)),
            _ => {}
        }
    }

    fn place(
        &mut self,
        account: AccountId,
        name: Name,
        submit: &Submit,
        item: Item,
        id: ConversationId,
        c: u64,
    ) {
        let asked = if submit.urgent { Lane::Urgent } else { Lane::Ordinary };
        let target = match &item {
            Item::Edit { target, .. } | Item::Delete { target } => Some(*target),
            _ => None,
        };
        let mut lane = asked;
        if let Some(target) = target
            && let Some(message) = self
                .messages
                .iter_mut()
                .find(|message| message.name == target && message.conversation == id)
        {
            lane = message.lane;
            message.is_dropped |= matches!(item, Item::Delete { .. });
        }
        let Some(conversation) = self.conversations.get_mut(&id) else {
            return self.fault(format!("{name:?} was placed nowhere"));
        };
        if c <= conversation.c {
            self.faults.push(format!("{name:?}: place {c} after {}", conversation.c));
        }
        conversation.c = c;
        let is_recipient = |(other, member): &(&AccountId, &Member)| {
            **other != account
                && member.state == MemberState::Member
                && member.joined <= submit.version
                && !self.blocks.contains(&(**other, account))
        };
        let recipients: Vec<_> =
            conversation.members.iter().filter(is_recipient).map(|(other, _)| *other).collect();
        let at = self.messages.len();
        for to in recipients.iter().chain([&account]) {
            self.logs.entry(*to).or_default().push(at);
        }
        if self.messages.iter().any(|message| message.name == name) {
            self.fault(format!("{name:?} was placed twice"));
        }
        let message = Message {
            name,
            account,
            conversation: id,
            lane,
            c,
            item,
            recipients,
            is_dropped: false,
        };
        self.messages.push(message);
    }

    fn found(&mut self, account: AccountId, name: Name, item: &Item, id: ConversationId) {
        use MemberState::{Invited, Member as In};
        let Item::Request { to, title, .. } = item else { return };
        let others = self.others(account, to);
        let is_pair = others.len() == 1 && title.is_empty();
        self.foundings.insert(name, id);
        if let Some(conversation) = self.conversations.get(&id) {
            let state = |who| conversation.members.get(who).map(|member| member.state);
            match (state(&account), state(&others[0])) {
                (Some(In), Some(In | Invited)) => {}
                (Some(Invited), Some(In)) => self.become_state(id, account, In),
                _ => {
                    let version = self.next_version(id);
                    self.set(id, account, Member { state: In, joined: version, inviter: account });
                    self.set(id, others[0], Member { state: Invited, joined: 0, inviter: account });
                }
            }
            return;
        }
        let mut members =
            BTreeMap::from([(account, Member { state: In, joined: 0, inviter: account })]);
        for other in &others {
            let state = if !is_pair && self.are_contacts(account, *other) { In } else { Invited };
            members.insert(*other, Member { state, joined: 0, inviter: account });
        }
        let pair = is_pair.then(|| (account.min(others[0]), account.max(others[0])));
        let conversation = Conversation { pair, title: title.clone(), version: 1, c: 0, members };
        self.conversations.insert(id, conversation);
    }

    fn apply(&mut self, account: AccountId, item: &Item, id: Option<ConversationId>) {
        use MemberState::{Declined, Invited, Left, Member as In, Withdrawn};
        if let Item::Block { account: name, on } = item {
            let pair = (account, self.names[name]);
            if *on {
                self.blocks.insert(pair);
                self.blocked.insert(pair);
            } else {
                self.blocks.remove(&pair);
            }
            return;
        }
        let Some(id) = id else { return };
        let mine = self.state(id, account);
        match item {
            Item::Accept if mine == Some(Invited) => self.become_state(id, account, In),
            Item::Decline if mine == Some(Invited) => self.become_state(id, account, Declined),
            Item::Leave if mine == Some(In) => self.become_state(id, account, Left),
            Item::Withdraw => {
                let members = &self.conversations[&id].members;
                let open = |(other, member): &(&AccountId, &Member)| {
                    member.inviter == account && **other != account && member.state == Invited
                };
                let asked: Vec<_> = members.iter().filter(open).map(|(other, _)| *other).collect();
                for other in asked {
                    self.become_state(id, other, Withdrawn);
                }
            }
            Item::Rename { title } => {
                self.conversations.get_mut(&id).expect("predicted").title.clone_from(title);
            }
            Item::Add { to, .. } => {
                for other in self.others(account, to) {
                    if matches!(self.state(id, other), Some(In | Invited)) {
                        continue;
                    }
                    let version = self.next_version(id);
                    let (state, joined) = if self.are_contacts(account, other) {
                        (In, version)
                    } else {
                        (Invited, 0)
                    };
                    self.set(id, other, Member { state, joined, inviter: account });
                }
            }
            _ => {}
        }
    }

    /// A request that nobody answered in time.
    pub(crate) fn expire_request(&mut self, id: ConversationId, account: AccountId) {
        if self.state(id, account) == Some(MemberState::Invited) {
            self.become_state(id, account, MemberState::Expired);
        }
    }

    fn become_state(&mut self, id: ConversationId, account: AccountId, state: MemberState) {
        let version = self.next_version(id);
        let member = self.conversations.get_mut(&id).and_then(|row| row.members.get_mut(&account));
        let member = member.expect("only members change");
        member.state = state;
        if state == MemberState::Member {
            member.joined = version;
        }
    }

    fn next_version(&mut self, id: ConversationId) -> u32 {
        let conversation = self.conversations.get_mut(&id).expect("it was founded");
        conversation.version += 1;
        conversation.version
    }

    fn set(&mut self, id: ConversationId, account: AccountId, member: Member) {
        self.conversations.get_mut(&id).expect("it was founded").members.insert(account, member);
    }

    pub(crate) fn state(&self, id: ConversationId, account: AccountId) -> Option<MemberState> {
        self.conversations.get(&id)?.members.get(&account).map(|member| member.state)
    }

    /// Whether the account ever blocked the other: then it may not have heard of his requests.
    pub(crate) fn was_blocked(&self, account: AccountId, other: AccountId) -> bool {
        self.blocked.contains(&(account, other))
    }

    pub(super) fn others(&self, account: AccountId, names: &[String]) -> Vec<AccountId> {
        let all: BTreeSet<_> =
            names.iter().filter_map(|name| self.names.get(name)).copied().collect();
        all.into_iter().filter(|other| *other != account).collect()
    }

    pub(super) fn pair(&self, one: AccountId, other: AccountId) -> Option<ConversationId> {
        let pair = Some((one.min(other), one.max(other)));
        self.conversations.iter().find(|(_, row)| row.pair == pair).map(|(id, _)| *id)
    }

    /// Both are in their pair's conversation, and the asked one does not block who asks.
    fn are_contacts(&self, asking: AccountId, other: AccountId) -> bool {
        let both = self.pair(asking, other).is_some_and(|id| {
            self.conversations[&id]
                .members
                .values()
                .all(|member| member.state == MemberState::Member)
        });
        both && !self.blocks.contains(&(other, asking))
    }
}

/// A run's items one by one.
fn singles(run: &Run) -> Vec<Run> {
    match run {
        Run::Placed { count, conversation, c } => (0..u64::from(*count))
            .map(|at| Run::Placed { count: 1, conversation: *conversation, c: c + at })
            .collect(),
        Run::Done { count } => vec![Run::Done { count: 1 }; *count as usize],
        run => vec![run.clone()],
    }
}

/// Whether an item is a message of its own rather than a change of one.
pub(crate) fn is_base(item: &Item) -> bool {
    matches!(item.kind(), kind::TEXT | kind::MESSAGE | kind::AGAIN)
}
