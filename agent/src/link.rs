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
mod proxy;
mod reachable;
mod segments;
pub mod state;
mod tls;
mod url;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use config::{Env, agent::ProxyChoice};
use hyper::header::HeaderValue;
pub use hyper::{Method, http::uri::PathAndQuery};
use rustls::ClientConfig;
use tokio::{sync::OnceCell, time::timeout};

pub(crate) use self::proxy::QUIET_LEAST;
pub(crate) use self::segments::room_within;
pub use self::{
    answer::Answer,
    error::LinkError,
    fault::TlsFault,
    http::{ANSWER_LEN_MAX, Connection},
    meter::{BudgetSpent, Meter},
    monitor::{Monitor, Sources},
    probe::{Check, Finding, probe},
    proxy::{Proxy, ProxyFault, ProxyVariableError},
    reachable::{ATTEMPT_BYTES, wait_until_reachable},
    segments::IpBytes,
    state::{LinkState, Reach},
    tls::TlsSettings,
    url::{RelayUrl, UrlError},
};
use self::{
    patience::CONNECT_MAX,
    proxy::{LoginKind, Memory, Via},
};

/// What connects to one relay. Clones share the TLS sessions and what was learned of proxies.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Inner>,
    /// What `[proxy]` and the environment say.
    rules: Arc<Rules>,
    proxy: Option<Proxy>,
    memory: Arc<Memory>,
    /// The link's name, for what is learned of it.
    link: Arc<str>,
    held: bool,
}

#[derive(Debug)]
struct Inner {
    url: RelayUrl,
    tls: TlsSettings,
    /// Made at the first https connection: reading the system's certificates takes a while and may fail.
    config: OnceCell<Arc<ClientConfig>>,
    /// By proxy; `None` is the straight way. There are as many as the settings name.
    memories: Mutex<HashMap<Option<Proxy>, Arc<Memory>>>,
}

#[derive(Default)]
struct Rules {
    settings: config::agent::Proxy,
    env: Env,
}

impl std::fmt::Debug for Rules {
    /// Without the variables: they may hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rules").field(&self.settings).finish()
    }
}

impl Client {
    /// A client for the relay at `url`, straight. Reads nothing yet.
    #[must_use]
    pub fn new(url: RelayUrl, tls: TlsSettings) -> Self {
        let (config, memories) = (OnceCell::new(), Mutex::default());
        let shared = Arc::new(Inner { url, tls, config, memories });
        let memory = shared.memory(&None);
        let link = Arc::from("");
        Self { shared, rules: Arc::default(), proxy: None, memory, link, held: false }
    }

    /// The same through the proxy that `[proxy]` or the environment names, if any.
    ///
    /// # Errors
    /// As [`Proxy::choose`].
    pub fn behind(
        self,
        settings: &config::agent::Proxy,
        env: &Env,
    ) -> Result<Self, ProxyVariableError> {
        let rules = Rules { settings: settings.clone(), env: env.proxies() };
        Self { rules: Arc::new(rules), ..self }.by_link("", None)
    }

    /// The same over the link of this name, whose profile says `proxy`; `None` is what holds without a profile.
    ///
    /// # Errors
    /// As [`Proxy::choose`].
    pub fn by_link(
        &self,
        link: &str,
        proxy: Option<&ProxyChoice>,
    ) -> Result<Self, ProxyVariableError> {
        let Rules { settings, env } = &*self.rules;
        let proxy = Proxy::choose(proxy, settings, env, self.url())?;
        let memory = self.shared.memory(&proxy);
        Ok(Self { proxy, memory, link: Arc::from(link), ..self.clone() })
    }

    /// The same for requests that the relay will hold: a proxy is asked to keep out of them where it can.
    #[must_use]
    pub fn for_holding(&self) -> Self {
        Self { held: true, ..self.clone() }
    }

