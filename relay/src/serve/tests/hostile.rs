//! Senders that are slow, wrong or too large.

use tokio::time::{Instant, sleep};

use super::{super::deadline::Overdue, *};

const SECOND: Duration = Duration::from_secs(1);

/// Writes `piece` every ten seconds until the relay gives up; how it ended, and after how many seconds.
async fn trickle(start: &str, piece: &str) -> (Result<(), ConnError>, u64) {
    let began = Instant::now();
    let mut line = Line::open(ServeOptions::default());
    line.say(start).await;
    loop {
        tokio::select! {
            ended = &mut line.served => return (ended.unwrap(), began.elapsed().as_secs()),
            () = sleep(10 * SECOND) => line.say(piece).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_that_never_ends_is_cut_off_at_the_deadline() {
    let more = "x-more: and more and more and more and more\r\n";
    let (ended, after_s) = trickle("POST /count HTTP/1.1\r\n", more).await;
    assert!(matches!(ended, Err(ConnError::Slow(Overdue::Head))), "{ended:?}");
    assert_eq!(after_s, 120);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_cut_off() {
    let (ended, after_s) =
        trickle("POST /count HTTP/1.1\r\nContent-Length: 60000\r\n\r\n", "x").await;
    assert!(matches!(ended, Err(ConnError::Slow(Overdue::Bytes))), "{ended:?}");
    assert_eq!(after_s, 120);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_moves_may_take_an_hour() {
    let mut line = Line::open(ServeOptions::default());
    line.say("POST /count HTTP/1.1\r\nConnection: close\r\nContent-Length: 3600\r\n\r\n").await;
    for _ in 0..360 {
        sleep(10 * SECOND).await;
        line.say("0123456789").await;
    }
    let (answer, ended) = line.end().await;
    assert!(answer.ends_with("\r\n\r\n3600"), "{answer}");
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_hold_is_not_cut_off() {
    let mut line = Line::open(ServeOptions::default());
    line.say("POST /hold/1 HTTP/1.1\r\nContent-Length: 0\r\n\r\n").await;
    sleep(300 * SECOND).await;
    line.closing.cancel();
    let (answer, ended) = line.end().await;
    assert!(answer.ends_with("\r\n\r\nended"), "{answer}");
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_of_its_answer_is_cut_off() {
    let (mut far, near) = tokio::io::duplex(16);
    let (served, _closing) = carried(near, None, ServeOptions::default());
    far.write_all(b"GET /hello HTTP/1.1\r\n\r\n").await.unwrap();
    let began = Instant::now();
    assert!(matches!(served.await.unwrap(), Err(ConnError::Slow(Overdue::Bytes))));
    assert_eq!(began.elapsed().as_secs(), 120);
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_that_asks_no_more_is_closed() {
    let mut line = Line::open(ServeOptions::default());
    line.say("GET /hello HTTP/1.1\r\n\r\n").await;
    answer(&mut line.far).await;
    let began = Instant::now();
    let (_, ended) = line.end().await;
    assert!(matches!(ended, Err(ConnError::Slow(Overdue::Head))), "{ended:?}");
    assert_eq!(began.elapsed().as_secs(), 120);
}

#[tokio::test]
async fn garbage_is_answered_as_such() {
    let mut line = Line::open(ServeOptions::default());
    line.say("\u{16}\u{3}\u{1} this is no HTTP\r\n\r\n").await;
    let (answer, ended) = line.end().await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(matches!(ended, Err(ConnError::Http(_))));
}

#[tokio::test]
async fn a_header_over_its_limit_is_refused() {
    let mut line = Line::open(ServeOptions::default());
    line.say(&format!("GET /hello HTTP/1.1\r\nx-long: {}\r\n\r\n", "x".repeat(9_000))).await;
    assert!(line.end().await.0.starts_with("HTTP/1.1 431 "));
    let mut line = Line::open(ServeOptions::default());
    line.say(&format!("GET /hello HTTP/1.1\r\nx-endless: {}", "x".repeat(40_000))).await;
    assert!(line.end().await.0.starts_with("HTTP/1.1 431 "));
}

const TOO_LARGE: &str = "HTTP/1.1 413 Payload Too Large\r\nconnection: close\r\ncontent-length: 32\r\n\r\nrequest body is over 65536 bytes";

#[tokio::test(start_paused = true)]
async fn a_body_over_its_limit_is_read_to_its_end_and_then_refused() {
    let mut line = Line::open(ServeOptions::default());
    line.say("POST /count HTTP/1.1\r\nContent-Length: 100000\r\n\r\n").await;
    line.say(&"x".repeat(99_999)).await;
    let early = tokio::time::timeout(SECOND, line.far.read_u8()).await;
    assert!(early.is_err(), "answered before the body's end");
    line.say("x").await;
    assert_eq!(line.end().await.0, TOO_LARGE);
}

#[tokio::test]
async fn a_chunked_body_over_its_limit_is_refused_too() {
    let mut line = Line::open(ServeOptions::default());
    line.say("POST /count HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for _ in 0..3 {
        line.say(&format!("7530\r\n{}\r\n", "x".repeat(30_000))).await;
    }
    line.say("0\r\n\r\n").await;
    assert_eq!(line.end().await.0, TOO_LARGE);
}

#[tokio::test]
async fn a_body_without_an_end_is_not_read_for_ever() {
    let mut options = ServeOptions::default();
    options.body_limits.drain_max = 200_000;
    let mut line = Line::open(options);
    line.say("POST /count HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n").await;
    let mut sent = 0;
    while line.far.write_all(&[7; 1_000]).await.is_ok() {
        sent += 1_000;
    }
    assert!(sent <= 200_000 + 2 * PIPE, "{sent} bytes were taken");
    assert!(line.end().await.0.starts_with("HTTP/1.1 413 "));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_refuses_at_once_is_heard_after_the_body() {
    let mut line = Line::open(ServeOptions::default());
    line.say("POST /refuse HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234").await;
    let early = tokio::time::timeout(SECOND, line.far.read_u8()).await;
    assert!(early.is_err(), "answered before the body's end");
    line.say("56789").await;
    let refusal = "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let (answer, ended) = line.end().await;
    assert_eq!(answer.to_lowercase(), refusal.to_lowercase());
    ended.unwrap();
}

#[tokio::test]
async fn who_asks_before_sending_is_refused_without_the_body() {
    let mut line = Line::open(ServeOptions::default());
    line.say("POST /refuse HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n").await;
    assert!(line.end().await.0.starts_with("HTTP/1.1 401 "));
}
