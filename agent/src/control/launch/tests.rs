//! With programs that only say what the real ones would; `tests/first_run.rs` runs those.

use std::os::unix::fs::PermissionsExt;

use config::AgentPaths;

use super::*;
use crate::control::exit;

/// A script in a folder of its own, and the folder.
fn script(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("program");
    // Written by a process of its own: a file that this one has open for writing while it forks cannot be started.
    let wrote = std::process::Command::new("sh")
        .args(["-c", "printf '%s' \"$1\" > \"$2\"", "sh", &format!("#!/bin/sh\n{text}\n")])
        .arg(&path)
        .status();
    assert!(wrote.unwrap().success());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    (dir, path)
}

fn entry(how: EntryBy) -> Entry {
    let (relay, name) = ("https://relay.example".to_owned(), "-ann".to_owned());
    Entry { relay, name, how, ca: Some("/ca.pem".into()), key: Some(KEY.parse().unwrap()) }
}

const KEY: &str = "abcd-efgh-2345-ijkl-mnop-qrst-uvwx-yz67";

#[tokio::test]
async fn the_password_is_no_argument_and_names_are_no_flags() {
    let (dir, program) = script(
        "echo \"$@\" > \"$(dirname \"$0\")/args\"; read password; \
         echo '{\"progress\":{\"attempt\":2,\"of\":4,\"because\":\"link_cut\"}}' >&2; echo 'a line of the log' >&2; \
         echo \"{\\\"account\\\":\\\"$password@r\\\",\\\"name\\\":\\\"ann\\\",\\\"relay\\\":\\\"r\\\",\\\"device\\\":7}\"",
    );
    let launcher = Launcher::of(program, Some(Path::new("/home dir")), None);
    let mut attempts = Vec::new();
    let password = Secret::new("secret");
    for (how, args) in [
        (
            EntryBy::Invite(" code\n".to_owned()),
            "--home /home dir --json join --password-stdin --name -ann --ca /ca.pem --fingerprint abcd-efgh-2345-ijkl-mnop-qrst-uvwx-yz67 -- https://relay.example code",
        ),
        (
            EntryBy::Account { since: Some(Span::from_days(7)) },
            "--home /home dir --json login --password-stdin --since 7d --ca /ca.pem --fingerprint abcd-efgh-2345-ijkl-mnop-qrst-uvwx-yz67 -- https://relay.example -ann",
        ),
    ] {
        let entered = launcher.enter(&entry(how), &password, |begun| attempts.push(begun)).await;
        assert_eq!(entered.unwrap().account, "secret@r");
        assert_eq!(std::fs::read_to_string(dir.path().join("args")).unwrap().trim(), args);
    }
    let again = Attempt { attempt: 2, of: 4, because: Some("link_cut".to_owned()) };
    assert_eq!(attempts, [again.clone(), again]);
}

#[tokio::test]
async fn the_programs_failure_comes_with_its_code() {
    let (_dir, program) = script(
        "echo '{\"error\":{\"words\":\"taken\",\"code\":\"name_taken\",\"exit\":1}}' >&2; exit 1",
    );
    let launcher = Launcher::of(program, None, None);
    let how = EntryBy::Account { since: None };
    let failure = launcher.enter(&entry(how.clone()), &Secret::new("x"), |_| {}).await.unwrap_err();
    assert_eq!((failure.code.as_str(), failure.exit), ("name_taken", exit::FAILED));
    let nowhere = Launcher::of("/nowhere/mailboat".into(), None, None);
    let failure = nowhere.enter(&entry(how.clone()), &Secret::new("x"), |_| {}).await.unwrap_err();
    assert_eq!(failure.code, "no_program");
    let (_dir, silent) = script("exit 3");
    let silent = Launcher::of(silent, None, None);
    let failure = silent.enter(&entry(how), &Secret::new("x"), |_| {}).await.unwrap_err();
    assert!(failure.code == "program" && failure.words.contains('3'), "{failure}");
}

#[tokio::test]
async fn an_agent_that_ends_at_once_says_why_and_one_that_is_ready_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let paths = AgentPaths::new(Some(home.path()), &Env::default()).unwrap();
    let (_dir, program) = script(
        "echo 'a line of the log' >&2; echo '{\"error\":{\"words\":\"who?\",\"code\":\"not_logged_in\",\"exit\":1}}' >&2; exit 1",
    );
    let launcher = Launcher::of(program, None, None);
    let failure = launcher.start_agent(&paths).await.unwrap_err();
    assert_eq!(failure.code, "not_logged_in");
    let log = home.path().join("agent.log");
    assert!(!config::private::others_can_read(&log).unwrap());
    let (_dir, program) = script("echo '{\"event\":\"ready\"}'");
    let launcher = Launcher::of(program, None, None);
    assert_eq!(launcher.start_agent(&paths).await.unwrap(), Started::Process);
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "", "the log is of this start");
}

#[tokio::test]
async fn the_users_service_is_started_where_it_is_installed() {
    let home = tempfile::tempdir().unwrap();
    let paths = AgentPaths::new(Some(home.path()), &Env::default()).unwrap();
    for (state, starts, expected) in [
        ("loaded", "exit 0", Ok(Started::Service)),
        ("loaded", "echo no bus >&2; exit 1", Err("service")),
        ("not-found", "exit 1", Ok(Started::Process)),
    ] {
        let (_dir, systemctl) = script(&format!(
            "case $2 in show) echo {state};; start) test $3 = mailboat.service && {starts};; esac"
        ));
        let (_dir2, program) = script("echo '{\"event\":\"ready\"}'");
        let launcher = Launcher { systemctl: Some(systemctl), ..Launcher::of(program, None, None) };
        let started = launcher.start_agent(&paths).await;
        if let Err(failure) = &started {
            assert!(failure.words.contains("no bus"), "{failure}");
        }
        assert_eq!(
            started.as_ref().map_err(|failure| failure.code.as_str()),
            expected.as_ref().map_err(|code| *code)
        );
    }
}

#[test]
fn the_program_is_called_as_the_window_without_its_gui() {
    for (window, program) in [
        ("/usr/bin/mailboat-gui", Some("/usr/bin/mailboat")),
        ("/x/mailboat-gui-under-test", Some("/x/mailboat-under-test")),
        ("/x/other", None),
    ] {
        assert_eq!(sibling(Path::new(window)), program.map(PathBuf::from));
    }
}
