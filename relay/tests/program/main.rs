//! The program `mailboat-relay` as its operator meets it: processes, signals, sockets.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "the modules of one test program")]

mod holds;
mod refusals;
mod rig;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixDatagram,
};

use serde_json::Value;

use self::rig::{PATIENCE, Rig, TOKEN};

#[test]
fn it_says_where_it_listens_answers_and_ends_when_told() {
    let rig = Rig::new();
    let mut relay = rig.serve(&[], |_| {});
    assert_ne!(relay.addr().port(), 0);
    let (status, body) = relay.ask("GET", "/v1/relay", None, "");
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &told["registration"]), (200, &Value::from("invite")));
    let (status, rest) = relay.end();
    assert_eq!((status.code(), rest.as_str()), (Some(0), ""));
}

#[test]
fn with_json_logs_the_first_line_is_an_object_too() {
    let rig = Rig::new();
    let relay = rig.serve(&[], |command| {
        command.env("MAILBOAT_LOG_FORMAT", "json");
        command.env("MAILBOAT_OPERATIONS_LISTEN", "127.0.0.1:0");
    });
    let said: Value = serde_json::from_str(&relay.line).unwrap();
    assert_eq!((&said["event"], &said["tls"]), (&Value::from("listening"), &Value::from(false)));
    let port = |key: &str| said[key].as_str().unwrap().parse::<SocketAddr>().unwrap().port();
    assert!(port("address") != 0 && port("operations") != 0);
    let mut stream = TcpStream::connect(said["operations"].as_str().unwrap()).unwrap();
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("ready\n"), "{answer}");
}

#[test]
fn the_service_manager_hears_when_it_is_ready_and_when_it_ends() {
    let rig = Rig::new();
    let path = rig.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let heard = || {
        let mut bytes = [0; 4096];
        let count = manager.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    };
    let mut relay = rig.serve(&[], |command| {
        command.env("NOTIFY_SOCKET", &path);
    });
    let ready = heard();
    assert!(ready.lines().any(|line| line == "READY=1"), "{ready}");
    assert!(ready.contains(&format!("STATUS=listening on {}", relay.addr())), "{ready}");
    assert_eq!(relay.end().0.code(), Some(0));
    let stopping = heard();
    assert!(stopping.lines().any(|line| line == "STOPPING=1"), "{stopping}");
}

#[test]
fn accounts_made_changed_and_shut_out_beside_it_count_at_once() {
    let rig = Rig::new();
    let relay = rig.serve(&[], |_| {});
    assert_eq!(relay.login("anna", "secret").0, 401);
    rig.add("anna");
    let (status, body) = relay.login("anna", "secret");
    assert_eq!(status, 200, "{body}");
    let listed = || relay.ask("GET", "/v1/devices", Some(TOKEN), "").0;
    assert_eq!(listed(), 200);
    assert_eq!(rig.run(&["account", "disable", "anna"], "").0, Some(0));
    assert_eq!(listed(), 401);
    assert_eq!(rig.run(&["account", "enable", "anna"], "").0, Some(0));
    assert_eq!(listed(), 200);
    let device: Value = serde_json::from_str(&body).unwrap();
    let revoke = ["device", "revoke", "anna", &device["device"].to_string()];
    assert_eq!(rig.run(&revoke, "").0, Some(0));
    assert_eq!(listed(), 401);
}

#[test]
fn a_code_made_beside_it_lets_one_person_join() {
    let rig = Rig::new();
    let relay = rig.serve(&[], |_| {});
    let (_, code, _) = rig.run(&["invite"], "");
    let joining = |name: &str, token: &str| {
        let body = serde_json::json!({"invite": code.trim(), "name": name, "password": "x", "token": token, "device": ""});
        relay.ask("POST", "/v1/join", None, &body.to_string()).0
    };
    assert_eq!(joining("anna", TOKEN), 200);
    assert_eq!(joining("bert", "BBBBBBBBBBBBBBBBBBBBBA"), 403);
    assert_eq!(joining("anna", TOKEN), 200);
}

#[test]
fn a_backup_taken_beside_it_serves_when_put_elsewhere() {
    let rig = Rig::new();
    let first = rig.serve(&[], |_| {});
    rig.add("anna");
    let copy = rig.path("copy.db");
    assert_eq!(rig.run(&["backup", copy.to_str().unwrap()], "").0, Some(0));
    drop(first);
    let elsewhere = Rig::new();
    std::fs::create_dir(elsewhere.path("data")).unwrap();
    std::fs::copy(&copy, elsewhere.path("data").join("relay.db")).unwrap();
    let relay = elsewhere.serve(&[], |_| {});
    assert_eq!(relay.login("anna", "secret").0, 200);
}
