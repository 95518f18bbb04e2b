//! Entries of lane latest: what is true now at the relay, whatever came before.

use rusqlite::params;
use wire::{Entry, MemberState, Name};

use super::{
    Change, ConversationId, Kind, MessageId, Notice, StoreError,
    conversations::{self, by_number, pair_with},
    write::{Query, Tx},
};

/// A conversation entry's part that concerns us.
struct Ours<'a> {
    mine: MemberState,
    inviter: u64,
    inviter_name: &'a str,
    greeting: &'a str,
}

impl Tx<'_> {
    /// Applies one entry. Whether it brought a new row to the inbox: a chat request.
    pub(crate) fn latest(&self, entry: &Entry) -> Result<bool, StoreError> {
        match entry {
            Entry::Contact { account, name, blocked } => self.set_contact(*account, name, *blocked),
            Entry::Conversation {
                number,
                founded,
                pair,
                title,
                version,
                mine,
                inviter,
                inviter_name,
                greeting,
            } => {
                let ours = Ours { mine: *mine, inviter: *inviter, inviter_name, greeting };
                return self.conversation(*number, *founded, *pair, title, *version, &ours);
            }
            Entry::Member { conversation, account, name, state, version } => {
                self.member(*conversation, *account, name, *state, *version)
            }
            Entry::Receipt { conversation, lane, account, delivered, read } => {
                let id = self.conversation_of(*conversation)?;
                self.receipt(id, *lane, *account, *delivered, *read)
            }
            Entry::Counts { conversation, lane, c, delivered, read, of } => {
                let id = self.conversation_of(*conversation)?;
                self.counts(id, *lane, *c, (*delivered, *read, *of))
            }
            Entry::Expired { name, missing, of } => self.expired(*name, *missing, *of),
            Entry::Lapsed { conversation, count } => self.lapsed(*conversation, *count),
            Entry::LapsedDevice { device, count } => self.lapsed_device(*device, *count),
            Entry::Unknown { kind, body } => self.oddity(*kind, true, body),
            _ => Ok(()),
        }
        .map(|()| false)
    }

    /// The conversation with the relay's number; one that is not known yet gets a row to be filled in.
    pub(crate) fn conversation_of(&self, number: u64) -> Result<ConversationId, StoreError> {
        if let Some(id) = by_number(self, number)? {
            return Ok(id);
        }
        let sql =
            "INSERT INTO conversation (number, is_pair, mine, created_at) VALUES (?1, 0, 2, ?2)";
        let id = ConversationId(self.insert(sql, params![number, self.now])?);
        self.changed(Change::Conversation(id));
        Ok(id)
    }

    fn conversation(
        &self,
        number: u64,
        founded: Name,
        is_pair: bool,
        title: &str,
        version: u32,
        ours: &Ours<'_>,
    ) -> Result<bool, StoreError> {
        let id = self.recognise(number, founded, is_pair, ours)?;
        let before = conversations::load(self, id)?;
        let Ours { mine, inviter, inviter_name, greeting } = ours;
        // The relay tells it to whoever is asked. With what we asked it stays, for ourselves to read.
        let we_asked = before.inviter_name.is_empty() && *mine != MemberState::Invited;
        let greeting = if we_asked { before.greeting.as_str() } else { greeting };
        self.run(
            "UPDATE conversation SET is_pair = ?2, title = ?3, version = ?4, mine = ?5, inviter = ?6,
                inviter_name = ?7, greeting = ?8 WHERE id = ?1",
            params![id, is_pair, title, version, u8::from(*mine), inviter, inviter_name, greeting],
        )?;
        let id = match is_pair && *inviter != self.me.account && !inviter_name.is_empty() {
            true => self.learn_peer(id, inviter_name)?,
            false => id,
        };
        self.note_person(*inviter, inviter_name)?;
        let was_invited = before.is_invited() && before.number == Some(number);
        let is_new = self.show_request(id, *mine, was_invited, ours)?;
        self.changed(Change::Conversation(id));
        self.look_again(id, true)?;
        Ok(is_new)
    }

    /// Which of ours it is: by number, by any request that founded it, by the one whom we asked and who asks us; or new.
    fn recognise(
        &self,
        number: u64,
        founded: Name,
        is_pair: bool,
        ours: &Ours<'_>,
    ) -> Result<ConversationId, StoreError> {
        let sql = "SELECT conversation FROM founding WHERE device = ?1 AND n = ?2";
        let by_founding = self.first(sql, params![founded.device, founded.n], |row| row.get(0))?;
        let by_peer = || match is_pair && ours.inviter != self.me.account {
            true => pair_with(self, ours.inviter_name),
            false => Ok(None),
        };
        let known = match by_founding {
            None if by_number(self, number)?.is_none() => by_peer()?,
            known => known,
        };
        let id = match known {
            Some(id) => self.learn_number(id, number)?,
            None => self.conversation_of(number)?,
        };
        self.set_founding(founded, id)?;
        Ok(id)
    }

    /// A request is a row of the inbox; a further request in the same conversation is another. Whether there is a new one.
    fn show_request(
        &self,
        id: ConversationId,
        mine: MemberState,
        was_invited: bool,
        ours: &Ours<'_>,
    ) -> Result<bool, StoreError> {
        if mine != MemberState::Invited {
            let sql = "UPDATE message SET is_read = 1 WHERE conversation = ?1 AND shown_as = 2 AND is_read = 0";
            self.run(sql, [id])?;
            return Ok(false);
        }
        let sql = "SELECT max(id) FROM message WHERE conversation = ?1 AND shown_as = 2";
        let newest = self.first(sql, [id], |row| row.get::<_, Option<i64>>(0))?.flatten();
        if let (true, Some(row)) = (was_invited, newest) {
            let sql = "UPDATE message SET base = ?2, text = ?2 WHERE id = ?1 AND text <> ?2";
            if self.run(sql, params![row, ours.greeting])? != 0 {
                self.changed(Change::Message(MessageId(row)));
            }
            return Ok(false);
        }
        self.insert_said(Some(id), Kind::Request, ours.inviter, ours.inviter_name, ours.greeting)?;
        Ok(true)
    }

    /// A row of the inbox that is no message: a request, or a notice of Mailboat's own.
    pub(crate) fn insert_said(
        &self,
        conversation: Option<ConversationId>,
        kind: Kind,
        account: u64,
        author: &str,
        text: &str,
    ) -> Result<MessageId, StoreError> {
        // In its conversation it stands where it came: behind the newest place.
        let id = self.insert(
            "INSERT INTO message (conversation, shown_as, is_mine, account, author, c, is_here, base, text, sent_at,
                received_at, is_read)
            VALUES (?1, ?2, 0, ?3, ?4, (SELECT coalesce(max(place), 0) FROM message
                WHERE conversation = ?1 AND place < 9223372036854775807), 1, ?5, ?5,
                ?6, ?6, 0)",
            params![conversation, kind.number(), account, author, text, self.now],
        )?;
        self.changed(Change::Arrived(MessageId(id)));
        Ok(MessageId(id))
    }

    fn member(
        &self,
        number: u64,
        account: u64,
        name: &str,
        state: MemberState,
        version: u32,
    ) -> Result<(), StoreError> {
        let id = self.conversation_of(number)?;
        self.run(
            "INSERT INTO member (conversation, account, name, state, version) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (conversation, account) DO UPDATE
                SET name = excluded.name, state = excluded.state, version = excluded.version",
            params![id, account, name, u8::from(state), version],
        )?;
        self.note_person(account, name)?;
        let chat = conversations::load(self, id)?;
        let id = match chat.is_pair && account != self.me.account && !name.is_empty() {
            true => self.learn_peer(id, name)?,
            false => id,
        };
        for lane in [wire::Lane::Urgent, wire::Lane::Ordinary] {
            self.settle_receipts(id, lane)?;
        }
        self.changed(Change::Conversation(id));
        self.look_again(id, true)
    }

    fn lapsed(&self, number: u64, count: u64) -> Result<(), StoreError> {
        let id = self.conversation_of(number)?;
        let more = self.more_lapsed(id.0, count)?;
        if 0 < more {
            let text = format!(
                "{more} message(s) for you expired, or found your mailbox full, before they were fetched."
            );
            self.notice(Some(id), &text, &Notice::Lapsed { count: more })?;
        }
        Ok(())
    }

    fn lapsed_device(&self, device: u64, count: u64) -> Result<(), StoreError> {
        let subject = i64::try_from(device).unwrap_or(i64::MAX).saturating_neg();
        let more = self.more_lapsed(subject, count)?;
        if 0 < more && device == self.me.device {
            let text = format!(
                "{more} message(s) left the relay while this device was silent for long. Your other devices may have them."
            );
            self.notice(None, &text, &Notice::LapsedHere { count: more })?;
        }
        Ok(())
    }

    /// How many more than before; the count only grows.
    fn more_lapsed(&self, subject: i64, count: u64) -> Result<u64, StoreError> {
        let known =
            self.first("SELECT count FROM lapsed WHERE subject = ?1", [subject], |row| {
                row.get::<_, u64>(0)
            })?;
        let known = known.unwrap_or(0);
        if known < count {
            let sql = "INSERT OR REPLACE INTO lapsed (subject, count) VALUES (?1, ?2)";
            self.run(sql, params![subject, count])?;
        }
        Ok(count.saturating_sub(known))
    }

    /// Keeps what this version does not know as it came, and says so once a visit and kind: a relay that sends a thousand
    /// such frames shall not bury the inbox.
    pub(crate) fn oddity(&self, kind: u8, is_entry: bool, bytes: &[u8]) -> Result<(), StoreError> {
        // Without a visit in the ledger, once for all.
        let sql = "SELECT 1 FROM oddity WHERE kind = ?1 AND is_entry = ?2
            AND coalesce((SELECT start_at FROM visit ORDER BY id DESC LIMIT 1), 0) <= received_at";
        let was_said = self.first(sql, params![kind, is_entry], |_| Ok(()))?.is_some();
        let digest = blake3::hash(&[&[kind, u8::from(is_entry)][..], bytes].concat());
        let new = self.run(
            "INSERT OR IGNORE INTO oddity (digest, received_at, kind, is_entry, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![digest.as_bytes(), self.now, kind, is_entry, bytes],
        )?;
        if new != 0 && !was_said {
            let what = if is_entry { "entry" } else { "frame" };
            let text = format!(
                "The relay sent something that this version of Mailboat does not know ({what} of kind {kind}). \
                It is kept, and so is what else of this kind comes with this visit; a newer version may show it."
            );
            self.notice(None, &text, &Notice::Unknown { kind, is_entry })?;
        }
        Ok(())
    }
}
