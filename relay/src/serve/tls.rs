//! The relay's TLS side: one certificate from PEM files that can be read again while running, and small answers.
//!
//! TLS 1.3 only unless 1.2 is asked for. The suites are those with SHA-256: each `Finished` and each ticket is then
//! 16 bytes shorter than with SHA-384. One stateful ticket is sent, and each can be used once.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    ServerConfig,
    crypto::{
        CryptoProvider,
        ring::{self, cipher_suite, kx_group},
    },
    server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject};

/// Where the certificate is and how TLS is spoken.
#[derive(Clone, Debug)]
pub struct TlsOptions {
    /// PEM file with the certificate, then those that lead to its root.
    pub cert: PathBuf,
    /// PEM file with the certificate's private key.
    pub key: PathBuf,
    /// Whether TLS 1.2 is spoken beside 1.3.
    pub tls12: bool,
    /// How many sessions can be resumed; about one for each device that calls within a day.
    pub sessions: usize,
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

/// A TLS configuration and the way to renew its certificate.
#[derive(Clone, Debug)]
pub struct Tls {
    options: TlsOptions,
    config: Arc<ServerConfig>,
    certificate: Arc<Certificate>,
}

impl Tls {
    /// Reads the files and makes the configuration.
    ///
    /// # Errors
    /// When a file cannot be read, is not what it should be, or the two do not belong together; each is named.
    pub fn load(options: TlsOptions) -> Result<Self, TlsError> {
        let provider = Arc::new(provider(options.tls12));
        let certificate = Arc::new(Certificate(RwLock::new(read(&options, &provider)?)));
        let versions: &[_] = if options.tls12 {
            &[&rustls::version::TLS13, &rustls::version::TLS12]
        } else {
            &[&rustls::version::TLS13]
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("the provider has suites for each version")
            .with_no_client_auth()
            .with_cert_resolver(certificate.clone());
        config.session_storage = ServerSessionMemoryCache::new(options.sessions.max(1));
        config.send_tls13_tickets = 1;
        Ok(Self { options, config: Arc::new(config), certificate })
    }

    /// What `serve` takes.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// Reads the files again; new handshakes get the new certificate, sessions stay resumable.
    ///
    /// # Errors
    /// As [`Tls::load`]; the certificate then stays as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        let renewed = read(&self.options, self.config.crypto_provider())?;
        *self.certificate.0.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
    }
}

/// The certificate in use now, the same for every name that is asked for.
#[derive(Debug)]
struct Certificate(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
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
    CryptoProvider {
        cipher_suites,
        kx_groups: vec![kx_group::X25519, kx_group::SECP256R1],
        ..ring::default_provider()
    }
}

fn read(options: &TlsOptions, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let TlsOptions { cert, key, .. } = options;
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
        options: TlsOptions,
    }

    fn made() -> (String, String) {
        let Made { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    fn files(cert: &str, key: &str) -> Files {
        let dir = tempfile::tempdir().unwrap();
        let options = TlsOptions {
            cert: dir.path().join("relay.crt"),
            key: dir.path().join("relay.key"),
            tls12: false,
            sessions: 8,
        };
        fs::write(&options.cert, cert).unwrap();
        fs::write(&options.key, key).unwrap();
        Files { dir, options }
    }

    fn refusal(cert: &str, key: &str) -> String {
        let files = files(cert, key);
        let text = Tls::load(files.options).unwrap_err().to_string();
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
        files.options.cert = format!("absent-{}.pem", id()).into();
        let err = Tls::load(files.options).unwrap_err();
        assert!(
            matches!(&err, TlsError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
        );
        assert_eq!(err.to_string(), format!("cannot read absent-{}.pem", id()));
    }

    #[test]
    fn a_reload_takes_the_new_certificate_and_a_bad_one_changes_nothing() {
        let ((cert, key), (renewed_cert, renewed_key)) = (made(), made());
        let files = files(&cert, &key);
        let tls = Tls::load(files.options.clone()).unwrap();
        let leaf = || tls.certificate.0.read().unwrap().cert[0].clone();
        let first = leaf();
        fs::write(&files.options.cert, &renewed_cert).unwrap();
        assert!(matches!(tls.reload(), Err(TlsError::Mismatch { .. })));
        assert_eq!(leaf(), first);
        fs::write(&files.options.key, &renewed_key).unwrap();
        tls.reload().unwrap();
        assert_ne!(leaf(), first);
    }
}
