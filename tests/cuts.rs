//! One exchange with 200 messages each way, cut at every packet edge, one byte before and one byte behind it, and at
//! 500 random bytes, in both directions. Each cut starts from the same moment: copies of a relay and of two people.

use std::sync::Arc;

use harness::agent::AgentHome;
use harness::inside::{InsideAgent, InsideRelay};
use harness::link::{CutPlan, Direction, Link, Manner};
use harness::rng::Rng;
use harness::wiretap::{self, Body, Exchange};
use harness::world::World;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use wire::{Frame, limits::PACKET_TARGET};

use crate::talk::words;

/// Messages each way.
const MESSAGES: usize = 200;
/// Bytes at which the exchange is cut at random.
const RANDOM_CUTS: usize = 500;
/// Cuts under way at a time: enough for two cores while some wait for a disk.
const AT_ONCE: usize = 4;

/// The moment before the exchange: 200 of Bob's messages wait at the relay, 200 of Ann's on her disk.
struct Moment {
    relay: AgentHome,
    ann: AgentHome,
    bob: AgentHome,
}

impl Moment {
    async fn new() -> Self {
        let mut world = World::of_two().await;
        compose(&world);
        world.people[1].sync().await;
        assert!(world.relay.terminate().await.success());
        let [ann, bob] = [0, 1].map(|who| world.people[who].home.copied().unwrap());
        let relay = AgentHome::at(&world.relay.data()).copied().unwrap();
        Self { relay, ann, bob }
    }

    /// Plays the moment on: Ann calls, is cut as planned, and calls again at once, whether or not the relay has worked
    /// off what had reached it; then Bob calls.
    async fn play(&self, plan: Option<CutPlan>) -> Played {
        let [relay, ann, bob] =
            [&self.relay, &self.ann, &self.bob].map(|files| files.copied().unwrap());
        let running = InsideRelay::start(relay.dir()).await;
        let link = Link::start(running.addr());
        link.record(true);
        link.plan(plan);
        let near = InsideAgent::open(&ann);
        if plan.is_some() {
            // The attempt may succeed all the same, where the cut falls behind the last byte.
            let _ = near.visit(link.addr()).await;
            // A request has reached the relay once that has read its first packet; all else of it may still lie in the
            // system's buffers.
            let passed = wiretap::exchanges(&link.recorded());
            if passed.first().is_some_and(|exchange| !exchange.up.packets.is_empty()) {
                running.wait_begun().await;
            }
        }
        near.visit(link.addr()).await.unwrap();
        link.wait_idle().await;
        let exchanges = wiretap::exchanges(&link.recorded());
        let far = InsideAgent::open(&bob);
        far.visit(running.addr()).await.unwrap();
        let played = Played { exchanges, ann_has: near.received(), bob_has: far.received() };
        running.shutdown().await;
        played
    }
}

/// 200 messages each way, on both disks.
fn compose(world: &World) {
    for (from, to) in [(0, 1), (1, 0)] {
        let [from, to] = [&world.people[from], &world.people[to]];
        let agent = InsideAgent::open(&from.home);
        for n in 0..MESSAGES {
            agent.send(&to.name, &words(&from.name, n));
        }
    }
}

/// What became of it.
struct Played {
    exchanges: Vec<Exchange>,
    ann_has: Vec<String>,
    bob_has: Vec<String>,
}

impl Played {
    fn assert_all_once(&self, case: &str) {
        for (has, author) in [(&self.ann_has, "bob"), (&self.bob_has, "ann")] {
            let expected: Vec<String> = (0..MESSAGES).map(|n| words(author, n)).collect();
            assert!(
                *has == expected,
                "{case}: not every message of {author} once and in order: {has:#?}"
            );
        }
    }

    /// Of the bytes that reached the other side, at most one packet's went again, in each direction.
    fn assert_little_again(&self, case: &str) {
        for direction in Direction::BOTH {
            let again = bytes_again(&self.exchanges, direction);
            assert!(
                again <= PACKET_TARGET,
                "{case}: {again} bytes went {direction:?} again, a packet has {PACKET_TARGET} at most"
            );
        }
    }
}

