//! Other answers than a relay's, and none.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::{Instant, sleep},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    server::{answer_all, answer_of, read_request},
    *,
};

async fn answered_with(answer: &[u8]) -> LinkError {
    let answer = answer.to_vec();
    let server = Server::plain(move |peer| answer_all(peer, answer.clone())).await;
    let mut connection = plain_client(&server).connect(&Meter::new(None)).await.unwrap();
    exchange(&mut connection, "request".into()).await.unwrap_err()
}

#[tokio::test]
async fn a_portals_page_is_no_relays_answer_and_is_named_by_its_title() {
    let page = "<html><head><title>Hotel Wi-Fi: log in</title></head></html>";
    let html = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n{page}",
        page.len()
    );
    let err = answered_with(html.as_bytes()).await;
    assert_eq!(err.to_string(), "this is not a relay's answer (status 200: Hotel Wi-Fi: log in)");
    assert!(err.is_permanent() && err.remedy().contains("hotspot"));
    let silent =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n\r\n {page}", page.len() + 3);
    let err = answered_with(silent.as_bytes()).await;
    assert_eq!(err.to_string(), "this is not a relay's answer (status 200: Hotel Wi-Fi: log in)");

    let redirect = b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\nContent-Length: 0\r\n\r\n";
    assert!(matches!(
        answered_with(redirect).await,
        LinkError::NotARelay { status: Some(302), .. }
    ));
    let gateway = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
    let err = answered_with(gateway).await;
    assert!(matches!(err, LinkError::NotARelay { status: Some(502), .. }) && !err.is_permanent());
    let err = answered_with(b"SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n").await;
    assert!(matches!(err, LinkError::NotARelay { status: None, .. }), "{err:?}");
}

#[tokio::test]
async fn a_relays_own_refusal_is_an_answer() {
    let server = Server::plain(|peer| {
        let refusal = "HTTP/1.1 503 Busy\r\nretry-after: 30\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\nbusy";
        answer_all(peer, refusal.into())
    })
    .await;
    let mut connection = plain_client(&server).connect(&Meter::new(None)).await.unwrap();
    let mut answer = connection.post_sync(TOKEN, "r".into(), Duration::ZERO).await.unwrap();
    assert_eq!((answer.status(), answer.retry_after_s()), (503, Some(30)));
    assert_eq!(&answer.whole(10).await.unwrap()[..], b"busy");
    assert!(matches!(answer.not_a_relay(b"busy"), LinkError::NotARelay { .. }));
}

#[tokio::test]
async fn a_wish_to_be_asked_later_is_a_number_of_seconds_however_large() {
    for (wish, expected) in [
        (" 30", Some(30)),
        ("99999999999999999999", Some(u32::MAX)),
        ("-1", None),
        ("Sun, 22 Nov 2026 22:00:00 GMT", None),
        ("", None),
    ] {
        let answer =
            format!("HTTP/1.1 503 Busy\r\nretry-after:{wish}\r\ncontent-length: 0\r\n\r\n");
        let server = Server::plain(move |peer| answer_all(peer, answer.clone().into())).await;
        let mut connection = plain_client(&server).connect(&Meter::new(None)).await.unwrap();
        let answer = connection.post_sync(TOKEN, "r".into(), Duration::ZERO).await.unwrap();
        assert_eq!(answer.retry_after_s(), expected, "{wish}");
    }
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    let err = client(&url, TlsSettings::default()).connect(&Meter::new(None)).await.unwrap_err();
    assert!(matches!(err, LinkError::Refused { .. }) && !err.is_permanent(), "{err:?}");
}

#[tokio::test]
async fn a_token_that_no_field_can_carry_is_refused_before_anything_is_sent() {
    let server = Server::plain(|peer| answer_all(peer, answer_of(b""))).await;
    let mut connection = plain_client(&server).connect(&Meter::new(None)).await.unwrap();
    let err = connection.post_sync("a\r\nb", "r".into(), Duration::ZERO).await.unwrap_err();
    assert!(matches!(err, LinkError::BadToken));
    assert_eq!(connection.moved(), (0, 0));
    assert!(connection.is_reusable());
}

