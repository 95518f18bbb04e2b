//! Early data: what is taken before the handshake is over, what is not, and what a replay comes to.

use std::{
    io::{Read, Write},
    sync::Arc,
};

use ::tls::{ByRawKey, KeyJudge};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind,
    client::{Resumption, TicketRequest},
    crypto::ring,
    pki_types::ServerName,
};
use wire::Fingerprint;

use super::{
    super::tls::{Tls, TlsOptions},
    bytes::Noted,
    *,
};
use crate::ownkey::{KeyRing, OwnKeys};

/// A relay without a certificate, and a client that knows its key.
struct Ends {
    keys: OwnKeys,
    server: TlsConfigs,
    client: Arc<ClientConfig>,
    metrics: Metrics,
}

/// Trusts the one key.
#[derive(Debug)]
struct Known(Fingerprint);

impl KeyJudge for Known {
    fn shown(&self, key: &[u8]) -> Result<(), rustls::Error> {
        assert_eq!(Fingerprint::of(key), self.0);
        Ok(())
    }
}

fn configs(keys: &OwnKeys, early_data: bool) -> TlsConfigs {
    let options = TlsOptions { files: None, tls12: false, sessions: 16, early_data };
    Tls::load(options, &KeyRing::new(keys.clone())).unwrap().configs()
}

impl Ends {
    fn new(early_data: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keys = OwnKeys::load_or_make(dir.path(), 0).unwrap();
        let known = Known(keys.current.fingerprint());
        let verifier = Arc::new(ByRawKey(Arc::new(known)));
        let mut client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        client.resumption = Resumption::in_memory_sessions(4);
        client.enable_early_data = true;
        let server = configs(&keys, early_data);
        Self { keys, server, client: Arc::new(client), metrics: Metrics::new() }
    }

    fn caller(&self, early: &[u8]) -> Caller {
        let name = ServerName::try_from("localhost").unwrap();
        let mut conn = ClientConnection::new(self.client.clone(), name).unwrap();
        if !early.is_empty() {
            conn.early_data().expect("there is a ticket").write_all(early).unwrap();
        }
        Caller { conn, said: Vec::new() }
    }

    fn options(&self) -> ServeOptions {
        ServeOptions { metrics: self.metrics.clone(), ..ServeOptions::default() }
    }

    /// A visit with the whole handshake, for a ticket.
    async fn acquaint(&self) -> HandshakeKind {
        let (mut far, near) = tokio::io::duplex(PIPE);
        let (_served, _closing) = carried(near, Some(self.server.clone()), self.options());
        let mut caller = self.caller(b"");
        while caller.conn.is_handshaking() {
            caller.speak(&mut far).await;
            caller.listen(&mut far).await;
        }
        caller.conn.writer().write_all(SYNC).unwrap();
        assert!(caller.hears(&mut far, "3 in").await);
        caller.conn.handshake_kind().unwrap()
    }

    /// Requests that were carried out.
    fn answered(&self) -> u64 {
        let text = self.metrics.encode();
        let lines = text.lines().filter(|line| line.starts_with("mailboat_http_requests_total{"));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }
}

/// The other end, step by step.
struct Caller {
    conn: ClientConnection,
    /// All bytes that left.
    said: Vec<u8>,
}

impl Caller {
    async fn speak(&mut self, far: &mut DuplexStream) {
        let mut out = Vec::new();
        while self.conn.wants_write() {
            self.conn.write_tls(&mut out).unwrap();
        }
        far.write_all(&out).await.unwrap();
        self.said.extend(out);
    }

    /// One piece; `false` at the end.
    async fn listen(&mut self, far: &mut DuplexStream) -> bool {
        let mut bytes = [0; 4096];
        let count = far.read(&mut bytes).await.unwrap();
        let mut rest = &bytes[..count];
        while !rest.is_empty() {
            self.conn.read_tls(&mut rest).unwrap();
            self.conn.process_new_packets().unwrap();
        }
        0 < count
    }

