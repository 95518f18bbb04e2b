//! The relay's TLS side: one certificate from PEM files that can be read again while running, the relay's own key for
//! those who know it, and small answers.
//!
//! TLS 1.3 only unless 1.2 is asked for. The suites are those with SHA-256: each `Finished` and each ticket is then
//! 16 bytes shorter than with SHA-384. The key exchange is the one that the client's hello brings a share for, so that nobody
//! is asked for another: the post-quantum one with those who send it. One stateful ticket is sent, more to a client that asks for them, and each can be
//! used once.
//!
//! **Invariant:** tickets are in this process's memory and are taken out with their use: early data is taken once, and
//! never after a restart.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    NamedGroup, ServerConfig,
    crypto::{
        CryptoProvider, SupportedKxGroup,
        ring::{self, cipher_suite, kx_group},
    },
    server::{
        CertificateType, ClientHello, ResolvesServerCert, ServerSessionMemoryCache,
        StoresServerSessions,
    },
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject};

use crate::ownkey::KeyRing;

/// Bytes of a request, with its header, that may come before the handshake is over, and bytes that are skipped where
/// they are not taken. rustls counts a record that it skips again with every piece that comes behind it, until the
/// handshake goes on: so this is far more than the 16 KiB that clients send early. What is taken is read piece by piece.
const EARLY_DATA_MAX: u32 = 1024 * 1024;
/// A client may ask for so many tickets at once (RFC 9149).
const TICKETS_MAX: usize = 4;

/// Where the certificate is and how TLS is spoken.
#[derive(Clone, Debug)]
pub struct TlsOptions {
    /// The certificate and its key, if there is one.
    pub files: Option<PemFiles>,
    /// Whether TLS 1.2 is spoken beside 1.3.
    pub tls12: bool,
    /// How many devices can resume their sessions; about as many as call within a day.
    pub sessions: usize,
    /// Whether a request is taken with the first packet of a resumed session.
    pub early_data: bool,
}

