//! What waits to arrive, and what can still be done about it.

use rusqlite::{Connection, Row, params};
use wire::kind;

use super::{
    ConversationId, ItemId, MessageId, MessageState, OutboxId, OutboxRow, Reader, Reason,
    RefusedRequest, Sent, Store, StoreError, conversations, habits,
    item::{ITEM, ItemRow, hold, item_row, state},
    prospect::deliver_before,
    queue::why_target_waits,
    write::{Query, Tx},
};

impl Reader {
    /// What of our own has not arrived, in sending order. What is delivered is not in it; what was refused or expired
    /// stays until it is cancelled.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn outbox(&self) -> Result<Vec<OutboxRow>, StoreError> {
        self.read(|db| {
            let sql = format!(
                "SELECT {ITEM}, message.text, message.state, message.reason FROM item
                    LEFT JOIN message ON message.id = item.message
                WHERE (item.state IN (0, 1, 2, 4) OR (item.state = 3 AND message.state IN (3, 4)))
                    AND item.kind <> {} ORDER BY item.state >= 3 DESC, item.class, item.id",
                kind::VOID
            );
            let rows = db.all(&sql, [], |row| Ok((item_row(row)?, shown(row)?)))?;
            let mut rows: Vec<OutboxRow> = rows
                .into_iter()
                .map(|(item, shown)| describe(db, &item, shown))
                .collect::<Result<_, _>>()?;
            rows.iter_mut().try_for_each(|row| self.expect(db, row))?;
            Ok(rows)
        })
    }

    /// The request of ours for this conversation that the relay refused last, where it did.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn refused_request(
        &self,
        id: ConversationId,
    ) -> Result<Option<RefusedRequest>, StoreError> {
        self.read(|db| {
            let sql =
                "SELECT text, reason FROM item WHERE conversation = ?1 AND state = 4 AND kind = ?2
                ORDER BY id DESC LIMIT 1";
            db.first(sql, params![id, kind::REQUEST], |row| {
                Ok(RefusedRequest { greeting: row.get(0)?, reason: row.get(1)? })
            })
        })
    }

    /// When what is at the relay should arrive.
    fn expect(&self, db: &Connection, row: &mut OutboxRow) -> Result<(), StoreError> {
        if let (MessageState::Relayed, OutboxId::Message(id)) = (row.state, row.id) {
            let arrival = habits::arrival_of(db, id, &self.zone)?;
            row.arrives_from = arrival.map(|is| is.from);
            row.arrives_to = arrival.map(|is| is.to);
        }
        Ok(())
    }
}

/// Text, state and reason of the message that an item shows as.
type Shown = (Option<String>, Option<u8>, Option<String>);

fn shown(row: &Row<'_>) -> rusqlite::Result<Shown> {
    Ok((row.get(21)?, row.get(22)?, row.get(23)?))
}

fn describe(db: &Connection, item: &ItemRow, shown: Shown) -> Result<OutboxRow, StoreError> {
    let (text, shown_state, shown_reason) = shown;
    let to = match item.conversation {
        Some(id) => conversations::addressee(db, &conversations::load(db, id)?)?,
        None => item.names.join(", "),
    };
    let waiting = match item.state {
        state::HELD => MessageState::Held,
        state::REFUSED => MessageState::Refused,
        _ => MessageState::Queued,
    };
    // What goes to a relay that forgot it waits here, though somebody has it.
    let has_arrived =
        |shown: &MessageState| matches!(shown, MessageState::Delivered | MessageState::Read);
    let shown = shown_state.and_then(MessageState::from_number).filter(|shown| !has_arrived(shown));
    let (shown, shown_reason) = match shown {
        Some(shown) => (shown, shown_reason),
        None => (waiting, None),
    };
    let waits = match item.state {
        state::QUEUED => why_target_waits(db, item.target)?,
        _ => None,
    };
    let (state, reason) = match waits {
        Some(reason) => (MessageState::Held, reason),
        None => (shown, shown_reason.unwrap_or_else(|| item.reason.clone())),
    };
    Ok(OutboxRow {
        id: item.outbox_id(),
        conversation: item.conversation,
        to,
        text: text.map_or_else(|| words(db, item), Ok)?,
        state,
        reason,
        estimate: None,
        leaves: None,
        arrives_from: None,
        arrives_to: None,
        reliability: None,
        deliver_before: deliver_before(item),
        action: action(item),
        urgent: item.is_urgent,
        on_its_way: item.is_sealed(),
        sent_at: item.composed_at,
    })
}

