//! What the program does with what happens, without a window.

use std::sync::Arc;

use config::{AgentPaths, paths::Env};
use jiff::tz::TimeZone;

use super::*;
use crate::{
    desk::Known,
    goal::Fault,
    kit::scene::{NOW, Scene},
};

fn app(start: &Start) -> App {
    let nowhere = std::path::Path::new("/nonexistent/mailboat");
    let door = Door::new(AgentPaths::new(Some(nowhere), &Env::default()).unwrap());
    App::new(door, Words::of("en", TimeZone::UTC), || NOW, start).0
}

/// The store was read, and this is in it.
fn read(app: &mut App, known: Known) {
    let read = desk::Message::Read(Box::new(Ok(Arc::new(known))));
    let _ = app.update(Message::Desk(read));
}

fn known() -> Known {
    (*Scene::calm().desk.known).clone()
}

fn link(link: &str) -> Start {
    Start { link: Some(link.to_owned()), open: None }
}

#[test]
fn a_start_at_a_conversation_waits_for_the_store_and_opens_it() {
    let mut app = app(&Start { open: Some("c2".to_owned()), link: None });
    assert_eq!(app.beside, None);
    read(&mut app, known());
    assert_eq!(app.beside, Some("c2".parse().unwrap()));
    assert_eq!(app.notice, None);
}

#[test]
fn a_second_start_goes_where_its_link_leads() {
    let mut app = app(&Start::default());
    read(&mut app, known());
    let _ = app.update(Message::Started(link("mailboat://chat/bob")));
    assert_eq!((app.beside, app.windows.len()), (Some("c1".parse().unwrap()), 1));
    let _ = app.update(Message::Started(Start::default()));
    assert_eq!(app.beside, Some("c1".parse().unwrap()), "it is only brought to the front");
}

#[test]
fn what_leads_nowhere_is_said_until_it_is_closed() {
    let mut app = app(&link("mailboat://send/bob?text=hello"));
    assert_eq!(app.notice, Some(Notice::Link(Fault::UnknownPlace)));
    let _ = app.update(Message::NoticeClosed);
    assert_eq!(app.notice, None);
    read(&mut app, known());
    for (start, notice) in [
        ("mailboat://conversation/c99", Notice::NoConversation("c99".to_owned())),
        ("mailboat://chat/dee", Notice::NoChat("dee".to_owned())),
        (
            "mailboat://join?relay=https://other.example&invite=abc",
            Notice::LoggedIn { relay: "https://other.example".to_owned() },
        ),
    ] {
        let _ = app.update(Message::Started(link(start)));
        assert_eq!((app.notice.take(), app.beside), (Some(notice), None), "{start}");
    }
}

#[test]
fn a_second_start_opens_the_portal_where_only_a_conversation_is_open() {
    let mut app = app(&Start::default());
    app.windows.clear();
    let _ = app.open(Place::Chat("c1".parse().unwrap()), Size::new(400.0, 400.0));
    let _ = app.update(Message::Started(Start::default()));
    assert_eq!(app.windows.len(), 2);
}
