//! Notifications: the real agent against dunst and against a mock of the desktop's service, on a bus of their own.

use harness::desktop::{Bus, Dunst, Mock, Mute};
use harness::program::Running;
use harness::relay::RelayOptions;
use harness::world::{Person, World, text};

const ALL: &str = "actions body body-markup persistence";

/// A resident agent that holds the line, on `bus`.
async fn resident(person: &Person, bus: &Bus) -> Running {
    let mut running = Running::start(bus.on(person.home.command(&[
        "--log",
        "info,agent::notify=debug",
        "agent",
    ])));
    running.wait_line(|line| (line == "ready").then_some(())).await;
    running
}

fn hold_line(person: &Person) {
    person.home.add_settings("[[connect]]\nlive = true");
}

async fn write(from: &Person, to: &str, words: &str) {
    from.home.run(&["send", to, "-m", words]).await.done();
    from.sync().await;
}

/// ann and bob who know each other, and bob's desktop.
async fn two() -> (World, Bus) {
    let world = World::of_two().await;
    hold_line(&world.people[1]);
    (world, Bus::start().await)
}

/// The conversation with `name`, once it is as `state` says.
async fn wait_state(person: &Person, name: &str, state: &str) {
    loop {
        let rows = person.home.json(&["conversations"]).await;
        if rows.iter().any(|row| row["title"] == name && row["state"] == state) {
            return;
        }
    }
}

#[tokio::test]
async fn a_message_is_shown_with_its_author_and_what_it_says_is_no_markup() {
    let (world, bus) = two().await;
    let [ann, bob] = &world.people[..] else { panic!() };
    let mut mock = Mock::start(&bus, ALL).await;
    let _agent = resident(bob, &bus).await;
    write(ann, "bob", "<b>six</b> & seven").await;
    let call = mock.next("Notify").await;
    assert!(call.contains("\"ann\" \"&lt;b&gt;six&lt;/b&gt; &amp; seven\""), "{call}");
    assert!(!mock.said().contains("Accept"), "{call}");
}

#[tokio::test]
async fn nothing_is_told_twice_also_not_by_an_agent_that_was_started_again() {
    let (world, bus) = two().await;
    let [ann, bob] = &world.people[..] else { panic!() };
    let mut mock = Mock::start(&bus, ALL).await;
    let mut agent = resident(bob, &bus).await;
    write(ann, "bob", "first").await;
    mock.next("Notify").await;
    agent.wait_line(|line| line.contains("shown key=Conversation").then_some(())).await;
    mock.signal(&bus, "NotificationClosed", 1, "2").await;
    agent.wait_line(|line| line.contains("closed key=Conversation").then_some(())).await;
    agent.terminate().await;
    let _agent = resident(bob, &bus).await;
    write(ann, "bob", "second").await;
    let call = mock.next("Notify").await;
    assert!(call.contains("\"second\"") && !call.contains("first"), "{call}");
}

#[tokio::test]
async fn an_agent_that_ends_takes_its_notifications_away_and_the_next_tells_what_nobody_looked_at()
{
    let (world, bus) = two().await;
    let [ann, bob] = &world.people[..] else { panic!() };
    let mut mock = Mock::start(&bus, ALL).await;
    let mut agent = resident(bob, &bus).await;
    write(ann, "bob", "first").await;
    mock.next("Notify").await;
    agent.wait_line(|line| line.contains("shown key=Conversation").then_some(())).await;
    agent.terminate().await;
    mock.next("CloseNotification").await;
    let _agent = resident(bob, &bus).await;
    let call = mock.next("Notify").await;
    assert!(call.contains("first"), "{call}");
}

#[tokio::test]
async fn what_is_read_is_taken_off_the_desktop() {
    let (world, bus) = two().await;
    let [ann, bob] = &world.people[..] else { panic!() };
    let mut mock = Mock::start(&bus, ALL).await;
    let _agent = resident(bob, &bus).await;
    write(ann, "bob", "first").await;
    mock.next("Notify").await;
    bob.home.run(&["inbox", "--unread", "--mark-read"]).await.done();
    let call = mock.next("CloseNotification").await;
    assert!(call.ends_with(" 1"), "{call}");
}

