//! When the agent calls by itself: plain values over clocks that are handed in.
//!
//! A rule becomes *due* when its time has come or its event happened, and stays so until a visit ends well. However many
//! of its times passed while the computer slept, it is due once. What a visit carries serves every rule that would have
//! carried no more. After a failure a rule waits, longer each time, but its next time comes when it comes; how much
//! failures may cost in bytes is told in `backoff`.
//!
//! Two clocks: times of `cron` are on the wall clock and worked out anew when it was set back or the zone changed;
//! everything that counts seconds (`every`, backoff) uses one that nobody can set and that goes on in sleep.

mod backoff;
mod line;
mod moment;
mod rule;
#[cfg(test)]
mod tests;

use config::{
    Size,
    agent::{Rule, When},
};
use jiff::tz::TimeZone;

use crate::store::Reader;

pub use config::agent::{Planned, forecast};

pub(crate) use self::backoff::TRY_LEAST;
use self::{backoff::FIRST_AFTER_LINK_UP_S, rule::Timed};
pub use self::{
    line::Line,
    moment::{Clocks, Moment},
    rule::Scope,
};

/// A wall clock that went back by no more than this, in seconds, was corrected, and no time of a rule comes twice.
const CORRECTION_S: i64 = 5 * 60;

/// How far back the last visit is looked for, in seconds: the longest `every`.
const LOOK_BACK_S: i64 = 366 * 24 * 60 * 60;

/// A call that is to be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The rule that asks for it, counted from 0.
    pub rule: usize,
    /// Bytes that it may cost; none for no limit.
    pub budget: Option<Size>,
    /// Bytes that attempts which come to nothing may cost of it; none for no limit.
    pub waste: Option<u64>,
    /// An attempt before it in the same window failed and cost something: `waste` counts from the first byte on.
    pub has_failed_at_a_cost: bool,
    /// An attempt before it failed.
    pub is_retry: bool,
}

/// When something is due next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// What the wall clock will show, in seconds since 1970.
    pub at: i64,
    /// Seconds until then.
    pub wait_s: i64,
    /// The rule, counted from 0.
    pub rule: usize,
}

/// How a visit ended, as far as the timetable cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything that it was to carry went.
    Done,
    /// A bound of its own ended it: what is left goes with the next.
    Bounded,
    /// It failed. Whom it concerns, the relay, may have asked for so many seconds of patience.
    Failed {
        /// What the relay asked for.
        wait_s: Option<u32>,
    },
    /// It was not made: the user's own program said not now. That is no failure.
    NotNow,
}

/// What a visit cost, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// All of it.
    pub spent: u64,
    /// What went to attempts that came to nothing, the first that cost anything aside.
    pub wasted: u64,
    /// There was such a first one, in this visit or before it in the same window.
    pub has_failed: bool,
}

/// The rules of one agent and what each has to do.
#[derive(Clone, Debug)]
pub struct Schedule {
    rules: Vec<Timed>,
    zone: TimeZone,
    seen: Moment,
    random: u64,
    running: Option<Running>,
    line_failures: u32,
    redial_at: i64,
}

/// The visit that is being made.
#[derive(Clone, Copy, Debug)]
struct Running {
    rule: Option<usize>,
    scope: Scope,
}

impl Schedule {
    /// The schedule of these rules, begun now: each `every` is due at once. Visits without a budget of their own have
    /// `budget`; `seed` spreads calls out.
    #[must_use]
    pub fn new(
        rules: &[Rule],
        budget: Option<Size>,
        now: Moment,
        zone: &TimeZone,
        seed: u64,
    ) -> Self {
        let budget = budget.map(Size::bytes);
        let mut schedule = Self {
            rules: rules.iter().filter_map(|rule| Timed::new(rule, budget, now)).collect(),
            zone: zone.clone(),
            seen: now,
            random: seed,
            running: None,
            line_failures: 0,
            redial_at: now.up,
        };
        schedule.set_clock(now);
        schedule.look(now, zone);
        schedule
    }

    /// The last visit began at `wall`, before this schedule: each `every` counts from there. Without it, and where that is
    /// longer ago or a clock shows nonsense, it is due at once.
    pub fn began_before(&mut self, wall: i64, now: Moment) {
        for index in 0..self.rules.len() {
            let random = self.random();
            self.rules[index].began_before(wall, now, random);
        }
    }

