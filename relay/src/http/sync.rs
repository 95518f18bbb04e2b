//! `POST /v1/sync`: carries an exchange's bytes in and out; what they mean is the exchange's business.
//!
//! The request's body goes in as it comes, so a packet is durable while the next one travels. Each packet of the
//! answer is written by itself: it is then a TLS record of its own, and a cut loses no other. Records that are ready
//! together leave together all the same: see `serve/cork.rs`.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    Extension,
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    http::HeaderMap,
    response::Response,
};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};

use super::{App, problem::Problem};
use crate::{
    exchange::{Answer, Packets},
    ops::metrics::SyncResult,
    serve::ConnInfo,
};

pub(super) async fn sync(
    State(app): State<Arc<App>>,
    Extension(info): Extension<ConnInfo>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    // A task of its own: when the connection is cut its handler is dropped at once, but what has arrived is still to
    // be taken, or more than the cut packet would have to be sent again.
    let exchange = exchanged(app.clone(), info, headers, request.into_body());
    match tokio::spawn(exchange).await.unwrap_or_else(|_| Err(Problem::failed())) {
        Ok(answer) => Response::new(Body::new(answer)),
        Err(problem) => {
            if problem.is_unauthorized() {
                app.metrics.sync_ended(SyncResult::Unauthorized);
            }
            problem.into_text()
        }
    }
}

async fn exchanged(
    app: Arc<App>,
    info: ConnInfo,
    headers: HeaderMap,
    mut body: Body,
) -> Result<AnswerBody, Problem> {
    let login = app.login_of(&info, &headers).await?;
    let stop = app.stop_unless_paced(login.account);
    let mut visit = app.exchange.begin(login, info.closing().clone(), stop);
    let mut whole = true;
    loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = visit.overtaken() => {
                visit.give_way();
                continue;
            }
        };
        let Some(frame) = frame else { break };
        match frame.map(Frame::into_data) {
            Ok(Ok(bytes)) => visit.feed(&bytes).await?,
            // Trailers say nothing here.
            Ok(Err(_)) => {}
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    Ok(AnswerBody::new(visit.finish(whole).await?))
}

/// An answer's body, a packet at a time.
#[derive(Debug)]
struct AnswerBody {
    packets: Source,
    /// A packet went just now: the connection is to flush before it asks for the next.
    pause: bool,
}

#[derive(Debug)]
enum Source {
    /// All of them are here, so the answer has its length.
    Whole(VecDeque<Bytes>),
    /// They come one by one.
    Streamed(Packets),
}

impl AnswerBody {
    fn new(answer: Answer) -> Self {
        let packets = match answer {
            Answer::Whole(packets) => Source::Whole(packets.into()),
            Answer::Streamed(packets) => Source::Streamed(packets),
        };
        Self { packets, pause: false }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if std::mem::take(&mut self.pause) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let packet = match &mut self.packets {
            Source::Whole(packets) => packets.pop_front(),
            Source::Streamed(packets) => ready!(packets.poll_next(cx)),
        };
        self.pause = packet.is_some();
        Poll::Ready(packet.map(|packet| Ok(Frame::data(packet))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.packets, Source::Whole(packets) if packets.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.packets {
            Source::Whole(packets) => {
                SizeHint::with_exact(packets.iter().map(|packet| packet.len() as u64).sum())
            }
            Source::Streamed(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_may_flush_after_each_packet() {
        let packets = [&b"one"[..], b"two"].map(Bytes::from_static).to_vec();
        let mut body = AnswerBody::new(Answer::Whole(packets));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut polled = || Pin::new(&mut body).poll_frame(&mut cx);
        let packet = |poll| match poll {
            Poll::Ready(Some(Ok::<_, Infallible>(frame))) => Frame::into_data(frame).ok(),
            _ => None,
        };
        assert_eq!(packet(polled()), Some(Bytes::from_static(b"one")));
        assert!(polled().is_pending());
        assert_eq!(packet(polled()), Some(Bytes::from_static(b"two")));
        assert!(polled().is_pending());
        assert!(matches!(polled(), Poll::Ready(None)));
    }

    #[test]
    fn a_whole_answer_knows_its_length() {
        let packets = [&b"one"[..], b"three"].map(Bytes::from_static).to_vec();
        let body = AnswerBody::new(Answer::Whole(packets));
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(8), false));
        assert!(AnswerBody::new(Answer::Whole(Vec::new())).is_end_stream());
    }
}
