//! What a change by hand of one line would break and nothing else would notice.

use config::Span;

use super::*;

fn on(when: When) -> Rule {
    Rule { when: Some(when), ..Rule::default() }
}

fn fail(bench: &mut Bench) {
    let due = bench.due().expect("a call is due");
    bench.began(due);
    bench.ended(FAILED);
}

fn assert_spread(waits: &[i64], from: i64, to: i64) {
    assert!(waits.iter().all(|wait| (from..=to).contains(wait)), "{waits:?}");
    let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!((to - from) / 2 < most - least, "{waits:?}");
}

#[test]
fn every_is_spread_by_its_jitter_after_short_and_after_long_visits() {
    let rule = || Rule { jitter: Span::from_seconds(50), ..every(100) };
    for lasts in [0, 150] {
        let mut bench = Bench::new(&[rule()]);
        let waits: Vec<_> = (0..40)
            .map(|_| {
                let due = bench.due().unwrap();
                bench.began(due);
                bench.pass(lasts);
                bench.ended(Ending::Done);
                let wait = bench.next_in().unwrap();
                bench.pass(wait);
                wait
            })
            .collect();
        assert_spread(&waits, 100, 150);
    }
}

#[test]
fn an_event_is_spread_by_its_jitter() {
    let rule = Rule { jitter: Span::from_seconds(60), ..on(When::UrgentQueued) };
    let mut bench = Bench::new(&[rule]);
    let waits: Vec<_> = (0..40)
        .map(|_| {
            bench.schedule.urgent_queued(bench.now);
            let wait = bench.next_in().unwrap();
            bench.pass(wait);
            bench.visit();
            wait
        })
        .collect();
    assert_spread(&waits, 0, 60);
}

#[test]
fn a_call_that_is_seconds_late_is_punctual_whatever_make_up_says() {
    let rule = Rule { make_up: Some(Span::from_seconds(1)), ..cron("0 9 * * *") };
    let mut bench = Bench::at("2026-11-22T08:00:00[Europe/Berlin]", &[rule]);
    bench.pass(3_600 + 40);
    assert!(bench.due().is_some());
}

#[test]
fn what_jitter_puts_off_is_not_too_late() {
    let (make_up, jitter) = (Some(Span::from_seconds(60)), Span::from_minutes(40));
    let rule = Rule { make_up, jitter, ..cron("0 * * * *") };
    let mut bench = Bench::at("2026-11-22T08:30:00[Europe/Berlin]", &[rule]);
    assert!(49 <= bench.live(50 * 3_600).len());
}

#[test]
fn how_late_a_call_is_counts_from_the_last_time_that_was_missed() {
    let rule = Rule { make_up: Some(Span::from_minutes(60)), ..cron("0 * * * *") };
    let mut bench = Bench::at("2026-11-22T08:30:00[Europe/Berlin]", &[rule]);
    bench.pass(7 * 3_600);
    assert!(bench.due().is_some(), "half an hour late");
}

#[test]
fn each_time_of_a_rule_begins_with_all_of_its_bytes() {
    let rule = Rule { budget: Some(Size::from_kib(50)), ..cron("0 * * * *") };
    let mut bench = Bench::at("2026-11-22T08:59:00[Europe/Berlin]", &[rule]);
    bench.pass(60);
    let due = bench.due().unwrap();
    bench.began(due);
    bench.failed_at(45 << 10, 0);
    assert_eq!(bench.next_in(), Some(3_600), "what is left carries no message");
    bench.pass(3_600);
    let due = bench.due().unwrap();
    assert_eq!((due.budget, due.has_failed_at_a_cost), (Some(Size::from_kib(50)), false));
}

#[test]
fn for_an_event_the_bytes_of_a_day_count() {
    let rule = Rule { budget: Some(Size::from_kib(1_024)), ..on(When::UrgentQueued) };
    let mut bench = Bench::new(&[rule]);
    bench.schedule.urgent_queued(bench.now);
    let due = bench.due().unwrap();
    bench.began(due);
    bench.failed_at(3_000, 0);
    bench.pass(3 * 3_600);
    assert!(bench.due().unwrap().has_failed_at_a_cost);
    bench.pass(22 * 3_600);
    assert!(!bench.due().unwrap().has_failed_at_a_cost, "another day");
}

