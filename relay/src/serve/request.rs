//! One request: its body is bounded, read to its end whatever the handler decides, and answered after that.
//!
//! An answer to a sender that is still sending would reach it as a reset connection, not as an answer.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::{MatchedPath, Request},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use tower::ServiceExt;

use super::{conn::ConnInfo, pulse::Pulse};
use crate::ops::metrics::{Metrics, RequestLabels};

/// How much of a request's body is taken.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// More than this is refused with 413.
    pub request_body_max: u64,
    /// So much of a refused body is read and thrown away before the answer; after more the connection just closes.
    pub drain_max: u64,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { request_body_max: 64 * 1024, drain_max: 1024 * 1024 }
    }
}

/// A request's body is larger than the relay takes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("request body is over {max} bytes")]
pub struct BodyTooLarge {
    /// The limit, in bytes.
    pub max: u64,
}

/// Answers one request through `router`.
pub(crate) async fn answer(
    router: Router,
    request: hyper::Request<Incoming>,
    info: ConnInfo,
    limits: BodyLimits,
    metrics: Metrics,
) -> Result<Response<AnswerBody>, Infallible> {
    let pulse = info.pulse().clone();
    pulse.begin_request();
    let answering = Answering(pulse.clone());
    let method = method_label(request.method());
    let response = if pulse.is_early() && !may_be_early(&request) {
        too_early(request, pulse, limits).await
    } else {
        answer_after_body(router, request, info, limits).await
    };
    let route =
        response.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let labels = RequestLabels { route, method, code: response.status().as_u16() };
    metrics.http_requests.get_or_create(&labels).inc();
    Ok(response.map(|body| AnswerBody { body, answering }))
}

async fn answer_after_body(
    router: Router,
    request: hyper::Request<Incoming>,
    info: ConnInfo,
    limits: BodyLimits,
) -> Response {
    let pulse = info.pulse().clone();
    let (mut parts, incoming) = request.into_parts();
    // Who asks first and has not begun to send may be answered at once.
    let asks_first = parts.headers.contains_key(header::EXPECT);
    if incoming.size_hint().lower() > limits.request_body_max {
        if !asks_first {
            drain(PacedBody { incoming, pulse }, limits.drain_max).await;
        }
        return too_large(limits);
    }
    let leftover = Arc::new(Mutex::new(None));
    let body =
        RequestBody::new(PacedBody { incoming, pulse }, limits.request_body_max, leftover.clone());
    parts.extensions.insert(info);
    let request = Request::from_parts(parts, Body::new(body));
    let mut response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
    let left = lock(&leftover).take();
    let Some(Leftover { body, over_limit, untouched }) = left else { return response };
    if !(asks_first && untouched) {
        drain(body, limits.drain_max).await;
    }
    if over_limit {
        return too_large(limits);
    }
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Whether a request may be carried out before the handshake is over. An exchange may: whoever sends it again changes
/// nothing. Nothing else is.
fn may_be_early(request: &hyper::Request<Incoming>) -> bool {
    request.method() == Method::POST && request.uri().path() == "/v1/sync"
}

/// The client repeats it behind the handshake (RFC 8470).
async fn too_early(
    request: hyper::Request<Incoming>,
    pulse: Arc<Pulse>,
    limits: BodyLimits,
) -> Response {
    drain(PacedBody { incoming: request.into_body(), pulse }, limits.drain_max).await;
    let mut response = Response::new(Body::from("ask again behind the handshake\n"));
    *response.status_mut() = StatusCode::TOO_EARLY;
    response
}

/// Reads `body` to its end, but not more than `max` bytes of it.
async fn drain(mut body: PacedBody, max: u64) {
    let mut seen = 0;
    while let Some(Ok(frame)) = body.frame().await {
        seen += frame.data_ref().map_or(0, |data| data.len() as u64);
        if seen > max {
            return;
        }
    }
}

fn too_large(limits: BodyLimits) -> Response {
    let text = BodyTooLarge { max: limits.request_body_max }.to_string();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Middleware: lets the answer say which route it came from.
pub(crate) async fn name_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// What a handler left of a body.
#[derive(Debug)]
struct Leftover {
    body: PacedBody,
    over_limit: bool,
    untouched: bool,
}

fn lock(leftover: &Mutex<Option<Leftover>>) -> MutexGuard<'_, Option<Leftover>> {
    leftover.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The body as handlers get it: bounded, and handed back when they drop it unread.
#[derive(Debug)]
struct RequestBody {
    body: Option<PacedBody>,
    seen: u64,
    max: u64,
    leftover: Arc<Mutex<Option<Leftover>>>,
}

impl RequestBody {
    fn new(body: PacedBody, max: u64, leftover: Arc<Mutex<Option<Leftover>>>) -> Self {
        Self { body: Some(body), seen: 0, max, leftover }
    }

    fn hand_back(&mut self, over_limit: bool) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            *lock(&self.leftover) = Some(Leftover { body, over_limit, untouched: self.seen == 0 });
        }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        let Some(Ok(frame)) = frame else {
            // Ended or broken: nothing is left to read.
            self.body = None;
            return Poll::Ready(frame.map(|broken| broken.map_err(Into::into)));
        };
        self.seen += frame.data_ref().map_or(0, |data| data.len() as u64);
        if self.seen > self.max {
            self.hand_back(true);
            return Poll::Ready(Some(Err(BodyTooLarge { max: self.max }.into())));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.hand_back(false);
    }
}

/// Tells the connection's watch when more of the body is being waited for.
#[derive(Debug)]
struct PacedBody {
    incoming: Incoming,
    pulse: Arc<Pulse>,
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let outcome = Pin::new(&mut self.incoming).poll_frame(cx);
        self.pulse.want_body(outcome.is_pending());
        outcome
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for PacedBody {
    fn drop(&mut self) {
        self.pulse.want_body(false);
    }
}

/// From the header's end until the whole answer is in the connection's hands.
#[derive(Debug)]
struct Answering(Arc<Pulse>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.end_answer();
    }
}

/// An answer's body; the connection drops it when it has taken all of it.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    body: Body,
    answering: Answering,
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        // Bodies that know their length lie in memory whole.
        let goes_on = self.body.size_hint().exact().is_some_and(|left| 0 < left);
        self.answering.0.answer_goes_on(goes_on);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
