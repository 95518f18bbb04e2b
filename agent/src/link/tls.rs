//! TLS for a thin link: 1.3 only unless asked otherwise, the shortest hello rustls can say, sessions resumed.
//!
//! Tickets live in memory, with the resident agent, and each is used once.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::Duration,
};

use rustls::{
    ClientConfig, RootCertStore, SignatureScheme, SupportedProtocolVersion,
    client::{Resumption, TicketRequest, WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring},
    time_provider::TimeProvider,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime, pem::PemObject};

use ::tls::{ByRawKey, KeyJudge};
use config::agent::{KeyTrust, PostQuantum};

use super::{
    error::LinkError,
    fault::{TlsFault, TlsSaid},
    pinned::Pinned,
    tickets::{Session, Tickets},
};
use crate::store::Clock;

/// Tickets that are asked for at once where requests go early: all but the last save a round trip each. Each further one is
/// some 90 bytes in a packet that goes anyway; with a third the visit that fetches them would be dearer than 1,000 bytes.
const TICKETS: u8 = 2;
/// With fewer tickets for it none is used early: the last one brings the next.
const EARLY_LEAST: usize = 2;
/// One file of certificates; the largest system bundles have a quarter of it. In bytes.
const CA_FILE_LEN_MAX: u64 = 1 << 20;

/// How a [`Client`](super::Client) trusts and encrypts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Trust the certificates in this PEM file and no others; `None` trusts the system's.
    pub ca: Option<PathBuf>,
    /// Trust the authorities in this PEM file too: those of a proxy that looks into TLS.
    pub extra_ca: Option<PathBuf>,
    /// Also speak TLS 1.2, for an old gateway before the relay. Costs bytes and a round trip where it is used.
    pub allow_tls12: bool,
    /// What becomes of the relay's own key.
    pub key: KeyTrust,
    /// Where the post-quantum key exchange is offered.
    pub post_quantum: PostQuantum,
    /// Send an exchange with the first packet of a resumed session.
    pub early_data: bool,
    /// The process makes one visit: there are no sessions to resume but after a cut. No early data then.
    pub once: bool,
}

/// How one relay is spoken to that proves itself in one way.
#[derive(Clone, Debug)]
pub(crate) struct Ways {
    /// With X25519 alone.
    pub(crate) classical: Spoken,
    /// With the post-quantum key exchange too, if the relay has it. Sessions go on from either to the other.
    pub(crate) post_quantum: Spoken,
}

/// The same with what is offered for the key exchange.
#[derive(Clone, Debug)]
pub(crate) struct Spoken {
    /// With the whole handshake before the first request.
    config: Arc<ClientConfig>,
    /// With early data.
    early: Option<Arc<ClientConfig>>,
    /// The sessions of both.
    tickets: Arc<Tickets>,
    is_post_quantum: bool,
}

impl Spoken {
    /// For a connection that makes the whole handshake before the first request.
    pub(crate) fn whole(&self) -> (ClientConfig, Arc<Session>) {
        self.with_session(&self.config, false)
    }

    /// For a connection that says its first request early; `None` where there are too few tickets for that. What goes early is
    /// safe by its ticket alone: where a post-quantum key exchange is offered, it has to go back to one.
    pub(crate) fn early(&self) -> Option<(ClientConfig, Arc<Session>)> {
        let config = self.early.as_ref()?;
        let is_enough = EARLY_LEAST <= self.tickets.early(self.is_post_quantum);
        is_enough.then(|| self.with_session(config, self.is_post_quantum))
    }

    /// For a connection that resumes nothing and leaves nothing to resume.
    pub(crate) fn alone(&self) -> ClientConfig {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::disabled();
        config
    }

    /// The relay is not to be believed by its sessions any more.
    pub(crate) fn forget(&self) {
        self.tickets.forget();
    }