fn body(exchange: &Exchange, direction: Direction) -> &Body {
    match direction {
        Direction::Up => &exchange.up,
        Direction::Down => &exchange.down,
    }
}

/// Messages in a packet: own numbers up, positions in the mailbox down.
fn messages(packet: &wire::Packet) -> Vec<u64> {
    let of_frame = |frame: &Frame| match frame {
        Frame::Submits(submits) => {
            (0..submits.items.len() as u64).map(|n| submits.first + n).collect()
        }
        Frame::Deliveries(deliveries) => {
            deliveries.entries.iter().map(|entry| entry.position).collect()
        }
        _ => Vec::new(),
    };
    packet.frames.iter().flat_map(of_frame).collect()
}

/// Bytes of packets with messages that passed in an exchange although they had passed whole in an earlier one, and
/// bytes of packets that passed in part.
fn bytes_again(exchanges: &[Exchange], direction: Direction) -> usize {
    let mut seen = std::collections::BTreeSet::new();
    let mut again = 0;
    for (at, exchange) in exchanges.iter().enumerate() {
        let body = body(exchange, direction);
        for packet in &body.packets {
            let here = messages(packet);
            if here.iter().any(|message| seen.contains(message)) {
                again += packet.wire_len;
            }
            seen.extend(here);
        }
        if at + 1 < exchanges.len() {
            again += body.torn_len;
        }
    }
    again
}

async fn play_all(moment: Moment, plans: Vec<CutPlan>) {
    let (moment, turns) = (Arc::new(moment), Arc::new(Semaphore::new(AT_ONCE)));
    let mut playing = JoinSet::new();
    for plan in plans {
        let (moment, turns) = (Arc::clone(&moment), Arc::clone(&turns));
        playing.spawn(async move {
            let _turn = turns.acquire_owned().await.unwrap();
            let (case, played) = (format!("{plan:?}"), moment.play(Some(plan)).await);
            played.assert_all_once(&case);
            played.assert_little_again(&case);
        });
    }
    while let Some(played) = playing.join_next().await {
        played.unwrap();
    }
}

/// The one exchange of the moment when nothing is cut.
async fn whole(moment: &Moment) -> Exchange {
    let mut played = moment.play(None).await;
    played.assert_all_once("uncut");
    assert_eq!(played.exchanges.len(), 1, "one request carries everything");
    played.exchanges.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_messages_each_way_survive_a_cut_at_every_packet_edge_and_beside_it() {
    let moment = Moment::new().await;
    let whole = whole(&moment).await;
    let mut plans = Vec::new();
    for direction in Direction::BOTH {
        let body = body(&whole, direction);
        assert!(
            body.packets.len() >= 3,
            "{} packets {direction:?} have few edges",
            body.packets.len()
        );
        let first = body.at + body.head_len as u64;
        for edge in [body.at, first, first + wire::PREAMBLE_LEN as u64].iter().chain(&body.edges) {
            for offset in [edge.saturating_sub(1), *edge, edge + 1] {
                for manner in [Manner::Close, Manner::Reset] {
                    plans.push(CutPlan::at(direction, offset).by(manner));
                }
            }
        }
    }
    eprintln!(
        "{} cuts at edges of {} + {} packets",
        plans.len(),
        whole.up.packets.len(),
        whole.down.packets.len()
    );
    play_all(moment, plans).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_messages_each_way_survive_a_cut_at_500_random_bytes() {
    let moment = Moment::new().await;
    let whole = whole(&moment).await;
    let len = |body: &Body| (body.head_len + body.len) as u64;
    let mut rng = Rng::logged("random cuts", 7);
    let plans =
        (0..RANDOM_CUTS).map(|_| CutPlan::random(&mut rng, len(&whole.up), len(&whole.down)));
    let plans = plans.collect();
    play_all(moment, plans).await;
}