#[tokio::test]
async fn a_request_is_declined_by_its_button() {
    let world = World::new(&RelayOptions::default(), &["ann", "bob"]).await;
    let [ann, bob] = &world.people[..] else { panic!() };
    hold_line(bob);
    let bus = Bus::start().await;
    let mut mock = Mock::start(&bus, ALL).await;
    let _agent = resident(bob, &bus).await;
    ann.home.run(&["chat", "bob", "-m", "It is ann"]).await.done();
    ann.sync().await;
    let call = mock.next("Notify").await;
    assert!(call.contains("\"ann asks to chat\" \"It is ann\""), "{call}");
    assert!(call.contains("\"accept\", \"Accept\", \"decline\", \"Decline\""), "{call}");
    mock.signal(&bus, "ActionInvoked", 1, "'decline'").await;
    mock.next("CloseNotification").await;
    bob.sync().await;
    wait_state(bob, "ann", "declined").await;
}

#[tokio::test]
async fn notifications_are_in_the_language_of_the_environment_or_the_one_that_the_settings_name() {
    let world = World::new(&RelayOptions::default(), &["ann", "bob", "cleo", "dora"]).await;
    let [ann, asked @ ..] = &world.people[..] else { panic!() };
    for (person, (said, lc_messages, lang, settings)) in asked.iter().zip([
        ("\"ann bittet um ein Gespräch\"", "", "de_AT.UTF-8", ""),
        ("\"ann asks to chat\"", "en_GB.UTF-8", "de_DE.UTF-8", ""),
        ("\"ann bittet um ein Gespräch\"", "", "C", "[window]\nlanguage = \"de\""),
    ]) {
        hold_line(person);
        person.home.add_settings(settings);
        let bus = Bus::start().await;
        let mut mock = Mock::start(&bus, ALL).await;
        let mut command = bus.on(person.home.command(&["agent"]));
        command.env("LC_MESSAGES", lc_messages).env("LANG", lang).env_remove("LC_ALL");
        let mut agent = Running::start(command);
        agent.wait_line(|line| (line == "ready").then_some(())).await;
        ann.home.run(&["chat", &person.name, "-m", "It is ann"]).await.done();
        ann.sync().await;
        let call = mock.next("Notify").await;
        assert!(call.contains(said), "{call}");
        let button = if said.contains("bittet") { "Annehmen" } else { "Accept" };
        assert!(call.contains(&format!("\"accept\", \"{button}\"")), "{call}");
    }
}

#[tokio::test]
async fn a_request_is_accepted_in_dunst_and_they_can_talk() {
    let world = World::new(&RelayOptions::default(), &["ann", "bob"]).await;
    let [ann, bob] = &world.people[..] else { panic!() };
    hold_line(bob);
    let bus = Bus::start().await;
    let dunst = Dunst::start(&bus, "Accept").await;
    let _agent = resident(bob, &bus).await;
    ann.home.run(&["chat", "bob", "-m", "It is ann"]).await.done();
    ann.sync().await;
    while dunst.ctl(&bus, &["count", "displayed"]).await.trim() != "1" {}
    dunst.ctl(&bus, &["context"]).await;
    wait_state(bob, "ann", "member").await;
    bob.sync().await;
    ann.sync().await;
    write(ann, "bob", "so there you are").await;
    while dunst.ctl(&bus, &["count", "displayed"]).await.trim() != "1" {}
    dunst.ctl(&bus, &["close"]).await;
    while !dunst.ctl(&bus, &["history"]).await.contains("so there you are") {}
}

