use agent::store::{MemberRow, RollRow};

use super::*;
use crate::kit::{
    WIDE,
    scene::{NOW, member, roll_row, said},
};

fn request(id: &str, from: &str, greeting: &str) -> RollRow {
    let mut row = roll_row(id, from, 1);
    (row.state, row.inviter, row.greeting) = ("invited", from.to_owned(), greeting.to_owned());
    row
}

/// Ann with two requests, and two of her own.
fn asked() -> Scene {
    let mut scene = Scene::calm();
    scene.know(|known| {
        let long = "Hello from the field. We met at the harbour in May, I had the blue jacket.\nMay I ask you \
            about the tides around the island? Nobody here knows them.";
        let mut group = request("c12", "noor", "Come in");
        (group.pair, group.title, group.others) = (false, "Night watch".to_owned(), 5);
        let mut own = roll_row("c13", "per", 0);
        (own.state, own.pending) = ("asking", Some("request"));
        let mut refused = roll_row("c14", "quinn", 0);
        refused.state = "refused";
        known.roll.extend([request("c11", "mika", long), group, own, refused]);
    });
    scene
}

#[test]
fn requests_are_accepted_declined_and_withdrawn_once() {
    let scene = asked();
    let mut portal = Portal::default();
    shows("portal-requests", &scene, &portal);
    let id = "c11".parse().unwrap();
    let said = pressed(&scene, &portal, "accept-c11");
    let wanted = Wanted::Answer { id, opens: true };
    let order = Order::Accept { target: "c11".to_owned() };
    assert_eq!(portal.update(said[0].clone(), &scene.desk), [Action::Order(wanted, order)]);
    assert_eq!(pressed(&scene, &portal, "accept-c11"), [], "once is enough");
    let opened = portal.update(Message::Answered(wanted, Ok(Value::Null)), &scene.desk);
    assert_eq!(opened, [Action::Open(id)]);
    let said = pressed(&scene, &portal, "decline-c12");
    let order = Order::Decline { target: "c12".to_owned() };
    let wanted = Wanted::Answer { id: "c12".parse().unwrap(), opens: false };
    assert_eq!(portal.update(said[0].clone(), &scene.desk), [Action::Order(wanted, order)]);
    // What the agent would not do can be tried again, and is said.
    let failed = Message::Answered(wanted, Err(DoorError::Stalled));
    assert_eq!(portal.update(failed, &scene.desk), []);
    assert_eq!(pressed(&scene, &portal, "decline-c12").len(), 1);
    shows("portal-request-failed", &scene, &portal);
    let said = pressed(&scene, &portal, "withdraw-c13");
    let order = Order::Withdraw { target: "c13".to_owned() };
    let wanted = Wanted::Answer { id: "c13".parse().unwrap(), opens: false };
    assert_eq!(portal.update(said[0].clone(), &scene.desk), [Action::Order(wanted, order)]);
}

#[test]
fn a_long_greeting_is_folded_until_somebody_wants_it() {
    let scene = asked();
    let mut portal = Portal::default();
    for _ in 0..2 {
        let said = pressed(&scene, &portal, "fold-c11");
        assert_eq!(portal.update(said[0].clone(), &scene.desk), []);
        if portal.requests != requests::Requests::default() {
            shows("portal-greeting", &scene, &portal);
        }
    }
    assert_eq!(portal.requests, requests::Requests::default());
}

#[test]
fn of_very_many_requests_a_few_are_shown() {
    let mut scene = Scene::calm();
    scene.know(|known| {
        let many = (100..5100).map(|at| request(&format!("c{at}"), &format!("stranger{at}"), ""));
        known.roll.extend(many);
    });
    let mut portal = Portal::default();
    let mut ui = Ui::new(iced::Size::new(360.0, 2000.0), 1.0, portal.view(scene.cx()));
    assert!(ui.find("4995 more").is_some());
    drop(ui);
    assert_eq!(portal.update(Message::Request(requests::Message::MorePressed), &scene.desk), []);
    let mut ui = Ui::new(iced::Size::new(360.0, 2000.0), 1.0, portal.view(scene.cx()));
    assert!(ui.find("4990 more").is_some());
}

