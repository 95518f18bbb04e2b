//! Relays and agents inside this process, on the same files as the programs: for tests that need hundreds of them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agent::account::{self, How, Who};
use agent::link::{Answer, Client, Connection, LinkError, Meter, RelayUrl, TlsSettings};
use agent::store::{Compose, Identity, Inbox, Kind, NewDevice, Options, Store};
use agent::sync::{self, Ended, Progress, SyncError, Terms, Transport};
use bytes::Bytes;
use config::relay::{OwnKey, Registration};
use config::{Account, AgentPaths, Env, Secret, agent::VISIT_OVERHEAD};
use relay::account::Passwords;
use relay::start::{Relay, RelayHandle};

use crate::agent::AgentHome;
use crate::relay::{RelayOptions, password_of};
use crate::tls::TestCertificates;

/// A relay inside this process. Dropping it without [`InsideRelay::shutdown`] leaves it running until the test's
/// runtime ends.
#[derive(Debug)]
pub struct InsideRelay {
    handle: RelayHandle,
}

impl InsideRelay {
    /// Starts a relay on the data in `dir`, with plain HTTP and without rate limits. Panics when it does not start.
    pub async fn start(dir: &Path) -> Self {
        let mut settings = RelayOptions::default().settings;
        settings.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        settings.data = dir.to_owned();
        Self { handle: Relay::start(settings).await.expect("the relay starts") }
    }

    /// As [`InsideRelay::start`], but whoever asks may join, and passwords cost nothing.
    pub async fn start_open(dir: &Path) -> Self {
        Self::start_open_with(dir, None).await
    }

    /// As [`InsideRelay::start_open`], with TLS where it is given certificates.
    pub async fn start_open_with(dir: &Path, certificates: Option<&TestCertificates>) -> Self {
        Self::start_open_keyed(dir, certificates, OwnKey::default()).await
    }

    /// The same, with this part for the relay's own key.
    pub async fn start_open_keyed(
        dir: &Path,
        certificates: Option<&TestCertificates>,
        own_key: OwnKey,
    ) -> Self {
        let mut settings = RelayOptions::default().settings;
        settings.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        settings.data = dir.to_owned();
        settings.registration = Registration::Open;
        settings.tls.own_key = own_key;
        if let Some(certificates) = certificates {
            settings.tls.cert.clone_from(&certificates.cert);
            settings.tls.key.clone_from(&certificates.key);
        }
        let handle = Relay::start_with(settings, Passwords::cheap()).await;
        Self { handle: handle.expect("the relay starts") }
    }

    /// Its store.
    pub fn store(&self) -> &Arc<dyn relay::store::Store> {
        self.handle.store()
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.handle.addr
    }

