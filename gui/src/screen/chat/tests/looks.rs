//! Every state, in both themes.

use agent::store::{Kind, Member, Notice};
use iced::Size;

use super::*;
use crate::{
    desk::Agent,
    kit::{PORTAL, Ui, WIDE, scene::Scene, snapshot},
    screen::chat::people::Said,
};

fn shows_in(name: &str, scene: &mut Scene, size: Size, chat: &Chat) {
    scene.width = size.width;
    snapshot(name, size, 1.0, || chat.view(scene.cx()));
}

fn shows(name: &str, chat: &Chat) {
    shows_in(name, &mut Scene::calm(), PORTAL, chat);
}

fn talk() -> Vec<PageRow> {
    let mut reply = ours(4, "It is. I signed for it myself.", 85_000, MessageState::Read);
    reply.answers = Some(Answered::Here {
        id: id("m3"),
        from: "bob".to_owned(),
        mine: false,
        text: "Is the part for the pump on board?".to_owned(),
        deleted: false,
    });
    let mut edited = theirs(6, "bob", "Then we cast off at seven.", 3_300);
    edited.row.edited = true;
    let mut deleted = theirs(7, "bob", "", 3_200);
    deleted.row.deleted = true;
    let mut urgent = ours(8, "Wait for the pilot.", 900, MessageState::Delivered);
    urgent.row.urgent = true;
    vec![
        theirs(1, "bob", "We are alongside since noon.", 86_400),
        theirs(2, "bob", "Nobody at the office, of course.", 86_380),
        theirs(3, "bob", "Is the part for the pump on board?", 86_300),
        reply,
        ours(5, "See you at the dock.", 84_990, MessageState::Read),
        edited,
        deleted,
        urgent,
    ]
}

#[test]
fn a_conversation() {
    shows("chat", &chat(talk()));
    shows_in("chat-de", &mut Scene::calm().in_language("de"), PORTAL, &chat(talk()));
    shows_in("chat-wide", &mut Scene::calm(), WIDE, &chat(talk()));
}

#[test]
fn every_state_of_a_message() {
    let mut queued = ours(4, "Tomorrow at six.", 300, MessageState::Queued);
    queued.prospect = Some(Prospect {
        leaves: Some(NOW + 42 * 60),
        arrives_to: Some(NOW + 82 * 60),
        ..Prospect::default()
    });
    let mut relayed = ours(3, "Bring the long ladder.", 500, MessageState::Relayed);
    relayed.prospect = Some(Prospect {
        arrives_to: Some(NOW + 3_600),
        deliver_before: Some(NOW + 7_200),
        ..Prospect::default()
    });
    let mut held = ours(5, "And the rope.", 200, MessageState::Held);
    held.row.reason = "waits until bob accepts".to_owned();
    let mut refused = ours(6, "One more thing", 100, MessageState::Refused);
    refused.row.reason = "too large for this relay".to_owned();
    let mut expired = ours(7, "Are you there?", 90, MessageState::Expired);
    expired.row.reason = "it expired before it was delivered".to_owned();
    let rows = vec![
        ours(1, "Read.", 900, MessageState::Read),
        ours(2, "Delivered.", 800, MessageState::Delivered),
        relayed,
        queued,
        held,
        refused,
        expired,
    ];
    let mut page = page(rows);
    page.first_unread = None;
    let mut chat = chat_of(page);
    chat.thread.reliability.inside = 9;
    chat.thread.reliability.total = 10;
    shows_in("chat-states", &mut Scene::calm(), Size::new(420.0, 760.0), &chat);
}

#[test]
fn a_group_with_unread_messages() {
    let mut scene = Scene::calm();
    scene.know(|known| {
        let row = &mut known.roll[0];
        row.title = "Crew of the Kestrel".to_owned();
        (row.pair, row.others) = (false, 3);
    });
    let rows = vec![
        theirs(1, "bob", "Who has the watch tonight?", 7_200),
        theirs(2, "dee", "I do, until four.", 7_000),
        theirs(3, "dee", "Then chandra.", 6_990),
        ours(4, "Good. I bring coffee at two.", 6_000, MessageState::Read),
        theirs(5, "chandra", "Make it three cups.", 400),
        theirs(6, "bob", "Four.", 300),
    ];
    let page =
        Page { first_unread: Some((id("m5"), agent::store::Place::END)), unread: 2, ..page(rows) };
    let mut chat = chat_of(page);
    shows_in("chat-group", &mut scene, PORTAL, &chat);
    let _ = chat.update(Message::PeopleToggled, &door());
    let member = |name: &str, state| agent::store::Member { name: name.to_owned(), state };
    let members =
        vec![member("bob", "member"), member("chandra", "member"), member("dee", "invited")];
    let _ = chat.update(Message::MembersRead(Ok(Arc::new(members))), &door());
    chat.people.as_mut().unwrap().is_muted = Some(false);
    shows_in("chat-people", &mut scene, PORTAL, &chat);
    shows_in("chat-people-wide", &mut scene, WIDE, &chat);
}

