//! What the agent is asked, and what its answers do.

use agent::{control::Order, store::Receipts};
use config::agent::{MinPriority, Source};

use super::{
    super::people::Said,
    live::many,
    moves::{paste, runs},
    *,
};

/// One's own message in this state, the last of four.
fn with_own(state: MessageState) -> Chat {
    let mut rows = many(1, 3);
    rows.push(ours(4, "mine", 10, state));
    chat(rows)
}

/// What the agent is asked when this happens, after what was asked before.
fn asks(chat: &mut Chat, message: Message) -> Vec<Order> {
    let door = door();
    let _ = chat.update(message, &door);
    door.asked()
}

fn target() -> String {
    "m4".to_owned()
}

#[test]
fn what_does_not_go_is_let_go_dropped_or_written_again() {
    let mut chat = with_own(MessageState::Held);
    let release = asks(&mut chat, Message::ReleasePressed(id("m4")));
    assert_eq!(release, [Order::Release { target: target() }]);
    let cancel = asks(&mut chat, Message::CancelPressed(id("m4")));
    assert_eq!(cancel, [Order::Cancel { target: target() }]);
    let refused = Message::Ordered(Err(DoorError::NoAgent));
    let _ = chat.update(refused, &door());
    assert_eq!(chat.error, Some(DoorError::NoAgent), "below the messages");
    let _ = chat.update(Message::Touched(id("m4")), &door());
    let _ = chat.update(Message::Ordered(Err(DoorError::Stalled)), &door());
    assert_eq!(chat.card.as_ref().unwrap().error, Some(DoorError::Stalled), "where it was asked");
    let _ = chat.update(Message::Ordered(Ok(())), &door());
    assert!(chat.card.is_none() && chat.error.is_none());

    let mut chat = with_own(MessageState::Expired);
    let again = chat.update(Message::AgainPressed(id("m4")), &door());
    assert!(matches!(again[..], [Action::Focus("draft"), Action::Drafted]));
    assert_eq!(chat.compose.text(), "mine");
    // What is being written is not lost to it.
    let _ = chat.update(paste(" and more"), &door());
    let _ = chat.update(Message::AgainPressed(id("m4")), &door());
    assert_eq!(chat.compose.text(), "mine and more");
}

#[test]
fn a_message_is_deleted_when_that_was_asked_twice() {
    let mut chat = with_own(MessageState::Delivered);
    let nothing: [Order; 0] = [];
    assert_eq!(asks(&mut chat, Message::DeletePressed(id("m4"))), nothing);
    assert!(chat.card.as_ref().is_some_and(|card| card.is_deleting));
    let delete = asks(&mut chat, Message::DeleteConfirmed(id("m4")));
    assert_eq!(delete, [Order::Delete { target: target() }]);
    assert_eq!(asks(&mut chat, Message::DeletePressed(id("m1"))), nothing);
    assert!(chat.card.as_ref().is_none_or(|card| card.id == id("m4")), "it is somebody else's");
    let _ = chat.update(Message::Touched(id("m4")), &door());
    assert!(chat.card.as_ref().is_some_and(|card| !card.is_deleting), "it was kept");
}

#[test]
fn a_card_says_who_has_the_message_and_copies_it() {
    let mut chat = with_own(MessageState::Delivered);
    assert_eq!(runs(&chat.update(Message::Touched(id("m4")), &door())), 1, "receipts are read");
    let receipts = Receipts {
        of: 2,
        delivered: 1,
        delivered_to: vec!["bob".to_owned()],
        read: 0,
        read_by: Vec::new(),
    };
    let other = Message::ReceiptsRead(id("m3"), Ok(Arc::new(receipts.clone())));
    let _ = chat.update(other, &door());
    assert!(chat.card.as_ref().unwrap().receipts.is_none(), "of a card that was closed");
    let read = Message::ReceiptsRead(id("m4"), Ok(Arc::new(receipts.clone())));
    let _ = chat.update(read, &door());
    assert_eq!(chat.card.as_ref().unwrap().receipts.as_deref(), Some(&receipts));
    let failed = Message::ReceiptsRead(id("m4"), Err(DoorError::Store("the disk".to_owned())));
    let _ = chat.update(failed, &door());
    assert!(chat.card.as_ref().unwrap().error.is_some());
    assert_eq!(runs(&chat.update(Message::CopyPressed(id("m4")), &door())), 1);
    assert!(chat.card.is_none(), "it is done");
    let _ = chat.update(Message::Touched(id("m1")), &door());
    assert_eq!(runs(&chat.update(Message::Touched(id("m1")), &door())), 0);
    assert!(chat.card.is_none(), "a second press closes it");
}

