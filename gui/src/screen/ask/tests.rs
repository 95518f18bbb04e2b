use serde_json::json;

use super::*;
use crate::{
    kit::{PORTAL, Ui, scene::Scene, snapshot},
    widget::focus::Way,
};

fn heard(ask: &mut Ask, scene: &Scene, act: impl FnOnce(&mut Ui<'_, Message>)) -> Vec<Action> {
    let mut ui = Ui::new(PORTAL, 1.0, ask.view(scene.cx()));
    act(&mut ui);
    let said = ui.into_messages();
    said.into_iter().map(|message| ask.update(message, &scene.desk.known)).collect()
}

fn typed(ask: &mut Ask, scene: &Scene, name: &str) {
    let _ = ask.update(Message::NameTyped(name.to_owned()), &scene.desk.known);
}

#[test]
fn a_name_is_completed_from_the_roster_or_taken_as_it_stands() {
    let (scene, mut ask) = (Scene::calm(), Ask::default());
    typed(&mut ask, &scene, "CH");
    assert_eq!(ask.offered(&scene.desk.known).collect::<Vec<_>>(), ["chandra"]);
    let _ = ask.update(Message::NameEntered, &scene.desk.known);
    typed(&mut ask, &scene, " Somebody ");
    let _ = ask.update(Message::NameEntered, &scene.desk.known);
    assert_eq!(ask.names, ["chandra", "somebody"]);
    // Nobody is asked twice.
    typed(&mut ask, &scene, "chandra");
    let _ = ask.update(Message::NameEntered, &scene.desk.known);
    assert_eq!(ask.names, ["chandra", "somebody"]);
    let said = ask.update(Message::NameEntered, &scene.desk.known);
    assert_eq!(said, Action::Focus("ask-greeting"));
}

#[test]
fn the_keyboard_is_enough_to_ask_somebody() {
    let (scene, mut ask) = (Scene::calm(), Ask::default());
    let said = heard(&mut ask, &scene, |ui| {
        ui.tab(Way::Next);
        ui.tab(Way::Next);
        ui.typewrite("b");
    });
    assert_eq!((said, ask.typed.as_str()), (vec![Action::None], "b"));
    let order = Order::Chat {
        names: vec!["bob".to_owned()],
        title: String::new(),
        greeting: String::new(),
    };
    assert_eq!(ask.update(Message::AskPressed, &scene.desk.known), Action::Order(order));
    let answer = json!({ "id": null, "conversation": "c9", "state": "queued", "reason": "" });
    let opened = ask.update(Message::Answered(Ok(answer)), &scene.desk.known);
    assert_eq!(opened, Action::Open("c9".parse().unwrap()));
}

#[test]
fn several_are_a_group_with_a_title() {
    let (scene, mut ask) = (Scene::calm(), Ask::of(vec!["bob".to_owned()]));
    let _ = ask.update(Message::TitleTyped(" Harbour watch ".to_owned()), &scene.desk.known);
    let _ =
        ask.update(Message::GreetingTyped("Who takes the night?".to_owned()), &scene.desk.known);
    let said = heard(&mut ask, &scene, |ui| {
        ui.click(iced_test::selector::id("ask-name")).unwrap();
        ui.typewrite("d");
    });
    assert_eq!(said, [Action::None]);
    snapshot("ask-completing", PORTAL, 1.0, || ask.view(scene.cx()));
    let said =
        heard(&mut ask, &scene, |ui| ui.click(iced_test::selector::id("offer-dee")).unwrap());
    assert_eq!(said, [Action::Focus("ask-name")]);
    snapshot("ask-group", PORTAL, 1.0, || ask.view(scene.cx()));
    let said = heard(&mut ask, &scene, |ui| ui.click(iced_test::selector::id("ask")).unwrap());
    let order = Order::Chat {
        names: vec!["bob".to_owned(), "dee".to_owned()],
        title: "Harbour watch".to_owned(),
        greeting: "Who takes the night?".to_owned(),
    };
    assert_eq!(said, [Action::Order(order)]);
    let words = "The disk is almost full.".to_owned();
    let refused = DoorError::Refused { code: "disk_full".to_owned(), words };
    let _ = ask.update(Message::Answered(Err(refused)), &scene.desk.known);
    let german = Scene::calm().in_language("de");
    snapshot("ask-refused-de", PORTAL, 1.0, || ask.view(german.cx()));
    // One that the agent has, and the window words for.
    assert!(agent::control::CODES.contains(&"disk_full"));
    let mut ui = Ui::new(PORTAL, 1.0, ask.view(german.cx()));
    assert!(ui.find(german.words.say("failure-disk-full").as_str()).is_some());
    drop(ui);
    let said = heard(&mut ask, &scene, |ui| ui.click(iced_test::selector::id("drop-1")).unwrap());
    assert_eq!((said, ask.names.len()), (vec![Action::None], 1));
}

#[test]
fn nobody_is_asked_with_an_empty_form() {
    let (scene, mut ask) = (Scene::calm(), Ask::default());
    snapshot("ask", PORTAL, 1.0, || ask.view(scene.cx()));
    assert_eq!(heard(&mut ask, &scene, |ui| ui.click(iced_test::selector::id("ask")).unwrap()), []);
    assert_eq!(ask.update(Message::AskPressed, &scene.desk.known), Action::Focus("ask-name"));
    let said = heard(&mut ask, &scene, |ui| ui.click(iced_test::selector::id("back")).unwrap());
    assert_eq!(said, [Action::Close]);
}
