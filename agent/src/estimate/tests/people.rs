//! People of several kinds, each a month of calls and held lines.

use super::{BEGIN, DAY_S};

/// Random numbers from a seed (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, most: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        i64::try_from((z ^ (z >> 31)) % most.unsigned_abs()).unwrap()
    }

    pub(super) fn happens(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Twice a day by cron, announced; a call in thirty fails, and two days of outage.
    Ship,
    /// The same, telling nothing of herself: there are only receipts.
    Silent,
    /// Every 15 minutes in office hours, announced.
    Office,
    /// Holds the line from morning to night, with breaks.
    Live,
    /// Now and then in the day, announcing nothing.
    Irregular,
    /// At midnight, announcing noon each time.
    Wrong,
    /// At six, announcing noon each time.
    Early,
}

/// A month of somebody.
pub(super) struct Person {
    pub(super) kind: Kind,
    /// When they called, and what they announced then.
    pub(super) calls: Vec<(i64, Option<i64>)>,
    /// When they held the line: from, to.
    pub(super) lines: Vec<(i64, i64)>,
}

impl Person {
    pub(super) fn new(kind: Kind, days: i64, random: &mut Random) -> Self {
        let mut person = Self { kind, calls: Vec::new(), lines: Vec::new() };
        let outage_at = BEGIN + 5 * DAY_S + random.below((days - 8) * DAY_S);
        let outage_s = DAY_S / 2 + random.below(DAY_S);
        for day in 0..days {
            let begin = BEGIN + day * DAY_S;
            match kind {
                Kind::Ship | Kind::Silent => person.ship(begin, random),
                Kind::Office if day % 7 < 5 => person.office(begin, random),
                Kind::Office => {}
                Kind::Live => person.live(begin, random),
                Kind::Irregular => person.irregular(begin, random),
                Kind::Wrong => person.daily(begin, [0, 12], random),
                Kind::Early => person.daily(begin, [6, 36], random),
            }
        }
        let is_out = |at: i64| (outage_at..outage_at + outage_s).contains(&at);
        person.calls.retain(|(at, _)| !is_out(*at));
        person.lines.retain(|(from, _)| !is_out(*from));
        for (from, to) in &mut person.lines {
            if (*from..*to).contains(&outage_at) {
                *to = outage_at;
            }
        }
        person.calls.sort_unstable();
        person
    }

    fn ship(&mut self, day: i64, random: &mut Random) {
        for (hour, next) in [(6, 18), (18, 30)] {
            // Dialling takes its time, and now and then comes to nothing.
            let at = day + hour * 3_600 + random.below(240);
            if !random.happens(3) {
                self.calls.push((at, Some(rounded(day + next * 3_600))));
            }
        }
    }

    /// A call at one hour of the day, which announces one at another.
    fn daily(&mut self, day: i64, [hour, next]: [i64; 2], random: &mut Random) {
        let at = day + hour * 3_600 + random.below(240);
        if !random.happens(3) {
            self.calls.push((at, Some(rounded(day + next * 3_600))));
        }
    }

    fn office(&mut self, day: i64, random: &mut Random) {
        for quarter in 32..72 {
            let at = day + quarter * 900 + random.below(30);
            let monday = if (day - BEGIN) / DAY_S % 7 == 4 { 3 * DAY_S } else { DAY_S };
            let next =
                if quarter == 71 { day + monday + 32 * 900 } else { day + (quarter + 1) * 900 };
            if !random.happens(3) {
                self.calls.push((at, Some(rounded(next))));
            }
        }
    }

    fn live(&mut self, day: i64, random: &mut Random) {
        let mut at = day + 7 * 3_600 + random.below(3_600);
        let end = day + 22 * 3_600 + random.below(3_600);
        while at < end {
            let to = (at + 1_800 + random.below(6 * 3_600)).min(end);
            self.lines.push((at, to));
            at = to + 30 + random.below(900);
        }
    }

    fn irregular(&mut self, day: i64, random: &mut Random) {
        for _ in 0..=random.below(4) {
            self.calls.push((day + 8 * 3_600 + random.below(14 * 3_600), None));
        }
    }

    /// When they have what is at the relay from a time on.
    pub(super) fn has(&self, relayed: i64) -> Option<i64> {
        let call = self.calls.iter().map(|(at, _)| *at).find(|at| relayed <= *at);
        let line = self.lines.iter().find(|(_, to)| relayed < *to);
        call.into_iter().chain(line.map(|(from, _)| relayed.max(*from))).min().map(|at| at + 5)
    }

    /// When the relay heard of them last, whether they hold the line, and the call that they announced.
    pub(super) fn shown(&self, at: i64) -> (Option<i64>, bool, Option<i64>) {
        if self.kind == Kind::Silent {
            return (None, false, None);
        }
        let call = self.calls.iter().rev().find(|(call, _)| *call <= at).copied();
        let line = self.lines.iter().rev().find(|(from, _)| *from <= at).copied();
        // A line is renewed every 300 s.
        let renewed = line.map(|(from, to)| from + (at.min(to) - from) / 300 * 300);
        let seen = call.map(|(at, _)| at).max(renewed);
        let holds = line.is_some_and(|(_, to)| at < to);
        (seen, holds, call.and_then(|(_, next)| next).filter(|next| at < *next))
    }
}

/// An announced call is told in steps of 15 minutes.
fn rounded(at: i64) -> i64 {
    (at + 899) / 900 * 900
}
