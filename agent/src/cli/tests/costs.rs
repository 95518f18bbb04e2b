//! What visits cost and may cost: the ledger, its sums, and quotas.

use std::time::Duration;

use super::*;
use crate::store::{Options, Store, VisitBegin, VisitEnd};

/// A link that fits everywhere.
const STICK: &str = "[[link]]\nname = \"stick\"\nmetered = true\ntariff_per_mb = 100\ncurrency = \"EUR\"\n\
    quota = \"1 MiB\"\nrate = \"40 kbit/s\"\n";

fn settings(home: &Home, toml: &str) {
    std::fs::write(home.path().join("agent.toml"), toml).unwrap();
}

/// As if a visit had just cost so much.
fn spend(home: &Home, bytes: u64) {
    spend_over("stick", home, bytes);
}

/// The same over any link.
pub(super) fn spend_over(link: &str, home: &Home, bytes: u64) {
    let options = Options { patience: Duration::from_secs(10), ..Options::default() };
    let store = Store::open(&home.path().join("store.db"), options).unwrap();
    let begin = VisitBegin { link: link.to_owned(), metered: Some(true), ..VisitBegin::default() };
    let visit = store.begin_visit(begin).unwrap();
    let end =
        VisitEnd { ip_down: bytes, ip_measured: true, outcome: "done", ..VisitEnd::default() };
    store.end_visit(visit, &end).unwrap();
}

fn notices(home: &Home) -> Vec<String> {
    let rows = home.rows(&["inbox"]);
    let notices = rows.iter().filter(|row| row["kind"] == "notice");
    notices.map(|row| row["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_visit_is_in_the_ledger_with_its_link_its_kinds_of_bytes_and_its_money() {
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, STICK);
    home.one(&["block", "bob"]);
    let outcome = home.one(&["sync"]);
    let visit = home.rows(&["usage"]).remove(0);
    assert_eq!(
        (&visit["link"], &visit["class"], &visit["live"], &visit["outcome"]),
        (&"stick".into(), &"metered".into(), &false.into(), &"done".into()),
        "{visit}"
    );
    let number = |value: &Value| value.as_u64().unwrap();
    assert_eq!(visit["bytes_up"], outcome["bytes_up"]);
    let kinds = visit["by_kind"].as_object().unwrap();
    for way in ["up", "down"] {
        let of_way = kinds.iter().filter(|(kind, _)| kind.ends_with(&format!("_{way}")));
        let sum: u64 = of_way.map(|(_, bytes)| number(bytes)).sum();
        assert_eq!(sum, number(&visit[&format!("bytes_{way}")]), "{visit}");
    }
    assert!(0 < number(&kinds["control_up"]) && 0 < number(&kinds["overhead_up"]), "{visit}");
    assert_eq!(kinds["messages_up"], 0, "blocking somebody is no message");
    let ip = number(&visit["ip_bytes_up"]) + number(&visit["ip_bytes_down"]);
    let payload = number(&visit["bytes_up"]) + number(&visit["bytes_down"]);
    assert!((payload + 7 * 40..payload + 20 * 72).contains(&ip), "{visit}");
    // 100 EUR for 1,000,000 bytes: a ten-thousandth for each.
    let cost: config::Price = visit["cost"].as_str().unwrap().parse().unwrap();
    assert_eq!((cost.millionths(), &visit["currency"]), (100 * ip, &"EUR".into()), "{visit}");
}

#[test]
fn usage_adds_up_by_day_month_link_and_kind_for_people_scripts_and_spreadsheets() {
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, STICK);
    home.one(&["sync"]);
    home.one(&["sync"]);
    let bytes: u64 =
        home.rows(&["usage"]).iter().map(|row| row["bytes_up"].as_u64().unwrap()).sum();
    for (by, key) in [("day", "day"), ("month", "month"), ("link", "link")] {
        let row = home.one(&["usage", "--by", by]);
        assert_eq!((&row["visits"], &row["bytes_up"]), (&2.into(), &bytes.into()), "{row}");
        assert!(row[key].is_string() && row["cost"]["EUR"].is_string(), "{row}");
        assert_eq!(row["quota"].is_object(), by == "link", "{row}");
    }
    let kinds = home.rows(&["usage", "--by", "kind"]);
    assert_eq!(kinds[0].as_object().unwrap().len(), 3, "nothing else is known of a kind");
    let csv = home.run(&["usage", "--csv", "--by", "kind"]).out;
    assert!(csv.starts_with("kind,bytes_up,bytes_down\r\nmessages,"), "{csv}");
    let of_kinds: u64 = kinds.iter().map(|row| row["bytes_up"].as_u64().unwrap()).sum();
    assert_eq!((kinds.len(), of_kinds), (3, bytes));
    let csv = home.run(&["usage", "--csv"]).out;
    let lines: Vec<_> = csv.split("\r\n").collect();
    assert!(lines.len() == 4 && lines[0].starts_with("start,end,link"), "{csv}");
    assert!(lines[1].contains(",stick,metered,"), "{csv}");
    let days = home.run(&["usage", "--csv", "--by", "day"]).out;
    assert!(days.starts_with("day,visits,") && days.contains(" EUR\r\n"), "{days}");
    let shown = home.run(&["usage"]).out;
    assert!(shown.contains("on the link") && shown.contains("quota of stick: "), "{shown}");
    assert!(home.rows(&["usage", "--since", "2001-01-01"]).len() == 2);
    assert_eq!(home.rows(&["usage", "--since", "9000-01-01"]).len(), 0);
    let wrong = home.run(&["usage", "--since", "yesterday"]);
    assert!(wrong.code == exit::USAGE && wrong.err.contains("2026-11-01"), "{wrong:?}");
}

