//! The link panel opened: the link, what waits and its price, what a call is to carry, and what does not work.

use agent::{control::Only, store::Cause};
use iced::{
    Alignment, Length,
    widget::{column, container, row, rule, space, text_input},
};

use super::{Message, Panel, month, says};
use crate::{
    door::{Follow, Trouble},
    screen::Cx,
    theme::{space as gap, styles},
    widget::{Element, body, elided, hint, notice, press},
};

impl Panel {
    /// The rest of the panel, where it is open.
    pub(crate) fn details<'a>(&'a self, cx: Cx<'a>) -> Option<Element<'a, Message>> {
        let does = cx.desk.does().filter(|_| self.is_open)?;
        let mut parts = column![self.facts(cx, does)].spacing(gap::BETWEEN);
        if does.visit.as_ref().is_none_or(|visit| visit.is_line) {
            parts = parts.push(self.choices(cx, does));
        }
        if let Some(ledger) = &self.ledger {
            parts = parts.push(month::view(cx, ledger));
        }
        if let Some(why) = last_words(cx, does) {
            parts = parts.push(notice(why));
        }
        if let Some(why) = &does.not_now {
            let why = cx.words.cause(does.not_now_cause.as_ref(), why, cx.now);
            let said = cx.words.tell("link-not-now-why", &[("why", why.into())]);
            parts = parts.push(notice(body(said)));
        }
        for trouble in &does.trouble {
            parts = parts.push(trouble_card(cx, trouble));
        }
        let page = container(parts)
            .padding([gap::BETWEEN, gap::AROUND])
            .width(Length::Fill)
            .style(styles::bar);
        Some(column![page, rule::horizontal(1).style(styles::hairline)].into())
    }

    fn facts<'a>(&'a self, cx: Cx<'a>, does: &'a Follow) -> Element<'a, Message> {
        let words = cx.words;
        let mut facts =
            column![fact(words.say("link-link"), says::link(cx, &does.link))].spacing(gap::TIGHT);
        if let Some(next) = &does.next {
            let at = next.at.as_second();
            let mut call = words.full(at, cx.now);
            for part in [Some(&next.rule), next.why.as_ref()]
                .into_iter()
                .flatten()
                .filter(|part| !part.is_empty())
            {
                call = format!("{call} · {part}");
            }
            facts = facts.push(fact(words.say("link-next-call"), call));
        }
        if let Some(quote) = &self.quote {
            // A call with nothing to carry has a price too, but nothing of it waits.
            let count = |n: u64, bytes: u64| match n {
                0 => words.say("link-nothing"),
                n => format!("{n} · {}", words.bytes(bytes)),
            };
            let there = does.waits.as_ref().map(|waits| waits.there.clone()).unwrap_or_default();
            let (there_by, is_told) = told_at(cx, does);
            let is_empty = quote.items == 0 && there.count == 0;
            let all = words.say(if is_empty { "link-asking" } else { "link-together" });
            let there = match is_told {
                true => count(there.count, there.bytes),
                false => words.say("link-there-unknown"),
            };
            facts = facts
                .push(fact(words.say("link-here"), count(quote.items, quote.body_up)))
                .push(fact(there_by, there))
                .push(fact(all, quote.told(words)));
        }
        facts.into()
    }

    fn choices<'a>(&'a self, cx: Cx<'a>, does: &'a Follow) -> Element<'a, Message> {
        let choice = |only: Option<Only>, key: &str, id: &'static str| {
            let style = if self.only == only { styles::chosen } else { styles::quiet };
            press(body(cx.words.say(key)))
                .id(id)
                .padding([6.0, gap::INSIDE])
                .style(style)
                .on_press(Message::OnlyChosen(only))
        };
        let scope = row![
            choice(None, "link-everything", "carry-all"),
            choice(Some(Only::Messages), "link-only-messages", "carry-messages"),
            choice(Some(Only::Urgent), "link-only-urgent", "carry-urgent"),
        ]
        .spacing(gap::TIGHT)
        .wrap()
        .vertical_spacing(gap::TIGHT);
        let budget = text_input(&cx.words.say("link-budget"), &self.budget)
            .id("budget")
            .padding([7.0, gap::INSIDE])
            .style(if self.is_budget_wrong { styles::wrong_field } else { styles::field })
            .on_input(Message::BudgetTyped)
            .on_submit(Message::CallPressed);
        let mut call = row![budget].spacing(gap::INSIDE).align_y(Alignment::Center);
        // Where something waits the button stands above, and there is one of it.
        if says::waits(cx, does).is_none() {
            call = call.push(self.call_button(cx));
        }
        let mut all = column![scope, call].spacing(gap::INSIDE);
        if self.is_budget_wrong {
            let least = cx.words.bytes(config::agent::BUDGET_LEAST.bytes());
            let wrong = cx.words.tell("link-budget-wrong", &[("least", least.into())]);
            all = all.push(hint(wrong).style(styles::bad));
        }
        all.into()
    }
}

