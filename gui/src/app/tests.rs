//! What the program does with what happens, without a window.

#[cfg(unix)]
mod agents;

use std::sync::Arc;

use config::{AgentPaths, paths::Env};
use jiff::tz::TimeZone;

use super::*;
use crate::{
    desk::Known,
    door::DoorError,
    goal::Fault,
    kit::{
        PORTAL,
        scene::{NOW, Scene},
    },
};

fn app(start: &Start) -> App {
    let nowhere = std::path::Path::new("/nonexistent/mailboat");
    let door = Door::new(AgentPaths::new(Some(nowhere), &Env::default()).unwrap());
    App::new(door, Words::of("en", TimeZone::UTC), Look::default(), || NOW, start).0
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

#[test]
fn where_nobody_is_logged_in_it_begins_with_the_first_run_and_ends_that_in_the_portal() {
    let mut app = app(&link("mailboat://join?relay=https://other.example&invite=abc"));
    let nobody = desk::Message::Read(Box::new(Err(DoorError::NoStore)));
    let _ = app.update(Message::Desk(nobody));
    let shown = format!("{:?}", app.first_run.as_ref().unwrap());
    assert!(shown.contains("https://other.example") && shown.contains("\"abc\""), "{shown}");
    // The account is there before the rest is done: what was begun is not left.
    read(&mut app, known());
    assert!(app.first_run.is_some());
    let _ =
        app.update(Message::FirstRun(first_run::Message::Asked(Ok(Some("c1".parse().unwrap())))));
    assert!(app.first_run.is_none());
    assert_eq!(app.beside, Some("c1".parse().unwrap()));
}

#[test]
fn the_settings_open_once_and_a_new_look_holds_at_once() {
    let mut app = app(&Start::default());
    let id = *app.windows.keys().next().unwrap();
    let _ = app.update(Message::Key(id, Key::Settings));
    let _ = app.update(Message::Key(id, Key::Settings));
    assert_eq!(app.windows.len(), 2);
    let window = Look {
        theme: config::agent::Theme::Dark,
        scale_percent: 150,
        language: "de".to_owned(),
        ..Look::default()
    };
    let changed = config::AgentSettings { window, ..config::AgentSettings::default() };
    let saved = crate::door::Saved { settings: Arc::new(changed), not_taken: None };
    let _ = app.update(Message::Settings(settings::Message::Read(Ok(Arc::default()))));
    let _ = app.update(Message::Settings(settings::Message::Saved(Ok(saved))));
    assert_eq!(
        (app.theme(id).to_string(), app.scale(id), app.words.tag()),
        ("Night".to_owned(), 1.5, "de")
    );
    let settings =
        *app.windows.iter().find(|(_, window)| window.place == Place::Settings).unwrap().0;
    let rule = settings::Message::add_rule();
    let _ = app.update(Message::Settings(rule));
    assert_eq!(app.update(Message::Key(settings, Key::Escape)).units(), 0, "a form is left first");
    assert_eq!(app.update(Message::Key(settings, Key::Escape)).units(), 1, "then the window");
    let _ = app.update(Message::WindowClosed(settings));
    assert!(app.settings.is_none());
}

#[test]
fn a_link_to_somebody_new_fills_in_the_question_and_asks_nothing() {
    let mut app = app(&Start::default());
    read(&mut app, known());
    let _ = app.update(Message::Started(link("mailboat://chat/dee")));
    let Some(Page::Ask(ask)) = &app.page else { panic!("no question") };
    let shown = format!("{ask:?}");
    assert!(shown.contains("[\"dee\"]") && shown.contains("is_asking: false"), "{shown}");
}

#[test]
fn the_keys_lead_to_the_pages_and_escape_leads_back() {
    let mut app = app(&Start::default());
    read(&mut app, known());
    let window = *app.windows.keys().next().unwrap();
    let press = |app: &mut App, key: Key| _ = app.update(Message::Key(window, key));
    press(&mut app, Key::Step { down: true });
    assert_eq!(app.beside, Some("c1".parse().unwrap()));
    press(&mut app, Key::Help);
    assert!(matches!(app.page, Some(Page::Help)));
    press(&mut app, Key::Ask);
    assert!(matches!(app.page, Some(Page::Ask(_))));
    press(&mut app, Key::Escape);
    assert_eq!((app.page.is_none(), app.beside.is_some()), (true, true));
    press(&mut app, Key::Escape);
    assert_eq!(app.beside, None);
    // The editor has the keyboard, and what its Escape means.
    press(&mut app, Key::Step { down: true });
    let id = app.beside.unwrap();
    let _ = app.update(Message::Chat(id, chat::Message::EscapePressed));
    assert_eq!(app.beside, None);
    // A form is left by its own button too, and by what came of it.
    press(&mut app, Key::Ask);
    let _ = app.update(Message::Ask(ask::Message::Closed));
    assert!(app.page.is_none());
    press(&mut app, Key::Ask);
    let answer = serde_json::json!({ "conversation": "c3" });
    let _ = app.update(Message::Ask(ask::Message::Answered(Ok(answer))));
    assert_eq!((app.page.is_none(), app.beside), (true, Some("c3".parse().unwrap())));
}

#[test]
fn what_a_key_leads_to_is_to_be_seen_also_in_a_narrow_portal() {
    let mut app = app(&Start::default());
    read(&mut app, known());
    let window = *app.windows.keys().next().unwrap();
    let press = |app: &mut App, key: Key| _ = app.update(Message::Key(window, key));
    let is_covered = |app: &App| app.beside.is_some() || app.page.is_some();
    for key in [Key::Search, Key::Link] {
        press(&mut app, Key::Step { down: true });
        press(&mut app, Key::Help);
        assert!(is_covered(&app));
        press(&mut app, key);
        assert!(!is_covered(&app), "{key:?} leads to what cannot be seen");
    }
    assert!(app.portal.is_link_open());
    press(&mut app, Key::Step { down: true });
    press(&mut app, Key::Link);
    assert!(app.portal.is_link_open(), "it was open, and is seen again");
    press(&mut app, Key::Link);
    assert!(!app.portal.is_link_open());
    // Where there is room for both, both stay.
    let wide = Size::new(WIDE, 640.0);
    let _ = app.update(Message::WindowResized(window, wide));
    press(&mut app, Key::Step { down: true });
    press(&mut app, Key::Link);
    press(&mut app, Key::Search);
    assert!(app.beside.is_some() && app.portal.is_link_open());
}

#[test]
fn escape_in_a_window_of_its_own_leaves_the_portals_conversation_alone() {
    let mut app = app(&Start::default());
    read(&mut app, known());
    let portal = *app.windows.keys().next().unwrap();
    let _ = app.update(Message::Key(portal, Key::Step { down: true }));
    let beside = app.beside;
    assert!(beside.is_some());
    let own = window::Id::unique();
    let other = "c2".parse().unwrap();
    let window = Window { place: Place::Chat(other), size: PORTAL, is_focused: true };
    app.windows.insert(own, window);
    let _ = app.update(Message::Key(own, Key::Escape));
    assert_eq!(app.beside, beside);
    let _ = app.update(Message::Key(portal, Key::Escape));
    assert_eq!(app.beside, None);
}

#[test]
fn keys_mean_what_the_list_of_them_says() {
    use iced::keyboard::{Key as Pressed, Modifiers};
    let free = event::Status::Ignored;
    let character = |c: &str, modifiers| shortcut(&Pressed::Character(c.into()), modifiers, free);
    for (c, key) in [
        ("k", Key::Search),
        ("n", Key::Ask),
        ("l", Key::Link),
        (",", Key::Settings),
        ("w", Key::Close),
        ("q", Key::Quit),
    ] {
        assert_eq!(character(c, Modifiers::COMMAND), Some(key));
        assert_eq!(character(c, Modifiers::empty()), None, "{c} alone is a letter");
    }
    assert_eq!(character("?", Modifiers::SHIFT), Some(Key::Help));
    let typed =
        shortcut(&Pressed::Character("?".into()), Modifiers::SHIFT, event::Status::Captured);
    assert_eq!(typed, None, "in a field it is a question mark");
    let named = |cap: &str| match cap {
        "Esc" => Pressed::Named(Named::Escape),
        "↓" => Pressed::Named(Named::ArrowDown),
        "↑" => Pressed::Named(Named::ArrowUp),
        character => Pressed::Character(character.to_lowercase().into()),
    };
    // The first two are every widget's.
    for (caps, does) in help::KEYS.into_iter().skip(2).chain([help::FIELD[0]]) {
        let key = match caps {
            ["Ctrl", cap] => shortcut(&named(cap), Modifiers::COMMAND, free),
            ["Alt", cap] => shortcut(&named(cap), Modifiers::ALT, free),
            [cap] => shortcut(&named(cap), Modifiers::empty(), free),
            caps => panic!("{caps:?}"),
        };
        assert!(key.is_some(), "{caps:?}: {does}");
    }
    let down = Pressed::Named(Named::ArrowDown);
    assert_eq!(shortcut(&down, Modifiers::ALT, free), Some(Key::Step { down: true }));
    assert_eq!(shortcut(&down, Modifiers::empty(), free), None);
}

#[test]
fn a_wide_window_has_the_list_at_the_left() {
    use crate::kit::{WIDE, snapshot};
    let mut app = app(&Start::default());
    read(&mut app, known());
    let _ = app.update(Message::Desk(desk::Message::Heard(News::Doing(Box::default()))));
    snapshot("wide", WIDE, 1.0, || app.place(Place::Portal, WIDE.width));
    let _ = app.update(Message::Portal(portal::Message::HelpPressed));
    snapshot("wide-help", WIDE, 1.0, || app.place(Place::Portal, WIDE.width));
}

#[test]
fn keys_that_need_an_agent_lead_to_nothing_while_none_runs() {
    use agent::control::Order;
    let mut app = app(&Start { open: Some("c1".to_owned()), link: None });
    read(&mut app, known());
    let (id, message) = ("c1".parse().unwrap(), "m4".parse().unwrap());
    let asked = |app: &mut App, news: News| {
        let _ = app.update(Message::Desk(desk::Message::Heard(news)));
        let _ = app.door.asked();
        for said in [
            chat::Message::ReleasePressed(message),
            chat::Message::CancelPressed(message),
            chat::Message::DeleteConfirmed(message),
        ] {
            let _ = app.update(Message::Chat(id, said));
        }
        app.door.asked()
    };
    assert_eq!(asked(&mut app, News::Absent(None)), []);
    let target = || "m4".to_owned();
    let all = [
        Order::Release { target: target() },
        Order::Cancel { target: target() },
        Order::Delete { target: target() },
    ];
    assert_eq!(asked(&mut app, News::There), all);
    for key in [chat::Message::UpPressed, chat::Message::EditPressed(message)] {
        assert!(key.is_for_agent());
    }
    assert!(!chat::Message::ReplyPressed(message).is_for_agent());
}

#[test]
fn notices_stand_in_the_list_also_beside_a_conversation() {
    use crate::kit::{WIDE, scene::notice, snapshot};
    use agent::store::Notice;
    let mut app = app(&Start::default());
    let told = Notice::NewDevice { is_fork: true, held: 2 };
    read(&mut app, Known { notices: vec![notice("m6", told, NOW - 600)], ..known() });
    let _ = app.update(Message::Desk(desk::Message::Heard(News::Doing(Box::default()))));
    snapshot("wide-notices", WIDE, 1.0, || app.place(Place::Portal, WIDE.width));
}

#[test]
fn a_moment_that_is_over_is_not_waited_for() {
    assert!(left_until(0).is_err() && left_until(i64::MIN).is_err());
    assert!(left_until(i64::MAX).is_ok_and(|left| Duration::from_secs(1) < left));
}

#[test]
fn a_conversation_opens_in_a_window_of_its_own_where_the_settings_say_so() {
    let mut app = app(&Start::default());
    app.look.chats = config::agent::Chats::Windows;
    read(&mut app, known());
    for _ in 0..2 {
        let _ = app.update(Message::Started(link("mailboat://chat/bob")));
    }
    let places: Vec<_> = app.windows.values().map(|window| window.place).collect();
    assert_eq!(places, [Place::Portal, Place::Chat("c1".parse().unwrap())]);
    assert_eq!(app.beside, None);
}

#[test]
fn the_tray_shows_what_is_unread_and_the_next_call_and_leads_to_them() {
    use crate::tray::Message as Said;
    let mut app = app(&Start::default());
    let nobody_yet = app.in_tray();
    assert!(!nobody_yet.has_news && !nobody_yet.can_call && nobody_yet.next.is_empty());
    let mut known = known();
    known.roll[1].unread = 1;
    (known.roll[1].state, known.roll[1].inviter) = ("invited", "chandra".to_owned());
    known.order = crate::desk::Order::of(&known.roll, &known.members);
    read(&mut app, known);
    let does = Scene::calm().desk.does().unwrap().clone();
    let told = |news| Message::Desk(desk::Message::Heard(news));
    let _ = app.update(told(News::Doing(Box::new(does))));
    let shown = app.in_tray();
    assert_eq!(shown.news, "2 messages not read, One request to chat");
    assert_eq!(
        (&shown.next[..], shown.has_news, shown.can_call),
        ("Next call today, 18:30", true, true)
    );
    // The words hold until something happens: nothing in them counts minutes.
    app.clock = || NOW + 1_200;
    assert_eq!(app.in_tray(), shown);
    app.windows.clear();
    let _ = app.update(Message::Tray(Said::OpenPressed));
    assert!(app.has_portal());
    let _ = app.update(Message::Tray(Said::CallPressed));
    assert!(!app.in_tray().can_call, "a call was asked for");
    let _ = app.update(told(News::Absent(None)));
    assert_eq!(
        (app.in_tray().can_call, app.in_tray().next),
        (false, "agent not running".to_owned())
    );
}

#[test]
fn without_a_window_nothing_is_counted_by_the_minute() {
    let mut app = app(&Start::default());
    read(&mut app, known());
    let does = Scene::calm().desk.does().unwrap().clone();
    let _ = app.update(Message::Desk(desk::Message::Heard(News::Doing(Box::new(does)))));
    assert!(app.changes_at().is_some());
    app.windows.clear();
    assert_eq!(app.changes_at(), None);
}

#[test]
fn the_program_stays_in_a_tray_that_shows_it_where_the_settings_say_so() {
    let mut app = app(&Start::default());
    app.look.close_to_tray = true;
    assert!(!app.stays_in_tray(), "there is no tray");
    let _ = app.update(Message::Tray(crate::tray::Message::Hosted(true)));
    assert!(!app.stays_in_tray(), "a tray, and no item in it");
    let window = *app.windows.keys().next().unwrap();
    assert_eq!(app.update(Message::WindowClosed(window)).units(), 1, "it ends");
    assert_eq!(app.update(Message::Tray(crate::tray::Message::QuitPressed)).units(), 1);
}

#[tokio::test]
async fn drafts_that_cannot_be_written_are_told_of_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::new(AgentPaths::new(Some(folder.path()), &Env::default()).unwrap());
    let file = Drafts::file(&door.paths().store);
    let words = Words::of("en", TimeZone::UTC);
    let mut app = App::new(door, words, Look::default(), || NOW, &Start::default()).0;
    read(&mut app, known());
    let id: ConversationId = "c1".parse().unwrap();
    let _ = app.update(Message::Portal(portal::Message::RowPressed(id)));
    let write = |app: &mut App, letter| {
        use iced::widget::text_editor::{Action, Edit};
        let typed = chat::Message::Typed(Action::Edit(Edit::Insert(letter)));
        app.update(Message::Chat(id, typed)).units()
    };
    // There is a folder where the file is to be.
    std::fs::create_dir_all(&file).unwrap();
    assert_eq!((write(&mut app, 'a'), write(&mut app, 'b')), (1, 0), "once for many letters");
    let written = |app: &App| app.drafts.write(&file).map_err(|err| err.to_string());
    assert_eq!(app.update(Message::DraftsDue).units(), 1);
    let failed = written(&app);
    let _ = app.update(Message::DraftsWritten(failed.clone()));
    assert_eq!(app.notice, Some(Notice::Unwritten(failed.unwrap_err())));
    assert_eq!(write(&mut app, 'c'), 1, "the next letter tries again");
    let _ = app.update(Message::DraftsDue);
    std::fs::remove_dir(&file).unwrap();
    let done = written(&app);
    let _ = app.update(Message::DraftsWritten(done));
    assert_eq!(app.notice, None, "it is kept now");
    assert_eq!(Drafts::read(&file).0.draft(id).unwrap().text, "abc");
    // And what was not written is, before the program ends.
    let _ = write(&mut app, 'd');
    let _ = app.update(Message::DraftsDue);
    let _ = app.update(Message::DraftsWritten(Err("the disk is full".to_owned())));
    let window = *app.windows.keys().next().unwrap();
    let _ = app.update(Message::Key(window, Key::Quit));
    assert_eq!(Drafts::read(&file).0.draft(id).unwrap().text, "abcd");
}

