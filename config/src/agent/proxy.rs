//! `[proxy]`: who stands between this network and the relay.
//!
//! A proxy's address may hold a user and a password, so nothing here repeats what was written: not `Debug`, not
//! `Display`, not an error.

use std::{fmt, net::Ipv6Addr, path::PathBuf, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{account::Secret, check::Invalid, text::Written};

/// Longest address that is read, in bytes.
const TEXT_LEN_MAX: usize = 1024;
/// Longest user name or password; SOCKS has one byte for its length.
const LOGIN_LEN_MAX: usize = 255;

/// How the relay is reached from a network that has a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Proxy {
    /// Which proxy; empty for the environment's (`HTTPS_PROXY` and so on), `none` for no proxy.
    pub url: ProxyChoice,
    /// How user and password in a proxy's address are told to it.
    pub login: LoginWay,
    /// Prints the value of `Proxy-Authorization`, for logins that Mailboat does not know (Negotiate, NTLM). Empty: none.
    pub authorization_program: Vec<String>,
    /// PEM file of authorities that are trusted beside the others: those of a proxy that looks into TLS. Empty: none.
    pub extra_ca: PathBuf,
}

impl Proxy {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        let invalid = |problem: &str| Err(Invalid::new("proxy.authorization_program", problem));
        match (self.authorization_program.first(), &self.url) {
            (None, _) => Ok(()),
            (Some(program), _) if program.trim().is_empty() => {
                invalid("begins with an empty string; expected a program and its arguments")
            }
            (Some(_), ProxyChoice::At(url)) if url.login().is_some() => {
                invalid("stands beside a user in url; keep one of them")
            }
            (Some(_), ProxyChoice::At(url)) if url.scheme() != ProxyScheme::Http => {
                invalid("is for http proxies; a SOCKS proxy takes user and password in url")
            }
            (Some(_), _) => Ok(()),
        }
    }
}

/// How an HTTP proxy is told user and password. A SOCKS proxy asks by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginWay {
    /// Not before it asks, and as it asks: by a digest if it takes one, else by Basic, which is the password itself. How it
    /// asked is kept.
    #[default]
    Ask,
    /// By Basic, unasked.
    Basic,
    /// By a digest or not at all.
    Digest,
}

/// Which proxy: the words of `url` in `[proxy]`, and of `proxy` in `[[link]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProxyChoice {
    /// An empty string: what the environment says, which may be nothing.
    #[default]
    Environment,
    /// `none`.
    Direct,
    /// This one, for every relay.
    At(ProxyUrl),
}

impl FromStr for ProxyChoice {
    type Err = ProxyUrlError;

    fn from_str(written: &str) -> Result<Self, Self::Err> {
        match written.trim() {
            "" => Ok(Self::Environment),
            "none" => Ok(Self::Direct),
            url => url.parse().map(Self::At),
        }
    }
}

impl fmt::Display for ProxyChoice {
    /// Without the login.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => Ok(()),
            Self::Direct => f.write_str("none"),
            Self::At(url) => url.fmt(f),
        }
    }
}

impl Serialize for ProxyChoice {
    /// With the login: what is written can be read again.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::At(url) => serializer.serialize_str(url.written().expose()),
            other => serializer.collect_str(other),
        }
    }
}

impl<'de> Deserialize<'de> for ProxyChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a proxy's address, \"none\", or an empty string";
        deserializer.deserialize_str(Written::<Self>::new(expected))
    }
}

/// What is spoken with the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyScheme {
    /// HTTP: requests in absolute form, or CONNECT.
    Http,
    /// SOCKS 5; names are looked up here.
    Socks5,
    /// SOCKS 5; the proxy looks names up.
    Socks5h,
}

impl ProxyScheme {
    const ALL: [Self; 3] = [Self::Http, Self::Socks5, Self::Socks5h];

    /// As it stands before `://`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Socks5 | Self::Socks5h => 1080,
        }
    }
}

/// A proxy's address, checked. `Display` leaves the login out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProxyUrl {
    scheme: ProxyScheme,
    host: String,
    port: u16,
    login: Option<Login>,
}

