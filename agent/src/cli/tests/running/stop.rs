//! Visits and lines that somebody stops.

#[cfg(unix)]
use super::super::dialling::Dialling;
use super::*;

#[test]
fn a_line_that_somebody_stopped_is_not_taken_up_again_at_once() {
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, "[[connect]]\nlive = true\n");
    let agent = Resident::start(&home);
    while relay.next().hold_s == 0 {}
    assert_eq!(order(&home, &Order::Stop).unwrap()["stopped"], true);
    let status = wait(|| Some(home.one(&["status"])).filter(|status| status["link"] != "live"));
    assert!(800 < in_seconds(&status), "{status}");
    agent.end().unwrap();
}

#[cfg(unix)]
#[test]
fn a_visit_is_stopped_by_an_order_and_the_agent_goes_on() {
    let home = Home::of("ann");
    let dialling = Dialling::start(home, "exec sleep 600", "10m");
    dialling.lines(1);
    assert_eq!(order(&dialling.home, &Order::Stop).unwrap()["stopped"], true);
    assert_eq!(dialling.lines(2)[1], "hangup no_link");
    assert_eq!(dialling.home.one(&["status"])["agent"], true);
    dialling.agent.end().unwrap();
    drop(dialling.home);
}

#[cfg(unix)]
#[test]
fn a_call_that_was_stopped_while_it_dialled_is_no_failure_and_not_made_again_at_once() {
    let home = Home::of("ann");
    let dial = "[[connect]]\nname = \"modem\"\nevery = \"1h\"\ndial = [\"sleep\", \"600\"]\n";
    settings(&home, dial);
    let agent = Resident::start(&home);
    wait(|| (home.one(&["status"])["link"] == "calling").then_some(()));
    assert_eq!(order(&home, &Order::Stop).unwrap()["stopped"], true);
    let status = wait(|| Some(home.one(&["status"])).filter(|status| status["link"] != "calling"));
    assert_eq!(status["trouble"], serde_json::json!([]));
    let next: Timestamp = status["next_call"].as_str().unwrap().parse().unwrap();
    assert!(Timestamp::now().as_second() + 3_000 < next.as_second(), "{status}");
    assert!(home.rows(&["inbox"]).is_empty(), "who stopped it need not be told");
    agent.end().unwrap();
}

#[cfg(unix)]
#[test]
fn a_call_that_was_stopped_while_its_program_was_asked_is_no_word_of_that_program() {
    let home = Home::of("ann");
    let hook = "[[connect]]\nevery = \"1h\"\n[hooks]\nbefore_connect = [\"sleep\", \"600\"]\ntimeout = \"1h\"\n";
    settings(&home, hook);
    let agent = Resident::start(&home);
    wait(|| (home.one(&["status"])["link"] == "calling").then_some(()));
    assert_eq!(order(&home, &Order::Stop).unwrap()["stopped"], true);
    let status = wait(|| Some(home.one(&["status"])).filter(|status| status["link"] != "calling"));
    assert!(status["not_now"].is_null(), "{status}");
    let next: Timestamp = status["next_call"].as_str().unwrap().parse().unwrap();
    assert!(Timestamp::now().as_second() + 3_000 < next.as_second(), "{status}");
    agent.end().unwrap();
}

#[cfg(unix)]
#[test]
fn a_visit_that_is_asked_for_while_the_agent_is_ending_is_made_once_it_has() {
    let relay = Polite::start();
    let home = home_at(&relay);
    let gate = home.path().join("gate");
    // Nor longer than there is a home to look in: one that begins late must not outlive the test.
    let waits = format!(
        "[\"sh\", \"-c\", 'until [ -e {} ] || [ ! -d {} ]; do sleep 0.02; done']",
        gate.display(),
        home.path().display()
    );
    settings(&home, &format!("[hooks]\non_visit_end = {waits}\n"));
    let agent = Resident::start(&home);
    let visit = || order(&home, &Order::Sync { budget: None, only: None, pick: Vec::new() });
    visit().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            agent.stop.cancel();
            while visit().is_ok() {}
            let asked = scope.spawn(|| home.run(&["sync", "--json"]));
            // It goes on ending until the program has ended that hears of visits.
            for _ in 0..50 {
                visit().unwrap_err();
            }
            std::fs::write(&gate, "").unwrap();
            let ran = asked.join().unwrap();
            assert_eq!(ran.code, exit::DONE, "{ran:?}");
        });
    });
    agent.end().unwrap();
}
