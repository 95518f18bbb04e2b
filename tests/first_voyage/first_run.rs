//! From an empty folder to the first message as a window does it: with the program and the socket, without a terminal.

use std::path::{Path, PathBuf};

use agent::control::{Client, Entry, EntryBy, Launcher, Order, Started};
use config::{
    AgentPaths, Env, Secret,
    agent::{ProxyChoice, Rule, When},
    edit::{Change, Edit},
};
use harness::program;
use harness::relay::{RelayOptions, password_of};
use harness::world::World;

/// The program without the desktop of whoever runs the tests.
fn quiet_program(dir: &Path) -> PathBuf {
    let path = dir.join("mailboat-alone");
    let text = format!(
        "#!/bin/sh\nexec env DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent '{}' \"$@\"\n",
        program::binary("mailboat-under-test").display()
    );
    // By a process of its own: what this one has open for writing while another test forks could not be started.
    let wrote = std::process::Command::new("sh")
        .args(["-c", "printf '%s' \"$1\" > \"$2\" && chmod 700 \"$2\"", "sh", &text])
        .arg(&path)
        .status();
    assert!(wrote.unwrap().success());
    path
}

#[tokio::test]
async fn a_window_gets_from_an_empty_folder_to_the_first_message() {
    let world = World::empty(&RelayOptions::default()).await;
    world.relay.account("ben").await;
    let code = world.relay.invite(1).await;
    let ann = world.stranger("ann");
    let home = ann.home.dir();
    let scratch = tempfile::tempdir().unwrap();
    let launcher = Launcher::of(quiet_program(scratch.path()), Some(home), None);
    let paths = AgentPaths::new(Some(home), &Env::default()).unwrap();
    let password = Secret::new(password_of("ann"));
    let entry = |name: &str, how: EntryBy| Entry {
        relay: world.url(&ann.link),
        name: name.to_owned(),
        how,
        ca: None,
        key: None,
    };
    let refused = async |entry: Entry| {
        let mut attempts = 0;
        let failure = launcher.enter(&entry, &password, |_| attempts += 1).await.unwrap_err();
        (failure.code, failure.exit, attempts)
    };
    let answer = |code: &str, exit: u8, attempts: u32| (code.to_owned(), exit, attempts);

    // What goes wrong has a code of its own each.
    let agent = launcher.start_agent(&paths).await.unwrap_err();
    assert_eq!(agent.code, "not_logged_in");
    let invited = |name: &str| entry(name, EntryBy::Invite(code.clone()));
    assert_eq!(refused(invited("ben")).await, answer("name_taken", 1, 1));
    assert_eq!(refused(invited("Ä")).await, answer("bad_name", 1, 1));
    let login = entry("ben", EntryBy::Account { since: None });
    assert_eq!(refused(login).await, answer("wrong_login", 1, 1));
    let bad = Entry { relay: "relay".to_owned(), ..invited("ann") };
    assert_eq!(refused(bad).await, answer("bad_url", 2, 0));
    // A proxy that is not there, set and taken away again in the settings.
    let mut edit = Edit::open(&paths.config).unwrap();
    let proxy = |url: &str| {
        let url: ProxyChoice = url.parse().unwrap();
        Change::Proxy(config::agent::Proxy { url, ..Default::default() })
    };
    edit.apply(&proxy("http://127.0.0.1:9")).unwrap();
    edit.save().unwrap();
    assert_eq!(refused(invited("ann")).await, answer("proxy_unreachable", 75, 1));
    let rule = Rule { when: Some(When::UrgentQueued), ..Rule::default() };
    edit.apply(&proxy("none")).unwrap();
    edit.apply(&Change::AddRule(rule)).unwrap();
    edit.save().unwrap();
    ann.link.down();
    let (_, exit, _) = refused(invited("ann")).await;
    assert_eq!(exit, 75);
    ann.link.up();

    // Then it goes well.
    let entered = launcher.enter(&invited("ann"), &password, |_| {}).await.unwrap();
    assert_eq!(entered.account, "ann@localhost");
    let other = tempfile::tempdir().unwrap();
    let elsewhere = Launcher::of(quiet_program(other.path()), Some(other.path()), None);
    let used = elsewhere.enter(&invited("cleo"), &password, |_| {}).await.unwrap_err();
    assert_eq!(used.code, "bad_invite");

    assert_eq!(launcher.start_agent(&paths).await.unwrap(), Started::Process);
    assert_eq!(launcher.start_agent(&paths).await.unwrap(), Started::Already);
    let mut client = Client::connect(&paths.socket).await.unwrap().unwrap();
    let _end = End(client.pid());
    let names = vec!["ben".to_owned()];
    let chat = Order::Chat { names, title: String::new(), greeting: "hello".to_owned() };
    client.ask(&chat).await.unwrap();
    client.ask(&Order::Reload).await.unwrap();
    client.ask(&Order::Sync { budget: None, only: None, pick: Vec::new() }).await.unwrap();
    let ben = world.stranger("ben");
    ben.home.login(&world.url(&ben.link), "ben", None).await.done();
    ben.sync().await;
    let inbox = ben.home.json(&["inbox"]).await;
    assert!(
        inbox.iter().any(|row| row["text"] == "hello" && row["kind"] == "request"),
        "{inbox:?}"
    );
}

#[tokio::test]
async fn a_window_logs_in_to_a_relay_with_a_key_of_its_own_by_that_key_alone() {
    let mut options = RelayOptions::default();
    options.settings.tls.own_key = config::relay::OwnKey::Alone;
    let world = World::empty(&options).await;
    world.relay.account("ann").await;
    let shown = world.relay.run(&["key", "--json"], "").await.done().one();
    let ann = world.stranger("ann");
    let scratch = tempfile::tempdir().unwrap();
    let launcher = Launcher::of(quiet_program(scratch.path()), Some(ann.home.dir()), None);
    let password = Secret::new(password_of("ann"));
    let enter = async |key: Option<&str>| {
        let entry = Entry {
            relay: format!("https://{}", ann.link.addr()),
            name: "ann".to_owned(),
            how: EntryBy::Account { since: None },
            ca: None,
            key: key.map(|key| key.parse().unwrap()),
        };
        launcher.enter(&entry, &password, |_| {}).await
    };
    // For the first of these the window shows the field for a key, the second stands beside it.
    let code = enter(None).await.unwrap_err().code;
    assert!(["certificate_untrusted", "tls_incompatible"].contains(&&code[..]), "{code}");
    let wrong = enter(Some("aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa")).await.unwrap_err();
    assert_eq!(wrong.code, "relay_key_changed");
    let right = shown["current"].as_str().unwrap();
    assert_eq!(enter(Some(right)).await.unwrap().account, "ann@localhost");
    assert_eq!(ann.home.one(&["status"]).await["relay_key"], right);
}

/// Ends the agent, which nobody else does.
struct End(u32);

impl Drop for End {
    fn drop(&mut self) {
        let _ = std::process::Command::new("kill").arg(self.0.to_string()).status();
    }
}
