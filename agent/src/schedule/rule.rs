//! One rule: when it is due, and what it still has to do.

use config::agent::{Cron, Direction, Priority, Rule, Trigger, When};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    backoff::{self, Window},
    line::Line,
    moment::Moment,
};

/// A call of `cron` is as good as punctual within this, in seconds.
const PUNCTUAL_S: i64 = 60;

/// What a visit carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Which way.
    pub direction: Direction,
    /// From which class on.
    pub min_priority: Priority,
}

impl Scope {
    /// What a rule's visits carry.
    #[must_use]
    pub fn of(rule: &Rule) -> Self {
        Self { direction: rule.direction, min_priority: rule.min_priority }
    }

    /// Whether a visit of this scope does all that one of `other` would.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        (self.direction == Direction::Both || self.direction == other.direction)
            && self.min_priority <= other.min_priority
    }
}

/// When a rule calls, as its clock stands.
#[derive(Clone, Debug)]
enum Timer {
    /// The next time as the expression has it, and as jitter puts it off, on the wall.
    Cron { cron: Box<Cron>, nominal: i64, at: i64 },
    /// The next time, on the clock that nobody sets.
    Every { seconds: i64, due: i64 },
    /// When somebody says so.
    Event(When),
    /// Not by itself.
    Live,
}

/// A call that is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    /// Since when, on the wall.
    pub(super) since: i64,
    /// Nobody has tried it yet.
    pub(super) is_fresh: bool,
    /// No attempt before this, on the clock that nobody sets.
    pub(super) not_before: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Timed {
    timer: Timer,
    links: Vec<String>,
    /// It brings its own link.
    dials: bool,
    pub(super) scope: Scope,
    pub(super) budget: Option<u64>,
    jitter_s: i64,
    make_up_s: Option<i64>,
    pub(super) pending: Option<Pending>,
    pub(super) window: Window,
    pub(super) failures: u32,
}

impl Timed {
    /// `every` is due at once. `budget` holds where the rule has none. `None` for a rule without a trigger.
    pub(super) fn new(rule: &Rule, budget: Option<u64>, now: Moment) -> Option<Self> {
        let timer = match rule.trigger()? {
            Trigger::Cron(cron) => {
                Timer::Cron { cron: Box::new(cron.clone()), nominal: i64::MAX, at: i64::MAX }
            }
            Trigger::Every(every) => {
                Timer::Every { seconds: seconds(every.seconds()), due: now.up }
            }
            Trigger::When(when) => Timer::Event(when),
            Trigger::Live => Timer::Live,
        };
        Some(Self {
            timer,
            links: rule.links.clone(),
            dials: !rule.dial.is_empty(),
            scope: Scope::of(rule),
            budget: rule.budget.map(config::Size::bytes).or(budget),
            jitter_s: seconds(rule.jitter.seconds()),
            make_up_s: rule.make_up.map(|span| seconds(span.seconds())),
            pending: None,
            window: Window::default(),
            failures: 0,
        })
    }

    /// Takes up what `before`, which called at the same times, still had to do.
    pub(super) fn go_on(&mut self, before: &Self) {
        self.timer = before.timer.clone();
        self.pending = before.pending;
        self.window = before.window;
        self.failures = before.failures;
    }