#[tokio::test]
async fn a_silent_relay_is_given_up_after_120_s_and_a_held_request_after_its_hold() {
    for (begin, hold_s) in
        [(&b""[..], 0), (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", 0), (b"", 300)]
    {
        let server = Server::plain(move |mut peer| async move {
            read_request(&mut peer).await.unwrap();
            peer.write_all(begin).await.unwrap();
            std::future::pending::<()>().await;
        })
        .await;
        let mut connection = plain_client(&server).connect(&Meter::new(None)).await.unwrap();
        tokio::time::pause();
        let began = Instant::now();
        let hold = Duration::from_secs(hold_s);
        let err = match connection.post_sync(TOKEN, "request".into(), hold).await {
            Ok(mut answer) => {
                let (body, end) = read(&mut answer).await;
                assert_eq!(body, b"abc");
                end.unwrap_err()
            }
            Err(err) => err,
        };
        let got = u64::from(!begin.is_empty()) * 3;
        assert!(matches!(err, LinkError::Stalled { received, .. } if received == got), "{err:?}");
        let waited = began.elapsed().as_secs();
        assert!((120 + hold_s..=121 + hold_s).contains(&waited), "{waited} s");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_handshake_that_never_goes_on_is_given_up_after_120_s() {
    // Accepts (the kernel does), and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ca = server::Ca::new();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let client = client(&url, ca.settings());
    client.spoken(Proof::Certificate, false).await.unwrap();
    tokio::time::pause();
    let began = Instant::now();
    let err = client.connect(&Meter::new(None)).await.unwrap_err();
    assert!(matches!(err, LinkError::Stalled { during: "connecting", .. }), "{err:?}");
    assert_eq!(began.elapsed().as_secs(), 120);
    drop(listener);
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = [closed.local_addr().unwrap(), open.local_addr().unwrap()];
    let (stream, _rtt) = dial::connect_any(&addresses, None).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), addresses[1]);
    let err = dial::connect_any(&addresses[..1], None).await.unwrap_err();
    assert!(matches!(err, LinkError::Refused { address, .. } if address == addresses[0]));
}

/// Carries bytes from one side to the other as a 2,400 bit/s line does, half a round trip of 1.3 s late.
async fn slow_way(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
    let mut second = [0; 300];
    sleep(Duration::from_millis(650)).await;
    while let Ok(len @ 1..) = from.read(&mut second).await {
        sleep(Duration::from_millis(len as u64 * 1000 / 300)).await;
        if to.write_all(&second[..len]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_64_kib_exchange_passes_a_2400_bit_line() {
    const LEN: usize = 64 << 10;
    let ca = server::Ca::new();
    let tls = Some(ca.server("127.0.0.1", 2999));
    let server = Server::start(tls, u64::MAX, |peer| answer_all(peer, answer_of(&[7; LEN]))).await;
    let line = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = format!("https://{}", line.local_addr().unwrap());
    let there = server.address;
    let _line = AbortOnDropHandle::new(tokio::spawn(async move {
        let (near, _) = line.accept().await.unwrap();
        let far = TcpStream::connect(there).await.unwrap();
        // The clock of this test does not wait for Nagle's.
        near.set_nodelay(true).unwrap();
        far.set_nodelay(true).unwrap();
        let ((near_read, near_write), (far_read, far_write)) =
            (near.into_split(), far.into_split());
        tokio::join!(slow_way(near_read, far_write), slow_way(far_read, near_write));
    }));
    let client = client(&here, ca.settings());
    client.spoken(Proof::Certificate, false).await.unwrap();
    tokio::time::pause();
    let began = Instant::now();
    let mut connection = client.connect(&Meter::new(None)).await.unwrap();
    let body = exchange(&mut connection, vec![8; LEN].into()).await.unwrap();
    assert_eq!(body.len(), LEN);
    assert!(2 * LEN as u64 / 300 < began.elapsed().as_secs());
}
