//! What the relay counts. Labels come from closed sets only: no account, device or address is ever a label.

use std::sync::{Arc, atomic::AtomicU64};

use prometheus_client::{
    encoding::text,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

pub use super::labels::{
    ChoreKind, ChoreLabels, Direction, DirectionLabels, DropLabels, DropReason, LimitKind,
    LimitLabels, LoginLabels, LoginResult, RequestLabels, SyncLabels, SyncResult,
};

/// The content type of [`Metrics::encode`].
pub const OPENMETRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every figure of one relay. Clones share the figures.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    /// Requests answered, by route pattern, method and status.
    pub http_requests: Family<RequestLabels, Counter>,
    /// Connections open now.
    pub connections: Gauge,
    /// Connections closed before their time.
    pub connections_dropped: Family<DropLabels, Counter>,
    /// Bytes at the socket, TLS and HTTP included.
    pub wire_bytes: Family<DirectionLabels, Counter>,
    /// Exchanges, by how they ended.
    pub sync_sessions: Family<SyncLabels, Counter>,
    /// Submits that were read, known ones included.
    pub messages_submitted: Counter,
    /// Numbers answered for the first time, refusals included.
    pub messages_answered: Counter,
    /// Submits answered with a refusal.
    pub messages_refused: Counter,
    /// Deliveries put into answers.
    pub messages_delivered: Counter,
    /// Submits whose name was known already.
    pub dedupe_hits: Counter,
    /// Requests refused until later, by what they asked for.
    pub rate_limited: Family<LimitLabels, Counter>,
    /// Holds waiting now.
    pub holds: Gauge,
    /// Times that a hold was woken to look again.
    pub wakeups: Counter,
    /// Logins and joins, by outcome.
    pub logins: Family<LoginLabels, Counter>,
    /// Transactions that the writer committed.
    pub store_commits: Counter,
    /// Requests in one transaction.
    pub store_commit_requests: Histogram,
    /// Seconds from a transaction's begin to its durable end.
    pub store_commit_seconds: Histogram,
    /// Reads of the store.
    pub store_reads: Counter,
    /// Rows and pages that housekeeping handled.
    pub housekeeping: Family<ChoreLabels, Counter>,
    /// Slices of housekeeping that failed.
    pub housekeeping_failed: Family<ChoreLabels, Counter>,
    /// Bytes of bodies that wait in mailboxes; whoever owns the store sets it.
    pub mailbox_waiting_bytes: Gauge<u64, AtomicU64>,
}

