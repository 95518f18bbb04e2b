use agent::{
    control::Only,
    store::{Cause, Counters, HowEnded, VisitRow},
};
use serde_json::json;

use super::*;
use crate::kit::scene::{NOW, month};

fn quote() -> Value {
    json!({ "items": 3, "body_up": 1_200, "body_down": 36_000, "bytes": 38_200, "seconds": 11, "cost": "0.04", "currency": "EUR" })
}

/// A portal that has heard from the agent.
fn priced(scene: &Scene) -> Portal {
    let mut portal = Portal::default();
    assert!(matches!(
        portal.update(Message::DeskMoved, &scene.desk)[..],
        [Action::Order(Wanted::Quote, _)]
    ));
    assert_eq!(portal.update(Message::Answered(Wanted::Quote, Ok(quote())), &scene.desk), []);
    portal
}

#[test]
fn what_waits_is_priced_once_and_again_when_it_changed() {
    let mut scene = Scene::waiting();
    let mut portal = Portal::default();
    let asked = portal.update(Message::DeskMoved, &scene.desk);
    let price = Order::Price { ask: false, only: None, pick: Vec::new() };
    assert_eq!(asked, [Action::Order(Wanted::Quote, price)]);
    // One at a time, and not again for the same.
    assert_eq!(portal.update(Message::DeskMoved, &scene.desk), []);
    assert_eq!(portal.update(Message::Answered(Wanted::Quote, Ok(quote())), &scene.desk), []);
    assert_eq!(portal.update(Message::DeskMoved, &scene.desk), []);
    scene.does(|does| does.waits.as_mut().unwrap().here.count = 4);
    assert_eq!(portal.update(Message::DeskMoved, &scene.desk).len(), 1);
    // What changes meanwhile is priced after the answer; also after none.
    scene.does(|does| does.waits.as_mut().unwrap().here.count = 5);
    let answer = Message::Answered(Wanted::Quote, Err(DoorError::Stalled));
    assert_eq!(portal.update(answer, &scene.desk).len(), 1);
}

#[test]
fn a_call_carries_what_was_chosen_within_the_budget_that_was_typed() {
    let scene = Scene::waiting();
    let mut portal = priced(&scene);
    let said = pressed(&scene, &portal, "call");
    assert_eq!(said, [Message::Link(link::Message::CallPressed)]);
    let _ = portal.update(Message::Link(link::Message::Toggled), &scene.desk);
    let said = pressed(&scene, &portal, "carry-urgent");
    let repriced = portal.update(said[0].clone(), &scene.desk);
    let price = Order::Price { ask: false, only: Some(Only::Urgent), pick: Vec::new() };
    assert_eq!(repriced, [Action::Order(Wanted::Quote, price)]);
    let said = acted(&scene, &portal, |ui| {
        ui.click(iced_test::selector::id("budget")).unwrap();
        ui.typewrite("2");
    });
    assert_eq!(said, [Message::Link(link::Message::BudgetTyped("2".to_owned()))]);
    for wrong in ["2", "twenty", "1 KB"] {
        let _ =
            portal.update(Message::Link(link::Message::BudgetTyped(wrong.to_owned())), &scene.desk);
        let said = portal.update(Message::Link(link::Message::CallPressed), &scene.desk);
        assert_eq!(said, [Action::Focus("budget")], "{wrong}");
    }
    shows("portal-budget-wrong", &scene, &portal);
    let _ =
        portal.update(Message::Link(link::Message::BudgetTyped("20 KB".to_owned())), &scene.desk);
    let call = Order::Sync { budget: Some(20_000), only: Some(Only::Urgent), pick: Vec::new() };
    let said = portal.update(Message::Link(link::Message::CallPressed), &scene.desk);
    assert_eq!(said, [Action::Order(Wanted::Call, call)]);
    // While it is made there is no second one.
    assert_eq!(pressed(&scene, &portal, "call"), []);
    let busy = DoorError::Refused {
        code: "busy".to_owned(),
        words: "a visit is under way already".to_owned(),
    };
    let _ = portal.update(Message::Answered(Wanted::Call, Err(busy)), &scene.desk);
    assert_eq!(pressed(&scene, &portal, "call").len(), 1);
    shows("portal-call-refused", &scene, &portal);
    let busy = scene.words.say("failure-busy");
    let sees = |portal: &Portal| {
        Ui::new(PORTAL, 1.0, portal.view(scene.cx())).find(busy.as_str()).is_some()
    };
    assert!(sees(&portal));
    let said = pressed(&scene, &portal, "close-error");
    let _ = portal.update(said[0].clone(), &scene.desk);
    assert!(!sees(&portal));
}