#[test]
fn an_open_card_and_a_reply() {
    let mut chat = chat(talk());
    let _ = chat.update(Message::Touched(id("m8")), &door());
    shows("chat-card", &chat);
    let _ = chat.update(Message::DeletePressed(id("m8")), &door());
    shows("chat-delete", &chat);
    let _ = chat.update(Message::ReplyPressed(id("m3")), &door());
    chat.compose.set("Look in the blue crate,\nunder the tarpaulin.");
    shows("chat-replying", &chat);
}

#[test]
fn long_texts_and_hostile_ones() {
    let hostile = format!(
        "evil\u{202e}txt.exe\u{7} and Z{}algo and {}",
        "\u{316}\u{302}".repeat(500),
        "W".repeat(120)
    );
    let rows = vec![
        theirs(1, "bob", &"The wind has turned and we lie better now. ".repeat(40), 900),
        theirs(2, "bob", &hostile, 800),
        ours(3, "See https://kestrel.example/log?day=3 for it", 700, MessageState::Read),
    ];
    let mut chat = chat(rows);
    shows("chat-long", &chat);
    let _ = chat
        .update(Message::LinkPressed("https://bank.example@evil.example/x".to_owned()), &door());
    shows("chat-link", &chat);
}

#[test]
fn a_word_without_an_end_is_broken() {
    let word = "W".repeat(120);
    let rows = vec![
        theirs(1, "bob", &word, 800),
        ours(2, &format!("http://kestrel.example/{}", "x".repeat(120)), 700, MessageState::Read),
        theirs(3, "bob", "\u{200b}\u{200b}", 600),
    ];
    shows("chat-unbroken", &chat(rows));
}

/// Marks and lines of this would stand in the wrong places.
const RUNS_LEFT: &str = "مرحبا يا آن، وصلنا إلى الميناء عند الظهر. السعر 25.50 EUR (شامل) — انظر https://kestrel.example/a?b=1";

#[test]
fn what_runs_from_right_to_left_has_no_marks_and_its_links_on_its_card() {
    let scene = Scene::calm();
    // Rich text is not to be found by its words.
    let is_plain =
        |chat: &Chat, text: &str| Ui::new(PORTAL, 1.0, chat.view(scene.cx())).find(text).is_some();
    let link = "See https://kestrel.example/log?day=3 for it";
    let rows = || vec![theirs(1, "bob", RUNS_LEFT, 600), theirs(2, "bob", link, 500)];
    let mut chat = chat(rows());
    assert!(is_plain(&chat, RUNS_LEFT) && !is_plain(&chat, link));
    let _ = chat.update(Message::SearchToggled, &door());
    let _ = chat.update(Message::SearchTyped("انظر".to_owned()), &door());
    let hits = Arc::new(vec![id("m1")]);
    let _ = chat.update(Message::SearchFound("انظر".to_owned(), Ok(hits)), &door());
    assert!(is_plain(&chat, RUNS_LEFT));
    let _ = chat.update(Message::Touched(id("m1")), &door());
    let mut ui = Ui::new(PORTAL, 1.0, chat.view(scene.cx()));
    assert!(ui.find(iced_test::selector::id("link")).is_some(), "it can be opened there");
}

#[test]
fn other_scripts() {
    let rows = vec![
        theirs(1, "bob", "مرحبا، وصلنا إلى الميناء عند الظهر", 900),
        ours(2, "שלום, נתראה ברציף", 800, MessageState::Read),
        theirs(3, "bob", "今日は", 700),
        ours(4, "مرحبا — שלום — 今日は", 600, MessageState::Delivered),
        theirs(5, "bob", RUNS_LEFT, 500),
    ];
    shows("chat-scripts", &chat(rows));
}

#[test]
fn nothing_yet_a_request_and_an_end() {
    shows("chat-empty", &chat(Vec::new()));
    let mut scene = Scene::calm();
    scene.know(|known| {
        known.roll[0].state = "invited";
        known.roll[0].inviter = "bob".to_owned();
        known.roll[0].greeting =
            "Hello from the field station. Is this still your address?".to_owned();
    });
    shows_in("chat-request", &mut scene, PORTAL, &chat(Vec::new()));
    scene.know(|known| {
        known.roll[0].state = "asking";
        known.roll[0].inviter = String::new();
        known.roll[0].greeting = "It is me, from the boat. Shall we talk?".to_owned();
    });
    let mut held = ours(1, "Hello, it is me.", 100, MessageState::Held);
    held.row.reason = "waits until bob accepts".to_owned();
    shows_in("chat-asking", &mut scene, PORTAL, &chat(vec![held]));
    scene.know(|known| known.roll[0].state = "left");
    shows_in("chat-left", &mut scene, PORTAL, &chat(talk()));
}