#[test]
fn a_message_goes_as_it_was_set_to() {
    let mut chat = with_own(MessageState::Delivered);
    let send = |text: &str, urgent, reply_to: Option<&str>| Order::Send {
        to: vec!["c1".to_owned()],
        text: text.to_owned(),
        urgent,
        reply_to: reply_to.map(str::to_owned),
        lifetime_s: None,
    };
    let _ = chat.update(paste(" now \n"), &door());
    let _ = chat.update(Message::UrgentToggled, &door());
    assert_eq!(asks(&mut chat, Message::SendPressed), [send("now", true, None)]);
    let _ = chat.update(Message::Sent(Some(None), Ok(())), &door());
    assert!(!chat.compose.is_urgent, "one message is");
    let _ = chat.update(Message::UrgentToggled, &door());
    let _ = chat.update(Message::UrgentToggled, &door());
    let _ = chat.update(Message::ReplyPressed(id("m2")), &door());
    let _ = chat.update(paste("yes"), &door());
    assert_eq!(asks(&mut chat, Message::SendPressed), [send("yes", false, Some("m2"))]);
    let _ = chat.update(Message::Sent(Some(None), Ok(())), &door());

    let _ = chat.update(Message::EditPressed(id("m4")), &door());
    let _ = chat.update(paste(" indeed"), &door());
    let edit = Order::Edit { target: target(), text: "mine indeed".to_owned() };
    assert_eq!(asks(&mut chat, Message::SendPressed), [edit]);
    // While the agent answers nothing of it is put away.
    let _ = chat.update(Message::ModeDropped, &door());
    assert_eq!(chat.compose.text(), "mine indeed");
    let _ = chat.update(Message::Sent(Some(None), Ok(())), &door());
    let _ = chat.update(Message::EditPressed(id("m4")), &door());
    let _ = chat.update(Message::ModeDropped, &door());
    assert_eq!((chat.compose.text(), &chat.compose.mode), (String::new(), &Mode::New));

    let mut chat = with_own(MessageState::Queued);
    let _ = chat.update(Message::UpPressed, &door());
    let rewrite = Order::Rewrite { target: target(), text: "mine".to_owned() };
    assert_eq!(asks(&mut chat, Message::SendPressed), [rewrite], "it has not left");
}

#[test]
fn what_may_have_been_taken_is_sent_anyway_only_when_that_is_said() {
    let (door, mut chat) = (door(), chat(many(1, 3)));
    let _ = chat.update(paste("hello"), &door);
    let _ = chat.update(Message::SendPressed, &door);
    let _ = chat.update(Message::Sent(Some(None), Err(DoorError::Stalled)), &door);
    door.asked();
    assert_eq!(runs(&chat.update(Message::LookPressed, &door)), 1);
    assert!(door.asked().is_empty(), "looking sends nothing");
    let _ = chat.update(Message::Looked(Ok(false)), &door);
    let _ = chat.update(Message::SendPressed, &door);
    assert!(door.asked().is_empty());
    let _ = chat.update(Message::AnywayPressed, &door);
    assert!(matches!(&door.asked()[..], [Order::Send { text, .. }] if text == "hello"));
}

#[test]
fn a_request_is_answered_once_and_what_failed_is_said() {
    let mut chat = chat(Vec::new());
    let accept = Order::Accept { target: "c1".to_owned() };
    assert_eq!(asks(&mut chat, Message::AcceptPressed), [accept]);
    assert!(asks(&mut chat, Message::DeclinePressed).is_empty(), "it is being answered");
    let _ = chat.update(Message::Answered(Err(DoorError::NoAgent)), &door());
    assert_eq!(chat.error, Some(DoorError::NoAgent));
    let decline = Order::Decline { target: "c1".to_owned() };
    assert_eq!(asks(&mut chat, Message::DeclinePressed), [decline]);
    let _ = chat.update(Message::Answered(Ok(())), &door());
    assert_eq!(chat.error, None);
    let again = Order::AskAgain { target: "c1".to_owned() };
    assert_eq!(asks(&mut chat, Message::AskAgainPressed), [again]);
}

#[test]
fn an_agent_is_started_once_and_gets_what_could_not_be_sent() {
    let (door, mut chat) = (door(), chat(many(1, 3)));
    let _ = chat.update(paste("hello"), &door);
    let _ = chat.update(Message::SendPressed, &door);
    let _ = chat.update(Message::Sent(Some(None), Err(DoorError::NoAgent)), &door);
    door.asked();
    assert_eq!(runs(&chat.update(Message::StartPressed, &door)), 1);
    assert_eq!(runs(&chat.update(Message::StartPressed, &door)), 0, "it starts");
    let words = "no program is known".to_owned();
    let why = DoorError::Refused { code: "no_program".to_owned(), words };
    let _ = chat.update(Message::Started(Err(why.clone())), &door);
    assert_eq!(chat.error, Some(why));
    assert_eq!((chat.compose.text().as_str(), door.asked().len()), ("hello", 0));
    let _ = chat.update(Message::StartPressed, &door);
    let _ = chat.update(Message::Started(Ok(())), &door);
    assert!(matches!(&door.asked()[..], [Order::Send { text, .. }] if text == "hello"));
}

