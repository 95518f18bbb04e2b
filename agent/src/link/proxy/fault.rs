//! What can go wrong with a proxy, and what a person can do about it.

use std::fmt;

/// Why a proxy did not lead to the relay. Completes `the proxy http://proxy.example:3128 …`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyFault {
    /// Its name or address leads nowhere.
    NotThere,
    /// It asks for a login, and none is set.
    LoginNeeded,
    /// It does not accept the login.
    LoginRefused,
    /// It asks for a login of another kind.
    LoginKind {
        /// The kinds that it offers, as it names them.
        kinds: String,
    },
    /// It wants the password itself, which it is not to be told.
    LoginInClear,
    /// It will not lead to the relay.
    Refused {
        /// How it says so: a status, or SOCKS's words.
        words: String,
        /// Another way through it may be open and is taken next.
        another_way: bool,
    },
    /// It tried, and did not get to the relay.
    Unreached {
        /// How it says so.
        words: String,
    },
    /// What answers is no proxy, or one of another kind.
    NotAProxy {
        /// How it shows.
        words: String,
    },
    /// The program that prints the login did not.
    Program {
        /// What went wrong, without what it printed.
        words: String,
    },
}

impl ProxyFault {
    /// Whether another attempt within this visit is useless.
    pub(crate) fn is_permanent(&self) -> bool {
        match self {
            Self::LoginNeeded
            | Self::LoginRefused
            | Self::LoginKind { .. }
            | Self::LoginInClear
            | Self::NotAProxy { .. }
            | Self::Program { .. } => true,
            Self::Refused { another_way, .. } => !another_way,
            Self::NotThere | Self::Unreached { .. } => false,
        }
    }

    /// Whether there seems to be no link, rather than something wrong at its other end.
    pub(crate) fn is_no_link(&self) -> bool {
        matches!(self, Self::NotThere | Self::Unreached { .. })
    }

    /// For programs: stable.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NotThere => "proxy_unreachable",
            Self::LoginNeeded => "proxy_login_needed",
            Self::LoginRefused => "proxy_login_refused",
            Self::LoginKind { .. } => "proxy_login_kind",
            Self::LoginInClear => "proxy_login_in_clear",
            Self::Refused { .. } => "proxy_refused",
            Self::Unreached { .. } => "proxy_reaches_no_relay",
            Self::NotAProxy { .. } => "not_a_proxy",
            Self::Program { .. } => "proxy_program",
        }
    }

    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::NotThere => {
                "Is this computer in the network that has this proxy? Elsewhere set url = \"none\" in [proxy], or a proxy for each link."
            }
            Self::LoginNeeded => {
                "Write user and password into its address (url = \"http://user:password@host:port\" in [proxy]), or set authorization_program."
            }
            Self::LoginRefused => {
                "Check user and password in the proxy's address (in them @ is written %40 and % is %25). It is not tried again within this visit, so that no account is locked."
            }
            Self::LoginKind { .. } => {
                "Set authorization_program in [proxy] to a program that knows this kind of login, or put a local proxy that does in between."
            }
            Self::LoginInClear => {
                "Is it the proxy that you mean? If so, login = \"basic\" in [proxy] tells it the password in the clear, which others on this network may read."
            }
            Self::Refused { .. } => {
                "Ask who runs the proxy to let the relay's name and port through; many proxies lead to port 443 only."
            }
            Self::Unreached { .. } => {
                "The proxy is there, the relay behind it is down or starting, or its name is wrong: it will be tried again."
            }
            Self::NotAProxy { .. } => {
                "Check the proxy's address, port and kind (http://, socks5://)."
            }
            Self::Program { .. } => "Run authorization_program by hand: it has to print one line.",
        }
    }
}

impl fmt::Display for ProxyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere => f.write_str("does not answer"),
            Self::LoginNeeded => f.write_str("asks for a login"),
            Self::LoginRefused => f.write_str("does not accept the login that it was given"),
            Self::LoginKind { kinds } => {
                write!(f, "asks for a login of a kind that is not known here ({kinds})")
            }
            Self::LoginInClear => {
                f.write_str("asks for the password in the clear, not for a digest as it should")
            }
            Self::Refused { words, .. } => write!(f, "does not lead to the relay ({words})"),
            Self::Unreached { words } => write!(f, "did not reach the relay ({words})"),
            Self::NotAProxy { words } => write!(f, "does not speak as a proxy ({words})"),
            Self::Program { words } => write!(f, "could not be given a login: {words}"),
        }
    }
}
