//! Money, sizes that people type, and spans that are told in one unit so that they seldom change.

use config::Price;

use super::Words;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

impl Words {
    /// An amount of money as people there write it: `0.04 €`, `12.35 CHF`; what is less than a hundredth of the unit
    /// is rounded up to it, for prices here say what something costs at most.
    #[must_use]
    pub fn money(&self, price: Price, currency: &str) -> String {
        let hundredths = price.millionths().div_ceil(10_000);
        let sign = match currency {
            "EUR" => "€",
            "USD" => "$",
            "GBP" => "£",
            other => other,
        };
        format!("{}{}{:02} {sign}", hundredths / 100, self.point(), hundredths % 100)
    }

    /// How long ago, in the largest unit that there is one of: `3 min ago`, `3 h ago`, `4 d ago`.
    #[must_use]
    pub fn ago(&self, at: i64, now: i64) -> String {
        let past = now.saturating_sub(at);
        match past {
            ..MINUTE => self.say("just-now"),
            _ => {
                let unit = unit_of(past);
                self.tell("ago", &[("span", self.span((past / unit * unit).unsigned_abs()).into())])
            }
        }
    }
}

fn unit_of(past: i64) -> i64 {
    match past {
        ..HOUR => MINUTE,
        HOUR..DAY => HOUR,
        _ => DAY,
    }
}

/// When [`Words::ago`] says something else than now, in seconds since 1970.
#[must_use]
pub fn ago_changes_at(at: i64, now: i64) -> i64 {
    let past = now.saturating_sub(at);
    if past < MINUTE {
        return at.saturating_add(MINUTE);
    }
    let unit = unit_of(past);
    at.saturating_add((past / unit + 1).saturating_mul(unit))
}

/// A size as people type it, in bytes: `20 KB`, `1.5 MB`, `1,5mb`, `64 KiB`, `900`.
#[must_use]
pub fn bytes_of(written: &str) -> Option<u64> {
    let written = written.trim();
    let end = written
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
        .unwrap_or(written.len());
    let (number, unit) = written.split_at(end);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    let (whole, part) = number.split_once(['.', ',']).unwrap_or((number, ""));
    if whole.is_empty() || 6 < part.len() || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let parts = part.parse::<u64>().unwrap_or_default().checked_mul(unit)?;
    whole.checked_add(parts / 10_u64.pow(u32::try_from(part.len()).ok()?))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn money_is_written_with_two_digits_and_never_as_nothing_where_it_costs() {
        let (en, de) = (Words::of("en", TimeZone::UTC), Words::of("de", TimeZone::UTC));
        for (millionths, currency, said) in [
            (40_000, "EUR", "0.04 €"),
            (1, "EUR", "0.01 €"),
            (0, "USD", "0.00 $"),
            (12_345_678, "CHF", "12.35 CHF"),
        ] {
            assert_eq!(en.money(Price::from_millionths(millionths), currency), said);
        }
        assert_eq!(de.money(Price::from_millionths(1_500_000), "GBP"), "1,50 £");
    }

    #[test]
    fn what_was_long_ago_is_told_in_one_unit_and_changes_when_it_says() {
        let en = Words::of("en", TimeZone::UTC);
        let now = 1_795_000_000;
        for (past, said) in [
            (0, "just now"),
            (59, "just now"),
            (60, "1 min ago"),
            (3599, "59 min ago"),
            (3 * HOUR + 300, "3 h ago"),
            (50 * HOUR, "2 d ago"),
        ] {
            assert_eq!(en.ago(now - past, now), said);
            let change = ago_changes_at(now - past, now);
            assert_eq!(en.ago(now - past, change - 1), said, "{past}");
            assert_ne!(en.ago(now - past, change), said, "{past}");
        }
        // A clock that went backwards, and the ends of time.
        assert_eq!(en.ago(now + 500, now), "just now");
        assert!(now < ago_changes_at(now + 500, now));
        let _ = (en.ago(i64::MIN, i64::MAX), ago_changes_at(i64::MIN, i64::MAX));
    }

    #[test]
    fn sizes_are_read_as_people_type_them() {
        for (written, bytes) in [
            ("20 KB", Some(20_000)),
            (" 1.5 mb ", Some(1_500_000)),
            ("1,5MB", Some(1_500_000)),
            ("64 KiB", Some(65_536)),
            ("900", Some(900)),
            ("", None),
            ("KB", None),
            ("1.2.3 KB", None),
            ("-5 KB", None),
            ("20 apples", None),
            ("99999999999999999999", None),
            ("99999999999 GB", None),
        ] {
            assert_eq!(bytes_of(written), bytes, "{written}");
        }
    }
}
