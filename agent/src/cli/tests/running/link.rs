//! The link: login pages, proxies, what rules carry, what comes up and what works again.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
};

use super::*;

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
