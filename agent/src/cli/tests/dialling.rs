//! Rules that dial: what their programs do, and what the user is told when they do not.

use serde_json::{Value, json};

use super::{
    running::{order, settings, wait},
    *,
};
use crate::control::Order;

/// A rule that dials: what its programs do, as shell words, and what they wrote, waited for.
pub(super) struct Dialling {
    pub(super) home: Home,
    pub(super) agent: Resident,
    diary: std::path::PathBuf,
}

impl Dialling {
    /// `dial` is the text of the dial program; both programs write one line into a diary.
    pub(super) fn start(home: Home, dial: &str, timeout: &str) -> Self {
        let diary = home.path().join("diary");
        let shown = diary.display();
        let rule = format!(
            "log = \"off\"\n[[connect]]\nname = \"modem\"\nevery = \"2s\"\ndial_timeout = \"{timeout}\"\n\
            dial = [\"sh\", \"-c\", \"echo dial $MAILBOAT_RULE >> {shown}; {dial}\"]\n\
            hangup = [\"sh\", \"-c\", \"echo hangup $MAILBOAT_OUTCOME >> {shown}\"]\n"
        );
        std::fs::write(home.path().join("agent.toml"), rule).unwrap();
        Self { agent: Resident::start(&home), home, diary }
    }

