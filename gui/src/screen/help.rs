//! The keys, listed.

use iced::{
    Alignment, Length,
    widget::{column, container, row, rule, scrollable},
};

use super::Cx;
use crate::{
    theme::{space as gap, styles},
    widget::{Element, Sign, body, hint, press, scroll_bar, sign, strong, title},
};

/// Keys, and the text that says what they do.
pub(crate) type Entry = (&'static [&'static str], &'static str);

/// Keys that hold everywhere. `app.rs` and every button act on them.
pub(crate) const KEYS: [Entry; 12] = [
    (&["Tab"], "help-tab"),
    (&["Enter"], "help-enter"),
    (&["Esc"], "help-escape"),
    (&["Ctrl", "K"], "help-search"),
    (&["Ctrl", "N"], "help-ask"),
    (&["Ctrl", "L"], "help-link"),
    (&["Ctrl", ","], "help-settings"),
    (&["Alt", "↓"], "help-next"),
    (&["Alt", "↑"], "help-previous"),
    (&["Ctrl", "W"], "help-close"),
    (&["Ctrl", "Q"], "help-quit"),
    (&["?"], "help-help"),
];

/// Keys in the field that one writes in. `screen/chat/foot.rs` acts on them, on the first `app.rs`.
pub(crate) const FIELD: [Entry; 5] = [
    (&["Ctrl", "F"], "help-find"),
    (&["Enter"], "help-send"),
    (&["Shift", "Enter"], "help-break"),
    (&["↑"], "help-edit-last"),
    (&["PgUp", "PgDn"], "help-pages"),
];

/// Keys among the messages. `screen/chat/reel/` acts on them.
pub(crate) const MESSAGES: [Entry; 8] = [
    (&["↑", "↓"], "help-choose"),
    (&["Enter"], "help-details"),
    (&["R"], "help-reply"),
    (&["E"], "help-edit"),
    (&["Del"], "help-delete"),
    (&["Ctrl", "C"], "help-copy"),
    (&["Home", "End"], "help-ends"),
    (&["PgUp", "PgDn"], "help-pages"),
];

/// What happens there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// It was read.
    Closed,
}

/// The list.
pub(crate) fn view(cx: Cx<'_>) -> Element<'_, Message> {
    let part = |name: &str, keys: &'static [Entry]| {
        let rows = keys.iter().map(|(keys, does)| {
            let caps = row(keys.iter().map(|key| cap(cx, key))).spacing(gap::TIGHT);
            row![container(caps).width(120), body(cx.words.say(does)).width(Length::Fill)]
                .spacing(gap::BETWEEN)
                .align_y(Alignment::Center)
                .into()
        });
        let name = container(hint(cx.words.say(name))).padding([gap::TIGHT, 0.0]);
        column![name, column(rows).spacing(gap::INSIDE)].spacing(gap::TIGHT)
    };
    let parts = column![
        part("help-everywhere", &KEYS),
        part("help-in-field", &FIELD),
        part("help-in-messages", &MESSAGES),
    ];
    let list = scrollable(parts.spacing(gap::AROUND).padding(gap::AROUND))
        .direction(scroll_bar())
        .style(styles::scroll);
    let back = press(sign(Sign::Back)).id("back").style(styles::quiet).on_press(Message::Closed);
    let head = row![back, title(cx.words.say("help-title"))]
        .spacing(gap::INSIDE)
        .align_y(Alignment::Center);
    column![
        container(head).padding(gap::INSIDE).width(Length::Fill).style(styles::bar),
        rule::horizontal(1).style(styles::hairline),
        list.height(Length::Fill),
    ]
    .into()
}

/// A key as it stands on the keyboard.
fn cap<'a>(cx: Cx<'_>, key: &str) -> Element<'a, Message> {
    let face = match key {
        "Ctrl" if cfg!(target_os = "macos") => "⌘".to_owned(),
        "Ctrl" => cx.words.say("help-ctrl"),
        "Enter" => cx.words.say("help-enter-key"),
        "Shift" => cx.words.say("help-shift"),
        "PgUp" => cx.words.say("help-page-up"),
        "PgDn" => cx.words.say("help-page-down"),
        "Home" => cx.words.say("help-home"),
        "End" => cx.words.say("help-end"),
        "Del" => cx.words.say("help-del"),
        "↑" | "↓" => {
            return container(sign(if key == "↑" { Sign::Relayed } else { Sign::Below }))
                .padding([2.0, gap::INSIDE])
                .style(styles::tip)
                .into();
        }
        key => key.to_owned(),
    };
    container(strong(face)).padding([2.0, gap::INSIDE]).style(styles::tip).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{PORTAL, Ui, scene::Scene, snapshot};

    #[test]
    fn it_is_closed_with_its_button() {
        let scene = Scene::calm();
        let mut ui = Ui::new(PORTAL, 1.0, view(scene.cx()));
        ui.click(iced_test::selector::id("back")).unwrap();
        assert_eq!(ui.into_messages(), [Message::Closed]);
    }

    #[test]
    fn it_looks_as_it_did() {
        let scene = Scene::calm();
        snapshot("help", PORTAL, 1.0, || view(scene.cx()));
        let german = scene.in_language("de");
        snapshot("help-de", PORTAL, 1.0, || view(german.cx()));
    }
}
