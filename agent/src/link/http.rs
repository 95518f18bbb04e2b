//! HTTP/1.1 to the relay: as few header bytes as it takes, answers as they arrive.
//!
//! One request at a time. A connection is done for after a cut, an unread answer or an early one; ask
//! [`Connection::is_reusable`] before a further request.

use std::{
    error::Error as _,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri,
    body::{Body, Incoming},
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue},
    http::uri::PathAndQuery,
};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::{
    answer::Answer,
    body::{Flags, Outgoing},
    dial::Line,
    error::LinkError,
    meter::Tally,
    patience::{Patience, Stalled},
    proxy::{Forward, PAGE_MAX, PAGE_TIME},
    tickets::Session,
    trust::Proof,
};

/// An answer's header, and what is read ahead of its reader, in bytes.
const BUFFER_MAX: usize = 16 << 10;
/// The same as the socket sees it, in bytes: with TLS's records, and what a proxy says before it (100 Continue).
const HEAD_MAX: u64 = 2 * BUFFER_MAX as u64;
/// Fields in an answer's header.
const HEADERS_MAX: usize = 32;
/// The longest answer that [`Connection::request`] takes, in bytes.
pub const ANSWER_LEN_MAX: usize = 64 << 10;
/// Handing the goodbye to the kernel takes no longer, or goes without saying.
const CLOSE_MAX: Duration = Duration::from_millis(500);

const _: () = assert!(8 << 10 <= BUFFER_MAX, "hyper's own minimum");

/// A connection that takes requests. Dropping it hangs up without a word (no bytes; TCP says it).
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Outgoing>,
    task: AbortOnDropHandle<hyper::Result<()>>,
    pub(super) tally: Arc<Tally>,
    host: HeaderValue,
    rtt: Duration,
    round_trips: u32,
    tls_resumed: Option<bool>,
    session: Option<Arc<Session>>,
    is_late: Option<Arc<AtomicBool>>,
    proof: Proof,
    /// No other proof would do.
    is_only_way: bool,
    forward: Option<Forward>,
    /// A request is under way, or was left unfinished.
    pub(super) busy: bool,
}

impl Connection {
    pub(super) async fn open(
        line: Line,
        host: HeaderValue,
        proof: Proof,
    ) -> Result<Self, LinkError> {
        let Line { stream, tally, rtt, round_trips, tls_resumed, session, is_late, forward } = line;
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(BUFFER_MAX)
            .max_headers(HEADERS_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|err| request_error(err, &tally, 0))?;
        let task = AbortOnDropHandle::new(tokio::spawn(driver));
        Ok(Self {
            sender,
            task,
            tally,
            host,
            rtt,
            round_trips,
            tls_resumed,
            session,
            is_late,
            proof,
            is_only_way: false,
            forward,
            busy: false,
        })
    }

    /// Its proof is the only one that the relay can give: who fails to give it is somebody else.
    pub(super) fn by_no_other_way(self) -> Self {
        Self { is_only_way: true, ..self }
    }

    /// About one round trip: how long the TCP handshake took, or a proxy's to get to the relay.
    #[must_use]
    pub fn rtt(&self) -> Duration {
        self.rtt
    }

    /// Round trips that connecting took: TCP, what a proxy needs, TLS if it is not made with the first request.
    #[must_use]
    pub fn round_trips(&self) -> u32 {
        let is_late = self.is_late.as_ref().is_some_and(|is_late| is_late.load(Relaxed));
        self.round_trips + u32::from(is_late)
    }

    /// Whether the first request goes, or went, with TLS's first packet.
    #[must_use]
    pub fn is_early(&self) -> bool {
        self.is_late.as_ref().is_some_and(|is_late| !is_late.load(Relaxed))
    }

    /// By what the other end has proved to be the relay; of an early one, by what it will have to.
    #[must_use]
    pub fn proof(&self) -> Proof {
        self.proof
    }

    /// Whether TLS resumed an earlier session (of an early one: tries to); `None` without TLS.
    #[must_use]
    pub fn tls_resumed(&self) -> Option<bool> {
        self.tls_resumed
    }

