//! What is being written: the text stays here until the agent has made it durable, and nothing is sent twice.

use std::collections::VecDeque;

use agent::{
    control::Order,
    store::{At, ConversationId, MessageId, Reader, StoreError},
};
use iced::{Task, widget::text_editor};
use serde_json::Value;

use super::Message;
use crate::door::{Door, DoorError};

/// Rows that are looked through for a message that may have been taken.
const LOOKED_AT: u32 = 50;

/// What is done that is kept while the agent answers; it does within ten seconds, or is known to be stuck.
const AHEAD_MAX: usize = 4096;

/// The highest message before it was sent; none where there was none, nothing where that is not known.
pub(crate) type Before = Option<Option<MessageId>>;

/// What becomes of the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Mode {
    /// A new message.
    #[default]
    New,
    /// It answers one.
    Reply(MessageId),
    /// It takes the place of one's own; whether that has not left yet.
    Edit(MessageId, bool),
}

/// Where a message stands between here and the agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Going {
    /// Nothing is under way.
    #[default]
    Idle,
    /// The agent has it and has not answered.
    Asked(String),
    /// It may have been taken, and is not to be seen in the store so far.
    Unsure { text: String, before: Before, why: DoorError },
    /// It was not taken.
    Failed(DoorError),
}

/// What was done since a message was sent.
#[derive(Debug)]
enum Ahead {
    Typed(text_editor::Action),
    /// What was typed until here is to go too.
    Send,
}

