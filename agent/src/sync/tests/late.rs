//! Visits whose time is over: they end at the edge of a packet, and the next goes on from there.

use std::time::Duration;

use tokio::time::Instant;
use wire::{Frame, LinkClass, LinkKind};

use super::{bounds::noise, relay::submits, *};

/// A satellite phone.
const BYTES_S: u64 = 300;
/// How long a visit may last.
const MAX_TIME: Duration = Duration::from_secs(20);
/// What one packet takes of this line, with room: three deliveries, or 256 bytes and an item.
const PACKET: Duration = Duration::from_secs(8);

/// Ann's world over a line whose rate is known.
async fn slow_world() -> World {
    let mut world = World::new();
    world.sync().await;
    world.terms.link =
        LinkKind { class: LinkClass::Metered, rate: LinkKind::rate_class(8 * BYTES_S) };
    world.relay.lock().unwrap().requests.clear();
    world
}

/// Visits of [`MAX_TIME`] until everything is done: how many, and what they moved.
async fn visits(world: &mut World) -> (u32, Vec<Progress>) {
    let mut all = Vec::new();
    for calls in 1..50 {
        let began = Instant::now();
        world.terms.until = Some(began + MAX_TIME);
        let mut line = world.line();
        line.bytes_s = Some(BYTES_S);
        let (progress, ended) = world.visit_over(&mut line).await;
        all.push(progress);
        match ended.unwrap() {
            Ended::Done => return (calls, all),
            Ended::Partial(bound) => assert_eq!(bound, Bound::Time),
            Ended::Stopped(stop) => panic!("{stop:?}"),
        }
        let took = began.elapsed();
        assert!((MAX_TIME..MAX_TIME + PACKET).contains(&took), "{took:?}");
    }
    panic!("it never came to its end");
}

#[tokio::test(start_paused = true)]
async fn what_is_fetched_ends_in_time_at_the_edge_of_a_packet_and_goes_on_from_there() {
    let mut world = slow_world().await;
    let heard: Vec<_> = (0..60).map(|i| noise(i, 600)).collect();
    heard.iter().for_each(|text| world.bob_says(text));
    let (calls, progress) = visits(&mut world).await;
    assert!(3 < calls, "{calls}");
    assert_eq!(world.read(), heard);
    let received: u64 = progress.iter().map(|progress| progress.received).sum();
    assert_eq!(received, 60, "none came twice");
    // What came of a packet that was not whole would have come for nothing.
    let came: u64 = progress.iter().map(|progress| progress.answer_bytes).sum();
    let at_once = slow_world().await;
    heard.iter().for_each(|text| at_once.bob_says(text));
    let whole = at_once.sync().await.answer_bytes;
    assert!(came < whole + 150 * u64::from(calls), "{came} for {whole}");
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_ends_in_time_and_goes_on_from_there() {
    let mut world = slow_world().await;
    let said: Vec<_> = (0..60).map(|i| noise(i, 600)).collect();
    said.iter().for_each(|text| world.send(text));
    let (calls, progress) = visits(&mut world).await;
    assert!(3 < calls, "{calls}");
    assert_eq!(world.taken(), said);
    let requests = world.relay.lock().unwrap().requests.clone();
    let went: usize = requests.iter().map(|request| submits(request)).sum();
    let sent: u64 = progress.iter().map(|progress| progress.sent).sum();
    assert_eq!((went, sent), (60, 60), "none went twice");
    assert!(requests.iter().all(|request| request.last().unwrap().last() == Some(&Frame::End)));
}

#[tokio::test(start_paused = true)]
async fn a_packet_that_does_not_come_is_not_waited_for_when_the_time_is_over() {
    let mut world = slow_world().await;
    (0..60).for_each(|i| world.bob_says(&noise(i, 600)));
    let began = Instant::now();
    world.terms.until = Some(began + MAX_TIME);
    let mut line = world.line();
    (line.bytes_s, line.stalls_after) = (Some(BYTES_S), Some(3_000));
    let (progress, ended) = world.visit_over(&mut line).await;
    assert!(matches!(&ended, Ok(Ended::Partial(Bound::Time))), "{ended:?}");
    assert_eq!(began.elapsed(), MAX_TIME + Duration::from_secs(10));
    let kept = u64::try_from(world.read().len()).unwrap();
    assert!(0 < kept && kept == progress.received, "{kept}");
    world.terms.until = None;
    let rest = world.sync().await;
    assert_eq!(rest.received, 60 - kept);
}

#[tokio::test(start_paused = true)]
async fn a_visit_that_is_stopped_ends_at_the_edge_of_a_packet_too() {
    let mut world = slow_world().await;
    (0..60).for_each(|i| world.bob_says(&noise(i, 600)));
    let stop = world.terms.stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(MAX_TIME).await;
        stop.cancel();
    });
    let mut line = world.line();
    line.bytes_s = Some(BYTES_S);
    let began = Instant::now();
    let (progress, ended) = world.visit_over(&mut line).await;
    assert!(matches!(&ended, Ok(Ended::Partial(Bound::Stopped))), "{ended:?}");
    let took = began.elapsed();
    assert!((MAX_TIME..MAX_TIME + PACKET).contains(&took), "{took:?}");
    world.terms = Terms { stop: tokio_util::sync::CancellationToken::new(), ..world.terms.clone() };
    assert_eq!(world.sync().await.received, 60 - progress.received);
}
