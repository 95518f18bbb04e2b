//! The ledger by days, with the quota that it runs up to: what a chart shows.

use std::collections::BTreeMap;

use config::{Price, agent::Link};
use jiff::{ToSpan, civil::Date};
use serde::Serialize;

use super::{Reader, StoreError, VisitRow, quota::share, rows::rfc3339};
use crate::quota::{Period, Quota, QuotaRow, midnight};

/// A month of the ledger: from the day on which the link's quota begins anew, else from the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Its first second since 1970.
    pub begins: i64,
    /// The first second of the next.
    pub ends: i64,
    /// Every day of it, also those without a visit, also those to come.
    pub days: Vec<DayUse>,
    /// Bytes of IP packets of all days.
    pub bytes: u64,
    /// Money, by currency, of the visits that began in it.
    pub cost: BTreeMap<String, Price>,
    /// The quota, where the link has one.
    pub quota: Option<QuotaRow>,
    /// Bytes that the quota allows in this month, with what it was lifted by; none without a limit.
    pub allowed: Option<u64>,
}

/// A day of the local clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DayUse {
    /// Which.
    pub date: Date,
    /// Its first second since 1970.
    pub begins: i64,
    /// Bytes of IP packets, both directions. A visit over midnight counts on each day by its share of time.
    pub bytes: u64,
}

impl Reader {
    /// What went over `link` (over all links for none) in the month in which `at` lies, in seconds since 1970: this one
    /// with the store's own time. Another month of a link has the quota of now.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn ledger(&self, link: Option<&Link>, at: i64) -> Result<Ledger, StoreError> {
        let quota = match link {
            Some(link) => Quota::of(link, self, at, &self.zone)?,
            None => None,
        };
        let reset_day =
            link.filter(|link| link.quota.is_some()).map_or(1, |link| link.quota_reset_day);
        let Period { begins, ends } = Period::at(at, reset_day, &self.zone);
        let visits = self.visits_within(link.map(|link| &link.name[..]), begins, ends)?;
        let mut days = self.days(begins, ends);
        for visit in &visits {
            spread(visit, &mut days);
        }
        let mut cost: BTreeMap<String, Price> = BTreeMap::new();
        for visit in visits.iter().filter(|visit| begins <= visit.start) {
            if let Some(more) = visit.cost {
                let sum = cost.entry(visit.currency.clone()).or_default();
                *sum = sum.plus(more);
            }
        }
        Ok(Ledger {
            begins,
            ends,
            bytes: days.iter().fold(0, |sum, day| sum.saturating_add(day.bytes)),
            days,
            cost,
            allowed: quota.as_ref().and_then(Quota::allowed),
            quota: quota.as_ref().map(Quota::row),
        })
    }

    fn days(&self, begins: i64, ends: i64) -> Vec<DayUse> {
        let mut date = rfc3339(begins).to_zoned(self.zone.clone()).date();
        let mut days = Vec::with_capacity(31);
        let mut at = begins;
        while at < ends && days.len() < 32 {
            days.push(DayUse { date, begins: at, bytes: 0 });
            date = date.saturating_add(1.day());
            at = midnight(date, &self.zone);
        }
        days
    }
}

/// Counts a visit on its days. What lies before the first of them does not count; what lies behind the last counts on it.
fn spread(visit: &VisitRow, days: &mut [DayUse]) {
    let end = visit.start.max(visit.end.or(visit.noted).unwrap_or(visit.start));
    let bytes = visit.ip_bytes_up.saturating_add(visit.ip_bytes_down);
    let behind = |at: i64| match at {
        at if at <= visit.start => bytes,
        at if end <= at => 0,
        at => share((visit.start, end, bytes), at),
    };
    for day in 0..days.len() {
        let next = days.get(day + 1).map_or(0, |next| behind(next.begins));
        let more = behind(days[day].begins).saturating_sub(next);
        days[day].bytes = days[day].bytes.saturating_add(more);
    }
}
