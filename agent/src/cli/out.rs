//! What is printed: rows for a person or for a script, notes, hints.

use std::io::{self, Write};

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use crate::{account::Attempt, control::Failure};

/// Where to print, and how.
pub(crate) struct Out<'a> {
    pub(crate) out: &'a mut dyn Write,
    pub(crate) err: &'a mut dyn Write,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) color: bool,
    /// The terminal that errors go to is one.
    pub(crate) now: Timestamp,
    pub(crate) zone: TimeZone,
}

impl Out<'_> {
    /// One object on a line, for a script. Each is flushed: who reads along sees it at once.
    pub(crate) fn object(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let line = serde_json::to_string(value).map_err(|err| Failure::chain("internal", &err))?;
        written(writeln!(self.out, "{line}").and_then(|()| self.out.flush()))
    }

    /// A line for a person, part of what was asked for.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        written(writeln!(self.out, "{}", line.trim_end()).and_then(|()| self.out.flush()))
    }

    /// Text with its own line ends, for another program.
    pub(crate) fn raw(&mut self, text: &str) -> Result<(), Failure> {
        written(self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()))
    }

    /// A question, whose answer is typed behind it.
    pub(crate) fn ask(&mut self, question: &str) -> Result<(), Failure> {
        written(write!(self.out, "{question}").and_then(|()| self.out.flush()))
    }

    /// A confirmation or hint for a person; nothing with `--json` or `--quiet`.
    pub(crate) fn note(&mut self, line: &str) -> Result<(), Failure> {
        if self.json || self.quiet { Ok(()) } else { self.line(line) }
    }

    /// A call that begins, on standard error: every one for a window that waits, only what took more than one for a person.
    pub(crate) fn attempt(&mut self, begun: &Attempt) {
        let Attempt { attempt, of, .. } = begun;
        // Where nobody listens nobody is kept waiting for nothing.
        let _ = if self.json {
            writeln!(self.err, "{}", serde_json::json!({ "progress": begun }))
        } else if self.quiet || *attempt == 1 {
            Ok(())
        } else {
            writeln!(self.err, "no answer; calling again ({attempt} of {of})")
        };
    }

    /// Rows under headings, aligned. Nothing but the headings is bold, and that only on a terminal.
    pub(crate) fn table<const N: usize>(
        &mut self,
        heads: [&str; N],
        rows: &[[String; N]],
    ) -> Result<(), Failure> {
        let widest = |column: usize| {
            let cells = rows.iter().map(|row| width(&row[column]));
            cells.chain([width(heads[column])]).max().unwrap_or_default()
        };
        let widths: [usize; N] = std::array::from_fn(widest);
        if !self.quiet {
            let head = aligned(&heads.map(str::to_owned), &widths);
            let head = self.bold(&head);
            self.line(&head)?;
        }
        for row in rows {
            let row = aligned(row, &widths);
            self.line(&row)?;
        }
        Ok(())
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        if self.color { format!("\x1b[1m{}\x1b[0m", text.trim_end()) } else { text.to_owned() }
    }

    /// A time as people say it: how long ago, and the local clock.
    pub(crate) fn when(&self, seconds: i64) -> String {
        when(seconds, self.now.as_second(), &self.zone)
    }
}

/// A reader that went away (`| head`) is no failure.
fn written(result: io::Result<()>) -> Result<(), Failure> {
    result.map_err(|err| match err.kind() {
        io::ErrorKind::BrokenPipe => Failure { exit: 0, ..Failure::new("broken_pipe", "") },
        _ => Failure::chain("output", &err),
    })
}

fn aligned<const N: usize>(cells: &[String; N], widths: &[usize; N]) -> String {
    let mut line = String::new();
    for (cell, widest) in cells.iter().zip(widths) {
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', widest - width(cell) + 2));
    }
    line
}

