//! Quotas of links: what may go over one in a month, what is left, and what the user is told of it.
//!
//! A quota counts bytes of IP packets, as providers do. A visit is given what is left less what its headers may take
//! ([`Quota::room`]), so it never passes it.

use config::agent::{BUDGET_LEAST, Link};
use jiff::{ToSpan, civil::Date, tz::TimeZone};
use serde::Serialize;

use crate::{
    cli::out::{bytes, span},
    link::room_within,
    store::{Cause, Lift, Notice, Reader, StoreError, Told, rfc3339},
};

/// Percent of a quota at which the user is told.
const TOLD_AT: [u8; 3] = [75, 95, 100];

/// A month of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its first second since 1970.
    pub begins: i64,
    /// The first second of the next.
    pub ends: i64,
}

impl Period {
    /// The period in which `now` (seconds since 1970) lies: from midnight in `zone` on `reset_day` (1 to 31), or on the
    /// last day of a month that is shorter.
    #[must_use]
    pub fn at(now: i64, reset_day: u8, zone: &TimeZone) -> Self {
        let today = rfc3339(now).to_zoned(zone.clone()).date();
        let this = reset_in(today, reset_day);
        let month = |months: i32| {
            let first = today.first_of_month().saturating_add(months.months());
            reset_in(first, reset_day)
        };
        let (begins, ends) = if this <= today { (this, month(1)) } else { (month(-1), this) };
        Self { begins: midnight(begins, zone), ends: midnight(ends, zone) }
    }
}

/// The day in the month of `date` on which a quota begins anew.
fn reset_in(date: Date, reset_day: u8) -> Date {
    let last = date.days_in_month();
    let day = i8::try_from(reset_day).unwrap_or(i8::MAX).clamp(1, last);
    date.first_of_month().saturating_add(i64::from(day - 1).days())
}

/// The first second of a day; where there is no midnight, the first after it.
pub(crate) fn midnight(date: Date, zone: &TimeZone) -> i64 {
    let midnight = date.to_zoned(zone.clone()).map(|zoned| zoned.timestamp().as_second());
    // Only at the ends of the calendar.
    midnight.unwrap_or(i64::MAX)
}

/// A link's quota as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The profile's name.
    pub link: String,
    /// Bytes a month, as the settings have it.
    pub bytes: u64,
    /// Bytes of IP packets that were used in this period.
    pub used: u64,
    /// What the user lifted it by.
    pub lift: Option<Lift>,
    /// This month.
    pub period: Period,
}

/// A quota for scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuotaRow {
    /// The profile's name.
    pub link: String,
    /// Bytes a month.
    pub quota: u64,
    /// Bytes of IP packets that were used.
    pub used: u64,
    /// Bytes that are left; none where it was lifted until it begins anew.
    pub left: Option<u64>,
    /// Whether calls over this link are refused.
    pub stopped: bool,
    /// Whether the user lifted it, in whole or in part.
    pub lifted: bool,
    /// When it begins anew.
    pub resets: String,
}

