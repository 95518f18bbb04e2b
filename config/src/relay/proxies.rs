//! Proxies whose word on where a request comes from is taken: addresses and networks, separated by commas.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::Written;

/// Networks of proxies; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<Network>);

/// An address, or all that begin like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    /// So many bits at the beginning are the network's.
    bits: u8,
}

impl Proxies {
    /// Whether `address` is one of them. An IPv4 address counts as itself however it is written.
    pub fn holds(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.holds(address))
    }

    /// Whether no proxy is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Network {
    fn holds(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                (own.to_bits() ^ other.to_bits()) & mask == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                (own.to_bits() ^ other.to_bits()) & mask == 0
            }
            _ => false,
        }
    }

    fn parse(written: &str) -> Option<Self> {
        let (address, bits) = match written.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (written, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => bits.parse().ok()?,
            Some(_) => return None,
            None => most,
        };
        (bits <= most).then_some(Self { address, bits })
    }
}

/// What is no list of proxies, with how one is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{written}\" is no address; write addresses or networks as \"127.0.0.1, 10.0.0.0/8\"")]
pub struct ProxiesError {
    written: String,
}

impl FromStr for Proxies {
    type Err = ProxiesError;

    fn from_str(written: &str) -> Result<Self, ProxiesError> {
        let parts = written.split(',').map(str::trim).filter(|_| !written.trim().is_empty());
        let read = |part: &str| {
            Network::parse(part).ok_or_else(|| ProxiesError { written: part.to_owned() })
        };
        parts.map(read).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Network { address, bits }) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let whole = if address.is_ipv4() { 32 } else { 128 };
            match *bits {
                bits if bits == whole => write!(f, "{comma}{address}")?,
                bits => write!(f, "{comma}{address}/{bits}")?,
            }
        }
        Ok(())
    }
}

impl Serialize for Proxies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Proxies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written::new("addresses such as \"127.0.0.1, 10.0.0.0/8\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(proxies: &str, address: &str) -> bool {
        proxies.parse::<Proxies>().unwrap().holds(address.parse().unwrap())
    }

    #[test]
    fn a_network_holds_what_begins_like_it() {
        for (proxies, address, held) in [
            ("", "127.0.0.1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("10.0.0.0/8, ::1", "10.200.3.4", true),
            ("10.0.0.0/8, ::1", "11.0.0.0", false),
            ("10.0.0.0/8, ::1", "::1", true),
            ("2001:db8::/32", "2001:db8:1::9", true),
            ("2001:db8::/32", "2001:db9::9", false),
            ("0.0.0.0/0", "192.0.2.7", true),
            ("0.0.0.0/0", "2001:db8::1", false),
        ] {
            assert_eq!(holds(proxies, address), held, "{proxies:?} {address}");
        }
    }

    #[test]
    fn what_is_no_list_of_addresses_is_refused_and_what_is_reads_back_the_same() {
        for written in
            ["proxy.example", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.1,"]
        {
            assert!(written.parse::<Proxies>().is_err(), "{written}");
        }
        for written in ["", "127.0.0.1", "10.0.0.0/8, ::1", "2001:db8::/32"] {
            assert_eq!(written.parse::<Proxies>().unwrap().to_string(), written);
        }
    }
}
