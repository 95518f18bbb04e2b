//! The agent's own calls ahead, for whoever wants to know when a message leaves.

use config::{
    AgentSettings, Size,
    agent::{Direction, Priority, Rule, When},
};
use jiff::tz::TimeZone;

use super::Resident;
use crate::{
    estimate::{Departure, Departures},
    quota::Quota,
    schedule::{Line, Moment, Schedule, Scope, forecast},
    visit::over::Over,
};

/// Calls that are looked ahead at.
const CALLS: usize = 8;

impl Resident {
    /// The calls ahead that take messages along.
    pub(super) fn departures(&self) -> Departures {
        let (now, line) = (self.now(), self.line());
        let (profiles, reader) = (&self.settings.link, self.store.reader());
        let over = Over::known(&line, &self.link_was, profiles, reader, now.wall);
        let used_up = over.quota.filter(Quota::is_stopped);
        let not_before = used_up.map(|quota| quota.period.ends);
        let zone = self.clocks.zone();
        departures(&self.schedule, &self.settings, (now, &zone), &line, self.is_live(), not_before)
    }
}

/// The next calls over `line` that take messages along, if every visit ends well; over a line that is held (`is_live`)
/// everything leaves at once. A quota that is used up lets nobody call before `not_before`.
fn departures(
    schedule: &Schedule,
    settings: &AgentSettings,
    (now, zone): (Moment, &TimeZone),
    line: &Line,
    is_live: bool,
    not_before: Option<i64>,
) -> Departures {
    if is_live {
        let at_once = vec![Departure { at: now.wall, up_max: None }];
        return Departures { ordinary: at_once.clone(), urgent: at_once };
    }
    let of = |min_priority| {
        let wanted = Scope { direction: Direction::Up, min_priority };
        calls(schedule, settings, (now, zone), line, wanted, not_before)
    };
    let mut urgent = of(Priority::Urgent);
    let calls_then = |rule: &&Rule| rule.when == Some(When::UrgentQueued) && is_for(rule, line);
    if let Some(rule) = settings.connect.iter().find(calls_then).filter(|_| not_before.is_none()) {
        urgent.insert(0, departure(settings, rule, now.wall));
    }
    Departures { ordinary: of(Priority::Ordinary), urgent }
}

fn calls(
    schedule: &Schedule,
    settings: &AgentSettings,
    (now, zone): (Moment, &TimeZone),
    line: &Line,
    wanted: Scope,
    not_before: Option<i64>,
) -> Vec<Departure> {
    let Some(next) = schedule.next_for(now, line, wanted) else { return Vec::new() };
    let carries = |rule: &&Rule| Scope::of(rule).covers(wanted) && is_for(rule, line);
    let rules: Vec<Rule> = settings.connect.iter().filter(carries).cloned().collect();
    let begin = not_before.map_or(next.at, |not_before| not_before.max(next.at));
    let later = forecast(&rules, zone, begin, Some(begin), CALLS - 1);
    let first = settings.connect.get(next.rule).filter(|_| begin == next.at);
    let first = first.map(|rule| (next.at, rule));
    let later = later.iter().filter_map(|call| Some((call.at, rules.get(call.rule)?)));
    first.into_iter().chain(later).map(|(at, rule)| departure(settings, rule, at)).collect()
}

fn is_for(rule: &Rule, line: &Line) -> bool {
    !rule.dial.is_empty() || line.is_one_of(&rule.links)
}

fn departure(settings: &AgentSettings, rule: &Rule, at: i64) -> Departure {
    Departure::within(at, rule.budget.or(settings.sync.budget).map(Size::bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment { wall: 1_800_000_000, up: 1_000 };

    fn planned(rules: &[Rule], is_live: bool) -> Departures {
        planned_after(rules, is_live, None)
    }

    fn planned_after(rules: &[Rule], is_live: bool, not_before: Option<i64>) -> Departures {
        let settings = AgentSettings { connect: rules.to_vec(), ..AgentSettings::default() };
        let mut schedule = Schedule::new(rules, None, NOW, &TimeZone::UTC, 1);
        // What is due at the beginning is under way.
        schedule.began(NOW, None, Scope::default());
        let now = (NOW, &TimeZone::UTC);
        departures(&schedule, &settings, now, &Line::default(), is_live, not_before)
    }

    fn every(minutes: u64) -> Rule {
        Rule { every: Some(config::Span::from_minutes(minutes)), ..Rule::default() }
    }

    fn times(calls: &[Departure]) -> Vec<i64> {
        calls.iter().take(3).map(|call| (call.at - NOW.wall) / 60).collect()
    }

    #[test]
    fn calls_that_fetch_only_take_nothing_along() {
        let down = Rule { direction: Direction::Down, ..every(5) };
        let is = planned(&[down, every(60)], false);
        assert_eq!(times(&is.ordinary), [60, 120, 180]);
    }

    #[test]
    fn calls_for_what_is_urgent_take_only_that() {
        let urgent =
            Rule { min_priority: Priority::Urgent, budget: Some(Size::from_kib(12)), ..every(15) };
        let is = planned(&[urgent, every(60)], false);
        assert_eq!(times(&is.ordinary), [60, 120, 180]);
        assert_eq!((times(&is.urgent), is.urgent[0].up_max), (vec![15, 30, 45], Some(4_096)));
        let at_once = Rule { when: Some(When::UrgentQueued), ..Rule::default() };
        assert_eq!(times(&planned(&[at_once, every(60)], false).urgent), [0, 60, 120]);
    }

    #[test]
    fn a_quota_that_is_used_up_puts_everything_off() {
        let at_once = Rule { when: Some(When::UrgentQueued), ..Rule::default() };
        let is = planned_after(&[every(60), at_once], false, Some(NOW.wall + 3 * 86_400));
        assert_eq!((times(&is.ordinary)[0], times(&is.urgent)[0]), (73 * 60, 73 * 60));
    }

    #[test]
    fn over_a_line_that_is_held_everything_leaves_at_once_and_without_a_rule_nothing_does() {
        assert_eq!(times(&planned(&[every(60)], true).ordinary), [0]);
        assert_eq!(planned(&[], false), Departures::default());
    }
}
