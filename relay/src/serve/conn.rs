//! One connection from its first byte to its last: TLS if asked for, then HTTP/1.1 requests one after another.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use axum::Router;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use line::Paced;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::{
    ServeOptions,
    deadline::{Overdue, watch},
    pulse::{Pulse, Watched},
    request, secure,
    table::{DeviceKey, Table},
    tls::TlsConfigs,
};
use crate::{
    ops::metrics::{DropReason, Metrics},
    store::{Generation, Login, SecretHash},
};

/// A header has this many fields at most; the relay's own clients send three.
const HEADER_FIELDS_MAX: usize = 64;

/// What a handler may know of, and say about, the connection that its request came on: a request extension.
#[derive(Clone, Debug)]
pub struct ConnInfo(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    peer: SocketAddr,
    pulse: Arc<Pulse>,
    closing: CancellationToken,
    table: Weak<Table>,
    id: u64,
    known: Mutex<Option<Known>>,
}

/// Whom this connection last proved to be, and in which period of the store that was true.
#[derive(Clone, Copy, Debug)]
struct Known {
    token: SecretHash,
    login: Login,
    at: Generation,
}

impl ConnInfo {
    pub(crate) fn new(
        peer: SocketAddr,
        id: u64,
        table: &Arc<Table>,
        closing: CancellationToken,
        metrics: &Metrics,
    ) -> Self {
        let pulse = Arc::new(Pulse::new(metrics));
        Self(Arc::new(Inner {
            peer,
            pulse,
            closing,
            table: Arc::downgrade(table),
            id,
            known: Mutex::default(),
        }))
    }

    /// A connection that is in no table: for calling handlers without a socket.
    #[must_use]
    pub fn detached(peer: SocketAddr) -> Self {
        let pulse = Arc::new(Pulse::new(&Metrics::new()));
        Self(Arc::new(Inner {
            peer,
            pulse,
            closing: CancellationToken::new(),
            table: Weak::new(),
            id: 0,
            known: Mutex::default(),
        }))
    }

    /// The other end, as the socket says.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// Says that this connection has proved to be `device`. It no longer counts as a stranger of its address; if the
    /// device has too many connections now, its oldest is asked to end. Saying it again is nothing.
    pub fn mark_device(&self, device: DeviceKey) {
        if let Some(table) = self.0.table.upgrade() {
            table.mark_device(self.0.id, device);
        }
    }

    /// Whom `token` belongs to, where an earlier request on this connection showed the same one in
    /// the store's period `now`.
    pub(crate) fn known(&self, token: SecretHash, now: Generation) -> Option<Login> {
        let known = *self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.filter(|known| known.token == token && known.at == now).map(|known| known.login)
    }

    /// Remembers what the store said in the period `at`.
    pub(crate) fn learn(&self, token: SecretHash, login: Login, at: Generation) {
        let known = Some(Known { token, login, at });
        *self.0.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Cancelled when this connection has to end soon (shutdown, or a newer one took its place): end a hold with
    /// what there is. The answer still goes out.
    #[must_use]
    pub fn closing(&self) -> &CancellationToken {
        &self.0.closing
    }

    /// Bytes received on this connection so far, TLS included.
    #[must_use]
    pub fn bytes_received(&self) -> u64 {
        self.0.pulse.received()
    }

    /// Bytes sent on this connection so far, TLS included.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.0.pulse.sent()
    }

    pub(crate) fn pulse(&self) -> &Arc<Pulse> {
        &self.0.pulse
    }
}

/// Why a connection ended before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnError {
    #[error("TLS handshake failed")]
    Tls(#[source] io::Error),
    #[error("HTTP connection failed")]
    Http(#[source] hyper::Error),
    #[error("connection moved too slowly")]
    Slow(#[source] Overdue),
}

impl ConnError {
    pub(crate) fn reason(&self) -> DropReason {
        match self {
            Self::Tls(_) => DropReason::Tls,
            Self::Http(_) => DropReason::Http,
            Self::Slow(_) => DropReason::Slow,
        }
    }
}

/// What all connections of a listener share.
#[derive(Clone)]
pub(crate) struct Carrier {
    pub(crate) tls: Option<TlsConfigs>,
    pub(crate) router: Router,
    pub(crate) options: ServeOptions,
}

impl Carrier {
    /// Carries one connection to its end.
    pub(crate) async fn carry<S>(&self, socket: S, info: ConnInfo) -> Result<(), ConnError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let pulse = info.pulse().clone();
        let socket = Watched::new(Paced::accepted(socket), pulse.clone());
        // Each stage in a place of its own: a line that is held for minutes is not to keep the room that its handshake
        // took, twelve kilobytes of it.
        let whole = async {
            match &self.tls {
                None => Box::pin(self.http(socket, info)).await,
                Some(tls) => Box::pin(self.over_tls(tls, socket, info)).await,
            }
        };
        watch(whole, &pulse, self.options.pace).await.map_err(ConnError::Slow)?
    }

    async fn over_tls<S>(
        &self,
        tls: &TlsConfigs,
        socket: Watched<Paced<S>>,
        info: ConnInfo,
    ) -> Result<(), ConnError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (closing, pulse) = (info.closing().clone(), info.pulse().clone());
        let accepted = Box::pin(secure::accept(tls, socket, pulse));
        match closing.run_until_cancelled(accepted).await {
            None => Ok(()),
            Some(secure) => Box::pin(self.http(secure.map_err(ConnError::Tls)?, info)).await,
        }
    }

    async fn http<S>(&self, socket: S, info: ConnInfo) -> Result<(), ConnError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let closing = info.closing().clone();
        let ServeOptions { body_limits, ref metrics, .. } = self.options;
        let service = service_fn(move |asked| {
            // Boxed, so that it takes room until there is an answer, and not as long as the answer is held open.
            Box::pin(request::answer(
                self.router.clone(),
                asked,
                info.clone(),
                body_limits,
                metrics.clone(),
            ))
        });
        let mut connection =
            std::pin::pin!(self.builder().serve_connection(TokioIo::new(socket), service));
        tokio::select! {
            // Looked at first, so that an answer which `closing` brings about says that it is the last.
            biased;
            () = closing.cancelled() => {}
            ended = connection.as_mut() => return ended.map_err(ConnError::Http),
        }
        connection.as_mut().graceful_shutdown();
        match tokio::time::timeout(self.options.grace_time, connection).await {
            Ok(ended) => ended.map_err(ConnError::Http),
            Err(_) => Ok(()),
        }
    }

    fn builder(&self) -> http1::Builder {
        let header_bytes_max = self.options.header_bytes_max.max(1024);
        let mut builder = http1::Builder::new();
        builder
            .auto_date_header(false)
            .keep_alive(true)
            .half_close(false)
            // Header and handshake share one deadline, kept by `watch`.
            .header_read_timeout(None)
            .max_headers(HEADER_FIELDS_MAX)
            .max_header_size(header_bytes_max)
            .max_buf_size((2 * header_bytes_max).max(16 * 1024));
        builder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_takes_little_room_however_its_handshake_is_made() {
        let carrier =
            Carrier { tls: None, router: Router::new(), options: ServeOptions::default() };
        let (near, _far) = tokio::io::duplex(64);
        let info = ConnInfo::detached(([192, 0, 2, 1], 4000).into());
        let size = std::mem::size_of_val(&carrier.carry(near, info));
        assert!(size <= 1024, "{size} bytes for each held line");
    }
}
