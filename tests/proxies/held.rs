//! A held line behind proxies: good ones, and one that buffers.

use std::net::SocketAddr;

use harness::program::Running;
use harness::proxy::{Manners, OwnProxy, ProxyLogin, RealProxy};
use harness::relay::RelayOptions;
use harness::world::{Person, World, text};
use serde_json::Value;

use super::{Behind, ann_behind};

/// Ann holds her line through a proxy, and somebody watches it.
struct Held {
    world: World,
    _behind: Behind,
    watch: Running,
    _agent: Running,
}

impl Held {
    async fn through(options: &RelayOptions, proxy: SocketAddr) -> Self {
        let (world, behind) = ann_behind(options, "http", false, proxy).await;
        let ann = &world.people[0];
        ann.home.add_settings("[[connect]]\nlive = true");
        let agent = ann.home.resident().await;
        let mut watch = ann.home.start(&["watch", "--all", "--json"]);
        watch.wait_line(event).await;
        Self { world, _behind: behind, watch, _agent: agent }
    }

    /// Bob says something, and Ann's watcher sees it.
    async fn hears(&mut self, words: &str) {
        let bob = &self.world.people[1];
        bob.home.run(&["send", "ann", "-m", words]).await.done();
        bob.sync().await;
        self.watch.wait_line(|line| event(line).filter(|row| row["text"] == words)).await;
    }
}

fn event(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok()
}

async fn received(person: &Person) -> Vec<String> {
    let rows = person.home.json(&["inbox", "--limit", "100000"]).await;
    rows.iter().filter(|row| row["kind"] == "message").map(|row| text(row, "text")).collect()
}

#[tokio::test]
async fn a_line_held_through_squid_and_tinyproxy_brings_messages_as_they_are_sent() {
    let squid = RealProxy::squid(ProxyLogin::None).await;
    let tinyproxy = RealProxy::tinyproxy(ProxyLogin::None).await;
    for proxy in [squid.addr(), tinyproxy.addr()] {
        for options in [RelayOptions::default(), RelayOptions::tls()] {
            let mut held = Held::through(&options, proxy).await;
            held.hears("one").await;
            held.hears("two").await;
            assert_eq!(received(&held.world.people[0]).await, ["one", "two"]);
        }
    }
}

#[tokio::test]
async fn behind_a_proxy_that_buffers_a_held_line_becomes_a_long_poll() {
    let proxy = OwnProxy::start(Manners::Buffers).await;
    let mut held = Held::through(&RelayOptions::default(), proxy.addr()).await;
    held.hears("one").await;
    assert_eq!(received(&held.world.people[0]).await, ["one"]);
}
