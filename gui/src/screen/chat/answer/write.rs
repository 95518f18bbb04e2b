//! What is done with a message, and with the one that is being written.

use agent::{control::Order, store::MessageId};
use iced::clipboard;

use super::{
    super::{
        Action, Chat, Message,
        card::{self, Card},
        compose::{Going, Mode},
    },
    Actions, run,
};
use crate::door::Door;

impl Chat {
    pub(super) fn with_message(&mut self, message: Message, door: &Door) -> Actions {
        let target = |id: MessageId| id.to_string();
        let row = |id: MessageId| self.thread.row(id);
        match message {
            Message::ReplyPressed(id) if row(id).is_some_and(card::can_reply) => {
                if matches!(self.compose.mode, Mode::Edit(..)) {
                    if !self.compose.is_open() {
                        return Vec::new();
                    }
                    self.compose.clear();
                }
                self.compose.mode = Mode::Reply(id);
                self.card = None;
                vec![Action::Focus("draft"), Action::Drafted]
            }
            Message::EditPressed(id) => {
                let Some(row) = row(id) else { return Vec::new() };
                let (Some(is_here), true) = (card::can_edit(row), self.compose.is_open()) else {
                    return Vec::new();
                };
                let text = row.row.text.clone();
                self.compose.clear();
                self.compose.set(&text);
                self.compose.mode = Mode::Edit(id, is_here);
                self.card = None;
                vec![Action::Focus("draft")]
            }
            Message::CopyPressed(id) => {
                let text = row(id).map(|row| row.row.text.clone()).unwrap_or_default();
                self.card = None;
                run(clipboard::write(text))
            }
            Message::DeletePressed(id) if row(id).and_then(card::can_edit).is_some() => {
                self.card = Some(Card { is_deleting: true, ..Card::new(id) });
                vec![Action::Focus("delete-no")]
            }
            Message::DeleteConfirmed(id) => Self::order(Order::Delete { target: target(id) }, door),
            Message::ReleasePressed(id) => Self::order(Order::Release { target: target(id) }, door),
            Message::CancelPressed(id) => Self::order(Order::Cancel { target: target(id) }, door),
            Message::AgainPressed(id) => {
                let text = row(id).map(|row| row.row.text.clone()).unwrap_or_default();
                if self.compose.is_open() && self.compose.content.is_empty() {
                    self.compose.set(&text);
                }
                vec![Action::Focus("draft"), Action::Drafted]
            }
            Message::Ordered(Ok(())) => {
                (self.card, self.error) = (None, None);
                Vec::new()
            }
            Message::Ordered(Err(err)) => {
                match &mut self.card {
                    Some(card) => card.error = Some(err),
                    None => self.error = Some(err),
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn with_editor(&mut self, message: Message, door: &Door) -> Actions {
        let was_sent = match message {
            Message::Typed(action) => {
                let is_edit = action.is_edit();
                self.compose.typed(action);
                return if is_edit { vec![Action::Drafted] } else { Vec::new() };
            }
            Message::UpPressed if self.compose.content.is_empty() => return self.edit_last(door),
            Message::EscapePressed => {
                // What lies on top closes first.
                return vec![if self.escape() { Action::Drafted } else { Action::Escaped }];
            }
            Message::ModeDropped => {
                match self.compose.mode {
                    Mode::Edit(..) if !self.compose.is_open() => return Vec::new(),
                    Mode::Edit(..) => self.compose.clear(),
                    _ => self.compose.mode = Mode::New,
                }
                return vec![Action::Drafted, Action::Focus("draft")];
            }
            Message::UrgentToggled => {
                self.compose.is_urgent = !self.compose.is_urgent;
                return vec![Action::Focus("draft")];
            }
            Message::SendPressed => {
                let task = self.compose.send(self.id, self.thread.limit, door);
                return task.map(Action::Run).into_iter().collect();
            }
            Message::AnywayPressed => {
                self.compose.going = Going::Idle;
                let task = self.compose.send(self.id, self.thread.limit, door);
                return task.map(Action::Run).into_iter().collect();
            }
            Message::LookPressed => {
                return self.compose.look(self.id, door).map(Action::Run).into_iter().collect();
            }
            Message::Sent(before, answer) => self.compose.answered(before, answer),
            Message::Looked(found) => self.compose.looked(found),
            _ => false,
        };
        if !was_sent {
            return match self.compose.going {
                Going::Unsure { .. } => {
                    self.compose.look(self.id, door).map(Action::Run).into_iter().collect()
                }
                // The words are there still, and whoever pressed a button for them goes on with them.
                Going::Failed(_) => vec![Action::Focus("draft")],
                Going::Idle | Going::Asked(_) => Vec::new(),
            };
        }
        self.line = None;
        let mut actions = self.go_to_end(door);
        let anew = self.thread.anew();
        actions.push(Action::Run(self.fetch(anew, door)));
        while self.compose.catch_up() {
            let next = self.compose.send(self.id, self.thread.limit, door);
            if let Some(next) = next {
                actions.push(Action::Run(next));
                break;
            }
        }
        actions.push(Action::Drafted);
        actions.push(Action::Focus("draft"));
        actions
    }

    fn edit_last(&mut self, door: &Door) -> Actions {
        let last = self.thread.rows.iter().rev().find(|row| row.row.mine);
        match last.filter(|row| card::can_edit(row).is_some()).map(|row| row.row.id) {
            Some(id) => self.update(Message::EditPressed(id), door),
            None => Vec::new(),
        }
    }
}
