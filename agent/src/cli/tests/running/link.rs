//! The link: login pages, proxies, what rules carry, what comes up and what works again.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use super::*;
use crate::store::Clock;

const REDIRECTION: &str =
    "HTTP/1.1 302 Found\r\nlocation: http://login.example/\r\ncontent-length: 0\r\n\r\n";

/// Something that answers every request as a hotspot does; gives how often it was asked so far.
pub(super) fn portal() -> (String, mpsc::Receiver<String>) {
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
            // It may have hung up already.
            let _ = stream.write_all(REDIRECTION.as_bytes());
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    (url, asked)
}

pub(super) fn at(home: &Home, url: &str) {
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
    home.rows(&["inbox", "--mark-read"]);
    let ran = home.run(&["sync"]);
    assert_ne!(ran.code, exit::DONE, "{ran:?}");
    asked.recv_timeout(PATIENCE).unwrap();
    let notices = home.rows(&["inbox"]);
    assert_eq!(notices.len(), 1, "{notices:?}");
    agent.end().unwrap();
    assert!(asked.try_recv().is_err());
}

/// The same until somebody logs in; from then on it leads to the relay.
fn gate(relay: &Polite) -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (is_open, behind) = (Arc::new(AtomicBool::new(false)), relay.url.clone());
    let opens = is_open.clone();
    std::thread::spawn(move || {
        for near in listener.incoming() {
            let mut near = near.unwrap();
            if !opens.load(SeqCst) {
                let mut line = String::new();
                BufReader::new(&near).read_line(&mut line).unwrap();
                // It may have hung up already.
                let _ = near.write_all(REDIRECTION.as_bytes());
                continue;
            }
            let mut far = TcpStream::connect(behind.trim_start_matches("http://")).unwrap();
            let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            // Either side may hang up.
            std::thread::spawn(move || _ = std::io::copy(&mut from, &mut to));
            std::thread::spawn(move || _ = std::io::copy(&mut far, &mut near));
        }
    });
    (url, is_open)
}

#[test]
fn a_login_page_is_forgotten_after_a_visit_that_passed_it() {
    let relay = Polite::start();
    let (url, is_open) = gate(&relay);
    let home = Home::of("ann");
    at(&home, &url);
    settings(&home, "[[connect]]\nevery = \"2h\"\n");
    let agent = Resident::start(&home);
    wait(|| (home.one(&["status"])["network"] == "portal").then_some(()));
    is_open.store(true, SeqCst);
    assert_eq!(home.one(&["sync"])["outcome"], "done");
    let status = home.one(&["status"]);
    assert_ne!(status["network"], "portal", "{status}");
    assert_eq!(status["trouble"], serde_json::json!([]));
    agent.end().unwrap();
}

