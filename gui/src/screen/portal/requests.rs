//! Requests to chat: those of others that wait for an answer of ours, and ours that wait for theirs.

use std::collections::BTreeSet;

use agent::{
    control::Order,
    store::{ConversationId, RollRow},
};
use iced::{
    Alignment, Length,
    widget::{Column, column, container, row, rule, space},
};

use super::{Action, Message as Said, Wanted, failed};
use crate::{
    desk::Desk,
    door::DoorError,
    screen::Cx,
    theme::{space as gap, styles},
    widget::{Element, Sign, body, elided, hint, notice, press, sign, strong},
    words::harmless_lines,
};

/// So many are shown before somebody asks for more.
const SHOWN: usize = 5;
/// A greeting that is longer is folded, in characters.
const GREETING_SHORT: usize = 40;
/// And this is the most of it that is ever shown.
const GREETING_MAX: usize = 4_000;

/// What it remembers.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Requests {
    /// Whose greeting is unfolded.
    unfolded: BTreeSet<ConversationId>,
    /// What was answered, and the agent has not said that it knows.
    answering: BTreeSet<ConversationId>,
    shown_more: usize,
    error: Option<DoorError>,
}

/// What happens in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Accepted(ConversationId),
    Declined(ConversationId),
    Withdrawn(ConversationId),
    /// One's own that was refused is to be made once more.
    AskedAgain(ConversationId),
    /// A greeting was unfolded, or folded.
    Folded(ConversationId),
    /// More of them are wanted.
    MorePressed,
}

impl Requests {
    pub(crate) fn update(&mut self, message: Message) -> Vec<Action> {
        let (id, order) = match message {
            Message::Accepted(id) => (id, Order::Accept { target: id.to_string() }),
            Message::Declined(id) => (id, Order::Decline { target: id.to_string() }),
            Message::Withdrawn(id) => (id, Order::Withdraw { target: id.to_string() }),
            Message::AskedAgain(id) => {
                // It stays in the list, and waits there like any other: asked twice it is one request.
                self.error = None;
                let order = Order::AskAgain { target: id.to_string() };
                return vec![Action::Order(Wanted::Answer { id, opens: false }, order)];
            }
            Message::Folded(id) => {
                if !self.unfolded.remove(&id) {
                    self.unfolded.insert(id);
                }
                return Vec::new();
            }
            Message::MorePressed => {
                self.shown_more += SHOWN;
                return Vec::new();
            }
        };
        self.error = None;
        self.answering.insert(id);
        let opens = matches!(order, Order::Accept { .. });
        vec![Action::Order(Wanted::Answer { id, opens }, order)]
    }

    /// The agent took an answer, or did not.
    pub(crate) fn answered(
        &mut self,
        id: ConversationId,
        opens: bool,
        answer: Result<(), DoorError>,
    ) -> Vec<Action> {
        if let Err(err) = answer {
            self.answering.remove(&id);
            self.error = Some(err);
            return Vec::new();
        }
        // It stays marked: the news that it is no request any more are on their way.
        if opens { vec![Action::Open(id)] } else { Vec::new() }
    }

    /// Forgets the answers to what waits no more.
    pub(crate) fn settle(&mut self, desk: &Desk) {
        let known = &desk.known;
        let order = &known.order;
        let rows = order.requests.iter().chain(&order.asked).filter_map(|at| known.roll.get(*at));
        let waits: BTreeSet<ConversationId> = rows.map(|row| row.id).collect();
        self.answering.retain(|id| waits.contains(id));
        self.unfolded.retain(|id| waits.contains(id));
    }

    /// All of them; nothing where there are none.
    pub(crate) fn view<'a>(&'a self, cx: Cx<'a>) -> Option<Element<'a, Said>> {
        let known = &cx.desk.known;
        let row_of = |at: &usize| known.roll.get(*at);
        let (requests, asked) = (&known.order.requests, &known.order.asked);
        if requests.is_empty() && asked.is_empty() {
            return None;
        }
        let count = requests.len() + asked.len();
        let others = requests.iter().filter_map(row_of).map(|row| self.request(cx, row));
        let own = asked.iter().filter_map(row_of).map(|row| self.asked(cx, row));
        let shown = SHOWN + self.shown_more;
        let mut page = column![section(cx.words.say("request-title"), requests.len())];
        if let Some(err) = &self.error {
            page = page
                .push(container(notice(body(failed(cx, err)))).padding([gap::INSIDE, gap::AROUND]));
        }
        page = page.push(Column::with_children(others.chain(own).take(shown)));
        if shown < count {
            let more = cx.words.tell("request-more", &[("n", (count - shown).into())]);
            let more = press(body(more)).id("more-requests").style(styles::link);
            page = page.push(more.on_press(Message::MorePressed));
        }
        let page: Element<'a, Message> =
            page.push(rule::horizontal(1).style(styles::hairline)).into();
        Some(page.map(Said::Request))
    }

