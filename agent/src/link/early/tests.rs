//! Against a server that takes early data, over pipes in memory.

use rustls::{
    ClientConfig, RootCertStore, ServerConfig, ServerConnection,
    client::Resumption,
    server::{NoServerSessionStorage, ServerSessionMemoryCache},
};
use rustls_pki_types::{PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::link::tickets::Tickets;

const ASK: &[u8] = b"what is new? ";
const ANSWER: &[u8] = b"nothing at all";
const PIPE: usize = 16 * 1024;

struct Ends {
    server: Arc<ServerConfig>,
    /// With early data, and without.
    client: [ClientConfig; 2],
    tickets: Arc<Tickets>,
}

impl Ends {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        server.session_storage = ServerSessionMemoryCache::new(16);
        server.max_early_data_size = 1024;
        server.send_half_rtt_data = true;
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let tickets = Arc::new(Tickets::default());
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let plain = client.clone();
        client.enable_early_data = true;
        Self { server: Arc::new(server), client: [client, plain], tickets }
    }

    fn config(&self, early: bool) -> (Arc<ClientConfig>, Arc<Session>) {
        let session = Session::new(self.tickets.clone(), false);
        let mut config = self.client[usize::from(!early)].clone();
        config.resumption = Resumption::store(session.clone());
        (Arc::new(config), session)
    }

    /// A whole visit, which leaves tickets behind.
    async fn acquaint(&self) {
        let (near, far) = duplex(PIPE);
        let served = tokio::spawn(serve(self.server.clone(), far, 1));
        let name = ServerName::try_from("localhost").unwrap();
        let connector = tokio_rustls::TlsConnector::from(self.config(false).0);
        let mut stream = connector.connect(name, near).await.unwrap();
        stream.write_all(ASK).await.unwrap();
        assert_eq!(read(&mut stream).await.unwrap(), ANSWER);
        drop(stream);
        served.await.unwrap().unwrap();
        assert!(0 < self.tickets.early(false));
    }

    fn early<S>(&self, stream: S) -> Early<S> {
        let (config, session) = self.config(true);
        let name = ServerName::try_from("localhost").unwrap();
        let mut conn = ClientConnection::new(config, name).unwrap();
        assert!(conn.early_data().is_some());
        Early::new(conn, stream, session)
    }

    /// The same server after it was started anew: it knows no session.
    fn restarted(&self) -> Arc<ServerConfig> {
        let mut server = ServerConfig::clone(&self.server);
        server.session_storage = Arc::new(NoServerSessionStorage {});
        // rustls counts a record that it cannot read against this, once for every piece that comes behind it.
        server.max_early_data_size = 16 * 1024;
        Arc::new(server)
    }
}

/// What a server saw.
#[derive(Debug, Default, PartialEq, Eq)]
struct Served {
    said: Vec<u8>,
    /// Of it, before the handshake was over.
    early: usize,
    /// It was never over.
    unfinished: bool,
}

/// Answers so many [`ASK`]s, as soon as each is there, and reads on to the end.
async fn serve<S>(config: Arc<ServerConfig>, mut stream: S, asks: usize) -> io::Result<Served>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut conn = ServerConnection::new(config).unwrap();
    let (mut served, mut answered, mut bytes) = (Served::default(), 0, [0; 512]);
    loop {
        let mut out = Vec::new();
        while conn.wants_write() {
            conn.write_tls(&mut out).unwrap();
        }
        stream.write_all(&out).await?;
        let count = match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        let mut rest = &bytes[..count];
        while !rest.is_empty() {
            conn.read_tls(&mut rest)?;
            conn.process_new_packets().map_err(io::Error::other)?;
        }
        if let Some(mut early) = conn.early_data() {
            served.early += early.read_to_end(&mut served.said).unwrap();
        }
        let _ = conn.reader().read_to_end(&mut served.said);
        while answered < asks && (answered + 1) * ASK.len() <= served.said.len() {
            conn.writer().write_all(ANSWER).unwrap();
            answered += 1;
        }
    }
    served.unfinished = conn.is_handshaking();
    Ok(served)
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Vec<u8>> {
    let mut answer = vec![0; ANSWER.len()];
    stream.read_exact(&mut answer).await.map(|_| answer)
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut Early<S>) -> io::Result<Vec<u8>> {
    stream.write_all(ASK).await?;
    stream.flush().await?;
    read(stream).await
}

