//! Every message and every page, with a file as a person has it.

use config::{
    AgentPaths, Span,
    agent::{Link, MinPriority, ProxyChoice, Rule, Source, Theme},
    paths::Env,
};
use iced::Size;

use super::{
    link::{Message as Linked, Part},
    look::Message as Looked,
    notify::Message as Notified,
    privacy::Message as Private,
    rule::{Kind, Message as Ruled},
    way::{Message as Wayed, Way},
    *,
};
use crate::{
    door::{Follow, Link as NowLink},
    kit::{Ui, scene::Scene, snapshot},
    screen::calls::Days,
};

const WINDOW: Size = Size::new(560.0, 680.0);
const TALL: Size = Size::new(560.0, 900.0);

fn known() -> AgentSettings {
    let connect = vec![
        Rule {
            name: "office hours".to_owned(),
            cron: Some("30 8,18 * * Mon-Fri".parse().unwrap()),
            links: vec!["unmetered".to_owned(), "stick".to_owned()],
            make_up: Some(Span::from_minutes(120)),
            ..Rule::default()
        },
        Rule::every(Span::from_minutes(240)),
        Rule {
            when: Some(config::agent::When::UrgentQueued),
            budget: Some("40 KiB".parse().unwrap()),
            ..Rule::default()
        },
    ];
    let link = vec![
        Link {
            name: "stick".to_owned(),
            ssid: "Station".to_owned(),
            metered: Some(true),
            tariff_per_mb: Some("0.12".parse().unwrap()),
            currency: "EUR".to_owned(),
            quota: Some("500 MiB".parse().unwrap()),
            ..Link::default()
        },
        Link { name: "home".to_owned(), connection: "Cable*".to_owned(), ..Link::default() },
    ];
    let quiet_hours = vec!["22:00-07:00".parse().unwrap()];
    let source = vec![
        Source {
            conversation: "c3".to_owned(),
            min_priority: MinPriority::Never,
            ..Source::default()
        },
        Source { person: "ben".to_owned(), min_priority: MinPriority::Urgent, ..Source::default() },
    ];
    let notify = config::agent::Notify { quiet_hours, source, ..Default::default() };
    AgentSettings { connect, link, notify, ..AgentSettings::default() }
}

/// A folder with these settings, and the way to it.
fn house(text: &str) -> (tempfile::TempDir, Door) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("agent.toml"), text).unwrap();
    let door = Door::new(AgentPaths::new(Some(dir.path()), &Env::default()).unwrap());
    (dir, door)
}

fn nowhere() -> Door {
    let nowhere = std::path::Path::new("/nonexistent/mailboat");
    Door::new(AgentPaths::new(Some(nowhere), &Env::default()).unwrap())
}

fn opened(section: Section) -> Settings {
    let (mut settings, _) = Settings::new(&nowhere());
    let _ = tell(&mut settings, Message::Read(Ok(Arc::new(known()))));
    let _ = tell(&mut settings, Message::SectionChosen(section));
    settings
}

fn tell(settings: &mut Settings, message: Message) -> Action {
    let scene = Scene::calm();
    settings.update(message, scene.cx(), &nowhere())
}

/// Tells these, of which only the last writes.
#[track_caller]
fn write(settings: &mut Settings, messages: Vec<Message>) {
    let last = messages.len() - 1;
    for (index, message) in messages.into_iter().enumerate() {
        let shown = format!("{message:?}");
        let action = tell(settings, message);
        assert_eq!(matches!(action, Action::Run(_)), index == last, "{shown}");
    }
    assert!(settings.is_saving);
}

fn shows(settings: &Settings, words: &str) -> bool {
    let scene = Scene::calm();
    let mut ui = Ui::new(Size::new(560.0, 1400.0), 1.0, settings.view(scene.cx()));
    ui.find(words).is_some()
}

