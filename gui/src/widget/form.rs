//! What forms are made of: fields with their name above and what is wrong with them below, choices, switches.

use std::borrow::Cow;

use iced::{
    Alignment, Length,
    widget::{Row, column, container, row, space, text_input},
};

use super::{Element, Sign, body, hint, press, sign, strong};
use crate::{
    theme::{space as gap, styles},
    words::Words,
};

/// A field of one line, its name above it, and what is wrong below.
pub(crate) struct Field<'a, Message> {
    id: &'static str,
    name: String,
    value: &'a str,
    shown_empty: String,
    help: Option<String>,
    wrong: Option<String>,
    is_secret: bool,
    on_input: Box<dyn Fn(String) -> Message + 'a>,
    on_submit: Option<Message>,
}

/// A field of this name. `id` is how tests and the program find it.
pub(crate) fn field<'a, Message>(
    id: &'static str,
    name: String,
    value: &'a str,
    on_input: impl Fn(String) -> Message + 'a,
) -> Field<'a, Message> {
    Field {
        id,
        name,
        value,
        shown_empty: String::new(),
        help: None,
        wrong: None,
        is_secret: false,
        on_input: Box::new(on_input),
        on_submit: None,
    }
}

impl<'a, Message: Clone + 'a> Field<'a, Message> {
    /// What stands in it while it is empty: an example, and that it is one.
    pub(crate) fn such_as(self, words: &Words, example: &str) -> Self {
        Self { shown_empty: words.tell("such-as", &[("what", example.into())]), ..self }
    }

    /// What is good to know of it.
    pub(crate) fn help(self, words: String) -> Self {
        Self { help: Some(words), ..self }
    }

    /// What is wrong with it, if anything; takes the place of the help.
    pub(crate) fn wrong(self, words: Option<String>) -> Self {
        Self { wrong: words, ..self }
    }

    /// What is typed is not shown.
    pub(crate) fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }

    /// What Enter does.
    pub(crate) fn on_submit(self, message: Message) -> Self {
        Self { on_submit: Some(message), ..self }
    }
}

impl<'a, Message: Clone + 'a> From<Field<'a, Message>> for Element<'a, Message> {
    fn from(field: Field<'a, Message>) -> Self {
        let input = text_input(&field.shown_empty, field.value)
            .id(field.id)
            .secure(field.is_secret)
            .padding([7.0, gap::INSIDE])
            .style(styles::field)
            .on_input(field.on_input)
            .on_submit_maybe(field.on_submit);
        let mut lines = column![hint(field.name), input].spacing(gap::TIGHT).width(Length::Fill);
        match (field.wrong, field.help) {
            (Some(words), _) => lines = lines.push(wrong(words)),
            (None, Some(words)) => lines = lines.push(hint(words)),
            (None, None) => {}
        }
        lines.into()
    }
}

/// What is wrong, below what it is wrong with.
pub(crate) fn wrong<'a, Message: 'a>(words: impl Into<Cow<'a, str>>) -> Element<'a, Message> {
    row![sign(Sign::Warning).style(styles::bad), hint(words).style(styles::bad).width(Length::Fill)]
        .spacing(gap::TIGHT)
        .into()
}

/// One of several: what is chosen has a full circle before it.
pub(crate) fn choice<'a, Message: Clone + 'a, T: Copy + PartialEq>(
    id: &'static str,
    options: impl IntoIterator<Item = (T, String)>,
    chosen: T,
    on_press: impl Fn(T) -> Message + 'a,
) -> Element<'a, Message> {
    let presses = options.into_iter().enumerate().map(|(index, (value, name))| {
        let is_chosen = value == chosen;
        let mark = if is_chosen { Sign::Reachable } else { Sign::Expected };
        let mark = sign(mark).style(if is_chosen { styles::accent } else { styles::muted });
        press(row![mark, body(name)].spacing(gap::INSIDE).align_y(Alignment::Center))
            .id(format!("{id}-{index}"))
            .style(if is_chosen { styles::chosen } else { styles::secondary })
            .on_press(on_press(value))
            .into()
    });
    Row::with_children(presses).spacing(gap::INSIDE).wrap().vertical_spacing(gap::INSIDE).into()
}

