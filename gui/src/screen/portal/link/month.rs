//! The month's ledger: what went over the link day by day, up to the quota.

use agent::store::{DayUse, Ledger};
use iced::{
    Alignment, Length,
    widget::{Row, column, container, row, rule, space, stack},
};

use super::Message;
use crate::{
    screen::Cx,
    theme::{space as gap, styles},
    widget::{Element, body, elided, hint, notice, press},
};

/// Height of the chart, in logical pixels.
const HEIGHT: f32 = 56.0;
/// What is not nothing can be seen.
const LEAST: f32 = 2.0;
/// Of a quota, what "a little more" is.
const LITTLE: u64 = 10;

/// The chart with what it comes to.
pub(super) fn view<'a>(cx: Cx<'a>, ledger: &'a Ledger) -> Element<'a, Message> {
    let words = cx.words;
    let used = words.bytes(ledger.bytes);
    let mut sum = match ledger.allowed {
        Some(all) => {
            words.tell("link-moved", &[("moved", used.into()), ("all", words.bytes(all).into())])
        }
        None => used,
    };
    for (currency, cost) in &ledger.cost {
        sum = format!("{sum} · {}", words.money(*cost, currency));
    }
    let since = words.tell("link-since", &[("day", words.day(ledger.begins, cx.now).into())]);
    let head = row![
        body(since).style(styles::muted),
        space::horizontal().width(gap::INSIDE),
        elided(sum).end()
    ];
    let ends = row![
        hint(day_of(cx, ledger.days.first())),
        space::horizontal(),
        hint(day_of(cx, ledger.days.last())),
    ];
    column![head, chart(cx, ledger), ends].spacing(gap::TIGHT).into()
}

fn day_of(cx: Cx<'_>, day: Option<&DayUse>) -> String {
    let said = |day: &DayUse| {
        let number = day.date.day().to_string();
        cx.words.tell("link-day", &[("day", number.into())])
    };
    day.map_or_else(String::new, said)
}

/// With a quota each column stands on those before it and the line above is the quota; without one each stands alone.
fn chart<'a>(cx: Cx<'_>, ledger: &Ledger) -> Element<'a, Message> {
    let columns = columns(ledger);
    let bars = columns.into_iter().zip(&ledger.days).map(|((before, more), day)| {
        let is_to_come = cx.now < day.begins;
        let part = |height: f32| container(space()).width(Length::Fill).height(height);
        let before = part(before).style(if is_to_come { styles::nothing } else { styles::before });
        column![space::vertical(), part(more).style(styles::done), before]
            .width(Length::FillPortion(1))
            .height(HEIGHT)
            .into()
    });
    let bars = Row::with_children(bars).spacing(2).height(HEIGHT);
    let ground =
        column![space::vertical(), rule::horizontal(1).style(styles::hairline)].height(HEIGHT);
    match quota_height(ledger) {
        Some(height) => {
            let line = column![
                space().height(HEIGHT - height),
                rule::horizontal(1).style(styles::limit),
                space::vertical(),
            ];
            stack![bars, ground, line.height(HEIGHT)].into()
        }
        None => stack![bars, ground].into(),
    }
}

/// The most that the chart shows, in bytes.
fn top_of(ledger: &Ledger) -> u64 {
    match ledger.allowed {
        Some(allowed) => allowed.max(ledger.bytes),
        None => ledger.days.iter().map(|day| day.bytes).max().unwrap_or_default(),
    }
    .max(1)
}

#[expect(clippy::cast_precision_loss, reason = "pixels of a chart")]
fn height_of(bytes: u64, top: u64) -> f32 {
    if bytes == 0 {
        return 0.0;
    }
    (bytes as f32 / top as f32 * HEIGHT).clamp(LEAST, HEIGHT).round()
}

fn quota_height(ledger: &Ledger) -> Option<f32> {
    let allowed = ledger.allowed?;
    // The line itself takes one pixel.
    Some(height_of(allowed.max(1), top_of(ledger)).max(1.0))
}

/// Heights of each day: of what was before it, where there is a quota, and of its own.
fn columns(ledger: &Ledger) -> Vec<(f32, f32)> {
    let top = top_of(ledger);
    let mut sum: u64 = 0;
    let columns = ledger.days.iter().map(|day| {
        let before = if ledger.allowed.is_some() { height_of(sum, top) } else { 0.0 };
        sum = sum.saturating_add(day.bytes);
        (before, height_of(day.bytes, top).min(HEIGHT - before))
    });
    columns.collect()
}

/// Said where the quota is used up, with the ways to lift it.
pub(super) fn quota<'a>(cx: Cx<'a>, ledger: &'a Ledger) -> Option<Element<'a, Message>> {
    let quota = ledger.quota.as_ref().filter(|quota| quota.stopped)?;
    let words = cx.words;
    let until = words.day(ledger.ends, cx.now);
    let args = [
        ("link", crate::words::harmless(&quota.link).into_owned().into()),
        ("used", words.bytes(quota.used).into()),
        ("all", words.bytes(ledger.allowed.unwrap_or(quota.quota)).into()),
        ("until", until.clone().into()),
    ];
    let more = (quota.quota / LITTLE).max(1);
    let lift = |id: &'static str, said: String, bytes: Option<u64>| {
        press(body(said))
            .id(id)
            .style(styles::secondary)
            .on_press(Message::LiftPressed(quota.link.clone(), bytes))
    };
    let ways = row![
        lift(
            "lift-some",
            words.tell("link-lift-some", &[("more", words.bytes(more).into())]),
            Some(more)
        ),
        lift("lift", words.tell("link-lift", &[("until", until.into())]), None),
    ];
    let ways =
        ways.spacing(gap::INSIDE).align_y(Alignment::Center).wrap().vertical_spacing(gap::INSIDE);
    Some(notice(column![body(words.tell("link-quota-reached", &args)), ways].spacing(gap::INSIDE)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::scene::month;

    #[test]
    fn with_a_quota_the_columns_climb_to_it_and_the_line_is_where_it_is() {
        let ledger = month(&[10, 0, 20], Some(100));
        assert_eq!(columns(&ledger)[..3], [(0.0, 6.0), (6.0, 0.0), (6.0, 11.0)]);
        assert_eq!(quota_height(&ledger), Some(HEIGHT));
        let over = month(&[100, 100], Some(100));
        assert_eq!(quota_height(&over), Some(HEIGHT / 2.0));
        assert_eq!(columns(&over)[1], (HEIGHT / 2.0, HEIGHT / 2.0));
    }

    #[test]
    fn without_a_quota_the_largest_day_is_the_highest_and_nothing_divides_by_nothing() {
        let ledger = month(&[1, 1_000_000], None);
        assert_eq!(columns(&ledger)[..2], [(0.0, LEAST), (0.0, HEIGHT)]);
        assert_eq!(quota_height(&ledger), None);
        assert!(columns(&month(&[0, 0], None)).iter().all(|column| *column == (0.0, 0.0)));
        assert!(
            columns(&month(&[u64::MAX, u64::MAX], Some(0))).iter().all(|(a, b)| a + b <= HEIGHT)
        );
    }
}
