//! Simulated months: people who call in their ways, and what one agent can know of it.

mod month;
mod people;

use jiff::tz::TimeZone;

use super::*;

const DAY_S: i64 = 86_400;
/// A Monday, midnight UTC.
const BEGIN: i64 = 1_800_230_400;

fn called(habit: &mut Habit, at: i64, next_call: Option<i64>) {
    let news = News { seen: Some(at), holds: false, next_call };
    habit.observe(news, Some(at - 60), at + 60, &TimeZone::UTC);
}

fn arrival(habit: &Habit, leaves: i64) -> Option<Arrival> {
    habit.arrival(leaves, Sight::default(), &TimeZone::UTC)
}

#[test]
fn of_somebody_who_was_never_heard_of_nothing_is_said() {
    let mut habit = Habit::default();
    assert_eq!(arrival(&habit, BEGIN), None);
    called(&mut habit, BEGIN, None);
    assert_eq!(arrival(&habit, BEGIN + 60), None, "one call is no habit");
}

#[test]
fn who_holds_the_line_has_it_at_once() {
    let habit = Habit::default();
    let sight = Sight { holds_at: Some(BEGIN), waits: None };
    let at = |leaves| habit.arrival(leaves, sight, &TimeZone::UTC);
    assert_eq!(at(BEGIN + 10), Some(Arrival { from: BEGIN + 10, to: BEGIN + 130 }));
    assert_eq!(at(BEGIN + 301), None, "old news is no news");
}

#[test]
fn an_announced_call_is_believed_until_it_was_missed() {
    let mut habit = Habit::default();
    let next = BEGIN + 12 * 3_600;
    called(&mut habit, BEGIN, Some(next));
    let expected = Arrival { from: next - 900, to: next + 720 };
    assert_eq!(arrival(&habit, BEGIN + 3_600), Some(expected));
    // A week in which nothing comes of it: they call at midnight, not at noon.
    for day in 1..8 {
        let at = BEGIN + day * DAY_S;
        let news = News { seen: Some(at), holds: false, next_call: Some(at + 12 * 3_600) };
        habit.observe(news, Some(at - 60), at + 60, &TimeZone::UTC);
    }
    let next = BEGIN + 7 * DAY_S + 12 * 3_600;
    let wider = arrival(&habit, next - 3_600).unwrap();
    assert!(next + 720 < wider.to, "{wider:?}");
}

#[test]
fn who_misses_a_call_that_they_announced_and_mostly_keep_may_be_away() {
    let mut habit = Habit::default();
    // At noon, of ten announced calls nine.
    for day in (0..=60).filter(|day| day % 10 != 9) {
        let noon = BEGIN + day * DAY_S + DAY_S / 2;
        called(&mut habit, noon, Some(noon + DAY_S));
    }
    habit.outside = 0.015;
    let noon = BEGIN + 61 * DAY_S + DAY_S / 2;
    let arrival = arrival(&habit, noon - 3_600).unwrap();
    assert!(noon + DAY_S + 3_600 < arrival.to, "also the day after: {arrival:?}");
}

#[test]
fn who_announces_a_call_and_always_comes_at_another_time_is_expected_then() {
    // At midnight, announcing noon; and at six, announcing noon.
    for (hour, next, late_s) in [(0, 12, 3_600), (6, 36, 7 * 3_600)] {
        let mut habit = Habit::default();
        for day in 0..64 {
            let begin = BEGIN + day * DAY_S;
            called(&mut habit, begin + hour * 3_600, Some(begin + next * 3_600));
        }
        let call = BEGIN + 64 * DAY_S + hour * 3_600;
        let arrival = arrival(&habit, call - DAY_S + 3_600).unwrap();
        assert!(arrival.from <= call && call <= arrival.to, "{hour}: {arrival:?}");
        assert!(arrival.to <= call + late_s, "{hour}: {arrival:?}");
    }
}

#[test]
fn announced_calls_of_long_ago_count_for_less_than_those_that_were_missed_of_late() {
    let mut habit = Habit::default();
    let (mut at, half) = (BEGIN, DAY_S / 2);
    for wait in [[half; 300].as_slice(), &[half + 6 * 3_600; 4]].concat() {
        called(&mut habit, at, Some(at + half));
        at += wait;
    }
    called(&mut habit, at, Some(at + half));
    let arrival = arrival(&habit, at + 3_600).unwrap();
    assert!(at + half + 720 < arrival.to, "it is not sure any more: {arrival:?}");
}

#[test]
fn who_calls_before_the_call_that_they_announced_may_be_met_then() {
    let mut habit = Habit::default();
    for day in 0..10 {
        let six = BEGIN + day * DAY_S + 6 * 3_600;
        called(&mut habit, six, Some(six + DAY_S + 6 * 3_600));
    }
    let six = BEGIN + 10 * DAY_S + 6 * 3_600;
    let arrival = arrival(&habit, six - 6 * 3_600).unwrap();
    assert!(arrival.from <= six && six + 6 * 3_600 <= arrival.to, "{arrival:?}");
}

/// So many days of calls at this hour, of which each evening's visit tells.
fn daily(habit: &mut Habit, begin: i64, days: i64, hour: i64) -> i64 {
    for day in 0..days {
        called(habit, begin + day * DAY_S + hour * 3_600 + 300, None);
        habit.observe(News::default(), None, begin + (day + 1) * DAY_S, &TimeZone::UTC);
    }
    begin + days * DAY_S
}

