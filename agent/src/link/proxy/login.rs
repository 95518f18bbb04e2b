//! What a proxy is told of who we are: nothing, Basic, Digest, or what a program prints.
//!
//! Basic goes out unasked, so that no round trip is lost; where a proxy wants Digest, it is answered, and its nonce used
//! until the proxy wants another.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use config::agent::Login;
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
            None => (basic(login), Said::Basic),
        };
        let mut value = HeaderValue::from_maybe_shared(bytes::Bytes::from(value))
            .map_err(|_| self.proxy.fault(ProxyFault::LoginRefused))?;
        value.set_sensitive(true);
        Ok(Pass { value: Some(value), said })
    }

    /// The proxy has answered 407 to `pass`. Comes back when another attempt is worth it.
    pub(super) fn challenged(&self, headers: &HeaderMap, pass: &Pass) -> Result<(), ProxyFault> {
        let fields = headers.get_all(PROXY_AUTHENTICATE).iter().take(FIELDS_MAX);
        let offered: Vec<Challenge> =
            fields.filter_map(|field| field.to_str().ok()).flat_map(challenges).collect();
        let session = Session::best(&offered);
        let takes_basic = offered.iter().any(|challenge| challenge.is("Basic"));
        let mut kept = self.memory.session();
        match (&pass.said, session) {
            (Said::Program, _) => Err(ProxyFault::LoginRefused),
            (said, session) if session.is_none() && !takes_basic => match said {
                Said::Nothing if offered.is_empty() => Err(ProxyFault::LoginNeeded),
                _ if offered.is_empty() => Err(ProxyFault::LoginRefused),
                _ => Err(ProxyFault::LoginKind { kinds: kinds(&offered) }),
            },
            (Said::Nothing, _) => Err(ProxyFault::LoginNeeded),
            (Said::Basic, None) => Err(ProxyFault::LoginRefused),
            (Said::Digest(_), None) => {
                *kept = None;
                Ok(())
            }
            (Said::Digest(nonce), Some(session)) if session.nonce == *nonce && !session.stale => {
                *kept = None;
                Err(ProxyFault::LoginRefused)
            }
            (Said::Basic | Said::Digest(_), Some(session)) => {
                *kept = Some(session);
                Ok(())
            }
        }
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
