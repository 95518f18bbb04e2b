//! `GET /v1/relay`: what the relay says about itself to everybody.

use std::sync::Arc;

use axum::{Extension, extract::State, http::HeaderMap, response::Response};
use jiff::{Timestamp, Unit};
use serde::Serialize;

use super::{App, json, problem::JsonProblem};
use crate::serve::ConnInfo;

#[derive(Serialize)]
struct Told<'a> {
    version: &'static str,
    protocol: u8,
    domain: &'a str,
    registration: config::relay::Registration,
    now: Timestamp,
    keys: Vec<wire::Fingerprint>,
}

pub(super) async fn relay(
    State(app): State<Arc<App>>,
    Extension(info): Extension<ConnInfo>,
    headers: HeaderMap,
) -> Result<Response, JsonProblem> {
    app.admit(&info, &headers)?;
    let now = Timestamp::now();
    Ok(json(&Told {
        version: env!("CARGO_PKG_VERSION"),
        protocol: wire::VERSION,
        domain: &app.identity.domain,
        registration: app.identity.registration,
        now: now.round(Unit::Second).unwrap_or(now),
        keys: app.identity.keys.fingerprints(),
    }))
}