#[tokio::test]
async fn a_click_opens_the_program_at_the_conversation() {
    let (world, bus) = two().await;
    let [ann, bob] = &world.people[..] else { panic!() };
    let pipe = bob.home.dir().join("opened");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    bob.home.add_settings(&format!(
        "[notify]\nopen_program = [\"sh\", \"-c\", 'echo \"$1 $MAILBOAT_HOME\" > \"$2\"', \"sh\", \"{{conversation}}\", {pipe:?}]"
    ));
    let dunst = Dunst::start(&bus, "none").await;
    let _agent = resident(bob, &bus).await;
    write(ann, "bob", "look").await;
    while dunst.ctl(&bus, &["count", "displayed"]).await.trim() != "1" {}
    dunst.ctl(&bus, &["action", "0"]).await;
    let opened = tokio::fs::read_to_string(&pipe).await.unwrap();
    let rows = bob.home.json(&["inbox"]).await;
    let (opened, home) = opened.trim().split_once(' ').unwrap();
    assert_eq!(opened, text(rows.last().unwrap(), "conversation"));
    assert_eq!(home, bob.home.dir().to_str().unwrap(), "the window would open another store");
}

#[tokio::test]
async fn settings_that_are_read_again_hold_for_what_comes_next() {
    let (world, bus) = two().await;
    let [ann, bob] = &world.people[..] else { panic!() };
    let mut mock = Mock::start(&bus, ALL).await;
    let mut agent = resident(bob, &bus).await;
    bob.home.add_settings("[notify]\npreview = \"none\"");
    agent.signal("HUP").await;
    agent.wait_line(|line| line.contains("read again").then_some(())).await;
    write(ann, "bob", "nobody's business").await;
    let call = mock.next("Notify").await;
    assert!(call.contains("1 new message") && !call.contains("business"), "{call}");
    // What stands there is told anew in another language.
    bob.home.add_settings("[window]\nlanguage = \"de\"");
    agent.signal("HUP").await;
    let call = mock.next("Notify").await;
    assert!(call.contains("1 neue Nachricht"), "{call}");
}

#[tokio::test]
async fn without_a_service_it_is_said_once_and_told_when_one_has_come() {
    let (world, bus) = two().await;
    let [ann, bob] = &world.people[..] else { panic!() };
    let mut agent = resident(bob, &bus).await;
    write(ann, "bob", "first").await;
    agent.wait_line(|line| line.contains("no notifications for now").then_some(())).await;
    write(ann, "bob", "second").await;
    let mut mock = Mock::start(&bus, ALL).await;
    let call = mock.next("Notify").await;
    assert!(call.ends_with("\"ann (2)\" \"first"), "{call}");
    assert_eq!(agent.said().matches("no notifications").count(), 1, "{}", agent.said());
}

#[tokio::test]
async fn without_a_bus_the_agent_works_as_ever() {
    let (world, _) = two().await;
    let [ann, bob] = &world.people[..] else { panic!() };
    let mut agent = Running::start(bob.home.command(&["--log", "info", "agent"]));
    write(ann, "bob", "first").await;
    agent.wait_line(|line| line.contains("no notifications for now").then_some(())).await;
    write(bob, "ann", "I hear you").await;
    assert!(agent.terminate().await.success(), "{}", agent.said());
}

#[tokio::test]
async fn a_service_that_never_answers_holds_nothing_up_and_its_successor_tells() {
    let (world, bus) = two().await;
    let [ann, bob] = &world.people[..] else { panic!() };
    let mute = Mute::start(&bus).await;
    let mut agent = resident(bob, &bus).await;
    write(ann, "bob", "first").await;
    write(bob, "ann", "meanwhile").await;
    agent.wait_line(|line| line.contains("does not answer").then_some(())).await;
    mute.end().await;
    let mut mock = Mock::start(&bus, ALL).await;
    let call = mock.next("Notify").await;
    assert!(call.contains("\"first\""), "{call}");
}

#[tokio::test]
async fn a_service_that_was_started_again_gets_new_notifications_only() {
    let (world, bus) = two().await;
    let [ann, bob] = &world.people[..] else { panic!() };
    let mock = Mock::start(&bus, ALL).await;
    let mut agent = resident(bob, &bus).await;
    write(ann, "bob", "first").await;
    agent.wait_line(|line| line.contains("shown key=Conversation").then_some(())).await;
    mock.end().await;
    let mut mock = Mock::start(&bus, "body").await;
    write(ann, "bob", "a < b").await;
    let call = mock.next("Notify").await;
    assert!(call.contains("\"Mailboat\" 0 ") && call.contains("\"a < b\""), "{call}");
}
