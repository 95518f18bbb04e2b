//! What a visit would cost, before it is made: bytes, seconds and money.
//!
//! What goes up is exact: the requests are made as a visit would make them, and thrown away. What connecting and asking
//! cost beside is what it cost lately over the same link. What waits at the relay is as it said last, before
//! compression, and so the most that it can be.

use config::{AgentSettings, Price};
use serde::Serialize;

use crate::{
    control::Failure,
    link::state::LinkState,
    schedule::Line,
    store::{Store, VisitRow, Waiting},
    sync::{self, SyncError, Terms},
    visit::{self, Call, Carry, Wish, over::Over, slow_rate},
};

/// A further request on the same connection: HTTP's headers both ways and TLS around them, in bytes.
const REQUEST_MORE: u64 = 250;
/// The answer to a request beside what it delivers, in bytes.
const ANSWER: u64 = 64;
/// What a message that waits takes beside its body, at most, in bytes.
const HEADER: u64 = 16;
/// Connecting and asking, where no visit was made yet: https with a short chain of certificates, in bytes.
const OVERHEAD: u64 = 2 * 1024;
/// IP's and TCP's headers of a short visit, where none was made yet, in bytes.
const IP_OVERHEAD: u64 = 800;
/// Of payload, what headers of full segments and their acknowledgements take: 78 bytes in 1,400.
const IP_SHARE: (u64, u64) = (78, 1_400);
/// So many days of visits are looked at for the rate.
const RATE_DAYS: i64 = 30;

/// What a visit would cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quote {
    /// The link, as the ledger calls it.
    pub link: String,
    /// Own items that would go.
    pub items: u64,
    /// Requests that they take; one at least.
    pub requests: u64,
    /// Bytes of the requests' bodies: exactly these.
    pub body_up: u64,
    /// What the relay keeps for this device.
    pub waiting_there: Waiting,
    /// Whether the relay was asked for that just now; otherwise it is what it said last.
    pub asked: bool,
    /// Bytes of answers, if all of it is fetched: at most these.
    pub body_down: u64,
    /// Bytes of connecting and asking: TLS, HTTP, a proxy.
    pub overhead: u64,
    /// Whether that is known from visits over this link.
    pub overhead_known: bool,
    /// Bytes at the socket, all of these: what a budget would have to allow.
    pub bytes: u64,
    /// Bytes of IP packets, headers included.
    pub ip_bytes: u64,
    /// Bits a second of the link, as its profile says or as measured; none where nothing depends on it.
    pub rate: Option<u64>,
    /// How long moving them takes at that rate, in seconds.
    pub seconds: Option<u64>,
    /// In money, by the link's tariff.
    pub cost: Option<Price>,
    /// Of which currency; empty without a tariff.
    pub currency: String,
    /// Bytes of IP packets that the link's quota leaves; none without one.
    pub quota_left: Option<u64>,
    /// Why no visit over this link would be made now; empty otherwise.
    pub refused: String,
    /// Why the relay could not be asked; empty otherwise.
    pub words: String,
}

/// Prices a visit over `over` with these terms. Nothing is sealed, sent or asked.
///
/// # Errors
/// What the store says.
fn quote(store: &Store, terms: &Terms, over: &Over) -> Result<Quote, SyncError> {
    let bodies = sync::bodies(store, terms)?;
    let reader = store.reader();
    let visits = reader.visits_over(&over.name)?;
    let waiting_there = reader.counters()?.waiting_there;
    let body_down = match terms.lanes.is_empty() {
        true => 0,
        false => waiting_there.bytes + HEADER * waiting_there.count,
    } + ANSWER * bodies.requests;
    let beside = Beside::of(&visits);
    let overhead = beside.payload + REQUEST_MORE * bodies.requests.saturating_sub(1);
    let bytes = bodies.bytes + body_down + overhead;
    let ip_bytes = bytes + beside.headers + bytes * IP_SHARE.0 / IP_SHARE.1;
    let since = store.now().saturating_sub(RATE_DAYS * 24 * 60 * 60);
    let measured = || slow_rate(&reader.visits(since).unwrap_or_default(), &over.name);
    let rate = over.rate().or_else(measured);
    let seconds = rate.map(|rate| (ip_bytes * 8).div_ceil(rate.max(1)));
    let (cost, currency) = over.cost(ip_bytes, seconds.unwrap_or_default());
    Ok(Quote {
        link: over.name.clone(),
        items: bodies.items,
        requests: bodies.requests,
        body_up: bodies.bytes,
        waiting_there,
        asked: false,
        body_down,
        overhead,
        overhead_known: !visits.is_empty(),
        bytes,
        ip_bytes,
        rate,
        seconds,
        cost,
        currency,
        quota_left: over.left(),
        refused: over.refusal(store.now()).unwrap_or_default().words,
        words: String::new(),
    })
}

