//! Bytes, spans and moments as people write them.

use jiff::{Timestamp, Zoned, civil::Date};

use super::Words;

const KILO: u64 = 1000;

impl Words {
    /// Bytes: `812 B`, `39.2 KB`, `1.4 MB` (powers of 1000, as tariffs count).
    #[must_use]
    pub fn bytes(&self, bytes: u64) -> String {
        if bytes < KILO {
            return format!("{bytes} B");
        }
        let mut unit = KILO;
        let mut names = ["KB", "MB", "GB", "TB"].into_iter();
        let mut name = names.next().unwrap_or_default();
        // From half of one below the next unit on it would be written as 1000 of this one.
        while bytes >= unit.saturating_mul(KILO) - unit / 2 {
            let Some(next) = names.next() else { break };
            (unit, name) = (unit.saturating_mul(KILO), next);
        }
        let rounded =
            |parts: u128| (u128::from(bytes) * parts + u128::from(unit) / 2) / u128::from(unit);
        match rounded(10) {
            1000.. => format!("{} {name}", rounded(1)),
            tenths => format!("{}{}{} {name}", tenths / 10, self.point(), tenths % 10),
        }
    }

    /// What stands between whole and part.
    #[must_use]
    pub fn point(&self) -> char {
        if self.tag == "en" { '.' } else { ',' }
    }

    /// A span: `8 s`, `3 min`, `2 h 05 min`, `4 d`.
    #[must_use]
    pub fn span(&self, seconds: u64) -> String {
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
        match seconds {
            0..60 => self.tell("span-seconds", &[("n", seconds.into())]),
            60..3600 => self.tell("span-minutes", &[("n", minutes.into())]),
            3600..86_400 if minutes % 60 == 0 => self.tell("span-hours", &[("n", hours.into())]),
            3600..86_400 => {
                let rest = format!("{:02}", minutes % 60);
                self.tell("span-hours-minutes", &[("h", hours.into()), ("m", rest.into())])
            }
            _ => self.tell("span-days", &[("n", days.into())]),
        }
    }

    fn zoned(&self, at: i64) -> Zoned {
        let (least, most) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let at = Timestamp::from_second(at.clamp(least, most)).unwrap_or_default();
        at.to_zoned(self.zone.clone())
    }

    /// The day that a moment lies in, here.
    #[must_use]
    pub fn date(&self, at: i64) -> Date {
        self.zoned(at).date()
    }

    /// A time of day: `18:30`, or `6:30 PM` where the clock has twelve hours.
    #[must_use]
    pub fn clock(&self, at: i64) -> String {
        let format = if self.has_half_days { "%-I:%M %p" } else { "%H:%M" };
        self.zoned(at).strftime(format).to_string()
    }

    /// A day: `today`, `yesterday`, `Mon 3 Nov`, `3 Nov 2025`.
    #[must_use]
    pub fn day(&self, at: i64, now: i64) -> String {
        let (day, today) = (self.date(at), self.date(now));
        if day == today {
            return self.say("day-today");
        }
        if day.tomorrow().is_ok_and(|next| next == today) {
            return self.say("day-yesterday");
        }
        if today.tomorrow().is_ok_and(|next| next == day) {
            return self.say("day-tomorrow");
        }
        let month = self.say(&format!("month-{}", day.month()));
        let number = day.day().to_string();
        let args = [("day", number.into()), ("month", month.into())];
        if day.year() == today.year() {
            let weekday = self.say(&format!("weekday-{}", day.weekday().to_monday_one_offset()));
            let [day, month] = args;
            return self.tell("day-this-year", &[("weekday", weekday.into()), day, month]);
        }
        let [day_arg, month] = args;
        self.tell("day-other-year", &[day_arg, month, ("year", day.year().to_string().into())])
    }

    /// A moment as short as it can be told from now: the time today, else the day.
    #[must_use]
    pub fn moment(&self, at: i64, now: i64) -> String {
        match self.date(at) == self.date(now) {
            true => self.clock(at),
            false => self.day(at, now),
        }
    }

    /// A moment in full: day and time.
    #[must_use]
    pub fn full(&self, at: i64, now: i64) -> String {
        let args = [("day", self.day(at, now).into()), ("time", self.clock(at).into())];
        self.tell("moment-full", &args)
    }

    /// How long ago: `just now`, `3 min ago`; for a moment to come `in 42 min`.
    #[must_use]
    pub fn relative(&self, at: i64, now: i64) -> String {
        let span = |seconds: i64| self.span(seconds.unsigned_abs());
        match at.saturating_sub(now) {
            -59..=0 => self.say("just-now"),
            past @ ..-59 => self.tell("ago", &[("span", span(past).into())]),
            ahead => self.tell("in", &[("span", span(ahead).into())]),
        }
    }
}
