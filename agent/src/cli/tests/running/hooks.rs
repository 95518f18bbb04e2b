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

/// A visit that does not begin before `open`: the settings of its agent, after these rules.
struct Gate(std::path::PathBuf);

impl Gate {
    fn before_visits_of(home: &Home, rules: &str) -> Self {
        let gate = home.path().join("gate");
        let waits = format!("until [ -e {} ]; do sleep 0.02; done", gate.display());
        settings(
            home,
            &format!("{rules}[hooks]\nbefore_connect = [\"sh\", \"-c\", \"{waits}\"]\n"),
        );
        Self(gate)
    }

    fn open(&self) {
        std::fs::write(&self.0, "").unwrap();
    }
}

#[test]
fn who_asks_during_a_visit_that_carries_less_gets_one_that_carries_everything_after_it() {
    use wire::LaneMask;
    for (direction, queued, seen) in [
        ("down", true, vec![(LaneMask::ALL, 0), (LaneMask::ALL, 1)]),
        ("up", false, vec![(LaneMask::NONE, 0), (LaneMask::ALL, 0)]),
        ("both", true, vec![(LaneMask::ALL, 1)]),
    ] {
        let relay = Polite::start();
        let home = home_at(&relay);
        if queued {
            home.one(&["block", "bob"]);
        }
        let rule = format!("[[connect]]\nevery = \"1h\"\ndirection = \"{direction}\"\n");
        let gate = Gate::before_visits_of(&home, &rule);
        let agent = Resident::start(&home);
        wait(|| (home.one(&["status"])["link"] == "calling").then_some(()));
        agent.signals.blocking_send(Signal::Sync).unwrap();
        // What is asked for is heard before a second question is.
        (0..3).for_each(|_| _ = home.one(&["status"]));
        let part = Order::Sync { budget: None, only: Some(Only::Urgent), pick: Vec::new() };
        assert_eq!(order(&home, &part).unwrap_err().code, "busy", "a part of it waits");
        gate.open();
        for expected in seen {
            let seen = relay.next();
            assert_eq!((seen.lanes, seen.items), expected, "{direction}");
        }
        wait(|| (home.one(&["status"])["link"] == "up").then_some(()));
        agent.end().unwrap();
        assert!(relay.seen.try_recv().is_err(), "{direction}: no further one");
    }
}

#[test]
fn who_asks_for_a_visit_while_the_relay_is_only_asked_gets_one() {
    use wire::LaneMask;
    let relay = Polite::start();
    let home = home_at(&relay);
    let gate = Gate::before_visits_of(&home, "");
    let agent = Resident::start(&home);
    std::thread::scope(|scope| {
        let quote = scope.spawn(|| home.one(&["sync", "--dry-run", "--ask"]));
        wait(|| (home.one(&["status"])["link"] == "calling").then_some(()));
        agent.signals.blocking_send(Signal::Sync).unwrap();
        (0..3).for_each(|_| _ = home.one(&["status"]));
        gate.open();
        assert_eq!(quote.join().unwrap()["asked"], true);
    });
    assert_eq!(relay.next().lanes, LaneMask::NONE);
    assert_eq!(relay.next().lanes, LaneMask::ALL);
    agent.end().unwrap();
}

#[test]
fn who_asks_while_the_link_is_taken_down_gets_another_visit_unless_it_is_stopped() {
    for is_stopped in [false, true] {
        let relay = Polite::start();
        let home = home_at(&relay);
        let (gate, began) = (home.path().join("gate"), home.path().join("began"));
        let script = format!(
            "touch {}; until [ -e {} ]; do sleep 0.02; done",
            began.display(),
            gate.display()
        );
        settings(
            &home,
            &format!("[[connect]]\nevery = \"1h\"\nhangup = [\"sh\", \"-c\", \"{script}\"]\n"),
        );
        let agent = Resident::start(&home);
        wait(|| began.exists().then_some(()));
        assert_eq!(relay.next().items, 0);
        home.one(&["block", "bob"]);
        agent.signals.blocking_send(Signal::Sync).unwrap();
        (0..3).for_each(|_| _ = home.one(&["status"]));
        if is_stopped {
            assert_eq!(order(&home, &Order::Stop).unwrap()["stopped"], true);
        }
        std::fs::write(&gate, "").unwrap();
        if !is_stopped {
            assert_eq!(relay.next().items, 1, "what was written after the exchange");
        }
        wait(|| (home.one(&["status"])["link"] == "up").then_some(()));
        agent.end().unwrap();
        assert!(relay.seen.try_recv().is_err(), "{is_stopped}: no further one");
    }
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
