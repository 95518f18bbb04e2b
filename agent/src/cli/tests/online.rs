//! At a relay: logins, visits, a line that is held, devices.

use super::*;

#[test]
fn a_login_writes_the_account_and_a_second_one_makes_no_second_device() {
    let relay = Polite::start();
    let home = home_at(&relay);
    let path = home.path().join("account.toml");
    let account = Account::load(&path).unwrap().unwrap();
    assert_eq!(
        (account.account, account.device, account.relay.as_str()),
        (7, 70, relay.url.as_str())
    );
    let login = relay.asked().remove(0);
    assert_eq!(
        (login.0.as_str(), &login.1["token"]),
        ("POST /v1/login", &account.token.expose().into())
    );
    let again =
        home.run_with(&["login", &relay.url, "ann", "--password-stdin"], "secret\n", &nobody());
    assert_eq!(again.code, exit::DONE, "{again:?}");
    assert_eq!(Account::load(&path).unwrap().unwrap(), account);
    assert_eq!(relay.asked().iter().filter(|(what, _)| what == "POST /v1/login").count(), 1);
    let other =
        home.run_with(&["login", &relay.url, "bob", "--password-stdin"], "secret\n", &nobody());
    assert_eq!(other.code, exit::FAILED);
    assert!(other.err.contains("belongs to ann"), "{other:?}");
    // Shut out: now the password counts again.
    relay.revoke_all();
    home.run_with(&["login", &relay.url, "ann", "--password-stdin"], "secret\n", &nobody());
    let logins: Vec<_> =
        relay.asked().into_iter().filter(|(what, _)| what == "POST /v1/login").collect();
    assert_eq!(logins.len(), 2);
    // The store is not empty any more: delivery goes on from where it stands, or the relay would see a fork.
    assert!(logins[0].1["cursors"].is_null() && logins[1].1["cursors"].is_object(), "{logins:?}");
}

#[test]
fn an_exchange_with_nothing_new_is_one_request_of_few_bytes() {
    let relay = Polite::start();
    let home = home_at(&relay);
    let outcome = home.one(&["sync"]);
    assert_eq!(
        (&outcome["outcome"], &outcome["requests"]),
        (&"done".into(), &1.into()),
        "{outcome}"
    );
    let bytes = outcome["bytes_up"].as_u64().unwrap() + outcome["bytes_down"].as_u64().unwrap();
    assert!(0 < bytes && bytes <= 235, "{bytes}");
    let usage = home.rows(&["usage"]);
    assert_eq!(
        (&usage[0]["outcome"], &usage[0]["bytes_up"]),
        (&"done".into(), &outcome["bytes_up"])
    );
}

#[test]
fn a_budget_below_what_one_exchange_costs_is_kept() {
    let relay = Polite::start();
    let home = home_at(&relay);
    let outcome = home.one(&["sync", "--budget", "12KiB"]);
    assert!(outcome["bytes_up"].as_u64().unwrap() < 12 << 10);
}

#[test]
fn a_device_that_was_shut_out_is_told_to_log_in_again() {
    let relay = Polite::start();
    let home = home_at(&relay);
    relay.revoke_all();
    let ran = home.run(&["sync"]);
    assert_eq!(ran.code, exit::FAILED, "{ran:?}");
    assert!(ran.err.contains("mailboat login"), "{ran:?}");
}

#[test]
fn an_agent_with_a_rule_calls_at_once_and_says_when_it_calls_next() {
    let relay = Polite::start();
    let home = home_at(&relay);
    std::fs::write(home.path().join("agent.toml"), "[[connect]]\nevery = \"1h\"\n").unwrap();
    let agent = Resident::start(&home);
    let seen = relay.next();
    assert!((3_500..=3_600 + 900).contains(&seen.next_call_s), "{seen:?}");
    // A further one, and its end: the first may still be under way, and would take along what is written now.
    assert_eq!(home.one(&["sync"])["outcome"], "done");
    home.one(&["block", "bob"]);
    let outcome = home.one(&["sync"]);
    assert_eq!((&outcome["outcome"], &outcome["sent"]), (&"done".into(), &1.into()), "{outcome}");
    let status = home.one(&["status"]);
    assert_eq!(status["link"], "up");
    assert!(status["next_call"].as_str().unwrap().parse::<Timestamp>().is_ok());
    agent.end().unwrap();
}

#[test]
fn a_line_that_is_held_carries_at_once_what_is_written_and_gives_way_to_a_visit() {
    let relay = Polite::start();
    let home = home_at(&relay);
    std::fs::write(home.path().join("agent.toml"), "[[connect]]\nlive = true\n").unwrap();
    let agent = Resident::start(&home);
    assert_eq!(relay.next().hold_s, 0, "a whole visit first");
    assert!(0 < relay.next().hold_s);
    let status = home.one(&["status"]);
    assert_eq!(status["link"], "live");
    assert!(status["next_call"].is_null(), "the line is a call that goes on: {status}");
    home.one(&["block", "bob"]);
    let seen = relay.next();
    assert_eq!((seen.items, seen.hold_s), (1, 0));
    assert_eq!(home.one(&["sync"])["outcome"], "done");
    assert_eq!(relay.next().hold_s, 0, "the visit that was asked for");
    while relay.next().hold_s == 0 {}
    agent.end().unwrap();
}

#[test]
fn devices_are_listed_and_shut_out() {
    let relay = Polite::start();
    let home = home_at(&relay);
    assert_eq!(home.one(&["devices"])["id"], 70);
    assert!(home.run(&["devices"]).out.contains("this one"));
    assert_eq!(home.one(&["devices", "revoke", "71"])["revoked"], true);
    assert_eq!(relay.asked().last().unwrap().0, "DELETE /v1/devices/71");
}
