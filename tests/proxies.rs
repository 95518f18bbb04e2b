//! Through proxies: real ones and such as behave badly, with logins and without, cut and refused.

mod bytes;
mod cuts;
mod held;
mod inspecting;
mod real;
mod refusals;
mod socks;

use std::net::SocketAddr;

use harness::link::Link;
use harness::proxy::{PASSWORD, USER};
use harness::relay::RelayOptions;
use harness::world::{Person, World};

/// A person behind a proxy: `near` counts between agent and proxy, the person's own link between proxy and relay.
struct Behind {
    near: Link,
}

impl Behind {
    /// Puts a proxy before everything that the person does from now on.
    fn set(person: &Person, scheme: &str, with_login: bool, proxy: SocketAddr) -> Self {
        let near = Link::start(proxy);
        let login = if with_login { format!("{USER}:{PASSWORD}@") } else { String::new() };
        let url = format!("{scheme}://{login}{}", near.addr());
        person.home.add_settings(&format!("[proxy]\nurl = \"{url}\""));
        Self { near }
    }
}

/// Ann behind a proxy from before she logs in, and Bob without one, who know each other.
async fn ann_behind(
    options: &RelayOptions,
    scheme: &str,
    with_login: bool,
    proxy: SocketAddr,
) -> (World, Behind) {
    let mut world = World::empty(options).await;
    for name in ["ann", "bob"] {
        world.relay.account(name).await;
    }
    let ann = world.stranger("ann");
    let behind = Behind::set(&ann, scheme, with_login, proxy);
    ann.home.login(&world.url(&ann.link), "ann", world.ca()).await.done();
    let bob = world.device("bob").await;
    world.people.extend([ann, bob]);
    world.acquaint().await;
    (world, behind)
}

/// Something goes each way and arrives once, and all of Ann's went through her proxy.
async fn talks(world: &World, behind: &Behind) {
    crate::talk::compose(world, 0..3).await;
    crate::talk::settle(world).await;
    crate::talk::assert_all_once(world, 3).await;
    let ann = &world.people[0];
    assert!(0 < behind.near.accepted(), "nobody asked the proxy");
    assert!(ann.link.accepted() <= behind.near.accepted(), "something went past the proxy");
}