    /// The relay's address.
    #[must_use]
    pub fn url(&self) -> &RelayUrl {
        &self.shared.url
    }

    /// The proxy that stands before it.
    #[must_use]
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// What a store knows the proxy by, if it is one that is told a user and a password; without either.
    pub(crate) fn proxy_key(&self) -> Option<String> {
        self.proxy.as_ref().filter(|proxy| proxy.has_http_login()).map(Proxy::to_string)
    }

    /// How the proxy took a login, by name, if it did since this process began.
    pub(crate) fn login_taken(&self) -> Option<&'static str> {
        self.memory.proved().map(LoginKind::name)
    }

    /// How it took one before, by name. What it said since comes first; an unknown name says nothing.
    pub(crate) fn recall_login(&self, kind: &str) {
        if let Some(kind) = LoginKind::named(kind) {
            self.memory.recall(kind);
        }
    }

    /// Seconds that a held line may be quiet before somebody on this way cuts it, less a fifth, at least 1; `None` where
    /// nobody was seen to. Limits from 1.5 s on can be lived with.
    #[must_use]
    pub fn hold_max_s(&self) -> Option<u16> {
        self.memory.hold_max_s(&self.link)
    }

    /// Who cuts held lines of this link sooner than any hold is short, in words; `None` where nobody was seen to.
    #[must_use]
    pub fn cut_too_soon(&self) -> Option<String> {
        self.memory.cuts_too_soon(&self.link).then(|| match &self.proxy {
            Some(proxy) => format!("the proxy {proxy}, or somebody behind it,"),
            None => "somebody between here and the relay".to_owned(),
        })
    }

    /// Learns from the end of a hold: `Some` if it was cut, so long after its last byte.
    pub fn note_hold(&self, cut_after: Option<Duration>) {
        match cut_after {
            Some(quiet) => self.memory.hold_was_cut(&self.link, quiet),
            None => self.memory.hold_ended_well(&self.link),
        }
    }

    /// Opens a connection: name, TCP, a proxy, TLS, together within 120 s. Its bytes count against `meter`.
    ///
    /// # Errors
    /// What stood in the way; each says whether another attempt is worth it, and its remedy.
    pub async fn connect(&self, meter: &Meter) -> Result<Connection, LinkError> {
        let url = self.url();
        let tls = if url.is_secure() { Some(self.config().await?) } else { None };
        let via = self.via();
        let dialled = dial::dial(url, tls, meter, via.as_ref(), self.held);
        let line = timeout(CONNECT_MAX, dialled).await.map_err(|_| LinkError::Stalled {
            during: if via.is_some() { "connecting through the proxy" } else { "connecting" },
            received: 0,
            waited: CONNECT_MAX,
        })??;
        let host = HeaderValue::try_from(url.authority())
            .expect("a checked host has only characters that a header may have");
        Connection::open(line, host).await
    }

    /// Host and port that a connection is opened to: the proxy's, or the relay's.
    fn first_hop(&self) -> (String, u16) {
        match &self.proxy {
            Some(proxy) => proxy.first_hop(),
            None => (self.url().host(), self.url().port()),
        }
    }

    fn via(&self) -> Option<Via> {
        let proxy = self.proxy.clone()?;
        Some(Via { proxy, memory: self.memory.clone() })
    }

    async fn config(&self) -> Result<Arc<ClientConfig>, LinkError> {
        let config = self.shared.config.get_or_try_init(|| async {
            let tls = self.shared.tls.clone();
            let from = tls.ca.clone();
            let loaded = tokio::task::spawn_blocking(move || tls::load(&tls)).await;
            loaded.map_err(|source| LinkError::Roots { from, source: source.into() })?.map(Arc::new)
        });
        config.await.cloned()
    }
}

impl Inner {
    fn memory(&self, proxy: &Option<Proxy>) -> Arc<Memory> {
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        memories.entry(proxy.clone()).or_default().clone()
    }
}
