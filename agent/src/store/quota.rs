//! What was used of links' quotas, what the user was told of it, and which he lifted.

use rusqlite::params;

use super::{Notice, Reader, Store, StoreError, write::Query};

/// A quota that the user lifted, in one of its periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lift {
    /// There is no limit until the period ends.
    All,
    /// So many bytes may be used beyond it.
    By(u64),
}

/// How [`Lift::All`] is stored.
const NO_LIMIT: i64 = -1;

impl Reader {
    /// Bytes of IP packets that went over `link` from `begins` until before `ends`, in seconds since 1970. A visit that
    /// began before counts by its share of time.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn used(&self, link: &str, begins: i64, ends: i64) -> Result<u64, StoreError> {
        let sum = "SELECT coalesce(sum(ip_up + ip_down), 0) FROM visit
            WHERE link = ?1 AND ?2 <= start_at AND start_at < ?3";
        let over = "SELECT start_at, max(start_at, coalesce(end_at, noted_at, start_at)), ip_up + ip_down FROM visit
            WHERE link = ?1 AND start_at < ?2 AND ?2 < coalesce(end_at, noted_at)";
        self.read(|db| {
            let within: u64 =
                db.first(sum, params![link, begins, ends], |row| row.get(0))?.unwrap_or_default();
            let over = db.all(over, params![link, begins], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
            Ok(over.into_iter().fold(within, |sum, visit| sum.saturating_add(share(visit, begins))))
        })
    }

    /// Whether the user lifted the quota of `link` in the period that began at `begins`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn quota_lift(&self, link: &str, begins: i64) -> Result<Option<Lift>, StoreError> {
        let sql = "SELECT lifted FROM quota WHERE link = ?1 AND period = ?2";
        let lifted = self.read(|db| db.first(sql, params![link, begins], |row| row.get(0)))?;
        Ok(lifted.flatten().map(|lifted: i64| match lifted {
            NO_LIMIT => Lift::All,
            bytes => Lift::By(bytes.unsigned_abs()),
        }))
    }
}

/// What of a visit (begin, end, bytes) falls behind `begins`.
pub(crate) fn share((start, end, bytes): (i64, i64, u64), begins: i64) -> u64 {
    let (whole, part) = (end.saturating_sub(start), end.saturating_sub(begins));
    if whole <= 0 {
        return 0;
    }
    let part = u128::from(bytes) * u128::from(part.unsigned_abs());
    u64::try_from(part.div_ceil(u128::from(whole.unsigned_abs()))).unwrap_or(u64::MAX)
}

impl Store {
    /// Lifts the quota of `link` for the period that began at `begins`, or sets it again.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn lift_quota(
        &self,
        link: &str,
        begins: i64,
        lift: Option<Lift>,
    ) -> Result<(), StoreError> {
        let lifted = lift.map(|lift| match lift {
            Lift::All => NO_LIMIT,
            Lift::By(bytes) => i64::try_from(bytes).unwrap_or(i64::MAX),
        });
        self.write(|tx| {
            // What was told of the quota as it was is told again of another.
            let sql = "INSERT INTO quota (link, period, lifted) VALUES (?1, ?2, ?3)
                ON CONFLICT (link) DO UPDATE SET told = CASE WHEN period = excluded.period THEN min(told, 95) ELSE 0 END,
                    lifted = excluded.lifted, period = excluded.period";
            tx.run(sql, params![link, begins, lifted])?;
            tx.changed(super::Change::Visit);
            Ok(())
        })
    }

    /// Tells the user `words`, which say `notice`, once in the period that began at `begins`, that `percent` of the quota of `link` are used;
    /// not if he was told of more. Gives whether he was told now.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn tell_of_quota(
        &self,
        link: &str,
        begins: i64,
        percent: u8,
        words: &str,
        notice: &Notice,
    ) -> Result<bool, StoreError> {
        self.write(|tx| {
            let sql = "INSERT INTO quota (link, period, told) VALUES (?1, ?2, ?3)
                ON CONFLICT (link) DO UPDATE SET lifted = CASE WHEN period = excluded.period THEN lifted END,
                    told = excluded.told, period = excluded.period
                WHERE period <> excluded.period OR told < excluded.told";
            if tx.run(sql, params![link, begins, percent])? == 0 {
                return Ok(false);
            }
            tx.notice(None, words, notice)?;
            Ok(true)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_that_began_in_the_period_before_counts_by_its_share_of_time() {
        assert_eq!(share((0, 100, 1_000), 75), 250);
        assert_eq!(share((0, 100, 10), 99), 1, "rounded up");
        assert_eq!(share((5, 5, 10), 5), 0);
    }
}