    /// Other rules hold from now on. One that calls as a rule before it did goes on where that stood; a new one begins as
    /// in [`Schedule::new`]. `old` are the rules of now, `budget` is that of visits without one of their own. A visit that
    /// is being made is not touched.
    pub fn change(
        &mut self,
        old: &[Rule],
        new: &[Rule],
        budget: Option<Size>,
        now: Moment,
        zone: &TimeZone,
    ) {
        let budget = budget.map(Size::bytes);
        let before = std::mem::take(&mut self.rules);
        let mut is_taken = vec![false; before.len()];
        let origin = self.running.and_then(|running| running.rule);
        let mut moved_to = None;
        for rule in new {
            let Some(mut timed) = Timed::new(rule, budget, now) else { continue };
            let calls_alike = |other: &Rule| trigger(other) == trigger(rule);
            let twin = [&|other: &Rule| other == rule, &calls_alike as &dyn Fn(&Rule) -> bool]
                .into_iter()
                .find_map(|is_twin| {
                    (0..before.len().min(old.len()))
                        .find(|index| !is_taken[*index] && is_twin(&old[*index]))
                });
            match twin {
                Some(index) => {
                    is_taken[index] = true;
                    timed.go_on(&before[index]);
                    if origin == Some(index) {
                        moved_to = Some(self.rules.len());
                    }
                }
                None => timed.set_clock(now, zone, self.random()),
            }
            self.rules.push(timed);
        }
        if let Some(running) = &mut self.running {
            running.rule = moved_to;
        }
        self.look(now, zone);
    }

    /// Notes the time: what has come since the last look is due. Cheap; to be called whenever something happened.
    pub fn look(&mut self, now: Moment, zone: &TimeZone) {
        if *zone != self.zone {
            self.zone = zone.clone();
            self.set_clock(now);
        }
        if now.wall.saturating_add(CORRECTION_S) < self.seen.wall {
            self.set_clock(now);
        }
        if now.up < self.seen.up {
            self.redial_at = self.redial_at.min(now.up);
            self.rules.iter_mut().for_each(|rule| rule.doubt_uptime(now));
        }
        for index in 0..self.rules.len() {
            let random = self.random();
            self.rules[index].look(now, &self.zone, random);
        }
        self.seen = now;
    }

    fn set_clock(&mut self, now: Moment) {
        for index in 0..self.rules.len() {
            let random = self.random();
            self.rules[index].set_clock(now, &self.zone, random);
        }
    }

    /// A link came up, or the computer woke with one. What failed is tried again at once.
    pub fn link_up(&mut self, now: Moment, line: &Line) {
        self.redial_at = now.up;
        for index in 0..self.rules.len() {
            let random = self.random();
            let rule = &mut self.rules[index];
            if let Some(pending) = &mut rule.pending {
                pending.not_before = pending.not_before.min(now.up);
            }
            if rule.waits_for(When::LinkUp) && rule.holds_for(line) {
                rule.happened(now, random);
            }
        }
    }

    /// The link went down: nobody waits for its relay any more.
    pub fn link_down(&mut self) {
        for rule in self.rules.iter_mut().filter(|rule| rule.waits_for(When::LinkUp)) {
            rule.succeeded();
        }
    }

    /// An urgent message was queued.
    pub fn urgent_queued(&mut self, now: Moment) {
        for index in 0..self.rules.len() {
            let random = self.random();
            if self.rules[index].waits_for(When::UrgentQueued) {
                self.rules[index].happened(now, random);
            }
        }
    }

    /// Whether any rule asks to be told of urgent messages.
    #[must_use]
    pub fn wants_urgent(&self) -> bool {
        self.rules.iter().any(|rule| rule.waits_for(When::UrgentQueued))
    }