#[test]
fn who_asked_is_told_that_the_answer_is_waited_for_also_after_the_relay_took_it() {
    let waits = |pair: bool, unanswered: bool, inviter: &str| {
        let mut scene = Scene::calm();
        scene.know(|known| {
            let row = &mut known.roll[0];
            (row.pair, row.unanswered) = (pair, unanswered);
            (row.state, row.inviter) = ("member", inviter.to_owned());
        });
        let chat = chat(Vec::new());
        let said = scene.words.say("chat-asking");
        Ui::new(PORTAL, 1.0, chat.view(scene.cx())).find(said.as_str()).is_some()
    };
    assert!(waits(true, true, ""));
    assert!(!waits(true, false, ""), "it was answered");
    assert!(!waits(true, true, "bob"), "it was not we who asked");
    assert!(!waits(false, true, ""), "others of a group may be there");
}

#[test]
fn somebody_who_is_not_here_any_more() {
    let mut chat = chat(talk());
    chat.thread.other = Some("declined");
    shows("chat-declined", &chat);
}

#[test]
fn a_muted_conversation_in_the_list_and_open() {
    let mut scene = Scene::calm();
    scene.know(|known| {
        known.roll[2].title = "Crew of the Kestrel and of all her boats".to_owned();
        known.muted = ["c1", "c3"].map(|id| id.parse().unwrap()).into();
    });
    shows_in("chat-muted", &mut scene, PORTAL, &chat(talk()));
    let portal = crate::screen::portal::Portal::default();
    snapshot("portal-muted", PORTAL, 1.0, || portal.view(scene.cx()));
}

#[test]
fn what_cannot_be_asked_for_without_an_agent_cannot_be_pressed_in_a_conversation() {
    let pressed = |scene: &Scene, chat: &Chat, id: &'static str| {
        let mut ui = Ui::new(PORTAL, 1.0, chat.view(scene.cx()));
        ui.click(iced_test::selector::id(id)).unwrap_or_else(|| panic!("there is no {id}"));
        let said = ui.into_messages().into_iter();
        // The bubble takes what its buttons do not.
        said.filter(|said| !matches!(said, Message::Scrolled(_) | Message::Touched(_))).count()
    };
    let who = Member { name: "bob".to_owned(), state: "member" };
    let with_people = |said: &[Said]| {
        let mut chat = chat(talk());
        let _ = chat.update(Message::PeopleToggled, &door());
        let people = chat.people.as_mut().unwrap();
        people.members = Arc::new(vec![who.clone()]);
        for said in said {
            let _ = people.heard("c1", said.clone());
        }
        chat
    };
    let adding = [Said::AddTyped("dee".to_owned()), Said::TitleTyped("Crew".to_owned())];
    let cases = [
        ("invited", true, chat(Vec::new()), &["accept", "decline"][..]),
        ("declined", true, chat(Vec::new()), &["ask-again"]),
        ("member", true, with_people(&[Said::LeavePressed]), &["block", "leave-yes"]),
        ("member", false, with_people(&adding), &["add-go", "title-go"]),
    ];
    for (state, pair, chat, ids) in cases {
        let mut scene = Scene::calm();
        scene.know(|known| (known.roll[0].state, known.roll[0].pair) = (state, pair));
        for id in ids {
            assert_eq!(pressed(&scene, &chat, id), 1, "{id}");
        }
        scene.desk.agent = Agent::Absent(None);
        for id in ids {
            assert_eq!(pressed(&scene, &chat, id), 0, "{id}");
        }
        let mut ui = Ui::new(PORTAL, 1.0, chat.view(scene.cx()));
        assert!(ui.find("agent not running").is_some(), "it says why: {ids:?}");
    }
    // Of one's own messages: what does not go, and the card of one that did.
    let with_card = |is_deleting: bool| {
        let mut chat = chat(vec![ours(4, "mine", 10, MessageState::Delivered)]);
        chat.card = Some(Card { is_deleting, ..Card::new(id("m4")) });
        chat
    };
    let in_state = |state| chat(vec![ours(4, "mine", 10, state)]);
    let cases = [
        (in_state(MessageState::Held), &["release-m4", "rewrite-m4", "cancel-m4"][..]),
        (in_state(MessageState::Refused), &["release-m4", "cancel-m4"]),
        (in_state(MessageState::Expired), &["cancel-m4"]),
        (with_card(false), &["edit", "delete"]),
        (with_card(true), &["delete-yes"]),
    ];
    let (there, mut gone) = (Scene::calm(), Scene::calm());
    gone.desk.agent = Agent::Absent(None);
    for (chat, ids) in cases {
        for id in ids {
            assert_eq!(pressed(&there, &chat, id), 1, "{id}");
            assert_eq!(pressed(&gone, &chat, id), 0, "{id}");
        }
    }
    // What needs nobody goes on.
    for (chat, id) in [(with_card(false), "reply"), (in_state(MessageState::Expired), "again-m4")] {
        assert_eq!(pressed(&gone, &chat, id), 1, "{id}");
    }
    let mut scene = Scene::calm();
    scene.know(|known| {
        (known.roll[0].state, known.roll[0].inviter) = ("invited", "bob".to_owned());
    });
    scene.desk.agent = Agent::Absent(None);
    let chat = chat(Vec::new());
    shows_in("chat-request-no-agent", &mut scene, PORTAL, &chat);
    assert_eq!(pressed(&scene, &chat, "start"), 1);
}

