//! `POST /v1/password`: another password for the asking account. Its devices stay logged in.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    http::HeaderMap,
    response::Response,
};
use serde::Deserialize;

use super::{App, decoded, no_content, problem::JsonProblem};
use crate::serve::ConnInfo;

#[derive(Deserialize)]
struct Asked {
    old: String,
    new: String,
}

pub(super) async fn change(
    State(app): State<Arc<App>>,
    Extension(info): Extension<ConnInfo>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, JsonProblem> {
    let login = app.paced_login(&info, &headers).await?;
    let Asked { old, new } = decoded(request).await?;
    let address = app.address(&info, &headers);
    app.accounts.change_password(login.account, old, new, address).await?;
    Ok(no_content())
}