    /// The call to make now over `line`, if one is due. Of several the one that carries most: it serves them all.
    #[must_use]
    pub fn due(&self, now: Moment, line: &Line) -> Option<Due> {
        let is_ready = |rule: &Timed| {
            rule.holds_for(line) && ready_up(rule, now, line).is_some_and(|up| up <= now.up)
        };
        let carries = |rule: &Timed| {
            let others = self.rules.iter().filter(|other| rule.scope.covers(other.scope)).count();
            (others, rule.budget.unwrap_or(u64::MAX))
        };
        let ready = self.rules.iter().enumerate().filter(|(_, rule)| is_ready(rule));
        let (index, rule) =
            ready.max_by_key(|(index, rule)| (carries(rule), usize::MAX - index))?;
        let window = rule.window(now);
        Some(Due {
            rule: index,
            budget: window.budget_left(rule.budget).map(Size::from_bytes),
            waste: window.waste_left(base(rule, line)),
            has_failed_at_a_cost: window.has_failed,
            is_retry: rule.pending.is_some_and(|pending| !pending.is_fresh),
        })
    }

    /// The next time that something is due over `line`; `None` when only an event or an order starts a visit.
    #[must_use]
    pub fn next(&self, now: Moment, line: &Line) -> Option<Next> {
        self.soonest(now, line, |_| true)
    }

    /// The same of those calls alone that carry at least `wanted`.
    #[must_use]
    pub fn next_for(&self, now: Moment, line: &Line, wanted: Scope) -> Option<Next> {
        self.soonest(now, line, |rule| rule.scope.covers(wanted))
    }

    fn soonest(&self, now: Moment, line: &Line, which: impl Fn(&Timed) -> bool) -> Option<Next> {
        let rules = self.rules.iter().enumerate();
        let rules = rules.filter(|(_, rule)| rule.holds_for(line) && which(rule));
        let due = rules.filter_map(|(index, rule)| {
            // What is being done is not what comes next.
            let is_running = self.running.is_some_and(|running| running.scope.covers(rule.scope));
            let up = if rule.is_live() {
                (!line.is_portal).then(|| self.redial_up(rule, now, line))?
            } else {
                let ready = ready_up(rule, now, line);
                let ready = ready.filter(|_| rule.is_fresh() || !is_running);
                rule.next_time_up(now).into_iter().chain(ready).min()?
            };
            Some((up, index))
        });
        let (up, rule) = due.min()?;
        Some(Next { at: now.wall_at(up), wait_s: up.saturating_sub(now.up).max(0), rule })
    }

    /// A visit begins, for a rule or because somebody asked.
    pub fn began(&mut self, now: Moment, rule: Option<usize>, scope: Scope) {
        let zone = self.zone.clone();
        self.look(now, &zone);
        if let Some(rule) = rule.and_then(|rule| self.rules.get_mut(rule)) {
            rule.window = rule.window(now);
        }
        for index in 0..self.rules.len() {
            let random = self.random();
            if scope.covers(self.rules[index].scope) {
                self.rules[index].began(now, random);
            }
        }
        self.running = Some(Running { rule, scope });
    }

    /// The visit that began last is over.
    pub fn ended(&mut self, now: Moment, line: &Line, ending: Ending, cost: Cost) {
        let Some(Running { rule: origin, scope }) = self.running.take() else { return };
        let zone = self.zone.clone();
        self.look(now, &zone);
        if let Some(rule) = origin.and_then(|origin| self.rules.get_mut(origin)) {
            rule.window.spent = rule.window.spent.saturating_add(cost.spent);
            rule.window.wasted = rule.window.wasted.saturating_add(cost.wasted);
            rule.window.has_failed |= cost.has_failed;
        }
        let wait_s = match ending {
            Ending::Failed { wait_s } => Some(self.wait_s(origin, wait_s)),
            Ending::NotNow => Some(backoff::MAX_S),
            _ => None,
        };
        for rule in self.rules.iter_mut().filter(|rule| scope.covers(rule.scope)) {
            let is_tried = rule.pending.is_some_and(|pending| !pending.is_fresh);
            match (ending, wait_s) {
                (Ending::Done, _) => rule.succeeded(),
                (Ending::Bounded, _) if is_tried => rule.succeeded(),
                (Ending::Failed { .. } | Ending::NotNow, Some(wait_s)) if is_tried => {
                    let base = base(rule, line);
                    rule.put_off(now, wait_s, base);
                }
                _ => {}
            }
        }
    }

    fn wait_s(&mut self, origin: Option<usize>, asked: Option<u32>) -> i64 {
        let random = self.random();
        let (first, failures) = match origin.and_then(|origin| self.rules.get_mut(origin)) {
            None => (backoff::FIRST_S, 1),
            Some(rule) => {
                rule.failures = rule.failures.saturating_add(1);
                let is_new = rule.waits_for(When::LinkUp);
                (if is_new { FIRST_AFTER_LINK_UP_S } else { backoff::FIRST_S }, rule.failures)
            }
        };
        backoff::wait_s(first, failures, random).max(backoff::asked_s(asked))
    }