/// A certificate and its private key.
#[derive(Clone, Debug)]
pub struct PemFiles {
    /// PEM file with the certificate, then those that lead to its root.
    pub cert: PathBuf,
    /// PEM file with the certificate's private key.
    pub key: PathBuf,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}", file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not PEM.
    #[error("{} is not a PEM file: {reason}", file.display())]
    NotPem {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A PEM file without what is looked for in it.
    #[error("{} holds no {what} (PEM)", file.display())]
    Missing {
        /// Which.
        file: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
    },
    /// The key is not this certificate's.
    #[error("the key in {} does not belong to the certificate in {}", key.display(), cert.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// PEM well enough, but what is in it cannot be used.
    #[error("{} and {} cannot be used together", cert.display(), key.display())]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// How TLS is spoken: with those who know the relay's own key, and with all others.
#[derive(Clone, Debug)]
pub struct TlsConfigs {
    certificate: Option<ByShare>,
    own: Option<ByShare>,
}

impl TlsConfigs {
    /// What goes with this client, whose hello came in these records. One that can be shown neither is refused by it.
    pub(crate) fn choose(
        &self,
        hello: &ClientHello<'_>,
        records: &[u8],
    ) -> Option<Arc<ServerConfig>> {
        let known = hello.server_cert_types().unwrap_or_default();
        let own = self.own.as_ref();
        let wanted = own.filter(|_| known.contains(&CertificateType::RawPublicKey));
        wanted.or(self.certificate.as_ref()).or(own).map(|configs| configs.choose(records))
    }
}

/// One configuration for each key exchange. rustls goes by what a client names: one that names the post-quantum one first and
/// sends a share for another would be asked for that share, which costs a round trip.
#[derive(Clone, Debug)]
struct ByShare {
    one: Vec<(NamedGroup, Arc<ServerConfig>)>,
    /// For TLS 1.2, and for those whose shares are all for something else.
    any: Arc<ServerConfig>,
}

impl ByShare {
    /// With the first that the client sent a share for.
    fn choose(&self, records: &[u8]) -> Arc<ServerConfig> {
        let groups = KEY_EXCHANGES.map(|group| group.name());
        let sent = tls::first_share(records, &groups);
        let one = self.one.iter().find(|(group, _)| sent == Some(*group));
        one.map_or(&self.any, |(_, config)| config).clone()
    }
}

/// The key exchanges that are taken. What one costs is the client's to say.
static KEY_EXCHANGES: [&dyn SupportedKxGroup; 3] =
    [tls::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1];

/// TLS configurations and the way to renew the certificate.
#[derive(Clone, Debug)]
pub struct Tls {
    options: TlsOptions,
    provider: CryptoProvider,
    configs: TlsConfigs,
    certificate: Option<Arc<Certificate>>,
}

impl Tls {
    /// Reads the files and makes the configurations. The own key is what `ring` has at each handshake.
    ///
    /// # Errors
    /// When a file cannot be read, is not what it should be, or the two do not belong together; each is named.
    pub fn load(options: TlsOptions, ring: &KeyRing) -> Result<Self, TlsError> {
        let provider = provider(options.tls12);
        let certificate = match &options.files {
            Some(files) => Some(Arc::new(Certificate(RwLock::new(read(files, &provider)?)))),
            None => None,
        };
        // Each early visit takes a ticket that was given out with others.
        let tickets = if options.early_data { TICKETS_MAX } else { 1 };
        let sessions =
            ServerSessionMemoryCache::new(options.sessions.max(1).saturating_mul(tickets));
        let make = |resolver: Arc<dyn ResolvesServerCert>| {
            let make = |kx_groups: &[_]| {
                let provider = CryptoProvider { kx_groups: kx_groups.to_vec(), ..provider.clone() };
                config(&options, provider, resolver.clone(), &sessions)
            };
            let one = KEY_EXCHANGES.map(|group| (group.name(), make(&[group]))).to_vec();
            ByShare { one, any: make(&KEY_EXCHANGES) }
        };
        let configs = TlsConfigs {
            certificate: certificate.clone().map(|certificate| make(certificate)),
            own: ring.certified().map(|_| make(Arc::new(Own(ring.clone())))),
        };
        Ok(Self { options, provider, configs, certificate })
    }

    /// What `serve` takes.
    #[must_use]
    pub fn configs(&self) -> TlsConfigs {
        self.configs.clone()
    }

    /// Reads the certificate's files again; new handshakes get the new one, sessions stay resumable.
    ///
    /// # Errors
    /// As [`Tls::load`]; the certificate then stays as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        if let (Some(files), Some(certificate)) = (&self.options.files, &self.certificate) {
            let renewed = read(files, &self.provider)?;
            *certificate.0.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        }
        Ok(())
    }
}

fn config(
    options: &TlsOptions,
    provider: CryptoProvider,
    resolver: Arc<dyn ResolvesServerCert>,
    sessions: &Arc<ServerSessionMemoryCache>,
) -> Arc<ServerConfig> {
    let versions: &[_] = if options.tls12 {
        &[&rustls::version::TLS13, &rustls::version::TLS12]
    } else {
        &[&rustls::version::TLS13]
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .expect("the provider has suites for each version")
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.session_storage = sessions.clone() as Arc<dyn StoresServerSessions>;
    config.send_tls13_tickets = 1;
    if options.early_data {
        config.max_early_data_size = EARLY_DATA_MAX;
        config.send_half_rtt_data = true;
    }
    // Who asks for none gets none, with early data or without.
    config.max_tls13_tickets = if options.early_data { TICKETS_MAX } else { 1 };
    Arc::new(config)
}

/// The certificate in use now, the same for every name that is asked for.
#[derive(Debug)]
struct Certificate(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// The relay's own key that is in use now, without a certificate.
#[derive(Debug)]
struct Own(KeyRing);

impl ResolvesServerCert for Own {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.certified()
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }
}

fn provider(tls12: bool) -> CryptoProvider {
    let mut cipher_suites =
        vec![cipher_suite::TLS13_AES_128_GCM_SHA256, cipher_suite::TLS13_CHACHA20_POLY1305_SHA256];
    if tls12 {
        cipher_suites.extend([
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ]);
    }
    CryptoProvider { cipher_suites, ..ring::default_provider() }
}

fn read(files: &PemFiles, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let PemFiles { cert, key } = files;
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|err| pem_error(cert, err, "certificate"))?;
    if chain.is_empty() {
        return Err(TlsError::Missing { file: cert.clone(), what: "certificate" });
    }
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|err| pem_error(key, err, "private key"))?;
    match CertifiedKey::from_der(chain, private, provider) {
        Ok(certified) => Ok(Arc::new(certified)),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(TlsError::Mismatch { cert: cert.clone(), key: key.clone() })
        }
        Err(source) => Err(TlsError::Unusable { cert: cert.clone(), key: key.clone(), source }),
    }
}