fn action(item: &ItemRow) -> &'static str {
    match item.kind {
        kind::AGAIN if item.target.is_none() => "text",
        kind::TEXT => "text",
        kind::MESSAGE | kind::AGAIN => "reply",
        kind::EDIT => "edit",
        kind::DELETE => "delete",
        kind::REQUEST => "request",
        kind::ACCEPT => "accept",
        kind::DECLINE => "decline",
        kind::WITHDRAW => "withdraw",
        kind::LEAVE => "leave",
        kind::ADD => "add",
        kind::RENAME => "rename",
        kind::BLOCK => "block",
        _ => "other",
    }
}

/// What an item that is no message says.
fn words(db: &Connection, item: &ItemRow) -> Result<String, StoreError> {
    let edited = match item.amendment {
        Some(id) => db.first("SELECT text FROM amendment WHERE id = ?1", [id], |row| row.get(0))?,
        None => None,
    };
    Ok(edited.unwrap_or_else(|| item.text.clone()))
}

impl Store {
    /// Puts new text into a message (or an edit, a greeting, a title) that has not left.
    ///
    /// # Errors
    /// [`StoreError::OnItsWay`] once it was put into a request, [`StoreError::NoSuchId`], [`StoreError::Unfit`] where
    /// there is no text, or as [`Store::send`](Store::send).
    pub fn outbox_edit(&self, id: OutboxId, text: &str) -> Result<(), StoreError> {
        self.write(|tx| {
            let item = tx.changeable(id)?;
            tx.check_text(text)?;
            match (item.message, item.amendment, item.kind) {
                (Some(message), ..) if !item.is_ours_alone() => {
                    let target = tx.own(message)?;
                    tx.amend(message, &target, kind::EDIT, text).map(drop)
                }
                (Some(message), ..) => tx.rewrite(message, text).map(drop),
                (_, Some(amendment), kind::EDIT) => tx.rewrite_edit(&item, amendment, text),
                (.., kind::REQUEST | kind::ADD | kind::RENAME) => {
                    tx.run("UPDATE item SET text = ?2 WHERE id = ?1", params![item.id, text])?;
                    tx.changed(super::Change::Outbox);
                    Ok(())
                }
                _ => Err(StoreError::Unfit(format!("{id} has no text"))),
            }
        })
    }

    /// Keeps something here until [`Store::outbox_release`].
    ///
    /// # Errors
    /// [`StoreError::OnItsWay`], [`StoreError::NoSuchId`], or what SQLite and the disk say.
    pub fn outbox_hold(&self, id: OutboxId) -> Result<(), StoreError> {
        self.write(|tx| {
            let item = tx.changeable(id)?;
            tx.set_waiting(&item, state::HELD, hold::USER, &Reason::Held.to_string())
        })
    }

    /// Lets something go that was held, or sends again what was refused (as a new item). What waits for somebody's
    /// acceptance goes on waiting for that.
    ///
    /// # Errors
    /// [`StoreError::OnItsWay`], [`StoreError::NoSuchId`], or what SQLite and the disk say.
    pub fn outbox_release(&self, id: OutboxId) -> Result<Sent, StoreError> {
        self.write(|tx| {
            let item = tx.waiting(id)?;
            let item = match item.state {
                state::SEALED => return Err(StoreError::OnItsWay(id.to_string())),
                // Its number is used up, and others may have it under that.
                state::ANSWERED => {
                    let words =
                        format!("{id} has expired, and some may have it: write its text anew");
                    return Err(StoreError::Unfit(words));
                }
                state::REFUSED if tx.is_over(&item) => {
                    let words = format!("the time of {id} is over: write its text anew");
                    return Err(StoreError::Unfit(words));
                }
                state::REFUSED => tx.again(&item)?,
                _ => item,
            };
            tx.release(&item)
        })
    }

