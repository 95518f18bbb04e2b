//! The keys of a conversation are those that the list of keys names.

use iced::{
    Event,
    keyboard::{self, Key, Modifiers, key::Named},
};
use iced_test::simulator as sim;

use super::{all::KEYS, live::many, *};
use crate::{
    kit::{PORTAL, Ui, focus_next, scene::Scene},
    screen::help,
};

/// What is pressed for the caps of a row: each of them where they are a choice.
fn pressed(caps: &[&str]) -> Vec<Event> {
    let (held, keys) = match caps {
        ["Ctrl", keys @ ..] => (Modifiers::COMMAND, keys),
        ["Shift", keys @ ..] => (Modifiers::SHIFT, keys),
        keys => (Modifiers::empty(), keys),
    };
    let press = |cap: &&str| {
        let key = match *cap {
            "Enter" => Key::Named(Named::Enter),
            "↑" => Key::Named(Named::ArrowUp),
            "↓" => Key::Named(Named::ArrowDown),
            "PgUp" => Key::Named(Named::PageUp),
            "PgDn" => Key::Named(Named::PageDown),
            "Home" => Key::Named(Named::Home),
            "End" => Key::Named(Named::End),
            "Del" => Key::Named(Named::Delete),
            character => Key::Character(character.to_lowercase().into()),
        };
        let mut event = sim::tap_key(key, None).next().unwrap();
        if let Event::Keyboard(keyboard::Event::KeyPressed { modifiers, .. }) = &mut event {
            *modifiers = held;
        }
        event
    };
    keys.iter().map(press).collect()
}

#[test]
fn keys_among_the_messages_do_something_there_and_none_is_not_listed() {
    let (scene, chat) = (Scene::calm(), chat(many(1, 30)));
    let mut ui = Ui::new(PORTAL, 1.0, chat.view(scene.cx()));
    (0..4).for_each(|_| focus_next(&mut ui));
    for (caps, does) in help::MESSAGES {
        for event in pressed(caps) {
            assert!(ui.takes(event), "{caps:?}: {does}");
        }
    }
    let listed: Vec<&str> =
        help::MESSAGES.into_iter().flat_map(|(caps, _)| caps).copied().collect();
    let caps = |key: ListKey| match key {
        ListKey::Up => "↑",
        ListKey::Down => "↓",
        ListKey::Home => "Home",
        ListKey::End => "End",
        ListKey::Enter => "Enter",
        ListKey::Reply => "R",
        ListKey::Edit => "E",
        ListKey::Delete => "Del",
        ListKey::Copy => "C",
        // Among those that hold everywhere.
        ListKey::Escape => "Enter",
    };
    use ListKey::{Copy, Delete, Down, Edit, End, Enter, Escape, Home, Reply, Up};
    let all = [Up, Down, Home, End, Enter, Reply, Edit, Delete, Copy, Escape];
    assert_eq!(all.len(), KEYS.len());
    all.into_iter().for_each(|key| assert!(listed.contains(&caps(key)), "{key:?}"));
}

#[test]
fn keys_in_the_field_do_something_there() {
    let (scene, mut chat) = (Scene::calm(), chat(many(1, 3)));
    chat.compose.set("words");
    // The first is the window's own.
    let [find, own @ ..] = help::FIELD;
    assert_eq!(find.0, ["Ctrl", "F"]);
    for (caps, does) in own {
        for event in pressed(caps) {
            let mut ui = Ui::new(PORTAL, 1.0, chat.view(scene.cx()));
            assert!(!ui.takes(event.clone()), "{caps:?} with the keyboard elsewhere");
            ui.focus("draft");
            assert!(ui.takes(event), "{caps:?}: {does}");
        }
    }
}
