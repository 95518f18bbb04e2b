//! Where a request comes from, behind a reverse proxy.
//!
//! Each proxy appends whom it heard to `X-Forwarded-For`, so the field is believed from its end, as far as trusted
//! proxies wrote it: whatever a stranger puts in front of that means nothing.

use std::net::IpAddr;

use axum::http::HeaderMap;
use config::relay::Proxies;

const FIELD: &str = "x-forwarded-for";

/// The nearest address that is no trusted proxy's; `peer` itself where that is none, or the field is not there or
/// cannot be read so far.
pub(super) fn origin(proxies: &Proxies, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let mut nearest = peer;
    if proxies.is_empty() {
        return nearest;
    }
    let mut fields = headers.get_all(FIELD).iter().rev().map(|field| field.to_str().ok());
    let mut hops = fields.by_ref().flat_map(|field| field.unwrap_or("?").rsplit(','));
    while proxies.holds(nearest) {
        match hops.next().map(|hop| hop.trim().parse()) {
            Some(Ok(address)) => nearest = address,
            Some(Err(_)) | None => break,
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn seen(proxies: &str, peer: &str, fields: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(FIELD, HeaderValue::from_str(field).unwrap());
        }
        origin(&proxies.parse().unwrap(), peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_about_whom_it_heard() {
        let (proxy, boat) = ("127.0.0.1", "192.0.2.7");
        for (proxies, peer, fields, expected) in [
            ("", proxy, &[boat][..], proxy),
            (proxy, proxy, &[boat], boat),
            (proxy, "198.51.100.1", &[boat], "198.51.100.1"),
            (proxy, proxy, &["203.0.113.9, 192.0.2.7"], boat),
            (proxy, proxy, &["203.0.113.9", "192.0.2.7"], boat),
            ("127.0.0.1, 10.0.0.0/8", proxy, &["192.0.2.7,10.1.2.3"], boat),
            (proxy, proxy, &[], proxy),
            (proxy, proxy, &["unknown"], proxy),
            (proxy, proxy, &["192.0.2.7, "], proxy),
            ("127.0.0.1, 10.0.0.0/8", proxy, &["rubbish, 10.1.2.3"], "10.1.2.3"),
            (proxy, proxy, &["2001:db8::1"], "2001:db8::1"),
        ] {
            assert_eq!(seen(proxies, peer, fields), expected, "{proxies:?} {peer} {fields:?}");
        }
    }
}
