//! When the agent calls, as people think of it: times of the day and days of the week instead of cron; and what a rule
//! comes to.

use std::collections::BTreeMap;

use config::{
    Span,
    agent::{Cron, Rule, Trigger, When, forecast},
};
use iced::widget::{Column, row};

use super::Cx;
use crate::{
    theme::space as gap,
    widget::{Element, body, hint, one_line},
};

/// Calls that are shown ahead.
pub(crate) const CALLS: usize = 10;
/// Widths of a time and of a day, in logical pixels.
const TIME: f32 = 64.0;
const DAY: f32 = 88.0;

/// Days of the week on which a rule calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Days {
    #[default]
    Every,
    Working,
    Weekend,
}

impl Days {
    pub(crate) const ALL: [Self; 3] = [Self::Every, Self::Working, Self::Weekend];

    fn cron(self) -> &'static str {
        match self {
            Self::Every => "*",
            Self::Working => "Mon-Fri",
            Self::Weekend => "Sat,Sun",
        }
    }

    fn of_cron(field: &str) -> Option<Self> {
        match field.to_ascii_lowercase().as_str() {
            "*" | "?" => Some(Self::Every),
            "mon-fri" | "1-5" => Some(Self::Working),
            "sat,sun" | "sat-sun" | "6,7" | "6,0" | "0,6" => Some(Self::Weekend),
            _ => None,
        }
    }

    pub(crate) fn name(self, cx: Cx<'_>) -> String {
        cx.words.say(match self {
            Self::Every => "days-every",
            Self::Working => "days-working",
            Self::Weekend => "days-weekend",
        })
    }
}

/// Times of the day as they are typed, `8:30, 18:30`, as expressions: one for each minute of the hour that there is.
/// `None` for what is no list of times.
pub(crate) fn crons(times: &str, days: Days) -> Option<Vec<Cron>> {
    let mut hours: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    for time in times.split([',', ';', ' ']).filter(|time| !time.is_empty()) {
        let (hour, minute) = time.split_once([':', '.']).unwrap_or((time, "00"));
        let (hour, minute) = (digits(hour, 23)?, digits(minute, 59).filter(|_| minute.len() == 2)?);
        hours.entry(minute).or_default().push(hour);
    }
    let written = |(minute, hours): (u8, Vec<u8>)| {
        let mut hours = hours;
        hours.sort_unstable();
        hours.dedup();
        let hours: Vec<_> = hours.iter().map(u8::to_string).collect();
        format!("{minute} {} * * {}", hours.join(","), days.cron()).parse().ok()
    };
    let crons: Option<Vec<Cron>> = hours.into_iter().map(written).collect();
    crons.filter(|crons| !crons.is_empty())
}

/// The other way: `None` where an expression says more than that.
pub(crate) fn times(cron: &Cron) -> Option<(String, Days)> {
    let written = cron.to_string();
    let fields: Vec<&str> = written.split_whitespace().collect();
    let [minute, hours, "*", "*", days] = fields[..] else { return None };
    let minute = digits(minute, 59)?;
    let times: Option<Vec<_>> = hours
        .split(',')
        .map(|hour| digits(hour, 23).map(|hour| format!("{hour:02}:{minute:02}")))
        .collect();
    Some((times?.join(", "), Days::of_cron(days)?))
}

fn digits(text: &str, most: u8) -> Option<u8> {
    let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && *number <= most)
}

/// What starts a rule's calls, as a sentence.
pub(crate) fn trigger_words(cx: Cx<'_>, rule: &Rule) -> String {
    match rule.trigger() {
        None => String::new(),
        Some(Trigger::Live) => cx.words.say("rule-live"),
        Some(Trigger::When(When::LinkUp)) => cx.words.say("rule-link-up"),
        Some(Trigger::When(When::UrgentQueued)) => cx.words.say("rule-urgent"),
        Some(Trigger::Every(every)) => {
            cx.words.tell("rule-every", &[("span", span(cx, every).into())])
        }
        Some(Trigger::Cron(cron)) => match times(cron) {
            Some((times, days)) => {
                let args = [("times", times.into()), ("days", days.name(cx).into())];
                cx.words.tell("rule-times", &args)
            }
            None => cx.words.tell("rule-cron", &[("cron", cron.to_string().into())]),
        },
    }
}