impl Metrics {
    /// All figures at zero, in a registry of their own.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("mailboat");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("relay_build", "The relay's version", build);
        let mut figures = Self::unregistered();
        figures.register(&mut registry);
        figures.show_closed_sets();
        figures.registry = Arc::new(registry);
        figures
    }

    fn unregistered() -> Self {
        Self {
            registry: Arc::new(Registry::default()),
            http_requests: Family::default(),
            connections: Gauge::default(),
            connections_dropped: Family::default(),
            wire_bytes: Family::default(),
            sync_sessions: Family::default(),
            messages_submitted: Counter::default(),
            messages_answered: Counter::default(),
            messages_refused: Counter::default(),
            messages_delivered: Counter::default(),
            dedupe_hits: Counter::default(),
            rate_limited: Family::default(),
            holds: Gauge::default(),
            wakeups: Counter::default(),
            logins: Family::default(),
            store_commits: Counter::default(),
            store_commit_requests: Histogram::new(exponential_buckets(1.0, 2.0, 13)),
            store_commit_seconds: Histogram::new(exponential_buckets(0.000_5, 2.0, 14)),
            store_reads: Counter::default(),
            housekeeping: Family::default(),
            housekeeping_failed: Family::default(),
            mailbox_waiting_bytes: Gauge::default(),
        }
    }

    fn register(&self, registry: &mut Registry) {
        registry.register("http_requests", "Requests answered", self.http_requests.clone());
        registry.register("connections", "Connections open now", self.connections.clone());
        registry.register(
            "connections_dropped",
            "Connections closed before their time",
            self.connections_dropped.clone(),
        );
        registry.register(
            "sync_wire_bytes",
            "Bytes at the socket, TLS and HTTP included",
            self.wire_bytes.clone(),
        );
        registry.register(
            "sync_sessions",
            "Exchanges by how they ended",
            self.sync_sessions.clone(),
        );
        registry.register(
            "messages_submitted",
            "Submits read, known ones included",
            self.messages_submitted.clone(),
        );
        registry.register(
            "messages_answered",
            "Numbers answered for the first time, refusals included",
            self.messages_answered.clone(),
        );
        registry.register(
            "messages_refused",
            "Submits answered with a refusal",
            self.messages_refused.clone(),
        );
        registry.register(
            "messages_delivered",
            "Deliveries put into answers",
            self.messages_delivered.clone(),
        );
        registry.register(
            "dedupe_hits",
            "Submits whose name was known already",
            self.dedupe_hits.clone(),
        );
        registry.register(
            "rate_limited",
            "Requests refused until later",
            self.rate_limited.clone(),
        );
        registry.register("holds", "Holds waiting now", self.holds.clone());
        registry.register("wakeups", "Times that a hold was woken", self.wakeups.clone());
        registry.register("logins", "Logins and joins by outcome", self.logins.clone());
        registry.register("store_commits", "Transactions committed", self.store_commits.clone());
        registry.register(
            "store_commit_requests",
            "Requests in one transaction",
            self.store_commit_requests.clone(),
        );
        registry.register_with_unit(
            "store_commit",
            "Time from a transaction's begin to its durable end",
            Unit::Seconds,
            self.store_commit_seconds.clone(),
        );
        registry.register("store_reads", "Reads of the store", self.store_reads.clone());
        registry.register(
            "housekeeping_rows",
            "Rows and pages that housekeeping handled",
            self.housekeeping.clone(),
        );
        registry.register(
            "housekeeping_failures",
            "Slices of housekeeping that failed",
            self.housekeeping_failed.clone(),
        );
        registry.register_with_unit(
            "mailbox_waiting",
            "Bodies that wait in mailboxes",
            Unit::Bytes,
            self.mailbox_waiting_bytes.clone(),
        );
    }

    /// Series that exist from the start can be alerted on before their first event.
    fn show_closed_sets(&self) {
        for &dir in Direction::ALL {
            drop(self.wire_bytes.get_or_create(&DirectionLabels { dir }));
        }
        for &result in LoginResult::ALL {
            drop(self.logins.get_or_create(&LoginLabels { result }));
        }
        for &result in SyncResult::ALL {
            drop(self.sync_sessions.get_or_create(&SyncLabels { result }));
        }
        for &reason in DropReason::ALL {
            drop(self.connections_dropped.get_or_create(&DropLabels { reason }));
        }
        for &kind in LimitKind::ALL {
            drop(self.rate_limited.get_or_create(&LimitLabels { kind }));
        }
        for &chore in ChoreKind::ALL {
            drop(self.housekeeping.get_or_create(&ChoreLabels { chore }));
            drop(self.housekeeping_failed.get_or_create(&ChoreLabels { chore }));
        }
    }

    /// Counts one ended exchange.
    pub fn sync_ended(&self, result: SyncResult) {
        self.sync_sessions.get_or_create(&SyncLabels { result }).inc();
    }

    /// Counts one login or join.
    pub fn login_ended(&self, result: LoginResult) {
        self.logins.get_or_create(&LoginLabels { result }).inc();
    }

    /// Counts one request that was told to come back later.
    pub fn limited(&self, kind: LimitKind) {
        self.rate_limited.get_or_create(&LimitLabels { kind }).inc();
    }

    /// Counts one connection that the relay closed before its time.
    pub fn dropped(&self, reason: DropReason) {
        self.connections_dropped.get_or_create(&DropLabels { reason }).inc();
    }

    /// Counts one slice of housekeeping that handled so many rows or pages.
    pub fn chore_done(&self, chore: ChoreKind, handled: u64) {
        self.housekeeping.get_or_create(&ChoreLabels { chore }).inc_by(handled);
    }

    /// Counts one slice of housekeeping that failed.
    pub fn chore_failed(&self, chore: ChoreKind) {
        self.housekeeping_failed.get_or_create(&ChoreLabels { chore }).inc();
    }

    /// Counts one durable transaction of `requests` requests that took `seconds`.
    pub fn committed(&self, requests: usize, seconds: f64) {
        self.store_commits.inc();
        self.store_commit_requests.observe(f64::from(u32::try_from(requests).unwrap_or(u32::MAX)));
        self.store_commit_seconds.observe(seconds);
    }

    /// A hold that waits until the guard is dropped.
    pub fn hold(&self) -> GaugeGuard {
        GaugeGuard::new(&self.holds)
    }

    /// All figures as OpenMetrics 1.0 text ([`OPENMETRICS_TYPE`]).
    #[must_use]
    pub fn encode(&self) -> String {
        let mut page = String::new();
        text::encode(&mut page, &self.registry).expect("writing to a String does not fail");
        page
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Raises a gauge by one for as long as it lives.
#[derive(Debug)]
#[must_use]
pub struct GaugeGuard(Gauge);

impl GaugeGuard {
    /// Raises `gauge` now.
    pub fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_page_is_openmetrics() {
        let metrics = Metrics::new();
        metrics.sync_ended(SyncResult::Done);
        metrics.committed(3, 0.004);
        let route = "/v1/sync".to_owned();
        metrics
            .http_requests
            .get_or_create(&RequestLabels { route, method: "POST", code: 200 })
            .inc();
        let page = metrics.encode();
        assert!(page.ends_with("# EOF\n"));
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(series.starts_with("mailboat_"), "{line}");
            value.parse::<f64>().unwrap();
        }
        for expected in [
            "mailboat_http_requests_total{route=\"/v1/sync\",method=\"POST\",code=\"200\"} 1",
            "mailboat_sync_sessions_total{result=\"done\"} 1",
            "mailboat_sync_wire_bytes_total{dir=\"up\"} 0",
            "mailboat_store_commit_requests_count 1",
            "mailboat_store_commit_seconds_sum 0.004",
            "mailboat_mailbox_waiting_bytes 0",
        ] {
            assert!(page.lines().any(|line| line == expected), "{expected} is not in\n{page}");
        }
    }

    #[test]
    fn a_hold_is_counted_while_its_guard_lives() {
        let metrics = Metrics::new();
        let holds = [metrics.hold(), metrics.hold()];
        assert_eq!(metrics.holds.get(), 2);
        drop(holds);
        assert_eq!(metrics.holds.get(), 0);
    }
}
