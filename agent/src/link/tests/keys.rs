//! Who has the relay's own key, who only says so, and who has none.

use std::time::Duration;

use rcgen::{KeyPair, PKCS_ED25519};
use rustls::{
    ServerConfig,
    crypto::ring::{self, sign::any_eddsa_type},
    server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache},
    sign::{CertifiedKey, SigningKey},
};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::{
    server::{Ca, answer_all, answer_of},
    *,
};

const ANSWER: &[u8] = b"an answer";

/// An Ed25519 pair.
#[derive(Clone, Debug)]
struct Pair(Arc<dyn SigningKey>);

impl Pair {
    fn new() -> Self {
        let der = KeyPair::generate_for(&PKCS_ED25519).unwrap().serialize_der();
        Self(any_eddsa_type(&PrivatePkcs8KeyDer::from(der)).unwrap())
    }

    fn spki(&self) -> CertificateDer<'static> {
        CertificateDer::from(self.0.public_key().unwrap().to_vec())
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.spki())
    }

    /// A server that shows `shown` and signs with this.
    fn server(&self, shown: &Self) -> Arc<ServerConfig> {
        let resolver = Raw(Arc::new(CertifiedKey::new(vec![shown.spki()], self.0.clone())));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        config.session_storage = ServerSessionMemoryCache::new(16);
        Arc::new(config)
    }
}

#[derive(Debug)]
struct Raw(Arc<CertifiedKey>);

impl ResolvesServerCert for Raw {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }
}

async fn start(tls: Arc<ServerConfig>) -> Server {
    Server::start(Some(tls), u64::MAX, |peer| answer_all(peer, answer_of(ANSWER))).await
}

fn client_of(server: &Server, tls: TlsSettings) -> Client {
    client(&format!("https://{}", server.address), tls)
}

/// By what the other end of a whole exchange proved itself, and whether its session was resumed.
async fn once(client: &Client) -> Result<(Proof, bool), LinkError> {
    let mut connection = client.connect(&Meter::new(None)).await?;
    assert_eq!(exchange(&mut connection, vec![2; 50].into()).await?, ANSWER);
    Ok((connection.proof(), connection.tls_resumed().unwrap()))
}

