//! The way to the relay: name, TCP, TLS, or a proxy in place of the first two. What it yields is a stream of bytes
//! under a meter.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, HandshakeKind};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpSocket, TcpStream, lookup_host},
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    cork::Corked,
    early::Early,
    error::LinkError,
    meter::{Meter, Metered, Tally},
    proxy::{self, Forward, Opened, Via},
    segments,
    tickets::Session,
    tls::Spoken,
    url::RelayUrl,
};

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;
/// An address that is not the last one to try has so long: enough for three SYNs over a satellite.
const ADDRESS_MAX: Duration = Duration::from_secs(20);
/// What the kernel is asked to hold of what was written, in bytes. On a thin link an unbounded buffer would take a
/// whole request at once: nobody could see it leave, or stop it when an early answer comes.
const SEND_BUFFER: u32 = 16 << 10;

/// Bytes in, bytes out.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A way to the relay that is ready for requests.
pub(crate) struct Line {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) rtt: Duration,
    /// Round trips that it took.
    pub(crate) round_trips: u32,
    pub(crate) tls_resumed: Option<bool>,
    /// The session under TLS; `None` without.
    pub(crate) session: Option<Arc<Session>>,
    /// The handshake goes on with the first request, and takes a round trip of its own if this becomes true.
    pub(crate) is_late: Option<Arc<AtomicBool>>,
    /// Requests go to a proxy in absolute form.
    pub(crate) forward: Option<Forward>,
}

/// Connects; `tls` is what [`RelayUrl::is_secure`] needs, `via` the proxy if there is one, and `held` says that requests
/// will be held. With `early` the first request goes with TLS's first packet, where that is possible. The caller bounds the time.
pub(crate) async fn dial(
    url: &RelayUrl,
    tls: Option<&Spoken>,
    meter: &Meter,
    via: Option<&Via>,
    held: bool,
    early: bool,
) -> Result<Line, LinkError> {
    // Opening a connection costs packets: with nothing left there is none.
    if meter.remaining() == Some(0) {
        return Err(LinkError::BudgetSpent);
    }
    let opened = match via {
        None => straight(url, meter).await?,
        Some(via) => proxy::open(via, url, meter, held).await?,
    };
    let Opened { stream, rtt, round_trips, forward } = opened;
    let tally = stream.tally();
    let line = |stream, round_trips| Line {
        stream,
        tally,
        rtt,
        round_trips,
        tls_resumed: None,
        session: None,
        is_late: None,
        forward,
    };
    let Some(tls) = tls else { return Ok(line(Box::new(stream), round_trips)) };
    if early && let Some((conn, session)) = greeting(url, tls)? {
        let stream = Early::new(conn, stream, session.clone());
        let (tls_resumed, is_late) = (Some(true), Some(stream.is_late()));
        let line = line(Box::new(stream), round_trips);
        return Ok(Line { tls_resumed, session: Some(session), is_late, ..line });
    }
    let (config, session) = tls.whole();
    let stream = handshake(url, Arc::new(config), stream).await?;
    let conn = stream.get_ref().1;
    session.settle(conn);
    let tls_resumed = Some(conn.handshake_kind() == Some(HandshakeKind::Resumed));
    let line = line(Box::new(stream), round_trips + 1);
    Ok(Line { tls_resumed, session: Some(session), ..line })
}

/// A session that takes early data, if there is a ticket for it beside the one that brings the next.
fn greeting(
    url: &RelayUrl,
    tls: &Spoken,
) -> Result<Option<(ClientConnection, Arc<Session>)>, LinkError> {
    let Some((config, session)) = tls.early() else { return Ok(None) };
    let conn = ClientConnection::new(Arc::new(config), url.server_name());
    let mut conn = conn.map_err(LinkError::tls)?;
    // Not so where the ticket is over.
    let is_early = conn.early_data().is_some();
    Ok(is_early.then_some((conn, session)))
}

async fn straight(url: &RelayUrl, meter: &Meter) -> Result<Opened, LinkError> {
    let addresses = resolve(&url.host(), url.port()).await?;
    let (tcp, rtt) = connect_any(&addresses, Some(meter)).await?;
    Ok(Opened { stream: meter.tcp(tcp, rtt), rtt, round_trips: 1, forward: None })
}

/// The addresses of a name (at least one), in the system's order.
pub(crate) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, LinkError> {
    let failed = |source| LinkError::NameNotFound { host: host.to_owned(), source };
    let found = lookup_host((host, port)).await.map_err(failed)?;
    let addresses: Vec<_> = found.take(ADDRESSES_MAX).collect();
    if addresses.is_empty() {
        return Err(failed(io::ErrorKind::NotFound.into()));
    }
    Ok(addresses)
}