#[test]
fn the_search_finds_members_and_conversations_and_enter_takes_the_first() {
    let (scene, mut portal) = (Scene::calm(), Portal::default());
    let _ = portal.update(Message::Filtered(" DEE".to_owned()), &scene.desk);
    shows("portal-search", &scene, &portal);
    // The crew has dee in it; then comes dee, with whom there is no conversation yet.
    assert_eq!(
        portal.update(Message::FirstChosen, &scene.desk),
        [Action::Open("c3".parse().unwrap())]
    );
    let _ = portal.update(Message::Filtered("ella".to_owned()), &scene.desk);
    let _ = portal.update(Message::Filtered("xaver".to_owned()), &scene.desk);
    assert_eq!(portal.update(Message::FirstChosen, &scene.desk), []);
    shows("portal-search-nobody", &scene, &portal);
    let said = pressed(&scene, &portal, "empty-ask");
    assert_eq!(
        portal.update(said[0].clone(), &scene.desk),
        [Action::Ask(vec!["xaver".to_owned()])]
    );
    let _ = portal.update(Message::Filtered(String::new()), &scene.desk);
    let said = pressed(&scene, &portal, "member-dee");
    assert_eq!(portal.update(said[0].clone(), &scene.desk), [Action::Ask(vec!["dee".to_owned()])]);
}

#[test]
fn the_arrow_keys_go_from_one_conversation_to_the_next() {
    let (scene, mut portal) = (Scene::calm(), Portal::default());
    let mut step = |down| match &portal.update(Message::Stepped { down }, &scene.desk)[..] {
        [Action::Open(id), ..] => id.to_string(),
        _ => String::new(),
    };
    let seen = [step(true), step(true), step(true), step(true), step(false)];
    assert_eq!(seen, ["c1", "c2", "c3", "", "c2"]);
}

#[test]
fn a_row_that_cannot_be_seen_is_scrolled_to() {
    let (scene, mut portal) = (thousands(), Portal::default());
    let scroll = list::Scroll { offset: 0.0, height: 140.0, content: 15_000.0 * 56.0 + 32.0 };
    assert_eq!(portal.update(Message::Scrolled(scroll), &scene.desk), []);
    let mut step = |down| portal.update(Message::Stepped { down }, &scene.desk);
    assert_eq!(step(true).len(), 1);
    assert_eq!(step(true)[1], Action::Scroll(SCROLL, 32.0 + 2.0 * 56.0 - 140.0));
}

#[test]
fn rows_tell_when_they_change_and_only_those_that_can_be_seen() {
    let (mut scene, portal) = (Scene::calm(), Portal::default());
    scene.does(|does| does.next = None);
    // Bob counts as reachable for five minutes from when it was told.
    assert_eq!(portal.changes_at(scene.cx()), Some(NOW - 20 + 301));
    scene.know(|known| known.members.truncate(0));
    assert_eq!(portal.changes_at(scene.cx()), None);
}

fn thousands() -> Scene {
    let mut scene = Scene::calm();
    scene.know(|known| {
        known.roll = (0..5_000)
            .map(|at| roll_row(&format!("c{}", at + 1), &format!("peer{at:05}"), 0))
            .collect();
        known.members =
            (0..15_000).map(|at| member(&format!("peer{at:05}"))).collect::<Vec<MemberRow>>();
    });
    scene
}

