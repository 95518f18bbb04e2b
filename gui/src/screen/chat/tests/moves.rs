//! What each message does.

use std::time::Instant;

use agent::control::Order;
use iced::{
    Event, Point, Size,
    keyboard::{self, key::Named},
    mouse,
    widget::text_editor,
};

use super::{
    live::{Seat, many},
    *,
};
use crate::kit::{PORTAL, Ui, focus_next, scene::Scene};

pub(super) fn paste(text: &str) -> Message {
    let text = Arc::new(text.to_owned());
    Message::Typed(text_editor::Action::Edit(text_editor::Edit::Paste(text)))
}

pub(super) fn runs(actions: &[Action]) -> usize {
    actions.iter().filter(|action| matches!(action, Action::Run(_))).count()
}

#[test]
fn a_text_stays_until_the_agent_has_it_and_is_not_sent_twice() {
    let (door, mut chat) = (door(), chat(many(1, 3)));
    let drafted = chat.update(paste("hello"), &door);
    assert!(matches!(drafted[..], [Action::Drafted]));
    assert_eq!(runs(&chat.update(Message::SendPressed, &door)), 1);
    assert_eq!(runs(&chat.update(Message::SendPressed, &door)), 0, "it is under way");
    let _ = chat.update(paste("more"), &door);
    assert_eq!(chat.compose.text(), "hello", "what is under way does not change");
    let kept = chat.update(Message::Sent(Some(None), Err(DoorError::NoAgent)), &door);
    assert!(matches!(kept[..], [Action::Focus("draft")]), "who pressed Send goes on writing");
    assert_eq!(chat.compose.text(), "hello\nmore", "what was typed ahead is not lost");
    assert_eq!(runs(&chat.update(Message::SendPressed, &door)), 1, "it was not taken");
    let _ = chat.update(Message::Sent(Some(None), Ok(())), &door);
    assert_eq!((chat.compose.text(), chat.draft()), (String::new(), None));
}

#[test]
fn who_types_on_while_the_agent_answers_loses_no_letter() {
    let (door, mut chat) = (door(), chat(many(1, 3)));
    let _ = chat.update(paste("one"), &door);
    let _ = chat.update(Message::SendPressed, &door);
    for letter in "two".chars() {
        let typed = text_editor::Action::Edit(text_editor::Edit::Insert(letter));
        let _ = chat.update(Message::Typed(typed), &door);
    }
    assert_eq!(chat.compose.text(), "one");
    let _ = chat.update(Message::Sent(Some(None), Ok(())), &door);
    assert_eq!(chat.compose.text(), "two");
    assert!(chat.compose.is_open());
}

#[test]
fn what_may_have_been_taken_is_looked_for_before_it_is_offered_again() {
    let (door, mut chat) = (door(), chat(many(1, 3)));
    let _ = chat.update(paste("hello"), &door);
    let _ = chat.update(Message::SendPressed, &door);
    let look = chat.update(Message::Sent(Some(None), Err(DoorError::Lost)), &door);
    assert_eq!(runs(&look), 1);
    assert_eq!(runs(&chat.update(Message::SendPressed, &door)), 0);
    let _ = chat.update(Message::Looked(Ok(true)), &door);
    assert!(chat.compose.text().is_empty(), "it is in the store");
    // An agent that is gone and has not taken it never will.
    let _ = chat.update(paste("again"), &door);
    let _ = chat.update(Message::SendPressed, &door);
    let _ = chat.update(Message::Sent(Some(None), Err(DoorError::Lost)), &door);
    let _ = chat.update(Message::Looked(Ok(false)), &door);
    assert_eq!(chat.compose.text(), "again");
    assert_eq!(runs(&chat.update(Message::SendPressed, &door)), 1);
    // One that only thinks may still take it.
    let _ = chat.update(Message::Sent(Some(None), Err(DoorError::Stalled)), &door);
    let before = chat.epoch;
    assert!(before > 0);
    assert!(matches!(chat.compose.going, compose::Going::Unsure { .. }));
}

