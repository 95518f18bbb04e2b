//! The relay's HTTP resources, a file for each, thin: they decode, ask, and put the outcome into words and statuses.
//!
//! Tokens, passwords and bodies are never logged. Errors of `/v1/sync` are short text, those of all other resources
//! `{"error": words, "code": snake_case}`.

mod devices;
mod forwarded;
mod info;
mod join;
mod login;
mod password;
mod problem;
mod sync;
#[cfg(test)]
mod tests;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
    routing::{delete, get, post},
};
use config::relay::{Proxies, Registration};
use serde::{Serialize, de::DeserializeOwned};
use wire::{AccountId, Stop, StopReason};

use self::problem::Problem;
use crate::{
    account::{Accounts, check},
    exchange::Exchange,
    ops::{Metrics, metrics::LimitKind},
    ownkey::KeyRing,
    serve::{
        ConnInfo, DeviceKey,
        limits::{Origin, RateLimiter, Verdict},
    },
    settings::Rates,
    store::{DeviceGrant, Login, Store},
};

/// Accounts and addresses whose requests are remembered.
const LIMITED_MAX: usize = 200_000;
/// A device that another program shut out keeps a connection it has for this long at most: the
/// store looks for what others wrote twice a second.
const OUTSIDE_MAX: Duration = Duration::from_secs(1);

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    /// Joining, logging in, devices.
    pub accounts: Accounts,
    /// The exchange.
    pub exchange: Exchange,
    /// Where tokens are looked up.
    pub store: Arc<dyn Store>,
    /// What the relay says about itself.
    pub identity: Identity,
    /// Who asks how often.
    pub askers: Askers,
    /// Where refusals are counted.
    pub metrics: Metrics,
}

/// What the relay says about itself to everybody.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The part of account names behind the `@`.
    pub domain: String,
    /// Who may make an account.
    pub registration: Registration,
    /// By what it proves itself beside its certificate.
    pub keys: KeyRing,
}

/// Holds accounts and addresses to their rates of requests.
#[derive(Debug)]
pub struct Askers {
    accounts: RateLimiter<AccountId>,
    addresses: RateLimiter<Origin>,
    proxies: Proxies,
}

impl Askers {
    /// Nobody has asked yet.
    #[must_use]
    pub fn new(rates: &Rates) -> Self {
        Self {
            accounts: RateLimiter::new(rates.requests, LIMITED_MAX),
            addresses: RateLimiter::new(rates.requests_per_address, LIMITED_MAX),
            proxies: Proxies::default(),
        }
    }

    /// Takes the word of these proxies for where a request comes from.
    #[must_use]
    pub fn behind(self, proxies: Proxies) -> Self {
        Self { proxies, ..self }
    }
}

/// All resources.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/sync", post(sync::sync))
        .route("/v1/join", post(join::join))
        .route("/v1/login", post(login::login))
        .route("/v1/devices", get(devices::list).post(devices::fork))
        .route("/v1/devices/{id}", delete(devices::revoke))
        .route("/v1/password", post(password::change))
        .route("/v1/relay", get(info::relay))
        .fallback(|| async {
            text(StatusCode::NOT_FOUND, "nothing here: this is a Mailboat relay")
        })
        .method_not_allowed_fallback(|method: Method| async move {
            text(StatusCode::METHOD_NOT_ALLOWED, format!("{method} does nothing here"))
        })
        .with_state(app)
}

impl App {
    /// Where a request comes from: the other end of the socket, or whom a trusted proxy there names.
    fn address(&self, info: &ConnInfo, headers: &HeaderMap) -> IpAddr {
        forwarded::origin(&self.askers.proxies, info.peer().ip(), headers)
    }

    /// Passes an address that does not ask too often.
    fn admit(&self, info: &ConnInfo, headers: &HeaderMap) -> Result<(), Problem> {
        let address = self.address(info, headers);
        let verdict = self.askers.addresses.check(address.into(), Instant::now());
        self.unless_limited(verdict)
    }

    /// The device that a request's token belongs to, if neither it nor its address asks too often.
    async fn login_of(&self, info: &ConnInfo, headers: &HeaderMap) -> Result<Login, Problem> {
        self.admit(info, headers)?;
        let login = self.known(info, headers).await?;
        info.mark_device(DeviceKey(login.device));
        Ok(login)
    }

    /// Passes an account that does not ask too often.
    fn pace(&self, account: AccountId) -> Result<(), Problem> {
        self.unless_limited(self.askers.accounts.check(account, Instant::now()))
    }

    /// What an exchange says to an account that asks too often.
    fn stop_unless_paced(&self, account: AccountId) -> Option<Stop> {
        let verdict = self.askers.accounts.check(account, Instant::now());
        let retry_after_s = verdict.retry_after_s()?;
        self.metrics.limited(LimitKind::Requests);
        let words = format!("too many requests; try again in {retry_after_s} s");
        let retry_after_s = u32::try_from(retry_after_s).unwrap_or(u32::MAX);
        Some(Stop { reason: StopReason::Rate, words, retry_after_s })
    }

    /// As [`App::login_of`] and [`App::pace`] together.
    async fn paced_login(&self, info: &ConnInfo, headers: &HeaderMap) -> Result<Login, Problem> {
        let login = self.login_of(info, headers).await?;
        self.pace(login.account)?;
        Ok(login)
    }

    /// Whom the request's token belongs to. A kept connection is asked for it once: what this relay
    /// changes counts at once, what another program changes within [`OUTSIDE_MAX`].
    async fn known(&self, info: &ConnInfo, headers: &HeaderMap) -> Result<Login, Problem> {
        let token = bearer(headers).and_then(|token| check::token(token).ok());
        let token = token.ok_or_else(Problem::unauthorized)?;
        let changes = self.store.changes();
        let remembered = changes.recent_generation(OUTSIDE_MAX);
        if let Some(login) = remembered.and_then(|now| info.known(token, now)) {
            return Ok(login);
        }
        let now = changes.generation();
        let found = self.store.authenticate(vec![token]).await.into_iter().next();
        let login = found.transpose()?.flatten().ok_or_else(Problem::unauthorized)?;
        info.learn(token, login, now);
        Ok(login)
    }

    fn unless_limited(&self, verdict: Verdict) -> Result<(), Problem> {
        let Some(retry_after_s) = verdict.retry_after_s() else { return Ok(()) };
        self.metrics.limited(LimitKind::Requests);
        Err(Problem::too_often(retry_after_s))
    }

    /// How a new device is told about itself.
    fn device_answer(&self, info: &ConnInfo, grant: &DeviceGrant) -> Response {
        info.mark_device(DeviceKey(grant.device));
        json(&serde_json::json!({
            "account": grant.account,
            "device": grant.device,
            "name": grant.name,
            "domain": self.identity.domain,
            "cursors": grant.cursors,
            "keys": self.identity.keys.fingerprints(),
        }))
    }
}

/// The token that a request shows.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = shown.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A request's body as a value. The listener has bounded it.
async fn decoded<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await;
    let body = body.map_err(|err| Problem::unreadable(err.to_string()))?;
    serde_json::from_slice(&body).map_err(|err| Problem::unreadable(err.to_string()))
}

fn json<T: Serialize>(value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            let mut response = Response::new(Body::from(bytes));
            let kind = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        Err(err) => text(StatusCode::INTERNAL_SERVER_ERROR, err.to_string()),
    }
}

fn text(status: StatusCode, words: impl Into<String>) -> Response {
    let mut words = words.into();
    words.push('\n');
    let mut response = Response::new(Body::from(words));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
