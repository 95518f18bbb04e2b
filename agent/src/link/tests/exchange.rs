//! Requests and answers, to the byte.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    server::{answer_all, answer_of, read_request},
    *,
};

#[tokio::test]
async fn a_sync_request_has_three_fields_and_no_other() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seen_there = seen.clone();
    let server = Server::plain(move |mut peer| {
        let seen = seen_there.clone();
        async move {
            while let Some((head, body)) = read_request(&mut peer).await {
                seen.lock().unwrap().push((head, body));
                peer.write_all(&answer_of(b"answer")).await.unwrap();
            }
        }
    })
    .await;
    let mut connection = plain_client(&server).connect(&Meter::new(None)).await.unwrap();
    assert_eq!(exchange(&mut connection, Bytes::from_static(b"hello")).await.unwrap(), b"answer");
    let path = PathAndQuery::from_static("/v1/login");
    let body = Some(Bytes::from_static(b"{}"));
    let (status, answer) = connection.request(Method::POST, path, None, body).await.unwrap();
    assert_eq!((status, &answer[..]), (200, &b"answer"[..]));
    let path = PathAndQuery::from_static("/v1/devices/7");
    connection.request(Method::DELETE, path, Some(TOKEN), None).await.unwrap();
    let path = PathAndQuery::from_static("/v1/relay");
    connection.request(Method::GET, path, None, None).await.unwrap();

    let host = format!("host: {}\r\n", server.address);
    let bearer = format!("authorization: Bearer {TOKEN}\r\n");
    let expected = [
        (format!("POST /v1/sync HTTP/1.1\r\n{host}{bearer}content-length: 5\r\n\r\n"), "hello"),
        (
            format!(
                "POST /v1/login HTTP/1.1\r\n{host}content-type: application/json\r\ncontent-length: 2\r\n\r\n"
            ),
            "{}",
        ),
        (format!("DELETE /v1/devices/7 HTTP/1.1\r\n{host}{bearer}content-length: 0\r\n\r\n"), ""),
        (format!("GET /v1/relay HTTP/1.1\r\n{host}\r\n"), ""),
    ];
    let expected = expected.map(|(head, body)| (head, body.as_bytes().to_vec()));
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn several_exchanges_share_a_connection() {
    let mut server = Server::plain(|peer| answer_all(peer, answer_of(b"twice"))).await;
    let meter = Meter::new(None);
    let mut connection = plain_client(&server).connect(&meter).await.unwrap();
    for _ in 0..5 {
        assert!(connection.is_reusable());
        let body = Bytes::from(vec![7; 60_000]);
        assert_eq!(exchange(&mut connection, body).await.unwrap(), b"twice");
    }
    connection.close().await;
    assert_eq!(server.ended().await.both(), (meter.up(), meter.down()));
    assert!(5 * 60_000 < meter.up());
}

#[tokio::test]
async fn an_answer_without_a_known_length_leaves_its_connection_to_the_next_request() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\ntwice\r\n0\r\n\r\n";
    let server = Server::plain(|peer| answer_all(peer, chunked.to_vec())).await;
    let mut connection = plain_client(&server).connect(&Meter::new(None)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(exchange(&mut connection, Bytes::from_static(b"x")).await.unwrap(), b"twice");
        assert!(connection.is_reusable());
    }
}