#[test]
fn a_visit_can_be_stopped_once() {
    let mut scene = Scene::waiting();
    let mut portal = priced(&scene);
    scene.visit(|_| {});
    shows("portal-visit", &scene, &portal);
    let said = pressed(&scene, &portal, "stop");
    assert_eq!(
        portal.update(said[0].clone(), &scene.desk),
        [Action::Order(Wanted::Stop, Order::Stop)]
    );
    assert_eq!(pressed(&scene, &portal, "stop"), []);
    scene.visit(|visit| visit.stopping = true);
    shows("portal-stopping", &scene, &portal);
}

#[test]
fn the_panel_opens_to_all_there_is_to_know() {
    let scene = Scene::waiting();
    let mut portal = priced(&scene);
    shows("portal-waiting", &scene, &portal);
    let said = pressed(&scene, &portal, "link");
    let _ = portal.update(said[0].clone(), &scene.desk);
    shows("portal-link", &scene, &portal);
    let german = Scene::waiting().in_language("de");
    shows("portal-link-de", &german, &portal);
}

#[test]
fn what_does_not_work_says_so_with_its_remedy() {
    let mut scene = Scene::calm();
    scene.does(|does| {
        does.trouble = vec![crate::door::Trouble {
            kind: "dial".to_owned(),
            about: "evening".to_owned(),
            words: "the dial program evening-link failed (exit status: 1), and said: no modem"
                .to_owned(),
            cause: Some(Cause::DialFailed {
                program: "evening-link".to_owned(),
                how: HowEnded::Exited(1),
                said: "no modem at /dev/ttyUSB0".to_owned(),
            }),
            remedy: "Run the dial program by hand; the agent's log says what it printed."
                .to_owned(),
        }];
    });
    let mut portal = Portal::default();
    shows("portal-trouble-folded", &scene, &portal);
    let _ = portal.update(Message::Link(link::Message::Toggled), &scene.desk);
    shows("portal-trouble", &scene, &portal);
    scene.does(|does| does.link.network = "portal".to_owned());
    shows("portal-captive", &scene, &Portal::default());
    scene.does(|does| does.link.network = "up".to_owned());
    shows("portal-trouble-de", &scene.in_language("de"), &portal);
}

#[test]
fn the_words_change_by_themselves_only_while_the_next_call_is_near() {
    let (mut scene, portal) = (Scene::calm(), Portal::default());
    scene.know(|known| known.members.clear());
    let in_minutes = |scene: &mut Scene, minutes: i64| {
        scene.does(|does| {
            does.next.as_mut().unwrap().at =
                jiff::Timestamp::from_second(NOW + minutes * 60).unwrap();
        });
        portal.changes_at(scene.cx())
    };
    assert_eq!(in_minutes(&mut scene, 42), Some(NOW + 1));
    assert_eq!(in_minutes(&mut scene, 300), Some(NOW + 240 * 60));
    scene.does(|does| does.next = None);
    assert_eq!(portal.changes_at(scene.cx()), None);
}

#[test]
fn what_the_last_visit_came_to_stays_until_the_next() {
    let mut scene = Scene::calm();
    let visit = VisitRow {
        start: NOW - 1700,
        end: Some(NOW - 1689),
        bytes_up: 3_200,
        bytes_down: 36_000,
        sent: 3,
        received: 14,
        cost: Some(config::Price::from_millionths(40_000)),
        currency: "EUR".to_owned(),
        outcome: "done".to_owned(),
        ..VisitRow::default()
    };
    let last = |scene: &mut Scene, visit: VisitRow| {
        scene.know(|known| {
            known.counters.get_or_insert_default().last_visit = Some(visit);
        });
    };
    last(&mut scene, visit.clone());
    shows("portal-after-visit", &scene, &Portal::default());
    let sees = |scene: &Scene, words: &'static str| {
        Ui::new(PORTAL, 1.0, Portal::default().view(scene.cx())).find(words).is_some()
    };
    assert!(sees(&scene, "17:19 sent 3, received 14 · 39.2 KB · 11 s · 0.04 €"));
    let refused = VisitRow {
        outcome: "no_link".to_owned(),
        words: "no route to harbour.example".to_owned(),
        bytes_up: 0,
        bytes_down: 0,
        cost: None,
        ..visit
    };
    last(&mut scene, refused);
    assert!(sees(&scene, "17:19 the relay was not reached"));
    let mut portal = Portal::default();
    let _ = portal.update(Message::Link(link::Message::Toggled), &scene.desk);
    shows("portal-last-failed", &scene, &portal);
}

