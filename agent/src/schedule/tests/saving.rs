//! Days on which the clocks change, in zones that do it differently.

use super::*;

/// The local times at which a rule calls between two local times.
fn calls(from: &str, to: &str, written: &str) -> Vec<String> {
    let mut bench = Bench::at(from, &[cron(written)]);
    let zone = bench.zone.clone();
    let visits = bench.live(wall(to) - wall(from));
    let local = |at: &i64| {
        let at = jiff::Timestamp::from_second(*at).unwrap().to_zoned(zone.clone());
        at.strftime("%d %H:%M %:z").to_string()
    };
    visits.iter().map(local).collect()
}

#[test]
fn in_berlin_the_hour_that_is_left_out_loses_no_daily_call() {
    let day = ("2026-03-28T12:00:00[Europe/Berlin]", "2026-03-30T12:00:00[Europe/Berlin]");
    let daily = calls(day.0, day.1, "30 2 * * *");
    assert_eq!(daily, ["29 03:00 +02:00", "30 02:30 +02:00"]);
    let hourly = calls(
        "2026-03-29T00:30:00[Europe/Berlin]",
        "2026-03-29T04:30:00[Europe/Berlin]",
        "0 * * * *",
    );
    assert_eq!(hourly, ["29 01:00 +01:00", "29 03:00 +02:00", "29 04:00 +02:00"]);
}

#[test]
fn in_berlin_the_hour_that_comes_twice_has_one_daily_call_and_all_frequent_ones() {
    let day = ("2026-10-24T12:00:00[Europe/Berlin]", "2026-10-26T12:00:00[Europe/Berlin]");
    assert_eq!(calls(day.0, day.1, "30 2 * * *"), ["25 02:30 +02:00", "26 02:30 +01:00"]);
    let often = calls(
        "2026-10-25T01:45:00[Europe/Berlin]",
        "2026-10-25T03:15:00[Europe/Berlin]",
        "*/30 * * * *",
    );
    let expected = [
        "25 02:00 +02:00",
        "25 02:30 +02:00",
        "25 02:00 +01:00",
        "25 02:30 +01:00",
        "25 03:00 +01:00",
    ];
    assert_eq!(often, expected);
}

#[test]
fn in_new_york_both_changes_keep_every_call() {
    let spring = ("2026-03-07T12:00:00[America/New_York]", "2026-03-09T12:00:00[America/New_York]");
    assert_eq!(calls(spring.0, spring.1, "15 2 * * *"), ["08 03:00 -04:00", "09 02:15 -04:00"]);
    let autumn = ("2026-10-31T12:00:00[America/New_York]", "2026-11-02T12:00:00[America/New_York]");
    assert_eq!(calls(autumn.0, autumn.1, "15 1 * * *"), ["01 01:15 -04:00", "02 01:15 -05:00"]);
}

#[test]
fn on_lord_howe_the_clock_moves_by_half_an_hour() {
    let spring =
        ("2026-10-03T12:00:00[Australia/Lord_Howe]", "2026-10-05T12:00:00[Australia/Lord_Howe]");
    assert_eq!(calls(spring.0, spring.1, "10 2 * * *"), ["04 02:30 +11:00", "05 02:10 +11:00"]);
    let autumn =
        ("2026-04-05T01:10:00[Australia/Lord_Howe]", "2026-04-05T02:40:00[Australia/Lord_Howe]");
    let expected = [
        "05 01:15 +11:00",
        "05 01:30 +11:00",
        "05 01:45 +11:00",
        "05 01:30 +10:30",
        "05 01:45 +10:30",
        "05 02:00 +10:30",
        "05 02:15 +10:30",
        "05 02:30 +10:30",
    ];
    assert_eq!(calls(autumn.0, autumn.1, "*/15 * * * *"), expected);
}

#[test]
fn sleeping_through_a_change_is_made_up_for_once() {
    for (from, slept) in
        [("2026-03-29T01:00:00[Europe/Berlin]", 7), ("2026-10-25T01:00:00[Europe/Berlin]", 9)]
    {
        let mut bench = Bench::at(from, &[cron("30 2 * * *")]);
        bench.pass(slept * 3_600);
        assert_eq!(bench.live(3_600).len(), 1, "{from}");
    }
}
