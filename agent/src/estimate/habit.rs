//! What showed of somebody's calls, and how it is learnt.
//!
//! One visit shows no more than when somebody was heard of last: a call then, none since. What lay before it, back to
//! our visit before, stays unknown and is counted neither way; so rare visits of ours do not make others look rarer.

use jiff::tz::TimeZone;

use super::day::{self, DAY_SLOTS, KINDS, Part, SLOT_S, TIME_LEAST, TIME_MOST, as_f64, parts};

/// Slots of one kind that count; older ones fade.
const WATCHED_MAX: f64 = 20.0;
/// The relay does not tell of calls that are closer together than this, in seconds.
const SEEN_STEP_S: i64 = 900;
/// An announced time is rounded up by this, in seconds, where nobody sets it otherwise.
pub(super) const ANNOUNCED_STEP_S: i64 = 900;
/// A call that was announced is punctual within this, in seconds.
pub(super) const GRACE_S: i64 = 600;
/// What is looked back at, in seconds.
pub(super) const BACK_MAX_S: i64 = 14 * 86_400;
/// A silence that was less likely than this is an outage: it says nothing about the usual day.
const OUTAGE: f64 = 0.01;
/// However sure a call in one slot was, its absence alone is no outage: they may have come to call at another time.
const SURE_MOST: f64 = 0.98;
/// Slots of one kind that were seen before a silence in one is a surprise.
const PROVEN: f64 = 2.5;
/// Slots to either side that tell of one of which little was seen.
pub(super) const NEIGHBOURS: usize = 2;
/// What may lie outside of an interval, at first, and what is aimed at.
const OUTSIDE: f64 = 0.05;
/// How far one estimate moves what may lie outside.
const OUTSIDE_STEP: f64 = 0.04;
/// Below the least it goes on counting down to this, so that a row of misses is made up for.
const OUTSIDE_DEBT: f64 = 0.1;
const OUTSIDE_LEAST: f64 = 0.004;
const OUTSIDE_MOST: f64 = 0.12;
/// Announcements that count; older ones fade.
const ANNOUNCEMENTS_MAX: f64 = 20.0;

/// What is known of the slots of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Slot {
    /// Those in which somebody called, of `watched`.
    pub(super) calls: f64,
    /// Those of which it is known.
    pub(super) watched: f64,
    /// Looks that found the line held, of `looks`.
    pub(super) open: f64,
    /// Looks in such a slot.
    pub(super) looks: f64,
}

/// What became of announced calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Announcements {
    pub(super) kept: f64,
    /// Somebody called before it.
    pub(super) early: f64,
    pub(super) missed: f64,
}

/// How often intervals were right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Deliveries inside of their interval.
    pub inside: u64,
    /// Deliveries that had one.
    pub total: u64,
}

/// What one answer of the relay says of somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// When they were heard of last, in seconds since 1970.
    pub seen: Option<i64>,
    /// They hold the line.
    pub holds: bool,
    /// The next call that they announced, in seconds since 1970.
    pub next_call: Option<i64>,
}

/// What showed of one person's calls. Small: it is kept as one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Habit {
    pub(super) slots: Box<[Slot; KINDS]>,
    /// When they were heard of last.
    pub(super) seen: Option<i64>,
    /// Up to when it is known whether they called.
    pub(super) known_to: Option<i64>,
    /// The call that they announced last.
    pub(super) announced: Option<i64>,
    pub(super) announcements: Announcements,
    /// What may lie outside of an interval.
    pub(super) outside: f64,
    pub(super) tally: Tally,
}

impl Default for Habit {
    fn default() -> Self {
        Self {
            slots: Box::new([Slot::default(); KINDS]),
            seen: None,
            known_to: None,
            announced: None,
            // As if a few had been kept: who announces a call means it.
            announcements: Announcements { kept: 4.0, early: 0.1, missed: 0.1 },
            outside: OUTSIDE,
            tally: Tally::default(),
        }
    }
}

