//! What a command reads and writes: this process's streams, or a test's.

use std::io::{self, IsTerminal, Read, Write};

/// Streams of a command.
pub trait Terminal {
    /// Writes a line of the outcome.
    ///
    /// # Errors
    /// When nobody can read it.
    fn print(&mut self, line: &str) -> io::Result<()>;

    /// Writes what went wrong, as it is.
    fn complain(&mut self, text: &str);

    /// All of standard input.
    ///
    /// # Errors
    /// When it cannot be read, or is not UTF-8.
    fn input(&mut self) -> io::Result<String>;

    /// Asks a person for a secret; `None` where there is nobody.
    ///
    /// # Errors
    /// When the terminal fails.
    fn ask_secret(&mut self, prompt: &str) -> io::Result<Option<String>>;
}

/// The streams of this process.
#[derive(Clone, Copy, Debug)]
pub struct Streams;

impl Terminal for Streams {
    fn print(&mut self, line: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    }

    fn complain(&mut self, text: &str) {
        // There is nowhere left to say that this failed.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    fn input(&mut self) -> io::Result<String> {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text)?;
        Ok(text)
    }

    fn ask_secret(&mut self, prompt: &str) -> io::Result<Option<String>> {
        if !io::stdin().is_terminal() {
            return Ok(None);
        }
        rpassword::prompt_password(prompt).map(Some)
    }
}
