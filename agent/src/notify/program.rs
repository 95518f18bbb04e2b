//! What a click runs: a program of the user's, without a shell.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;
use tracing::{debug, warn};

use super::card::Place;

/// The window's program.
const WINDOW: &str = "mailboat-gui";

/// Runs `line` (a program and its arguments) with the place in it, and `home` as `MAILBOAT_HOME`. It goes on by itself;
/// how it ends is nobody's business.
pub(super) fn open(line: &[String], place: Place, home: Option<&Path>, token: &str) {
    let arguments = filled(line, place);
    let Some((program, arguments)) = arguments.split_first() else { return };
    let mut command = Command::new(found(program));
    if let Some(home) = home {
        command.env("MAILBOAT_HOME", home);
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Desktops let a program take the focus only where a click of the user stands behind it.
    if !token.is_empty() {
        command.env("XDG_ACTIVATION_TOKEN", token);
    }
    match command.spawn() {
        // The runtime collects it when it has ended.
        Ok(child) => debug!(program, pid = child.id(), "opened"),
        Err(err) => warn!(program, error = %err, "open_program in [notify] could not be run"),
    }
}

/// The window lies beside the agent where both were built or unpacked; there the `PATH` need not know it.
fn found(program: &str) -> OsString {
    let beside = || -> Option<PathBuf> {
        let file = format!("{WINDOW}{}", std::env::consts::EXE_SUFFIX);
        Some(std::env::current_exe().ok()?.with_file_name(file)).filter(|path| path.is_file())
    };
    (program == WINDOW)
        .then(beside)
        .flatten()
        .map_or_else(|| program.into(), PathBuf::into_os_string)
}

/// The placeholders' values; empty where there is none. A value is never more than a part of one argument.
fn filled(line: &[String], place: Place) -> Vec<String> {
    let conversation = place.conversation.map(|id| id.to_string()).unwrap_or_default();
    let message = place.message.map(|id| id.to_string()).unwrap_or_default();
    let fill = |word: &String| {
        word.replace("{conversation}", &conversation).replace("{message}", &message)
    };
    line.iter().map(fill).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_stay_one_argument() {
        let line = ["view", "--open={conversation}/{message}", "{conversation}", "a b"];
        let line = line.map(str::to_owned);
        let place = Place { conversation: "c3".parse().ok(), message: "m12".parse().ok() };
        assert_eq!(filled(&line, place), ["view", "--open=c3/m12", "c3", "a b"]);
        assert_eq!(filled(&line, Place::default()), ["view", "--open=/", "", "a b"]);
    }
}