impl Habit {
    /// Learns what an answer that came at `now` says. `previous` is when the answer before it came, which told of nothing
    /// newer than what is known; `zone` is where a day begins.
    pub fn observe(&mut self, news: News, previous: Option<i64>, now: i64, zone: &TimeZone) {
        let is_time = |at: &i64| (TIME_LEAST..=TIME_MOST).contains(at);
        if !is_time(&now) {
            return;
        }
        let (previous, next_call) = (previous.filter(is_time), news.next_call.filter(is_time));
        let seen = news.seen.filter(is_time).map(|seen| seen.min(now));
        let seen = seen.filter(|seen| self.seen < Some(*seen));
        if let Some(seen) = seen {
            self.judge_announced(seen, previous);
            let mut watched_to = self.known_to;
            if let (Some(known), Some(previous)) = (self.known_to, previous) {
                self.quiet(known, previous.min(seen), zone);
                watched_to = watched_to.max(Some(previous.min(seen)));
            }
            self.called(seen, watched_to, zone);
            self.announced = None;
            (self.seen, self.known_to) = (Some(seen), Some(seen));
        }
        if let Some(next_call) = next_call.filter(|at| self.announced != Some(*at)) {
            self.planned(now, next_call, zone);
            self.announced = Some(next_call);
        }
        if let Some(known) = self.known_to {
            self.quiet(known, now, zone);
            self.known_to = Some(known.max(now));
        }
        self.look(news.holds, now, zone);
    }

    /// Learns from a message that somebody had between `not_before` and `by`, having been at the relay since `relayed`,
    /// where nothing else tells of their calls.
    pub fn delivered(&mut self, relayed: i64, not_before: i64, by: i64, zone: &TimeZone) {
        if relayed < TIME_LEAST || TIME_MOST < by || by < relayed {
            return;
        }
        let not_before = not_before.clamp(relayed, by);
        self.quiet(relayed.max(self.known_to.unwrap_or(i64::MIN)), not_before, zone);
        self.called_between(not_before, by, zone);
        self.seen = self.seen.max(Some(by));
        self.known_to = self.known_to.max(Some(by));
    }

    /// An estimate met what came: the interval was right, or not.
    pub fn judge(&mut self, was_inside: bool) {
        self.tally.total = self.tally.total.saturating_add(1);
        self.tally.inside = self.tally.inside.saturating_add(u64::from(was_inside));
        let moved = match was_inside {
            true => OUTSIDE_STEP * OUTSIDE,
            false => -OUTSIDE_STEP * (1.0 - OUTSIDE),
        };
        self.outside = (self.outside + moved).clamp(-OUTSIDE_DEBT, OUTSIDE_MOST);
    }

    /// What may lie outside of the next interval.
    pub(super) fn outside(&self) -> f64 {
        self.outside.max(OUTSIDE_LEAST)
    }

    /// When they were heard of last, or had something of ours.
    pub(crate) fn seen(&self) -> Option<i64> {
        self.seen
    }

