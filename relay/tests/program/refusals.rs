//! Why a relay does not start, in words.

use std::net::TcpListener;

use crate::rig::Rig;

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let complaint = Rig::new().refused(&["--listen", &address]);
    let expected = format!("cannot listen on {address}: another program (or relay) listens there");
    assert!(complaint.contains(&expected), "{complaint}");
}

#[test]
fn plain_http_for_other_machines_has_to_be_allowed_by_name() {
    let rig = Rig::new();
    let complaint = rig.refused(&["--listen", "0.0.0.0:0"]);
    assert!(complaint.contains("allow_plain_http = true"), "{complaint}");
    assert!(!rig.path("data").exists());
}

#[test]
fn bad_certificates_are_named() {
    let rig = Rig::new();
    let (cert, key) = (rig.path("relay.crt"), rig.path("relay.key"));
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        cert.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
    ];
    let absent = rig.refused(&args);
    assert!(absent.contains("relay.crt"), "{absent}");
    std::fs::write(&cert, "nonsense").unwrap();
    let empty = rig.refused(&args);
    assert!(empty.contains("relay.crt holds no certificate (PEM)"), "{empty}");
}

#[test]
fn a_directory_is_served_by_one_relay_at_a_time() {
    let rig = Rig::new();
    let mut first = rig.serve(&[], |_| {});
    let complaint = rig.refused(&["--listen", "127.0.0.1:0"]);
    assert!(complaint.contains("another relay serves the store in "), "{complaint}");
    assert_eq!(first.end().0.code(), Some(0));
    assert!(rig.serve(&[], |_| {}).line.starts_with("listening on "));
}

#[test]
fn a_store_of_a_newer_relay_is_left_alone() {
    let rig = Rig::new();
    rig.add("anna");
    let file = rig.path("data").join("relay.db");
    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(db);
    let complaint = rig.refused(&["--listen", "127.0.0.1:0"]);
    assert!(
        complaint.contains("schema 99") && complaint.contains("use the newer relay"),
        "{complaint}"
    );
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let rig = Rig::new();
    std::fs::write(rig.path("data"), "a file").unwrap();
    let complaint = rig.refused(&["--listen", "127.0.0.1:0"]);
    assert!(complaint.contains("cannot make the directory"), "{complaint}");
    assert!(rig.path("data").is_file());
}