impl Ahead {
    fn is_edit(&self) -> bool {
        matches!(self, Self::Typed(action) if action.is_edit())
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Compose {
    pub(super) content: text_editor::Content,
    pub(super) mode: Mode,
    pub(super) is_urgent: bool,
    pub(super) going: Going,
    /// What was done since it was sent: it belongs to what comes next.
    ahead: VecDeque<Ahead>,
}

impl Compose {
    pub(super) fn text(&self) -> String {
        self.content.text().trim().to_owned()
    }

    pub(super) fn set(&mut self, text: &str) {
        self.content = text_editor::Content::with_text(text);
        self.content.perform(text_editor::Action::Move(text_editor::Motion::DocumentEnd));
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) {
        let ahead = std::mem::take(&mut self.ahead);
        *self = Self { ahead, ..Self::default() };
    }

    /// Does what was done ahead, up to where it was sent; whether it was.
    pub(super) fn catch_up(&mut self) -> bool {
        while let Some(step) = self.ahead.pop_front() {
            match step {
                Ahead::Typed(action) => self.content.perform(action),
                Ahead::Send => return true,
            }
        }
        false
    }

    /// Whether what is in it can be changed and sent.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.going, Going::Asked(_) | Going::Unsure { .. })
    }

    /// Whether it takes keys: an answer of the agent takes a moment, and who types on does not look up.
    pub(super) fn takes_keys(&self) -> bool {
        !matches!(self.going, Going::Unsure { .. })
    }

    pub(super) fn typed(&mut self, action: text_editor::Action) {
        match self.going {
            Going::Asked(_) if self.ahead.len() < AHEAD_MAX => {
                self.ahead.push_back(Ahead::Typed(action));
            }
            Going::Asked(_) | Going::Unsure { .. } => {}
            Going::Idle | Going::Failed(_) => {
                if action.is_edit() {
                    self.going = Going::Idle;
                }
                self.content.perform(action);
            }
        }
    }

    /// It was not taken: what was typed behind it stands on a line behind it.
    fn type_on(&mut self) {
        use text_editor::{Action, Edit, Motion};
        let ahead = std::mem::take(&mut self.ahead);
        if ahead.iter().any(Ahead::is_edit) {
            self.content.perform(Action::Move(Motion::DocumentEnd));
            self.content.perform(Action::Edit(Edit::Enter));
        }
        for step in ahead {
            self.content.perform(match step {
                Ahead::Typed(action) => action,
                Ahead::Send => Action::Edit(Edit::Enter),
            });
        }
    }

    /// Whether it was not taken because no agent runs.
    pub(super) fn wants_agent(&self) -> bool {
        matches!(self.going, Going::Failed(DoorError::NoAgent))
    }

    /// Whether anything was typed since what was sent last, that would go by itself.
    fn has_more(&self) -> bool {
        let since = self.ahead.iter().rev().take_while(|step| !matches!(step, Ahead::Send));
        since.into_iter().any(Ahead::is_edit)
    }

    /// By how many bytes it is too long.
    pub(super) fn over(&self, limit: Option<usize>) -> Option<usize> {
        self.text().len().checked_sub(limit?).filter(|over| 0 < *over)
    }

    /// Hands the text to the agent, unless that is being done.
    pub(super) fn send(
        &mut self,
        id: ConversationId,
        limit: Option<usize>,
        door: &Door,
    ) -> Option<Task<Message>> {
        let text = self.text();
        if matches!(self.going, Going::Asked(_)) && self.has_more() {
            self.ahead.push_back(Ahead::Send);
        }
        if !self.is_open() || text.is_empty() || self.over(limit).is_some() {
            return None;
        }
        let order = self.order(id, &text);
        self.going = Going::Asked(text);
        let newest = door.read(move |reader| newest(reader, id));
        let asked = door.ask(order);
        // What is in the store now is not what is sent now, even where it says the same.
        let both = async move { (newest.await.ok(), asked.await.map(|_: Value| ())) };
        Some(Task::perform(both, |(before, answer)| Message::Sent(before, answer)))
    }

    fn order(&self, id: ConversationId, text: &str) -> Order {
        let (target, text) = (|id: MessageId| id.to_string(), text.to_owned());
        match self.mode {
            Mode::Edit(id, true) => Order::Rewrite { target: target(id), text },
            Mode::Edit(id, false) => Order::Edit { target: target(id), text },
            Mode::Reply(_) | Mode::New => Order::Send {
                to: vec![id.to_string()],
                text,
                urgent: self.is_urgent,
                reply_to: match self.mode {
                    Mode::Reply(id) => Some(target(id)),
                    _ => None,
                },
                lifetime_s: None,
            },
        }
    }

    /// The agent answered; whether the text is safe there. Else perhaps the store is to be looked at.
    pub(super) fn answered(&mut self, before: Before, answer: Result<(), DoorError>) -> bool {
        let Going::Asked(text) = &self.going else { return false };
        match answer {
            Ok(()) => {
                self.clear();
                true
            }
            Err(why @ (DoorError::Lost | DoorError::Stalled)) => {
                self.going = Going::Unsure { text: text.clone(), before, why };
                false
            }
            Err(why) => {
                self.going = Going::Failed(why);
                self.type_on();
                false
            }
        }
    }

    /// Looks into the store for what may have been taken.
    pub(super) fn look(&self, id: ConversationId, door: &Door) -> Option<Task<Message>> {
        let Going::Unsure { text, before, .. } = &self.going else { return None };
        let (text, before, mode) = (text.clone(), *before, self.mode.clone());
        let found = door.read(move |reader| is_there(reader, id, &mode, &text, before));
        Some(Task::perform(found, Message::Looked))
    }

    /// It was looked for; whether it is there.
    pub(super) fn looked(&mut self, found: Result<bool, DoorError>) -> bool {
        let Going::Unsure { why, .. } = &self.going else { return false };
        match (found, why) {
            (Ok(true), _) => {
                self.clear();
                return true;
            }
            // An agent that is gone takes nothing any more: what it took is in the store.
            (Ok(false), DoorError::Lost) => {
                self.going = Going::Failed(DoorError::NoAgent);
                self.type_on();
            }
            _ => {}
        }
        false
    }
}

/// The highest id in the conversation, as far as its end tells.
fn newest(reader: &Reader, id: ConversationId) -> Result<Option<MessageId>, StoreError> {
    let page = reader.page(id, At::Newest, LOOKED_AT, &agent::control::departures(&Value::Null))?;
    Ok(page.rows.iter().map(|row| row.row.id).max())
}

fn is_there(
    reader: &Reader,
    id: ConversationId,
    mode: &Mode,
    text: &str,
    before: Before,
) -> Result<bool, StoreError> {
    if let Mode::Edit(message, _) = mode {
        return Ok(reader.message(*message)?.text == text);
    }
    let page = reader.page(id, At::Newest, LOOKED_AT, &agent::control::departures(&Value::Null))?;
    // Without knowing what was there before, nothing that says the same can be told from it.
    let is_new =
        |id: MessageId| before.is_some_and(|before| before.is_none_or(|before| before < id));
    Ok(page.rows.iter().any(|row| row.row.mine && row.row.text == text && is_new(row.row.id)))
}
