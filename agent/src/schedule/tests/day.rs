//! Whole days and months in fast time, seeded: links that come and go, visits that last and fail, clocks that are set.

use config::Span;
use proptest::prelude::*;

use super::*;

/// What the world does to the agent.
struct World {
    bench: Bench,
    random: u64,
    /// When the link changes next, on the clock that nobody sets, and whether it is there now.
    change_at: i64,
    is_up: bool,
    visits: Vec<Visit>,
}

#[derive(Clone, Copy, Debug)]
struct Visit {
    rule: usize,
    at: Moment,
    went_well: bool,
    is_retry: bool,
    wasted: u64,
}

impl World {
    fn new(rules: &[Rule], seed: u64) -> Self {
        let begin = wall("2026-10-20T00:00:00[Europe/Berlin]");
        let bench = Bench::begin(begin, zone("Europe/Berlin"), rules, None, seed);
        Self { change_at: bench.now.up, bench, random: seed, is_up: false, visits: Vec::new() }
    }

    fn below(&mut self, most: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % most
    }

    fn pass(&mut self, seconds: i64) {
        self.bench.pass(seconds);
        while self.change_at <= self.bench.now.up {
            self.is_up = !self.is_up;
            self.change_at += 60 + i64::try_from(self.below(4 * 3_600)).unwrap();
            if self.is_up {
                self.bench.schedule.link_up(self.bench.now, &self.bench.line.clone());
            } else {
                self.bench.schedule.link_down();
            }
        }
    }

    /// One visit: it takes a while, and fails without a link.
    fn visit(&mut self, due: Due) {
        self.bench.began(due);
        let (at, was_up) = (self.bench.now, self.is_up);
        let lasts = i64::try_from(self.below(120)).unwrap();
        self.pass(lasts);
        let went_well = was_up && self.is_up;
        let (mut cost, mut ending) = (Cost::default(), Ending::Done);
        if !went_well {
            ending = FAILED;
            let tried = if was_up { 3_000 } else { 0 };
            let wasted =
                if due.has_failed_at_a_cost { due.waste.unwrap_or(tried).min(tried) } else { 0 };
            let spent = if due.has_failed_at_a_cost { wasted } else { tried };
            cost = Cost { spent, wasted, has_failed: due.has_failed_at_a_cost || 0 < tried };
        }
        self.bench.schedule.ended(self.bench.now, &self.bench.line.clone(), ending, cost);
        let Due { rule, is_retry, .. } = due;
        self.visits.push(Visit { rule, at, went_well, is_retry, wasted: cost.wasted });
    }

    fn live(&mut self, seconds: i64) {
        let end = self.bench.now.up + seconds;
        while self.bench.now.up < end {
            while let Some(due) = self.bench.due() {
                self.visit(due);
            }
            let next = self.bench.next_in().unwrap_or(i64::MAX);
            assert!(0 <= next);
            let until_change = self.change_at - self.bench.now.up;
            self.pass(next.clamp(1, 900).min(until_change.max(1)));
        }
    }
}

/// The longest time for which the link was there and an hourly rule did not get through.
#[test]
fn in_a_month_of_outages_every_window_with_a_link_is_used() {
    for seed in 0..20 {
        let rules = [Rule { budget: Some(Size::from_kib(200)), ..cron("0 * * * *") }];
        let mut world = World::new(&rules, seed);
        world.live(30 * 24 * 3_600);
        // Every full hour has its call, as soon as whatever runs is over.
        let scheduled = world.visits.iter().filter(|visit| !visit.is_retry).count();
        let begin = wall("2026-10-20T00:00:00[Europe/Berlin]");
        let hours = 30 * 24;
        let served = |hour: i64| {
            let at = begin + hour * 3_600;
            world.visits.iter().any(|visit| (at - 120..at + 130).contains(&visit.at.wall))
        };
        let missed: Vec<_> = (1..hours).filter(|hour| !served(*hour)).collect();
        assert!(missed.is_empty(), "seed {seed}: {missed:?}");
        assert!(scheduled <= usize::try_from(hours).unwrap(), "seed {seed}: a storm");
    }
}