/// The first address that answers, and how long its TCP handshake took: one round trip. What those cost that do not answer
/// is counted by `meter`, where it is not counted elsewhere.
pub(crate) async fn connect_any(
    addresses: &[SocketAddr],
    meter: Option<&Meter>,
) -> Result<(TcpStream, Duration), LinkError> {
    let mut failed = None;
    for (at, address) in addresses.iter().enumerate() {
        let began = Instant::now();
        let last = at + 1 == addresses.len();
        let connected = if last {
            connect(*address, meter).await
        } else {
            timeout(ADDRESS_MAX, connect(*address, meter))
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        };
        match connected {
            Ok(stream) => return Ok((stream, began.elapsed())),
            Err(source) => failed = Some(connect_error(*address, source)),
        }
    }
    Err(failed.unwrap_or_else(|| LinkError::NameNotFound {
        host: String::new(),
        source: io::ErrorKind::NotFound.into(),
    }))
}

async fn connect(address: SocketAddr, meter: Option<&Meter>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_send_buffer_size(SEND_BUFFER)?;
    if let Some(window) = meter.and_then(Meter::window) {
        socket.set_recv_buffer_size(window)?;
    }
    // Acknowledgements wait for something to ride on, the one that ends TCP's handshake too: two packets less.
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(&socket).set_tcp_quickack(false)?;
    let mut knock = Knock { address, meter, began: Instant::now(), answered: None };
    let connected = socket.connect(address).await;
    knock.answered = Some(connected.as_ref().map(|_| ()).map_err(io::Error::kind));
    let stream = connected?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// An attempt to connect. One that comes to nothing, or is given up, is counted when it is dropped; any other is counted
/// with its connection.
struct Knock<'m> {
    address: SocketAddr,
    meter: Option<&'m Meter>,
    began: Instant,
    /// `None` while nobody has.
    answered: Option<Result<(), io::ErrorKind>>,
}

impl Drop for Knock<'_> {
    fn drop(&mut self) {
        let Some(meter) = self.meter else { return };
        let was_refused = match self.answered {
            // No packet left, or the connection tells of it.
            Some(Ok(()) | Err(io::ErrorKind::NetworkUnreachable)) => return,
            Some(Err(kind)) => kind == io::ErrorKind::ConnectionRefused,
            None => false,
        };
        let is_ipv6 = self.address.is_ipv6();
        meter.charge_attempt(segments::knocked(self.began.elapsed(), is_ipv6, was_refused));
    }
}

fn connect_error(address: SocketAddr, source: io::Error) -> LinkError {
    match source.kind() {
        io::ErrorKind::ConnectionRefused => LinkError::Refused { address, source },
        _ => LinkError::Unreachable { address, source },
    }
}

/// The TLS handshake on a fresh connection.
pub(crate) async fn handshake<S: Stream>(
    url: &RelayUrl,
    config: Arc<ClientConfig>,
    stream: Metered<S>,
) -> Result<TlsStream<Corked<Metered<S>>>, LinkError> {
    let tally = stream.tally();
    let stream = Corked::new(stream);
    let connected = TlsConnector::from(config).connect(url.server_name(), stream).await;
    let connected = connected.map(|mut secure| {
        secure.get_mut().0.release();
        secure
    });
    connected.map_err(|err| {
        if tally.was_refused() {
            return LinkError::BudgetSpent;
        }
        match err.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(tls) => LinkError::tls(tls.clone()),
            None => LinkError::Cut { received: 0, source: err.into() },
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_attempt_costs_its_packets_once_however_it_ends() {
        let after = |waited_s: u64, answered, address: &'static str| async move {
            let meter = Meter::new(None);
            let address = address.parse().unwrap();
            let knock = Knock { address, meter: Some(&meter), began: Instant::now(), answered };
            tokio::time::advance(Duration::from_secs(waited_s)).await;
            drop(knock);
            let ip = meter.ip_bytes();
            (ip.up, ip.down)
        };
        let (here, there) = ("192.0.2.1:443", "[2001:db8::1]:443");
        assert_eq!(after(0, None, here).await, (60, 0), "given up at once");
        assert_eq!(after(20, None, here).await, (5 * 60, 0), "after 1, 3, 7 and 15 s again");
        assert_eq!(after(3, Some(Err(io::ErrorKind::TimedOut)), there).await, (3 * 80, 0));
        assert_eq!(after(0, Some(Err(io::ErrorKind::ConnectionRefused)), there).await, (80, 60));
        assert_eq!(after(0, Some(Err(io::ErrorKind::NetworkUnreachable)), here).await, (0, 0));
        assert_eq!(after(0, Some(Ok(())), here).await, (0, 0), "its connection tells");
    }
}