#[test]
fn a_rule_is_edited_and_keeps_what_the_form_does_not_show() {
    let mut settings = opened(Section::Timetable);
    write(
        &mut settings,
        vec![
            Message::Rule(Ruled::EditPressed(0)),
            Message::Rule(Ruled::NameTyped("mornings".to_owned())),
            Message::Rule(Ruled::TimesTyped("7:15, 9:00".to_owned())),
            Message::Rule(Ruled::DaysChosen(Days::Weekend)),
            Message::Rule(Ruled::BudgetTyped("200 KiB".to_owned())),
            Message::Rule(Ruled::LinkPressed("stick".to_owned())),
            Message::Rule(Ruled::SavePressed),
        ],
    );
    let changes = settings.rule.as_ref().unwrap().changes().unwrap();
    let [Change::SetRule(0, first), Change::AddRule(second)] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(first.cron.as_ref().unwrap().to_string(), "0 9 * * Sat,Sun");
    assert_eq!(second.cron.as_ref().unwrap().to_string(), "15 7 * * Sat,Sun");
    assert_eq!(
        (first.make_up, &first.links[..]),
        (Some(Span::from_minutes(120)), &["unmetered".to_owned()][..])
    );
    // While it is written nothing else is.
    assert!(matches!(tell(&mut settings, Message::Rule(Ruled::SavePressed)), Action::None));
}

#[test]
fn every_kind_of_rule_comes_to_one_that_the_settings_take() {
    for (kind, message) in [
        (Kind::Times, None),
        (Kind::Every, Some(Ruled::EveryTyped("2h".to_owned()))),
        (Kind::Live, None),
        (Kind::LinkUp, None),
        (Kind::Urgent, None),
        (Kind::Cron, Some(Ruled::CronTyped("@hourly".to_owned()))),
    ] {
        for start in [Message::Rule(Ruled::AddPressed), Message::Rule(Ruled::EditPressed(0))] {
            let (dir, _) = house("[[link]]\nname = \"stick\"\nssid = \"Station\"\n");
            let mut settings = opened(Section::Timetable);
            let mut messages = vec![start, Message::Rule(Ruled::KindChosen(kind))];
            messages.extend(message.clone().map(Message::Rule));
            messages.push(Message::Rule(Ruled::SavePressed));
            write(&mut settings, messages);
            let path = dir.path().join("agent.toml");
            let mut edit = config::edit::Edit::open(&path).unwrap();
            for change in settings.rule.as_ref().unwrap().changes().unwrap() {
                let (Change::SetRule(_, rule) | Change::AddRule(rule)) = change else { panic!() };
                edit.apply(&Change::AddRule(rule)).unwrap();
            }
        }
    }
}

#[test]
fn what_is_wrong_in_a_rule_is_told_below_it_and_nothing_is_written() {
    let words = Scene::calm().words;
    for (messages, key) in [
        (vec![Ruled::TimesTyped("late".to_owned())], "times-bad"),
        (
            vec![Ruled::KindChosen(Kind::Every), Ruled::EveryTyped("0s".to_owned())],
            "rule-every-bad",
        ),
        (
            vec![Ruled::KindChosen(Kind::Cron), Ruled::CronTyped("0 0 30 2 *".to_owned())],
            "rule-cron-bad",
        ),
        (vec![Ruled::BudgetTyped("1 KiB".to_owned())], "rule-budget-bad"),
        (vec![Ruled::LinkPressed("any".to_owned())], "rule-no-link"),
    ] {
        let mut settings = opened(Section::Timetable);
        let _ = tell(&mut settings, Message::Rule(Ruled::AddPressed));
        for message in messages {
            let _ = tell(&mut settings, Message::Rule(message));
        }
        assert!(shows(&settings, &words.say(key)), "{key}");
        assert!(matches!(tell(&mut settings, Message::Rule(Ruled::SavePressed)), Action::None));
    }
}