    /// Speaks once, and reads until an answer ends so, without saying the handshake's end.
    async fn hears(&mut self, far: &mut DuplexStream, end: &str) -> bool {
        self.speak(far).await;
        let mut all = Vec::new();
        while !String::from_utf8_lossy(&all).trim_end().ends_with(end) {
            if !self.listen(far).await {
                return false;
            }
            let _ = self.conn.reader().read_to_end(&mut all);
        }
        true
    }
}

const SYNC: &[u8] = b"POST /v1/sync HTTP/1.1\r\ncontent-length: 3\r\n\r\nnew";
const HELLO: &[u8] = b"GET /hello HTTP/1.1\r\n\r\n";

#[tokio::test]
async fn an_exchange_is_answered_in_the_first_write_and_a_further_request_ends_the_handshake() {
    let ends = Ends::new(true);
    assert_eq!(ends.acquaint().await, HandshakeKind::Full);
    let (mut far, near) = tokio::io::duplex(PIPE);
    let (near, writes) = Noted::new(near);
    let (_served, _closing) = carried(near, Some(ends.server.clone()), ends.options());
    let mut caller = ends.caller(SYNC);
    assert!(caller.hears(&mut far, "3 in").await);
    assert!(caller.conn.is_early_data_accepted());
    assert_eq!(writes.lock().unwrap().len(), 1, "handshake and answer in one: {writes:?}");
    caller.conn.writer().write_all(HELLO).unwrap();
    assert!(caller.hears(&mut far, "hello").await);
    assert_eq!(writes.lock().unwrap().len(), 2, "ticket and answer in one: {writes:?}");
}

#[tokio::test]
async fn nothing_but_an_exchange_is_carried_out_early() {
    let ends = Ends::new(true);
    let other: &[u8] = b"POST /count HTTP/1.1\r\ncontent-length: 3\r\n\r\nnew";
    let looks: &[u8] = b"GET /v1/sync HTTP/1.1\r\n\r\n";
    for (request, expected) in [(HELLO, "hello"), (other, "3"), (looks, "content-length: 0")] {
        ends.acquaint().await;
        let (mut far, near) = tokio::io::duplex(PIPE);
        let (_served, _closing) = carried(near, Some(ends.server.clone()), ends.options());
        let mut caller = ends.caller(request);
        assert!(caller.hears(&mut far, "behind the handshake").await);
        // The same behind it.
        caller.conn.writer().write_all(request).unwrap();
        assert!(caller.hears(&mut far, expected).await);
    }
}

#[tokio::test]
async fn a_request_that_comes_early_in_part_is_waited_for_behind_the_handshake() {
    let ends = Ends::new(true);
    for part in 1..SYNC.len() {
        ends.acquaint().await;
        let (mut far, near) = tokio::io::duplex(PIPE);
        let (_served, _closing) = carried(near, Some(ends.server.clone()), ends.options());
        let mut caller = ends.caller(&SYNC[..part]);
        while caller.conn.is_handshaking() {
            caller.speak(&mut far).await;
            assert!(caller.listen(&mut far).await);
        }
        caller.conn.writer().write_all(&SYNC[part..]).unwrap();
        assert!(caller.hears(&mut far, "3 in").await, "{part} bytes early");
    }
}

#[tokio::test]
async fn a_replay_is_not_carried_out_and_told_nothing_also_after_a_restart() {
    let ends = Ends::new(true);
    ends.acquaint().await;
    let (mut far, near) = tokio::io::duplex(PIPE);
    let (_served, _closing) = carried(near, Some(ends.server.clone()), ends.options());
    let mut caller = ends.caller(SYNC);
    assert!(caller.hears(&mut far, "3 in").await);
    caller.conn.writer().write_all(HELLO).unwrap();
    assert!(caller.hears(&mut far, "hello").await);
    let answered = ends.answered();
    assert_eq!(answered, 3);
    let restarted = configs(&ends.keys, true);
    for server in [&ends.server, &restarted, &ends.server] {
        let (mut far, near) = tokio::io::duplex(PIPE);
        let (near, writes) = Noted::new(near);
        let (served, _closing) = carried(near, Some(server.clone()), ends.options());
        far.write_all(&caller.said).await.unwrap();
        far.shutdown().await.unwrap();
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.unwrap();
        assert!(served.await.unwrap().is_err(), "it has no end");
        assert_eq!(ends.answered(), answered, "nothing was carried out");
        // A handshake's answer, as anybody gets one: hello, key, signature, `Finished`, an alert. No answer to the request.
        assert!(writes.lock().unwrap()[0] < 600 && heard.len() < 700, "{writes:?}");
    }
}

