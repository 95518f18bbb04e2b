//! Until when something is to be delivered, as people write it.

use config::Span;
use jiff::{Timestamp, ToSpan, Zoned, civil, tz::TimeZone};

/// A time after `now` from `18:30` (the next one), `2026-11-24 18:30`, RFC 3339, or a length of time: `3h`.
///
/// # Errors
/// In words, when it is none of these or lies behind.
pub(super) fn parse(written: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let written = written.trim();
    let at = span(written, now)
        .or_else(|| written.parse::<Timestamp>().ok())
        .or_else(|| clock(written, now, zone))
        .or_else(|| Some(written.parse::<civil::DateTime>().ok()?.to_zoned(zone.clone()).ok()?.timestamp()))
        .ok_or_else(|| {
            format!("{written:?} is no time: write 18:30, \"2026-11-24 18:30\" or a length of time such as 3h")
        })?;
    if at <= now { Err(format!("{written} is over already")) } else { Ok(at) }
}

fn span(written: &str, now: Timestamp) -> Option<Timestamp> {
    let seconds = i64::try_from(written.parse::<Span>().ok()?.seconds()).ok()?;
    Timestamp::from_second(now.as_second().checked_add(seconds)?).ok()
}

/// The next time at which the local clock shows this.
fn clock(written: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let (hour, minute) = written.split_once(':')?;
    let is_digits = |part: &str| part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(hour) || !is_digits(minute) {
        return None;
    }
    let time = civil::Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()?;
    let today = now.to_zoned(zone.clone()).date();
    let at =
        |date: civil::Date| -> Option<Zoned> { date.to_datetime(time).to_zoned(zone.clone()).ok() };
    let first = at(today)?.timestamp();
    if now < first { Some(first) } else { Some(at(today.checked_add(1.day()).ok()?)?.timestamp()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now: Timestamp = "2026-11-22T19:00:00Z".parse().unwrap(); // 20:00 there
        for (written, is) in [
            ("20:30", "2026-11-22T19:30:00Z"),
            ("6:05", "2026-11-23T05:05:00Z"),
            ("20:00", "2026-11-23T19:00:00Z"),
            ("2026-11-24 18:30", "2026-11-24T17:30:00Z"),
            ("2026-11-24T18:30", "2026-11-24T17:30:00Z"),
            ("2026-11-24T18:30:00Z", "2026-11-24T18:30:00Z"),
            ("3h", "2026-11-22T22:00:00Z"),
            ("1d12h", "2026-11-24T07:00:00Z"),
        ] {
            assert_eq!(parse(written, now, &zone), Ok(is.parse().unwrap()), "{written}");
        }
        for wrong in ["", "soon", "25:00", "18:60", ":", "2026-13-01 10:00", "-3h"] {
            assert!(parse(wrong, now, &zone).unwrap_err().contains("no time"), "{wrong}");
        }
        for over in ["2026-11-22 19:00", "2020-01-01T00:00:00Z", "0s"] {
            assert!(parse(over, now, &zone).unwrap_err().contains("over"), "{over}");
        }
    }
}