#[test]
fn a_rule_is_removed_and_a_form_is_left() {
    let mut settings = opened(Section::Timetable);
    write(
        &mut settings,
        vec![Message::Rule(Ruled::EditPressed(1)), Message::Rule(Ruled::RemovePressed)],
    );
    let mut settings = opened(Section::Timetable);
    let _ = tell(&mut settings, Message::Rule(Ruled::EditPressed(1)));
    let _ = tell(&mut settings, Message::Rule(Ruled::CancelPressed));
    assert!(settings.rule.is_none());
    let _ = tell(&mut settings, Message::Rule(Ruled::EditPressed(9)));
    assert!(settings.rule.is_none(), "it is gone");
}

#[test]
fn a_link_is_written_as_typed_and_one_that_is_new_is_that_of_now() {
    let mut settings = opened(Section::Links);
    let typed = |part, text: &str| Message::Link(Linked::Typed(part, text.to_owned()));
    write(
        &mut settings,
        vec![
            Message::Link(Linked::EditPressed(0)),
            typed(Part::Name, "dongle"),
            typed(Part::PerMb, "0,15"),
            typed(Part::PerMinute, "0.02"),
            typed(Part::Currency, "usd"),
            typed(Part::Quota, ""),
            typed(Part::Day, "15"),
            typed(Part::Rate, "40 kbit/s"),
            typed(Part::Interface, "ppp*"),
            typed(Part::Proxy, "none"),
            Message::Link(Linked::MeteredChosen(None)),
            Message::Link(Linked::SavePressed),
        ],
    );
    let link = settings.link.as_ref().unwrap().link().unwrap();
    let expected = Link {
        name: "dongle".to_owned(),
        ssid: "Station".to_owned(),
        interface: "ppp*".to_owned(),
        tariff_per_mb: Some("0.15".parse().unwrap()),
        tariff_per_minute: Some("0.02".parse().unwrap()),
        currency: "USD".to_owned(),
        quota_reset_day: 15,
        rate: Some("40 kbit/s".parse().unwrap()),
        proxy: Some(ProxyChoice::Direct),
        ..Link::default()
    };
    assert_eq!(link, expected);
    let mut scene = Scene::calm();
    let now = NowLink {
        ssid: Some("Harbour".to_owned()),
        connection: Some("wlan".to_owned()),
        ..NowLink::default()
    };
    let does = Follow { link: now, ..Follow::default() };
    scene.desk.agent = crate::desk::Agent::There(Some(Box::new(does)));
    let mut settings = opened(Section::Links);
    let _ = settings.update(Message::Link(Linked::AddPressed), scene.cx(), &nowhere());
    let link = settings.link.as_ref().unwrap().link().unwrap();
    assert_eq!(
        (link.name.as_str(), link.ssid.as_str(), link.connection.as_str()),
        ("Harbour", "Harbour", "")
    );
}

#[test]
fn what_is_wrong_in_a_link_is_told_below_its_field() {
    let words = Scene::calm().words;
    for (part, text, key) in [
        (Part::Name, "", "profile-no-name"),
        (Part::Name, "any", "profile-class-name"),
        (Part::Ssid, "*x", "profile-star"),
        (Part::PerMb, "much", "profile-price-bad"),
        (Part::Currency, "", "profile-no-currency"),
        (Part::Currency, "euro", "profile-currency-bad"),
        (Part::Quota, "0", "profile-quota-bad"),
        (Part::Day, "32", "profile-day-bad"),
        (Part::Rate, "fast", "profile-rate-bad"),
        (Part::Proxy, "x://y", "proxy-bad"),
    ] {
        let mut settings = opened(Section::Links);
        let _ = tell(&mut settings, Message::Link(Linked::EditPressed(0)));
        let _ = tell(&mut settings, Message::Link(Linked::Typed(part, text.to_owned())));
        assert!(shows(&settings, &words.say(key)), "{key}");
        assert!(
            matches!(tell(&mut settings, Message::Link(Linked::SavePressed)), Action::None),
            "{key}"
        );
    }
    let mut settings = opened(Section::Links);
    write(
        &mut settings,
        vec![Message::Link(Linked::EditPressed(1)), Message::Link(Linked::RemovePressed)],
    );
    let mut settings = opened(Section::Links);
    let _ = tell(&mut settings, Message::Link(Linked::EditPressed(1)));
    let _ = tell(&mut settings, Message::Link(Linked::CancelPressed));
    assert!(settings.link.is_none());
}

