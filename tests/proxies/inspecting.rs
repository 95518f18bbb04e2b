//! A proxy that looks into TLS, and one that only the environment names.

use std::path::Path;

use harness::agent::AgentHome;
use harness::program::{self, Output, Running};
use harness::proxy::InspectingProxy;
use harness::relay::{RelayOptions, password_of};
use harness::world::World;

use super::{Behind, talks};

fn trust(home: &AgentHome, ca: &Path) {
    home.add_settings(&format!("extra_ca = {:?}", ca.to_str().unwrap()));
}

#[tokio::test]
async fn a_proxy_that_looks_into_tls_needs_its_authority_named_and_the_words_say_so() {
    let mut world = World::empty(&RelayOptions::tls()).await;
    for name in ["ann", "bob"] {
        world.relay.account(name).await;
    }
    let (ann, relay_ca) = (world.stranger("ann"), world.ca().unwrap());
    let proxy = InspectingProxy::start(&["127.0.0.1"], ann.link.addr(), relay_ca).await;
    let behind = Behind::set(&ann, "http", false, proxy.addr());
    let url = world.url(&ann.link);
    let refused = ann.home.login(&url, "ann", world.ca()).await;
    let words = &refused.stderr;
    assert_ne!(refused.code, Some(0), "{refused:?}");
    assert!(words.contains("signed by nobody this computer trusts"), "{words}");
    assert!(words.contains("extra_ca in [proxy]"), "{words}");

    trust(&ann.home, proxy.ca());
    ann.home.login(&url, "ann", world.ca()).await.done();
    let bob = world.device("bob").await;
    world.people.extend([ann, bob]);
    world.acquaint().await;
    talks(&world, &behind).await;
}

/// With the proxy in the environment.
async fn run(home: &AgentHome, args: &[&str], proxy: &InspectingProxy, no_proxy: &str) -> Output {
    let mut command = home.command(args);
    command.env("HTTPS_PROXY", format!("http://{}", proxy.addr())).env("NO_PROXY", no_proxy);
    program::run(command, password_of("ann").as_bytes()).await
}

#[cfg(target_os = "linux")] // where 0.0.0.0 leads to this computer, and is no loopback address
#[tokio::test]
async fn an_agent_goes_through_the_proxy_that_its_environment_names_and_past_it_where_that_says_so()
{
    let world = World::empty(&RelayOptions::tls()).await;
    world.relay.account("ann").await;
    let ann = world.stranger("ann");
    let ca = world.ca().unwrap();
    let proxy = InspectingProxy::start(&["0.0.0.0"], ann.link.addr(), ca).await;
    ann.home.add_settings("[proxy]");
    trust(&ann.home, proxy.ca());
    let target = format!("0.0.0.0:{}", ann.link.addr().port());
    let (url, ca) = (format!("https://{target}"), ca.to_str().unwrap());
    let login = ["login", &url, "ann", "--password-stdin", "--ca", ca];
    run(&ann.home, &login, &proxy, "").await.done();
    let at_login = proxy.asked().len();
    assert!(0 < at_login, "nobody asked the proxy");

    let mut command = ann.home.command(&["agent"]);
    command.env("HTTPS_PROXY", format!("http://{}", proxy.addr())).env("NO_PROXY", "192.0.2.0/24");
    let mut agent = Running::start(command);
    agent.wait_line(|line| (line == "ready").then_some(())).await;
    // Whoever asks the agent has no proxy in the environment; the agent has.
    ann.sync().await;
    let by_agent = proxy.asked().len();
    assert!(at_login < by_agent, "the agent went past the proxy");
    assert!(proxy.asked().iter().all(|asked| *asked == target), "{:?}", proxy.asked());
    agent.terminate().await;

    // Past the proxy the relay shows its own certificate, which is for other names.
    let past = run(&ann.home, &["sync", "--json"], &proxy, "0.0.0.0").await;
    let words = past.one()["words"].as_str().unwrap().to_owned();
    assert!(words.contains("its certificate is for another name"), "{words}");
    assert_eq!(proxy.asked().len(), by_agent, "the proxy was asked");
}
