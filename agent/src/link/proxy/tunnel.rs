//! CONNECT: with `Host` and, where there is a login, `Proxy-Authorization`, and no other field.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::{Body, Incoming},
    client::conn::http1::{self, SendRequest},
    header::{CONTENT_TYPE, HOST, HeaderValue, PROXY_AUTHORIZATION},
};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::{Opened, Pass, ProxyFault, Via, reach, target};
use crate::link::{
    error::LinkError,
    meter::{Meter, MeteredTcp, Tally},
    portal,
    url::RelayUrl,
};

/// A proxy's answer header, in bytes.
const HEADER_MAX: usize = 16 << 10;
/// The same as the socket sees it, in bytes, with what comes before it.
const ANSWER_MAX: u64 = 2 * HEADER_MAX as u64;
/// A page that comes with a 407 is read to its end up to this, in bytes: cheaper than to dial again. Longer ones are not …
pub(crate) const PAGE_MAX: u64 = 4 << 10;
/// … nor those that take longer: 4 KiB take 14 s at 2,400 bit/s.
pub(crate) const PAGE_TIME: Duration = Duration::from_secs(60);

/// A tunnel to the relay.
pub(super) async fn open(via: &Via, url: &RelayUrl, meter: &Meter) -> Result<Opened, LinkError> {
    let target = target(url);
    let (stream, rtt) = reach(via, meter).await?;
    let mut round_trips = 1;
    let mut asking = Asking::begin(via, stream).await?;
    let mut is_second = false;
    loop {
        let pass = via.pass("CONNECT", &target).await?;
        let asked_at = Instant::now();
        let answer = asking.ask(&target, &pass).await?;
        round_trips += 1;
        match answer.status() {
            status if status.is_success() => {
                let stream = asking.taken_over(answer).await?;
                via.let_through(&pass);
                let rtt = rtt.max(asked_at.elapsed());
                return Ok(Opened { stream, rtt, round_trips, forward: None });
            }
            StatusCode::PROXY_AUTHENTICATION_REQUIRED if is_second => return Err(via.refused()),
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                via.challenged(answer.headers(), &pass).map_err(|f| via.proxy.fault(f))?;
                if !asking.goes_on(answer).await {
                    asking = Asking::begin(via, reach(via, meter).await?.0).await?;
                    round_trips += 1;
                }
                is_second = true;
            }
            // tinyproxy's word for a wrong password.
            StatusCode::UNAUTHORIZED => return Err(via.proxy.fault(via.login_fault())),
            status => return Err(refusal(via, status, answer).await),
        }
    }
}

/// A connection to the proxy while it is asked for a tunnel.
struct Asking<'v> {
    via: &'v Via,
    sender: SendRequest<Empty<Bytes>>,
    driver: AbortOnDropHandle<hyper::Result<()>>,
    tally: std::sync::Arc<Tally>,
}

impl<'v> Asking<'v> {
    async fn begin(via: &'v Via, stream: MeteredTcp) -> Result<Self, LinkError> {
        let tally = stream.tally();
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(HEADER_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|err| proxy_error(via, err, &tally))?;
        let driver = AbortOnDropHandle::new(tokio::spawn(driver.with_upgrades()));
        Ok(Self { via, sender, driver, tally })
    }

    async fn ask(&mut self, target: &str, pass: &Pass) -> Result<Response<Incoming>, LinkError> {
        let not_asked =
            |_| self.via.proxy.fault(not_a_proxy("the relay's name cannot be asked for"));
        let mut request = Request::new(Empty::new());
        *request.method_mut() = Method::CONNECT;
        *request.uri_mut() = target.parse::<Uri>().map_err(not_asked)?;
        let host = HeaderValue::try_from(target)
            .map_err(|_| self.via.proxy.fault(not_a_proxy("the relay's name is no host")))?;
        request.headers_mut().insert(HOST, host);
        if let Some(value) = &pass.value {
            request.headers_mut().insert(PROXY_AUTHORIZATION, value.clone());
        }
        self.tally.expect(Some(ANSWER_MAX));
        let asked = async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        };
        let answer = asked.await.map_err(|err| proxy_error(self.via, err, &self.tally))?;
        self.tally.expect(None);
        Ok(answer)
    }

    /// The stream itself, once the proxy has said that it leads to the relay.
    async fn taken_over(self, answer: Response<Incoming>) -> Result<MeteredTcp, LinkError> {
        let Self { via, driver, tally, sender } = self;
        let upgraded = hyper::upgrade::on(answer).await;
        drop((sender, driver));
        let upgraded = upgraded.map_err(|err| proxy_error(via, err, &tally))?;
        let strange = || via.proxy.fault(not_a_proxy("it spoke before the relay was asked"));
        let parts = upgraded.downcast::<TokioIo<MeteredTcp>>().map_err(|_| strange())?;
        // The relay speaks when it is spoken to.
        if !parts.read_buf.is_empty() {
            return Err(strange());
        }
        Ok(parts.io.into_inner())
    }

    /// Whether the proxy can be asked again here, after a refusal.
    async fn goes_on(&mut self, answer: Response<Incoming>) -> bool {
        if answer.body().size_hint().upper().is_none_or(|length| PAGE_MAX < length) {
            return false;
        }
        let page = timeout(PAGE_TIME, answer.into_body().collect()).await;
        matches!(page, Ok(Ok(_))) && self.sender.ready().await.is_ok()
    }
}

/// Anything but a tunnel or a question for a login.
async fn refusal(via: &Via, status: StatusCode, answer: Response<Incoming>) -> LinkError {
    let hint = first_words(answer).await;
    if status.is_redirection() || status.as_u16() == 511 {
        return LinkError::NotARelay { status: Some(status.as_u16()), hint };
    }
    let words = format!("status {}: {hint}", status.as_u16());
    via.proxy.fault(if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
        ProxyFault::Unreached { words }
    } else if status.is_informational() {
        ProxyFault::NotAProxy { words }
    } else {
        ProxyFault::Refused { words, another_way: false }
    })
}

/// A page's title, or what else stands at its beginning: what is here already, no more is paid for.
async fn first_words(answer: Response<Incoming>) -> String {
    let is_text = answer.headers().get(CONTENT_TYPE).is_some();
    let mut body = answer.into_body();
    let begin = match body.frame().await {
        Some(Ok(frame)) if is_text => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    };
    portal::hint(&begin)
}

fn not_a_proxy(words: &str) -> ProxyFault {
    ProxyFault::NotAProxy { words: words.to_owned() }
}

fn proxy_error(via: &Via, err: hyper::Error, tally: &Tally) -> LinkError {
    if tally.was_refused() {
        LinkError::BudgetSpent
    } else if tally.was_flooded() {
        via.proxy.fault(not_a_proxy("its answer does not begin"))
    } else if err.is_parse() {
        via.proxy.fault(ProxyFault::NotAProxy { words: format!("no HTTP: {err}") })
    } else {
        LinkError::Cut { received: 0, source: err.into() }
    }
}