#[test]
fn switches_and_choices_are_written_as_they_are_pressed() {
    let source = known().notify.source[0].clone();
    for message in [
        Message::Notify(Notified::EnabledPressed),
        Message::Notify(Notified::UrgentPressed),
        Message::Notify(Notified::LeastChosen(MinPriority::Urgent)),
        Message::Notify(Notified::PreviewChosen(config::agent::Preview::Name)),
        Message::Notify(Notified::SourcePressed(source)),
        Message::Look(Looked::Theme(Theme::Dark)),
        Message::Look(Looked::Scale(150)),
        Message::Look(Looked::Language("de")),
        Message::Look(Looked::Chats(config::agent::Chats::Windows)),
        Message::Look(Looked::Tray),
        Message::Look(Looked::CloseToTray),
        Message::Privacy(Private::Presence),
        Message::Privacy(Private::NextCall),
        Message::Privacy(Private::Read),
    ] {
        write(&mut opened(Section::Notify), vec![message]);
    }
}

#[test]
fn quiet_hours_are_written_when_they_are_some() {
    let mut settings = opened(Section::Notify);
    assert_eq!(settings.quiet, "22:00-07:00");
    let _ = tell(&mut settings, Message::Notify(Notified::QuietTyped("22".to_owned())));
    assert!(shows(&settings, &Scene::calm().words.say("notify-quiet-bad")));
    assert!(matches!(tell(&mut settings, Message::Notify(Notified::QuietPressed)), Action::None));
    let typed = "22:00–07:00, 13:00-14:00".to_owned();
    write(
        &mut settings,
        vec![Message::Notify(Notified::QuietTyped(typed)), Message::Notify(Notified::QuietPressed)],
    );
}

#[test]
fn a_proxy_is_chosen_and_named() {
    let mut settings = opened(Section::Way);
    let _ = tell(&mut settings, Message::Way(Wayed::WayChosen(Way::At)));
    let _ = tell(&mut settings, Message::Way(Wayed::UrlTyped("x://y".to_owned())));
    assert!(shows(&settings, &Scene::calm().words.say("proxy-bad")));
    assert!(matches!(tell(&mut settings, Message::Way(Wayed::SavePressed)), Action::None));
    write(
        &mut settings,
        vec![
            Message::Way(Wayed::UrlTyped("http://u:p@proxy.example:3128".to_owned())),
            Message::Way(Wayed::CaTyped("/etc/proxy.pem".to_owned())),
            Message::Way(Wayed::SavePressed),
        ],
    );
}

#[test]
fn what_was_saved_is_shown_and_a_new_look_is_told_to_the_window() {
    let mut settings = opened(Section::Look);
    let mut saved = known();
    saved.window.theme = Theme::Dark;
    let saved = Saved { settings: Arc::new(saved), not_taken: Some("not yet".to_owned()) };
    let action = tell(&mut settings, Message::Saved(Ok(saved.clone())));
    assert!(matches!(action, Action::Look(window) if window.theme == Theme::Dark));
    assert!(shows(&settings, "It is saved, but the agent goes on as before: not yet"));
    let again = Saved { not_taken: None, ..saved };
    assert!(matches!(tell(&mut settings, Message::Saved(Ok(again))), Action::None));
}

