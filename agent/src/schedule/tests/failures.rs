//! Failures: time and bytes.

use super::*;

#[test]
fn failures_back_off_but_never_past_the_time_of_a_rule() {
    let mut bench = Bench::new(&[every(900)]);
    let mut waits = Vec::new();
    for _ in 0..20 {
        let due = bench.due().unwrap();
        bench.began(due);
        bench.ended(FAILED);
        let wait = bench.next_in().unwrap();
        assert!(0 < wait && wait <= 900);
        waits.push(wait);
        bench.pass(wait);
    }
    assert!((5..=10).contains(&waits[0]) && (10..=20).contains(&waits[1]), "{waits:?}");
    assert!(waits.iter().skip(8).all(|wait| 200 <= *wait), "{waits:?}");
}

#[test]
fn a_rule_more_frequent_than_the_backoff_is_kept() {
    let mut bench = Bench::new(&[every(2)]);
    let due = bench.due().unwrap();
    bench.began(due);
    bench.pass(1);
    bench.ended(FAILED);
    assert_eq!(bench.next_in(), Some(1));
    bench.pass(1);
    assert!(!bench.due().unwrap().is_retry);
}

#[test]
fn who_asks_for_a_century_is_asked_again_within_the_hour() {
    let mut bench = Bench::new(&[Rule::live(), every(1_000_000)]);
    let due = bench.due().unwrap();
    bench.began(due);
    bench.ended(Ending::Failed { wait_s: Some(u32::MAX) });
    let line = Line::default();
    bench.schedule.line_lost(bench.now, &line, false, Some(u32::MAX), Cost::default());
    assert_eq!(bench.next_in(), Some(3_600));
    bench.schedule.line_lost(bench.now, &line, false, Some(300), Cost::default());
    assert_eq!(bench.next_in(), Some(300));
}

#[test]
fn what_a_bound_of_its_own_ended_goes_with_the_next_call_and_not_before() {
    let mut bench = Bench::new(&[every(3_600)]);
    let due = bench.due().unwrap();
    bench.began(due);
    bench.pass(10);
    bench.ended(Ending::Bounded);
    assert_eq!((bench.due(), bench.next_in()), (None, Some(3_590)));
}

#[test]
fn a_time_that_comes_while_a_visit_fails_is_not_lost() {
    let mut bench = Bench::at("2026-11-22T08:00:00[Europe/Berlin]", &[cron("*/5 * * * *")]);
    bench.pass(300);
    let due = bench.due().unwrap();
    bench.began(due);
    bench.pass(301);
    bench.ended(FAILED);
    assert!(!bench.due().unwrap().is_retry, "8:10 has come");
}

#[test]
fn a_time_that_comes_while_a_visit_goes_well_is_served_by_it() {
    let mut bench = Bench::at("2026-11-22T08:00:00[Europe/Berlin]", &[cron("*/5 * * * *")]);
    bench.pass(300);
    let due = bench.due().unwrap();
    bench.began(due);
    bench.pass(1_000);
    bench.ended(Ending::Done);
    assert_eq!((bench.due(), bench.next_in()), (None, Some(200)));
}

#[test]
fn of_a_budget_one_part_in_twenty_may_go_to_attempts_that_come_to_nothing() {
    let rule = Rule { budget: Some(Size::from_kib(200)), ..cron("0 8 * * *") };
    let mut bench = Bench::at("2026-11-22T07:59:00[Europe/Berlin]", &[rule]);
    bench.pass(60);
    let first = bench.due().unwrap();
    assert_eq!((first.waste, first.has_failed_at_a_cost), (Some(10 << 10), false));
    bench.began(first);
    bench.failed_at(3_000, 0);
    let (mut wasted, mut attempts) = (0, 0);
    while let Some(wait) = bench.next_in().filter(|wait| *wait < 80_000) {
        bench.pass(wait);
        let due = bench.due().unwrap();
        assert!(due.is_retry && due.has_failed_at_a_cost);
        let left = due.waste.unwrap();
        assert_eq!(due.budget, Some(Size::from_bytes((200 << 10) - 3_000 - wasted)));
        let cost = left.min(3_000);
        wasted += cost;
        attempts += 1;
        bench.began(due);
        bench.failed_at(cost, cost);
    }
    assert!(attempts == 3 && wasted <= 10 << 10, "{attempts} {wasted}");
    bench.pass(bench.next_in().unwrap());
    let next_day = bench.due().unwrap();
    assert_eq!((next_day.waste, next_day.is_retry), (Some(10 << 10), false));
    assert_eq!(next_day.budget, Some(Size::from_kib(200)));
}

#[test]
fn where_no_budget_is_set_a_days_share_of_the_quota_stands_in() {
    let mut bench = Bench::new(&[every(100_000)]);
    assert_eq!(bench.due().unwrap().waste, None, "nothing is paid for by nothing");
    bench.line.quota = Some(30 << 20);
    assert_eq!(bench.due().unwrap().waste, Some((1 << 20) / 20));
}

#[test]
fn attempts_that_cost_nothing_go_on() {
    let rule = Rule { budget: Some(Size::from_kib(12)), ..every(1_000_000) };
    let mut bench = Bench::new(&[rule]);
    for _ in 0..50 {
        let due = bench.due().unwrap();
        assert_eq!(due.budget, Some(Size::from_kib(12)));
        bench.began(due);
        bench.failed_at(0, 0);
        bench.pass(bench.next_in().unwrap());
    }
}

