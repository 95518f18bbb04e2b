//! What must never be seen: tokens, passwords, codes and texts in logs, and anybody's files by others.

use harness::relay::{RelayOptions, password_of};
use harness::world::World;

use super::forger::{Forger, request, send};

const TEXT: &str = "the-words-between-us";

#[tokio::test]
async fn no_log_holds_a_text_a_token_a_password_or_a_code_however_much_is_logged() {
    let mut options = RelayOptions::default();
    options.settings.log = "trace".to_owned();
    let world = World::new(&options, &["ann", "bob"]).await;
    world.acquaint().await;
    let [ann, bob] = &world.people[..] else { panic!("two people") };
    let mut resident =
        harness::program::Running::start(ann.home.command(&["--log", "trace", "agent"]));
    resident.wait_line(|line| (!line.is_empty()).then_some(())).await;
    ann.home.run(&["send", "bob", "-m", TEXT]).await.done();
    ann.sync().await;
    bob.sync().await;
    let code = world.relay.invite(1).await;
    let forger = Forger::login(world.relay.addr(), "ann", 'z').await;
    let joining = serde_json::json!({
        "invite": code, "name": "eve", "password": "a-password-of-eves", "token": "E".repeat(21) + "A", "device": "",
    });
    for (path, token, body) in [
        ("/v1/join", None, joining.to_string().into_bytes()),
        (
            "/v1/login",
            None,
            br#"{"name":"ann","password":"a-wrong-password","token":"G"}"#.to_vec(),
        ),
        (
            "/v1/password",
            Some(&forger.token[..]),
            br#"{"old":"an-old-one","new":"a-new-password"}"#.to_vec(),
        ),
        ("/v1/sync", Some(&forger.token[..]), [&[0xB0, 1, 0, 0][..], TEXT.as_bytes()].concat()),
        ("/v1/sync", Some("HHHHHHHHHHHHHHHHHHHHHA"), TEXT.as_bytes().to_vec()),
    ] {
        send(world.relay.addr(), &request("POST", path, token, &body)).await;
    }
    let account = std::fs::read_to_string(ann.home.dir().join("account.toml")).unwrap();
    let token = account.split('"').find(|word| word.len() == 22).unwrap().to_owned();
    let secrets = [
        TEXT,
        &token,
        &forger.token,
        &code,
        &password_of("ann"),
        "a-password-of-eves",
        "a-wrong-password",
        "an-old-one",
        "a-new-password",
        "HHHHHHHHHHHHHHHHHHHHHA",
        "EEEEEEEEEEEEEEEEEEEEEA",
    ];
    for (who, said) in [("relay", world.relay.said()), ("agent", resident.said())] {
        assert!((1..256 << 10).contains(&said.len()), "the {who} logged {} bytes", said.len());
        for secret in secrets {
            let line = said.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "the {who} logs {secret}");
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn every_file_with_something_in_it_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let world = World::of_two().await;
    let [ann, _] = &world.people[..] else { panic!("two people") };
    let mut resident = ann.home.resident().await;
    ann.home.run(&["send", "bob", "-m", TEXT]).await.done();
    ann.sync().await;
    let copy = world.relay.data().join("copy.db");
    world.relay.run(&["backup", &copy.to_string_lossy()], "").await.done();
    let mut seen = Vec::new();
    for dir in [ann.home.dir(), &world.relay.data()] {
        for file in std::fs::read_dir(dir).unwrap() {
            let file = file.unwrap();
            let (metadata, name) =
                (file.metadata().unwrap(), file.file_name().into_string().unwrap());
            // A lock has nothing in it.
            if metadata.is_file() && metadata.len() != 0 || name.ends_with(".sock") {
                assert_eq!(metadata.permissions().mode() & 0o077, 0, "{name}");
                seen.push(name);
            }
        }
    }
    for wanted in ["account.toml", "agent.sock", "copy.db"] {
        assert!(seen.iter().any(|name| name == wanted), "{wanted}: {seen:?}");
    }
    resident.terminate().await;
}

#[tokio::test]
async fn what_a_relay_is_asked_wrongly_comes_back_without_what_was_secret_in_it() {
    let world = World::new(&RelayOptions::default(), &["ann"]).await;
    for body in [
        r#"{"name":"ann","password":"hunter2hunter2","token":7}"#,
        r#"{"name":"ann","password":["hunter2hunter2"],"token":"x"}"#,
        r#"{"name":{"hunter2hunter2":1}}"#,
        r#"{"name":"ann","password":"hunter2hunter2","#,
    ] {
        let got =
            send(world.relay.addr(), &request("POST", "/v1/login", None, body.as_bytes())).await;
        assert_eq!(got.status, 400, "{got:?}");
        assert!(!got.text().contains("hunter2"), "{}", got.text());
    }
}
