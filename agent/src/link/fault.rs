//! Why TLS fails, in a person's words.

use std::{error::Error, fmt};

use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

use super::raw::OtherKey;

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
    /// The relay has another key than the one that was pinned.
    #[error("its key is not the one that this computer knows")]
    KeyChanged,
    /// Somebody shows a certificate where the relay's own key was expected.
    #[error("it does not show the relay's own key, which this computer knows")]
    KeyMissing,
    /// Anything else.
    #[error("the handshake failed")]
    Handshake,
}

/// What rustls said, and in words where it was one of our own judges who would not have the key: rustls shows such only as
/// its parts.
#[derive(Clone, Debug)]
pub struct TlsSaid(pub(crate) rustls::Error);

impl fmt::Display for TlsSaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
                fmt::Display::fmt(&other.0, f)
            }
            said => fmt::Display::fmt(said, f),
        }
    }
}

impl Error for TlsSaid {}

impl TlsFault {
    /// Whether the other end failed to prove that it is the relay, as far as it has a key.
    pub(crate) fn is_about_key(self) -> bool {
        matches!(self, Self::KeyChanged | Self::KeyMissing)
    }

    /// What a failure means where the relay's own key was expected: servers that know of no such keys end it so; and who
    /// shows a key that he does not have signs with another.
    pub(crate) fn where_key_is_due(self) -> Self {
        match self {
            Self::Incompatible => Self::KeyMissing,
            Self::UnknownCa | Self::BadCertificate => Self::KeyChanged,
            fault => fault,
        }
    }

    pub(crate) fn of(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(certificate) => Self::of_certificate(certificate),
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            rustls::Error::PeerIncompatible(
                PeerIncompatible::IncorrectCertificateTypeExtension,
            ) => Self::KeyMissing,
            rustls::Error::PeerIncompatible(_)
            | rustls::Error::AlertReceived(
                AlertDescription::ProtocolVersion
                | AlertDescription::HandshakeFailure
                | AlertDescription::InsufficientSecurity
                | AlertDescription::UnsupportedCertificate,
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
            C::Other(other) if other.0.is::<OtherKey>() => Self::KeyChanged,
            C::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                Self::CaAsServer
            }
            _ => Self::BadCertificate,
        }
    }

    /// For programs: stable.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::UnknownCa | Self::CaAsServer => "certificate_untrusted",
            Self::Expired => "certificate_expired",
            Self::NotYetValid => "certificate_not_yet_valid",
            Self::NameMismatch => "certificate_for_another",
            Self::BadCertificate => "certificate_unusable",
            Self::NotTls => "not_tls",
            Self::Incompatible => "tls_incompatible",
            Self::KeyChanged => "relay_key_changed",
            Self::KeyMissing => "relay_key_missing",
            Self::Handshake => "tls_failed",
        }
    }

    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::UnknownCa => {
                "If the relay has a CA of its own, give its file (`--ca PEM`); if it has a key of its own, the fingerprint of that (`--fingerprint KEY`); if a proxy on this link looks into TLS, name its CA's file (extra_ca in [proxy]). Otherwise something on this link may be posing as the relay (a hotspot's login page?)."
            }
            Self::Expired => {
                "Check this computer's date first; if it is right, who runs the relay has to renew the certificate."
            }
            Self::NotYetValid => "Check this computer's date: it is probably behind.",
            Self::NameMismatch => {
                "Check the relay's name; if it is right, the certificate has to be made out to it."
            }
            Self::CaAsServer => {
                "If it is the relay's own, get a copy of it from who runs the relay and give that (`--ca PEM`). Otherwise the relay needs a certificate that is signed by that CA and is none itself."
            }
            Self::BadCertificate => "Who runs the relay has to replace the certificate.",
            Self::NotTls => "Check the port; on this computer the relay may speak plain http://.",
            Self::Incompatible => {
                "If the relay has no certificate, give the fingerprint of its own key (`--fingerprint KEY`, as who runs it tells you). An old gateway may also stand before the relay: allow TLS 1.2 in the settings, or have it updated."
            }
            Self::KeyChanged => {
                "Whoever answered has learned nothing. Somebody may be posing as the relay: ask who runs it, by another way than this link, and compare what `mailboat-relay key` shows there. If the relay has a new key, say so with `mailboat login URL NAME --fingerprint KEY`."
            }
            Self::KeyMissing => {
                "Whoever answered has learned nothing. A proxy on this link may look into TLS: if you agree that it reads along, name its CA's file (extra_ca in [proxy]). Or the relay gave its key up, or somebody is posing as it: ask who runs it; relay_key = \"or_certificate\" in [tls] goes by its certificate."
            }
            Self::Handshake => {
                "Try again; if it stays, something on this link may be changing what passes."
            }
        }
    }
}
