//! Where a relay is: `http(s)://host[:port]` and nothing else.
//!
//! Plain HTTP carries tokens and messages in the clear, so it is accepted for this computer only, unless the
//! settings allow it by name.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use rustls_pki_types::{DnsName, ServerName};

const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;
/// Longest address that is read, in bytes: a name has at most 253, the rest is scheme and port.
const TEXT_LEN_MAX: usize = 300;

/// A relay's checked address. Its `Display` is canonical: lower case, no default port, no path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RelayUrl {
    secure: bool,
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Host {
    Name(DnsName<'static>),
    Ip(IpAddr),
}

impl RelayUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// Says what is wrong and what to write instead; `http://` to another computer is refused unless `allow_plain_http`.
    pub fn parse(text: &str, allow_plain_http: bool) -> Result<Self, UrlError> {
        let text = text.trim();
        if TEXT_LEN_MAX < text.len() {
            return Err(UrlError::TooLong);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(UrlError::NoScheme);
        };
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(UrlError::Scheme),
        };
        let (host, port) = split_authority(authority_only(rest)?)?;
        let port = port.unwrap_or(if secure { HTTPS_PORT } else { HTTP_PORT });
        let url = Self { secure, host, port };
        if !secure && !allow_plain_http && !url.is_loopback() {
            return Err(UrlError::PlainHttp { url: url.to_string() });
        }
        Ok(url)
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether it means this computer.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Name(name) => {
                name.as_ref() == "localhost" || name.as_ref().ends_with(".localhost")
            }
            Host::Ip(ip) => ip.to_canonical().is_loopback(),
        }
    }

    /// The host as it is looked up: a name, or an address without brackets.
    #[must_use]
    pub fn host(&self) -> String {
        match &self.host {
            Host::Name(name) => name.as_ref().to_owned(),
            Host::Ip(ip) => ip.to_string(),
        }
    }

    /// The TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What stands in the `Host` field: the port only where it is not the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = match &self.host {
            Host::Ip(IpAddr::V6(ip)) => format!("[{ip}]"),
            Host::Name(_) | Host::Ip(IpAddr::V4(_)) => self.host(),
        };
        let default = if self.secure { HTTPS_PORT } else { HTTP_PORT };
        if self.port == default { host } else { format!("{host}:{}", self.port) }
    }

    /// The name that the relay's certificate has to carry.
    pub(crate) fn server_name(&self) -> ServerName<'static> {
        match &self.host {
            Host::Name(name) => ServerName::DnsName(name.clone()),
            Host::Ip(ip) => ServerName::IpAddress((*ip).into()),
        }
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

/// Why an address is not a relay's. None of them repeats what was typed: it may hold a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// No `://`.
    #[error("the relay's address has no scheme: write https:// before it")]
    NoScheme,
    /// Neither http nor https.
    #[error("the relay's address has to begin with https:// (or http:// on this computer)")]
    Scheme,
    /// Nothing between the slashes and the port.
    #[error("the relay's address names no host: write https://relay.example")]
    NoHost,
    /// A host that is neither a name nor an address.
    #[error(
        "the relay's host is neither a name (letters, digits, hyphens, dots; xn--… for others) nor an IP address"
    )]
    BadHost,
    /// An IPv6 address without its brackets.
    #[error("an IPv6 address goes in brackets: https://[2001:db8::1]:7480")]
    BareIpv6,
    /// A port that is no number from 1 to 65535.
    #[error("the relay's port has to be a number from 1 to 65535")]
    BadPort,
    /// Something before an `@`.
    #[error("the relay's address holds no user or password: `mailboat login` asks for them")]
    UserInfo,
    /// A path, query or fragment.
    #[error("the relay's address ends after the host and port: leave out the path")]
    Path,
    /// Longer than any name.
    #[error("the relay's address is too long")]
    TooLong,
    /// Plain HTTP to another computer.
    #[error(
        "{url} would send everything unencrypted: write https://, or set allow_plain_http if the link itself is private"
    )]
    PlainHttp {
        /// The address, canonical.
        url: String,
    },
}

fn authority_only(rest: &str) -> Result<&str, UrlError> {
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    if authority.contains('@') {
        return Err(UrlError::UserInfo);
    }
    if !matches!(tail, "" | "/") {
        return Err(UrlError::Path);
    }
    Ok(authority)
}

