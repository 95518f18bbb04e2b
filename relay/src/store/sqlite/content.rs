//! Messages: stored once, with an entry in every recipient's log and the author's own, at the
//! next place of their conversation.

use rusqlite::{OptionalExtension, Result, params};
use wire::{
    AccountId, ConversationId, DeviceId, Item, Lane, MemberState, Name, Refusal, Run, Submit, kind,
};

use super::{
    super::NUMBER_MAX,
    cache::Conversation,
    latest::RECEIPTS_MEMBERS_MAX,
    tx::{Refused, Tx, Verdict, refuse},
};
use crate::mailbox::{is_recipient, times};

/// Housekeeping looks at a mailbox this much later than the first entry may go, so that it finds
/// more than one.
const LOOK_SLACK_S: u64 = 3_600;

/// Someone's numbered item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Authored<'a> {
    pub(super) account: AccountId,
    pub(super) device: DeviceId,
    pub(super) n: u64,
    pub(super) hash: u32,
    pub(super) submit: &'a Submit,
}

impl Authored<'_> {
    pub(super) fn name(&self) -> Name {
        Name { device: self.device, n: self.n }
    }
}

/// A message that is about to get its entries.
struct Placing {
    message: i64,
    conversation: ConversationId,
    lane: Lane,
    c: u64,
    bytes: u64,
    expires_at_s: u64,
}