#[test]
fn of_every_window_no_more_than_its_share_is_wasted() {
    for seed in 0..20 {
        let rules = [Rule { budget: Some(Size::from_kib(200)), ..cron("0 */6 * * *") }];
        let mut world = World::new(&rules, seed);
        world.live(60 * 24 * 3_600);
        let mut wasted = 0;
        for visit in &world.visits {
            wasted = if visit.is_retry { wasted + visit.wasted } else { 0 };
            assert!(wasted <= (200 << 10) / 20, "seed {seed}: {wasted}");
        }
        assert!(world.visits.iter().any(|visit| visit.went_well));
    }
}

#[test]
fn an_urgent_message_goes_as_soon_as_there_is_a_link() {
    for seed in 0..50 {
        let urgent = Rule { when: Some(When::UrgentQueued), ..Rule::default() };
        let mut world = World::new(&[urgent, every(6 * 3_600)], seed);
        world.live(3_600);
        let asked = world.bench.now.up;
        world.bench.schedule.urgent_queued(world.bench.now);
        world.live(12 * 3_600);
        let first = world.visits.iter().find(|visit| asked <= visit.at.up).unwrap();
        assert_eq!((first.at.up, first.rule), (asked, 0), "seed {seed}: tried at once");
        assert!(
            world.visits.iter().any(|visit| asked <= visit.at.up && visit.went_well),
            "seed {seed}"
        );
    }
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let trigger = prop_oneof![
        (1_u64..100_000).prop_map(every),
        (0_u32..60, 0_u32..24).prop_map(|(minute, hour)| cron(&format!("{minute} {hour} * * *"))),
        (1_u32..60).prop_map(|step| cron(&format!("*/{step} * * * *"))),
        (0_u32..60).prop_map(|second| cron(&format!("{second} 0 */2 * * Mon-Fri"))),
        Just(Rule { when: Some(When::LinkUp), ..Rule::default() }),
        Just(Rule { when: Some(When::UrgentQueued), ..Rule::default() }),
    ];
    (trigger, 0_u64..600, prop::option::of(12_u64..300), any::<bool>()).prop_map(
        |(rule, jitter, budget, is_up)| Rule {
            jitter: Span::from_seconds(jitter),
            budget: budget.map(Size::from_kib),
            direction: if is_up { Direction::Up } else { Direction::Both },
            ..rule
        },
    )
}

/// What happens to a schedule.
#[derive(Clone, Debug)]
enum Happens {
    Passes(i64),
    Jumps(i64),
    LinkUp,
    LinkDown,
    Urgent,
    /// The link is another one: behind a portal or not, with a quota or not.
    Line(bool, Option<u64>),
    /// A call, if one is due: how it ends, after so many seconds, at what cost.
    Call(u8, i64, u64),
}

