//! The operations side: a small router of its own for health and figures, and word to the service manager.
//!
//! It is served on its own listener, never beside the exchange: nothing here asks who is looking.

pub mod health;
mod labels;
pub mod metrics;
pub mod service;

use axum::{Router, http::header::CONTENT_TYPE, routing::get};

pub use self::{health::Readiness, metrics::Metrics};

/// `/healthz`, `/readyz` and `/metrics`.
pub fn router(metrics: Metrics, readiness: Readiness) -> Router {
    let page =
        move || async move { ([(CONTENT_TYPE, metrics::OPENMETRICS_TYPE)], metrics.encode()) };
    Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(move || health::readyz(readiness)))
        .route("/metrics", get(page))
}

#[cfg(test)]
mod tests {
    use axum::{
        body::Body,
        http::{Request, StatusCode},
    };
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn got(path: &str) -> (StatusCode, String, String) {
        let router = router(Metrics::new(), Readiness::new(|| async { true }));
        let answer = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let kind = answer.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
        let (status, body) =
            (answer.status(), answer.into_body().collect().await.unwrap().to_bytes());
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_three_pages_answer() {
        assert_eq!(got("/healthz").await.2, "alive\n");
        assert_eq!(got("/readyz").await.0, StatusCode::OK);
        let (status, kind, page) = got("/metrics").await;
        assert_eq!((status, kind.as_str()), (StatusCode::OK, metrics::OPENMETRICS_TYPE));
        assert!(page.ends_with("# EOF\n"));
    }
}