/// What the relay keeps, by when it said so, and whether it ever did: between two visits nobody here knows what came since.
fn told_at(cx: Cx<'_>, does: &Follow) -> (String, bool) {
    let words = cx.words;
    if does.visit.is_some() {
        return (words.say("link-there"), true);
    }
    let last = cx.desk.known.counters.as_ref().and_then(|counters| counters.last_visit.as_ref());
    let told = last.filter(|last| matches!(last.outcome.as_str(), "done" | "partial"));
    match told.and_then(|last| last.end) {
        Some(at) => {
            let time = words.moment(at, cx.now);
            (words.tell("link-there-then", &[("time", time.into())]), true)
        }
        // What an older visit heard of still waits; that nothing does was then not said.
        None => (words.say("link-there"), does.waits.as_ref().is_some_and(|w| 0 < w.there.count)),
    }
}

/// Why the last visit came to less than was wanted.
fn last_words<'a>(cx: Cx<'a>, does: &Follow) -> Option<Element<'a, Message>> {
    let last = cx.desk.known.counters.as_ref()?.last_visit.as_ref()?;
    // A line that somebody ended came to its end; and while one is held nothing is wrong.
    let was_ended = last.live && last.cause == Some(Cause::Stopped);
    let is_held =
        does.visit.as_ref().is_some_and(|visit| visit.is_line && visit.phase == "holding");
    if last.words.is_empty() || was_ended || is_held {
        return None;
    }
    let what = cx.words.say(match last.outcome.as_str() {
        "no_link" => "link-last-no_link",
        "refused" => "link-last-refused",
        "partial" => "link-last-partial",
        _ => "link-last-other",
    });
    let said = cx.words.cause(last.cause.as_ref(), &last.words, cx.now);
    let said = body(said).style(styles::muted);
    Some(column![body(what), said].spacing(gap::TIGHT).into())
}

/// A name and what it is, right-aligned so that figures stand under each other.
fn fact<'a>(name: String, is: String) -> Element<'a, Message> {
    let is = elided(is).end();
    row![body(name).style(styles::muted), space::horizontal().width(gap::INSIDE), is].into()
}

/// What does not work: what it is about, what that means, what the agent says of it, and what can be done.
fn trouble_card<'a>(cx: Cx<'a>, trouble: &'a Trouble) -> Element<'a, Message> {
    let known = cx.words.trouble(&trouble.kind);
    let mut card = column![elided(says::trouble(cx, trouble)).strong()].spacing(gap::TIGHT);
    let said = cx.words.cause_alone(trouble.cause.as_ref(), &trouble.words, cx.now);
    card = card.push(body(said));
    let remedy = known.map_or_else(|| trouble.remedy.clone(), |(_, remedy)| remedy);
    if !remedy.is_empty() {
        card = card.push(hint(remedy));
    }
    notice(card)
}
