//! Peers that say too much, or too slowly.

use std::time::Duration;

use tokio::{
    io::AsyncWriteExt,
    net::TcpSocket,
    time::{Instant, sleep},
};

use super::{server::read_request, *};

/// Reads a request, then says `begin`, and `again` for ever.
async fn flooding(begin: &'static [u8], again: &'static [u8]) -> Server {
    Server::plain(move |mut peer| async move {
        if read_request(&mut peer).await.is_none() || peer.write_all(begin).await.is_err() {
            return;
        }
        let again = again.repeat(4_096 / again.len() + 1);
        while peer.write_all(&again).await.is_ok() {}
    })
    .await
}

#[tokio::test]
async fn an_answer_that_never_begins_is_given_up_after_32_kib() {
    for (begin, again) in [
        (&b""[..], &b"HTTP/1.1 100 Continue\r\n\r\n"[..]),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Endless: yes\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Endless: ", b"a"),
    ] {
        let server = flooding(begin, again).await;
        let meter = Meter::new(None);
        let mut connection = plain_client(&server).connect(&meter).await.unwrap();
        let err = exchange(&mut connection, "request".into()).await.unwrap_err();
        assert!(matches!(err, LinkError::NotARelay { status: None, .. }), "{err:?}");
        assert!(err.is_permanent() && meter.down() <= 32 << 10, "{} bytes", meter.down());
    }
}

#[tokio::test]
async fn an_answer_that_never_begins_is_given_up_in_four_minutes_however_much_comes() {
    let server = Server::plain(|mut peer| async move {
        read_request(&mut peer).await;
        while peer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    let mut connection = plain_client(&server).connect(&Meter::new(None)).await.unwrap();
    tokio::time::pause();
    let began = Instant::now();
    let err = exchange(&mut connection, "request".into()).await.unwrap_err();
    assert!(matches!(err, LinkError::Stalled { .. }), "{err:?}");
    assert!((120..=242).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_nobody_asked_for_stays_within_a_quota_also_over_several_connections() {
    let body = b"HTTP/1.1 200 OK\r\n\r\n";
    for quota in [24 << 10, 100 << 10, 300 << 10_u64] {
        let server = flooding(body, &[7; 1_000]).await;
        let client = plain_client(&server);
        let meter = Meter::within(None, Some(quota));
        let mut connections = 0;
        while let Ok(mut connection) = client.connect(&meter).await {
            connections += 1;
            let Ok(mut answer) = connection.post_sync(TOKEN, "r".into(), Duration::ZERO).await
            else {
                break;
            };
            // It hangs up in the midst of it, and the kernel has all that it takes.
            let _ = answer.chunk().await;
            while !meter.is_filled() {
                tokio::task::yield_now().await;
            }
        }
        let spent = meter.ip_bytes();
        assert!(spent.is_measured && spent.sum() <= quota, "{spent:?} of {quota}");
        assert!(quota / 4 < spent.sum() && 0 < connections, "{spent:?} of {quota}: of some use");
    }
}

#[tokio::test]
async fn an_attempt_to_connect_that_is_refused_costs_its_two_packets() {
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    let (client, meter) = (client(&url, TlsSettings::default()), Meter::within(None, Some(60_000)));
    let before = meter.remaining().unwrap();
    client.connect(&meter).await.unwrap_err();
    let ip = meter.ip_bytes();
    assert_eq!((ip.up, ip.down, meter.up(), meter.down()), (60, 40, 0, 0));
    assert!(meter.remaining().unwrap() < before, "it is paid for");
}
