//! The head of the portal: who I am and how the agent is, the search, settings and help; and below it, where the agent
//! or the store cannot be used, why and what can be done.

use iced::{
    Alignment, Length, Padding,
    widget::{column, container, row, rule, text_input},
};

use super::{Message, Portal, failed};
use crate::{
    desk::Agent,
    door::DoorError,
    screen::Cx,
    theme::{space as gap, styles},
    widget::{Element, Sign, body, elided, notice, press, sign, strong},
};

impl Portal {
    pub(super) fn head<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let (mark, state) = state(cx);
        let me = cx.desk.known.me.as_str();
        let who = column![elided(me).strong(), elided(state).hint()].width(Length::FillPortion(4));
        let search = text_input(&cx.words.say("portal-search"), &self.filter)
            .id("search")
            .padding([6.0, gap::INSIDE])
            .style(styles::field)
            .width(Length::FillPortion(5))
            .on_input(Message::Filtered)
            .on_submit(Message::FirstChosen);
        let small = |content, id: &'static str, message| {
            press(container(content).center(Length::Fill))
                .id(id)
                .padding(0)
                .width(gap::HIT)
                .height(gap::HIT)
                .style(styles::quiet)
                .on_press(message)
        };
        let settings = small(sign(Sign::Settings), "settings", Message::SettingsPressed);
        let help = small(strong("?"), "help", Message::HelpPressed);
        let head = row![mark, who, search, row![settings, help]]
            .spacing(gap::INSIDE)
            .align_y(Alignment::Center);
        let head = container(head)
            .padding(Padding::from([gap::INSIDE, gap::AROUND]).right(gap::INSIDE))
            .style(styles::bar)
            .width(Length::Fill);
        let mut page = column![head, rule::horizontal(1).style(styles::hairline)];
        if let Some(notice) = self.stand_in(cx) {
            page = page.push(container(notice).padding(gap::BETWEEN));
        }
        page.into()
    }

    /// What stands where the link would be, while there is no agent, or no store that can be read.
    fn stand_in<'a>(&'a self, cx: Cx<'a>) -> Option<Element<'a, Message>> {
        let words = cx.words;
        if let Some(DoorError::TooNew(_)) = &cx.desk.error {
            return Some(notice(body(words.say("error-too-new"))));
        }
        if let Some(err) = cx.desk.error.as_ref().filter(|err| **err != DoorError::NoStore) {
            let told =
                column![body(words.say("error-store")), body(failed(cx, err)).style(styles::muted)];
            return Some(notice(told.spacing(gap::TIGHT)));
        }
        let Agent::Absent(why) = &cx.desk.agent else { return None };
        let told = match why {
            None => column![body(words.say("portal-no-agent"))],
            Some(why) => column![
                body(words.say("portal-agent-odd")),
                body(failed(cx, why)).style(styles::muted)
            ],
        };
        let mut told = told.spacing(gap::TIGHT);
        if let Some(why) = &self.start_error {
            told = told.push(body(failed(cx, why)).style(styles::bad));
        }
        if why.is_some() {
            let again = press(body(words.say("portal-again")));
            told = told.push(again.id("again").on_press(Message::AgainPressed));
        } else {
            let key = if self.is_starting { "portal-starting" } else { "portal-start" };
            let start = press(body(words.say(key)))
                .id("start")
                .style(styles::primary)
                .on_press_maybe((!self.is_starting).then_some(Message::StartPressed));
            told =
                told.push(container(start).padding(Padding { top: gap::TIGHT, ..Padding::ZERO }));
        }
        Some(notice(told))
    }
}

/// How things are with the agent, in a sign and in words.
fn state(cx: Cx<'_>) -> (Element<'_, Message>, String) {
    let (mark, style, key): (Sign, fn(&iced::Theme) -> iced::widget::text::Style, &str) = match &cx
        .desk
        .agent
    {
        _ if matches!(cx.desk.error, Some(DoorError::TooNew(_))) => {
            (Sign::Warning, styles::bad, "portal-state-newer")
        }
        Agent::Unknown | Agent::There(None) => {
            (Sign::Unknown, styles::muted, "portal-state-unknown")
        }
        Agent::Absent(None) => (Sign::Unknown, styles::muted, "portal-state-absent"),
        Agent::Absent(Some(_)) => (Sign::Warning, styles::bad, "portal-state-odd"),
        Agent::There(Some(does)) => match (&does.visit, does.link.state.as_str()) {
            (Some(visit), _) if !visit.is_line || visit.phase == "exchanging" => {
                (Sign::Moving, styles::accent, "portal-state-visit")
            }
            (Some(_), _) | (None, "live") => (Sign::Reachable, styles::good, "portal-state-live"),
            _ if !does.trouble.is_empty() || does.link.network == "portal" => {
                (Sign::Warning, styles::warn, "portal-state-trouble")
            }
            (None, _) => (Sign::Expected, styles::muted, "portal-state-calm"),
        },
    };
    (container(sign(mark).style(style)).center_x(gap::AROUND).into(), cx.words.say(key))
}
