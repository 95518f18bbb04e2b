//! Clocks that are set, and a computer that sleeps.

use config::Span;

use super::*;

const HOUR: i64 = 3_600;
const YEAR: i64 = 365 * 24 * HOUR;

fn rules() -> [Rule; 2] {
    [cron("*/30 * * * *"), every(2 * 3_600)]
}

#[test]
fn eight_hours_of_sleep_are_made_up_for_once() {
    let mut bench = Bench::new(&rules());
    bench.live(HOUR);
    bench.pass(8 * HOUR);
    let visits = bench.live(HOUR);
    assert_eq!(visits.len(), 3, "one at once, and the two that the hour has");
    assert_eq!(visits[0], bench.now.wall - HOUR);
}

#[test]
fn sleep_is_made_up_for_no_later_than_the_rule_says() {
    let rule = |make_up| Rule { make_up: Some(Span::from_minutes(make_up)), ..cron("0 3 * * *") };
    for (make_up, calls) in [(60, 0), (6 * 60, 1)] {
        let mut bench = Bench::at("2026-11-22T01:00:00[Europe/Berlin]", &[rule(make_up)]);
        bench.pass(7 * HOUR);
        assert_eq!(bench.live(HOUR).len(), calls, "{make_up} minutes");
        assert_eq!(bench.live(24 * HOUR).len(), 1, "and the next night it is punctual");
    }
}

#[test]
fn the_clock_jumps_forwards_and_what_it_passed_is_one_call() {
    for jump in [HOUR, YEAR] {
        let mut bench = Bench::new(&rules());
        bench.live(HOUR + 60);
        bench.set_clock(jump);
        let visits = bench.live(2 * HOUR);
        assert!((4..=6).contains(&visits.len()), "{jump}: {visits:?}");
        assert!(visits.windows(2).all(|pair| 60 <= pair[1] - pair[0]), "{visits:?}");
    }
}

#[test]
fn the_clock_jumps_back_and_calls_go_on_by_what_it_shows() {
    for jump in [HOUR, YEAR] {
        let mut bench = Bench::new(&rules());
        bench.live(HOUR + 60);
        bench.set_clock(-jump);
        let visits = bench.live(2 * HOUR);
        assert_eq!(visits.len(), 4, "{jump}: {visits:?}");
        assert!(visits.iter().all(|at| at % 1_800 == 0), "{visits:?}");
    }
}

#[test]
fn a_small_correction_makes_no_call_twice() {
    let mut bench = Bench::at("2026-11-22T11:59:00[Europe/Berlin]", &[cron("0 12 * * *")]);
    assert_eq!(bench.live(61).len(), 1);
    bench.set_clock(-3);
    assert!(bench.live(HOUR).is_empty());
    bench.set_clock(3);
    assert!(bench.live(HOUR).is_empty());
}

#[test]
fn seconds_are_counted_whatever_the_clock_shows() {
    let mut bench = Bench::new(&[every(900)]);
    bench.visit();
    for jump in [YEAR, -YEAR, -HOUR, HOUR, -30 * YEAR] {
        bench.set_clock(jump);
        assert_eq!((bench.due(), bench.next_in()), (None, Some(900)), "{jump}");
        bench.pass(900);
        bench.visit();
    }
}

#[test]
fn a_computer_that_wakes_in_1970_calls_and_finds_the_right_time_later() {
    let mut bench = Bench::begin(100, zone("Europe/Berlin"), &rules(), None, 3);
    assert_eq!(bench.live(HOUR).len(), 3);
    bench.set_clock(wall("2026-11-22T08:10:00[Europe/Berlin]") - bench.now.wall);
    let visits = bench.live(HOUR);
    assert!((2..=4).contains(&visits.len()), "{visits:?}");
}

#[test]
fn another_zone_moves_the_calls() {
    let mut bench = Bench::at("2026-11-22T08:00:00[Europe/Berlin]", &[cron("0 9 * * *")]);
    bench.zone = zone("America/New_York");
    bench.pass(60);
    // 9:00 there is 15:00 here.
    assert_eq!(bench.next_in(), Some(7 * HOUR - 60));
}

#[test]
fn a_clock_that_goes_mad_makes_no_storm() {
    let mut bench = Bench::new(&[cron("0 * * * *")]);
    let mut visits = 0;
    for round in 0..200 {
        bench.set_clock(if round % 2 == 0 { 7 * HOUR } else { -7 * HOUR });
        visits += bench.live(10).len();
    }
    // Each step forwards passes a full hour, and nobody can know that it was none.
    assert!(visits <= 101, "{visits}");
}
