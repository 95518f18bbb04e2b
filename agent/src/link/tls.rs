//! TLS for a thin link: 1.3 only unless asked otherwise, the shortest hello rustls can say, sessions resumed.
//!
//! Tickets live in memory, with the resident agent, and each is used once.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use rustls::{
    AlertDescription, CertificateError, ClientConfig, InvalidMessage, RootCertStore,
    SignatureScheme, SupportedProtocolVersion,
    client::Resumption,
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring},
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, pem::PemObject};

use super::error::LinkError;

/// Servers whose tickets are kept; a client knows one.
const SESSIONS: usize = 1;
/// One file of certificates; the largest system bundles have a quarter of it. In bytes.
const CA_FILE_LEN_MAX: u64 = 1 << 20;

/// How a [`Client`](super::Client) trusts and encrypts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Trust the certificates in this PEM file and no others; `None` trusts the system's.
    pub ca: Option<PathBuf>,
    /// Also speak TLS 1.2, for an old gateway before the relay. Costs bytes and a round trip where it is used.
    pub allow_tls12: bool,
}

/// Reads the certificates to trust and makes the configuration. Blocks on files.
pub(crate) fn load(settings: &TlsSettings) -> Result<ClientConfig, LinkError> {
    let roots = match &settings.ca {
        Some(path) => roots_from_file(path),
        None => roots_from_system(),
    };
    let roots = roots.map_err(|source| LinkError::Roots { from: settings.ca.clone(), source })?;
    let versions: &[&SupportedProtocolVersion] =
        if settings.allow_tls12 { &[&TLS13, &TLS12] } else { &[&TLS13] };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider(settings.allow_tls12)))
        .with_protocol_versions(versions)
        .map_err(|source| LinkError::Tls { fault: TlsFault::Incompatible, source })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(config)
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn roots_from_file(path: &Path) -> Result<RootCertStore, AnyError> {
    if CA_FILE_LEN_MAX < std::fs::metadata(path)?.len() {
        return Err(io::Error::other("the file is larger than 1 MiB").into());
    }
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path)? {
        roots.add(certificate?)?;
    }
    if roots.is_empty() {
        return Err(io::Error::other("the file holds no certificate").into());
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

/// Two suites (a third would only cost bytes) and one key exchange: a post-quantum one is 2.5 KB dearer.
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

/// The usual reasons why TLS fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// Nobody this computer trusts signed the certificate.
    #[error("its certificate is signed by nobody this computer trusts")]
    UnknownCa,
    /// The certificate is over, or this clock is ahead.
    #[error("its certificate has expired")]
    Expired,
    /// The certificate begins later, or this clock is behind.
    #[error("its certificate is not valid yet")]
    NotYetValid,
    /// The certificate is another host's.
    #[error("its certificate is for another name")]
    NameMismatch,
    /// The relay shows a CA's certificate as its own.
    #[error("it shows a CA certificate in place of a server's")]
    CaAsServer,
    /// The certificate is damaged, revoked or of a kind that cannot be used.
    #[error("its certificate is not usable")]
    BadCertificate,
    /// The other end does not speak TLS on this port.
    #[error("the other end does not speak TLS on this port")]
    NotTls,
    /// No common version, suite or key exchange.
    #[error("it and this computer have no TLS version or cipher in common")]
    Incompatible,
    /// Anything else.
    #[error("the handshake failed")]
    Handshake,
}

impl TlsFault {
    pub(crate) fn of(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(certificate) => Self::of_certificate(certificate),
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            rustls::Error::PeerIncompatible(_)
            | rustls::Error::AlertReceived(
                AlertDescription::ProtocolVersion
                | AlertDescription::HandshakeFailure
                | AlertDescription::InsufficientSecurity,
            ) => Self::Incompatible,
            _ => Self::Handshake,
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        use CertificateError as C;
        match error {
            // A bad signature is what a CA made anew under its old name looks like.
            C::UnknownIssuer | C::BadSignature => Self::UnknownCa,
            C::Expired | C::ExpiredContext { .. } => Self::Expired,
            C::NotValidYet | C::NotValidYetContext { .. } => Self::NotYetValid,
            C::NotValidForName | C::NotValidForNameContext { .. } => Self::NameMismatch,
            // webpki's own error type is not ours to name: its words are.
            C::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                Self::CaAsServer
            }
            _ => Self::BadCertificate,
        }
    }

    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::UnknownCa => {
                "If the relay has a CA of its own, give its file (`--ca PEM`). Otherwise something on this link may be posing as the relay (a hotspot's login page?)."
            }
            Self::Expired => {
                "Check this computer's date first; if it is right, who runs the relay has to renew the certificate."
            }
            Self::NotYetValid => "Check this computer's date: it is probably behind.",
            Self::NameMismatch => {
                "Check the relay's name; if it is right, the certificate has to be made out to it."
            }
            Self::CaAsServer => {
                "Who runs the relay has to make a certificate for it that is signed by that CA (CA:FALSE), and give `--ca` the CA's."
            }
            Self::BadCertificate => "Who runs the relay has to replace the certificate.",
            Self::NotTls => "Check the port; on this computer the relay may speak plain http://.",
            Self::Incompatible => {
                "An old gateway may stand before the relay: allow TLS 1.2 in the settings, or have it updated."
            }
            Self::Handshake => {
                "Try again; if it stays, something on this link may be changing what passes."
            }
        }
    }
}