    fn with_session(&self, config: &ClientConfig, is_choosy: bool) -> (ClientConfig, Arc<Session>) {
        let session = Session::new(self.tickets.clone(), is_choosy);
        let mut config = config.clone();
        config.resumption = Resumption::store(session.clone());
        (config, session)
    }
}

/// Reads the certificates to trust and makes the configuration. Blocks on files.
pub(crate) fn by_certificate(settings: &TlsSettings, clock: &Clock) -> Result<Ways, LinkError> {
    let given = read_given(settings.ca.as_deref())?;
    let extra = read_given(settings.extra_ca.as_deref())?;
    let provider = Arc::new(provider(settings.allow_tls12));
    let verifier = verifier(given, &extra.unwrap_or_default(), provider)
        .map_err(|source| LinkError::Roots { from: settings.ca.clone(), source })?;
    ways(settings, clock, verifier, None)
}

/// The same for somebody who may look into TLS, and for nobody else: what the authorities in `extra_ca` signed. Blocks on
/// files.
pub(crate) fn by_extra(settings: &TlsSettings, clock: &Clock) -> Result<Ways, LinkError> {
    let failed = |source| LinkError::Roots { from: settings.extra_ca.clone(), source };
    let extra = read_given(settings.extra_ca.as_deref())?.unwrap_or_default();
    let provider = Arc::new(provider(settings.allow_tls12));
    let roots = Arc::new(roots_of(&extra).map_err(failed)?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider);
    let verifier: Arc<dyn ServerCertVerifier> =
        verifier.build().map_err(|source| failed(source.into()))?;
    ways(settings, clock, verifier, None)
}

/// For a relay that proves itself by a key of its own.
pub(crate) fn by_key<J: KeyJudge + 'static>(
    settings: &TlsSettings,
    clock: &Clock,
    judge: Arc<J>,
) -> Result<Ways, LinkError> {
    let settings = TlsSettings { allow_tls12: false, ..settings.clone() };
    // A ticket costs more than resuming would save where a key is all that is shown: a second attempt is no reason for one.
    let none = TicketRequest { new_session_count: 0, resumption_count: 0 };
    ways(&settings, clock, Arc::new(ByRawKey(judge)), settings.once.then_some(none))
}

fn ways(
    settings: &TlsSettings,
    clock: &Clock,
    verifier: Arc<dyn ServerCertVerifier>,
    tickets: Option<TicketRequest>,
) -> Result<Ways, LinkError> {
    let classical = provider(settings.allow_tls12);
    let mut post_quantum = classical.clone();
    post_quantum.kx_groups.insert(0, ::tls::X25519MLKEM768);
    let mut classical = config(settings, clock, classical, verifier.clone())?;
    let mut post_quantum = config(settings, clock, post_quantum, verifier)?;
    classical.send_ticket_request = tickets;
    post_quantum.send_ticket_request = tickets;
    // rustls resumes no session that had another.
    post_quantum.client_auth_cert_resolver = classical.client_auth_cert_resolver.clone();
    let tickets = Arc::new(Tickets::default());
    Ok(Ways {
        classical: spoken(settings, classical, tickets.clone(), false),
        post_quantum: spoken(settings, post_quantum, tickets, true),
    })
}