#[test]
fn a_quota_warns_twice_then_stops_every_call_until_it_is_lifted() {
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, STICK);
    spend(&home, 780 << 10);
    home.one(&["sync"]);
    home.one(&["sync"]);
    let told = notices(&home);
    assert!(told.len() == 1 && told[0].contains("(76 %)"), "{told:?}");
    spend(&home, 200 << 10);
    home.one(&["sync"]);
    assert_eq!(notices(&home).len(), 2, "{:?}", notices(&home));
    assert_eq!(home.one(&["status"])["quotas"][0]["stopped"], false);
    spend(&home, 40 << 10);
    // The last one that was still made finds it used up.
    let before = home.rows(&["usage"]).len();
    let refused = home.run(&["sync"]);
    assert_eq!(refused.code, exit::FAILED, "{refused:?}");
    assert!(refused.err.contains("mailboat usage --lift-quota stick"), "{refused:?}");
    assert_eq!(home.rows(&["usage"]).len(), before, "no call was made");
    let status = home.one(&["status"]);
    assert_eq!(status["quotas"][0]["stopped"], true, "{status}");
    assert!(home.run(&["schedule"]).out.contains("calls over it are refused"));
    let doctor = home.rows_of_any_code(&["doctor"]);
    let quota = doctor.iter().find(|line| line["check"] == "quota").unwrap();
    assert_eq!(quota["level"], "warn", "{quota}");

    let wrong = home.run(&["usage", "--lift-quota", "stock"]);
    assert!(wrong.code == exit::USAGE && wrong.err.contains("stick"), "{wrong:?}");
    let lifted = home.one(&["usage", "--lift-quota", "stick", "--until", "50KiB"]);
    assert_eq!((&lifted["lifted"], &lifted["stopped"]), (&true.into(), &false.into()));
    home.one(&["sync"]);
    spend(&home, 50 << 10);
    assert_eq!(home.run(&["sync"]).code, exit::FAILED, "and that is used up as well");
    home.one(&["usage", "--lift-quota", "stick"]);
    spend(&home, 50 << 20);
    home.one(&["sync"]);
    assert!(home.one(&["status"])["quotas"][0]["left"].is_null());
}

