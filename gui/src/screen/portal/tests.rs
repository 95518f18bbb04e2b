use agent::control::Only;
use serde_json::json;

use super::*;
use crate::{
    desk::Agent,
    kit::{
        PORTAL, Ui,
        scene::{NOW, Scene},
        snapshot,
    },
};

fn shows(name: &str, scene: &Scene, portal: &Portal) {
    snapshot(name, PORTAL, 1.0, || portal.view(scene.cx()));
}

/// What a view says when this is pressed.
fn pressed(scene: &Scene, portal: &Portal, id: &'static str) -> Vec<Message> {
    let mut ui = Ui::new(PORTAL, 1.0, portal.view(scene.cx()));
    ui.click(iced_test::selector::id(id)).unwrap();
    ui.into_messages()
}

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
fn a_row_opens_its_conversation() {
    let (scene, mut portal) = (Scene::calm(), Portal::default());
    let mut ui = Ui::new(PORTAL, 1.0, portal.view(scene.cx()));
    ui.click("chandra").unwrap();
    let said = ui.into_messages();
    let id = scene.desk.known.conversations[1].id;
    assert_eq!(said, [Message::RowPressed(id)]);
    assert_eq!(portal.update(said[0].clone(), &scene.desk), [Action::Open(id)]);
}

#[test]
fn it_looks_as_it_did() {
    shows("portal", &Scene::calm(), &Portal::default());
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
    let mut ui = Ui::new(PORTAL, 1.0, portal.view(scene.cx()));
    ui.click(iced_test::selector::id("budget")).unwrap();
    ui.typewrite("2");
    assert_eq!(ui.into_messages(), [Message::Link(link::Message::BudgetTyped("2".to_owned()))]);
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
    let said = pressed(&scene, &portal, "close-error");
    let _ = portal.update(said[0].clone(), &scene.desk);
    assert!(
        Ui::new(PORTAL, 1.0, portal.view(scene.cx()))
            .find("a visit is under way already")
            .is_none()
    );
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
            about: "evening".to_owned(),
            words: "the dial program ended with 1: no modem at /dev/ttyUSB0".to_owned(),
            remedy: "Run the dial program by hand; the agent's log says what it printed."
                .to_owned(),
        }];
    });
    let mut portal = Portal::default();
    let _ = portal.update(Message::Link(link::Message::Toggled), &scene.desk);
    shows("portal-trouble", &scene, &portal);
    scene.does(|does| does.link.network = "portal".to_owned());
    shows("portal-captive", &scene, &Portal::default());
}

#[test]
fn without_an_agent_it_can_be_started() {
    let mut scene = Scene::calm();
    scene.desk.agent = Agent::Absent(None);
    let mut portal = Portal::default();
    shows("portal-no-agent", &scene, &portal);
    let said = pressed(&scene, &portal, "start");
    assert_eq!(portal.update(said[0].clone(), &scene.desk), [Action::Start]);
    assert_eq!(pressed(&scene, &portal, "start"), []);
    let _ = portal
        .update(Message::Started(Err("there is no mailboat program here".to_owned())), &scene.desk);
    shows("portal-start-failed", &scene, &portal);
    scene.desk.agent = Agent::Absent(Some("it does not answer".to_owned()));
    shows("portal-agent-stalled", &scene, &Portal::default());
}

#[test]
fn a_store_of_a_newer_version_is_said() {
    let mut scene = Scene::calm();
    scene.desk.known = std::sync::Arc::default();
    scene.desk.error =
        Some(DoorError::TooNew("the store has schema 9, and this version knows 7".to_owned()));
    shows("portal-store-too-new", &scene, &Portal::default());
}

#[test]
fn the_words_change_by_themselves_only_while_the_next_call_is_near() {
    let mut scene = Scene::calm();
    let in_minutes = |scene: &mut Scene, minutes: i64| {
        scene.does(|does| {
            does.next.as_mut().unwrap().at =
                jiff::Timestamp::from_second(NOW + minutes * 60).unwrap();
        });
        link::changes_at(scene.cx())
    };
    assert_eq!(in_minutes(&mut scene, 42), Some(NOW + 1));
    assert_eq!(in_minutes(&mut scene, 300), Some(NOW + 240 * 60));
    scene.does(|does| does.next = None);
    assert_eq!(link::changes_at(scene.cx()), None);
}