    fn request<'a>(&'a self, cx: Cx<'a>, row: &'a RollRow) -> Element<'a, Message> {
        let who = if row.inviter.is_empty() { &row.title } else { &row.inviter };
        let what = match row.pair {
            true => cx.words.say("request-chat"),
            false => cx.words.tell("request-group", &[("title", row.title.as_str().into())]),
        };
        let time = hint(cx.words.moment(row.newest_at, cx.now));
        let mut lines = column![
            row![elided(who.as_str()).strong(), time]
                .spacing(gap::INSIDE)
                .align_y(Alignment::Center),
            elided(what).hint(),
        ];
        if !row.greeting.trim().is_empty() {
            lines = lines.push(self.greeting(cx, row));
        }
        let is_free = cx.desk.has_agent() && !self.answering.contains(&row.id);
        let answer = |id: &str, key: &str, message: Message| {
            press(body(cx.words.say(key)))
                .id(format!("{id}-{}", row.id))
                .on_press_maybe(is_free.then_some(message))
        };
        let accept =
            answer("accept", "request-accept", Message::Accepted(row.id)).style(styles::secondary);
        let decline =
            answer("decline", "request-decline", Message::Declined(row.id)).style(styles::quiet);
        lines = lines.push(row![space::horizontal(), decline, accept].spacing(gap::INSIDE));
        let content = row![
            container(sign(Sign::Add).style(styles::accent)).center_x(gap::AROUND),
            lines.spacing(2)
        ];
        container(content.spacing(gap::INSIDE)).padding([gap::INSIDE, gap::AROUND]).into()
    }

    fn greeting<'a>(&'a self, cx: Cx<'a>, row: &'a RollRow) -> Element<'a, Message> {
        let is_long = GREETING_SHORT < row.greeting.chars().count() || row.greeting.contains('\n');
        if !is_long {
            return elided(row.greeting.as_str()).into();
        }
        let is_unfolded = self.unfolded.contains(&row.id);
        let said: Element<'a, Message> = match is_unfolded {
            true => {
                let cut: String = row.greeting.chars().take(GREETING_MAX).collect();
                body(harmless_lines(&cut).into_owned()).width(Length::Fill).into()
            }
            false => elided(row.greeting.as_str()).into(),
        };
        let key = if is_unfolded { "request-fold" } else { "request-unfold" };
        let fold = press(hint(cx.words.say(key)).style(styles::accent))
            .id(format!("fold-{}", row.id))
            .padding([2.0, gap::TIGHT])
            .style(styles::quiet)
            .on_press(Message::Folded(row.id));
        row![said, fold].spacing(gap::TIGHT).into()
    }

    fn asked<'a>(&'a self, cx: Cx<'a>, row: &'a RollRow) -> Element<'a, Message> {
        let (mark, key) = match (row.state, row.pending) {
            ("refused", _) => (sign(Sign::Refused).style(styles::bad), "request-refused"),
            (_, Some("request")) => (sign(Sign::Queued).style(styles::muted), "request-leaves"),
            _ => (sign(Sign::Relayed).style(styles::muted), "request-waits"),
        };
        let lines = column![elided(row.title.as_str()).strong(), elided(cx.words.say(key)).hint()];
        let is_free = cx.desk.has_agent() && !self.answering.contains(&row.id);
        let withdraw = press(body(cx.words.say("request-withdraw")))
            .id(format!("withdraw-{}", row.id))
            .style(styles::quiet)
            .on_press_maybe(is_free.then_some(Message::Withdrawn(row.id)));
        let mut content = row![container(mark).center_x(gap::AROUND), lines.width(Length::Fill)];
        let again = press(body(cx.words.say("request-again")))
            .id(format!("again-{}", row.id))
            .style(styles::quiet)
            .on_press_maybe(cx.desk.has_agent().then_some(Message::AskedAgain(row.id)));
        content = content.push(if row.state == "refused" { again } else { withdraw });
        container(content.spacing(gap::INSIDE).align_y(Alignment::Center))
            .center_y(gap::ROW_OF_TWO)
            .padding([0.0, gap::AROUND])
            .into()
    }
}

/// The name of a part of the portal, with how many there are.
pub(super) fn section<'a, Message: 'a>(name: String, count: usize) -> Element<'a, Message> {
    let mut line = row![hint(name)].spacing(gap::INSIDE).align_y(Alignment::Center);
    if 0 < count {
        line = line
            .push(strong(count.to_string()).size(crate::theme::size::SMALL).style(styles::accent));
    }
    container(line)
        .padding(iced::Padding {
            top: gap::BETWEEN,
            right: gap::AROUND,
            bottom: gap::TIGHT,
            left: gap::AROUND,
        })
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{PORTAL, Ui, scene::Scene};

    #[test]
    fn what_was_refused_is_asked_again_with_one_press() {
        let mut scene = Scene::calm();
        scene.know(|known| known.roll[0].state = "refused");
        let mut requests = Requests::default();
        let mut ui = Ui::new(PORTAL, 1.0, requests.view(scene.cx()).unwrap());
        ui.click(iced_test::selector::id("again-c1")).unwrap();
        let said = ui.into_messages();
        let id = "c1".parse().unwrap();
        assert_eq!(said, [Said::Request(Message::AskedAgain(id))]);
        let order = Order::AskAgain { target: "c1".to_owned() };
        let asked = Action::Order(Wanted::Answer { id, opens: false }, order);
        assert_eq!(requests.update(Message::AskedAgain(id)), [asked]);
        // Once it waits it can be taken back.
        scene.know(|known| known.roll[0].state = "asking");
        let mut ui = Ui::new(PORTAL, 1.0, requests.view(scene.cx()).unwrap());
        ui.click(iced_test::selector::id("withdraw-c1")).unwrap();
        assert_eq!(ui.into_messages().len(), 1);
    }
}
