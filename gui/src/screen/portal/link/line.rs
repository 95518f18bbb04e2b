//! What of the link panel is always there: what goes on, what waits and the way to call.

use iced::{
    Alignment, Length, Padding,
    widget::{column, container, row, rule, space},
};

use super::{Message, Panel, month, says};
use crate::{
    door::{Follow, Visit},
    screen::{Cx, portal::failed},
    theme::{size, space as gap, styles},
    widget::{Element, Sign, body, elided, hint, notice, press, progress, sign},
};

/// Around what is said below the line.
const NOTICE: Padding =
    Padding { top: 0.0, right: gap::AROUND, bottom: gap::BETWEEN, left: gap::AROUND };

impl Panel {
    /// The panel as it stands above the list; nothing while there is no agent to tell of a link.
    pub(crate) fn view<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        let Some(does) = cx.desk.does() else { return space().into() };
        let mut panel = column![self.head(cx, does)];
        if let Some(visit) = &does.visit
            && let (_, Some(share)) = says::progress(cx, visit, self.quote.as_ref())
        {
            panel = panel.push(container(progress(share)).padding(NOTICE));
        }
        if does.visit.as_ref().is_none_or(|visit| visit.is_line)
            && let Some(waits) = says::waits(cx, does)
        {
            panel = panel.push(self.waits(cx, waits));
        }
        if let Some(quota) = self.ledger.as_ref().and_then(|ledger| month::quota(cx, ledger)) {
            panel = panel.push(container(quota).padding(NOTICE));
        }
        if let Some(err) = &self.error {
            let said = failed(cx, err);
            let close =
                press(hint(cx.words.say("link-close"))).id("close-error").style(styles::quiet);
            let told = row![body(said).width(Length::Fill), close.on_press(Message::ErrorClosed)];
            let told = notice(told.spacing(gap::INSIDE).align_y(Alignment::Center));
            panel = panel.push(container(told).padding(NOTICE));
        }
        container(column![panel, rule::horizontal(1).style(styles::hairline)])
            .style(styles::bar)
            .width(Length::Fill)
            .into()
    }

    fn head<'a>(&'a self, cx: Cx<'a>, does: &'a Follow) -> Element<'a, Message> {
        let mut lines = column![elided(says::headline(cx, does)).strong()];
        if let Some(second) = self.second_line(cx, does) {
            lines = lines.push(elided(second).hint());
        }
        let toggle = if self.is_open { Sign::Open } else { Sign::Closed };
        let is_warning = says::is_warning(does);
        let mark =
            sign(says::sign(does)).style(if is_warning { styles::warn } else { styles::accent });
        let content = row![
            container(mark).center_x(gap::AROUND),
            lines.width(Length::Fill),
            sign(toggle).size(size::TITLE).style(styles::muted),
        ]
        .spacing(gap::INSIDE)
        .align_y(Alignment::Center);
        let head = press(container(content).center_y(Length::Fill))
            .id("link")
            .width(Length::Fill)
            .height(gap::ROW_OF_TWO)
            .padding([0.0, gap::AROUND])
            .style(styles::quiet)
            .on_press(Message::Toggled);
        match &does.visit {
            Some(visit) if !is_calm(visit) && !visit.stopping => {
                row![head, container(self.stop(cx, visit)).padding([0.0, gap::BETWEEN])]
                    .align_y(Alignment::Center)
                    .into()
            }
            _ => head.into(),
        }
    }

    fn second_line(&self, cx: Cx<'_>, does: &Follow) -> Option<String> {
        if let Some(visit) = &does.visit {
            return Some(match visit.stopping {
                true => cx.words.say("link-stopping-left"),
                false => says::progress(cx, visit, self.quote.as_ref()).0,
            });
        }
        if does.link.network == "portal" {
            return Some(cx.words.say("link-portal-remedy"));
        }
        if let Some(trouble) = does.trouble.first() {
            return Some(says::trouble(cx, trouble));
        }
        if let Some(why) = &does.not_now {
            let why = cx.words.cause(does.not_now_cause.as_ref(), why, cx.now);
            return Some(cx.words.tell("link-not-now-why", &[("why", why.into())]));
        }
        let last =
            cx.desk.known.counters.as_ref().and_then(|counters| counters.last_visit.as_ref());
        let last = last.map(|visit| says::last_visit(cx, visit));
        Some(last.unwrap_or_else(|| says::link(cx, &does.link)))
    }

    fn stop<'a>(&self, cx: Cx<'a>, visit: &Visit) -> Element<'a, Message> {
        let can_stop = !self.is_stopping && visit.phase != "hanging_up";
        press(body(cx.words.say("link-stop")))
            .id("stop")
            .style(styles::secondary)
            .on_press_maybe(can_stop.then_some(Message::StopPressed))
            .into()
    }

    fn waits<'a>(&'a self, cx: Cx<'a>, waits: String) -> Element<'a, Message> {
        let price = self.quote.as_ref().map(|quote| quote.told(cx.words));
        let lines = column![elided(waits), elided(price.unwrap_or_default()).hint()];
        container(
            row![lines.width(Length::Fill), self.call_button(cx)]
                .spacing(gap::BETWEEN)
                .align_y(Alignment::Center),
        )
        .padding(Padding { top: 0.0, right: gap::AROUND, bottom: gap::BETWEEN, left: gap::INDENT })
        .into()
    }

    /// The one primary action of the portal.
    pub(super) fn call_button<'a>(&'a self, cx: Cx<'a>) -> Element<'a, Message> {
        press(body(cx.words.say("link-call")))
            .id("call")
            .style(styles::primary)
            .on_press_maybe(self.hindrance(cx.desk).is_none().then_some(Message::CallPressed))
            .into()
    }
}

/// When what is shown changes by itself, in seconds since 1970.
pub(crate) fn changes_at(cx: Cx<'_>) -> Option<i64> {
    says::headline_changes_at(cx.desk.does()?, cx.now)
}

/// A line that is held, and nothing goes over it.
fn is_calm(visit: &Visit) -> bool {
    visit.is_line && visit.phase == "holding"
}
