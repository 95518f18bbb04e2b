//! Puts a whole relay together: listener, TLS, store, exchange, accounts, operations, housekeeping.
//!
//! A relay in the same process (tests, the demo) and the command `serve` start here alike.

#[cfg(test)]
mod tests;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use config::{
    Env, RelayPaths, RelaySettings,
    paths::PathsError,
    relay::{OwnKey, Tls as TlsSettings},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    account::{Accounts, Passwords},
    chores::{ChoresError, ChoresHandle, Seen},
    clock::now_s,
    datadir::{self, DataDirError, Lock},
    exchange::Exchange,
    http::{self, App, Askers, Identity},
    ops::{self, Metrics, Readiness},
    ownkey::{KeyRing, OwnKeyError, OwnKeys},
    serve::{
        ListenError, ServeOptions, check_listen, serve,
        tls::{Tls, TlsError},
    },
    settings::{self, Rates},
    store::{
        Chore, Policy, Store, StoreError,
        sqlite::{SqliteStore, kept},
    },
};

/// Why the relay does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It may not listen there as it is set up.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The port is in use, or not this machine's.
    #[error("cannot listen on {address}{}", hint(source))]
    Bind {
        /// Where it was told to listen.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate or its key is of no use.
    #[error("TLS cannot be set up")]
    Tls(#[from] TlsError),
    /// Nobody said where the store is to be.
    #[error(transparent)]
    Paths(#[from] PathsError),
    /// The directory of the store is of no use.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// The store cannot be opened.
    #[error("cannot open the store {}", path.display())]
    Store {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: StoreError,
    },
    /// The relay's own key is of no use.
    #[error("the relay's own key cannot be used")]
    OwnKey(#[from] OwnKeyError),
    /// Housekeeping cannot run.
    #[error("housekeeping cannot be started")]
    Chores(#[from] ChoresError),
    /// A thread of the runtime is gone.
    #[error("the start was interrupted")]
    Interrupted,
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => ": another program (or relay) listens there",
        io::ErrorKind::AddrNotAvailable => ": that is no address of this machine",
        io::ErrorKind::PermissionDenied => ": ports below 1024 need a permission",
        _ => "",
    }
}

/// A relay that can be started.
#[derive(Debug)]
pub struct Relay;

impl Relay {
    /// Starts a relay with `settings`; port 0 is resolved in the handle. The store lies in `settings.data`, or where
    /// [`RelayPaths::data`] says.
    ///
    /// # Errors
    /// The first thing that does not work, with its remedy where there is one. Nothing runs then.
    pub async fn start(settings: RelaySettings) -> Result<RelayHandle, StartError> {
        Self::start_with(settings, Passwords::default()).await
    }

    /// As [`Relay::start`], with another way to hash passwords: for tests that log in very often.
    #[doc(hidden)]
    pub async fn start_with(
        settings: RelaySettings,
        passwords: Passwords,
    ) -> Result<RelayHandle, StartError> {
        check_listen(settings.listen, settings.tls.is_on(), settings.allow_plain_http)?;
        let options = settings::tls_options(&settings.tls);
        if let Some(options) = &options {
            // What is wrong with its files is said before anything is made.
            Tls::load(options.clone(), &KeyRing::default())?;
        }
        let (listener, addr) = bind(settings.listen).await?;
        let operations = match settings.operations_listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let data = RelayPaths::data(&settings, &Env::of_process())?;
        let metrics = Metrics::new();
        let Opened { lock, store, ring } = open(&data, &settings, metrics.clone()).await?;
        let tls = options.map(|options| Tls::load(options, &ring)).transpose()?;
        Assembly { settings, metrics, store, passwords, lock, tls, ring, data }
            .run(listener, addr, operations)
            .await
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound.await.map_err(|source| StartError::Bind { address, source })
}

/// What lies in the relay's directory.
struct Opened {
    lock: Lock,
    store: Arc<dyn Store>,
    ring: KeyRing,
}

/// Makes the directory, takes the lock, opens the store, reads or makes the relay's own key.
async fn open(
    data: &Path,
    settings: &RelaySettings,
    metrics: Metrics,
) -> Result<Opened, StartError> {
    let (data, policy, tls) = (data.to_owned(), Policy::from(settings), settings.tls.clone());
    let opened = tokio::task::spawn_blocking(move || {
        datadir::prepare(&data)?;
        let lock = Lock::take(&data)?;
        let path = datadir::store_file(&data);
        let reads = metrics.store_reads.clone();
        let count = move |requests, took: Duration| metrics.committed(requests, took.as_secs_f64());
        let count_read = move || {
            reads.inc();
        };
        let (count, count_read) = (Box::new(count), Box::new(count_read));
        let store = SqliteStore::observed(&path, policy, now_s(), count, count_read)
            .map_err(|source| StartError::Store { path: path.clone(), source })?;
        let ring = own_keys(&tls, &data, &path)?;
        Ok(Opened { lock, store: Arc::new(store), ring })
    });
    opened.await.map_err(|_| StartError::Interrupted)?
}

/// The relay's own keys, where it shows them; those of the backup that the store came from, where their file is missing.
fn own_keys(tls: &TlsSettings, data: &Path, store: &Path) -> Result<KeyRing, StartError> {
    if !tls.is_on() || tls.own_key == OwnKey::Off {
        return Ok(KeyRing::default());
    }
    let failed = |source| StartError::Store { path: store.to_owned(), source };
    let kept = match OwnKeys::load(data) {
        Err(OwnKeyError::None) => kept::found(store).map_err(failed)?,
        _ => None,
    };
    let keys = match kept {
        Some(kept) => OwnKeys::put_back(data, &kept)?,
        None => OwnKeys::load_or_make(data, i64::try_from(now_s()).unwrap_or(i64::MAX))?,
    };
    kept::forget(store).map_err(failed)?;
    if OwnKeys::others_can_read(data) {
        warn!("others can read the file of the relay's own key: chmod 600 relay-key.pem");
    }
    info!(fingerprint = %keys.current.fingerprint(), "the relay's own key");
    Ok(KeyRing::new(keys))
}

/// What is ready before the relay runs.
struct Assembly {
    settings: RelaySettings,
    metrics: Metrics,
    store: Arc<dyn Store>,
    passwords: Passwords,
    lock: Lock,
    tls: Option<Tls>,
    ring: KeyRing,
    data: PathBuf,
}

impl Assembly {
    async fn run(
        self,
        listener: TcpListener,
        addr: SocketAddr,
        operations: Option<(TcpListener, SocketAddr)>,
    ) -> Result<RelayHandle, StartError> {
        let Self { settings, metrics, store, passwords, lock, tls, ring, data } = self;
        let exchange = Exchange::with_keys(store.clone(), &settings, metrics.clone(), ring.clone());
        let seen = exchange.clone();
        let seen: Seen = Box::new(move || seen.seen());
        let chores = ChoresHandle::start(store.clone(), seen, metrics.clone()).await?;
        let router = router(&settings, &metrics, &store, passwords, exchange, &ring);
        let (shutdown, readiness) = (CancellationToken::new(), readiness(&store));
        let (options, token) =
            (settings::serve_options(&settings, metrics.clone()), shutdown.clone());
        let config = tls.as_ref().map(Tls::configs);
        let mut serving = vec![tokio::spawn(serve(listener, config, router, options, token))];
        let ops_addr = operations.as_ref().map(|(_, address)| *address);
        if let Some((listener, _)) = operations {
            // Counted apart: its bytes and connections are not the devices'.
            let options = ServeOptions { metrics: Metrics::new(), ..ServeOptions::default() };
            let router = ops::router(metrics.clone(), readiness.clone());
            serving.push(tokio::spawn(serve(listener, None, router, options, shutdown.clone())));
        }
        Ok(RelayHandle {
            addr,
            ops_addr,
            metrics,
            readiness,
            shutdown,
            serving,
            chores,
            store,
            certificates: Certificates { tls, ring, settings: settings.tls, data },
            _lock: lock,
        })
    }
}

/// What the relay proves itself by, and where it is read again from.
#[derive(Clone, Debug)]
pub struct Certificates {
    tls: Option<Tls>,
    ring: KeyRing,
    settings: TlsSettings,
    data: PathBuf,
}

impl Certificates {
    /// Whether TLS is spoken.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.tls.is_some()
    }

    /// Fingerprints of the relay's own keys, the one in use first.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<wire::Fingerprint> {
        self.ring.fingerprints()
    }

    /// Reads certificate and own keys again, and tells devices of other keys from now on. `false` where there is no TLS.
    ///
    /// # Errors
    /// When something cannot be read; that then stays as it was.
    pub fn reload(&self) -> Result<bool, StartError> {
        let Some(tls) = &self.tls else { return Ok(false) };
        tls.reload()?;
        if self.settings.own_key != OwnKey::Off {
            self.ring.replace(OwnKeys::load(&self.data)?);
        }
        Ok(true)
    }
}

fn router(
    settings: &RelaySettings,
    metrics: &Metrics,
    store: &Arc<dyn Store>,
    passwords: Passwords,
    exchange: Exchange,
    ring: &KeyRing,
) -> Router {
    let rates = Rates::of(&settings.limits);
    let accounts =
        Accounts::new(store.clone(), passwords, settings.registration, &rates, metrics.clone());
    let identity = Identity {
        domain: settings.domain.clone(),
        registration: settings.registration,
        keys: ring.clone(),
    };
    http::router(Arc::new(App {
        accounts,
        exchange,
        store: store.clone(),
        identity,
        askers: Askers::new(&rates).behind(settings.trusted_proxies.clone()),
        metrics: metrics.clone(),
    }))
}

/// The relay is ready when its writer takes a transaction.
fn readiness(store: &Arc<dyn Store>) -> Readiness {
    let store = Arc::downgrade(store);
    Readiness::new(move || {
        let store = store.upgrade();
        async move {
            let Some(store) = store else { return false };
            store.housekeep(Chore::Seen(Vec::new()), now_s()).await.is_ok()
        }
    })
}

/// A running relay. Dropping it lets it run on; [`RelayHandle::shutdown`] ends it.
#[derive(Debug)]
pub struct RelayHandle {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Where its operations listen, if they do.
    pub ops_addr: Option<SocketAddr>,
    /// What it counts.
    pub metrics: Metrics,
    /// Whether it can do its work.
    pub readiness: Readiness,
    /// Its end: cancelled, it takes nothing new and lets running requests end.
    pub shutdown: CancellationToken,
    serving: Vec<JoinHandle<io::Result<()>>>,
    chores: ChoresHandle,
    store: Arc<dyn Store>,
    certificates: Certificates,
    _lock: Lock,
}

impl RelayHandle {
    /// The relay's store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// What it proves itself by.
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// Ends the relay: holds end with what there is, running requests within their grace time, and what was
    /// acknowledged lies in the store. Returns when the store is closed.
    pub async fn shutdown(self) {
        self.shutdown.cancel();
        self.ended().await;
    }

    /// Waits until `shutdown` is cancelled by somebody and all has ended.
    pub async fn ended(self) {
        let Self { serving, chores, store, _lock: lock, .. } = self;
        for listener in serving {
            match listener.await {
                Ok(Ok(())) => {}
                Ok(Err(err)) => error!(error = &err as &dyn std::error::Error, "a listener failed"),
                Err(err) => error!(error = &err as &dyn std::error::Error, "a listener failed"),
            }
        }
        chores.shutdown().await;
        // The last one closes the database, which may wait for the disk.
        let closed = tokio::task::spawn_blocking(move || drop((store, lock)));
        if let Err(err) = closed.await {
            error!(error = &err as &dyn std::error::Error, "the store did not close well");
        }
    }
}