#[test]
fn a_window_is_as_large_as_it_says_and_has_the_keyboard_when_it_says() {
    let mut app = app(&Start::default());
    read(&mut app, known());
    let _ = app.update(Message::Started(link("mailboat://chat/bob")));
    let window = *app.windows.keys().next().unwrap();
    for (message, size) in [
        (Message::WindowOpened(window, Size::new(400.0, 700.0)), Size::new(400.0, 700.0)),
        (Message::WindowResized(window, Size::new(1000.0, 700.0)), Size::new(1000.0, 700.0)),
    ] {
        let _ = app.update(message);
        assert_eq!(app.windows[&window].size, size);
    }
    let bob = "c1".parse().unwrap();
    for is_focused in [true, false] {
        let _ = app.update(Message::WindowFocused(window, is_focused));
        assert_eq!(app.windows[&window].is_focused, is_focused);
        assert_eq!(app.chats[&bob].is_focused(), is_focused, "the conversation is looked at");
    }
    // Of a window that has gone.
    let gone = window::Id::unique();
    let _ = app.update(Message::WindowResized(gone, Size::new(1.0, 1.0)));
    let _ = app.update(Message::WindowFocused(gone, true));
    assert_eq!(app.update(Message::WindowClosed(gone)).units(), 0);
    assert_eq!(app.windows.len(), 1);
}

#[test]
fn colours_follow_the_desktop_until_the_settings_say_otherwise() {
    let mut app = app(&Start::default());
    let window = *app.windows.keys().next().unwrap();
    for (mode, look, theme) in [
        (Mode::Dark, config::agent::Theme::System, theme::dark()),
        (Mode::Light, config::agent::Theme::System, theme::light()),
        (Mode::None, config::agent::Theme::System, theme::light()),
        (Mode::Light, config::agent::Theme::Dark, theme::dark()),
        (Mode::Dark, config::agent::Theme::Light, theme::light()),
    ] {
        app.look.theme = look;
        let _ = app.update(Message::SystemTheme(mode));
        assert_eq!(app.theme(window).to_string(), theme.to_string(), "{mode:?} {look:?}");
    }
}

#[test]
fn time_that_passes_is_drawn_and_nothing_else() {
    let mut app = app(&Start::default());
    read(&mut app, known());
    let before = format!("{:?}", (&app.portal, &app.windows, &app.beside, app.looks));
    assert_eq!(app.update(Message::TimePassed).units(), 0);
    assert_eq!(format!("{:?}", (&app.portal, &app.windows, &app.beside, app.looks)), before);
}
