//! A month of messages to each kind of person, from agents that call in several ways: what was estimated, and when it
//! really came.

use super::{
    people::{Kind, Person, Random},
    *,
};

const DAYS: i64 = 30;
const SEEDS: u64 = 4;

/// How the agent itself calls.
#[derive(Clone, Copy, Debug)]
enum Own {
    /// Every five minutes: nearly a line that is held.
    Often,
    /// Every two hours of the day; a call in ten fails.
    Day,
    /// At noon and at midnight.
    Twice,
}

struct Message {
    composed: i64,
    /// What was said when it was composed.
    first: Option<Arrival>,
    relayed: Option<i64>,
    /// What was said when it was relayed.
    second: Option<Arrival>,
    is_judged: bool,
}

#[derive(Debug, Default)]
struct Score {
    inside: usize,
    known: usize,
    all: usize,
    widths: Vec<i64>,
}

impl Score {
    fn count(&mut self, said: Option<Arrival>, came: i64) {
        self.all += 1;
        let Some(Arrival { from, to }) = said else { return };
        self.known += 1;
        self.inside += usize::from((from..=to).contains(&came));
        self.widths.push(to - from);
    }

    fn covers(&self) -> f64 {
        ratio(self.inside, self.known)
    }

    fn median(&mut self) -> i64 {
        self.widths.sort_unstable();
        self.widths[self.widths.len() / 2]
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a test")]
fn ratio(part: usize, of: usize) -> f64 {
    part as f64 / of as f64
}

/// The agent's own calls: planned, and those that came to something.
struct Calls {
    planned: Vec<i64>,
    made: Vec<i64>,
}

impl Calls {
    fn new(own: Own, random: &mut Random) -> Self {
        let times: Vec<i64> = match own {
            Own::Often => (0..DAYS * 288).map(|n| n * 300).collect(),
            Own::Day => {
                (0..DAYS * 12).map(|n| n * 7_200).filter(|at| 8 <= at / 3_600 % 24).collect()
            }
            Own::Twice => (0..DAYS * 2).map(|n| n * 43_200).collect(),
        };
        let planned: Vec<i64> = times.into_iter().map(|at| BEGIN + at).collect();
        let fails = if matches!(own, Own::Day) { 10 } else { 2 };
        let made = planned.iter().copied().filter(|_| !random.happens(fails)).collect();
        Self { planned, made }
    }

    /// When what is composed at `at` leaves: with the next call; or, at the latest that is likely, with the one after it.
    fn departure(&self, at: i64) -> (i64, i64) {
        let past = |calls: &[i64]| calls.iter().filter(|call| **call < at).count();
        let tries = Tally {
            inside: past(&self.made).try_into().unwrap(),
            total: past(&self.planned).try_into().unwrap(),
        };
        let mut coming = self.planned.iter().copied().skip_while(|call| *call < at);
        let first = coming.next().unwrap_or(at);
        let last = (1..calls_needed(tries)).fold(first, |last, _| coming.next().unwrap_or(last));
        (first, last)
    }
}

/// One agent and one contact, as the agent sees it.
struct World {
    person: Person,
    habit: Habit,
    messages: Vec<Message>,
    last_visit: Option<i64>,
    told: Option<(Option<i64>, bool, Option<i64>)>,
    sight: Sight,
    zone: TimeZone,
}

impl World {
    fn compose(&mut self, at: i64, own: &Calls) {
        let (leaves, by) = own.departure(at);
        let arrival = |at| self.habit.arrival(at, self.sight, &self.zone);
        let first = arrival(leaves).zip(arrival(by)).map(|(first, last)| first.to_last(last));
        let message =
            Message { composed: at, first, relayed: None, second: None, is_judged: false };
        self.messages.push(message);
    }

    fn visit(&mut self, now: i64) {
        self.judge(now);
        self.hear(now);
        let waiting = self.messages.iter_mut().filter(|message| message.relayed.is_none());
        for message in waiting {
            message.relayed = Some(now);
            message.second = self.habit.arrival(now, self.sight, &self.zone);
        }
        self.last_visit = Some(now);
    }

    /// The relay tells what changed: a call within 15 minutes of the one before it does not.
    fn hear(&mut self, now: i64) {
        let (seen, holds, next_call) = self.person.shown(now);
        let is_news = match self.told {
            None => seen.is_some(),
            Some((before, held, announced)) => {
                before.zip(seen).is_some_and(|(before, seen)| 900 <= seen - before)
                    || held != holds
                    || (next_call.is_some() && announced != next_call)
            }
        };
        if is_news {
            self.told = Some((seen, holds, next_call));
            let news = News { seen, holds, next_call };
            self.habit.observe(news, self.last_visit, now, &self.zone);
        }
        let waiting = self.messages.iter().filter(|message| !message.is_judged);
        let since = waiting.filter_map(|message| message.relayed).min();
        let holds = self.told.is_some_and(|(_, holds, _)| holds);
        self.sight =
            Sight { holds_at: holds.then_some(now), waits: since.map(|since| (since, now)) };
    }

    fn judge(&mut self, now: i64) {
        let seen = self.told.and_then(|(seen, ..)| seen);
        let mut learnt = None;
        for message in self.messages.iter_mut().filter(|message| !message.is_judged) {
            let Some(relayed) = message.relayed else { continue };
            if self.person.has(relayed).is_none_or(|came| now < came) {
                continue;
            }
            message.is_judged = true;
            let after = self.last_visit.map_or(relayed, |last| last.max(relayed));
            let by = seen.filter(|seen| after < *seen).unwrap_or(now);
            if let Some(said) = message.second {
                self.habit.judge(said.met(after, by));
            }
            learnt = Some((relayed, after));
        }
        if let (Some((relayed, after)), Kind::Silent) = (learnt, self.person.kind) {
            self.habit.delivered(relayed, after, now, &self.zone);
        }
    }
}

fn month(kind: Kind, own: Own, seed: u64, scores: &mut [Score; 2], judged: &mut Tally) {
    let mut random = Random(seed);
    let person = Person::new(kind, DAYS + 7, &mut random);
    let own = Calls::new(own, &mut random);
    let mut world = World {
        person,
        habit: Habit::default(),
        messages: Vec::new(),
        last_visit: None,
        told: None,
        sight: Sight::default(),
        zone: TimeZone::UTC,
    };
    let mut composing: Vec<i64> =
        (0..DAYS * 6).map(|n| BEGIN + n * DAY_S / 6 + random.below(DAY_S / 6)).collect();
    composing.sort_unstable();
    let mut composing = composing.into_iter().peekable();
    for visit in own.made.iter().copied() {
        while let Some(at) = composing.next_if(|at| *at <= visit) {
            world.compose(at, &own);
        }
        world.visit(visit);
    }
    for message in &world.messages {
        let Some(came) = message.relayed.and_then(|relayed| world.person.has(relayed)) else {
            continue;
        };
        assert!(message.composed <= came);
        scores[0].count(message.first, came);
        scores[1].count(message.second, came);
    }
    let Tally { inside, total } = world.habit.tally();
    judged.inside += inside;
    judged.total += total;
}

/// Coverage of at least 90 %, said of nearly all messages, in intervals whose median is no wider than so many minutes:
/// of those that were given when the message was composed, and when it was relayed.
fn check(kind: Kind, own: Own, minutes_max: [i64; 2]) {
    check_said(kind, own, minutes_max, 0.95);
}

/// The same, where something has to be said of so many of them.
fn check_said(kind: Kind, own: Own, minutes_max: [i64; 2], said_least: f64) {
    let mut scores = [Score::default(), Score::default()];
    let mut judged = Tally::default();
    (0..SEEDS).for_each(|seed| month(kind, own, seed, &mut scores, &mut judged));
    for ((score, when), minutes_max) in
        scores.iter_mut().zip(["composed", "relayed"]).zip(minutes_max)
    {
        let (covers, said) = (score.covers(), ratio(score.known, score.all));
        let minutes = score.median() / 60;
        let words =
            format!("{kind:?} {own:?} {when}: {covers:.3} inside, {said:.3} said, {minutes} min");
        println!("{words}; judged {}/{}", judged.inside, judged.total);
        assert!(0.9 <= covers && said_least <= said && minutes <= minutes_max, "{words}");
    }
    // What the agent thinks of itself is not far from the truth.
    let told = judged.inside * 100 / judged.total;
    assert!((88..=100).contains(&told), "{kind:?} {own:?}: {told} %");
}

#[test]
fn a_ship_that_calls_twice_a_day() {
    check(Kind::Ship, Own::Often, [60, 60]);
    // With calls that fail and wait for each other, a message may miss a call of hers.
    check(Kind::Ship, Own::Day, [14 * 60, 60]);
    check(Kind::Ship, Own::Twice, [7 * 60, 60]);
}

#[test]
fn a_ship_that_tells_nothing_of_herself() {
    check(Kind::Silent, Own::Often, [13 * 60, 13 * 60]);
    check(Kind::Silent, Own::Day, [24 * 60, 13 * 60]);
}

#[test]
fn an_office_that_calls_every_15_minutes() {
    check(Kind::Office, Own::Often, [60, 60]);
    check(Kind::Office, Own::Day, [200, 75]);
    check(Kind::Office, Own::Twice, [180, 60]);
}

#[test]
fn somebody_who_holds_the_line_in_the_day() {
    check(Kind::Live, Own::Often, [45, 45]);
    check(Kind::Live, Own::Day, [150, 10]);
}

#[test]
fn somebody_who_calls_now_and_then() {
    check(Kind::Irregular, Own::Often, [42 * 60, 42 * 60]);
    check(Kind::Irregular, Own::Day, [30 * 60, 30 * 60]);
}

#[test]
fn somebody_who_announces_noon_and_always_calls_at_midnight() {
    check(Kind::Wrong, Own::Often, [26 * 60, 26 * 60]);
    check(Kind::Wrong, Own::Day, [14 * 60, 14 * 60]);
    // That she called at all is known half a day later, and nothing is said before the second time.
    check_said(Kind::Wrong, Own::Twice, [120, 120], 0.94);
}

#[test]
fn somebody_who_announces_noon_and_always_calls_in_the_morning_before() {
    check(Kind::Early, Own::Often, [10 * 60, 10 * 60]);
    // Nobody sees whether she called since the last visit, and that call takes the place of the announced one.
    check(Kind::Early, Own::Day, [44 * 60, 26 * 60]);
    check(Kind::Early, Own::Twice, [26 * 60, 26 * 60]);
}
