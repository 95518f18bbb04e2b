//! The resident agent over clocks that jump and zones that change theirs: its real loop, with a relay, by clocks that are
//! set by hand.

use std::sync::{Arc, atomic::AtomicI64, atomic::Ordering::SeqCst};

use jiff::{Zoned, tz::TimeZone};

use super::{
    running::{order, settings, wait},
    *,
};
use crate::{control::Order, store::Clock};

const HOUR: i64 = 3_600;
const YEAR: i64 = 365 * 24 * HOUR;

/// An agent with its clocks.
struct Timed {
    home: Home,
    relay: Polite,
    agent: Resident,
    wall: Arc<AtomicI64>,
    up: Arc<AtomicI64>,
}

impl Timed {
    /// Begins at this local time, with these rules.
    fn at(local: &str, rules: &str) -> Self {
        let relay = Polite::start();
        let home = home_at(&relay);
        settings(&home, rules);
        Self::go_on(home, relay, &local.parse().unwrap())
    }

    fn go_on(home: Home, relay: Polite, now: &Zoned) -> Self {
        let (wall, wall_hand) = Clock::by_hand(now.timestamp().as_second());
        let (up, up_hand) = Clock::by_hand(1_000);
        let clocks = Clocks::of(wall, up, now.time_zone().clone());
        let agent = Resident::with(&home, "unix:path=/nonexistent", Log::default(), clocks);
        Self { home, relay, agent, wall: wall_hand, up: up_hand }
    }

    /// Time passes, awake or asleep.
    fn pass(&self, seconds: i64) -> usize {
        self.up.fetch_add(seconds, SeqCst);
        self.set_clock(seconds)
    }

    /// Somebody sets the wall clock. Gives how often the relay was called because of it.
    fn set_clock(&self, by: i64) -> usize {
        self.wall.fetch_add(by, SeqCst);
        // The loop looks at its clocks when anything happens. What is due then begins before a second thing is heard.
        let mut calls = 0;
        for _ in 0..3 {
            order(&self.home, &Order::Status).unwrap();
            wait(|| {
                (order(&self.home, &Order::Status).unwrap()["link"] != "calling").then_some(())
            });
            calls += std::iter::from_fn(|| self.relay.seen.try_recv().ok()).count();
        }
        calls
    }

    /// When it calls next, by the local clock.
    fn next(&self, zone: &str) -> String {
        let status = order(&self.home, &Order::Status).unwrap();
        let at: Timestamp = status["next_call"].as_str().unwrap().parse().unwrap();
        let at = at.to_zoned(TimeZone::get(zone).unwrap());
        at.strftime("%d %H:%M %:z").to_string()
    }

    fn end(self) -> (Home, Polite) {
        self.agent.end().unwrap();
        (self.home, self.relay)
    }
}

const HOURLY: &str = "[[connect]]\ncron = \"0 * * * *\"\n";

#[test]
fn the_clock_jumps_and_there_is_no_storm_and_no_hour_without_its_call() {
    for jump in [HOUR, YEAR, -HOUR, -YEAR] {
        let timed = Timed::at("2026-11-22T08:10:00[Europe/Berlin]", HOURLY);
        assert_eq!(timed.pass(49 * 60), 0);
        assert_eq!(timed.pass(60), 1);
        assert_eq!(timed.pass(600), 0);
        assert_eq!(timed.set_clock(jump), usize::from(0 < jump), "{jump}");
        assert_eq!(timed.pass(49 * 60), 0, "{jump}");
        for hour in 0..3 {
            assert_eq!(timed.pass(60), 1, "{jump}, hour {hour}");
            assert_eq!(timed.pass(59 * 60), 0, "{jump}, hour {hour}");
        }
        timed.end();
    }
}

#[test]
fn eight_hours_of_sleep_are_one_call() {
    let timed = Timed::at("2026-11-22T22:10:00[Europe/Berlin]", HOURLY);
    assert_eq!(timed.pass(8 * HOUR), 1);
    assert_eq!(timed.next("Europe/Berlin"), "23 07:00 +01:00");
    assert_eq!(timed.pass(49 * 60), 0);
    assert_eq!(timed.pass(60), 1);
    timed.end();
}

#[test]
fn seconds_are_counted_on_whatever_the_clock_shows() {
    let timed = Timed::at("2026-11-22T08:00:00[Europe/Berlin]", "[[connect]]\nevery = \"1h\"\n");
    assert_eq!(timed.pass(0), 1, "at once");
    for jump in [HOUR, YEAR, -YEAR, -HOUR] {
        assert_eq!(timed.set_clock(jump), 0, "{jump}");
        assert_eq!(timed.pass(HOUR - 1), 0, "{jump}");
        assert_eq!(timed.pass(1), 1, "{jump}");
    }
    timed.end();
}

