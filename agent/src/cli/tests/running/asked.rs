//! Who asks for a visit while one is made, or while a line is held.

use super::*;

/// A visit that does not begin before `open`: the settings of its agent, after these rules.
struct Gate(std::path::PathBuf);

impl Gate {
    fn before_visits_of(home: &Home, rules: &str) -> Self {
        Self::saying(home, rules, "true")
    }

    /// The same; then `says` is run, and says whether there is a visit.
    fn saying(home: &Home, rules: &str, says: &str) -> Self {
        let gate = home.path().join("gate");
        let says = says.replace('"', "\\\"");
        let waits = format!("until [ -e {} ]; do sleep 0.02; done; {says}", gate.display());
        settings(
            home,
            &format!("{rules}[hooks]\nbefore_connect = [\"sh\", \"-c\", \"{waits}\"]\n"),
        );
        Self(gate)
    }

    fn open(&self) {
        std::fs::write(&self.0, "").unwrap();
    }
}

#[test]
fn who_asks_during_a_visit_that_carries_less_gets_one_that_carries_everything_after_it() {
    use wire::LaneMask;
    for (direction, queued, seen) in [
        ("down", true, vec![(LaneMask::ALL, 0), (LaneMask::ALL, 1)]),
        ("up", false, vec![(LaneMask::NONE, 0), (LaneMask::ALL, 0)]),
        ("both", true, vec![(LaneMask::ALL, 1)]),
    ] {
        let relay = Polite::start();
        let home = home_at(&relay);
        if queued {
            home.one(&["block", "bob"]);
        }
        let rule = format!("[[connect]]\nevery = \"1h\"\ndirection = \"{direction}\"\n");
        let gate = Gate::before_visits_of(&home, &rule);
        let agent = Resident::start(&home);
        wait(|| (home.one(&["status"])["link"] == "calling").then_some(()));
        agent.signals.blocking_send(Signal::Sync).unwrap();
        // What is asked for is heard before a second question is.
        (0..3).for_each(|_| _ = home.one(&["status"]));
        let part = Order::Sync { budget: None, only: Some(Only::Urgent), pick: Vec::new() };
        assert_eq!(order(&home, &part).unwrap_err().code, "busy", "a part of it waits");
        gate.open();
        for expected in seen {
            let seen = relay.next();
            assert_eq!((seen.lanes, seen.items), expected, "{direction}");
        }
        wait(|| (home.one(&["status"])["link"] == "up").then_some(()));
        agent.end().unwrap();
        assert!(relay.seen.try_recv().is_err(), "{direction}: no further one");
    }
}

#[test]
fn who_asks_for_a_visit_while_the_relay_is_only_asked_gets_one() {
    use wire::LaneMask;
    let relay = Polite::start();
    let home = home_at(&relay);
    let gate = Gate::before_visits_of(&home, "");
    let agent = Resident::start(&home);
    std::thread::scope(|scope| {
        let quote = scope.spawn(|| home.one(&["sync", "--dry-run", "--ask"]));
        wait(|| (home.one(&["status"])["link"] == "calling").then_some(()));
        agent.signals.blocking_send(Signal::Sync).unwrap();
        (0..3).for_each(|_| _ = home.one(&["status"]));
        gate.open();
        assert_eq!(quote.join().unwrap()["asked"], true);
    });
    assert_eq!(relay.next().lanes, LaneMask::NONE);
    assert_eq!(relay.next().lanes, LaneMask::ALL);
    agent.end().unwrap();
}

#[test]
fn who_asks_while_the_link_is_taken_down_gets_another_visit_unless_it_is_stopped() {
    for is_stopped in [false, true] {
        let relay = Polite::start();
        let home = home_at(&relay);
        let (gate, began) = (home.path().join("gate"), home.path().join("began"));
        let script = format!(
            "touch {}; until [ -e {} ]; do sleep 0.02; done",
            began.display(),
            gate.display()
        );
        settings(
            &home,
            &format!("[[connect]]\nevery = \"1h\"\nhangup = [\"sh\", \"-c\", \"{script}\"]\n"),
        );
        let agent = Resident::start(&home);
        wait(|| began.exists().then_some(()));
        assert_eq!(relay.next().items, 0);
        home.one(&["block", "bob"]);
        agent.signals.blocking_send(Signal::Sync).unwrap();
        (0..3).for_each(|_| _ = home.one(&["status"]));
        if is_stopped {
            assert_eq!(order(&home, &Order::Stop).unwrap()["stopped"], true);
        }
        std::fs::write(&gate, "").unwrap();
        if !is_stopped {
            assert_eq!(relay.next().items, 1, "what was written after the exchange");
        }
        wait(|| (home.one(&["status"])["link"] == "up").then_some(()));
        agent.end().unwrap();
        assert!(relay.seen.try_recv().is_err(), "{is_stopped}: no further one");
    }
}

