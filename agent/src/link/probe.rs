//! What `mailboat doctor` asks of the link: name, TCP, TLS, or a proxy and TLS, one after the other, each with its
//! remedy.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use rustls::{CommonState, NamedGroup};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use wire::Fingerprint;

use super::{
    Client, Meter, certificate::Validity, dial, error::LinkError, meter::MeteredTcp,
    patience::CONNECT_MAX, proxy, trust::Proof,
};

/// A certificate which ends sooner than this is worth a word.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Finding the relay's addresses.
    Name,
    /// Reaching one of them.
    Tcp,
    /// A way to the relay through the proxy, where there is one: in place of name and address.
    Proxy,
    /// The encrypted connection, from scratch, so that the certificate is looked at.
    Tls,
}

/// How it went.
#[derive(Debug)]
pub struct Finding {
    /// What was tried.
    pub check: Check,
    /// How long it took.
    pub took: Duration,
    /// What was found, in words, or what is wrong.
    pub outcome: Result<String, LinkError>,
    /// Something that works today but wants attention.
    pub warning: Option<String>,
}

/// Tries each step until one fails. Sends no request; costs a full handshake, counted by `meter`.
pub async fn probe(client: &Client, meter: &Meter) -> Vec<Finding> {
    let mut findings = Vec::new();
    let stream = match client.proxy() {
        None => straight(client, meter, &mut findings).await,
        Some(_) => through_proxy(client, meter, &mut findings).await,
    };
    let Some(stream) = stream else { return findings };
    if client.url().is_secure() {
        let (seen, took) = timed(look_at_tls(client, meter, stream)).await;
        let warning = seen.as_ref().ok().and_then(Seen::warning);
        if note(&mut findings, Check::Tls, took, seen, Seen::words).is_some()
            && let Some(last) = findings.last_mut()
        {
            last.warning = warning;
        }
    }
    findings
}

async fn straight(
    client: &Client,
    meter: &Meter,
    findings: &mut Vec<Finding>,
) -> Option<MeteredTcp> {
    let url = client.url();
    let (addresses, took) = timed(dial::resolve(&url.host(), url.port())).await;
    let addresses = note(findings, Check::Name, took, addresses, |a| list(a))?;
    let (connected, took) = timed(dial::connect_any(&addresses, Some(meter))).await;
    let told = |(stream, rtt): &(TcpStream, Duration)| reached(stream, *rtt);
    let (stream, rtt) = note(findings, Check::Tcp, took, connected, told)?;
    Some(meter.tcp(stream, rtt))
}

async fn through_proxy(
    client: &Client,
    meter: &Meter,
    findings: &mut Vec<Finding>,
) -> Option<MeteredTcp> {
    let via = client.via()?;
    let (opened, took) = timed(proxy::open(&via, client.url(), meter, false)).await;
    let told = |opened: &proxy::Opened| {
        let how = match opened.forward {
            Some(_) => "is there and will be handed requests whole",
            None => "leads to the relay",
        };
        let (proxy, from, ms) = (&via.proxy, via.proxy.from(), opened.rtt.as_millis());
        format!("{proxy} (from {from}) {how}, round trip {ms} ms")
    };
    Some(note(findings, Check::Proxy, took, opened, told)?.stream)
}

/// Writes a finding down and hands its value on.
fn note<T>(
    findings: &mut Vec<Finding>,
    check: Check,
    took: Duration,
    result: Result<T, LinkError>,
    words: impl FnOnce(&T) -> String,
) -> Option<T> {
    let (value, outcome) = match result {
        Ok(value) => {
            let words = words(&value);
            (Some(value), Ok(words))
        }
        Err(err) => (None, Err(err)),
    };
    findings.push(Finding { check, took, outcome, warning: None });
    value
}

async fn timed<T>(
    step: impl Future<Output = Result<T, LinkError>>,
) -> (Result<T, LinkError>, Duration) {
    let began = Instant::now();
    let result = timeout(CONNECT_MAX, step).await.unwrap_or(Err(LinkError::Stalled {
        during: "connecting",
        received: 0,
        waited: CONNECT_MAX,
    }));
    (result, began.elapsed())
}

fn list(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
    addresses.join(", ")
}

fn reached(stream: &TcpStream, rtt: Duration) -> String {
    let address = stream.peer_addr().map_or_else(|_| "connected".to_owned(), |a| a.to_string());
    format!("{address}, round trip {} ms", rtt.as_millis())
}

/// What a handshake showed.
#[derive(Debug)]
struct Seen {
    version: String,
    /// Both sides agreed on the post-quantum key exchange.
    is_post_quantum: bool,
    /// The relay's own key, where it was shown that.
    key: Option<Fingerprint>,
    validity: Option<Validity>,
    now: Timestamp,
}

async fn look_at_tls(
    client: &Client,
    meter: &Meter,
    stream: MeteredTcp,
) -> Result<Seen, LinkError> {
    // A resumed session would show no certificate of today, and use up the ticket of the next visit.
    let (proof, _) = client.shared.trust.ways(false, false);
    let Some(spoken) = client.spoken(proof, client.offers_post_quantum(meter)).await? else {
        return Err(LinkError::NotARelay { status: None, hint: "no TLS".to_owned() });
    };
    let stream = dial::handshake(client.url(), Arc::new(spoken.alone()), stream).await;
    let stream = stream.map_err(|err| err.where_proof_is_due(proof))?;
    let state: &CommonState = stream.get_ref().1;
    let version = state.protocol_version().and_then(|v| v.as_str()).unwrap_or("TLS");
    let group = state.negotiated_key_exchange_group().map(|group| group.name());
    let leaf = state.peer_certificates().and_then(|chain| chain.first());
    Ok(Seen {
        version: version.replace("TLSv1_", "TLS 1."),
        is_post_quantum: group == Some(NamedGroup::X25519MLKEM768),
        key: leaf.filter(|_| proof == Proof::Key).map(|key| Fingerprint::of(key)),
        validity: leaf.and_then(|leaf| Validity::of(leaf)),
        now: Timestamp::now(),
    })
}

impl Seen {
    fn words(&self) -> String {
        let mut words = self.version.clone();
        if self.is_post_quantum {
            words.push_str(", post-quantum key exchange");
        }
        match (&self.validity, &self.key) {
            (Some(validity), _) => {
                words += &format!(", certificate valid until {}", date(validity.not_after));
            }
            (None, Some(key)) => words += &format!(", the relay's own key {key}"),
            (None, None) => {}
        }
        words
    }

    fn warning(&self) -> Option<String> {
        let validity = self.validity?;
        if self.now.duration_since(validity.not_before) < SignedDuration::ZERO {
            // Cannot be after a handshake, unless the clock stepped meanwhile.
            return Some("this computer's clock is behind the certificate's first day".to_owned());
        }
        let left = validity.not_after.duration_since(self.now);
        (left < EXPIRES_SOON).then(|| {
            let days = left.as_hours() / 24;
            format!("the relay's certificate ends in {days} days: has its renewal stopped?")
        })
    }
}

fn date(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}
