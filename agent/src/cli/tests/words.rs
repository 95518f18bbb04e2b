//! What commands say to people and to scripts, and how they end.

use super::*;

#[test]
fn without_a_login_every_command_says_what_to_do_first() {
    let home = Home::new();
    for args in [
        &["inbox"][..],
        &["send", "bob", "-m", "hi"],
        &["sync"],
        &["status"],
        &["agent"],
        &["devices"],
    ] {
        let ran = home.run(args);
        assert_eq!(ran.code, exit::FAILED, "{args:?} {ran:?}");
        assert!(ran.err.contains("mailboat login"), "{args:?} {ran:?}");
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "and leaves nothing behind");
}

#[test]
fn mistakes_in_the_command_exit_with_2() {
    let home = Home::of("ann");
    for args in [
        &["dance"][..],
        &["send", "bob"],
        &["sync", "--budget", "1KiB"],
        &["sync", "--budget", "lots"],
        &["delete", "nonsense"],
        &["join", "relay.example", "code", "--name", "ann", "--password-stdin"],
        &["login", "https://relay.example", "ann"],
    ] {
        let ran = home.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (exit::USAGE, ""), "{args:?} {ran:?}");
        assert!(!ran.err.is_empty());
    }
}

#[test]
fn a_typo_in_the_settings_is_named_with_the_nearest_key() {
    let home = Home::of("ann");
    std::fs::write(home.path().join("agent.toml"), "[sync]\nbugdet = \"50 KiB\"\n").unwrap();
    let ran = home.run(&["sync"]);
    assert_eq!(ran.code, exit::FAILED);
    assert!(ran.err.contains("line 2") && ran.err.contains("\"budget\""), "{ran:?}");
    assert_eq!(home.run(&["outbox", "--json"]).code, exit::FAILED, "there is no store yet");
    let line = home.run(&["doctor", "--json"]);
    assert!(line.out.lines().next().unwrap().contains("\"fail\""), "{line:?}");
}

#[test]
fn a_file_of_settings_that_was_named_has_to_be_there_whatever_the_command() {
    let home = Home::of("ann");
    home.one(&["chat", "bob"]);
    let absent = home.path().join("absent.toml");
    let absent = absent.to_str().unwrap();
    let env: Env = [("MAILBOAT_CONFIG", absent)].into_iter().collect();
    for args in [
        &["status"][..],
        &["inbox"],
        &["outbox"],
        &["search", "x"],
        &["members"],
        &["conversations"],
        &["usage"],
        &["send", "bob", "-m", "hi"],
        &["watch"],
        &["devices"],
        &["sync"],
    ] {
        let by_flag = home.run(&[&["--config", absent], args].concat());
        let by_variable = home.run_with(args, "", &env);
        for ran in [by_flag, by_variable] {
            assert_eq!((ran.code, ran.out.as_str()), (exit::FAILED, ""), "{args:?} {ran:?}");
            assert!(ran.err.contains("absent.toml"), "{args:?} {ran:?}");
        }
    }
    let ran = home.run(&["--config", absent, "doctor"]);
    assert!(ran.out.contains("FAIL  config"), "the doctor names it and looks on: {ran:?}");
    assert_eq!(home.run(&["--config", absent, "completions", "bash"]).code, exit::DONE);
}

#[test]
fn the_status_has_what_scripts_rely_on() {
    let home = Home::of("ann");
    home.one(&["chat", "bob"]);
    let status = home.one(&["status"]);
    for key in [
        "account",
        "relay",
        "agent",
        "link",
        "next_call",
        "waiting_here",
        "waiting_there",
        "requests",
        "last_visit",
    ] {
        assert!(status.get(key).is_some(), "{key}: {status}");
    }
    assert_eq!((&status["agent"], &status["waiting_here"]), (&false.into(), &1.into()));
}

#[test]
fn tables_hints_and_quiet_are_for_people() {
    let home = Home::of("ann");
    let ran = home.run(&["chat", "bob"]);
    assert!(ran.out.contains("mailboat sync") && !ran.out.contains('\x1b'), "{ran:?}");
    assert_eq!(home.run(&["-q", "send", "bob", "-m", "hi"]).out, "");
    assert!(home.run(&["outbox"]).out.starts_with("id"), "headings");
    assert!(!home.run(&["outbox", "-q"]).out.contains("state"), "no headings");
    for args in [
        &["inbox", "--all"][..],
        &["members"],
        &["conversations"],
        &["usage", "--month"],
        &["status"],
    ] {
        let ran = home.run(args);
        assert_eq!((ran.code, ran.err.as_str()), (exit::DONE, ""), "{args:?}");
    }
}

#[test]
fn the_schedule_is_shown_without_an_agent_and_an_expression_is_explained() {
    let home = Home::of("ann");
    let rules = "[[connect]]\nname = \"noon\"\ncron = \"0 12 * * *\"\nbudget = \"50 KiB\"\n[[connect]]\nwhen = \"link-up\"\n";
    std::fs::write(home.path().join("agent.toml"), rules).unwrap();
    let calls = home.rows(&["schedule"]);
    assert_eq!(calls.len(), 10);
    assert_eq!((&calls[0]["rule"], &calls[0]["budget"]), (&"noon".into(), &(50 << 10).into()));
    assert_eq!(calls[0]["why"], "cron = \"0 12 * * *\"");
    let shown = home.run(&["schedule"]).out;
    assert!(shown.contains("12:00:00") && shown.contains("rule 2: calls when a link comes up"));
    let tested = home.one(&["schedule", "test", "30 8 * * Mon-Fri"]);
    assert_eq!(tested["next"].as_array().unwrap().len(), 5);
    assert!(tested["words"].as_str().unwrap().contains("08:30"), "{tested}");
    let wrong = home.run(&["schedule", "test", "30 8"]);
    assert_eq!(wrong.code, exit::USAGE, "{wrong:?}");
    assert!(wrong.err.contains("2 fields"), "{wrong:?}");
}

#[test]
fn errors_are_objects_for_scripts() {
    let home = Home::of("ann");
    let ran = home.run(&["accept", "m99", "--json"]);
    let error: Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(
        (ran.code, &error["error"]["code"]),
        (exit::FAILED, &"unknown_id".into()),
        "{ran:?}"
    );
}

#[test]
fn help_and_version_go_to_standard_output() {
    let home = Home::new();
    for args in ["--help", "--version"] {
        let ran = home.run(&[args]);
        assert_eq!((ran.code, ran.err.as_str()), (exit::DONE, ""));
        assert!(ran.out.contains("mailboat"));
    }
    assert!(home.run(&["completions", "bash"]).out.contains("complete"));
}

#[test]
fn manual_pages_are_written_for_each_command() {
    let home = Home::new();
    let dir = home.path().join("share/man/man1");
    assert_eq!(home.run(&["man", dir.to_str().unwrap()]).code, exit::DONE);
    for (page, words) in
        [("mailboat.1", "not always online"), ("mailboat-outbox-hold.1", "Keep something here")]
    {
        let page = std::fs::read_to_string(dir.join(page)).unwrap();
        assert!(page.contains(words) && page.starts_with(".ie"), "{page}");
    }
    let ran = home.run(&["man", dir.join("mailboat.1").to_str().unwrap()]);
    assert_eq!(ran.code, exit::FAILED);
    assert!(ran.err.contains("manual pages"), "{ran:?}");
}
