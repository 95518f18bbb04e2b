//! TLS: what it costs, when it resumes, why it fails.

use std::time::Duration;

use super::{
    server::{Ca, answer_all, answer_of, self_signed},
    *,
};

const UP: usize = 50;
const DOWN: usize = 30;

/// A TLS server whose certificate is for `name`, and a client of it by that name.
async fn pair(ca: &Ca, name: &str, cut: u64) -> (Server, Client) {
    let tls = Some(ca.server(name, 2999));
    let server = Server::start(tls, cut, |peer| answer_all(peer, answer_of(&[1; DOWN]))).await;
    let url = format!("https://{name}:{}", server.address.port());
    (server, client(&url, ca.settings()))
}

async fn once(client: &Client, meter: &Meter) -> Result<Option<bool>, LinkError> {
    let mut connection = client.connect(meter).await?;
    exchange(&mut connection, vec![2; UP].into()).await?;
    Ok(connection.tls_resumed())
}

#[tokio::test]
async fn every_connection_after_the_first_resumes_and_the_meter_says_what_the_socket_saw() {
    let ca = Ca::new();
    let (mut server, client) = pair(&ca, "localhost", u64::MAX).await;
    let mut costs = Vec::new();
    for resumed in [false, true, true, true] {
        let meter = Meter::new(None);
        assert_eq!(once(&client, &meter).await.unwrap(), Some(resumed));
        assert_eq!(server.ended().await.both(), (meter.up(), meter.down()));
        costs.push((meter.up(), meter.down()));
    }
    println!("full {:?}, resumed {:?} bytes up and down", costs[0], costs[1]);
    let (up, down) = costs[1];
    // 50 and 30 bytes of bodies, 114 and 38 of headers, TLS.
    assert!(up + down <= RESUMED_MAX, "{up} + {down}");
}

/// A resumed exchange of 50 and 30 bytes, up and down together.
const RESUMED_MAX: u64 = 930;

#[tokio::test]
async fn a_goodbye_costs_24_bytes_and_dropping_none() {
    let ca = Ca::new();
    let (mut server, client) = pair(&ca, "127.0.0.1", u64::MAX).await;
    for (polite, cost) in [(true, 24), (false, 0)] {
        let meter = Meter::new(None);
        let mut connection = client.connect(&meter).await.unwrap();
        exchange(&mut connection, vec![2; UP].into()).await.unwrap();
        let before = meter.up();
        if polite {
            connection.close().await;
        } else {
            drop(connection);
        }
        assert_eq!(server.ended().await.both().0, before + cost);
        assert_eq!(meter.up(), before + cost);
    }
}

#[tokio::test]
async fn no_limit_is_passed_wherever_in_the_handshake_it_falls() {
    let ca = Ca::new();
    let (mut server, client) = pair(&ca, "127.0.0.1", u64::MAX).await;
    let mut limit = 1;
    let mut enough = 0;
    while limit < 3000 {
        let meter = Meter::new(Some(limit));
        let outcome = once(&client, &meter).await;
        match outcome {
            Ok(_) => enough += 1,
            Err(LinkError::BudgetSpent) => {}
            Err(other) => panic!("limit {limit}: {other:?}"),
        }
        assert!(meter.up() + meter.down() <= limit);
        assert_eq!(server.ended().await.both().0, meter.up(), "limit {limit}");
        limit += 1 + limit * 7 % 41;
    }
    assert!(enough != 0);
}

#[tokio::test]
async fn a_cut_anywhere_under_tls_is_a_cut_and_never_other_bytes() {
    let ca = Ca::new();
    for cut in (0..1000).step_by(23) {
        let (_server, client) = pair(&ca, "127.0.0.1", cut).await;
        let mut connection = match client.connect(&Meter::new(None)).await {
            Ok(connection) => connection,
            Err(LinkError::Cut { received: 0, .. }) => continue,
            Err(other) => panic!("cut at {cut}: {other:?}"),
        };
        match connection.post_sync(TOKEN, vec![2; UP].into(), Duration::ZERO).await {
            Ok(mut answer) => {
                let (body, end) = read(&mut answer).await;
                assert_eq!(body, vec![1; body.len()]);
                assert!(end.is_ok() == (body.len() == DOWN), "cut at {cut}: {end:?}");
            }
            Err(err) => assert!(matches!(err, LinkError::Cut { received: 0, .. }), "{err:?}"),
        }
    }
}