fn pem_error(file: &Path, err: pem::Error, what: &'static str) -> TlsError {
    let file = file.to_owned();
    match err {
        pem::Error::Io(source) => TlsError::Read { file, source },
        pem::Error::NoItemsFound => TlsError::Missing { file, what },
        other => TlsError::NotPem { file, reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, process::id};

    use rcgen::{CertifiedKey as Made, generate_simple_self_signed};
    use tempfile::TempDir;

    use super::*;

    struct Files {
        dir: TempDir,
        pem: PemFiles,
    }

    fn made() -> (String, String) {
        let Made { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    fn files(cert: &str, key: &str) -> Files {
        let dir = tempfile::tempdir().unwrap();
        let pem =
            PemFiles { cert: dir.path().join("relay.crt"), key: dir.path().join("relay.key") };
        fs::write(&pem.cert, cert).unwrap();
        fs::write(&pem.key, key).unwrap();
        Files { dir, pem }
    }

    fn load(pem: &PemFiles) -> Result<Tls, TlsError> {
        let files = Some(pem.clone());
        let options = TlsOptions { files, tls12: false, sessions: 8, early_data: true };
        Tls::load(options, &KeyRing::default())
    }

    fn refusal(cert: &str, key: &str) -> String {
        let files = files(cert, key);
        let text = load(&files.pem).unwrap_err().to_string();
        text.replace(&format!("{}/", files.dir.path().display()), "")
    }

    #[test]
    fn each_thing_that_is_wrong_names_its_file() {
        let (cert, key) = made();
        let (_, other_key) = made();
        let broken = cert.replace("-----END CERTIFICATE-----", "");
        assert_eq!(refusal("", &key), "relay.crt holds no certificate (PEM)");
        assert_eq!(refusal("garbage\n\u{1}", &key), "relay.crt holds no certificate (PEM)");
        assert_eq!(refusal(&cert, &cert), "relay.key holds no private key (PEM)");
        assert_eq!(
            refusal(&cert, &other_key),
            "the key in relay.key does not belong to the certificate in relay.crt"
        );
        assert!(refusal(&broken, &key).starts_with("relay.crt is not a PEM file: "));
        let not_a_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert_eq!(refusal(&cert, not_a_key), "relay.crt and relay.key cannot be used together");
    }

    #[test]
    fn a_missing_file_is_named_with_its_cause() {
        let mut files = files("", "");
        files.pem.cert = format!("absent-{}.pem", id()).into();
        let err = load(&files.pem).unwrap_err();
        assert!(
            matches!(&err, TlsError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
        );
        assert_eq!(err.to_string(), format!("cannot read absent-{}.pem", id()));
    }

    #[test]
    fn a_reload_takes_the_new_certificate_and_a_bad_one_changes_nothing() {
        let ((cert, key), (renewed_cert, renewed_key)) = (made(), made());
        let files = files(&cert, &key);
        let tls = load(&files.pem).unwrap();
        let leaf = || tls.certificate.as_ref().unwrap().0.read().unwrap().cert[0].clone();
        let first = leaf();
        fs::write(&files.pem.cert, &renewed_cert).unwrap();
        assert!(matches!(tls.reload(), Err(TlsError::Mismatch { .. })));
        assert_eq!(leaf(), first);
        fs::write(&files.pem.key, &renewed_key).unwrap();
        tls.reload().unwrap();
        assert_ne!(leaf(), first);
    }
}