#[test]
fn with_an_agent_a_quota_is_lifted_through_it_and_a_held_line_stops_too() {
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, &format!("{STICK}[[connect]]\nlive = true\n"));
    spend(&home, (1 << 20) - (26 << 10));
    let agent = Resident::start(&home);
    while relay.next().hold_s == 0 {}
    let is_stopped = || home.one(&["status"])["quotas"][0]["stopped"] == true;
    // Each goes at once, over the line, until there is none any more.
    let greeting: String = (0..80_u32).map(|n| format!("{:05x}", n * n * 7_919 % 99_991)).collect();
    let asked = (0..500).find(|n| {
        home.one(&["chat", &format!("p{n}"), "-m", &greeting[n % 50..n % 50 + 300]]);
        is_stopped()
    });
    assert!(asked.is_some_and(|asked| 2 < asked), "it stopped after {asked:?}");
    let quota = &home.one(&["status"])["quotas"][0];
    assert!(quota["used"].as_u64() < quota["quota"].as_u64(), "it was not passed: {quota}");
    // The line ends a moment after the quota does, and the user is told at its end.
    let is_told = || notices(&home).iter().any(|told| told.contains("--lift-quota stick"));
    super::running::wait(|| is_told().then_some(()));

    while relay.seen.try_recv().is_ok() {}
    let refused = home.run(&["sync"]);
    assert!(refused.code == exit::FAILED && refused.err.contains("--lift-quota stick"));
    assert!(relay.seen.try_recv().is_err(), "nobody calls");
    home.one(&["usage", "--lift-quota", "stick"]);
    assert_eq!(home.one(&["sync"])["outcome"], "done");
    assert!(0 < relay.next().items, "what waited goes");
    agent.end().unwrap();
}

#[test]
fn a_visit_stops_before_the_quota_is_passed_and_what_is_left_waits() {
    let relay = Polite::start();
    let home = home_at(&relay);
    settings(&home, STICK);
    spend(&home, (1 << 20) - (30 << 10));
    let word = |n: u32| format!("{:08x}", n.wrapping_mul(2_654_435_761));
    for asked in 0..120_u32 {
        let greeting: String = (0..60).map(|n| word(asked * 60 + n)).collect();
        home.one(&["chat", &format!("p{asked}"), "-m", &greeting]);
    }
    let ran = home.run(&["sync"]);
    assert_eq!(ran.code, exit::LATER, "{ran:?}");
    let quota = &home.one(&["status"])["quotas"][0];
    assert!(quota["used"].as_u64() <= quota["quota"].as_u64(), "{quota}");
    let waits = home.one(&["status"])["waiting_here"].as_u64().unwrap();
    assert!((1..120).contains(&waits), "{waits} wait");
}

