//! A conversation: what was said, and the field to say something.

use std::sync::Arc;

use agent::{
    control::Order,
    store::{ConversationId, Inbox, InboxRow, MessageState},
};
use iced::{
    Alignment, Length, Task,
    widget::{column, container, row, rule, scrollable, space, text_input},
};

use super::Cx;
use crate::{
    door::{Door, DoorError},
    theme::{space as gap, styles},
    widget::{Element, Sign, body, hint, press, sign, strong},
};

/// How many messages are read.
const SHOWN: u32 = 200;

/// What it remembers.
#[derive(Debug)]
pub(crate) struct Chat {
    id: ConversationId,
    rows: Arc<Vec<InboxRow>>,
    draft: String,
    error: Option<DoorError>,
}

/// What happens in it.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// The messages were read.
    Read(Result<Arc<Vec<InboxRow>>, DoorError>),
    /// Something was typed.
    Typed(String),
    /// It is to be sent.
    Sent,
    /// The agent took it, or did not.
    Asked(Result<(), DoorError>),
}

impl Chat {
    /// Opens a conversation.
    pub(crate) fn new(id: ConversationId, door: &Door) -> (Self, Task<Message>) {
        let chat = Self { id, rows: Arc::default(), draft: String::new(), error: None };
        let task = chat.read(door);
        (chat, task)
    }

    /// Reads what there is to show; also when the store changed.
    pub(crate) fn read(&self, door: &Door) -> Task<Message> {
        let which =
            Inbox { conversation: Some(self.id), limit: Some(SHOWN), all: true, unread: false };
        Task::perform(door.read(move |reader| reader.inbox(&which).map(Arc::new)), Message::Read)
    }

    pub(crate) fn update(&mut self, message: Message, door: &Door) -> Task<Message> {
        match message {
            Message::Read(Ok(rows)) => self.rows = rows,
            Message::Read(Err(err)) => self.error = Some(err),
            Message::Typed(words) => self.draft = words,
            Message::Sent if self.draft.trim().is_empty() => {}
            Message::Sent => {
                let order = Order::Send {
                    to: vec![self.id.to_string()],
                    text: self.draft.clone(),
                    urgent: false,
                    reply_to: None,
                    lifetime_s: None,
                };
                let asked = door.ask(order);
                return Task::perform(asked, |answer| Message::Asked(answer.map(|_| ())));
            }
            Message::Asked(Ok(())) => (self.draft, self.error) = (String::new(), None),
            Message::Asked(Err(err)) => self.error = Some(err),
        }
        Task::none()
    }

    pub(crate) fn view<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let title = cx
            .desk
            .known
            .conversation(self.id)
            .map_or("", |conversation| conversation.title.as_str());
        let head = container(strong(title))
            .padding([gap::BETWEEN, gap::AROUND])
            .style(styles::bar)
            .width(Length::Fill);
        let bubbles = self.rows.iter().map(|message| bubble(cx, message));
        let list = scrollable(column(bubbles).spacing(gap::INSIDE).padding(gap::AROUND))
            .anchor_bottom()
            .style(styles::scroll)
            .height(Length::Fill)
            .width(Length::Fill);
        let field = text_input(&cx.words.say("chat-field"), &self.draft)
            .id("draft")
            .style(styles::field)
            .on_input(Message::Typed)
            .on_submit(Message::Sent);
        let send = press(body(cx.words.say("chat-send")))
            .id("send")
            .style(styles::primary)
            .on_press(Message::Sent);
        let foot = row![field, send].spacing(gap::INSIDE).align_y(Alignment::Center);
        let mut page = column![head, rule::horizontal(1).style(styles::hairline), list];
        if let Some(err) = &self.error {
            page = page.push(
                container(body(err.to_string()).style(styles::bad)).padding([0.0, gap::AROUND]),
            );
        }
        page.push(container(foot).padding(gap::BETWEEN)).into()
    }
}

fn bubble<'a>(cx: Cx<'a>, message: &'a InboxRow) -> Element<'a, Message> {
    let mut foot = row![hint(cx.words.clock(message.sent_at))].spacing(gap::TIGHT);
    if let Some(state) = message.state {
        foot = foot.push(sign(sign_of(state)).style(styles::muted));
    }
    let bubble = container(column![body(message.text.as_str()), foot])
        .padding([gap::INSIDE, gap::BETWEEN])
        .max_width(440)
        .style(if message.mine { styles::own_bubble } else { styles::bubble });
    match message.mine {
        true => row![space::horizontal(), bubble].into(),
        false => row![bubble, space::horizontal()].into(),
    }
}

fn sign_of(state: MessageState) -> Sign {
    match state {
        MessageState::Held => Sign::Held,
        MessageState::Queued => Sign::Queued,
        MessageState::Relayed => Sign::Relayed,
        MessageState::Delivered => Sign::Delivered,
        MessageState::Read => Sign::Read,
        _ => Sign::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{
        PORTAL,
        scene::{NOW, Scene, message},
        snapshot,
    };

    #[test]
    fn it_looks_as_it_did() {
        let scene = Scene::calm();
        let rows = vec![
            message(
                "m1",
                "bob",
                "We are alongside since noon. Is the part on board?",
                NOW - 4000,
                None,
            ),
            message(
                "m2",
                "ann",
                "It is. See you at the dock.",
                NOW - 3000,
                Some(MessageState::Read),
            ),
            message("m3", "bob", "مرحبا — שלום — 今日は", NOW - 2000, None),
            message("m4", "ann", "Tomorrow at six.", NOW - 60, Some(MessageState::Queued)),
        ];
        let chat = Chat {
            id: "c1".parse().unwrap(),
            rows: Arc::new(rows),
            draft: String::new(),
            error: None,
        };
        snapshot("chat", PORTAL, 1.0, || chat.view(scene.cx()));
    }
}
