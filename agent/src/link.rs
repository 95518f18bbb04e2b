//! The agent's way to its relay: bytes in, bytes out, counted at the socket.
//!
//! Nothing here knows what the bytes mean. A [`Client`] lives as long as the agent does, because TLS sessions are
//! resumed only from its memory; each visit makes a [`Connection`] under a [`Meter`]. Deadlines follow progress: while
//! bytes move nothing times out.

mod answer;
mod body;
mod certificate;
mod cork;
mod dial;
mod error;
mod fault;
mod http;
mod meter;
pub mod monitor;
mod patience;
mod pinned;
mod portal;
mod probe;
mod reachable;
pub mod state;
mod tls;
mod url;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use hyper::header::HeaderValue;
pub use hyper::{Method, http::uri::PathAndQuery};
use rustls::ClientConfig;
use tokio::{sync::OnceCell, time::timeout};

use self::patience::CONNECT_MAX;
pub use self::{
    answer::Answer,
    error::LinkError,
    fault::TlsFault,
    http::{ANSWER_LEN_MAX, Connection},
    meter::{BudgetSpent, Meter},
    monitor::{Monitor, Sources},
    probe::{Check, Finding, probe},
    reachable::{ATTEMPT_BYTES, wait_until_reachable},
    state::{LinkState, Reach},
    tls::TlsSettings,
    url::{RelayUrl, UrlError},
};

/// What connects to one relay. Clones share the TLS sessions.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: RelayUrl,
    tls: TlsSettings,
    /// Made at the first https connection: reading the system's certificates takes a while and may fail.
    config: OnceCell<Arc<ClientConfig>>,
}

impl Client {
    /// A client for the relay at `url`. Reads nothing yet.
    #[must_use]
    pub fn new(url: RelayUrl, tls: TlsSettings) -> Self {
        Self(Arc::new(Inner { url, tls, config: OnceCell::new() }))
    }

    /// The relay's address.
    #[must_use]
    pub fn url(&self) -> &RelayUrl {
        &self.0.url
    }

    /// Opens a connection: name, TCP, TLS, together within 120 s. Its bytes count against `meter`.
    ///
    /// # Errors
    /// What stood in the way; each says whether another attempt is worth it, and its remedy.
    pub async fn connect(&self, meter: &Meter) -> Result<Connection, LinkError> {
        let url = &self.0.url;
        let tls = if url.is_secure() { Some(self.config().await?) } else { None };
        let line = timeout(CONNECT_MAX, dial::dial(url, tls, meter)).await.map_err(|_| {
            LinkError::Stalled { during: "connecting", received: 0, waited: CONNECT_MAX }
        })??;
        let host = HeaderValue::try_from(url.authority())
            .expect("a checked host has only characters that a header may have");
        Connection::open(line, host).await
    }

    async fn config(&self) -> Result<Arc<ClientConfig>, LinkError> {
        let config = self.0.config.get_or_try_init(|| async {
            let tls = self.0.tls.clone();
            let from = tls.ca.clone();
            let loaded = tokio::task::spawn_blocking(move || tls::load(&tls)).await;
            loaded.map_err(|source| LinkError::Roots { from, source: source.into() })?.map(Arc::new)
        });
        config.await.cloned()
    }
}
