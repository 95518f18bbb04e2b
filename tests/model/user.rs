//! What the user of a home does.

use agent::store::{Compose, ConversationId, Inbox, InboxRow, Kind, OutboxId, Store, StoreError};
use harness::rng::Rng;

use super::{
    steps::{Op, Theme},
    world::{Composed, World},
};

impl World {
    pub(super) fn user(&mut self, op: Op, at: usize, rng: &mut Rng) -> String {
        let store = self.homes[at].store();
        if rng.chance(4) {
            store.crash_after(0);
        }
        let done = match op {
            Op::Send | Op::Reply => self.write(op, at, &store, rng),
            Op::Edit | Op::Delete => self.change(op, &store, rng),
            Op::Outbox => self.outbox(&store, rng),
            Op::Read => read(&store, rng),
            op => self.membership(op, at, &store, rng),
        };
        match done {
            Ok(words) => words,
            Err(StoreError::Stopped) => {
                self.homes[at].kill();
                "killed".to_owned()
            }
            Err(
                err @ (StoreError::Unfit(_)
                | StoreError::OnItsWay(_)
                | StoreError::NotYours(_)
                | StoreError::NoSuchId(_)
                | StoreError::Empty { .. }),
            ) => err.to_string(),
            Err(err) => {
                self.fault(format!("home {at}: {err:?}"));
                String::new()
            }
        }
    }

    fn write(
        &mut self,
        op: Op,
        at: usize,
        store: &Store,
        rng: &mut Rng,
    ) -> Result<String, StoreError> {
        let word = format!("t{}", self.composed.len());
        let size = if rng.chance(10) { rng.below(1500) as usize } else { rng.below(20) as usize };
        let text = format!("{word}.0 {}", "sea ".repeat(size / 4));
        let how = Compose {
            urgent: rng.chance(25),
            lifetime_s: if self.theme == Theme::Ages { 86_400 } else { 0 },
        };
        let sent = if op == Op::Reply {
            let Some(row) = pick_row(store, rng, |_| true)? else {
                return Ok("nothing to answer".to_owned());
            };
            store.reply(row.id, &text, how)?
        } else {
            let Some(chat) = pick_chat(store, rng, |_| true)? else {
                return Ok("nobody to write to".to_owned());
            };
            store.send(chat, &text, how)?
        };
        self.composed.push(Composed::new(word.clone(), at));
        Ok(format!(
            "{word} in {:?} {:?} {}",
            sent.conversation,
            sent.state,
            if how.urgent { "urgent" } else { "" }
        ))
    }

    fn change(&mut self, op: Op, store: &Store, rng: &mut Rng) -> Result<String, StoreError> {
        let Some(row) = pick_row(store, rng, |row| row.mine && !row.deleted)? else {
            return Ok("nothing to change".to_owned());
        };
        let word = word_of(&row.text).to_owned();
        if op == Op::Edit {
            self.serial_edit += 1;
            let text = format!("{word}.{}", self.serial_edit);
            let sent = store.edit(row.id, &text)?;
            return Ok(format!("{text} {:?}", sent.state));
        }
        let sent = store.delete(row.id)?;
        match &sent {
            None => self.dropped(&word),
            Some(_) => self.of(&word).for_each(|one| one.is_deleted = true),
        }
        Ok(format!("{word} {}", if sent.is_some() { "follows it" } else { "never left" }))
    }

    fn dropped(&mut self, word: &str) {
        self.of(word).for_each(|one| one.is_dropped = true);
    }

    fn of(&mut self, word: &str) -> impl Iterator<Item = &mut Composed> {
        self.composed.iter_mut().filter(move |one| one.word == word)
    }

