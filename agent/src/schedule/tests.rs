//! The timetable by hand, over zones whose clocks change, over clocks that jump, and for simulated months.

mod day;
mod edges;
mod failures;
mod jumps;
mod saving;
mod shared;

use config::{Span, agent::Direction};

use super::*;
use shared::*;

#[test]
fn without_a_rule_there_is_no_call() {
    let bench = Bench::new(&[Rule::live()]);
    assert_eq!(bench.schedule.due(bench.now, &Line::default()), None);
    assert_eq!(bench.schedule.live_due(bench.now, &Line::default()), Some(0));
}

#[test]
fn a_rule_is_due_at_once_and_then_every_so_often() {
    let mut bench = Bench::new(&[every(900), every(60)]);
    let due = bench.due().unwrap();
    bench.pass(5);
    bench.began(due);
    bench.ended(Ending::Done);
    assert_eq!(bench.next_in(), Some(60));
}

#[test]
fn the_time_of_an_expression_is_kept_to_the_second() {
    let mut bench = Bench::at("2026-11-22T08:00:00[Europe/Berlin]", &[cron("30 8 * * *")]);
    assert_eq!((bench.due(), bench.next_in()), (None, Some(30 * 60)));
    bench.pass(30 * 60 - 1);
    assert_eq!(bench.due(), None);
    bench.pass(1);
    bench.visit();
    assert_eq!(bench.next_in(), Some(24 * 60 * 60));
}

#[test]
fn of_rules_that_are_due_together_the_one_that_carries_most_serves_all() {
    let up = Rule { direction: Direction::Up, ..cron("0 9 * * *") };
    let both = Rule { budget: Some(Size::from_kib(50)), ..cron("0 9 * * *") };
    let rules = [up, both, every(30_000_000)];
    let mut bench = Bench::at("2026-11-22T08:00:00[Europe/Berlin]", &rules);
    bench.visit();
    bench.pass(60 * 60);
    assert_eq!(bench.visit(), 1);
    assert_eq!(bench.due(), None, "the narrower one is served");
}

#[test]
fn a_narrow_visit_serves_no_wider_rule() {
    let up = Rule { direction: Direction::Up, ..every(60) };
    let mut bench = Bench::new(&[up, every(3_600)]);
    assert_eq!(bench.visit(), 1);
    bench.pass(60);
    assert_eq!(bench.visit(), 0);
    assert_eq!(bench.schedule.rules[1].next_time_up(bench.now), Some(3_600 + 1_000));
}

#[test]
fn a_link_comes_up_once_and_an_urgent_message_counts_once() {
    let when = |when| Rule { when: Some(when), ..Rule::default() };
    let mut bench = Bench::new(&[when(When::LinkUp), when(When::UrgentQueued)]);
    assert_eq!(bench.due(), None);
    bench.schedule.link_up(bench.now, &Line::default());
    assert_eq!(bench.visit(), 0);
    bench.pass(100);
    assert_eq!((bench.due(), bench.next_in()), (None, None));
    bench.schedule.urgent_queued(bench.now);
    bench.schedule.urgent_queued(bench.now);
    assert_eq!(bench.visit(), 1);
    assert_eq!(bench.due(), None);
}

#[test]
fn a_call_waits_for_its_link_and_is_then_made_once() {
    let home = Rule { links: vec!["home".into()], ..cron("0 * * * *") };
    let free = Rule { links: vec!["unmetered".into()], ..every(600) };
    let mut bench = Bench::at("2026-11-22T08:00:00[Europe/Berlin]", &[home, free]);
    bench.pass(5 * 60 * 60);
    assert_eq!((bench.due(), bench.next_in()), (None, None));
    bench.line.metered = Some(false);
    assert_eq!(bench.visit(), 1, "and it serves the other, which has no link");
    bench.pass(60 * 60);
    bench.line = Line { profile: Some("home".into()), ..Line::default() };
    assert_eq!(bench.visit(), 0);
    assert_eq!(bench.due(), None);
}

#[test]
fn a_link_of_which_nobody_knows_counts_as_metered() {
    let rule = |links: &str| Rule { links: vec![links.into()], ..every(60) };
    assert!(Bench::new(&[rule("unmetered")]).due().is_none());
    assert!(Bench::new(&[rule("metered")]).due().is_some());
    let dials = Rule { dial: vec!["pon".into()], ..rule("unmetered") };
    assert!(Bench::new(&[dials]).due().is_some(), "its link is judged when it is there");
}

#[test]
fn behind_a_portal_nothing_is_tried_twice() {
    let mut bench = Bench::new(&[every(10_000)]);
    bench.line.is_portal = true;
    let due = bench.due().unwrap();
    bench.began(due);
    bench.ended(FAILED);
    bench.pass(9_000);
    assert_eq!((bench.due(), bench.next_in()), (None, Some(1_000)));
    bench.line.is_portal = false;
    bench.schedule.link_up(bench.now, &bench.line.clone());
    assert!(bench.due().unwrap().is_retry);
}

#[test]
fn a_line_is_not_dialled_behind_a_portal_and_nobody_waits_for_it() {
    let mut bench = Bench::new(&[Rule::live()]);
    assert_eq!(bench.next_in(), Some(0));
    bench.line.is_portal = true;
    assert_eq!(bench.schedule.live_due(bench.now, &bench.line), None);
    assert_eq!(bench.next_in(), None);
}

#[test]
fn jitter_puts_calls_off_but_never_past_the_next() {
    let rule = Rule { jitter: Span::from_minutes(60), ..cron("*/30 * * * *") };
    let mut bench = Bench::at("2026-11-22T08:00:00[Europe/Berlin]", &[rule]);
    let begin = bench.now.wall;
    let mut spread = Vec::new();
    for slot in 1..200 {
        bench.pass(bench.next_in().unwrap());
        bench.visit();
        let late = bench.now.wall - begin - slot * 1_800;
        assert!((0..1_800).contains(&late), "{late}");
        spread.push(late);
    }
    spread.sort_unstable();
    assert!(spread[10] < 300 && 1_500 < spread[188], "{spread:?}");
}

#[test]
fn a_forecast_merges_all_rules_in_order() {
    let rules = [cron("0 9 * * *"), every(4 * 3_600), Rule::live()];
    let zone = zone("Europe/Berlin");
    let now = wall("2026-11-22T08:00:00[Europe/Berlin]");
    let planned = forecast(&rules, &zone, now, Some(now - 3_600), 4);
    let hours: Vec<_> =
        planned.iter().map(|planned| ((planned.at - now) / 3_600, planned.rule)).collect();
    assert_eq!(hours, [(1, 0), (3, 1), (7, 1), (11, 1)]);
}
