//! A held line behind proxies: good ones, one that buffers, one that kills what is idle.

use std::net::SocketAddr;
use std::time::Duration;

use harness::link::Direction;
use harness::program::Running;
use harness::proxy::{Manners, OwnProxy, ProxyLogin, RealProxy};
use harness::relay::RelayOptions;
use harness::world::{Person, World, text};
use serde_json::Value;

use super::{Behind, ann_behind};

/// What the idle killer allows: holds are whole seconds.
const IDLE_MAX: Duration = Duration::from_secs(2);

/// No hold is as short.
const TOO_SOON: Duration = Duration::from_millis(700);

/// A visit and four holds, of which the last may still be under way: without shorter holds there are two requests.
const REQUESTS: usize = 5;

/// Ann holds her line through a proxy, and somebody watches it.
struct Held {
    world: World,
    behind: Behind,
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
        Self { world, behind, watch, _agent: agent }
    }

    /// Requests on the connection that had most of them.
    fn requests_on_one(&self) -> usize {
        self.behind.near.recorded().iter().map(|one| posts(&one.up)).max().unwrap_or(0)
    }

    /// Bob says something, and Ann's watcher sees it.
    async fn hears(&mut self, words: &str) {
        let bob = &self.world.people[1];
        bob.home.run(&["send", "ann", "-m", words]).await.done();
        bob.sync().await;
        self.watch.wait_line(|line| event(line).filter(|row| row["text"] == words)).await;
    }
}

fn posts(up: &[u8]) -> usize {
    up.windows(10).filter(|at| at == b"POST /v1/s").count()
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

#[tokio::test]
async fn behind_a_proxy_that_kills_idle_lines_holds_become_shorter_and_nothing_is_lost() {
    let proxy = OwnProxy::start(Manners::KillsIdle(IDLE_MAX)).await;
    let mut held = Held::through(&RelayOptions::default(), proxy.addr()).await;
    held.behind.near.record(true);
    held.hears("before").await;
    proxy.wait_killed(1).await;
    held.hears("between").await;
    // One connection then lives through several holds, longer together than the proxy lets it be quiet.
    while held.requests_on_one() < REQUESTS {
        let up = held.behind.near.counters().up;
        held.behind.near.wait_bytes(Direction::Up, up + 1).await;
    }
    let recorded = held.behind.near.recorded();
    let last = recorded.iter().max_by_key(|one| posts(&one.up)).unwrap();
    let (up, down, requests) = (last.up.len(), last.down.len(), posts(&last.up));
    eprintln!("{requests} requests on one connection: {up} bytes up, {down} down");
    held.hears("after").await;
    assert_eq!(received(&held.world.people[0]).await, ["before", "between", "after"]);
}

#[tokio::test]
async fn a_proxy_that_kills_idle_lines_sooner_than_any_hold_ends_is_told_of_and_not_hammered() {
    let world = World::of_two().await;
    let [ann, bob] = [&world.people[0], &world.people[1]];
    let proxy = OwnProxy::start(Manners::KillsIdle(TOO_SOON)).await;
    let behind = Behind::set(ann, "http", false, proxy.addr());
    ann.home.add_settings("[[connect]]\nname = \"line\"\nlive = true");
    let mut agent = ann.home.resident().await;
    agent.wait_line(|line| line.contains("did not come about").then_some(())).await;
    let dialled = behind.near.accepted();
    let trouble = ann.home.one(&["status"]).await["trouble"].to_string();
    for part in ["\"line", "the proxy http://", "cuts a line"] {
        assert!(trouble.contains(part), "{trouble}");
    }
    assert_eq!(behind.near.accepted(), dialled, "it waits");
    // What cannot be held can be called.
    bob.home.run(&["send", "ann", "-m", "one"]).await.done();
    bob.sync().await;
    ann.sync().await;
    assert_eq!(received(ann).await, ["one"]);
}