async fn fault(client: &Client) -> TlsFault {
    match client.connect(&Meter::new(None)).await.unwrap_err() {
        LinkError::Tls { fault, .. } => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_is_named_by_what_is_wrong_with_it() {
    let ca = Ca::new();
    let (server, _) = pair(&ca, "127.0.0.1", u64::MAX).await;
    let here = format!("https://{}", server.address);
    for other in [Ca::named("another CA"), Ca::new()] {
        assert_eq!(fault(&client(&here, other.settings())).await, TlsFault::UnknownCa);
    }

    let (server, _) = pair(&ca, "relay.example", u64::MAX).await;
    let here = format!("https://{}", server.address);
    assert_eq!(fault(&client(&here, ca.settings())).await, TlsFault::NameMismatch);

    let expired = Some(ca.server("127.0.0.1", 2001));
    let server = Server::start(expired, u64::MAX, |peer| answer_all(peer, Vec::new())).await;
    let here = client(&format!("https://{}", server.address), ca.settings());
    assert_eq!(fault(&here).await, TlsFault::Expired);
    let err = here.connect(&Meter::new(None)).await.unwrap_err();
    assert!(err.is_permanent() && err.remedy().contains("date"));

    let server = Server::plain(|mut peer| async move {
        use tokio::io::AsyncWriteExt;
        peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    })
    .await;
    let here = client(&format!("https://{}", server.address), ca.settings());
    assert_eq!(fault(&here).await, TlsFault::NotTls);
}

#[tokio::test]
async fn a_ca_file_that_holds_none_is_named() {
    let ca = Ca::new();
    for content in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(ca.path(), content).unwrap();
        let client = client("https://127.0.0.1:9", ca.settings());
        let err = client.connect(&Meter::new(None)).await.unwrap_err();
        assert!(matches!(err, LinkError::Roots { .. }) && err.to_string().contains("ca.pem"));
    }
}

#[tokio::test]
async fn the_probe_says_how_far_it_came_and_leaves_the_sessions_alone() {
    let ca = Ca::new();
    let (_server, good) = pair(&ca, "127.0.0.1", u64::MAX).await;
    once(&good, &Meter::new(None)).await.unwrap();
    let findings = probe(&good, &Meter::new(None)).await;
    assert_eq!(
        findings.iter().map(|f| f.check).collect::<Vec<_>>(),
        [Check::Name, Check::Tcp, Check::Tls]
    );
    assert_eq!(
        findings[2].outcome.as_ref().unwrap(),
        "TLS 1.3, certificate valid until 2999-12-31"
    );
    assert!(findings.iter().all(|f| f.warning.is_none()));
    assert_eq!(once(&good, &Meter::new(None)).await.unwrap(), Some(true));

    let other = Ca::new();
    let bad = client(&good.url().to_string(), other.settings());
    let findings = probe(&bad, &Meter::new(None)).await;
    assert!(findings[0].outcome.is_ok() && findings[1].outcome.is_ok());
    assert!(matches!(findings[2].outcome, Err(LinkError::Tls { .. })));
}

#[tokio::test]
async fn a_relays_own_certificate_can_be_given_as_the_one_to_trust() {
    for (name, until, expected) in [
        ("127.0.0.1", 2999, None),
        ("relay.example", 2999, Some(TlsFault::NameMismatch)),
        ("127.0.0.1", 2001, Some(TlsFault::Expired)),
    ] {
        let (tls, dir) = self_signed(name, until);
        let script = |peer| answer_all(peer, answer_of(b"hello"));
        let server = Server::start(Some(tls), u64::MAX, script).await;
        let ca = Some(dir.path().join("relay.pem"));
        let here = format!("https://{}", server.address);
        let client = client(&here, TlsSettings { ca, ..TlsSettings::default() });
        match expected {
            None => assert_eq!(once(&client, &Meter::new(None)).await.unwrap(), Some(false)),
            Some(expected) => assert_eq!(fault(&client).await, expected),
        }
    }
    let (tls, _) = self_signed("127.0.0.1", 2999);
    let server = Server::start(Some(tls), u64::MAX, |peer| answer_all(peer, Vec::new())).await;
    let (_, other) = self_signed("127.0.0.1", 2999);
    let settings =
        TlsSettings { ca: Some(other.path().join("relay.pem")), ..TlsSettings::default() };
    let other = client(&format!("https://{}", server.address), settings);
    let fault = fault(&other).await;
    assert!(matches!(fault, TlsFault::CaAsServer | TlsFault::UnknownCa), "{fault:?}");
}

#[tokio::test]
async fn tls_1_2_is_spoken_only_where_the_settings_allow_it() {
    let ca = Ca::new();
    let script = |peer| answer_all(peer, answer_of(&[1; DOWN]));
    let server = Server::start(Some(ca.old_server("127.0.0.1")), u64::MAX, script).await;
    let here = format!("https://{}", server.address);
    assert_eq!(fault(&client(&here, ca.settings())).await, TlsFault::Incompatible);
    let old = client(&here, TlsSettings { allow_tls12: true, ..ca.settings() });
    assert_eq!(once(&old, &Meter::new(None)).await.unwrap(), Some(false));
    assert_eq!(once(&old, &Meter::new(None)).await.unwrap(), Some(true));
}
