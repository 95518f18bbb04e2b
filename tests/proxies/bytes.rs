//! What a proxy adds to a visit: exactly the difference between what passed before it and behind it.

use std::time::Duration;

use harness::link::{Counters, Pace};
use harness::proxy::{ProxyLogin, RealProxy};
use harness::relay::RelayOptions;
use harness::world::World;

use super::{Behind, ann_behind};

/// Long enough for what talks at once not to look like an answer.
const ONE_WAY: Duration = Duration::from_millis(40);

/// One visit with nothing new by a resident agent: before the proxy, behind it.
async fn idle_visit(world: &World, behind: &Behind) -> (Counters, Counters) {
    let ann = &world.people[0];
    let _agent = ann.home.resident().await;
    // Every other visit goes early, this one's next as well.
    for _ in 0..3 {
        ann.sync().await;
    }
    behind.near.set_pace(Pace { delay: ONE_WAY, ..Pace::INSTANT });
    for link in [&behind.near, &ann.link] {
        link.wait_idle().await;
        link.reset_counters();
    }
    let visit = ann.sync().await;
    for link in [&behind.near, &ann.link] {
        link.wait_idle().await;
    }
    let (before, after) = (behind.near.counters(), ann.link.counters());
    assert_eq!(visit["bytes_up"], before.up, "the agent counts what it says to the proxy");
    assert_eq!(visit["bytes_down"], before.down);
    (before, after)
}

#[tokio::test]
async fn a_tunnel_costs_one_round_trip_and_no_field_but_host_and_login() {
    for (login, up_max) in
        [(ProxyLogin::None, 80), (ProxyLogin::Basic, 140), (ProxyLogin::Digest, 400)]
    {
        let squid = RealProxy::squid(login).await;
        let with_login = login != ProxyLogin::None;
        let (world, behind) =
            ann_behind(&RelayOptions::tls(), "http", with_login, squid.addr()).await;
        let (before, after) = idle_visit(&world, &behind).await;
        let (up, down) = (before.up - after.up, before.down - after.down);
        eprintln!("CONNECT, {login:?}: {up} up, {down} down, {} round trips", before.round_trips);
        assert!(up <= up_max && down <= 40, "{login:?}: {up} up, {down} down");
        assert_eq!(before.round_trips, 3, "TCP, CONNECT, TLS and the exchange");
    }
}

#[tokio::test]
async fn absolute_form_costs_no_round_trip() {
    let tinyproxy = RealProxy::tinyproxy(ProxyLogin::None).await;
    let (world, behind) =
        ann_behind(&RelayOptions::default(), "http", false, tinyproxy.addr()).await;
    behind.near.record(true);
    let (before, _) = idle_visit(&world, &behind).await;
    let recorded = behind.near.recorded();
    let last = recorded.last().unwrap();
    let head = &last.up[..harness::link::head_len(&last.up).unwrap()];
    let head = String::from_utf8_lossy(head);
    eprintln!("absolute form: {before:?}\n{head}");
    assert_eq!(head.lines().filter(|line| line.contains(": ")).count(), 3, "{head}");
    assert!(head.starts_with("POST http://127.0.0.1:"), "{head}");
    assert_eq!(before.round_trips, 2, "TCP and the exchange");
}
