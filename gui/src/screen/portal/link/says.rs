//! What the link does, in words.

use agent::store::VisitRow;

use crate::{
    door::{Follow, Link, Next, Trouble, Visit},
    screen::Cx,
    widget::Sign,
};

use super::super::quote::Quote;

/// From so far on the time of day tells enough, and the words do not change every minute.
const NEAR_S: i64 = 60 * 60;

/// The one line that says what goes on.
pub(super) fn headline(cx: Cx<'_>, does: &Follow) -> String {
    let words = cx.words;
    match (&does.visit, &does.next) {
        (Some(visit), _) if visit.stopping => words.say("link-stopping"),
        (Some(visit), _) if visit.phase == "holding" => words.say("link-line"),
        (Some(visit), _) => phase(cx, visit),
        _ if does.link.network == "portal" => words.say("link-portal"),
        (None, Some(next)) => next_call(cx, next),
        (None, None) if does.link.state == "live" => words.say("link-line"),
        (None, None) => words.say("link-none"),
    }
}

fn phase(cx: Cx<'_>, visit: &Visit) -> String {
    let known = ["asking", "dialling", "reaching", "exchanging", "hanging_up"];
    let phase = known.into_iter().find(|phase| *phase == visit.phase).unwrap_or("exchanging");
    cx.words.say(&format!("phase-{phase}"))
}

fn next_call(cx: Cx<'_>, next: &Next) -> String {
    let at = next.at.as_second();
    let ahead = at.saturating_sub(cx.now);
    let time = match cx.words.date(at) == cx.words.date(cx.now) {
        true => cx.words.clock(at),
        false => cx.words.full(at, cx.now),
    };
    let said = match ahead {
        ..=0 => cx.words.say("link-due"),
        1..=NEAR_S => {
            let span = cx.words.relative(at, cx.now);
            cx.words.tell("link-next-soon", &[("time", time.into()), ("in", span.into())])
        }
        _ => cx.words.tell("link-next", &[("time", time.into())]),
    };
    match next.rule.is_empty() {
        true => said,
        false => format!("{said} — {}", next.rule),
    }
}

/// When the words of [`headline`] change by themselves, in seconds since 1970.
pub(super) fn headline_changes_at(does: &Follow, now: i64) -> Option<i64> {
    if does.visit.is_some() || does.link.network == "portal" {
        return None;
    }
    let at = does.next.as_ref()?.at.as_second();
    match at.saturating_sub(now) {
        ..=0 => None,
        // "in 42 min" holds until less than 42 minutes are left; below a minute it counts seconds, and "in 1 min" will do.
        ahead @ 1..60 => Some(now + ahead),
        ahead @ 60..=NEAR_S => Some((at - ahead / 60 * 60 + 1).max(now + 1)),
        _ => Some(at - NEAR_S),
    }
}

/// `satellite · metered`.
pub(super) fn link(cx: Cx<'_>, link: &Link) -> String {
    let names = [&link.profile, &link.ssid, &link.connection, &link.interface];
    let name = names.into_iter().flatten().find(|name| !name.is_empty());
    if link.network == "down" && link.state != "up" {
        return match &link.profile {
            Some(profile) => format!("{profile} · {}", cx.words.say("link-no-network")),
            None => cx.words.say("link-no-network"),
        };
    }
    let class = cx.words.say(match link.metered {
        Some(true) => "link-metered",
        Some(false) => "link-unmetered",
        None => "link-class-unknown",
    });
    match name {
        Some(name) => format!("{name} · {class}"),
        None => class,
    }
}