/// Several of several: what is chosen has a tick before it.
pub(crate) fn ticks<'a, Message: Clone + 'a>(
    id: &'static str,
    options: impl IntoIterator<Item = (String, bool, Message)>,
) -> Element<'a, Message> {
    let presses = options.into_iter().enumerate().map(|(index, (name, is_on, message))| {
        let mark = if is_on { Sign::Delivered } else { Sign::Expected };
        let mark = sign(mark).style(if is_on { styles::accent } else { styles::muted });
        press(row![mark, body(name)].spacing(gap::INSIDE).align_y(Alignment::Center))
            .id(format!("{id}-{index}"))
            .style(if is_on { styles::chosen } else { styles::secondary })
            .on_press(message)
            .into()
    });
    Row::with_children(presses).spacing(gap::INSIDE).wrap().vertical_spacing(gap::INSIDE).into()
}

/// On or off, with its name and what it means.
pub(crate) fn switch<'a, Message: Clone + 'a>(
    id: &'static str,
    name: String,
    help: Option<String>,
    is_on: bool,
    on_press: Message,
) -> Element<'a, Message> {
    let knob = container(space::horizontal()).width(14).height(14).style(styles::knob);
    let rail = container(knob)
        .width(34)
        .height(20)
        .padding(3)
        .align_x(if is_on { Alignment::End } else { Alignment::Start })
        .style(if is_on { styles::switch_on } else { styles::switch_off });
    let mut words = column![body(name)].width(Length::Fill);
    if let Some(help) = help {
        words = words.push(hint(help));
    }
    press(row![words, rail].spacing(gap::BETWEEN).align_y(Alignment::Center))
        .id(id)
        .width(Length::Fill)
        .padding([gap::INSIDE, gap::BETWEEN])
        .style(styles::secondary)
        .on_press(on_press)
        .into()
}

/// A heading, what it is about, and what belongs to it.
pub(crate) fn group<'a, Message: 'a>(
    name: String,
    parts: impl IntoIterator<Item = Element<'a, Message>>,
) -> Element<'a, Message> {
    let mut lines = column![strong(name)].spacing(gap::INSIDE).width(Length::Fill);
    for part in parts {
        lines = lines.push(part);
    }
    lines.into()
}

/// The one primary action of a form.
pub(crate) fn primary<'a, Message: Clone + 'a>(
    id: &'static str,
    name: String,
    message: Option<Message>,
) -> Element<'a, Message> {
    press(strong(name))
        .id(id)
        .padding([8.0, gap::AROUND])
        .style(styles::primary)
        .on_press_maybe(message)
        .into()
}

/// Any other action of a form.
pub(crate) fn secondary<'a, Message: Clone + 'a>(
    id: impl Into<String>,
    name: String,
    message: Message,
) -> Element<'a, Message> {
    press(body(name))
        .id(id.into())
        .padding([8.0, gap::BETWEEN])
        .style(styles::secondary)
        .on_press(message)
        .into()
}

/// The end of a form: what saves it, if it can be saved, what leaves it, and what removes what it is about.
pub(crate) fn foot<'a, Message: Clone + 'a>(
    words: &Words,
    save: Option<Message>,
    cancel: Message,
    remove: Option<Message>,
) -> Element<'a, Message> {
    let save = primary("save", words.say("save"), save);
    let cancel = secondary("cancel", words.say("cancel"), cancel);
    let mut foot = row![save, cancel, space::horizontal()].spacing(gap::INSIDE);
    if let Some(message) = remove {
        let remove = press(body(words.say("remove")))
            .id("remove")
            .padding([8.0, gap::BETWEEN])
            .style(styles::danger)
            .on_press(message);
        foot = foot.push(remove);
    }
    foot.into()
}

/// Something failed: what, in its own box.
pub(crate) fn alert<'a, Message: 'a>(words: impl Into<Cow<'a, str>>) -> Element<'a, Message> {
    let line = row![sign(Sign::Warning).style(styles::bad), body(words).width(Length::Fill)];
    container(line.spacing(gap::INSIDE))
        .padding(gap::BETWEEN)
        .width(Length::Fill)
        .style(styles::alert)
        .into()
}
