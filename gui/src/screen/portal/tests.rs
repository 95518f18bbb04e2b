mod link_panel;
mod rows;
mod told;

use agent::store::MemberRow;

use super::*;
use crate::{
    desk::Agent,
    kit::{
        PORTAL, Ui,
        scene::{NOW, Scene, member, said},
        snapshot,
    },
};

fn shows(name: &str, scene: &Scene, portal: &Portal) {
    snapshot(name, PORTAL, 1.0, || portal.view(scene.cx()));
}

/// What a view says when this is pressed.
fn pressed(scene: &Scene, portal: &Portal, id: &'static str) -> Vec<Message> {
    acted(scene, portal, |ui| ui.click(iced_test::selector::id(id)).unwrap())
}

/// What it says to all this, but for where it is scrolled to.
fn acted(scene: &Scene, portal: &Portal, act: impl FnOnce(&mut Ui<'_, Message>)) -> Vec<Message> {
    let mut ui = Ui::new(PORTAL, 1.0, portal.view(scene.cx()));
    act(&mut ui);
    let mut said = ui.into_messages();
    said.retain(|message| !matches!(message, Message::Scrolled(_)));
    said
}

#[test]
fn a_row_opens_its_conversation() {
    let (scene, mut portal) = (Scene::calm(), Portal::default());
    let said = acted(&scene, &portal, |ui| ui.click("chandra").unwrap());
    let id = scene.desk.known.roll[1].id;
    assert_eq!(said, [Message::RowPressed(id)]);
    assert_eq!(portal.update(said[0].clone(), &scene.desk), [Action::Open(id)]);
}

#[test]
fn names_and_words_from_right_to_left_look_as_they_did() {
    let mut scene = Scene::waiting();
    scene.know(|known| {
        let mut rows = std::mem::take(&mut known.roll);
        rows[0].title = "ليلى".to_owned();
        said(&mut rows[0], "ليلى", "الميناء هادئ الليلة، أراك عند الرصيف", NOW - 300);
        rows[1].title = "נועה".to_owned();
        said(&mut rows[1], "ann", "המפות בדואר (3 מתוך 5)", NOW - 86_400);
        rows[2].title = "Crew of the Kestrel — طاقم".to_owned();
        known.roll = rows;
    });
    shows("portal-rtl", &scene, &Portal::default());
}

#[test]
fn it_looks_as_it_did() {
    shows("portal", &Scene::calm(), &Portal::default());
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
    let no_program = DoorError::Refused { code: "no_program".to_owned(), words: String::new() };
    let _ = portal.update(Message::Started(Err(no_program)), &scene.desk);
    shows("portal-start-failed", &scene, &portal);
    scene.desk.agent = Agent::Absent(Some(DoorError::Stalled));
    shows("portal-agent-stalled", &scene, &Portal::default());
    let said = pressed(&scene, &Portal::default(), "again");
    assert_eq!(portal.update(said[0].clone(), &scene.desk), [Action::LookAgain]);
}

#[test]
fn what_cannot_be_asked_for_without_an_agent_cannot_be_pressed() {
    let mut scene = Scene::calm();
    scene.know(|known| {
        (known.roll[0].state, known.roll[0].inviter) = ("invited", "bob".to_owned());
        known.roll[1].state = "asking";
    });
    let mut others = Scene::calm();
    others.know(|known| {
        known.roll.truncate(1);
        known.roll[0].state = "refused";
        known.members = vec![MemberRow { blocked: true, ..member("eve") }];
    });
    let portal = Portal::default();
    let presses = ["accept-c1", "decline-c1", "withdraw-c2"];
    let of_others = ["again-c1", "unblock-eve"];
    for id in presses {
        assert_eq!(pressed(&scene, &portal, id).len(), 1, "{id}");
    }
    for id in of_others {
        assert_eq!(pressed(&others, &portal, id).len(), 1, "{id}");
    }
    (scene.desk.agent, others.desk.agent) = (Agent::Absent(None), Agent::Absent(None));
    for id in presses {
        assert_eq!(pressed(&scene, &portal, id), [], "{id}");
    }
    for id in of_others {
        assert_eq!(pressed(&others, &portal, id), [], "{id}");
    }
    shows("portal-requests-no-agent", &scene, &portal);
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
fn the_head_leads_to_settings_and_help_and_searches() {
    let (scene, mut portal) = (Scene::calm(), Portal::default());
    for (id, action) in [("settings", Action::Settings), ("help", Action::Help)] {
        let said = pressed(&scene, &portal, id);
        assert_eq!(portal.update(said[0].clone(), &scene.desk), [action]);
    }
    let said = acted(&scene, &portal, |ui| {
        ui.click(iced_test::selector::id("search")).unwrap();
        ui.typewrite("d");
    });
    assert_eq!(said, [Message::Filtered("d".to_owned())]);
}

#[test]
fn a_first_look_at_an_empty_store_says_what_to_do_next() {
    let mut scene = Scene::calm();
    scene.know(|known| {
        known.roll.clear();
        known.members.clear();
    });
    let mut portal = Portal::default();
    shows("portal-empty", &scene, &portal);
    let said = pressed(&scene, &portal, "empty-ask");
    assert_eq!(portal.update(said[0].clone(), &scene.desk), [Action::Ask(Vec::new())]);
}

#[test]
fn tab_comes_to_everything_from_the_top_and_enter_presses_it() {
    use iced::keyboard::key::Named;
    let scene = Scene::waiting();
    let portal = Portal::default();
    let at = |steps: usize| {
        let said = acted(&scene, &portal, |ui| {
            (0..steps).for_each(|_| ui.tab(crate::widget::focus::Way::Next));
            ui.tap_key(Named::Enter);
        });
        said.into_iter().next()
    };
    let told = [
        Message::FirstChosen,
        Message::SettingsPressed,
        Message::HelpPressed,
        Message::Link(link::Message::Toggled),
        Message::Link(link::Message::CallPressed),
        Message::AskPressed(None),
        Message::RowPressed("c1".parse().unwrap()),
    ];
    for (before, message) in told.into_iter().enumerate() {
        assert_eq!(at(before + 1), Some(message), "after {} steps", before + 1);
    }
}