#[test]
fn a_long_silence_is_an_outage_and_no_habit() {
    let mut habit = Habit::default();
    let mut day = daily(&mut habit, BEGIN, 21, 6);
    for _ in 0..10 {
        day += DAY_S;
        habit.observe(News::default(), None, day, &TimeZone::UTC);
    }
    let day = daily(&mut habit, day, 1, 6);
    let arrival = arrival(&habit, day).unwrap();
    assert!(arrival.to <= day + DAY_S + 7 * 3_600, "it may happen again, no more: {arrival:?}");
}

#[test]
fn who_calls_at_another_time_from_now_on_is_expected_then_however_sure_the_old_one_was() {
    for before in [10, 40, 200] {
        let mut habit = Habit::default();
        let day = daily(&mut habit, BEGIN, before, 6);
        let day = daily(&mut habit, day, 60, 18);
        let arrival = arrival(&habit, day).unwrap();
        assert!(day + 18 * 3_600 + 305 <= arrival.to, "{before} days before: {arrival:?}");
    }
}

#[test]
fn what_was_usual_long_ago_is_forgotten() {
    let mut habit = Habit::default();
    let day = daily(&mut habit, BEGIN, 203, 6);
    let day = daily(&mut habit, day, 140, 18);
    assert_eq!(arrival(&habit, day).unwrap().to, day + 18 * 3_600 + 1_800 + 120);
}

#[test]
fn a_call_that_is_still_to_come_by_our_clock_hides_no_later_one() {
    let mut habit = Habit::default();
    let news = News { seen: Some(BEGIN + 30 * DAY_S), ..News::default() };
    habit.observe(news, None, BEGIN, &TimeZone::UTC);
    assert_eq!(habit.seen(), Some(BEGIN));
    called(&mut habit, BEGIN + DAY_S, None);
    assert_eq!(habit.seen(), Some(BEGIN + DAY_S));
}

#[test]
fn who_calls_at_the_same_time_every_day_is_expected_then() {
    let mut habit = Habit::default();
    for day in 0..21 {
        called(&mut habit, BEGIN + day * DAY_S + 6 * 3_600 + 300, None);
        habit.observe(News::default(), None, BEGIN + (day + 1) * DAY_S, &TimeZone::UTC);
    }
    let day = BEGIN + 21 * DAY_S;
    let arrival = arrival(&habit, day).unwrap();
    assert!(day + 5 * 3_600 <= arrival.from && arrival.from <= day + 6 * 3_600, "{arrival:?}");
    assert_eq!(arrival.to, day + 6 * 3_600 + 1_800 + 120);
}

#[test]
fn after_a_miss_intervals_are_wider_and_then_narrower_again() {
    let mut habit = Habit::default();
    let before = habit.outside;
    habit.judge(false);
    let missed = habit.outside;
    (0..40).for_each(|_| habit.judge(true));
    assert!(missed < before && missed < habit.outside);
    assert_eq!(habit.tally(), Tally { inside: 40, total: 41 });
}

#[test]
fn a_receipt_alone_teaches_when_somebody_calls() {
    let mut habit = Habit::default();
    for day in 0..28 {
        // Relayed at noon; the evening's visit finds it delivered, the one at six had not.
        let noon = BEGIN + day * DAY_S + 12 * 3_600;
        habit.delivered(noon, noon + 6 * 3_600, noon + 7 * 3_600, &TimeZone::UTC);
    }
    let noon = BEGIN + 28 * DAY_S + 12 * 3_600;
    let arrival = arrival(&habit, noon).unwrap();
    assert!(noon + 5 * 3_600 <= arrival.from && arrival.to <= noon + 8 * 3_600, "{arrival:?}");
}

#[test]
fn clocks_that_show_anything_break_nothing() {
    let mut habit = Habit::default();
    for now in [i64::MIN, -1, 0, BEGIN, BEGIN - 400 * DAY_S, i64::MAX] {
        for seen in [None, Some(i64::MIN), Some(BEGIN), Some(i64::MAX)] {
            let news = News { seen, holds: true, next_call: seen };
            habit.observe(news, seen, now, &TimeZone::UTC);
            habit.delivered(now, seen.unwrap_or(0), now, &TimeZone::UTC);
            let _ = habit.arrival(
                now,
                Sight { holds_at: seen, waits: seen.zip(Some(now)) },
                &TimeZone::UTC,
            );
        }
    }
}

#[test]
fn the_more_own_calls_fail_the_more_of_them_a_message_may_need() {
    let needed = |inside, total| calls_needed(Tally { inside, total });
    assert_eq!([needed(0, 0), needed(100, 100), needed(90, 100), needed(50, 100)], [1, 1, 2, 4]);
    assert_eq!(needed(0, 1_000), 4);
}

#[test]
fn of_several_people_the_last_one_counts() {
    let (early, late) = (Arrival { from: 10, to: 20 }, Arrival { from: 15, to: 18 });
    assert_eq!(early.and(late), Arrival { from: 15, to: 20 });
    assert_eq!(late.and(early), early.and(late));
    assert!(early.met(12, 13) && early.met(0, 10) && !early.met(21, 30) && !early.met(0, 9));
}
