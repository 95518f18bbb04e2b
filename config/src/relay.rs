//! The settings of `mailboat-relay`: the file `relay.toml`.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

mod limits;
mod proxies;

use crate::{
    check::{Invalid, log_filter, within},
    size::Size,
    span::Span,
};
pub use limits::{Limits, REQUEST_OVERHEAD};
pub use proxies::{Proxies, ProxiesError};

/// All settings of one relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address that agents reach; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Directory of the store; empty for the usual place ([`crate::RelayPaths`]).
    pub data: PathBuf,
    /// The part of account names after the `@`; lower case.
    pub domain: String,
    /// Serves plain HTTP to other machines too: for a reverse proxy that does the TLS.
    pub allow_plain_http: bool,
    /// Proxies whose `X-Forwarded-For` says where a request comes from; of others it is not read.
    pub trusted_proxies: Proxies,
    /// Who may make an account.
    pub registration: Registration,
    /// What is logged: a level, or `target=level,…`.
    pub log: String,
    /// How it is logged.
    pub log_format: LogFormat,
    /// Address of `/healthz`, `/readyz` and `/metrics`; none leaves them off.
    #[serde(with = "crate::optional")]
    pub operations_listen: Option<SocketAddr>,
    /// Certificates and sessions.
    pub tls: Tls,
    /// What accounts, devices and addresses may take.
    pub limits: Limits,
    /// How long things are kept.
    pub retention: Retention,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7480)),
            data: PathBuf::new(),
            domain: "localhost".to_owned(),
            allow_plain_http: false,
            trusted_proxies: Proxies::default(),
            registration: Registration::Invite,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            operations_listen: None,
            tls: Tls::default(),
            limits: Limits::default(),
            retention: Retention::default(),
        }
    }
}

impl crate::Settings for Settings {
    fn check(&self) -> Result<(), Invalid> {
        log_filter("log", &self.log)?;
        check_domain(&self.domain)?;
        self.tls.check()?;
        if !self.listen.ip().is_loopback() && !self.tls.is_on() && !self.allow_plain_http {
            let remedy = "set cert and key in [tls], or own_key = \"alone\" there, or allow_plain_http = true when a proxy in front does the TLS";
            return Err(Invalid::new(
                "listen",
                format!("{} would serve plain HTTP to other machines; {remedy}", self.listen),
            ));
        }
        if self
            .operations_listen
            .is_some_and(|operations| operations == self.listen && operations.port() != 0)
        {
            return Err(Invalid::new(
                "operations_listen",
                "is the same as listen; expected another port",
            ));
        }
        self.limits.check()?;
        self.retention.check()
    }
}

fn check_domain(domain: &str) -> Result<(), Invalid> {
    let label_is_good = |label: &str| {
        let letters = label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        !label.is_empty()
            && label.len() <= 63
            && letters
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if domain.len() <= 253 && domain.split('.').all(label_is_good) {
        return Ok(());
    }
    Err(Invalid::new(
        "domain",
        format!(
            "\"{domain}\" is no host name; expected one such as \"relay.example\", in lower case"
        ),
    ))
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// The operator alone.
    Closed,
    /// Whoever holds an invite.
    #[default]
    Invite,
    /// Everybody who reaches the relay.
    Open,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// TLS of the listener that agents reach. Off while `cert` is empty and `own_key` is not `alone`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate and its chain; empty for plain HTTP.
    pub cert: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
    /// The oldest version that is spoken.
    pub versions: TlsVersions,
    /// Sessions that may be resumed: one for each device that calls from time to time.
    pub sessions: u32,
    /// What part the relay's own key has.
    pub own_key: OwnKey,
    /// Takes an exchange with the first packet of a resumed session.
    pub early_data: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            cert: PathBuf::new(),
            key: PathBuf::new(),
            versions: TlsVersions::default(),
            sessions: 4096,
            own_key: OwnKey::default(),
            early_data: true,
        }
    }
}

impl Tls {
    /// Whether the listener speaks TLS.
    pub fn is_on(&self) -> bool {
        self.has_certificate() || self.own_key == OwnKey::Alone
    }

    /// Whether it has a certificate to show.
    pub fn has_certificate(&self) -> bool {
        !self.cert.as_os_str().is_empty()
    }

    fn check(&self) -> Result<(), Invalid> {
        if self.has_certificate() && self.own_key == OwnKey::Alone {
            return Err(Invalid::new(
                "tls.own_key",
                "is \"alone\" while cert is set; expected \"beside\", or no certificate",
            ));
        }
        match (self.has_certificate(), self.key.as_os_str().is_empty()) {
            (true, true) => {
                return Err(Invalid::new(
                    "tls.key",
                    "is empty while cert is set; expected the PEM file of its private key",
                ));
            }
            (false, false) => {
                return Err(Invalid::new(
                    "tls.cert",
                    "is empty while key is set; expected the PEM file of its certificate",
                ));
            }
            _ => {}
        }
        within("tls.sessions", &self.sessions, &(1..=1_000_000))
    }
}

/// What part the relay's own key has: one that it made itself, and shows without a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnKey {
    /// Devices that know it are shown it, all others the certificate.
    #[default]
    Beside,
    /// There is no certificate: devices have to know it.
    Alone,
    /// There is none.
    Off,
}

/// The oldest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersions {
    /// 1.3 alone.
    #[default]
    #[serde(rename = "1.3")]
    Only13,
    /// 1.2 as well, for old proxies on the way.
    #[serde(rename = "1.2")]
    From12,
}

/// How long things are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// What every active device of an account has is kept this much longer.
    pub keep_delivered: Span,
    /// A device silent for so long holds nothing back.
    pub dormant_after: Span,
    /// The longest lifetime that a message may ask for. One that asks for none has 30 days, or this where it is less.
    pub message_lifetime_max: Span,
    /// A chat request that nobody answered expires after this.
    pub request_lifetime: Span,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            keep_delivered: Span::from_days(7),
            dormant_after: Span::from_days(60),
            message_lifetime_max: Span::from_days(90),
            request_lifetime: Span::from_days(30),
        }
    }
}

impl Retention {
    fn check(&self) -> Result<(), Invalid> {
        let (moment, years) = (Span::from_seconds(1), Span::from_days(3650));
        within("retention.keep_delivered", &self.keep_delivered, &(Span::default()..=years))?;
        within("retention.dormant_after", &self.dormant_after, &(moment..=years))?;
        within("retention.message_lifetime_max", &self.message_lifetime_max, &(moment..=years))?;
        within("retention.request_lifetime", &self.request_lifetime, &(moment..=years))?;
        if self.dormant_after < self.keep_delivered {
            return Err(Invalid::new(
                "retention.dormant_after",
                format!(
                    "{} is shorter than keep_delivered, {}; expected at least that",
                    self.dormant_after, self.keep_delivered
                ),
            ));
        }
        Ok(())
    }
}

/// The least size of an envelope that an operator may set.
pub const ENVELOPE_MAX_LEAST: Size = Size::from_kib(1);

/// The largest envelope that the wire carries.
pub const ENVELOPE_MAX_MOST: Size = Size::from_kib(64);