#[test]
fn a_link_is_opened_only_after_it_was_shown_where_it_leads() {
    let mut chat = chat(many(1, 3));
    let link = "https://kestrel.example/log".to_owned();
    let pressed = chat.update(Message::LinkPressed(link.clone()), &door());
    assert!(matches!(pressed[..], [Action::Focus("link-open")]), "nothing is opened yet");
    assert_eq!(chat.link.as_ref(), Some(&link));
    assert_eq!(runs(&chat.update(Message::LinkDropped, &door())), 0);
    assert_eq!(runs(&chat.update(Message::LinkOpened, &door())), 0, "it was put away");
    let _ = chat.update(Message::LinkPressed(link.clone()), &door());
    assert_eq!(runs(&chat.update(Message::LinkCopied, &door())), 1);
    let _ = chat.update(Message::LinkPressed(link), &door());
    assert_eq!(runs(&chat.update(Message::LinkOpened, &door())), 1);
    assert_eq!(chat.link, None);
    let _ = chat.update(Message::LinkTried(Err("no browser".to_owned())), &door());
    assert!(chat.error.is_some());
    for odd in ["javascript:alert(1)", "file:///etc/passwd", "https://"] {
        let _ = chat.update(Message::LinkPressed(odd.to_owned()), &door());
        assert_eq!(chat.link, None, "{odd}");
    }
}

#[test]
fn a_search_goes_to_the_newest_hit_and_from_hit_to_hit() {
    let (door, mut chat) = (door(), chat(many(1, 30)));
    let open = chat.update(Message::SearchToggled, &door);
    assert!(matches!(open[..], [Action::Focus("find-words")]));
    let _ = chat.update(Message::SearchTyped("line".to_owned()), &door);
    assert_eq!(runs(&chat.update(Message::SearchStepped(true), &door)), 1, "the store is asked");
    let hits = |ids: &[&str]| Ok(Arc::new(ids.iter().map(|it| id(it)).collect()));
    let late = Message::SearchFound("rope".to_owned(), hits(&["m1"]));
    let _ = chat.update(late, &door);
    assert_eq!(chat.cursor, None, "what was asked before");
    let found = Message::SearchFound("line".to_owned(), hits(&["m2", "m9", "m700"]));
    assert_eq!(runs(&chat.update(found, &door)), 1, "what is not here is read");
    assert_eq!(chat.reading, Some(Part::Around(id("m700"))));
    let _ = chat.update(Message::SearchStepped(true), &door);
    assert_eq!((chat.cursor, chat.aim.1), (Some(id("m9")), Aim::Row(id("m9"))));
    let failed = Message::SearchFound("x".to_owned(), Err(DoorError::NoStore));
    let _ = chat.update(failed, &door);
    assert_eq!(chat.error, Some(DoorError::NoStore));
    let close = chat.update(Message::SearchToggled, &door);
    assert!(matches!(close[..], [Action::Focus("draft")]) && chat.search.is_none());
}

#[test]
fn a_quote_leads_to_what_it_answers_and_a_long_text_unfolds() {
    let (door, mut chat) = (door(), chat(many(100, 30)));
    assert_eq!(runs(&chat.update(Message::QuotePressed(id("m105")), &door)), 0);
    assert_eq!(chat.aim.1, Aim::Row(id("m105")));
    assert_eq!(runs(&chat.update(Message::QuotePressed(id("m3")), &door)), 1);
    assert_eq!(chat.reading, Some(Part::Around(id("m3"))));
    let _ = chat.update(Message::Unfolded(id("m105")), &door);
    assert!(chat.unfolded.contains(&id("m105")));
}

#[test]
fn what_the_agent_plans_is_taken_in_once() {
    let (door, mut chat) = (door(), chat(many(1, 3)));
    let plans = Arc::new(serde_json::json!({ "next": "18:30" }));
    assert_eq!(runs(&chat.update(Message::Planned(Ok(Arc::clone(&plans))), &door)), 1);
    assert!(matches!(chat.reading, Some(Part::Anew { .. })), "what waits has other prospects");
    assert_eq!(runs(&chat.update(Message::Planned(Ok(plans)), &door)), 0);
    assert_eq!(runs(&chat.update(Message::Planned(Err(DoorError::NoAgent)), &door)), 0);
}

