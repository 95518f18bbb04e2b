//! The resident agent in this process: settings that are read again, and what runs in it.

#[cfg(unix)]
mod asked;
mod follow;
#[cfg(unix)]
mod hooks;
mod link;
mod stop;
#[cfg(target_os = "linux")]
mod system;

use std::{sync::mpsc, time::Duration};

use serde_json::Value;

use super::*;
use crate::control::{Client, Only, Order};

/// Enough for a machine that is busy with other tests; every wait ends with its event.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn settings(home: &Home, text: &str) {
    std::fs::write(home.path().join("agent.toml"), format!("log = \"off\"\n{text}")).unwrap();
}

/// Asks the agent that runs.
pub(super) fn order(home: &Home, order: &Order) -> Result<Value, Failure> {
    let socket = AgentPaths::new(Some(home.path()), &nobody()).unwrap().socket;
    block_on(async {
        let mut client = Client::connect(&socket).await.unwrap().expect("an agent runs");
        client.ask(order).await.map_err(Failure::from)
    })
}

/// Waits until `look` finds something.
pub(super) fn wait<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "what was waited for did not come");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// When the next call is due, from now.
fn in_seconds(status: &Value) -> i64 {
    let next: Timestamp = status["next_call"].as_str().unwrap().parse().unwrap();
    next.as_second() - Timestamp::now().as_second()
}

#[test]
fn settings_that_are_read_again_hold_at_once_and_wrong_ones_leave_the_old() {
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, "");
    let agent = Resident::start(&home);
    assert!(home.one(&["status"])["next_call"].is_null());
    settings(&home, "[[connect]]\nname = \"hourly\"\nevery = \"1h\"\n");
    agent.signals.blocking_send(Signal::Reload).unwrap();
    relay.next();
    let status = wait(|| Some(home.one(&["status"])).filter(|status| status["link"] == "up"));
    assert_eq!(status["next_rule"], "hourly");

    settings(&home, "[[connect]]\nevry = \"1h\"\n");
    let failure = order(&home, &Order::Reload).unwrap_err();
    assert!(failure.words.contains("evry") && failure.words.contains("every"), "{failure:?}");
    let status = home.one(&["status"]);
    assert_eq!(status["next_rule"], "hourly", "the old rule holds");
    assert!(status["trouble"][0].as_str().unwrap().contains("evry"), "{status}");

    settings(&home, "[[connect]]\nname = \"hourly\"\nevery = \"1h\"\nbudget = \"20 KiB\"\n");
    order(&home, &Order::Reload).unwrap();
    let again = home.one(&["status"]);
    assert_eq!(again["trouble"], serde_json::json!([]));
    assert_eq!(again["next_call"], status["next_call"], "a rule at the same times goes on");
    agent.end().unwrap();
    assert!(relay.seen.try_recv().is_err(), "no reload made a call of its own");
}

#[test]
fn settings_that_are_read_again_change_the_log() {
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, "");
    let (tell, told) = mpsc::channel();
    let log = Log::new(move |filter| tell.send(filter.to_owned()).unwrap());
    let agent = Resident::with(&home, "unix:path=/nonexistent", log, Clocks::system());
    order(&home, &Order::Reload).unwrap();
    assert!(told.try_recv().is_err(), "it is as it was");
    std::fs::write(home.path().join("agent.toml"), "log = \"agent=debug\"\n").unwrap();
    order(&home, &Order::Reload).unwrap();
    assert_eq!(told.try_recv().unwrap(), "agent=debug");
    agent.end().unwrap();
}

#[test]
fn a_reload_drops_no_line_that_its_rule_still_holds() {
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, "[[connect]]\nlive = true\n");
    let agent = Resident::start(&home);
    assert_eq!(relay.next().hold_s, 0);
    assert!(0 < relay.next().hold_s);
    settings(&home, "[[connect]]\nlive = true\n[hooks]\ntimeout = \"5s\"\n");
    order(&home, &Order::Reload).unwrap();
    assert_eq!(home.one(&["status"])["link"], "live");
    home.one(&["block", "bob"]);
    assert_eq!(relay.next().items, 1, "over the same line");
    settings(&home, "");
    order(&home, &Order::Reload).unwrap();
    wait(|| (home.one(&["status"])["link"] == "up").then_some(()));
    agent.end().unwrap();
}

#[test]
fn a_reload_that_changes_the_way_takes_the_line_up_anew() {
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, "[[connect]]\nlive = true\n");
    let agent = Resident::start(&home);
    assert_eq!((relay.next().hold_s, 0 < relay.next().hold_s), (0, true));
    settings(&home, "[[connect]]\nlive = true\n[[link]]\nname = \"here\"\nproxy = \"none\"\n");
    order(&home, &Order::Reload).unwrap();
    while relay.next().hold_s == 0 {}
    let status = wait(|| Some(home.one(&["status"])).filter(|status| status["link"] == "live"));
    assert_eq!(status["profile"], "here");
    agent.end().unwrap();
}

#[test]
fn a_reload_that_changes_what_others_may_see_takes_the_line_up_anew() {
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, "[[connect]]\nlive = true\n");
    let agent = Resident::start(&home);
    assert_eq!((relay.next().hold_s, 0 < relay.next().hold_s), (0, true));
    settings(&home, "[[connect]]\nlive = true\n[account]\nshare_presence = false\n");
    order(&home, &Order::Reload).unwrap();
    while relay.next().hold_s == 0 {}
    agent.end().unwrap();
}

#[test]
fn an_agent_that_does_not_call_notes_in_time_what_has_lapsed_here() {
    let home = Home::of("ann");
    settings(&home, "");
    let agent = Resident::start(&home);
    home.one(&["chat", "bob"]);
    home.one(&["send", "bob", "--deliver-before", "1s", "-m", "now or never"]);
    let rows = wait(|| Some(home.rows(&["inbox"])).filter(|rows| !rows.is_empty()));
    assert_eq!(rows[0]["kind"], "notice", "{rows:?}");
    assert!(rows[0]["text"].as_str().unwrap().contains("now or never"), "{rows:?}");
    agent.end().unwrap();
}

#[test]
fn a_signal_asks_for_a_visit() {
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, "");
    let agent = Resident::start(&home);
    home.one(&["block", "bob"]);
    agent.signals.blocking_send(Signal::Sync).unwrap();
    assert_eq!(relay.next().items, 1);
    agent.end().unwrap();
}
