//! What proxies say instead of leading to the relay, in words and with a remedy, and how often they are asked.

use harness::program::Output;
use harness::proxy::{Manners, OwnProxy, PASSWORD, ProxyLogin, RealProxy, USER};
use harness::relay::RelayOptions;
use harness::world::World;

use super::{Behind, ann_behind, talks};

/// One visit that does not succeed: its output, and how often the proxy was called.
async fn refused(
    world: &World,
    scheme: &str,
    login: &str,
    proxy: std::net::SocketAddr,
) -> (Output, u64) {
    let ann = &world.people[0];
    let near = harness::link::Link::start(proxy);
    ann.home.add_settings(&format!("[proxy]\nurl = \"{scheme}://{login}{}\"", near.addr()));
    let output = ann.home.run(&["sync", "--json"]).await;
    (output, near.accepted())
}

fn words(output: &Output) -> String {
    let row = output.json().pop().unwrap_or_default();
    row["words"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_proxy_that_asks_for_a_login_is_asked_once_and_the_user_is_told_where_to_write_it() {
    for kind in [ProxyLogin::Basic, ProxyLogin::Digest] {
        let squid = RealProxy::squid(kind).await;
        for options in [RelayOptions::default(), RelayOptions::tls()] {
            let world = World::new(&options, &["ann"]).await;
            let (output, calls) = refused(&world, "http", "", squid.addr()).await;
            let words = words(&output);
            assert!(words.contains("asks for a login") && words.contains("[proxy]"), "{output:?}");
            assert_eq!(calls, 1, "it is not a link that failed");
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_shown_to_the_proxy_as_seldom_as_its_kind_of_login_allows() {
    let squid = RealProxy::squid(ProxyLogin::Basic).await;
    let digest = RealProxy::squid(ProxyLogin::Digest).await;
    let tinyproxy = RealProxy::tinyproxy(ProxyLogin::Basic).await;
    for (proxy, calls_max) in [(&squid, 2), (&digest, 2), (&tinyproxy, 2)] {
        for options in [RelayOptions::default(), RelayOptions::tls()] {
            let world = World::new(&options, &["ann"]).await;
            let login = format!("{USER}:wrong-{PASSWORD}@");
            let (output, calls) = refused(&world, "http", &login, proxy.addr()).await;
            let words = words(&output);
            assert!(words.contains("does not accept the login"), "{output:?}");
            assert!(!words.contains(PASSWORD) && calls <= calls_max, "{calls}: {output:?}");
        }
    }
}

#[tokio::test]
async fn a_login_of_an_unknown_kind_is_named() {
    let answer = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n";
    let proxy = OwnProxy::start(Manners::Says(answer.to_vec())).await;
    let world = World::new(&RelayOptions::tls(), &["ann"]).await;
    let (output, calls) = refused(&world, "http", "", proxy.addr()).await;
    let words = words(&output);
    assert!(
        words.contains("(Negotiate, NTLM)") && words.contains("authorization_program"),
        "{words}"
    );
    assert_eq!(calls, 1);
}

#[tokio::test]
async fn a_proxy_that_forbids_the_relay_is_told_from_a_relay_that_refuses() {
    let squid = RealProxy::squid_with(ProxyLogin::None, "http_access deny all").await;
    for options in [RelayOptions::default(), RelayOptions::tls()] {
        let world = World::new(&options, &["ann"]).await;
        let (output, calls) = refused(&world, "http", "", squid.addr()).await;
        let words = words(&output);
        assert!(words.contains("does not lead to the relay (status 403"), "{output:?}");
        // Without TLS the other form is tried too.
        assert!(calls <= 2, "{calls}");
    }
}

#[tokio::test]
async fn a_relay_that_is_down_behind_a_proxy_is_said_to_be() {
    let squid = RealProxy::squid(ProxyLogin::None).await;
    let tinyproxy = RealProxy::tinyproxy(ProxyLogin::None).await;
    for proxy in [&squid, &tinyproxy] {
        for options in [RelayOptions::default(), RelayOptions::tls()] {
            let mut world = World::new(&options, &["ann"]).await;
            world.relay.kill().await;
            world.people[0].link.down();
            let (output, _) = refused(&world, "http", "", proxy.addr()).await;
            let row = output.json().pop().unwrap_or_default();
            assert_eq!(output.code, Some(75), "{output:?}");
            assert_ne!(row["words"], "", "{row}");
        }
    }
}

#[tokio::test]
async fn statuses_of_a_gateway_come_from_the_proxy_and_are_worth_another_try() {
    for status in [502, 503, 504] {
        let answer = format!(
            "HTTP/1.1 {status} Bad\r\nContent-Type: text/html\r\nContent-Length: 24\r\n\r\n<title>No way</title> ..."
        );
        let proxy = OwnProxy::start(Manners::Says(answer.into_bytes())).await;
        for options in [RelayOptions::default(), RelayOptions::tls()] {
            let world = World::new(&options, &["ann"]).await;
            let (output, _) = refused(&world, "http", "", proxy.addr()).await;
            let words = words(&output);
            let expected = format!("did not reach the relay (status {status}: No way");
            assert!(words.contains(&expected), "{output:?}");
            assert_eq!(output.code, Some(75), "{output:?}");
        }
    }
}

#[tokio::test]
async fn a_portal_behind_the_proxys_address_is_no_relay() {
    let page = "HTTP/1.1 302 Found\r\nLocation: http://login/\r\nContent-Length: 0\r\n\r\n";
    let proxy = OwnProxy::start(Manners::Says(page.into())).await;
    for options in [RelayOptions::default(), RelayOptions::tls()] {
        let world = World::new(&options, &["ann"]).await;
        let (output, calls) = refused(&world, "http", "", proxy.addr()).await;
        let words = words(&output);
        assert!(words.contains("not a relay's answer") && words.contains("login page"), "{words}");
        assert_eq!(calls, 1, "it is not hammered");
    }
}

#[tokio::test]
async fn what_is_no_proxy_is_said_to_be_none() {
    let proxy = OwnProxy::start(Manners::Says(b"220 mail.example ESMTP\r\n\r\n".to_vec())).await;
    let world = World::new(&RelayOptions::tls(), &["ann"]).await;
    let (output, _) = refused(&world, "http", "", proxy.addr()).await;
    assert!(words(&output).contains("does not speak as a proxy"), "{output:?}");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_missed_by_name_and_the_remedy_is_the_settings() {
    let world = World::new(&RelayOptions::tls(), &["ann"]).await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ann = &world.people[0];
    ann.home.add_settings(&format!("[proxy]\nurl = \"http://{gone}\""));
    let output = ann.home.run(&["sync", "--json"]).await;
    let words = words(&output);
    assert!(words.contains(&format!("the proxy http://{gone} does not answer")), "{words}");
    assert!(words.contains("[proxy]"), "{words}");
    assert_eq!(output.code, Some(75), "{output:?}");
}

#[tokio::test]
async fn a_proxy_that_takes_only_one_form_gets_that() {
    for rules in [
        "acl tunnel method CONNECT\nhttp_access deny !tunnel",
        "acl tunnel method CONNECT\nhttp_access deny tunnel",
    ] {
        let squid = RealProxy::squid_with(ProxyLogin::None, rules).await;
        let (world, behind): (World, Behind) =
            ann_behind(&RelayOptions::default(), "http", false, squid.addr()).await;
        talks(&world, &behind).await;
    }
}