impl Tx<'_> {
    /// Gives a message its place, or says why not.
    pub(super) fn place(&mut self, item: &Authored<'_>, id: ConversationId) -> Result<Verdict> {
        let submit = item.submit;
        if self.policy.envelope_max < submit.body.len() {
            let words = format!("Longer than this relay's {} bytes.", self.policy.envelope_max);
            return refuse(Refusal::TooLong, words);
        }
        let target = match self.target(item, id)? {
            Ok(target) => target,
            Err(refused) => return Ok(Err(refused)),
        };
        let Some(conversation) = self.cache.conversation(self.db, id)? else {
            return refuse(Refusal::NoSuchConversation, "The relay does not know it.");
        };
        let conversation = conversation.clone();
        let recipients = match self.recipients(item, &conversation)? {
            Ok(recipients) => recipients,
            Err(refused) => return Ok(Err(refused)),
        };
        let bytes = submit.body.len() as u64;
        let (room, lapses) = self.split_by_room(&recipients, bytes)?;
        if conversation.pair.is_some() && self.any_awake(&lapses)? {
            return refuse(Refusal::Full, "The recipient's mailbox is full.");
        }
        let asked = if submit.urgent { Lane::Urgent } else { Lane::Ordinary };
        let lane = target.map_or(asked, |(_, lane)| lane);
        if submit.kind == kind::DELETE
            && let Some((message, _)) = target
        {
            self.drop_body(message)?;
        }
        self.store_message(item, id, lane, &conversation, &room, &lapses)
    }

    fn store_message(
        &mut self,
        item: &Authored<'_>,
        id: ConversationId,
        lane: Lane,
        conversation: &Conversation,
        room: &[AccountId],
        lapses: &[AccountId],
    ) -> Result<Verdict> {
        let Authored { account, device, n, hash, submit } = *item;
        let (composed_at_s, expires_at_s) = times(submit, self.policy, self.now_s);
        let c = (conversation.c + 1).max(self.cache.place_floor());
        if let Some(row) = self.cache.conversation_mut(self.db, id)? {
            row.c = c;
        }
        let own = self.keeps_own_copy(account, submit.body.len() as u64)?;
        let recipients = room.len() + lapses.len();
        self.db
            .prepare_cached(
                "INSERT INTO message (device, n, account, conversation, kind, lane, c, hash,
                                      composed_at_s, recipients, copies, body)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                device,
                n,
                account,
                id,
                submit.kind,
                lane.number(),
                c,
                hash,
                composed_at_s,
                recipients,
                room.len() + usize::from(own),
                submit.body
            ])?;
        self.rows += 1;
        let placing = Placing {
            message: self.db.last_insert_rowid(),
            conversation: id,
            lane,
            c,
            bytes: submit.body.len() as u64,
            expires_at_s,
        };
        for &recipient in room {
            self.deliver(item, &placing, recipient)?;
        }
        if own {
            self.deliver(item, &placing, account)?;
        }
        for &recipient in lapses {
            self.note_lapsed(recipient, id, 1)?;
        }
        if !lapses.is_empty() {
            let missing = lapses.len() as u64;
            self.note_expired(account, item.name(), missing, recipients as u64)?;
        }
        if RECEIPTS_MEMBERS_MAX < conversation.members.len() {
            self.note_newest(account, id, lane, c, recipients)?;
        }
        Ok(Ok(Run::Placed { count: 1, conversation: id, c }))
    }

    /// One entry in one log.
    fn deliver(&mut self, item: &Authored<'_>, placing: &Placing, to: AccountId) -> Result<()> {
        let own = to == item.account;
        let position = self.allot_position(to, Some(item.device))?;
        let look_at_s = self.now_s + self.policy.keep_delivered_s + LOOK_SLACK_S;
        let mailbox = self.cache.mailbox_mut(self.db, to)?;
        let look_at_s = if own {
            mailbox.own_count += 1;
            mailbox.own_bytes += placing.bytes;
            look_at_s
        } else {
            mailbox.kept_count += 1;
            mailbox.kept_bytes += placing.bytes;
            mailbox.waiting_count += 1;
            mailbox.waiting_bytes += placing.bytes;
            look_at_s.min(placing.expires_at_s).max(1)
        };
        if mailbox.look_at_s == 0 || look_at_s < mailbox.look_at_s {
            mailbox.look_at_s = look_at_s;
        }
        self.db
            .prepare_cached(
                "INSERT INTO entry (account, lane, position, message, conversation, c, device,
                                    author, bytes, placed_at_s, expires_at_s)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                to,
                placing.lane.number(),
                position,
                placing.message,
                placing.conversation,
                placing.c,
                item.device,
                item.account,
                placing.bytes,
                self.now_s,
                if own { 0 } else { placing.expires_at_s }
            ])?;
        self.rows += 1;
        Ok(())
    }

    /// Who gets it: members both when it was composed and now, without those who block its author.
    fn recipients(
        &mut self,
        item: &Authored<'_>,
        conversation: &Conversation,
    ) -> Result<std::result::Result<Vec<AccountId>, Refused>> {
        if conversation.state_of(item.account) != Some(MemberState::Member) {
            let words = "You are not a member of this conversation.";
            return Ok(Err(Refused::new(Refusal::NotMember, words)));
        }
        let mut somebody = false;
        let mut recipients = Vec::new();
        for member in conversation.members.iter().filter(|member| member.account != item.account) {
            somebody |= member.state == MemberState::Member;
            if is_recipient(member.state, member.joined, item.submit.version)
                && !self.blocks(member.account, item.account)?
            {
                recipients.push(member.account);
            }
        }
        if !somebody {
            let words = "Nobody else is in this conversation now.";
            return Ok(Err(Refused::new(Refusal::NobodyThere, words)));
        }
        Ok(Ok(recipients))
    }

    /// Those who have room for `bytes` more, and those who have not.
    fn split_by_room(
        &mut self,
        recipients: &[AccountId],
        bytes: u64,
    ) -> Result<(Vec<AccountId>, Vec<AccountId>)> {
        let (mut room, mut full) = (Vec::with_capacity(recipients.len()), Vec::new());
        for &account in recipients {
            let side = if self.makes_room(account, bytes)? { &mut room } else { &mut full };
            side.push(account);
        }
        Ok((room, full))
    }

    /// Whether some device of these accounts is not dormant: one that is makes nobody's message
    /// refused, it lapses instead.
    fn any_awake(&mut self, accounts: &[AccountId]) -> Result<bool> {
        for &account in accounts {
            let devices = self.devices(account)?;
            if devices.iter().any(|(_, device)| self.is_awake(device)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn keeps_own_copy(&mut self, account: AccountId, bytes: u64) -> Result<bool> {
        let (count_max, bytes_max) = (self.policy.mailbox_count_max, self.policy.mailbox_bytes_max);
        let mailbox = self.cache.mailbox(self.db, account)?;
        Ok(mailbox.own_count < count_max && mailbox.own_bytes + bytes <= bytes_max)
    }

    /// The message that an edit or deletion names, if it is still here, and its lane; refused if
    /// it is not the author's. Other items have no target.
    fn target(
        &mut self,
        item: &Authored<'_>,
        id: ConversationId,
    ) -> Result<std::result::Result<Option<(i64, Lane)>, Refused>> {
        if !matches!(item.submit.kind, kind::EDIT | kind::DELETE) {
            return Ok(Ok(None));
        }
        let Some(target) = Item::target(item.submit.kind, &item.submit.body) else {
            return Ok(Err(Refused::new(Refusal::Invalid, "It names no message.")));
        };
        let owner = self.cache.device(self.db, target.device)?;
        if owner.is_none_or(|device| device.account != item.account) {
            let words = "Only its author can change a message.";
            return Ok(Err(Refused::new(Refusal::NotYours, words)));
        }
        if NUMBER_MAX < target.n {
            return Ok(Ok(None));
        }
        let found = self
            .db
            .prepare_cached(
                "SELECT id, lane FROM message WHERE device = ? AND n = ? AND conversation = ?",
            )?
            .query_row([target.device, target.n, id], |row| Ok((row.get(0)?, row.get::<_, u8>(1)?)))
            .optional()?;
        Ok(Ok(found.and_then(|(message, lane)| Some((message, Lane::from_number(lane)?)))))
    }

    /// Takes away the body of a deleted message. Its entries stay: no position and no name goes
    /// missing.
    fn drop_body(&mut self, message: i64) -> Result<()> {
        self.db
            .prepare_cached("UPDATE message SET kind = ?, body = x'' WHERE id = ?")?
            .execute(params![kind::VOID, message])?;
        self.rows += 1;
        Ok(())
    }
}
