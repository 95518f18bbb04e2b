//! `/healthz` (the process answers) and `/readyz` (it can do its work: the store takes a write).

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use axum::http::StatusCode;

/// A store that has not answered by then is not ready.
const READY_TIME: Duration = Duration::from_secs(5);

type Asked = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Asks whether the relay can do its work. Clones ask the same.
#[derive(Clone)]
pub struct Readiness(Arc<dyn Fn() -> Asked + Send + Sync>);

impl Readiness {
    /// `ask` answers true when the store takes a write now.
    pub fn new<Ask, Answer>(ask: Ask) -> Self
    where
        Ask: Fn() -> Answer + Send + Sync + 'static,
        Answer: Future<Output = bool> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(ask())))
    }

    /// Asks now; no answer within 5 s is a no.
    pub async fn ask(&self) -> bool {
        tokio::time::timeout(READY_TIME, (self.0)()).await.unwrap_or(false)
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Readiness")
    }
}

pub(super) async fn readyz(readiness: Readiness) -> (StatusCode, &'static str) {
    if readiness.ask().await {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the store does not take writes\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_store_that_never_answers_is_not_ready() {
        assert!(!Readiness::new(std::future::pending).ask().await);
    }

    #[tokio::test]
    async fn readiness_is_the_stores_answer() {
        assert_eq!(readyz(Readiness::new(|| async { true })).await.0, StatusCode::OK);
        assert_eq!(
            readyz(Readiness::new(|| async { false })).await.0,
            StatusCode::SERVICE_UNAVAILABLE
        );
    }
}
