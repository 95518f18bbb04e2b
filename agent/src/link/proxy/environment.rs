//! What the environment says of proxies: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, in lower case first.
//!
//! An empty variable is none, and hides none. In a CGI program (`REQUEST_METHOD` is set) `HTTP_PROXY` is a field of
//! somebody's request, so there only its lower-case form counts.

use std::net::IpAddr;

use config::{
    Env,
    agent::{ProxyUrl, ProxyUrlError},
};

use crate::link::RelayUrl;

/// A variable holds no proxy's address. It may hold a password, so its value is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} in the environment: {problem}; to ignore it set url = \"none\" in [proxy]")]
pub struct ProxyVariableError {
    /// The variable.
    pub name: &'static str,
    /// What is wrong with it.
    pub problem: ProxyUrlError,
}

/// The proxy for `relay`, and the variable that names it.
pub(super) fn proxy(
    env: &Env,
    relay: &RelayUrl,
) -> Result<Option<(ProxyUrl, &'static str)>, ProxyVariableError> {
    if relay.is_loopback() {
        return Ok(None);
    }
    let is_cgi = env.get("REQUEST_METHOD").is_some();
    let names: &[&'static str] = match (relay.is_secure(), is_cgi) {
        (true, _) => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        (false, false) => &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"],
        (false, true) => &["http_proxy", "all_proxy", "ALL_PROXY"],
    };
    let Some((name, value)) = names.iter().find_map(|name| Some((*name, env.get(name)?))) else {
        return Ok(None);
    };
    let excepted = env.get("no_proxy").or_else(|| env.get("NO_PROXY")).unwrap_or_default();
    if is_excepted(excepted, &relay.host(), relay.port()) {
        return Ok(None);
    }
    match value.parse() {
        Ok(url) => Ok(Some((url, name))),
        Err(problem) => Err(ProxyVariableError { name, problem }),
    }
}

/// Whether a list as in `NO_PROXY` names the host: `*`, a name with all below it, an address, a network (`10.0.0.0/8`),
/// each but the last perhaps with a port.
fn is_excepted(list: &str, host: &str, port: u16) -> bool {
    let address = host.parse::<IpAddr>().ok();
    list.split([',', ' ', '\t']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        let (name, its_port) = with_port(entry);
        if its_port.is_some_and(|its| its != port) {
            return false;
        }
        match address {
            Some(address) => is_in(address, name),
            None => is_below(host, name),
        }
    })
}

fn with_port(entry: &str) -> (&str, Option<u16>) {
    if let Some((name, port)) = entry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (name, port.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    // More than one colon: an IPv6 address without brackets.
    match entry.split_once(':') {
        Some((name, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

fn is_below(host: &str, name: &str) -> bool {
    let name = name.trim_start_matches("*.").trim_start_matches('.').trim_end_matches('.');
    let (host, name) = (host.to_ascii_lowercase(), name.to_ascii_lowercase());
    !name.is_empty()
        && host.strip_suffix(&name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn is_in(address: IpAddr, entry: &str) -> bool {
    let (network, bits) = match entry.split_once('/') {
        Some((network, bits)) => (network, bits.parse::<u32>().ok()),
        None => (entry, Some(128)),
    };
    let (Ok(network), Some(bits)) = (network.parse::<IpAddr>(), bits) else { return false };
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            let shift = 32_u32.saturating_sub(bits);
            u32::from(a).checked_shr(shift) == u32::from(n).checked_shr(shift)
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            let shift = 128_u32.saturating_sub(bits);
            u128::from(a).checked_shr(shift) == u128::from(n).checked_shr(shift)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(vars: &[(&str, &str)], relay: &str) -> Option<String> {
        let env: Env = vars.iter().copied().collect();
        let relay = RelayUrl::parse(relay, true).unwrap();
        proxy(&env, &relay).unwrap().map(|(url, name)| format!("{name} {url}"))
    }

    #[test]
    fn each_scheme_has_its_variable_and_all_proxy_serves_the_rest() {
        let all = [("HTTPS_PROXY", "a:1"), ("http_proxy", "b:2"), ("ALL_PROXY", "socks5h://c:3")];
        assert_eq!(chosen(&all, "https://r.example").unwrap(), "HTTPS_PROXY http://a:1");
        assert_eq!(chosen(&all, "http://r.example").unwrap(), "http_proxy http://b:2");
        assert_eq!(chosen(&all[2..], "http://r.example").unwrap(), "ALL_PROXY socks5h://c:3");
        assert_eq!(chosen(&all[..1], "http://r.example"), None);
        assert_eq!(chosen(&all, "https://127.0.0.1:7480"), None, "this computer needs no proxy");
    }

    #[test]
    fn an_empty_variable_hides_none_and_lower_case_comes_first() {
        let empty = [("https_proxy", ""), ("HTTPS_PROXY", "a:1")];
        assert_eq!(chosen(&empty, "https://r.example").unwrap(), "HTTPS_PROXY http://a:1");
        let both = [("https_proxy", "b:2"), ("HTTPS_PROXY", "a:1")];
        assert_eq!(chosen(&both, "https://r.example").unwrap(), "https_proxy http://b:2");
    }

    #[test]
    fn in_a_cgi_program_http_proxy_is_what_a_stranger_sent() {
        let cgi = [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "evil:1"), ("HTTPS_PROXY", "a:1")];
        assert_eq!(chosen(&cgi, "http://r.example"), None);
        assert_eq!(chosen(&cgi, "https://r.example").unwrap(), "HTTPS_PROXY http://a:1");
    }

    #[test]
    fn no_proxy_names_hosts_domains_addresses_networks_and_ports() {
        for (list, host, port, excepted) in [
            ("*", "r.example", 443, true),
            ("r.example", "r.example", 443, true),
            ("other, .example", "r.example", 443, true),
            ("*.EXAMPLE", "r.example", 443, true),
            ("example", "notexample", 443, false),
            ("r.example:80", "r.example", 443, false),
            ("r.example:443", "r.example", 443, true),
            ("10.0.0.0/8", "10.9.8.7", 443, true),
            ("10.0.0.0/8", "11.9.8.7", 443, false),
            ("0.0.0.0/0", "11.9.8.7", 443, true),
            ("192.0.2.7:80", "192.0.2.7", 443, false),
            ("2001:db8::/32", "2001:db8::1", 443, true),
            ("[2001:db8::1]:443", "2001:db8::1", 443, true),
            ("10.0.0.0/99", "10.0.0.0", 443, true),
            ("", "r.example", 443, false),
            (".", "r.example", 443, false),
        ] {
            assert_eq!(is_excepted(list, host, port), excepted, "{list} {host}:{port}");
        }
        let vars = [("HTTPS_PROXY", "a:1"), ("no_proxy", ""), ("NO_PROXY", ".example")];
        assert_eq!(chosen(&vars, "https://r.example"), None);
    }

    #[test]
    fn a_wrong_variable_is_named_and_its_password_is_not() {
        let env: Env = [("ALL_PROXY", "ftp://ann:secret@p")].into_iter().collect();
        let relay = RelayUrl::parse("https://r.example", false).unwrap();
        let words = proxy(&env, &relay).unwrap_err().to_string();
        assert!(words.starts_with("ALL_PROXY in the environment: ") && !words.contains("secret"));
    }
}
