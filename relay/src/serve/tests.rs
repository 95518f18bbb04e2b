//! A connection over a pipe in memory (time stands still there) or a real socket, and routes to try it with.

pub(super) mod bytes;
mod early;
mod hostile;
mod key_exchange;
mod sockets;
mod tls;

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Extension,
    body::{Body, Bytes, HttpBody},
    extract::RawPathParams,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use hyper::body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream},
    task::JoinHandle,
};

use super::{conn::ConnError, *};

/// `/hello` says hello, `/packets` says [`PACKETS`] with a pause after each, `/count` says how long the body is, `/refuse` looks at nothing, `/hold/{device}` answers
/// when its connection is asked to end.
fn routes() -> Router {
    Router::new()
        .route("/hello", get(|| async { Response::new(Body::from("hello")) }))
        .route("/packets", get(|| async { Response::new(Body::new(Packets::default())) }))
        .route(
            "/count",
            post(|body: Bytes| async move { Response::new(Body::from(body.len().to_string())) }),
        )
        .route(
            "/v1/sync",
            post(|body: Bytes| async move { Response::new(Body::from(format!("{} in", body.len()))) }),
        )
        .route("/refuse", post(|| async { StatusCode::UNAUTHORIZED }))
        .route("/hold/{device}", post(hold))
}

const PACKETS: usize = 3;
const PACKET_LEN: usize = 900;

/// A body that is all there and wants each of its packets flushed.
#[derive(Default)]
struct Packets {
    gone: usize,
    paused: bool,
}

impl HttpBody for Packets {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if std::mem::take(&mut self.paused) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        (self.gone, self.paused) = (self.gone + 1, true);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'p'; PACKET_LEN])))))
    }

    fn is_end_stream(&self) -> bool {
        self.gone == PACKETS
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(((PACKETS - self.gone) * PACKET_LEN) as u64)
    }
}

async fn hold(Extension(info): Extension<ConnInfo>, params: RawPathParams) -> Response {
    let (_, device) = params.iter().next().unwrap();
    info.mark_device(DeviceKey(device.parse().unwrap()));
    info.closing().cancelled().await;
    Response::new(Body::from("ended"))
}

/// One served connection over a pipe of `PIPE` bytes each way.
struct Line {
    far: DuplexStream,
    served: JoinHandle<Result<(), ConnError>>,
    closing: CancellationToken,
}

const PIPE: usize = 64 * 1024;

impl Line {
    fn open(options: ServeOptions) -> Self {
        let (far, near) = tokio::io::duplex(PIPE);
        let (served, closing) = carried(near, None, options);
        Self { far, served, closing }
    }

    async fn say(&mut self, text: &str) {
        self.far.write_all(text.as_bytes()).await.unwrap();
    }

    /// All that comes until the relay closes, and how the connection ended.
    async fn end(mut self) -> (String, Result<(), ConnError>) {
        let mut all = String::new();
        self.far.read_to_string(&mut all).await.unwrap();
        (all, self.served.await.unwrap())
    }
}

/// Carries `near` as `serve` would, by itself.
fn carried<S>(
    near: S,
    tls: Option<TlsConfigs>,
    options: ServeOptions,
) -> (JoinHandle<Result<(), ConnError>>, CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connections = Connections::new(tls, routes(), options, CancellationToken::new());
    let closing = connections.shutdown.child_token();
    let metrics = &connections.carrier.options.metrics;
    let peer = SocketAddr::from(([192, 0, 2, 1], 4000));
    let info = ConnInfo::new(peer, 0, &connections.table, closing.clone(), metrics);
    let carrier = connections.carrier.clone();
    let served = tokio::spawn(async move { carrier.carry(near, info).await });
    (served, closing)
}

/// Reads one answer whose length is in its header.
async fn answer<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut all = Vec::new();
    while !all.ends_with(b"\r\n\r\n") {
        all.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(all).unwrap();
    let length = head.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    head + std::str::from_utf8(&body).unwrap()
}