#[tokio::test]
async fn an_answer_cut_at_any_byte_yields_exactly_the_bytes_before() {
    let body: Vec<u8> = (0..40).collect();
    let known = answer_of(&body);
    let chunked = [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n19\r\n",
        &body[..25],
        b"\r\nf\r\n",
        &body[25..],
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    for (answer, is_chunked) in [(known, false), (chunked, true)] {
        let head = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        for cut in 0..=answer.len() {
            // Bytes of the body among the first `cut` of the answer.
            let whole = match (cut.checked_sub(head), is_chunked) {
                (None, _) => 0,
                (Some(n), false) => n,
                (Some(n), true) => {
                    n.saturating_sub(4).min(25) + n.saturating_sub(4 + 25 + 5).min(15)
                }
            };
            let script = {
                let answer = answer[..cut].to_vec();
                move |mut peer| {
                    let answer = answer.clone();
                    async move {
                        read_request(&mut peer).await.unwrap();
                        peer.write_all(&answer).await.unwrap();
                    }
                }
            };
            let server = Server::plain(script).await;
            let mut connection = plain_client(&server).connect(&Meter::new(None)).await.unwrap();
            let (got, end) =
                match connection.post_sync(TOKEN, "request".into(), Duration::ZERO).await {
                    Ok(mut answer) => read(&mut answer).await,
                    Err(err) => (Vec::new(), Err(err)),
                };
            assert_eq!(got, body[..whole], "cut at {cut}");
            match end {
                Ok(()) => assert_eq!(cut, answer.len()),
                Err(LinkError::Cut { received, .. }) => assert_eq!(received, whole as u64),
                Err(other) => panic!("cut at {cut}: {other:?}"),
            }
            if cut < answer.len() {
                assert!(!connection.is_reusable());
                assert!(exchange(&mut connection, "again".into()).await.is_err());
            }
        }
    }
}

#[tokio::test]
async fn an_answer_stops_a_long_request() {
    const BODY: usize = 8 << 20;
    let mut server = Server::plain(|mut peer| async move {
        let mut begin = vec![0; 10_000];
        peer.read_exact(&mut begin).await.unwrap();
        peer.write_all(b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 4\r\n\r\nlong")
            .await
            .unwrap();
        // Goes on reading only when the client has seen the answer and hung up.
        let mut rest = Vec::new();
        while peer.read_buf(&mut rest).await.is_ok_and(|n| n != 0) {
            rest.clear();
        }
    })
    .await;
    let meter = Meter::new(None);
    let mut connection = plain_client(&server).connect(&meter).await.unwrap();
    let mut answer =
        connection.post_sync(TOKEN, vec![0; BODY].into(), Duration::ZERO).await.unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(read(&mut answer).await.0, b"long");
    assert!(!connection.is_reusable(), "the rest of the request is still owed");
    drop(connection);
    let (read, _) = server.ended().await.both();
    assert!(read < BODY as u64 / 2, "{read} bytes went up");
}

#[tokio::test]
async fn an_answer_longer_than_its_bound_is_refused() {
    let long = vec![b'x'; ANSWER_LEN_MAX + 1];
    let chunked =
        [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10001\r\n", &long[..]].concat();
    for answer in [answer_of(&long), chunked] {
        let server = Server::plain(move |peer| answer_all(peer, answer.clone())).await;
        let mut connection = plain_client(&server).connect(&Meter::new(None)).await.unwrap();
        let path = PathAndQuery::from_static("/v1/relay");
        let err = connection.request(Method::GET, path, None, None).await.unwrap_err();
        assert!(matches!(err, LinkError::AnswerTooLong { .. }), "{err:?}");
    }
}

#[tokio::test]
async fn every_limit_below_the_cost_is_kept_and_every_other_is_enough() {
    let mut server = Server::plain(|peer| answer_all(peer, answer_of(&[1; 30]))).await;
    let client = plain_client(&server);
    let run =
        async |meter: &Meter| exchange(&mut client.connect(meter).await?, vec![2; 50].into()).await;
    let free = Meter::new(None);
    run(&free).await.unwrap();
    let cost = free.up() + free.down();
    server.ended().await;
    for limit in 0..cost + 3 {
        let meter = Meter::new(Some(limit));
        let outcome = run(&meter).await;
        assert_eq!(outcome.is_ok(), cost <= limit, "limit {limit} of {cost}: {outcome:?}");
        assert!(outcome.is_ok() || matches!(outcome, Err(LinkError::BudgetSpent)), "{outcome:?}");
        assert!(meter.up() + meter.down() <= limit);
        if limit != 0 {
            assert_eq!(server.ended().await.both().0, meter.up(), "limit {limit}");
        }
    }
}

#[tokio::test]
async fn what_was_too_early_is_asked_once_more_on_the_same_connection() {
    const EARLY: &[u8] = b"HTTP/1.1 425 Too Early\r\ncontent-length: 0\r\n\r\n";
    const DONE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    for (second, expected) in [(DONE, 200), (EARLY, 425)] {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let server = Server::plain(move |mut peer| {
            let asked = counted.clone();
            async move {
                while let Some((_, body)) = read_request(&mut peer).await {
                    assert_eq!(body, b"the same");
                    let is_first = asked.fetch_add(1, SeqCst) == 0;
                    peer.write_all(if is_first { EARLY } else { second }).await.unwrap();
                    peer.flush().await.unwrap();
                }
            }
        })
        .await;
        let mut connection = plain_client(&server).connect(&Meter::new(None)).await.unwrap();
        let body = Bytes::from_static(b"the same");
        let answer = connection.post_sync(TOKEN, body, Duration::ZERO).await.unwrap();
        assert_eq!((answer.status(), asked.load(SeqCst)), (expected, 2));
    }
}