/// Who a proxy is told that we are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Login {
    /// The user's name at the proxy, percent signs resolved.
    pub user: String,
    /// The password, percent signs resolved.
    pub password: Secret,
}

impl ProxyUrl {
    /// What is spoken with it.
    #[must_use]
    pub fn scheme(&self) -> ProxyScheme {
        self.scheme
    }

    /// A name, or an address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port: 80 (http) or 1080 (SOCKS) where none was written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// User and password, where the address has them.
    #[must_use]
    pub fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// The whole address, login included: for the form in which it is changed.
    #[must_use]
    pub fn written(&self) -> Secret {
        let login = self.login.as_ref().map_or(String::new(), |login| {
            format!("{}:{}@", encoded(&login.user), encoded(login.password.expose()))
        });
        Secret::new(format!("{}://{login}{}", self.scheme.name(), self.authority()))
    }

    fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.authority())
    }
}

impl FromStr for ProxyUrl {
    type Err = ProxyUrlError;

    /// `[scheme://][user[:password]@]host[:port][/]`; without a scheme it is http.
    fn from_str(written: &str) -> Result<Self, Self::Err> {
        let written = written.trim();
        if TEXT_LEN_MAX < written.len() {
            return Err(ProxyUrlError::TooLong);
        }
        let (scheme, rest) = written.split_once("://").unwrap_or(("http", written));
        let scheme = ProxyScheme::ALL.into_iter().find(|s| s.name().eq_ignore_ascii_case(scheme));
        let scheme = scheme.ok_or(ProxyUrlError::Scheme)?;
        // A password may hold any sign, the host none of these.
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(read_login(login)?), rest),
            None => (None, rest),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split(authority)?;
        let port = match port {
            Some(port) => port.parse().ok().filter(|p| *p != 0).ok_or(ProxyUrlError::Port)?,
            None => scheme.port(),
        };
        Ok(Self { scheme, host, port, login })
    }
}

/// Why an address is not a proxy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyUrlError {
    /// Something that is not spoken here.
    #[error("a proxy's address begins with http://, socks5:// or socks5h://")]
    Scheme,
    /// No host, or none that could be one.
    #[error(
        "the proxy's host is neither a name nor an IP address; write http://proxy.example:3128"
    )]
    Host,
    /// An IPv6 address without its brackets.
    #[error("an IPv6 address goes in brackets: http://[2001:db8::1]:3128")]
    BareIpv6,
    /// No number from 1 to 65535.
    #[error("the proxy's port has to be a number from 1 to 65535")]
    Port,
    /// A percent sign that begins nothing, or what is longer than a login may be.
    #[error(
        "the proxy's user and password have at most 255 bytes each; in them @ is written %40, : %3A, / %2F and % itself %25"
    )]
    Login,
    /// Longer than any.
    #[error("the proxy's address is too long")]
    TooLong,
}

fn split(authority: &str) -> Result<(String, Option<&str>), ProxyUrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (ip, port) = rest.split_once(']').ok_or(ProxyUrlError::Host)?;
        let ip: Ipv6Addr = ip.parse().map_err(|_| ProxyUrlError::Host)?;
        let port = match port {
            "" => None,
            port => Some(port.strip_prefix(':').ok_or(ProxyUrlError::Port)?),
        };
        return Ok((ip.to_string(), port));
    }
    if authority.parse::<Ipv6Addr>().is_ok() {
        return Err(ProxyUrlError::BareIpv6);
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let may_be = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if host.is_empty() || 253 < host.len() || !host.bytes().all(may_be) {
        return Err(ProxyUrlError::Host);
    }
    // `u16::from_str` takes a leading plus.
    if port.is_some_and(|port| !port.bytes().all(|b| b.is_ascii_digit())) {
        return Err(ProxyUrlError::Port);
    }
    Ok((host.to_ascii_lowercase(), port))
}