/// What `sync` asks.
fn asked(kib: Option<u64>, only: Option<Only>) -> Order {
    Order::Sync { budget: kib.map(|kib| kib << 10), only, pick: Vec::new() }
}

/// Requests to chat whose greetings do not compress: some 30 KiB of them wait.
fn write_much(home: &Home) -> usize {
    const MANY: usize = 24;
    let mut state = 1_u64;
    for at in 0..MANY {
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            char::from_u32(0x4e00 + u32::try_from(state >> 33).unwrap() % 0x5000).unwrap()
        };
        let greeting: String = (0..490).map(|_| random()).collect();
        home.one(&["chat", &format!("friend{at}"), "-m", &greeting]);
    }
    MANY
}

/// What is asked for while a visit waits at its gate, which opens then; what each is told.
fn meanwhile(home: &Home, gate: &Gate, orders: &[Order]) -> Vec<Result<Value, Failure>> {
    wait(|| (home.one(&["status"])["link"] == "calling").then_some(()));
    std::thread::scope(|scope| {
        let mut asking = Vec::new();
        for asked in orders {
            asking.push(scope.spawn(|| order(home, asked)));
            // Each is heard before the next.
            (0..3).for_each(|_| _ = home.one(&["status"]));
        }
        gate.open();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    })
}

fn bytes(outcome: &Value) -> u64 {
    outcome["bytes_up"].as_u64().unwrap() + outcome["bytes_down"].as_u64().unwrap()
}

#[test]
fn what_bounds_a_rule_does_not_bound_who_asks_during_its_visit() {
    for bounds in [
        // It ends well, and carries less.
        "budget = \"12 KiB\"\ndirection = \"down\"",
        "min_priority = \"urgent\"\nbudget = \"12 KiB\"",
        // Its budget ends it.
        "budget = \"12 KiB\"",
    ] {
        let relay = Polite::start();
        let home = home_at(&relay);
        let written = write_much(&home);
        let rule = format!("[[connect]]\nevery = \"1h\"\n{bounds}\n");
        let gate = Gate::before_visits_of(&home, &rule);
        let agent = Resident::start(&home);
        let told = meanwhile(&home, &gate, &[asked(None, None)]).remove(0).unwrap();
        assert_eq!(told["outcome"], "done", "{bounds}: {told}");
        let seen: usize = relay.seen.try_iter().map(|seen| seen.items).sum();
        assert_eq!(seen, written, "{bounds}");
        let visits = home.rows(&["usage"]);
        assert!(visits.len() == 2 && bytes(&visits[0]) <= 12 << 10, "{bounds}: {visits:?}");
        assert_eq!((&visits[1]["rule"], 12 << 10 < bytes(&told)), (&"".into(), true), "{told}");
        agent.end().unwrap();
    }
}

#[test]
fn who_asks_during_a_rules_visit_is_bound_by_what_he_named_or_by_what_the_settings_say_of_his_calls()
 {
    let tight = "[sync]\nbudget = \"12 KiB\"\n";
    for (usual, orders) in [
        ("", vec![asked(Some(12), None)]),
        (tight, vec![asked(None, None)]),
        // Of several the least that anybody named.
        ("", vec![asked(Some(12), None), asked(Some(100), None), asked(None, None)]),
        ("", vec![asked(None, None), asked(Some(12), None)]),
    ] {
        let relay = Polite::start();
        let home = home_at(&relay);
        write_much(&home);
        let rule = format!(
            "{usual}[[connect]]\nevery = \"1h\"\ndirection = \"down\"\nbudget = \"1 MiB\"\n"
        );
        let gate = Gate::before_visits_of(&home, &rule);
        let agent = Resident::start(&home);
        for told in meanwhile(&home, &gate, &orders) {
            let told = told.unwrap();
            assert!(told["outcome"] == "partial" && bytes(&told) <= 12 << 10, "{orders:?}: {told}");
        }
        let visits = home.rows(&["usage"]);
        assert!(visits.len() == 2, "{orders:?}: {visits:?}");
        agent.end().unwrap();
    }
}

