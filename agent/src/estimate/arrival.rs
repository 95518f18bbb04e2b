//! The interval in which somebody should have a message.

use jiff::tz::TimeZone;

use super::{
    day::{SLOT_S, TIME_LEAST, TIME_MOST, as_f64, part, parts},
    habit::{ANNOUNCED_STEP_S, BACK_MAX_S, GRACE_S, Habit, NEIGHBOURS, Tally, hours, silent_from},
};

/// What is looked ahead at, in seconds: what comes later is not known.
const AHEAD_S: i64 = 14 * 86_400;
/// What may lie before an interval.
const BEFORE: f64 = 0.015;
/// How long delivering takes once somebody calls, in seconds.
const TRANSFER_S: i64 = 120;
/// News of somebody's holding the line is good for this, in seconds.
const HOLDS_FOR_S: i64 = 300;
/// How sure it is that who holds the line gets what is relayed.
const HOLDS: f64 = 0.97;
/// How likely somebody is away for long, of whom nothing tells otherwise.
const AWAY: f64 = 0.015;
/// How often, per hour, somebody begins to be.
const AWAY_PER_HOUR: f64 = 1.0 / (21.0 * 24.0);
/// Hours that this lasts at least, in the mean; and share of what it has lasted that is still to come.
const AWAY_HOURS: f64 = 18.0;
const AWAY_TO_COME: f64 = 0.7;
/// Of those who miss a call that they announced, how many are away.
const MISSED_AWAY: f64 = 0.5;
/// Calls that have to be known of before anything is said: one, and the next one announced.
const CALLS_LEAST: f64 = 1.4;

/// When somebody should have a message, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Hardly before this.
    pub from: i64,
    /// Hardly after this.
    pub to: i64,
}

/// What is seen of somebody at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// They hold the line, as far as was known at this time, in seconds since 1970.
    pub holds_at: Option<i64>,
    /// Since when, and up to when as far as is known, something has lain at the relay for them.
    pub waits: Option<(i64, i64)>,
}

impl Arrival {
    /// Both have it.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.max(other.to) }
    }

    /// It leaves in time for this one, or at the latest for the other.
    #[must_use]
    pub fn to_last(self, last: Self) -> Self {
        Self { from: self.from.min(last.from), to: self.to.max(last.to) }
    }

    /// Whether what came between two times, nobody saw when, does not contradict it.
    #[must_use]
    pub fn met(self, after: i64, by: i64) -> bool {
        self.from <= by && after <= self.to
    }
}

/// With how many of our own calls something leaves, nearly always, when so many of them came to something.
#[must_use]
pub fn calls_needed(tries: Tally) -> usize {
    /// Calls that may fail although none did yet, of as many.
    const PRIOR: (u64, u64) = (1, 20);
    const CALLS_MOST: usize = 4;
    let failed = tries.total.saturating_sub(tries.inside);
    let (failed, total) = (failed.saturating_add(PRIOR.0), tries.total.saturating_add(PRIOR.1));
    // At most one in twenty may be left behind.
    let mut left = failed.saturating_mul(20);
    for needed in 1..CALLS_MOST {
        if left <= total {
            return needed;
        }
        left = left.saturating_mul(failed) / total;
    }
    CALLS_MOST
}

/// How a message's chances stand.
#[derive(Clone, Copy, Debug)]
struct Chances {
    /// It has arrived.
    arrived: f64,
    /// It has not, and they call as they use to.
    back: f64,
    /// It has not, and they are away.
    away: f64,
}

/// A stretch of time after a message left.
#[derive(Clone, Copy, Debug)]
struct Step {
    to: i64,
    /// How likely a call in it is.
    chance: f64,
    /// The same, rather too high than too low.
    may: f64,
    /// It is that of the announced call.
    is_announced: bool,
}

