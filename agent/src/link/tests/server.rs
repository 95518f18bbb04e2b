//! A server that runs a script on every connection and counts what its sockets saw.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll, ready},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::{CryptoProvider, SupportedKxGroup, ring},
    server::ServerSessionMemoryCache,
};
use rustls_pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use crate::link::{TlsSettings, dial::Stream};

/// What a server saw of one connection that ended.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    pub(crate) read: Arc<AtomicU64>,
    pub(crate) written: Arc<AtomicU64>,
}

impl Counts {
    pub(crate) fn both(&self) -> (u64, u64) {
        (self.read.load(SeqCst), self.written.load(SeqCst))
    }
}

pub(crate) type Peer = Box<dyn Stream>;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    ended: mpsc::Receiver<Counts>,
    _task: AbortOnDropHandle<()>,
}

impl Server {
    pub(crate) async fn plain<F, S>(script: S) -> Self
    where
        F: Future<Output = ()> + Send,
        S: Fn(Peer) -> F + Send + Sync + 'static,
    {
        Self::start(None, u64::MAX, script).await
    }

    /// Runs `script` on every connection; each is cut after `cut` bytes written to its socket.
    pub(crate) async fn start<F, S>(tls: Option<Arc<ServerConfig>>, cut: u64, script: S) -> Self
    where
        F: Future<Output = ()> + Send,
        S: Fn(Peer) -> F + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, ended) = mpsc::channel(64);
        let task = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tcp.set_nodelay(true).unwrap();
                let counts = Counts::default();
                let peer = Counted { tcp, counts: counts.clone(), cut };
                match tls.clone().map(TlsAcceptor::from) {
                    None => script(Box::new(peer)).await,
                    Some(tls) => {
                        if let Ok(peer) = tls.accept(peer).await {
                            script(Box::new(peer)).await;
                        }
                    }
                }
                let _ = tell.send(counts).await;
            }
        });
        Self { address, ended, _task: AbortOnDropHandle::new(task) }
    }

    /// The counts of the next connection that ended.
    pub(crate) async fn ended(&mut self) -> Counts {
        self.ended.recv().await.unwrap()
    }
}

/// Reads one request; `None` when the peer has hung up before it.
pub(crate) async fn read_request(peer: &mut Peer) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(peer.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let len = head
        .split_once("content-length: ")
        .map_or(0, |(_, rest)| rest.split_once("\r\n").unwrap().0.parse::<usize>().unwrap());
    let mut body = vec![0; len];
    peer.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// Answers every request with `answer` until the peer hangs up.
pub(crate) async fn answer_all(mut peer: Peer, answer: Vec<u8>) {
    while read_request(&mut peer).await.is_some() {
        if peer.write_all(&answer).await.is_err() || peer.flush().await.is_err() {
            return;
        }
    }
}

pub(crate) fn answer_of(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

struct Counted {
    tcp: TcpStream,
    counts: Counts,
    cut: u64,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(cx, buf))?;
        self.counts.read.fetch_add((buf.filled().len() - before) as u64, SeqCst);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let left = self.cut - self.counts.written.load(SeqCst);
        let len = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if len == 0 && !buf.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let written = ready!(Pin::new(&mut self.tcp).poll_write(cx, &buf[..len]))?;
        self.counts.written.fetch_add(written as u64, SeqCst);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// A CA with a file, and what it signs.
pub(crate) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    dir: TempDir,
}

impl Ca {
    pub(crate) fn new() -> Self {
        Self::named("a CA")
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let dir = TempDir::new().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        std::fs::write(dir.path().join("ca.pem"), pem).unwrap();
        Self { issuer: Issuer::new(params, key), dir }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Trusts this CA alone.
    pub(crate) fn settings(&self) -> TlsSettings {
        TlsSettings { ca: Some(self.path()), ..TlsSettings::default() }
    }

    /// A server for `name`, until the end of `until`.
    pub(crate) fn server(&self, name: &str, until: i32) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let leaf = params(name, until).signed_by(&key, &self.issuer).unwrap();
        server(&leaf, &key, &rustls::version::TLS13, ring::default_provider())
    }

    /// A server for 127.0.0.1 that takes these key exchanges.
    pub(crate) fn server_taking(
        &self,
        kx_groups: Vec<&'static dyn SupportedKxGroup>,
    ) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let leaf = params("127.0.0.1", 2999).signed_by(&key, &self.issuer).unwrap();
        let provider = CryptoProvider { kx_groups, ..ring::default_provider() };
        server(&leaf, &key, &rustls::version::TLS13, provider)
    }

    /// A server that only speaks TLS 1.2.
    pub(crate) fn old_server(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let leaf = params(name, 2999).signed_by(&key, &self.issuer).unwrap();
        server(&leaf, &key, &rustls::version::TLS12, ring::default_provider())
    }
}

/// A server whose certificate signs itself and says that it is a CA, and the file that holds it.
pub(crate) fn self_signed(name: &str, until: i32) -> (Arc<ServerConfig>, TempDir) {
    let key = KeyPair::generate().unwrap();
    let mut params = params(name, until);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let leaf = params.self_signed(&key).unwrap();
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("relay.pem"), leaf.pem()).unwrap();
    (server(&leaf, &key, &rustls::version::TLS13, ring::default_provider()), dir)
}

fn params(name: &str, until: i32) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 12, 31);
    params
}

/// Stateful sessions, one ticket each, as a relay has them.
fn server(
    leaf: &rcgen::Certificate,
    key: &KeyPair,
    version: &'static SupportedProtocolVersion,
    provider: CryptoProvider,
) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    config.session_storage = ServerSessionMemoryCache::new(16);
    config.send_tls13_tickets = 1;
    Arc::new(config)
}
