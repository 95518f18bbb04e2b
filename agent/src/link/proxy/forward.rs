//! Requests in absolute form: without TLS an HTTP proxy takes them whole, at no further round trip.

use std::fmt;

use hyper::{HeaderMap, Method, Uri, http::uri::PathAndQuery};

use super::{Opened, Pass, ProxyFault, Via, reach};
use crate::link::{error::LinkError, meter::Meter, url::RelayUrl};

/// What requests on a connection to a proxy need.
#[derive(Clone)]
pub(crate) struct Forward {
    via: Via,
    /// `http://relay.example`
    origin: String,
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Forward").field(&self.via.proxy.to_string()).finish()
    }
}

/// A connection to the proxy, which leads to the relay with each request.
pub(super) async fn open(via: &Via, url: &RelayUrl, meter: &Meter) -> Result<Opened, LinkError> {
    let (stream, rtt) = reach(via, meter).await?;
    let forward = Forward { via: via.clone(), origin: url.to_string() };
    Ok(Opened { stream, rtt, round_trips: 1, forward: Some(forward) })
}

impl Forward {
    /// What stands in the request's first line, and what goes with it.
    pub(crate) async fn address(
        &self,
        method: &Method,
        path: &PathAndQuery,
    ) -> Result<(Uri, Pass), LinkError> {
        let uri = format!("{}{path}", self.origin);
        let pass = self.via.pass(method.as_str(), &uri).await?;
        let uri = uri.parse().map_err(|_| LinkError::BadToken)?;
        Ok((uri, pass))
    }

    /// The answer to `pass` was 407; comes back when another attempt is worth it.
    ///
    /// # Errors
    /// What to tell the user otherwise.
    pub(crate) fn challenged(
        &self,
        headers: &HeaderMap,
        pass: &Pass,
        is_second: bool,
    ) -> Result<(), LinkError> {
        if is_second {
            return Err(self.via.refused());
        }
        self.via.challenged(headers, pass).map_err(|fault| self.via.proxy.fault(fault))
    }

    /// The answer to `pass` was a relay's.
    pub(crate) fn let_through(&self, pass: &Pass) {
        self.via.let_through(pass);
    }

    /// Asked anew on another connection, it will do.
    pub(crate) fn again(&self) -> LinkError {
        let words = "status 407".to_owned();
        self.via.proxy.fault(ProxyFault::Refused { words, another_way: true })
    }

    /// Whose answer it was that is not a relay's.
    pub(crate) fn judge(&self, err: LinkError) -> LinkError {
        let LinkError::NotARelay { status: Some(status), hint } = &err else { return err };
        let words = format!("status {status}: {hint}");
        match status {
            // tinyproxy's word for a wrong password; a relay's own 401 is no page.
            401 => self.via.proxy.fault(self.via.login_fault()),
            400 | 403 | 405 | 501 => {
                let another_way = self.via.memory.no_forwarding();
                self.via.proxy.fault(ProxyFault::Refused { words, another_way })
            }
            500 | 502..=504 => self.via.proxy.fault(ProxyFault::Unreached { words }),
            _ => err,
        }
    }
}

impl Pass {
    /// Adds its field to a request's.
    pub(crate) fn put_into(self, headers: &mut HeaderMap) {
        if let Some(value) = self.value {
            headers.insert(hyper::header::PROXY_AUTHORIZATION, value);
        }
    }
}
