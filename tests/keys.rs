//! A relay that proves itself by a key of its own: joined by its fingerprint, pinned, changed, and not believed.

use std::ffi::OsString;
use std::io::Cursor;
use std::time::Duration;

use config::relay::OwnKey;
use harness::link::{Counters, Pace};
use harness::program::Output;
use harness::relay::{RelayOptions, RelayProcess, password_of};
use harness::world::{Person, World, text};

/// Long enough for what talks at once not to look like an answer.
const ONE_WAY: Duration = Duration::from_millis(40);
/// TCP payload of an exchange with nothing new, on a cold start with a pinned key.
const COLD_TCP_MAX: u64 = 850;
/// The same with the smallest certificate of a CA.
const COLD_BY_CERTIFICATE_TCP_MAX: u64 = 1_200;

/// A relay without a certificate.
fn alone() -> RelayOptions {
    let mut options = RelayOptions::default();
    options.settings.tls.own_key = OwnKey::Alone;
    options
}

/// Its key, and the next one.
async fn keys(relay: &RelayProcess) -> (String, Option<String>) {
    let shown = relay.run(&["key", "--json"], "").await.done().one();
    (text(&shown, "current"), shown["next"].as_str().map(str::to_owned))
}

fn url(person: &Person) -> String {
    format!("https://{}", person.link.addr())
}

async fn login(person: &Person, more: &[&str]) -> Output {
    let url = url(person);
    let args = [&["login", &url, &person.name, "--password-stdin"], more].concat();
    person.home.run_with(&args, &password_of(&person.name)).await
}

async fn pinned(person: &Person) -> String {
    text(&person.home.one(&["status"]).await, "relay_key")
}

/// A visit that has to fail, and its words.
async fn alarm(person: &Person) -> String {
    let output = person.home.run(&["sync", "--json"]).await;
    assert_ne!(output.code, Some(0), "{output:?}");
    let words = text(&output.one(), "words");
    assert!(words.contains("key"), "{words}");
    words
}

#[tokio::test]
async fn a_relay_without_a_certificate_is_trusted_by_its_fingerprint_alone() {
    let mut world = World::empty(&alone()).await;
    for name in ["ann", "bob"] {
        world.relay.account(name).await;
    }
    let ann = world.stranger("ann");
    let (key, _) = keys(&world.relay).await;
    let devices =
        async || world.relay.run(&["device", "list", "ann", "--json"], "").await.done().json();

    let refused = login(&ann, &[]).await.exits(1);
    assert!(refused.stderr.contains("--fingerprint"), "{}", refused.stderr);
    let mut wrong = key.clone();
    wrong.replace_range(..4, if key.starts_with("aaaa") { "bbbb" } else { "aaaa" });
    let refused = login(&ann, &["--fingerprint", &wrong]).await.exits(1);
    assert!(
        refused.stderr.contains(&key) && refused.stderr.contains("has learned nothing"),
        "{refused:?}"
    );
    login(&ann, &["--fingerprint", "abcd"]).await.exits(2);
    assert!(devices().await.is_empty(), "somebody was let in");

    login(&ann, &["--fingerprint", &key.to_uppercase()]).await.done();
    assert_eq!((devices().await.len(), pinned(&ann).await), (1, key.clone()));
    let doctor = ann.home.run(&["doctor"]).await.done();
    assert!(doctor.stdout.contains(&key), "{}", doctor.stdout);

    // An invitation names the key by itself.
    let code = world.relay.invite(1).await;
    assert!(code.ends_with(&format!("~{key}")), "{code}");
    let carl = world.stranger("carl");
    let join = ["join", &url(&carl), &code, "--name", "carl", "--password-stdin"];
    carl.home.run_with(&join, &password_of("carl")).await.done();
    let bob = world.stranger("bob");
    login(&bob, &["--fingerprint", &key]).await.done();
    world.people.extend([ann, bob]);
    world.acquaint().await;
    world.relay.terminate().await;
    world.restart_relay().await;
    world.people[0].sync().await;
    // Logging in again keeps to the key.
    login(&world.people[0], &[]).await.done();
    assert_eq!(pinned(&world.people[0]).await, key);
}

