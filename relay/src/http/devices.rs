//! `/v1/devices`: the devices of the asking account; one more for a forked store; one less.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, Request, State},
    http::HeaderMap,
    response::Response,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::{Cursors, DeviceId};

use super::{
    App, decoded, json, no_content,
    problem::{JsonProblem, Problem},
};
use crate::{account::Forking, serve::ConnInfo};

#[derive(Serialize)]
struct Listed {
    id: DeviceId,
    label: String,
    current: bool,
    created: Option<Timestamp>,
    last_seen: Option<Timestamp>,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(info): Extension<ConnInfo>,
    headers: HeaderMap,
) -> Result<Response, JsonProblem> {
    let login = app.paced_login(&info, &headers).await?;
    let rows = app.accounts.devices(login.account).await?;
    let listed: Vec<Listed> = rows
        .into_iter()
        .map(|row| Listed {
            id: row.id,
            current: row.id == login.device,
            label: row.label,
            created: moment(row.created_at_s),
            last_seen: moment(row.seen_at_s),
        })
        .collect();
    Ok(json(&listed))
}

#[derive(Deserialize)]
struct Asked {
    token: String,
    #[serde(default)]
    device: String,
    #[serde(default)]
    cursors: Option<Cursors>,
}

pub(super) async fn fork(
    State(app): State<Arc<App>>,
    Extension(info): Extension<ConnInfo>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, JsonProblem> {
    let login = app.paced_login(&info, &headers).await?;
    let Asked { token, device, cursors } = decoded(request).await?;
    let grant = app.accounts.fork(login, Forking { token, device, cursors }).await?;
    Ok(app.device_answer(&info, &grant))
}

pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Extension(info): Extension<ConnInfo>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, JsonProblem> {
    let login = app.paced_login(&info, &headers).await?;
    let device: DeviceId = id.parse().map_err(|_| Problem::no_such_device())?;
    app.accounts.revoke(login.account, device).await?;
    Ok(no_content())
}

/// Unix seconds as a time; 0 is never.
fn moment(at_s: u64) -> Option<Timestamp> {
    let at_s = i64::try_from(at_s).ok().filter(|at_s| *at_s > 0)?;
    Timestamp::from_second(at_s).ok()
}
