//! SOCKS 5 (RFC 1928), with user and password (RFC 1929) where there is a login: two or three round trips.

use std::net::{IpAddr, SocketAddr};

use config::agent::ProxyScheme;
use tokio::{io::AsyncWriteExt, time::Instant};
use tokio_socks::{Error as SocksError, TargetAddr, tcp::Socks5Stream};

use super::{Opened, ProxyFault, Via, reach};
use crate::link::{dial, error::LinkError, meter::Meter, url::RelayUrl};

/// A connection of the proxy's to the relay.
pub(super) async fn open(via: &Via, url: &RelayUrl, meter: &Meter) -> Result<Opened, LinkError> {
    let target = target(via, url).await?;
    let (stream, rtt) = reach(via, meter).await?;
    let tally = stream.tally();
    let asked_at = Instant::now();
    let asked = match via.proxy.url.login() {
        None => Socks5Stream::connect_with_socket(stream, target).await,
        Some(login) => {
            let (user, password) = (login.user.as_str(), login.password.expose());
            Socks5Stream::connect_with_password_and_socket(stream, target, user, password).await
        }
    };
    let mut stream = match asked {
        Ok(socks) => socks.into_inner(),
        Err(_) if tally.was_refused() => return Err(LinkError::BudgetSpent),
        Err(err) => return Err(failed(via, err)),
    };
    stream.flush().await.map_err(|err| LinkError::Cut { received: 0, source: err.into() })?;
    let round_trips = if via.proxy.url.login().is_some() { 4 } else { 3 };
    let rtt = rtt.max(asked_at.elapsed() / (round_trips - 1));
    Ok(Opened { stream, rtt, round_trips, forward: None })
}

/// A name where the proxy is to look it up.
async fn target(via: &Via, url: &RelayUrl) -> Result<TargetAddr<'static>, LinkError> {
    let (host, port) = (url.host(), url.port());
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(TargetAddr::Ip(SocketAddr::new(ip, port)));
    }
    if via.proxy.url.scheme() == ProxyScheme::Socks5h {
        return Ok(TargetAddr::Domain(host.into(), port));
    }
    let addresses = dial::resolve(&host, port).await?;
    Ok(TargetAddr::Ip(addresses[0]))
}

fn failed(via: &Via, err: SocksError) -> LinkError {
    let words = err.to_string();
    via.proxy.fault(match err {
        SocksError::Io(err) => return LinkError::Cut { received: 0, source: err.into() },
        SocksError::NoAcceptableAuthMethods if via.proxy.url.login().is_none() => {
            ProxyFault::LoginNeeded
        }
        SocksError::NoAcceptableAuthMethods => {
            ProxyFault::LoginKind { kinds: "none that is offered".to_owned() }
        }
        SocksError::PasswordAuthFailure(_) => ProxyFault::LoginRefused,
        SocksError::ConnectionNotAllowedByRuleset
        | SocksError::CommandNotSupported
        | SocksError::AddressTypeNotSupported => ProxyFault::Refused { words, another_way: false },
        SocksError::GeneralSocksServerFailure
        | SocksError::NetworkUnreachable
        | SocksError::HostUnreachable
        | SocksError::ConnectionRefused
        | SocksError::TtlExpired
        | SocksError::UnknownError => ProxyFault::Unreached { words },
        _ => ProxyFault::NotAProxy { words },
    })
}