#[test]
fn after_an_hour_a_login_page_may_be_gone_and_what_waits_is_tried_again() {
    let (url, asked) = portal();
    let home = Home::of("ann");
    at(&home, &url);
    settings(&home, "[[connect]]\nevery = \"2h\"\n");
    let (up, hand) = Clock::by_hand(1_000);
    let clocks = Clocks::of(Clock::by_hand(1_800_000_000).0, up, jiff::tz::TimeZone::UTC);
    let agent = Resident::with(&home, "unix:path=/nonexistent", Log::default(), clocks);
    wait(|| (home.one(&["status"])["network"] == "portal").then_some(()));
    asked.recv_timeout(PATIENCE).unwrap();
    hand.fetch_add(3_590, SeqCst);
    assert_eq!(home.one(&["status"])["network"], "portal");
    assert!(asked.try_recv().is_err(), "nobody knocks there within the hour");
    hand.fetch_add(20, SeqCst);
    home.one(&["status"]);
    asked.recv_timeout(PATIENCE).unwrap();
    agent.end().unwrap();
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
fn a_reload_with_which_the_relay_could_not_be_called_leaves_the_settings_from_before() {
    let home = Home::of("ann");
    at(&home, "http://relay.invalid");
    settings(&home, "allow_plain_http = true\n");
    let agent = Resident::start(&home);
    settings(&home, "");
    let failure = order(&home, &Order::Reload).unwrap_err();
    assert_eq!(failure.code, "bad_url", "{failure:?}");
    let status = home.one(&["status"]);
    assert_eq!(status["trouble"].as_array().map(Vec::len), Some(1), "{status}");
    agent.end().unwrap();
}

#[test]
fn a_line_that_gives_way_is_taken_up_again_at_once() {
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, "[[connect]]\nlive = true\n");
    // No time passes.
    let (wall, up) = (Clock::by_hand(1_800_000_000).0, Clock::by_hand(1_000).0);
    let clocks = Clocks::of(wall, up, jiff::tz::TimeZone::UTC);
    let agent = Resident::with(&home, "unix:path=/nonexistent", Log::default(), clocks);
    while relay.next().hold_s == 0 {}
    agent.signals.blocking_send(Signal::Sync).unwrap();
    assert_eq!(relay.next().hold_s, 0, "to a visit, which carries all there is");
    while relay.next().hold_s == 0 {}
    settings(&home, "[[connect]]\nlive = true\n[[link]]\nname = \"here\"\nproxy = \"none\"\n");
    order(&home, &Order::Reload).unwrap();
    assert_eq!(relay.next().hold_s, 0, "to another over another way");
    agent.end().unwrap();
}

#[test]
fn others_are_told_of_the_next_call_that_fetches() {
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(
        &home,
        "[[connect]]\nevery = \"10m\"\ndirection = \"up\"\n[[connect]]\nevery = \"3h\"\n",
    );
    let agent = Resident::start(&home);
    let told = relay.next().next_call_s;
    assert!((2 * 3_600..4 * 3_600).contains(&told), "{told}");
    agent.end().unwrap();
}

#[test]
fn another_authority_to_trust_holds_from_the_next_visit_on() {
    let home = Home::of("ann");
    at(&home, "https://127.0.0.1:9");
    settings(&home, "");
    let agent = Resident::start(&home);
    let gone = home.path().join("gone.pem");
    for authority in [format!("ca = {gone:?}\n"), format!("[proxy]\nextra_ca = {gone:?}\n")] {
        settings(&home, "");
        order(&home, &Order::Reload).unwrap();
        let ran = home.run(&["sync"]);
        assert_eq!(ran.code, exit::LATER, "{ran:?}");
        settings(&home, &authority);
        order(&home, &Order::Reload).unwrap();
        let ran = home.run(&["sync"]);
        assert!(ran.err.contains("gone.pem"), "{authority} {ran:?}");
    }
    agent.end().unwrap();
}

/// Something that hangs up on every TLS client; gives how long each one's first record is, which offers keys.
fn no_agreement() -> (String, mpsc::Receiver<u16>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let (tell, offered) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut head = [0; 5];
            std::io::Read::read_exact(&mut stream.unwrap(), &mut head).unwrap();
            if tell.send(u16::from_be_bytes([head[3], head[4]])).is_err() {
                return;
            }
        }
    });
    (url, offered)
}

#[test]
fn another_key_exchange_holds_from_the_next_visit_on() {
    let (url, offered) = no_agreement();
    let home = Home::of("ann");
    at(&home, &url);
    let offers = |exchange: &str| {
        settings(&home, &format!("[tls]\npost_quantum = \"{exchange}\"\n"));
    };
    let longest = || {
        assert_eq!(home.run(&["sync"]).code, exit::LATER);
        offered.try_iter().max().unwrap()
    };
    offers("never");
    let agent = Resident::start(&home);
    let short = longest();
    offers("always");
    order(&home, &Order::Reload).unwrap();
    let long = longest();
    assert!(short + 1_000 < long, "{short} {long}");
    agent.end().unwrap();
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
