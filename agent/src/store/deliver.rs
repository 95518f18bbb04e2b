//! A message of a mailbox: stored once under its name, whatever it says.

use rusqlite::params;
use wire::{Delivery, Item, Lane, Name};

use super::{
    Change, ConversationId, Kind, MessageId, MessageState, StoreError,
    alias::is_name,
    amend::Amendment,
    apply::is_storable,
    people,
    write::{Query, Tx},
};

/// What a delivered body comes to.
struct Content<'a> {
    shown_as: Kind,
    text: String,
    reply_to: Option<Name>,
    /// The name under which it went first.
    former: Option<Name>,
    /// As it came, where it could not be read.
    body: Option<&'a [u8]>,
}

impl Tx<'_> {
    /// Stores a delivery; gives whether it is new here.
    pub(crate) fn deliver(
        &self,
        lane: Lane,
        delivery: &Delivery,
        welcomed_at: i64,
    ) -> Result<bool, StoreError> {
        let Delivery { conversation, author, account, n, c, kind, body, .. } = delivery;
        if ![*conversation, *author, *account, *n, *c].into_iter().all(is_storable) {
            self.oddity(*kind, true, body)?;
            return Ok(false);
        }
        let item = Item::read(*kind, body).ok();
        // No relay sends us our own back, and what stands under our numbers is ours alone to say.
        if *author == self.me.device || self.is_known(delivery, item.as_ref())? {
            return Ok(false);
        }
        let id = self.conversation_of(*conversation)?;
        let sent_at = match delivery.age_s {
            // Composed while this answer was under way, as happens on a line that is held.
            0 => self.now,
            age => welcomed_at.saturating_sub(i64::from(age)),
        };
        match item {
            Some(Item::Edit { target, text }) if is_name(target) => {
                self.amendment(lane, delivery, id, target, &text, sent_at)?;
            }
            Some(Item::Delete { target }) if is_name(target) => {
                self.amendment(lane, delivery, id, target, "", sent_at)?;
            }
            item => {
                let content = content(item, delivery);
                self.insert_delivered(lane, delivery, id, &content, sent_at)?;
            }
        }
        Ok(true)
    }

    /// A name that was here before is dropped; only its place may have become another (the relay was put back, and the
    /// author sent it again), of which the larger holds.
    fn is_known(&self, delivery: &Delivery, item: Option<&Item>) -> Result<bool, StoreError> {
        let (device, n, c) = (delivery.author, delivery.n, delivery.c);
        let sql = "SELECT id, coalesce(c, 0) < ?3 FROM message WHERE device = ?1 AND n = ?2 AND is_here = 1";
        let known = self.first(sql, params![device, n, c], |row| {
            Ok((row.get::<_, MessageId>(0)?, row.get(1)?))
        })?;
        if let Some((id, has_moved)) = known {
            if has_moved {
                self.run("UPDATE message SET c = ?2 WHERE id = ?1", params![id, c])?;
                self.changed(Change::Message(id));
            }
            return Ok(true);
        }
        let sql = "UPDATE amendment SET c = max(coalesce(c, 0), ?3) WHERE device = ?1 AND n = ?2 RETURNING message";
        if let Some(message) = self.first(sql, params![device, n, c], |row| row.get(0))? {
            self.show_amended(message)?;
            return Ok(true);
        }
        Ok(self.is_gone(delivery.name())? || self.is_here_otherwise(delivery, item)?)
    }

    fn amendment(
        &self,
        lane: Lane,
        delivery: &Delivery,
        conversation: ConversationId,
        target: Name,
        text: &str,
        sent_at: i64,
    ) -> Result<(), StoreError> {
        self.amended(&Amendment {
            name: delivery.name(),
            account: delivery.account,
            conversation,
            lane: lane.number(),
            target,
            kind: delivery.kind,
            c: delivery.c,
            text,
            sent_at,
        })
    }

    fn insert_delivered(
        &self,
        lane: Lane,
        delivery: &Delivery,
        conversation: ConversationId,
        content: &Content<'_>,
        sent_at: i64,
    ) -> Result<(), StoreError> {
        let is_mine = delivery.account == self.me.account;
        let state = if is_mine { MessageState::Relayed.number() } else { 0 };
        let is_read = is_mine || self.was_read(conversation, lane, delivery.c)?;
        let author = people::name_of(self, delivery.account)?;
        // A row may be here already that kept the place for an edit.
        let id = self.insert(
            "INSERT INTO message (conversation, device, n, shown_as, kind, is_mine, account, author, lane, c, is_here,
                base, text, body, reply_device, reply_n, sent_at, received_at, is_read, state)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1, ?11, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
            ON CONFLICT (device, n) WHERE device IS NOT NULL DO UPDATE SET
                conversation = excluded.conversation, shown_as = excluded.shown_as, kind = excluded.kind,
                is_mine = excluded.is_mine, account = excluded.account, author = excluded.author,
                lane = excluded.lane, c = excluded.c, is_here = 1, base = excluded.base, text = excluded.text,
                body = excluded.body, reply_device = excluded.reply_device, reply_n = excluded.reply_n,
                sent_at = excluded.sent_at, received_at = excluded.received_at, is_read = excluded.is_read,
                state = max(state, excluded.state)",
            params![
                conversation,
                delivery.author,
                delivery.n,
                content.shown_as.number(),
                delivery.kind,
                is_mine,
                delivery.account,
                author,
                lane.number(),
                delivery.c,
                content.text,
                content.body,
                content.reply_to.map(|name| name.device),
                content.reply_to.map(|name| name.n),
                sent_at,
                self.now,
                is_read,
                state
            ],
        );
        id?;
        let sql = "SELECT id FROM message WHERE device = ?1 AND n = ?2";
        let id = self
            .first(sql, params![delivery.author, delivery.n], |row| row.get::<_, MessageId>(0))?;
        let Some(id) = id else { return Ok(()) };
        if let Some(former) = content.former {
            self.add_alias(former, id, true)?;
            self.absorb(former, delivery, id)?;
        }
        self.show_amended(id)?;
        if is_mine {
            self.settle_receipts(conversation, lane)?;
            self.note_sent_elsewhere(conversation, &content.text, sent_at)?;
        }
        self.changed(Change::Arrived(id));
        Ok(())
    }

    /// Whether another device of ours has read up to here already.
    fn was_read(
        &self,
        conversation: ConversationId,
        lane: Lane,
        c: u64,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM receipt WHERE conversation = ?1 AND lane = ?2 AND account = ?3 AND ?4 <= read";
        let read =
            self.first(sql, params![conversation, lane.number(), self.me.account, c], |_| Ok(()))?;
        Ok(read.is_some())
    }
}

