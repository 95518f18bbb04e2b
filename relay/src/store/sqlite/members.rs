//! Membership: how it is written, and whom its changes are told through lane latest.

use std::sync::Arc;

use rusqlite::{Result, params};
use wire::{AccountId, ConversationId, MemberState};

use super::{cache::Member, latest::Key, tx::Tx};

impl Tx<'_> {
    /// Writes a membership, to the table and to the cached conversation.
    pub(super) fn set_member(&mut self, id: ConversationId, member: Member) -> Result<()> {
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

    pub(super) fn next_version(&mut self, id: ConversationId) -> Result<u32> {
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

    pub(super) fn join(&mut self, id: ConversationId, account: AccountId) -> Result<()> {
        self.become_state(id, account, MemberState::Member)?;
        self.tell_joined(id, account)
    }

    /// Tells one who was asked, unless he blocks who asks: a block looks like silence.
    pub(super) fn tell_invited(
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
    pub(super) fn tell_everything(&mut self, id: ConversationId, account: AccountId) -> Result<()> {
        let Some(row) = self.cache.conversation(self.db, id)? else { return Ok(()) };
        let members = Arc::clone(&row.members);
        self.bump(account, Key::Conversation(id))?;
        for member in members.iter().filter(|member| member.account != account) {
            self.bump(account, Key::Member(id, member.account))?;
        }
        Ok(())
    }

    /// Tells a new member everything, and the others of him.
    pub(super) fn tell_joined(&mut self, id: ConversationId, account: AccountId) -> Result<()> {
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

    pub(super) fn tell_members(&mut self, id: ConversationId, key: Key) -> Result<()> {
        let Some(row) = self.cache.conversation(self.db, id)? else { return Ok(()) };
        let members = Arc::clone(&row.members);
        for member in members.iter().filter(|member| member.state == MemberState::Member) {
            self.bump(member.account, key)?;
        }
        Ok(())
    }
}
