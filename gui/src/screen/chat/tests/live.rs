//! A conversation over time: views come and go, and what one is in the middle of stays.

use iced::{Event, Point, Size, keyboard::key::Named, mouse};
use iced_test::simulator as sim;

use super::{moves::runs, *};
use crate::kit::{Kept, PORTAL, Ui, WIDE, scene::Scene};

/// Somebody at a window with a conversation in it.
pub(super) struct Seat {
    pub(super) chat: Chat,
    pub(super) scene: Scene,
    kept: Option<Kept>,
    size: Size,
    /// What the program was to do, beside moving the keyboard.
    pub(super) done: Vec<Action>,
}

impl Seat {
    pub(super) fn at(chat: Chat, size: Size) -> Self {
        let mut scene = Scene::calm();
        scene.width = size.width;
        let mut seat = Self { chat, scene, kept: Some(Kept::nothing()), size, done: Vec::new() };
        seat.happens([]);
        seat
    }

    /// In the window as it is now.
    fn here<T>(&mut self, does: impl FnOnce(&mut Ui<'_, Message>) -> T) -> (T, Vec<Message>) {
        let kept = self.kept.take().unwrap();
        let mut ui = kept.show(self.size, 1.0, self.chat.view(self.scene.cx()));
        let made = does(&mut ui);
        let (said, kept) = ui.leave();
        self.kept = Some(kept);
        (made, said)
    }

    /// This happens in one go, and the program deals with what comes of it, as often as anything does.
    pub(super) fn happens(&mut self, events: impl IntoIterator<Item = Event>) {
        let events: Vec<Event> = events.into_iter().collect();
        let ((), said) = self.here(|ui| {
            ui.simulate(events);
            ui.redraw();
        });
        self.hears(said);
    }

    pub(super) fn hears(&mut self, said: Vec<Message>) {
        let mut said = said;
        for _ in 0..8 {
            let mut focus = None;
            for message in said {
                for action in self.chat.update(message, &door()) {
                    match action {
                        Action::Focus(name) => focus = Some(name),
                        action => self.done.push(action),
                    }
                }
            }
            said = self
                .here(|ui| {
                    focus.into_iter().for_each(|name| ui.focus(name));
                    ui.redraw();
                })
                .1;
            if said.is_empty() {
                return;
            }
        }
        panic!("it says something with every frame: {said:?}");
    }

    pub(super) fn says(&mut self, message: Message) {
        self.hears(vec![message]);
    }

    pub(super) fn click(&mut self, name: &'static str) {
        let (found, said) = self.here(|ui| ui.click(iced_test::selector::id(name)));
        assert!(found.is_some(), "there is no {name}");
        self.hears(said);
    }

    pub(super) fn point_at(&mut self, at: Point) {
        let ((), said) = self.here(|ui| ui.point_at(at));
        self.hears(said);
    }

    pub(super) fn key(&mut self, key: Named) {
        self.happens(sim::tap_key(key, None));
    }

    pub(super) fn write(&mut self, text: &str) {
        self.happens(sim::typewrite(text));
    }

    /// What the store answers to what is being read.
    pub(super) fn reads(&mut self, answer: Page) {
        let part = self.chat.reading.expect("something is read");
        self.says(Message::Read(self.chat.epoch, part, stretch(answer)));
    }

    pub(super) fn seen(&self) -> Seen {
        self.chat.seen.unwrap()
    }
}

pub(super) fn many(from: u32, count: u32) -> Vec<PageRow> {
    (from..from + count)
        .map(|n| theirs(n, "bob", &format!("line {n}"), i64::from(10_000 - n)))
        .collect()
}

pub(super) fn wheel(y: f32) -> Event {
    Event::Mouse(mouse::Event::WheelScrolled { delta: mouse::ScrollDelta::Pixels { x: 0.0, y } })
}

#[test]
fn who_scrolls_up_stays_there() {
    let mut seat = Seat::at(chat(many(1, 100)), PORTAL);
    assert!(seat.seen().is_end);
    seat.point_at(Point::new(200.0, 300.0));
    for _ in 0..20 {
        seat.happens([wheel(100.0)]);
    }
    let seen = seat.seen();
    assert!(!seen.is_end && seen.last < id("m70"), "{seen:?}");
    // The button that leads back comes and goes without moving anything.
    seat.click("newest");
    assert!(seat.seen().is_end);
}

#[test]
fn what_is_typed_right_behind_a_click_is_written() {
    let mut seat = Seat::at(chat(many(1, 3)), PORTAL);
    let (at, _) = seat.here(|ui| {
        ui.find(iced_test::selector::id("draft")).unwrap().visible_bounds().unwrap().center()
    });
    seat.point_at(at);
    // In one go, as from a slow machine's queue.
    seat.happens(sim::click().chain(sim::typewrite("at once")));
    assert_eq!(seat.chat.compose.text(), "at once");
}

#[test]
fn the_field_keeps_the_keyboard_whatever_comes_and_goes_around_it() {
    let rows = || {
        let mut rows = many(1, 3);
        rows.push(ours(4, "mine", 10, MessageState::Delivered));
        rows
    };
    type Turn = (&'static str, fn(&mut Seat));
    let turns: [Turn; 7] = [
        ("an answer to the request", |seat| {
            seat.scene.know(|known| known.roll[0].state = "asking");
            seat.happens([]);
            seat.click("draft");
            seat.write("x");
            seat.scene.know(|known| known.roll[0].state = "member");
            seat.happens([]);
        }),
        ("an error", |seat| {
            let ids = vec![id("m1")];
            seat.says(Message::SearchFound("x".to_owned(), Err(DoorError::NoAgent)));
            seat.says(Message::Marked(ids, Ok(())));
            seat.says(Message::Answered(Ok(())));
        }),
        ("a message that was not taken", |seat| {
            seat.write("y");
            seat.says(Message::SendPressed);
            seat.says(Message::Sent(Some(None), Err(DoorError::NoAgent)));
        }),
        ("an answer", |seat| {
            seat.says(Message::ReplyPressed(id("m2")));
            seat.says(Message::ModeDropped);
        }),
        ("the people", |seat| {
            seat.says(Message::PeopleToggled);
            seat.says(Message::PeopleToggled);
        }),
        ("a way to the newest", |seat| {
            seat.point_at(Point::new(200.0, 300.0));
            seat.happens([wheel(100.0)]);
            seat.says(Message::NewestPressed);
        }),
        ("new messages", |seat| {
            let anew = Part::Anew { first: id("m1"), place: agent::store::Place::END, count: 1 };
            seat.chat.reading = Some(anew);
            seat.reads(page(many(1, 30)));
        }),
    ];
    for (what, turn) in turns {
        let mut seat = Seat::at(chat(rows()), WIDE);
        seat.click("draft");
        turn(&mut seat);
        let before = seat.chat.compose.text();
        seat.write("more");
        assert_eq!(seat.chat.compose.text(), format!("{before}more"), "after {what}");
    }
}

#[test]
fn another_conversation_in_the_same_window_begins_where_it_does() {
    let mut seat = Seat::at(chat(many(1, 100)), PORTAL);
    seat.point_at(Point::new(200.0, 300.0));
    seat.happens([wheel(800.0)]);
    let first = seat.seen();
    let unread = Page {
        conversation: "c2".parse().unwrap(),
        first_unread: Some((id("m1020"), agent::store::Place::END)),
        unread: 81,
        ..page(many(1_001, 100))
    };
    let other = chat_in("c2", unread);
    let chat = std::mem::replace(&mut seat.chat, other);
    seat.happens([]);
    let seen = seat.seen();
    assert!(seen.first < id("m1020") && id("m1020") < seen.last, "{seen:?}");
    // And the one before is found again where one left it.
    seat.chat = chat;
    seat.happens([]);
    assert_eq!(seat.seen().first, first.first);
}

#[test]
fn an_agent_that_goes_or_comes_moves_nothing_that_one_reads_or_writes() {
    use crate::{desk::Agent, theme};
    let below_head = |seat: &mut Seat| {
        let ((width, _, rgba), _) = seat.here(|ui| ui.draw(&theme::light()));
        rgba[width as usize * 4 * 58..].to_vec()
    };
    let there = Scene::calm().desk.agent;
    // At the end, in the middle, and where somebody is gone whom one could ask once more.
    for (state, up, name) in
        [("member", 0.0, "draft"), ("member", 500.0, "draft"), ("declined", 0.0, "find")]
    {
        let mut seat = Seat::at(chat(many(1, 100)), PORTAL);
        seat.scene.know(|known| known.roll[0].state = state);
        seat.happens([]);
        seat.point_at(Point::new(200.0, 300.0));
        seat.happens([wheel(up)]);
        if state == "member" {
            seat.click(name);
            seat.write("half a");
        }
        let (before, seen) = (below_head(&mut seat), seat.seen());
        seat.scene.desk.agent = Agent::Absent(None);
        seat.happens([]);
        let (found, _) = seat.here(|ui| ui.find("agent not running").is_some());
        assert!(found, "{state}");
        assert_eq!(seat.seen(), seen);
        if state == "member" {
            assert!(below_head(&mut seat) == before, "something moved below the head");
            seat.write(" sentence");
            assert_eq!(seat.chat.compose.text(), "half a sentence");
        }
        let before = runs(&seat.done);
        seat.click("start");
        assert_eq!(runs(&seat.done), before + 1);
        seat.scene.desk.agent = there.clone();
        seat.happens([]);
        assert_eq!(seat.seen(), seen);
    }
}

/// A stretch of a conversation of a million, by the relay's count.
fn stretch_of(from: u64, to: u64) -> Page {
    let rows = (from..to).map(|c| PageRow {
        place: agent::store::Place::near(c),
        ..theirs(u32::try_from(c).unwrap(), "bob", &format!("line {c}"), 100)
    });
    let (first, last) = (1, 1_000_000);
    Page {
        earlier: first < from,
        later: to <= last,
        span: Some((first, last)),
        ..page(rows.collect())
    }
}

#[test]
fn home_and_end_go_to_the_ends_of_the_conversation_whatever_is_loaded() {
    let mut seat = Seat::at(chat_of(stretch_of(500_000, 500_100)), PORTAL);
    seat.says(Message::ListKey(ListKey::Home));
    assert_eq!(seat.chat.reading, Some(Part::Oldest));
    seat.reads(stretch_of(1, 101));
    assert_eq!(seat.seen().first, id("m1"));
    // What is here already is not read again.
    seat.point_at(Point::new(200.0, 300.0));
    seat.happens([wheel(-700.0)]);
    assert_ne!(seat.seen().first, id("m1"));
    seat.says(Message::ListKey(ListKey::Home));
    assert_eq!((seat.seen().first, seat.chat.reading), (id("m1"), None));
    seat.says(Message::ListKey(ListKey::End));
    assert_eq!(seat.chat.reading, Some(Part::Newest));
    seat.reads(stretch_of(999_901, 1_000_001));
    assert_eq!((seat.seen().last, seat.seen().is_end), (id("m1000000"), true));
}

#[test]
fn a_page_up_from_the_field_scrolls_what_was_said() {
    let mut seat = Seat::at(chat(many(1, 100)), PORTAL);
    seat.click("draft");
    let end = seat.seen();
    seat.key(Named::PageUp);
    let (before, page) = (end.first, seat.seen());
    assert!(page.last < end.last && before <= page.last, "{page:?}, a line of it is seen again");
    seat.key(Named::PageUp);
    assert!(seat.seen().last < page.last);
    seat.key(Named::PageDown);
    assert_eq!(seat.seen(), page);
    seat.says(Message::PagePressed { up: false });
    assert_eq!(seat.seen(), end);
    seat.write("x");
    assert_eq!(seat.chat.compose.text(), "x", "the keyboard stayed");
}

/// Presses at the bar `y` below the window's top, and moves on to these before it is let go.
fn drags(seat: &mut Seat, y: f32, to: &[f32]) {
    let at = |y: f32| Point::new(PORTAL.width - 6.0, y);
    seat.point_at(at(y));
    seat.happens([Event::Mouse(mouse::Event::ButtonPressed(mouse::Button::Left))]);
    to.iter().for_each(|y| seat.point_at(at(*y)));
    seat.happens([Event::Mouse(mouse::Event::ButtonReleased(mouse::Button::Left))]);
}

/// Where the messages begin and end in the window.
const LIST: (f32, f32) = (60.0, 570.0);

#[test]
fn the_bar_is_dragged_through_what_is_loaded() {
    let mut seat = Seat::at(chat(many(1, 100)), PORTAL);
    let (top, bottom) = LIST;
    drags(&mut seat, bottom - 6.0, &[400.0, 200.0, top]);
    assert_eq!(seat.seen().first, id("m1"));
    drags(&mut seat, top + 6.0, &[200.0, bottom + 100.0]);
    assert!(seat.seen().is_end, "{:?}", seat.seen());
    // Pressed beside it, it comes there.
    let middle = (top + bottom) / 2.0;
    drags(&mut seat, middle, &[]);
    let seen = seat.seen();
    assert!(id("m35") < seen.first && seen.last < id("m65"), "{seen:?}");
    assert!(seat.chat.card.is_none(), "no message was meant");
    seat.point_at(Point::new(PORTAL.width - 6.0, top + 30.0));
    assert_eq!(seat.seen(), seen, "it was let go");
}

#[test]
fn while_the_bar_is_dragged_it_says_the_day_that_one_has_come_to() {
    use crate::theme;
    let rows =
        (1..=100).map(|n| theirs(n, "bob", &format!("line {n}"), i64::from(100 - n) * 86_400));
    let mut seat = Seat::at(chat(rows.collect()), PORTAL);
    let draw = |seat: &mut Seat| seat.here(|ui| ui.draw(&theme::light()).2).0;
    let (top, bottom) = LIST;
    let at = |y: f32| Point::new(PORTAL.width - 6.0, y);
    seat.point_at(at(bottom - 6.0));
    let left = mouse::Button::Left;
    seat.happens([Event::Mouse(mouse::Event::ButtonPressed(left))]);
    seat.point_at(at((top + bottom) / 2.0));
    let held = draw(&mut seat);
    for (suffix, theme) in [("light", theme::light()), ("dark", theme::dark())] {
        let (drawn, _) = seat.here(|ui| ui.draw(&theme));
        crate::kit::hold(&format!("{}-{suffix}", "chat-bar"), &drawn);
    }
    seat.happens([Event::Mouse(mouse::Event::ButtonReleased(left))]);
    let free = draw(&mut seat);
    // Beside the thumb, and nowhere else.
    let differs = |(at, _): &(usize, _)| {
        let (x, y) = (at / 4 % 360, at / 4 / 360);
        assert!((200..360).contains(&x) && (280..350).contains(&y), "{x} {y}");
    };
    let others = held.iter().zip(&free).enumerate().filter(|(_, (a, b))| a != b);
    let count = others.inspect(|(at, _)| differs(&(*at, ()))).count();
    assert!(1_000 < count, "{count}");
}

#[test]
fn the_bar_leads_anywhere_in_a_long_conversation_with_one_read_at_a_time() {
    let mut seat = Seat::at(chat_of(stretch_of(999_901, 1_000_001)), PORTAL);
    let (top, bottom) = LIST;
    let middle = (top + bottom) / 2.0;
    drags(&mut seat, middle, &[middle + 1.0, middle]);
    let Some(Part::Near(c)) = seat.chat.reading else { panic!("{:?}", seat.chat.reading) };
    assert!((480_000..520_000).contains(&c), "{c}");
    let reads = |seat: &Seat| runs(&seat.done);
    let before = reads(&seat);
    for share in [0.4, 0.3, 0.25] {
        seat.says(Message::Dragged(share));
    }
    assert_eq!(reads(&seat), before, "one is under way");
    seat.reads(stretch_of(c - 50, c + 50));
    assert_eq!(seat.chat.reading, Some(Part::Near(250_001)), "where the pointer is by now");
    seat.reads(stretch_of(249_950, 250_050));
    assert_eq!(seat.seen().first, id("m250001"));
    // The bar stands there too: pressed where it is, it does not move.
    let y = top + (bottom - top) * 0.25;
    drags(&mut seat, y, &[]);
    assert_eq!(seat.seen().first, id("m250001"));
    seat.says(Message::Dragged(0.0));
    assert_eq!(seat.chat.reading, Some(Part::Near(1)));
    seat.reads(stretch_of(1, 101));
    assert_eq!(seat.seen().first, id("m1"));
    seat.says(Message::Dragged(1.0));
    assert_eq!(seat.chat.reading, Some(Part::Newest));
}
