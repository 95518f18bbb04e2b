//! `POST /v1/login`: a device of an account whose password is shown.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use serde::Deserialize;
use wire::Cursors;

use super::{App, decoded, problem::JsonProblem};
use crate::{account::LoggingIn, serve::ConnInfo};

#[derive(Deserialize)]
struct Asked {
    name: String,
    password: String,
    token: String,
    #[serde(default)]
    device: String,
    #[serde(default)]
    since_s: Option<u64>,
    #[serde(default)]
    cursors: Option<Cursors>,
}

pub(super) async fn login(
    State(app): State<Arc<App>>,
    Extension(info): Extension<ConnInfo>,
    request: Request,
) -> Result<Response, JsonProblem> {
    let address = app.address(&info, request.headers());
    app.admit(&info, request.headers())?;
    let Asked { name, password, token, device, since_s, cursors } = decoded(request).await?;
    let asked = LoggingIn { name, password, token, device, since_s: since_s.unwrap_or(0), cursors };
    let grant = app.accounts.login(asked, address).await?;
    Ok(app.device_answer(&info, &grant))
}
