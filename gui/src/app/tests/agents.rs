//! What a person sees of an agent that stalls, dies, is another program or a later one; and that the window goes on.

use agent::control::Order;
use iced::futures::StreamExt;

use super::*;
use crate::{
    door::tests::{False, HELLO},
    kit::{PORTAL, Ui, snapshot},
    screen::portal::{Message as Said, Wanted, link},
};

/// A window before this agent, with Ann's conversations.
fn before(agent: &False) -> App {
    let start = Start::default();
    let words = Words::of("en", TimeZone::UTC);
    let mut app = App::new(agent.door(), words, Look::default(), || NOW, &start).0;
    read(&mut app, known());
    app
}

fn hear(app: &mut App, news: News) {
    let _ = app.update(Message::Desk(desk::Message::Heard(news)));
}

fn sees(app: &App, words: &str) -> bool {
    Ui::new(PORTAL, 1.0, app.place(Place::Portal, PORTAL.width)).find(words).is_some()
}

/// It still does what needs no agent: searches, opens a conversation, and comes back.
fn goes_on(app: &mut App) {
    let _ = app.update(Message::Portal(Said::Filtered("bob".to_owned())));
    let _ = app.update(Message::Portal(Said::FirstChosen));
    assert_eq!(app.beside, Some("c1".parse().unwrap()));
    let window = *app.windows.keys().next().unwrap();
    let _ = app.update(Message::Key(window, Key::Escape));
    let _ = app.update(Message::Portal(Said::Filtered(String::new())));
    assert_eq!(app.beside, None);
    assert!(sees(app, "bob") && sees(app, "ella"));
}

#[tokio::test(start_paused = true)]
async fn one_that_says_nothing_or_something_else_is_told_with_what_can_be_done() {
    for (lines, key, picture) in [
        (&[None][..], "error-stalled", None),
        (&[Some("SSH-2.0-OpenSSH_9.2\n")], "failure-not-an-agent", Some("portal-agent-other")),
        (&[Some("\u{1}\u{fffd}[]\n")], "failure-not-an-agent", None),
        (
            &[Some("{\"event\":\"hello\",\"v\":9,\"pid\":7}\n")],
            "failure-unsupported-version",
            Some("portal-agent-newer"),
        ),
    ] {
        let agent = False::saying(lines);
        let mut app = before(&agent);
        hear(&mut app, agent.news().await);
        for words in ["portal-agent-odd", key, "portal-again"].map(|key| app.words.say(key)) {
            assert!(sees(&app, &words), "{words} of {lines:?}");
        }
        if let Some(name) = picture {
            snapshot(name, PORTAL, 1.0, || app.place(Place::Portal, PORTAL.width));
        }
        goes_on(&mut app);
        let looks = app.looks;
        let _ = app.update(Message::Portal(Said::AgainPressed));
        assert_eq!(app.looks, looks + 1, "it is looked for anew");
    }
}

/// An agent that has told that it runs, and what comes of a call that it is asked for.
async fn after_a_call(lines: &'static [Option<&'static str>]) -> App {
    let agent = False::saying(lines);
    let mut app = before(&agent);
    hear(&mut app, News::There);
    hear(&mut app, News::Doing(Box::new(Scene::waiting().desk.does().unwrap().clone())));
    assert_eq!(app.update(Message::Portal(Said::Link(link::Message::CallPressed))).units(), 1);
    assert!(!app.portal.can_call(&app.desk), "one is under way");
    let order = Order::Sync { budget: None, only: None, pick: Vec::new() };
    let answer = agent.door().ask(order).await;
    let _ = app.update(Message::Portal(Said::Answered(Wanted::Call, answer)));
    app
}

#[tokio::test]
async fn one_that_dies_while_it_is_asked_may_have_done_it_and_can_be_asked_again() {
    for (answer, key, picture) in [
        ("{\"v\":1,\"id\":1,\"o", "error-lost", Some("portal-agent-died")),
        ("\u{fffd}\u{0}garbage\n", "error-lost", None),
        ("{\"event\":\"bye\"}\n", "error-no-agent", None),
        (
            "{\"id\":1,\"error\":{\"words\":\"x\",\"code\":\"busy\",\"exit\":75}}\n",
            "failure-busy",
            None,
        ),
    ] {
        let lines: &'static [Option<&str>] = Box::leak(Box::new([HELLO, Some(answer)]));
        let mut app = after_a_call(lines).await;
        let words = app.words.say(key);
        assert!(sees(&app, &words), "{words} of {answer}");
        if let Some(name) = picture {
            snapshot(name, PORTAL, 1.0, || app.place(Place::Portal, PORTAL.width));
        }
        assert!(app.portal.can_call(&app.desk));
        goes_on(&mut app);
    }
}

#[tokio::test]
async fn a_code_of_a_later_agent_is_told_in_its_own_words() {
    let answer =
        "{\"id\":1,\"error\":{\"words\":\"The tide is out.\",\"code\":\"tide\",\"exit\":75}}\n";
    let lines: &'static [Option<&str>] = Box::leak(Box::new([HELLO, Some(answer)]));
    assert!(sees(&after_a_call(lines).await, "The tide is out."));
}

#[tokio::test(start_paused = true)]
async fn one_that_stalls_with_an_order_is_given_up_and_the_window_goes_on_meanwhile() {
    let agent = False::saying(&[HELLO, None]);
    let mut app = before(&agent);
    hear(&mut app, News::There);
    let asked = tokio::spawn(agent.door().ask(Order::Stop));
    goes_on(&mut app);
    let answer = asked.await.unwrap();
    let _ = app.update(Message::Portal(Said::Answered(Wanted::Stop, answer)));
    hear(&mut app, News::Doing(Box::default()));
    assert!(sees(&app, &app.words.say("error-stalled")));
}

#[tokio::test]
async fn what_a_later_agent_tells_beside_what_is_known_is_passed_over() {
    // Both connections hear the same: the one who watches takes what it knows of it, and so does the one who follows.
    let told = "{\"id\":1,\"ok\":null,\"later\":1}\n{\"event\":\"tide\",\"height\":3}\n\
        {\"event\":\"agent\",\"whole\":true,\"link\":{\"state\":\"live\",\"colour\":\"red\"},\"tide\":{}}\n";
    let lines: &'static [Option<&str>] = Box::leak(Box::new([HELLO, Some(told), None]));
    let agent = False::saying(lines);
    let mut app = before(&agent);
    let mut news = Box::pin(agent.all_news());
    while app.desk.does().is_none() {
        hear(&mut app, news.next().await.unwrap());
    }
    assert_eq!(app.desk.does().unwrap().link.state, "live");
    assert!(sees(&app, &app.words.say("portal-state-live")));
    goes_on(&mut app);
}
