//! Whole listeners on real sockets: limits on connections, and the end.

use axum::http::header::CONTENT_TYPE;

use super::*;

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<io::Result<()>>,
    metrics: Metrics,
}

async fn running(options: ServeOptions, router: Router) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (shutdown, metrics) = (CancellationToken::new(), options.metrics.clone());
    let served = tokio::spawn(serve(listener, None, router, options, shutdown.clone()));
    Running { address, shutdown, served, metrics }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection that has been served once, so it has its place for sure.
    async fn settled(&self) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(b"GET /hello HTTP/1.1\r\n\r\n").await.unwrap();
        answer(&mut stream).await;
        stream
    }

    /// A connection on which a hold of `device` is waiting.
    async fn holding(&self, device: u64) -> TcpStream {
        let mut stream = self.settled().await;
        let request = format!("POST /hold/{device} HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    fn counted(&self, series: &str) -> bool {
        self.metrics.encode().lines().any(|line| line == series)
    }
}

fn limited(limits: ConnectionLimits) -> ServeOptions {
    ServeOptions { connection_limits: limits, ..ServeOptions::default() }
}

/// What comes until the other end closes; a reset counts as that.
async fn rest(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn one_connection_too_many_of_a_strange_address_is_closed_at_once() {
    let limits = ConnectionLimits {
        strangers_per_address_max: 2,
        loopback_unlimited: false,
        ..Default::default()
    };
    let relay = running(limited(limits), routes()).await;
    let _first = relay.settled().await;
    let _second = relay.settled().await;
    assert_eq!(rest(relay.connect().await).await, "");
    assert!(relay.counted("mailboat_connections_dropped_total{reason=\"address\"} 1"));
}

#[tokio::test]
async fn one_connection_too_many_in_all_is_closed_at_once() {
    let relay =
        running(limited(ConnectionLimits { connections_max: 1, ..Default::default() }), routes())
            .await;
    let _first = relay.settled().await;
    assert_eq!(rest(relay.connect().await).await, "");
    assert!(relay.counted("mailboat_connections_dropped_total{reason=\"full\"} 1"));
}

#[tokio::test]
async fn a_devices_third_connection_ends_the_hold_of_its_first() {
    let relay = running(ServeOptions::default(), routes()).await;
    let (first, _second) = (relay.holding(7).await, relay.holding(7).await);
    let _third = relay.holding(7).await;
    let _other = relay.holding(8).await;
    let ended = rest(first).await;
    assert!(ended.ends_with("\r\n\r\nended"), "{ended}");
    assert!(ended.contains("connection: close"), "{ended}");
}

#[tokio::test]
async fn shutdown_ends_holds_with_their_answers_and_idle_connections_at_once() {
    let relay = running(ServeOptions::default(), routes()).await;
    let (hold, idle) = (relay.holding(1).await, relay.settled().await);
    relay.shutdown.cancel();
    let ended = rest(hold).await;
    assert!(ended.is_empty() || ended.ends_with("\r\n\r\nended"), "{ended}");
    assert_eq!(rest(idle).await, "");
    relay.served.await.unwrap().unwrap();
    assert!(TcpStream::connect(relay.address).await.is_err());
    assert_eq!(relay.metrics.connections.get(), 0);
}

#[tokio::test]
async fn a_handler_that_does_not_end_is_left_after_the_grace_time() {
    let stubborn = Router::new().route("/", get(std::future::pending::<Response>));
    let options = ServeOptions { grace_time: Duration::from_millis(50), ..ServeOptions::default() };
    let relay = running(options, stubborn.merge(routes())).await;
    let mut stream = relay.settled().await;
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    relay.shutdown.cancel();
    relay.served.await.unwrap().unwrap();
    assert_eq!(rest(stream).await, "");
}

#[tokio::test]
async fn a_handler_that_panics_ends_its_connection_and_no_other() {
    let broken = Router::new().route("/", get(|| async { panic!("on purpose") as Response }));
    let relay = running(ServeOptions::default(), broken.merge(routes())).await;
    let mut stream = relay.settled().await;
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(rest(stream).await, "");
    relay.settled().await;
    assert!(relay.counted("mailboat_connections_dropped_total{reason=\"panic\"} 1"));
}

#[tokio::test]
async fn the_operations_pages_are_served_the_same_way() {
    let readiness = crate::ops::Readiness::new(|| async { true });
    let relay =
        running(ServeOptions::default(), crate::ops::router(Metrics::new(), readiness)).await;
    let mut stream = relay.connect().await;
    stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").await.unwrap();
    let page = answer(&mut stream).await;
    let kind = format!("{CONTENT_TYPE}: {}\r\n", crate::ops::metrics::OPENMETRICS_TYPE);
    assert!(page.contains(&kind) && page.ends_with("# EOF\n"), "{page}");
}

#[test]
fn plain_http_off_loopback_has_to_be_allowed_by_name() {
    let check = |address: &str, tls, allowed| check_listen(address.parse().unwrap(), tls, allowed);
    for loopback in ["127.0.0.1:7480", "[::1]:7480", "127.9.9.9:1"] {
        assert_eq!(check(loopback, false, false), Ok(()));
    }
    for open in ["0.0.0.0:7480", "[::]:7480", "192.0.2.1:80"] {
        let refusal = check(open, false, false).unwrap_err().to_string();
        assert!(refusal.starts_with(open) && refusal.contains("allow_plain_http"), "{refusal}");
        assert_eq!((check(open, true, false), check(open, false, true)), (Ok(()), Ok(())));
    }
}