fn anything() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0_i64..100_000).prop_map(Happens::Passes),
        1 => (-40_000_000_i64..40_000_000).prop_map(Happens::Jumps),
        1 => Just(Happens::LinkUp),
        1 => Just(Happens::LinkDown),
        1 => Just(Happens::Urgent),
        1 => (any::<bool>(), prop::option::of(0_u64..100_000_000)).prop_map(|(p, q)| Happens::Line(p, q)),
        6 => (0_u8..3, 0_i64..1_000, 0_u64..100_000).prop_map(|(e, s, c)| Happens::Call(e, s, c)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_nothing_storms_and_no_time_is_lost(
        rules in prop::collection::vec(any_rule(), 1..5),
        happens in prop::collection::vec(anything(), 1..120),
        seed: u64,
    ) {
        let mut bench = Bench::begin(wall("2026-10-20T00:00:00[Europe/Berlin]"), zone("Europe/Berlin"), &rules, None, seed);
        for what in happens {
            match what {
                Happens::Passes(seconds) => bench.pass(seconds),
                Happens::Jumps(seconds) => bench.set_clock(seconds),
                Happens::LinkUp => bench.schedule.link_up(bench.now, &bench.line.clone()),
                Happens::LinkDown => bench.schedule.link_down(),
                Happens::Line(is_portal, quota) => bench.line = Line { is_portal, quota, ..Line::default() },
                Happens::Urgent => bench.schedule.urgent_queued(bench.now),
                Happens::Call(ending, lasts, cost) => {
                    let Some(due) = bench.due() else { continue };
                    prop_assert!(due.budget.is_none_or(|budget| budget <= rules[due.rule].budget.unwrap()));
                    bench.began(due);
                    bench.pass(lasts);
                    let spent = cost.min(due.budget.map_or(u64::MAX, Size::bytes));
                    let wasted = if due.has_failed_at_a_cost { spent.min(due.waste.unwrap_or(0)) } else { 0 };
                    let ending = [Ending::Done, Ending::Bounded, FAILED][usize::from(ending)];
                    let has_failed = due.has_failed_at_a_cost || (ending == FAILED && 0 < spent);
                    bench.schedule.ended(bench.now, &bench.line.clone(), ending, Cost { spent, wasted, has_failed });
                }
            }
            // What is due is due now; what is not has a time within a day of what its rule says.
            let next = bench.next_in();
            let has_times = rules.iter().any(|rule| rule.every.is_some() || rule.cron.is_some());
            prop_assert!(!has_times || next.is_some_and(|wait| wait <= 4 * 24 * 3_600), "{next:?}");
            // Else the agent would spin.
            prop_assert_eq!(bench.due().is_some(), next == Some(0));
        }
        bench.line = Line::default();
        // Left alone with a good link it comes to rest: each rule at most once, and then nothing until its time.
        for _ in 0..rules.len() {
            if let Some(due) = bench.due() {
                bench.began(due);
                bench.ended(Ending::Done);
            }
        }
        prop_assert_eq!(bench.due(), None);
    }
}

/// A day at sea: an hourly call for everything that may cost little, and one at once for what is urgent. Messages of both
/// classes are written at random; nothing urgent waits for the hour, and nothing ordinary goes with an urgent call.
#[test]
fn urgent_messages_go_at_once_and_ordinary_ones_at_the_hour() {
    use config::agent::{Priority, When};
    let urgent_rule =
        Rule { when: Some(When::UrgentQueued), min_priority: Priority::Urgent, ..Rule::default() };
    for seed in 0..50 {
        let mut world = World::new(&[cron("0 * * * *"), urgent_rule.clone()], seed);
        let end = world.bench.now.up + 24 * 3_600;
        let (mut ordinary, mut urgent): (Vec<i64>, Vec<i64>) = (Vec::new(), Vec::new());
        let (mut calls, mut urgent_calls) = (0, 0);
        while world.bench.now.up < end {
            let passes = 1 + i64::try_from(world.below(600)).unwrap();
            world.bench.pass(passes);
            if world.below(4) == 0 {
                urgent.push(world.bench.now.up);
                world.bench.schedule.urgent_queued(world.bench.now);
            } else {
                ordinary.push(world.bench.now.up);
            }
            while let Some(due) = world.bench.due() {
                let now = world.bench.now.up;
                assert!(urgent.iter().all(|at| *at == now), "seed {seed}: an urgent one waited");
                world.bench.began(due);
                urgent.clear();
                if due.rule == 0 {
                    // The hour may have struck up to ten minutes ago, between two messages.
                    let late = world.bench.now.wall.rem_euclid(3_600);
                    assert!(late <= 600, "seed {seed}: {late} s past the hour");
                    assert!(ordinary.iter().all(|at| now - *at <= 4_200), "seed {seed}");
                    ordinary.clear();
                    calls += 1;
                } else {
                    urgent_calls += 1;
                }
                world.bench.ended(Ending::Done);
            }
        }
        assert_eq!(calls, 24, "seed {seed}");
        assert!(0 < urgent_calls, "seed {seed}");
    }
}
