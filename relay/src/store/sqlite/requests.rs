//! Items that change who talks to whom: requests and their answers, leaving, adding, renaming,
//! blocking. What they change is told through lane latest.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Result};
use wire::{AccountId, ConversationId, Item, MemberState, Refusal, Run};

use super::{
    cache::{Conversation, Member},
    content::Authored,
    latest::Key,
    tx::{Refused, Tx, Verdict, refuse},
};
use crate::conversation::{Answer, Step, step};

/// Someone to be asked or added.
#[derive(Clone, Copy, Debug)]
pub(super) struct Invitee {
    pub(super) account: AccountId,
    /// Whether the two are contacts: then he is a member at once.
    pub(super) contact: bool,
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
    pub(super) fn invitees(
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
    pub(super) fn group_of(
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
}
