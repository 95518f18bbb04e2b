//! The units and the autostart entry that are installed: they name commands that there are.

use clap::Parser;

use super::args::{Cli, Command};

const AGENT: &str = include_str!("../../../../config/systemd/mailboat.service");
const SYNC: &str = include_str!("../../../../config/systemd/mailboat-sync.service");
const TIMER: &str = include_str!("../../../../config/systemd/mailboat-sync.timer");
const ENTRY: &str = include_str!("../../../../config/desktop/mailboat-agent.desktop");

/// The values of `key`, in order; the text has to be an INI file with sections.
fn values<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter(|line| !(line.starts_with('[') && line.ends_with(']')))
        .filter_map(|line| {
            let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
            (name == key).then_some(value)
        })
        .collect()
}

fn command(words: &str) -> Command {
    let parsed = Cli::try_parse_from(words.split(' '));
    parsed.unwrap_or_else(|err| panic!("{words}: {err}")).command
}

#[test]
fn each_unit_starts_a_command_that_there_is() {
    assert!(matches!(command(values(AGENT, "ExecStart")[0]), Command::Agent));
    assert!(matches!(command(values(ENTRY, "Exec")[0]), Command::Agent));
    assert!(matches!(command(values(SYNC, "ExecStart")[0]), Command::Sync { .. }));
    for text in [AGENT, SYNC] {
        assert!(values(text, "ExecStart")[0].starts_with("/usr/bin/mailboat "));
    }
}

#[test]
fn the_units_fit_what_the_programs_do() {
    // The agent says when it is ready, and takes SIGHUP for a reload.
    assert_eq!(values(AGENT, "Type"), ["notify"]);
    assert_eq!(values(AGENT, "ExecReload"), ["/bin/kill -HUP $MAINPID"]);
    assert_eq!(values(SYNC, "Type"), ["oneshot"]);
    assert_eq!(values(SYNC, "SuccessExitStatus"), [crate::control::exit::LATER.to_string()]);
    let hopeless = [crate::control::exit::FAILED, crate::control::exit::USAGE];
    let hopeless = hopeless.map(|code| code.to_string()).join(" ");
    assert_eq!(values(AGENT, "RestartPreventExitStatus"), [hopeless]);
    assert_eq!(values(TIMER, "Persistent"), ["true"]);
}