#[tokio::test]
async fn a_request_is_answered_before_the_handshake_is_over_and_a_second_one_ends_it() {
    let ends = Ends::new();
    for asks in [1, 2] {
        ends.acquaint().await;
        let (near, far) = duplex(PIPE);
        let served = tokio::spawn(serve(ends.server.clone(), far, asks));
        let mut stream = ends.early(near);
        let is_late = stream.is_late();
        for _ in 0..asks {
            assert_eq!(ask(&mut stream).await.unwrap(), ANSWER);
        }
        assert!(!is_late.load(Relaxed));
        drop(stream);
        let expected = Served { said: ASK.repeat(asks), early: ASK.len(), unfinished: asks == 1 };
        assert_eq!(served.await.unwrap().unwrap(), expected);
    }
}

#[tokio::test]
async fn what_is_not_taken_early_goes_again_behind_the_handshake_and_only_there() {
    let ends = Ends::new();
    ends.acquaint().await;
    let (near, far) = duplex(PIPE);
    let served = tokio::spawn(serve(ends.restarted(), far, 1));
    let mut stream = ends.early(near);
    let is_late = stream.is_late();
    assert_eq!(ask(&mut stream).await.unwrap(), ANSWER);
    assert!(is_late.load(Relaxed));
    assert_eq!(ends.tickets.early(false), 0, "they are of no use any more");
    drop(stream);
    let expected = Served { said: ASK.to_vec(), early: 0, unfinished: false };
    assert_eq!(served.await.unwrap().unwrap(), expected);
}

#[tokio::test]
async fn a_request_longer_than_what_is_taken_early_goes_on_behind_the_handshake() {
    let ends = Ends::new();
    ends.acquaint().await;
    let (near, far) = duplex(PIPE);
    let served = tokio::spawn(serve(ends.server.clone(), far, 0));
    let mut stream = ends.early(near);
    let long: Vec<u8> = (0..5000_u32).flat_map(u32::to_le_bytes).collect();
    stream.write_all(&long).await.unwrap();
    stream.flush().await.unwrap();
    drop(stream);
    let served = served.await.unwrap().unwrap();
    assert_eq!((served.early, served.unfinished), (1024, false));
    assert!(served.said == long);
}

#[tokio::test]
async fn no_more_goes_early_than_may_go_twice_however_much_the_server_takes() {
    let mut ends = Ends::new();
    let mut server = ServerConfig::clone(&ends.server);
    server.max_early_data_size = u32::MAX;
    ends.server = Arc::new(server);
    ends.acquaint().await;
    let (near, far) = duplex(PIPE);
    let served = tokio::spawn(serve(ends.server.clone(), far, 0));
    let mut stream = ends.early(near);
    let long: Vec<u8> = (0..10_000_u32).flat_map(u32::to_le_bytes).collect();
    stream.write_all(&long).await.unwrap();
    stream.flush().await.unwrap();
    drop(stream);
    let served = served.await.unwrap().unwrap();
    assert_eq!((served.early, served.unfinished), (EARLY_MAX, false));
    assert!(served.said == long);
}

#[tokio::test]
async fn somebody_else_in_the_servers_place_reads_nothing_and_no_ticket_is_tried_on_him_again() {
    let (ends, other) = (Ends::new(), Ends::new());
    for _ in 0..3 {
        ends.acquaint().await;
    }
    assert!(1 < ends.tickets.early(false));
    let (near, far) = duplex(PIPE);
    let served = tokio::spawn(serve(other.restarted(), far, 1));
    let mut stream = ends.early(near);
    let err = ask(&mut stream).await.unwrap_err();
    assert_eq!(err.kind(), io::ErrorKind::InvalidData, "{err}");
    assert_eq!(ends.tickets.early(false), 0);
    drop(stream);
    // He is told why, by an alert that ends it.
    assert!(served.await.unwrap().is_err());
}

