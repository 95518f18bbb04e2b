//! TLS over a pipe: what it costs in writes, resumption, and what is not TLS.

use std::io;

use rcgen::generate_simple_self_signed;
use rustls::{
    ClientConfig, HandshakeKind, NamedGroup, RootCertStore,
    client::{ClientSessionMemoryCache, ClientSessionStore, Resumption},
    crypto::{CryptoProvider, SupportedKxGroup},
};
use rustls_pki_types::ServerName;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    super::tls::{PemFiles, Tls, TlsOptions},
    bytes::Noted,
    *,
};
use crate::ownkey::KeyRing;

pub(super) struct Ends {
    pub(super) server: TlsConfigs,
    client: Arc<ClientConfig>,
    roots: Arc<RootCertStore>,
}

pub(super) fn ends(tls12: bool) -> Ends {
    let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let files = PemFiles { cert: dir.path().join("relay.crt"), key: dir.path().join("relay.key") };
    std::fs::write(&files.cert, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let options = TlsOptions { files: Some(files), tls12, sessions: 16, early_data: true };
    let server = Tls::load(options, &KeyRing::default()).unwrap().configs();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: &[_] =
        if tls12 { &[&rustls::version::TLS12] } else { &[&rustls::version::TLS13] };
    let roots = Arc::new(roots);
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    client.resumption = Resumption::in_memory_sessions(4);
    Ends { server, client: Arc::new(client), roots }
}

impl Ends {
    /// A client that offers these key exchanges, with a share for the first, or for `hint`.
    pub(super) fn offering(
        self,
        kx_groups: &[&'static dyn SupportedKxGroup],
        hint: Option<NamedGroup>,
    ) -> Self {
        let kx_groups = kx_groups.to_vec();
        let provider = CryptoProvider { kx_groups, ..rustls::crypto::ring::default_provider() };
        let mut client = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        let sessions = ClientSessionMemoryCache::new(4);
        if let Some(hint) = hint {
            sessions.set_kx_hint(ServerName::try_from("localhost").unwrap(), hint);
        }
        client.resumption = Resumption::store(Arc::new(sessions));
        Self { client: Arc::new(client), ..self }
    }

    async fn secured(&self, far: DuplexStream) -> TlsStream<DuplexStream> {
        self.try_secured(far).await.unwrap()
    }

    pub(super) async fn try_secured(
        &self,
        far: DuplexStream,
    ) -> io::Result<TlsStream<DuplexStream>> {
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(self.client.clone()).connect(name, far).await
    }

    /// One visit; how the session began, and the lengths of the relay's writes.
    async fn visit(&self) -> (Option<HandshakeKind>, Vec<usize>) {
        self.visit_to("/hello", "hello").await
    }

    async fn visit_to(&self, path: &str, ends_with: &str) -> (Option<HandshakeKind>, Vec<usize>) {
        let (far, near) = tokio::io::duplex(PIPE);
        let (near, writes) = Noted::new(near);
        let (served, _closing) = carried(near, Some(self.server.clone()), ServeOptions::default());
        let mut stream = self.secured(far).await;
        let request = format!("GET {path} HTTP/1.1\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        assert!(answer(&mut stream).await.ends_with(ends_with));
        let kind = stream.get_ref().1.handshake_kind();
        let until_answered = writes.lock().unwrap().clone();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        served.await.unwrap().unwrap();
        (kind, until_answered)
    }
}

#[tokio::test]
async fn the_ticket_leaves_with_the_answer_and_is_good_for_one_resumption() {
    let ends = ends(false);
    for expected in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
        let (kind, writes) = ends.visit().await;
        assert_eq!(kind, Some(expected));
        assert_eq!(writes.len(), 2, "the handshake, then ticket and answer: {writes:?}");
    }
}

#[tokio::test]
async fn an_answer_of_many_packets_leaves_in_one_write_and_in_a_record_for_each() {
    const RECORD_LEN_MORE: usize = 22;
    let (_, writes) = ends(false).visit_to("/packets", "p").await;
    let head_len = "HTTP/1.1 200 OK\r\ncontent-length: 2700\r\n\r\n".len();
    let expected = head_len + PACKETS * (PACKET_LEN + RECORD_LEN_MORE);
    assert_eq!(writes.len(), 3, "the handshake, the ticket, the answer: {writes:?}");
    assert_eq!(writes[2], expected);
}

#[tokio::test]
async fn tls_1_2_is_spoken_when_it_is_allowed() {
    assert_eq!(ends(true).visit().await.0, Some(HandshakeKind::Full));
}

#[tokio::test]
async fn what_is_not_tls_is_told_so_and_closed() {
    let (mut far, near) = tokio::io::duplex(PIPE);
    let (served, _closing) = carried(near, Some(ends(false).server), ServeOptions::default());
    far.write_all(b"GET /hello HTTP/1.1\r\n\r\n").await.unwrap();
    let mut alert = Vec::new();
    far.read_to_end(&mut alert).await.unwrap();
    assert_eq!(alert.first(), Some(&21), "no alert: {alert:?}");
    assert!(matches!(served.await.unwrap(), Err(ConnError::Tls(_))));
}

#[tokio::test]
async fn garbage_inside_tls_is_answered_as_such() {
    let ends = ends(false);
    let (far, near) = tokio::io::duplex(PIPE);
    let (served, _closing) = carried(near, Some(ends.server.clone()), ServeOptions::default());
    let mut stream = ends.secured(far).await;
    stream.write_all(b"\x00\x01\x02\r\n\r\n").await.unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).await.unwrap();
    assert!(all.starts_with("HTTP/1.1 400 "), "{all}");
    assert!(matches!(served.await.unwrap(), Err(ConnError::Http(_))));
}

#[tokio::test(start_paused = true)]
async fn handshake_and_header_share_one_deadline() {
    let ends = ends(false);
    let (far, near) = tokio::io::duplex(PIPE);
    let (served, _closing) = carried(near, Some(ends.server.clone()), ServeOptions::default());
    let began = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(70)).await;
    let mut stream = ends.secured(far).await;
    stream.write_all(b"GET /hello").await.unwrap();
    assert!(matches!(served.await.unwrap(), Err(ConnError::Slow(_))));
    assert_eq!(began.elapsed().as_secs(), 120);
}