#[test]
fn only_what_is_seen_in_a_focused_window_is_marked_as_read_and_once() {
    let mut rows = many(1, 4);
    rows.iter_mut().for_each(|row| row.row.read = false);
    let (door, mut chat) = (door(), chat(rows));
    let seen = Seen { first: id("m1"), last: id("m2"), is_end: false };
    assert_eq!(runs(&chat.update(Message::Scrolled(seen), &door)), 0);
    assert_eq!(runs(&chat.update(Message::Focused(true), &door)), 1);
    assert_eq!(chat.marking.len(), 2);
    assert_eq!(runs(&chat.update(Message::Scrolled(seen), &door)), 0, "it was asked");
    let _ = chat.update(Message::Marked(vec![id("m1"), id("m2")], Err(DoorError::NoAgent)), &door);
    assert_eq!(runs(&chat.update(Message::Scrolled(seen), &door)), 1, "it was not done");
}

#[test]
fn older_messages_are_read_near_the_top_and_an_answer_to_an_old_question_is_dropped() {
    let (door, mut chat) = (door(), chat_of(Page { earlier: true, ..page(many(101, 60)) }));
    let seen = Seen { first: id("m105"), last: id("m120"), is_end: false };
    assert_eq!(runs(&chat.update(Message::Scrolled(seen), &door)), 1);
    let epoch = chat.epoch;
    assert!(matches!(chat.reading, Some(Part::Earlier(_))));
    let earlier = Part::Earlier(agent::store::Place::END);
    let _ = chat.update(Message::Read(epoch - 1, earlier, stretch(page(many(1, 100)))), &door);
    assert_eq!(chat.thread.rows.len(), 60);
    let _ = chat.update(Message::Read(epoch, earlier, stretch(page(many(1, 100)))), &door);
    assert_eq!((chat.thread.rows.len(), chat.thread.earlier), (160, false));
    assert_eq!(chat.thread.rows[0].row.id, id("m1"));
}

#[test]
fn what_is_far_away_is_let_go() {
    let (door, mut chat) = (door(), chat_of(Page { earlier: true, ..page(many(1_001, 350)) }));
    chat.reading = Some(Part::Opening);
    let earlier = Part::Earlier(agent::store::Place::END);
    let _ = chat.update(Message::Read(chat.epoch, earlier, stretch(page(many(901, 100)))), &door);
    assert_eq!((chat.thread.rows.len(), chat.thread.later), (400, true));
}

#[test]
fn replying_editing_and_deleting_by_keyboard() {
    let door = door();
    let mut rows = many(1, 3);
    rows.push(ours(4, "mine", 10, MessageState::Delivered));
    let mut chat = chat(rows);
    let _ = chat.update(Message::ListKey(ListKey::Up), &door);
    assert_eq!(chat.cursor, Some(id("m4")));
    let edit = chat.update(Message::ListKey(ListKey::Edit), &door);
    assert!(matches!(edit[..], [Action::Focus("draft")]));
    assert_eq!(
        (chat.compose.text().as_str(), &chat.compose.mode),
        ("mine", &Mode::Edit(id("m4"), false))
    );
    assert_eq!(chat.draft(), None, "an edit is no draft");
    // The message that is chosen first, then the edit.
    assert!(chat.escape() && chat.cursor.is_none());
    assert_eq!(chat.compose.text(), "mine");
    assert!(chat.escape());
    assert_eq!((chat.compose.text(), &chat.compose.mode), (String::new(), &Mode::New));
    let _ = chat.update(Message::ListKey(ListKey::Up), &door);
    let _ = chat.update(Message::ListKey(ListKey::Up), &door);
    let _ = chat.update(Message::ListKey(ListKey::Reply), &door);
    assert!(matches!(chat.compose.mode, Mode::Reply(_)));
    let _ = chat.update(Message::ListKey(ListKey::Delete), &door);
    assert!(chat.card.is_none(), "it is somebody else's");
}

