//! Who follows what the agent does.

use super::*;
use crate::control::Event;

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
