//! `mailboat doctor`.

use super::*;

#[test]
fn the_doctor_goes_through_every_step() {
    let relay = Polite::start();
    let home = home_at(&relay);
    let checks = |home: &Home| -> Vec<(String, String)> {
        let ran = home.run(&["doctor", "--json"]);
        let rows = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        rows.map(|row| (text(&row, "check"), text(&row, "level"))).collect()
    };
    let names: Vec<_> = checks(&home)
        .into_iter()
        .map(|(check, level)| {
            assert_ne!(level, "fail", "{check}");
            check
        })
        .collect();
    assert_eq!(
        names,
        [
            "config", "link", "clock", "name", "tcp", "login", "relay", "account", "store",
            "agent", "disk"
        ]
    );
    assert_eq!(home.run(&["doctor"]).code, exit::DONE);
    relay.revoke_all();
    assert!(checks(&home).contains(&("login".to_owned(), "fail".to_owned())));
    assert_eq!(home.run(&["doctor"]).code, exit::FAILED);
    assert_eq!(Home::of("ann").run(&["doctor"]).code, exit::FAILED, "no store yet");
}

#[test]
fn the_doctor_says_try_later_only_for_what_passes() {
    let home = Home::of("ann");
    home.one(&["chat", "bob"]);
    let ran = home.run(&["doctor"]);
    assert_eq!(ran.code, exit::LATER, "nobody answers, and nothing else is wrong: {ran:?}");
    for relay in ["http://relay.example", "relay.example", "https://127.0.0.1:99999"] {
        let file = home.path().join("account.toml");
        let account = Account::load(&file).unwrap().unwrap();
        Account { relay: relay.to_owned(), ..account }.save(&file).unwrap();
        let ran = home.run(&["doctor", "--json"]);
        assert_eq!(ran.code, exit::FAILED, "{relay}: {ran:?}");
        let line = ran.out.lines().find(|line| line.contains("\"fail\"")).unwrap();
        assert!(line.contains("\"address\""), "{line}");
    }
}
