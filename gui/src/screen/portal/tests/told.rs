//! What Mailboat itself has to say that stands in no conversation.

use agent::store::{Cause, InboxRow, Notice};

use super::*;
use crate::{kit::WIDE, kit::scene::notice};

fn quota(id: &str, used: u64, ago: i64) -> InboxRow {
    let told = Notice::Quota {
        link: "satellite".to_owned(),
        used,
        allowed: Some(50_000_000),
        left: 50_000_000 - used,
        stopped: used == 50_000_000,
        resets: 1_796_083_200,
    };
    notice(id, told, NOW - ago)
}

fn new_device(id: &str, ago: i64) -> InboxRow {
    notice(id, Notice::NewDevice { is_fork: false, held: 2 }, NOW - ago)
}

/// Newest first, as the desk has them.
fn scene(rows: &[InboxRow]) -> Scene {
    let mut scene = Scene::calm();
    scene.know(|known| known.notices = rows.to_vec());
    scene
}

fn several() -> Scene {
    let failed = |id: &str, ago: i64| {
        let host = "harbour.example".to_owned();
        let told = Notice::CallFailed {
            rule: "evening".to_owned(),
            why: Some(Cause::NameNotFound { host }),
            said: "the name harbour.example was not found".to_owned(),
            next: Some(NOW + 2_520),
        };
        notice(id, told, NOW - ago)
    };
    scene(&[
        quota("m9", 47_500_000, 600),
        failed("m8", 4_000),
        quota("m7", 37_500_000, 90_000),
        new_device("m6", 100_000),
        failed("m5", 200_000),
        notice("m4", Notice::LapsedHere { count: 3 }, NOW - 300_000),
    ])
}

fn read(ids: &[&str]) -> Action {
    let targets = ids.iter().map(|id| (*id).to_owned()).collect();
    Action::Order(Wanted::Read, Order::MarkRead { targets })
}

#[test]
fn a_notice_stands_in_the_portal_until_it_is_closed() {
    let mut scene = scene(&[new_device("m6", 600)]);
    let mut portal = Portal::default();
    let said = pressed(&scene, &portal, "close-m6");
    assert_eq!(portal.update(said[0].clone(), &scene.desk), [read(&["m6"])]);
    assert_eq!(pressed(&scene, &portal, "close-m6"), [], "once is enough");
    // What the agent would not do can be tried again, and is said.
    let failed = Message::Answered(Wanted::Read, Err(DoorError::Stalled));
    assert_eq!(portal.update(failed, &scene.desk), []);
    let sees = |scene: &Scene, portal: &Portal, words: &'static str| {
        Ui::new(PORTAL, 1.0, portal.view(scene.cx())).find(words).is_some()
    };
    assert!(sees(&scene, &portal, "The agent does not answer."));
    let said = pressed(&scene, &portal, "close-m6");
    assert_eq!(portal.update(said[0].clone(), &scene.desk), [read(&["m6"])]);
    assert!(!sees(&scene, &portal, "The agent does not answer."));
    let _ = portal.update(Message::Answered(Wanted::Read, Ok(Value::Null)), &scene.desk);
    assert_eq!(pressed(&scene, &portal, "close-m6"), [], "the agent has it");
    scene.know(|known| known.notices.clear());
    let _ = portal.update(Message::DeskMoved, &scene.desk);
    assert!(!sees(&scene, &portal, "Notices"));
    assert_eq!(portal.notices, notices::Notices::default());
}

#[test]
fn older_notices_do_not_pile_up() {
    let scene = several();
    let mut portal = Portal::default();
    shows("portal-notices", &scene, &portal);
    shows("portal-notices-de", &several().in_language("de"), &portal);
    let has = |portal: &Portal, id: &'static str| {
        Ui::new(iced::Size::new(360.0, 1_600.0), 1.0, portal.view(scene.cx()))
            .find(iced_test::selector::id(id))
            .is_some()
    };
    // Of the quota and of the call the newest stands for those before it.
    for id in ["close-m9", "close-m8"] {
        assert!(has(&portal, id), "{id}");
    }
    for id in ["close-m7", "close-m6", "close-m5", "close-m4"] {
        assert!(!has(&portal, id), "{id}");
    }
    let said = pressed(&scene, &portal, "close-m9");
    assert_eq!(portal.update(said[0].clone(), &scene.desk), [read(&["m9", "m7"])]);
    let said = pressed(&scene, &portal, "more-notices");
    assert_eq!(portal.update(said[0].clone(), &scene.desk), []);
    let there = ["close-m9", "close-m8", "close-m6", "close-m4"];
    assert!(there.into_iter().all(|id| has(&portal, id)));
    assert!(!has(&portal, "close-m7") && !has(&portal, "close-m5"));
    let said = pressed(&scene, &portal, "close-notices");
    let all = read(&["m9", "m7", "m8", "m5", "m6", "m4"]);
    assert_eq!(portal.update(said[0].clone(), &scene.desk), [all]);
    assert_eq!(pressed(&scene, &portal, "close-notices"), []);
    // Once they are few again they are folded when they come to be many.
    let few = self::scene(&[new_device("m6", 600)]);
    let _ = portal.update(Message::DeskMoved, &few.desk);
    assert!(!has(&portal, "close-m6"), "more than two again");
}

#[test]
fn without_an_agent_a_notice_stays_and_cannot_be_closed() {
    let mut scene = scene(&[quota("m7", 50_000_000, 600), new_device("m6", 100_000)]);
    scene.desk.agent = Agent::Absent(None);
    let portal = Portal::default();
    for id in ["close-m7", "close-m6", "close-notices"] {
        assert_eq!(pressed(&scene, &portal, id), [], "{id}");
    }
    shows("portal-notices-no-agent", &scene, &portal);
}

#[test]
fn a_notice_of_another_version_stands_in_its_own_words_and_tab_comes_to_it() {
    use iced::keyboard::key::Named;
    let mut row = new_device("m6", 600);
    (row.notice, row.text) = (None, "The tide is\u{202e} out:\nwait for it.".to_owned());
    let scene = scene(&[row]);
    let portal = Portal::default();
    let mut ui = Ui::new(WIDE, 1.0, portal.view(scene.cx()));
    assert!(ui.find("The tide is out:\nwait for it.").is_some());
    drop(ui);
    let said = acted(&scene, &portal, |ui| {
        (0..5).for_each(|_| ui.tab(crate::widget::focus::Way::Next));
        ui.tap_key(Named::Enter);
    });
    let closed = notices::Message::Closed(vec!["m6".parse().unwrap()]);
    assert_eq!(said, [Message::Notices(closed)]);
}