fn config(
    settings: &TlsSettings,
    clock: &Clock,
    provider: CryptoProvider,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig, LinkError> {
    let versions: &[&SupportedProtocolVersion] =
        if settings.allow_tls12 { &[&TLS13, &TLS12] } else { &[&TLS13] };
    let time = Arc::new(Time(clock.clone()));
    let config = ClientConfig::builder_with_details(Arc::new(provider), time)
        .with_protocol_versions(versions)
        .map_err(|source| LinkError::Tls {
            fault: TlsFault::Incompatible,
            source: TlsSaid(source),
        })?
        .dangerous() // says rustls of every verifier but its own
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

/// The time as rustls asks for it. What comes before 1970 is its beginning.
#[derive(Debug)]
struct Time(Clock);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now()).unwrap_or_default();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

fn spoken(
    settings: &TlsSettings,
    mut config: ClientConfig,
    tickets: Arc<Tickets>,
    is_post_quantum: bool,
) -> Spoken {
    let early = (settings.early_data && !settings.once).then(|| {
        // No further ticket comes of such a session, so none is asked for.
        let mut early = config.clone();
        early.enable_early_data = true;
        let (new_session_count, resumption_count) = (TICKETS, TICKETS);
        config.send_ticket_request = Some(TicketRequest { new_session_count, resumption_count });
        Arc::new(early)
    });
    Spoken { config: Arc::new(config), early, tickets, is_post_quantum }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

type Certificates = Vec<CertificateDer<'static>>;

fn read_given(file: Option<&Path>) -> Result<Option<Certificates>, LinkError> {
    let Some(file) = file else { return Ok(None) };
    let from = || Some(file.to_owned());
    read_pem(file).map(Some).map_err(|source| LinkError::Roots { from: from(), source })
}

fn verifier(
    given: Option<Certificates>,
    extra: &[CertificateDer<'static>],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, AnyError> {
    let mut roots = match &given {
        Some(given) => roots_of(given)?,
        None => roots_from_system()?,
    };
    for certificate in extra {
        roots.add(certificate.clone())?;
    }
    let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
    Ok(match given {
        Some(given) => Arc::new(Pinned { webpki, given }),
        None => webpki,
    })
}

fn read_pem(path: &Path) -> Result<Certificates, AnyError> {
    if CA_FILE_LEN_MAX < std::fs::metadata(path)?.len() {
        return Err(io::Error::other("the file is larger than 1 MiB").into());
    }
    let given = CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>()?;
    if given.is_empty() {
        return Err(io::Error::other("the file holds no certificate").into());
    }
    Ok(given)
}

fn roots_of(given: &[CertificateDer<'static>]) -> Result<RootCertStore, AnyError> {
    let mut roots = RootCertStore::empty();
    for certificate in given {
        roots.add(certificate.clone())?;
    }
    Ok(roots)
}

fn roots_from_system() -> Result<RootCertStore, AnyError> {
    let mut found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    match found.errors.pop() {
        Some(error) if roots.is_empty() => Err(error.into()),
        None if roots.is_empty() => Err(io::Error::other("the system has none").into()),
        _ => Ok(roots),
    }
}

/// Two suites (a third would only cost bytes) and one key exchange.
fn provider(allow_tls12: bool) -> CryptoProvider {
    use ring::cipher_suite as suite;
    let mut provider = ring::default_provider();
    provider.kx_groups = vec![ring::kx_group::X25519];
    provider.cipher_suites =
        vec![suite::TLS13_AES_128_GCM_SHA256, suite::TLS13_CHACHA20_POLY1305_SHA256];
    if allow_tls12 {
        provider.cipher_suites.extend([
            suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ]);
    } else {
        provider.signature_verification_algorithms = fewer_schemes();
    }
    provider
}

type Scheme = (SignatureScheme, &'static [&'static dyn SignatureVerificationAlgorithm]);

/// Offers five signature schemes instead of nine. Chains are still verified with every algorithm; a server's own
/// signature has no need of the others.
fn fewer_schemes() -> WebPkiSupportedAlgorithms {
    static OFFERED: LazyLock<Vec<Scheme>> = LazyLock::new(|| {
        let all = ring::default_provider().signature_verification_algorithms.mapping;
        all.iter()
            .filter(|(scheme, _)| {
                use SignatureScheme as S;
                matches!(
                    *scheme,
                    S::ECDSA_NISTP256_SHA256
                        | S::ECDSA_NISTP384_SHA384
                        | S::ED25519
                        | S::RSA_PSS_SHA256
                        | S::RSA_PKCS1_SHA256
                )
            })
            .copied()
            .collect()
    });
    let all = ring::default_provider().signature_verification_algorithms.all;
    WebPkiSupportedAlgorithms { all, mapping: &OFFERED }
}