#[test]
fn of_thousands_of_rows_a_window_full_is_laid_out() {
    let (scene, mut portal) = (thousands(), Portal::default());
    let known = &scene.desk.known;
    assert_eq!(portal.found_len(known), 15_000);
    let content = 15_000.0 * gap::ROW_OF_TWO + 32.0;
    for offset in [0.0, 300_000.0, content - 500.0] {
        let scroll = list::Scroll { offset, height: 500.0, content };
        let _ = portal.update(Message::Scrolled(scroll), &scene.desk);
        let mut ui = Ui::new(PORTAL, 1.0, portal.view(scene.cx()));
        let first = ((offset - 32.0).max(0.0) / gap::ROW_OF_TWO) as usize;
        let around = first.saturating_sub(30)..(first + 60).min(15_000);
        let has = |at: &usize| ui.find(format!("peer{at:05}").as_str()).is_some();
        let drawn = around.filter(has).count();
        assert!((9..=20).contains(&drawn), "{drawn} rows at {offset}");
    }
}

#[test]
fn the_bar_of_thousands_of_rows_can_be_taken_hold_of() {
    use crate::{kit::Kept, theme};
    use iced::{Event, Point, mouse};
    let (scene, mut portal) = (thousands(), Portal::default());
    let mut kept = Some(Kept::nothing());
    // One turn of the program: what happens, and what comes of it.
    let mut turn = |portal: &mut Portal, events: &[(Point, Option<mouse::Event>)]| {
        let mut ui = kept.take().unwrap().show(PORTAL, 1.0, portal.view(scene.cx()));
        for (at, event) in events {
            ui.point_at(*at);
            ui.simulate(event.iter().map(|event| Event::Mouse(*event)));
        }
        ui.redraw();
        let drawn = ui.draw(&theme::light()).2;
        let (said, rest) = ui.leave();
        kept = Some(rest);
        for message in said {
            assert!(matches!(message, Message::Scrolled(_)), "{message:?}");
            let _ = portal.update(message, &scene.desk);
        }
        drawn
    };
    let at = |y: f32| Point::new(PORTAL.width - 5.0, y);
    let left = mouse::Button::Left;
    turn(&mut portal, &[]);
    let top = PORTAL.height - portal.scroll.height;
    let drawn = turn(&mut portal, &[(at(top + 3.0), None)]);
    assert_eq!(portal.scroll.offset, 0.0);
    // Its whole height while the pointer is at it.
    let muted = theme::tokens(&theme::light()).muted.into_rgba8();
    let is_muted = |y: &usize| {
        let at = (y * PORTAL.width as usize + PORTAL.width as usize - 6) * 4;
        drawn[at..at + 3] == muted[..3]
    };
    let height = (0..PORTAL.height as usize).filter(is_muted).count();
    assert!((20..=24).contains(&height), "{height} pixels of it");
    // Taken at its lower end, which two pixels would not have, and dragged to the middle and to the end.
    let pressed = (at(top + 20.0), Some(mouse::Event::ButtonPressed(left)));
    let middle = top + portal.scroll.height / 2.0;
    turn(&mut portal, &[pressed, (at(middle), None)]);
    let whole = portal.scroll.content - portal.scroll.height;
    let share = portal.scroll.offset / whole;
    assert!((0.45..0.55).contains(&share), "{share}");
    let mut ui = Ui::new(PORTAL, 1.0, portal.view(scene.cx()));
    let there = format!("peer{:05}", (portal.scroll.offset / gap::ROW_OF_TWO) as usize + 3);
    assert!(ui.find(there.as_str()).is_some(), "{there}");
    drop(ui);
    turn(&mut portal, &[(at(PORTAL.height + 90.0), None)]);
    assert!((portal.scroll.offset - whole).abs() < 1.0, "{:?}", portal.scroll);
    turn(&mut portal, &[(at(top), Some(mouse::Event::ButtonReleased(left)))]);
    let end = portal.scroll.offset;
    turn(&mut portal, &[(at(middle), None)]);
    assert_eq!(portal.scroll.offset, end, "it was let go");
}

