//! Items that change who talks to whom: requests and their answers, leaving, adding, renaming,
//! blocking. What they change is told through lane latest.

use std::{collections::BTreeSet, sync::Arc};

use rusqlite::{OptionalExtension, Result, params};
use wire::{AccountId, ConversationId, Item, MemberState, Name, Refusal, Run};

use super::{
    cache::{Allot, Conversation, Member},
    content::Authored,
    latest::Key,
    tx::{ROWS_MAX, Refused, Tx, Verdict, refuse},
};
use crate::conversation::{Answer, Ask, Step, ask, step};

const DAY_S: u64 = 24 * 60 * 60;

/// Someone to be asked or added.
#[derive(Clone, Copy, Debug)]
struct Invitee {
    account: AccountId,
    /// Whether the two are contacts: then he is a member at once.
    contact: bool,
}

impl Tx<'_> {
    /// Applies an item that is not content.
    pub(super) fn change(
        &mut self,
        item: &Authored<'_>,
        conversation: Option<ConversationId>,
    ) -> Result<Verdict> {
        let read = match Item::read(item.submit.kind, &item.submit.body) {
            Ok(read) => read,
            Err(err) => return refuse(Refusal::Invalid, format!("{err}.")),
        };
        match read {
            Item::Void => return Ok(Ok(Run::Done { count: 1 })),
            Item::Request { to, title, greeting } => {
                return self.request(item, &to, &title, &greeting);
            }
            Item::Block { account, on } => return self.block(item.account, &account, on),
            Item::Opaque { .. } => {
                return refuse(Refusal::Invalid, "This relay does not know what that is.");
            }
            _ => {}
        }
        let Some(id) = conversation else {
            return refuse(Refusal::NoSuchConversation, "The relay does not know it.");
        };
        match read {
            Item::Accept => self.answer(item.account, id, Answer::Accept),
            Item::Decline => self.answer(item.account, id, Answer::Decline),
            Item::Leave => self.answer(item.account, id, Answer::Leave),
            Item::Withdraw => self.withdraw(item.account, id),
            Item::Add { to, greeting } => self.add(item.account, id, &to, &greeting),
            Item::Rename { title } => self.rename(item.account, id, &title),
            _ => refuse(Refusal::Invalid, "That cannot be said to a relay."),
        }
    }

    fn request(
        &mut self,
        item: &Authored<'_>,
        to: &[String],
        title: &str,
        greeting: &str,
    ) -> Result<Verdict> {
        let invitees = match self.invitees(item.account, to)? {
            Ok(invitees) => invitees,
            Err(refused) => return Ok(Err(refused)),
        };
        match invitees[..] {
            [] => refuse(Refusal::Invalid, "A chat needs somebody else."),
            [one] if title.is_empty() => self.request_pair(item, one, greeting),
            _ => self.found_group(item, &invitees, title, greeting),
        }
    }

    /// The accounts of these names without the asking one; refused if one does not exist.
    fn invitees(
        &mut self,
        account: AccountId,
        names: &[String],
    ) -> Result<std::result::Result<Vec<Invitee>, Refused>> {
        let mut accounts = BTreeSet::new();
        for name in names {
            match self.account_named(name)? {
                Some(id) if id != account => drop(accounts.insert(id)),
                Some(_) => {}
                None => {
                    let words = format!("Nobody here is called {name}.");
                    return Ok(Err(Refused::new(Refusal::NoSuchAccount, words)));
                }
            }
        }
        let mut invitees = Vec::with_capacity(accounts.len());
        for other in accounts {
            let contact = self.are_contacts(account, other)? && !self.blocks(other, account)?;
            invitees.push(Invitee { account: other, contact });
        }
        Ok(Ok(invitees))
    }

    fn account_named(&self, name: &str) -> Result<Option<AccountId>> {
        self.db
            .prepare_cached("SELECT id FROM account WHERE name = ? AND state <> 2")?
            .query_row([name], |row| row.get(0))
            .optional()
    }

    fn pair_of(&self, one: AccountId, other: AccountId) -> Result<Option<ConversationId>> {
        self.db
            .prepare_cached("SELECT id FROM conversation WHERE low = ? AND high = ?")?
            .query_row([one.min(other), one.max(other)], |row| row.get(0))
            .optional()
    }

    fn are_contacts(&mut self, one: AccountId, other: AccountId) -> Result<bool> {
        let Some(id) = self.pair_of(one, other)? else { return Ok(false) };
        let Some(pair) = self.cache.conversation(self.db, id)? else { return Ok(false) };
        Ok(pair.members.iter().all(|member| member.state == MemberState::Member))
    }

    fn request_pair(
        &mut self,
        item: &Authored<'_>,
        other: Invitee,
        greeting: &str,
    ) -> Result<Verdict> {
        let (account, other) = (item.account, other.account);
        let Some(id) = self.pair_of(account, other)? else {
            if let Err(refused) = self.charge_requests(account, 1)? {
                return Ok(Err(refused));
            }
            let members = [founder(account), self.invited(account, other, 1, greeting)];
            let pair = Some((account.min(other), account.max(other)));
            let id = self.found(item.name(), pair, "", &members)?;
            self.tell_joined(id, account)?;
            self.tell_invited(id, account, other)?;
            return Ok(Ok(Run::Founded { conversation: id }));
        };
        self.store_founding(item.name(), id)?;
        let state = |tx: &mut Self, who| -> Result<MemberState> {
            let conversation = tx.cache.conversation(tx.db, id)?;
            Ok(conversation.and_then(|row| row.state_of(who)).unwrap_or(MemberState::Declined))
        };
        let (mine, theirs) = (state(self, account)?, state(self, other)?);
        match ask(mine, theirs) {
            Ask::Nothing => {}
            Ask::Accept => self.join(id, account)?,
            Ask::Again => {
                if let Err(refused) = self.charge_requests(account, 1)? {
                    return Ok(Err(refused));
                }
                self.ask_again(id, account, other, greeting)?;
            }
        }
        Ok(Ok(Run::Founded { conversation: id }))
    }

    fn ask_again(
        &mut self,
        id: ConversationId,
        account: AccountId,
        other: AccountId,
        greeting: &str,
    ) -> Result<()> {
        self.cache.note_contacts();
        let version = self.next_version(id)?;
        let mut me = founder(account);
        (me.joined, me.changed) = (version, version);
        self.set_member(id, me)?;
        let invited = self.invited(account, other, version, greeting);
        self.set_member(id, invited)?;
        self.tell_joined(id, account)?;
        self.tell_invited(id, account, other)
    }

    fn found_group(
        &mut self,
        item: &Authored<'_>,
        invitees: &[Invitee],
        title: &str,
        greeting: &str,
    ) -> Result<Verdict> {
        let account = item.account;
        if self.policy.members_max <= invitees.len() {
            let words = format!("At most {} members.", self.policy.members_max);
            return refuse(Refusal::TooMany, words);
        }
        let strangers = invitees.iter().filter(|invitee| !invitee.contact).count();
        let told = invitees.len() * invitees.len();
        if let Err(refused) = self.charge_requests(account, strangers + told / ROWS_MAX)? {
            return Ok(Err(refused));
        }
        let mut members = vec![founder(account)];
        for invitee in invitees {
            members.push(if invitee.contact {
                Member { inviter: account, ..founder(invitee.account) }
            } else {
                self.invited(account, invitee.account, 1, greeting)
            });
        }
        let id = self.found(item.name(), None, title, &members)?;
        for one in members.iter().filter(|member| member.state == MemberState::Member) {
            self.tell_everything(id, one.account)?;
        }
        for invitee in invitees.iter().filter(|invitee| !invitee.contact) {
            self.tell_invited(id, account, invitee.account)?;
        }
        Ok(Ok(Run::Founded { conversation: id }))
    }

    /// Counts requests to strangers against the day's limit; to found or widen a large group
    /// counts as well, for every commit's worth of rows that it takes.
    fn charge_requests(
        &mut self,
        account: AccountId,
        requests: usize,
    ) -> Result<std::result::Result<(), Refused>> {
        let requests = requests as u64;
        let (day, max) = (self.now_s / DAY_S, u64::from(self.policy.chat_requests_per_day));
        let mailbox = self.cache.mailbox(self.db, account)?;
        let asked = if mailbox.asked_day == day { mailbox.asked_count } else { 0 };
        if requests == 0 {
            return Ok(Ok(()));
        }
        if max < asked + requests {
            let words = format!("This relay allows {max} chat requests a day.");
            return Ok(Err(Refused::new(Refusal::TooOften, words)));
        }
        let mailbox = self.cache.mailbox_mut(self.db, account)?;
        (mailbox.asked_day, mailbox.asked_count) = (day, asked + requests);
        Ok(Ok(()))
    }

    fn invited(&self, inviter: AccountId, account: AccountId, at: u32, greeting: &str) -> Member {
        Member {
            account,
            state: MemberState::Invited,
            joined: 0,
            changed: at,
            inviter,
            greeting: greeting.to_owned(),
            asked_until_s: self.now_s + self.policy.request_lifetime_s,
        }
    }

    fn found(
        &mut self,
        founded: Name,
        pair: Option<(AccountId, AccountId)>,
        title: &str,
        members: &[Member],
    ) -> Result<ConversationId> {
        let id = self.cache.allot(self.db, Allot::Conversation)?;
        self.db
            .prepare_cached(
                "INSERT INTO conversation (id, device, n, low, high, title, version, c)
                 VALUES (?, ?, ?, ?, ?, ?, 1, 0)",
            )?
            .execute(params![
                id,
                founded.device,
                founded.n,
                pair.map(|(low, _)| low),
                pair.map(|(_, high)| high),
                title
            ])?;
        let row = Conversation {
            founded,
            pair,
            title: title.to_owned(),
            version: 1,
            c: 0,
            members: Arc::default(),
        };
        self.cache.put_conversation(id, row);
        for member in members {
            self.set_member(id, member.clone())?;
        }
        self.store_founding(founded, id)?;
        self.rows += 1;
        Ok(id)
    }

    fn store_founding(&mut self, name: Name, id: ConversationId) -> Result<()> {
        self.db
            .prepare_cached(
                "INSERT INTO founding (device, n, conversation) VALUES (?, ?, ?)
                 ON CONFLICT (device, n) DO NOTHING",
            )?
            .execute([name.device, name.n, id])?;
        self.cache.put_founding(name, id);
        self.rows += 1;
        Ok(())
    }

    /// Writes a membership, to the table and to the cached conversation.
    fn set_member(&mut self, id: ConversationId, member: Member) -> Result<()> {
        self.db
            .prepare_cached(
                "INSERT OR REPLACE INTO member (conversation, account, state, joined, changed,
                                                inviter, greeting, asked_until_s)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                id,
                member.account,
                u8::from(member.state),
                member.joined,
                member.changed,
                member.inviter,
                member.greeting,
                member.asked_until_s
            ])?;
        self.rows += 1;
        if let Some(row) = self.cache.conversation_mut(self.db, id)? {
            let members = Arc::make_mut(&mut row.members);
            match members.binary_search_by_key(&member.account, |member| member.account) {
                Ok(at) => members[at] = member,
                Err(at) => members.insert(at, member),
            }
        }
        Ok(())
    }

    fn next_version(&mut self, id: ConversationId) -> Result<u32> {
        let Some(row) = self.cache.conversation_mut(self.db, id)? else { return Ok(0) };
        row.version += 1;
        Ok(row.version)
    }

    /// Gives an existing membership another state, from a new version on.
    pub(super) fn become_state(
        &mut self,
        id: ConversationId,
        account: AccountId,
        state: MemberState,
    ) -> Result<()> {
        let version = self.next_version(id)?;
        let Some(row) = self.cache.conversation(self.db, id)? else { return Ok(()) };
        let Some(member) = row.member(account) else { return Ok(()) };
        let contact = row.pair.is_some() && member.state == MemberState::Member;
        let mut member = Member { state, changed: version, asked_until_s: 0, ..member.clone() };
        if state == MemberState::Member {
            member.joined = version;
        }
        if contact {
            self.cache.note_contacts();
        }
        self.set_member(id, member)
    }

    fn join(&mut self, id: ConversationId, account: AccountId) -> Result<()> {
        self.become_state(id, account, MemberState::Member)?;
        self.tell_joined(id, account)
    }

    fn answer(&mut self, account: AccountId, id: ConversationId, said: Answer) -> Result<Verdict> {
        let state = self.cache.conversation(self.db, id)?.and_then(|row| row.state_of(account));
        match step(state, said) {
            Step::Nothing => {}
            Step::Refused(reason, words) => return refuse(reason, words),
            Step::Become(MemberState::Member) => self.join(id, account)?,
            Step::Become(state) => {
                self.become_state(id, account, state)?;
                self.tell_changed(id, account)?;
            }
        }
        Ok(Ok(Run::Done { count: 1 }))
    }

    /// Takes back every open request of this account in the conversation.
    fn withdraw(&mut self, account: AccountId, id: ConversationId) -> Result<Verdict> {
        let Some(row) = self.cache.conversation(self.db, id)? else {
            return refuse(Refusal::NoSuchConversation, "The relay does not know it.");
        };
        let asked = |member: &&Member| member.inviter == account && member.account != account;
        let theirs: Vec<_> = row.members.iter().filter(asked).cloned().collect();
        let open = |member: &&Member| member.state == MemberState::Invited;
        let states: Vec<_> = theirs.iter().filter(open).map(|member| member.account).collect();
        if states.is_empty() {
            let state = theirs.first().map(|member| member.state);
            return match step(state, Answer::Withdraw) {
                Step::Refused(reason, words) => refuse(reason, words),
                _ => Ok(Ok(Run::Done { count: 1 })),
            };
        }
        for other in states {
            self.become_state(id, other, MemberState::Withdrawn)?;
            self.tell_changed(id, other)?;
        }
        Ok(Ok(Run::Done { count: 1 }))
    }

    fn add(
        &mut self,
        account: AccountId,
        id: ConversationId,
        to: &[String],
        greeting: &str,
    ) -> Result<Verdict> {
        let invitees = match self.invitees(account, to)? {
            Ok(invitees) => invitees,
            Err(refused) => return Ok(Err(refused)),
        };
        let conversation = match self.group_of(account, id)? {
            Ok(conversation) => conversation,
            Err(refused) => return Ok(Err(refused)),
        };
        let here = |state| matches!(state, Some(MemberState::Member | MemberState::Invited));
        let news: Vec<_> = invitees
            .into_iter()
            .filter(|invitee| !here(conversation.state_of(invitee.account)))
            .collect();
        let present = conversation.members.iter().filter(|member| here(Some(member.state))).count();
        if self.policy.members_max < present + news.len() {
            let words = format!("At most {} members.", self.policy.members_max);
            return refuse(Refusal::TooMany, words);
        }
        let strangers = news.iter().filter(|invitee| !invitee.contact).count();
        let told = 2 * present * news.len();
        if let Err(refused) = self.charge_requests(account, strangers + told / ROWS_MAX)? {
            return Ok(Err(refused));
        }
        for invitee in news {
            self.add_one(account, id, invitee, greeting)?;
        }
        Ok(Ok(Run::Done { count: 1 }))
    }

    fn add_one(
        &mut self,
        inviter: AccountId,
        id: ConversationId,
        invitee: Invitee,
        greeting: &str,
    ) -> Result<()> {
        let version = self.next_version(id)?;
        let account = invitee.account;
        if invitee.contact {
            let joined = Member { inviter, joined: version, changed: version, ..founder(account) };
            self.set_member(id, joined)?;
            self.tell_joined(id, account)
        } else {
            let invited = self.invited(inviter, account, version, greeting);
            self.set_member(id, invited)?;
            self.tell_members(id, Key::Member(id, account))?;
            self.tell_invited(id, inviter, account)
        }
    }

    fn rename(&mut self, account: AccountId, id: ConversationId, title: &str) -> Result<Verdict> {
        if let Err(refused) = self.group_of(account, id)? {
            return Ok(Err(refused));
        }
        if let Some(row) = self.cache.conversation_mut(self.db, id)? {
            title.clone_into(&mut row.title);
        }
        self.tell_members(id, Key::Conversation(id))?;
        Ok(Ok(Run::Done { count: 1 }))
    }

    /// The group that this account is a member of.
    fn group_of(
        &mut self,
        account: AccountId,
        id: ConversationId,
    ) -> Result<std::result::Result<Conversation, Refused>> {
        let Some(row) = self.cache.conversation(self.db, id)? else {
            let words = "The relay does not know it.";
            return Ok(Err(Refused::new(Refusal::NoSuchConversation, words)));
        };
        if row.state_of(account) != Some(MemberState::Member) {
            let words = "You are not a member of this conversation.";
            return Ok(Err(Refused::new(Refusal::NotMember, words)));
        }
        if row.pair.is_some() {
            let words = "A chat of two stays one of two: found a group instead.";
            return Ok(Err(Refused::new(Refusal::Invalid, words)));
        }
        Ok(Ok(row.clone()))
    }

    fn block(&mut self, account: AccountId, name: &str, on: bool) -> Result<Verdict> {
        let Some(other) = self.account_named(name)? else {
            return refuse(Refusal::NoSuchAccount, format!("Nobody here is called {name}."));
        };
        if other == account {
            return refuse(Refusal::Invalid, "Nobody can block himself.");
        }
        if self.blocks(account, other)? == on {
            return Ok(Ok(Run::Done { count: 1 }));
        }
        let sql = if on {
            "INSERT OR IGNORE INTO block (account, blocked) VALUES (?, ?)"
        } else {
            "DELETE FROM block WHERE account = ? AND blocked = ?"
        };
        self.db.prepare_cached(sql)?.execute([account, other])?;
        self.rows += 1;
        let mailbox = self.cache.mailbox_mut(self.db, account)?;
        mailbox.blocks.retain(|&blocked| blocked != other);
        if on {
            mailbox.blocks.push(other);
        } else {
            self.tell_kept_back(account, other)?;
        }
        self.cache.note_contacts();
        self.bump(account, Key::Contact(other))?;
        Ok(Ok(Run::Done { count: 1 }))
    }

    /// Shows the requests that a block had kept back.
    fn tell_kept_back(&mut self, account: AccountId, other: AccountId) -> Result<()> {
        let open: Result<Vec<ConversationId>> = self
            .db
            .prepare_cached(
                "SELECT conversation FROM member WHERE account = ? AND state = 1 AND inviter = ?",
            )?
            .query_map([account, other], |row| row.get(0))?
            .collect();
        for id in open? {
            self.bump(account, Key::Conversation(id))?;
        }
        Ok(())
    }

    /// Tells one who was asked, unless he blocks who asks: a block looks like silence.
    fn tell_invited(
        &mut self,
        id: ConversationId,
        inviter: AccountId,
        account: AccountId,
    ) -> Result<()> {
        if self.blocks(account, inviter)? {
            return Ok(());
        }
        self.bump(account, Key::Conversation(id))
    }

    /// Tells a member the conversation and everyone else in it.
    fn tell_everything(&mut self, id: ConversationId, account: AccountId) -> Result<()> {
        let Some(row) = self.cache.conversation(self.db, id)? else { return Ok(()) };
        let members = Arc::clone(&row.members);
        self.bump(account, Key::Conversation(id))?;
        for member in members.iter().filter(|member| member.account != account) {
            self.bump(account, Key::Member(id, member.account))?;
        }
        Ok(())
    }

    /// Tells a new member everything, and the others of him.
    fn tell_joined(&mut self, id: ConversationId, account: AccountId) -> Result<()> {
        self.tell_everything(id, account)?;
        let Some(row) = self.cache.conversation(self.db, id)? else { return Ok(()) };
        let (members, pair) = (Arc::clone(&row.members), row.pair);
        for member in members.iter() {
            if member.account != account && member.state == MemberState::Member {
                self.bump(member.account, Key::Conversation(id))?;
                self.bump(member.account, Key::Member(id, account))?;
            }
        }
        let all_here = members.iter().all(|member| member.state == MemberState::Member);
        if let Some((low, high)) = pair.filter(|_| all_here) {
            self.cache.note_contacts();
            self.bump(low, Key::Contact(high))?;
            self.bump(high, Key::Contact(low))?;
        }
        Ok(())
    }

    /// Tells the members, and the one himself, that his membership changed. Whoever blocks the
    /// one who asked him never heard of the request and hears nothing of its end.
    pub(super) fn tell_changed(&mut self, id: ConversationId, account: AccountId) -> Result<()> {
        let Some(row) = self.cache.conversation(self.db, id)? else { return Ok(()) };
        let inviter = row.member(account).map_or(account, |member| member.inviter);
        let over =
            matches!(row.state_of(account), Some(MemberState::Withdrawn | MemberState::Expired));
        if !(over && self.blocks(account, inviter)?) {
            self.bump(account, Key::Conversation(id))?;
        }
        self.tell_members(id, Key::Member(id, account))
    }

    fn tell_members(&mut self, id: ConversationId, key: Key) -> Result<()> {
        let Some(row) = self.cache.conversation(self.db, id)? else { return Ok(()) };
        let members = Arc::clone(&row.members);
        for member in members.iter().filter(|member| member.state == MemberState::Member) {
            self.bump(member.account, key)?;
        }
        Ok(())
    }
}

/// Someone who takes part from the founding on.
fn founder(account: AccountId) -> Member {
    Member {
        account,
        state: MemberState::Member,
        joined: 0,
        changed: 1,
        inviter: account,
        greeting: String::new(),
        asked_until_s: 0,
    }
}