fn content(item: Option<Item>, delivery: &Delivery) -> Content<'_> {
    let text = |text: String, reply_to| Content {
        shown_as: Kind::Message,
        text,
        reply_to,
        former: None,
        body: None,
    };
    match item {
        Some(Item::Again { former, reply_to, format, content: said })
            if is_name(former) && former != delivery.name() =>
        {
            let message = Item::Message { reply_to, format, content: said };
            Content { former: Some(former), ..content(Some(message), delivery) }
        }
        Some(Item::Text(said)) => text(said, None),
        // Its author took it back before it was fetched, and the word of that may be for others only.
        Some(Item::Void) => text(String::new(), None),
        Some(Item::Message { reply_to, format: 0, content }) if reply_to.is_none_or(is_name) => {
            String::from_utf8(content)
                .map_or_else(|_| unreadable(delivery), |said| text(said, reply_to))
        }
        _ => unreadable(delivery),
    }
}

/// Kept and shown for what it is; everything around it flows.
fn unreadable(delivery: &Delivery) -> Content<'_> {
    let text = format!(
        "(This version of Mailboat cannot show what was sent here: kind {}, {} bytes. It is kept.)",
        delivery.kind,
        delivery.body.len()
    );
    let body = Some(&delivery.body[..]);
    Content { shown_as: Kind::Message, text, reply_to: None, former: None, body }
}