    /// Lets go everything that is held because this store became a new device; gives how many.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn outbox_release_all(&self) -> Result<usize, StoreError> {
        self.write(|tx| {
            let sql = format!("SELECT {ITEM} FROM item WHERE state = 0 AND hold = ?1 ORDER BY id");
            let held = tx.all(&sql, [hold::FORKED], item_row)?;
            held.iter().try_for_each(|item| tx.release(item).map(drop))?;
            Ok(held.len())
        })
    }

    /// Drops something that has not left, or puts away what was refused or has expired. What was to go again stays, for
    /// others may have it.
    ///
    /// # Errors
    /// [`StoreError::OnItsWay`], [`StoreError::NoSuchId`], or what SQLite and the disk say.
    pub fn outbox_cancel(&self, id: OutboxId) -> Result<(), StoreError> {
        self.write(|tx| {
            let item = tx.waiting(id)?;
            match (item.state, item.message) {
                (state::SEALED, _) => Err(StoreError::OnItsWay(id.to_string())),
                (state::ANSWERED, _) => tx.put_away(&item),
                (state::REFUSED, None) => tx.put_away(&item),
                (_, Some(message)) if item.kind == kind::AGAIN => tx.give_up_again(&item, message),
                (_, Some(message)) => tx.drop_message(message),
                (_, None) if item.kind == kind::REQUEST => tx.drop_request(&item),
                _ => tx.drop_item(&item),
            }
        })
    }
}

