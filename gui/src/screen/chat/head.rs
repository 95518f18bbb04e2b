//! Above the messages: who it is, and where they are.

use agent::store::{MemberRow, PresenceNow, RollRow};
use iced::{
    Alignment, Length, Padding,
    widget::{column, container, row, space},
};

use super::{Chat, Message, foot};
use crate::{
    desk::Agent,
    screen::Cx,
    theme::{size, space as gap, styles},
    widget::{Element, Sign, body, elided, hint, press, sign},
};

/// Below this width there is no list beside the conversation, so there is a way back to it.
const NARROW: f32 = 540.0;

/// Of the bar.
const HEIGHT: f32 = gap::ROW_OF_TWO;

pub(super) fn head<'a>(cx: Cx<'a>, chat: &'a Chat) -> Element<'a, Message> {
    let conversation = cx.desk.known.conversation(chat.id);
    let mut line = row![].spacing(gap::INSIDE).align_y(Alignment::Center);
    if cx.width < NARROW {
        line = line.push(icon("back", Sign::Back, Message::BackPressed));
    }
    let title = conversation.map_or("", |conversation| conversation.title.as_str());
    let mut name = row![elided(title).strong().shrink()];
    if cx.desk.known.muted.contains(&chat.id) {
        name = name.push(sign(Sign::Muted).size(size::BODY).style(styles::muted));
        name = name.push(hint(cx.words.say("chat-muted")));
    }
    let name = name.spacing(gap::TIGHT).align_y(Alignment::Center);
    let mut names = column![name].width(Length::Fill);
    // Without an agent nobody here knows who can be reached. It is said where that stands, so that nothing moves.
    match (&cx.desk.agent, conversation) {
        (Agent::Absent(why), _) => names = names.push(no_agent(cx, why.is_some())),
        (_, Some(conversation)) => names = names.extend(about(cx, conversation)),
        (_, None) => {}
    }
    line = line.push(row![names, start(cx, chat)].align_y(Alignment::Center));
    line = line.push(icon("find", Sign::Search, Message::SearchToggled));
    line = line.push(icon("people", Sign::More, Message::PeopleToggled));
    container(line)
        .padding([gap::INSIDE, gap::BETWEEN])
        .height(HEIGHT)
        .align_y(Alignment::Center)
        .style(styles::bar)
        .width(Length::Fill)
        .into()
}

fn icon<'a>(name: &'static str, mark: Sign, message: Message) -> press::Press<'a, Message> {
    press::press(sign(mark))
        .id(name)
        .padding([gap::INSIDE, gap::INSIDE])
        .style(styles::quiet)
        .on_press(message)
}

/// That nothing comes or goes.
fn no_agent<'a>(cx: Cx<'a>, is_odd: bool) -> Element<'a, Message> {
    let key = if is_odd { "chat-agent-odd" } else { "portal-state-absent" };
    let mark = sign(Sign::Warning).size(size::SMALL).style(styles::warn);
    row![mark, elided(cx.words.say(key)).hint()]
        .spacing(gap::TIGHT)
        .align_y(Alignment::Center)
        .into()
}

/// The button that starts one, where none stands below; a place of its own in any case: what stands behind it keeps the
/// keyboard.
fn start<'a>(cx: Cx<'a>, chat: &'a Chat) -> Element<'a, Message> {
    if cx.desk.agent != Agent::Absent(None) || foot::has_start(cx, chat) {
        return space().into();
    }
    let key = if chat.is_starting { "chat-starting" } else { "chat-start-short" };
    let start = press::press(body(cx.words.say(key)))
        .id("start")
        .style(styles::secondary)
        .on_press_maybe((!chat.is_starting).then_some(Message::StartPressed));
    container(start).padding(Padding::ZERO.left(gap::INSIDE)).into()
}

/// Presence as it truly is, or how many there are.
fn about<'a>(cx: Cx<'a>, conversation: &'a RollRow) -> Option<Element<'a, Message>> {
    if !conversation.pair {
        let n = u64::from(conversation.others) + 1;
        return Some(hint(cx.words.tell("chat-members", &[("n", n.into())])).into());
    }
    let name = conversation.names.first().map(String::as_str);
    let member = cx.desk.known.members.iter().find(|member| Some(member.name.as_str()) == name);
    member.map(|member| presence(cx, member))
}

pub(super) fn presence<'a>(cx: Cx<'a>, member: &'a MemberRow) -> Element<'a, Message> {
    if member.presence == PresenceNow::Reachable {
        let mark = sign(Sign::Reachable).size(10).style(styles::good);
        let words = hint(cx.words.say("chat-reachable"));
        return row![mark, words].spacing(gap::TIGHT).align_y(Alignment::Center).into();
    }
    let next = member.next_call.filter(|_| !member.overdue);
    let words = match (next, member.last_seen) {
        (Some(at), Some(seen)) => {
            let args = [
                ("at", cx.words.moment(at, cx.now).into()),
                ("ago", cx.words.ago(seen, cx.now).into()),
            ];
            cx.words.tell("chat-seen-next", &args)
        }
        (Some(at), None) => {
            cx.words.tell("chat-next", &[("at", cx.words.moment(at, cx.now).into())])
        }
        (None, Some(seen)) => {
            cx.words.tell("chat-seen", &[("ago", cx.words.ago(seen, cx.now).into())])
        }
        (None, None) => String::new(),
    };
    hint(words).into()
}
