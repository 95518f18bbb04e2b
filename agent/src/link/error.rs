//! What can go wrong between this computer and the relay, and what a person can do about it.

use std::{error::Error, io, net::SocketAddr, path::PathBuf, time::Duration};

use super::{
    fault::{TlsFault, TlsSaid},
    proxy::ProxyFault,
    trust::Proof,
};

/// A failed connection, request or answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The relay's name has no address (or nobody could be asked).
    #[error("the name {host} was not found")]
    NameNotFound {
        /// The name that was looked up.
        host: String,
        /// What the system's resolver said.
        source: io::Error,
    },
    /// Nothing leads to the relay's address.
    #[error("no way to {address}")]
    Unreachable {
        /// The last address that was tried.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The computer is there, the relay is not.
    #[error("{address} refused the connection")]
    Refused {
        /// The last address that was tried.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The certificates to trust could not be read.
    #[error("no certificates to trust could be read from {}", from.as_ref().map_or("the system".into(), |p| p.display().to_string()))]
    Roots {
        /// The file of the settings; `None` for the system's own.
        from: Option<PathBuf>,
        /// Why not.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The encrypted connection was not made.
    #[error("no secure connection to the relay: {fault}")]
    Tls {
        /// Which of the usual reasons.
        fault: TlsFault,
        /// What rustls said.
        source: TlsSaid,
    },
    /// The proxy on the way did not lead to the relay.
    #[error("the proxy {proxy} {fault}")]
    Proxy {
        /// Its address, without a login.
        proxy: String,
        /// Which of the usual reasons.
        fault: ProxyFault,
        /// What the system said, where it said something.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// Something else answered: a portal, a proxy, another service.
    #[error("this is not a relay's answer ({}{hint})", status.map_or(String::new(), |s| format!("status {s}: ")))]
    NotARelay {
        /// The HTTP status, where it was HTTP at all.
        status: Option<u16>,
        /// A page's title, where it sends one, or the first words.
        hint: String,
    },
    /// The answer is longer than any of its kind.
    #[error("the relay's answer is longer than {limit} bytes")]
    AnswerTooLong {
        /// The bound that it passed.
        limit: usize,
    },
    /// The token holds characters that no token has.
    #[error("this device's token is damaged")]
    BadToken,
    /// The link was cut. What arrived before was handed on.
    #[error("the link was cut after {received} bytes of the answer")]
    Cut {
        /// Bytes of the answer's body that were handed on.
        received: u64,
        /// How it showed.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Nothing moved for too long.
    #[error("nothing moved for {} s while {during}", waited.as_secs())]
    Stalled {
        /// What was going on, as in "while connecting".
        during: &'static str,
        /// Bytes of the answer's body that were handed on.
        received: u64,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The budget allows no further byte.
    #[error("the budget of this visit is spent")]
    BudgetSpent,
}

impl LinkError {
    /// Whether another attempt within this visit is useless. (A later visit, by another link or after a repair, may
    /// well succeed: the schedule goes on.)
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Tls { .. }
            | Self::Roots { .. }
            | Self::AnswerTooLong { .. }
            | Self::BadToken
            | Self::BudgetSpent => true,
            Self::Proxy { fault, .. } => fault.is_permanent(),
            // A gateway's 502, 503 or 504 while the relay starts again.
            Self::NotARelay { status, .. } => !status.is_some_and(|s| 500 <= s && s != 511),
            Self::NameNotFound { .. }
            | Self::Unreachable { .. }
            | Self::Refused { .. }
            | Self::Cut { .. }
            | Self::Stalled { .. } => false,
        }
    }

    /// What rustls said, with its reason.
    pub(crate) fn tls(said: rustls::Error) -> Self {
        Self::Tls { fault: TlsFault::of(&said), source: TlsSaid(said) }
    }

    /// The same, of a connection whose other end had to prove itself so.
    pub(crate) fn where_proof_is_due(self, proof: Proof) -> Self {
        match self {
            Self::Tls { fault, source } if proof == Proof::Key => {
                Self::Tls { fault: fault.where_key_is_due(), source }
            }
            err => err,
        }
    }

    /// Whether there seems to be no link at all, rather than something wrong at its other end.
    #[must_use]
    pub fn is_no_link(&self) -> bool {
        match self {
            Self::Proxy { fault, .. } => fault.is_no_link(),
            Self::NameNotFound { .. }
            | Self::Unreachable { .. }
            | Self::Cut { .. }
            | Self::Stalled { .. } => true,
            _ => false,
        }
    }

    /// Whether nobody is there at all: asking again at once would not change that.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        matches!(
            self,
            Self::NameNotFound { .. }
                | Self::Unreachable { .. }
                | Self::Refused { .. }
                | Self::Proxy { fault: ProxyFault::NotThere, .. }
        )
    }

    /// For programs: stable.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NameNotFound { .. } => "name_not_found",
            Self::Unreachable { .. } => "unreachable",
            Self::Refused { .. } => "connection_refused",
            Self::Roots { .. } => "no_certificates",
            Self::Tls { fault, .. } => fault.code(),
            Self::Proxy { fault, .. } => fault.code(),
            Self::NotARelay { status: Some(407), .. } => "proxy_login_needed",
            Self::NotARelay { .. } | Self::AnswerTooLong { .. } => "not_a_relay",
            Self::BadToken => "bad_token",
            Self::Cut { .. } => "link_cut",
            Self::Stalled { .. } => "link_stalled",
            Self::BudgetSpent => "budget_spent",
        }
    }

    /// What a person can do, as a sentence.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NameNotFound { .. } => {
                "Is the link up? If other names are found, check the relay's name with `mailboat status`."
            }
            Self::Unreachable { .. } => {
                "Is the link up? If other hosts are reached, a firewall may be in the way, or the relay is down."
            }
            Self::Refused { .. } => {
                "The relay is not running, or listens on another port or address: ask who runs it."
            }
            Self::Roots { from: Some(_), .. } => {
                "Check the path and that the file holds certificates in PEM form (-----BEGIN CERTIFICATE-----)."
            }
            Self::Roots { from: None, .. } => {
                "Install the system's certificates (Debian: ca-certificates), or set the relay's CA file."
            }
            Self::Tls { fault, .. } => fault.remedy(),
            Self::Proxy { fault, .. } => fault.remedy(),
            Self::NotARelay { status: None, .. } => {
                "Check the port, and whether the relay speaks https there rather than http."
            }
            Self::NotARelay { status: Some(407), .. } => "A proxy on this link asks for a login.",
            Self::NotARelay { status: Some(502..=504), .. } => {
                "The relay behind its gateway is down or starting: it will be tried again."
            }
            Self::NotARelay { .. } => {
                "A hotspot's login page may stand before the link: open any page in a browser. Otherwise check the relay's address."
            }
            Self::AnswerTooLong { .. } => {
                "Check the relay's address: a relay does not say so much."
            }
            Self::BadToken => "Log in again with `mailboat login`.",
            Self::Cut { .. } => "Nothing is lost: it goes on from here at the next attempt.",
            Self::Stalled { .. } => {
                "The link is up but carries nothing: it will be tried again; hanging up and dialling may help."
            }
            Self::BudgetSpent => "What is left goes with the next visit, or raise the budget.",
        }
    }
}