#[test]
fn what_stands_above_the_list_is_known_from_how_it_is_scrolled() {
    let (scene, mut portal) = (thousands(), Portal::default());
    let mut ui = Ui::new(PORTAL, 1.0, portal.view(scene.cx()));
    let at = iced::Point::new(180.0, 400.0);
    ui.click_at(at);
    let said = ui.into_messages();
    let scrolled = said.into_iter().find(|message| matches!(message, Message::Scrolled(_)));
    let _ = portal.update(scrolled.unwrap(), &scene.desk);
    assert!((16.0..48.0).contains(&portal.above), "the heading of the list: {}", portal.above);
    assert!((400.0..600.0).contains(&portal.scroll.height), "{:?}", portal.scroll);
}

#[test]
fn german_words_find_their_room() {
    let mut scene = asked().in_language("de");
    shows("portal-requests-de", &scene, &Portal::default());
    scene.visit(|visit| visit.phase = "dialling".to_owned());
    shows("portal-dialling-de", &scene, &Portal::default());
    scene.desk.agent = Agent::Absent(None);
    shows("portal-no-agent-de", &scene, &Portal::default());
}

#[test]
fn names_that_are_long_run_the_other_way_or_are_hostile_keep_to_their_line() {
    let mut scene = Scene::calm();
    scene.know(|known| {
        let names = [
            "The harbour master's office of the northern approaches, second desk",
            "שרה מחוף הדרום והמפרץ הגדול",
            "مرحبا بكم في الميناء",
            "今日は港の皆さん",
            "evil\u{202e}txt.exe\u{202c}\u{2067}",
            "bell\u{7}\u{1b}[31m\nsecond line",
        ];
        let rows = names.iter().enumerate().map(|(at, name)| {
            let mut row = roll_row(&format!("c{}", at + 20), name, 1200 * (at as u64 % 2));
            let words = format!("{name} {name} {name}");
            said(&mut row, "ann", &words, NOW - 86_400 * at as i64);
            (row.held, row.under_way) = (at as u64 % 3, at as u64 * 40);
            row
        });
        let mut tower = roll_row("c30", "zalgo", 0);
        said(&mut tower, "zalgo", &format!("Z{}algo", "\u{316}\u{301}".repeat(500)), NOW);
        known.roll = rows.chain([tower]).collect();
        let mut late =
            member("The harbour master's office of the northern approaches, second desk");
        (late.next_call, late.last_seen) = (Some(NOW - 9), Some(NOW - 86_400));
        known.members = vec![late];
        known.me = "a\u{202e}nn of the extraordinarily long name".to_owned();
    });
    shows("portal-names", &scene, &Portal::default());
    let german = scene.in_language("de");
    shows("portal-names-de", &german, &Portal::default());
}

#[test]
fn one_window_fits_large_letters_and_a_wide_screen() {
    let (scene, portal) = (asked(), Portal::default());
    let size = iced::Size::new(360.0, 480.0);
    snapshot("portal-large", size, 2.0, || portal.view(scene.cx()));
    assert!(Ui::new(WIDE, 1.0, portal.view(scene.cx())).find("bob").is_some());
}

#[test]
fn who_is_blocked_is_said_and_can_be_unblocked() {
    let mut scene = Scene::calm();
    scene.know(|known| known.members[2].blocked = true);
    let mut portal = Portal::default();
    shows("portal-blocked", &scene, &portal);
    let said = pressed(&scene, &portal, "unblock-dee");
    let order = Order::Block { name: "dee".to_owned(), on: false };
    assert_eq!(
        portal.update(said[0].clone(), &scene.desk),
        [Action::Order(Wanted::Unblock, order)]
    );
    assert_eq!(pressed(&scene, &portal, "member-dee"), [], "a blocked one is not asked");
}

#[test]
fn where_somebody_asks_it_does_not_say_that_nobody_wrote() {
    let says_nobody = |roll: Vec<RollRow>| {
        let mut scene = Scene::calm();
        scene.know(|known| {
            known.members.clear();
            known.roll = roll;
        });
        let portal = Portal::default();
        Ui::new(PORTAL, 1.0, portal.view(scene.cx())).find("Nobody has written yet.").is_some()
    };
    assert!(says_nobody(Vec::new()));
    assert!(!says_nobody(vec![request("c11", "mika", "Hello")]));
}