#[tokio::test]
async fn a_key_told_of_behind_a_certificate_is_pinned_and_a_cold_start_is_then_short() {
    let world = World::new(&RelayOptions::tls(), &["ann", "bob"]).await;
    let (ann, (key, _)) = (&world.people[0], keys(&world.relay).await);
    assert_eq!(ann.home.one(&["status"]).await["relay_key"], serde_json::Value::Null);
    ann.sync().await;
    assert_eq!(pinned(ann).await, key);
    ann.sync().await;
    let passed = cold_start(ann).await;
    eprintln!("nothing new, cold start with a pinned key: {passed:?}");
    assert!(passed.up + passed.down <= COLD_TCP_MAX, "{passed:?}");

    // Behind a certificate, where resuming after a cut is worth a ticket.
    let bob = &world.people[1];
    bob.home.add_settings("[tls]\nrelay_key = \"ignore\"");
    bob.sync().await;
    let passed = cold_start(bob).await;
    eprintln!("nothing new, cold start with a certificate: {passed:?}");
    assert!(passed.up + passed.down <= COLD_BY_CERTIFICATE_TCP_MAX, "{passed:?}");
}

/// A visit by a command alone: no agent runs, so there is no session to resume, and none that anybody will resume.
async fn cold_start(person: &Person) -> Counters {
    person.link.wait_idle().await;
    person.link.set_pace(Pace { delay: ONE_WAY, ..Pace::INSTANT });
    person.link.reset_counters();
    person.sync().await;
    person.link.wait_idle().await;
    let passed = person.link.counters();
    assert_eq!((passed.round_trips, passed.connections), (3, 1), "{passed:?}");
    passed
}

#[tokio::test]
async fn a_key_that_was_announced_takes_over_unnoticed_and_one_that_was_not_is_an_alarm() {
    let mut world = World::new(&RelayOptions::tls(), &["ann", "bob", "carl"]).await;
    let (first, _) = keys(&world.relay).await;
    for person in &world.people {
        person.sync().await;
        assert_eq!(pinned(person).await, first);
    }
    world.relay.run(&["key", "prepare"], "").await.done();
    world.relay.reload().await;
    // Ann calls meanwhile, bob and carl do not.
    world.people[0].sync().await;
    let too_soon = world.relay.run(&["key", "switch"], "").await.exits(1);
    assert!(too_soon.stderr.contains("--now"), "{}", too_soon.stderr);
    world.relay.run(&["key", "switch", "--now"], "").await.done();
    world.relay.terminate().await;
    world.restart_relay().await;
    let (second, next) = keys(&world.relay).await;
    assert!(second != first && next.is_none());
    let [ann, bob, carl] = &world.people[..] else { unreachable!() };
    ann.sync().await;
    assert_eq!(pinned(ann).await, second);

    bob.link.wait_idle().await;
    bob.link.record(true);
    let words = alarm(bob).await;
    assert!(words.contains(&second) && words.contains("not the one"), "{words}");
    // Nothing left but the hello and the alert that refuses the key.
    let said: Vec<_> = bob.link.recorded().iter().map(|tape| tape.up.len()).collect();
    assert!(said.iter().all(|said| *said < 300), "{said:?}");
    // An agent tells its user of it once, and status as long as it lasts.
    let mut agent = bob.home.resident().await;
    for _ in 0..2 {
        alarm(bob).await;
    }
    let status = bob.home.one(&["status"]).await;
    assert!(status["trouble"][0].as_str().unwrap().starts_with("the relay: "), "{status}");
    let told = bob.home.json(&["inbox"]).await;
    let told = told.iter().filter(|row| text(row, "text").contains("could not be believed"));
    assert_eq!(told.count(), 1);
    agent.terminate().await;
    login(bob, &["--fingerprint", &second]).await.done();
    bob.sync().await;
    assert_eq!(pinned(bob).await, second);

    // Who says that the certificate will do is not stopped, and knows the new key from then on.
    carl.home.add_settings("[tls]\nrelay_key = \"or_certificate\"");
    carl.sync().await;
    carl.sync().await;
    assert_eq!(pinned(carl).await, second);
}

#[tokio::test]
async fn a_relay_put_back_on_another_machine_from_its_backup_alone_is_known_to_everybody() {
    let mut world = World::empty(&alone()).await;
    world.relay.account("ann").await;
    let (key, _) = keys(&world.relay).await;
    let ann = world.stranger("ann");
    login(&ann, &["--fingerprint", &key]).await.done();
    ann.sync().await;
    world.people.push(ann);
    let scratch = tempfile::tempdir().unwrap();
    let copy = scratch.path().join("backup.db");
    let made = world.relay.run(&["backup", copy.to_str().unwrap(), "--json"], "").await.done();
    assert_eq!(text(&made.one(), "key"), key);
    world.relay.terminate().await;
    let data = world.relay.data();
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::create_dir(&data).unwrap();
    std::fs::copy(&copy, data.join("relay.db")).unwrap();
    world.restart_relay().await;
    world.people[0].sync().await;
    assert_eq!(keys(&world.relay).await.0, key);
    // From here on the key is in its file alone, and what is changed there stays changed.
    world.relay.run(&["key", "prepare"], "").await.done();
    world.relay.run(&["key", "switch", "--now"], "").await.done();
    world.relay.terminate().await;
    world.restart_relay().await;
    assert_ne!(keys(&world.relay).await.0, key);
    let store = std::fs::read(data.join("relay.db")).unwrap();
    assert!(!store.windows(16).any(|bytes| bytes == b"BEGIN PRIVATE KE"), "the old one is left");
}

