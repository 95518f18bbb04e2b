//! A SOCKS 5 server, in this process: as much of RFC 1928 and 1929 as an agent needs.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::{PASSWORD, USER};

/// How it treats who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocksManners {
    /// Lets everybody through.
    Open,
    /// Asks for [`USER`] and [`PASSWORD`].
    AsksLogin,
    /// Lets everybody in and answers every request with this code.
    Refuses(u8),
}

/// It listens until it is dropped.
#[derive(Debug)]
pub struct SocksProxy {
    addr: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _accepting: AbortOnDropHandle<()>,
}

impl SocksProxy {
    /// Starts one on a free port.
    pub async fn start(manners: SocksManners) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("loopback has a free port");
        let addr = listener.local_addr().expect("a bound listener has an address");
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let noted = asked.clone();
        let accepting = AbortOnDropHandle::new(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((agent, _)) = listener.accept().await {
                let noted = noted.clone();
                connections.spawn(async move {
                    // Whoever hangs up on it has reasons.
                    let _ = serve(agent, manners, &noted).await;
                });
            }
        }));
        Self { addr, asked, _accepting: accepting }
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it was asked to connect to: names as names.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(
    mut agent: TcpStream,
    manners: SocksManners,
    asked: &Mutex<Vec<String>>,
) -> io::Result<()> {
    agent.set_nodelay(true)?;
    let strange = || io::Error::from(io::ErrorKind::InvalidData);
    let _version = agent.read_u8().await?;
    let methods = short_bytes(&mut agent).await?;
    let wanted = if manners == SocksManners::AsksLogin { 2 } else { 0 };
    if !methods.contains(&wanted) {
        return agent.write_all(&[5, 0xff]).await;
    }
    agent.write_all(&[5, wanted]).await?;
    if wanted == 2 {
        let _version = agent.read_u8().await?;
        let (user, password) = (short_bytes(&mut agent).await?, short_bytes(&mut agent).await?);
        let is_known = user == USER.as_bytes() && password == PASSWORD.as_bytes();
        agent.write_all(&[1, u8::from(!is_known)]).await?;
        if !is_known {
            return Ok(());
        }
    }
    let mut head = [0; 4];
    agent.read_exact(&mut head).await?;
    let host = match head[3] {
        1 => Ipv4Addr::from(agent.read_u32().await?).to_string(),
        3 => String::from_utf8(short_bytes(&mut agent).await?).map_err(|_| strange())?,
        _ => return Err(strange()),
    };
    let target = format!("{host}:{}", agent.read_u16().await?);
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(target.clone());
    if let SocksManners::Refuses(code) = manners {
        return agent.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).await;
    }
    let mut relay = TcpStream::connect(target).await?;
    relay.set_nodelay(true)?;
    agent.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    copy_bidirectional(&mut agent, &mut relay).await.map(drop)
}

async fn short_bytes(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
