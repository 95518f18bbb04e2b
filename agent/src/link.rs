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
mod early;
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
mod raw;
mod reachable;
mod segments;
pub mod state;
mod tickets;
mod tls;
mod trust;
mod url;

#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use config::{
    Env,
    account::RelayKey,
    agent::{PostQuantum, ProxyChoice},
};
use hyper::header::HeaderValue;
pub use hyper::{Method, http::uri::PathAndQuery};
use tokio::{sync::OnceCell, time::timeout};
use wire::{Fingerprint, FingerprintError};

pub(crate) use self::proxy::QUIET_LEAST;
pub(crate) use self::segments::room_within;
pub use self::{
    answer::Answer,
    error::LinkError,
    fault::{TlsFault, TlsSaid},
    http::{ANSWER_LEN_MAX, Connection},
    meter::{BudgetSpent, Meter},
    monitor::{Monitor, Sources},
    probe::{Check, Finding, probe},
    proxy::{Proxy, ProxyFault, ProxyVariableError},
    reachable::{ATTEMPT_BYTES, wait_until_reachable},
    segments::IpBytes,
    state::{LinkState, Reach},
    tls::TlsSettings,
    trust::Proof,
    url::{RelayUrl, UrlError},
};
use self::{
    patience::CONNECT_MAX,
    proxy::{LoginKind, Memory, Via},
    raw::Look,
    tls::{Spoken, Ways},
    trust::Trust,
};
use crate::store::Clock;

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
    /// Its bytes cost nothing, and are gone in no time.
    is_ample: bool,
}