#[test]
fn a_call_that_only_asks_or_takes_what_was_picked_stands_in_for_no_rule() {
    let timed = Timed::at("2026-11-22T08:00:00[Europe/Berlin]", "[[connect]]\nevery = \"1h\"\n");
    assert_eq!(timed.pass(0), 1, "at once");
    assert_eq!(timed.pass(HOUR - 1), 0);
    assert_eq!(timed.home.one(&["sync", "--dry-run", "--ask"])["asked"], true);
    timed.relay.next();
    assert_eq!(timed.pass(1), 1, "its own time has come all the same");
    timed.end();
}

#[test]
fn daylight_saving_loses_no_daily_call_and_makes_none_twice() {
    let daily = "[[connect]]\ncron = \"30 2 * * *\"\n";
    let zone = "Europe/Berlin";
    let spring = Timed::at("2026-03-29T01:50:00[Europe/Berlin]", daily);
    assert_eq!(spring.next(zone), "29 03:00 +02:00", "right after the hour that is left out");
    assert_eq!((spring.pass(9 * 60), spring.pass(60)), (0, 1));
    assert_eq!(spring.next(zone), "30 02:30 +02:00");
    spring.end();
    let autumn = Timed::at("2026-10-25T02:29:00[Europe/Berlin]", daily);
    assert_eq!(autumn.pass(60), 1, "half past two, for the first time");
    assert_eq!(autumn.pass(HOUR), 0, "and for the second");
    assert_eq!(autumn.next(zone), "26 02:30 +01:00");
    assert_eq!(autumn.pass(24 * HOUR), 1);
    autumn.end();
}

#[test]
fn quarter_hours_go_on_in_the_hour_that_comes_twice_and_after_the_one_that_is_left_out() {
    let often = "[[connect]]\ncron = \"*/15 * * * *\"\n";
    for (begin, quarters) in
        [("2026-10-25T01:50:00[Europe/Berlin]", 12), ("2026-03-29T01:50:00[Europe/Berlin]", 8)]
    {
        let timed = Timed::at(begin, often);
        timed.pass(9 * 60);
        for quarter in 0..quarters {
            assert_eq!(timed.pass(60), 1, "{begin}, {quarter}");
            assert_eq!(timed.pass(14 * 60), 0, "{begin}, {quarter}");
        }
        timed.end();
    }
}

#[test]
fn every_counts_from_the_last_visit_also_over_a_restart_of_the_agent() {
    let begin = "2026-11-22T08:00:00[Europe/Berlin]";
    let timed = Timed::at(begin, "[[connect]]\nevery = \"1h\"\n");
    assert_eq!(timed.pass(0), 1, "at once");
    let (home, relay) = timed.end();
    let later: Zoned = "2026-11-22T08:20:00[Europe/Berlin]".parse().unwrap();
    let timed = Timed::go_on(home, relay, &later);
    assert_eq!(timed.pass(0), 0, "not with every start");
    assert_eq!(timed.next("Europe/Berlin"), "22 09:00 +01:00");
    assert_eq!((timed.pass(39 * 60), timed.pass(60)), (0, 1));
    let (home, relay) = timed.end();
    let (before, long_after) =
        ("2026-11-21T08:00:00[Europe/Berlin]", "2026-11-23T08:00:00[Europe/Berlin]");
    let timed = Timed::go_on(home, relay, &before.parse().unwrap());
    assert_eq!(timed.pass(0), 1, "a clock that was set back says nothing of the last visit");
    let (home, relay) = timed.end();
    let timed = Timed::go_on(home, relay, &long_after.parse().unwrap());
    assert_eq!(timed.pass(0), 1, "its time is over");
    timed.end();
}

#[test]
fn every_does_not_count_from_a_visit_that_came_to_nothing() {
    let home = Home::of("ann");
    home.run(&["sync"]);
    let relay = Polite::start();
    let file = home.path().join("account.toml");
    let account = Account::load(&file).unwrap().unwrap();
    Account { relay: relay.url.clone(), ..account }.save(&file).unwrap();
    settings(&home, "[[connect]]\nevery = \"1h\"\n");
    let timed = Timed::go_on(home, relay, &Zoned::now());
    assert_eq!(timed.pass(0), 1);
    timed.end();
}

#[test]
fn a_line_that_nobody_answers_is_dialled_ever_more_seldom() {
    // Nobody is at the relay of this home.
    let home = Home::of("ann");
    settings(&home, "[[connect]]\nlive = true\n");
    let timed = Timed::go_on(home, Polite::start(), &Zoned::now());
    let mut waits = Vec::new();
    for _ in 0..5 {
        let status = wait(|| {
            let status = order(&timed.home, &Order::Status).unwrap();
            (status["link"] == "down").then_some(status)
        });
        let next: Timestamp = status["next_call"].as_str().unwrap().parse().unwrap();
        let seconds = next.as_second() - timed.wall.load(SeqCst);
        waits.push(seconds);
        timed.up.fetch_add(seconds, SeqCst);
        timed.wall.fetch_add(seconds, SeqCst);
        // What is due begins behind this, and before the next is heard.
        order(&timed.home, &Order::Status).unwrap();
    }
    assert!(waits[0] <= 10 && 80 <= waits[4] && waits[4] <= 160, "{waits:?}");
    timed.end();
}
