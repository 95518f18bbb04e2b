//! The portal: who I am, the link, requests, conversations.

use agent::store::{Conversation, ConversationId};
use iced::{
    Alignment, Length,
    widget::{column, container, row, rule, scrollable, space, text},
};

use super::Cx;
use crate::{
    desk::Agent,
    door::DoorError,
    theme::{space as gap, styles},
    widget::{Element, Sign, body, hint, one_line, press, sign, strong},
};

/// What it remembers.
#[derive(Debug, Default)]
pub(crate) struct Portal {
    chosen: Option<ConversationId>,
}

/// What happens in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    /// A conversation's row was pressed.
    RowPressed(ConversationId),
}

/// What the window has to do.
#[derive(Debug, PartialEq)]
#[must_use]
pub(crate) enum Action {
    /// Show this conversation.
    Open(ConversationId),
}

impl Portal {
    pub(crate) fn update(&mut self, message: Message) -> Action {
        match message {
            Message::RowPressed(id) => {
                self.chosen = Some(id);
                Action::Open(id)
            }
        }
    }

    pub(crate) fn view<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let head = container(head(cx))
            .padding([gap::BETWEEN, gap::AROUND])
            .style(styles::bar)
            .width(Length::Fill);
        column![head, rule::horizontal(1).style(styles::hairline), self.list(cx)].into()
    }

    fn list<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let known = &cx.desk.known;
        if let Some(err) = &cx.desk.error {
            return container(body(error_words(cx, err))).padding(gap::AROUND).into();
        }
        if known.conversations.is_empty() {
            let words = if cx.desk.is_read { cx.words.say("portal-empty") } else { String::new() };
            return container(body(words)).padding(gap::AROUND).into();
        }
        let rows = known.conversations.iter().map(|conversation| self.line(cx, conversation));
        scrollable(column(rows)).style(styles::scroll).height(Length::Fill).into()
    }

    fn line<'a>(&self, cx: Cx<'a>, conversation: &'a Conversation) -> Element<'a, Message> {
        let mut line = row![
            column![
                one_line(strong(conversation.title.as_str())),
                one_line(hint(cx.words.moment(conversation.newest_at, cx.now))),
            ]
            .width(Length::Fill),
        ]
        .spacing(gap::INSIDE)
        .align_y(Alignment::Center);
        if conversation.unread > 0 {
            let count =
                container(hint(conversation.unread.to_string()).style(|_| text::Style::default()));
            line = line.push(count.padding([0.0, 7.0]).style(styles::badge));
        }
        let is_chosen = self.chosen == Some(conversation.id);
        press(line)
            .id(format!("conversation-{}", conversation.id))
            .width(Length::Fill)
            .height(gap::ROW_OF_TWO)
            .padding([gap::INSIDE, gap::AROUND])
            .style(if is_chosen { styles::chosen } else { styles::quiet })
            .on_press(Message::RowPressed(conversation.id))
            .into()
    }
}

fn head(cx: Cx<'_>) -> Element<'_, Message> {
    let known = &cx.desk.known;
    let state = match &cx.desk.agent {
        Agent::There(_) => sign(Sign::Reachable).style(styles::good),
        Agent::Unknown | Agent::Absent(_) => sign(Sign::Unknown).style(styles::muted),
    };
    row![state, strong(known.me.as_str()), space::horizontal()]
        .spacing(gap::INSIDE)
        .align_y(Alignment::Center)
        .into()
}

fn error_words(cx: Cx<'_>, err: &DoorError) -> String {
    match err {
        DoorError::NoStore => cx.words.say("error-no-store"),
        err => err.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{PORTAL, Ui, scene::Scene, snapshot};

    #[test]
    fn a_row_opens_its_conversation() {
        let (scene, mut portal) = (Scene::calm(), Portal::default());
        let mut ui = Ui::new(PORTAL, 1.0, portal.view(scene.cx()));
        ui.click("chandra").unwrap();
        let said = ui.into_messages();
        let id = scene.desk.known.conversations[1].id;
        assert_eq!(said, [Message::RowPressed(id)]);
        assert_eq!(portal.update(said[0].clone()), Action::Open(id));
    }

    #[test]
    fn it_looks_as_it_did() {
        let (scene, portal) = (Scene::calm(), Portal::default());
        snapshot("portal", PORTAL, 1.0, || portal.view(scene.cx()));
    }
}