#[test]
fn a_clock_that_nobody_sets_and_that_goes_back_keeps_nobody_waiting() {
    let mut bench = Bench::new(&[every(900), on(When::UrgentQueued)]);
    bench.pass(1_000_000);
    bench.visit();
    bench.now.up = 10;
    bench.pass(0);
    assert_eq!(bench.next_in(), Some(900));
    let mut bench = Bench::new(&[on(When::UrgentQueued)]);
    bench.pass(1_000_000);
    bench.schedule.urgent_queued(bench.now);
    fail(&mut bench);
    bench.now.up = 10;
    bench.pass(0);
    assert!(bench.next_in().unwrap() <= 3_600);
}

#[test]
fn another_urgent_message_does_not_end_the_wait_after_a_failure() {
    let mut bench = Bench::new(&[on(When::UrgentQueued)]);
    bench.schedule.urgent_queued(bench.now);
    fail(&mut bench);
    bench.schedule.urgent_queued(bench.now);
    assert_eq!(bench.due(), None);
    assert!(0 < bench.next_in().unwrap());
}

#[test]
fn after_a_visit_that_went_well_patience_begins_anew() {
    let mut bench = Bench::new(&[every(1_000_000)]);
    for _ in 0..8 {
        fail(&mut bench);
        bench.pass(bench.next_in().unwrap());
    }
    bench.visit();
    bench.pass(1_000_000);
    fail(&mut bench);
    assert!(bench.next_in().unwrap() <= 10);
}

#[test]
fn a_visit_that_its_bounds_ended_serves_no_time_that_came_meanwhile() {
    let mut bench = Bench::at("2026-11-22T08:00:00[Europe/Berlin]", &[cron("*/5 * * * *")]);
    bench.pass(300);
    let due = bench.due().unwrap();
    bench.began(due);
    bench.pass(301);
    bench.ended(Ending::Bounded);
    assert!(!bench.due().unwrap().is_retry, "8:10 has come");
}

#[test]
fn a_program_that_said_not_now_is_asked_again_after_a_quarter_of_an_hour() {
    let mut bench = Bench::new(&[every(1_000_000)]);
    let due = bench.due().unwrap();
    bench.began(due);
    bench.ended(Ending::NotNow);
    assert_eq!((bench.due(), bench.next_in()), (None, Some(900)));
    let mut bench = Bench::new(&[Rule::live()]);
    bench.schedule.line_not_now(bench.now);
    assert_eq!(
        (bench.schedule.live_due(bench.now, &bench.line), bench.next_in()),
        (None, Some(900))
    );
}

#[test]
fn a_line_that_stood_has_served_the_times_that_passed() {
    for was_good in [true, false] {
        let mut bench = Bench::new(&[Rule::live(), cron("*/5 * * * *")]);
        bench.schedule.began(bench.now, None, Scope::default());
        bench.pass(1_000);
        bench.schedule.line_lost(bench.now, &bench.line.clone(), was_good, None, Cost::default());
        assert_eq!(bench.due().is_none(), was_good);
    }
}

#[test]
fn a_reload_while_a_visit_is_made_forgets_nothing_that_it_costs() {
    let rules = [every(900), Rule { budget: Some(Size::from_kib(1_024)), ..cron("0 9 * * *") }];
    let mut bench = Bench::at("2026-11-22T08:59:00[Europe/Berlin]", &rules);
    bench.visit();
    bench.pass(60);
    let due = bench.due().unwrap();
    assert_eq!(due.rule, 1);
    bench.began(due);
    let new = [rules[1].clone()];
    bench.schedule.change(&rules, &new, None, bench.now, &bench.zone.clone());
    bench.failed_at(3_000, 0);
    bench.pass(900);
    assert!(bench.due().unwrap().has_failed_at_a_cost);
}

#[test]
fn another_budget_of_all_visits_holds_from_the_next_call_on() {
    let rules = [every(900), Rule { budget: Some(Size::from_kib(30)), ..cron("0 9 * * *") }];
    let mut bench = Bench::new(&rules);
    assert_eq!(bench.due().unwrap().budget, None);
    let zone = bench.zone.clone();
    for budget in [Some(Size::from_kib(20)), Some(Size::from_kib(40)), None] {
        bench.schedule.change(&rules, &rules, budget, bench.now, &zone);
        assert_eq!(bench.due().unwrap().budget, budget);
    }
    bench.visit();
    assert_eq!(bench.next_in(), Some(900), "and nothing else is another");
}
