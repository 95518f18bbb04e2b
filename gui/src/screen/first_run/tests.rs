//! Every message, every step, every place where something can be wrong.

use std::sync::Arc;

use config::{AgentPaths, AgentSettings, agent::Rule, edit::Change, paths::Env};
use iced::{Size, keyboard::key::Named};

use super::{next::new_rules, *};
use crate::kit::{PORTAL, Ui, focus_next, scene::Scene, snapshot};

fn door() -> Door {
    let nowhere = std::path::Path::new("/nonexistent/mailboat");
    Door::new(AgentPaths::new(Some(nowhere), &Env::default()).unwrap())
}

fn refused(code: &str) -> DoorError {
    DoorError::Refused { code: code.to_owned(), words: format!("the words of {code}") }
}

/// One that is filled in as an invitation says.
fn filled() -> FirstRun {
    let mut run = FirstRun::new();
    for message in [
        Message::RelayTyped("relay.example".to_owned()),
        Message::CodeTyped("A7KD-20QX".to_owned()),
        Message::NameTyped("ann".to_owned()),
        Message::PasswordTyped(Secret::new("secret")),
        Message::AgainTyped(Secret::new("secret")),
    ] {
        let action = run.update(message, &door());
        assert!(matches!(action, Action::None));
    }
    run
}

fn failed(code: &str) -> FirstRun {
    let mut run = filled();
    assert!(matches!(run.update(Message::EnterPressed, &door()), Action::Run(_)));
    let ended = Admission::Ended(Err(refused(code)));
    let _ = run.update(Message::Admission(ended), &door());
    run
}

/// At the second step.
fn entered() -> FirstRun {
    let mut run = filled();
    let _ = run.update(Message::EnterPressed, &door());
    let entered = Entered {
        account: "ann@relay.example".to_owned(),
        name: "ann".to_owned(),
        relay: "https://relay.example".to_owned(),
        device: 1,
    };
    let _ = run.update(Message::Admission(Admission::Ended(Ok(entered))), &door());
    run
}

fn at_who() -> FirstRun {
    let mut run = entered();
    assert!(matches!(run.update(Message::PlanPressed, &door()), Action::Run(_)));
    assert!(matches!(run.step, Step::Starting));
    let saved = Saved { settings: Arc::default(), not_taken: None };
    assert!(matches!(run.update(Message::Planned(Ok(saved)), &door()), Action::Run(_)));
    assert!(matches!(run.update(Message::Started(Ok(())), &door()), Action::None));
    run
}

fn shows(run: &FirstRun, words: &str) -> bool {
    let scene = Scene::calm();
    let mut ui = Ui::new(Size::new(400.0, 1200.0), 1.0, run.view(scene.cx()));
    ui.find(words).is_some()
}

#[test]
fn nothing_is_asked_before_all_is_there_and_the_relay_is_asked_once() {
    let mut run = FirstRun::new();
    assert!(matches!(run.update(Message::EnterPressed, &door()), Action::None));
    let mut run2 = filled();
    let _ = run2.update(Message::AgainTyped(Secret::new("secre")), &door());
    assert!(matches!(run2.update(Message::EnterPressed, &door()), Action::None), "they differ");
    let _ = run2.update(Message::ByChosen(By::Login), &door());
    assert!(run2.can_enter(), "a login asks for it once, and for no code");
    assert!(matches!(run2.update(Message::EnterPressed, &door()), Action::Run(_)));
    assert!(matches!(run2.step, Step::Calling { .. }));
    let _ = run.update(Message::ProxyPressed, &door());
    assert!(run.has_proxy_field);
}

const KEY: &str = "abcd-efgh-2345-ijkl-mnop-qrst-uvwx-yz67";

#[test]
fn the_relays_own_key_is_asked_for_where_it_may_help_and_has_to_be_whole() {
    for (code, asks) in [
        ("certificate_untrusted", true),
        ("tls_incompatible", true),
        ("relay_key_changed", true),
        ("relay_key_missing", true),
        ("unreachable", false),
    ] {
        assert_eq!(shows(&failed(code), "Key of the relay"), asks, "{code}");
    }
    let mut run = failed("certificate_untrusted");
    let _ = run.update(Message::KeyTyped("abcd-efgh".to_owned()), &door());
    assert!(shows(&run, "This is not a whole key: eight groups of four letters and digits."));
    assert!(matches!(run.update(Message::EnterPressed, &door()), Action::None));
    let _ = run.update(Message::KeyTyped(format!(" {} ", KEY.to_uppercase())), &door());
    assert_eq!(run.key(), Ok(Some(KEY.parse().unwrap())));
    assert!(matches!(run.update(Message::EnterPressed, &door()), Action::Run(_)));
}