#[test]
fn the_people_are_read_when_they_are_looked_at_and_changed_through_the_agent() {
    let (door, mut chat) = (door(), chat(many(1, 3)));
    let say = |chat: &mut Chat, said: Said| asks(chat, Message::People(said));
    assert_eq!(runs(&chat.update(Message::PeopleToggled, &door)), 1);
    let member = agent::store::Member { name: "bob".to_owned(), state: "member" };
    let _ = chat.update(Message::MembersRead(Ok(Arc::new(vec![member]))), &door);
    assert_eq!(chat.people.as_ref().unwrap().members.len(), 1);
    let error = |chat: &Chat| chat.people.as_ref().unwrap().error.clone();
    let _ = chat.update(Message::MembersRead(Err(DoorError::NoStore)), &door);
    assert_eq!(error(&chat), Some(DoorError::NoStore));

    let conversation = || "c1".to_owned();
    assert!(say(&mut chat, Said::AddTyped("dee".to_owned())).is_empty());
    let add = Order::Add {
        conversation: conversation(),
        names: vec!["dee".to_owned()],
        greeting: String::new(),
    };
    assert_eq!(say(&mut chat, Said::AddPressed), [add]);
    let _ = chat.update(Message::PeopleAnswered(Ok(())), &door);
    let _ = say(&mut chat, Said::TitleTyped(" The crew ".to_owned()));
    let rename = Order::Rename { conversation: conversation(), title: "The crew".to_owned() };
    assert_eq!(say(&mut chat, Said::RenamePressed), [rename]);
    let _ = chat.update(Message::PeopleAnswered(Err(DoorError::NoAgent)), &door);
    assert_eq!(error(&chat), Some(DoorError::NoAgent));
    assert_eq!(chat.people.as_ref().unwrap().title, " The crew ", "it can be tried again");
    for on in [true, false] {
        let block = Order::Block { name: "bob".to_owned(), on };
        assert_eq!(say(&mut chat, Said::BlockPressed("bob".to_owned(), on)), [block]);
        let _ = chat.update(Message::PeopleAnswered(Ok(())), &door);
    }
    assert!(say(&mut chat, Said::LeavePressed).is_empty());
    assert!(say(&mut chat, Said::LeaveDropped).is_empty());
    assert!(!chat.people.as_ref().unwrap().is_leaving);
    let _ = say(&mut chat, Said::LeavePressed);
    let leave = Order::Leave { conversation: conversation() };
    assert_eq!(say(&mut chat, Said::LeaveConfirmed), [leave]);
}

#[test]
fn muting_changes_the_settings_and_is_known_everywhere() {
    let (door, mut chat) = (door(), chat(many(1, 3)));
    let _ = chat.update(Message::PeopleToggled, &door);
    let mute = |chat: &mut Chat, on| chat.update(Message::People(Said::MutePressed(on)), &door);
    assert_eq!(runs(&mute(&mut chat, true)), 0, "what is not known is not changed");
    let _ = chat.update(Message::SettingsRead(Ok(Arc::default())), &door);
    assert_eq!(chat.people.as_ref().unwrap().is_muted, Some(false));
    assert_eq!(runs(&mute(&mut chat, true)), 1);
    assert_eq!(runs(&mute(&mut chat, true)), 0, "it is being changed");
    let mut muted = AgentSettings::default();
    let never = Source {
        conversation: "c1".to_owned(),
        min_priority: MinPriority::Never,
        ..Source::default()
    };
    muted.notify.source.push(never);
    let told = chat.update(Message::SettingsRead(Ok(Arc::new(muted))), &door);
    assert!(matches!(told[..], [Action::Settled]));
    assert_eq!(chat.people.as_ref().unwrap().is_muted, Some(true));
    let _ = chat.update(Message::SettingsRead(Err(DoorError::Store("the disk".to_owned()))), &door);
    assert!(chat.people.as_ref().unwrap().error.is_some());
}

#[test]
fn the_ways_out_of_a_conversation() {
    let mut chat = chat(many(1, 3));
    assert!(matches!(chat.update(Message::BackPressed, &door())[..], [Action::Back]));
    let _ = chat.update(Message::PeopleToggled, &door());
    let detach = chat.update(Message::People(Said::DetachPressed), &door());
    assert!(matches!(detach[..], [Action::Detach]) && chat.people.is_none());
    let _ = chat.update(Message::SearchToggled, &door());
    let escape = chat.update(Message::EscapePressed, &door());
    assert!(matches!(escape[..], [Action::Drafted]) && chat.search.is_none());
    assert!(!chat.escape(), "there is nothing else to close");
    let escape = chat.update(Message::EscapePressed, &door());
    assert!(matches!(escape[..], [Action::Escaped]), "so it leads back");
}