    /// How often intervals were right so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    fn judge_announced(&mut self, seen: i64, previous: Option<i64>) {
        let Some(announced) = self.announced else { return };
        let of = &mut self.announcements;
        if seen < announced - ANNOUNCED_STEP_S {
            of.early += 1.0;
        } else if seen <= announced + GRACE_S {
            of.kept += 1.0;
        } else if previous.is_some_and(|previous| announced + GRACE_S < previous) {
            of.missed += 1.0;
        } else {
            // They may have called then as well: only the last call shows.
            return;
        }
        let sum = of.sum();
        if ANNOUNCEMENTS_MAX < sum {
            let fade = ANNOUNCEMENTS_MAX / sum;
            (of.kept, of.early, of.missed) = (of.kept * fade, of.early * fade, of.missed * fade);
        }
    }

    /// A call, in a slot of which the part up to `watched_to` was counted as quiet.
    fn called(&mut self, at: i64, watched_to: Option<i64>, zone: &TimeZone) {
        let end = slot_end(at, zone);
        if self.seen.is_none_or(|seen| slot_end(seen, zone) != end) {
            let quiet_s = watched_to.unwrap_or(0).saturating_sub(end - SLOT_S).clamp(0, SLOT_S);
            let slot = &mut self.slots[day::part(at, end, zone).kind];
            slot.count(1.0, 1.0 - as_f64(quiet_s) / as_f64(SLOT_S));
        }
    }

    /// A plan is half a fact at most, as far as such plans were kept: no call before the announced one, and that one. What
    /// remains of a slot in which there was a call is no quiet one.
    fn planned(&mut self, now: i64, next_call: i64, zone: &TimeZone) {
        const WEIGHT: f64 = 0.5;
        let (quiet, call) = (
            WEIGHT * (1.0 - self.announcements.early_share()),
            WEIGHT * self.announcements.kept_share(),
        );
        let begin = self.seen.map_or(now, |seen| now.max(slot_end(seen, zone)));
        let from = begin.max(next_call.saturating_sub(BACK_MAX_S));
        for part in parts(from, next_call.saturating_sub(ANNOUNCED_STEP_S), zone) {
            self.slots[part.kind].count(0.0, quiet * part.share());
        }
        let at = day::part(next_call, next_call.saturating_add(1), zone);
        self.slots[at.kind].count(call, call);
    }

    /// One call somewhere in a span: each slot gets what of it falls there, as far as is known.
    fn called_between(&mut self, from: i64, to: i64, zone: &TimeZone) {
        let spans: Vec<Part> = parts(from.max(to.saturating_sub(BACK_MAX_S)), to, zone).collect();
        let mut left = 1.0;
        let shares: Vec<f64> = spans
            .iter()
            .map(|part| {
                let share = left * self.chance_in(*part);
                left -= share;
                share
            })
            .collect();
        let sum: f64 = shares.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let mut to_come = 1.0;
        for (part, share) in spans.iter().zip(shares) {
            let share = share / sum;
            self.slots[part.kind].count(share, to_come * part.share().max(share));
            to_come -= share;
        }
    }

    /// No call in a span. What is too unlikely is an outage and teaches nothing; what remains of a slot in which there was
    /// a call neither.
    fn quiet(&mut self, from: i64, to: i64, zone: &TimeZone) {
        let begin = self.seen.map_or(from, |seen| silent_from(seen, zone));
        let begin = begin.max(to.saturating_sub(BACK_MAX_S));
        let from = from.max(begin);
        let silent = |habit: &Self, part| 1.0 - habit.proven_in(part).min(SURE_MOST);
        let mut left: f64 = parts(begin, from, zone).map(|part| silent(self, part)).product();
        for part in parts(from, to, zone) {
            left *= silent(self, part);
            if left < OUTAGE {
                return;
            }
            self.slots[part.kind].count(0.0, part.share());
        }
    }

    fn look(&mut self, holds: bool, now: i64, zone: &TimeZone) {
        let Some(part) = parts(now, now.saturating_add(1), zone).next() else { return };
        let slot = &mut self.slots[part.kind];
        slot.looks += 1.0;
        slot.open += f64::from(u8::from(holds));
        if WATCHED_MAX < slot.looks {
            (slot.open, slot.looks) = (slot.open * WATCHED_MAX / slot.looks, WATCHED_MAX);
        }
    }

    /// How likely the longest silence is that is known of, and how long it is, in seconds: since the last call, or while
    /// something lay at the relay (`waits`: since when, and up to when that is known).
    pub(super) fn silence(&self, waits: Option<(i64, i64)>, zone: &TimeZone) -> (f64, i64) {
        let called = self.seen.zip(self.known_to);
        let called = called.map(|(seen, known)| (silent_from(seen, zone), known));
        let silences = called.into_iter().chain(waits).map(|(from, to)| {
            let begin = from.max(to.saturating_sub(BACK_MAX_S));
            let likely: f64 =
                parts(begin, to, zone).map(|part| 1.0 - self.proven_in(part)).product();
            (likely, to.saturating_sub(from).max(0))
        });
        silences.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((1.0, 0))
    }

    /// How likely somebody calls in a part of a slot, as if once in the slot at most.
    pub(super) fn chance_in(&self, part: Part) -> f64 {
        self.chance_at(part.kind) * part.share()
    }

    /// How likely somebody calls in a slot of a kind.
    pub(super) fn chance_at(&self, kind: usize) -> f64 {
        self.chance(kind, 0.25)
    }

    /// The same, where it is rather believed than not that they may call.
    pub(super) fn may_call_in(&self, part: Part) -> f64 {
        self.chance(part.kind, 6.0) * part.share()
    }

    /// The same, of slots of which enough was seen to be surprised.
    pub(super) fn proven_in(&self, part: Part) -> f64 {
        if self.slots[part.kind].watched < PROVEN { 0.0 } else { self.chance_in(part) }
    }

    /// How likely somebody calls in a slot of a kind: what was seen of such slots; where that is little, of those around
    /// it (as if these were `weight` such slots) and of the same time on other days, then of all.
    fn chance(&self, kind: usize, weight: f64) -> f64 {
        let all: f64 = self.slots.iter().map(|slot| slot.watched).sum();
        let all = (self.calls() + 0.25) / (all + 24.0);
        let (mut calls, mut watched) = (0.5 * all, 0.5);
        for (near, share) in
            [(0, 1.0), (1, 0.5), (DAY_SLOTS - 1, 0.5), (2, 0.25), (DAY_SLOTS - 2, 0.25)]
        {
            let near = kind / DAY_SLOTS * DAY_SLOTS + (kind + near) % DAY_SLOTS;
            calls += share * self.slots[near].calls;
            watched += share * self.slots[near].watched;
        }
        let (slot, twin) = (self.slots[kind], self.slots[(kind + DAY_SLOTS) % KINDS]);
        let around = (calls + 0.1 * twin.calls) / (watched + 0.1 * twin.watched);
        ((slot.calls + weight * around) / (slot.watched + weight)).clamp(0.0, 0.995)
    }

    /// How likely the line is held at a time in a slot of a kind.
    pub(super) fn chance_open(&self, kind: usize) -> f64 {
        let (slot, twin) = (self.slots[kind], self.slots[(kind + DAY_SLOTS) % KINDS]);
        let (open, looks) = (slot.open + 0.25 * twin.open, slot.looks + 0.25 * twin.looks);
        (open / (looks + 0.5)).clamp(0.0, 0.99)
    }

    /// Slots in which somebody called, of those that count.
    pub(super) fn calls(&self) -> f64 {
        self.slots.iter().map(|slot| slot.calls).sum()
    }
}