/// Prices a visit that carries this over the link as the system has it, to a relay on this computer or elsewhere.
///
/// # Errors
/// What the store says.
pub(crate) fn of_call(
    store: &Store,
    settings: &AgentSettings,
    carry: Carry,
    link: &LinkState,
    relay_is_here: bool,
) -> Result<Quote, Failure> {
    let line = Line::of(link, &settings.link);
    let over = Over::known(&line, link, &settings.link, store.reader(), store.now());
    let call = Call::asked(Wish { carry, ..Wish::default() }).over(line.profile, line.metered);
    let terms = visit::terms(store, settings, &call, &over, relay_is_here);
    quote(store, &terms, &over).map_err(|err| Failure::chain("price", &err))
}

/// A measured rate as people say it, in bits a second.
pub(crate) fn round_rate(bits: u64) -> u64 {
    if bits < 10_000 { bits / 100 * 100 } else { bits / 1_000 * 1_000 }
}

/// What visits cost beside their bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Beside {
    /// At the socket, with one request.
    payload: u64,
    /// The headers of segments, less what grows with the payload.
    headers: u64,
}

impl Beside {
    /// The middle of what these cost.
    fn of(visits: &[VisitRow]) -> Self {
        let payload = visits.iter().map(|visit| {
            let kinds = ["overhead_up", "overhead_down"].map(|kind| visit.by_kind.get(kind));
            let sum: u64 = kinds.into_iter().flatten().sum();
            sum.saturating_sub(REQUEST_MORE * visit.requests.saturating_sub(1))
        });
        let headers = visits.iter().map(|visit| {
            let payload = visit.bytes_up + visit.bytes_down;
            let more = payload + payload * IP_SHARE.0 / IP_SHARE.1;
            (visit.ip_bytes_up + visit.ip_bytes_down).saturating_sub(more)
        });
        Self {
            payload: middle(payload.collect()).unwrap_or(OVERHEAD),
            headers: middle(headers.collect()).unwrap_or(IP_OVERHEAD),
        }
    }
}

fn middle(mut figures: Vec<u64>) -> Option<u64> {
    figures.sort_unstable();
    figures.get(figures.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(requests: u64, overhead: u64, headers: u64) -> VisitRow {
        VisitRow {
            requests,
            bytes_up: 1_400,
            ip_bytes_up: 1_400 + 78 + headers,
            by_kind: [("overhead_up".to_owned(), overhead), ("overhead_down".to_owned(), 100)]
                .into(),
            ..VisitRow::default()
        }
    }

    #[test]
    fn what_a_visit_costs_beside_its_bodies_is_the_middle_of_what_visits_cost_lately() {
        let visits = [visit(1, 400, 600), visit(1, 900, 500), visit(3, 1_000, 700)];
        assert_eq!(Beside::of(&visits), Beside { payload: 600, headers: 600 });
        assert_eq!(Beside::of(&[]), Beside { payload: OVERHEAD, headers: IP_OVERHEAD });
    }

    #[test]
    fn a_measured_rate_is_shown_round() {
        assert_eq!([2_829, 40_000, 123_456].map(round_rate), [2_800, 40_000, 123_000]);
    }
}
