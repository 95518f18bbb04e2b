//! An answer as it arrives: every byte before a cut reaches the reader, then the cut does.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Response,
    body::{Body, Incoming},
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER},
};

use super::{
    body::Flags,
    error::LinkError,
    http::{Connection, request_error},
    patience::Patience,
    portal,
};

/// An answer whose body is still arriving. Dropped before its end, it leaves the connection useless.
#[derive(Debug)]
pub struct Answer<'c> {
    status: u16,
    headers: HeaderMap,
    body: Incoming,
    received: u64,
    /// Its end was read.
    is_over: bool,
    connection: &'c mut Connection,
    flags: Arc<Flags>,
    patience: Patience,
}

impl<'c> Answer<'c> {
    pub(super) fn new(
        answer: Response<Incoming>,
        connection: &'c mut Connection,
        flags: Arc<Flags>,
        patience: Patience,
    ) -> Self {
        let (head, body) = answer.into_parts();
        let status = head.status.as_u16();
        let (headers, received, is_over) = (head.headers, 0, false);
        let mut answer =
            Self { status, headers, body, received, is_over, connection, flags, patience };
        answer.note_end();
        answer
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body's length in bytes, where it was said beforehand.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.text(&CONTENT_LENGTH)?.parse().ok()
    }

    /// When to come back, in seconds, where the relay says so.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u32> {
        let wait = self.text(&RETRY_AFTER)?.trim();
        let is_number = !wait.is_empty() && wait.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| wait.parse().unwrap_or(u32::MAX))
    }

    /// Bytes of the body handed on so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The next piece of the body as it came from the link (never empty), `None` at its end. Cancel safe.
    ///
    /// # Errors
    /// [`LinkError::NotARelay`] where it begins as a page does; [`LinkError::Cut`] after every byte before the cut was handed on (with TLS: every whole record), stalled, or
    /// budget spent.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, LinkError> {
        let is_first = self.received == 0;
        match self.next().await? {
            // A relay says nothing that begins so.
            Some(begin) if is_first && portal::is_page(&begin) => Err(self.not_a_relay(&begin)),
            chunk => Ok(chunk),
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, LinkError> {
        loop {
            let frame = self
                .patience
                .watch(self.body.frame())
                .await
                .map_err(|stalled| stalled.while_(self.received, "reading the answer"))?
                .transpose()
                .map_err(|err| request_error(err, &self.connection.tally, self.received))?;
            let Some(frame) = frame else {
                // A body without a known length does not say before that it is over.
                self.is_over = true;
                self.note_end();
                return Ok(None);
            };
            if let Ok(data) = frame.into_data()
                && !data.is_empty()
            {
                self.received += data.len() as u64;
                self.note_end();
                return Ok(Some(data));
            }
        }
    }

    /// The rest of the body at once.
    ///
    /// # Errors
    /// As [`Answer::chunk`]; [`LinkError::AnswerTooLong`] when it passes `limit` bytes.
    pub async fn whole(&mut self, limit: usize) -> Result<Bytes, LinkError> {
        if self.length().is_some_and(|length| (limit as u64) < length) {
            return Err(LinkError::AnswerTooLong { limit });
        }
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if limit < whole.len() + chunk.len() {
                return Err(LinkError::AnswerTooLong { limit });
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// The error for an answer that turned out not to be a relay's, with `begin` (its first bytes) as a hint.
    #[must_use]
    pub fn not_a_relay(&self, begin: &[u8]) -> LinkError {
        LinkError::NotARelay { status: Some(self.status), hint: portal::hint(begin) }
    }

    /// An error where the header alone shows that this is no relay's answer.
    pub(super) async fn or_portal(mut self) -> Result<Self, LinkError> {
        if !portal::is_one(self.status, self.text(&CONTENT_TYPE)) {
            return Ok(self);
        }
        // What is here already has its title, if it has one: no more is paid for.
        let begin = self.next().await.ok().flatten().unwrap_or_default();
        Err(self.not_a_relay(&begin))
    }

    fn text(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn note_end(&mut self) {
        if (self.is_over || self.body.is_end_stream()) && self.flags.is_out() {
            self.connection.busy = false;
        }
    }
}