#[test]
fn a_signal_takes_no_bound_away_that_somebody_named() {
    let relay = Polite::start();
    let home = home_at(&relay);
    write_much(&home);
    let gate = Gate::before_visits_of(&home, "[[connect]]\nevery = \"1h\"\ndirection = \"down\"\n");
    let agent = Resident::start(&home);
    wait(|| (home.one(&["status"])["link"] == "calling").then_some(()));
    let told = std::thread::scope(|scope| {
        let asking = scope.spawn(|| order(&home, &asked(Some(12), None)));
        (0..3).for_each(|_| _ = home.one(&["status"]));
        agent.signals.blocking_send(Signal::Sync).unwrap();
        (0..3).for_each(|_| _ = home.one(&["status"]));
        gate.open();
        asking.join().unwrap().unwrap()
    });
    assert!(told["outcome"] == "partial" && bytes(&told) <= 12 << 10, "{told}");
    agent.end().unwrap();
}

#[test]
fn who_asks_for_more_than_a_visit_that_was_asked_for_gets_another_and_who_does_not_gets_none() {
    for (first, second, visits) in [
        (Some(12), None, 2),
        (Some(12), Some(12), 1),
        (Some(13), Some(12), 1),
        (Some(12), Some(200), 2),
    ] {
        let relay = Polite::start();
        let home = home_at(&relay);
        write_much(&home);
        let gate = Gate::before_visits_of(&home, "");
        let agent = Resident::start(&home);
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| order(&home, &asked(first, None)));
            let told = meanwhile(&home, &gate, &[asked(second, None)]).remove(0).unwrap();
            asking.join().unwrap().unwrap();
            assert_eq!(told["outcome"] == "done", visits == 2, "{first:?}, {second:?}: {told}");
        });
        assert_eq!(home.rows(&["usage"]).len(), visits, "{first:?}, {second:?}");
        agent.end().unwrap();
    }
}

#[test]
fn what_a_rules_program_says_and_a_link_of_its_own_that_does_not_come_up_is_not_for_who_asks() {
    for (rule, says) in [
        // It has nothing against a call that somebody asks for.
        ("", "test -z \"$MAILBOAT_RULE\""),
        ("dial = [\"false\"]", "true"),
    ] {
        let relay = Polite::start();
        let home = home_at(&relay);
        let rule = format!("[[connect]]\nevery = \"1h\"\n{rule}\n");
        let gate = Gate::saying(&home, &rule, says);
        let agent = Resident::start(&home);
        let told = meanwhile(&home, &gate, &[asked(None, None)]).remove(0).unwrap();
        assert_eq!(told["outcome"], "done", "{rule}: {told}");
        relay.next();
        agent.end().unwrap();
        assert!(relay.seen.try_recv().is_err(), "{rule}: one call");
    }
}

#[test]
fn a_visit_that_fails_has_failed_for_who_asked_during_it_too() {
    let relay = Polite::start();
    let home = home_at(&relay);
    let gate = Gate::before_visits_of(&home, "[[connect]]\nevery = \"1h\"\nbudget = \"12 KiB\"\n");
    relay.revoke_all();
    let agent = Resident::start(&home);
    let told = meanwhile(&home, &gate, &[asked(None, None)]).remove(0).unwrap();
    assert_eq!(told["outcome"], "refused", "{told}");
    assert_eq!(home.rows(&["usage"]).len(), 1);
    agent.end().unwrap();
}

#[test]
fn behind_a_line_that_gives_way_goes_what_was_asked_for_first_and_nothing_where_it_is_stopped() {
    use wire::LaneMask;
    for is_stopped in [false, true] {
        let relay = Polite::start();
        let home = home_at(&relay);
        let (gate, began) = (home.path().join("gate"), home.path().join("began"));
        let script = format!(
            "touch {}; until [ -e {} ]; do sleep 0.02; done",
            began.display(),
            gate.display()
        );
        settings(
            &home,
            &format!("[[connect]]\nlive = true\nhangup = [\"sh\", \"-c\", \"{script}\"]\n"),
        );
        let agent = Resident::start(&home);
        while relay.next().hold_s == 0 {}
        let urgent = asked(Some(50), Some(Only::Urgent));
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| order(&home, &urgent));
            wait(|| began.exists().then_some(()));
            assert_eq!(order(&home, &asked(None, None)).unwrap_err().code, "busy");
            agent.signals.blocking_send(Signal::Sync).unwrap();
            (0..3).for_each(|_| _ = home.one(&["status"]));
            if is_stopped {
                assert_eq!(order(&home, &Order::Stop).unwrap()["stopped"], true);
            }
            std::fs::write(&gate, "").unwrap();
            let told = asking.join().unwrap().unwrap();
            assert_eq!(told["outcome"] == "done", !is_stopped, "{told}");
        });
        if !is_stopped {
            assert_eq!(relay.next().lanes, LaneMask::of(&[wire::Lane::Latest, wire::Lane::Urgent]));
            while relay.next().hold_s == 0 {}
        }
        agent.end().unwrap();
        assert!(relay.seen.try_recv().is_err(), "{is_stopped}: no further one");
    }
}
