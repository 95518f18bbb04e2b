//! The lines that the benchmarks send: 100 towards the laptop, 20 from it.

use std::{fs, path::Path};

use anyhow::{Context, ensure};

/// What is sent unless a file is named; it is no part of the primer.
static OWN: &str = include_str!("../../wire/primer/eval/english.txt");

/// Lines towards the laptop.
pub(crate) const DOWN_LINES: usize = 100;
/// Lines from the laptop.
pub(crate) const UP_LINES: usize = 20;

/// The lines.
#[derive(Clone, Debug)]
pub(crate) struct Corpus {
    pub(crate) down: Vec<String>,
    pub(crate) up: Vec<String>,
}

impl Corpus {
    /// Reads the lines of a file; those of the tree where none is named.
    pub(crate) fn read(file: Option<&Path>) -> anyhow::Result<Self> {
        let text = match file {
            Some(file) => {
                fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?
            }
            None => OWN.to_owned(),
        };
        let lines: Vec<String> =
            text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        let needed = DOWN_LINES + UP_LINES;
        ensure!(needed <= lines.len(), "the corpus has {} lines, {needed} are needed", lines.len());
        let (down, rest) = lines.split_at(DOWN_LINES);
        Ok(Self { down: down.to_vec(), up: rest[..UP_LINES].to_vec() })
    }
}

/// Bytes of bare lines, without line ends.
pub(crate) fn bytes(lines: &[String]) -> usize {
    lines.iter().map(String::len).sum()
}
