//! What is shown on the desktop, and when.

use config::{
    agent::{MinPriority, Notify, Preview, QuietHours, Source},
    edit::Change,
};
use iced::{
    Alignment, Length,
    widget::{Column, row},
};

use super::{Action, Settings};
use crate::{
    door::Door,
    screen::Cx,
    theme::space as gap,
    widget::{Element, body, form, hint},
};

/// What happens in it.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    EnabledPressed,
    LeastChosen(MinPriority),
    PreviewChosen(Preview),
    QuietTyped(String),
    QuietPressed,
    UrgentPressed,
    /// The rule for this person or conversation goes.
    SourcePressed(Source),
}

fn said(message: Message) -> super::Message {
    super::Message::Notify(message)
}

/// Quiet hours as they are typed.
pub(super) fn quiet_words(notify: &Notify) -> String {
    notify.quiet_hours.iter().map(QuietHours::to_string).collect::<Vec<_>>().join(", ")
}

fn quiet_hours(typed: &str) -> Option<Vec<QuietHours>> {
    let parts = typed.split([',', ';']).map(|part| part.trim().replace('–', "-"));
    let hours: Option<Vec<QuietHours>> =
        parts.filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect();
    // As many as the settings take.
    hours.filter(|hours| hours.len() <= 16)
}

impl Settings {
    pub(super) fn notify_update(&mut self, message: Message, door: &Door) -> Action {
        let Some(known) = &self.known else { return Action::None };
        let mut notify = known.notify.clone();
        match message {
            Message::QuietTyped(typed) => {
                self.quiet = typed;
                return Action::None;
            }
            Message::SourcePressed(whom) => {
                return self.save(vec![Change::Source { whom, min_priority: None }], door);
            }
            Message::EnabledPressed => notify.enabled = !notify.enabled,
            Message::UrgentPressed => notify.urgent_breaks_quiet = !notify.urgent_breaks_quiet,
            Message::LeastChosen(least) => notify.min_priority = least,
            Message::PreviewChosen(preview) => notify.preview = preview,
            Message::QuietPressed => match quiet_hours(&self.quiet) {
                Some(hours) => notify.quiet_hours = hours,
                None => return Action::None,
            },
        }
        self.save(vec![Change::Notify(notify)], door)
    }

    pub(super) fn notify<'a>(
        &'a self,
        cx: Cx<'a>,
        notify: &'a Notify,
    ) -> Element<'a, super::Message> {
        let say = |key: &str| cx.words.say(key);
        let enabled = form::switch(
            "enabled",
            say("notify-enabled"),
            Some(say("notify-enabled-help")),
            notify.enabled,
            said(Message::EnabledPressed),
        );
        let mut lines = Column::new().spacing(gap::AROUND).push(enabled);
        if !notify.enabled {
            return lines.into();
        }
        let least = [
            (MinPriority::Ordinary, say("notify-all")),
            (MinPriority::Urgent, say("notify-urgent")),
            (MinPriority::Never, say("notify-never")),
        ];
        let least = form::choice("least", least, notify.min_priority, |least| {
            said(Message::LeastChosen(least))
        });
        let preview = [
            (Preview::Text, say("notify-text")),
            (Preview::Name, say("notify-name")),
            (Preview::None, say("notify-none")),
        ];
        let preview = form::choice("preview", preview, notify.preview, |preview| {
            said(Message::PreviewChosen(preview))
        });
        lines = lines
            .push(form::group(say("notify-least"), [least]))
            .push(form::group(say("notify-preview"), [preview]))
            .push(self.quiet_field(cx, notify));
        let breaks = form::switch(
            "breaks",
            say("notify-breaks"),
            None,
            notify.urgent_breaks_quiet,
            said(Message::UrgentPressed),
        );
        lines = lines.push(breaks);
        if notify.source.is_empty() {
            return lines.into();
        }
        let sources =
            notify.source.iter().enumerate().map(|(index, source)| source_row(cx, index, source));
        lines.push(form::group(say("notify-sources"), sources)).into()
    }

    fn quiet_field<'a>(&'a self, cx: Cx<'a>, notify: &Notify) -> Element<'a, super::Message> {
        let say = |key: &str| cx.words.say(key);
        let hours = quiet_hours(&self.quiet);
        let typed = |typed| said(Message::QuietTyped(typed));
        let field = form::field("quiet", say("notify-quiet"), &self.quiet, typed)
            .such_as(cx.words, "22:00-07:00")
            .help(say("notify-quiet-help"))
            .wrong(hours.is_none().then(|| say("notify-quiet-bad")))
            .on_submit(said(Message::QuietPressed));
        let is_new = hours.is_some_and(|hours| hours != notify.quiet_hours);
        let mut lines = Column::new().spacing(gap::INSIDE).push(Element::from(field));
        if is_new {
            let save = form::primary("save-quiet", say("save"), Some(said(Message::QuietPressed)));
            lines = lines.push(save);
        }
        lines.into()
    }
}

fn source_row<'a>(cx: Cx<'a>, index: usize, source: &'a Source) -> Element<'a, super::Message> {
    let id = source.conversation.parse().ok();
    let title = id.and_then(|id| cx.desk.known.conversation(id));
    let name = match title {
        Some(conversation) => conversation.title.as_str(),
        None if source.person.is_empty() => source.conversation.as_str(),
        None => source.person.as_str(),
    };
    let least = cx.words.say(match source.min_priority {
        MinPriority::Ordinary => "notify-all",
        MinPriority::Urgent => "notify-urgent",
        MinPriority::Never => "notify-never",
    });
    let remove = cx.words.say("notify-as-others");
    let remove = form::secondary(
        format!("source-{index}"),
        remove,
        said(Message::SourcePressed(source.clone())),
    );
    row![body(name).width(Length::Fill), hint(least), remove]
        .spacing(gap::BETWEEN)
        .align_y(Alignment::Center)
        .into()
}
