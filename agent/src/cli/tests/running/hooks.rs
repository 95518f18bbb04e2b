//! Programs of the user's own: who says not now, who hears of visits, who hangs.

use super::*;

#[test]
fn a_program_that_says_not_now_is_heard_and_its_words_are_shown() {
    let relay = Polite::start();
    let home = home_at(&relay);
    let no =
        "before_connect = [\"sh\", \"-c\", \"echo $MAILBOAT_RULE: not in the harbour; exit 1\"]";
    settings(&home, &format!("[[connect]]\nname = \"hourly\"\nevery = \"1h\"\n[hooks]\n{no}\n"));
    let agent = Resident::start(&home);
    let status = wait(|| Some(home.one(&["status"])).filter(|status| !status["not_now"].is_null()));
    assert!(status["not_now"].as_str().unwrap().contains("hourly: not in the harbour"), "{status}");
    assert!(home.run(&["status"]).out.contains("not in the harbour"));
    home.one(&["block", "bob"]);
    for shown in [home.run(&["schedule"]), home.run(&["outbox"])] {
        assert!(format!("{shown:?}").contains("no call for now"), "{shown:?}");
    }
    let ran = home.run(&["sync"]);
    assert_eq!(ran.code, exit::LATER, "{ran:?}");
    assert!(ran.err.contains("not now") && ran.err.contains("harbour"), "{ran:?}");
    assert!(relay.seen.try_recv().is_err(), "nobody was called");
    assert!(home.rows(&["usage"]).is_empty(), "nothing is in the ledger");
    settings(&home, "[hooks]\nbefore_connect = [\"true\"]\n");
    order(&home, &Order::Reload).unwrap();
    assert_eq!(home.one(&["sync"])["outcome"], "done");
    assert!(home.one(&["status"])["not_now"].is_null());
    agent.end().unwrap();
}

#[test]
fn a_program_that_hangs_or_is_not_there_holds_no_call_up() {
    let relay = Polite::start();
    let home = home_at(&relay);
    for program in ["[\"sleep\", \"600\"]", "[\"/nonexistent\"]", "[\"sh\", \"-c\", \"exit 2\"]"] {
        settings(&home, &format!("[hooks]\ntimeout = \"1s\"\nbefore_connect = {program}\n"));
        assert_eq!(home.one(&["sync"])["outcome"], "done", "{program}");
        relay.next();
    }
}

#[test]
fn a_program_hears_how_each_visit_went() {
    let relay = Polite::start();
    let home = home_at(&relay);
    let diary = home.path().join("diary");
    let write = format!("[\"sh\", \"-c\", '(echo $MAILBOAT_OUTCOME; cat) >> {}']", diary.display());
    settings(&home, &format!("[hooks]\non_visit_end = {write}\n"));
    assert_eq!(home.one(&["sync"])["outcome"], "done");
    let text = std::fs::read_to_string(&diary).unwrap();
    let (outcome, told) = text.split_once('\n').unwrap();
    assert_eq!(outcome, "done");
    assert_eq!(serde_json::from_str::<Value>(told).unwrap()["requests"], 1);
    let agent = Resident::start(&home);
    order(&home, &Order::Sync { budget: None, only: None, pick: Vec::new() }).unwrap();
    wait(|| (std::fs::read_to_string(&diary).unwrap().matches("done").count() == 4).then_some(()));
    agent.end().unwrap();
}

#[test]
fn a_program_that_is_set_while_the_agent_runs_hears_of_the_next_visit_and_a_slow_one_holds_none_up()
{
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, "");
    let agent = Resident::start(&home);
    let diary = home.path().join("diary");
    let program = format!("[\"sh\", \"-c\", \"echo x >> {}; exec sleep 600\"]", diary.display());
    settings(&home, &format!("[hooks]\ntimeout = \"1s\"\non_visit_end = {program}\n"));
    order(&home, &Order::Reload).unwrap();
    for _ in 0..2 {
        order(&home, &Order::Sync { budget: None, only: None, pick: Vec::new() }).unwrap();
    }
    let told = || std::fs::read_to_string(&diary).unwrap_or_default();
    wait(|| (told().lines().count() == 2).then_some(()));
    agent.end().unwrap();
}

#[test]
fn a_visit_or_a_line_that_was_not_to_be_has_no_end_and_is_not_asked_for_again_at_once() {
    for trigger in ["every = \"1h\"", "live = true"] {
        let relay = Polite::start();
        let home = home_at(&relay);
        let diary = home.path().join("diary");
        settings(
            &home,
            &format!(
                "[[connect]]\n{trigger}\n[hooks]\nbefore_connect = [\"false\"]\non_visit_end = [\"touch\", {diary:?}]\n"
            ),
        );
        let agent = Resident::start(&home);
        let status =
            wait(|| Some(home.one(&["status"])).filter(|status| !status["not_now"].is_null()));
        assert!(800 < in_seconds(&status), "{status}");
        assert_eq!(status["link"], "unknown", "nobody was called");
        agent.end().unwrap();
        assert!(!diary.exists(), "{trigger}");
    }
}

#[test]
fn a_program_for_messages_does_not_hear_of_what_was_written_here() {
    let home = Home::of("ann");
    let diary = home.path().join("diary");
    settings(&home, &format!("[hooks]\non_message = [\"touch\", {diary:?}]\n"));
    let agent = Resident::start(&home);
    home.one(&["chat", "bob", "-m", "It is ann"]);
    home.one(&["send", "bob", "-m", "Are you there?"]);
    // Programs that are due run before it ends.
    agent.end().unwrap();
    assert!(!diary.exists());
}

#[test]
fn a_program_for_messages_does_not_hear_of_notices() {
    let home = Home::of("ann");
    let diary = home.path().join("diary");
    let rule = "[[connect]]\nevery = \"1h\"\ndial = [\"false\"]\n";
    settings(&home, &format!("{rule}[hooks]\non_message = [\"touch\", {diary:?}]\n"));
    let agent = Resident::start(&home);
    wait(|| home.rows(&["inbox"]).iter().any(|row| row["kind"] == "notice").then_some(()));
    // Programs that are due run before it ends.
    agent.end().unwrap();
    assert!(!diary.exists());
}
