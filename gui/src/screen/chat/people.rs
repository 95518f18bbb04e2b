//! Who is in the conversation, and what can be done about it.

use std::sync::Arc;

use agent::{control::Order, store::Member};
use iced::{
    Alignment, Length,
    widget::{column, container, row, scrollable, text_input},
};

use super::{Chat, Message};
use crate::{
    door::DoorError,
    screen::Cx,
    theme::{space as gap, styles},
    widget::{Element, body, elided, hint, press, strong},
};

/// Members that are shown at most; the rest is counted.
const SHOWN_MAX: usize = 200;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct People {
    /// Everyone else.
    pub(super) members: Arc<Vec<Member>>,
    pub(super) add: String,
    pub(super) title: String,
    /// What is asked once more before it is done.
    pub(super) is_leaving: bool,
    /// Whether its notifications are off, once that is known.
    pub(super) is_muted: Option<bool>,
    pub(super) is_busy: bool,
    pub(super) error: Option<DoorError>,
}

/// What was pressed there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    AddTyped(String),
    AddPressed,
    TitleTyped(String),
    RenamePressed,
    MutePressed(bool),
    BlockPressed(String, bool),
    LeavePressed,
    LeaveConfirmed,
    LeaveDropped,
    DetachPressed,
}

impl People {
    /// What to ask the agent for.
    pub(super) fn heard(&mut self, id: &str, said: Said) -> Option<Order> {
        let order = match said {
            Said::AddTyped(words) => {
                self.add = words;
                return None;
            }
            Said::TitleTyped(words) => {
                self.title = words;
                return None;
            }
            Said::LeavePressed => {
                self.is_leaving = true;
                return None;
            }
            Said::LeaveDropped => {
                self.is_leaving = false;
                return None;
            }
            Said::MutePressed(_) | Said::DetachPressed => return None,
            _ if self.is_busy => return None,
            Said::AddPressed => {
                let names: Vec<String> = names(&self.add);
                if names.is_empty() {
                    return None;
                }
                Order::Add { conversation: id.to_owned(), names, greeting: String::new() }
            }
            Said::RenamePressed => {
                let title = self.title.trim().to_owned();
                Order::Rename { conversation: id.to_owned(), title }
            }
            Said::BlockPressed(name, on) => Order::Block { name, on },
            Said::LeaveConfirmed => Order::Leave { conversation: id.to_owned() },
        };
        (self.is_busy, self.error) = (true, None);
        Some(order)
    }

    /// The agent did it, or did not.
    pub(super) fn answered(&mut self, answer: Result<(), DoorError>) {
        self.is_busy = false;
        match answer {
            Ok(()) => {
                self.add.clear();
                self.title.clear();
                (self.is_leaving, self.error) = (false, None);
            }
            Err(err) => self.error = Some(err),
        }
    }
}

/// Names, however they were set apart.
fn names(words: &str) -> Vec<String> {
    words.split([',', ';', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn act<'a>(name: &'static str, words: String, said: Option<Said>) -> press::Press<'a, Message> {
    press::press(body(words)).id(name).on_press_maybe(said.map(Message::People))
}

pub(super) fn view<'a>(cx: Cx<'a>, chat: &'a Chat, people: &'a People) -> Element<'a, Message> {
    let Some(conversation) = cx.desk.known.conversation(chat.id) else {
        return container(body("")).into();
    };
    let is_member = conversation.state == "member";
    let mut page = column![].spacing(gap::AROUND);
    if let Some(err) = &people.error {
        page = page.push(crate::widget::notice(body(super::foot::error_words(cx, err))));
    }
    if !cx.desk.has_agent() {
        page = page.push(crate::widget::notice(body(cx.words.say("error-no-agent"))));
    }
    page = page.push(general(cx, people));
    let shown = people.members.iter().take(SHOWN_MAX).map(|member| member_line(cx, member));
    let mut list = column![strong(cx.words.say("chat-people"))].spacing(gap::INSIDE);
    list = list.extend(shown);
    if let Some(more) = people.members.len().checked_sub(SHOWN_MAX).filter(|n| 0 < *n) {
        list = list.push(hint(cx.words.tell("chat-more-people", &[("n", more.into())])));
    }
    page = page.push(list);
    if !conversation.pair && is_member {
        page =
            page.push(line(cx, "chat-add", "add", &people.add, Said::AddTyped, Said::AddPressed));
        let key = "chat-rename";
        page =
            page.push(line(cx, key, "title", &people.title, Said::TitleTyped, Said::RenamePressed));
    }
    if let (true, Some(other)) = (conversation.pair, people.members.first()) {
        let known = cx.desk.known.members.iter().find(|member| member.name == other.name);
        let is_blocked = known.is_some_and(|member| member.blocked);
        let args = [("name", other.name.as_str().into())];
        let words = cx.words.tell(if is_blocked { "chat-unblock" } else { "chat-block" }, &args);
        let said = Said::BlockPressed(other.name.clone(), !is_blocked);
        page = page.push(act("block", words, cx.desk.has_agent().then_some(said)));
    }
    if is_member {
        page = page.push(leave(cx, people));
    }
    let page = container(page).padding(gap::AROUND).width(Length::Fill);
    scrollable(page).style(styles::scroll).height(Length::Fill).into()
}

