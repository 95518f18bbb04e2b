//! What exactly goes over the wire, and in how many pieces.

use std::{
    io::IoSlice,
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll},
};

use tokio::io::ReadBuf;

use super::*;

/// Notes the length of every write.
pub(in crate::serve) struct Noted<S> {
    socket: S,
    writes: Arc<Mutex<Vec<usize>>>,
}

impl<S> Noted<S> {
    pub(in crate::serve) fn new(socket: S) -> (Self, Arc<Mutex<Vec<usize>>>) {
        let writes = Arc::default();
        (Self { socket, writes: Arc::clone(&writes) }, writes)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(count)) = outcome {
            self.writes.lock().unwrap().push(count);
        }
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

#[tokio::test]
async fn an_answer_has_its_length_and_no_other_field() {
    let mut line = Line::open(ServeOptions::default());
    for _ in 0..2 {
        line.say("GET /hello HTTP/1.1\r\nHost: relay\r\n\r\n").await;
        assert_eq!(answer(&mut line.far).await, HELLO);
    }
}

#[tokio::test]
async fn head_and_body_of_an_answer_leave_in_one_write() {
    let (mut far, near) = tokio::io::duplex(PIPE);
    let (near, writes) = Noted::new(near);
    let (_served, _closing) = carried(near, None, ServeOptions::default());
    far.write_all(b"POST /count HTTP/1.1\r\nHost: relay\r\nContent-Length: 3\r\n\r\nabc")
        .await
        .unwrap();
    assert_eq!(answer(&mut far).await, "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n3");
    assert_eq!(*writes.lock().unwrap(), [39]);
}

#[tokio::test]
async fn bytes_and_requests_are_counted() {
    let options = ServeOptions::default();
    let metrics = options.metrics.clone();
    let mut line = Line::open(options);
    line.say("GET /hello HTTP/1.1\r\nHost: relay\r\n\r\n").await;
    line.say("GET /nowhere HTTP/1.0\r\n\r\n").await;
    let (answers, _) = line.end().await;
    let page = metrics.encode();
    for expected in [
        "mailboat_http_requests_total{route=\"/hello\",method=\"GET\",code=\"200\"} 1".to_owned(),
        "mailboat_http_requests_total{route=\"other\",method=\"GET\",code=\"404\"} 1".to_owned(),
        format!("mailboat_sync_wire_bytes_total{{dir=\"down\"}} {}", answers.len()),
        "mailboat_sync_wire_bytes_total{dir=\"up\"} 61".to_owned(),
    ] {
        assert!(page.lines().any(|line| line == expected), "{expected} is not in\n{page}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_who_is_heard_in_pieces_leaves_in_pieces() {
    for (apart_ms, expected) in [(249, vec![941, 900, 900]), (250, vec![384, 557, 900, 900])] {
        let (mut far, near) = tokio::io::duplex(PIPE);
        let (near, writes) = Noted::new(near);
        let (served, _) = carried(near, None, ServeOptions::default());
        far.write_all(b"GET /packets HTTP/1.1\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(apart_ms)).await;
        far.write_all(b"host: relay\r\n\r\n").await.unwrap();
        answer(&mut far).await;
        assert_eq!(*writes.lock().unwrap(), expected, "{apart_ms} ms apart");
        drop(far);
        served.await.unwrap().unwrap();
    }
}