    /// The diary once it has so many lines.
    pub(super) fn lines(&self, count: usize) -> Vec<String> {
        let began = std::time::Instant::now();
        loop {
            let text = std::fs::read_to_string(&self.diary).unwrap_or_default();
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            if count <= lines.len() {
                return lines;
            }
            assert!(began.elapsed().as_secs() < 60, "{lines:?}");
            std::thread::yield_now();
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
    }

    /// Ends it; gives what the user was told meanwhile.
    fn told(self) -> Vec<String> {
        let notices = self.home.rows(&["inbox"]);
        self.agent.end().unwrap();
        notices.iter().map(|row| row["text"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_visit_dials_before_it_and_hangs_up_after_it() {
    let relay = Polite::start();
    let dialling = Dialling::start(home_at(&relay), "true", "10s");
    assert_eq!(dialling.lines(4)[..4], ["dial modem", "hangup done", "dial modem", "hangup done"]);
    assert!(dialling.told().is_empty());
}

#[test]
fn a_dial_program_that_fails_hangs_or_connects_to_nothing_is_told_once_and_the_next_window_happens()
{
    let cases = [
        ("echo no carrier; exit 3", "10s", "no carrier", json!({ "exited": 3 })),
        ("sleep 600", "1s", "longer than 1 s", json!({ "too_slow": 1 })),
        ("true", "1s", "no relay answered", Value::Null),
    ];
    for (dial, timeout, why, how) in cases {
        let dialling = Dialling::start(Home::of("ann"), dial, timeout);
        let lines = dialling.lines(6);
        assert_eq!(lines[..4], ["dial modem", "hangup no_link", "dial modem", "hangup no_link"]);
        let trouble = dialling.home.one(&["status"])["trouble"].to_string();
        assert!(trouble.contains(why), "{trouble}");
        // The same for a window: as a code and its arguments.
        let notice = dialling.home.one(&["inbox"])["notice"].clone();
        assert_eq!((&notice["code"], &notice["rule"]), (&json!("call_failed"), &json!("modem")));
        let (cause, ended) = (&notice["why"], &dialling.home.rows(&["usage"])[0]["cause"]);
        match how.is_null() {
            true => {
                assert_eq!(cause["code"], "dial_no_relay");
                assert_eq!(&cause["why"], ended);
                assert!(ended["code"].is_string(), "{ended}");
            }
            false => {
                assert_eq!((&cause["code"], &cause["how"]), (&json!("dial_failed"), &how));
                assert_eq!(cause, ended);
            }
        }
        let told = dialling.told();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("modem") && told[0].contains(why), "{told:?}");
    }
}

#[test]
fn what_was_told_of_a_dial_program_is_not_told_again_by_the_next_agent() {
    let dialling = Dialling::start(Home::of("ann"), "echo no carrier; exit 3", "10s");
    dialling.lines(2);
    while dialling.home.rows(&["inbox"]).is_empty() {}
    dialling.agent.end().unwrap();
    let told = dialling.home.rows(&["inbox"]);
    let id = told[0]["id"].as_str().unwrap().to_owned();
    let ran = dialling.home.run(&["inbox", "--mark-read"]);
    assert!(ran.out.contains("no carrier"), "{ran:?}");
    let again = Dialling { agent: Resident::start(&dialling.home), ..dialling };
    let status = again.home.one(&["status"]);
    assert!(status["trouble"].to_string().contains("no carrier"), "from the beginning: {status}");
    again.lines(6);
    assert_eq!(again.home.rows(&["inbox"]).last().unwrap()["id"], id.as_str());
    std::fs::write(again.home.path().join("agent.toml"), "log = \"off\"\n").unwrap();
    again.agent.signals.blocking_send(Signal::Reload).unwrap();
    while again.home.one(&["status"])["trouble"] != serde_json::json!([]) {}
    again.agent.end().unwrap();
    drop(again.home);
}

#[test]
fn a_rule_that_is_taken_away_while_it_calls_leaves_no_trouble_behind() {
    // A call that did not come about is nobody's matter any more; a link that may still be up is told.
    for (program, told) in [("dial", 0), ("hangup", 1)] {
        let relay = Polite::start();
        let home = home_at(&relay);
        let (gate, began) = (home.path().join("gate"), home.path().join("began"));
        let script = format!(
            "touch {}; until [ -e {} ]; do sleep 0.02; done; exit 3",
            began.display(),
            gate.display()
        );
        let run = format!("{program} = [\"sh\", \"-c\", \"{script}\"]");
        settings(&home, &format!("[[connect]]\nevery = \"1h\"\n{run}\n"));
        let agent = Resident::start(&home);
        wait(|| began.exists().then_some(()));
        settings(&home, "");
        order(&home, &Order::Reload).unwrap();
        std::fs::write(&gate, "").unwrap();
        let is_over = |status: &Value| status["link"] == "down" || status["link"] == "up";
        let status = wait(|| Some(home.one(&["status"])).filter(is_over));
        assert_eq!(status["trouble"], json!([]), "{program}");
        assert_eq!(home.rows(&["inbox"]).len(), told, "{program}");
        agent.end().unwrap();
    }
}

#[test]
fn a_hangup_program_that_is_not_there_or_hangs_is_told_once_because_the_link_may_still_be_up() {
    let cases = [
        ("[\"/nonexistent/poff\"]", "could not be started"),
        ("[\"sleep\", \"600\"]", "longer than 1 s"),
        ("[\"sh\", \"-c\", \"echo busy; exit 4\"]", "busy"),
    ];
    for (hangup, why) in cases {
        let relay = Polite::start();
        let home = home_at(&relay);
        let rule = format!(
            "log = \"off\"\n[[connect]]\nname = \"modem\"\nevery = \"1s\"\nhangup_timeout = \"1s\"\n\
            hangup = {hangup}\n"
        );
        std::fs::write(home.path().join("agent.toml"), rule).unwrap();
        let agent = Resident::start(&home);
        (0..3).for_each(|_| _ = relay.next());
        let trouble = home.one(&["status"])["trouble"].to_string();
        assert!(trouble.contains(why) && trouble.contains("may still be up"), "{trouble}");
        agent.end().unwrap();
        let told = home.rows(&["inbox"]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0]["text"].as_str().unwrap().contains(why), "{told:?}");
    }
}

#[test]
fn a_hangup_program_that_finds_nothing_to_hang_up_is_no_matter() {
    let dialling = Dialling::start(Home::of("ann"), "exit 3", "10s");
    dialling.lines(1);
    dialling.agent.end().unwrap();
    let rule = "log = \"off\"\n[[connect]]\nname = \"modem\"\nevery = \"1s\"\ndial = [\"true\"]\n\
        dial_timeout = \"1s\"\nhangup = [\"false\"]\n";
    let home = Home::of("bob");
    std::fs::write(home.path().join("agent.toml"), rule).unwrap();
    let agent = Resident::start(&home);
    while home.rows(&["inbox"]).is_empty() {}
    agent.end().unwrap();
    let told = home.rows(&["inbox"]);
    assert_eq!(told.len(), 1, "that nobody answered: {told:?}");
    assert!(!told[0]["text"].as_str().unwrap().contains("may still be up"), "{told:?}");
}

#[test]
fn an_agent_that_is_stopped_while_it_dials_hangs_up() {
    let dialling = Dialling::start(Home::of("ann"), "exec sleep 600", "10m");
    dialling.lines(1);
    let (diary, home) = (dialling.diary.clone(), dialling.home);
    dialling.agent.end().unwrap();
    assert_eq!(std::fs::read_to_string(&diary).unwrap(), "dial modem\nhangup no_link\n");
    drop(home);
}