impl Tx<'_> {
    /// An item that has not been put into a request.
    fn changeable(&self, id: OutboxId) -> Result<ItemRow, StoreError> {
        match self.waiting(id)? {
            item if matches!(item.state, state::HELD | state::QUEUED) => Ok(item),
            item if item.state == state::REFUSED => Err(StoreError::Unfit(format!(
                "{id} was refused: release it to send it again, or cancel it"
            ))),
            _ => Err(StoreError::OnItsWay(id.to_string())),
        }
    }

    /// An item that the outbox shows.
    fn waiting(&self, id: OutboxId) -> Result<ItemRow, StoreError> {
        let item = match id {
            OutboxId::Message(id) => self.item_of(id)?,
            OutboxId::Item(id) => self.item(id)?,
        };
        let item = item.ok_or_else(|| StoreError::NoSuchId(id.to_string()))?;
        let is_expired = match item.message {
            Some(message) => self.state_of(message)? == Some(MessageState::Expired),
            None => false,
        };
        match item.state {
            state::ANSWERED if !is_expired => Err(StoreError::OnItsWay(id.to_string())),
            _ => Ok(item),
        }
    }

    fn state_of(&self, id: MessageId) -> Result<Option<MessageState>, StoreError> {
        let number =
            self.first("SELECT state FROM message WHERE id = ?1", [id], |row| row.get(0))?;
        Ok(number.and_then(MessageState::from_number))
    }

    fn rewrite_edit(&self, item: &ItemRow, amendment: i64, text: &str) -> Result<(), StoreError> {
        self.run("UPDATE amendment SET text = ?2 WHERE id = ?1", params![amendment, text])?;
        self.changed(super::Change::Outbox);
        item.target.map_or(Ok(()), |target| self.show_amended(target))
    }

    pub(crate) fn release(&self, item: &ItemRow) -> Result<Sent, StoreError> {
        let mut sent = Sent {
            id: Some(item.outbox_id()),
            conversation: item.conversation,
            state: MessageState::Queued,
            reason: String::new(),
        };
        let Some(id) = item.conversation else {
            self.set_waiting(item, state::QUEUED, hold::NONE, "")?;
            return Ok(sent);
        };
        let chat = conversations::load(self, id)?;
        let waits = if wire::Item::is_content(item.kind) { self.why_wait(&chat)? } else { None };
        match waits {
            None => self.let_go(item, chat.version)?,
            Some(reason) => {
                self.set_waiting(item, state::HELD, hold::ACCEPTANCE, &reason)?;
                (sent.state, sent.reason) = (MessageState::Held, reason);
            }
        }
        Ok(sent)
    }

    /// A new item with the content of one that was refused. The refused one keeps its number and leaves the outbox. A
    /// message that others may have from before the relay was put back keeps its name, and says it.
    pub(crate) fn again(&self, item: &ItemRow) -> Result<ItemRow, StoreError> {
        let may_be_there = item.kind == kind::AGAIN || item.is_fixed;
        let former = item.message.filter(|_| may_be_there).map(|id| self.first_name(id));
        let keeps_name = former.transpose()?.flatten().is_some();
        let amendment = self.amendment_again(item)?;
        let id = self.insert(
            "INSERT INTO item (conversation, message, amendment, kind, class, is_urgent, text, title, names, target,
                version, composed_at, lifetime_s, state)
            SELECT conversation, message, ?2, ?3, class, is_urgent, text, title, names, target,
                version, composed_at, lifetime_s, 0 FROM item WHERE id = ?1",
            params![item.id, amendment, if keeps_name { kind::AGAIN } else { item.kind }],
        )?;
        self.run(
            "UPDATE item SET state = 3, kind = ?2, message = NULL, amendment = NULL, target = NULL, body = NULL
            WHERE id = ?1",
            params![item.id, kind::VOID],
        )?;
        match item.message {
            Some(message) if keeps_name => {
                self.run("UPDATE message SET is_told = 0 WHERE id = ?1", [message])?;
            }
            message => {
                let sql = "UPDATE message SET device = NULL, n = NULL, c = NULL, is_told = 0 WHERE id = ?1";
                self.run(sql, [message])?;
            }
        }
        if let Some(amendment) = amendment {
            self.run(
                "UPDATE amendment SET device = NULL, n = NULL, c = NULL WHERE id = ?1",
                [amendment],
            )?;
        }
        if item.kind == kind::REQUEST {
            let sql = "UPDATE conversation SET mine = 0 WHERE id = ?1 AND mine = 255";
            self.run(sql, [item.conversation])?;
        }
        self.item(ItemId(id))?.ok_or_else(|| StoreError::NoSuchId(ItemId(id).to_string()))
    }

    /// The change that an item makes, made anew where the relay had refused it.
    fn amendment_again(&self, item: &ItemRow) -> Result<Option<i64>, StoreError> {
        if item.amendment.is_some() || !matches!(item.kind, kind::EDIT | kind::DELETE) {
            return Ok(item.amendment);
        }
        let Some(target) = item.target else {
            return Err(StoreError::Unfit("what it changes is not here any more".to_owned()));
        };
        let id = self.insert(
            "INSERT INTO amendment (message, account, kind, text) VALUES (?1, ?2, ?3, ?4)",
            params![target, self.me.account, item.kind, item.text],
        )?;
        self.show_amended(target)?;
        Ok(Some(id))
    }

    /// A message that was to go again does not. Others may have it from before, so it stays.
    fn give_up_again(&self, item: &ItemRow, message: MessageId) -> Result<(), StoreError> {
        let words = "you did not let it go again: some may have it, some may not";
        self.run(
            "UPDATE message SET state = ?2, reason = ?3 WHERE id = ?1 AND state NOT IN (5, 6)",
            params![message, MessageState::Expired.number(), words],
        )?;
        self.changed(super::Change::Message(message));
        self.drop_item(item)
    }

    /// Leaves the outbox; its number was answered and stays used.
    fn put_away(&self, item: &ItemRow) -> Result<(), StoreError> {
        self.drop_item(item)
    }

    fn drop_item(&self, item: &ItemRow) -> Result<(), StoreError> {
        self.run("DELETE FROM item WHERE id = ?1", [item.id])?;
        if let (Some(amendment), false) = (item.amendment, item.state == state::ANSWERED) {
            self.run("DELETE FROM amendment WHERE id = ?1", [amendment])?;
            item.target.map_or(Ok(()), |target| self.show_amended(target))?;
        }
        if let Some(id) = item.conversation {
            self.look_again(id, false)?;
        }
        self.changed(super::Change::Outbox);
        Ok(())
    }
}