impl Announcements {
    pub(super) fn sum(self) -> f64 {
        self.kept + self.early + self.missed
    }

    /// Of those that nobody called before, how many were kept.
    pub(super) fn kept_share(self) -> f64 {
        self.kept / (self.kept + self.missed)
    }

    /// Before how many somebody called.
    pub(super) fn early_share(self) -> f64 {
        self.early / self.sum()
    }
}

impl Slot {
    fn count(&mut self, calls: f64, watched: f64) {
        self.calls += calls;
        self.watched += watched;
        if WATCHED_MAX < self.watched {
            let fade = WATCHED_MAX / self.watched;
            (self.calls, self.watched) = (self.calls * fade, WATCHED_MAX);
        }
        self.calls = self.calls.min(self.watched);
    }
}

fn slot_end(at: i64, zone: &TimeZone) -> i64 {
    day::part(at, i64::MAX, zone).to
}

/// From when on a silence after a call counts: with the next slot, once the relay would tell of another call.
pub(super) fn silent_from(seen: i64, zone: &TimeZone) -> i64 {
    slot_end(seen, zone).max(seen.saturating_add(SEEN_STEP_S))
}

/// Length of a silence in hours.
pub(super) fn hours(seconds: i64) -> f64 {
    as_f64(seconds) / 3_600.0
}