fn read_login(written: &str) -> Result<Login, ProxyUrlError> {
    let (user, password) = written.split_once(':').unwrap_or((written, ""));
    let [user, password] = [user, password].map(decoded);
    let (user, password) = user.zip(password).ok_or(ProxyUrlError::Login)?;
    let fits = |text: &str| text.len() <= LOGIN_LEN_MAX && !text.chars().any(char::is_control);
    if user.is_empty() || !fits(&user) || !fits(&password) {
        return Err(ProxyUrlError::Login);
    }
    Ok(Login { user, password: Secret::new(password) })
}

fn decoded(written: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                high << 4 | low
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn encoded(plain: &str) -> String {
    let byte = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    plain.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (written, shown, login) in [
            ("http://Proxy.example:3128", "http://proxy.example:3128", None),
            ("proxy.example:3128/", "http://proxy.example:3128", None),
            ("http://proxy.example", "http://proxy.example:80", None),
            ("SOCKS5h://[2001:DB8::1]:9050", "socks5h://[2001:db8::1]:9050", None),
            ("socks5://127.0.0.1", "socks5://127.0.0.1:1080", None),
            (
                "http://ann:p%40ss%3aw@10.0.0.1:8080",
                "http://10.0.0.1:8080",
                Some(("ann", "p@ss:w")),
            ),
            ("http://CORP%5Cann:a/b@c@p", "http://p:80", Some(("CORP\\ann", "a/b@c"))),
            ("http://ann@p", "http://p:80", Some(("ann", ""))),
        ] {
            let url: ProxyUrl = written.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            let found = url.login().map(|login| (login.user.as_str(), login.password.expose()));
            assert_eq!(found, login, "{written}");
            assert_eq!(url.written().expose().parse(), Ok(url), "written and read again");
        }
    }

    #[test]
    fn what_is_no_address_says_why_and_repeats_nothing() {
        for (written, error) in [
            ("https://p:443", ProxyUrlError::Scheme),
            ("socks4://p", ProxyUrlError::Scheme),
            ("http://", ProxyUrlError::Host),
            ("http://a b", ProxyUrlError::Host),
            ("http://p/path", ProxyUrlError::Host),
            ("http://p:0", ProxyUrlError::Port),
            ("http://p:+80", ProxyUrlError::Port),
            ("http://p:", ProxyUrlError::Port),
            ("http://2001:db8::1", ProxyUrlError::BareIpv6),
            ("http://ann:secret%zz@p", ProxyUrlError::Login),
            ("http://:secret@p", ProxyUrlError::Login),
            ("http://ann:secret%0a@p", ProxyUrlError::Login),
        ] {
            let err = written.parse::<ProxyUrl>().unwrap_err();
            assert_eq!(err, error, "{written}");
            assert!(!err.to_string().contains("secret"));
        }
    }

    #[test]
    fn a_password_is_shown_by_neither_debug_nor_display() {
        let choice: ProxyChoice = "http://ann:secret@p:1".parse().unwrap();
        assert!(!format!("{choice:?} {choice}").contains("secret"));
        assert_eq!(choice.to_string(), "http://p:1");
    }

    #[test]
    fn a_wrong_address_in_a_file_is_named_by_its_line_alone() {
        for (text, expected) in [
            (
                "[proxy]\nurl = \"http://ann:secret@p:x\"",
                "agent.toml line 2: setting \"url\" in [proxy]: the proxy's port has to be a number from 1 to 65535",
            ),
            (
                "[proxy]\nurl = \"http://ann:secret@p\"\nauthorization_program = [\"x\"]",
                "agent.toml line 3: setting \"authorization_program\" in [proxy]: stands beside a user in url; keep one of them",
            ),
            (
                "[proxy]\nurl = \"socks5://p\"\nauthorization_program = [\"x\"]",
                "agent.toml line 3: setting \"authorization_program\" in [proxy]: is for http proxies; a SOCKS proxy takes user and password in url",
            ),
        ] {
            let read = crate::load::parse::<crate::AgentSettings>("agent.toml".as_ref(), text);
            assert_eq!(read.unwrap_err().to_string(), expected);
        }
    }
}
