//! Both sides killed with SIGKILL at random moments of their exchanges: everything arrives once, in order.
//!
//! The moments are seeded byte counts of the link; what falls into one byte's time is up to the machine.

use harness::link::Direction;
use harness::rng::Rng;
use harness::world::{Person, World};
use tokio::process::Child;

use crate::talk::{assert_all_once, compose, settle};

/// Moments at which each side is killed.
const KILLS: usize = 200;
/// Messages each way.
const MESSAGES: usize = 200;
/// A visit passes about so many bytes in each direction; a moment beyond its end is no moment.
const VISIT_LEN: u64 = 700;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_killed_at_200_moments_lose_and_double_nothing() {
    let world = World::of_two().await;
    let mut rng = Rng::logged("kills of agents", 41);
    let mut kills = 0;
    let mut written = 0;
    while kills < KILLS || written < MESSAGES {
        written = write_another(&world, written).await;
        let person = &world.people[rng.below(2) as usize];
        let mut visit = start_visit(person);
        if reach_moment(person, &mut rng, &mut visit).await {
            visit.kill().await.unwrap();
            kills += 1;
        }
    }
    settle(&world).await;
    assert_all_once(&world, written).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_killed_at_200_moments_loses_and_doubles_nothing() {
    let mut world = World::of_two().await;
    let mut rng = Rng::logged("kills of the relay", 42);
    let mut kills = 0;
    let mut written = 0;
    while kills < KILLS || written < MESSAGES {
        written = write_another(&world, written).await;
        let person = &world.people[rng.below(2) as usize];
        let mut visit = start_visit(person);
        if reach_moment(person, &mut rng, &mut visit).await {
            world.relay.kill().await;
            visit.kill().await.unwrap();
            world.restart_relay().await;
            kills += 1;
        }
    }
    settle(&world).await;
    assert_all_once(&world, written).await;
}

/// One more message each way, while there are any; durable, not sent.
async fn write_another(world: &World, written: usize) -> usize {
    if written == MESSAGES {
        return written;
    }
    compose(world, written..written + 1).await;
    written + 1
}

fn start_visit(person: &Person) -> Child {
    let mut command = person.home.command(&["sync"]);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command.spawn().unwrap()
}

/// Waits for a random byte of the visit; false if it was over before.
async fn reach_moment(person: &Person, rng: &mut Rng, visit: &mut Child) -> bool {
    let direction = *rng.pick(&Direction::BOTH);
    let passed = match direction {
        Direction::Up => person.link.counters().up,
        Direction::Down => person.link.counters().down,
    };
    let moment = passed + rng.below(VISIT_LEN);
    tokio::select! {
        biased;
        () = person.link.wait_bytes(direction, moment) => true,
        ended = visit.wait() => { ended.unwrap(); false }
    }
}