#[test]
fn a_quota_that_is_used_up_can_be_lifted() {
    let scene = Scene::waiting();
    let mut portal = priced(&scene);
    let days = [4_000_000, 0, 9_500_000, 12_000_000, 0, 0, 7_000_000, 18_400_000];
    let read = |days: &[u64], quota| {
        let ledger = std::sync::Arc::new(month(days, quota));
        Message::Link(link::Message::LedgerRead(Ok(ledger)))
    };
    let _ = portal.update(read(&days, Some(50_000_000)), &scene.desk);
    shows("portal-quota", &scene, &portal);
    // No call would come about: not by its button, by the keyboard or from the tray. Over another link one does.
    assert_eq!(pressed(&scene, &portal, "call"), []);
    assert!(!portal.can_call(&scene.desk));
    assert_eq!(portal.update(Message::Link(link::Message::CallPressed), &scene.desk), []);
    let mut ashore = Scene::waiting();
    ashore.does(|does| does.link.profile = Some("harbour".to_owned()));
    assert!(portal.can_call(&ashore.desk));
    for (id, bytes) in [("lift", None), ("lift-some", Some(5_000_000))] {
        let said = pressed(&scene, &portal, id);
        let order = Order::LiftQuota { link: "satellite".to_owned(), bytes };
        assert_eq!(
            portal.update(said[0].clone(), &scene.desk),
            [Action::Order(Wanted::Lift, order)]
        );
    }
    let _ = portal.update(read(&days, Some(80_000_000)), &scene.desk);
    let _ = portal.update(Message::Link(link::Message::Toggled), &scene.desk);
    shows("portal-month", &scene, &portal);
    let _ = portal.update(read(&days, None), &scene.desk);
    shows("portal-month-free", &scene, &portal);
    // Without a ledger there is no chart, and nothing that says there is nothing.
    let gone = Message::Link(link::Message::LedgerRead(Err(DoorError::NoStore)));
    assert_eq!(portal.update(gone, &scene.desk), []);
}

#[test]
fn the_ledger_is_read_once_and_after_each_visit_and_when_the_quota_was_lifted() {
    let mut scene = Scene::calm();
    let mut portal = Portal::default();
    scene.know(|known| _ = known.counters.insert(Counters::default()));
    let read = Action::ReadLedger(String::new());
    assert_eq!(portal.update(Message::DeskMoved, &scene.desk), [read]);
    assert_eq!(portal.update(Message::DeskMoved, &scene.desk), []);
    scene.know(|known| {
        let visit = VisitRow { link: "gsm".to_owned(), start: NOW, ..VisitRow::default() };
        known.counters.as_mut().unwrap().last_visit = Some(visit);
    });
    let again = [Action::ReadLedger("gsm".to_owned())];
    assert_eq!(portal.update(Message::DeskMoved, &scene.desk), again);
    let lifted = Message::Answered(Wanted::Lift, Ok(json!({})));
    assert_eq!(portal.update(lifted, &scene.desk), again);
}

#[test]
fn a_line_that_is_held_is_calm() {
    let mut scene = Scene::calm();
    scene.visit(|visit| {
        (visit.is_line, visit.phase) = (true, "holding".to_owned());
        visit.since = Some(jiff::Timestamp::from_second(NOW - 7_200).unwrap());
    });
    scene.does(|does| does.link.state = "live".to_owned());
    shows("portal-line", &scene, &Portal::default());
}

#[test]
fn what_says_not_now_says_why() {
    let mut scene = Scene::calm();
    scene.does(|does| does.not_now = Some("the batteries are below 20 %".to_owned()));
    let mut portal = Portal::default();
    let _ = portal.update(Message::Link(link::Message::Toggled), &scene.desk);
    shows("portal-not-now", &scene, &portal);
}

#[test]
fn what_came_of_calls_is_said_in_the_readers_language_and_as_it_stands_where_nobody_knows_it() {
    let words = "the name relay.example was not found. Is the link up?";
    let visit = |cause| VisitRow {
        end: Some(NOW - 60),
        outcome: "no_link".to_owned(),
        words: words.to_owned(),
        cause,
        ..VisitRow::default()
    };
    let mut portal = Portal::default();
    let known = Cause::NameNotFound { host: "relay.example".to_owned() };
    let german = "Der Name relay.example wurde nicht gefunden. Steht die Verbindung?";
    for (cause, said) in [(Some(known), german), (None, words)] {
        let mut scene = Scene::calm().in_language("de");
        let counters = Counters { last_visit: Some(visit(cause)), ..Counters::default() };
        scene.know(|known| known.counters = Some(counters));
        if !portal.link.is_open {
            let _ = portal.update(Message::Link(link::Message::Toggled), &scene.desk);
        }
        let size = iced::Size::new(360.0, 900.0);
        assert!(Ui::new(size, 1.0, portal.view(scene.cx())).find(said).is_some(), "{said}");
    }
    let program = "before-connect".to_owned();
    let cause = Cause::NotNow { program, said: "the batteries are below 20 %".to_owned() };
    let mut scene = Scene::calm().in_language("de");
    scene.does(|does| {
        does.not_now = Some("before-connect says not now: …".to_owned());
        does.not_now_cause = Some(cause);
    });
    let size = iced::Size::new(360.0, 900.0);
    let said = "Jetzt nicht: das sagt das Programm before-connect: the batteries are below 20 %";
    assert!(Ui::new(size, 1.0, portal.view(scene.cx())).find(said).is_some());
}

