//! SOCKS 5.

use harness::proxy::{PASSWORD, SocksManners, SocksProxy, USER};
use harness::relay::RelayOptions;
use harness::world::World;

use super::{ann_behind, talks};

#[tokio::test]
async fn messages_pass_a_socks_proxy_with_a_login_and_without() {
    for (manners, with_login) in [(SocksManners::Open, false), (SocksManners::AsksLogin, true)] {
        for (options, scheme) in
            [(RelayOptions::default(), "socks5"), (RelayOptions::tls(), "socks5h")]
        {
            let socks = SocksProxy::start(manners).await;
            let (world, behind) = ann_behind(&options, scheme, with_login, socks.addr()).await;
            talks(&world, &behind).await;
        }
    }
}

#[tokio::test]
async fn socks5h_leaves_names_to_the_proxy_and_socks5_does_not() {
    for (scheme, asked_for) in [("socks5h", "localhost:"), ("socks5", "127.0.0.1:")] {
        let socks = SocksProxy::start(SocksManners::Open).await;
        let world = World::new(&RelayOptions::default(), &["ann"]).await;
        let ann = world.stranger("ann");
        ann.home.add_settings(&format!("[proxy]\nurl = \"{scheme}://{}\"", socks.addr()));
        let url = format!("http://localhost:{}", ann.link.addr().port());
        ann.home.login(&url, "ann", None).await.done();
        ann.sync().await;
        let asked = socks.asked();
        assert!(!asked.is_empty() && asked.iter().all(|to| to.starts_with(asked_for)), "{asked:?}");
    }
}

#[tokio::test]
async fn refusals_are_told_in_words() {
    for (manners, login, words, code) in [
        (SocksManners::AsksLogin, "", "asks for a login", 1),
        (SocksManners::AsksLogin, "x:y@", "does not accept the login", 1),
        (SocksManners::Refuses(1), "", "did not reach the relay", 75),
        (SocksManners::Refuses(2), "", "does not lead to the relay", 1),
        (SocksManners::Refuses(3), "", "did not reach the relay", 75),
        (SocksManners::Refuses(4), "", "did not reach the relay", 75),
        (SocksManners::Refuses(5), "", "did not reach the relay", 75),
    ] {
        let socks = SocksProxy::start(manners).await;
        let world = World::new(&RelayOptions::default(), &["ann"]).await;
        let ann = &world.people[0];
        ann.home.add_settings(&format!("[proxy]\nurl = \"socks5h://{login}{}\"", socks.addr()));
        let output = ann.home.run(&["sync", "--json"]).await;
        let row = output.json().pop().unwrap_or_default();
        assert!(row["words"].as_str().unwrap().contains(words), "{manners:?}: {output:?}");
        assert_eq!(output.code, Some(code), "{manners:?}: {output:?}");
        assert!(!output.stdout.contains(PASSWORD) && !output.stdout.contains(USER));
    }
}