#[test]
fn each_call_is_told_and_can_be_cancelled_and_late_words_are_not_heard() {
    let mut run = filled();
    let _ = run.update(Message::EnterPressed, &door());
    let begun = |attempt| Admission::Calling(Attempt { attempt, of: 4, because: None });
    let _ = run.update(Message::Admission(begun(1)), &door());
    assert!(shows(&run, "Calling the relay …"));
    let _ = run.update(Message::Admission(begun(3)), &door());
    assert!(shows(&run, "No answer yet; calling again (3 of 4) …"));
    let _ = run.update(Message::CancelPressed, &door());
    let _ = run.update(Message::Admission(Admission::Ended(Err(refused("name_taken")))), &door());
    assert!(matches!(run.step, Step::Account) && run.error.is_none());
}

#[test]
fn what_went_wrong_is_told_where_the_eye_is_and_a_missing_way_asks_for_a_proxy() {
    let scene = Scene::calm();
    for (code, key, asks) in [
        ("name_not_found", "enter-name-not-found", true),
        ("unreachable", "enter-unreachable", true),
        ("proxy_unreachable", "enter-proxy-unreachable", true),
        ("certificate_untrusted", "enter-untrusted", false),
        ("bad_invite", "enter-bad-invite", false),
        ("name_taken", "enter-name-taken", false),
        ("bad_password", "enter-bad-password", false),
        ("rate_limited", "enter-later", false),
    ] {
        let run = failed(code);
        assert_eq!(run.has_proxy_field, asks, "{code}");
        assert!(shows(&run, &scene.words.say(key)), "{code}");
    }
    assert!(shows(&failed("other_account"), &scene.words.say("failure-other-account")));
    assert!(shows(&failed("too_blue"), "the words of too_blue"), "of a later program");
}

#[test]
fn a_proxy_may_be_written_as_people_write_it() {
    let mut run = failed("unreachable");
    for (typed, url) in [
        ("", None),
        ("proxy.example:3128", Some("http://proxy.example:3128")),
        ("socks5://10.0.0.1", Some("socks5://10.0.0.1:1080")),
        ("none", Some("none")),
    ] {
        let _ = run.update(Message::ProxyTyped(typed.to_owned()), &door());
        let choice = run.proxy_choice().unwrap().map(|choice| choice.to_string());
        assert_eq!(choice.as_deref(), url, "{typed}");
    }
    let _ = run.update(Message::ProxyTyped("ftp://x".to_owned()), &door());
    assert!(matches!(run.update(Message::EnterPressed, &door()), Action::None));
    assert!(shows(&run, &Scene::calm().words.say("proxy-bad")));
}

#[test]
fn a_plan_becomes_rules_that_the_file_does_not_have_yet() {
    let mut run = entered();
    assert!(run.password.expose().is_empty(), "nobody keeps it");
    assert_eq!(run.rules().unwrap(), [Rule::live()]);
    let _ = run.update(Message::ThriftPressed, &door());
    let _ = run.update(Message::PlanChosen(Plan::Every(60)), &door());
    let rules = run.rules().unwrap();
    assert_eq!(
        (rules[0].every, rules[0].links[0].as_str()),
        (Some(Span::from_minutes(60)), "unmetered")
    );
    let _ = run.update(Message::PlanChosen(Plan::Times), &door());
    let _ = run.update(Message::TimesTyped("8:00, 18:30".to_owned()), &door());
    let _ = run.update(Message::DaysChosen(Days::Working), &door());
    let rules = run.rules().unwrap();
    assert_eq!(rules.len(), 2);
    let known = AgentSettings { connect: vec![rules[0].clone()], ..AgentSettings::default() };
    let second = Change::AddRule(rules[1].clone());
    assert_eq!(new_rules(&Arc::new(known), rules), [second]);
    let _ = run.update(Message::TimesTyped("noon".to_owned()), &door());
    assert!(matches!(run.update(Message::PlanPressed, &door()), Action::None));
    let _ = run.update(Message::PlanChosen(Plan::Never), &door());
    assert_eq!(run.rules().unwrap(), []);
}

#[test]
fn a_failed_step_stays_where_it_is_with_its_words() {
    for message in
        [Message::Planned(Err(refused("unwritable"))), Message::Started(Err(refused("unwritable")))]
    {
        let mut run = entered();
        let _ = run.update(Message::PlanPressed, &door());
        assert!(matches!(run.update(message, &door()), Action::None));
        assert!(matches!(run.step, Step::Timetable));
        assert!(shows(&run, "the words of unwritable"));
    }
    let mut run = at_who();
    let _ = run.update(Message::Asked(Err(refused("bad_name"))), &door());
    assert!(shows(&run, "the words of bad_name"));
}

