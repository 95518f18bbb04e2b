//! Asking others to talk: pairs, groups, who is added to a group, and how much of that a day allows.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Result, params};
use wire::{AccountId, ConversationId, MemberState, Name, Refusal, Run};

use super::{
    cache::{Allot, Conversation, Member},
    content::Authored,
    latest::Key,
    requests::Invitee,
    tx::{ROWS_MAX, Refused, Tx, Verdict, refuse},
};
use crate::conversation::{Ask, ask};

const DAY_S: u64 = 24 * 60 * 60;

impl Tx<'_> {
    pub(super) fn request_pair(
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

    pub(super) fn ask_again(
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

    pub(super) fn found_group(
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
        // Contacts are members at once, and their rows are paid for as well.
        let requests = strangers.max(1) + told / ROWS_MAX;
        if let Err(refused) = self.charge_requests(account, requests)? {
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

    /// Counts requests against the day's limit: each stranger asked is one, to found or widen a group of contacts is one,
    /// and every further commit's worth of rows that a large group takes is another.
    pub(super) fn charge_requests(
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

    pub(super) fn invited(
        &self,
        inviter: AccountId,
        account: AccountId,
        at: u32,
        greeting: &str,
    ) -> Member {
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

    pub(super) fn found(
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

    pub(super) fn store_founding(&mut self, name: Name, id: ConversationId) -> Result<()> {
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

    pub(super) fn add(
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
        let requests = strangers.max(usize::from(!news.is_empty())) + told / ROWS_MAX;
        if let Err(refused) = self.charge_requests(account, requests)? {
            return Ok(Err(refused));
        }
        for invitee in news {
            self.add_one(account, id, invitee, greeting)?;
        }
        Ok(Ok(Run::Done { count: 1 }))
    }

    pub(super) fn add_one(
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

    pub(super) fn pair_of(
        &self,
        one: AccountId,
        other: AccountId,
    ) -> Result<Option<ConversationId>> {
        self.db
            .prepare_cached("SELECT id FROM conversation WHERE low = ? AND high = ?")?
            .query_row([one.min(other), one.max(other)], |row| row.get(0))
            .optional()
    }

    pub(super) fn are_contacts(&mut self, one: AccountId, other: AccountId) -> Result<bool> {
        let Some(id) = self.pair_of(one, other)? else { return Ok(false) };
        let Some(pair) = self.cache.conversation(self.db, id)? else { return Ok(false) };
        Ok(pair.members.iter().all(|member| member.state == MemberState::Member))
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