#[tokio::test]
async fn what_is_not_taken_early_is_taken_behind_the_handshake_once() {
    let ends = Ends::new(true);
    ends.acquaint().await;
    let refuses = configs(&ends.keys, false);
    let (mut far, near) = tokio::io::duplex(PIPE);
    let (_served, _closing) = carried(near, Some(refuses), ends.options());
    let mut caller = ends.caller(SYNC);
    let before = ends.answered();
    while caller.conn.is_handshaking() {
        caller.speak(&mut far).await;
        assert!(caller.listen(&mut far).await);
    }
    assert!(!caller.conn.is_early_data_accepted());
    caller.conn.writer().write_all(SYNC).unwrap();
    assert!(caller.hears(&mut far, "3 in").await);
    assert_eq!(ends.answered(), before + 1);
}

#[tokio::test]
async fn there_is_room_for_all_tickets_of_every_device_that_is_counted_on() {
    let mut ends = Ends::new(true);
    let options = TlsOptions { files: None, tls12: false, sessions: 1, early_data: true };
    ends.server = Tls::load(options, &KeyRing::new(ends.keys.clone())).unwrap().configs();
    let mut client = ClientConfig::clone(&ends.client);
    let (new_session_count, resumption_count) = (4, 0);
    client.send_ticket_request = Some(TicketRequest { new_session_count, resumption_count });
    ends.client = Arc::new(client);
    let mut kinds = Vec::new();
    for _ in 0..5 {
        kinds.push(ends.acquaint().await);
    }
    assert_eq!(kinds[0], HandshakeKind::Full);
    assert_eq!(kinds[1..], [HandshakeKind::Resumed; 4]);
}

#[tokio::test]
async fn a_long_request_that_is_not_taken_early_is_skipped_in_small_pieces_too() {
    let ends = Ends::new(true);
    let head = b"POST /v1/sync HTTP/1.1\r\ncontent-length: 16000\r\n\r\n";
    let long = [&head[..], &[7; 16_000]].concat();
    for pipe in [700, 1460, PIPE] {
        ends.acquaint().await;
        let (mut far, near) = tokio::io::duplex(pipe);
        let restarted = configs(&ends.keys, true);
        let (_served, _closing) = carried(near, Some(restarted), ends.options());
        let mut caller = ends.caller(&long);
        while caller.conn.is_handshaking() {
            caller.speak(&mut far).await;
            assert!(caller.listen(&mut far).await);
        }
        assert!(!caller.conn.is_early_data_accepted());
        caller.conn.writer().write_all(&long).unwrap();
        assert!(caller.hears(&mut far, "16000 in").await, "pieces of {pipe}");
    }
}

#[tokio::test]
async fn what_is_written_behind_an_early_exchange_is_no_exchange_by_that() {
    let ends = Ends::new(true);
    ends.acquaint().await;
    let (mut far, near) = tokio::io::duplex(PIPE);
    let (_served, _closing) = carried(near, Some(ends.server.clone()), ends.options());
    let other = b"POST /count HTTP/1.1\r\ncontent-length: 3\r\n\r\nnew";
    let mut caller = ends.caller(&[SYNC, other].concat());
    assert!(caller.hears(&mut far, "behind the handshake").await);
    caller.conn.writer().write_all(other).unwrap();
    assert!(caller.hears(&mut far, "3").await);
}

#[tokio::test]
async fn a_relay_with_a_key_alone_refuses_who_wants_a_certificate() {
    let ends = Ends::new(true);
    let (far, near) = tokio::io::duplex(PIPE);
    let (served, _closing) = carried(near, Some(ends.server.clone()), ends.options());
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let name = ServerName::try_from("localhost").unwrap();
    let err = connector.connect(name, far).await.unwrap_err();
    assert!(err.to_string().contains("HandshakeFailure"), "{err}");
    assert!(matches!(served.await.unwrap(), Err(ConnError::Tls(_))));
}
