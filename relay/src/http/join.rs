//! `POST /v1/join`: an account and its first device, with an invite or where registration is open.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use serde::Deserialize;

use super::{App, decoded, problem::JsonProblem};
use crate::{account::Joining, serve::ConnInfo};

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    invite: Option<String>,
    name: String,
    password: String,
    token: String,
    #[serde(default)]
    device: String,
}

pub(super) async fn join(
    State(app): State<Arc<App>>,
    Extension(info): Extension<ConnInfo>,
    request: Request,
) -> Result<Response, JsonProblem> {
    let address = app.address(&info, request.headers());
    app.admit(&info, request.headers())?;
    let Asked { invite, name, password, token, device } = decoded(request).await?;
    let joining = Joining { invite, name, password, token, device };
    let grant = app.accounts.join(joining, address).await?;
    Ok(app.device_answer(&info, &grant))
}