fn general<'a>(cx: Cx<'a>, people: &'a People) -> Element<'a, Message> {
    let detach = act("detach", cx.words.say("chat-detach"), Some(Said::DetachPressed));
    let mut line = row![detach].spacing(gap::INSIDE);
    if let Some(is_muted) = people.is_muted {
        let key = if is_muted { "chat-unmute" } else { "chat-mute" };
        line = line.push(act("mute", cx.words.say(key), Some(Said::MutePressed(!is_muted))));
    }
    line.wrap().into()
}

fn member_line<'a>(cx: Cx<'a>, member: &'a Member) -> Element<'a, Message> {
    let state = match member.state {
        "member" => {
            let known = cx.desk.known.members.iter().find(|known| known.name == member.name);
            known.map(|known| super::head::presence(cx, known))
        }
        "left" => Some(hint(cx.words.say("chat-member-left")).into()),
        "declined" => Some(hint(cx.words.say("chat-member-declined")).into()),
        "withdrawn" | "expired" => Some(hint(cx.words.say("chat-member-not-come")).into()),
        _ => Some(hint(cx.words.say("chat-member-invited")).into()),
    };
    let mut line =
        row![elided(member.name.as_str())].align_y(Alignment::Center).spacing(gap::INSIDE);
    if let Some(state) = state {
        line = line.push(state);
    }
    line.into()
}

fn line<'a>(
    cx: Cx<'a>,
    key: &'static str,
    name: &'static str,
    value: &'a str,
    typed: fn(String) -> Said,
    pressed: Said,
) -> Element<'a, Message> {
    let words = cx.words.say(key);
    let can = cx.desk.has_agent() && !value.trim().is_empty();
    let hint = cx.words.say(if name == "add" { "chat-names" } else { "chat-title" });
    let field = text_input(&hint, value)
        .id(name)
        .style(styles::field)
        .on_input(move |words| Message::People(typed(words)))
        .on_submit_maybe(can.then(|| Message::People(pressed.clone())));
    let go = act("", words, can.then_some(pressed)).id(format!("{name}-go"));
    row![field, go].spacing(gap::INSIDE).align_y(Alignment::Center).into()
}

fn leave<'a>(cx: Cx<'a>, people: &'a People) -> Element<'a, Message> {
    if !people.is_leaving {
        return act("leave", cx.words.say("chat-leave"), Some(Said::LeavePressed))
            .style(styles::danger)
            .into();
    }
    let leave = cx.desk.has_agent().then_some(Said::LeaveConfirmed);
    let yes = act("leave-yes", cx.words.say("chat-leave"), leave);
    let no = act("leave-no", cx.words.say("chat-drop"), Some(Said::LeaveDropped));
    column![
        body(cx.words.say("chat-leave-sure")),
        row![yes.style(styles::danger), no].spacing(gap::INSIDE)
    ]
    .spacing(gap::INSIDE)
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_is_not_asked_twice_and_typing_asks_nothing() {
        let mut people = People::default();
        assert_eq!(people.heard("c3", Said::AddPressed), None, "nobody was named");
        assert_eq!(people.heard("c3", Said::AddTyped("dee, eli".to_owned())), None);
        let names = vec!["dee".to_owned(), "eli".to_owned()];
        let add = Order::Add { conversation: "c3".to_owned(), names, greeting: String::new() };
        assert_eq!(people.heard("c3", Said::AddPressed), Some(add));
        assert_eq!(people.heard("c3", Said::AddPressed), None);
        people.answered(Err(DoorError::NoAgent));
        assert_eq!((people.add.as_str(), people.error.is_some()), ("dee, eli", true));
        assert!(people.heard("c3", Said::AddPressed).is_some());
        people.answered(Ok(()));
        assert!(people.add.is_empty() && people.error.is_none());
    }

    #[test]
    fn leaving_is_asked_once_more() {
        let mut people = People::default();
        assert_eq!(people.heard("c3", Said::LeavePressed), None);
        let leave = Order::Leave { conversation: "c3".to_owned() };
        assert_eq!(people.heard("c3", Said::LeaveConfirmed), Some(leave));
    }
}