#[test]
fn a_line_that_somebody_ended_and_one_that_is_held_again_are_no_failures() {
    let mut portal = Portal::default();
    let _ = portal.update(Message::Link(link::Message::Toggled), &Scene::calm().desk);
    let shows = |live: bool, cause: Cause, is_held: bool| {
        let mut scene = Scene::calm();
        let visit = VisitRow {
            end: Some(NOW - 60),
            outcome: "partial".to_owned(),
            words: "as it was".to_owned(),
            live,
            cause: Some(cause),
            ..VisitRow::default()
        };
        let counters = Counters { last_visit: Some(visit), ..Counters::default() };
        scene.know(|known| known.counters = Some(counters));
        if is_held {
            scene.visit(|visit| {
                (visit.is_line, visit.phase) = (true, "holding".to_owned());
            });
        }
        let said = scene.words.say("link-last-partial");
        let size = iced::Size::new(360.0, 900.0);
        Ui::new(size, 1.0, portal.view(scene.cx())).find(said.as_str()).is_some()
    };
    assert!(shows(false, Cause::Stopped, false) && shows(true, Cause::TimeOver, false));
    assert!(!shows(true, Cause::Stopped, false), "the agent ended, or somebody pressed Stop");
    assert!(!shows(true, Cause::TimeOver, true), "it is held again");
}

#[test]
fn what_waits_at_the_relay_is_told_as_of_when_it_said_so_and_not_before_it_was_asked() {
    let mut scene = Scene::waiting();
    scene.does(|does| does.waits.as_mut().unwrap().there = crate::door::There::default());
    scene.know(|known| known.counters = None);
    let mut portal = priced(&scene);
    let _ = portal.update(Message::Link(link::Message::Toggled), &scene.desk);
    let shows = |scene: &Scene, text: &str| {
        let size = iced::Size::new(360.0, 900.0);
        Ui::new(size, 1.0, portal.view(scene.cx())).find(text).is_some()
    };
    assert!(shows(&scene, "not asked yet"));
    let mut visit = VisitRow { end: Some(NOW - 60), ..VisitRow::default() };
    for (outcome, is_told) in [("no_link", false), ("done", true)] {
        visit.outcome = outcome.to_owned();
        let counters = Counters { last_visit: Some(visit.clone()), ..Counters::default() };
        scene.know(|known| known.counters = Some(counters));
        assert_eq!(shows(&scene, "not asked yet"), !is_told, "{outcome}");
        let when = format!("To fetch ({})", scene.words.clock(NOW - 60));
        assert_eq!(shows(&scene, &when), is_told, "{outcome}");
    }
}

#[test]
fn a_call_with_nothing_to_carry_has_a_price_and_nothing_waits() {
    let mut scene = Scene::calm();
    let visit = VisitRow { end: Some(NOW - 60), outcome: "done".to_owned(), ..VisitRow::default() };
    let counters = Counters { last_visit: Some(visit), ..Counters::default() };
    scene.know(|known| known.counters = Some(counters));
    let mut portal = Portal::default();
    let _ = portal.update(Message::Link(link::Message::Toggled), &scene.desk);
    let nothing =
        json!({ "items": 0, "body_up": 36, "body_down": 120, "bytes": 1_650, "seconds": 1 });
    let _ = portal.update(Message::Answered(Wanted::Quote, Ok(nothing)), &scene.desk);
    let sees = |scene: &Scene, words: &'static str| {
        let size = iced::Size::new(360.0, 900.0);
        Ui::new(size, 1.0, portal.view(scene.cx())).find(words).is_some()
    };
    for words in ["nothing", "Just asking", "≈ 1.7 KB · 1 s"] {
        assert!(sees(&scene, words), "{words}");
    }
    for words in ["0 · 36 B", "0 · 0 B", "Together"] {
        assert!(!sees(&scene, words), "{words}");
    }
    shows("portal-nothing-waits", &scene, &portal);
    // Where something waits there that is carried too.
    let mut there = Scene::waiting();
    there.does(|does| does.waits.as_mut().unwrap().here.count = 0);
    assert!(sees(&there, "Together"));
}