fn split_authority(authority: &str) -> Result<(Host, Option<u16>), UrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (ip, port) = rest.split_once(']').ok_or(UrlError::BadHost)?;
        let ip: Ipv6Addr = ip.parse().map_err(|_| UrlError::BadHost)?;
        let port = match port.strip_prefix(':') {
            Some(port) => Some(parse_port(port)?),
            None if port.is_empty() => None,
            None => return Err(UrlError::BadPort),
        };
        return Ok((Host::Ip(ip.into()), port));
    }
    if authority.parse::<Ipv6Addr>().is_ok() {
        return Err(UrlError::BareIpv6);
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(parse_port(port)?)),
        None => (authority, None),
    };
    Ok((parse_host(host)?, port))
}

fn parse_host(host: &str) -> Result<Host, UrlError> {
    if host.is_empty() {
        return Err(UrlError::NoHost);
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(Host::Ip(ip));
    }
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    // A last label of digits is a mistyped address (`10.0.0.256`), which resolvers read in surprising ways.
    let numeric = host.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
    if numeric {
        return Err(UrlError::BadHost);
    }
    DnsName::try_from(host).map(Host::Name).map_err(|_| UrlError::BadHost)
}

fn parse_port(port: &str) -> Result<u16, UrlError> {
    // `u16::from_str` takes a leading plus.
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    match port.parse() {
        Ok(port) if digits && port != 0 => Ok(port),
        _ => Err(UrlError::BadPort),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_addresses_have_one_canonical_form() {
        for (text, canonical, host, port) in [
            ("https://relay.example", "https://relay.example", "relay.example", 443),
            (" HTTPS://Relay.Example:443/ ", "https://relay.example", "relay.example", 443),
            ("https://relay.example.:7480", "https://relay.example:7480", "relay.example", 7480),
            ("https://192.0.2.7:80", "https://192.0.2.7:80", "192.0.2.7", 80),
            ("https://[2001:DB8::1]", "https://[2001:db8::1]", "2001:db8::1", 443),
            ("https://[2001:db8::1]:7480/", "https://[2001:db8::1]:7480", "2001:db8::1", 7480),
            ("http://localhost", "http://localhost", "localhost", 80),
            ("http://127.0.0.1:7480", "http://127.0.0.1:7480", "127.0.0.1", 7480),
            ("http://[::1]:7480", "http://[::1]:7480", "::1", 7480),
        ] {
            let url = RelayUrl::parse(text, false).unwrap();
            assert_eq!((url.to_string().as_str(), url.host().as_str()), (canonical, host));
            assert_eq!(url.port(), port, "{text}");
            assert_eq!(RelayUrl::parse(canonical, false), Ok(url), "canonical reads as itself");
        }
    }

    #[test]
    fn bad_addresses_say_what_is_wrong() {
        for (text, error) in [
            ("relay.example", UrlError::NoScheme),
            ("", UrlError::NoScheme),
            ("ftp://relay.example", UrlError::Scheme),
            ("https://", UrlError::NoHost),
            ("https://:443", UrlError::NoHost),
            ("https://relay.example/v1", UrlError::Path),
            ("https://relay.example?x", UrlError::Path),
            ("https://relay.example#x", UrlError::Path),
            ("https://me:secret@relay.example", UrlError::UserInfo),
            ("https://relay.example:", UrlError::BadPort),
            ("https://relay.example:0", UrlError::BadPort),
            ("https://relay.example:+80", UrlError::BadPort),
            ("https://relay.example:65536", UrlError::BadPort),
            ("https://2001:db8::1", UrlError::BareIpv6),
            ("https://[2001:db8::1", UrlError::BadHost),
            ("https://[2001:db8::1]x", UrlError::BadPort),
            ("https://10.0.0.256", UrlError::BadHost),
            ("https://relay example", UrlError::BadHost),
            ("https://rélais.example", UrlError::BadHost),
            ("https://a..b", UrlError::BadHost),
        ] {
            assert_eq!(RelayUrl::parse(text, false), Err(error), "{text}");
        }
        assert_eq!(
            RelayUrl::parse(&format!("https://{}", "a".repeat(300)), false),
            Err(UrlError::TooLong)
        );
    }

    #[test]
    fn plain_http_leaves_this_computer_only_when_allowed_by_name() {
        for text in ["http://relay.example", "http://192.0.2.7", "http://localhost.example"] {
            assert!(matches!(RelayUrl::parse(text, false), Err(UrlError::PlainHttp { .. })));
            assert!(!RelayUrl::parse(text, true).unwrap().is_secure());
        }
        assert!(RelayUrl::parse("http://[::ffff:127.0.0.1]", false).is_ok());
    }
}