/// `12.4 KB of 38.0 KB · 6 s left`, and how far that is, from 0 to 1.
pub(super) fn progress(cx: Cx<'_>, visit: &Visit, quote: Option<&Quote>) -> (String, Option<f32>) {
    let moved = visit.bytes_up.saturating_add(visit.bytes_down);
    // How long a line is held would change for ever.
    let spent = match visit.since.filter(|_| visit.is_line) {
        Some(since) => {
            let time = cx.words.moment(since.as_second(), cx.now);
            cx.words.tell("link-line-since", &[("time", time.into())])
        }
        None => cx.words.span(visit.seconds),
    };
    let expected = quote.map(|quote| quote.bytes.min(visit.budget.unwrap_or(u64::MAX)));
    let Some(all) = expected.filter(|all| moved <= *all && 0 < *all && visit.phase == "exchanging")
    else {
        let moved = cx.words.bytes(moved);
        return (format!("{moved} · {spent}"), None);
    };
    let of = [("moved", cx.words.bytes(moved).into()), ("all", cx.words.bytes(all).into())];
    let mut said = cx.words.tell("link-moved", &of);
    let whole = quote.and_then(|quote| quote.seconds);
    // Before the first bytes nobody can say more than the price did.
    let left = whole.map(|whole| {
        let left = u128::from(whole) * u128::from(all - moved)
            / u128::from(quote.map_or(1, |quote| quote.bytes.max(1)));
        u64::try_from(left).unwrap_or(u64::MAX).max(1)
    });
    let rest = left
        .map_or(spent, |left| cx.words.tell("link-left", &[("span", cx.words.span(left).into())]));
    said = format!("{said} · {rest}");
    #[expect(clippy::cast_precision_loss, reason = "a share of a bar")]
    (said, Some(moved as f32 / all as f32))
}

/// `17:20  sent 3, received 14 · 39.2 KB · 11 s · 0.04 €`.
pub(super) fn last_visit(cx: Cx<'_>, visit: &VisitRow) -> String {
    let words = cx.words;
    let when = words.moment(visit.end.unwrap_or(visit.start), cx.now);
    let bytes = visit.bytes_up.saturating_add(visit.bytes_down);
    let did = match visit.outcome.as_str() {
        "no_link" => words.say("outcome-no_link"),
        "refused" => words.say("outcome-refused"),
        _ if visit.sent == 0 && visit.received == 0 => words.say("outcome-nothing"),
        _ => words.tell(
            "outcome-moved",
            &[("sent", visit.sent.into()), ("received", visit.received.into())],
        ),
    };
    let mut parts = vec![format!("{when} {did}")];
    if 0 < bytes {
        parts.push(words.bytes(bytes));
        parts.push(words.span(visit.seconds()));
    }
    if let Some(cost) = visit.cost {
        parts.push(words.money(cost, &visit.currency));
    }
    parts.join(" · ")
}

/// `3 to send · 14 to fetch`.
pub(super) fn waits(cx: Cx<'_>, does: &Follow) -> Option<String> {
    let waits = does.waits.as_ref()?;
    let count = |n: u64, key: &str| (0 < n).then(|| cx.words.tell(key, &[("n", n.into())]));
    let parts = [
        count(waits.here.count, "link-to-send"),
        count(waits.there.count, "link-to-fetch"),
        count(waits.here.held, "link-held"),
        count(waits.here.refused, "link-refused"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

/// Something stands in the way of the next call.
pub(super) fn is_warning(does: &Follow) -> bool {
    let stands =
        does.link.network == "portal" || !does.trouble.is_empty() || does.not_now.is_some();
    stands && does.visit.is_none()
}

/// The sign before the headline.
pub(super) fn sign(does: &Follow) -> Sign {
    match &does.visit {
        Some(_) => Sign::Moving,
        None if is_warning(does) => Sign::Warning,
        None => Sign::Link,
    }
}

/// What does not work, in a line: `evening: its call did not come about`.
pub(super) fn trouble(cx: Cx<'_>, trouble: &Trouble) -> String {
    let Some((what, _)) = cx.words.trouble(&trouble.kind) else {
        return crate::words::harmless(&format!("{}: {}", trouble.about, trouble.words))
            .into_owned();
    };
    match trouble.kind.as_str() {
        // What these are about has no name of the user's.
        "portal" | "settings" => what,
        _ => format!("{}: {what}", crate::words::harmless(&trouble.about)),
    }
}
