//! squid and tinyproxy.

use harness::proxy::{PASSWORD, ProxyLogin, RealProxy};
use harness::relay::RelayOptions;
use harness::world::World;

use super::{Behind, ann_behind, talks};

async fn talks_through(proxy: &RealProxy, login: ProxyLogin) {
    for options in [RelayOptions::default(), RelayOptions::tls()] {
        let with_login = login != ProxyLogin::None;
        let (world, behind) = ann_behind(&options, "http", with_login, proxy.addr()).await;
        talks(&world, &behind).await;
    }
}

#[tokio::test]
async fn squid_without_a_login_takes_logins_and_messages_with_tls_and_without() {
    let squid = RealProxy::squid(ProxyLogin::None).await;
    talks_through(&squid, ProxyLogin::None).await;
}

#[tokio::test]
async fn squid_with_a_basic_login_is_told_it_when_it_asks() {
    let squid = RealProxy::squid(ProxyLogin::Basic).await;
    talks_through(&squid, ProxyLogin::Basic).await;
}

#[tokio::test]
async fn squid_with_a_digest_login_gets_digests() {
    let squid = RealProxy::squid(ProxyLogin::Digest).await;
    talks_through(&squid, ProxyLogin::Digest).await;
}

#[tokio::test]
async fn tinyproxy_takes_messages_with_a_login_and_without() {
    for login in [ProxyLogin::None, ProxyLogin::Basic] {
        let tinyproxy = RealProxy::tinyproxy(login).await;
        talks_through(&tinyproxy, login).await;
    }
}

/// What the proxy said on the connections that were recorded, and what it was told.
fn said(behind: &Behind) -> (String, String) {
    let recorded = behind.near.recorded();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let up = recorded.iter().flat_map(|one| one.up.clone()).collect();
    let down = recorded.iter().flat_map(|one| one.down.clone()).collect();
    (text(up), text(down))
}

#[tokio::test]
async fn a_resident_agent_is_asked_for_a_digest_once_and_uses_its_nonce_from_then_on() {
    let squid = RealProxy::squid(ProxyLogin::Digest).await;
    for options in [RelayOptions::default(), RelayOptions::tls()] {
        let (world, behind) = ann_behind(&options, "http", true, squid.addr()).await;
        let ann = &world.people[0];
        let _agent = ann.home.resident().await;
        ann.sync().await;
        behind.near.record(true);
        for _ in 0..2 {
            ann.sync().await;
        }
        let (up, down) = said(&behind);
        assert!(!down.contains(" 407 "), "{down}");
        for count in ["nc=00000002", "nc=00000003"] {
            assert!(up.contains(count), "{count}: {up}");
        }
        assert!(!up.contains(PASSWORD) && !up.contains("Basic "), "{up}");
    }
}

#[tokio::test]
async fn a_basic_login_costs_no_round_trip_once_the_proxy_has_asked_a_process_before() {
    let squid = RealProxy::squid(ProxyLogin::Basic).await;
    let (world, behind) = ann_behind(&RelayOptions::default(), "http", true, squid.addr()).await;
    behind.near.record(true);
    world.people[0].sync().await;
    let (_, down) = said(&behind);
    assert!(!down.contains(" 407 "), "{down}");
    assert_eq!(behind.near.recorded().len(), 1);
}

#[tokio::test]
async fn a_program_may_print_the_login() {
    let squid = RealProxy::squid(ProxyLogin::Basic).await;
    let world = World::of_two().await;
    let ann = &world.people[0];
    // base64 of user and password.
    let value = "Basic b2ZmaWNlLWFubjpsZXRtZWluLW9yLWVsc2U=";
    ann.home.add_settings(&format!(
        "[proxy]\nurl = \"http://{}\"\nauthorization_program = [\"/bin/echo\", \"{value}\"]",
        squid.addr()
    ));
    ann.sync().await;
}

#[tokio::test]
async fn a_password_for_the_proxy_is_in_nothing_that_the_agent_says() {
    let squid = RealProxy::squid(ProxyLogin::Digest).await;
    let (world, behind) = ann_behind(&RelayOptions::default(), "http", true, squid.addr()).await;
    let ann = &world.people[0];
    let mut all = String::new();
    for args in [&["sync"][..], &["doctor"], &["status"], &["usage"]] {
        for json in [false, true] {
            let mut args = [&["--log", "trace"], args].concat();
            args.extend(json.then_some("--json"));
            let output = ann.home.run(&args).await;
            all += &format!("{}{}", output.stdout, output.stderr);
        }
    }
    behind.near.down();
    let output = ann.home.run(&["--log", "trace", "sync"]).await;
    all += &format!("{}{}", output.stdout, output.stderr);
    let near = behind.near.addr().to_string();
    assert!(all.contains(&near), "the proxy itself is named: {all}");
    assert!(!all.contains(PASSWORD) && !all.contains("b2ZmaWNlLW"), "{all}");
}

#[tokio::test]
async fn the_doctor_says_which_proxy_is_used_and_who_says_so() {
    let squid = RealProxy::squid(ProxyLogin::Basic).await;
    for (options, how) in
        [(RelayOptions::default(), "handed requests whole"), (RelayOptions::tls(), "leads to")]
    {
        let (world, behind) = ann_behind(&options, "http", true, squid.addr()).await;
        let lines = world.people[0].home.json(&["doctor"]).await;
        let proxy = lines.iter().find(|line| line["check"] == "proxy").unwrap();
        let words = proxy["words"].as_str().unwrap();
        let begin = format!("http://{} (from the settings) ", behind.near.addr());
        assert!(words.starts_with(&begin) && words.contains(how), "{words}");
        assert!(lines.iter().any(|line| line["check"] == "relay" && line["level"] == "ok"));
    }
}

#[tokio::test]
async fn the_environment_names_a_proxy_where_the_settings_do_not() {
    let tinyproxy = RealProxy::tinyproxy(ProxyLogin::None).await;
    let world = World::of_two().await;
    let ann = &world.people[0];
    // A relay on this computer is never asked for through the environment's proxy: it is left alone.
    let mut command = ann.home.command(&["doctor", "--json"]);
    command.env("http_proxy", format!("http://{}", tinyproxy.addr()));
    let lines = harness::program::run(command, b"").await.json();
    assert!(lines.iter().any(|line| line["check"] == "tcp"), "{lines:?}");
    assert!(lines.iter().all(|line| line["check"] != "proxy"), "{lines:?}");
}
