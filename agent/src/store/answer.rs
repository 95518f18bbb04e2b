//! What the relay says of our own items: `Welcome`'s `k`, and the outcomes above what we were told.

use rusqlite::params;
use wire::{Answered, Item, MemberState, Refusal, Run, Welcome, kind};

use super::{
    Change, ConversationId, MessageState, Reason, StoreError,
    conversations::{self, ASKING, REFUSED},
    item::{ITEM, ItemRow, hold, item_row, state},
    write::{Query, Tx},
};

/// A clock difference that moved less is not written down, in seconds.
const AHEAD_STEP_S: i64 = 300;

/// How many numbers that this store never gave, or has nothing of any more, a relay may speak of at once. There are some
/// where both sides were put back; more is a mistake, and to go through them one by one would take for ever.
const STRANGE_MAX: u64 = 65_536;

/// What became of one item.
enum Outcome<'a> {
    Placed { conversation: u64, c: u64 },
    Founded { conversation: u64 },
    Done,
    Refused { reason: Refusal, words: &'a str },
    Unknown,
}

impl Tx<'_> {
    /// The relay's word on how far it has answered, in answer to our attempt.
    pub(crate) fn welcome(&self, welcome: &Welcome) -> Result<(), StoreError> {
        if self.highest()?.saturating_add(STRANGE_MAX) < welcome.k {
            return Err(StoreError::Implausible("it has answered for more than was ever sent"));
        }
        if let Ok(now) = i64::try_from(welcome.now_s) {
            self.run(
                "UPDATE device SET relay_ahead_s = ?1
                WHERE relay_ahead_s IS NULL OR ?2 < abs(relay_ahead_s - ?1)",
                params![now.saturating_sub(self.now), AHEAD_STEP_S],
            )?;
        }
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?));
        let (k, told_x) = self.first("SELECT k, told_x FROM device", [], read)?.unwrap_or_default();
        let opened_anew = match &welcome.limits {
            Some(limits) => {
                let held = self.position()?.limits.tag;
                self.set_limits(limits)?;
                held != limits.tag
            }
            None => false,
        };
        // An older answer that arrives late (a hold's beside a submission's) may know less and means nothing by it.
        if welcome.k < k && told_x < welcome.x {
            self.put_back(welcome, k)?;
        } else if k < welcome.k {
            self.run("UPDATE device SET k = ?1, told_x = max(told_x, ?2)", [welcome.k, welcome.x])?;
        }
        if opened_anew {
            self.keep_in_doubt(welcome.x)?;
        }
        self.unseal(welcome.k.max(k), welcome.x)
    }

    /// The relay's store was opened anew since it was heard of, perhaps from a copy that does not know what had come:
    /// what earlier attempts carried may have arrived, and others may have it. It keeps its number and bytes; what was
    /// answered with this Welcome has only to remember it.
    fn keep_in_doubt(&self, x: u64) -> Result<(), StoreError> {
        let sql = "UPDATE item SET is_fixed = 2, named_device = NULL, named_n = NULL
            WHERE device = ?1 AND state = 2 AND is_fixed = 0 AND first_x < ?2
                AND (SELECT max(k, told) FROM device) < n";
        self.run(sql, [self.me.device, x])?;
        let sql = "UPDATE item SET is_fixed = 2
            WHERE device = ?1 AND state = 2 AND is_fixed = 0 AND first_x < ?2 AND (SELECT told FROM device) < n";
        self.run(sql, [self.me.device, x])?;
        Ok(())
    }

    /// The highest number of ours that this store knows anything of.
    fn highest(&self) -> Result<u64, StoreError> {
        let sql = "SELECT max(k, told, coalesce((SELECT max(n) FROM item WHERE item.device = device.device), 0))
            FROM device";
        Ok(self.first(sql, [], |row| row.get(0))?.unwrap_or(0))
    }

    /// The relay was put back and has forgotten what it answered for above its `k`, up to `known`: the same numbers go
    /// again with the same bytes, or say that nothing is left to send. It may be that others have them.
    fn put_back(&self, welcome: &Welcome, known: u64) -> Result<(), StoreError> {
        let device = self.me.device;
        let sql = "SELECT count(*) FROM item WHERE device = ?1 AND n BETWEEN ?2 AND ?3";
        let kept = self.first(sql, [device, welcome.k + 1, known], |row| row.get::<_, u64>(0))?;
        if STRANGE_MAX < (known - welcome.k).saturating_sub(kept.unwrap_or(0)) {
            return Err(StoreError::Implausible(
                "it has forgotten too much: log in again with mailboat login",
            ));
        }
        for n in welcome.k + 1..=known {
            let sql = format!("SELECT {ITEM} FROM item WHERE device = ?1 AND n = ?2");
            let item = self.first(&sql, params![device, n], item_row)?;
            if let Some(item) = &item
                && matches!(item.state, state::SEALED | state::ANSWERED)
                && item.body.is_some()
            {
                let sql = "UPDATE item SET is_fixed = CASE WHEN state = 3 OR is_fixed = 1 THEN 1 ELSE 2 END,
                    state = 2, named_device = NULL, named_n = NULL WHERE id = ?1";
                self.run(sql, [item.id])?;
                continue;
            }
            // Refused before, or gone since.
            let sql = "UPDATE item SET device = NULL, n = NULL WHERE device = ?1 AND n = ?2";
            self.run(sql, params![device, n])?;
            self.insert(
                "INSERT INTO item (kind, class, is_urgent, composed_at, state, device, n, body, is_fixed)
                VALUES (?1, 2, 0, ?2, 2, ?3, ?4, x'', 1)",
                params![kind::VOID, self.now, device, n],
            )?;
        }
        // What was in doubt may have arrived before the relay was put back: it keeps its number and bytes too.
        let sql = "UPDATE item SET is_fixed = CASE is_fixed WHEN 1 THEN 1 ELSE 2 END, named_device = NULL, named_n = NULL
            WHERE device = ?1 AND state = 2";
        self.run(sql, [device])?;
        let sql = "UPDATE device SET k = ?1, told = min(told, ?1), told_x = ?2";
        self.run(sql, [welcome.k, welcome.x])?;
        self.run("UPDATE mark SET told_c = 0", [])?;
        self.changed(Change::Outbox);
        Ok(())
    }

    /// The outcomes of our items. Those that we know are passed over; behind a gap nothing is believed. Gives how many
    /// were new, and how many of these were relayed.
    pub(crate) fn answered(&self, x: u64, answered: &Answered) -> Result<(u64, u64), StoreError> {
        let before = self.position()?.told;
        let (mut told, mut n, highest) = (before, answered.first, self.highest()?);
        let mut relayed = 0;
        for run in &answered.runs {
            let behind = n.saturating_add(run.count());
            let known = told.saturating_add(1).saturating_sub(n).min(run.count());
            if n.saturating_add(known) == told + 1 {
                if highest.saturating_add(1) < behind {
                    return Err(StoreError::Implausible("it answers for what was never sent"));
                }
                for index in known..run.count() {
                    relayed += u64::from(self.settle_item(n + index, &outcome(run, index))?);
                    told = n + index;
                }
            }
            n = behind;
        }
        if before < told {
            let sql = "UPDATE device SET told = ?1, k = max(k, ?1), told_x = max(told_x, ?2)";
            self.run(sql, params![told, x])?;
            self.changed(Change::Outbox);
        }
        Ok((told - before, relayed))
    }

    /// Gives whether the relay took something with it.
    fn settle_item(&self, n: u64, outcome: &Outcome<'_>) -> Result<bool, StoreError> {
        let sql = format!("SELECT {ITEM} FROM item WHERE device = ?1 AND n = ?2");
        let Some(item) = self.first(&sql, params![self.me.device, n], item_row)? else {
            return Ok(false);
        };
        if let Outcome::Refused { reason, words } = outcome {
            return self.refused(&item, *reason, words).map(|()| false);
        }
        self.run(
            "UPDATE item SET state = 3, hold = 0, reason = '', answered_at = ?2 WHERE id = ?1",
            params![item.id, self.now],
        )?;
        match *outcome {
            Outcome::Placed { conversation, c } => self.placed(&item, conversation, c)?,
            Outcome::Founded { conversation } => self.founded(&item, conversation)?,
            _ => self.took_effect(&item)?,
        }
        Ok(item.kind != kind::VOID && !matches!(outcome, Outcome::Unknown))
    }

    fn placed(&self, item: &ItemRow, number: u64, c: u64) -> Result<(), StoreError> {
        if let Some(id) = item.conversation {
            self.learn_number(id, number)?;
        }
        if let Some(id) = item.message {
            // Sent again after the relay was put back it has another place; the larger holds everywhere.
            self.run(
                "UPDATE message SET c = max(coalesce(c, 0), ?2), reason = '',
                    state = CASE WHEN state IN (0, 1, 2, 7) THEN ?3 ELSE state END WHERE id = ?1",
                params![id, c, MessageState::Relayed.number()],
            )?;
            self.changed(Change::Message(id));
            self.settle_receipts_of(id)?;
            self.note_relayed(id)?;
        }
        if let Some(id) = item.amendment {
            self.run(
                "UPDATE amendment SET c = max(coalesce(c, 0), ?2) WHERE id = ?1",
                params![id, c],
            )?;
            item.target.map_or(Ok(()), |target| self.show_amended(target))?;
        }
        Ok(())
    }

    fn founded(&self, item: &ItemRow, number: u64) -> Result<(), StoreError> {
        let Some(id) = item.conversation else { return Ok(()) };
        let id = self.learn_number(id, number)?;
        self.changed(Change::Conversation(id));
        self.look_again(id, false)
    }

    /// Ours to know at once; lane latest says it again.
    fn took_effect(&self, item: &ItemRow) -> Result<(), StoreError> {
        let mine = match item.kind {
            kind::ACCEPT => MemberState::Member,
            kind::DECLINE => MemberState::Declined,
            kind::LEAVE => MemberState::Left,
            _ => return Ok(()),
        };
        let Some(id) = item.conversation else { return Ok(()) };
        self.run("UPDATE conversation SET mine = ?2 WHERE id = ?1", params![id, u8::from(mine)])?;
        self.changed(Change::Conversation(id));
        self.look_again(id, false)
    }

    fn refused(&self, item: &ItemRow, reason: Refusal, words: &str) -> Result<(), StoreError> {
        let sql = "UPDATE item SET state = 4, reason = ?2, answered_at = ?3 WHERE id = ?1";
        self.run(sql, params![item.id, words, self.now])?;
        if self.forgot(item, reason)? {
            return Ok(());
        }
        if let Some(id) = item.message {
            let sql = "UPDATE message SET state = ?2, reason = ?3, refusal = ?4 WHERE id = ?1 AND state NOT IN (5, 6)";
            let refused = MessageState::Refused.number();
            self.run(sql, params![id, refused, words, u8::from(reason)])?;
            self.changed(Change::Message(id));
        }
        if let Some(id) = item.amendment {
            // What it said stays in the outbox, and is not shown as if it had happened.
            self.run(
                "UPDATE item SET text = (SELECT text FROM amendment WHERE id = ?2), amendment = NULL WHERE id = ?1",
                params![item.id, id],
            )?;
            self.run("DELETE FROM amendment WHERE id = ?1", [id])?;
            item.target.map_or(Ok(()), |target| self.show_amended(target))?;
        }
        match (item.kind, item.conversation) {
            (kind::REQUEST, Some(id)) => self.request_refused(id, words),
            _ => Ok(()),
        }
    }

    /// Where the relay has forgotten a conversation that it knew, or who was in it, what was meant for it goes again when
    /// it knows: also what somebody had received, for the devices that had not.
    fn forgot(&self, item: &ItemRow, reason: Refusal) -> Result<bool, StoreError> {
        let Some(id) = item.conversation else { return Ok(false) };
        let words = match reason {
            Refusal::NoSuchConversation
                if Item::is_content(item.kind)
                    || (item.is_fixed && !matches!(item.kind, kind::REQUEST | kind::VOID)) =>
            {
                Reason::ForgotConversation
            }
            Refusal::NotMember | Refusal::NobodyThere if self.was_placed(item)? => {
                Reason::ForgotMembers
            }
            _ => return Ok(false),
        };
        if conversations::load(self, id)?.number.is_none() {
            return Ok(false);
        }
        let placed = "SELECT c FROM amendment WHERE id = ?1";
        let c: Option<u64> =
            self.first(placed, [item.amendment], |row| row.get(0))?.unwrap_or_default();
        let again = self.again(item)?;
        self.run("UPDATE amendment SET c = ?2 WHERE id = ?1", params![again.amendment, c])?;
        self.set_waiting(&again, state::HELD, hold::FORGOTTEN, &words.to_string())?;
        Ok(true)
    }

    /// Whether a relay had taken this message or change once, which is then one that was put back.
    fn was_placed(&self, item: &ItemRow) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM message WHERE id = ?1 AND state IN (3, 5, 6)
            UNION ALL SELECT 1 FROM amendment WHERE id = ?2 AND c IS NOT NULL";
        let placed = self.first(sql, params![item.message, item.amendment], |_| Ok(()))?;
        Ok(item.kind == kind::AGAIN || placed.is_some())
    }

    fn request_refused(&self, id: ConversationId, words: &str) -> Result<(), StoreError> {
        let sql = "UPDATE conversation SET mine = ?2 WHERE id = ?1 AND mine = ?3";
        self.run(sql, params![id, REFUSED, ASKING])?;
        self.changed(Change::Conversation(id));
        let sql =
            format!("SELECT {ITEM} FROM item WHERE conversation = ?1 AND state = 0 AND hold = 2");
        for held in self.all(&sql, [id], item_row)? {
            let reason = Reason::RequestRefused(words.to_owned()).to_string();
            self.set_waiting(&held, state::HELD, hold::ACCEPTANCE, &reason)?;
        }
        Ok(())
    }
}

fn outcome(run: &Run, index: u64) -> Outcome<'_> {
    match run {
        Run::Placed { conversation, c, .. } => {
            Outcome::Placed { conversation: *conversation, c: c.saturating_add(index) }
        }
        Run::Founded { conversation } => Outcome::Founded { conversation: *conversation },
        Run::Done { .. } => Outcome::Done,
        Run::Refused { reason, words } => Outcome::Refused { reason: *reason, words },
        _ => Outcome::Unknown,
    }
}
