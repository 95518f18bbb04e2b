//! The resident agent in this process: settings that are read again, programs of the user's own, who follows, login pages,
//! proxies of a link.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::mpsc,
    time::Duration,
};

use serde_json::Value;

use super::*;
use crate::control::{Client, Event, Order};

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

#[cfg(unix)]
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

#[cfg(unix)]
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

#[cfg(unix)]
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

#[cfg(unix)]
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

#[cfg(unix)]
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
        agent.end().unwrap();
        assert!(!diary.exists(), "{trigger}");
    }
}

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
fn what_works_again_is_no_trouble_any_more() {
    let relay = Polite::start();
    let home = home_at(&relay);
    let modem = home.path().join("modem");
    settings(
        &home,
        &format!("[[connect]]\nevery = \"1s\"\ndial = [\"test\", \"-e\", {modem:?}]\n"),
    );
    let agent = Resident::start(&home);
    let has_trouble = || home.one(&["status"])["trouble"] != serde_json::json!([]);
    wait(|| has_trouble().then_some(()));
    std::fs::write(&modem, "").unwrap();
    wait(|| (!has_trouble()).then_some(()));
    agent.end().unwrap();
}

/// When the next call is due, from now.
fn in_seconds(status: &Value) -> i64 {
    let next: Timestamp = status["next_call"].as_str().unwrap().parse().unwrap();
    next.as_second() - Timestamp::now().as_second()
}

#[test]
fn who_follows_sees_everything_first_and_then_what_changes() {
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, "[[link]]\nname = \"here\"\nmetered = true\n");
    let agent = Resident::start(&home);
    let socket = AgentPaths::new(Some(home.path()), &nobody()).unwrap().socket;
    block_on(async {
        let follower = Client::connect(&socket).await.unwrap().unwrap();
        let mut events = follower.follow().await.unwrap();
        let Some(Event::Agent { whole: true, fields }) = events.next().await else { panic!() };
        for key in ["pid", "link", "next", "not_now", "visit", "waits", "trouble"] {
            assert!(fields.contains_key(key), "{key}: {fields:?}");
        }
        assert_eq!(fields["link"]["profile"], "here");
        assert_eq!(fields["link"]["metered"], true);
        let mut asker = Client::connect(&socket).await.unwrap().unwrap();
        let block = Order::Block { name: "bob".to_owned(), on: true };
        asker.ask(&block).await.unwrap();
        loop {
            let Some(Event::Agent { whole: false, fields }) = events.next().await else { panic!() };
            assert!(!fields.contains_key("pid"), "what is as it was is not told again: {fields:?}");
            if fields.get("waits").is_some_and(|waits| waits["here"]["count"] == 1) {
                break;
            }
        }
        asker.ask(&Order::Sync { budget: None, only: None, pick: Vec::new() }).await.unwrap();
        loop {
            let Some(Event::Agent { fields, .. }) = events.next().await else { panic!() };
            if fields.get("waits").is_some_and(|waits| waits["here"]["count"] == 0) {
                break;
            }
        }
        Ok(())
    })
    .unwrap();
    relay.next();
    agent.end().unwrap();
}

#[test]
fn who_follows_sees_what_a_visit_would_cost_for_what_waits_here() {
    let home = Home::of("ann");
    settings(&home, "[[link]]\nname = \"stick\"\ntariff_per_mb = 100\ncurrency = \"EUR\"\n");
    let agent = Resident::start(&home);
    let socket = AgentPaths::new(Some(home.path()), &nobody()).unwrap().socket;
    let waits = |count: u64| {
        block_on(async {
            let follower = Client::connect(&socket).await.unwrap().unwrap();
            let mut events = follower.follow().await.unwrap();
            let Some(Event::Agent { whole: true, fields }) = events.next().await else { panic!() };
            assert_eq!(fields["waits"]["here"]["count"], count, "{fields:?}");
            Ok(fields["waits"].clone())
        })
        .unwrap()
    };
    let euros = |of: &Value| of["price"]["amount"].as_str().unwrap().parse::<f64>().unwrap();
    let nothing = waits(0);
    home.one(&["block", "bob"]);
    home.one(&["chat", "cleo", "-m", &"a long greeting ".repeat(30)]);
    let waiting = waits(2);
    assert!(euros(&nothing["here"]) < euros(&waiting["here"]), "{waiting}");
    assert!(euros(&waiting["here"]) < euros(&waiting["visit"]), "connecting costs too: {waiting}");
    assert!(euros(&nothing["visit"]) < euros(&waiting["visit"]), "{nothing}, {waiting}");
    let quote = home.one(&["sync", "--dry-run"]);
    assert_eq!(waiting["visit"]["bytes"], quote["bytes"], "as sync --dry-run says: {quote}");
    assert_eq!(waiting["visit"]["price"]["amount"], quote["cost"], "{quote}");
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

/// Something that answers every request as a hotspot does; gives how often it was asked so far.
fn portal() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, asked) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            if line.is_empty() {
                continue;
            }
            let answer = "HTTP/1.1 302 Found\r\nlocation: http://login.example/\r\ncontent-length: 0\r\n\r\n";
            // It may have hung up already.
            let _ = stream.write_all(answer.as_bytes());
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    (url, asked)
}

