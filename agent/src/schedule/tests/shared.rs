//! A bench: a schedule, its clocks, and a visit in one line.

use config::Span;
use jiff::Zoned;

use super::*;

pub(super) const FAILED: Ending = Ending::Failed { wait_s: None };

pub(super) fn every(seconds: u64) -> Rule {
    Rule::every(Span::from_seconds(seconds))
}

pub(super) fn cron(written: &str) -> Rule {
    Rule { cron: Some(written.parse().unwrap()), ..Rule::default() }
}

pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("the zones of the system")
}

/// Seconds since 1970 of a local time such as `2026-11-22T08:00:00[Europe/Berlin]`.
pub(super) fn wall(local: &str) -> i64 {
    local.parse::<Zoned>().unwrap().timestamp().as_second()
}

pub(super) struct Bench {
    pub(super) schedule: Schedule,
    pub(super) now: Moment,
    pub(super) zone: TimeZone,
    pub(super) line: Line,
}

impl Bench {
    pub(super) fn new(rules: &[Rule]) -> Self {
        Self::at("2026-11-22T08:00:00[Europe/Berlin]", rules)
    }

    pub(super) fn at(local: &str, rules: &[Rule]) -> Self {
        let begin: Zoned = local.parse().unwrap();
        Self::begin(begin.timestamp().as_second(), begin.time_zone().clone(), rules, None, 7)
    }

    pub(super) fn begin(
        wall: i64,
        zone: TimeZone,
        rules: &[Rule],
        budget: Option<Size>,
        seed: u64,
    ) -> Self {
        let now = Moment { wall, up: 1_000 };
        let schedule = Schedule::new(rules, budget, now, &zone, seed);
        Self { schedule, now, zone, line: Line::default() }
    }

    /// Time passes, awake or asleep, and is looked at after it.
    pub(super) fn pass(&mut self, seconds: i64) {
        self.now.wall += seconds;
        self.now.up += seconds;
        self.schedule.look(self.now, &self.zone);
    }

    /// Somebody sets the wall clock.
    pub(super) fn set_clock(&mut self, by: i64) {
        self.now.wall += by;
        self.schedule.look(self.now, &self.zone);
    }

    pub(super) fn due(&self) -> Option<Due> {
        self.schedule.due(self.now, &self.line)
    }

    pub(super) fn next_in(&self) -> Option<i64> {
        self.schedule.next(self.now, &self.line).map(|next| next.wait_s)
    }

    pub(super) fn began(&mut self, due: Due) {
        let scope = self.schedule.rules[due.rule].scope;
        self.schedule.began(self.now, Some(due.rule), scope);
    }

    pub(super) fn ended(&mut self, ending: Ending) {
        self.schedule.ended(self.now, &self.line, ending, Cost::default());
    }

    pub(super) fn failed_at(&mut self, spent: u64, wasted: u64) {
        let cost = Cost { spent, wasted, has_failed: 0 < spent };
        self.schedule.ended(self.now, &self.line, FAILED, cost);
    }

    /// Makes the visit that is due, which ends well at once; gives its rule.
    pub(super) fn visit(&mut self) -> usize {
        let due = self.due().expect("a call is due");
        self.began(due);
        self.ended(Ending::Done);
        due.rule
    }

    /// Lives for so many seconds, as the resident does: it sleeps to the next call, at most 15 minutes, and each visit
    /// ends well at once. Gives when the visits were, on the wall.
    pub(super) fn live(&mut self, seconds: i64) -> Vec<i64> {
        let end = self.now.up + seconds;
        let mut visits = Vec::new();
        loop {
            while self.due().is_some() {
                self.visit();
                visits.push(self.now.wall);
            }
            let nap = self.next_in().unwrap_or(i64::MAX).clamp(1, 900);
            if end < self.now.up + nap {
                self.pass(end - self.now.up);
                return visits;
            }
            self.pass(nap);
        }
    }
}
