//! How the window looks.

use config::{
    agent::{Chats, Theme, Window},
    edit::Change,
};
use iced::widget::Column;

use super::{Action, Settings};
use crate::{
    door::Door,
    screen::Cx,
    theme::space as gap,
    widget::{Element, form},
    words::LANGUAGES,
};

/// Sizes that may be chosen, in percent.
const SCALES: [u32; 5] = [75, 100, 125, 150, 200];

/// What was chosen.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    Theme(Theme),
    Scale(u32),
    Language(&'static str),
    Chats(Chats),
    Tray,
    CloseToTray,
}

fn said(message: Message) -> super::Message {
    super::Message::Look(message)
}

impl Settings {
    pub(super) fn look_update(&mut self, message: Message, door: &Door) -> Action {
        let Some(known) = &self.known else { return Action::None };
        let mut window = known.window.clone();
        match message {
            Message::Theme(theme) => window.theme = theme,
            Message::Scale(percent) => window.scale_percent = percent,
            Message::Language(tag) => window.language = tag.to_owned(),
            Message::Chats(chats) => window.chats = chats,
            Message::Tray => window.tray = !window.tray,
            Message::CloseToTray => window.close_to_tray = !window.close_to_tray,
        }
        self.save(vec![Change::Window(window)], door)
    }
}

pub(super) fn view<'a>(cx: Cx<'a>, window: &'a Window) -> Element<'a, super::Message> {
    let say = |key: &str| cx.words.say(key);
    let themes = [
        (Theme::System, say("look-system")),
        (Theme::Light, say("look-light")),
        (Theme::Dark, say("look-dark")),
    ];
    let themes = form::choice("theme", themes, window.theme, |theme| said(Message::Theme(theme)));
    let scales = SCALES.map(|percent| (percent, format!("{percent} %")));
    let scales = form::choice("scale", scales, window.scale_percent, |percent| {
        said(Message::Scale(percent))
    });
    let own = LANGUAGES.iter().map(|(tag, name, _)| (*tag, (*name).to_owned()));
    let languages = std::iter::once(("", say("look-language-system"))).chain(own);
    let chosen = LANGUAGES.iter().map(|(tag, ..)| *tag).find(|tag| *tag == window.language);
    let languages = form::choice("language", languages, chosen.unwrap_or_default(), |tag| {
        said(Message::Language(tag))
    });
    let chats = [(Chats::Tabs, say("look-tabs")), (Chats::Windows, say("look-windows"))];
    let chats = form::choice("chats", chats, window.chats, |chats| said(Message::Chats(chats)));
    let switch = |id, name: &str, help: &str, is_on, message| {
        form::switch(id, say(name), Some(say(help)), is_on, said(message))
    };
    let item = switch("tray", "look-tray", "look-tray-help", window.tray, Message::Tray);
    let mut tray = vec![item];
    if window.tray {
        let is_on = window.close_to_tray;
        let stays = ("look-close-to-tray", "look-close-to-tray-help");
        tray.push(switch("close-to-tray", stays.0, stays.1, is_on, Message::CloseToTray));
    }
    Column::new()
        .spacing(gap::AROUND * 1.5)
        .push(form::group(say("look-theme"), [themes]))
        .push(form::group(say("look-scale"), [scales]))
        .push(form::group(say("look-language"), [languages]))
        .push(form::group(say("look-chats"), [chats]))
        .push(form::group(say("look-desktop"), tray))
        .into()
}
