//! A visit through a proxy, cut between agent and proxy at many bytes, then made whole by the next.

use harness::inside::InsideAgent;
use harness::link::{CutPlan, Direction, Link};
use harness::proxy::{PASSWORD, ProxyLogin, RealProxy, USER};
use harness::world::World;

/// Bytes between cuts.
const STEP: u64 = 23;

/// Cuts visits in both directions at every [`STEP`]th byte up to what a whole one takes; a message goes each way in every visit.
async fn cut_everywhere(world: &World, proxy: &RealProxy, scheme: &str, login: &str) {
    let [ann, bob] = &world.people[..] else { unreachable!() };
    let near = Link::start(proxy.addr());
    let through = format!("{scheme}://{login}{}", near.addr());
    let (ann_in, bob_in) = (InsideAgent::open(&ann.home), InsideAgent::open(&bob.home));
    let mut sent = Vec::new();
    for direction in Direction::BOTH {
        for at in (0..1200).step_by(STEP as usize) {
            let text = format!("{direction:?} {at}");
            ann_in.send("bob", &text);
            bob_in.send("ann", &text);
            bob_in.visit(bob.link.addr()).await.unwrap();
            near.plan([CutPlan::at(direction, at)]);
            // It may succeed all the same, where the cut falls behind the last byte.
            let _ = ann_in.visit_through(ann.link.addr(), &through).await;
            near.clear_plans();
            ann_in.visit_through(ann.link.addr(), &through).await.unwrap();
            bob_in.visit(bob.link.addr()).await.unwrap();
            sent.push(text);
        }
    }
    assert_eq!(ann_in.received(), sent, "what Ann has");
    assert_eq!(bob_in.received(), sent, "what Bob has");
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_behind_squid_with_digests() {
    let squid = RealProxy::squid(ProxyLogin::Digest).await;
    let world = World::of_two().await;
    cut_everywhere(&world, &squid, "http", &format!("{USER}:{PASSWORD}@")).await;
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_behind_tinyproxy() {
    let tinyproxy = RealProxy::tinyproxy(ProxyLogin::None).await;
    let world = World::of_two().await;
    cut_everywhere(&world, &tinyproxy, "http", "").await;
}