impl Habit {
    /// The interval in which somebody should have what is at the relay from `leaves` on; `None` while too little is known
    /// of them.
    #[must_use]
    pub fn arrival(&self, leaves: i64, sight: Sight, zone: &TimeZone) -> Option<Arrival> {
        let holds = sight.holds_at.is_some_and(|at| leaves <= at.saturating_add(HOLDS_FOR_S));
        let leaves = leaves.clamp(TIME_LEAST, TIME_MOST);
        let announced = self.announced.filter(|at| leaves < at.saturating_add(GRACE_S));
        if self.calls() < CALLS_LEAST && announced.is_none() && !holds {
            return None;
        }
        let (likely, silent_s) = match holds {
            true => (1.0, 0),
            false => self.silence(sight.waits, zone),
        };
        let back = match holds {
            true => 1.0,
            false => (1.0 - AWAY) * likely / ((1.0 - AWAY) * likely + AWAY),
        };
        let mut chances = Chances { arrived: 0.0, back, away: 1.0 - back };
        let stands = announced.map_or(0.0, |at| self.stands(sight, at.min(leaves), zone));
        let end = leaves.saturating_add(AHEAD_S);
        let first = part(leaves, end, zone);
        let now = if holds { HOLDS } else { self.chance_open(first.kind) };
        chances.arrive(now);
        if 1.0 - self.outside() <= chances.arrived {
            return Some(Arrival { from: leaves, to: leaves.saturating_add(TRANSFER_S) });
        }
        // Hardly before: even if they are not away.
        let mut earliest = now;
        let mut from = (BEFORE < earliest).then_some(leaves);
        let mut at = leaves;
        while at < end {
            let Step { to, chance, may, is_announced } =
                self.step(at, end, announced, stands, zone);
            chances.arrive(chance);
            earliest += (1.0 - earliest) * may;
            if from.is_none() && BEFORE < earliest {
                from = Some(at);
            }
            if 1.0 - self.outside() <= chances.arrived {
                let from = from.unwrap_or(at);
                let to = if is_announced { to } else { self.past_rise(at, to, zone) };
                return Some(Arrival { from, to: to.saturating_add(TRANSFER_S) });
            }
            if is_announced {
                // Who hardly ever keeps them says nothing by it.
                chances.leave(MISSED_AWAY * self.announcements.kept_share());
            }
            chances.pass(hours(to - at), hours(silent_s));
            at = to;
        }
        None
    }

    /// The end of an interval whose last part is that from `at` to `to`. What is said of a slot that nobody watched is said of its
    /// neighbours, so no interval ends just before a likelier one.
    fn past_rise(&self, at: i64, to: i64, zone: &TimeZone) -> i64 {
        let mut last = part(at, to, zone);
        for _ in 0..NEIGHBOURS {
            let next = part(last.to, last.to.saturating_add(SLOT_S), zone);
            if self.chance_at(next.kind) <= self.chance_at(last.kind) {
                break;
            }
            last = next;
        }
        last.to
    }

    /// How likely an announced call is still the next one at `to`: who often calls before may have done so by then.
    fn stands(&self, sight: Sight, to: i64, zone: &TimeZone) -> f64 {
        let early = self.announcements.early_share();
        let known_to = self.known_to.max(sight.waits.map(|(_, until)| until)).unwrap_or(to);
        let silent_from = self.seen().map_or(known_to, |seen| silent_from(seen, zone));
        let from = known_to.max(silent_from).max(to.saturating_sub(BACK_MAX_S));
        parts(from, to, zone).map(|part| 1.0 - self.proven_in(part) * early).product()
    }

    /// The next stretch of time in which the chances are the same. `stands` is how likely the announced call is the next.
    fn step(
        &self,
        at: i64,
        end: i64,
        announced: Option<i64>,
        stands: f64,
        zone: &TimeZone,
    ) -> Step {
        let of = self.announcements;
        let expected = announced.filter(|announced| at < announced + GRACE_S);
        let begin = expected.map(|announced| announced - ANNOUNCED_STEP_S);
        if let Some(announced) = expected.filter(|_| begin <= Some(at)) {
            // What was rounded up by less lies behind already.
            let before = as_f64((announced - at).max(0)) / as_f64(ANNOUNCED_STEP_S);
            let after = as_f64((announced + GRACE_S - at).min(GRACE_S)) / as_f64(GRACE_S);
            let chance = stands * of.kept_share() * (before + after) / 2.0;
            let is_announced = begin == Some(at);
            return Step { to: announced + GRACE_S, chance, may: chance, is_announced };
        }
        let part = part(at, begin.unwrap_or(end), zone);
        // Somebody who has announced a call mostly waits for it.
        let share = begin.map_or(1.0, |_| of.early_share());
        let (chance, may) = (self.chance_in(part) * share, self.may_call_in(part) * share);
        Step { to: part.to, chance, may, is_announced: false }
    }
}

impl Chances {
    fn arrive(&mut self, chance: f64) {
        let arrived = self.back * chance;
        self.arrived += arrived;
        self.back -= arrived;
    }

    fn leave(&mut self, share: f64) {
        let left = self.back * share;
        self.back -= left;
        self.away += left;
    }

    fn pass(&mut self, hours: f64, silent_hours: f64) {
        let stays = (silent_hours * AWAY_TO_COME).max(AWAY_HOURS);
        let returned = self.away * (1.0 - (-hours / stays).exp());
        self.leave((hours * AWAY_PER_HOUR).min(1.0));
        self.away -= returned.min(self.away);
        self.back += returned;
    }
}
