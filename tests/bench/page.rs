//! The page that is printed: one line a figure, `value | goal | best peer | ratio`, aligned.

use std::{
    cell::Cell,
    io::{self, Write},
    thread,
};

use crate::bench::corpus::{self, Corpus};

/// Widths of the columns, in characters.
const WHAT: usize = 52;
const VALUE: usize = 13;
const GOAL: usize = 19;
const PEER: usize = 27;

/// The page; it goes to standard output line by line.
#[derive(Debug)]
pub(crate) struct Page {
    out: io::Stdout,
    missed: Cell<usize>,
    met: Cell<usize>,
}

/// What a figure should come to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

/// One figure.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    what: String,
    value: f64,
    unit: &'static str,
    goal: Option<Goal>,
    peer: Option<(String, f64)>,
}

impl Row {
    /// A figure in `unit`, which stands behind every number of the row.
    pub(crate) fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value, unit, goal: None, peer: None }
    }

    /// A count, in bytes or otherwise.
    pub(crate) fn count(what: impl Into<String>, value: u64, unit: &'static str) -> Self {
        // No figure of a benchmark comes near 2^52.
        #[expect(clippy::cast_precision_loss, reason = "counts are small")]
        Self::new(what, value as f64, unit)
    }

    pub(crate) fn at_most(self, goal: f64) -> Self {
        Self { goal: Some(Goal::AtMost(goal)), ..self }
    }

    pub(crate) fn at_least(self, goal: f64) -> Self {
        Self { goal: Some(Goal::AtLeast(goal)), ..self }
    }

    /// What it is compared with: the best peer, or whatever else `name` says.
    pub(crate) fn beside(self, name: impl Into<String>, value: f64) -> Self {
        Self { peer: Some((name.into(), value)), ..self }
    }

    fn met(&self) -> Option<bool> {
        self.goal.map(|goal| match goal {
            Goal::AtMost(most) => self.value <= most,
            Goal::AtLeast(least) => least <= self.value,
        })
    }

    fn goal_text(&self) -> String {
        let Some(goal) = self.goal else { return String::new() };
        let sign_and_number = match goal {
            Goal::AtMost(most) => format!("≤ {}", number(most)),
            Goal::AtLeast(least) => format!("≥ {}", number(least)),
        };
        let verdict = if self.met() == Some(true) { "met" } else { "MISSED" };
        format!("{sign_and_number} {verdict}")
    }
}

impl Page {
    /// Prints the head of the page.
    pub(crate) fn begin(corpus: &Corpus) -> Self {
        let cores = thread::available_parallelism().map_or(0, usize::from);
        let build =
            if cfg!(debug_assertions) { "DEBUG build: no rate counts" } else { "release build" };
        let page = Self { out: io::stdout(), missed: Cell::new(0), met: Cell::new(0) };
        page.note(&format!("Mailboat bench: {cores} cores, {}, {build}", std::env::consts::OS));
        page.note(&format!(
            "Corpus: {} lines to the laptop, {} B; {} from it, {} B",
            corpus.down.len(),
            number(corpus::bytes(&corpus.down) as f64),
            corpus.up.len(),
            number(corpus::bytes(&corpus.up) as f64),
        ));
        page
    }

    /// Begins a section.
    pub(crate) fn section(&self, title: &str) {
        self.note(&format!(
            "\n{title:<WHAT$} {:>VALUE$}  {:<GOAL$} {:<PEER$} {:>6}",
            "value", "goal", "beside", "ratio"
        ));
    }

    /// Prints a figure.
    pub(crate) fn row(&self, row: &Row) {
        match row.met() {
            Some(true) => self.met.set(self.met.get() + 1),
            Some(false) => self.missed.set(self.missed.get() + 1),
            None => {}
        }
        let value = format!("{} {}", number(row.value), row.unit);
        let (peer, ratio) = match &row.peer {
            Some((name, amount)) => {
                (format!("{name} {}", number(*amount)), format!("{:.2}", row.value / amount))
            }
            None => (String::new(), String::new()),
        };
        let line = format!(
            "{:<WHAT$} {value:>VALUE$}  {:<GOAL$} {peer:<PEER$} {ratio:>6}",
            row.what,
            row.goal_text()
        );
        self.note(line.trim_end());
    }

    /// Prints a remark.
    pub(crate) fn note(&self, words: &str) {
        // Who closed the other end does not want to read on.
        let _ = writeln!(&self.out, "{words}");
    }

    /// Prints how many goals were met.
    pub(crate) fn end(&self) {
        let (met, missed) = (self.met.get(), self.missed.get());
        let others = if missed > 0 { ", the others MISSED" } else { "" };
        self.note(&format!("\n{met} of {} goals met{others}", met + missed));
    }
}

/// A number with thousands separated, and decimals where they matter.
fn number(value: f64) -> String {
    if value.fract() != 0.0 && value.abs() < 100.0 {
        let decimals = if value.abs() < 10.0 { 2 } else { 1 };
        return format!("{value:.decimals$}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