fn at(home: &Home, url: &str) {
    let file = home.path().join("account.toml");
    let account = Account::load(&file).unwrap().unwrap();
    Account { relay: url.to_owned(), ..account }.save(&file).unwrap();
}

#[test]
fn a_login_page_in_the_way_is_told_once_and_not_knocked_at_again() {
    let (url, asked) = portal();
    let home = Home::of("ann");
    at(&home, &url);
    settings(&home, "[[connect]]\nwhen = \"link-up\"\n");
    let agent = Resident::start(&home);
    asked.recv_timeout(PATIENCE).unwrap();
    let status =
        wait(|| Some(home.one(&["status"])).filter(|status| status["network"] == "portal"));
    assert!(status["next_call"].is_null(), "nobody tries again by himself: {status}");
    assert!(status["trouble"].to_string().contains("login"), "{status}");
    let ran = home.run(&["sync"]);
    assert_ne!(ran.code, exit::DONE, "{ran:?}");
    asked.recv_timeout(PATIENCE).unwrap();
    let notices = home.rows(&["inbox"]);
    assert_eq!(notices.len(), 1, "{notices:?}");
    agent.end().unwrap();
    assert!(asked.try_recv().is_err());
}

#[test]
fn a_visit_goes_through_the_proxy_of_its_link() {
    let (proxy, asked) = portal();
    let home = Home::of("ann");
    at(&home, "http://relay.invalid");
    let link =
        format!("allow_plain_http = true\n[[link]]\nname = \"office\"\nproxy = \"{proxy}\"\n");
    settings(&home, &link);
    home.run(&["sync"]);
    let line = asked.recv_timeout(PATIENCE).unwrap();
    assert!(line.contains("relay.invalid"), "{line}");
    let row = home.one(&["usage"]);
    assert_eq!(row["link"], "office", "the ledger knows the link without an agent: {row}");
}

#[test]
fn a_rule_asks_for_its_direction_and_priority_and_sends_no_more() {
    use wire::{Lane, LaneMask};
    let cases = [
        ("direction = \"up\"", LaneMask::NONE, 1),
        ("direction = \"down\"", LaneMask::ALL, 0),
        ("min_priority = \"urgent\"", LaneMask::of(&[Lane::Latest, Lane::Urgent]), 1),
    ];
    for (key, lanes, items) in cases {
        let relay = Polite::start();
        let home = home_at(&relay);
        settings(&home, &format!("[[connect]]\nevery = \"1h\"\n{key}\n"));
        home.one(&["block", "bob"]);
        let agent = Resident::start(&home);
        let seen = relay.next();
        assert_eq!((seen.lanes, seen.items), (lanes, items), "{key}");
        agent.end().unwrap();
    }
}

/// NetworkManager as it comes up: what the system tells leads to one call, once the relay can be reached.
#[cfg(target_os = "linux")]
#[test]
fn a_link_that_comes_up_leads_to_one_call() {
    use crate::link::monitor::tests::{services::PrivateBus, wireless};
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bus = runtime.block_on(PrivateBus::start());
    let manager = runtime.block_on(wireless(&bus));
    runtime.block_on(manager.set("State", zbus::Variant::from(20_u32)));
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, "[[connect]]\nwhen = \"link-up\"\n[[link]]\nname = \"cafe\"\nssid = \"*\"\n");
    let agent = Resident::on(&home, &bus.address);
    assert_eq!(home.one(&["status"])["network"], "down");
    assert!(relay.seen.try_recv().is_err(), "there is no link");
    runtime.block_on(manager.set("State", zbus::Variant::from(70_u32)));
    relay.next();
    let status = wait(|| Some(home.one(&["status"])).filter(|status| status["link"] == "up"));
    assert_eq!((&status["profile"], &status["interface"]), (&"cafe".into(), &"wlan0".into()));
    assert_eq!(status["metered"], true, "as the system guesses");
    assert_eq!(home.one(&["sync"])["outcome"], "done");
    relay.next();
    assert!(relay.seen.try_recv().is_err(), "one call of its own, and the one that was asked for");
    let visits = home.rows(&["usage"]);
    let up = |index: usize| visits[index]["bytes_up"].as_u64().unwrap();
    assert_eq!(visits.len(), 2, "{visits:?}");
    assert!(
        up(1) + crate::link::ATTEMPT_BYTES <= up(0),
        "the wait for the relay is paid for: {visits:?}"
    );
    agent.end().unwrap();
}