#[test]
fn a_file_that_changed_meanwhile_is_read_again_and_the_form_stays() {
    let mut settings = opened(Section::Timetable);
    write(
        &mut settings,
        vec![Message::Rule(Ruled::EditPressed(1)), Message::Rule(Ruled::SavePressed)],
    );
    let changed = DoorError::Refused { code: "changed".to_owned(), words: String::new() };
    assert!(matches!(tell(&mut settings, Message::Saved(Err(changed))), Action::Run(_)));
    let _ = tell(&mut settings, Message::Read(Ok(Arc::new(known()))));
    assert!(
        settings.rule.is_some() && shows(&settings, &Scene::calm().words.say("settings-changed"))
    );
    let wrong = DoorError::Refused { code: "config".to_owned(), words: "line 3".to_owned() };
    let _ = tell(&mut settings, Message::Saved(Err(wrong)));
    assert!(shows(&settings, "This cannot stand: line 3"));
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_can_be_read_again() {
    let (mut settings, _) = Settings::new(&nowhere());
    let wrong = DoorError::Refused { code: "config".to_owned(), words: "line 3".to_owned() };
    let _ = tell(&mut settings, Message::Read(Err(wrong)));
    assert!(shows(&settings, "This cannot stand: line 3"));
    assert!(matches!(tell(&mut settings, Message::Rule(Ruled::AddPressed)), Action::None));
    assert!(settings.rule.is_none(), "nothing is thought out for what is not known");
    assert!(matches!(tell(&mut settings, Message::AgainPressed), Action::Run(_)));
}

#[tokio::test]
async fn what_is_pressed_stands_in_the_file_and_its_comments_stay() {
    let (dir, door) = house("# mine\n[window] # looks\ntheme = \"light\" # by day\n");
    let known = door.settings().await.unwrap();
    let (mut settings, _) = Settings::new(&door);
    let scene = Scene::calm();
    let _ = settings.update(Message::Read(Ok(known)), scene.cx(), &door);
    let _ = settings.update(Message::SectionChosen(Section::Look), scene.cx(), &door);
    let mut ui = Ui::new(WINDOW, 1.0, settings.view(scene.cx()));
    ui.click("Dark").unwrap();
    let said = ui.into_messages().remove(0);
    let Action::Run(task) = settings.update(said, scene.cx(), &door) else { panic!() };
    let mut stream = iced_test::runtime::task::into_stream(task).unwrap();
    let message = loop {
        use iced::futures::StreamExt;
        let next = stream.next().await.unwrap();
        if let iced_test::runtime::Action::Output(message) = next {
            break message;
        }
    };
    let action = settings.update(message, scene.cx(), &door);
    assert!(matches!(action, Action::Look(window) if window.theme == Theme::Dark));
    let text = std::fs::read_to_string(dir.path().join("agent.toml")).unwrap();
    assert_eq!(text, "# mine\n[window] # looks\ntheme = \"dark\" # by day\n");
}

#[test]
fn it_looks_as_it_did() {
    let scene = Scene::calm();
    for (name, section, size) in [
        ("settings-timetable", Section::Timetable, WINDOW),
        ("settings-links", Section::Links, WINDOW),
        ("settings-notify", Section::Notify, WINDOW),
        ("settings-look", Section::Look, WINDOW),
        ("settings-way", Section::Way, WINDOW),
        ("settings-privacy", Section::Privacy, WINDOW),
    ] {
        let settings = opened(section);
        snapshot(name, size, 1.0, || settings.view(scene.cx()));
    }
    let mut rule = opened(Section::Timetable);
    let _ = tell(&mut rule, Message::Rule(Ruled::EditPressed(0)));
    snapshot("settings-rule", TALL, 1.0, || rule.view(scene.cx()));
    let german = Scene::calm().in_language("de");
    snapshot("settings-rule-de", Size::new(360.0, 900.0), 1.0, || rule.view(german.cx()));
    let mut link = opened(Section::Links);
    let _ = tell(&mut link, Message::Link(Linked::EditPressed(0)));
    let _ = tell(&mut link, Message::Link(Linked::Typed(Part::Currency, String::new())));
    snapshot("settings-link", TALL, 1.0, || link.view(scene.cx()));
    let mut failed = opened(Section::Look);
    let changed = DoorError::Refused { code: "changed".to_owned(), words: String::new() };
    let _ = tell(&mut failed, Message::Saved(Err(changed)));
    snapshot("settings-changed", WINDOW, 1.0, || failed.view(scene.cx()));
}
