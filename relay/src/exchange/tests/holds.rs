//! Requests that are held: woken by what comes, ended by what must end them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use wire::{Frame, LaneMask, PresenceState};

use super::{
    World,
    phone::{Phone, Reply, body, collect},
};
use crate::{
    exchange::{Answer, Packets},
    store::AccountOrder,
};

/// Longer than anything here takes: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

async fn next(packets: &mut Packets) -> Option<Bytes> {
    tokio::time::timeout(PATIENCE, packets.next()).await.expect("the hold said nothing")
}

async fn rest(packets: &mut Packets) -> Vec<Bytes> {
    tokio::time::timeout(PATIENCE, collect(packets)).await.expect("the hold did not end")
}

/// Reads a hold's packets.
fn read(packets: &[Bytes]) -> Reply {
    Reply::of(packets.concat())
}

async fn ready(world: &World) -> (Phone, Phone) {
    let (mut ann, mut bob) = world.pair().await;
    ann.sync(world, vec![]).await.done();
    bob.sync(world, vec![]).await.done();
    (ann, bob)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_greets_at_once_delivers_and_ends_on_time() {
    let world = World::new();
    let (mut ann, mut bob) = ready(&world).await;
    let begun = Instant::now();
    let mut hold = bob.hold(&world, 1).await;
    let mut all = vec![next(&mut hold).await.unwrap()];
    assert!(matches!(&read(&all).packets[0][..], [Frame::Welcome(_)]));
    ann.sync(&world, vec![ann.text("as it happens")]).await.done();
    all.push(next(&mut hold).await.unwrap());
    let reply = read(&all);
    assert_eq!(reply.mail().len(), 1);
    bob.store(&reply);
    all.extend(rest(&mut hold).await);
    assert!(read(&all).is_done());
    assert!(Duration::from_secs(1) <= begun.elapsed());
    bob.sync(&world, vec![]).await.done();
    assert_eq!(bob.texts(), ["as it happens"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_25_a_commit_at_any_moment_wakes_a_hold() {
    let world = World::with(|settings| settings.limits.submits_per_minute = 1_000_000);
    let (mut ann, mut bob) = ready(&world).await;
    for round in 0..30 {
        // While the hold registers, reads, or sleeps: all three happen in some round.
        let words = format!("{round}");
        let item = ann.text(&words);
        let (hold, sent) = tokio::join!(bob.hold(&world, 300), async {
            for _ in 0..round % 7 {
                tokio::task::yield_now().await;
            }
            ann.sync(&world, vec![item]).await
        });
        sent.done();
        let mut hold = hold;
        let mut all = Vec::new();
        while read(&all).mail().is_empty() {
            all.push(next(&mut hold).await.expect("the hold ended"));
        }
        bob.store(&read(&all));
        assert_eq!(bob.texts().last(), Some(&words));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_25_a_hold_looks_at_most_once_in_a_tenth_of_a_second() {
    let world = World::with(|settings| settings.limits.submits_per_minute = 1_000_000);
    let (mut ann, mut bob) = ready(&world).await;
    let begun = Instant::now();
    let mut hold = bob.hold(&world, 300).await;
    let mut all = vec![next(&mut hold).await.unwrap()];
    let receiver = tokio::spawn(async move {
        while read(&all).mail().len() < 60 {
            all.push(next(&mut hold).await.expect("the hold ended"));
        }
        all
    });
    for at in 0..60 {
        ann.sync(&world, vec![ann.text(&format!("{at}"))]).await.done();
    }
    let all = receiver.await.unwrap();
    let looks = world.metrics.wakeups.get();
    let most = begun.elapsed().as_millis() / 100 + 1;
    assert!(u128::from(looks) <= most, "{looks} looks, at most {most}");
    assert!(all.len() as u64 <= looks + 1, "{} packets of {looks} looks", all.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_that_wants_mail_ends_the_hold_and_others_leave_it() {
    let world = World::new();
    let (mut ann, mut bob) = ready(&world).await;
    let mut hold = bob.hold(&world, 300).await;
    let mut all = vec![next(&mut hold).await.unwrap()];
    let mut beside = bob.clone();
    beside.hello.lanes = LaneMask::NONE;
    let reply = beside.sync(&world, vec![beside.text("sent beside the hold")]).await;
    reply.done();
    assert!(reply.held().is_empty() && reply.mail().is_empty());
    // A repetition of the hold's own request ends nothing either.
    bob.send(&world, &bob.request(1)).await.unwrap();
    ann.sync(&world, vec![ann.text("into the hold")]).await.done();
    while read(&all).mail().is_empty() {
        all.push(next(&mut hold).await.expect("the hold ended"));
    }
    let (x, told) = (beside.hello.x, beside.hello.told);
    bob.store(&read(&all));
    (bob.hello.x, bob.hello.told) = (x, told);
    bob.sync(&world, vec![]).await.done();
    all.extend(rest(&mut hold).await);
    assert!(read(&all).is_done());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_ends_when_its_device_is_revoked() {
    let world = World::new();
    let (_ann, mut bob) = ready(&world).await;
    let mut hold = bob.hold(&world, 300).await;
    let mut all = vec![next(&mut hold).await.unwrap()];
    let (account, device) = (bob.login.account, bob.login.device);
    let now_s = super::START_S;
    world.store.administer(AccountOrder::Revoke { account, device, now_s }).await.unwrap();
    all.extend(rest(&mut hold).await);
    assert!(read(&all).is_done());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_ends_with_done_when_its_connection_has_to() {
    let world = World::new();
    let (_ann, mut bob) = ready(&world).await;
    bob.hello.x += 1;
    bob.hello.hold_s = 300;
    let closing = CancellationToken::new();
    let mut visit = world.exchange.begin(bob.login, closing.clone(), None);
    let request = body(bob.codec, &[vec![Frame::Hello(bob.hello.clone()), Frame::End]]);
    visit.feed(&request).await.unwrap();
    let Answer::Streamed(mut hold) = visit.finish(true).await.unwrap() else { panic!("no hold") };
    let mut all = vec![next(&mut hold).await.unwrap()];
    assert_eq!(world.metrics.holds.get(), 1);
    closing.cancel();
    all.extend(rest(&mut hold).await);
    assert!(read(&all).is_done());
    drop(hold);
    assert_eq!(world.metrics.holds.get(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_29_a_hold_with_nothing_new_commits_nothing() {
    let world = World::new();
    let (_ann, mut bob) = ready(&world).await;
    let all = world.quietly(async {
        let mut hold = bob.hold(&world, 1).await;
        rest(&mut hold).await
    });
    let reply = read(&all.await);
    let frames: Vec<_> = reply.frames().collect();
    assert!(matches!(frames[..], [Frame::Welcome(_), Frame::Done]), "{frames:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_is_reachable_for_contacts_and_for_nobody_else() {
    let world = World::new();
    let (mut ann, mut bob) = ready(&world).await;
    let mut eve = world.person("eve").await;
    eve.sync(&world, vec![super::phone::request(&["bob"])]).await.founded();
    bob.sync(&world, vec![]).await.done();
    let mut watching = ann.hold(&world, 300).await;
    let mut all = vec![next(&mut watching).await.unwrap()];
    bob.hello.state = PresenceState::Reachable;
    bob.hello.next_call_s = 600;
    let held = bob.hold(&world, 300).await;
    while read(&all).presence().is_empty() {
        all.push(next(&mut watching).await.expect("the hold ended"));
    }
    let [row] = read(&all).presence()[..] else { panic!("one row") };
    assert_eq!((row.account, row.state), (bob.login.account, PresenceState::Reachable));
    assert!((590..=600).contains(&row.next_call_s) && row.seen_ago_s == 1, "{row:?}");
    ann.store(&read(&all));
    // Known: not told again.
    assert!(ann.sync(&world, vec![]).await.presence().is_empty());
    assert!(eve.sync(&world, vec![]).await.presence().is_empty(), "a stranger sees it");
    let block = wire::Item::Block { account: "ann".into(), on: true };
    let mut blocking = bob.clone();
    blocking.hello.lanes = LaneMask::NONE;
    let item = super::phone::item(wire::ConversationRef::None, &block);
    blocking.sync(&world, vec![item]).await.done();
    ann.hello.presence_version = 0;
    assert!(ann.sync(&world, vec![]).await.presence().is_empty(), "the blocked see it");
    drop(held);
}
