//! A proxy that looks into TLS: it shows certificates of its own, as some offices' do. In this process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::task::AbortOnDropHandle;

use crate::link::message_len;
use crate::program;
use crate::tls::TestCertificates;

/// It listens until it is dropped.
#[derive(Debug)]
pub struct InspectingProxy {
    addr: SocketAddr,
    certificates: TestCertificates,
    asked: Arc<Mutex<Vec<String>>>,
    _dir: TempDir,
    _accepting: AbortOnDropHandle<()>,
}

/// What it does with every connection.
struct Inspector {
    shows: TlsAcceptor,
    trusts: TlsConnector,
    relay: SocketAddr,
}

impl InspectingProxy {
    /// Starts one that shows certificates for `names` and leads whatever it is asked for to `relay`, which shows one of
    /// `relay_ca`'s.
    pub async fn start(names: &[&str], relay: SocketAddr, relay_ca: &Path) -> Self {
        let dir = program::folder().expect("there is room for a folder");
        let certificates =
            TestCertificates::write_for(dir.path(), names).expect("certificates can be made");
        let shows = certificates.server_config().expect("they can be read");
        let mut roots = RootCertStore::empty();
        let relay_ca = CertificateDer::from_pem_file(relay_ca).expect("the relay has a CA");
        roots.add(relay_ca).expect("a CA can be trusted");
        let trusts = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let (shows, trusts) = (Arc::new(shows).into(), Arc::new(trusts).into());
        let inspector = Arc::new(Inspector { shows, trusts, relay });

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("loopback has a free port");
        let addr = listener.local_addr().expect("a bound listener has an address");
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let noted = asked.clone();
        let accepting = AbortOnDropHandle::new(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((agent, _)) = listener.accept().await {
                let (inspector, noted) = (inspector.clone(), noted.clone());
                connections.spawn(async move {
                    // Whoever hangs up on it has reasons.
                    let _ = inspector.serve(agent, &noted).await;
                });
            }
        }));
        Self { addr, certificates, asked, _dir: dir, _accepting: accepting }
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The file of the CA that signs what it shows.
    pub fn ca(&self) -> &Path {
        &self.certificates.ca
    }

    /// What it was asked to lead to.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Inspector {
    async fn serve(&self, mut agent: TcpStream, asked: &Mutex<Vec<String>>) -> io::Result<()> {
        agent.set_nodelay(true)?;
        let mut request = Vec::new();
        while message_len(&request, false).is_none() {
            if agent.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let head = String::from_utf8_lossy(&request);
        let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
        let target = target.ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        asked.lock().unwrap_or_else(PoisonError::into_inner).push(target);
        agent.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        let mut agent = self.shows.accept(agent).await?;
        let relay = TcpStream::connect(self.relay).await?;
        relay.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let mut relay = self.trusts.connect(name, relay).await?;
        copy_bidirectional(&mut agent, &mut relay).await.map(drop)
    }
}
