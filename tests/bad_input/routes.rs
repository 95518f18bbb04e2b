//! Garbage at every door of the relay, and at the agent's control socket.

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use harness::relay::{RelayOptions, password_of};
use harness::world::World;

use super::forger::{Forger, read, request, send};

const ROUTES: [(&str, &str); 7] = [
    ("POST", "/v1/sync"),
    ("POST", "/v1/join"),
    ("POST", "/v1/login"),
    ("POST", "/v1/devices"),
    ("GET", "/v1/devices"),
    ("DELETE", "/v1/devices/1"),
    ("POST", "/v1/password"),
];

#[tokio::test]
async fn garbage_at_every_route_is_answered_in_words_and_ends_nothing() {
    let world = World::new(&RelayOptions::default(), &["ann"]).await;
    let addr = world.relay.addr();
    let forger = Forger::login(addr, "ann", 'a').await;
    let bodies: [Vec<u8>; 7] = [
        vec![],
        b"{".to_vec(),
        b"null".to_vec(),
        vec![0xff; 3_000],
        format!("{}1", "[".repeat(20_000)).into_bytes(),
        json!({"name": 1, "password": [], "token": {}, "device": true, "old": 0, "new": null})
            .to_string()
            .into_bytes(),
        vec![0xB0, 1, 0, 0, 251, 0xff, 0xff],
    ];
    for (method, path) in ROUTES {
        for body in &bodies {
            for token in [Some(&forger.token[..]), None, Some("x"), Some("../../etc/passwd")] {
                let got = send(addr, &request(method, path, token, body)).await;
                let what = format!("{method} {path} {token:?} {:?}: {got:?}", body.get(..20));
                let right = (method, token) == ("GET", Some(&forger.token[..]));
                let expected: &[u16] = if right { &[200] } else { &[400, 401, 403, 404] };
                assert!(expected.contains(&got.status), "{what}");
                assert!(got.body.len() < 2_000 && !got.body.is_empty(), "{what}");
                if path != "/v1/sync" && got.status != 200 {
                    let (error, code) = (&got.json()["error"], &got.json()["code"]);
                    assert!(error.is_string() && code.is_string(), "{what}");
                }
            }
        }
    }
    for id in [
        "0",
        "-1",
        "18446744073709551616",
        "%00",
        "1e3",
        "..",
        "9223372036854775808",
        "18446744073709551615",
    ] {
        let got =
            send(addr, &request("DELETE", &format!("/v1/devices/{id}"), Some(&forger.token), b""))
                .await;
        assert!([400, 404].contains(&got.status), "{id}: {got:?}");
    }
    world.people[0].sync().await;
}

#[tokio::test]
async fn names_passwords_tokens_labels_and_cursors_out_of_bounds_are_refused_by_what_they_are() {
    let mut options = RelayOptions::default();
    options.settings.registration = config::relay::Registration::Open;
    let world = World::new(&options, &["ann"]).await;
    let addr = world.relay.addr();
    let forger = Forger::login(addr, "ann", 'a').await;
    let good = || json!({"name": "eve", "password": "long enough", "token": "A".repeat(22), "device": "boat"});
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("Eve")),
        ("name", json!("a".repeat(33))),
        ("name", json!("e\u{0000}ve")),
        ("name", json!("..\\")),
        ("password", json!("")),
        ("password", json!("p".repeat(1_025))),
        ("token", json!("A".repeat(21))),
        ("token", json!("A".repeat(60_000))),
        ("token", json!("?".repeat(22))),
        ("device", json!("b".repeat(10_000))),
        ("since_s", json!(-1)),
        ("since_s", json!("soon")),
    ] {
        let mut asked = good();
        asked[field] = value.clone();
        let (path, right) = match field {
            "since_s" => {
                asked["name"] = "ann".into();
                asked["password"] = password_of("ann").into();
                ("/v1/login", &[400][..])
            }
            _ => ("/v1/join", &[400][..]),
        };
        let got = send(addr, &request("POST", path, None, asked.to_string().as_bytes())).await;
        assert!(right.contains(&got.status), "{field}: {value}: {got:?}");
        assert!(got.body.len() < 1_000, "{field} comes back: {got:?}");
    }
    // All of the past is as far back as it goes.
    let mut asked = good();
    (asked["name"], asked["password"]) = ("ann".into(), password_of("ann").into());
    asked["token"] = ("C".repeat(21) + "A").into();
    asked["since_s"] = u64::MAX.into();
    let got = send(addr, &request("POST", "/v1/login", None, asked.to_string().as_bytes())).await;
    assert_eq!(got.status, 200, "{got:?}");
    let far = json!({"token": "B".repeat(21) + "A", "device": "", "cursors": {"latest": u64::MAX, "urgent": 0, "ordinary": 0}});
    let got = send(
        addr,
        &request("POST", "/v1/devices", Some(&forger.token), far.to_string().as_bytes()),
    )
    .await;
    assert_eq!(got.status, 400, "{got:?}");
    let got = send(addr, &request("POST", "/v1/join", None, good().to_string().as_bytes())).await;
    assert_eq!(got.status, 200, "what is good is taken: {got:?}");
}