#[test]
fn enter_sends_and_shift_enter_breaks_the_line() {
    let mut seat = Seat::at(chat(many(1, 3)), PORTAL);
    seat.click("draft");
    seat.write("two");
    seat.happens(iced_test::simulator::tap_key(Named::Enter, None).map(|mut event| {
        if let Event::Keyboard(keyboard::Event::KeyPressed { modifiers, .. }) = &mut event {
            *modifiers = keyboard::Modifiers::SHIFT;
        }
        event
    }));
    seat.write("lines");
    assert_eq!(seat.chat.compose.text(), "two\nlines");
    assert!(seat.done.iter().all(|action| matches!(action, Action::Drafted)), "{:?}", seat.done);
    seat.key(Named::Enter);
    assert_eq!(seat.chat.compose.going, compose::Going::Asked("two\nlines".to_owned()));
}

#[test]
fn the_list_takes_keys_when_it_has_the_keyboard() {
    let scene = Scene::calm();
    let chat = chat(many(1, 30));
    let mut ui = Ui::new(PORTAL, 1.0, chat.view(scene.cx()));
    (0..4).for_each(|_| focus_next(&mut ui));
    ui.tap_key(Named::ArrowUp);
    ui.tap_key(Named::Enter);
    let said = ui.into_messages();
    let keys: Vec<_> = said.iter().filter(|said| matches!(said, Message::ListKey(_))).collect();
    assert!(
        matches!(keys[..], [Message::ListKey(ListKey::Up), Message::ListKey(ListKey::Enter)]),
        "{said:?}"
    );
}

fn wheel(y: f32) -> Event {
    Event::Mouse(mouse::Event::WheelScrolled { delta: mouse::ScrollDelta::Pixels { x: 0.0, y } })
}

/// Scrolls a list by these, and gives what is in view after each.
fn scrolled(chat: &Chat, size: Size, by: &[f32]) -> Vec<Seen> {
    let mut scene = Scene::calm();
    scene.width = size.width;
    let mut ui = Ui::new(size, 1.0, chat.view(scene.cx()));
    // The pointer has to be over the list.
    ui.click_at(Point::new(size.width - 2.0, 200.0));
    for y in by {
        ui.simulate([wheel(*y)]);
        ui.simulate([Event::Window(iced::window::Event::RedrawRequested(Instant::now()))]);
    }
    let said = ui.into_messages();
    said.into_iter()
        .filter_map(|message| match message {
            Message::Scrolled(seen) => Some(seen),
            _ => None,
        })
        .collect()
}

#[test]
fn the_list_opens_at_its_end_and_scrolls_to_its_beginning_and_back() {
    let chat = chat(many(1, 200));
    let up = vec![400.0; 40];
    let seen = scrolled(&chat, PORTAL, &up);
    assert_eq!((seen[0].last, seen[0].is_end), (id("m200"), true));
    assert_eq!(seen.last().unwrap().first, id("m1"));
    let back: Vec<f32> = up.iter().copied().chain(vec![-400.0; 60]).collect();
    assert_eq!(scrolled(&chat, PORTAL, &back).last(), Some(&seen[0]));
}

#[test]
fn only_what_is_in_view_is_built() {
    let (scene, chat) = (Scene::calm(), chat(many(1, 400)));
    let begun = Instant::now();
    let built = std::cell::Cell::new(0);
    let build = |at| {
        built.set(built.get() + 1);
        line::line(scene.cx(), &chat, at)
    };
    let reel = Reel::new(chat.id, chat.thread.keys(), build, Message::Scrolled);
    let _ = Ui::new(PORTAL, 1.0, reel);
    assert!(built.get() < 40, "{} rows were built in {:?}", built.get(), begun.elapsed());
}

