//! Through somebody else: HTTP proxies (requests in absolute form, or CONNECT) and SOCKS 5.
//!
//! A [`Proxy`] says which way to take. What was learned of it (its nonce, what it refuses, how long it leaves a quiet
//! line alone) is kept by the [`Client`](super::Client), for as long as the agent lives. Every byte that is said to a
//! proxy passes the visit's meter.

mod digest;
mod environment;
mod fault;
mod forward;
mod login;
mod memory;
mod program;
mod socks;
mod tunnel;

use std::{net::IpAddr, sync::Arc, time::Duration};

use config::{
    Env,
    agent::{LoginWay, ProxyChoice, ProxyScheme, ProxyUrl},
};

pub use self::{environment::ProxyVariableError, fault::ProxyFault};
pub(crate) use self::{
    forward::Forward,
    login::{LoginKind, Pass},
    memory::{Memory, QUIET_LEAST},
    tunnel::{PAGE_MAX, PAGE_TIME},
};
use super::{
    dial,
    error::LinkError,
    meter::{Meter, MeteredTcp},
    url::RelayUrl,
};

/// A way out of this network that leads through somebody else. `Debug` and `Display` leave its login out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proxy {
    url: ProxyUrl,
    /// How its login is told to it.
    login: LoginWay,
    /// Prints the value of `Proxy-Authorization`; may be empty.
    program: Vec<String>,
    /// Who decided, in words.
    from: &'static str,
}

impl Proxy {
    /// The proxy for `relay`; `None` is straight. `link` is what the link's profile says, if anything, and comes before
    /// `settings`. One that is set serves every relay; those of the environment serve no relay on this computer and none
    /// that `NO_PROXY` names.
    ///
    /// # Errors
    /// When a variable of the environment that is asked holds no proxy's address.
    pub fn choose(
        link: Option<&ProxyChoice>,
        settings: &config::agent::Proxy,
        env: &Env,
        relay: &RelayUrl,
    ) -> Result<Option<Self>, ProxyVariableError> {
        let (choice, from) = match link {
            Some(choice) => (choice, "the link's profile"),
            None => (&settings.url, "the settings"),
        };
        let (url, from) = match choice {
            ProxyChoice::Direct => return Ok(None),
            ProxyChoice::At(url) => (url.clone(), from),
            ProxyChoice::Environment => match environment::proxy(env, relay)? {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        let takes_program = url.scheme() == ProxyScheme::Http && url.login().is_none();
        let program =
            if takes_program { settings.authorization_program.clone() } else { Vec::new() };
        Ok(Some(Self { url, login: settings.login, program, from }))
    }

    /// Who decided that it is used: "the settings", "the link's profile" or a variable's name.
    #[must_use]
    pub fn from(&self) -> &'static str {
        self.from
    }

    /// Whether it is told a user and a password over HTTP.
    pub(crate) fn has_http_login(&self) -> bool {
        self.url.scheme() == ProxyScheme::Http && self.url.login().is_some()
    }

    pub(crate) fn first_hop(&self) -> (String, u16) {
        (self.url.host().to_owned(), self.url.port())
    }

    fn fault(&self, fault: ProxyFault) -> LinkError {
        LinkError::Proxy { proxy: self.to_string(), fault, source: None }
    }
}

impl std::fmt::Display for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.url.fmt(f)
    }
}

/// A proxy and what was learned of it.
#[derive(Clone, Debug)]
pub(crate) struct Via {
    pub(crate) proxy: Proxy,
    pub(crate) memory: Arc<Memory>,
}

/// A stream that leads to the relay.
pub(crate) struct Opened {
    pub(crate) stream: MeteredTcp,
    /// About one round trip: to the relay where it is known, else to the proxy.
    pub(crate) rtt: Duration,
    /// Spent so far.
    pub(crate) round_trips: u32,
    /// Requests go out in absolute form.
    pub(crate) forward: Option<Forward>,
}

/// Connects to the relay through `via`. Without TLS requests are handed to an HTTP proxy whole, unless the line shall be
/// `held` (proxies are at liberty to keep answers back until they are whole) or the proxy takes none.
pub(crate) async fn open(
    via: &Via,
    url: &RelayUrl,
    meter: &Meter,
    held: bool,
) -> Result<Opened, LinkError> {
    if via.proxy.url.scheme() != ProxyScheme::Http {
        return socks::open(via, url, meter).await;
    }
    if !url.is_secure() && via.memory.forwards(held) {
        return forward::open(via, url, meter).await;
    }
    match tunnel::open(via, url, meter).await {
        // Many proxies let nobody but port 443 be tunnelled to.
        Err(LinkError::Proxy { fault: ProxyFault::Refused { .. }, .. })
            if !url.is_secure() && via.memory.no_tunnels() =>
        {
            forward::open(via, url, meter).await
        }
        opened => opened,
    }
}

/// TCP to the proxy itself.
async fn reach(via: &Via, meter: &Meter) -> Result<(MeteredTcp, Duration), LinkError> {
    let proxy = &via.proxy;
    let reached = async {
        let addresses = dial::resolve(proxy.url.host(), proxy.url.port()).await?;
        dial::connect_any(&addresses, Some(meter)).await
    };
    let (tcp, rtt) = reached.await.map_err(|err| LinkError::Proxy {
        proxy: proxy.to_string(),
        fault: ProxyFault::NotThere,
        source: Some(Box::new(err)),
    })?;
    Ok((meter.tcp(tcp, rtt), rtt))
}

/// `host:port`, always with the port: what CONNECT names.
fn target(url: &RelayUrl) -> String {
    let host = url.host();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]:{}", url.port()),
        _ => format!("{host}:{}", url.port()),
    }
}