#[tokio::test]
async fn the_newest_ticket_goes_first_because_the_server_may_have_forgotten_the_older_ones() {
    let mut ends = Ends::new();
    ends.acquaint().await;
    let mut server = ServerConfig::clone(&ends.server);
    server.session_storage = ServerSessionMemoryCache::new(16);
    ends.server = Arc::new(server);
    ends.acquaint().await;
    let (near, far) = duplex(PIPE);
    let served = tokio::spawn(serve(ends.server.clone(), far, 1));
    let mut stream = ends.early(near);
    assert_eq!(ask(&mut stream).await.unwrap(), ANSWER);
    drop(stream);
    assert_eq!(served.await.unwrap().unwrap().early, ASK.len());
}

#[tokio::test]
async fn tickets_of_a_relay_that_resumes_and_takes_nothing_early_are_kept() {
    let ends = Ends::new();
    ends.acquaint().await;
    let tickets = ends.tickets.early(false);
    let mut server = ServerConfig::clone(&ends.server);
    server.max_early_data_size = 0;
    let (near, far) = duplex(PIPE);
    let served = tokio::spawn(serve(Arc::new(server), far, 1));
    let mut stream = ends.early(near);
    let is_late = stream.is_late();
    assert_eq!(ask(&mut stream).await.unwrap(), ANSWER);
    assert!(is_late.load(Relaxed) && stream.conn.handshake_kind() == Some(HandshakeKind::Resumed));
    assert_eq!(ends.tickets.early(false), tickets - 1, "the one that was used");
    drop(stream);
    assert_eq!(served.await.unwrap().unwrap().said, ASK);
}

/// Passes so many bytes on in each direction, then cuts.
async fn cut_after(near: DuplexStream, far: DuplexStream, up: u64, down: u64) {
    let (near_read, mut near_write) = tokio::io::split(near);
    let (far_read, mut far_write) = tokio::io::split(far);
    let (mut up, mut down) = (near_read.take(up), far_read.take(down));
    tokio::select! {
        _ = tokio::io::copy(&mut up, &mut far_write) => {}
        _ = tokio::io::copy(&mut down, &mut near_write) => {}
    }
}

#[tokio::test]
async fn a_cut_at_any_byte_is_an_error_and_nothing_is_said_twice_or_heard_wrong() {
    let ends = Ends::new();
    let (mut whole, mut cut) = (0, 0);
    for server in [ends.server.clone(), ends.restarted()] {
        for at in 0..700 {
            for (up, down) in [(at, u64::MAX), (u64::MAX, at)] {
                ends.acquaint().await;
                let ((near, middle), (other, far)) = (duplex(PIPE), duplex(PIPE));
                let link = tokio::spawn(cut_after(middle, other, up, down));
                let served = tokio::spawn(serve(server.clone(), far, 1));
                let mut stream = ends.early(near);
                match ask(&mut stream).await {
                    Ok(answer) => {
                        assert_eq!(answer, ANSWER);
                        whole += 1;
                    }
                    Err(_) => cut += 1,
                }
                drop(stream);
                link.await.unwrap();
                if let Ok(served) = served.await.unwrap() {
                    assert!(ASK.starts_with(&served.said), "{served:?}");
                }
            }
        }
    }
    assert!(1000 < cut && 50 < whole, "{cut} cut, {whole} whole");
}

#[tokio::test]
async fn bytes_may_come_one_by_one() {
    let ends = Ends::new();
    for server in [ends.server.clone(), ends.restarted()] {
        ends.acquaint().await;
        let ((near, mut middle), (mut other, far)) = (duplex(1), duplex(PIPE));
        let link = tokio::spawn(async move {
            let _ = tokio::io::copy_bidirectional(&mut middle, &mut other).await;
        });
        let served = tokio::spawn(serve(server, far, 1));
        let mut stream = ends.early(near);
        let answer = ask(&mut stream).await;
        assert!(answer.is_ok(), "{answer:?}, {:?}", served.await);
        assert_eq!(answer.unwrap(), ANSWER);
        drop(stream);
        link.await.unwrap();
        assert_eq!(served.await.unwrap().unwrap().said, ASK);
    }
}