    /// Counts from a visit that began at `wall`, if that is known to be less than its time ago.
    pub(super) fn began_before(&mut self, wall: i64, now: Moment, random: u64) {
        let jitter = self.draw(random);
        if let Timer::Every { seconds, due } = &mut self.timer {
            let age = now.wall.saturating_sub(wall);
            if (0..*seconds).contains(&age) {
                *due = now.up.saturating_add(*seconds - age).saturating_add(jitter);
                self.pending = None;
            }
        }
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.timer, Timer::Live)
    }

    pub(super) fn waits_for(&self, when: When) -> bool {
        matches!(self.timer, Timer::Event(event) if event == when)
    }

    fn has_times(&self) -> bool {
        matches!(self.timer, Timer::Cron { .. } | Timer::Every { .. })
    }

    /// Whether it holds for this link. One that dials is told of its link only afterwards.
    pub(super) fn holds_for(&self, line: &Line) -> bool {
        self.dials || line.is_one_of(&self.links)
    }

    /// Forgets what was worked out of the wall clock or the zone, and works it out anew.
    pub(super) fn set_clock(&mut self, now: Moment, zone: &TimeZone, random: u64) {
        let jitter = self.draw(random);
        if let Timer::Cron { cron, nominal, at } = &mut self.timer {
            // What jitter puts off is due already.
            if now.wall < *nominal || *nominal + jitter.max(self.jitter_s) < now.wall {
                (*nominal, *at) = next_time(cron, now.wall, zone, jitter);
            }
        }
    }

    /// A clock that nobody sets has gone back: then nothing is sure, and no wait longer than it says.
    pub(super) fn doubt_uptime(&mut self, now: Moment) {
        if let Timer::Every { seconds, due } = &mut self.timer {
            *due = (*due).min(now.up.saturating_add(*seconds));
        }
        if let Some(pending) = &mut self.pending {
            let latest = now.up.saturating_add(backoff::ASKED_MAX_S);
            pending.not_before = pending.not_before.min(latest);
        }
        self.window.began = self.window.began.min(now.up);
    }

    /// Becomes due where its time has come. However many times passed since the last look, it is one call.
    pub(super) fn look(&mut self, now: Moment, zone: &TimeZone, random: u64) {
        let jitter = self.draw(random);
        match &mut self.timer {
            Timer::Cron { cron, nominal, at } if *at <= now.wall => {
                let newest = last_time(cron, now.wall, zone).max(*nominal);
                (*nominal, *at) = next_time(cron, now.wall, zone, jitter);
                self.become_due(newest, now.up);
            }
            Timer::Every { seconds, due } if *due <= now.up => {
                *due = now.up.saturating_add(*seconds).saturating_add(jitter);
                self.become_due(now.wall, now.up);
            }
            _ => {}
        }
        self.forget_what_is_too_late(now.wall);
    }

    /// An event says that it is due. What is due already, and was tried in vain, keeps to its backoff.
    pub(super) fn happened(&mut self, now: Moment, random: u64) {
        if self.pending.is_none() {
            let not_before = now.up.saturating_add(self.draw(random));
            self.become_due(now.wall, not_before);
        }
    }

    fn become_due(&mut self, since: i64, not_before: i64) {
        self.pending = Some(Pending { since, is_fresh: true, not_before });
    }

    fn forget_what_is_too_late(&mut self, wall: i64) {
        let Some(make_up) = self.make_up_s else { return };
        let latest = make_up.max(PUNCTUAL_S.saturating_add(self.jitter_s));
        if self.pending.is_some_and(|pending| latest < wall.saturating_sub(pending.since)) {
            self.pending = None;
        }
    }

    /// A visit begins that does what this rule would.
    pub(super) fn began(&mut self, now: Moment, random: u64) {
        let jitter = self.draw(random);
        if let Timer::Every { seconds, due } = &mut self.timer {
            *due = now.up.saturating_add(*seconds).saturating_add(jitter);
        }
        if let Some(pending) = &mut self.pending {
            pending.is_fresh = false;
        }
    }

    /// The window of a call made now: a scheduled one opens it; so does any call a day later.
    pub(super) fn window(&self, now: Moment) -> Window {
        let is_scheduled = self.has_times() && self.pending.is_none_or(|pending| pending.is_fresh);
        let end = self.window.began.saturating_add(backoff::WINDOW_MAX_S);
        if is_scheduled || end <= now.up {
            Window { began: now.up, ..Window::default() }
        } else {
            self.window
        }
    }

    pub(super) fn succeeded(&mut self) {
        self.pending = None;
        self.failures = 0;
    }

    /// It waits `wait_s`, or, where its bytes are used up, for its next time; without times it stays due until there are
    /// bytes again.
    pub(super) fn put_off(&mut self, now: Moment, wait_s: i64, base: Option<u64>) {
        if self.has_times() && !self.window.allows(self.budget, base) {
            self.pending = None;
        } else if let Some(pending) = &mut self.pending {
            pending.not_before = now.up.saturating_add(wait_s);
        }
    }

    /// Whether a call is due that nobody has tried yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.pending.is_some_and(|pending| pending.is_fresh)
    }

    /// When its next time is, on the clock that nobody sets.
    pub(super) fn next_time_up(&self, now: Moment) -> Option<i64> {
        match &self.timer {
            Timer::Cron { at, .. } if *at != i64::MAX => Some(now.up_at(*at)),
            Timer::Every { due, .. } => Some(*due),
            _ => None,
        }
    }

    fn draw(&self, random: u64) -> i64 {
        random_below(random, self.jitter_s)
    }
}

fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

/// From 0 to `most`, both included.
fn random_below(random: u64, most: i64) -> i64 {
    i64::try_from(random % most.unsigned_abs().saturating_add(1)).unwrap_or(0)
}

/// The next time after `wall`, and the same put off by up to `jitter`, but not up to the one after it.
fn next_time(cron: &Cron, wall: i64, zone: &TimeZone, jitter: i64) -> (i64, i64) {
    let Some(nominal) = cron.next_after(wall, zone) else { return (i64::MAX, i64::MAX) };
    if jitter == 0 {
        return (nominal, nominal);
    }
    let room = cron.next_after(nominal, zone).map_or(i64::MAX, |next| next - nominal - 1);
    (nominal, nominal.saturating_add(jitter.min(room)))
}

/// The last time of `cron` up to `wall`; the distant past where there was none.
fn last_time(cron: &Cron, wall: i64, zone: &TimeZone) -> i64 {
    let before = || {
        let from = Timestamp::from_second(wall).ok()?.to_zoned(zone.clone());
        let last = cron.parsed().find_previous_occurrence(&from, true).ok()?;
        Some(last.timestamp().as_second()).filter(|last| *last <= wall)
    };
    before().unwrap_or(i64::MIN)
}