    fn outbox(&mut self, store: &Store, rng: &mut Rng) -> Result<String, StoreError> {
        let rows = store.reader().outbox()?;
        if rows.is_empty() {
            return Ok("it is empty".to_owned());
        }
        let row = rng.pick(&rows).clone();
        let word = word_of(&row.text).to_owned();
        let is_message = matches!(row.id, OutboxId::Message(_));
        match rng.below(4) {
            0 => store.outbox_hold(row.id).map(|()| format!("holds {} {word}", row.id)),
            1 | 2 => {
                if is_message {
                    // Refused before, or perhaps gone before: it may come twice now.
                    self.of(&word).for_each(|one| one.again += 1);
                }
                store
                    .outbox_release(row.id)
                    .map(|sent| format!("releases {} {word} {:?}", row.id, sent.state))
            }
            _ => {
                store.outbox_cancel(row.id)?;
                if is_message {
                    self.dropped(&word);
                }
                Ok(format!("cancels {} {word}", row.id))
            }
        }
    }

    fn membership(
        &mut self,
        op: Op,
        at: usize,
        store: &Store,
        rng: &mut Rng,
    ) -> Result<String, StoreError> {
        let me = self.homes[at].account;
        let others: Vec<String> = (0..self.names.len())
            .filter(|other| *other != me)
            .map(|other| self.names[other].clone())
            .collect();
        let mut names = others;
        rng.shuffle(&mut names);
        names.truncate(1 + rng.below(names.len() as u64) as usize);
        let chat = match op {
            Op::Answer => pick_chat(store, rng, |state| state == "invited")?,
            Op::Leave | Op::Rename | Op::Add | Op::Withdraw => {
                pick_chat(store, rng, |state| state != "invited")?
            }
            _ => None,
        };
        let title = format!("title {}", rng.below(1000));
        let sent = match (op, chat) {
            (Op::Ask, _) if rng.chance(60) => {
                let word = format!("t{}", self.composed.len());
                let sent = store.request(&names[..1], "", &format!("{word}.0 shall we talk?"))?;
                // Who need not be asked is told it.
                if matches!(sent.id, Some(OutboxId::Message(_))) {
                    self.composed.push(Composed::new(word, at));
                }
                sent
            }
            (Op::Ask, _) => {
                store.request(&names, if names.len() == 1 { "Us" } else { "" }, "Come in.")?
            }
            (Op::Block, _) => store.block(&names[0], rng.chance(50))?,
            (Op::Answer, Some(id)) if rng.chance(75) => store.accept(id)?,
            (Op::Answer, Some(id)) => store.decline(id)?,
            (Op::Withdraw, Some(id)) => {
                return Ok(format!("{id} {:?}", store.withdraw(id)?.map(|sent| sent.state)));
            }
            (Op::Leave, Some(id)) => store.leave(id)?,
            (Op::Add, Some(id)) => store.add(id, &names, "Come too.")?,
            (Op::Rename, Some(id)) => store.rename(id, &title)?,
            _ => return Ok("nothing to do".to_owned()),
        };
        Ok(format!("{names:?} {:?} {:?}", sent.conversation, sent.state))
    }
}

fn read(store: &Store, rng: &mut Rng) -> Result<String, StoreError> {
    let rows = store.reader().inbox(&Inbox { unread: true, ..Inbox::default() })?;
    let ids: Vec<_> = rows.iter().filter(|_| rng.chance(60)).map(|row| row.id).collect();
    Ok(format!("{} of {}", store.mark_read(&ids)?, rows.len()))
}

fn pick_row(
    store: &Store,
    rng: &mut Rng,
    which: impl Fn(&InboxRow) -> bool,
) -> Result<Option<InboxRow>, StoreError> {
    let rows = store.reader().inbox(&Inbox { all: true, limit: Some(30), ..Inbox::default() })?;
    let rows: Vec<_> =
        rows.into_iter().filter(|row| row.kind == Kind::Message && which(row)).collect();
    Ok((!rows.is_empty()).then(|| rng.pick(&rows).clone()))
}

fn pick_chat(
    store: &Store,
    rng: &mut Rng,
    which: impl Fn(&str) -> bool,
) -> Result<Option<ConversationId>, StoreError> {
    let mut chats = store.reader().conversations()?;
    chats.retain(|chat| which(chat.state));
    chats.sort_by_key(|chat| chat.id);
    Ok((!chats.is_empty()).then(|| rng.pick(&chats).id))
}

/// The word that names a text through all its changes.
pub(crate) fn word_of(text: &str) -> &str {
    text.split('.').next().unwrap_or_default()
}