    /// The rule that holds the line over `line`, whether or not it is time to dial again.
    #[must_use]
    pub fn live_rule(&self, line: &Line) -> Option<usize> {
        self.rules.iter().position(|rule| rule.is_live() && rule.holds_for(line))
    }

    /// The rule for which the line is to be taken up now.
    #[must_use]
    pub fn live_due(&self, now: Moment, line: &Line) -> Option<usize> {
        let may_begin = |rule: &usize| self.redial_up(&self.rules[*rule], now, line) <= now.up;
        self.live_rule(line).filter(may_begin).filter(|_| !line.is_portal)
    }

    /// When the line may be taken up, on the clock that nobody sets: lines that came to nothing are bounded in bytes as
    /// calls are.
    fn redial_up(&self, rule: &Timed, now: Moment, line: &Line) -> i64 {
        let window = rule.window(now);
        let opens = match window.allows(None, base(rule, line)) {
            true => now.up,
            false => window.began.saturating_add(backoff::WINDOW_MAX_S),
        };
        self.redial_at.max(opens).max(now.up)
    }

    /// The line that was held over `line` is lost. `was_good` where it carried everything while it stood; then no rule
    /// missed anything. `wait_s` is what the relay asked for. Where all of its `cost` was wasted it did not stand.
    pub fn line_lost(
        &mut self,
        now: Moment,
        line: &Line,
        was_good: bool,
        wait_s: Option<u32>,
        cost: Cost,
    ) {
        if let Some(rule) = self.live_rule(line).map(|rule| &mut self.rules[rule]) {
            rule.window = rule.window(now).after(cost);
        }
        if was_good && cost.wasted == 0 {
            self.line_failures = 0;
        }
        if was_good {
            let zone = self.zone.clone();
            self.look(now, &zone);
            self.rules.iter_mut().for_each(Timed::succeeded);
        }
        self.running = None;
        self.line_failures = self.line_failures.saturating_add(1);
        let wait = backoff::wait_s(backoff::FIRST_S, self.line_failures, self.random());
        self.redial_at = now.up.saturating_add(wait.max(backoff::asked_s(wait_s)));
    }

    /// The line was not to be held for now, as the user's own program said.
    pub fn line_not_now(&mut self, now: Moment) {
        self.running = None;
        self.redial_at = now.up.saturating_add(backoff::MAX_S);
    }

    /// The line gave way to a visit, and is taken up again after it.
    pub fn line_gave_way(&mut self, now: Moment) {
        self.running = None;
        self.redial_at = now.up;
    }

    /// Deterministic from the seed (splitmix64).
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// When the call of a rule that is due may be made, on the clock that nobody sets: not before its backoff is over, not
/// twice behind a portal, and not where its bytes are used up, before its window is over.
fn ready_up(rule: &Timed, now: Moment, line: &Line) -> Option<i64> {
    let pending = rule.pending.filter(|pending| pending.is_fresh || !line.is_portal)?;
    let window = rule.window(now);
    let begins = match window.allows(rule.budget, base(rule, line)) {
        true => pending.not_before,
        false => pending.not_before.max(window.began.saturating_add(backoff::WINDOW_MAX_S)),
    };
    Some(begins.max(now.up))
}

/// When the last visit began that came to something, in seconds since 1970, as far as the store knows: `every` counts from
/// there. After one that failed nobody waits so long.
#[must_use]
pub fn last_began(reader: &Reader, now: i64) -> Option<i64> {
    let visits = reader.visits(now.saturating_sub(LOOK_BACK_S)).ok()?;
    let came_to_something = |outcome: &str| matches!(outcome, "done" | "partial");
    visits.iter().rev().find(|visit| came_to_something(&visit.outcome)).map(|visit| visit.start)
}

/// What makes a rule call, as it is written.
fn trigger(rule: &Rule) -> Option<String> {
    rule.trigger().map(|trigger| trigger.to_string())
}

/// What 5 % are taken of.
fn base(rule: &Timed, line: &Line) -> Option<u64> {
    rule.budget.or(line.quota.map(|quota| quota / 30))
}