#[test]
fn it_ends_with_a_conversation_or_without() {
    let mut run = at_who();
    assert!(matches!(run.update(Message::AskPressed, &door()), Action::None), "whom?");
    let _ = run.update(Message::WhomTyped("Ben".to_owned()), &door());
    let _ = run.update(Message::GreetingTyped("hello".to_owned()), &door());
    assert!(matches!(run.update(Message::AskPressed, &door()), Action::Run(_)));
    assert!(matches!(run.step, Step::Who { is_asking: true }));
    let id: ConversationId = "c1".parse().unwrap();
    let ended = run.update(Message::Asked(Ok(Some(id))), &door());
    assert!(matches!(ended, Action::Done(Some(found)) if found == id));
    assert!(matches!(at_who().update(Message::SkipPressed, &door()), Action::Done(None)));
}

#[test]
fn what_went_wrong_gets_the_keyboard() {
    assert_eq!(FirstRun::new().first_field(), Some("relay"));
    for (code, field) in [
        ("name_not_found", "relay"),
        ("bad_proxy", "proxy"),
        ("certificate_untrusted", "ca"),
        ("relay_key_changed", "key"),
        ("bad_invite", "code"),
        ("name_taken", "name"),
        ("wrong_login", "password"),
        ("busy", "relay"),
    ] {
        let (scene, run) = (Scene::calm(), failed(code));
        assert_eq!(run.first_field(), Some(field), "{code}");
        let mut ui = Ui::new(Size::new(360.0, 1100.0), 1.0, run.view(scene.cx()));
        assert!(ui.find(iced_test::selector::id(field)).is_some(), "{code}: there is no {field}");
    }
}

#[test]
fn the_whole_form_is_filled_in_by_keyboard() {
    let (scene, run) = (Scene::calm(), FirstRun::new());
    let mut ui = Ui::new(PORTAL, 1.0, run.view(scene.cx()));
    for typed in ["", "", "r", "c", "n", "q", "q"] {
        focus_next(&mut ui);
        ui.typewrite(typed);
    }
    ui.tap_key(Named::Enter);
    let said: Vec<_> = ui.into_messages().iter().map(|message| format!("{message:?}")).collect();
    let [relay, code, name, password, again, enter] = &said[..] else { panic!("{said:?}") };
    assert_eq!((relay.as_str(), code.as_str()), ("RelayTyped(\"r\")", "CodeTyped(\"c\")"));
    assert_eq!((name.as_str(), enter.as_str()), ("NameTyped(\"n\")", "EnterPressed"));
    assert!(password.starts_with("PasswordTyped") && !password.contains('q'), "{password}");
    assert!(again.starts_with("AgainTyped"));
}

#[test]
fn it_looks_as_it_did() {
    let scene = Scene::calm();
    let tall = Size::new(360.0, 760.0);
    let empty = FirstRun::new();
    snapshot("first-run-account", tall, 1.0, || empty.view(scene.cx()));
    let unreachable = failed("name_not_found");
    snapshot("first-run-unreachable", Size::new(360.0, 900.0), 1.0, || {
        unreachable.view(scene.cx())
    });
    let untrusted = {
        let mut run = failed("certificate_untrusted");
        let _ = run.update(Message::CaTyped("/home/ann/relay.pem".to_owned()), &door());
        run
    };
    snapshot("first-run-untrusted", Size::new(360.0, 1100.0), 1.0, || untrusted.view(scene.cx()));
    let other_key = {
        let mut run = failed("relay_key_changed");
        let _ = run.update(Message::KeyTyped(KEY.to_owned()), &door());
        run
    };
    snapshot("first-run-other-key", Size::new(360.0, 900.0), 1.0, || other_key.view(scene.cx()));
    let mut calling = filled();
    let _ = calling.update(Message::EnterPressed, &door());
    snapshot("first-run-calling", PORTAL, 1.0, || calling.view(scene.cx()));
    let mut times = entered();
    let _ = times.update(Message::PlanChosen(Plan::Times), &door());
    snapshot("first-run-times", Size::new(360.0, 900.0), 1.0, || times.view(scene.cx()));
    let german = Scene::calm().in_language("de");
    let mut often = entered();
    let _ = often.update(Message::PlanChosen(Plan::Every(15)), &door());
    snapshot("first-run-often-de", Size::new(360.0, 900.0), 1.0, || often.view(german.cx()));
    let who = at_who();
    snapshot("first-run-who", PORTAL, 1.0, || who.view(scene.cx()));
}