#[test]
fn an_agent_that_went_is_told_of_with_a_way_to_start_one() {
    let mut chat = chat(talk());
    chat.compose.set("See you");
    let mut scene = Scene::calm();
    scene.desk.agent = Agent::Absent(None);
    shows_in("chat-agent-died", &mut scene, PORTAL, &chat);
    shows_in("chat-agent-died-de", &mut scene.in_language("de"), PORTAL, &chat);
    let _ = chat.update(Message::StartPressed, &door());
    let mut scene = Scene::calm();
    scene.desk.agent = Agent::Absent(None);
    let sees = |scene: &Scene, words: &'static str| {
        Ui::new(PORTAL, 1.0, chat.view(scene.cx())).find(words).is_some()
    };
    assert!(sees(&scene, "Starting …"));
    // One that hangs is not started beside itself.
    scene.desk.agent = Agent::Absent(Some(DoorError::Stalled));
    assert!(sees(&scene, "agent does not answer") && !sees(&scene, "Starting …"));
}

#[test]
fn what_could_not_be_sent() {
    let mut scene = Scene::calm();
    scene.desk.agent = Agent::Absent(None);
    let mut chat = chat(talk());
    chat.compose.set("Are you coming?");
    let _ = chat.update(Message::SendPressed, &door());
    let _ = chat.update(Message::Sent(Some(None), Err(DoorError::NoAgent)), &door());
    shows_in("chat-no-agent", &mut scene, PORTAL, &chat);
    let _ = chat.update(Message::SendPressed, &door());
    let _ = chat.update(Message::Sent(Some(None), Err(DoorError::Stalled)), &door());
    shows("chat-unsure", &chat);
}

#[test]
fn what_mailboat_itself_says_stands_in_the_readers_language_in_the_talk_and_in_the_list() {
    let mut said = theirs(7, "", "Not delivered: …", 60);
    let why = "its time was over before it left here".to_owned();
    let (message, text) = ("m6".to_owned(), "Are you there?".to_owned());
    let notice = Notice::NotDelivered { message, text, why };
    (said.row.kind, said.row.notice) = (Kind::Notice, Some(notice.clone()));
    let mut scene = Scene::calm().in_language("de");
    let german =
        "Nicht zugestellt: „Are you there?“: ihre Zeit war um, bevor sie von hier fortging.";
    let chat = chat(vec![said]);
    assert!(Ui::new(PORTAL, 1.0, chat.view(scene.cx())).find(german).is_some());
    scene.know(|known| {
        let last = known.roll[0].last.as_mut().unwrap();
        (last.kind, last.notice) = (Kind::Notice, Some(Box::new(notice)));
        (last.from, last.text) = (String::new(), "Not delivered: …".to_owned());
    });
    scene.width = PORTAL.width;
    let portal = crate::screen::portal::Portal::default();
    assert!(Ui::new(PORTAL, 1.0, portal.view(scene.cx())).find(german).is_some());
}

#[test]
fn a_search_and_its_hits() {
    let mut chat = chat(talk());
    let _ = chat.update(Message::SearchToggled, &door());
    let _ = chat.update(Message::SearchTyped("the p".to_owned()), &door());
    let _ = chat.update(Message::SearchStepped(true), &door());
    let hits = Arc::new(vec![id("m3"), id("m8")]);
    let _ = chat.update(Message::SearchFound("the p".to_owned(), Ok(hits)), &door());
    shows("chat-search", &chat);
}

#[test]
fn a_request_that_the_relay_refused_says_why_and_what_it_said() {
    let mut chat = chat(Vec::new());
    chat.thread.refused = Some(agent::store::RefusedRequest {
        greeting: "Hello from the boat".to_owned(),
        reason: "Nobody here is called bob.".to_owned(),
    });
    let mut scene = Scene::calm();
    scene.know(|known| known.roll[0].state = "refused");
    shows_in("chat-request-refused", &mut scene, PORTAL, &chat);
}
