//! The router without a socket, over a real store.

mod accounts;
mod answers;
mod exchanges;

use axum::http::Request as HttpRequest;
use config::RelaySettings;
use serde_json::{Value, json as value};
use tempfile::TempDir;
use tower::ServiceExt;

use super::*;
use crate::{
    account::Passwords,
    clock::now_s,
    ownkey::KeyRing,
    store::{AccountOrder, Policy, SecretHash, sqlite::SqliteStore},
};

const T1: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const T2: &str = "BBBBBBBBBBBBBBBBBBBBBA";

/// A router over a fresh store.
struct Rig {
    router: Router,
    store: Arc<dyn Store>,
    metrics: Metrics,
    _dir: TempDir,
}

/// An answer as its asker sees it.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn code(&self) -> String {
        self.json()["code"].as_str().unwrap().to_owned()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Rig {
    fn new(adjust: impl FnOnce(&mut RelaySettings)) -> Self {
        let mut settings = RelaySettings {
            domain: "relay.example".to_owned(),
            registration: Registration::Open,
            ..RelaySettings::default()
        };
        adjust(&mut settings);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay.db");
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(&path, Policy::from(&settings), now_s()).unwrap());
        let (metrics, rates) = (Metrics::new(), Rates::of(&settings.limits));
        let passwords = Passwords::cheap();
        let accounts =
            Accounts::new(store.clone(), passwords, settings.registration, &rates, metrics.clone());
        let router = router(Arc::new(App {
            accounts,
            exchange: Exchange::new(store.clone(), &settings, metrics.clone()),
            store: store.clone(),
            identity: Identity {
                keys: KeyRing::default(),
                domain: settings.domain.clone(),
                registration: settings.registration,
            },
            askers: Askers::new(&rates).behind(settings.trusted_proxies.clone()),
            metrics: metrics.clone(),
        }));
        Self { router, store, metrics, _dir: dir }
    }

    async fn ask(&self, method: &str, path: &str, token: Option<&str>, body: Vec<u8>) -> Got {
        let info = ConnInfo::detached(([192, 0, 2, 1], 4000).into());
        self.ask_on(&info, method, path, token, body).await
    }

    /// As [`Rig::ask`], on a connection that is kept.
    async fn ask_on(
        &self,
        info: &ConnInfo,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Vec<u8>,
    ) -> Got {
        let mut request = HttpRequest::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let request = request.extension(info.clone()).body(Body::from(body)).unwrap();
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Got { status: head.status.as_u16(), headers: head.headers, body }
    }

    async fn post(&self, path: &str, token: Option<&str>, body: Value) -> Got {
        self.ask("POST", path, token, body.to_string().into_bytes()).await
    }

    async fn get(&self, path: &str, token: Option<&str>) -> Got {
        self.ask("GET", path, token, Vec::new()).await
    }

    /// Makes `anna` with the device of token T1.
    async fn anna(&self) -> Value {
        let anna = value!({"name": "anna", "password": "secret", "token": T1, "device": "boat"});
        let got = self.post("/v1/join", None, anna).await;
        assert_eq!(got.status, 200, "{}", got.text());
        got.json()
    }
}