#[derive(Debug)]
struct Inner {
    url: RelayUrl,
    tls: TlsSettings,
    /// By it certificates hold, and tickets are over.
    clock: Clock,
    trust: Arc<Trust>,
    /// Each made at the first connection of its kind: reading the system's certificates takes a while and may fail.
    by_key: OnceCell<Ways>,
    by_certificate: OnceCell<Ways>,
    by_extra: OnceCell<Ways>,
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
        Self::with_clock(url, tls, Clock::system())
    }

    /// The same by this clock: what it shows decides which certificates hold, and which tickets are over.
    #[must_use]
    pub fn with_clock(url: RelayUrl, tls: TlsSettings, clock: Clock) -> Self {
        let shared = Arc::new(Inner {
            trust: Arc::new(Trust::new(tls.key)),
            url,
            tls,
            clock,
            by_key: OnceCell::new(),
            by_certificate: OnceCell::new(),
            by_extra: OnceCell::new(),
            memories: Mutex::default(),
        });
        let memory = shared.memory(&None);
        let link = Arc::from("");
        let (held, is_ample) = (false, false);
        Self { shared, rules: Arc::default(), proxy: None, memory, link, held, is_ample }
    }

    /// Takes up what was known of the relay's own keys.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn recalling(self, key: Option<&RelayKey>) -> Result<Self, FingerprintError> {
        if let Some(key) = key {
            self.shared.trust.recall(key)?;
        }
        Ok(self)
    }

    /// The user says that the relay has this key; a certificate will not do instead.
    pub fn give_key(&self, key: Fingerprint) {
        self.shared.trust.give(key);
    }

    /// What is to be kept of the relay's own keys for the next process.
    #[must_use]
    pub fn key_to_keep(&self) -> Option<RelayKey> {
        self.shared.trust.to_keep()
    }

    /// Keys by which the relay may prove itself, the one in use first; empty: by a certificate.
    #[must_use]
    pub fn keys(&self) -> Vec<Fingerprint> {
        self.shared.trust.accepted()
    }

    /// Whether the relay is to be asked for its keys over a connection with this proof: its limits have the tag `tag`.
    #[must_use]
    pub fn is_key_due(&self, tag: u16, proof: Proof) -> bool {
        self.shared.trust.is_due(tag, self.believed(proof))
    }

    /// The relay told of its keys, over a connection with this proof; its limits had the tag `tag`, 0 where they are not
    /// known.
    pub fn learn_keys(&self, proof: Proof, told: &[Fingerprint], tag: u16) {
        let before = self.keys();
        self.shared.trust.learn(self.believed(proof), told, tag);
        self.shared.end_sessions_of(&before);
    }

    /// Where somebody may look into TLS a certificate may be theirs.
    fn believed(&self, proof: Proof) -> Proof {
        match proof {
            Proof::Certificate if self.shared.tls.extra_ca.is_some() => Proof::Inspected,
            proof => proof,
        }
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

    /// The same over a link whose bytes cost nothing and are gone in no time, if `is`.
    #[must_use]
    pub fn over_ample(&self, is: bool) -> Self {
        Self { is_ample: is, ..self.clone() }
    }

    /// Whether a connection under `meter` offers the post-quantum key exchange. Who has to keep within bytes has none to
    /// spare for it.
    pub(crate) fn offers_post_quantum(&self, meter: &Meter) -> bool {
        match self.shared.tls.post_quantum {
            PostQuantum::Always => true,
            PostQuantum::Unmetered => self.is_ample && meter.remaining().is_none(),
            PostQuantum::Never => false,
        }
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
        self.open(meter, false).await
    }

    /// The same for an exchange, which may go with TLS's first packet where there is a session to resume. Then the handshake
    /// has not been made yet when this comes back.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_to_exchange(&self, meter: &Meter) -> Result<Connection, LinkError> {
        self.open(meter, true).await
    }

    async fn open(&self, meter: &Meter, early: bool) -> Result<Connection, LinkError> {
        if !self.url().is_secure() {
            return self.open_by(Proof::None, meter, early).await;
        }
        let trust = &self.shared.trust;
        let may_look = self.shared.tls.extra_ca.is_some();
        let (first, second) = trust.ways(may_look, self.memory.is_looked_into());
        let is_on_trial = trust.is_on_trial();
        let err = match self.open_by(first, meter, early).await {
            Ok(connection) => {
                self.note_proof(connection.proof(), first, connection.is_early());
                return Ok(if second.is_none() {
                    connection.by_no_other_way()
                } else {
                    connection
                });
            }
            Err(err) => err,
        };
        let lacks_proof = match (&err, first) {
            // Whoever ends TLS before the relay may not even stand being asked for a key.
            (LinkError::Tls { .. } | LinkError::Cut { .. }, Proof::Key) if is_on_trial => true,
            (LinkError::Tls { fault, .. }, Proof::Key) => fault.is_about_key(),
            // Whoever looked into TLS there does so no more.
            (LinkError::Tls { .. }, _) => true,
            _ => false,
        };
        let Some(second) = second.filter(|_| lacks_proof) else { return Err(err) };
        match self.open_by(second, meter, early).await {
            Ok(connection) => {
                self.note_proof(second, first, connection.is_early());
                Ok(connection)
            }
            Err(other) if is_on_trial || !matches!(other, LinkError::Tls { .. }) => Err(other),
            Err(_) => Err(err),
        }
    }

    /// What a connection says of the relay. An early one says nothing new: its session goes on from one that did.
    fn note_proof(&self, proof: Proof, first: Proof, is_early: bool) {
        if !is_early {
            let before = self.keys();
            self.shared.trust.proved(proof, first);
            self.shared.end_sessions_of(&before);
            self.memory.note_looked_into(proof == Proof::Inspected);
        }
    }

    async fn open_by(
        &self,
        proof: Proof,
        meter: &Meter,
        early: bool,
    ) -> Result<Connection, LinkError> {
        let url = self.url();
        let spoken = self.spoken(proof, self.offers_post_quantum(meter)).await?;
        let via = self.via();
        let dialled = dial::dial(url, spoken.as_ref(), meter, via.as_ref(), self.held, early);
        let dialled = timeout(CONNECT_MAX, dialled).await.map_err(|_| LinkError::Stalled {
            during: if via.is_some() { "connecting through the proxy" } else { "connecting" },
            received: 0,
            waited: CONNECT_MAX,
        })?;
        let line = dialled.map_err(|err| err.where_proof_is_due(proof))?;
        let host = HeaderValue::try_from(url.authority())
            .expect("a checked host has only characters that a header may have");
        Connection::open(line, host, proof).await
    }

    /// The key that the relay shows, for a person to compare; nothing is said to it, and nothing follows from it.
    ///
    /// # Errors
    /// As [`Client::connect`]; also where it shows none.
    pub async fn look_at_key(&self, meter: &Meter) -> Result<Fingerprint, LinkError> {
        let look = Arc::new(Look::default());
        let spoken = tls::by_key(&self.shared.tls, &self.shared.clock, look.clone())?.classical;
        let via = self.via();
        let dialled = dial::dial(self.url(), Some(&spoken), meter, via.as_ref(), false, false);
        let dialled = timeout(CONNECT_MAX, dialled).await.map_err(|_| LinkError::Stalled {
            during: "connecting",
            received: 0,
            waited: CONNECT_MAX,
        })?;
        match (look.seen(), dialled) {
            (Some(seen), _) => Ok(seen),
            (None, Err(err)) => Err(err.where_proof_is_due(Proof::Key)),
            (None, Ok(_)) => Err(LinkError::NotARelay { status: None, hint: String::new() }),
        }
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

    /// How a relay is spoken to that proves itself so; `None` without TLS.
    async fn spoken(&self, proof: Proof, post_quantum: bool) -> Result<Option<Spoken>, LinkError> {
        let shared = &self.shared;
        let ways = match proof {
            Proof::None => return Ok(None),
            Proof::Key => {
                let make =
                    || async { tls::by_key(&shared.tls, &shared.clock, shared.trust.clone()) };
                shared.by_key.get_or_try_init(make).await
            }
            Proof::Certificate => shared.load(&shared.by_certificate, tls::by_certificate).await,
            Proof::Inspected => shared.load(&shared.by_extra, tls::by_extra).await,
        };
        let ways = ways?;
        Ok(Some(if post_quantum { ways.post_quantum.clone() } else { ways.classical.clone() }))
    }
}

impl Inner {
    /// Sessions are resumed without a key being shown: they end with the first key, of those believed before, that is
    /// believed no more.
    fn end_sessions_of(&self, before: &[Fingerprint]) {
        if !before.iter().all(|key| self.trust.accepts(key))
            && let Some(ways) = self.by_key.get()
        {
            ways.classical.forget();
        }
    }

    async fn load<'s>(
        &'s self,
        cell: &'s OnceCell<Ways>,
        load: fn(&TlsSettings, &Clock) -> Result<Ways, LinkError>,
    ) -> Result<&'s Ways, LinkError> {
        cell.get_or_try_init(|| async {
            let (tls, clock) = (self.tls.clone(), self.clock.clone());
            let from = tls.ca.clone();
            let loaded = tokio::task::spawn_blocking(move || load(&tls, &clock)).await;
            loaded.map_err(|source| LinkError::Roots { from, source: source.into() })?
        })
        .await
    }

    fn memory(&self, proxy: &Option<Proxy>) -> Arc<Memory> {
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        memories.entry(proxy.clone()).or_default().clone()
    }
}
