//! The relay's socket side: accepts connections, keeps them within their limits, and gives each request to a router.
//!
//! What runs above (the exchange, the accounts) sees requests whose bodies are bounded and, as an extension, the
//! [`ConnInfo`] of their connection. Nothing here knows what a request means. Answers carry the header fields that
//! the handler set, `Content-Length` (or chunks), and no other.

mod conn;
mod cork;
mod deadline;
pub mod limits;
mod pulse;
mod request;
mod secure;
mod table;
#[cfg(test)]
mod tests;
pub mod tls;

use std::{error::Error, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, middleware};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use self::{conn::Carrier, table::Table, tls::TlsConfigs};
pub use self::{
    conn::ConnInfo,
    deadline::Pace,
    request::{BodyLimits, BodyTooLarge},
    table::{ConnectionLimits, DeviceKey},
};
use crate::ops::metrics::{DropReason, Metrics};

/// The accept queue is left alone for so long when the system has no more descriptors: it would spin otherwise.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// So much of an answer may lie unsent in the kernel. A full send buffer counts as "moving" only when a third of it
/// has drained, which takes minutes on a thin line when the buffer has grown; with this it takes seconds.
#[cfg(target_os = "linux")]
const UNSENT_BYTES_MAX: u32 = 16 * 1024;

/// How a listener is served.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Deadlines.
    pub pace: Pace,
    /// How many connections.
    pub connection_limits: ConnectionLimits,
    /// How large bodies.
    pub body_limits: BodyLimits,
    /// Request line and header fields together, in bytes; at least 1 KiB.
    pub header_bytes_max: usize,
    /// How long a running request may take to end at shutdown, or when a newer connection of its device came.
    pub grace_time: Duration,
    /// Where connections, bytes and requests are counted.
    pub metrics: Metrics,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            pace: Pace::default(),
            connection_limits: ConnectionLimits::default(),
            body_limits: BodyLimits::default(),
            header_bytes_max: 8 * 1024,
            grace_time: Duration::from_secs(30),
            metrics: Metrics::new(),
        }
    }
}

/// Serves `router` on `listener` until `shutdown`, then lets running requests end within the grace time.
///
/// # Errors
/// When `listener` has no address. What goes wrong with one connection ends that connection only.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsConfigs>,
    router: Router,
    options: ServeOptions,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    // Acknowledgements wait for an answer to ride on, from the first packet: one packet less in a handshake.
    // Set here, because the first packet may come before a connection is accepted.
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(&listener).set_tcp_quickack(false)?;
    info!(%address, tls = tls.is_some(), "serving");
    let mut connections = Connections::new(tls, router, options, shutdown.clone());
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(ended) = connections.running.join_next() => connections.ended(ended),
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => connections.admit(socket, peer),
                Err(err) => pause_after(&err, &shutdown).await,
            }
        }
    }
    drop(listener);
    while let Some(ended) = connections.running.join_next().await {
        connections.ended(ended);
    }
    info!(%address, "served");
    Ok(())
}

/// An error of one connection that went before it was accepted is nothing; any other would come again at once.
async fn pause_after(err: &io::Error, shutdown: &CancellationToken) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    if matches!(err.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted) {
        return;
    }
    warn!(error = err as &dyn Error, "cannot accept connections");
    shutdown.run_until_cancelled(tokio::time::sleep(ACCEPT_PAUSE)).await;
}

/// The connections of one listener. Each ends by itself soon after its `closing`, so the set needs no deadline.
struct Connections {
    carrier: Arc<Carrier>,
    table: Arc<Table>,
    running: JoinSet<()>,
    shutdown: CancellationToken,
}

impl Connections {
    fn new(
        tls: Option<TlsConfigs>,
        router: Router,
        options: ServeOptions,
        shutdown: CancellationToken,
    ) -> Self {
        let table = Table::new(options.connection_limits.clone(), options.metrics.clone());
        let router = router.layer(middleware::from_fn(request::name_route));
        let carrier = Arc::new(Carrier { tls, router, options });
        Self { carrier, table, running: JoinSet::new(), shutdown }
    }

    fn admit(&mut self, socket: TcpStream, peer: SocketAddr) {
        let metrics = &self.carrier.options.metrics;
        let closing = self.shutdown.child_token();
        let place = match self.table.admit(peer.ip(), closing.clone()) {
            Ok(place) => place,
            Err(reason) => {
                debug!(%peer, ?reason, "connection refused");
                return metrics.dropped(reason);
            }
        };
        if let Err(err) = tune(&socket) {
            debug!(%peer, error = &err as &dyn Error, "socket options were refused");
        }
        let info = ConnInfo::new(peer, place.id(), &self.table, closing, metrics);
        let carrier = self.carrier.clone();
        self.running.spawn(async move {
            let _place = place;
            if let Err(err) = carrier.carry(socket, info).await {
                carrier.options.metrics.dropped(err.reason());
                debug!(%peer, error = &err as &dyn Error, "connection ended before its time");
            }
        });
    }

    fn ended(&self, outcome: Result<(), JoinError>) {
        if let Err(err) = outcome {
            self.carrier.options.metrics.dropped(DropReason::Panic);
            error!(error = &err as &dyn Error, "connection task failed");
        }
    }
}

fn tune(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    {
        let socket = socket2::SockRef::from(socket);
        socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
    }
    Ok(())
}

/// Why the relay does not listen where it was told to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Passwords and tokens would cross a network in the open.
    #[error(
        "{address} is not a loopback address and there is no TLS: set tls.cert and tls.key, \
         listen on 127.0.0.1 behind a proxy, or set allow_plain_http = true"
    )]
    PlainHttp {
        /// Where it was told to listen.
        address: SocketAddr,
    },
}

/// Whether the relay may listen on `address`: plain HTTP elsewhere than on loopback has to be allowed by name.
///
/// # Errors
/// When it may not; the text says what can be done about it.
pub fn check_listen(
    address: SocketAddr,
    tls: bool,
    allow_plain_http: bool,
) -> Result<(), ListenError> {
    if tls || allow_plain_http || address.ip().to_canonical().is_loopback() {
        Ok(())
    } else {
        Err(ListenError::PlainHttp { address })
    }
}