pub(crate) fn span(cx: Cx<'_>, span: Span) -> String {
    let seconds = span.seconds();
    // What people write in words is told in them, whatever else is told exactly.
    if seconds.is_multiple_of(60) { cx.words.span(seconds) } else { span.to_string() }
}

/// Over which links, as a sentence's end; empty for any.
pub(crate) fn link_words(cx: Cx<'_>, links: &[String]) -> String {
    let name = |link: &String| match link.as_str() {
        "any" => cx.words.say("links-any"),
        "metered" => cx.words.say("links-metered"),
        "unmetered" => cx.words.say("links-unmetered"),
        profile => profile.to_owned(),
    };
    links.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// The next calls of these rules, or what they wait for.
pub(crate) fn preview<'a, Message: 'a>(cx: Cx<'a>, rules: &[Rule]) -> Element<'a, Message> {
    let calls = forecast(rules, cx.words.zone(), cx.now, Some(cx.now), CALLS);
    let mut lines = Column::new().spacing(gap::TIGHT).width(iced::Length::Fill);
    if calls.is_empty() {
        let words = rules.iter().map(|rule| trigger_words(cx, rule));
        return words.fold(lines, |lines, words| lines.push(hint(words))).into();
    }
    lines = lines.push(hint(cx.words.tell("calls-next", &[("n", calls.len().into())])));
    for call in calls {
        let time = body(cx.words.clock(call.at)).width(TIME);
        let day = hint(cx.words.day(call.at, cx.now)).width(DAY);
        let mut line = row![time, day].spacing(gap::INSIDE).align_y(iced::Alignment::Center);
        // Of one rule nobody asks which.
        if let Some(rule) = rules.get(call.rule).filter(|_| rules.len() > 1) {
            let named = !rule.name.is_empty();
            let name = if named { rule.name.clone() } else { trigger_words(cx, rule) };
            line = line.push(one_line(hint(name)));
        }
        lines = lines.push(line);
    }
    lines.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::scene::Scene;

    #[test]
    fn times_of_the_day_become_expressions_and_come_back() {
        for (typed, days, written, shown) in [
            ("8:30, 18:30", Days::Working, &["30 8,18 * * Mon-Fri"][..], "08:30, 18:30"),
            ("18.30 8", Days::Every, &["0 8 * * *", "30 18 * * *"], "08:00"),
            ("0:00;0:00", Days::Weekend, &["0 0 * * Sat,Sun"], "00:00"),
        ] {
            let crons = crons(typed, days).unwrap();
            let said: Vec<_> = crons.iter().map(Cron::to_string).collect();
            assert_eq!(said, written);
            assert_eq!(times(&crons[0]), Some((shown.to_owned(), days)));
        }
        for typed in ["", " ", "24:00", "8:60", "8:5", "noon", "-1:00", "8:30:00", "+8"] {
            assert_eq!(crons(typed, Days::Every), None, "{typed}");
        }
        for written in ["*/5 * * * *", "0 8 1 * *", "0 30 8 * * *", "@daily", "0 8-10 * * *"] {
            assert_eq!(times(&written.parse().unwrap()), None, "{written}");
        }
    }

    #[test]
    fn what_starts_a_rule_is_told_in_words() {
        let scene = Scene::calm();
        for (rule, said) in [
            (Rule::live(), "Holds the line while there is a link"),
            (Rule::every(Span::from_minutes(15)), "Every 15 min"),
            (Rule::every(Span::from_seconds(90)), "Every 1m30s"),
            (
                Rule { cron: Some("30 8,18 * * 1-5".parse().unwrap()), ..Rule::default() },
                "At 08:30, 18:30, Monday to Friday",
            ),
            (
                Rule { cron: Some("*/5 * * * *".parse().unwrap()), ..Rule::default() },
                "By the expression */5 * * * *",
            ),
            (Rule { when: Some(When::LinkUp), ..Rule::default() }, "When a link comes up"),
        ] {
            assert_eq!(trigger_words(scene.cx(), &rule), said);
        }
        assert_eq!(
            link_words(scene.cx(), &["unmetered".to_owned(), "stick".to_owned()]),
            "unmetered links, stick"
        );
    }
}