#[test]
fn a_price_is_that_of_the_link_in_the_ledger_and_says_whether_budget_and_quota_allow_it() {
    let relay = Polite::start();
    let home = home_at(&relay);
    home.one(&["sync"]);
    let quote = home.one(&["sync", "--dry-run"]);
    assert_eq!(quote["link"], home.rows(&["usage"])[0]["link"], "also without a profile");
    assert!(quote["overhead_known"] == true && quote["quota_left"].is_null(), "{quote}");

    settings(&home, STICK);
    let quote = home.one(&["sync", "--dry-run", "--budget", "12KiB"]);
    assert_eq!((&quote["budget"], &quote["refused"]), (&(12 << 10).into(), &"".into()));
    assert_eq!(quote["quota_left"], 1 << 20);
    let shown = home.run(&["sync", "--dry-run", "--budget", "12KiB"]).out;
    for words in ["budget      12.0 KiB: it fits", "quota       1.0 MiB are left"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    for size in ["1", "-1"] {
        let wrong = home.run(&["sync", "--dry-run", "--budget", size]);
        assert!(wrong.code == exit::USAGE && wrong.err.contains("KiB"), "{wrong:?}");
    }
    spend(&home, 1 << 20);
    let shown = home.run(&["sync", "--dry-run"]).out;
    assert!(shown.contains("refused     the quota of the link stick is used up"), "{shown}");
    let asked = home.run(&["sync", "--dry-run", "--ask"]);
    assert_eq!((asked.code, asked.out.matches("--lift-quota").count()), (exit::LATER, 1));
}

#[test]
fn a_price_needs_no_link_and_one_that_cannot_be_asked_for_says_why_and_exits_with_75() {
    let home = Home::of("ann");
    settings(&home, STICK);
    let shown = home.run(&["sync", "--dry-run"]).out;
    assert!(shown.contains("to send     nothing: ") && !shown.contains("0 item"), "{shown}");
    let asked = home.one(&["chat", "bob", "-m", "hello"]);
    let quote = home.one(&["sync", "--dry-run"]);
    assert_eq!((&quote["items"], &quote["requests"]), (&1.into(), &1.into()), "{quote}");
    assert_eq!((&quote["asked"], &quote["overhead_known"]), (&false.into(), &false.into()));
    let number = |key: &str| quote[key].as_u64().unwrap();
    let (bytes, ip) = (number("bytes"), number("ip_bytes"));
    assert!(0 < number("body_up") && number("body_up") + number("overhead") <= bytes && bytes < ip);
    assert_eq!(number("seconds"), (ip * 8).div_ceil(40_000), "{quote}");
    let cost: config::Price = quote["cost"].as_str().unwrap().parse().unwrap();
    assert_eq!((cost.millionths(), &quote["currency"]), (100 * ip, &"EUR".into()));
    assert_eq!(home.rows(&["usage"]).len(), 0, "nothing was called");
    assert_eq!(home.rows(&["outbox"])[0]["on_its_way"], false);
    let shown = home.run(&["sync", "--dry-run"]).out;
    for words in ["to send     1 item", "a guess", "at 40 kbit/s", "EUR"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let picked = home.one(&["sync", "--dry-run", "--pick", asked["id"].as_str().unwrap()]);
    assert_eq!(picked["items"], 1);
    let failed = home.run(&["sync", "--dry-run", "--ask", "--json"]);
    let quote: Value = serde_json::from_str(&failed.out).unwrap();
    assert_eq!((failed.code, &quote["asked"]), (exit::LATER, &false.into()), "{quote}");
    assert!(!quote["words"].as_str().unwrap().is_empty(), "{quote}");
}

#[test]
fn what_cannot_be_picked_is_refused_with_the_remedy() {
    let home = Home::of("ann");
    home.one(&["chat", "bob"]);
    let held = home.one(&["send", "bob", "-m", "later"]);
    let held = held["id"].as_str().unwrap();
    for (args, words) in [
        (&["sync", "--pick", "m99"][..], "not in the outbox"),
        (&["sync", "--dry-run", "--pick", held], "outbox release"),
        (&["sync", "--pick", held, "--only", "urgent"], "--only"),
        (&["sync", "--ask"], "--dry-run"),
    ] {
        let ran = home.run(args);
        assert!(ran.code != exit::DONE && ran.err.contains(words), "{args:?} {ran:?}");
    }
}

#[test]
fn an_agent_prices_and_asks_for_whoever_wants_to_know() {
    let relay = Polite::start();
    let home = home_at(&relay);
    let agent = Resident::start(&home);
    home.one(&["block", "bob"]);
    let quote = home.one(&["sync", "--dry-run"]);
    assert_eq!((&quote["items"], &quote["asked"]), (&1.into(), &false.into()), "{quote}");
    let asked = home.one(&["sync", "--dry-run", "--ask"]);
    assert_eq!((&asked["items"], &asked["asked"]), (&1.into(), &true.into()), "{asked}");
    assert_eq!(relay.next().items, 0, "it was only asked");
    assert!(asked["overhead_known"] == true, "{asked}");
    assert_eq!(home.one(&["sync"])["sent"], 1);
    agent.end().unwrap();
}