/// Columns of a terminal that a text takes, nearly: East Asian characters take two.
fn width(text: &str) -> usize {
    let wide = |c: char| {
        matches!(u32::from(c), 0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF
            | 0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x1F300..=0x1FAFF | 0x20000..=0x3FFFD)
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

/// Text that others wrote, without what a terminal would obey. Line breaks stay where `lines` says so.
pub(crate) fn safe(text: &str, lines: bool) -> String {
    let shown = |c: char| match c {
        '\n' if lines => '\n',
        '\n' | '\t' | '\r' => ' ',
        c if c.is_control() => '\u{fffd}',
        // Marks that reverse the rest of a line.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

/// The begin of a text, on one line.
pub(crate) fn brief(text: &str, chars: usize) -> String {
    let text = safe(text, false);
    if text.chars().count() <= chars {
        return text;
    }
    let cut: String = text.chars().take(chars - 1).collect();
    format!("{}…", cut.trim_end())
}

/// `3 min ago (14:05)`, `in 12 min (14:20)`, `yesterday 14:05`, `Mon 3 Nov 14:05`, `3 Nov 2025`.
pub(crate) fn when(seconds: i64, now: i64, zone: &TimeZone) -> String {
    let local = |seconds: i64| crate::store::rfc3339(seconds).to_zoned(zone.clone());
    let (then, today) = (local(seconds), local(now));
    let clock = then.strftime("%H:%M");
    let days = then.date().since(today.date()).map_or(i32::MAX, |span| span.get_days());
    match (now.saturating_sub(seconds), days) {
        (-30..=30, _) => format!("now ({clock})"),
        (ago @ 31..=43_200, _) => format!("{} ago ({clock})", span(ago.unsigned_abs())),
        (ago @ -43_200..=-31, _) => format!("in {} ({clock})", span(ago.unsigned_abs())),
        (_, 0) => format!("today {clock}"),
        (_, -1) => format!("yesterday {clock}"),
        (_, 1) => format!("tomorrow {clock}"),
        _ if then.year() == today.year() => then.strftime("%a %-d %b %H:%M").to_string(),
        _ => then.strftime("%-d %b %Y").to_string(),
    }
}

/// `18:30–18:57`, `tomorrow 06:00–06:30`, `Mon 3 Nov 22:00 – Tue 4 Nov 07:30`; one time where both are the same.
pub(crate) fn interval(from: i64, to: i64, now: i64, zone: &TimeZone) -> String {
    let local = |seconds: i64| crate::store::rfc3339(seconds).to_zoned(zone.clone());
    let today = local(now).date();
    let clock = |seconds: i64| local(seconds).strftime("%H:%M").to_string();
    let day = |seconds: i64| {
        let date = local(seconds).date();
        match date.since(today).map_or(i32::MAX, |span| span.get_days()) {
            0 => String::new(),
            1 => "tomorrow ".to_owned(),
            -1 => "yesterday ".to_owned(),
            _ if date.year() == today.year() => date.strftime("%a %-d %b ").to_string(),
            _ => date.strftime("%-d %b %Y ").to_string(),
        }
    };
    let (first, last) = (day(from), day(to));
    match (clock(from) == clock(to), first == last) {
        (true, true) => format!("{first}{}", clock(from)),
        (_, true) => format!("{first}{}\u{2013}{}", clock(from), clock(to)),
        _ if last.is_empty() => format!("{first}{} \u{2013} today {}", clock(from), clock(to)),
        _ => format!("{first}{} \u{2013} {last}{}", clock(from), clock(to)),
    }
}

/// `45 s`, `3 min`, `2 h 5 min`, `4 d 2 h`.
pub(crate) fn span(seconds: u64) -> String {
    let two = |large: u64, small: u64, names: (&str, &str)| match small {
        0 => format!("{large} {}", names.0),
        _ => format!("{large} {} {small} {}", names.0, names.1),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => two(seconds / 3_600, seconds % 3_600 / 60, ("h", "min")),
        _ => two(seconds / 86_400, seconds % 86_400 / 3_600, ("d", "h")),
    }
}

/// `812 B`, `6.4 KiB`, `1.2 MiB`, `50.9 GiB`.
pub(crate) fn bytes(count: u64) -> String {
    let tenths = |unit: u64, name: &str| {
        let tenths = (u128::from(count) * 10 + u128::from(unit) / 2) / u128::from(unit);
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    };
    match count {
        0..1_024 => format!("{count} B"),
        1_024..1_048_576 => tenths(1_024, "KiB"),
        1_048_576..1_073_741_824 => tenths(1_048_576, "MiB"),
        _ => tenths(1_073_741_824, "GiB"),
    }
}

/// `1 message`, `3 messages`.
pub(crate) fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_people_say_them() {
        let now = "2026-11-12T14:00:00Z".parse::<Timestamp>().unwrap().as_second();
        for (offset, said) in [
            (-10, "now (13:59)"),
            (-180, "3 min ago (13:57)"),
            (-7_500, "2 h 5 min ago (11:55)"),
            (-50_000, "today 00:06"),
            (-86_400, "yesterday 14:00"),
            (-9 * 86_400, "Tue 3 Nov 14:00"),
            (-400 * 86_400, "8 Oct 2025"),
            (720, "in 12 min (14:12)"),
            (86_400, "tomorrow 14:00"),
        ] {
            assert_eq!(when(now + offset, now, &TimeZone::UTC), said);
        }
        // Clocks that are off by all there is do not stop the show.
        when(i64::MIN, now, &TimeZone::UTC);
        when(i64::MAX, now, &TimeZone::UTC);
    }

    #[test]
    fn intervals_name_no_more_than_they_need() {
        let now = "2026-11-12T14:00:00Z".parse::<Timestamp>().unwrap().as_second();
        let said = |from: i64, to: i64| interval(now + from, now + to, now, &TimeZone::UTC);
        assert_eq!(said(0, 1_620), "14:00\u{2013}14:27");
        assert_eq!(said(60, 60), "14:01");
        assert_eq!(said(57_600, 59_400), "tomorrow 06:00\u{2013}06:30");
        assert_eq!(said(0, 57_600), "14:00 \u{2013} tomorrow 06:00");
        assert_eq!(said(-86_400, 0), "yesterday 14:00 \u{2013} today 14:00");
        assert_eq!(said(3 * 86_400, 4 * 86_400), "Sun 15 Nov 14:00 \u{2013} Mon 16 Nov 14:00");
    }

    #[test]
    fn what_others_wrote_cannot_command_the_terminal() {
        assert_eq!(safe("a\x1b[2J\u{202e}b\nc", true), "a\u{fffd}[2J\u{fffd}b\nc");
        assert_eq!(brief("one\ntwo three", 8), "one two…");
    }

    #[test]
    fn bytes_and_spans_are_short() {
        assert_eq!([bytes(812), bytes(6_554), bytes(1_258_291)], ["812 B", "6.4 KiB", "1.2 MiB"]);
        assert_eq!(
            [span(59), span(180), span(7_200), span(90_000)],
            ["59 s", "3 min", "2 h", "1 d 1 h"]
        );
        assert_eq!([count(1, "message"), count(0, "message")], ["1 message", "0 messages"]);
    }

    #[test]
    fn columns_line_up_also_with_wide_characters() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut printer = Out {
            out: &mut out,
            err: &mut err,
            json: false,
            quiet: false,
            color: false,
            now: Timestamp::UNIX_EPOCH,
            zone: TimeZone::UTC,
        };
        let rows = [["日本".to_owned(), "x".to_owned()], ["a".to_owned(), "y".to_owned()]];
        printer.table(["name", "is"], &rows).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "name  is\n日本  x\na     y\n");
    }
}
