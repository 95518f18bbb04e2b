//! What is common to all resources: unknown paths, wrong methods, tokens, rates.

use super::*;

#[tokio::test]
async fn the_relay_says_what_it_is() {
    let told = Rig::new(|_| {}).get("/v1/relay", None).await.json();
    assert_eq!(told["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&told["protocol"], &told["domain"]), (&value!(1), &value!("relay.example")));
    assert_eq!(told["registration"], "open");
    let now: jiff::Timestamp = told["now"].as_str().unwrap().parse().unwrap();
    assert!(now.as_second().unsigned_abs().abs_diff(now_s()) < 60);
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_told_in_short_text() {
    let rig = Rig::new(|_| {});
    for (method, path, status) in
        [("GET", "/", 404), ("POST", "/v1/elsewhere", 404), ("GET", "/v1/sync", 405)]
    {
        let got = rig.ask(method, path, None, Vec::new()).await;
        assert_eq!(got.status, status, "{method} {path}");
        assert_eq!(got.headers["content-type"], "text/plain; charset=utf-8");
        assert!(got.text().len() < 100 && got.text().ends_with('\n'));
    }
}

#[tokio::test]
async fn a_token_that_is_missing_malformed_or_unknown_is_refused_in_words() {
    let rig = Rig::new(|_| {});
    for token in [None, Some("short"), Some(T1)] {
        let got = rig.ask("POST", "/v1/sync", token, Vec::new()).await;
        assert_eq!(got.status, 401);
        assert_eq!(
            got.text(),
            "this device is not logged in: it was shut out, or its account is disabled or removed\n"
        );
        assert_eq!(rig.get("/v1/devices", token).await.code(), "unauthorized");
    }
    let page = rig.metrics.encode();
    assert!(page.contains("mailboat_sync_sessions_total{result=\"unauthorized\"} 3"), "{page}");
}

#[tokio::test]
async fn an_address_that_asks_too_often_waits() {
    let rig = Rig::new(|settings| settings.limits.requests_per_minute_per_address = 2);
    assert_eq!(rig.get("/v1/relay", None).await.status, 200);
    assert_eq!(rig.get("/v1/relay", None).await.status, 200);
    let got = rig.get("/v1/relay", None).await;
    assert_eq!((got.status, got.code().as_str()), (429, "rate_limited"));
    let sync = rig.ask("POST", "/v1/sync", Some(T1), Vec::new()).await;
    assert_eq!((sync.status, sync.text().split(';').next()), (429, Some("too many requests")));
    assert!(sync.headers.contains_key("retry-after"));
    let page = rig.metrics.encode();
    assert!(page.contains("mailboat_rate_limited_total{kind=\"requests\"} 2"), "{page}");
}

#[tokio::test]
async fn an_account_that_asks_too_often_waits_wherever_it_asks_from() {
    let rig = Rig::new(|settings| settings.limits.requests_per_minute = 1);
    rig.anna().await;
    assert_eq!(rig.get("/v1/devices", Some(T1)).await.status, 200);
    assert_eq!(rig.get("/v1/devices", Some(T1)).await.status, 429);
}