impl Quota {
    /// The quota of `profile` at `now`; `None` where it has none.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn of(
        profile: &Link,
        reader: &Reader,
        now: i64,
        zone: &TimeZone,
    ) -> Result<Option<Self>, StoreError> {
        let Some(quota) = profile.quota else { return Ok(None) };
        let period = Period::at(now, profile.quota_reset_day, zone);
        Ok(Some(Self {
            link: profile.name.clone(),
            bytes: quota.bytes(),
            used: reader.used(&profile.name, period.begins, period.ends)?,
            lift: reader.quota_lift(&profile.name, period.begins)?,
            period,
        }))
    }

    /// Those of all profiles that have one.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn all(
        profiles: &[Link],
        reader: &Reader,
        now: i64,
        zone: &TimeZone,
    ) -> Result<Vec<Self>, StoreError> {
        let each = profiles.iter().map(|profile| Self::of(profile, reader, now, zone));
        each.filter_map(Result::transpose).collect()
    }

    /// Bytes that may be used in this period; `None` without a limit.
    #[must_use]
    pub fn allowed(&self) -> Option<u64> {
        match self.lift {
            None => Some(self.bytes),
            Some(Lift::By(more)) => Some(self.bytes.saturating_add(more)),
            Some(Lift::All) => None,
        }
    }

    /// Bytes of IP packets that are left; `None` without a limit.
    #[must_use]
    pub fn left(&self) -> Option<u64> {
        self.allowed().map(|allowed| allowed.saturating_sub(self.used))
    }

    /// Bytes at the socket that a visit may move, so that it does not pass the quota whatever its segments are; `None`
    /// without a limit.
    #[must_use]
    pub fn room(&self) -> Option<u64> {
        self.left().map(room_within)
    }

    /// Whether calls are refused: no visit fits into what is left.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.room().is_some_and(|room| room < BUDGET_LEAST.bytes())
    }

    /// Percent of what may be used that were; 0 where there is no limit.
    #[must_use]
    pub fn percent(&self) -> u64 {
        match self.allowed() {
            None | Some(0) => 0,
            Some(allowed) => {
                let percent = u128::from(self.used) * 100 / u128::from(allowed);
                u64::try_from(percent).unwrap_or(u64::MAX)
            }
        }
    }

    /// The highest mark that was reached, if there is something to tell; the last where calls are refused.
    #[must_use]
    pub fn mark(&self) -> Option<u8> {
        let percent = if self.is_stopped() { 100 } else { self.percent() };
        TOLD_AT.into_iter().rev().find(|mark| u64::from(*mark) <= percent)
    }

    /// How it stands: `412.0 MiB of 500.0 MiB used (82 %), begins anew Tue 1 Dec (in 9 d)`; where calls are refused also
    /// what is left.
    #[must_use]
    pub fn words(&self, now: i64, zone: &TimeZone) -> String {
        let resets = rfc3339(self.period.ends).to_zoned(zone.clone()).strftime("%a %-d %b");
        let wait = span(self.period.ends.saturating_sub(now).max(0).unsigned_abs());
        let left = self.left().filter(|left| *left != 0 && self.is_stopped());
        let left = left.map_or(String::new(), |left| {
            format!(", the {} that are left are too few for a visit", bytes(left))
        });
        let used = match self.allowed() {
            Some(allowed) => {
                let (used, allowed) = (bytes(self.used), bytes(allowed));
                format!("{used} of {allowed} used ({} %){left}", self.percent())
            }
            None => format!("{} used of {}, which you lifted", bytes(self.used), bytes(self.bytes)),
        };
        format!("{used}, begins anew {resets} (in {wait})")
    }

    /// What the user is told when a mark is reached.
    #[must_use]
    pub fn notice(&self, now: i64, zone: &TimeZone) -> String {
        let (link, words) = (&self.link, self.words(now, zone));
        match self.is_stopped() {
            true => format!(
                "The quota of the link {link} is used up: {words}. Until then no call goes over it; what waits stays \
                here. Lift it with: mailboat usage --lift-quota {link}"
            ),
            false => format!("The quota of the link {link}: {words}. At 100 % calls over it stop."),
        }
    }

    /// The same as a value.
    #[must_use]
    pub fn notice_value(&self) -> Notice {
        Notice::Quota {
            link: self.link.clone(),
            used: self.used,
            allowed: self.allowed(),
            left: self.left().unwrap_or_default(),
            stopped: self.is_stopped(),
            resets: self.period.ends,
        }
    }

    /// Why a call is refused.
    #[must_use]
    pub fn refusal(&self, now: i64, zone: &TimeZone) -> Told {
        let (link, words) = (&self.link, self.words(now, zone));
        let said = format!(
            "the quota of the link {link} is used up: {words}. Lift it with: mailboat usage --lift-quota {link}"
        );
        let cause = Cause::QuotaUsedUp {
            link: link.clone(),
            used: self.used,
            allowed: self.allowed().unwrap_or(self.bytes),
            left: self.left().unwrap_or_default(),
            resets: self.period.ends,
        };
        Told::new(said, cause)
    }

    /// For scripts.
    #[must_use]
    pub fn row(&self) -> QuotaRow {
        QuotaRow {
            link: self.link.clone(),
            quota: self.bytes,
            used: self.used,
            left: self.left(),
            stopped: self.is_stopped(),
            lifted: self.lift.is_some(),
            resets: rfc3339(self.period.ends).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(text: &str, zone: &TimeZone) -> i64 {
        let local: jiff::civil::DateTime = text.parse().unwrap();
        local.to_zoned(zone.clone()).unwrap().timestamp().as_second()
    }

    fn quota(bytes: u64, used: u64, lift: Option<Lift>) -> Quota {
        let period = Period { begins: 0, ends: 30 * 86_400 };
        Quota { link: "stick".to_owned(), bytes, used, lift, period }
    }

    #[test]
    fn a_month_begins_on_its_day_or_the_last_of_a_shorter_month_at_local_midnight() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        for (now, day, begins, ends) in [
            ("2026-11-22T12:00", 1, "2026-11-01T00:00", "2026-12-01T00:00"),
            ("2026-11-22T12:00", 22, "2026-11-22T00:00", "2026-12-22T00:00"),
            ("2026-11-22T00:00", 22, "2026-11-22T00:00", "2026-12-22T00:00"),
            ("2026-11-21T23:59", 22, "2026-10-22T00:00", "2026-11-22T00:00"),
            ("2026-02-27T12:00", 31, "2026-01-31T00:00", "2026-02-28T00:00"),
            ("2026-02-28T00:00", 31, "2026-02-28T00:00", "2026-03-31T00:00"),
            ("2026-03-30T12:00", 31, "2026-02-28T00:00", "2026-03-31T00:00"),
            ("2028-02-29T09:00", 30, "2028-02-29T00:00", "2028-03-30T00:00"),
            ("2026-04-30T12:00", 31, "2026-04-30T00:00", "2026-05-31T00:00"),
            ("2026-01-01T00:00", 15, "2025-12-15T00:00", "2026-01-15T00:00"),
        ] {
            let period = Period::at(second(now, &zone), day, &zone);
            let expected = Period { begins: second(begins, &zone), ends: second(ends, &zone) };
            assert_eq!(period, expected, "{now}, day {day}");
        }
    }

    #[test]
    fn periods_follow_each_other_without_a_gap_also_over_daylight_saving() {
        for name in ["Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "UTC"] {
            let zone = TimeZone::get(name).unwrap();
            for day in [1, 15, 28, 29, 30, 31] {
                let mut period = Period::at(1_483_228_800, day, &zone);
                for _ in 0..48 {
                    let next = Period::at(period.ends, day, &zone);
                    assert_eq!(next.begins, period.ends, "{name}, day {day}");
                    assert_eq!(
                        Period::at(period.ends - 1, day, &zone),
                        period,
                        "{name}, day {day}"
                    );
                    let days = (period.ends - period.begins + 3_600) / 86_400;
                    assert!((28..=31).contains(&days), "{name}, day {day}: {days} days");
                    period = next;
                }
            }
        }
    }

    #[test]
    fn a_quota_warns_at_75_and_95_percent_and_stops_where_no_visit_fits() {
        const MIB: u64 = 1 << 20;
        for (used, mark, stopped) in [
            (0, None, false),
            (74 * MIB, None, false),
            (75 * MIB, Some(75), false),
            (95 * MIB, Some(95), false),
            (100 * MIB - 24_576, Some(95), false),
            (100 * MIB - 22_000, Some(100), true),
            (200 * MIB, Some(100), true),
        ] {
            let quota = quota(100 * MIB, used, None);
            assert_eq!((quota.mark(), quota.is_stopped()), (mark, stopped), "{used}");
        }
    }

    #[test]
    fn a_quota_that_was_lifted_stops_later_or_not_at_all() {
        let more = quota(1 << 20, 1 << 20, Some(Lift::By(1 << 20)));
        assert_eq!((more.left(), more.is_stopped(), more.percent()), (Some(1 << 20), false, 50));
        let all = quota(1 << 20, 5 << 20, Some(Lift::All));
        assert_eq!((all.room(), all.is_stopped(), all.mark()), (None, false, None));
        assert!(all.words(0, &TimeZone::UTC).contains("lifted"));
    }

    #[test]
    fn the_words_say_what_is_used_when_it_begins_anew_and_what_to_do() {
        let words = quota(500 << 20, 412 << 20, None).words(21 * 86_400, &TimeZone::UTC);
        assert_eq!(words, "412.0 MiB of 500.0 MiB used (82 %), begins anew Sat 31 Jan (in 9 d)");
        let least = config::agent::QUOTA_LEAST.bytes();
        assert!(!quota(least, 0, None).is_stopped(), "the settings allow no less");
        let little = quota(least, 10 << 10, None).words(21 * 86_400, &TimeZone::UTC);
        assert_eq!(
            little,
            "10.0 KiB of 24.0 KiB used (41 %), the 14.0 KiB that are left are too few for a visit, begins anew Sat 31 Jan (in 9 d)"
        );
        let refusal = quota(1 << 20, 1 << 20, None).refusal(0, &TimeZone::UTC);
        assert!(refusal.words.contains("mailboat usage --lift-quota stick"), "{refusal:?}");
    }
}