    /// Whether what is said here rests on a post-quantum key exchange too, its own or that of a session before it; `None`
    /// without TLS. Of an early one it says what the request rests on, until the relay has answered.
    #[must_use]
    pub fn is_post_quantum(&self) -> Option<bool> {
        self.session.as_ref().map(|session| session.is_post_quantum())
    }

    /// Bytes that this connection wrote to and read from its socket so far.
    #[must_use]
    pub fn moved(&self) -> (u64, u64) {
        self.tally.both()
    }

    /// Whether a further request can be made here.
    #[must_use]
    pub fn is_reusable(&self) -> bool {
        !self.busy && !self.sender.is_closed() && !self.task.is_finished()
    }

    /// One exchange: `POST /v1/sync` with `Host`, `Authorization`, `Content-Length` and no other field. Comes back
    /// when the answer's header is there; its body is read from the [`Answer`].
    ///
    /// `hold` is how long the relay was asked to hold the request: silence is no stall for so long.
    ///
    /// # Errors
    /// Of [`LinkError`]'s: cut, stalled, budget, token, or another's answer (HTML, a redirect, a proxy's).
    /// Statuses of a relay (401, 413, …) are no errors here.
    pub async fn post_sync(
        &mut self,
        token: &str,
        body: Bytes,
        hold: Duration,
    ) -> Result<Answer<'_>, LinkError> {
        let path = PathAndQuery::from_static("/v1/sync");
        self.send(Method::POST, path, Some(token), None, body, hold).await
    }

    /// Any other request, its answer read whole. `json` is sent as `application/json`.
    ///
    /// # Errors
    /// As [`Connection::post_sync`]; [`LinkError::AnswerTooLong`] above [`ANSWER_LEN_MAX`].
    pub async fn request(
        &mut self,
        method: Method,
        path: PathAndQuery,
        token: Option<&str>,
        json: Option<Bytes>,
    ) -> Result<(u16, Bytes), LinkError> {
        let content_type = json.is_some().then(|| HeaderValue::from_static("application/json"));
        let body = json.unwrap_or_default();
        let mut answer = self.send(method, path, token, content_type, body, Duration::ZERO).await?;
        let status = answer.status();
        Ok((status, answer.whole(ANSWER_LEN_MAX).await?))
    }

    /// Says goodbye (TLS: 24 bytes, and the relay may answer with as many) without waiting for an answer.
    ///
    /// An answer that was read to its `Done` needs none of it: dropping the connection costs nothing.
    pub async fn close(self) {
        if !self.is_reusable() {
            return;
        }
        let Self { sender, task, .. } = self;
        drop(sender);
        // Over time, or broken already: the task is aborted and the kernel hangs up.
        let _ = timeout(CLOSE_MAX, task).await;
    }

    async fn send(
        &mut self,
        method: Method,
        path: PathAndQuery,
        token: Option<&str>,
        content_type: Option<HeaderValue>,
        body: Bytes,
        hold: Duration,
    ) -> Result<Answer<'_>, LinkError> {
        if self.busy {
            let source = io::Error::new(io::ErrorKind::NotConnected, "an earlier answer was left");
            return Err(LinkError::Cut { received: 0, source: source.into() });
        }
        let headers = self.headers(token, content_type, body.len(), method == Method::GET)?;
        let Some(forward) = self.forward.clone() else {
            let (mut answer, mut flags, mut patience) = self
                .send_once(method.clone(), path.clone().into(), headers.clone(), body.clone(), hold)
                .await?;
            if answer.status() == StatusCode::TOO_EARLY {
                // The relay wants it behind the handshake, whose end goes with the repetition.
                if !self.goes_on(answer, &flags, patience).await {
                    let source = io::Error::new(io::ErrorKind::NotConnected, "it was too early");
                    return Err(LinkError::Cut { received: 0, source: source.into() });
                }
                (answer, flags, patience) =
                    self.send_once(method, path.into(), headers, body, hold).await?;
            }
            return Answer::new(answer, self, flags, patience).or_portal().await;
        };
        let mut is_second = false;
        loop {
            let (uri, pass) = forward.address(&method, &path).await?;
            let mut headers = headers.clone();
            pass.clone().put_into(&mut headers);
            let (answer, flags, patience) =
                self.send_once(method.clone(), uri, headers, body.clone(), hold).await?;
            if answer.status() != StatusCode::PROXY_AUTHENTICATION_REQUIRED {
                let answer = Answer::new(answer, self, flags, patience).or_portal().await;
                return match answer {
                    Ok(answer) => {
                        forward.let_through(&pass);
                        Ok(answer)
                    }
                    Err(err) => Err(forward.judge(err)),
                };
            }
            forward.challenged(answer.headers(), &pass, is_second)?;
            if !self.goes_on(answer, &flags, patience).await {
                return Err(forward.again());
            }
            is_second = true;
        }
    }

    async fn send_once(
        &mut self,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
        hold: Duration,
    ) -> Result<(Response<Incoming>, Arc<Flags>, Patience), LinkError> {
        let mut patience = Patience::new(self.tally.clone(), body.len(), hold);
        let (outgoing, flags) = Outgoing::new(body);
        let mut request = Request::new(outgoing);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;

        self.busy = true;
        self.tally.expect(Some(HEAD_MAX));
        let sender = &mut self.sender;
        let answer = patience
            .watch(async {
                sender.ready().await?;
                sender.send_request(request).await
            })
            .await
            .map_err(|stalled| stalled.while_(0, "waiting for the answer"))?
            .map_err(|err| {
                self.early_proof(&err).unwrap_or_else(|| request_error(err, &self.tally, 0))
            })?;
        self.tally.expect(None);
        flags.answer_begins();
        patience.request_is_out(hold);
        Ok((answer, flags, patience))
    }

    /// What is said of an early visit whose other end did not prove to be the relay: what a handshake before it would have
    /// ended with. Where it may prove itself in another way that is tried next time, and this was a cut.
    fn early_proof(&self, err: &hyper::Error) -> Option<LinkError> {
        self.is_late.as_ref().filter(|_| self.is_only_way)?;
        let io = err.source()?.downcast_ref::<io::Error>()?;
        let source = io.get_ref()?.downcast_ref::<rustls::Error>()?.clone();
        let is_certificate = matches!(source, rustls::Error::InvalidCertificate(_));
        let failed = LinkError::tls(source);
        let failed = failed.where_proof_is_due(self.proof);
        let is_key = matches!(failed, LinkError::Tls { fault, .. } if fault.is_about_key());
        (is_certificate || is_key).then_some(failed)
    }

    /// Whether a further request can be made after this answer, a proxy's question for a login.
    async fn goes_on(
        &mut self,
        answer: Response<Incoming>,
        flags: &Flags,
        mut patience: Patience,
    ) -> bool {
        if answer.body().size_hint().upper().is_none_or(|length| PAGE_MAX < length) {
            return false;
        }
        let page = timeout(PAGE_TIME, answer.into_body().collect());
        let is_read = matches!(patience.watch(page).await, Ok(Ok(Ok(_))));
        if is_read && flags.is_out() && self.sender.ready().await.is_ok() {
            self.busy = false;
        }
        !self.busy
    }

    /// In the order that they are written in.
    fn headers(
        &self,
        token: Option<&str>,
        content_type: Option<HeaderValue>,
        body_len: usize,
        is_get: bool,
    ) -> Result<HeaderMap, LinkError> {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(HOST, self.host.clone());
        if let Some(token) = token {
            let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| LinkError::BadToken)?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, content_type);
        }
        if 0 < body_len || !is_get {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body_len));
        }
        Ok(headers)
    }
}

impl Stalled {
    pub(super) fn while_(self, received: u64, during: &'static str) -> LinkError {
        LinkError::Stalled { during, received, waited: self.waited }
    }
}

pub(super) fn request_error(err: hyper::Error, tally: &Tally, received: u64) -> LinkError {
    if tally.was_refused() {
        LinkError::BudgetSpent
    } else if tally.was_flooded() {
        LinkError::NotARelay { status: None, hint: "an answer that does not begin".to_owned() }
    } else if err.is_parse() {
        let hint = err.source().map_or_else(|| err.to_string(), ToString::to_string);
        LinkError::NotARelay { status: None, hint: format!("no HTTP: {hint}") }
    } else {
        LinkError::Cut { received, source: err.into() }
    }
}