#[track_caller]
fn fault(asked: Result<(Proof, bool), LinkError>) -> TlsFault {
    match asked.unwrap_err() {
        LinkError::Tls { fault, .. } => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_key_is_proved_by_its_signature_and_not_by_being_shown() {
    let (relay, other, ca) = (Pair::new(), Pair::new(), Ca::new());
    let servers = [
        (relay.server(&relay), None),
        (other.server(&other), Some(TlsFault::KeyChanged)),
        (other.server(&relay), Some(TlsFault::KeyChanged)),
        (ca.old_server("127.0.0.1"), Some(TlsFault::KeyMissing)),
    ];
    for (at, (tls, expected)) in servers.into_iter().enumerate() {
        let server = start(tls).await;
        for allow_tls12 in [false, true] {
            let client = client_of(&server, TlsSettings { allow_tls12, ..ca.settings() });
            client.give_key(relay.fingerprint());
            match expected {
                None => assert_eq!(once(&client).await.unwrap().0, Proof::Key),
                Some(expected) => assert_eq!(fault(once(&client).await), expected, "server {at}"),
            }
        }
        // Who looks sees whatever key was proved, and no other.
        let looked = client_of(&server, ca.settings()).look_at_key(&Meter::new(None)).await.ok();
        let expected = [Some(relay.fingerprint()), Some(other.fingerprint()), None, None];
        assert_eq!(looked, expected[at], "server {at}");
    }
}

#[tokio::test]
async fn another_key_is_told_with_its_fingerprint_in_words() {
    let (relay, other, ca) = (Pair::new(), Pair::new(), Ca::new());
    let server = start(other.server(&other)).await;
    let client = client_of(&server, ca.settings());
    client.give_key(relay.fingerprint());
    let said = crate::control::chain(&once(&client).await.unwrap_err());
    assert!(said.ends_with(&format!("it shows the key {}", other.fingerprint())), "{said}");
    assert!(!said.contains("Other"), "{said}");
}

/// Ends each connection that asks for a raw key as `refuse` says, and answers all others behind a certificate.
async fn without_keys(ca: &Ca, refuse: &'static [u8]) -> (Client, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let acceptor = TlsAcceptor::from(ca.server("127.0.0.1", 2999));
    let serving = tokio::spawn(async move {
        loop {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut hello = [0; 1024];
            let len = tcp.peek(&mut hello).await.unwrap();
            // server_certificate_type, with RawPublicKey alone.
            if hello[..len].windows(6).any(|six| six == [0, 20, 0, 2, 1, 2]) {
                tcp.read_exact(&mut hello[..len]).await.unwrap();
                tcp.write_all(refuse).await.unwrap();
            } else {
                answer_all(Box::new(acceptor.accept(tcp).await.unwrap()), answer_of(ANSWER)).await;
            }
        }
    });
    (client(&url, ca.settings()), AbortOnDropHandle::new(serving))
}

/// `unsupported_certificate`, `internal_error`, `unsupported_extension`; no word at all.
const REFUSALS: [&[u8]; 4] =
    [&[21, 3, 3, 0, 2, 2, 43], &[21, 3, 3, 0, 2, 2, 80], &[21, 3, 3, 0, 2, 2, 110], &[]];

#[tokio::test]
async fn who_cannot_stand_a_key_being_asked_for_keeps_nobody_out_before_it_is_pinned() {
    let (ca, key) = (Ca::new(), Pair::new().fingerprint());
    for refuse in REFUSALS {
        let (client, _serving) = without_keys(&ca, refuse).await;
        client.learn_keys(Proof::Certificate, &[key], 7);
        assert_eq!(once(&client).await.unwrap().0, Proof::Certificate, "{refuse:?}");
        assert_eq!(client.keys(), [], "it is not tried with every call");

        let (client, _serving) = without_keys(&ca, refuse).await;
        client.give_key(key);
        let err = once(&client).await.unwrap_err();
        assert!(matches!(err, LinkError::Tls { .. } | LinkError::Cut { .. }), "{err:?}");
        assert_eq!(client.keys(), [key]);
    }
}

#[tokio::test]
async fn sessions_of_a_key_that_is_believed_no_more_are_not_resumed() {
    let [old, new] = [Pair::new(), Pair::new()];
    let server = start(old.server(&old)).await;
    let client = client_of(&server, TlsSettings::default());
    client.give_key(old.fingerprint());
    assert_eq!(once(&client).await.unwrap(), (Proof::Key, false));
    assert_eq!(once(&client).await.unwrap(), (Proof::Key, true));
    // Announced beside it: nothing changes.
    client.learn_keys(Proof::Key, &[old.fingerprint(), new.fingerprint()], 1);
    assert_eq!(once(&client).await.unwrap(), (Proof::Key, true));
    client.learn_keys(Proof::Key, &[new.fingerprint()], 2);
    assert_eq!(fault(once(&client).await), TlsFault::KeyChanged);
}

#[tokio::test]
async fn nothing_is_said_behind_a_handshake_that_looks_only() {
    let relay = Pair::new();
    let mut server = start(relay.server(&relay)).await;
    let client = client_of(&server, TlsSettings::default());
    assert_eq!(client.look_at_key(&Meter::new(None)).await.unwrap(), relay.fingerprint());
    let (heard, _) = server.ended().await.both();
    assert!(heard < 300, "{heard} bytes are more than a hello and an alert");
    let mut asked = client.connect_to_exchange(&Meter::new(None)).await.is_ok();
    asked |= once(&client).await.is_ok();
    assert!(!asked, "looking made a key known");
    tokio::time::timeout(Duration::from_secs(5), server.ended()).await.unwrap();
}

#[test]
fn what_is_told_of_keys_where_somebody_may_look_into_tls_is_believed_behind_a_key_alone() {
    let [one, two] = [Pair::new(), Pair::new()].map(|pair| pair.fingerprint());
    let ca = Ca::new();
    let client =
        client("https://127.0.0.1:9", TlsSettings { extra_ca: Some(ca.path()), ..ca.settings() });
    client.learn_keys(Proof::Certificate, &[one], 7);
    assert!(client.keys().is_empty() && !client.is_key_due(7, Proof::Certificate));
    client.give_key(one);
    client.learn_keys(Proof::Key, &[two], 7);
    assert_eq!(client.keys(), [two]);
}
