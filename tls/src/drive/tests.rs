//! A handshake over a pipe that takes a byte at a time, and ends that are none.

use std::{future::poll_fn, sync::Arc};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, crypto::ring::default_provider, version::TLS13,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;

fn client() -> ClientConnection {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    ClientConnection::new(Arc::new(config), "relay.example".try_into().unwrap()).unwrap()
}

#[tokio::test]
async fn all_that_is_to_be_said_leaves_however_little_is_taken_at_a_time() {
    let (mut one, mut other) = (client(), client());
    let mut whole = Vec::new();
    one.write_tls(&mut whole).unwrap();
    let (mut near, mut far) = duplex(1);
    let heard = tokio::spawn(async move {
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.map(|_| heard)
    });
    poll_fn(|cx| poll_say(&mut other, &mut near, cx)).await.unwrap();
    assert!(!other.wants_write());
    near.shutdown().await.unwrap();
    assert_eq!(heard.await.unwrap().unwrap().len(), whole.len());
}

#[tokio::test]
async fn what_comes_is_taken_in_as_it_comes_and_the_end_is_an_end() {
    let mut conn = client();
    let (mut near, mut far) = duplex(64);
    let waits = poll_fn(|cx| Poll::Ready(poll_hear(&mut conn, &mut near, cx).is_pending())).await;
    assert!(waits, "nothing came yet");
    far.write_all(b"GET / ").await.unwrap();
    assert_eq!(poll_fn(|cx| poll_hear(&mut conn, &mut near, cx)).await.unwrap(), 6);
    drop(far);
    assert_eq!(poll_fn(|cx| poll_hear(&mut conn, &mut near, cx)).await.unwrap(), 0);
    let gone = poll_fn(|cx| poll_say(&mut conn, &mut near, cx)).await.unwrap_err();
    assert_eq!(gone.kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn a_stream_that_takes_nothing_any_more_is_an_error_and_no_endless_loop() {
    let mut full = [0; 10];
    let mut sink = io::Cursor::new(&mut full[..]);
    let stuck = poll_fn(|cx| poll_say(&mut client(), &mut sink, cx)).await.unwrap_err();
    assert_eq!(stuck.kind(), io::ErrorKind::WriteZero);
}