#[tokio::test]
async fn what_is_larger_than_its_limit_is_refused_with_the_limit() {
    let world = World::new(&RelayOptions::default(), &["ann"]).await;
    let addr = world.relay.addr();
    let forger = Forger::login(addr, "ann", 'a').await;
    for (method, path) in ROUTES {
        let got =
            send(addr, &request(method, path, Some(&forger.token), &vec![b'x'; 200 << 10])).await;
        // The connection cannot be used after what was left unread; the answer arrives all the same.
        assert!([400, 413].contains(&got.status), "{method} {path}: {got:?}");
    }
    let long =
        format!("GET /v1/relay HTTP/1.1\r\nHost: relay\r\nX: {}\r\n\r\n", "a".repeat(1 << 20));
    assert_eq!(send(addr, long.as_bytes()).await.status, 431);
    let long = format!("GET /{} HTTP/1.1\r\nHost: relay\r\n\r\n", "a".repeat(1 << 20));
    assert!([414, 431].contains(&send(addr, long.as_bytes()).await.status));
    let huge =
        "POST /v1/sync HTTP/1.1\r\nHost: relay\r\nContent-Length: 18446744073709551615\r\n\r\n";
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(huge.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let got = read(&mut stream).await;
    assert!([400, 401, 413, 431].contains(&got.status), "{got:?}");
    // Two lengths are how requests are smuggled through proxies.
    for fields in
        ["Content-Length: 1\r\nContent-Length: 2", "Content-Length: x", "Content-Length: -1"]
    {
        let request = format!("POST /v1/sync HTTP/1.1\r\nHost: relay\r\n{fields}\r\n\r\nab");
        assert_eq!(send(addr, request.as_bytes()).await.status, 400, "{fields}");
    }
    world.people[0].sync().await;
}

#[tokio::test]
async fn a_token_that_is_wrong_or_revoked_is_told_what_to_do_and_nothing_is_lost() {
    let world = World::of_two().await;
    let [ann, bob] = &world.people[..] else { panic!("two people") };
    ann.home.run(&["send", "bob", "-m", "before"]).await.done();
    let devices = ann.home.json(&["devices"]).await;
    let id = devices[0]["id"].to_string();
    world.relay.run(&["device", "revoke", "ann", &id], "").await.done();
    let output = ann.home.run(&["sync"]).await.exits(1);
    assert!(super::complaint(&output).contains("Log in again with `mailboat login`"), "{output:?}");
    assert_eq!(ann.home.json(&["outbox"]).await.len(), 1);
    ann.home.login(&world.url(&ann.link), "ann", None).await.done();
    ann.sync().await;
    bob.sync().await;
    // What was written for the old device waits for a word, or goes by itself; it is not gone.
    let here = ann.home.json(&["outbox"]).await;
    let there = super::texts(bob).await;
    assert!(
        there == ["before"] || here.iter().any(|row| row["text"] == "before"),
        "{here:?} {there:?}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn garbage_at_the_control_socket_is_answered_and_the_agent_goes_on() {
    use tokio::{io::AsyncReadExt, net::UnixStream};

    let world = World::of_two().await;
    let ann = &world.people[0];
    let mut agent = ann.home.resident().await;
    let deep =
        format!("{{\"v\":1,\"id\":{}1{},\"do\":\"status\"}}", "[".repeat(5_000), "]".repeat(5_000));
    for line in [
        "GET / HTTP/1.1",
        "{}",
        "[]",
        "{\"v\":2,\"id\":1,\"do\":\"status\"}",
        "{\"v\":1,\"id\":1,\"do\":\"format\"}",
        "{\"v\":1,\"id\":1,\"do\":\"send\",\"to\":[\"bob\"]}",
        "{\"v\":1,\"id\":1,\"do\":\"send\",\"to\":[\"\\u0000\"],\"text\":\"x\"}",
        "{\"v\":1,\"id\":1,\"do\":\"edit\",\"target\":\"m18446744073709551616\",\"text\":\"x\"}",
        "{\"v\":1,\"id\":1,\"do\":\"delete\",\"target\":\"m-1\"}",
        "{\"v\":1,\"id\":1,\"do\":\"sync\",\"budget\":-5}",
        "{\"v\":1,\"id\":1,\"do\":\"accept\",\"target\":\"r999\"}",
        "{\"v\":1,\"id\":1,\"do\":\"chat\",\"names\":[]}",
        "{\"v\":1,\"id\":1,\"do\":\"mark_read\",\"targets\":[\"m1\",\"\",\"m2\"]}",
        "\u{0}\u{1}\u{2}",
        &deep,
    ] {
        let mut socket = UnixStream::connect(ann.home.dir().join("agent.sock")).await.unwrap();
        socket.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        let mut received = Vec::new();
        while received.iter().filter(|byte| **byte == b'\n').count() < 2 {
            assert_ne!(socket.read_buf(&mut received).await.unwrap(), 0, "{line}");
        }
        let answer = String::from_utf8(received).unwrap();
        let answer: serde_json::Value =
            serde_json::from_str(answer.lines().nth(1).unwrap()).unwrap();
        let words = answer["error"]["words"].as_str().unwrap_or_else(|| panic!("{line}: {answer}"));
        assert!(!words.is_empty() && words.len() < 500, "{words}");
    }
    // Bytes that are no text, and a line that never ends.
    let mut socket = UnixStream::connect(ann.home.dir().join("agent.sock")).await.unwrap();
    let _ = socket.write_all(&vec![0xff; 2 << 20]).await;
    assert!(!agent.has_ended(), "{}", agent.said());
    assert!(ann.home.one(&["sync"]).await["outcome"] == "done");
    assert!(!agent.said().contains("panicked"), "{}", agent.said());
}