    /// Requests that it has carried out, refusals among them.
    pub fn requests(&self) -> u64 {
        let text = self.handle.metrics.encode();
        let lines = text.lines().filter(|line| line.starts_with("mailboat_http_requests_total{"));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// Waits until it has begun to take items: the first packet of a request has reached it.
    pub async fn wait_begun(&self) {
        while self.handle.metrics.messages_submitted.get() == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Ends it and closes its store.
    pub async fn shutdown(self) {
        self.handle.shutdown().await;
    }
}

/// An agent's store and account, opened inside this process: no other process may use them meanwhile.
#[derive(Debug)]
pub struct InsideAgent {
    store: Store,
    token: Secret,
}

impl InsideAgent {
    /// Opens the store of a home that is logged in. Panics when it is not, or in use.
    pub fn open(home: &AgentHome) -> Self {
        let paths = AgentPaths::new(Some(home.dir()), &Env::default()).expect("a folder is a home");
        let account = Account::load(&paths.account).expect("the account can be read");
        // A program that another test starts at this moment holds a copy of our lock until it runs.
        let options = Options { patience: Duration::from_secs(10), ..Options::default() };
        let store = Store::open(&paths.store, options).expect("the store opens");
        Self { store, token: account.expect("somebody is logged in").token }
    }

    /// A new home in `dir`, let in by the relay of `client`. Panics when it is not.
    pub async fn admitted(dir: &Path, client: &Client, how: &How, name: &str) -> Self {
        let token = account::new_token().expect("there is randomness");
        let password = Secret::new(password_of(name));
        let admitted = account::admit(
            client,
            how,
            Who { name, password: &password, token: &token, label: "inside" },
            |_| {},
        )
        .await;
        let admitted = admitted.expect("the relay lets us in");
        let new = Self { store: fresh_store(dir), token };
        let logged_in = new.store.log_in(&admitted.identity(), Some(admitted.cursors));
        logged_in.expect("a fresh store is nobody's");
        new
    }

    /// A new home in `dir` of somebody whom no relay has heard of.
    pub fn invented(dir: &Path) -> Self {
        let token = account::new_token().expect("there is randomness");
        let new = Self { store: fresh_store(dir), token };
        let (name, domain) = ("ann".to_owned(), "relay.example".to_owned());
        let identity = Identity { account: 7, device: 70, name, domain };
        new.store.log_in(&identity, None).expect("a fresh store is nobody's");
        new
    }

    /// Lets these two chat with each other. Panics when something goes wrong.
    pub async fn acquaint(one: &Self, name: &str, other: &Self, client: &Client) {
        let visit = async |agent: &Self| {
            agent.visit_within(client, &Meter::new(None)).await.expect("a good link");
        };
        one.ask(name, "Shall we?");
        visit(one).await;
        visit(other).await;
        let chats = other.store.reader().conversations().expect("the store reads");
        let asked = chats.iter().find(|chat| chat.state == "invited").expect("a request came");
        other.store.accept(asked.id).expect("the store takes it");
        visit(other).await;
        visit(one).await;
    }

    /// Composes a chat request. Panics when the store refuses.
    pub fn ask(&self, name: &str, greeting: &str) {
        self.store.request(&[name.to_owned()], "", greeting).expect("the store takes it");
    }

    /// Composes a message to `to`, whom this one knows. Panics when the store refuses.
    pub fn send(&self, to: &str, text: &str) {
        let chat = self.store.reader().find(to).expect("they know each other");
        self.store.send(chat, text, Compose::default()).expect("the store takes it");
    }

    /// The texts of the messages of others, in the order in which they came.
    pub fn received(&self) -> Vec<String> {
        let rows = self.store.reader().inbox(&Inbox::default()).expect("the store reads");
        rows.into_iter().filter(|row| row.kind == Kind::Message).map(|row| row.text).collect()
    }

    /// One visit to the relay at `addr`, over one connection, without another attempt when it is cut.
    ///
    /// # Errors
    /// What cut or refused it.
    pub async fn visit(&self, addr: SocketAddr) -> Result<Ended, SyncError> {
        self.visit_within(&client_of(addr), &Meter::new(None)).await
    }

    /// As [`InsideAgent::visit`], through the proxy at `proxy` (`http://127.0.0.1:3128`).
    ///
    /// # Errors
    /// As there.
    pub async fn visit_through(&self, addr: SocketAddr, proxy: &str) -> Result<Ended, SyncError> {
        let url = proxy.parse().expect("a proxy's address");
        let settings = config::agent::Proxy { url, ..Default::default() };
        let client = client_of(addr).behind(&settings, &Env::default());
        let client = client.expect("the environment is empty");
        self.visit_within(&client, &Meter::new(None)).await
    }

    /// As [`InsideAgent::visit`], through `client`, with the budget of `meter`.
    ///
    /// # Errors
    /// What cut or refused it.
    pub async fn visit_within(&self, client: &Client, meter: &Meter) -> Result<Ended, SyncError> {
        self.visit_told(client, meter).await.0
    }

    /// The same; and whether its last connection sent the request with TLS's first packet, and was not refused that.
    pub async fn visit_told(
        &self,
        client: &Client,
        meter: &Meter,
    ) -> (Result<Ended, SyncError>, bool) {
        let token = self.token.expose().to_owned();
        let mut line =
            Line { client: client.clone(), meter: meter.clone(), token, connection: None };
        let mut progress = Progress::default();
        let ended = sync::run(&self.store, &mut line, &Terms::default(), &mut progress).await;
        (ended, line.connection.as_ref().is_some_and(Connection::is_early))
    }
}

/// A connection with the device's token, opened when it is first needed.
#[derive(Debug)]
struct Line {
    client: Client,
    meter: Meter,
    token: String,
    connection: Option<Connection>,
}

fn client_of(addr: SocketAddr) -> Client {
    let url = RelayUrl::parse(&format!("http://{addr}"), false).expect("loopback may be plain");
    Client::new(url, TlsSettings::default())
}

fn fresh_store(dir: &Path) -> Store {
    std::fs::create_dir_all(dir).expect("there is room for a folder");
    let options = Options { free_min: 0, ..Options::default() };
    Store::open(&dir.join("store.db"), options).expect("the store opens")
}

impl Transport for Line {
    type Answer<'a> = Answer<'a>;

    async fn post(&mut self, body: Bytes, hold: Duration) -> Result<Answer<'_>, LinkError> {
        let connection = match self.connection.take().filter(Connection::is_reusable) {
            Some(connection) => connection,
            // As a visit of the agent's own does it.
            None if hold.is_zero() => self.client.connect_to_exchange(&self.meter).await?,
            None => self.client.connect(&self.meter).await?,
        };
        self.connection.insert(connection).post_sync(&self.token, body, hold).await
    }

    fn left(&self) -> Option<u64> {
        // As a visit of the agent's own has it.
        let connects = self.connection.is_none() && self.client.url().is_secure();
        let overhead = if connects { VISIT_OVERHEAD.bytes() } else { 0 };
        self.meter.remaining().map(|left| left.saturating_sub(overhead))
    }

    fn rtt(&self) -> Duration {
        self.connection.as_ref().map_or(Duration::ZERO, Connection::rtt)
    }

    async fn new_device(&mut self, _: &str, _: wire::Cursors) -> Result<NewDevice, SyncError> {
        // Nothing here is cloned or put back: a fork is a defect, and the test has to see it.
        Err(SyncError::ForkedAgain)
    }
}