#[test]
fn one_who_reads_above_keeps_the_place_when_messages_come() {
    let door = door();
    let mut chat = chat(many(100, 100));
    chat.go(Aim::Row(id("m150")));
    let first = |chat: &Chat| scrolled(chat, PORTAL, &[])[0];
    let before = first(&chat);
    assert!(!before.is_end);
    let mut rows = many(50, 50);
    rows.extend(many(100, 120));
    let anew = Part::Anew { first: id("m100"), place: agent::store::Place::END, count: 1 };
    chat.reading = Some(anew);
    let _ = chat.update(Message::Read(chat.epoch, anew, stretch(page(rows))), &door);
    assert_eq!(first(&chat), before);
}

#[test]
fn a_draft_comes_back_with_what_it_answers() {
    let draft = Draft { text: "half a sentence".to_owned(), reply_to: Some(id("m2")) };
    let (chat, _) = Chat::new("c1".parse().unwrap(), Some(&draft), &door());
    assert_eq!(chat.draft(), Some(draft));
}

#[test]
fn a_second_message_that_is_sent_while_the_agent_answers_goes_behind_the_first() {
    let (door, mut chat) = (door(), chat(many(1, 3)));
    let sent = |door: &Door| -> Vec<String> {
        let texts = door.asked().into_iter().filter_map(|order| match order {
            Order::Send { text, .. } => Some(text),
            _ => None,
        });
        texts.collect()
    };
    for text in ["one", "two", "", "three"] {
        for letter in text.chars() {
            let typed = text_editor::Action::Edit(text_editor::Edit::Insert(letter));
            let _ = chat.update(Message::Typed(typed), &door);
        }
        let _ = chat.update(Message::SendPressed, &door);
    }
    let _ = chat.update(paste("four"), &door);
    assert_eq!(sent(&door), ["one"]);
    let _ = chat.update(Message::Sent(Some(None), Ok(())), &door);
    assert_eq!(sent(&door), ["two"]);
    // Of what was not taken nothing is lost either, and nothing goes by itself.
    let _ = chat.update(Message::Sent(Some(None), Err(DoorError::NoAgent)), &door);
    assert_eq!((chat.compose.text().as_str(), sent(&door).len()), ("two\nthree\nfour", 0));
}

#[test]
fn keys_among_the_messages_choose_open_copy_and_close() {
    let (door, mut chat) = (door(), chat(many(1, 5)));
    let press = |chat: &mut Chat, key| chat.update(Message::ListKey(key), &door);
    let _ = press(&mut chat, ListKey::Copy);
    assert_eq!(chat.cursor, None, "there is nothing chosen yet");
    for (key, at) in [
        (ListKey::Down, "m5"),
        (ListKey::Up, "m4"),
        (ListKey::Up, "m3"),
        (ListKey::Down, "m4"),
        (ListKey::Down, "m5"),
        (ListKey::Down, "m5"),
    ] {
        let _ = press(&mut chat, key);
        assert_eq!((chat.cursor, chat.aim.1), (Some(id(at)), Aim::Reveal(id(at))));
    }
    let _ = press(&mut chat, ListKey::Enter);
    assert_eq!(chat.card.as_ref().map(|card| card.id), Some(id("m5")));
    assert_eq!(runs(&press(&mut chat, ListKey::Copy)), 1);
    let _ = press(&mut chat, ListKey::Escape);
    assert_eq!((chat.cursor, chat.card.is_none()), (None, true));
}

#[test]
fn a_conversation_that_opens_takes_the_keyboard_once() {
    let door = door();
    let (mut chat, _) = Chat::new("c1".parse().unwrap(), None, &door);
    let takes = |actions: &[Action]| {
        actions.iter().filter(|action| matches!(action, Action::Focus("draft"))).count()
    };
    let read = Message::Read(chat.epoch, Part::Opening, stretch(page(many(1, 3))));
    assert_eq!(takes(&chat.update(read, &door)), 1);
    let _ = chat.fetch(Part::Newest, &door);
    let read = Message::Read(chat.epoch, Part::Newest, stretch(page(many(1, 4))));
    assert_eq!(takes(&chat.update(read, &door)), 0, "one may be somewhere else by now");
}
