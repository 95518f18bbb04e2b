//! A small HTTP proxy with bad manners, in this process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::link::{Replay, head_len, message_len};

/// For what it does not do at all.
const FORBIDDEN: &[u8] =
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno";

/// What it does that a good one does not.
#[derive(Clone, Debug)]
pub enum Manners {
    /// Takes requests in absolute form only, and hands an answer on once it is whole.
    Buffers,
    /// Tunnels only, and closes both ends of a tunnel through which nothing moved for so long.
    KillsIdle(Duration),
    /// Answers every request with these bytes.
    Says(Vec<u8>),
}

/// It listens until it is dropped.
#[derive(Debug)]
pub struct OwnProxy {
    addr: SocketAddr,
    killed: watch::Receiver<u64>,
    _accepting: AbortOnDropHandle<()>,
}

impl OwnProxy {
    /// Starts one on a free port.
    pub async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("loopback has a free port");
        let addr = listener.local_addr().expect("a bound listener has an address");
        let (count, killed) = watch::channel(0);
        let accepting = AbortOnDropHandle::new(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((agent, _)) = listener.accept().await {
                let (manners, count) = (manners.clone(), count.clone());
                connections.spawn(async move {
                    // Whoever hangs up on it has reasons.
                    let _ = serve(agent, &manners, &count).await;
                });
            }
        }));
        Self { addr, killed, _accepting: accepting }
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Waits until it has closed so many tunnels for being idle.
    pub async fn wait_killed(&self, count: u64) {
        let mut killed = self.killed.clone();
        killed.wait_for(|killed| count <= *killed).await.expect("the proxy listens");
    }
}

async fn serve(
    mut agent: TcpStream,
    manners: &Manners,
    killed: &watch::Sender<u64>,
) -> io::Result<()> {
    agent.set_nodelay(true)?;
    let mut received = Vec::new();
    loop {
        let Some(len) = message_len(&received, false) else {
            if agent.read_buf(&mut received).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let request: Vec<u8> = received.drain(..len).collect();
        match manners {
            Manners::Says(words) => agent.write_all(words).await?,
            Manners::KillsIdle(_) if !request.starts_with(b"CONNECT ") => {
                agent.write_all(FORBIDDEN).await?;
            }
            Manners::KillsIdle(after) => return tunnel(agent, &request, *after, killed).await,
            Manners::Buffers if request.starts_with(b"CONNECT ") => {
                agent.write_all(FORBIDDEN).await?;
            }
            Manners::Buffers => {
                let (relay, request) = in_origin_form(&request)?;
                agent.write_all(&Replay::new(relay).send(&request).await?).await?;
            }
        }
    }
}

async fn tunnel(
    mut agent: TcpStream,
    request: &[u8],
    idle_max: Duration,
    killed: &watch::Sender<u64>,
) -> io::Result<()> {
    let head = String::from_utf8_lossy(request);
    let relay = head.split(' ').nth(1).and_then(|target| target.parse::<SocketAddr>().ok());
    let mut relay = TcpStream::connect(relay.ok_or(io::ErrorKind::InvalidInput)?).await?;
    relay.set_nodelay(true)?;
    agent.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let (mut up, mut down) = ([0; 4096], [0; 4096]);
    loop {
        let passed = timeout(idle_max, async {
            tokio::select! {
                read = agent.read(&mut up) => {
                    let read = read?;
                    relay.write_all(&up[..read]).await.map(|()| read)
                }
                read = relay.read(&mut down) => {
                    let read = read?;
                    agent.write_all(&down[..read]).await.map(|()| read)
                }
            }
        });
        match passed.await {
            Ok(Ok(0)) => return Ok(()),
            Ok(Ok(_)) => {}
            Ok(Err(err)) => return Err(err),
            Err(_) => {
                killed.send_modify(|killed| *killed += 1);
                return Ok(());
            }
        }
    }
}

/// `POST http://127.0.0.1:7480/v1/sync …` as the relay wants it, and where that is.
fn in_origin_form(request: &[u8]) -> io::Result<(SocketAddr, Vec<u8>)> {
    let strange = || io::Error::from(io::ErrorKind::InvalidInput);
    let head = String::from_utf8_lossy(&request[..head_len(request).ok_or_else(strange)?]);
    let (method, rest) = head.split_once(" http://").ok_or_else(strange)?;
    let (relay, _) = rest.split_once('/').ok_or_else(strange)?;
    let begin = method.len() + " http://".len() + relay.len();
    let request = [method.as_bytes(), b" ", &request[begin..]].concat();
    Ok((relay.parse().map_err(|_| strange())?, request))
}
