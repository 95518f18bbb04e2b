//! What a proxy is told of who we are: nothing, Basic, Digest, or what a program prints.
//!
//! Nothing goes out before the proxy asks, unless the settings say so or it is known to take nothing but Basic: who wants
//! a digest never sees the password. A digest's nonce is used until the proxy wants another; a proxy that wanted digests
//! and asks for the password itself is not told it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use config::agent::{Login, LoginWay};
use hyper::{
    HeaderMap,
    header::{HeaderValue, PROXY_AUTHENTICATE},
};

use super::{
    ProxyFault, Via,
    digest::{Challenge, Session, challenges},
    program,
};
use crate::link::error::LinkError;

/// Fields of challenges that are read.
const FIELDS_MAX: usize = 8;
/// A proxy that asks so often without having let anything through meanwhile goes on asking. Two lines that are opened at
/// once are asked once each.
const ASKED_MAX: u32 = 3;

/// How a proxy takes a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginKind {
    /// The password itself.
    Basic,
    /// Proof that we know it.
    Digest,
}

impl LoginKind {
    /// As it is stored.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Digest => "digest",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Basic, Self::Digest].into_iter().find(|kind| kind.name() == name)
    }
}

/// What goes out with one request.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    pub(super) value: Option<HeaderValue>,
    said: Said,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Basic,
    /// With this nonce.
    Digest(String),
    Program,
}

impl Via {
    /// What to say with a request for `uri`, which is what stands in its first line.
    pub(super) async fn pass(&self, method: &str, uri: &str) -> Result<Pass, LinkError> {
        if !self.proxy.program.is_empty() {
            let value =
                program::value(&self.proxy).await.map_err(|fault| self.proxy.fault(fault))?;
            return Ok(Pass { value: Some(value), said: Said::Program });
        }
        let Some(login) = self.proxy.url.login() else {
            return Ok(Pass { value: None, said: Said::Nothing });
        };
        let mut session = self.memory.session();
        let digest = session
            .as_mut()
            .and_then(|session| Some((session.answer(login, method, uri)?, session.nonce.clone())));
        drop(session);
        let (value, said) = match digest {
            Some((value, nonce)) => (value, Said::Digest(nonce)),
            None if self.tells_basic() => (basic(login), Said::Basic),
            None => return Ok(Pass { value: None, said: Said::Nothing }),
        };
        let mut value = HeaderValue::from_maybe_shared(bytes::Bytes::from(value))
            .map_err(|_| self.proxy.fault(ProxyFault::LoginRefused))?;
        value.set_sensitive(true);
        Ok(Pass { value: Some(value), said })
    }

    /// Whether the password goes out although nobody asked now.
    fn tells_basic(&self) -> bool {
        match self.proxy.login {
            LoginWay::Basic => true,
            LoginWay::Ask => self.memory.kind() == Some(LoginKind::Basic),
            LoginWay::Digest => false,
        }
    }

    /// Whether the proxy may have the password itself, now that it asks for it.
    fn may_tell_basic(&self) -> bool {
        match self.proxy.login {
            LoginWay::Basic => true,
            LoginWay::Ask => self.memory.kind() != Some(LoginKind::Digest),
            LoginWay::Digest => false,
        }
    }

    /// The proxy has answered 407 to `pass`. Comes back when another attempt is worth it.
    pub(super) fn challenged(&self, headers: &HeaderMap, pass: &Pass) -> Result<(), ProxyFault> {
        let judged = if ASKED_MAX <= self.memory.is_asked() {
            *self.memory.session() = None;
            Err(ProxyFault::LoginRefused)
        } else {
            self.judge_challenge(headers, pass)
        };
        if judged.is_err() {
            self.memory.is_answered();
        }
        judged
    }

    fn judge_challenge(&self, headers: &HeaderMap, pass: &Pass) -> Result<(), ProxyFault> {
        let fields = headers.get_all(PROXY_AUTHENTICATE).iter().take(FIELDS_MAX);
        let offered: Vec<Challenge> =
            fields.filter_map(|field| field.to_str().ok()).flat_map(challenges).collect();
        let takes_basic = offered.iter().any(|challenge| challenge.is("Basic"));
        if pass.said == Said::Program {
            return Err(ProxyFault::LoginRefused);
        }
        let session = Session::best(&offered);
        if session.is_none() && !takes_basic {
            return Err(match pass.said {
                Said::Nothing if offered.is_empty() => ProxyFault::LoginNeeded,
                _ if offered.is_empty() => ProxyFault::LoginRefused,
                _ => ProxyFault::LoginKind { kinds: kinds(&offered) },
            });
        }
        if self.proxy.url.login().is_none() {
            return Err(ProxyFault::LoginNeeded);
        }
        let mut kept = self.memory.session();
        match (&pass.said, session) {
            (Said::Basic, None) => Err(ProxyFault::LoginRefused),
            (_, None) if !self.may_tell_basic() => Err(ProxyFault::LoginInClear),
            (_, None) => {
                *kept = None;
                self.memory.takes(LoginKind::Basic);
                Ok(())
            }
            (Said::Digest(nonce), Some(session)) if session.nonce == *nonce && !session.stale => {
                *kept = None;
                Err(ProxyFault::LoginRefused)
            }
            (_, Some(session)) => {
                *kept = Some(session);
                self.memory.takes(LoginKind::Digest);
                Ok(())
            }
        }
    }

    /// The proxy has let a request through.
    pub(super) fn let_through(&self, pass: &Pass) {
        self.memory.is_answered();
        let kind = match pass.said {
            Said::Basic => LoginKind::Basic,
            Said::Digest(_) => LoginKind::Digest,
            Said::Nothing | Said::Program => return,
        };
        self.memory.takes(kind);
        self.memory.has_taken(kind);
    }

    /// What is wrong when a login is, and nothing more is said.
    pub(super) fn login_fault(&self) -> ProxyFault {
        if self.proxy.url.login().is_some() || !self.proxy.program.is_empty() {
            ProxyFault::LoginRefused
        } else {
            ProxyFault::LoginNeeded
        }
    }

    /// The second attempt was answered with 407 as well.
    pub(super) fn refused(&self) -> LinkError {
        *self.memory.session() = None;
        self.memory.is_answered();
        self.proxy.fault(ProxyFault::LoginRefused)
    }
}

fn basic(login: &Login) -> String {
    let plain = format!("{}:{}", login.user, login.password.expose());
    format!("Basic {}", STANDARD.encode(plain))
}

fn kinds(offered: &[Challenge]) -> String {
    let kinds: Vec<String> = offered
        .iter()
        .map(|challenge| crate::account::printable(&challenge.kind).chars().take(20).collect())
        .collect();
    kinds.join(", ")
}