/// A login at a terminal, where `typed` is what the person types after the password; all that was shown, and its exit code.
async fn typed(
    person: &Person,
    typed: &'static str,
    more: &'static [&'static str],
) -> (u8, String) {
    let (home, url) = (person.home.dir().to_owned(), url(person));
    let (name, password) = (person.name.clone(), password_of(&person.name));
    // Commands block.
    let ran = tokio::task::spawn_blocking(move || {
        let home = home.to_str().unwrap();
        let args = ["mailboat", "--home", home, "login", &url, &name, "--password-stdin"];
        let args = args.into_iter().chain(more.iter().copied()).map(OsString::from);
        let mut stdin = Cursor::new(format!("{password}\n{typed}"));
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let io = agent::cli::Io {
            stdin: &mut stdin,
            out: &mut out,
            err: &mut err,
            stdin_is_terminal: true,
            out_is_terminal: false,
        };
        let nobody = [("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")].into_iter().collect();
        let code = agent::cli::run(args, &nobody, io);
        (code, String::from_utf8([out, err].concat()).unwrap())
    });
    ran.await.unwrap()
}

#[tokio::test]
async fn at_a_terminal_the_key_is_shown_and_believed_if_the_person_says_that_it_is_the_same() {
    let world = World::empty(&alone()).await;
    world.relay.account("ann").await;
    let ann = world.stranger("ann");
    let (key, _) = keys(&world.relay).await;
    let devices = async || {
        let devices = world.relay.run(&["device", "list", "ann", "--json"], "").await;
        devices.done().json().len()
    };
    // Everything but yes is no; a program is not asked.
    for no in ["no\n", "\n", "", "y\n", "yesyes\n"] {
        let (code, shown) = typed(&ann, no, &[]).await;
        assert_eq!(code, 1, "{no:?}: {shown}");
        assert!(shown.contains(&key) && shown.contains("Type yes"), "{shown}");
    }
    let (code, shown) = typed(&ann, "yes\n", &["--json"]).await;
    assert!(code == 1 && !shown.contains("Type yes"), "{shown}");
    assert_eq!(devices().await, 0, "somebody was let in");
    let wrong = &["--fingerprint", "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa"];
    let (code, shown) = typed(&ann, "yes\n", wrong).await;
    assert!(code == 1 && !shown.contains("Type yes"), "who knows the key is not asked: {shown}");

    let (code, shown) = typed(&ann, "YES\n", &["--quiet"]).await;
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains(&key), "what is asked about is shown: {shown}");
    assert_eq!((devices().await, pinned(&ann).await), (1, key));
    ann.sync().await;
}

#[tokio::test]
async fn a_relay_that_gave_its_key_up_is_an_alarm_until_the_user_says_otherwise() {
    let mut world = World::new(&RelayOptions::tls(), &["ann"]).await;
    world.people[0].sync().await;
    let file = world.relay.data().with_file_name("relay.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, settings.replace("own_key = \"beside\"", "own_key = \"off\"")).unwrap();
    world.relay.terminate().await;
    world.restart_relay().await;
    let ann = &world.people[0];
    let words = alarm(ann).await;
    assert!(words.contains("does not show the relay's own key"), "{words}");
    ann.home.login(&world.url(&ann.link), "ann", world.ca()).await.done();
    ann.sync().await;
}

#[tokio::test]
async fn the_keys_of_a_relay_are_told_to_nobody_who_does_not_ask_and_older_agents_go_on() {
    // An agent that ignores keys behaves as one that never heard of them.
    let world = World::new(&RelayOptions::tls(), &["ann"]).await;
    let ann = &world.people[0];
    ann.home.add_settings("[tls]\nrelay_key = \"ignore\"\nearly_data = false");
    for _ in 0..2 {
        ann.sync().await;
        let status = ann.home.one(&["status"]).await;
        assert_eq!(status["relay_key"], serde_json::Value::Null);
    }
}
