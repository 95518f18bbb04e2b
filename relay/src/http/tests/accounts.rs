//! Joining, logging in, devices, passwords.

use super::*;

#[tokio::test]
async fn a_new_device_is_told_who_and_where_it_is() {
    let rig = Rig::new(|_| {});
    let joined = rig.anna().await;
    assert_eq!((&joined["name"], &joined["domain"]), (&value!("anna"), &value!("relay.example")));
    assert!(joined["account"].as_u64().unwrap() > 0 && joined["device"].as_u64().unwrap() > 0);
    assert_eq!(joined["cursors"]["latest"], 0);
    assert!(joined["cursors"]["urgent"].is_u64() && joined["cursors"]["ordinary"].is_u64());
    assert_eq!(joined, rig.anna().await);
}

#[tokio::test]
async fn login_repeated_at_a_cut_is_one_device() {
    let rig = Rig::new(|_| {});
    rig.anna().await;
    let login = value!({"name": "anna", "password": "secret", "token": T2, "device": "desk", "since_s": 3600});
    let first = rig.post("/v1/login", None, login.clone()).await;
    let again = rig.post("/v1/login", None, login).await;
    assert_eq!((first.status, first.json()), (200, again.json()));
    let listed = rig.get("/v1/devices", Some(T2)).await.json();
    let labels: Vec<_> = listed.as_array().unwrap().iter().map(|row| &row["label"]).collect();
    assert_eq!(labels, ["boat", "desk"]);
    assert_eq!((&listed[0]["current"], &listed[1]["current"]), (&value!(false), &value!(true)));
    assert!(listed[0]["created"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn each_refusal_has_its_status_and_code() {
    let rig = Rig::new(|settings| settings.registration = Registration::Invite);
    let joining = |name: &str, token: &str, invite: &str| value!({"invite": invite, "name": name, "password": "x", "token": token, "device": ""});
    for (body, status, code) in [
        (joining("Anna", T1, "c"), 400, "bad_name"),
        (joining("anna", "short", "c"), 400, "bad_token"),
        (joining("anna", T1, ""), 403, "invite_needed"),
        (joining("anna", T1, "unknown"), 403, "bad_invite"),
        (value!({"name": "anna"}), 400, "bad_request"),
    ] {
        let got = rig.post("/v1/join", None, body).await;
        assert_eq!((got.status, got.code().as_str()), (status, code));
        assert!(!got.json()["error"].as_str().unwrap().is_empty());
    }
    let login = value!({"name": "anna", "password": "x", "token": T1});
    let got = rig.post("/v1/login", None, login).await;
    assert_eq!((got.status, got.code().as_str()), (401, "wrong_login"));
}

#[tokio::test]
async fn an_invite_is_good_for_one_device_however_often_its_answer_was_lost() {
    let rig = Rig::new(|settings| settings.registration = Registration::Invite);
    let code = SecretHash::of("c");
    let order = AccountOrder::Invite { code, uses: 1, expires_at_s: now_s() + 60 };
    rig.store.administer(order).await.unwrap();
    let joining =
        value!({"invite": "c", "name": "anna", "password": "x", "token": T1, "device": ""});
    let first = rig.post("/v1/join", None, joining.clone()).await;
    assert_eq!(first.status, 200);
    assert_eq!(rig.post("/v1/join", None, joining).await.json(), first.json());
}

#[tokio::test]
async fn a_device_is_revoked_by_its_owner_and_then_knows_nothing() {
    let rig = Rig::new(|_| {});
    let device = rig.anna().await["device"].clone();
    let bert = value!({"name": "bert", "password": "x", "token": T2, "device": ""});
    rig.post("/v1/join", None, bert).await;
    let path = format!("/v1/devices/{device}");
    assert_eq!(rig.ask("DELETE", &path, Some(T2), Vec::new()).await.code(), "no_such_device");
    assert_eq!(rig.ask("DELETE", "/v1/devices/x", Some(T1), Vec::new()).await.status, 404);
    let gone = rig.ask("DELETE", &path, Some(T1), Vec::new()).await;
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    let after = rig.get("/v1/devices", Some(T1)).await;
    assert_eq!((after.status, after.code().as_str()), (401, "unauthorized"));
    assert_eq!(after.headers["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn a_forked_store_gets_a_device_without_a_password() {
    let rig = Rig::new(|_| {});
    let anna = rig.anna().await;
    let cursors = value!({"latest": 0, "urgent": 0, "ordinary": 0});
    let fork = value!({"token": T2, "device": "boat", "cursors": cursors});
    assert_eq!(rig.post("/v1/devices", None, fork.clone()).await.status, 401);
    let got = rig.post("/v1/devices", Some(T1), fork).await;
    assert_eq!((got.status, &got.json()["account"]), (200, &anna["account"]));
    assert_ne!(got.json()["device"], anna["device"]);
}

#[tokio::test]
async fn a_password_is_changed_with_the_old_one() {
    let rig = Rig::new(|_| {});
    rig.anna().await;
    let change = |old: &str| value!({"old": old, "new": "other"});
    let wrong = rig.post("/v1/password", Some(T1), change("nonsense")).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (403, "wrong_password"));
    assert_eq!(rig.post("/v1/password", Some(T1), change("secret")).await.status, 204);
    let login = value!({"name": "anna", "password": "other", "token": T2});
    assert_eq!(rig.post("/v1/login", None, login).await.status, 200);
}

#[tokio::test]
async fn too_many_logins_are_told_when_to_come_back() {
    let rig = Rig::new(|settings| settings.limits.logins_per_minute = 1);
    rig.anna().await;
    let login = value!({"name": "anna", "password": "wrong", "token": T2});
    assert_eq!(rig.post("/v1/login", None, login.clone()).await.status, 401);
    let got = rig.post("/v1/login", None, login).await;
    assert_eq!((got.status, got.code().as_str()), (429, "rate_limited"));
    let wait: u64 = got.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let page = rig.metrics.encode();
    assert!(page.contains("mailboat_rate_limited_total{kind=\"logins\"} 1"), "{page}");
    assert!(page.contains("mailboat_logins_total{result=\"limited\"} 1"), "{page}");
}

#[tokio::test]
async fn a_kept_connection_is_asked_once_and_ends_with_its_device() {
    let rig = Rig::new(|_| {});
    let anna = rig.anna().await;
    let info = ConnInfo::detached(([192, 0, 2, 1], 4000).into());
    let devices = || rig.ask_on(&info, "GET", "/v1/devices", Some(T1), Vec::new());
    // A write lets the store look at what others wrote; from then on its word is recent.
    let second = value!({"name": "anna", "password": "secret", "token": T2, "device": "phone"});
    assert_eq!(rig.post("/v1/login", None, second).await.status, 200);
    assert_eq!(devices().await.status, 200);
    let token = SecretHash::of(T1);
    let now = rig.store.changes().generation();
    let login = info.known(token, now).expect("the connection is known");
    assert_eq!(login.device, anna["device"].as_u64().unwrap());
    assert!(info.known(SecretHash::of(T2), now).is_none(), "another token proves nothing");
    assert_eq!(devices().await.status, 200);
    let own = format!("/v1/devices/{}", anna["device"]);
    assert_eq!(rig.ask("DELETE", &own, Some(T2), Vec::new()).await.status, 204);
    assert_eq!(devices().await.status, 401, "at once");
}

#[tokio::test]
async fn behind_a_trusted_proxy_people_are_limited_one_by_one() {
    let status = async |rig: &Rig, from: &str| {
        let info = ConnInfo::detached(([192, 0, 2, 1], 4000).into());
        let request = HttpRequest::builder().uri("/v1/relay").header("X-Forwarded-For", from);
        let request = request.extension(info).body(Body::empty()).unwrap();
        rig.router.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    let trusting = Rig::new(|settings| {
        settings.limits.requests_per_minute_per_address = 1;
        settings.trusted_proxies = "192.0.2.0/24".parse().unwrap();
    });
    for (from, expected) in [("203.0.113.1", 200), ("203.0.113.1", 429), ("203.0.113.2", 200)] {
        assert_eq!(status(&trusting, from).await, expected, "{from}");
    }
    let by_itself = Rig::new(|settings| settings.limits.requests_per_minute_per_address = 1);
    for (from, expected) in [("203.0.113.1", 200), ("203.0.113.2", 429)] {
        assert_eq!(status(&by_itself, from).await, expected, "{from}");
    }
}