#[test]
fn an_event_whose_bytes_are_used_up_is_tried_again_the_next_day() {
    let rule = Rule {
        when: Some(When::UrgentQueued),
        budget: Some(Size::from_kib(12)),
        ..Rule::default()
    };
    let mut bench = Bench::new(&[rule]);
    bench.schedule.urgent_queued(bench.now);
    let due = bench.due().unwrap();
    bench.began(due);
    bench.failed_at(3_000, 0);
    assert_eq!((bench.due(), bench.next_in()), (None, Some(24 * 60 * 60)));
    bench.schedule.link_up(bench.now, &Line::default());
    assert_eq!(bench.due(), None, "another link does not bring the bytes back");
    bench.pass(24 * 60 * 60);
    assert!(bench.due().is_some());
}

#[test]
fn visits_that_went_well_are_no_failures_however_small_the_budget() {
    let budget = Some(Size::from_kib(20));
    let rule = Rule { when: Some(When::UrgentQueued), budget, ..Rule::default() };
    let mut bench = Bench::new(&[rule]);
    let mut calls = 0;
    loop {
        bench.schedule.urgent_queued(bench.now);
        let Some(due) = bench.due() else { break };
        assert!(!due.has_failed_at_a_cost && !due.is_retry, "after {calls} calls: {due:?}");
        assert_eq!(due.budget, Some(Size::from_bytes((20 << 10) - 1_000 * calls)));
        bench.began(due);
        let cost = Cost { spent: 1_000, ..Cost::default() };
        bench.schedule.ended(bench.now, &Line::default(), Ending::Done, cost);
        bench.pass(100);
        calls += 1;
    }
    assert_eq!(calls, 9, "until what is left of the day's budget is too little for a visit");
    assert_eq!(bench.next_in(), Some(24 * 60 * 60 - 900));
}

#[test]
fn a_link_that_comes_up_ends_the_wait() {
    let mut bench = Bench::new(&[every(100_000)]);
    for _ in 0..8 {
        let due = bench.due().unwrap();
        bench.began(due);
        bench.ended(FAILED);
        bench.pass(bench.next_in().unwrap());
    }
    let due = bench.due().unwrap();
    bench.began(due);
    bench.ended(FAILED);
    assert!(bench.due().is_none());
    bench.schedule.link_up(bench.now, &Line::default());
    assert!(bench.due().is_some());
}

#[test]
fn after_a_link_came_up_its_relay_is_waited_for_and_then_called_once() {
    let rule = Rule { when: Some(When::LinkUp), ..Rule::default() };
    let mut bench = Bench::new(&[rule]);
    bench.schedule.link_up(bench.now, &Line::default());
    for attempt in 1..=5 {
        let due = bench.due().unwrap();
        bench.began(due);
        bench.ended(FAILED);
        let wait = bench.next_in().unwrap();
        assert!((1..=2 << (attempt - 1)).contains(&wait), "attempt {attempt}: {wait}");
        bench.pass(wait);
    }
    bench.visit();
    assert_eq!((bench.due(), bench.next_in()), (None, None));
    bench.schedule.link_up(bench.now, &Line::default());
    let due = bench.due().unwrap();
    bench.began(due);
    bench.ended(FAILED);
    bench.schedule.link_down();
    assert_eq!(bench.next_in(), None, "a link that is gone is not waited for");
}

#[test]
fn lines_that_do_not_stand_are_dialled_ever_more_seldom_and_no_more_once_their_bytes_are_spent() {
    let line = Line { quota: Some(30 << 20), ..Line::default() };
    let lost = Cost { spent: 8 << 10, wasted: 8 << 10, has_failed: true };
    let mut bench = Bench::new(&[Rule::live()]);
    let (mut waits, mut wasted) = (Vec::new(), 0);
    for _ in 0..100 {
        if bench.schedule.live_due(bench.now, &line).is_some() {
            bench.schedule.line_lost(bench.now, &line, true, None, lost);
            wasted += lost.wasted;
        }
        let wait = bench.schedule.next(bench.now, &line).unwrap().wait_s;
        if 15 * 60 < wait {
            break;
        }
        waits.push(wait);
        bench.pass(wait);
    }
    assert!((5..=10).contains(&waits[0]) && 60 < waits[5], "{waits:?}");
    let most = (1 << 20) / 20 + 2 * lost.wasted;
    assert!(
        wasted < most,
        "5 % of a day's share, the first, and what the last goes over: {wasted}"
    );
    let wait = bench.schedule.next(bench.now, &line).unwrap().wait_s;
    assert!((20 * 60 * 60..=24 * 60 * 60).contains(&wait), "{wait}");
    bench.schedule.link_up(bench.now, &line);
    assert_eq!(bench.schedule.live_due(bench.now, &line), None, "nor when the link comes up again");
    assert_eq!(
        bench.schedule.live_due(bench.now, &Line::default()),
        Some(0),
        "another has its own"
    );
    bench.pass(wait);
    assert_eq!(bench.schedule.live_due(bench.now, &line), Some(0));
}

#[test]
fn a_line_that_stood_is_dialled_again_soon_however_often() {
    let stood = Cost { spent: 8 << 10, ..Cost::default() };
    for quota in [None, Some(512 << 10)] {
        let (line, mut bench) = (Line { quota, ..Line::default() }, Bench::new(&[Rule::live()]));
        for _ in 0..20 {
            bench.schedule.line_lost(bench.now, &line, true, None, stood);
            let wait = bench.schedule.next(bench.now, &line).unwrap().wait_s;
            assert!((5..=10).contains(&wait), "{wait}");
            bench.pass(wait);
        }
    }
}
