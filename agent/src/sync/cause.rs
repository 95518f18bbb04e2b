//! What an error says, as the value that the ledger keeps.

use std::error::Error;

use wire::DecodeError;

use super::SyncError;
use crate::{
    link::{LinkError, ProxyFault, TlsFault, TlsSaid},
    store::Cause,
};

impl From<&SyncError> for Cause {
    fn from(err: &SyncError) -> Self {
        match err {
            SyncError::Link(err) => err.into(),
            SyncError::Store(err) if err.is_full() => Self::DiskFull,
            SyncError::Store(err) => Self::Store { said: chain(err) },
            SyncError::Status { status, words, .. } => {
                Self::RelayRefused { status: *status, said: words.clone() }
            }
            SyncError::NotOurs => Self::AnswerNotOurs,
            SyncError::Damaged(DecodeError::UnsupportedVersion { .. }) => Self::RelayTooNew,
            SyncError::Damaged(_) => Self::AnswerDamaged,
            SyncError::Unfinished => Self::AnswerUnfinished,
            SyncError::Endless { bytes } => Self::AnswerEndless { bytes: *bytes },
            SyncError::Encode(err) => Self::Unwritable { said: chain(err) },
            SyncError::ForkedAgain => Self::DeviceNotAccepted,
            SyncError::Random => Self::NoRandom,
        }
    }
}

impl From<&LinkError> for Cause {
    fn from(err: &LinkError) -> Self {
        match err {
            LinkError::NameNotFound { host, .. } => Self::NameNotFound { host: host.clone() },
            LinkError::Unreachable { address, .. } => {
                Self::Unreachable { address: address.to_string() }
            }
            LinkError::Refused { address, .. } => {
                Self::ConnectionRefused { address: address.to_string() }
            }
            LinkError::Roots { from, source } => Self::NoCertificates {
                from: from.as_ref().map(|from| from.display().to_string()),
                said: chain(source.as_ref()),
            },
            LinkError::Tls { fault, source } => tls(*fault, source),
            LinkError::Proxy { proxy, fault, .. } => through(proxy.clone(), fault),
            LinkError::NotARelay { status, hint } => {
                Self::NotARelay { status: *status, said: hint.clone() }
            }
            LinkError::AnswerTooLong { .. } => Self::AnswerTooLong,
            LinkError::BadToken => Self::BadToken,
            LinkError::Cut { source, .. } => Self::LinkCut { said: chain(source.as_ref()) },
            LinkError::Stalled { waited, .. } => Self::LinkStalled { waited_s: waited.as_secs() },
            LinkError::BudgetSpent => Self::BudgetSpent,
        }
    }
}

fn tls(fault: TlsFault, said: &TlsSaid) -> Cause {
    match fault {
        TlsFault::UnknownCa => Cause::CertificateUntrusted,
        TlsFault::CaAsServer => Cause::CertificateOfCa,
        TlsFault::Expired => Cause::CertificateExpired,
        TlsFault::NotYetValid => Cause::CertificateNotYetValid,
        TlsFault::NameMismatch => Cause::CertificateForAnother,
        TlsFault::BadCertificate => Cause::CertificateUnusable,
        TlsFault::NotTls => Cause::NotTls,
        TlsFault::Incompatible => Cause::TlsIncompatible,
        TlsFault::KeyChanged => Cause::RelayKeyChanged,
        TlsFault::KeyMissing => Cause::RelayKeyMissing,
        TlsFault::Handshake => Cause::TlsFailed { said: said.to_string() },
    }
}

fn through(proxy: String, fault: &ProxyFault) -> Cause {
    match fault {
        ProxyFault::NotThere => Cause::ProxyUnreachable { proxy },
        ProxyFault::LoginNeeded => Cause::ProxyLoginNeeded { proxy },
        ProxyFault::LoginRefused => Cause::ProxyLoginRefused { proxy },
        ProxyFault::LoginKind { kinds } => Cause::ProxyLoginKind { proxy, kinds: kinds.clone() },
        ProxyFault::LoginInClear => Cause::ProxyLoginInClear { proxy },
        ProxyFault::Refused { words, .. } => Cause::ProxyRefused { proxy, said: words.clone() },
        ProxyFault::Unreached { words } => {
            Cause::ProxyReachesNoRelay { proxy, said: words.clone() }
        }
        ProxyFault::NotAProxy { words } => Cause::NotAProxy { proxy, said: words.clone() },
        ProxyFault::Program { words } => Cause::ProxyProgram { proxy, said: words.clone() },
    }
}

/// An error and its causes, outermost first; what a library repeats is said once.
pub(super) fn chain(err: &dyn Error) -> String {
    let mut words = err.to_string();
    let mut source = err.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !words.contains(&said) {
            words = format!("{words}: {said}");
        }
        source = cause.source();
    }
    words
}
