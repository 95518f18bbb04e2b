//! What the person at the keyboard sees: lines with the time since the beginning, in colour where there is a terminal.

use std::io::IsTerminal;
use std::time::Instant;

/// Standard output, and when the story began.
#[derive(Debug)]
pub(crate) struct Screen {
    began: Instant,
    is_coloured: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let is_coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { began: Instant::now(), is_coloured }
    }

    /// A line of its own.
    #[allow(clippy::unused_self, reason = "everything that is printed goes through the screen")]
    pub(crate) fn say(&self, words: &str) {
        println!("{words}");
    }

    /// A chapter of the story.
    pub(crate) fn chapter(&self, words: &str) {
        println!("\n{}", self.painted("1", words));
    }

    /// Something that somebody did or saw.
    pub(crate) fn person(&self, name: &str, words: &str) {
        let colour = if name == "ann" { "36" } else { "33" };
        self.row(name, &self.painted(colour, words));
    }

    /// Something that the line did, or that it brought word of.
    pub(crate) fn line(&self, name: &str, words: &str) {
        self.row(&format!("{name}'s line"), &self.painted("2", words));
    }

    fn row(&self, who: &str, words: &str) {
        println!("{:6.1} s  {who:>10}  {words}", self.began.elapsed().as_secs_f64());
    }

    fn painted(&self, code: &str, words: &str) -> String {
        if self.is_coloured { format!("\x1b[{code}m{words}\x1b[0m") } else { words.to_owned() }
    }
}
