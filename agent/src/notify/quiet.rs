//! Quiet hours by the local clock, also where that is set forward or back.

use config::agent::QuietHours;
use jiff::tz::TimeZone;

use crate::store::rfc3339;

/// Longest search for the end of quiet hours, in minutes: two days, and the hour that a change of the clock adds.
const SEARCH_MAX_MIN: i64 = 49 * 60;

/// When the quiet hours end that hold at `now`; `None` outside them. Both in seconds since 1970. Where they never end the
/// search stops after two days.
pub(super) fn quiet_until(hours: &[QuietHours], now: i64, zone: &TimeZone) -> Option<i64> {
    if !is_quiet(hours, now, zone) {
        return None;
    }
    // Minute by minute, because an hour of the local clock may come twice or never.
    let next_minute = now - now.rem_euclid(60) + 60;
    let mut minutes = (0..SEARCH_MAX_MIN).map(|minute| next_minute.saturating_add(minute * 60));
    let end = minutes.find(|at| !is_quiet(hours, *at, zone));
    Some(end.unwrap_or(next_minute.saturating_add(SEARCH_MAX_MIN * 60)))
}

fn is_quiet(hours: &[QuietHours], at: i64, zone: &TimeZone) -> bool {
    if hours.is_empty() {
        return false;
    }
    let local = rfc3339(at).to_zoned(zone.clone());
    let minute =
        u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
    hours.iter().any(|hours| hours.holds(minute))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn night() -> Vec<QuietHours> {
        vec!["22:00-07:00".parse().unwrap()]
    }

    fn at(written: &str) -> i64 {
        written.parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn quiet_hours_end_in_the_morning_also_from_the_evening_before() {
        let utc = TimeZone::UTC;
        assert_eq!(quiet_until(&night(), at("2026-03-01T21:59:59Z"), &utc), None);
        for now in ["2026-03-01T22:00:00Z", "2026-03-02T06:59:59Z"] {
            assert_eq!(quiet_until(&night(), at(now), &utc), Some(at("2026-03-02T07:00:00Z")));
        }
        assert_eq!(quiet_until(&[], at("2026-03-01T23:00:00Z"), &utc), None);
    }

    #[test]
    fn hours_that_touch_are_one() {
        let hours = ["22:00-02:00", "01:00-07:30"].map(|hours| hours.parse().unwrap());
        let end = quiet_until(&hours, at("2026-03-01T23:00:00Z"), &TimeZone::UTC);
        assert_eq!(end, Some(at("2026-03-02T07:30:00Z")));
        let always = ["00:00-12:00", "12:00-24:00"].map(|hours| hours.parse().unwrap());
        let now = at("2026-03-01T23:00:00Z");
        assert!(quiet_until(&always, now, &TimeZone::UTC).is_some_and(|end| now < end));
    }

    #[test]
    fn a_change_of_the_clock_moves_the_end_with_it() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        // In the night to 29 March 2026 an hour is left out, in the one to 25 October it comes twice.
        let spring = quiet_until(&night(), at("2026-03-28T22:00:00Z"), &berlin);
        assert_eq!(spring, Some(at("2026-03-29T05:00:00Z")));
        let autumn = quiet_until(&night(), at("2026-10-24T22:00:00Z"), &berlin);
        assert_eq!(autumn, Some(at("2026-10-25T06:00:00Z")));
        // 02:30 comes twice: quiet until it has come for the second time.
        let short = ["22:00-02:30".parse().unwrap()];
        let end = quiet_until(&short, at("2026-10-25T01:10:00Z"), &berlin);
        assert_eq!(end, Some(at("2026-10-25T01:30:00Z")));
    }
}
