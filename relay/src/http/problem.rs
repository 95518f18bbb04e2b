//! What goes wrong with a request, as status, code and words; detail that is nobody's business stays in the log.

use std::error::Error;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tracing::{debug, error, warn};

use super::text;
use crate::{
    account::{AccountError, Refusal, password::PasswordError},
    exchange::ExchangeError,
    store::{AccountRefusal, StoreError},
};

/// Seconds after which a relay that could not do its work may be asked again.
const BUSY_RETRY_S: u64 = 5;
/// And one whose disk is full, or fails.
const BROKEN_RETRY_S: u64 = 60;

/// What went wrong.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    words: String,
    retry_after_s: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, words: impl Into<String>) -> Self {
        Self { status, code, words: words.into(), retry_after_s: None }
    }

    /// The relay is at fault, or too busy.
    fn unavailable(code: &'static str, words: impl Into<String>, retry_after_s: u64) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, words);
        Self { retry_after_s: Some(retry_after_s), ..problem }
    }

    /// A defect of the relay's own.
    pub(super) fn failed() -> Self {
        Self::unavailable("failed", "the relay failed at this", BROKEN_RETRY_S)
    }

    pub(super) fn unauthorized() -> Self {
        let words =
            "this device is not logged in: it was shut out, or its account is disabled or removed";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", words)
    }

    pub(super) fn is_unauthorized(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    pub(super) fn too_often(retry_after_s: u64) -> Self {
        let words = format!("too many requests; try again in {retry_after_s} s");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", words);
        Self { retry_after_s: Some(retry_after_s), ..problem }
    }

    pub(super) fn unreadable(words: impl Into<String>) -> Self {
        let words = format!("the request cannot be read: {}", words.into());
        Self::new(StatusCode::BAD_REQUEST, "bad_request", words)
    }

    pub(super) fn no_such_device() -> Self {
        Refusal::Store(AccountRefusal::NoSuchDevice).into()
    }

    /// As JSON, for everything but `/v1/sync`.
    pub(super) fn into_json(self) -> Response {
        let body = serde_json::json!({ "error": self.words, "code": self.code });
        self.dressed(super::json(&body))
    }

    /// As text, for `/v1/sync`.
    pub(super) fn into_text(self) -> Response {
        let response = text(self.status, self.words.as_str());
        self.dressed(response)
    }

    fn dressed(&self, mut response: Response) -> Response {
        debug!(status = self.status.as_u16(), code = self.code, "request refused");
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(retry_after_s) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(err: StoreError) -> Self {
        match err {
            StoreError::Full => {
                warn!("a request was refused because the store is full");
                Self::unavailable("store_full", "the relay's disk is full", BROKEN_RETRY_S)
            }
            StoreError::Busy => {
                debug!("a request was refused because too much waits for the disk");
                Self::unavailable("busy", "the relay's disk is slow just now", BUSY_RETRY_S)
            }
            StoreError::Closed => Self::unavailable("closing", "the relay is ending", BUSY_RETRY_S),
            err => {
                error!(error = &err as &dyn Error, "a request failed");
                let words = "the relay's store failed; its operator finds why in the log";
                Self::unavailable("store_failed", words, BROKEN_RETRY_S)
            }
        }
    }
}

impl From<ExchangeError> for Problem {
    fn from(err: ExchangeError) -> Self {
        match err {
            ExchangeError::Revoked => Self::unauthorized(),
            ExchangeError::Store(err) => err.into(),
            err => Self::unreadable(err.to_string()),
        }
    }
}

impl From<PasswordError> for Problem {
    fn from(err: PasswordError) -> Self {
        if matches!(err, PasswordError::Busy) {
            return Self::unavailable(
                "busy",
                "too many logins at once; try again soon",
                BUSY_RETRY_S,
            );
        }
        error!(error = &err as &dyn Error, "a password could not be checked");
        Self::unavailable("failed", "the password could not be checked", BROKEN_RETRY_S)
    }
}

impl From<AccountError> for Problem {
    fn from(err: AccountError) -> Self {
        match err {
            AccountError::Refused(refusal) => refusal.into(),
            AccountError::Later { retry_after_s } => Self::too_often(retry_after_s),
            AccountError::Password(err) => err.into(),
            AccountError::Store(err) => err.into(),
            AccountError::Answer => {
                error!(error = &err as &dyn Error, "a request failed");
                Self::unavailable("store_failed", "the relay's store failed", BROKEN_RETRY_S)
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::BadName
            | Refusal::BadPassword
            | Refusal::BadToken
            | Refusal::BadLabel
            | Refusal::BadCursors => StatusCode::BAD_REQUEST,
            Refusal::WrongLogin => StatusCode::UNAUTHORIZED,
            Refusal::RegistrationClosed
            | Refusal::InviteNeeded
            | Refusal::Disabled
            | Refusal::WrongPassword
            | Refusal::Store(AccountRefusal::BadInvite) => StatusCode::FORBIDDEN,
            Refusal::Store(AccountRefusal::NoSuchAccount | AccountRefusal::NoSuchDevice) => {
                StatusCode::NOT_FOUND
            }
            Refusal::Store(_) => StatusCode::CONFLICT,
        };
        Self::new(status, refusal.code(), refusal.to_string())
    }
}

/// A [`Problem`] that is told as JSON.
#[derive(Debug)]
pub(super) struct JsonProblem(Problem);

impl<E: Into<Problem>> From<E> for JsonProblem {
    fn from(err: E) -> Self {
        Self(err.into())
    }
}

impl IntoResponse for JsonProblem {
    fn into_response(self) -> Response {
        self.0.into_json()
    }
}
