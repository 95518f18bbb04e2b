//! What others learn about the user.

use config::{agent::Account, edit::Change};
use iced::widget::Column;

use super::{Action, Settings};
use crate::{
    door::Door,
    screen::Cx,
    theme::space as gap,
    widget::{Element, form},
};

/// What was switched.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message {
    Presence,
    NextCall,
    Read,
}

impl Settings {
    pub(super) fn privacy_update(&mut self, message: Message, door: &Door) -> Action {
        let Some(known) = &self.known else { return Action::None };
        let mut account = known.account.clone();
        match message {
            Message::Presence => account.share_presence = !account.share_presence,
            Message::NextCall => account.share_next_call = !account.share_next_call,
            Message::Read => account.share_read = !account.share_read,
        }
        self.save(vec![Change::Account(account)], door)
    }
}

pub(super) fn view<'a>(cx: Cx<'a>, account: &Account) -> Element<'a, super::Message> {
    let switch = |id, name: &str, help: &str, is_on, message| {
        let said = super::Message::Privacy(message);
        form::switch(id, cx.words.say(name), Some(cx.words.say(help)), is_on, said)
    };
    Column::new()
        .spacing(gap::INSIDE)
        .push(switch(
            "presence",
            "privacy-presence",
            "privacy-presence-help",
            account.share_presence,
            Message::Presence,
        ))
        .push(switch(
            "next-call",
            "privacy-next-call",
            "privacy-next-call-help",
            account.share_next_call,
            Message::NextCall,
        ))
        .push(switch(
            "read",
            "privacy-read",
            "privacy-read-help",
            account.share_read,
            Message::Read,
        ))
        .into()
}
